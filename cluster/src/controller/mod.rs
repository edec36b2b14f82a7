//! The controller: the one node that decides who lives, who leads and who is in sync.
//!
//! In Kafka:   `org.apache.kafka.controller.QuorumController` and its managers.
//! Read first: `partition_change.rs` and `election.rs`, the two pure functions that matter most.

pub mod election;
pub mod heartbeat;
pub mod partition_change;
pub mod placement;
