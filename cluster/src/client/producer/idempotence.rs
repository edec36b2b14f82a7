//! Which batches of a producer a broker recognises: its id and epoch, and for each partition the sequences.
//!
//! In Kafka:   `TransactionManager` as far as a producer without transactions needs it, `TxnPartitionMap`,
//!             `TxnPartitionEntry`; KIP-98, KIP-360 (the epoch is bumped by the client alone).
//! Holds:      the id, whether one is being asked for; per partition the next sequence, the last one that was
//!             acknowledged, the batches that have a sequence and are not completed.
//! Inputs:     answers. Effects: none; the sender asks what it may do.
//! Invariants: ID-1 two batches of one partition, id and epoch never have the same sequence. ID-2 after a gap nothing
//!             new goes to a partition until it is known what became of what was sent.

use std::collections::{BTreeMap, BTreeSet};

use trial_log::Producer;
use trial_sim::Time;

use super::batch::{BatchId, ProducerBatch};
use crate::client::NamedPartition;
use crate::error_code::ErrorCode;

/// A producer's id and its epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ProducerIdAndEpoch {
    pub(super) id: i64,
    pub(super) epoch: i16,
}

impl ProducerIdAndEpoch {
    const NONE: Self = Self { id: -1, epoch: -1 };

    const fn is_valid(self) -> bool {
        self.id >= 0
    }
}

/// Whether there is an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Uninitialized,
    /// One is to be asked for, not before a moment.
    Wanted(Time),
    /// It is asked for.
    Asked,
    Ready,
    /// Nothing can be sent any more.
    Fatal(ErrorCode),
}

/// Sequences of one partition.
#[derive(Debug, Clone)]
struct Entry {
    producer: ProducerIdAndEpoch,
    next_sequence: i32,
    last_acked_sequence: i32,
    /// By id, epoch and sequence.
    in_flight: BTreeMap<(ProducerIdAndEpoch, i32), BatchId>,
}

impl Default for Entry {
    fn default() -> Self {
        Self {
            producer: ProducerIdAndEpoch::NONE,
            next_sequence: 0,
            last_acked_sequence: -1,
            in_flight: BTreeMap::new(),
        }
    }
}

/// A batch of which the sequence begins anew, and how.
pub(super) type Rewritten = (BatchId, Producer);

/// All of it.
#[derive(Debug, Clone)]
pub(super) struct Idempotence {
    producer: ProducerIdAndEpoch,
    state: State,
    bump_required: bool,
    /// Partitions whose batches under way get new sequences with the next epoch.
    rewrite: BTreeSet<NamedPartition>,
    /// Partitions of which a batch was given up that may be in the log, with the sequence after it.
    unresolved: BTreeMap<NamedPartition, i32>,
    entries: BTreeMap<NamedPartition, Entry>,
}

impl Idempotence {
    /// Without an id yet.
    pub(super) fn new() -> Self {
        Self {
            producer: ProducerIdAndEpoch::NONE,
            state: State::Uninitialized,
            bump_required: false,
            rewrite: BTreeSet::new(),
            unresolved: BTreeMap::new(),
            entries: BTreeMap::new(),
        }
    }

    /// What nothing can be sent for, if so.
    pub(super) const fn fatal(&self) -> Option<ErrorCode> {
        match self.state {
            State::Fatal(error) => Some(error),
            _ => None,
        }
    }

    /// Whether an id is to be asked for, and when; none: there is one, or it is being asked for.
    pub(super) const fn wants_id(&self) -> Option<Time> {
        match self.state {
            State::Wanted(at) => Some(at),
            _ => None,
        }
    }

    /// Whether batches have to wait for an id.
    pub(super) const fn awaits_id(&self) -> bool {
        matches!(self.state, State::Wanted(_) | State::Asked)
    }

    /// It was asked for.
    pub(super) fn asked(&mut self) {
        self.state = State::Asked;
    }

