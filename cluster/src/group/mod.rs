//! The group coordinator: members, generations, assignments and committed offsets, one shard for each partition of
//! `__consumer_offsets`.
//!
//! In Kafka: the module `group-coordinator`, on `coordinator-common`.
//! Read:     `machine.rs` (what a coordinator holds, and who decides what), `step.rs` (what one event is lent and
//!           answers), `state.rs` (what the log says), `record.rs` (its bytes), `shard/` (what stands between a
//!           coordinator and its log); then the folders.

pub mod assignor;
pub mod classic;
pub mod consumer;
#[cfg(test)]
mod fixture;
#[expect(
    clippy::module_inception,
    reason = "the folder holds the coordinator, the file what a group is"
)]
pub mod group;
mod lookup;
pub mod machine;
pub mod offsets;
mod partition_for;
pub mod record;
pub mod request;
pub mod shard;
pub mod state;
pub mod step;
pub mod timer;

pub use crate::config::group::GroupSettings;
pub use consumer::{ConsumerGroup, ConsumerGroupMember, ConsumerGroupState, ConsumerSoft};
pub use group::{Committer, ExpiryBase, Group, PartitionCheck};
pub use machine::GroupCoordinator;
pub use partition_for::partition_for;
pub use record::{GroupRecord, UnreadableRecord};
pub use request::{Asker, GroupQuestion, GroupRequest, GroupResponse};
pub use state::{GroupEntry, GroupId, GroupState, MemberId};
pub use step::{Decided, Decision, GroupEffect, GroupError, Step, Then, Token};
pub use timer::{TimerKey, Timers};
