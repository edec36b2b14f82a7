//! What clients write: each record's way in and out, and what became of their positions.
//!
//! Holds:      plain data, enough for C1 to C4 and for the anomalies of a history (lost-write, duplicate, ...).
//! Invariants: CN-1 a record's id is unique in the run; it travels with the record in a header of its own, so that
//!             readers of bytes can tell records apart whatever their payload.

use crate::error_code::ErrorCode;
use crate::ids::{LeaderEpoch, Offset, TopicId, TopicPartition};

pub use crate::client::consumer::{CommitCause, CommitFailure, ResetCause};

/// The key of the header that carries a record's id: eight bytes, big-endian.
pub const RECORD_ID_HEADER: &[u8] = b"trial.id";

/// A record of the run: who sent it, and as which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId(pub u64);

impl RecordId {
    const NUMBER_BITS: u32 = 40;
    const INCARNATION_BITS: u32 = 8;

    /// The `number`-th record of a client since it was started for the `incarnation`-th time.
    #[must_use]
    pub fn new(client: u16, incarnation: u32, number: u64) -> Self {
        assert!(number < 1 << Self::NUMBER_BITS, "CN-1: a client sends fewer than 2^40 records");
        assert!(
            incarnation < 1 << Self::INCARNATION_BITS,
            "CN-1: a client starts at most 255 times"
        );
        let starts = u64::from(client) << Self::INCARNATION_BITS | u64::from(incarnation);
        Self(starts << Self::NUMBER_BITS | number)
    }

    /// Which client sent it.
    #[must_use]
    pub fn client(self) -> u16 {
        let client = self.0 >> (Self::NUMBER_BITS + Self::INCARNATION_BITS);
        u16::try_from(client).expect("16 bits are left")
    }

    /// Reads it from the value of its header.
    #[must_use]
    pub fn from_header(value: &[u8]) -> Option<Self> {
        Some(Self(u64::from_be_bytes(value.try_into().ok()?)))
    }
}

/// A record that a poll returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PolledRecord {
    /// Its offset.
    pub offset: Offset,
    /// The epoch of the leader that wrote it.
    pub leader_epoch: LeaderEpoch,
    /// Which record it is; none if it carries no id.
    pub id: Option<RecordId>,
}

/// A position that was to be committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CommittedOffset {
    /// The partition.
    pub partition: TopicPartition,
    /// The next offset to read.
    pub offset: Offset,
    /// The epoch of the record before it, if it was read.
    pub leader_epoch: Option<LeaderEpoch>,
}

/// What a client did or saw.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ClientNote {
    /// A topic that was to be created is there, and every partition has a leader.
    TopicReady {
        /// The topic.
        topic: TopicId,
        /// How many partitions it has.
        partitions: i32,
    },
    /// A topic cannot be created, and trying again will not help.
    TopicRefused {
        /// Which, in the order of the specification.
        index: usize,
        /// Why.
        error: ErrorCode,
    },
    /// The admin was told what became of something that it had asked for besides topics.
    AdminTold {
        /// Which of its orders.
        ticket: u64,
        /// What it was told; REQUEST_TIMED_OUT if nobody answered in time.
        error: ErrorCode,
    },
    /// An idempotent producer was given its id: only now can it send.
    ProducerIdAssigned {
        /// The id.
        id: i64,
        /// The epoch.
        epoch: i16,
    },
    /// A record joined a batch: it must be told within the delivery timeout from now (C1).
    Sent {
        /// The record.
        id: RecordId,
        /// Where it goes.
        partition: TopicPartition,
    },
    /// It was delivered, as `acks` asks.
    Acked {
        /// The record.
        id: RecordId,
        /// Where it is.
        partition: TopicPartition,
        /// Its offset (C2); none with acks=0.
        offset: Option<Offset>,
    },
    /// It was given up.
    Failed {
        /// The record.
        id: RecordId,
        /// Where it should have gone; none if it never joined a batch.
        partition: Option<TopicPartition>,
        /// Why.
        error: ErrorCode,
        /// It may stand in the log all the same.
        maybe_written: bool,
    },
    /// The workload is over: everything was told.
    WorkloadDone,
    /// One poll returned this of one partition (C3).
    Polled {
        /// The partition.
        partition: TopicPartition,
        /// The records.
        records: Vec<PolledRecord>,
        /// The position afterwards.
        position: Offset,
    },
    /// A position was set by policy.
    PositionReset {
        /// The partition.
        partition: TopicPartition,
        /// Where it stands.
        offset: Offset,
        /// Why.
        cause: ResetCause,
    },
    /// The leader's log ends before a position, or does not know its epoch.
    TruncationDetected {
        /// The partition.
        partition: TopicPartition,
        /// Where the position stood.
        position: Offset,
        /// Where the logs part; none if nobody knows.
        divergent: Option<Offset>,
    },
    /// A partition stands still: no policy says where to go on.
    Stuck {
        /// The partition.
        partition: TopicPartition,
        /// Why.
        cause: ResetCause,
    },
    /// Records that were read were deleted on all live replicas of a partition.
    Purged {
        /// The partition.
        partition: TopicPartition,
        /// Where the log starts at the replica that has most.
        low_watermark: Offset,
    },
    /// A batch failed its checksum (C4).
    CorruptBatch {
        /// The partition.
        partition: TopicPartition,
        /// The position.
        position: Offset,
    },
    /// A member of a group begins to tell its application what it was given (`onPartitionsAssigned`).
    GroupAssigned {
        /// The generation, or the member epoch.
        generation: i32,
        /// The member.
        member: String,
        /// What it was given now.
        added: Vec<TopicPartition>,
        /// All that it has.
        owned: Vec<TopicPartition>,
    },
    /// A member begins to tell its application what it gives up: its own until then (`onPartitionsRevoked`).
    GroupRevoked {
        /// The generation, or the member epoch.
        generation: i32,
        /// The partitions.
        partitions: Vec<TopicPartition>,
    },
    /// A member begins to tell its application what it has lost: perhaps somebody else's already
    /// (`onPartitionsLost`).
    GroupLost {
        /// The generation, or the member epoch, that it knows now.
        generation: i32,
        /// The partitions.
        partitions: Vec<TopicPartition>,
    },
    /// A coordinator has acknowledged a commit.
    OffsetsCommitted {
        /// Who asked for it.
        cause: CommitCause,
        /// The generation, or the member epoch, with which it was sent.
        generation: i32,
        /// The offsets.
        offsets: Vec<CommittedOffset>,
    },
    /// A commit has failed; it may stand all the same.
    CommitFailed {
        /// Who asked for it.
        cause: CommitCause,
        /// The offsets.
        offsets: Vec<CommittedOffset>,
        /// Why.
        failure: CommitFailure,
    },
    /// A position was set to what the group has committed.
    PositionCommitted {
        /// The partition.
        partition: TopicPartition,
        /// Where it stands.
        offset: Offset,
    },
    /// A poll threw; if polling again does not help, the application ends.
    PollFailed {
        /// What it threw.
        error: ErrorCode,
    },
    /// A member is closed: it has left its group, or given it up.
    MemberClosed,
}
