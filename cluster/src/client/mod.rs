//! Clients: producer, consumer and admin as machines, and the program that runs one on a host.
//!
//! Read `metadata.rs` and `cluster_client.rs` (what all stand on), `producer/` and `consumer/`, then `program.rs`.

pub mod admin;
pub mod admin_job;
pub mod cluster_client;
pub mod consumer;
pub mod member;
pub mod metadata;
mod notes;
pub mod order;
pub mod producer;
pub mod program;
mod purger;
#[cfg(test)]
mod test_cluster;
pub mod workload;

pub use admin::NewTopic;
pub use admin_job::{AdminJob, AdminOrder};
pub use cluster_client::ClusterClient;
pub use member::{CommitMode, Consumption};
pub use metadata::{LeaderAndEpoch, Metadata, NamedPartition};
pub use order::{Answer, Heard, Order};
pub use program::{ClientKind, ClientProgram, ClientSpec};
pub use workload::{RecordSource, Workload};
