//! What was found: of each anomaly how often, and the smallest examples.
//!
//! Holds:      eight examples of each anomaly at most.
//! Invariants: FO-1 examples are the smallest, then the earliest, whatever the order in which they are found.

use std::collections::BTreeMap;

use super::anomaly::Anomaly;
use super::value::{Key, Val};

/// Examples that are kept of each anomaly.
const EXAMPLES: usize = 8;

/// What an operation has to do with an example.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    /// It is the operation.
    Itself,
    /// It came before.
    Before,
    /// It sent the value.
    Sender,
    /// It polled the value.
    Reader,
    /// It polled a later one.
    LaterReader,
}

/// One that was found, by numbers.
#[derive(Debug, Clone, Default)]
pub(super) struct Case {
    pub(super) key: Option<Key>,
    pub(super) values: Vec<Val>,
    pub(super) offsets: Vec<i64>,
    /// How far the second value lies behind the first, in indices.
    pub(super) delta: Option<i64>,
    /// Indices that were left out: the first, and the one behind the last.
    pub(super) skipped: Option<(u32, u32)>,
    pub(super) ops: Vec<(Part, u64)>,
    /// A value whose reader shows that those before it should have been read.
    pub(super) later: Option<Val>,
}

/// By what cases of one anomaly are ordered: the first of them are kept.
type Rank = (u64, u64, Option<Key>, Vec<Val>);

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    counts: [u64; Anomaly::ALL.len()],
    cases: [BTreeMap<Rank, Case>; Anomaly::ALL.len()],
}

impl Found {
    /// One more, that may be an example: FO-1. `size`: how small it is; `at`: how early.
    pub(super) fn add(
        &mut self,
        anomaly: Anomaly,
        size: u64,
        at: u64,
        case: impl FnOnce() -> Case,
    ) {
        self.counts[anomaly.place()] += 1;
        let cases = &mut self.cases[anomaly.place()];
        if cases.len() >= EXAMPLES
            && cases
                .last_key_value()
                .is_some_and(|((last, when, ..), _)| (*last, *when) < (size, at))
        {
            return;
        }
        let case = case();
        cases.insert((size, at, case.key, case.values.clone()), case);
        if cases.len() > EXAMPLES {
            cases.pop_last();
        }
    }

    /// How often.
    pub(super) fn count(&self, anomaly: Anomaly) -> u64 {
        self.counts[anomaly.place()]
    }

    /// The examples, smallest first.
    pub(super) fn cases(&self, anomaly: Anomaly) -> impl Iterator<Item = &Case> + '_ {
        self.cases[anomaly.place()].values()
    }

    pub(super) fn cases_mut(&mut self) -> impl Iterator<Item = (Anomaly, &mut Case)> + '_ {
        let all = Anomaly::ALL.into_iter().zip(&mut self.cases);
        all.flat_map(|(anomaly, cases)| cases.values_mut().map(move |case| (anomaly, case)))
    }
}
