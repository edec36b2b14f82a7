//! What a coordinator's answer to a heartbeat means.
//!
//! In Kafka:   `AbstractHeartbeatRequestManager.onResponse`, `onErrorResponse`, `onFailure`; `onHeartbeatSuccess`,
//!             `processAssignmentReceived`.

use std::collections::BTreeMap;

use trial_sim::Span;

use super::super::coordinator::net_error;
use super::super::group_consumer::GroupConsumer;
use super::heartbeat::SentFields;
use super::member::MemberState;
use crate::error_code::ErrorCode;
use crate::net::{Completed, NetError, Wires};
use crate::wire::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse,
    consumer_group_heartbeat_response::Assignment,
};

impl GroupConsumer {
    pub(in super::super) fn on_member_heartbeat_answered(
        &mut self,
        is_last: bool,
        completed: &Completed,
        wires: &mut dyn Wires,
    ) {
        if is_last {
            return;
        }
        match completed.response::<ConsumerGroupHeartbeatRequest>() {
            Err(error) => self.on_no_answer(error, wires),
            Ok(response) => match ErrorCode::from_code(response.error_code) {
                ErrorCode::None => self.on_heartbeat_taken(response, wires),
                error => self.on_heartbeat_refused(error, wires),
            },
        }
    }

    fn on_no_answer(&mut self, error: NetError, wires: &mut dyn Wires) {
        let wait = self.heartbeat_backoff(true, wires);
        self.member.timer.on_failure(wires.now(), wait);
        self.member.sent = SentFields::default();
        match error {
            NetError::Disconnected => self.mark_coordinator_unknown(true, wires),
            NetError::TimedOut => {}
            NetError::UnsupportedVersion => self.become_fatal(net_error(error)),
        }
    }

    fn on_heartbeat_taken(
        &mut self,
        response: ConsumerGroupHeartbeatResponse,
        wires: &mut dyn Wires,
    ) {
        let millis = u64::try_from(response.heartbeat_interval_ms).unwrap_or_default();
        let wait = self.heartbeat_backoff(false, wires);
        self.member.timer.on_success(wires.now(), Span::from_millis(millis), wait);
        if self.member.state == MemberState::Leaving {
            return;
        }
        if response.member_epoch < 0 || self.member.state.is_not_in_group() {
            return;
        }
        self.member.epoch = response.member_epoch;
        let can_handle = self.member.state.can_handle_assignment();
        if let Some(assignment) = response.assignment.filter(|_| can_handle) {
            self.on_target(assignment);
        }
    }

    /// The member should have this from now on (`processAssignmentReceived`).
    fn on_target(&mut self, assignment: Assignment) {
        let partitions: BTreeMap<_, _> = assignment
            .topic_partitions
            .into_iter()
            .map(|topic| (topic.topic_id, topic.partitions.into_iter().collect()))
            .collect();
        if let Some(target) = self.member.target.updated_with(partitions) {
            self.topics.set_assigned(target.partitions.keys().copied().collect());
            self.topics.tell_metadata(&mut self.fetch.cluster.metadata);
            self.member.target = target;
        }
        if !self.member.is_reconciled() {
            self.member.become_state(MemberState::Reconciling);
        } else if matches!(self.member.state, MemberState::Reconciling | MemberState::Joining) {
            self.member.become_state(MemberState::Stable);
        }
    }

    fn on_heartbeat_refused(&mut self, error: ErrorCode, wires: &mut dyn Wires) {
        self.member.sent = SentFields::default();
        let wait = self.heartbeat_backoff(true, wires);
        self.member.timer.on_failure(wires.now(), wait);
        match error {
            ErrorCode::NotCoordinator | ErrorCode::CoordinatorNotAvailable => {
                self.mark_coordinator_unknown(false, wires);
                self.member.timer.reset();
            }
            ErrorCode::CoordinatorLoadInProgress => {}
            ErrorCode::TopicAuthorizationFailed => self.member.errors.push_back(error),
            ErrorCode::FencedMemberEpoch | ErrorCode::UnknownMemberId => {
                self.become_fenced(wires);
                self.member.timer.reset();
            }
            ErrorCode::GroupIdNotFound if self.member.state == MemberState::Unsubscribed => {}
            error => self.become_fatal(error),
        }
    }
}
