//! JoinGroup: asks to be part of the next generation, and takes in the answer.
//!
//! In Kafka:   `AbstractCoordinator.sendJoinGroupRequest`, `JoinGroupResponseHandler`; KIP-394 (the round for a member
//!             id), KIP-559 (protocol type and name), KIP-792 (the generation of what is owned), KIP-800 (the reason).

use std::sync::Arc;

use super::super::coordinator::net_error;
use super::super::group_consumer::{GroupConsumer, Pending};
use super::member::{Generation, Join, MemberState};
use crate::client::NamedPartition;
use crate::client::consumer::assignor::{Subscription, protocol};
use crate::error_code::ErrorCode;
use crate::mark;
use crate::net::{Completed, NetError, Wires};
use crate::wire::{JoinGroupRequest, JoinGroupResponse, join_group_request};

/// `JoinGroupRequest.maybeTruncateReason`.
const MAX_REASON: usize = 255;

/// A reason as requests carry it.
pub(super) fn truncated(reason: &str) -> String {
    reason.chars().take(MAX_REASON).collect()
}

impl GroupConsumer {
    /// Asks to join with what it knows now.
    pub(super) fn send_join(&mut self, wires: &mut dyn Wires) {
        self.classic.state = MemberState::PreparingRebalance;
        self.classic.joined = Some(self.topics.topics().clone());
        let protocols = self.join_protocols();
        let (own, classic) = (&self.fetch.config.consumer, &self.classic);
        let generation = classic.generation.clone();
        let request = JoinGroupRequest {
            group_id: self.group_id.clone(),
            session_timeout_ms: own.session_timeout_ms(),
            rebalance_timeout_ms: own.max_poll_interval_ms,
            member_id: generation.member.to_string(),
            group_instance_id: own.group_instance_id.clone(),
            protocol_type: protocol::PROTOCOL_TYPE.to_owned(),
            protocols,
            reason: Some(truncated(&classic.rejoin_reason)),
        };
        let pending = Pending::Join { generation };
        let is_sent = self.ask_coordinator(8..=9, |_| request, pending, wires);
        self.classic.join = match is_sent {
            true => Join::Asked,
            false => Join::Done(Err(ErrorCode::CoordinatorNotAvailable)),
        };
    }

    /// What it says of itself to each of its assignors.
    fn join_protocols(&self) -> Vec<join_group_request::Protocol> {
        let topics: Vec<Arc<str>> = self.topics.topics().iter().cloned().collect();
        let owned: Vec<NamedPartition> = self.fetch.assigned.keys().cloned().collect();
        let generation_id = Some(self.classic.generation.id).filter(|id| *id >= 0);
        let rack_id = self.fetch.config.consumer.client_rack.as_deref().map(Arc::from);
        let of = |assignor: &crate::client::consumer::assignor::Assignor| {
            let subscription = Subscription {
                topics: topics.clone(),
                user_data: assignor.subscription_user_data(),
                owned_partitions: owned.clone(),
                generation_id,
                rack_id: rack_id.clone(),
                group_instance_id: None,
            };
            let metadata = protocol::put_subscription(&subscription);
            join_group_request::Protocol { name: assignor.name().to_owned(), metadata }
        };
        self.classic.assignors.iter().map(of).collect()
    }

    pub(in super::super) fn on_join_answered(
        &mut self,
        sent: &Generation,
        completed: &Completed,
        wires: &mut dyn Wires,
    ) {
        let outcome = match completed.response::<JoinGroupRequest>() {
            Err(error) => {
                if error != NetError::UnsupportedVersion {
                    self.mark_coordinator_unknown(true, wires);
                }
                Err(net_error(error))
            }
            Ok(response) => match ErrorCode::from_code(response.error_code) {
                ErrorCode::None => self.on_join_accepted(response, wires),
                error => Err(self.on_join_refused(error, sent, &response, wires)),
            },
        };
        if let Err(error) = outcome {
            self.classic.join = Join::Done(Err(error));
        }
    }

    fn on_join_accepted(
        &mut self,
        response: JoinGroupResponse,
        wires: &mut dyn Wires,
    ) -> Result<(), ErrorCode> {
        let kind = response.protocol_type.as_deref();
        if kind.is_some_and(|kind| kind != protocol::PROTOCOL_TYPE) {
            return Err(ErrorCode::InconsistentGroupProtocol);
        }
        if self.classic.state != MemberState::PreparingRebalance {
            // It has left the group meanwhile (`UnjoinedGroupException`, which is tried again).
            return Err(ErrorCode::NetworkException);
        }
        self.classic.state = MemberState::CompletingRebalance;
        self.enable_heartbeat_thread(wires.now());
        self.classic.generation = Generation {
            id: response.generation_id,
            member: Arc::from(response.member_id.as_str()),
            protocol: response.protocol_name.as_deref().map(Arc::from),
        };
        if response.leader == response.member_id {
            self.lead(Box::new(response), wires);
        } else {
            self.send_sync(Vec::new(), wires);
        }
        Ok(())
    }

    /// What an error does to the member; the error itself decides what follows.
    fn on_join_refused(
        &mut self,
        error: ErrorCode,
        sent: &Generation,
        response: &JoinGroupResponse,
        wires: &mut dyn Wires,
    ) -> ErrorCode {
        match error {
            ErrorCode::UnknownMemberId if self.classic.generation == *sent => {
                let reason = format!("encountered {error} from JOIN_GROUP response");
                self.classic.reset_and_rejoin(&reason, true);
            }
            ErrorCode::CoordinatorNotAvailable | ErrorCode::NotCoordinator => {
                self.mark_coordinator_unknown(false, wires);
            }
            ErrorCode::MemberIdRequired => {
                let member = response.member_id.as_str();
                self.classic.generation = Generation::of_member(member, -1);
                let reason = format!("need to re-join with the given member-id: {member}");
                self.classic.request_rejoin(&reason);
            }
            ErrorCode::FencedInstanceId => {
                mark::reachable!(
                    wires,
                    "static_member_fenced",
                    "a static member learned that another process has its instance id"
                );
            }
            ErrorCode::UnknownMemberId
            | ErrorCode::CoordinatorLoadInProgress
            | ErrorCode::RebalanceInProgress
            | ErrorCode::InconsistentGroupProtocol
            | ErrorCode::InvalidSessionTimeout
            | ErrorCode::InvalidGroupId
            | ErrorCode::GroupAuthorizationFailed
            | ErrorCode::GroupMaxSizeReached
            | ErrorCode::UnsupportedVersion => {}
            // Anything else is a `KafkaException`, which nobody tries again.
            _ => return ErrorCode::UnknownServerError,
        }
        error
    }
}
