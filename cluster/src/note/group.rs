//! What a shard of the group coordinator notes: what bytes cannot show.

use std::sync::Arc;

use crate::ids::{LeaderEpoch, Offset};

/// A shard, and what happened to it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct GroupNote {
    /// The number of its partition of `__consumer_offsets`.
    pub partition: i32,
    /// What.
    pub event: GroupEvent,
}

/// See [`GroupNote`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum GroupEvent {
    /// This broker is the coordinator, and begins to read the log.
    Elected {
        /// The leader epoch.
        epoch: LeaderEpoch,
    },
    /// The log is read: requests are served.
    Loaded {
        /// The leader epoch.
        epoch: LeaderEpoch,
        /// How many records there were.
        records: u64,
        /// How far it is written.
        written: Offset,
        /// How far it is committed.
        committed: Offset,
        /// The fingerprint of what was read (`GroupState::fingerprint`).
        state: u64,
    },
    /// The log could not be read: nothing is served until the next election.
    LoadFailed {
        /// The leader epoch.
        epoch: LeaderEpoch,
    },
    /// This broker is the coordinator no longer.
    Unloaded {
        /// The leader epoch that ended.
        epoch: LeaderEpoch,
    },
    /// A batch did not get the offsets that it was thought to get: the shard is loaded again.
    OutOfSync {
        /// Where the log was thought to end.
        expected: Offset,
        /// Where it ends.
        found: Offset,
    },
    /// A group of the classic protocol waits for members to join: none of its offsets expires until it has another
    /// generation.
    Prepares {
        /// Which.
        group: Arc<str>,
    },
    /// Operations are answered, since what they rest on is committed.
    Released {
        /// The leader epoch.
        epoch: LeaderEpoch,
        /// Below this they rest.
        rests_below: Offset,
        /// The high watermark that the shard was told.
        high_watermark: Offset,
        /// How many they are.
        operations: u32,
    },
}
