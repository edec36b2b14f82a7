//! One partition on one broker: leader or follower, high watermark, in-sync set, truncation, parked requests.
//!
//! Read first `hosted.rs` (what a partition is, and what metadata makes of it), then `high_watermark.rs`
//! (how far records may be exposed), `isr.rs` (who counts), `follower.rs` and `truncation.rs` (how a copy is
//! kept, and cut). `read.rs` answers fetches and offset look-ups, `read_replica.rs` sends consumers to followers,
//! `produce.rs` acknowledges. Everything here is pure: the broker hands in facts of the log, and turns effects into
//! requests, responses and timers.

pub mod effect;
pub mod hosted;
pub mod offsets;

pub mod high_watermark;
pub mod isr;
pub mod leader;
pub mod produce;
pub mod replica;

pub mod follower;
mod follower_marks;
mod follower_questions;
pub mod truncation;

pub mod list_offsets;
pub mod read;
mod read_replica;

pub mod fetch_session;
pub mod purgatory;

pub use effect::{Brokers, Effect, LogEdge, Registration, WallTime};
pub use follower::{FetchedPartition, FollowerAppend};
pub use hosted::{Partition, PartitionMetadata, PartitionSettings};
pub use leader::FollowerFetch;
pub use list_offsets::OffsetQuery;
pub use offsets::Offsets;
pub use purgatory::{Purgatory, Ticket};
pub use read::{FetchPartition, FetchProgress, Isolation, ReadView, Reader};

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;
