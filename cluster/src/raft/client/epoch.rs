//! A leader tells the voters that its epoch begins, and that it ends.
//!
//! In Kafka:   `KafkaRaftClient.handleBeginQuorumEpochRequest`, `handleEndQuorumEpochRequest`.

use trial_sim::Span;

use super::super::effect::Step;
use super::super::fault::RaftFault;
use super::super::message::{Api, BeginQuorumEpoch, EndQuorumEpoch, Request, Response};
use super::super::state::State;
use super::super::voters::ReplicaKey;
use super::RaftClient;
use crate::error_code::ErrorCode;
use crate::ids::{BrokerId, LeaderEpoch};
use crate::mark;

impl RaftClient {
    pub(super) fn on_begin_request(
        &mut self,
        request: &BeginQuorumEpoch,
        step: &mut Step<'_>,
    ) -> Result<Response, RaftFault> {
        if let Some(error) = self.check_voter_request(request.leader, request.epoch) {
            return Ok(self.respond(Api::BeginQuorumEpoch, error));
        }
        let endpoint = request.leader_endpoint.clone();
        self.learn_leader(Some(request.leader), request.epoch, endpoint, step)?;
        let error =
            if self.is_meant(request.voter) { ErrorCode::None } else { ErrorCode::InvalidVoterKey };
        Ok(self.respond(Api::BeginQuorumEpoch, error))
    }

    pub(super) fn on_end_request(
        &mut self,
        request: &EndQuorumEpoch,
        step: &mut Step<'_>,
    ) -> Result<Response, RaftFault> {
        if let Some(error) = self.check_voter_request(request.leader, request.epoch) {
            return Ok(self.respond(Api::EndQuorumEpoch, error));
        }
        let endpoint = request.leader_endpoint.clone();
        self.learn_leader(Some(request.leader), request.epoch, endpoint, step)?;
        let backoff = self.backoff_as_successor(&request.preferred_candidates);
        mark::sometimes!(
            step.effects,
            backoff == Span::ZERO,
            "successor_stands_at_once",
            "a leader of the quorum resigned, and its best successor did not wait"
        );
        if let State::Follower(follower) = self.quorum.state_mut()
            && follower.leader == request.leader
        {
            follower.fetch_timer.reset(step.now, backoff);
        }
        Ok(self.respond(Api::EndQuorumEpoch, ErrorCode::None))
    }

    /// The best successor stands for election at once, each next one waits twice as long.
    fn backoff_as_successor(&self, candidates: &[ReplicaKey]) -> Span {
        let longest = self.settings.election_backoff_max;
        let position = candidates.iter().position(|key| key.matches(self.settings.local));
        match position {
            Some(0) => Span::ZERO,
            Some(position) => {
                let shortest = longest.as_millis() >> (candidates.len() - 1).min(63);
                let wait = shortest.checked_shl(u32::try_from(position - 1).unwrap_or(63));
                longest.min(Span::from_millis(wait.unwrap_or(u64::MAX >> 24)))
            }
            None => longest,
        }
    }

    /// What requests that claim leadership must have (`validateVoterOnlyRequest`).
    pub(super) fn check_voter_request(
        &self,
        sender: BrokerId,
        epoch: LeaderEpoch,
    ) -> Option<ErrorCode> {
        if epoch < self.quorum.epoch() {
            Some(ErrorCode::FencedLeaderEpoch)
        } else if sender.0 < 0 {
            Some(ErrorCode::InvalidRequest)
        } else {
            None
        }
    }

    pub(super) fn begin_request(&self, voter: ReplicaKey) -> Request {
        Request::BeginQuorumEpoch(BeginQuorumEpoch {
            leader: self.settings.local.id,
            epoch: self.quorum.epoch(),
            leader_endpoint: Some(self.settings.endpoint.clone()),
            voter: Some(voter),
        })
    }

    pub(super) fn end_request(&self, preferred_candidates: Vec<ReplicaKey>) -> Request {
        Request::EndQuorumEpoch(EndQuorumEpoch {
            leader: self.settings.local.id,
            epoch: self.quorum.epoch(),
            leader_endpoint: Some(self.settings.endpoint.clone()),
            preferred_candidates,
        })
    }
}
