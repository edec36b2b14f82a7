//! A replica's log as its disk has it, batch by batch.
//!
//! Holds:      for each segment file the batches in the order of their bytes; what was written, whoever says what.
//! Inputs:     what an observer of the disk sees; after a crash the disk itself (`swap.rs`).
//! Invariants: RL-1 it equals what reading the files would give, up to the first bad batch.

use std::collections::BTreeMap;

use bytes::Bytes;
use trial_sim::Time;

use super::record_print::RecordPrint;
use super::segment::Segment;
use super::swap::Swap;
use crate::tap::{BatchFault, BatchHead, Sequence};

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
    /// Who produced it, if its producer is idempotent.
    pub sequence: Option<Sequence>,
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
            sequence: head.sequence,
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
    pub(super) segments: BTreeMap<i64, Segment>,
    /// What its owner said last about its high watermark.
    pub high_watermark: i64,
    /// The furthest high watermark that its owner's present process has noted.
    pub top: i64,
    /// The high watermark that its owner's present process knew when it last dropped a segment, and might.
    pub(super) dropped_at: i64,
    /// Where it starts, as its owner said last: what lies below may still be on the disk, and is not in the log.
    pub log_start: i64,
    /// The furthest start of a leader's log that a leader has told its owner.
    pub told_start: i64,
    /// Whether its records are kept, and not its batches alone: a cleaning may make other batches of them.
    pub keeps_records: bool,
    pub(super) swap: Option<Box<Swap>>,
}

impl ReplicaLog {
    /// A log of which nothing is known yet.
    #[must_use]
    pub fn new(keeps_records: bool) -> Self {
        Self { keeps_records, ..Self::default() }
    }

    /// The same log without its segments.
    pub(super) fn clone_bare(&self) -> Self {
        let Self { high_watermark, top, dropped_at, log_start, told_start, keeps_records, .. } =
            *self;
        let known = Self { high_watermark, top, dropped_at, ..Self::new(keeps_records) };
        Self { log_start, told_start, ..known }
    }

    /// It is gone, and a later one at its place begins anew.
    pub(super) fn forget(&mut self) {
        *self = Self::new(self.keeps_records);
    }

    /// Its owner notes a high watermark.
    pub fn on_high_watermark(&mut self, to: i64) {
        self.high_watermark = to;
        self.top = self.top.max(to);
    }

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
        let keeps_records = self.keeps_records;
        self.segments.entry(base).or_default().on_write(position, bytes, keeps_records, wrote)
    }

    /// That was at this time.
    pub fn wrote_at(&mut self, base: i64, at: Time) {
        if self.keeps_records
            && let Some(segment) = self.segments.get_mut(&base)
        {
            segment.written_at = Some(at);
        }
    }

    /// The segment was cut.
    pub fn on_truncate(&mut self, base: i64, length: u64, removed: &mut Vec<Stored>) {
        if let Some(segment) = self.segments.get_mut(&base) {
            segment.on_truncate(length, removed);
        }
    }

    /// The segment is gone.
    pub fn on_remove(&mut self, base: i64, removed: &mut Vec<Stored>) {
        if let Some(segment) = self.segments.remove(&base) {
            removed.extend(segment.batches.iter().copied());
        }
    }

    /// The record at `offset`, of a log that keeps them.
    #[must_use]
    pub fn record(&self, offset: i64) -> Option<&RecordPrint> {
        let (_, segment) = self.segments.range(..=offset).next_back()?;
        let index = segment.records.partition_point(|record| record.offset < offset);
        segment.records.get(index).filter(|record| record.offset == offset)
    }

    /// The records from `offset` on, of a log that keeps them.
    pub fn records_from(&self, offset: i64) -> impl Iterator<Item = &RecordPrint> + '_ {
        self.segments.values().flat_map(move |segment| {
            let index = segment.records.partition_point(|record| record.offset < offset);
            segment.records.iter_from(index)
        })
    }

    /// The first offset at which a batch does not lie behind the one before it.
    #[must_use]
    pub fn goes_back_at(&self) -> Option<i64> {
        let mut end = i64::MIN;
        self.from(i64::MIN).find_map(|batch| {
            let before = std::mem::replace(&mut end, batch.last);
            (batch.base <= before).then_some(batch.base)
        })
    }

    /// The batch that holds `offset`.
    #[must_use]
    pub fn at(&self, offset: i64) -> Option<&Stored> {
        let (_, segment) = self.segments.range(..=offset).next_back()?;
        let index = segment.batches.partition_point(|batch| batch.last < offset);
        segment.batches.get(index).filter(|batch| batch.base <= offset)
    }

    /// The offset after the last batch.
    #[must_use]
    pub fn end(&self) -> i64 {
        let last = self.segments.values().rev().find_map(|segment| segment.batches.last());
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

    /// How many records it has for who reads it.
    #[must_use]
    pub fn held(&self) -> u64 {
        let begin = self.begin();
        if self.keeps_records {
            return self.records_from(begin).count() as u64;
        }
        // A log that is not compacted has a record at every offset of a batch.
        let of_batch = |batch: &Stored| (batch.last + 1 - batch.base.max(begin)).unsigned_abs();
        self.from(begin).map(of_batch).sum()
    }

    /// The first two segments, by their first offsets; none if there are fewer.
    #[must_use]
    pub fn first_two(&self) -> Option<(i64, i64)> {
        let mut bases = self.segment_bases();
        Some((bases.next()?, bases.next()?))
    }

    /// The segment that begins at `base`.
    #[must_use]
    pub fn segment(&self, base: i64) -> Option<&Segment> {
        self.segments.get(&base)
    }

    /// The bytes of the segments from `base` on.
    #[must_use]
    pub fn bytes_from(&self, base: i64) -> u64 {
        let ends = self.segments.range(base..).filter_map(|(_, segment)| segment.batches.last());
        ends.map(|batch| batch.position + u64::from(batch.size)).sum()
    }

    /// The batches from `offset` on.
    pub fn from(&self, offset: i64) -> impl Iterator<Item = &Stored> + '_ {
        self.segments.values().flat_map(move |segment| {
            let batches = &segment.batches;
            batches.iter_from(batches.partition_point(|batch| batch.last < offset))
        })
    }

    /// The first offset of each segment.
    pub fn segment_bases(&self) -> impl Iterator<Item = i64> + '_ {
        self.segments.keys().copied()
    }

    /// The epochs of the batches from `start` on, with the offsets at which they begin.
    #[must_use]
    pub fn epochs_from(&self, start: i64) -> Vec<(i32, i64)> {
        let mut epochs: Vec<(i32, i64)> = Vec::new();
        for batch in self.from(start) {
            if epochs.last().is_none_or(|(epoch, _)| *epoch != batch.epoch) {
                epochs.push((batch.epoch, batch.base));
            }
        }
        epochs
    }
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
