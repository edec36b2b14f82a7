//! A leader that a majority no longer fetches from lays down its leadership.
//!
//! In Kafka:   `LeaderState.timeUntilCheckQuorumExpires` (KAFKA-15489).
//! Holds:      who has fetched since a majority last had.
//! Invariants: K13 an isolated leader of two or more voters resigns within 1.5 fetch timeouts and one poll.

use std::collections::BTreeSet;

use trial_sim::{Span, Time};

use super::timer::Timer;
use super::voters::{ReplicaKey, VoterSet};
use crate::ids::BrokerId;

/// The leader's watch over its followers.
#[derive(Debug, Clone)]
pub struct CheckQuorum {
    local: BrokerId,
    voters: VoterSet,
    fetched: BTreeSet<BrokerId>,
    timeout: Span,
    timer: Timer,
}

impl CheckQuorum {
    /// Starts to watch; `fetch_timeout` is the followers'.
    #[must_use]
    pub fn new(now: Time, local: BrokerId, voters: VoterSet, fetch_timeout: Span) -> Self {
        let timeout = fetch_timeout * 3 / 2;
        let timer = Timer::new(now, timeout);
        Self { local, voters, fetched: BTreeSet::new(), timeout, timer }
    }

    /// A replica has fetched.
    pub fn on_fetch(&mut self, now: Time, replica: ReplicaKey) {
        if self.voters.is_voter(replica) && replica.id != self.local {
            self.fetched.insert(replica.id);
        }
        // The leader is part of the majority, and does not fetch.
        if self.fetched.len() + 1 >= self.voters.majority() {
            self.fetched.clear();
            self.timer.reset(now, self.timeout);
        }
    }

    /// How long the leader may still wait for a majority; for ever if it is alone.
    pub fn remaining(&mut self, now: Time) -> Span {
        if self.voters.len() == 1 { Span::MAX } else { self.timer.remaining(now) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::voters::tests::{key, voters};
    use super::*;

    /// Fetches `(ms, replica)`; wants the moment at which the leader gives up.
    #[track_caller]
    fn check(count: i32, fetches: &[(u64, i32)], want_ms: u64) {
        let ids: Vec<i32> = (1..=count).collect();
        let start = Time::ZERO;
        let mut check =
            CheckQuorum::new(start, BrokerId(1), voters(&ids), Span::from_millis(2_000));
        let mut now = start;
        for &(at, replica) in fetches {
            now = start + Span::from_millis(at);
            check.on_fetch(now, key(replica));
        }
        let expires = now + check.remaining(now);
        assert_eq!(expires, start + Span::from_millis(want_ms), "{count} voters, {fetches:?}");
    }

    #[test]
    fn only_a_majority_that_fetches_keeps_a_leader() {
        check(2, &[], 3_000);
        check(2, &[(500, 2)], 3_500);
        check(3, &[(500, 2), (900, 3)], 3_900);
        check(5, &[(500, 2), (600, 2), (700, 2)], 3_000);
        check(5, &[(500, 2), (700, 3), (800, 4)], 3_700);
        check(3, &[(500, 9)], 3_000);
    }

    #[test]
    fn a_single_voter_never_gives_up() {
        let mut check =
            CheckQuorum::new(Time::ZERO, BrokerId(1), voters(&[1]), Span::from_millis(1));
        assert_eq!(check.remaining(Time(u64::MAX / 2)), Span::MAX);
    }
}
