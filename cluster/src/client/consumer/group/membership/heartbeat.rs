//! ConsumerGroupHeartbeat: joins, keeps the member in the group, says what it has, leaves.
//!
//! In Kafka:   `AbstractHeartbeatRequestManager`, `ConsumerHeartbeatRequestManager.HeartbeatState`,
//!             `HeartbeatRequestState`.
//! Holds:      when the next one is due; what the last ones have said, since the same is not said twice.
//! Invariants: HE-1 one at a time, but for the one that leaves.

use std::collections::BTreeSet;
use std::sync::Arc;

use trial_sim::{Span, Time};

use super::super::group_consumer::{GroupConsumer, Pending};
use super::member::{LocalAssignment, MemberState};
use crate::client::consumer::KafkaConsumer;
use crate::mark;
use crate::net::{ExponentialBackoff, Wires};
use crate::wire::{ConsumerGroupHeartbeatRequest, consumer_group_heartbeat_request};

/// The epoch of a member that leaves for good.
const LEAVE: i32 = -1;
/// The epoch of a static member that comes back.
const LEAVE_STATIC: i32 = -2;

/// When a heartbeat is due.
#[derive(Debug, Clone, Default)]
pub(super) struct HeartbeatTimer {
    /// As the coordinator says; zero before its first answer.
    pub(super) interval: Span,
    due: Time,
    in_flight: bool,
    attempts: u32,
    backoff_until: Time,
}

impl HeartbeatTimer {
    /// Forgets what is under way, and when it was (`RequestState.reset`).
    pub(super) const fn reset(&mut self) {
        self.in_flight = false;
        self.attempts = 0;
        self.backoff_until = Time::ZERO;
    }

    const fn on_sent(&mut self) {
        self.in_flight = true;
    }

    /// An answer, with the interval that holds from now on.
    pub(super) fn on_success(&mut self, now: Time, interval: Span, wait: Span) {
        if self.interval != interval {
            self.interval = interval;
            self.due = now + interval;
        }
        (self.in_flight, self.attempts, self.backoff_until) = (false, 0, now + wait);
    }

    /// None, or an error: again as soon as the back-off is over.
    pub(super) fn on_failure(&mut self, now: Time, wait: Span) {
        self.in_flight = false;
        self.due = now;
        self.backoff_until = now + wait;
        self.attempts = self.attempts.saturating_add(1);
    }
}

/// What the coordinator was told.
#[derive(Debug, Clone, Default)]
pub(super) struct SentFields {
    rebalance_timeout_ms: Option<i32>,
    topics: Option<BTreeSet<Arc<str>>>,
    pattern: Option<String>,
    assignor: Option<String>,
    assignment: Option<LocalAssignment>,
}

impl GroupConsumer {
    /// What the network thread does about the group, whatever the application does.
    pub(in super::super) fn run_network_thread(&mut self, wires: &mut dyn Wires) {
        if !self.is_closed() {
            self.find_coordinator(wires);
        }
        if let Some(error) = self.coordinator.fatal.take() {
            self.member.errors.push_back(error);
        }
        self.reconcile(false, wires);
        self.beat(wires);
    }

    /// Sends a heartbeat, if one is due.
    fn beat(&mut self, wires: &mut dyn Wires) {
        let now = wires.now();
        let state = self.member.state;
        if self.coordinator(wires).is_none() || state.is_not_in_group() {
            if state == MemberState::Leaving {
                self.on_leave_skipped();
            }
            return;
        }
        if self.is_polling() {
            self.member.poll_by = now + self.max_poll_interval();
        }
        if self.member.poll_by <= now && !state.is_leaving() && self.closing.is_none() {
            mark::reachable!(
                wires,
                "consumer_member_stale",
                "a member left its consumer group since its application did not poll (max.poll.interval.ms)"
            );
            self.member.is_poll_overdue = true;
            self.member.become_state(MemberState::PrepareLeaving);
            self.begin_leaving();
            self.send_member_heartbeat(true, wires);
            self.member.timer.reset();
            self.member.sent = SentFields::default();
            return;
        }
        let timer = &self.member.timer;
        let speaks_up = matches!(state, MemberState::Acknowledging | MemberState::Joining);
        let now_or_never = state == MemberState::Leaving || speaks_up && !timer.in_flight;
        let next = timer.due.max(timer.backoff_until);
        if now_or_never || !timer.in_flight && next <= now {
            self.send_member_heartbeat(false, wires);
        }
        let timer = &self.member.timer;
        let next = timer.due.max(timer.backoff_until);
        self.check_at((!timer.in_flight).then_some(next));
        let poll_by = self.member.poll_by;
        let is_watched = !self.member.state.is_not_in_group() && poll_by > now;
        self.check_at(is_watched.then_some(poll_by));
    }

