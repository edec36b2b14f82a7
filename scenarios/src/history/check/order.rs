//! What is known of the values of one key, once the history has been read.
//!
//! In Jepsen:  an order of `version-orders` (`by-value`), `log->value->first-index`, `log->last-index->values`; what
//!             `writes-by-type`, `reads-by-type` and `writer-of` know of a value.
//! Holds:      for each value that was read, acknowledged, or stands at an offset: nine bytes and what its own takes
//!             (`ints.rs`). Offsets are left behind: an index is an offset without the gaps.
//! Invariants: OR-1 a value's index is the last at which it stands, among those that were chosen for their offsets.
//!             OR-2 of several values at an offset that which stands at the fewest offsets is chosen, then the least.
//!             (Jepsen's choice is its hash's.)

use std::cell::Cell;
use std::collections::BTreeMap;

use super::ints::Ints;
use super::observed::Observed;
use super::source::HistoryError;
use super::value::Val;

/// What happened to a value.
pub(super) mod flag {
    /// An operation that was `:ok` polled it.
    pub(in super::super) const READ_OK: u8 = 1;
    /// An operation that ended, in whatever way, polled it.
    pub(in super::super) const READ: u8 = 1 << 1;
    /// A send of it was `:ok`.
    pub(in super::super) const SENT_OK: u8 = 1 << 2;
    /// A send of it was `:fail`.
    pub(in super::super) const FAILED: u8 = 1 << 3;
    /// A send of it ended, in whatever way.
    pub(in super::super) const WRITTEN: u8 = 1 << 4;
    /// The last that ended must have been committed.
    pub(in super::super) const COMMITTED: u8 = 1 << 5;
    /// While positions are given: it stands somewhere.
    pub(super) const SEEN: u8 = 1 << 6;
    /// It stands at several offsets, or where others stand too.
    pub(super) const ODD: u8 = 1 << 7;
}

const NOWHERE: u32 = u32::MAX;

/// An offset with several values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Conflict {
    pub(super) offset: i64,
    pub(super) index: u32,
    pub(super) values: Vec<Val>,
}

/// The values of a key.
#[derive(Debug, Default)]
pub(super) struct Order {
    values: Ints,
    flags: Vec<u8>,
    index: Vec<u32>,
    /// When the operation was invoked that wrote it last: its place in the transcript, and one. 0: never.
    invoked: Vec<u32>,
    /// Of odd values: at which indices they stand, and at which offsets.
    positions: BTreeMap<u32, Vec<(u32, i64)>>,
    /// For which indices they were chosen.
    chosen: BTreeMap<u32, u32>,
    length: u32,
    hint: Cell<usize>,
}

impl Order {
    /// The values that stand at an offset, and others.
    pub(super) fn new(observed: &Observed, others: &mut Vec<i64>) -> Result<Self, HistoryError> {
        let mut all = std::mem::take(others);
        all.extend(observed.pairs().map(|(_, value)| value.0));
        all.sort_unstable();
        all.dedup();
        if all.len() >= NOWHERE as usize {
            return Err(HistoryError::TooLarge("more than 2^32 values of one key".to_owned()));
        }
        let values = Ints::of(&all);
        let count = values.len();
        Ok(Self {
            values,
            flags: vec![0; count],
            index: vec![NOWHERE; count],
            invoked: vec![0; count],
            ..Self::default()
        })
    }

    /// The number of a value, if it is one of these.
    pub(super) fn find(&self, value: Val) -> Option<u32> {
        let mut hint = self.hint.get();
        let rank = self.values.rank(value.0, &mut hint);
        self.hint.set(hint);
        rank.map(|rank| u32::try_from(rank).expect("fewer than 2^32"))
    }

    pub(super) fn value(&self, id: u32) -> Val {
        Val(self.values.at(id as usize))
    }

    pub(super) fn ids(&self) -> std::ops::Range<u32> {
        0..u32::try_from(self.flags.len()).expect("fewer than 2^32")
    }

    pub(super) fn has(&self, id: u32, flags: u8) -> bool {
        self.flags[id as usize] & flags == flags
    }

    pub(super) fn set(&mut self, id: u32, flags: u8) {
        self.flags[id as usize] |= flags;
    }

