//! A file of entries of one size, kept in memory as well: what both indexes of a segment stand on.
//!
//! In Kafka:   `AbstractIndex`.
//! Holds:      the entries, shared between clones of a log until one of them writes.
//! Invariants: the file begins with exactly these entries; what a crash left behind them is written over.
//! Left out:   the memory map and its preallocation: the file is as long as its entries.

use std::sync::Arc;

use bytes::BytesMut;

use crate::Offset;
use crate::disk::{Disk, DiskError, FileId};

/// An entry of an index file.
pub(crate) trait IndexEntry: Copy {
    /// Its size in the file.
    const SIZE: usize;
    /// Appends it in the file's form.
    fn put(&self, into: &mut BytesMut);
    /// Reads it from exactly `SIZE` bytes.
    fn of(bytes: &[u8]) -> Self;
}

/// An index of one segment.
#[derive(Debug, Clone)]
pub(crate) struct IndexFile<E> {
    file: FileId,
    entries: Arc<Vec<E>>,
    max_entries: usize,
    /// Where entries are put together, so that not each has to allocate.
    scratch: BytesMut,
}

/// Room for so many entries at a time.
const SCRATCH_ENTRIES: usize = 32;

impl<E: IndexEntry> IndexFile<E> {
    /// Takes an open file and what it holds; none if its length is not that of whole entries.
    pub(crate) fn open(
        disk: &mut dyn Disk,
        file: FileId,
        max_bytes: u64,
    ) -> Result<Option<Self>, DiskError> {
        let length = usize::try_from(disk.len(file)?).map_err(|_| DiskError::Io)?;
        let contents = disk.read(file, 0, length)?;
        if contents.len() != length || length % E::SIZE != 0 {
            return Ok(None);
        }
        let entries = contents.chunks_exact(E::SIZE).map(E::of).collect();
        let max_entries = max_entries::<E>(max_bytes);
        Ok(Some(Self { file, entries: Arc::new(entries), max_entries, scratch: BytesMut::new() }))
    }

    /// Takes an open file that is empty.
    pub(crate) fn empty(file: FileId, max_bytes: u64) -> Self {
        let (entries, max_entries) = (Arc::default(), max_entries::<E>(max_bytes));
        Self { file, entries, max_entries, scratch: BytesMut::new() }
    }

    pub(crate) fn entries(&self) -> &[E] {
        &self.entries
    }

    /// How large the file is.
    pub(crate) fn size_in_bytes(&self) -> u64 {
        (self.entries.len() * E::SIZE) as u64
    }

    /// How many more entries it may take; what one append brings it takes even so.
    pub(crate) fn room(&self) -> usize {
        self.max_entries.saturating_sub(self.entries.len())
    }

    /// Writes one more entry.
    pub(crate) fn push(&mut self, disk: &mut dyn Disk, entry: E) -> Result<(), DiskError> {
        if self.scratch.capacity() < E::SIZE {
            self.scratch.reserve(SCRATCH_ENTRIES * E::SIZE);
        }
        entry.put(&mut self.scratch);
        let bytes = self.scratch.split();
        let at = self.entries.len() * E::SIZE;
        disk.write(self.file, at as u64, bytes.freeze())?;
        Arc::make_mut(&mut self.entries).push(entry);
        Ok(())
    }

    /// Keeps the first `count` entries.
    pub(crate) fn keep(&mut self, disk: &mut dyn Disk, count: usize) -> Result<(), DiskError> {
        disk.truncate(self.file, (count * E::SIZE) as u64)?;
        if count < self.entries.len() {
            Arc::make_mut(&mut self.entries).truncate(count);
        }
        Ok(())
    }

    /// Replaces all entries.
    pub(crate) fn replace(
        &mut self,
        disk: &mut dyn Disk,
        entries: Vec<E>,
    ) -> Result<(), DiskError> {
        let mut bytes = BytesMut::with_capacity(entries.len() * E::SIZE);
        for entry in &entries {
            entry.put(&mut bytes);
        }
        disk.truncate(self.file, 0)?;
        if !entries.is_empty() {
            disk.write(self.file, 0, bytes.freeze())?;
        }
        self.entries = Arc::new(entries);
        Ok(())
    }

    pub(crate) fn sync(&self, disk: &mut dyn Disk) -> Result<(), DiskError> {
        disk.sync(self.file)
    }
}

fn max_entries<E: IndexEntry>(max_bytes: u64) -> usize {
    usize::try_from(max_bytes).unwrap_or(usize::MAX) / E::SIZE
}

/// The big-endian number at the front of `bytes`.
pub(crate) fn leading_i32(bytes: &[u8]) -> i32 {
    i32::from_be_bytes(bytes[..4].try_into().expect("an entry is cut to its size"))
}

/// The big-endian number at the front of `bytes`.
pub(crate) fn leading_i64(bytes: &[u8]) -> i64 {
    i64::from_be_bytes(bytes[..8].try_into().expect("an entry is cut to its size"))
}

/// An offset as an index stores it; none if it is too far from the segment's base.
pub(crate) fn relative(base_offset: Offset, offset: Offset) -> Option<i32> {
    let relative = i32::try_from(offset.0.checked_sub(base_offset.0)?).ok()?;
    (relative >= 0).then_some(relative)
}
