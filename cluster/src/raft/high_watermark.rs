//! How far the quorum's log is committed: the high watermark, as its leader computes it.
//!
//! In Kafka:   `LeaderState.maybeUpdateHighWatermark`, `ReplicaState` (KIP-595).
//! Holds:      the end that each voter was last seen to have; an end counts as on disk, since a voter syncs
//!             before it fetches again. The leader counts its own end when it is written.
//! Invariants: K5 it never falls; K8 it moves only to an end beyond the first record of the leader's own epoch,
//!             so that what an older epoch wrote is never committed by counting alone.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::voters::{ReplicaKey, VoterSet};
use crate::ids::{BrokerId, Offset};

/// What the leader knows of the voters' logs.
#[derive(Debug, Clone)]
pub struct HighWatermark {
    epoch_start_offset: Offset,
    offset: Option<Offset>,
    ends: BTreeMap<BrokerId, (ReplicaKey, Option<Offset>)>,
}

impl HighWatermark {
    /// A leader's first view: nobody's end is known, and no watermark of before is kept.
    ///
    /// The largest watermark that anybody saw is below the end of a majority, hence below what this leader must
    /// reach first; were it kept, two leaders could show different ones.
    #[must_use]
    pub fn new(voters: &VoterSet, epoch_start_offset: Offset) -> Self {
        let ends = voters.keys().map(|key| (key.id, (key, None))).collect();
        Self { epoch_start_offset, offset: None, ends }
    }

    /// Everything below is committed; none before the first record of the leader's epoch is.
    #[must_use]
    pub fn offset(&self) -> Option<Offset> {
        self.offset
    }

    /// Where the leader's epoch starts.
    #[must_use]
    pub fn epoch_start_offset(&self) -> Offset {
        self.epoch_start_offset
    }

    /// Learns that `replica` has everything below `end`; answers whether the watermark moved.
    /// Ends of replicas that do not vote change nothing, and an end may fall: a voter that lost its disk.
    pub fn on_end(&mut self, replica: ReplicaKey, end: Offset) -> bool {
        match self.ends.get_mut(&replica.id) {
            Some((key, known)) if key.matches(replica) => *known = Some(end),
            _ => return false,
        }
        self.advance()
    }

    /// Where the log of a voter ends, as far as that is known.
    #[must_use]
    pub fn end(&self, voter: BrokerId) -> Option<Offset> {
        self.ends.get(&voter).and_then(|&(_, end)| end)
    }

    /// Every other voter, the one with the longest log first: who should lead next.
    #[must_use]
    pub fn successors(&self, leader: BrokerId) -> Vec<ReplicaKey> {
        let mut others: Vec<_> = self.ends.values().filter(|(key, _)| key.id != leader).collect();
        others.sort_by_key(|(key, end)| (Reverse(*end), key.id));
        others.into_iter().map(|&(key, _)| key).collect()
    }

    fn advance(&mut self) -> bool {
        let Some(reached) = self.reached_by_majority() else { return false };
        let is_own_epoch = reached > self.epoch_start_offset;
        if !is_own_epoch || self.offset.is_some_and(|offset| reached <= offset) {
            return false;
        }
        self.offset = Some(reached);
        self.invariants();
        true
    }

    fn reached_by_majority(&self) -> Option<Offset> {
        let mut ends: Vec<Option<Offset>> = self.ends.values().map(|&(_, end)| end).collect();
        ends.sort_by_key(|&end| Reverse(end));
        ends[ends.len() / 2]
    }

    fn invariants(&self) {
        let offset = self.offset.expect("it has just moved");
        assert!(offset > self.epoch_start_offset, "K8: {offset} in {self:?}");
        let reached = self.ends.values().filter(|(_, end)| *end >= Some(offset)).count();
        assert!(reached > self.ends.len() / 2, "K5: only {reached} reached {offset}: {self:?}");
    }
}

#[cfg(test)]
mod tests {
    use super::super::voters::tests::{key, voters};
    use super::*;

    /// Voters 1 to `count` with an epoch that starts at 10; wants the watermark after each `(voter, end)`.
    #[track_caller]
    fn check(count: i32, ends: &[(i32, i64)], want: &[i64]) {
        let ids: Vec<i32> = (1..=count).collect();
        let mut watermark = HighWatermark::new(&voters(&ids), Offset(10));
        let mut got = Vec::new();
        for &(replica, end) in ends {
            let before = watermark.offset();
            let moved = watermark.on_end(key(replica), Offset(end));
            assert_eq!(moved, watermark.offset() != before, "it says whether it moved");
            got.push(watermark.offset().map_or(-1, |offset| offset.0));
        }
        assert_eq!(got, want, "{count} voters, {ends:?}");
    }

    #[test]
    fn a_majority_must_hold_a_record_of_the_leaders_epoch() {
        check(1, &[(1, 10), (1, 11)], &[-1, 11]);
        check(2, &[(1, 12), (2, 10), (2, 11), (2, 12)], &[-1, -1, 11, 12]);
        check(3, &[(1, 15), (2, 9), (2, 10), (2, 12), (3, 15)], &[-1, -1, -1, 12, 15]);
        check(5, &[(1, 15), (2, 15), (3, 10), (4, 14), (3, 13)], &[-1, -1, -1, 14, 14]);
    }

    #[test]
    fn it_never_falls_although_a_voters_end_may() {
        check(3, &[(1, 15), (2, 14), (2, 3), (3, 12), (3, 15)], &[-1, 14, 14, 14, 15]);
    }

    #[test]
    fn a_replica_that_does_not_vote_does_not_count() {
        check(3, &[(1, 15), (9, 15)], &[-1, -1]);
        let mut watermark = HighWatermark::new(&voters(&[1, 2, 3]), Offset(0));
        watermark.on_end(key(1), Offset(5));
        let moved = ReplicaKey::new(BrokerId(2), crate::ids::Uuid(77));
        assert!(!watermark.on_end(moved, Offset(5)), "a voter's id in another directory");
    }

    #[test]
    fn the_longest_log_should_lead_next() {
        let mut watermark = HighWatermark::new(&voters(&[1, 2, 3, 4]), Offset(0));
        for (replica, end) in [(1, 9), (2, 4), (4, 7)] {
            watermark.on_end(key(replica), Offset(end));
        }
        assert_eq!(watermark.successors(BrokerId(1)), [key(4), key(2), key(3)]);
    }
}
