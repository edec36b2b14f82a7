//! What a poll does about a classic group: it finds the coordinator, joins if it must, commits when it is time.
//!
//! In Kafka:   `ConsumerCoordinator.poll`, `rejoinNeededOrPending`, `AbstractCoordinator.joinGroupIfNeeded`.
//! Inputs:     rounds of a poll. Effects: requests; false means that the rest of the round is not for now.

use super::super::group_consumer::GroupConsumer;
use super::member::{Join, MemberState, Thread};
use super::snapshot::Snapshot;
use crate::error_code::ErrorCode;
use crate::mark;
use crate::net::Wires;

impl GroupConsumer {
    /// One round. False: there is no coordinator, or the member is joining.
    pub(in super::super) fn poll_coordinator(&mut self, wires: &mut dyn Wires) -> bool {
        self.look_at_metadata();
        if self.classic.is_commit_fenced {
            self.fail(ErrorCode::FencedInstanceId);
            return false;
        }
        if let Thread::Failed(error) = self.classic.thread {
            self.classic.thread = Thread::Off;
            self.fail(error);
            return false;
        }
        self.classic.heartbeat.poll(wires.now());
        if let Some(error) = self.coordinator.fatal.take() {
            self.fail(error);
            return false;
        }
        if self.coordinator(wires).is_none() {
            self.find_coordinator(wires);
            return false;
        }
        if self.is_rejoin_needed_or_pending() {
            if !self.is_pattern_fresh(wires) {
                return false;
            }
            if self.classic.thread == Thread::Off {
                self.classic.thread = Thread::Disabled;
                if !self.classic.state.has_not_joined() {
                    self.enable_heartbeat_thread(wires.now());
                }
            }
            if !self.join_if_needed(wires) {
                return false;
            }
        }
        self.commit_by_interval(wires);
        true
    }

    /// New metadata may mean other topics, or another assignment (`maybeUpdateSubscriptionMetadata`).
    pub(super) fn look_at_metadata(&mut self) {
        let metadata = &mut self.fetch.cluster.metadata;
        if !self.classic.snapshot.is_older_than(metadata) {
            return;
        }
        if self.topics.update_pattern(metadata) {
            metadata.request_update_for_new_topics();
        }
        let is_rack_aware = self.fetch.config.consumer.client_rack.is_some();
        self.classic.snapshot = Snapshot::take(metadata, &self.topics.of_metadata(), is_rack_aware);
    }

    /// A join of a pattern begins with a look at all topics.
    fn is_pattern_fresh(&mut self, wires: &dyn Wires) -> bool {
        let begins = matches!(self.classic.join, Join::Idle) && self.classic.prepare.is_none();
        if self.topics.pattern().is_none() || !begins {
            return true;
        }
        if !self.classic.is_pattern_fresh {
            self.classic.is_pattern_fresh = true;
            if self.fetch.cluster.metadata.next_update() <= wires.now() {
                self.fetch.cluster.metadata.request_update();
            }
        }
        let is_fresh = !self.fetch.cluster.is_metadata_stale();
        if is_fresh {
            self.look_at_metadata();
        }
        is_fresh
    }

    fn is_rejoin_needed_or_pending(&mut self) -> bool {
        let classic = &mut self.classic;
        let assigned_by = classic.assignment_snapshot.as_ref();
        if assigned_by.is_some_and(|before| !before.matches(&classic.snapshot)) {
            classic.request_rejoin_if_necessary("cached metadata has changed");
            return true;
        }
        if classic.joined.as_ref().is_some_and(|joined| joined != self.topics.topics()) {
            classic.request_rejoin_if_necessary("subscription has changed");
            return true;
        }
        classic.rejoin_needed || !matches!(classic.join, Join::Idle)
    }

    /// Joins, as far as that goes without waiting. True if there is nothing to join.
    fn join_if_needed(&mut self, wires: &mut dyn Wires) -> bool {
        while self.is_rejoin_needed_or_pending() {
            self.classic.invariants();
            if self.coordinator(wires).is_none() {
                self.find_coordinator(wires);
                return false;
            }
            if self.classic.retry_at.is_some_and(|at| wires.now() < at) {
                let retry_at = self.classic.retry_at;
                self.check_at(retry_at);
                return false;
            }
            self.classic.retry_at = None;
            match std::mem::replace(&mut self.classic.join, Join::Idle) {
                Join::Idle => {
                    if self.classic.needs_join_prepare || self.classic.prepare.is_some() {
                        self.prepare_join(wires);
                        if self.classic.prepare.is_some() || !self.is_polling() {
                            return false;
                        }
                    }
                    self.classic.is_pattern_fresh = false;
                    self.send_join(wires);
                    return false;
                }
                Join::Leading(response) => {
                    self.lead(response, wires);
                    return false;
                }
                waits @ (Join::Asked | Join::Completing) => {
                    self.classic.join = waits;
                    return false;
                }
                Join::Done(Ok(assignment)) => {
                    if !self.classic.generation.is_reset()
                        && self.classic.state == MemberState::Stable
                    {
                        self.complete_join(&assignment, wires);
                        if !self.is_polling() {
                            return false;
                        }
                    } else {
                        mark::reachable!(
                            wires,
                            "assignment_of_lost_generation",
                            "a member got its assignment, and its heartbeats have lost the generation meanwhile"
                        );
                        self.classic.reset_and_rejoin(
                            "rebalance failed since the generation was modified",
                            true,
                        );
                    }
                }
                Join::Done(Err(error)) => {
                    if !self.on_join_failed(error, wires) {
                        return false;
                    }
                }
            }
        }
        true
    }

    /// True if it is tried again at once.
    fn on_join_failed(&mut self, error: ErrorCode, wires: &dyn Wires) -> bool {
        // It was given an id to join with, which is no failure.
        if error != ErrorCode::MemberIdRequired {
            self.classic.request_rejoin(&format!("rebalance failed due to {error}"));
        }
        match error {
            ErrorCode::UnknownMemberId
            | ErrorCode::IllegalGeneration
            | ErrorCode::RebalanceInProgress
            | ErrorCode::MemberIdRequired => true,
            _ if !error.is_retriable() => {
                self.fail(error);
                false
            }
            _ => {
                let retry_at = wires.now() + self.fetch.config.client.retry_backoff;
                self.classic.retry_at = Some(retry_at);
                self.check_at(Some(retry_at));
                false
            }
        }
    }
}