    fn send_member_heartbeat(&mut self, is_last: bool, wires: &mut dyn Wires) {
        let request = self.heartbeat_request();
        let pending = Pending::MemberHeartbeat { is_last };
        self.ask_coordinator(1..=1, |_| request, pending, wires);
        self.member.timer.on_sent();
        self.on_heartbeat_made();
        self.member.timer.due = wires.now() + self.member.timer.interval;
    }

    /// What it says changes what it is (`onHeartbeatRequestGenerated`).
    fn on_heartbeat_made(&mut self) {
        match self.member.state {
            MemberState::Acknowledging => {
                let reconciled = self.member.is_reconciled();
                self.member.become_state(match reconciled {
                    true => MemberState::Stable,
                    false => MemberState::Reconciling,
                });
            }
            MemberState::Leaving if self.member.is_poll_overdue => self.become_stale(),
            MemberState::Leaving => self.member.become_state(MemberState::Unsubscribed),
            _ => {}
        }
    }

    /// What is new since the last one; everything, when it joins.
    fn heartbeat_request(&mut self) -> ConsumerGroupHeartbeatRequest {
        let own = &self.fetch.config.consumer;
        let member = &mut self.member;
        let all = member.state == MemberState::Joining;
        let mut request = ConsumerGroupHeartbeatRequest {
            group_id: self.group_id.clone(),
            member_id: member.id.to_string(),
            member_epoch: member.epoch,
            instance_id: own.group_instance_id.clone(),
            rebalance_timeout_ms: -1,
            ..ConsumerGroupHeartbeatRequest::default()
        };
        let sent = &mut member.sent;
        if all || sent.rebalance_timeout_ms != Some(own.max_poll_interval_ms) {
            request.rebalance_timeout_ms = own.max_poll_interval_ms;
            sent.rebalance_timeout_ms = Some(own.max_poll_interval_ms);
        }
        let topics = self.topics.topics();
        if all || sent.topics.as_ref() != Some(topics) {
            let names = topics.iter().map(ToString::to_string).collect();
            request.subscribed_topic_names = Some(names);
            sent.topics = Some(topics.clone());
        }
        let pattern = self.topics.server_pattern().map(str::to_owned);
        if all && pattern.is_some() || pattern != sent.pattern {
            request.subscribed_topic_regex = Some(pattern.clone().unwrap_or_default());
            sent.pattern = pattern;
        }
        let assignor = &own.group_remote_assignor;
        if assignor.is_some() && (all || *assignor != sent.assignor) {
            request.server_assignor.clone_from(assignor);
            sent.assignor.clone_from(assignor);
        }
        if all || sent.assignment.as_ref() != Some(&member.current) {
            let topics = member.current.partitions.iter().map(|(topic_id, partitions)| {
                consumer_group_heartbeat_request::TopicPartition {
                    topic_id: *topic_id,
                    partitions: partitions.iter().copied().collect(),
                }
            });
            request.topic_partitions = Some(topics.collect());
            sent.assignment = Some(member.current.clone());
        }
        if all {
            request.rack_id.clone_from(&own.client_rack);
        }
        request
    }

    /// The epoch with which it leaves.
    pub(super) fn leave_epoch(&self) -> i32 {
        if self.instance_id().is_some() { LEAVE_STATIC } else { LEAVE }
    }

    /// `max.poll.interval.ms`.
    pub(super) fn max_poll_interval(&self) -> Span {
        let millis = u64::try_from(self.fetch.config.consumer.max_poll_interval_ms);
        Span::from_millis(millis.expect("it is above zero"))
    }

    /// How long to wait after an answer (`RequestState`).
    pub(super) fn heartbeat_backoff(&self, has_failed: bool, wires: &mut dyn Wires) -> Span {
        let client = &self.fetch.config.client;
        let backoff = ExponentialBackoff::new(client.retry_backoff, client.retry_backoff_max);
        let attempts = if has_failed { self.member.timer.attempts } else { 0 };
        backoff.wait(attempts, KafkaConsumer::STREAM, wires)
    }
}
