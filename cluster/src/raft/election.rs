//! Counts the votes of one election, or of the pre-vote before it.
//!
//! In Kafka:   `EpochElection`; `ProspectiveState` and `CandidateState` each have one.
//! Holds:      what each voter answered.
//! Invariants: EL-1 won and lost exclude each other; a candidate has its own vote from the start.

use std::collections::BTreeMap;

use super::voters::{ReplicaKey, VoterSet};
use crate::ids::BrokerId;

/// The votes so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpochElection {
    answers: BTreeMap<BrokerId, (ReplicaKey, Option<bool>)>,
}

impl EpochElection {
    /// An election among `voters`, in which `own` votes for itself.
    #[must_use]
    pub fn new(voters: &VoterSet, own: ReplicaKey) -> Self {
        let answers = voters.keys().map(|key| (key.id, (key, (key.id == own.id).then_some(true))));
        Self { answers: answers.collect() }
    }

    /// Records the answer of `voter`; one who is no voter changes nothing.
    pub fn record(&mut self, voter: BrokerId, granted: bool) {
        if let Some((_, answer)) = self.answers.get_mut(&voter) {
            *answer = Some(granted);
        }
        assert!(!(self.is_won() && self.is_lost()), "EL-1: won and lost: {self:?}");
    }

    /// Whether a majority said yes.
    #[must_use]
    pub fn is_won(&self) -> bool {
        self.count(Some(true)) >= self.majority()
    }

    /// Whether a majority cannot say yes any more.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.count(Some(true)) + self.count(None) < self.majority()
    }

    /// Who has not answered.
    pub fn unrecorded(&self) -> impl Iterator<Item = ReplicaKey> + '_ {
        self.answers.values().filter(|(_, answer)| answer.is_none()).map(|&(key, _)| key)
    }

    /// Who said yes.
    pub fn granting(&self) -> impl Iterator<Item = ReplicaKey> + '_ {
        self.answers.values().filter(|(_, answer)| *answer == Some(true)).map(|&(key, _)| key)
    }

    fn majority(&self) -> usize {
        self.answers.len() / 2 + 1
    }

    fn count(&self, wanted: Option<bool>) -> usize {
        self.answers.values().filter(|(_, answer)| *answer == wanted).count()
    }
}

#[cfg(test)]
mod tests {
    use super::super::voters::tests::{key, voters};
    use super::*;

    /// Plays `answers` to candidate 1 of voters 1 to `count`; wants (won, lost) after each.
    #[track_caller]
    fn check(count: i32, answers: &[(i32, bool)], want: &[(bool, bool)]) {
        let ids: Vec<i32> = (1..=count).collect();
        let mut election = EpochElection::new(&voters(&ids), key(1));
        let mut got = vec![(election.is_won(), election.is_lost())];
        for &(voter, granted) in answers {
            election.record(BrokerId(voter), granted);
            got.push((election.is_won(), election.is_lost()));
        }
        assert_eq!(got, want, "{count} voters, {answers:?}");
    }

    #[test]
    fn a_majority_decides_either_way() {
        let open = (false, false);
        check(1, &[], &[(true, false)]);
        check(2, &[(2, true)], &[open, (true, false)]);
        check(2, &[(2, false)], &[open, (false, true)]);
        check(3, &[(2, false), (3, true)], &[open, open, (true, false)]);
        check(3, &[(2, false), (3, false)], &[open, open, (false, true)]);
        check(4, &[(2, true), (3, false), (4, false)], &[open, open, open, (false, true)]);
        check(5, &[(2, true), (2, true), (3, true)], &[open, open, open, (true, false)]);
    }

    #[test]
    fn a_stranger_has_no_vote() {
        check(3, &[(9, true), (9, false)], &[(false, false); 3]);
    }
}
