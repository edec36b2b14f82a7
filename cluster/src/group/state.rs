//! What the log of a shard says: the hard state of a coordinator.
//!
//! In Kafka:   the timeline collections of `GroupMetadataManager` and `OffsetMetadataManager`.
//! Holds:      which groups there are, consumer groups whole, committed offsets. A clone is cheap: the state as it is
//!             committed is kept beside the newest one, as the controller keeps its own. Of a classic group only that
//!             it exists: what it is made of is not on the timeline in Kafka either (`machine.rs`).
//! Invariants: G9 equal logs give equal states.

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::sync::Arc;

use trial_sim::Hasher;

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

impl GroupState {
    /// A number that equal states have, and others hardly ever: of groups which there are, of consumer groups what the
    /// log says of them, and all offsets. What a classic group is made of is not in a state (G9).
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        let mut text = Text(Hasher::new());
        for (id, entry) in &self.groups {
            let said = match entry {
                GroupEntry::Classic(_) => write!(text, "classic {id};"),
                GroupEntry::Consumer(group) => write!(
                    text,
                    "consumer {id} {} {} {} {} {:?} {:?};",
                    group.group_epoch(),
                    group.metadata_hash(),
                    group.assignment_epoch(),
                    group.assignment_timestamp(),
                    group.members(),
                    group.target()
                ),
            };
            said.expect("a hasher takes all");
        }
        write!(text, "{:?}", self.offsets).expect("a hasher takes all");
        let digest = text.0.digest().0.to_le_bytes();
        u64::from_le_bytes(digest[..8].try_into().expect("eight bytes of sixteen"))
    }
}

/// Text that is taken into a hash.
struct Text(Hasher);

impl fmt::Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.bytes(text.as_bytes());
        Ok(())
    }
}
