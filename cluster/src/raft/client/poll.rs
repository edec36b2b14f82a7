//! What each state does by itself as time passes.
//!
//! In Kafka:   `KafkaRaftClient.poll`, `pollCurrentState` and the seven methods below it.
//! Holds:      nothing. Each answers how long nothing will be due; zero asks for another turn.

use trial_sim::Span;

use super::super::effect::{RaftEvent, Step};
use super::super::fault::RaftFault;
use super::super::requests::Peer;
use super::super::state::State;
use super::super::voters::ReplicaKey;
use super::RaftClient;
use crate::ids::{BrokerId, LeaderEpoch};
use crate::mark;
use crate::note::raft::{RaftNote, RaftRole};

impl RaftClient {
    pub(super) fn poll(&mut self, step: &mut Step<'_>) -> Result<Span, RaftFault> {
        if self.is_shut_down || self.poll_shutdown(step) {
            return Ok(Span::MAX);
        }
        match self.quorum.role() {
            RaftRole::Leader => self.poll_leader(step),
            RaftRole::Candidate | RaftRole::Prospective => self.poll_nominee(step),
            RaftRole::Follower if self.quorum.is_voter() => self.poll_follower_as_voter(step),
            RaftRole::Follower if self.shutdown.is_some() => Ok(Span::ZERO),
            RaftRole::Follower => Ok(self.fetch_from_best(step)),
            RaftRole::Unattached => self.poll_unattached(step),
            RaftRole::Resigned => self.poll_resigned(step),
        }
    }

    /// Whether a stop in good order is complete: nobody depends on this replica any more.
    fn poll_shutdown(&mut self, step: &mut Step<'_>) -> bool {
        let Some(timer) = &mut self.shutdown else { return false };
        let is_dispensable = !self.quorum.is_voter()
            || self.quorum.is_only_voter()
            || self.quorum.has_remote_leader();
        if timer.is_expired(step.now) || is_dispensable {
            self.is_shut_down = true;
            step.event(RaftEvent::ShutDown);
        }
        self.is_shut_down
    }

    fn remaining_shutdown(&mut self, step: &Step<'_>) -> Option<Span> {
        self.shutdown.as_mut().map(|timer| timer.remaining(step.now))
    }

    fn poll_leader(&mut self, step: &mut Step<'_>) -> Result<Span, RaftFault> {
        let now = step.now;
        self.tell_owner(step)?;
        let epoch = self.quorum.epoch();
        let is_checked = self.settings.rules.leaders_check_their_quorum();
        let leader = self.quorum.leader_state().expect("checked by the caller");
        let quorum_wait = if is_checked { leader.check_quorum.remaining(now) } else { Span::MAX };
        if quorum_wait == Span::ZERO {
            mark::reachable!(
                step.effects,
                "quorum_lost",
                "a leader of the quorum resigned, since no majority fetched from it (check quorum)"
            );
            step.note(RaftNote::QuorumLost { epoch });
        }
        let must_resign = leader.is_resign_requested || quorum_wait == Span::ZERO;
        if must_resign || self.shutdown.is_some() {
            self.become_resigned(step);
            return Ok(Span::ZERO);
        }
        let append_wait = self.append_batches(step)?;
        let begin_wait = self.send_begin_quorum_epoch(step);
        Ok(append_wait.min(begin_wait).min(quorum_wait))
    }

    /// Tells the voters that have not fetched for a while, again and again.
    fn send_begin_quorum_epoch(&mut self, step: &mut Step<'_>) -> Span {
        let now = step.now;
        let every = self.settings.fetch_timeout / 2;
        let local = self.settings.local.id;
        let leader = self.quorum.leader_state().expect("only a leader announces itself");
        let wait = leader.begin_timer.remaining(now);
        if wait > Span::ZERO {
            return wait;
        }
        let is_silent = |key: &ReplicaKey| {
            key.id != local
                && leader.progress.fetched_at(*key).is_none_or(|last| now.since(last) >= every)
        };
        let silent: Vec<_> = leader.voters.keys().filter(is_silent).collect();
        leader.begin_timer.reset(now, every);
        let wait =
            self.send_to_voters(&silent, |client, voter, _| client.begin_request(voter), step);
        wait.min(every)
    }

    fn poll_nominee(&mut self, step: &mut Step<'_>) -> Result<Span, RaftFault> {
        let now = step.now;
        let shutdown = self.remaining_shutdown(step);
        let (election, timer, is_candidate) = match self.quorum.state_mut() {
            State::Candidate(state) => (&state.election, &mut state.election_timer, true),
            State::Prospective(state) => (&state.election, &mut state.election_timer, false),
            other => panic!("K11: {other:?} is no nominee"),
        };
        let wait = shutdown.unwrap_or_else(|| timer.remaining(now));
        if shutdown.is_none() && wait == Span::ZERO {
            mark::sometimes!(
                step.effects,
                is_candidate,
                "candidate_times_out",
                "an election of the quorum ended without a winner"
            );
            if is_candidate {
                self.become_prospective(step)?;
            } else {
                self.lose_pre_vote(step)?;
            }
            return Ok(Span::ZERO);
        }
        if election.is_lost() {
            return Ok(wait);
        }
        let voters: Vec<_> = election.unrecorded().collect();
        let ask = |client: &Self, voter, step: &Step<'_>| client.vote_request(voter, step);
        Ok(self.send_to_voters(&voters, ask, step).min(wait))
    }

