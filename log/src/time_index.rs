//! Finds where in a segment to look for a timestamp: the largest one so far, every 4 KiB.
//!
//! In Kafka:   `TimeIndex`, `TimestampOffset`; KIP-33.
//! Holds:      (largest timestamp so far, the last offset of its batch) entries.
//! Invariants: timestamps rise strictly and offsets with them. A segment that is closed ends with its largest one.

use bytes::{BufMut, BytesMut};

use crate::disk::{Disk, DiskError, FileId};
use crate::index_file::{IndexEntry, IndexFile, leading_i32, leading_i64, relative};
use crate::{NO_TIMESTAMP, Offset};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TimeEntry {
    timestamp: i64,
    relative_offset: i32,
}

impl IndexEntry for TimeEntry {
    const SIZE: usize = 12;

    fn put(&self, into: &mut BytesMut) {
        into.put_i64(self.timestamp);
        into.put_i32(self.relative_offset);
    }

    fn of(bytes: &[u8]) -> Self {
        Self { timestamp: leading_i64(bytes), relative_offset: leading_i32(&bytes[8..]) }
    }
}

/// A timestamp and an offset that has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TimestampOffset {
    pub(crate) timestamp: i64,
    pub(crate) offset: Offset,
}

/// The entries of a segment that is being scanned, until they are written at once.
#[derive(Debug, Default)]
pub(crate) struct TimeEntries(Vec<TimeEntry>);

/// The time index of one segment.
#[derive(Debug, Clone)]
pub(crate) struct TimeIndex {
    base_offset: Offset,
    file: IndexFile<TimeEntry>,
}

impl TimeIndex {
    pub(crate) fn open(
        disk: &mut dyn Disk,
        file: FileId,
        base_offset: Offset,
        max_bytes: u64,
    ) -> Result<Self, DiskError> {
        Ok(Self { base_offset, file: IndexFile::open(disk, file, max_bytes)? })
    }

    pub(crate) fn empty(file: FileId, base_offset: Offset, max_bytes: u64) -> Self {
        Self { base_offset, file: IndexFile::empty(file, max_bytes) }
    }

    /// The last entry at or before `timestamp`; no timestamp and the segment's base if there is none.
    pub(crate) fn lookup(&self, timestamp: i64) -> TimestampOffset {
        let entries = self.file.entries();
        let above = entries.partition_point(|entry| entry.timestamp <= timestamp);
        self.resolve(above.checked_sub(1).map(|slot| entries[slot]))
    }

    pub(crate) fn last(&self) -> TimestampOffset {
        self.resolve(self.file.entries().last().copied())
    }

    pub(crate) fn is_full(&self) -> bool {
        self.file.is_full()
    }

    /// Writes an entry if the timestamp is larger than the last one.
    pub(crate) fn append(
        &mut self,
        disk: &mut dyn Disk,
        largest: TimestampOffset,
    ) -> Result<(), DiskError> {
        let last = self.file.entries().last().copied();
        match self.entry_after(last, largest) {
            Some(entry) => self.file.push(disk, entry),
            None => Ok(()),
        }
    }

    /// Adds an entry to those that will be written at once, if its timestamp is larger than the last one.
    pub(crate) fn collect(&self, entries: &mut TimeEntries, largest: TimestampOffset) {
        entries.0.extend(self.entry_after(entries.0.last().copied(), largest));
    }

    /// Writes the entries of a scan over what was there.
    pub(crate) fn replace(
        &mut self,
        disk: &mut dyn Disk,
        entries: TimeEntries,
    ) -> Result<(), DiskError> {
        self.file.replace(disk, entries.0)
    }

    /// Forgets the entries at `offset` and beyond.
    pub(crate) fn truncate_to(
        &mut self,
        disk: &mut dyn Disk,
        offset: Offset,
    ) -> Result<(), DiskError> {
        let target = offset.0.saturating_sub(self.base_offset.0);
        let entries = self.file.entries();
        let kept = entries.partition_point(|entry| i64::from(entry.relative_offset) < target);
        self.file.keep(disk, kept)
    }

    pub(crate) fn sync(&self, disk: &mut dyn Disk) -> Result<(), DiskError> {
        self.file.sync(disk)
    }

    fn resolve(&self, entry: Option<TimeEntry>) -> TimestampOffset {
        match entry {
            Some(TimeEntry { timestamp, relative_offset }) => {
                let offset = self.base_offset.plus(i64::from(relative_offset));
                TimestampOffset { timestamp, offset }
            }
            None => TimestampOffset { timestamp: NO_TIMESTAMP, offset: self.base_offset },
        }
    }

    fn entry_after(&self, last: Option<TimeEntry>, largest: TimestampOffset) -> Option<TimeEntry> {
        let relative_offset = relative(self.base_offset, largest.offset)?;
        let last_timestamp = last.map_or(NO_TIMESTAMP, |last| last.timestamp);
        let larger = largest.timestamp > last_timestamp;
        larger.then_some(TimeEntry { timestamp: largest.timestamp, relative_offset })
    }
}
