//! What a partition remembers of one producer: its epoch, its last five batches, its open transaction.
//!
//! In Kafka:   `ProducerStateEntry`, `BatchMetadata`; KIP-98, KIP-360.
//! Holds:      everything inline, so that an append moves it without allocating.
//! Invariants: PS-1 the batches are of the current epoch, oldest first; another epoch forgets them. An end marker
//!             forgets the open transaction and, under its own epoch, keeps the batches.

use std::fmt;

use crate::{NO_TIMESTAMP, Offset};

/// The epoch of a producer of which nothing is known.
pub const NO_PRODUCER_EPOCH: i16 = -1;
/// The sequence of a batch that has none, and of a producer without a batch.
pub const NO_SEQUENCE: i32 = -1;
/// How many batches of each producer are remembered; Java's producer has at most as many in flight.
pub const BATCHES_TO_RETAIN: usize = 5;

/// One batch of a producer, as far as a repetition of it has to be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchMetadata {
    /// The sequence of its last record.
    pub last_sequence: i32,
    /// The offset of its last record.
    pub last_offset: Offset,
    /// The offset of its last record, less that of its first.
    pub offset_delta: i32,
    /// Its largest timestamp.
    pub timestamp: i64,
}

impl BatchMetadata {
    const NONE: Self = Self {
        last_sequence: NO_SEQUENCE,
        last_offset: Offset(-1),
        offset_delta: 0,
        timestamp: NO_TIMESTAMP,
    };

    /// The sequence of its first record: sequences wrap from the largest `int32` to zero.
    #[must_use]
    pub fn first_sequence(&self) -> i32 {
        let (last, delta) = (self.last_sequence, self.offset_delta);
        if last < delta {
            return i32::MAX.wrapping_sub(delta.wrapping_sub(last)).wrapping_add(1);
        }
        last.wrapping_sub(delta)
    }

    /// The offset of its first record.
    #[must_use]
    pub fn first_offset(&self) -> Offset {
        Offset(self.last_offset.0.saturating_sub(i64::from(self.offset_delta)))
    }
}

/// The last batches of a producer, oldest first; places without a batch are all alike.
#[derive(Clone, Copy, PartialEq, Eq)]
struct RecentBatches {
    places: [BatchMetadata; BATCHES_TO_RETAIN],
    count: usize,
}

impl RecentBatches {
    const EMPTY: Self = Self { places: [BatchMetadata::NONE; BATCHES_TO_RETAIN], count: 0 };

    fn as_slice(&self) -> &[BatchMetadata] {
        &self.places[..self.count]
    }

    fn push(&mut self, batch: BatchMetadata) {
        if self.count == BATCHES_TO_RETAIN {
            self.places.copy_within(1.., 0);
            self.count -= 1;
        }
        self.places[self.count] = batch;
        self.count += 1;
    }
}

impl fmt::Debug for RecentBatches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.as_slice()).finish()
    }
}

/// What a partition remembers of one producer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProducerStateEntry {
    producer_id: i64,
    producer_epoch: i16,
    coordinator_epoch: i32,
    last_timestamp: i64,
    current_txn_first_offset: Option<Offset>,
    batches: RecentBatches,
}

impl ProducerStateEntry {
    /// A producer of which nothing is known.
    #[must_use]
    pub fn empty(producer_id: i64) -> Self {
        Self::new(producer_id, NO_PRODUCER_EPOCH, -1, NO_TIMESTAMP, None)
    }

    /// A producer without a batch.
    #[must_use]
    pub fn new(
        producer_id: i64,
        producer_epoch: i16,
        coordinator_epoch: i32,
        last_timestamp: i64,
        current_txn_first_offset: Option<Offset>,
    ) -> Self {
        Self {
            producer_id,
            producer_epoch,
            coordinator_epoch,
            last_timestamp,
            current_txn_first_offset,
            batches: RecentBatches::EMPTY,
        }
    }

    /// The producer's id.
    #[must_use]
    pub fn producer_id(&self) -> i64 {
        self.producer_id
    }

    /// Its latest epoch; -1 if nothing is known.
    #[must_use]
    pub fn producer_epoch(&self) -> i16 {
        self.producer_epoch
    }