    fn poll_follower_as_voter(&mut self, step: &mut Step<'_>) -> Result<Span, RaftFault> {
        if self.shutdown.is_some() {
            return Ok(Span::ZERO);
        }
        let State::Follower(follower) = self.quorum.state_mut() else {
            panic!("K11: {:?} is no follower", self.quorum.role());
        };
        if follower.fetch_timer.is_expired(step.now) {
            mark::reachable!(
                step.effects,
                "quorum_fetch_times_out",
                "a voter heard nothing from its leader for controller.quorum.fetch.timeout.ms"
            );
            self.become_prospective(step)?;
            return Ok(Span::ZERO);
        }
        Ok(self.fetch_from_best(step))
    }

    /// Fetches from the leader, or asks around while that one does not answer.
    fn fetch_from_best(&mut self, step: &mut Step<'_>) -> Span {
        let now = step.now;
        let State::Follower(follower) = self.quorum.state_mut() else {
            panic!("K11: {:?} is no follower", self.quorum.role());
        };
        let timeout = follower.fetch_timer.remaining(now);
        let leader = Peer { id: follower.leader, endpoint: follower.leader_endpoint.clone() };
        let wait = if self.requests.has_timed_out(leader.id, now) {
            mark::reachable!(
                step.effects,
                "quorum_request_times_out",
                "the leader of the quorum did not answer in time, and others are asked who leads"
            );
            self.requests.reset(leader.id);
            self.fetch_from_bootstrap(step)
        } else if self.requests.backoff(leader.id, now) > Span::ZERO {
            self.fetch_from_bootstrap(step)
        } else if !self.requests.has_any_in_flight(now) {
            self.send(&leader, Self::fetch_request, step)
        } else {
            self.requests.bootstrap_wait(now)
        };
        // An observer whose fetch timer has run out goes on asking.
        if self.quorum.is_voter() { wait.min(timeout) } else { wait }
    }

    fn fetch_from_bootstrap(&mut self, step: &mut Step<'_>) -> Span {
        match self.requests.ready_bootstrap(step.now, step.draws) {
            Some(peer) => self.send(&peer, Self::fetch_request, step),
            None => self.requests.bootstrap_wait(step.now),
        }
    }

    fn poll_unattached(&mut self, step: &mut Step<'_>) -> Result<Span, RaftFault> {
        let is_voter = self.quorum.is_voter();
        if is_voter && let Some(remaining) = self.remaining_shutdown(step) {
            return Ok(remaining);
        }
        let State::Unattached(state) = self.quorum.state_mut() else {
            panic!("K11: {:?} is not unattached", self.quorum.role());
        };
        let wait = state.election_timer.remaining(step.now);
        if is_voter && wait == Span::ZERO {
            self.become_prospective(step)?;
            return Ok(Span::ZERO);
        }
        Ok(self.fetch_from_bootstrap(step).min(wait))
    }

    fn poll_resigned(&mut self, step: &mut Step<'_>) -> Result<Span, RaftFault> {
        let State::Resigned(state) = self.quorum.state() else {
            panic!("K11: {:?} has not resigned", self.quorum.role());
        };
        let successors = state.preferred_successors.clone();
        let is_waiting = |key: &ReplicaKey| state.unacknowledged.contains(&key.id);
        let voters: Vec<_> = self.quorum.voter_set().keys().filter(is_waiting).collect();
        let tell = |client: &Self, _, _: &Step<'_>| client.end_request(successors.clone());
        let wait = self.send_to_voters(&voters, tell, step);
        if let Some(remaining) = self.remaining_shutdown(step) {
            return Ok(remaining.min(wait));
        }
        let State::Resigned(state) = self.quorum.state_mut() else {
            panic!("K11: sending a request changes no state");
        };
        let remaining = state.election_timer.remaining(step.now);
        if remaining == Span::ZERO {
            // Of its own epoch it must not hear any more: it would follow itself.
            let next = LeaderEpoch(self.quorum.epoch().0 + 1);
            self.become_unattached(next, None, step)?;
        }
        Ok(remaining.min(wait))
    }

    fn send_to_voters(
        &mut self,
        voters: &[ReplicaKey],
        request: impl Fn(&Self, ReplicaKey, &Step<'_>) -> super::super::message::Request,
        step: &mut Step<'_>,
    ) -> Span {
        let set = self.quorum.voter_set();
        let endpoint = |id: BrokerId| set.endpoint(id).expect("a voter has an endpoint").clone();
        let mut wait = Span::MAX;
        for &voter in voters {
            let peer = Peer { id: voter.id, endpoint: endpoint(voter.id) };
            wait = wait.min(self.send(&peer, |client, step| request(client, voter, step), step));
        }
        wait
    }
}