    /// The broker has answered, or nobody did; `retry_at` is when it would be asked again.
    pub(super) fn on_id(&mut self, answer: Result<ProducerIdAndEpoch, ErrorCode>, retry_at: Time) {
        self.state = match answer {
            Ok(producer) => {
                self.producer = producer;
                State::Ready
            }
            Err(error) if error.is_retriable() => State::Wanted(retry_at),
            Err(error) => State::Fatal(error),
        };
    }

    /// Looks whether the partitions with a gap have come to a rest, bumps the epoch if that is needed, and wants an id
    /// if there is none. Answers the batches whose sequences have changed.
    pub(super) fn prepare(
        &mut self,
        now: Time,
        count_of: impl Fn(BatchId) -> i32,
    ) -> Vec<Rewritten> {
        self.resolve();
        let mut rewritten = Vec::new();
        if std::mem::take(&mut self.bump_required) {
            self.bump(count_of, &mut rewritten);
        }
        if self.state == State::Uninitialized {
            self.state = State::Wanted(now);
        }
        rewritten
    }

    fn resolve(&mut self) {
        let settled: Vec<NamedPartition> =
            self.unresolved.keys().filter(|at| !self.has_in_flight(at)).cloned().collect();
        for at in settled {
            self.unresolved.remove(&at);
            let entry = self.entries.entry(at.clone()).or_default();
            if entry.next_sequence.wrapping_sub(entry.last_acked_sequence) != 1 {
                self.request_bump(at);
            }
        }
    }

    fn request_bump(&mut self, at: NamedPartition) {
        self.bump_required = true;
        self.rewrite.insert(at);
    }

    fn bump(&mut self, count_of: impl Fn(BatchId) -> i32, rewritten: &mut Vec<Rewritten>) {
        if self.producer.epoch == i16::MAX {
            self.producer = ProducerIdAndEpoch::NONE;
            self.state = State::Uninitialized;
        } else {
            self.producer.epoch += 1;
        }
        for at in std::mem::take(&mut self.rewrite) {
            self.unresolved.remove(&at);
            self.start_at_beginning(&at, &count_of, rewritten);
        }
    }

    /// The batches under way get sequences from zero, under the present epoch.
    fn start_at_beginning(
        &mut self,
        at: &NamedPartition,
        count_of: &impl Fn(BatchId) -> i32,
        rewritten: &mut Vec<Rewritten>,
    ) {
        let producer = self.producer;
        let entry = self.entries.entry(at.clone()).or_default();
        let mut sequence = 0;
        for id in std::mem::take(&mut entry.in_flight).into_values() {
            rewritten.push((id, of(producer, sequence)));
            entry.in_flight.insert((producer, sequence), id);
            sequence = increment(sequence, count_of(id));
        }
        (entry.producer, entry.next_sequence, entry.last_acked_sequence) = (producer, sequence, -1);
    }

    /// Whether the first batch of a partition has to stay where it is.
    pub(super) fn holds_back(&self, at: &NamedPartition, first: &ProducerBatch) -> bool {
        if !self.producer.is_valid() {
            return true;
        }
        let Some(sequence) = first.base_sequence() else {
            return self.has_in_flight(at) && self.is_stale(at) || self.unresolved.contains_key(at);
        };
        // It is sent again: those before it come first.
        self.first_in_flight(at).is_some_and(|first| first != sequence)
    }

    /// A batch is drained that has no sequence: the one it gets.
    pub(super) fn assign(&mut self, id: BatchId, at: &NamedPartition, count: i32) -> Producer {
        if self.is_stale(at) && !self.has_in_flight(at) {
            self.start_at_beginning(at, &|_| 0, &mut Vec::new());
        }
        let producer = self.producer;
        let entry = self.entries.entry(at.clone()).or_default();
        let sequence = entry.next_sequence;
        entry.next_sequence = increment(sequence, count);
        let before = entry.in_flight.insert((producer, sequence), id);
        assert!(before.is_none(), "ID-1: {before:?} and {id:?} have sequence {sequence} of {at:?}");
        of(producer, sequence)
    }

