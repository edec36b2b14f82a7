//! Guards what the jobs of one host share.
//!
//! In Kafka:   `Partition.leaderIsrUpdateLock`, `UnifiedLog.lock`, a group's lock.
//! Holds:      who holds each lock, and which lanes wait, in order of arrival.
//! Invariants: LK-1 a lock has one holder; LK-2 it is handed on first come first served.

use std::collections::VecDeque;

use crate::ids::LockId;

#[derive(Debug, Clone, Default)]
struct Lock {
    holder: Option<u16>,
    waiters: VecDeque<u16>,
}

/// The locks of one host, by their dense ids; lanes are named by their number in the host.
#[derive(Debug, Clone, Default)]
pub(crate) struct Locks {
    locks: Vec<Lock>,
}

impl Locks {
    /// Whether `lane` holds the lock now; otherwise it waits.
    #[inline]
    pub(crate) fn take(&mut self, id: LockId, lane: u16) -> bool {
        let index = id.0 as usize;
        if index >= self.locks.len() {
            self.locks.resize_with(index + 1, Lock::default);
        }
        let lock = &mut self.locks[index];
        assert!(lock.holder != Some(lane), "LK-1: lane {lane} takes {id:?} twice");
        if lock.holder.is_some() {
            lock.waiters.push_back(lane);
            return false;
        }
        lock.holder = Some(lane);
        true
    }

    /// Lets go; answers the lane that holds it from now on.
    #[inline]
    pub(crate) fn release(&mut self, id: LockId, lane: u16) -> Option<u16> {
        let lock = &mut self.locks[id.0 as usize];
        assert!(lock.holder == Some(lane), "LK-1: {id:?} is let go by {lane}, held by {lock:?}");
        lock.holder = lock.waiters.pop_front();
        lock.holder
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_goes_to_whoever_waited_longest() {
        let mut locks = Locks::default();
        assert!(locks.take(LockId(3), 1), "free");
        assert!(!locks.take(LockId(3), 9), "held");
        assert!(!locks.take(LockId(3), 2), "held");
        assert!(locks.take(LockId(0), 5), "another lock");
        assert_eq!(locks.release(LockId(3), 1), Some(9), "LK-2");
        assert_eq!(locks.release(LockId(3), 9), Some(2), "LK-2");
        assert_eq!(locks.release(LockId(3), 2), None, "nobody waits");
    }
}
