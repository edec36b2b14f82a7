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

    fn key(&self) -> i64 {
        self.timestamp
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

impl TimeEntries {
    /// Adds an entry, if its timestamp is larger than the last one.
    pub(crate) fn collect(&mut self, base_offset: Offset, largest: TimestampOffset) {
        self.0.extend(entry_after(base_offset, self.0.last().copied(), largest));
    }
}

impl TimeIndex {
    /// Takes an open file and what it holds; none if it cannot be a time index.
    pub(crate) fn open(
        disk: &mut dyn Disk,
        file: FileId,
        base_offset: Offset,
        max_bytes: u64,
    ) -> Result<Option<Self>, DiskError> {
        let Some(file) = IndexFile::<TimeEntry>::open(disk, file, max_bytes)? else {
            return Ok(None);
        };
        let entries = file.entries();
        let rising = entries.is_sorted_by(|before, after| {
            before.timestamp < after.timestamp && before.relative_offset < after.relative_offset
        });
        let first = entries.first();
        let within = first.is_none_or(|first| first.relative_offset >= 0 && first.timestamp >= 0);
        Ok((rising && within).then_some(Self { base_offset, file }))
    }

    pub(crate) fn empty(file: FileId, base_offset: Offset, max_bytes: u64) -> Self {
        Self { base_offset, file: IndexFile::empty(file, max_bytes) }
    }

    /// The last entry at or before `timestamp`; no timestamp and the segment's base if there is none.
    pub(crate) fn lookup(&self, timestamp: i64) -> TimestampOffset {
        let above = self.file.up_to(timestamp);
        self.resolve(above.checked_sub(1).map(|slot| self.file.entries()[slot]))
    }

    pub(crate) fn last(&self) -> TimestampOffset {
        self.resolve(self.file.entries().last().copied())
    }

    pub(crate) fn size_in_bytes(&self) -> u64 {
        self.file.size_in_bytes()
    }

    /// Whether there is room for the last entry alone, which a roll writes.
    pub(crate) fn is_full(&self) -> bool {
        self.file.room() <= 1
    }

    /// Writes an entry if the timestamp is larger than the last one.
    pub(crate) fn append(
        &mut self,
        disk: &mut dyn Disk,
        largest: TimestampOffset,
    ) -> Result<(), DiskError> {
        let last = self.file.entries().last().copied();
        match entry_after(self.base_offset, last, largest) {
            Some(entry) => self.file.push(disk, entry),
            None => Ok(()),
        }
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
}

/// The entry that may follow the last one; none if its timestamp is not larger, or its offset cannot be written.
fn entry_after(
    base_offset: Offset,
    last: Option<TimeEntry>,
    largest: TimestampOffset,
) -> Option<TimeEntry> {
    let relative_offset = relative(base_offset, largest.offset)?;
    let last_timestamp = last.map_or(NO_TIMESTAMP, |last| last.timestamp);
    let larger = largest.timestamp > last_timestamp;
    larger.then_some(TimeEntry { timestamp: largest.timestamp, relative_offset })
}
