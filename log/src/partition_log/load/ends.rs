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
use crate::scanner::{ScanError, Scanner};
use crate::segment::Segment;

use super::super::log::Log;

/// Bytes of a segment that are read at once.
const READ_AHEAD: usize = 64 << 10;

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
        let knew = self.epochs.latest_epoch().is_some();
        self.trim_epochs_to(disk, self.log_end_offset, events)?;
        if found.is_some() {
            // An entry may have gone of which there are records before: the log had started at it, its start was lost
            // and so was its end. (Kafka enters the epoch again with the next recovery, or never.)
            let shows = self.log_end_offset > start;
            let is_lost = shows && knew && self.epochs.latest_epoch().is_none();
            let of_all = if is_lost { Some(self.epochs_of_segments(disk)?) } else { None };
            for entry in of_all.as_deref().unwrap_or(met) {
                self.enter_later_epoch(disk, entry.leader_epoch, entry.start_offset, events)?;
            }
        }
        self.log_start_offset = start.max(self.segments[0].base_offset);
        // Kafka trims to the checkpoint alone, and keeps the epochs of segments that retention has dropped.
        self.trim_epochs_from(self.log_start_offset, events);
        Ok(())
    }

    /// The epochs that the batches of all segments have, scanned or not, up to the first that cannot be read.
    fn epochs_of_segments(&self, disk: &mut dyn Disk) -> Result<Vec<EpochEntry>, LogError> {
        let mut entries: Vec<EpochEntry> = Vec::new();
        for segment in &self.segments {
            let mut scanner = Scanner::new(segment.file, 0, segment.size, READ_AHEAD);
            loop {
                let batch = match scanner.next_header(disk) {
                    Ok(Some(batch)) => batch.summary,
                    Ok(None) => break,
                    Err(ScanError::Disk(error)) => return Err(error.into()),
                    Err(ScanError::Corrupt { .. }) => return Ok(entries),
                };
                let latest = entries.last().map_or(-1, |entry| entry.leader_epoch.0);
                if batch.leader_epoch.0 > latest {
                    let (leader_epoch, start_offset) = (batch.leader_epoch, batch.base_offset);
                    entries.push(EpochEntry { leader_epoch, start_offset });
                }
            }
        }
        Ok(entries)
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
