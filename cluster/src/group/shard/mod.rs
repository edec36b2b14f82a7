//! One shard: the coordinator of one partition of `__consumer_offsets`, between its queue and its log.
//!
//! In Kafka: `CoordinatorRuntime.CoordinatorContext` of the module `coordinator-common`.
//! Read:     `context.rs` (states and events), `write.rs` (records into batches, batches into the log), `batch.rs`,
//!           `timeline.rs` (what is written, what is committed), `deferred.rs` (who waits for that), `loader.rs`.

mod batch;
mod context;
mod deferred;
mod event;
mod loader;
#[cfg(test)]
mod tests;
mod timeline;
mod write;

pub use context::{Shard, ShardState};
pub use event::{PartitionWriter, ShardEffect, ShardEvent, ShardStep};
pub use loader::{LoadFault, LoadStats, Loading};
