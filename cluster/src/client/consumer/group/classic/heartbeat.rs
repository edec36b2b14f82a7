//! The heartbeat thread of a classic member: signs of life, and what their absence means.
//!
//! In Kafka:   `AbstractCoordinator.HeartbeatThread`, `HeartbeatResponseHandler`, `Heartbeat`, `maybeLeaveGroup`;
//!             KIP-62 (a thread of its own), KIP-345 (static members do not leave).
//! Holds:      when the next heartbeat is due, when the session ends, until when the application must have polled.
//! Invariants: HB-1 a member whose application does not poll for `max.poll.interval.ms` leaves the group.

use trial_sim::{Span, Time};

use super::super::group_consumer::{GroupConsumer, Pending};
use super::join::truncated;
use super::member::{ClassicMember, Generation, MemberState, Thread};
use crate::client::consumer::KafkaConsumer;
use crate::config::ConsumerSettings;
use crate::error_code::ErrorCode;
use crate::mark;
use crate::net::{Completed, ExponentialBackoff, NetError, Wires};
use crate::wire::{HeartbeatRequest, LeaveGroupRequest, leave_group_request};

/// The three timers.
#[derive(Debug, Clone)]
pub(in super::super) struct Heartbeat {
    interval: Span,
    session: Span,
    max_poll_interval: Span,
    heartbeat_at: Time,
    session_ends: Time,
    poll_by: Time,
    attempts: u32,
}

impl Heartbeat {
    pub(super) fn new(settings: &ConsumerSettings) -> Self {
        let span = |millis: i32| Span::from_millis(u64::try_from(millis).unwrap_or_default());
        Self {
            interval: span(settings.heartbeat_interval_ms()),
            session: span(settings.session_timeout_ms()),
            max_poll_interval: span(settings.max_poll_interval_ms),
            heartbeat_at: Time::ZERO,
            session_ends: Time::ZERO,
            poll_by: Time::ZERO,
            attempts: 0,
        }
    }

    /// The application polls.
    pub(super) fn poll(&mut self, now: Time) {
        self.poll_by = now + self.max_poll_interval;
    }

    /// A coordinator was found: it is given time.
    pub(in super::super) fn reset_session(&mut self, now: Time) {
        self.session_ends = now + self.session;
    }

    fn reset(&mut self, now: Time) {
        self.reset_session(now);
        self.poll(now);
        self.heartbeat_at = now + self.interval;
    }

    fn receive(&mut self, now: Time) {
        self.attempts = 0;
        self.reset_session(now);
    }
}

impl ClassicMember {
    /// Whether the thread looks at the network.
    pub(in super::super) const fn is_heartbeat_thread_on(&self) -> bool {
        matches!(self.thread, Thread::Enabled) && !self.state.has_not_joined()
    }
}

impl GroupConsumer {
    /// The member has joined: from now on the coordinator expects heartbeats.
    pub(super) fn enable_heartbeat_thread(&mut self, now: Time) {
        if self.classic.thread != Thread::Off {
            self.classic.thread = Thread::Enabled;
            self.classic.heartbeat.reset(now);
        }
    }

    /// The consumer is being closed.
    pub(in super::super) fn stop_heartbeat_thread(&mut self) {
        self.classic.thread = Thread::Off;
    }

    /// One look of the thread at the timers.
    pub(in super::super) fn run_heartbeat_thread(&mut self, wires: &mut dyn Wires) {
        if self.classic.thread != Thread::Enabled {
            return;
        }
        if self.classic.state.has_not_joined() {
            self.classic.thread = Thread::Disabled;
            return;
        }
        let now = wires.now();
        if self.is_polling() {
            self.classic.heartbeat.poll(now);
        }
        if self.coordinator(wires).is_none() {
            self.find_coordinator(wires);
            return;
        }
        if self.classic.heartbeat.session_ends <= now {
            // It was silent all the time: perhaps somebody else is the coordinator by now.
            self.mark_coordinator_unknown(false, wires);
            self.find_coordinator(wires);
        } else if self.classic.heartbeat.poll_by <= now {
            mark::reachable!(
                wires,
                "member_leaves_for_not_polling",
                "a member left its group since its application did not poll (max.poll.interval.ms)"
            );
            self.leave_group("consumer poll timeout has expired.", wires);
        } else {
            if self.classic.heartbeat.heartbeat_at <= now {
                self.send_heartbeat(wires);
            }
            let timers = &self.classic.heartbeat;
            let next = timers.heartbeat_at.min(timers.session_ends).min(timers.poll_by);
            self.check_at(Some(next));
        }
    }

