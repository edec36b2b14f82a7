//! Names the things of a World by number.
//!
//! Holds:      nothing; newtypes that cannot be mixed up.
//! Invariants: ID-1 a `ConnId` is never used twice in a run, so a stale one finds nothing.

use std::fmt;

/// A host, in the order of `World::add_host`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostId(pub u16);

/// One end of a connection. Both ends differ, so that a host may connect to itself.
///
/// The end that connected has an even number, its peer the next odd one. What an observer sees
/// (`Seen`) names a connection by its even end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId(pub u64);

impl ConnId {
    /// The connection that this end belongs to, as an observer names it: the end that connected.
    #[must_use]
    pub const fn connection(self) -> Self {
        Self(self.0 & !1)
    }

    /// The other end.
    #[must_use]
    pub const fn peer(self) -> Self {
        Self(self.0 ^ 1)
    }

    /// Whether this is the end of whoever listened.
    #[must_use]
    pub const fn is_listener(self) -> bool {
        self.0 & 1 == 1
    }
}

/// A pool of lanes: one kind of thread. Dense, chosen by the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PoolId(pub u16);

/// One lane of a pool: one thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LaneId {
    /// Its pool.
    pub pool: PoolId,
    /// Which of the pool's lanes, from 0.
    pub index: u16,
}

/// A lock of a program. Dense, chosen by the program; each host has its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LockId(pub u32);

/// A disk of a host, in the order of its `HostSpec`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DiskId(pub u16);

/// A fault that was set off, in the order of the calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FaultId(pub u32);

/// A connection from outside the World.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OutsideId(pub ConnId);

impl fmt::Display for LaneId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.pool.0, self.index)
    }
}
