//! A segment as its file has it, batch by batch, and its records if somebody has to know them.
//!
//! Invariants: SG-1 it equals what reading the file would give, up to the first bad batch. SG-2 a batch whose offset
//!             falls back is a bad one: no checksum covers it, and a power loss may tear it off what follows.

use bytes::Bytes;
use trial_sim::Time;

use super::chunked::Chunked;
use super::record_print::{RecordPrint, prints};
use super::replica_log::Stored;
use crate::tap::{BatchFault, BatchHead, batches};

/// One segment.
#[derive(Debug, Clone, Default)]
pub struct Segment {
    /// Its batches, in the order of their bytes.
    pub batches: Chunked<Stored>,
    /// Their records, of a log that keeps them.
    pub records: Chunked<RecordPrint>,
    /// When it was last written to, if that was seen.
    pub written_at: Option<Time>,
    /// Whether a cleaning has made it.
    pub is_cleaned: bool,
}

impl Segment {
    /// Whether the other has the same batches.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let same = |(mine, theirs): (&Stored, &Stored)| mine.is_same(theirs);
        self.batches.iter().count() == other.batches.iter().count()
            && self.batches.iter().zip(other.batches.iter()).all(same)
    }

    /// Bytes were written, from `position` on.
    pub(super) fn on_write(
        &mut self,
        position: u64,
        bytes: &Bytes,
        keeps_records: bool,
        wrote: &mut Vec<Stored>,
    ) -> Result<(), BatchFault> {
        let mut at = position;
        for head in batches(bytes, false)? {
            let stored = self.push(&head, at, keeps_records)?;
            at += u64::from(stored.size);
            wrote.push(stored);
        }
        Ok(())
    }

    fn push(
        &mut self,
        head: &BatchHead,
        position: u64,
        keeps_records: bool,
    ) -> Result<Stored, BatchFault> {
        let stored = Stored::of(head, position);
        if keeps_records {
            for print in prints(head)? {
                self.records.push(print);
            }
        }
        self.batches.push(stored);
        Ok(stored)
    }

    /// The file was cut.
    pub(super) fn on_truncate(&mut self, length: u64, removed: &mut Vec<Stored>) {
        let fits = |batch: &Stored| batch.position + u64::from(batch.size) <= length;
        let kept = self.batches.partition_point(fits);
        removed.extend(self.batches.iter_from(kept).copied());
        self.batches.truncate(kept);
        let last = self.batches.last().map_or(i64::MIN, |batch| batch.last);
        self.records.truncate(self.records.partition_point(|record| record.offset <= last));
    }

    /// The offset after its last batch; its own first one if it has none.
    #[must_use]
    pub fn next_offset(&self, base: i64) -> i64 {
        self.batches.last().map_or(base, |batch| batch.last + 1)
    }

    /// The readable batches at the start of a file, and whether that was all of it.
    pub(super) fn readable(base: i64, bytes: &Bytes, keeps_records: bool) -> (Self, bool) {
        let mut segment = Self::default();
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
            let read = batches(&rest.slice(..end), false);
            let Some(head) =
                read.ok().filter(|heads| heads.len() == 1).map(|mut one| one.remove(0))
            else {
                return (segment, false);
            };
            // SG-2
            let falls_back = head.base_offset < segment.next_offset(base);
            if falls_back || segment.push(&head, at as u64, keeps_records).is_err() {
                return (segment, false);
            }
            at += end;
        }
        (segment, true)
    }
}
