//! Clients: producer, consumer and admin as machines, and the program that runs one on a host.
//!
//! Read `metadata.rs` and `cluster_client.rs` (what all stand on), then `producer/` and `consumer/`.

pub mod cluster_client;
pub mod consumer;
pub mod metadata;
pub mod producer;
#[cfg(test)]
mod test_cluster;

pub use cluster_client::ClusterClient;
pub use metadata::{LeaderAndEpoch, Metadata, NamedPartition};