    /// A batch was written.
    pub(super) fn on_completed(&mut self, batch: &ProducerBatch) {
        let Some(entry) = self.entries.get_mut(&batch.partition) else { return };
        if let Some(last) = batch.last_sequence() {
            entry.last_acked_sequence = entry.last_acked_sequence.max(last);
        }
        self.forget(batch);
    }

    /// A batch was given up. `is_certain`: the broker has refused it for good, and it does not stand in the log.
    pub(super) fn on_failed(&mut self, batch: &ProducerBatch, error: ErrorCode, is_certain: bool) {
        self.forget(batch);
        match error {
            ErrorCode::ClusterAuthorizationFailed | ErrorCode::UnsupportedVersion => {
                self.state = State::Fatal(error);
            }
            ErrorCode::UnknownProducerId => {
                self.entries.remove(&batch.partition);
                self.unresolved.remove(&batch.partition);
            }
            ErrorCode::OutOfOrderSequenceNumber => self.request_bump(batch.partition.clone()),
            _ if is_certain => self.request_bump(batch.partition.clone()),
            _ => {}
        }
    }

    /// A batch was given up that was sent before, perhaps for good.
    pub(super) fn mark_unresolved(&mut self, batch: &ProducerBatch) {
        let Some(last) = batch.last_sequence() else { return };
        let next = last.wrapping_add(1);
        let known = self.unresolved.entry(batch.partition.clone()).or_insert(next);
        *known = next.max(*known);
    }

    /// Whether a batch that was refused may be sent again.
    pub(super) fn can_retry(
        &mut self,
        batch: &ProducerBatch,
        error: ErrorCode,
        log_start_offset: i64,
    ) -> bool {
        let at = &batch.partition;
        let entry = self.entries.get(at);
        match error {
            ErrorCode::UnknownProducerId => {
                if log_start_offset != -1 && !batch.sequence_was_reset() {
                    self.request_bump(at.clone());
                }
                true
            }
            ErrorCode::OutOfOrderSequenceNumber => {
                let last_acked = entry.map_or(-1, |entry| entry.last_acked_sequence);
                let sequence = batch.base_sequence().unwrap_or(-1);
                let is_next = sequence.wrapping_sub(last_acked) == 1;
                match self.unresolved.get(at) {
                    None if batch.sequence_was_reset() || !is_next => {}
                    None => self.request_bump(at.clone()),
                    Some(unresolved) if *unresolved == sequence => self.request_bump(at.clone()),
                    Some(_) => {}
                }
                true
            }
            error => error.is_retriable(),
        }
    }

    fn forget(&mut self, batch: &ProducerBatch) {
        let (Some(entry), Some(producer)) =
            (self.entries.get_mut(&batch.partition), batch.producer())
        else {
            return;
        };
        let id = ProducerIdAndEpoch { id: producer.id, epoch: producer.epoch };
        entry.in_flight.remove(&(id, producer.base_sequence));
    }

    fn has_in_flight(&self, at: &NamedPartition) -> bool {
        self.entries.get(at).is_some_and(|entry| !entry.in_flight.is_empty())
    }

    fn first_in_flight(&self, at: &NamedPartition) -> Option<i32> {
        let ((_, sequence), _) = self.entries.get(at)?.in_flight.first_key_value()?;
        Some(*sequence)
    }

    fn is_stale(&self, at: &NamedPartition) -> bool {
        self.entries.get(at).map_or(ProducerIdAndEpoch::NONE, |entry| entry.producer)
            != self.producer
    }
}

fn of(producer: ProducerIdAndEpoch, base_sequence: i32) -> Producer {
    Producer { id: producer.id, epoch: producer.epoch, base_sequence }
}

/// Sequences begin again at zero after the largest one (`DefaultRecordBatch.incrementSequence`).
pub(super) fn increment(sequence: i32, by: i32) -> i32 {
    match sequence.checked_add(by) {
        Some(next) => next,
        None => by - (i32::MAX - sequence) - 1,
    }
}
