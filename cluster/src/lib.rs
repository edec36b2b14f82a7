//! Kafka as state machines: brokers, the KRaft quorum, controllers, partitions and clients.

pub mod broker;
pub mod client;
pub mod config;
pub mod controller;
pub mod error_code;
pub mod group;
pub mod ids;
pub mod image;
pub(crate) mod java;
pub mod net;
pub mod node;
pub mod note;
pub mod partition;
pub mod raft;
pub mod rules;
pub mod storage;
pub mod wire;

pub use trial_log::mark;
