//! What the log of a shard says: the hard state of a coordinator.
//!
//! In Kafka:   the timeline collections of `GroupMetadataManager` and `OffsetMetadataManager`.
//! Holds:      which groups there are, consumer groups whole, committed offsets. A clone is cheap: the state as it is
//!             committed is kept beside the newest one, as the controller keeps its own. Of a classic group only that
//!             it exists: what it is made of is not on the timeline in Kafka either (`machine.rs`).
//! Invariants: G9 equal logs give equal states.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::classic::ClassicRef;
use super::consumer::ConsumerGroup;
use super::offsets::GroupOffsets;

/// `group.id`.
pub type GroupId = Arc<str>;
/// A member's id.
pub type MemberId = Arc<str>;

/// Of which kind a group is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupEntry {
    /// Of the classic protocol, or a simple one that only has offsets.
    Classic(ClassicRef),
    /// Of the consumer protocol.
    Consumer(Arc<ConsumerGroup>),
}

/// The hard state of a shard.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GroupState {
    pub(super) groups: BTreeMap<GroupId, GroupEntry>,
    /// Groups without offsets are not here.
    pub(super) offsets: BTreeMap<GroupId, Arc<GroupOffsets>>,
}
