//! Kafka's own eyes: its tools and its broker read folders that our storage engine wrote.
//!
//! Nothing happens unless `TRIAL_ORACLE` names the command that runs Apache Kafka (`scenarios/oracle/oracle`): see
//! `log/oracle/README.md`. A node is started for one of the tests; `ORACLE_HOME` and `ORACLE_PORT` say where.
#![cfg(feature = "binary")]

#[path = "../support/asking.rs"]
mod asking;
#[path = "../support/mod.rs"]
mod support;

mod assignors;
mod dump;
mod groups;
mod oracle;
mod our_folder;
mod serve;
