//! Moves the end of a log back, where a follower diverged, or lets it begin anew.
//!
//! In Kafka:   `UnifiedLog.truncateTo`, `truncateFullyAndStartAt`.
//! Invariants: a truncation leaves no batch that reaches to its target, and no epoch that begins there; the epochs
//!             are trimmed even if there was nothing to cut (KAFKA-10706).
//!             TI-3 no entry of a transaction index tells a reader to look no further than beyond the cut: it is
//!             lowered before anything is cut, so that a crash in between costs a search, and no transaction.
//!             LOG-6 what was cut stays cut: the truncation is durable before anything is appended. Kafka does not
//!             sync it, but syncs the epochs of what it appends next: a power loss that brings old batches back puts
//!             them under a later leader's epoch, and no fetch finds the difference any more.

use crate::Offset;
use crate::disk::{Disk, DiskError};
use crate::error::LogError;
use crate::event::{LogEvent, LogStartReason, TruncationReason};
use crate::mark;
use crate::segment::Segment;

use super::log::Log;

impl Log {
    /// Lets the log end at `target`; answers whether anything was cut.
    pub fn truncate_to(
        &mut self,
        disk: &mut dyn Disk,
        target: Offset,
        now_ms: i64,
        events: &mut Vec<LogEvent>,
    ) -> Result<bool, LogError> {
        assert!(target >= Offset::ZERO, "no log ends before zero: {target}");
        self.guarded(events, |log, events| {
            if target >= log.log_end_offset {
                // A leader that appended nothing in its epoch has an entry at its end.
                mark::sometimes!(
                    events,
                    log.epochs.entries().any(|entry| entry.start_offset >= log.log_end_offset),
                    "truncation_of_epochs_alone",
                    "a truncation found no batch to cut and forgot an epoch all the same (KAFKA-10706)"
                );
                if log.config.epochs_of_short_logs_trimmed {
                    log.trim_epochs_to(disk, log.log_end_offset, events)?;
                }
                return Ok(false);
            }
            if target < log.segments[0].base_offset {
                log.start_anew(disk, target, target, now_ms, events)?;
                return Ok(true);
            }
            let from = log.log_end_offset;
            let kept = log.segments.partition_point(|segment| segment.base_offset <= target);
            let dropped = log.segments.split_off(kept);
            mark::sometimes!(
                events,
                !dropped.is_empty(),
                "truncation_crosses_segments",
                "a truncation cut a log back into an earlier segment"
            );
            mark::sometimes!(
                events,
                target < log.recovery_point,
                "truncation_below_recovery_point",
                "a truncation cut what had been flushed"
            );
            for segment in &mut log.segments {
                let lowered = segment.txn_index.lower_stable_offsets(disk, target)?;
                if lowered && log.config.truncation_synced {
                    segment.txn_index.sync(disk)?;
                }
            }
            // The last one first: a crash in between leaves the log without its end, and never with a hole. (Kafka
            // begins with the first.)
            for segment in dropped.iter().rev() {
                log.doom(disk, (segment.base_offset, segment.size), now_ms, events)?;
            }
            if log.config.truncation_synced && !dropped.is_empty() {
                disk.sync_dir(&log.folder)?;
            }
            log.active_mut().truncate_to(disk, target, now_ms)?;
            if log.config.truncation_synced {
                log.active_mut().sync(disk)?;
            }
            log.tail.truncate_to(target);
            log.set_end(target);
            log.trim_epochs_to(disk, target, events)?;
            let start = log.log_start_offset.min(target);
            log.set_start(start, LogStartReason::Truncation, events);
            log.rebuild_producers(disk, target, false, now_ms, events)?;
            if log.config.truncation_synced {
                log.producers.sync_snapshots(disk)?;
            }
            let why = TruncationReason::Divergence;
            events.push(LogEvent::Truncated { from, to: target, why });
            log.invariants();
            Ok(true)
        })
    }

    /// Drops everything and lets the log begin at `at`, with nothing in it. The log start is the same unless given.
    pub fn truncate_fully_and_start_at(
        &mut self,
        disk: &mut dyn Disk,
        at: Offset,
        log_start_offset: Option<Offset>,
        now_ms: i64,
        events: &mut Vec<LogEvent>,
    ) -> Result<(), LogError> {
        let start = log_start_offset.unwrap_or(at);
        self.guarded(events, |log, events| log.start_anew(disk, at, start, now_ms, events))
    }

    fn start_anew(
        &mut self,
        disk: &mut dyn Disk,
        at: Offset,
        log_start_offset: Offset,
        now_ms: i64,
        events: &mut Vec<LogEvent>,
    ) -> Result<(), LogError> {
        let from = self.log_end_offset;
        for segment in std::mem::take(&mut self.segments).iter().rev() {
            self.doom(disk, (segment.base_offset, segment.size), now_ms, events)?;
        }
        self.segments.push(Segment::create(disk, &self.folder, at, &self.config, now_ms)?);
        if self.config.truncation_synced {
            disk.sync_dir(&self.folder)?;
        }
        self.tail.clear();
        self.set_end(at);
        self.epochs.clear(disk)?;
        self.producers.truncate_fully_and_start_at(disk, at)?;
        self.set_start(log_start_offset, LogStartReason::Truncation, events);
        self.rebuild_producers(disk, at, false, now_ms, events)?;
        if self.config.truncation_synced {
            self.producers.sync_snapshots(disk)?;
        }
        events.push(LogEvent::Truncated { from, to: at, why: TruncationReason::NewStart });
        self.invariants();
        Ok(())
    }

    /// Forgets the epochs that begin at `end` or later; LOG-6: on the disk too. Kafka writes them in the background,
    /// and what is appended before that may come to lie under an epoch that was forgotten.
    pub(super) fn trim_epochs_to(
        &mut self,
        disk: &mut dyn Disk,
        end: Offset,
        events: &mut Vec<LogEvent>,
    ) -> Result<(), DiskError> {
        let removed = self.epochs.truncate_from_end(end);
        if removed > 0 {
            mark::reachable!(
                events,
                "epochs_truncated_from_end",
                "the cache of leader epochs lost entries at its end"
            );
            events.push(LogEvent::EpochsTruncated { removed });
            if self.config.truncation_synced {
                self.epochs.write(disk)?;
            }
        }
        Ok(())
    }

    /// Forgets the epochs that end at `start` or before.
    pub(super) fn trim_epochs_from(&mut self, start: Offset, events: &mut Vec<LogEvent>) {
        let removed = self.epochs.truncate_from_start(start);
        if removed > 0 {
            events.push(LogEvent::EpochsTruncated { removed });
        }
    }

    fn set_end(&mut self, end: Offset) {
        self.log_end_offset = end;
        self.recovery_point = self.recovery_point.min(end);
    }

    pub(super) fn set_start(
        &mut self,
        start: Offset,
        why: LogStartReason,
        events: &mut Vec<LogEvent>,
    ) {
        if start != self.log_start_offset {
            events.push(LogEvent::LogStartMoved { from: self.log_start_offset, to: start, why });
            self.log_start_offset = start;
        }
    }
}
