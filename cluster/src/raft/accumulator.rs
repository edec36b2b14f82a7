//! Gathers what a leader is asked to write into batches.
//!
//! In Kafka:   `BatchAccumulator`; the linger timer, `prepareAppend` and `schedulePreparedAppend` in one step.
//! Holds:      records with offsets already given, not yet in the log.
//! Invariants: AC-1 the records of one append are in one batch, so they are committed together or not at all.
//!             AC-2 offsets are given without gaps: they are right unless the leadership ends first.

use bytes::Bytes;
use trial_sim::{Span, Time};

use super::control::ControlRecord;
use crate::ids::{LeaderEpoch, Offset};

/// A batch that waits to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingBatch {
    /// Its first offset.
    pub base_offset: Offset,
    /// The leader's epoch.
    pub epoch: LeaderEpoch,
    /// When it was begun, by the wall clock.
    pub timestamp_ms: i64,
    /// What is in it.
    pub payload: Payload,
}

/// The records of a batch to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// Values of the quorum's users.
    Records(Vec<Bytes>),
    /// The quorum's own.
    Control(Vec<ControlRecord>),
}

/// Why nothing was appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppendError {
    /// This replica does not lead in that epoch.
    NotLeader,
    /// The records do not fit into one batch (AC-1).
    TooLarge,
    /// Too many batches wait to be written.
    Overloaded,
}

/// The batches of one leadership.
#[derive(Debug, Clone)]
pub struct BatchAccumulator {
    epoch: LeaderEpoch,
    next_offset: Offset,
    linger: Span,
    batch_max_bytes: usize,
    current: Option<(PendingBatch, usize)>,
    completed: Vec<PendingBatch>,
    drain_at: Option<Time>,
}

impl BatchAccumulator {
    /// How many full batches may wait.
    const COMPLETED_MAX: usize = 10;
    /// What a batch costs beside its records, and a record beside its value (both rounded up).
    const BATCH_OVERHEAD: usize = 61;
    const RECORD_OVERHEAD: usize = 21;

    /// The first record gets `next_offset`.
    #[must_use]
    pub fn new(
        epoch: LeaderEpoch,
        next_offset: Offset,
        linger: Span,
        batch_max_bytes: usize,
    ) -> Self {
        Self {
            epoch,
            next_offset,
            linger,
            batch_max_bytes,
            current: None,
            completed: Vec::new(),
            drain_at: None,
        }
    }

    /// Takes `records` as one; answers the offset that the last of them will have.
    ///
    /// # Errors
    /// Nothing was taken.
    pub fn append(
        &mut self,
        epoch: LeaderEpoch,
        records: Vec<Bytes>,
        now: Time,
        timestamp_ms: i64,
    ) -> Result<Offset, AppendError> {
        assert!(!records.is_empty(), "an append has records");
        assert!(epoch <= self.epoch, "an append of epoch {epoch} before {} led it", self.epoch);
        if epoch < self.epoch {
            return Err(AppendError::NotLeader);
        }
        if self.completed.len() >= Self::COMPLETED_MAX {
            return Err(AppendError::Overloaded);
        }
        let bytes: usize = records.iter().map(|value| value.len() + Self::RECORD_OVERHEAD).sum();
        if bytes + Self::BATCH_OVERHEAD > self.batch_max_bytes {
            return Err(AppendError::TooLarge);
        }
        if self.current.as_ref().is_some_and(|(_, used)| used + bytes > self.batch_max_bytes) {
            self.complete_current();
        }
        let count = records.len();
        let (batch, used) = self.current.get_or_insert_with(|| {
            let batch = PendingBatch {
                base_offset: self.next_offset,
                epoch,
                timestamp_ms,
                payload: Payload::Records(Vec::new()),
            };
            (batch, Self::BATCH_OVERHEAD)
        });
        *used += bytes;
        match &mut batch.payload {
            Payload::Records(waiting) => waiting.extend(records),
            Payload::Control(_) => unreachable!("control batches are completed at once"),
        }
        self.drain_at.get_or_insert(now + self.linger);
        Ok(self.take_offsets(count))
    }

    /// Takes control records as a batch of their own, to be written at once.
    pub fn append_control(&mut self, records: Vec<ControlRecord>, timestamp_ms: i64) -> Offset {
        self.complete_current();
        let count = records.len();
        self.completed.push(PendingBatch {
            base_offset: self.next_offset,
            epoch: self.epoch,
            timestamp_ms,
            payload: Payload::Control(records),
        });
        self.take_offsets(count)
    }

