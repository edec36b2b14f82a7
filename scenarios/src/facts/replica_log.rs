//! A replica's log as its disk has it, batch by batch.
//!
//! Holds:      for each segment file the batches in the order of their bytes; what was written, whoever says what.
//! Inputs:     what an observer of the disk sees; after a crash the disk itself.
//! Invariants: RL-1 it equals what reading the files would give, up to the first bad batch.

use std::collections::BTreeMap;

use bytes::Bytes;
use trial_sim::disk::Disk;

use super::chunked::Chunked;
use crate::tap::{BatchFault, BatchHead, batches};

/// A batch as it lies on a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// Offset of its first record.
    pub base: i64,
    /// Offset of its last record.
    pub last: i64,
    /// The epoch of the leader that wrote it.
    pub epoch: i32,
    /// The checksum of all but base offset and epoch: what makes it the same batch elsewhere.
    pub crc: u32,
    /// Where it begins in its file.
    pub position: u64,
    /// Its bytes.
    pub size: u32,
    /// The latest timestamp of its records, by its head; -1 without any.
    pub max_timestamp: i64,
}

impl Stored {
    /// The batch with this head, where it lies in a file.
    #[must_use]
    pub fn of(head: &BatchHead, position: u64) -> Self {
        Self {
            base: head.base_offset,
            last: head.last_offset,
            epoch: head.leader_epoch,
            crc: head.crc,
            position,
            size: u32::try_from(head.bytes.len()).expect("a batch is shorter than four gigabytes"),
            max_timestamp: head.max_timestamp,
        }
    }

    /// Whether the other is the same batch at the same place with the same epoch.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        (self.base, self.last, self.epoch, self.crc)
            == (other.base, other.last, other.epoch, other.crc)
    }
}

/// One replica's log.
#[derive(Debug, Clone, Default)]
pub struct ReplicaLog {
    segments: BTreeMap<i64, Chunked<Stored>>,
    /// What its owner said last about its high watermark.
    pub high_watermark: i64,
    /// Where it starts, as its owner said last: what lies below may still be on the disk, and is not in the log.
    pub log_start: i64,
    /// The furthest start of a leader's log that a leader has told its owner.
    pub told_start: i64,
}

impl ReplicaLog {
    /// A segment was begun.
    pub fn on_create(&mut self, base: i64) {
        self.segments.entry(base).or_default();
    }

    /// Bytes were written into the segment that begins at `base`.
    pub fn on_write(
        &mut self,
        base: i64,
        position: u64,
        bytes: &Bytes,
        wrote: &mut Vec<Stored>,
    ) -> Result<(), BatchFault> {
        let segment = self.segments.entry(base).or_default();
        let mut at = position;
        for head in batches(bytes, false)? {
            let stored = Stored::of(&head, at);
            at += u64::from(stored.size);
            segment.push(stored);
            wrote.push(stored);
        }
        Ok(())
    }

    /// The segment was cut.
    pub fn on_truncate(&mut self, base: i64, length: u64, removed: &mut Vec<Stored>) {
        if let Some(segment) = self.segments.get_mut(&base) {
            let kept =
                segment.partition_point(|batch| batch.position + u64::from(batch.size) <= length);
            removed.extend(segment.iter_from(kept).copied());
            segment.truncate(kept);
        }
    }

    /// The segment is gone.
    pub fn on_remove(&mut self, base: i64, removed: &mut Vec<Stored>) {
        if let Some(segment) = self.segments.remove(&base) {
            removed.extend(segment.iter().copied());
        }
    }

    /// The log as the disk has it now. Answers the log as it was known before.
    pub fn reread(&mut self, disk: &Disk, folder: &str) -> Self {
        let mut found: BTreeMap<i64, Chunked<Stored>> = BTreeMap::new();
        let prefix = format!("{folder}/");
        let mut files: Vec<i64> = disk
            .files()
            .filter_map(|(path, _)| segment_base(path.strip_prefix(&prefix)?))
            .collect();
        files.sort_unstable();
        for base in files {
            let path = segment_path(folder, base);
            let bytes = disk.peek(&path, 0, u64::MAX).unwrap_or_default();
            let (segment, whole) = readable(&bytes);
            found.insert(base, segment);
            if !whole {
                // Recovery drops what follows the first bad batch.
                break;
            }
        }
        let segments = std::mem::replace(&mut self.segments, found);
        Self { segments, ..*self }
    }

