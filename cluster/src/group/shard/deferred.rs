//! Operations that wait until what they rest on is committed, or until they have waited too long.
//!
//! In Kafka:   `DeferredEventQueue`, `DeferredEventCollection`, `CoordinatorRuntime.OperationTimeout`.
//! Holds:      operations by number, the offsets that they wait for, their deadlines.
//! Invariants: DE-1 an operation ends once, whatever comes first: its commit, a failure, its deadline. DE-2 offsets
//!             that are waited for do not fall.

use std::collections::{BTreeMap, BTreeSet};

use trial_sim::Time;

use crate::group::step::Then;
use crate::group::timer::TimerKey;
use crate::ids::Offset;

/// Who began an operation, and is told if it fails.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Origin {
    /// A request: what happens then is told by [`Then`].
    Request,
    /// A timer, which may be tried again.
    Timer(TimerKey),
    /// The broker, which only writes it to its log.
    Broker,
}

/// What was decided, and what happens when it is committed.
#[derive(Debug, Clone)]
pub(super) struct Operation {
    pub(super) origin: Origin,
    pub(super) then: Then,
    deadline: Option<Time>,
}

/// All that wait.
#[derive(Debug, Clone, Default)]
pub(super) struct Deferred {
    operations: BTreeMap<u64, Operation>,
    begun: u64,
    deadlines: BTreeSet<(Time, u64)>,
    pending: BTreeMap<Offset, Vec<u64>>,
}

impl Deferred {
    /// One begins; answers its number.
    pub(super) fn begin(&mut self, origin: Origin, then: Then) -> u64 {
        self.begun += 1;
        self.operations.insert(self.begun, Operation { origin, then, deadline: None });
        self.begun
    }

    /// It ends by itself at `at`, unless it has ended.
    pub(super) fn ends_at(&mut self, number: u64, at: Time) {
        if let Some(operation) = self.operations.get_mut(&number) {
            operation.deadline = Some(at);
            self.deadlines.insert((at, number));
        }
    }

    /// It ends; none if it has ended before (DE-1).
    pub(super) fn end(&mut self, number: u64) -> Option<Operation> {
        let operation = self.operations.remove(&number)?;
        if let Some(at) = operation.deadline {
            self.deadlines.remove(&(at, number));
        }
        Some(operation)
    }

    /// These wait until everything below `offset` is committed.
    pub(super) fn wait_for(&mut self, offset: Offset, numbers: Vec<u64>) {
        if let Some((last, _)) = self.pending.last_key_value() {
            assert!(*last <= offset, "DE-2: {offset} after {last}");
        }
        self.pending.entry(offset).or_default().extend(numbers);
    }

    /// Takes what waited for no more than `offset`: first what waited for less.
    pub(super) fn take_up_to(&mut self, offset: Offset) -> Option<(Offset, Vec<u64>)> {
        let first = self.pending.first_entry().filter(|entry| *entry.key() <= offset)?;
        Some(first.remove_entry())
    }

    /// Takes all that wait for a commit.
    pub(super) fn take_all(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.pending).into_values().flatten().collect()
    }

    /// The first deadline.
    pub(super) fn next_deadline(&self) -> Option<Time> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// Takes the deadline of one that has waited too long; it has not ended by that.
    pub(super) fn take_expired(&mut self, now: Time) -> Option<u64> {
        let (at, number) = self.deadlines.first().copied().filter(|(at, _)| *at <= now)?;
        self.deadlines.remove(&(at, number));
        Some(number)
    }

    /// How many wait for anything.
    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.operations.len()
    }
}
