//! The controller: the one node that decides who lives, who leads and who is in sync.
//!
//! In Kafka:   `org.apache.kafka.controller.QuorumController` and its managers.
//! Read first: `machine.rs` (decide and replay), then `partition_change.rs` and `election.rs`, the two pure functions
//!             that matter most. `shell.rs` connects all of it to the quorum; one file for each thing that it decides.

mod activation;
mod alter_configs;
mod alter_partition;
mod broker_lifecycle;
mod create_partitions;
mod create_topics;
pub mod decision;
mod delete_topics;
mod elect_leaders;
pub mod election;
pub mod heartbeat;
mod isr_updates;
pub mod machine;
mod notes;
pub mod partition_change;
pub mod periodic;
pub mod placement;
mod producer_ids;
mod reassign;
pub mod reassignment;
pub mod request;
pub mod settings;
pub mod shell;
pub mod state;
pub(crate) mod topic_names;

pub use machine::{Circumstances, Controller};
pub use request::{ControllerRequest, ControllerResponse};
pub use settings::{ControllerSettings, bootstrap_records};
pub use shell::{ControllerEffect, ControllerStep, QuorumController};
