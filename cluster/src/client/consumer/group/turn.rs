//! Where the application's thread is: in a poll, in a rebalance callback, or elsewhere.
//!
//! In Kafka:   the thread that calls `poll`; `ConsumerRebalanceListenerInvoker`, the background events of
//!             `AsyncKafkaConsumer`.
//! Holds:      where it is, and what goes on when a callback returns.
//! Invariants: TU-1 what a poll does (joining, assigning, committing at intervals, fetching) is done only while the
//!             application is in one; TU-2 callbacks come one at a time. TU-3 the application is told once
//!             of each partition that it does not have it any more.
//! Left out:   Kafka's `onPartitionsLost` of the consumer protocol names what was revoked just before, too.

use std::collections::BTreeSet;

use trial_sim::Time;

use super::commits::CommitId;
use super::event::{CommitCause, GroupEvent};
use super::group_consumer::GroupConsumer;
use crate::client::NamedPartition;
use crate::client::consumer::assignor::Assignment;
use crate::config::GroupProtocol;
use crate::net::Wires;

/// Where the application's thread is.
#[derive(Debug, Clone)]
pub(super) enum Turn {
    /// It works on records, or sleeps.
    Away,
    /// In a poll, since then.
    Polling { since: Time },
    /// In a callback, in a poll or in the closing of the consumer.
    CallingBack(Box<Callback>),
}

/// A callback that has begun.
#[derive(Debug, Clone)]
pub(super) struct Callback {
    until: Time,
    /// It commits what was processed before it returns, and waits for the answer.
    commits: bool,
    commit: Option<CommitId>,
    then: Then,
}

/// What goes on when a callback returns.
#[derive(Debug, Clone)]
pub(super) enum Then {
    /// Classic: the join may begin, without these partitions.
    Join { keep: BTreeSet<NamedPartition> },
    /// Classic: the rest of an assignment.
    Assign(Assignment),
    /// Classic: the rebalance is over.
    Joined,
    /// KIP-848: the reconciliation goes on with what was added.
    Reconcile,
    /// KIP-848: the reconciliation is over.
    Reconciled,
    /// KIP-848: nothing is owned any more.
    Released,
    /// The consumer is being closed.
    Close,
}

/// Which method of the listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Listener {
    /// `onPartitionsAssigned`.
    Assigned,
    /// `onPartitionsRevoked`.
    Revoked,
    /// `onPartitionsLost`.
    Lost,
}

impl GroupConsumer {
    /// Whether the application is in a poll, and in no callback.
    pub(super) const fn is_polling(&self) -> bool {
        matches!(self.turn, Turn::Polling { .. })
    }

    /// Calls the application's listener; `then` follows when it returns, which may be at once.
    pub(super) fn call_back(
        &mut self,
        listener: Listener,
        partitions: BTreeSet<NamedPartition>,
        then: Then,
        wires: &mut dyn Wires,
    ) {
        let is_idle = !matches!(self.turn, Turn::CallingBack(_));
        assert!(is_idle, "TU-2: {listener:?} while another callback runs: {:?}", self.turn);
        let (generation, member) = match (self.protocol, listener) {
            // Its heartbeats may have lost the generation already, in which it was given them.
            (GroupProtocol::Classic, Listener::Assigned) => {
                let given = &self.classic.assigned_in;
                (given.id, given.member.to_string())
            }
            _ => (self.generation_id(), self.member_id()),
        };
        let partitions = match listener {
            Listener::Assigned => partitions,
            Listener::Revoked | Listener::Lost => self.not_told_yet(partitions),
        };
        let tells_nothing = partitions.is_empty();
        match listener {
            Listener::Assigned => {
                let owned = self.fetch.assigned.keys().cloned().collect();
                self.tell(GroupEvent::Assigned { generation, member, added: partitions, owned });
            }
            Listener::Revoked if !tells_nothing => {
                self.tell(GroupEvent::Revoked { generation, partitions });
            }
            Listener::Lost if !tells_nothing => {
                self.tell(GroupEvent::Lost { generation, partitions });
            }
            Listener::Revoked | Listener::Lost => {}
        }
        let commits = self.commits_when_revoked && listener == Listener::Revoked && !tells_nothing;
        let until = wires.now() + self.callback_cost;
        let callback = Callback { until, commits, commit: None, then };
        self.turn = Turn::CallingBack(Box::new(callback));
        self.go_on_with_callback(wires);
    }

    /// TU-3.
    fn not_told_yet(
        &mut self,
        mut partitions: BTreeSet<NamedPartition>,
    ) -> BTreeSet<NamedPartition> {
        partitions.retain(|at| {
            let state = self.fetch.assigned.get_mut(at);
            !state.is_some_and(|state| std::mem::replace(&mut state.is_told_revoked, true))
        });
        partitions
    }

    /// If the callback that runs is through, what follows it is done.
    pub(super) fn go_on_with_callback(&mut self, wires: &mut dyn Wires) {
        let Turn::CallingBack(callback) = &mut self.turn else {
            return;
        };
        if wires.now() < callback.until {
            let until = callback.until;
            self.check_at(Some(until));
            return;
        }
        if callback.commits && callback.commit.is_none() {
            callback.commits = false;
            let offsets = self.fetch.all_consumed();
            let commit = self.commit_sync_as(CommitCause::Revocation, offsets, wires);
            if let Turn::CallingBack(callback) = &mut self.turn {
                callback.commit = commit;
            }
            self.run_commits(wires);
        }
        let Turn::CallingBack(callback) = &self.turn else {
            return;
        };
        if callback.commit.is_some_and(|commit| self.commits.is_live(commit)) {
            return;
        }
        let then = callback.then.clone();
        self.turn = Turn::Polling { since: wires.now() };
        self.after_callback(then, wires);
    }

    fn after_callback(&mut self, then: Then, wires: &mut dyn Wires) {
        match then {
            Then::Join { keep } => self.on_prepared(&keep),
            Then::Assign(assignment) => self.assign_from_leader(assignment, wires),
            Then::Joined => self.on_joined(),
            Then::Reconcile => self.on_revoked(wires),
            Then::Reconciled => self.on_reconciled(wires),
            Then::Released => self.on_released(),
            Then::Close => self.on_closed_callback(wires),
        }
    }

    /// The generation, or the member epoch.
    pub(super) fn generation_id(&self) -> i32 {
        match self.protocol {
            GroupProtocol::Classic => self.classic.generation.id,
            GroupProtocol::Consumer => self.member.epoch,
        }
    }

    /// The member id; empty if it has none yet.
    pub(super) fn member_id(&self) -> String {
        match self.protocol {
            GroupProtocol::Classic => self.classic.generation.member.to_string(),
            GroupProtocol::Consumer => self.member.id.to_string(),
        }
    }
}
