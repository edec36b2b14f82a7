//! What goes with a move from one state to another.
//!
//! In Kafka:   `KafkaRaftClient.transitionTo*`, `onBecome*`, `maybeTransition`.

use super::super::effect::{RaftEvent, Step};
use super::super::fault::RaftFault;
use super::super::state::State;
use super::super::voters::Endpoint;
use super::RaftClient;
use crate::error_code::ErrorCode;
use crate::ids::{BrokerId, LeaderEpoch};
use crate::mark;
use crate::note::raft::RaftRole;

impl RaftClient {
    pub(super) fn become_unattached(
        &mut self,
        epoch: LeaderEpoch,
        leader: Option<BrokerId>,
        step: &mut Step<'_>,
    ) -> Result<(), RaftFault> {
        self.mark_deposed(epoch, step);
        self.tell_resigned(step);
        self.quorum.to_unattached(epoch, leader, step)?;
        self.tell_leader(step);
        self.requests.reset_all();
        Ok(())
    }

    pub(super) fn become_follower(
        &mut self,
        epoch: LeaderEpoch,
        leader: BrokerId,
        endpoint: Option<Endpoint>,
        step: &mut Step<'_>,
    ) -> Result<(), RaftFault> {
        let known = endpoint.or_else(|| self.quorum.voter_set().endpoint(leader).cloned());
        let Some(endpoint) = known else {
            return Err(RaftFault::InconsistentLeader { epoch });
        };
        self.mark_deposed(epoch, step);
        self.tell_resigned(step);
        self.quorum.to_follower(epoch, leader, endpoint, step)?;
        self.tell_leader(step);
        self.requests.reset_all();
        // Whoever was fetching here should ask the leader now.
        self.fail_held(ErrorCode::NotLeaderOrFollower, step);
        Ok(())
    }

    pub(super) fn become_prospective(&mut self, step: &mut Step<'_>) -> Result<(), RaftFault> {
        let own = self.settings.endpoint.clone();
        self.quorum.to_prospective(&own, step);
        if !self.advance_nominee(step)? {
            self.requests.reset_all();
        }
        Ok(())
    }

    pub(super) fn become_candidate(&mut self, step: &mut Step<'_>) -> Result<(), RaftFault> {
        self.quorum.to_candidate(step)?;
        self.tell_leader(step);
        self.on_candidate(step)
    }

    pub(super) fn on_candidate(&mut self, step: &mut Step<'_>) -> Result<(), RaftFault> {
        if !self.advance_nominee(step)? {
            self.requests.reset_all();
        }
        Ok(())
    }

    /// Who has won an election goes on: from Prospective to Candidate, from Candidate to Leader.
    pub(super) fn advance_nominee(&mut self, step: &mut Step<'_>) -> Result<bool, RaftFault> {
        match self.quorum.state() {
            State::Prospective(state) if state.election.is_won() => self.become_candidate(step)?,
            State::Candidate(state) if state.election.is_won() => self.become_leader(step)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// A Prospective that lost goes back to the leader that it knows, else waits for one.
    pub(super) fn lose_pre_vote(&mut self, step: &mut Step<'_>) -> Result<(), RaftFault> {
        let State::Prospective(state) = self.quorum.state() else { return Ok(()) };
        mark::reachable!(
            step.effects,
            "pre_vote_lost",
            "a replica of the quorum sounded the others out and did not stand for election (KIP-996)"
        );
        let (leader, endpoint) = (state.leader, state.leader_endpoint.clone());
        let epoch = self.quorum.epoch();
        match (leader, endpoint) {
            // Who led this epoch itself and resigned cannot follow itself.
            (Some(leader), Some(endpoint)) if leader != self.settings.local.id => {
                self.become_follower(epoch, leader, Some(endpoint), step)
            }
            (leader, _) => self.become_unattached(epoch, leader, step),
        }
    }

    pub(super) fn become_resigned(&mut self, step: &mut Step<'_>) {
        self.fail_held(ErrorCode::NotLeaderOrFollower, step);
        self.tell_resigned(step);
        let local = self.settings.local.id;
        let leader = self.quorum.leader_state().expect("only a leader resigns");
        let successors = leader.high_watermark.successors(local);
        self.quorum.to_resigned(successors, step);
        self.requests.reset_all();
    }

    fn mark_deposed(&self, epoch: LeaderEpoch, step: &mut Step<'_>) {
        mark::sometimes!(
            step.effects,
            self.quorum.role() == RaftRole::Leader && epoch > self.quorum.epoch(),
            "quorum_leader_deposed",
            "a leader of the quorum learned of a later epoch"
        );
    }

    /// The owner of a leader learns that it leads no more, before anything else.
    fn tell_resigned(&mut self, step: &mut Step<'_>) {
        let epoch = self.quorum.epoch();
        let was_told = self.announced == (epoch, Some(self.settings.local.id));
        if self.quorum.role() == RaftRole::Leader && was_told {
            step.event(RaftEvent::Resigned { epoch });
        }
    }

    /// A request or an answer names an epoch and perhaps its leader: believe it if it is news.
    pub(super) fn learn_leader(
        &mut self,
        leader: Option<BrokerId>,
        epoch: LeaderEpoch,
        endpoint: Option<Endpoint>,
        step: &mut Step<'_>,
    ) -> Result<(), RaftFault> {
        if !self.is_consistent(epoch, leader) {
            return Err(RaftFault::InconsistentLeader { epoch });
        }
        let (known, current) = self.leader_and_epoch();
        let endpoint = endpoint
            .or_else(|| leader.and_then(|id| self.quorum.voter_set().endpoint(id).cloned()));
        match leader {
            Some(leader) if epoch > current => self.become_follower(epoch, leader, endpoint, step),
            None if epoch > current => self.become_unattached(epoch, None, step),
            Some(leader) => {
                let own = &self.settings.endpoint;
                let finds_endpoint =
                    endpoint.is_some() && self.quorum.leader_endpoint(own).is_none();
                if known.is_none() || finds_endpoint {
                    self.become_follower(epoch, leader, endpoint, step)
                } else {
                    Ok(())
                }
            }
            None => Ok(()),
        }
    }

    /// Whether what a message says about the leader of an epoch can be true (K1).
    fn is_consistent(&self, epoch: LeaderEpoch, leader: Option<BrokerId>) -> bool {
        if leader == Some(self.settings.local.id) {
            return self.quorum.role() == RaftRole::Leader;
        }
        let (known, current) = self.leader_and_epoch();
        epoch != current || leader.is_none() || known.is_none() || leader == known
    }
}
