//! Appends batches: stamped, as the leader; verbatim, as a replica or as the quorum's leader.
//!
//! In Kafka:   `UnifiedLog.append`.
//! Invariants: LOG-5 offsets rise. A batch that is refused leaves the bytes of the log as they were, though the
//!             epoch may have been entered and a segment rolled before, as in Kafka.

use bytes::Bytes;

use crate::batch::{
    AppendOrigin, Assignment, BatchSummary, RecordBatch, RecordValidationStats, ValidatedBatch,
    check_batch, next_batch_size, take_one_batch, validate_and_assign_offsets,
};
use crate::config::TimestampType;
use crate::disk::Disk;
use crate::error::{BatchError, LogError};
use crate::event::LogEvent;
use crate::index_file::relative;
use crate::mark;
use crate::producer_state::{BatchMetadata, TransactionVersion, VerificationGuard};
use crate::{LeaderEpoch, NO_TIMESTAMP, Offset};

use super::log::{Log, LogOffsetMetadata};

/// What an append did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AppendInfo {
    /// The offset of the first record.
    pub first_offset: Offset,
    /// The offset of the last record.
    pub last_offset: Offset,
    /// The epoch of the last batch.
    pub leader_epoch: LeaderEpoch,
    /// The largest timestamp.
    pub max_timestamp: i64,
    /// The time that the leader stamped, if the topic wants that.
    pub log_append_time_ms: Option<i64>,
    /// Where the log starts.
    pub log_start_offset: Offset,
    /// Where the first batch lies.
    pub position: LogOffsetMetadata,
    /// Whether the batch had been appended before: the offsets are those of then, the append time is its largest
    /// timestamp, and nothing was written.
    pub is_duplicate: bool,
    /// How many bytes were written.
    pub bytes: usize,
    /// What the validation took.
    pub validation: RecordValidationStats,
    /// Whether `flush.messages` asks for a flush now.
    pub flush_is_due: bool,
}

/// On which terms something is appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AppendTerms {
    /// The leader's epoch.
    pub leader_epoch: LeaderEpoch,
    /// Who appends.
    pub origin: AppendOrigin,
    /// What shows that the transaction's coordinator was asked, if the transaction has not begun here (KIP-890).
    pub verification_guard: VerificationGuard,
    /// By which rules a marker is judged; a leader needs it for each.
    pub transaction_version: Option<TransactionVersion>,
}

impl AppendTerms {
    /// An append without a transaction.
    #[must_use]
    pub fn new(leader_epoch: LeaderEpoch, origin: AppendOrigin) -> Self {
        let (verification_guard, transaction_version) = (VerificationGuard::NONE, None);
        Self { leader_epoch, origin, verification_guard, transaction_version }
    }

    /// An append of a transaction's records that was verified.
    #[must_use]
    pub fn verified(self, verification_guard: VerificationGuard) -> Self {
        Self { verification_guard, ..self }
    }

    /// An append of a marker.
    #[must_use]
    pub fn version(self, transaction_version: TransactionVersion) -> Self {
        Self { transaction_version: Some(transaction_version), ..self }
    }
}

impl Log {
    /// Appends one batch as the leader: offsets follow the log's end, the epoch is stamped, the time if so set.
    /// From the quorum's leader, batches carry their offsets and epoch already.
    pub fn append_as_leader(
        &mut self,
        disk: &mut dyn Disk,
        records: Bytes,
        leader_epoch: LeaderEpoch,
        origin: AppendOrigin,
        now_ms: i64,
        events: &mut Vec<LogEvent>,
    ) -> Result<AppendInfo, LogError> {
        let terms = AppendTerms::new(leader_epoch, origin);
        self.append_with_terms(disk, records, &terms, now_ms, events)
    }

