//! What all answers have in common: they tell of the epoch and its leader.
//!
//! In Kafka:   `KafkaRaftClient.handleResponse`, `maybeHandleCommonResponse`, `handleTopLevelError`.
//!             One difference: there, who asks a replica that knows no leader either asks again at once, as fast as
//!             the network answers; here after `controller.quorum.retry.backoff.ms`, else elections would consist
//!             of thousands of such fetches.

use super::super::effect::Step;
use super::super::fault::RaftFault;
use super::super::message::{Response, ResponseBody};
use super::super::requests::Peer;
use super::super::state::State;
use super::RaftClient;
use crate::error_code::ErrorCode;
use crate::note::raft::RaftRole;

/// What became of an answer.
enum Handled {
    /// The node may be asked again at once.
    Ready,
    /// The node is left alone for a while.
    BackOff,
    /// The part of the answer that belongs to its request is still to be looked at.
    Continue,
}

impl RaftClient {
    pub(super) fn on_response(
        &mut self,
        from: &Peer,
        correlation: u64,
        response: Response,
        step: &mut Step<'_>,
    ) -> Result<(), RaftFault> {
        let success = self.handle_response(from, response, step)?;
        // A move to another state has forgotten the request already.
        self.requests.on_answered(from.id, correlation, success, step.now);
        Ok(())
    }

    fn handle_response(
        &mut self,
        from: &Peer,
        response: Response,
        step: &mut Step<'_>,
    ) -> Result<bool, RaftFault> {
        if response.top_level_error != ErrorCode::None {
            return Ok(false);
        }
        match self.handle_common(&response, step)? {
            Handled::Ready => return Ok(true),
            Handled::BackOff => return Ok(false),
            Handled::Continue => {}
        }
        if response.error != ErrorCode::None {
            return Ok(false);
        }
        match &response.body {
            ResponseBody::Vote { granted } => self.on_vote_response(from, *granted, step)?,
            // A leader goes by the fetches of the voters, not by what they acknowledge.
            ResponseBody::BeginQuorumEpoch => {}
            ResponseBody::EndQuorumEpoch => {
                if let State::Resigned(resigned) = self.quorum.state_mut() {
                    resigned.unacknowledged.remove(&from.id);
                }
            }
            ResponseBody::Fetch(fetched) => self.on_fetched(fetched, step)?,
            ResponseBody::DescribeQuorum(..) => {
                unreachable!("no replica asks who is in the quorum")
            }
        }
        Ok(true)
    }

    fn handle_common(
        &mut self,
        response: &Response,
        step: &mut Step<'_>,
    ) -> Result<Handled, RaftFault> {
        use ErrorCode as E;
        let (known, current) = self.leader_and_epoch();
        let &Response { error, leader, epoch, .. } = response;
        let endpoint = response.leader_endpoint.clone();
        if epoch < current || error == E::UnknownLeaderEpoch {
            // Of the past.
            return Ok(Handled::Ready);
        }
        if epoch > current || matches!(error, E::FencedLeaderEpoch | E::NotLeaderOrFollower) {
            self.learn_leader(leader, epoch, endpoint, step)?;
            let is_news = (known, current) != self.leader_and_epoch();
            return Ok(if is_news { Handled::Ready } else { Handled::BackOff });
        }
        let is_lost = known.is_none() || self.quorum.role() == RaftRole::Unattached;
        if let (Some(leader), true) = (leader, is_lost) {
            // An observer finds its leader and appends its records with one and the same answer. (Kafka stops
            // with an exception if it knew the leader and not where that one listens.)
            self.become_follower(epoch, leader, endpoint, step)?;
            let done = error != E::None;
            return Ok(if done { Handled::Ready } else { Handled::Continue });
        }
        match error {
            E::BrokerNotAvailable => Ok(Handled::BackOff),
            E::InvalidVoterKey => Ok(Handled::Ready),
            E::InvalidRequest => Err(RaftFault::RequestCalledInvalid),
            _ if self.is_stray_fetch(response) => Ok(Handled::Ready),
            _ => Ok(Handled::Continue),
        }
    }

    /// Records that arrive when this replica follows nobody any more.
    fn is_stray_fetch(&self, response: &Response) -> bool {
        let is_fetch = matches!(response.body, ResponseBody::Fetch(_));
        is_fetch && self.quorum.role() != RaftRole::Follower
    }
}