    pub(super) fn unset(&mut self, id: u32, flags: u8) {
        self.flags[id as usize] &= !flags;
    }

    pub(super) fn invoked(&self, id: u32) -> u32 {
        self.invoked[id as usize]
    }

    pub(super) fn set_invoked(&mut self, id: u32, at: u32) {
        self.invoked[id as usize] = at;
    }

    /// OR-1; none if it stands nowhere, or was not chosen.
    pub(super) fn index(&self, id: u32) -> Option<u32> {
        Some(self.index[id as usize]).filter(|index| *index != NOWHERE)
    }

    /// The index of a value.
    pub(super) fn index_of(&self, value: Val) -> Option<u32> {
        self.find(value).and_then(|id| self.index(id))
    }

    /// The first index at which it stands, chosen or not.
    pub(super) fn first_index(&self, id: u32) -> Option<u32> {
        match self.positions.get(&id) {
            Some(all) => all.first().map(|(index, _)| *index),
            None => self.index(id),
        }
    }

    /// The last.
    pub(super) fn last_index(&self, id: u32) -> Option<u32> {
        match self.positions.get(&id) {
            Some(all) => all.last().map(|(index, _)| *index),
            None => self.index(id),
        }
    }

    /// Values that stand at several offsets, with those.
    pub(super) fn doubled(&self) -> impl Iterator<Item = (u32, Vec<i64>)> + '_ {
        let several = self.positions.iter().filter(|(_, all)| all.len() > 1);
        several.map(|(id, all)| (*id, all.iter().map(|(_, offset)| *offset).collect()))
    }

    /// Gives each value its index. `conflict` is called with every offset that has several values.
    pub(super) fn place(&mut self, observed: &Observed, mut conflict: impl FnMut(&Conflict)) {
        let id_of =
            |order: &Self, value| order.find(value).expect("it was observed, and so is known");
        let mut previous = None;
        let mut pairs = observed.pairs().peekable();
        while let Some((offset, value)) = pairs.next() {
            let id = id_of(self, value);
            let is_shared =
                previous == Some(offset) || pairs.peek().is_some_and(|(next, _)| *next == offset);
            if is_shared || self.has(id, flag::SEEN) {
                self.set(id, flag::ODD);
            }
            self.set(id, flag::SEEN);
            previous = Some(offset);
        }
        let mut counts: BTreeMap<u32, u32> = BTreeMap::new();
        for (_, value) in observed.pairs() {
            let id = id_of(self, value);
            if self.has(id, flag::ODD) {
                *counts.entry(id).or_default() += 1;
            }
        }
        let mut pairs = observed.pairs().peekable();
        let mut here: Vec<Val> = Vec::new();
        while let Some((offset, value)) = pairs.next() {
            here.push(value);
            if pairs.peek().is_some_and(|(next, _)| *next == offset) {
                continue;
            }
            let index = self.length;
            self.length += 1;
            for value in &here {
                let id = id_of(self, *value);
                if self.has(id, flag::ODD) {
                    self.positions.entry(id).or_default().push((index, offset));
                }
            }
            if here.len() > 1 {
                conflict(&Conflict { offset, index, values: here.clone() });
            }
            // OR-2.
            let chosen = here.iter().map(|value| id_of(self, *value));
            let chosen = chosen.min_by_key(|id| (counts.get(id).copied().unwrap_or(1), *id));
            let chosen = chosen.expect("there is one");
            self.index[chosen as usize] = index;
            if self.has(chosen, flag::ODD) {
                self.chosen.insert(index, chosen);
            }
            here.clear();
        }
    }

    /// Which value was chosen for each index.
    pub(super) fn by_index(&self) -> Vec<u32> {
        let mut chosen = vec![NOWHERE; self.length as usize];
        for id in self.ids() {
            if let Some(index) = self.index(id) {
                chosen[index as usize] = id;
            }
        }
        for (index, id) in &self.chosen {
            chosen[*index as usize] = *id;
        }
        chosen
    }

    /// How many bytes it takes.
    pub(super) fn bytes(&self) -> usize {
        self.values.bytes() + self.flags.len() * 9
    }
}
