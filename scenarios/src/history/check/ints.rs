//! A set of integers that grows no more: how many are below one, in few bytes.
//!
//! Holds:      blocks of 256, each with its first; the rest is nothing if they follow each other, else distances of
//!             two, four or eight bytes. What is sparse costs two bytes, where it is not very sparse.
//! Invariants: IN-1 an integer's rank is its place among all, from 0.

/// Integers in a block.
const BLOCK: usize = 256;

/// What stands in a block behind its first integer.
#[derive(Debug)]
enum Rest {
    /// Each is one more than that before.
    Row,
    /// Distances from the first.
    Near(Box<[u16]>),
    Far(Box<[u32]>),
    /// The integers.
    Anywhere(Box<[i64]>),
}

/// The set.
#[derive(Debug, Default)]
pub(super) struct Ints {
    firsts: Vec<i64>,
    rests: Vec<Rest>,
    len: usize,
}

fn distance(first: i64, other: i64) -> u64 {
    other.wrapping_sub(first).cast_unsigned()
}

impl Ints {
    /// The set of what rises.
    pub(super) fn of(rising: &[i64]) -> Self {
        let mut set = Self { len: rising.len(), ..Self::default() };
        for block in rising.chunks(BLOCK) {
            let (first, last) = (block[0], block[block.len() - 1]);
            let far = distance(first, last);
            let rest = if far == block.len() as u64 - 1 {
                Rest::Row
            } else if u16::try_from(far).is_ok() {
                let near =
                    |at: &i64| u16::try_from(distance(first, *at)).expect("less than the last");
                Rest::Near(block.iter().map(near).collect())
            } else if u32::try_from(far).is_ok() {
                let far =
                    |at: &i64| u32::try_from(distance(first, *at)).expect("less than the last");
                Rest::Far(block.iter().map(far).collect())
            } else {
                Rest::Anywhere(block.into())
            };
            set.firsts.push(first);
            set.rests.push(rest);
        }
        set
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// IN-1. `hint`: the block in which one was found before; it is tried first, and the one behind it.
    pub(super) fn rank(&self, wanted: i64, hint: &mut usize) -> Option<usize> {
        let block = self.block(wanted, *hint)?;
        *hint = block;
        let first = self.firsts[block];
        let far = distance(first, wanted);
        let within = match &self.rests[block] {
            Rest::Row => usize::try_from(far).ok().filter(|at| *at < self.block_len(block)),
            Rest::Near(all) => u16::try_from(far).ok().and_then(|far| all.binary_search(&far).ok()),
            Rest::Far(all) => u32::try_from(far).ok().and_then(|far| all.binary_search(&far).ok()),
            Rest::Anywhere(all) => all.binary_search(&wanted).ok(),
        };
        within.map(|within| block * BLOCK + within)
    }

    fn block(&self, wanted: i64, hint: usize) -> Option<usize> {
        for block in [hint, hint + 1] {
            let begins = self.firsts.get(block).is_some_and(|first| *first <= wanted);
            if begins && self.firsts.get(block + 1).is_none_or(|next| wanted < *next) {
                return Some(block);
            }
        }
        self.firsts.partition_point(|first| *first <= wanted).checked_sub(1)
    }

    fn block_len(&self, block: usize) -> usize {
        (self.len - block * BLOCK).min(BLOCK)
    }

    /// The integer of this rank.
    pub(super) fn at(&self, rank: usize) -> i64 {
        let (block, within) = (rank / BLOCK, rank % BLOCK);
        let first = self.firsts[block];
        match &self.rests[block] {
            Rest::Row => first.wrapping_add(i64::try_from(within).expect("less than 256")),
            Rest::Near(all) => first.wrapping_add(all[within].into()),
            Rest::Far(all) => first.wrapping_add(all[within].into()),
            Rest::Anywhere(all) => all[within],
        }
    }

    /// How many bytes it takes.
    pub(super) fn bytes(&self) -> usize {
        let rest = |rest: &Rest| match rest {
            Rest::Row => 0,
            Rest::Near(all) => all.len() * 2,
            Rest::Far(all) => all.len() * 4,
            Rest::Anywhere(all) => all.len() * 8,
        };
        self.rests.iter().map(rest).sum::<usize>()
            + self.firsts.len() * (size_of::<i64>() + size_of::<Rest>())
    }
}

#[cfg(test)]
mod tests {
    use super::Ints;

    #[track_caller]
    fn check(rising: &[i64]) {
        let set = Ints::of(rising);
        let mut hint = 0;
        for (rank, value) in rising.iter().enumerate() {
            assert_eq!(set.rank(*value, &mut hint), Some(rank), "{value}");
            assert_eq!(set.at(rank), *value);
            for near in [value.wrapping_sub(1), value.wrapping_add(1)] {
                let want = rising.binary_search(&near).ok();
                assert_eq!(set.rank(near, &mut hint), want, "{near} beside {value}");
            }
        }
        assert_eq!(set.len(), rising.len());
    }

    #[test]
    fn ranks_are_places() {
        check(&[]);
        check(&[7]);
        check(&(0..1_000).collect::<Vec<_>>());
        check(&(0..1_000).map(|at| at * 3).collect::<Vec<_>>());
        check(&(0..1_000).map(|at| at * 3_000).collect::<Vec<_>>());
        check(&(0..1_000).map(|at| at * 3_000_000_000_000).collect::<Vec<_>>());
        check(&[i64::MIN, -1, 0, 1, i64::MAX]);
    }

    #[test]
    fn what_is_dense_takes_nothing_and_what_is_sparse_takes_two_bytes() {
        let dense: Vec<i64> = (0..1_000_000).collect();
        let sparse: Vec<i64> = (0..1_000_000).map(|at| at * 11).collect();
        assert!(Ints::of(&dense).bytes() < 200_000, "{}", Ints::of(&dense).bytes());
        assert!(Ints::of(&sparse).bytes() < 2_200_000, "{}", Ints::of(&sparse).bytes());
    }
}