    /// The epoch of the coordinator that wrote the last end marker; -1 if there was none.
    #[must_use]
    pub fn coordinator_epoch(&self) -> i32 {
        self.coordinator_epoch
    }

    /// The largest timestamp of its last batch, or the timestamp of its last end marker, whichever came last.
    #[must_use]
    pub fn last_timestamp(&self) -> i64 {
        self.last_timestamp
    }

    /// Where its open transaction begins.
    #[must_use]
    pub fn current_txn_first_offset(&self) -> Option<Offset> {
        self.current_txn_first_offset
    }

    /// Up to five batches of the current epoch, oldest first.
    #[must_use]
    pub fn batches(&self) -> &[BatchMetadata] {
        self.batches.as_slice()
    }

    /// Whether no batch of the current epoch is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.batches.count == 0
    }

    /// The sequence of the first record of the oldest batch; -1 if there is none.
    #[must_use]
    pub fn first_sequence(&self) -> i32 {
        self.batches().first().map_or(NO_SEQUENCE, BatchMetadata::first_sequence)
    }

    /// The sequence of the last record; -1 if there is none.
    #[must_use]
    pub fn last_sequence(&self) -> i32 {
        self.last_batch().last_sequence
    }

    /// The offset of the first record of the oldest batch; -1 if there is none.
    #[must_use]
    pub fn first_data_offset(&self) -> Offset {
        self.batches().first().map_or(Offset(-1), BatchMetadata::first_offset)
    }

    /// The offset of the last record; -1 if there is none.
    #[must_use]
    pub fn last_data_offset(&self) -> Offset {
        self.last_batch().last_offset
    }

    /// How many offsets the last batch spans, less one; zero if there is none.
    #[must_use]
    pub fn last_offset_delta(&self) -> i32 {
        self.last_batch().offset_delta
    }

    /// Whether a transaction is open under this epoch. (Under a newer one it may have ended by now.)
    #[must_use]
    pub fn has_ongoing_transaction(&self, producer_epoch: i16) -> bool {
        self.current_txn_first_offset.is_some() && self.producer_epoch == producer_epoch
    }

    /// The remembered batch of this epoch with exactly these sequences.
    #[must_use]
    pub fn find_duplicate(
        &self,
        producer_epoch: i16,
        first_sequence: i32,
        last_sequence: i32,
    ) -> Option<BatchMetadata> {
        if producer_epoch != self.producer_epoch {
            return None;
        }
        let same = |batch: &&BatchMetadata| {
            batch.first_sequence() == first_sequence && batch.last_sequence == last_sequence
        };
        self.batches().iter().find(same).copied()
    }

    fn last_batch(&self) -> BatchMetadata {
        self.batches().last().copied().unwrap_or(BatchMetadata::NONE)
    }

    /// The same producer without its batches: what an append starts from.
    pub(super) fn without_batches(&self) -> Self {
        Self { batches: RecentBatches::EMPTY, ..*self }
    }

    pub(super) fn add_batch(&mut self, producer_epoch: i16, batch: BatchMetadata) {
        self.enter_epoch(producer_epoch);
        self.batches.push(batch);
        self.last_timestamp = batch.timestamp;
    }

    /// Adds what an append made of this producer: its batches are those of the append alone.
    pub(super) fn update(&mut self, appended: &Self) {
        self.enter_epoch(appended.producer_epoch);
        for batch in appended.batches() {
            self.batches.push(*batch);
        }
        self.coordinator_epoch = appended.coordinator_epoch;
        self.current_txn_first_offset = appended.current_txn_first_offset;
        self.last_timestamp = appended.last_timestamp;
    }

    pub(super) fn end_transaction(&mut self, epoch: i16, coordinator_epoch: i32, timestamp: i64) {
        self.enter_epoch(epoch);
        self.coordinator_epoch = coordinator_epoch;
        self.current_txn_first_offset = None;
        self.last_timestamp = timestamp;
    }

    pub(super) fn begin_transaction(&mut self, first_offset: Offset) {
        self.current_txn_first_offset = Some(first_offset);
    }

    fn enter_epoch(&mut self, producer_epoch: i16) {
        if self.producer_epoch != producer_epoch {
            self.batches = RecentBatches::EMPTY;
            self.producer_epoch = producer_epoch;
        }
    }
}
