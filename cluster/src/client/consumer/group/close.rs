//! The end of a member: a last commit, a last callback, a word to the coordinator.
//!
//! In Kafka:   `ConsumerCoordinator.close`, `AbstractCoordinator.close`; `AsyncKafkaConsumer.close`; KIP-1092 has
//!             options for it.
//! Holds:      how far it is.
//! Left out:   `CloseOptions`: dynamic members leave, static ones stay (as the default says). Fetch sessions are not
//!             closed.

use std::collections::BTreeSet;

use trial_sim::{Span, Time};

use super::classic::MemberState;
use super::commits::CommitId;
use super::event::{CommitCause, GroupEvent};
use super::group_consumer::{GroupConsumer, Pending};
use super::turn::{Listener, Then, Turn};
use crate::config::GroupProtocol;
use crate::net::Wires;

/// `ConsumerUtils.DEFAULT_CLOSE_TIMEOUT_MS`.
const CLOSE_TIMEOUT: Span = Span::from_secs(30);

/// A consumer that is being closed.
#[derive(Debug, Clone)]
pub(super) struct Closing {
    deadline: Time,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nothing is done yet.
    Begun,
    /// A last commit, if there is one, and those that nobody waited for.
    Committing(Option<CommitId>),
    /// The application is told.
    CallingBack,
    /// The coordinator is told.
    Leaving,
    /// All is done.
    Closed,
}

impl GroupConsumer {
    /// Closes the consumer; it goes on until [`Self::is_closed`], for at most 30 s.
    pub fn close(&mut self, wires: &mut dyn Wires) {
        if self.closing.is_some() {
            return;
        }
        let timeout = CLOSE_TIMEOUT.min(self.fetch.config.client.request_timeout);
        self.closing = Some(Closing { deadline: wires.now() + timeout, stage: Stage::Begun });
        self.go_on_with_closing(wires);
    }

    /// Whether nothing is left to be done.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closing.as_ref().is_some_and(|closing| closing.stage == Stage::Closed)
    }

    pub(super) fn go_on_with_closing(&mut self, wires: &mut dyn Wires) {
        loop {
            let Some(Closing { deadline, stage }) = self.closing.clone() else {
                return;
            };
            if matches!(self.turn, Turn::CallingBack(_)) {
                return; // an application does not close what has called it
            }
            self.turn = Turn::Away;
            let is_late = deadline <= wires.now();
            let next = match stage {
                Stage::Begun => self.begin_closing(deadline, wires),
                Stage::Committing(commit) if is_late || !self.awaits_commits(commit) => {
                    self.tell_application(wires)
                }
                Stage::Leaving if is_late || !self.awaits_leave() => {
                    self.tell(GroupEvent::Closed);
                    Stage::Closed
                }
                Stage::Committing(_) | Stage::CallingBack | Stage::Leaving | Stage::Closed => {
                    let waits = stage != Stage::Closed;
                    self.check_at(waits.then_some(deadline));
                    return;
                }
            };
            if let Some(closing) = &mut self.closing {
                // A callback that is through at once has gone on already.
                if closing.stage == stage {
                    closing.stage = next;
                }
            }
        }
    }

    fn begin_closing(&mut self, deadline: Time, wires: &mut dyn Wires) -> Stage {
        let mut commit = None;
        if self.commits.is_automatic() {
            let offsets = self.fetch.all_consumed();
            commit = self.begin_commit(CommitCause::Close, offsets, Some(deadline));
            self.run_commits(wires);
        }
        Stage::Committing(commit)
    }

    fn awaits_commits(&self, commit: Option<CommitId>) -> bool {
        let is_live = commit.is_some_and(|commit| self.commits.is_live(commit));
        is_live || self.commits.has_live(CommitCause::Async)
    }

    fn tell_application(&mut self, wires: &mut dyn Wires) -> Stage {
        let owned: BTreeSet<_> = self.fetch.assigned.keys().cloned().collect();
        let is_lost = match self.protocol {
            GroupProtocol::Classic => {
                self.stop_heartbeat_thread();
                let is_rebalancing = matches!(
                    self.classic.state,
                    MemberState::PreparingRebalance | MemberState::CompletingRebalance
                );
                self.classic.generation.is_lost() || is_rebalancing
            }
            GroupProtocol::Consumer => self.member.epoch <= 0,
        };
        if owned.is_empty() {
            self.leave(wires);
            return Stage::Leaving;
        }
        if let Some(closing) = &mut self.closing {
            closing.stage = Stage::CallingBack;
        }
        let listener = if is_lost { Listener::Lost } else { Listener::Revoked };
        self.call_back(listener, owned, Then::Close, wires);
        Stage::CallingBack
    }

    /// The application knows.
    pub(super) fn on_closed_callback(&mut self, wires: &mut dyn Wires) {
        if let Some(closing) = &mut self.closing {
            closing.stage = Stage::Leaving;
        }
        self.leave(wires);
    }

    fn leave(&mut self, wires: &mut dyn Wires) {
        self.fetch.assign_only(&BTreeSet::new());
        match self.protocol {
            GroupProtocol::Classic => self.leave_group("the consumer is being closed", wires),
            GroupProtocol::Consumer => {
                self.leave_on_close();
                self.run_network_thread(wires);
            }
        }
    }

    /// Whether the coordinator has not answered yet.
    fn awaits_leave(&self) -> bool {
        let leaves = |pending: &Pending| {
            matches!(
                pending,
                Pending::Leave | Pending::MemberHeartbeat { .. } | Pending::Commit { .. }
            )
        };
        self.pending.values().any(leaves)
            || self.protocol == GroupProtocol::Consumer && !self.has_left()
    }
}