    /// Appends one batch as the leader, as [`Log::append_as_leader`] does: with a transaction, if need be.
    pub fn append_with_terms(
        &mut self,
        disk: &mut dyn Disk,
        records: Bytes,
        terms: &AppendTerms,
        now_ms: i64,
        events: &mut Vec<LogEvent>,
    ) -> Result<AppendInfo, LogError> {
        let AppendTerms { leader_epoch, origin, .. } = *terms;
        assert!(origin != AppendOrigin::Replication, "a leader does not replicate from itself");
        self.guarded(events, |log, events| {
            if origin == AppendOrigin::RaftLeader {
                let info = log.append_verbatim(disk, records, terms, now_ms, events)?;
                return info.ok_or(BatchError::NoBatch.into());
            }
            // Whoever holds the bytes alone is stamped in place.
            let batch = take_one_batch(records)?;
            let first_offset = log.log_end_offset;
            let assignment = Assignment { first_offset, leader_epoch, origin, now_ms };
            let validated = validate_and_assign_offsets(batch, &log.config, &assignment)?;
            let ValidatedBatch { batch, stats } = validated;
            let summary = batch.summary();
            let appended = (batch.into_bytes(), &[summary][..]);
            let info = log.write(disk, appended, terms, now_ms, events)?;
            Ok(AppendInfo { validation: stats, ..info })
        })
    }

    /// Appends what a leader sent, as it is; none if there was no whole batch, or only such of a later epoch
    /// than `leader_epoch`, the replica's own (KAFKA-18723).
    pub fn append_as_follower(
        &mut self,
        disk: &mut dyn Disk,
        records: Bytes,
        leader_epoch: LeaderEpoch,
        now_ms: i64,
        events: &mut Vec<LogEvent>,
    ) -> Result<Option<AppendInfo>, LogError> {
        let terms = AppendTerms::new(leader_epoch, AppendOrigin::Replication);
        self.guarded(events, |log, events| {
            log.append_verbatim(disk, records, &terms, now_ms, events)
        })
    }

    /// Appends batches that keep their offsets; none if there is no whole one.
    fn append_verbatim(
        &mut self,
        disk: &mut dyn Disk,
        mut records: Bytes,
        terms: &AppendTerms,
        now_ms: i64,
        events: &mut Vec<LogEvent>,
    ) -> Result<Option<AppendInfo>, LogError> {
        let mut batches = std::mem::take(&mut self.summaries);
        batches.clear();
        let checked = self.check_verbatim(&records, terms, &mut batches, events);
        let appended = checked.and_then(|()| {
            if batches.is_empty() {
                return Ok(None);
            }
            records.truncate(batches.iter().map(|batch| batch.size).sum());
            self.write(disk, (records, &batches), terms, now_ms, events).map(Some)
        });
        self.summaries = batches;
        appended
    }

    /// Checks batches that keep their offsets, and adds what to remember of those that may be written.
    fn check_verbatim(
        &self,
        records: &[u8],
        terms: &AppendTerms,
        batches: &mut Vec<BatchSummary>,
        events: &mut Vec<LogEvent>,
    ) -> Result<(), LogError> {
        let AppendTerms { leader_epoch, origin, .. } = *terms;
        let mut rest = records;
        while let Some(size) = next_batch_size(rest)?.filter(|size| *size <= rest.len()) {
            let (batch, after) = rest.split_at(size);
            let batch = RecordBatch::new(batch)?;
            rest = after;
            let later = batch.leader_epoch() > leader_epoch;
            if origin == AppendOrigin::Replication && later {
                mark::reachable!(
                    events,
                    "append_stops_at_later_epoch",
                    "a follower left out batches of a later epoch than its own (KAFKA-18723)"
                );
                break;
            }
            check_batch(&batch, &self.config, origin, leader_epoch)?;
            let (count, last_offset_delta) = (batch.count(), batch.last_offset_delta());
            if last_offset_delta < 0 {
                return Err(BatchError::Count { count, last_offset_delta }.into());
            }
            let summary = batch.summary();
            let after = batches.last().map_or(Offset(-1), |last| last.last_offset);
            if summary.base_offset <= after {
                return Err(LogError::OffsetsOutOfOrder { after, got: summary.base_offset });
            }
            batches.push(summary);
        }
        match (batches.first(), batches.last()) {
            (Some(first), Some(last)) if first.base_offset < self.log_end_offset => {
                Err(LogError::UnexpectedOffset {
                    log_end_offset: self.log_end_offset,
                    first_offset: first.base_offset,
                    last_offset: last.last_offset,
                })
            }
            _ => Ok(()),
        }
    }

