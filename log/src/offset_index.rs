//! Finds where in a segment to look for an offset: an entry every 4 KiB, searched by halves.
//!
//! In Kafka:   `OffsetIndex`.
//! Holds:      (last offset of a batch, where it begins) entries, the offset relative to the segment's base.
//! Invariants: offsets rise strictly; a lookup answers a batch at or before the one that holds the offset.

use bytes::{BufMut, BytesMut};

use crate::Offset;
use crate::disk::{Disk, DiskError, FileId};
use crate::index_file::{IndexEntry, IndexFile, leading_i32, relative};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OffsetEntry {
    relative_offset: i32,
    position: i32,
}

impl IndexEntry for OffsetEntry {
    const SIZE: usize = 8;

    fn put(&self, into: &mut BytesMut) {
        into.put_i32(self.relative_offset);
        into.put_i32(self.position);
    }

    fn of(bytes: &[u8]) -> Self {
        Self { relative_offset: leading_i32(bytes), position: leading_i32(&bytes[4..]) }
    }

    fn key(&self) -> i64 {
        i64::from(self.relative_offset)
    }
}

/// The entries of a segment that is being scanned, until they are written at once.
#[derive(Debug, Default)]
pub(crate) struct OffsetEntries(Vec<OffsetEntry>);

/// The offset index of one segment.
#[derive(Debug, Clone)]
pub(crate) struct OffsetIndex {
    base_offset: Offset,
    file: IndexFile<OffsetEntry>,
}

impl OffsetEntries {
    /// Adds an entry; false if it would not lie beyond the last one.
    pub(crate) fn collect(&mut self, base_offset: Offset, offset: Offset, position: u64) -> bool {
        let entry = entry_after(base_offset, self.0.last().copied(), offset, position);
        self.0.extend(entry);
        entry.is_some()
    }
}

impl OffsetIndex {
    /// Takes an open file and what it holds; none if it cannot be the index of a segment of `segment_bytes`.
    pub(crate) fn open(
        disk: &mut dyn Disk,
        file: FileId,
        base_offset: Offset,
        max_bytes: u64,
        segment_bytes: u64,
    ) -> Result<Option<Self>, DiskError> {
        let Some(file) = IndexFile::<OffsetEntry>::open(disk, file, max_bytes)? else {
            return Ok(None);
        };
        let entries = file.entries();
        let rising = entries.is_sorted_by(|before, after| {
            before.relative_offset < after.relative_offset && before.position < after.position
        });
        let within = entries.first().is_none_or(|first| first.relative_offset >= 0)
            && entries.first().is_none_or(|first| first.position >= 0)
            && entries.last().is_none_or(|last| i64::from(last.position) < segment_bytes as i64);
        Ok((rising && within).then_some(Self { base_offset, file }))
    }

    pub(crate) fn empty(file: FileId, base_offset: Offset, max_bytes: u64) -> Self {
        Self { base_offset, file: IndexFile::empty(file, max_bytes) }
    }

    /// Where to begin looking for the batch that holds `offset`.
    pub(crate) fn lookup(&self, offset: Offset) -> u64 {
        let above = self.file.up_to(offset.0.saturating_sub(self.base_offset.0));
        let entry = above.checked_sub(1).map(|slot| self.file.entries()[slot]);
        entry.and_then(|entry| u64::try_from(entry.position).ok()).unwrap_or(0)
    }

    /// The offset of the last entry; the segment's base if there is none.
    pub(crate) fn last_offset(&self) -> Offset {
        let last = self.file.entries().last();
        self.base_offset.plus(last.map_or(0, |entry| i64::from(entry.relative_offset)))
    }

    /// Whether an entry for `offset` can be written in four bytes.
    pub(crate) fn can_hold(&self, offset: Offset) -> bool {
        relative(self.base_offset, offset).is_some()
    }

    pub(crate) fn size_in_bytes(&self) -> u64 {
        self.file.size_in_bytes()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.file.room() == 0
    }

    /// Writes an entry, unless it would not lie beyond the last one.
    pub(crate) fn append(
        &mut self,
        disk: &mut dyn Disk,
        offset: Offset,
        position: u64,
    ) -> Result<(), DiskError> {
        let last = self.file.entries().last().copied();
        match entry_after(self.base_offset, last, offset, position) {
            Some(entry) => self.file.push(disk, entry),
            None => Ok(()),
        }
    }

    /// Writes the entries of a scan over what was there.
    pub(crate) fn replace(
        &mut self,
        disk: &mut dyn Disk,
        entries: OffsetEntries,
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
}

/// The entry that may follow the last one; none if it would not lie beyond it, or cannot be written.
fn entry_after(
    base_offset: Offset,
    last: Option<OffsetEntry>,
    offset: Offset,
    position: u64,
) -> Option<OffsetEntry> {
    let relative_offset = relative(base_offset, offset)?;
    let position = i32::try_from(position).ok()?;
    let beyond = last.is_none_or(|last| last.relative_offset < relative_offset);
    beyond.then_some(OffsetEntry { relative_offset, position })
}
