//! A file of entries of one size, kept in memory as well: what both indexes of a segment stand on.
//!
//! In Kafka:   `AbstractIndex`.
//! Holds:      the entries, shared between clones of a log until one of them writes, and a guide to them.
//! Invariants: the file begins with exactly these entries; what a crash left behind them is written over. The guide has
//!             the key of each entry that begins a stretch, and no other.
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
    /// What it is looked up by; rises from entry to entry.
    fn key(&self) -> i64;
}

/// The guide names one of so many entries. Halving a large index from its middle misses the processor's caches at each
/// step but the last few; the guide is so small that it stays in them, and a stretch is a few of their lines. (Kafka
/// halves the last 8 KiB first, for readers at the end.)
const STRETCH: usize = 64;

/// Entries in their order, and a guide to them.
#[derive(Debug, Clone)]
struct Entries<E> {
    all: Vec<E>,
    guide: Vec<i64>,
}

impl<E: IndexEntry> Entries<E> {
    fn of(all: Vec<E>) -> Self {
        let guide = all.iter().step_by(STRETCH).map(E::key).collect();
        Self { all, guide }
    }

    fn push(&mut self, entry: E) {
        if self.all.len().is_multiple_of(STRETCH) {
            self.guide.push(entry.key());
        }
        self.all.push(entry);
    }

    fn truncate(&mut self, count: usize) {
        self.all.truncate(count);
        self.guide.truncate(count.div_ceil(STRETCH));
    }

    /// How many lie at or before `key`.
    fn up_to(&self, key: i64) -> usize {
        let stretches = self.guide.partition_point(|first| *first <= key);
        let from = stretches.saturating_sub(1) * STRETCH;
        let to = self.all.len().min(stretches * STRETCH);
        from + self.all[from..to].partition_point(|entry| entry.key() <= key)
    }
}

/// An index of one segment.
#[derive(Debug, Clone)]
pub(crate) struct IndexFile<E> {
    file: FileId,
    entries: Arc<Entries<E>>,
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
        let entries = Arc::new(Entries::of(entries));
        Ok(Some(Self { file, entries, max_entries, scratch: BytesMut::new() }))
    }

    /// Takes an open file that is empty.
    pub(crate) fn empty(file: FileId, max_bytes: u64) -> Self {
        let (entries, max_entries) =
            (Arc::new(Entries::of(Vec::new())), max_entries::<E>(max_bytes));
        Self { file, entries, max_entries, scratch: BytesMut::new() }
    }

    pub(crate) fn entries(&self) -> &[E] {
        &self.entries.all
    }

    /// How many entries lie at or before `key`.
    pub(crate) fn up_to(&self, key: i64) -> usize {
        self.entries.up_to(key)
    }

    /// How large the file is.
    pub(crate) fn size_in_bytes(&self) -> u64 {
        (self.entries.all.len() * E::SIZE) as u64
    }

    /// How many more entries it may take; what one append brings it takes even so.
    pub(crate) fn room(&self) -> usize {
        self.max_entries.saturating_sub(self.entries.all.len())
    }

    /// Writes one more entry.
    pub(crate) fn push(&mut self, disk: &mut dyn Disk, entry: E) -> Result<(), DiskError> {
        if self.scratch.capacity() < E::SIZE {
            self.scratch.reserve(SCRATCH_ENTRIES * E::SIZE);
        }
        entry.put(&mut self.scratch);
        let bytes = self.scratch.split();
        let at = self.entries.all.len() * E::SIZE;
        disk.write(self.file, at as u64, bytes.freeze())?;
        Arc::make_mut(&mut self.entries).push(entry);
        Ok(())
    }

    /// Keeps the first `count` entries.
    pub(crate) fn keep(&mut self, disk: &mut dyn Disk, count: usize) -> Result<(), DiskError> {
        disk.truncate(self.file, (count * E::SIZE) as u64)?;
        if count < self.entries.all.len() {
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
        self.entries = Arc::new(Entries::of(entries));
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

#[cfg(test)]
mod tests {
    use bytes::BufMut;
    use proptest::prelude::*;

    use super::*;
    use crate::MemoryDisk;

    #[derive(Debug, Clone, Copy, PartialEq)]
    struct Number(i32);

    impl IndexEntry for Number {
        const SIZE: usize = 4;

        fn put(&self, into: &mut BytesMut) {
            into.put_i32(self.0);
        }

        fn of(bytes: &[u8]) -> Self {
            Self(leading_i32(bytes))
        }

        fn key(&self) -> i64 {
            i64::from(self.0)
        }
    }

    /// The entries are those, and each key finds what a walk finds; so it does in the file, opened again.
    fn holds(index: &IndexFile<Number>, disk: &mut MemoryDisk, want: &[Number]) {
        let again = IndexFile::open(disk, index.file, u64::MAX).expect("the disk is whole");
        for index in [index, &again.expect("it holds whole entries")] {
            assert_eq!(index.entries(), want, "the entries");
            let keys = want.iter().map(Number::key);
            for key in keys.flat_map(|key| [key - 1, key, key + 1]).chain([i64::MIN, i64::MAX]) {
                let walked = want.iter().take_while(|entry| entry.key() <= key).count();
                assert_eq!(index.up_to(key), walked, "entries up to {key}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

        #[test]
        fn whatever_befalls_an_index_a_key_is_found(
            steps in proptest::collection::vec(1..1000i32, 0..400),
            kept in proptest::collection::vec(0..400usize, 0..4),
        ) {
            let mut disk = MemoryDisk::new();
            let file = disk.open("index", true).expect("the disk is empty");
            let (mut index, mut want) = (IndexFile::empty(file, u64::MAX), Vec::new());
            for kept in kept {
                let mut last = want.last().map_or(-1, |last: &Number| last.0);
                for step in &steps {
                    last += step;
                    index.push(&mut disk, Number(last)).expect("the disk is whole");
                    want.push(Number(last));
                }
                holds(&index, &mut disk, &want);
                want.truncate(kept);
                index.keep(&mut disk, kept.min(want.len())).expect("the disk is whole");
                holds(&index, &mut disk, &want);
            }
            index.replace(&mut disk, want[want.len() / 2..].to_vec()).expect("the disk is whole");
            holds(&index, &mut disk, &want[want.len() / 2..]);
        }
    }
}
