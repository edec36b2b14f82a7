//! How far each replica of the quorum has come, as its leader tells whoever asks.
//!
//! In Kafka:   `LeaderState.ReplicaState.updateFollowerState`, `observerStates`; KIP-595, KIP-836.
//! Holds:      of each replica that has fetched in this epoch, voter or not, its last fetch and when it last had
//!             everything that the leader had at the time.
//! Invariants: PG-1 neither time goes back, although a wall clock may.

use std::collections::BTreeMap;

use trial_sim::{Span, Time};

use super::message::{Described, DescribedReplica};
use super::voters::{ReplicaKey, VoterSet};
use crate::ids::Offset;

/// An observer that has not fetched for so long is told of no more (`OBSERVER_SESSION_TIMEOUT_MS`).
const OBSERVER_SESSION: Span = Span::from_secs(300);

#[derive(Debug, Clone, Copy)]
struct Seen {
    end: Offset,
    fetched_at: Time,
    /// The leader's end when that fetch came.
    leader_end: Option<Offset>,
    caught_up_at: Option<Time>,
}

/// Of all replicas.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    seen: BTreeMap<ReplicaKey, Seen>,
}

impl Progress {
    /// `replica` has everything below `end` and asks for more, while the leader's own log ends at `leader_end`.
    pub fn on_fetch(
        &mut self,
        replica: ReplicaKey,
        now: Time,
        end: Offset,
        leader_end: Option<Offset>,
    ) {
        let before = self.seen.get(&replica).copied();
        let mut caught_up_at = before.and_then(|seen| seen.caught_up_at);
        if let Some(leader_end) = leader_end {
            // With what the leader had at the fetch before it had caught up when it sent that.
            let earlier = before.filter(|seen| {
                seen.leader_end.is_some_and(|known| known > Offset(0) && end >= known)
            });
            let now = (end >= leader_end).then_some(now);
            caught_up_at = caught_up_at.max(now.or(earlier.map(|seen| seen.fetched_at)));
        }
        let fetched_at = before.map_or(now, |seen| seen.fetched_at.max(now));
        let leader_end = leader_end.or(before.and_then(|seen| seen.leader_end));
        self.seen.insert(replica, Seen { end, fetched_at, leader_end, caught_up_at });
    }

    /// When a replica last fetched.
    #[must_use]
    pub fn fetched_at(&self, replica: ReplicaKey) -> Option<Time> {
        self.seen.get(&replica).map(|seen| seen.fetched_at)
    }

    /// What is told: the voters, the leader among them with its own end, and the observers that still fetch.
    /// `to_ms` makes a time of the wall clock's into milliseconds since 1970.
    pub fn describe(
        &mut self,
        voters: &VoterSet,
        (local, local_end): (ReplicaKey, Option<Offset>),
        now: Time,
        to_ms: impl Fn(Time) -> i64,
    ) -> Described {
        let is_voter = |key: &ReplicaKey| voters.keys().any(|voter| voter == *key);
        self.seen.retain(|key, seen| {
            is_voter(key) || now < seen.fetched_at || now.since(seen.fetched_at) < OBSERVER_SESSION
        });
        let told = |key: ReplicaKey| {
            let seen = self.seen.get(&key);
            if key.id == local.id {
                let now = to_ms(now);
                return DescribedReplica {
                    key,
                    end: local_end,
                    fetched_ms: now,
                    caught_up_ms: now,
                };
            }
            DescribedReplica {
                key,
                end: seen.map(|seen| seen.end),
                fetched_ms: seen.map_or(-1, |seen| to_ms(seen.fetched_at)),
                caught_up_ms: seen.and_then(|seen| seen.caught_up_at).map_or(-1, &to_ms),
            }
        };
        let others = self.seen.keys().copied().filter(|key| !is_voter(key));
        Described {
            voters: voters.keys().map(told).collect(),
            observers: others.map(told).collect(),
            nodes: voters.nodes().map(|node| (node.key.id, node.endpoints.clone())).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::voters::tests::{key, voters};
    use super::*;

    fn at(ms: u64) -> Time {
        Time::ZERO + Span::from_millis(ms)
    }

    /// What is told at `now` ms of replica `id`, while replica 1 leads 1 and 2 and its log ends at 10.
    fn told(progress: &mut Progress, id: i32, now: u64) -> Option<(Option<i64>, i64, i64)> {
        let to_ms = |time: Time| i64::try_from(time.as_millis()).expect("a short test");
        let of = (key(1), Some(Offset(10)));
        let described = progress.describe(&voters(&[1, 2]), of, at(now), to_ms);
        let mut all = described.voters.iter().chain(&described.observers);
        let found = all.find(|replica| replica.key == key(id))?;
        Some((found.end.map(|end| end.0), found.fetched_ms, found.caught_up_ms))
    }

    #[test]
    fn the_leader_is_always_there_and_a_silent_voter_unknown() {
        let mut progress = Progress::default();
        assert_eq!(told(&mut progress, 1, 7), Some((Some(10), 7, 7)));
        assert_eq!(told(&mut progress, 2, 7), Some((None, -1, -1)));
        assert_eq!(told(&mut progress, 3, 7), None, "nobody has heard of it");
    }

    #[test]
    fn who_has_what_the_leader_had_at_the_fetch_before_had_caught_up_then() {
        let mut progress = Progress::default();
        progress.on_fetch(key(2), at(1), Offset(3), Some(Offset(5)));
        assert_eq!(told(&mut progress, 2, 9), Some((Some(3), 1, -1)), "behind");
        progress.on_fetch(key(2), at(2), Offset(5), Some(Offset(8)));
        assert_eq!(told(&mut progress, 2, 9), Some((Some(5), 2, 1)), "as of its fetch before");
        progress.on_fetch(key(2), at(3), Offset(8), Some(Offset(8)));
        assert_eq!(told(&mut progress, 2, 9), Some((Some(8), 3, 3)));
        // It lost its disk, and its leader's clock went back.
        progress.on_fetch(key(2), at(2), Offset(0), Some(Offset(8)));
        assert_eq!(told(&mut progress, 2, 9), Some((Some(0), 3, 3)), "PG-1");
    }

    #[test]
    fn an_observer_is_forgotten_after_five_minutes_and_a_voter_never() {
        let mut progress = Progress::default();
        progress.on_fetch(key(2), at(1), Offset(3), None);
        progress.on_fetch(key(3), at(1), Offset(0), Some(Offset(0)));
        assert_eq!(told(&mut progress, 3, 300_000), Some((Some(0), 1, 1)));
        assert_eq!(told(&mut progress, 3, 300_001), None);
        assert_eq!(told(&mut progress, 2, 900_000), Some((Some(3), 1, -1)));
    }
}