    /// The batches of `before` that are not in this log.
    pub fn lacks_of<'a>(&'a self, before: &'a Self) -> impl Iterator<Item = &'a Stored> + 'a {
        let lacks = |batch: &&Stored| !self.at(batch.base).is_some_and(|here| here.is_same(batch));
        before.segments.values().flat_map(Chunked::iter).filter(lacks)
    }

    /// The batch that holds `offset`.
    #[must_use]
    pub fn at(&self, offset: i64) -> Option<&Stored> {
        let (_, segment) = self.segments.range(..=offset).next_back()?;
        let index = segment.partition_point(|batch| batch.last < offset);
        segment.get(index).filter(|batch| batch.base <= offset)
    }

    /// The offset after the last batch.
    #[must_use]
    pub fn end(&self) -> i64 {
        let last = self.segments.values().rev().find_map(Chunked::last);
        let newest = self.segments.keys().next_back().copied().unwrap_or(0);
        last.map_or(newest, |batch| batch.last + 1).max(newest)
    }

    /// The first offset that a file could hold.
    #[must_use]
    pub fn start(&self) -> i64 {
        self.segments.keys().next().copied().unwrap_or(0)
    }

    /// Where the log begins for who reads it: at its first file, or behind that if its owner said so.
    #[must_use]
    pub fn begin(&self) -> i64 {
        self.start().max(self.log_start)
    }

    /// The first two segments, by their first offsets; none if there are fewer.
    #[must_use]
    pub fn first_two(&self) -> Option<(i64, i64)> {
        let mut bases = self.segment_bases();
        Some((bases.next()?, bases.next()?))
    }

    /// The batches of the segment that begins at `base`.
    #[must_use]
    pub fn segment(&self, base: i64) -> Option<&Chunked<Stored>> {
        self.segments.get(&base)
    }

    /// The bytes of the segments from `base` on.
    #[must_use]
    pub fn bytes_from(&self, base: i64) -> u64 {
        let ends = self.segments.range(base..).filter_map(|(_, segment)| segment.last());
        ends.map(|batch| batch.position + u64::from(batch.size)).sum()
    }

    /// The batches from `offset` on.
    pub fn from(&self, offset: i64) -> impl Iterator<Item = &Stored> + '_ {
        self.segments.values().flat_map(move |segment| {
            segment.iter_from(segment.partition_point(|batch| batch.last < offset))
        })
    }

    /// The first offset of each segment.
    pub fn segment_bases(&self) -> impl Iterator<Item = i64> + '_ {
        self.segments.keys().copied()
    }

    /// The epochs with the offsets at which their batches begin.
    #[must_use]
    pub fn epochs(&self) -> Vec<(i32, i64)> {
        let mut epochs: Vec<(i32, i64)> = Vec::new();
        for batch in self.segments.values().flat_map(Chunked::iter) {
            if epochs.last().is_none_or(|(epoch, _)| *epoch != batch.epoch) {
                epochs.push((batch.epoch, batch.base));
            }
        }
        epochs
    }
}

/// The readable batches at the start of a file, and whether that was all of it.
fn readable(bytes: &Bytes) -> (Chunked<Stored>, bool) {
    let mut segment = Chunked::default();
    let mut at = 0;
    while at < bytes.len() {
        let rest = bytes.slice(at..);
        let Some(size) =
            rest.get(8..12).map(|field| i32::from_be_bytes(field.try_into().expect("four")))
        else {
            return (segment, false);
        };
        let Some(end) =
            usize::try_from(size).ok().map(|size| size + 12).filter(|end| *end <= rest.len())
        else {
            return (segment, false);
        };
        match batches(&rest.slice(..end), false) {
            Ok(heads) if heads.len() == 1 => segment.push(Stored::of(&heads[0], at as u64)),
            _ => return (segment, false),
        }
        at += end;
    }
    (segment, true)
}

/// `00000000000000000042.log` begins at 42; other files are no segments.
#[must_use]
pub fn segment_base(name: &str) -> Option<i64> {
    name.strip_suffix(".log").filter(|digits| digits.len() == 20)?.parse().ok()
}

/// The path of a segment.
#[must_use]
pub fn segment_path(folder: &str, base: i64) -> String {
    format!("{folder}/{base:020}.log")
}
