//! Asking for votes and giving them. The rule itself is in `raft::vote`.
//!
//! In Kafka:   `KafkaRaftClient.handleVoteRequest`, `handleVoteResponse`.
//! Invariants: K7 a vote is on disk before it is given.

use trial_sim::Span;

use super::super::effect::Step;
use super::super::fault::RaftFault;
use super::super::message::{Api, Request, Response, ResponseBody, Vote};
use super::super::requests::Peer;
use super::super::state::State;
use super::super::vote;
use super::super::voters::ReplicaKey;
use super::RaftClient;
use crate::error_code::ErrorCode;
use crate::mark;
use crate::note::raft::{RaftNote, RaftRole};

impl RaftClient {
    pub(super) fn on_vote_request(
        &mut self,
        request: &Vote,
        step: &mut Step<'_>,
    ) -> Result<Response, RaftFault> {
        let &Vote { candidate, epoch, log_end, pre_vote, .. } = request;
        // A candidate's epoch is new, so nothing in its log is of that epoch; a Prospective's is not.
        let is_illegal = if pre_vote { log_end.epoch > epoch } else { log_end.epoch >= epoch };
        if log_end.offset.0 < 0 || log_end.epoch.0 < 0 || is_illegal {
            return Ok(self.respond(Api::Vote, ErrorCode::InvalidRequest));
        }
        if let Some(error) = self.check_voter_request(candidate.id, epoch) {
            return Ok(self.respond(Api::Vote, error));
        }
        if epoch > self.quorum.epoch() {
            self.become_unattached(epoch, None, step)?;
        }
        if !self.is_meant(request.voter) {
            return Ok(self.respond(Api::Vote, ErrorCode::InvalidVoterKey));
        }
        let is_up_to_date = log_end >= step.log.end();
        let decision =
            vote::decide(self.quorum.state().as_voter(), candidate, is_up_to_date, pre_vote);
        let granted = decision.is_ok();
        mark_refusal(decision.err(), pre_vote, step);
        if granted && pre_vote {
            step.note(RaftNote::PreVoteGranted { epoch, candidate });
        }
        if granted && !pre_vote {
            if self.quorum.state().voted(self.settings.local).is_none() {
                self.quorum.add_vote(candidate, step)?;
            }
            step.note(RaftNote::VoteGranted { epoch, candidate });
        }
        let mut response = self.respond(Api::Vote, ErrorCode::None);
        response.body = ResponseBody::Vote { granted };
        Ok(response)
    }

    /// Whether a request that names its receiver means this replica.
    pub(super) fn is_meant(&self, key: Option<ReplicaKey>) -> bool {
        key.is_none_or(|key| key.matches(self.settings.local))
    }

    pub(super) fn on_vote_response(
        &mut self,
        from: &Peer,
        granted: bool,
        step: &mut Step<'_>,
    ) -> Result<(), RaftFault> {
        match self.quorum.state_mut() {
            State::Prospective(state) => state.election.record(from.id, granted),
            State::Candidate(state) => {
                let was_lost = state.election.is_lost();
                state.election.record(from.id, granted);
                if state.election.is_lost() && !was_lost {
                    self.lose_election(step);
                }
            }
            // The election is over.
            _ => return Ok(()),
        }
        mark::sometimes!(
            step.effects,
            matches!(self.quorum.state(), State::Candidate(state) if state.election.is_lost()),
            "candidate_loses",
            "a majority refused a candidate that had won its pre-vote"
        );
        if granted {
            self.advance_nominee(step)?;
        } else if let State::Prospective(state) = self.quorum.state()
            && state.election.is_lost()
        {
            self.lose_pre_vote(step)?;
        }
        Ok(())
    }

    /// A Candidate that lost waits for its timeout before it sounds out the others again: it is random, so that no two
    /// go on meeting. With the switch `election_backoff_lockstep` it backs off for a while that doubles and ends at
    /// `controller.quorum.election.backoff.max.ms`: then everybody waits equally long.
    fn lose_election(&mut self, step: &mut Step<'_>) {
        if self.settings.rules.losers_wait_for_their_timeout() {
            return;
        }
        let longest = self.settings.election_backoff_max;
        let State::Candidate(state) = self.quorum.state_mut() else { return };
        let steps = step.draws.below(2 << (state.attempt - 1).min(20));
        let backoff = Span::from_millis(100 * steps).min(longest);
        state.election_timer.reset(step.now, backoff);
    }

    pub(super) fn vote_request(&self, voter: ReplicaKey, step: &Step<'_>) -> Request {
        Request::Vote(Vote {
            candidate: self.settings.local,
            epoch: self.quorum.epoch(),
            log_end: step.log.end(),
            voter: Some(voter),
            pre_vote: self.quorum.role() == RaftRole::Prospective,
        })
    }
}

fn mark_refusal(why: Option<vote::Refusal>, pre_vote: bool, step: &mut Step<'_>) {
    mark::sometimes!(
        step.effects,
        why == Some(vote::Refusal::LogBehind) && !pre_vote,
        "vote_refused_log_behind",
        "a vote was refused, since the candidate's log is behind the voter's"
    );
    mark::sometimes!(
        step.effects,
        why == Some(vote::Refusal::LogBehind) && pre_vote,
        "pre_vote_refused_log_behind",
        "a pre-vote was refused, since the candidate's log is behind the voter's"
    );
    mark::sometimes!(
        step.effects,
        why == Some(vote::Refusal::VotedForAnother),
        "two_candidates_in_epoch",
        "a vote was refused, since another candidate of the epoch has it"
    );
    mark::sometimes!(
        step.effects,
        why == Some(vote::Refusal::HasLeader) && pre_vote,
        "pre_vote_refused_leader_lives",
        "a pre-vote was refused by a follower that hears from its leader (KIP-996)"
    );
    mark::sometimes!(
        step.effects,
        why == Some(vote::Refusal::Occupied) && !pre_vote,
        "vote_refused_by_candidate",
        "a vote was refused by a replica that stands for election in that epoch itself, or led it"
    );
}