    fn send_heartbeat(&mut self, wires: &mut dyn Wires) {
        let timers = &mut self.classic.heartbeat;
        timers.heartbeat_at = wires.now() + timers.interval;
        let generation = self.classic.generation.clone();
        let request = HeartbeatRequest {
            group_id: self.group_id.clone(),
            generation_id: generation.id,
            member_id: generation.member.to_string(),
            group_instance_id: self.instance_id(),
        };
        let pending = Pending::Heartbeat { generation };
        self.ask_coordinator(4..=4, |_| request, pending, wires);
    }

    pub(in super::super) fn on_heartbeat_answered(
        &mut self,
        sent: &Generation,
        completed: &Completed,
        wires: &mut dyn Wires,
    ) {
        let now = wires.now();
        let error = match completed.response::<HeartbeatRequest>() {
            Ok(response) => ErrorCode::from_code(response.error_code),
            Err(error) => {
                if error != NetError::UnsupportedVersion {
                    self.mark_coordinator_unknown(true, wires);
                }
                return self.on_heartbeat_failed(wires);
            }
        };
        let is_unchanged = self.classic.generation == *sent;
        match error {
            ErrorCode::None => self.classic.heartbeat.receive(now),
            ErrorCode::CoordinatorNotAvailable | ErrorCode::NotCoordinator => {
                self.mark_coordinator_unknown(false, wires);
                self.on_heartbeat_failed(wires);
            }
            ErrorCode::RebalanceInProgress => {
                if self.classic.state == MemberState::Stable {
                    self.classic.request_rejoin("group is already rebalancing");
                }
                self.classic.heartbeat.receive(now);
            }
            ErrorCode::IllegalGeneration
            | ErrorCode::UnknownMemberId
            | ErrorCode::FencedInstanceId => {
                if !is_unchanged {
                    self.classic.heartbeat.receive(now); // it was about another generation
                    return;
                }
                let reason = format!("encountered {error} from HEARTBEAT response");
                let forgets_id = error != ErrorCode::IllegalGeneration;
                self.classic.reset_and_rejoin(&reason, forgets_id);
                if error == ErrorCode::FencedInstanceId {
                    self.classic.thread = Thread::Failed(error);
                } else {
                    self.on_heartbeat_failed(wires);
                }
            }
            _ => self.on_heartbeat_failed(wires),
        }
    }

    fn on_heartbeat_failed(&mut self, wires: &mut dyn Wires) {
        let client = &self.fetch.config.client;
        let backoff = ExponentialBackoff::new(client.retry_backoff, client.retry_backoff_max);
        let timers = &mut self.classic.heartbeat;
        let wait = backoff.wait(timers.attempts, KafkaConsumer::STREAM, wires);
        timers.attempts = timers.attempts.saturating_add(1);
        timers.heartbeat_at = wires.now() + wait;
    }

    /// Leaves the group, if it is a dynamic member; in any case it is no member any more (`maybeLeaveGroup`).
    pub(in super::super) fn leave_group(&mut self, reason: &str, wires: &mut dyn Wires) {
        let classic = &self.classic;
        let is_member =
            classic.state != MemberState::Unjoined && !classic.generation.member.is_empty();
        if is_member && self.instance_id().is_none() {
            let member = leave_group_request::Member {
                member_id: self.classic.generation.member.to_string(),
                reason: Some(truncated(reason)),
                ..leave_group_request::Member::default()
            };
            let request = LeaveGroupRequest {
                group_id: self.group_id.clone(),
                members: vec![member],
                ..LeaveGroupRequest::default()
            };
            self.ask_coordinator(5..=5, |_| request, Pending::Leave, wires);
        }
        self.classic.reset_and_rejoin("consumer pro-actively leaving the group", true);
    }

    /// Whatever the coordinator says, the member has left.
    pub(in super::super) fn on_leave_answered(
        &mut self,
        completed: &Completed,
        wires: &mut dyn Wires,
    ) {
        if completed.result.is_err() {
            self.mark_coordinator_unknown(true, wires);
        }
    }
}
