//! Decides where a log that was loaded starts and ends, and how much of it is durable.
//!
//! In Kafka:   `LogLoader.recoverLog`, `deleteSegmentsIfLogStartGreaterThanLogEnd`, the end of `load`.
//! Invariants: there is an active segment. The recovery point rises only after a clean shutdown.

use crate::Offset;
use crate::disk::Disk;
use crate::error::LogError;
use crate::event::LogEvent;
use crate::leader_epoch_cache::EpochEntry;
use crate::mark;
use crate::segment::Segment;

use super::super::log::Log;

impl Log {
    /// Finds both ends; a log that would end before it starts is dropped. The scan has met these epochs.
    pub(super) fn find_ends(
        &mut self,
        disk: &mut dyn Disk,
        (clean, met): (bool, &[EpochEntry]),
        now_ms: i64,
        events: &mut Vec<LogEvent>,
    ) -> Result<(), LogError> {
        let start = self.log_start_offset;
        let found = self.end_that_was_found(disk, now_ms, events)?;
        if self.segments.is_empty() {
            if self.epochs.latest_epoch().is_some() {
                // Without a segment there is no lineage: a crash between the two left them. (Kafka keeps them.)
                self.epochs.clear(disk)?;
            }
            self.segments.push(Segment::create(disk, &self.folder, start, &self.config, now_ms)?);
        }
        self.log_end_offset = found.unwrap_or(start);
        mark::sometimes!(
            events,
            self.recovery_point > self.log_end_offset,
            "recovery_point_beyond_log_end",
            "the checkpoint of recovery points knew a log to be longer than it was"
        );
        mark::sometimes!(
            events,
            self.epochs.entries().any(|entry| entry.start_offset > self.log_end_offset),
            "epoch_checkpoint_beyond_log_end",
            "the checkpoint of leader epochs knew an epoch of which the log had lost every record"
        );
        self.recovery_point = match found {
            Some(end) if clean => end,
            _ => self.recovery_point.min(self.log_end_offset),
        };
        self.trim_epochs_to(disk, self.log_end_offset, events)?;
        if found.is_some() {
            // An entry may have gone of which there are records before: the log had started at it, its start was lost
            // and so was its end. (Kafka enters the epoch again with the next recovery.)
            for entry in met {
                self.enter_later_epoch(disk, entry.leader_epoch, entry.start_offset, events)?;
            }
        }
        self.log_start_offset = start.max(self.segments[0].base_offset);
        // Kafka trims to the checkpoint alone, and keeps the epochs of segments that retention has dropped.
        self.trim_epochs_from(self.log_start_offset, events);
        Ok(())
    }

    /// The end, if there is anything to keep.
    fn end_that_was_found(
        &mut self,
        disk: &mut dyn Disk,
        now_ms: i64,
        events: &mut Vec<LogEvent>,
    ) -> Result<Option<Offset>, LogError> {
        let Some(last) = self.segments.last() else { return Ok(None) };
        let end = last.next_offset(disk)?;
        if end >= self.log_start_offset {
            return Ok(Some(end));
        }
        mark::reachable!(
            events,
            "log_ends_before_its_start",
            "a log was dropped whole, since it ended before the start that its checkpoint knew"
        );
        for segment in std::mem::take(&mut self.segments).iter().rev() {
            self.doom(disk, (segment.base_offset, segment.size), now_ms, events)?;
        }
        self.producers.truncate_fully_and_start_at(disk, self.log_start_offset)?;
        if self.config.truncation_synced {
            // LOG-6
            disk.sync_dir(&self.folder)?;
        }
        Ok(None)
    }
}
