//! Drops what is not to be kept any longer: by time, by size, and because the log starts later.
//!
//! In Kafka:   `UnifiedLog.deleteOldSegments`, `deletableSegments`, `maybeIncrementLogStartOffset`;
//!             `LogManager.checkpointLogStartOffsetsInDir`, `Partition.deleteRecordsOnLeader` (KIP-107).
//! Invariants: RT-1 nothing at the high watermark or beyond goes. RT-2 what goes is a row of segments from the oldest
//!             on; the log starts where the first one begins that is left. RT-3 the log start only rises.
//!             RT-4 there is an active segment: one that goes itself is closed first, unless it is empty.
//! Left out:   the remote tier, with the local retention that it has. A segment without any timestamp is as old as
//!             its last append, or as the process if that is younger: the disk keeps no time of a file's last change.

use crate::Offset;
use crate::disk::Disk;
use crate::error::LogError;
use crate::event::{LogEvent, LogStartReason};
use crate::mark;
use crate::segment::Segment;

use super::log::Log;

impl Log {
    /// Drops the segments that retention does not keep (`cleanup.policy` with `delete`) and, whatever the policy,
    /// those that lie below the start of the log. Answers how many.
    pub fn delete_old_segments(
        &mut self,
        disk: &mut dyn Disk,
        high_watermark: Offset,
        now_ms: i64,
        events: &mut Vec<LogEvent>,
    ) -> Result<usize, LogError> {
        self.guarded(events, |log, events| {
            let mut dropped = log.delete_before_start(disk, high_watermark, now_ms, events)?;
            if log.config.deletes {
                dropped += log.delete_for_size(disk, high_watermark, now_ms, events)?;
                dropped += log.delete_for_age(disk, high_watermark, now_ms, events)?;
            }
            Ok(dropped)
        })
    }

    /// Moves the start of the log up to `to`; answers whether it moved. Refused beyond the high watermark, even if
    /// the log starts there already.
    pub fn increment_log_start_offset(
        &mut self,
        to: Offset,
        high_watermark: Offset,
        why: LogStartReason,
        events: &mut Vec<LogEvent>,
    ) -> Result<bool, LogError> {
        self.guarded(events, |log, events| {
            if to > high_watermark {
                return Err(LogError::AboveHighWatermark { asked: to, high_watermark });
            }
            assert!(
                high_watermark <= log.log_end_offset,
                "LOG-2: what is committed is in the log: {high_watermark} of {}",
                log.log_end_offset
            );
            if to <= log.log_start_offset {
                return Ok(false);
            }
            mark::sometimes!(
                events,
                log.segments.get(1).is_some_and(|second| second.base_offset <= to),
                "log_start_passes_a_segment",
                "the start of a log moved beyond a whole segment, which goes with the next retention"
            );
            log.set_start(to, why, events);
            log.trim_epochs_from(to, events);
            log.producers.on_log_start_offset_incremented(to);
            log.invariants();
            Ok(true)
        })
    }

    /// What belongs into the checkpoint of log starts: none if the first segment says it already.
    #[must_use]
    pub fn log_start_to_checkpoint(&self) -> Option<Offset> {
        let start = self.log_start_offset;
        (start > self.segments[0].base_offset).then_some(start)
    }

    fn delete_before_start(
        &mut self,
        disk: &mut dyn Disk,
        high_watermark: Offset,
        now_ms: i64,
        events: &mut Vec<LogEvent>,
    ) -> Result<usize, LogError> {
        let start = self.log_start_offset;
        let count =
            self.deletable(high_watermark, |_, next| next.is_some_and(|next| next <= start));
        mark::sometimes!(
            events,
            count > 0,
            "retention_by_log_start",
            "a segment was dropped because the log starts behind it"
        );
        self.delete_first(disk, count, high_watermark, now_ms, events)
    }

    fn delete_for_size(
        &mut self,
        disk: &mut dyn Disk,
        high_watermark: Offset,
        now_ms: i64,
        events: &mut Vec<LogEvent>,
    ) -> Result<usize, LogError> {
        let Ok(limit) = u64::try_from(self.config.retention_bytes) else { return Ok(0) };
        let Some(mut excess) = self.size_in_bytes().checked_sub(limit) else { return Ok(0) };
        let count = self.deletable(high_watermark, |segment, _| {
            let left = excess.checked_sub(segment.size);
            excess = left.unwrap_or(excess);
            left.is_some()
        });
        mark::sometimes!(
            events,
            count > 0,
            "retention_by_size",
            "a segment was dropped because the log was larger than retention.bytes"
        );
        self.delete_first(disk, count, high_watermark, now_ms, events)
    }

    fn delete_for_age(
        &mut self,
        disk: &mut dyn Disk,
        high_watermark: Offset,
        now_ms: i64,
        events: &mut Vec<LogEvent>,
    ) -> Result<usize, LogError> {
        let limit = self.config.retention_ms;
        if limit < 0 {
            return Ok(0);
        }
        let count = self.deletable(high_watermark, |segment, _| {
            now_ms.saturating_sub(segment.largest_timestamp_or_modified_ms()) > limit
        });
        mark::sometimes!(
            events,
            count > 0,
            "retention_by_age",
            "a segment was dropped because its records were older than retention.ms"
        );
        self.delete_first(disk, count, high_watermark, now_ms, events)
    }

    /// How many segments from the oldest on are not wanted, each asked with the base of the next one, and may go.
    fn deletable(
        &self,
        high_watermark: Offset,
        mut unwanted: impl FnMut(&Segment, Option<Offset>) -> bool,
    ) -> usize {
        let mut nexts = self.segments.iter().skip(1).map(|segment| segment.base_offset);
        let of_this = self.segments.iter().take_while(|segment| {
            let next = nexts.next();
            let is_empty_and_active = next.is_none() && segment.size == 0;
            // RT-1
            let committed = next.unwrap_or(self.log_end_offset) <= high_watermark;
            committed && unwanted(segment, next) && !is_empty_and_active
        });
        of_this.count()
    }

    fn delete_first(
        &mut self,
        disk: &mut dyn Disk,
        count: usize,
        high_watermark: Offset,
        now_ms: i64,
        events: &mut Vec<LogEvent>,
    ) -> Result<usize, LogError> {
        if count == 0 {
            return Ok(0);
        }
        if count == self.segments.len() {
            mark::reachable!(
                events,
                "retention_closes_active_segment",
                "retention dropped every segment of a log, the active one closed before"
            );
            self.roll_at(disk, self.log_end_offset, now_ms, events)?;
        }
        let start = self.segments[count].base_offset;
        assert!(start <= high_watermark, "RT-1: {start} lies beyond {high_watermark}");
        if start > self.log_start_offset {
            self.set_start(start, LogStartReason::SegmentDeletion, events);
            self.trim_epochs_from(start, events);
            self.producers.on_log_start_offset_incremented(start);
        }
        let gone: Vec<Segment> = self.segments.drain(..count).collect();
        for segment in &gone {
            self.doom(disk, (segment.base_offset, segment.size), now_ms, events)?;
        }
        self.invariants();
        Ok(count)
    }
}
