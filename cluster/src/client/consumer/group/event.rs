//! What a member of a group reports to its application.
//!
//! In Kafka:   `ConsumerRebalanceListener`, `OffsetCommitCallback`, and what `poll` throws.
//! Holds:      plain data.

use std::collections::{BTreeMap, BTreeSet};

use crate::client::NamedPartition;
use crate::client::consumer::ConsumerEvent;
use crate::error_code::ErrorCode;
use crate::ids::{LeaderEpoch, Offset};

/// A position as it is committed: the next offset to read, and the epoch of the record before it.
pub type Committed = (Offset, Option<LeaderEpoch>);

/// Who asked for a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CommitCause {
    /// `auto.commit.interval.ms` was over.
    Interval,
    /// `enable.auto.commit`, before partitions are given up.
    Rebalance,
    /// The consumer is closed.
    Close,
    /// The application, which waits.
    Sync,
    /// The application, which does not wait.
    Async,
    /// The application, which waits, while it is told that partitions are revoked.
    Revocation,
}

impl CommitCause {
    /// Whether the application asked, and not the consumer itself.
    #[must_use]
    pub const fn is_of_application(self) -> bool {
        matches!(self, Self::Sync | Self::Async | Self::Revocation)
    }
}

/// Why a commit failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CommitFailure {
    /// The member is not the one any more that the coordinator knows, or not in this generation
    /// (`CommitFailedException`): partitions may be somebody else's.
    CommitFailed,
    /// It was tried as long as it may be (`TimeoutException`).
    TimedOut,
    /// What the coordinator, or the member itself, said.
    Refused(ErrorCode),
}

impl CommitFailure {
    /// Whether the same commit may succeed when it is tried again (`RetriableException`).
    #[must_use]
    pub const fn is_retriable(self) -> bool {
        match self {
            Self::CommitFailed => false,
            Self::TimedOut => true,
            Self::Refused(error) => error.is_retriable(),
        }
    }
}

/// What happened to a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupEvent {
    /// `onPartitionsAssigned` begins.
    Assigned {
        /// The generation, or the member epoch.
        generation: i32,
        /// The member.
        member: String,
        /// What it was given now.
        added: BTreeSet<NamedPartition>,
        /// All that it has.
        owned: BTreeSet<NamedPartition>,
    },
    /// `onPartitionsRevoked` begins: these partitions are still its own, and will not be when it ends.
    Revoked {
        /// The generation, or the member epoch.
        generation: i32,
        /// The partitions.
        partitions: BTreeSet<NamedPartition>,
    },
    /// `onPartitionsLost` begins: these partitions may be somebody else's already.
    Lost {
        /// The generation, or the member epoch, that it knows now.
        generation: i32,
        /// The partitions.
        partitions: BTreeSet<NamedPartition>,
    },
    /// The coordinator has taken a commit.
    Committed {
        /// Who asked.
        cause: CommitCause,
        /// The generation, or the member epoch, with which it was sent.
        generation: i32,
        /// The offsets.
        offsets: BTreeMap<NamedPartition, Committed>,
    },
    /// A commit has failed; it may stand all the same.
    CommitFailed {
        /// Who asked.
        cause: CommitCause,
        /// The offsets.
        offsets: BTreeMap<NamedPartition, Committed>,
        /// Why.
        failure: CommitFailure,
    },
    /// A position was set to what the group has committed.
    PositionCommitted {
        /// The partition.
        partition: NamedPartition,
        /// Where it stands now.
        offset: Offset,
    },
    /// A poll threw this.
    PollFailed {
        /// What.
        error: ErrorCode,
    },
    /// It has left the group, or given it up: it is closed.
    Closed,
    /// What an assigning consumer reports too.
    Position(ConsumerEvent),
}
