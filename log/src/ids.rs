//! Positions in a log and the epochs of its leaders.
//!
//! Holds: newtypes over Kafka's `int64` offset and `int32` leader epoch, so that they cannot be swapped.

use std::fmt;

/// A position in a partition's log: the number of a record, or the one that comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Offset(pub i64);

impl Offset {
    /// The first offset of a log.
    pub const ZERO: Self = Self(0);

    /// One that no record has: it is where a log that is full ends. (In Kafka offsets wrap.)
    pub const END: Self = Self(i64::MAX);

    /// The offset after this one, [`Offset::END`] at the most: a file may hold any number.
    #[must_use]
    pub const fn next(self) -> Self {
        self.plus(1)
    }

    /// This offset moved by `count` (which may be negative), as far as offsets reach.
    #[must_use]
    pub const fn plus(self, count: i64) -> Self {
        Self(self.0.saturating_add(count))
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The term of a partition's (or the quorum's) leader; every batch carries that of its writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct LeaderEpoch(pub i32);

impl LeaderEpoch {
    /// Kafka's "no epoch".
    pub const NONE: Self = Self(-1);

    /// The epoch after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for LeaderEpoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
