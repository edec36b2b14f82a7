//! Segments that go: their files are renamed at once and removed a while later, when no reader has them any more.
//!
//! In Kafka:   `LocalLog.deleteSegmentFiles`, the `delete-file` task.
//! Holds:      in the log, the files that were renamed and when each may go.
//! Invariants: the batches are renamed before the indexes: indexes alone are no segment. What is left when the
//!             process ends is removed by the next load.

use crate::Offset;
use crate::disk::{Disk, DiskError};
use crate::error::LogError;
use crate::event::LogEvent;
use crate::mark;
use crate::segment::{DELETED_SUFFIX, SEGMENT_SUFFIXES, segment_file};

use super::log::Log;

/// A file that was renamed to go, and when it may.
#[derive(Debug, Clone)]
pub(super) struct Doomed {
    path: String,
    due_ms: i64,
}

impl Log {
    /// When the next file is due that was dropped a while ago.
    #[must_use]
    pub fn next_deletion_ms(&self) -> Option<i64> {
        self.doomed.front().map(|doomed| doomed.due_ms)
    }

    /// Removes the files that were dropped `file.delete.delay.ms` ago or longer.
    pub fn delete_due_files(
        &mut self,
        disk: &mut dyn Disk,
        now_ms: i64,
        events: &mut Vec<LogEvent>,
    ) -> Result<(), LogError> {
        self.guarded(events, |log, events| {
            while log.doomed.front().is_some_and(|doomed| doomed.due_ms <= now_ms) {
                mark::reachable!(
                    events,
                    "dropped_file_removed",
                    "a file of a dropped segment was removed after file.delete.delay.ms"
                );
                let due = log.doomed.pop_front();
                due.map_or(Ok(()), |doomed| remove_if_there(disk, &doomed.path))?;
            }
            Ok(())
        })
    }

    /// Renames the files of a segment, known by its base and its size, and the snapshot taken where it begins, to be
    /// removed later.
    pub(super) fn doom(
        &mut self,
        disk: &mut dyn Disk,
        segment: (Offset, u64),
        now_ms: i64,
        events: &mut Vec<LogEvent>,
    ) -> Result<(), DiskError> {
        self.doom_files(disk, segment, now_ms, events)?;
        self.doom_snapshot(disk, segment.0, now_ms)
    }

    /// Renames the snapshot that was taken where a segment begins.
    pub(super) fn doom_snapshot(
        &mut self,
        disk: &mut dyn Disk,
        base_offset: Offset,
        now_ms: i64,
    ) -> Result<(), DiskError> {
        let known = self.producers.remove_for_deletion(base_offset);
        known.map_or(Ok(()), |path| self.doom_file(disk, &path, now_ms))
    }

    fn doom_file(&mut self, disk: &mut dyn Disk, from: &str, now_ms: i64) -> Result<(), DiskError> {
        let due_ms = now_ms.saturating_add(self.config.file_delete_delay_ms);
        let path = format!("{from}{DELETED_SUFFIX}");
        match disk.rename(from, &path) {
            Ok(()) => self.doomed.push_back(Doomed { path, due_ms }),
            Err(DiskError::NotFound) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Renames the files of a segment alone.
    pub(super) fn doom_files(
        &mut self,
        disk: &mut dyn Disk,
        (base_offset, bytes): (Offset, u64),
        now_ms: i64,
        events: &mut Vec<LogEvent>,
    ) -> Result<(), DiskError> {
        for suffix in SEGMENT_SUFFIXES {
            let from = segment_file(&self.folder, base_offset, suffix);
            self.doom_file(disk, &from, now_ms)?;
        }
        events.push(LogEvent::SegmentDropped { base_offset, bytes });
        Ok(())
    }
}

pub(super) fn remove_if_there(disk: &mut dyn Disk, path: &str) -> Result<(), DiskError> {
    match disk.remove(path) {
        Err(DiskError::NotFound) => Ok(()),
        outcome => outcome,
    }
}