    /// How long until there is something to write; `Span::MAX` if there is nothing at all.
    #[must_use]
    pub fn time_until_drain(&self, now: Time) -> Span {
        if !self.completed.is_empty() {
            return Span::ZERO;
        }
        self.drain_at.map_or(Span::MAX, |at| at.since(now))
    }

    /// Everything, to be written now.
    pub fn drain(&mut self) -> Vec<PendingBatch> {
        self.complete_current();
        std::mem::take(&mut self.completed)
    }

    fn complete_current(&mut self) {
        self.drain_at = None;
        self.completed.extend(self.current.take().map(|(batch, _)| batch));
    }

    fn take_offsets(&mut self, count: usize) -> Offset {
        let count = i64::try_from(count).expect("a batch has few records");
        self.next_offset = Offset(self.next_offset.0 + count);
        Offset(self.next_offset.0 - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EPOCH: LeaderEpoch = LeaderEpoch(3);

    fn at(ms: u64) -> Time {
        Time(ms * 1_000_000)
    }

    fn accumulator(batch_max_bytes: usize) -> BatchAccumulator {
        BatchAccumulator::new(EPOCH, Offset(10), Span::from_millis(25), batch_max_bytes)
    }

    fn records(count: usize) -> Vec<Bytes> {
        vec![Bytes::from_static(b"record"); count]
    }

    /// (first offset, records) of each batch.
    fn shape(batches: &[PendingBatch]) -> Vec<(i64, usize)> {
        let count = |payload: &Payload| match payload {
            Payload::Records(records) => records.len(),
            Payload::Control(records) => records.len(),
        };
        batches.iter().map(|batch| (batch.base_offset.0, count(&batch.payload))).collect()
    }

    #[test]
    fn appends_within_the_linger_share_a_batch() {
        let mut accumulator = accumulator(1_000);
        assert_eq!(accumulator.time_until_drain(at(0)), Span::MAX, "nothing waits");
        assert_eq!(accumulator.append(EPOCH, records(2), at(0), 0), Ok(Offset(11)));
        assert_eq!(accumulator.append(EPOCH, records(1), at(20), 20), Ok(Offset(12)));
        assert_eq!(accumulator.time_until_drain(at(20)), Span::from_millis(5));
        assert_eq!(accumulator.time_until_drain(at(25)), Span::ZERO);
        assert_eq!(shape(&accumulator.drain()), [(10, 3)]);
        assert_eq!(accumulator.append(EPOCH, records(1), at(30), 30), Ok(Offset(13)));
        assert_eq!(accumulator.time_until_drain(at(30)), Span::from_millis(25), "a new linger");
    }

    #[test]
    fn an_append_is_never_split() {
        // Two records of 6 bytes take 54 with their overhead, a batch 61 more.
        let mut accumulator = accumulator(61 + 54 + 30);
        for want in [11, 13, 15] {
            assert_eq!(accumulator.append(EPOCH, records(2), at(0), 0), Ok(Offset(want)));
        }
        assert_eq!(accumulator.time_until_drain(at(0)), Span::ZERO, "full batches do not linger");
        assert_eq!(shape(&accumulator.drain()), [(10, 2), (12, 2), (14, 2)], "AC-1");
        let large = accumulator.append(EPOCH, records(4), at(0), 0);
        assert_eq!(large, Err(AppendError::TooLarge));
    }

    #[test]
    fn control_records_are_written_at_once_and_after_what_waits() {
        let mut accumulator = accumulator(1_000);
        assert_eq!(accumulator.append(EPOCH, records(1), at(0), 0), Ok(Offset(10)));
        let control = vec![ControlRecord::KRaftVersion(1), ControlRecord::SnapshotFooter];
        assert_eq!(accumulator.append_control(control, 0), Offset(12));
        assert_eq!(accumulator.time_until_drain(at(0)), Span::ZERO);
        assert_eq!(shape(&accumulator.drain()), [(10, 1), (11, 2)]);
    }

    #[test]
    fn a_stale_epoch_and_a_crowd_are_refused() {
        let mut accumulator = accumulator(100);
        let stale = accumulator.append(LeaderEpoch(2), records(1), at(0), 0);
        assert_eq!(stale, Err(AppendError::NotLeader));
        let crowd = (0..20).map(|_| accumulator.append(EPOCH, records(1), at(0), 0));
        assert_eq!(crowd.filter(|answer| *answer == Err(AppendError::Overloaded)).count(), 9);
    }
}
