//! The KRaft quorum: an elected leader, a replicated log that followers pull.
//!
//! Read first: `vote` (the vote rule), `high_watermark` (what is committed), `quorum` (the states and how a
//! replica moves between them), `client` (what a replica does with each message), `node` (how it runs on a host).
//!
//! In Kafka:   the module `raft`: KIP-595, KIP-853 (kraft.version 1, directory ids; the set of voters is static),
//!             KIP-996 (pre-vote).

pub mod vote;

pub mod election;
pub mod high_watermark;

pub mod quorum;
pub mod state;

pub mod client;
pub mod effect;
pub mod message;

pub mod listener;
pub mod node;
pub mod program;
pub mod progress;

mod network;

pub mod bootstrap;
pub mod store;

pub mod accumulator;
pub mod check_quorum;
pub mod control;
pub mod draws;
pub mod election_state;
pub mod fault;
pub mod log;
pub mod requests;
pub mod settings;
pub mod timer;
pub mod voters;
pub mod wire;