    /// Enters the epochs, rolls if it is time, asks the producers' state, and writes.
    fn write(
        &mut self,
        disk: &mut dyn Disk,
        (records, batches): (Bytes, &[BatchSummary]),
        terms: &AppendTerms,
        now_ms: i64,
        events: &mut Vec<LogEvent>,
    ) -> Result<AppendInfo, LogError> {
        let origin = terms.origin;
        for batch in batches {
            if batch.leader_epoch.0 >= 0 {
                self.assign_epoch(disk, batch.leader_epoch, batch.base_offset, events)?;
            }
        }
        let bytes = records.len();
        let max = usize::try_from(self.config.segment_bytes).unwrap_or(usize::MAX);
        if origin != AppendOrigin::Replication && bytes > max {
            return Err(BatchError::LargerThanSegment { size: bytes, max }.into());
        }
        let (first, last) = (batches[0], batches[batches.len() - 1]);
        let is_beyond = last.last_offset == Offset::END;
        if is_beyond || relative(first.base_offset, last.last_offset).is_none() {
            // No segment can hold both, whatever its base; or no offset is left.
            let after = first.base_offset;
            return Err(LogError::OffsetsOutOfOrder { after, got: last.last_offset });
        }
        let max_timestamp =
            batches.iter().map(|batch| batch.max_timestamp).max().unwrap_or(NO_TIMESTAMP);
        let asks = (bytes as u64, max_timestamp, last.last_offset);
        let duplicate = if first.base_offset > self.log_end_offset {
            // Beyond a gap nothing may be refused any more once a segment was begun there. (Kafka rolls first.)
            let duplicate = self.analyze_producers(&records, terms, None)?;
            self.roll_if_due(disk, first.base_offset, asks, now_ms, events)?;
            duplicate
        } else {
            self.roll_if_due(disk, first.base_offset, asks, now_ms, events)?;
            self.analyze_producers(&records, terms, Some(self.log_end_offset_metadata()))?
        };
        if let Some(duplicate) = duplicate {
            return Ok(self.duplicate_append(&first, duplicate, events));
        }
        let active = self.segments.last_mut().expect("LOG-1: there is an active segment");
        let start = active.append(disk, records, batches, &self.config, now_ms)?;
        self.wrote(start, batches, events);
        self.enter_producers(disk, events)?;
        self.invariants();
        let append_time = self.config.message_timestamp_type == TimestampType::LogAppendTime
            && matches!(origin, AppendOrigin::Client | AppendOrigin::Coordinator);
        Ok(AppendInfo {
            first_offset: first.base_offset,
            last_offset: last.last_offset,
            leader_epoch: last.leader_epoch,
            max_timestamp,
            log_append_time_ms: append_time.then_some(now_ms),
            log_start_offset: self.log_start_offset,
            position: LogOffsetMetadata {
                offset: first.base_offset,
                segment_base_offset: self.active().base_offset,
                position: start,
            },
            is_duplicate: false,
            bytes,
            validation: RecordValidationStats::default(),
            flush_is_due: self.log_end_offset.0.saturating_sub(self.recovery_point.0)
                >= self.config.flush_messages,
        })
    }

    /// Remembers what was written from `start` on.
    fn wrote(&mut self, start: u64, batches: &[BatchSummary], events: &mut Vec<LogEvent>) {
        let segment_base = self.active().base_offset;
        let mut position = start;
        for batch in batches {
            let BatchSummary { base_offset, last_offset, leader_epoch, size, .. } = *batch;
            let end = self.log_end_offset;
            assert!(
                base_offset >= end,
                "LOG-5: {base_offset} is appended to a log that ends at {end}"
            );
            self.tail.push(segment_base, position, batch);
            self.log_end_offset = last_offset.next();
            events.push(LogEvent::BatchAppended {
                base_offset,
                last_offset,
                leader_epoch,
                position,
                size,
            });
            position += size as u64;
        }
    }

    /// Answers a batch that was appended before.
    fn duplicate_append(
        &self,
        batch: &BatchSummary,
        duplicate: BatchMetadata,
        events: &mut Vec<LogEvent>,
    ) -> AppendInfo {
        mark::reachable!(
            events,
            "duplicate_batch",
            "a producer repeated one of its last five batches, and was answered as the first time"
        );
        let base_offset = duplicate.first_offset();
        events.push(LogEvent::DuplicateBatch { base_offset });
        AppendInfo {
            first_offset: base_offset,
            last_offset: duplicate.last_offset,
            leader_epoch: batch.leader_epoch,
            max_timestamp: batch.max_timestamp,
            log_append_time_ms: Some(duplicate.timestamp),
            log_start_offset: self.log_start_offset,
            position: self.log_end_offset_metadata(),
            is_duplicate: true,
            bytes: 0,
            validation: RecordValidationStats::default(),
            flush_is_due: false,
        }
    }
}
