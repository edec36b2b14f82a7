//! What a partition asks of its broker, and what it may ask its broker about.
//!
//! In Kafka: the calls that `Partition`, `ReplicaManager` and `AbstractFetcherThread` make on the log, on the
//!           fetcher manager, on `AlterPartitionManager`, on the purgatories and on `MetadataCache`.
//! Holds:    nothing.

use trial_log::mark::Mark;
use trial_log::{LeaderEpoch, Offset};

use crate::broker::alter_partition::IsrChange;
use crate::ids::{BrokerEpoch, BrokerId};
use crate::note::partition::PartitionEvent;

/// Milliseconds on the host's wall clock, which is what Kafka measures a follower's lag with: a step of that
/// clock shrinks in-sync sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct WallTime(pub i64);

impl WallTime {
    /// Kafka's "never": 1970.
    pub const NEVER: Self = Self(0);
}

/// What the newest metadata says about a registered broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Registration {
    /// The epoch of its registration.
    pub epoch: BrokerEpoch,
    /// Whether it is fenced.
    pub fenced: bool,
    /// Whether it is in a controlled shutdown.
    pub in_controlled_shutdown: bool,
}

/// What a partition asks the broker's metadata about other brokers (`MetadataCache`).
pub trait Brokers {
    /// The registration of `broker`, if it is registered.
    fn registration(&self, broker: BrokerId) -> Option<Registration>;
    /// The epoch under which this broker is registered itself.
    fn local_epoch(&self) -> BrokerEpoch;
}

/// Which end of the leader's log a follower wants to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogEdge {
    /// Its log start offset.
    Earliest,
    /// Its log end offset.
    Latest,
}

/// What the broker has to do, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Write the entry of a new leader's epoch, even if no record follows (KAFKA-7415).
    AssignEpoch {
        /// The epoch.
        epoch: LeaderEpoch,
        /// Where it starts.
        start: Offset,
    },
    /// Hand a change of the in-sync set to the `AlterPartitionManager`. If that refuses it, answer
    /// OPERATION_NOT_ATTEMPTED at once.
    AlterPartition(IsrChange),
    /// The high watermark stands elsewhere: look at the parked produces and fetches of this partition.
    HighWatermarkMoved {
        /// Where it stood.
        from: Offset,
        /// Where it stands; lower than before only on a follower.
        to: Offset,
    },
    /// Another leader or leader epoch: look at everything that is parked on this partition.
    LeadershipChanged,
    /// Take the partition from whatever fetcher has it.
    StopFetching,
    /// Give the partition to the fetcher of `leader`; what to ask is in `Partition::to_fetch`.
    FetchFrom {
        /// The leader.
        leader: BrokerId,
        /// Its epoch.
        leader_epoch: LeaderEpoch,
    },
    /// Append the response's batches up to this leader epoch, then call `Partition::on_follower_append`.
    AppendAsFollower {
        /// The epoch of the request; later batches are left out (KAFKA-18723).
        leader_epoch: LeaderEpoch,
    },
    /// Cut the log, its epoch cache too, then call `Partition::on_truncated`.
    Truncate {
        /// The new log end offset; it may equal the old one, when only the epoch cache has something to lose.
        to: Offset,
    },
    /// Drop the whole log and start again, then call `Partition::on_restarted`.
    RestartLog {
        /// The new log start and end offset.
        at: Offset,
    },
    /// The leader's log starts later now: delete what lies before.
    AdvanceLogStart {
        /// The new log start offset.
        to: Offset,
    },
    /// Ask the leader for one end of its log (ListOffsets as a replica), then call `Partition::on_leader_edge`.
    AskLeaderEdge {
        /// Which end.
        edge: LogEdge,
        /// The epoch to send and to hand back.
        leader_epoch: LeaderEpoch,
    },
    /// Ask the leader where `epoch` ends (OffsetsForLeaderEpoch), then call `Partition::on_leader_epoch_end`.
    AskEpochEnd {
        /// The epoch in question.
        epoch: LeaderEpoch,
        /// The epoch to send and to hand back.
        leader_epoch: LeaderEpoch,
    },
    /// Write a note.
    Note(PartitionEvent),
}

impl From<&'static Mark> for Effect {
    fn from(mark: &'static Mark) -> Self {
        Self::Note(PartitionEvent::Reached(mark))
    }
}
