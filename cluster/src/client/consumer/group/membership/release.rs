//! When a member owns nothing any more: fenced, failed, stale, or about to leave.
//!
//! In Kafka:   `transitionToFenced`, `transitionToFatal`, `transitionToStale`, `transitionToJoining`, `leaveGroup`.
//! Invariants: RE-1 a member joins again only when its application knows that it has lost everything.

use std::collections::BTreeSet;

use super::super::group_consumer::GroupConsumer;
use super::member::{LocalAssignment, MemberState, Task};
use crate::client::NamedPartition;
use crate::error_code::ErrorCode;
use crate::mark;
use crate::net::Wires;

/// The epoch of a member that joins.
const JOIN: i32 = 0;

impl GroupConsumer {
    /// The coordinator does not know the member, or not in this epoch.
    pub(super) fn become_fenced(&mut self, wires: &mut dyn Wires) {
        match self.member.state {
            MemberState::PrepareLeaving => {
                self.begin_leaving();
                self.member.become_state(MemberState::Unsubscribed);
            }
            MemberState::Leaving => self.member.become_state(MemberState::Unsubscribed),
            // It has left; a later answer says nothing new.
            MemberState::Unsubscribed
            | MemberState::Fenced
            | MemberState::Stale
            | MemberState::Fatal => {}
            _ => {
                mark::reachable!(
                    wires,
                    "consumer_member_fenced",
                    "a member of a consumer group was fenced, and joins again"
                );
                self.member.become_state(MemberState::Fenced);
                self.member.epoch = JOIN;
                self.lose_everything();
            }
        }
    }

    /// Nothing helps; the next poll throws.
    pub(super) fn become_fatal(&mut self, error: ErrorCode) {
        let before = self.member.state;
        if matches!(before, MemberState::Fenced | MemberState::Stale) {
            return; // an answer to a heartbeat of a former life
        }
        self.member.errors.push_back(error);
        self.member.become_state(MemberState::Fatal);
        self.member.epoch = JOIN;
        let had_left = before == MemberState::Unsubscribed || before.is_leaving();
        if !had_left {
            self.lose_everything();
        }
    }

    /// It has left since the application did not poll.
    pub(super) fn become_stale(&mut self) {
        self.member.become_state(MemberState::Stale);
        self.lose_everything();
    }

    /// Joins, with the next heartbeat.
    pub(super) fn begin_joining(&mut self) {
        if self.member.state == MemberState::Fatal {
            return;
        }
        self.member.has_rejoined |= self.member.reconciliation.is_some();
        self.member.epoch = JOIN;
        self.member.become_state(MemberState::Joining);
        self.member.forget_target();
    }

    /// Leaves, with the next heartbeat (`transitionToSendingLeaveGroup`).
    pub(super) fn begin_leaving(&mut self) {
        if matches!(self.member.state, MemberState::Fatal | MemberState::Unsubscribed) {
            return;
        }
        self.member.epoch = self.leave_epoch();
        self.member.current = LocalAssignment::default();
        self.member.become_state(MemberState::Leaving);
    }

    /// The application is told that all is lost, in its next poll; nothing is polled from now on.
    fn lose_everything(&mut self) {
        let owned: BTreeSet<NamedPartition> = self.fetch.assigned.keys().cloned().collect();
        self.hold_back(&owned);
        if owned.is_empty() {
            self.release();
        } else {
            self.member.tasks.push_back(Task::Lost);
        }
    }

    /// The application knows that it owns nothing (RE-1).
    pub(in super::super) fn on_released(&mut self) {
        self.release();
    }

    fn release(&mut self) {
        self.fetch.assign_only(&BTreeSet::new());
        self.member.current = LocalAssignment::default();
        self.member.forget_target();
        let rejoins = match self.member.state {
            MemberState::Fenced => true,
            MemberState::Stale => std::mem::take(&mut self.member.rejoins_when_released),
            _ => false,
        };
        if rejoins {
            self.begin_joining();
        }
    }

    /// The application polls again: a stale member joins again, once it owns nothing (`maybeRejoinStaleMember`).
    pub(super) fn rejoin_if_stale(&mut self) {
        self.member.is_poll_overdue = false;
        if self.member.state != MemberState::Stale {
            return;
        }
        if self.member.tasks.contains(&Task::Lost) {
            self.member.rejoins_when_released = true;
        } else {
            self.begin_joining();
        }
    }

    /// The consumer is being closed: leaves without a word to the application, which knows (`leaveGroupOnClose`).
    pub(in super::super) fn leave_on_close(&mut self) {
        self.fetch.assign_only(&BTreeSet::new());
        self.member.tasks.clear();
        match self.member.state {
            MemberState::Fenced => {
                self.release_without_rejoining();
                self.member.become_state(MemberState::Unsubscribed);
            }
            state if state.is_not_in_group() || state.is_leaving() => {}
            _ => {
                self.member.become_state(MemberState::PrepareLeaving);
                self.release_without_rejoining();
                self.begin_leaving();
            }
        }
    }

    fn release_without_rejoining(&mut self) {
        self.member.current = LocalAssignment::default();
        self.member.forget_target();
    }

    /// There is no coordinator to be told.
    pub(super) fn on_leave_skipped(&mut self) {
        self.member.become_state(MemberState::Unsubscribed);
    }

    /// Whether a member that is closed has still to hear from the coordinator.
    pub(in super::super) const fn has_left(&self) -> bool {
        self.member.state.is_not_in_group()
    }
}
