//! What a log did, for whoever wants to know: checkers, probes, notes.
//!
//! Holds: nothing; every call that changes a log appends to the caller's list.

use crate::disk::DiskError;
use crate::mark::Mark;
use crate::producer_state::CompletedTxn;
use crate::{LeaderEpoch, Offset};

/// Something that a log did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LogEvent {
    /// A batch was written at the end of the active segment.
    BatchAppended {
        /// Its first offset.
        base_offset: Offset,
        /// Its last offset.
        last_offset: Offset,
        /// The epoch of the leader that wrote it.
        leader_epoch: LeaderEpoch,
        /// Where in the segment's file.
        position: u64,
        /// How many bytes.
        size: usize,
    },
    /// A new segment was begun: all below it should be flushed in the background
    /// ([`Log::flush`](crate::Log::flush) and then [`Log::mark_flushed`](crate::Log::mark_flushed)).
    Rolled {
        /// The first offset of the new segment.
        base_offset: Offset,
    },
    /// The end of the log moved back.
    Truncated {
        /// Where it stood.
        from: Offset,
        /// Where it stands.
        to: Offset,
        /// Who asked for it.
        why: TruncationReason,
    },
    /// The start of the log moved.
    LogStartMoved {
        /// Where it stood.
        from: Offset,
        /// Where it stands.
        to: Offset,
        /// What for.
        why: LogStartReason,
    },
    /// A leader's epoch was entered, and the checkpoint written.
    EpochAssigned {
        /// The epoch.
        leader_epoch: LeaderEpoch,
        /// Its first offset.
        start_offset: Offset,
    },
    /// Entries of epochs were removed: the checkpoint should be written in the background
    /// ([`Log::write_epoch_checkpoint`](crate::Log::write_epoch_checkpoint)).
    EpochsTruncated {
        /// How many.
        removed: usize,
    },
    /// A segment was scanned, since it may not have been flushed or its index is missing.
    SegmentRecovered {
        /// Its first offset.
        base_offset: Offset,
        /// The bytes that hold whole and valid batches.
        bytes_kept: u64,
        /// The bytes that were cut off.
        bytes_dropped: u64,
    },
    /// A segment was dropped: it came after one that was cut, or the log was truncated below it.
    SegmentDropped {
        /// Its first offset.
        base_offset: Offset,
        /// Its size.
        bytes: u64,
    },
    /// New segments took the place of old ones, as the cleaner does.
    SegmentsReplaced {
        /// The first offset of the first new one.
        base_offset: Offset,
        /// How many were replaced.
        old: usize,
        /// By how many.
        new: usize,
    },
    /// The log is open.
    Opened {
        /// Whether the last shutdown was clean, so that nothing had to be scanned.
        clean: bool,
        /// Where it starts.
        log_start_offset: Offset,
        /// Where it ends.
        log_end_offset: Offset,
    },
    /// The recovery point moved: all below it is durable.
    Flushed {
        /// Where it stands.
        recovery_point: Offset,
    },
    /// A snapshot of the producers was written: all batches below `offset` are in it.
    ProducerSnapshotTaken {
        /// The offset.
        offset: Offset,
        /// How many producers.
        producers: usize,
    },
    /// A producer repeated a batch: nothing was written, and the answer is that of the first time.
    DuplicateBatch {
        /// The offset of its first record, when it was written.
        base_offset: Offset,
    },
    /// An end marker completed a transaction.
    TransactionCompleted(CompletedTxn),
    /// Producers that had been idle for `producer.id.expiration.ms` were forgotten.
    ProducersExpired {
        /// How many.
        count: usize,
    },
    /// The disk refused; the log answers [`LogError::Offline`](crate::LogError::Offline) from here on.
    WentOffline {
        /// What it said.
        error: DiskError,
    },
    /// The log came to a state that matters.
    Reached(&'static Mark),
}

impl From<&'static Mark> for LogEvent {
    fn from(mark: &'static Mark) -> Self {
        Self::Reached(mark)
    }
}

/// Why the end of a log moved back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TruncationReason {
    /// The caller asked for it: a follower that diverged from its leader.
    Divergence,
    /// The caller asked for a new start, beyond or before all that was there.
    NewStart,
}

/// Why the start of a log moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LogStartReason {
    /// The leader's log starts later.
    LeaderOffsetIncremented,
    /// Segments were dropped by retention.
    SegmentDeletion,
    /// A client asked for it (`DeleteRecords`).
    ClientRecordDeletion,
    /// A snapshot of the metadata stands for what came before.
    SnapshotGenerated,
    /// The log was cut to before its start, or begins anew elsewhere.
    Truncation,
}
