//! Remembers where the last batches of a log lie, so that a read at its tail needs no index.
//!
//! Holds:      up to sixteen batches, without a gap up to the log's end. The first of them may lie in segments that
//!             retention has dropped: nobody asks for an offset below the first segment.
//! Invariants: offsets and positions rise.
//! Left out:   Kafka has no such thing: its indexes are memory, our look-ups cost disk time.

use std::collections::VecDeque;

use crate::Offset;
use crate::batch::BatchSummary;

const CAPACITY: usize = 16;

/// A batch near the end of the log.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TailBatch {
    pub(crate) segment_base: Offset,
    pub(crate) position: u64,
    pub(crate) base_offset: Offset,
    pub(crate) last_offset: Offset,
    pub(crate) size: usize,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Tail {
    batches: VecDeque<TailBatch>,
}

impl Tail {
    pub(crate) fn push(&mut self, segment_base: Offset, position: u64, batch: &BatchSummary) {
        let BatchSummary { base_offset, last_offset, size, .. } = *batch;
        let before = self.batches.back().map(|last| last.last_offset);
        assert!(before < Some(base_offset), "batches rise: {base_offset} after {before:?}");
        if self.batches.len() == CAPACITY {
            self.batches.pop_front();
        }
        self.batches.push_back(TailBatch {
            segment_base,
            position,
            base_offset,
            last_offset,
            size,
        });
    }

    /// The first batch that ends at `offset` or beyond, if it is among these.
    pub(crate) fn find(&self, offset: Offset) -> Option<TailBatch> {
        if self.batches.front()?.base_offset > offset {
            return None;
        }
        let slot = self.batches.partition_point(|batch| batch.last_offset < offset);
        self.batches.get(slot).copied()
    }

    /// Forgets the batches that reach to `offset` or beyond.
    pub(crate) fn truncate_to(&mut self, offset: Offset) {
        self.batches.retain(|batch| batch.last_offset < offset);
    }

    pub(crate) fn clear(&mut self) {
        self.batches.clear();
    }
}
