//! Trial: a deterministic simulation testbed for Apache Kafka.

pub mod asked;
pub mod check;
pub mod facts;
pub mod failure;
pub mod invariants;
pub mod play;
pub mod probe;
pub mod run;
pub mod scenario;
pub mod sweep;
pub mod tap;
