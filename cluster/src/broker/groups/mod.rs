//! The broker around its group coordinators: shards, their lanes and jobs, and how they hear of the cluster.
//!
//! In Kafka: `CoordinatorRuntime` with `MultiThreadedEventProcessor` and `CoordinatorPartitionWriter`;
//!           `GroupCoordinatorService` for what is asked before any shard is (`../api/groups/`).
//! Read:     `runtime.rs` (which shards there are, one job for one event), `writer.rs` (the log as a shard writes it),
//!           `load.rs` (the log as it is read), `publish.rs` (elections and images), `java.rs` (where a group belongs).

pub(super) mod hash_order;
mod load;
mod publish;
mod runtime;
mod writer;

pub(super) use load::LoadShard;
pub(super) use publish::GroupPublication;
pub(super) use runtime::{GroupCoordinators, Token};
