//! The vote rule: may this replica give its vote to that one?
//!
//! In Kafka:   `EpochState.canGrantVote` of each state, `QuorumState.unattachedOrProspectiveCanGrantVote`
//!             (KIP-595, KIP-853, KIP-996).
//! Holds:      nothing. The caller has already refused stale epochs, moved to the candidate's epoch if that is
//!             higher, and checked that the request was meant for this replica.
//! Invariants: K7 a vote given in an epoch is given to nobody else in it: every state but Unattached and
//!             Prospective refuses real votes, and those two remember whom they voted for.

use super::voters::ReplicaKey;
use crate::ids::BrokerId;

/// What of a replica's state decides about its vote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Voter {
    /// Unattached or Prospective: who leads the epoch, and who has this replica's vote.
    Free {
        /// The leader of the epoch, as far as it is known.
        leader: Option<BrokerId>,
        /// To whom the vote of the epoch went.
        voted: Option<ReplicaKey>,
    },
    /// Candidate (its vote is its own) or Resigned (it has led the epoch).
    Taken,
    /// Follower: whether it has fetched from its leader.
    Follower {
        /// A follower that has fetched knows that its leader lives.
        has_fetched: bool,
    },
    /// Leader.
    Leader,
}

/// Why a vote was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The candidate's log is behind.
    LogBehind,
    /// The vote of this epoch went to another replica.
    VotedForAnother,
    /// The epoch has a leader.
    HasLeader,
    /// This replica stands for election itself, leads, or has led.
    Occupied,
}

/// Decides about a vote for `candidate`, in this replica's epoch.
///
/// `log_is_up_to_date`: the candidate's last epoch and end are not before this replica's.
///
/// # Errors
/// Why not.
pub fn decide(
    voter: Voter,
    candidate: ReplicaKey,
    log_is_up_to_date: bool,
    pre_vote: bool,
) -> Result<(), Refusal> {
    let log = if log_is_up_to_date { Ok(()) } else { Err(Refusal::LogBehind) };
    match (voter, pre_vote) {
        (Voter::Free { .. } | Voter::Taken, true) => log,
        (Voter::Follower { has_fetched: false }, true) => log,
        (Voter::Follower { has_fetched: true }, true) => Err(Refusal::HasLeader),
        // The same vote may be asked for again, whatever the log: the first answer may be lost.
        (Voter::Free { voted: Some(voted), .. }, false) if voted.matches(candidate) => Ok(()),
        (Voter::Free { voted: Some(_), .. }, false) => Err(Refusal::VotedForAnother),
        (Voter::Free { leader: Some(_), .. } | Voter::Follower { .. }, false) => {
            Err(Refusal::HasLeader)
        }
        (Voter::Free { .. }, false) => log,
        (Voter::Taken, false) | (Voter::Leader, _) => Err(Refusal::Occupied),
    }
}

#[cfg(test)]
mod tests {
    use super::super::voters::tests::key;
    use super::*;
    use crate::ids::Uuid;

    /// (up to date, pre-vote) in the order yes-yes, no-yes, yes-no, no-no; what each is answered.
    #[track_caller]
    fn check(voter: Voter, want: [Result<(), Refusal>; 4]) {
        let questions = [(true, true), (false, true), (true, false), (false, false)];
        let got = questions.map(|(log, pre_vote)| decide(voter, key(2), log, pre_vote));
        assert_eq!(got, want, "{voter:?}");
    }

    #[test]
    fn every_state_answers_as_kafka_does() {
        use Refusal::{HasLeader, LogBehind, Occupied, VotedForAnother};
        let free = |leader: Option<i32>, voted| Voter::Free { leader: leader.map(BrokerId), voted };
        let behind = Err(LogBehind);
        check(free(None, None), [Ok(()), behind, Ok(()), behind]);
        check(free(None, Some(key(2))), [Ok(()), behind, Ok(()), Ok(())]);
        let elsewhere = Err(VotedForAnother);
        check(free(None, Some(key(3))), [Ok(()), behind, elsewhere, elsewhere]);
        check(free(Some(3), None), [Ok(()), behind, Err(HasLeader), Err(HasLeader)]);
        check(free(Some(3), Some(key(3))), [Ok(()), behind, elsewhere, elsewhere]);
        check(Voter::Taken, [Ok(()), behind, Err(Occupied), Err(Occupied)]);
        let new = Voter::Follower { has_fetched: false };
        check(new, [Ok(()), behind, Err(HasLeader), Err(HasLeader)]);
        check(Voter::Follower { has_fetched: true }, [Err(HasLeader); 4]);
        check(Voter::Leader, [Err(Occupied); 4]);
    }

    #[test]
    fn a_vote_belongs_to_a_directory_and_not_to_an_id() {
        let moved = ReplicaKey::new(BrokerId(2), Uuid(77));
        let with = |voted| Voter::Free { leader: None, voted: Some(voted) };
        assert_eq!(decide(with(key(2)), moved, true, false), Err(Refusal::VotedForAnother), "K7");
        // A quorum-state file of kraft.version 0 does not know the directory.
        let unknown = ReplicaKey { id: BrokerId(2), directory: None };
        assert_eq!(decide(with(unknown), moved, true, false), Ok(()));
    }
}
