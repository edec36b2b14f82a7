//! Which values a key's offsets were observed to have, while a history is read.
//!
//! In Jepsen:  the logs of `version-orders`.
//! Holds:      pairs of offset and value, in order, in leaves of up to 512; eight bytes a pair where those of a leaf
//!             lie within 2^31 of its first, however sparse they are.
//! Invariants: OB-1 a pair is there once. OB-2 leaves and what is in them rise by offset, then by value.

use super::value::Val;

/// Pairs in a leaf.
const LEAF: usize = 512;

type Pair = (i64, i64);

#[derive(Debug)]
enum Items {
    /// Relative to the base.
    Near(Vec<(i32, i32)>),
    Anywhere(Vec<Pair>),
}

#[derive(Debug)]
struct Leaf {
    base: Pair,
    items: Items,
}

/// The pairs of a key.
#[derive(Debug, Default)]
pub(super) struct Observed {
    leaves: Vec<Leaf>,
    /// Where the last pair was.
    hint: usize,
}

impl Leaf {
    fn new(pair: Pair) -> Self {
        Self { base: pair, items: Items::Near(vec![(0, 0)]) }
    }

    fn len(&self) -> usize {
        match &self.items {
            Items::Near(items) => items.len(),
            Items::Anywhere(items) => items.len(),
        }
    }

    fn get(&self, at: usize) -> Pair {
        match &self.items {
            Items::Near(items) => {
                let (offset, value) = items[at];
                (self.base.0 + i64::from(offset), self.base.1 + i64::from(value))
            }
            Items::Anywhere(items) => items[at],
        }
    }

    /// A pair relative to the base.
    fn near(&self, pair: Pair) -> Option<(i32, i32)> {
        let offset = i32::try_from(pair.0.checked_sub(self.base.0)?).ok()?;
        let value = i32::try_from(pair.1.checked_sub(self.base.1)?).ok()?;
        Some((offset, value))
    }

    /// Where a pair is, or where it would be.
    fn search(&self, pair: Pair) -> Result<usize, usize> {
        match &self.items {
            Items::Near(items) => match self.near(pair) {
                Some(near) => {
                    if items.last().is_some_and(|last| *last < near) {
                        return Err(items.len());
                    }
                    items.binary_search(&near)
                }
                None => {
                    let (mut low, mut high) = (0, items.len());
                    while low < high {
                        let middle = usize::midpoint(low, high);
                        if self.get(middle) < pair { low = middle + 1 } else { high = middle }
                    }
                    Err(low)
                }
            },
            Items::Anywhere(items) => items.binary_search(&pair),
        }
    }

    fn insert(&mut self, at: usize, pair: Pair) {
        let near = self.near(pair);
        match (&mut self.items, near) {
            (Items::Near(items), Some(near)) => items.insert(at, near),
            (Items::Anywhere(items), _) => items.insert(at, pair),
            (Items::Near(_), None) => {
                let mut all: Vec<Pair> = (0..self.len()).map(|at| self.get(at)).collect();
                all.insert(at, pair);
                self.items = Items::Anywhere(all);
            }
        }
    }

    /// Takes away what stands from there on, as a leaf of its own.
    fn split(&mut self, at: usize) -> Self {
        let moved: Vec<Pair> = (at..self.len()).map(|at| self.get(at)).collect();
        match &mut self.items {
            Items::Near(items) => {
                items.truncate(at);
                items.shrink_to_fit();
            }
            Items::Anywhere(items) => {
                items.truncate(at);
                items.shrink_to_fit();
            }
        }
        let mut leaf = Self::new(moved[0]);
        for (at, pair) in moved.into_iter().enumerate().skip(1) {
            leaf.insert(at, pair);
        }
        leaf
    }
}

impl Observed {
    /// Adds a pair: OB-1.
    pub(super) fn insert(&mut self, offset: i64, value: Val) {
        let pair = (offset, value.0);
        if self.leaves.is_empty() {
            self.leaves.push(Leaf::new(pair));
            return;
        }
        let leaf = self.leaf(pair);
        self.hint = leaf;
        let Err(at) = self.leaves[leaf].search(pair) else { return };
        let found = &mut self.leaves[leaf];
        found.insert(at, pair);
        if found.len() <= LEAF {
            return;
        }
        // Offsets mostly rise: a leaf that is full stays full.
        let middle = if at + 1 == found.len() { at } else { found.len() / 2 };
        let right = found.split(middle);
        self.leaves.insert(leaf + 1, right);
        self.hint = if at < middle { leaf } else { leaf + 1 };
    }

    /// The leaf that has a pair, or should have it.
    fn leaf(&self, pair: Pair) -> usize {
        let begins = |leaf: usize| self.leaves.get(leaf).is_some_and(|leaf| leaf.get(0) <= pair);
        for leaf in [self.hint, self.hint + 1] {
            if begins(leaf) && !begins(leaf + 1) {
                return leaf;
            }
        }
        self.leaves.partition_point(|leaf| leaf.get(0) <= pair).saturating_sub(1)
    }

    /// The pairs, in order.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (i64, Val)> + '_ {
        self.leaves.iter().flat_map(|leaf| {
            (0..leaf.len()).map(|at| {
                let (offset, value) = leaf.get(at);
                (offset, Val(value))
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Observed, Val};

    /// OB-1 and OB-2, against a set of pairs.
    #[track_caller]
    fn check(pairs: impl IntoIterator<Item = (i64, i64)>) {
        let mut observed = Observed::default();
        let mut want = BTreeSet::new();
        for (offset, value) in pairs {
            observed.insert(offset, Val(value));
            want.insert((offset, value));
        }
        let got: Vec<(i64, i64)> =
            observed.pairs().map(|(offset, value)| (offset, value.0)).collect();
        assert_eq!(got, want.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn pairs_come_out_in_order_and_once() {
        check([]);
        check((0..5_000).map(|at| (at, at)));
        check((0..5_000).rev().map(|at| (at, at)));
        check((0..5_000).chain(0..5_000).map(|at| (at * 1_000_000, at % 7)));
        check((0..3_000).map(|at| (at / 3, at % 3)));
        check(
            (0..2_000).map(|at| {
                (at * (1 << 50), if at % 2 == 0 { i64::MIN + at } else { i64::MAX - at })
            }),
        );
    }
}
