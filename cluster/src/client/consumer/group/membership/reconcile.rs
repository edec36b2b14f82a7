//! From what a member has to what it should have: commit, revoke, assign, acknowledge.
//!
//! In Kafka:   `AbstractMembershipManager.maybeReconcile`, `revokeAndAssign`, `assignPartitions`.
//! Holds:      the reconciliation that is under way.
//! Invariants: RC-1 one at a time. RC-2 what is revoked is not polled any more when its position is committed, is told
//!             to the application, and only then acknowledged. RC-3 what is added is not fetched before the application
//!             knows of it.

use std::collections::BTreeSet;

use super::super::commits::CommitId;
use super::super::event::CommitCause;
use super::super::group_consumer::GroupConsumer;
use super::member::{LocalAssignment, MemberState, Task};
use crate::client::NamedPartition;
use crate::config::GroupProtocol;
use crate::mark;
use crate::net::Wires;

/// A reconciliation.
#[derive(Debug, Clone)]
pub(super) struct Reconciliation {
    /// What the member will have, as far as it knows the topics' names.
    resolved: LocalAssignment,
    assigned: BTreeSet<NamedPartition>,
    revoked: BTreeSet<NamedPartition>,
    added: BTreeSet<NamedPartition>,
    commit: Option<CommitId>,
}

impl GroupConsumer {
    /// Begins one, if there is something to reconcile. `can_commit`: the application has just entered a poll, so that
    /// what it was given before is processed.
    pub(super) fn reconcile(&mut self, can_commit: bool, wires: &mut dyn Wires) {
        let member = &self.member;
        let is_busy = member.reconciliation.is_some(); // RC-1
        if member.state != MemberState::Reconciling || member.is_reconciled() || is_busy {
            return;
        }
        let (resolved, assigned) = self.resolve();
        let current = &self.member.current;
        if current.local_epoch.is_some() && resolved.partitions == current.partitions {
            if resolved.local_epoch != current.local_epoch {
                self.member.current = resolved;
                self.member.become_state(MemberState::Acknowledging);
            }
            return;
        }
        let owned: BTreeSet<NamedPartition> = self.fetch.assigned.keys().cloned().collect();
        let added: BTreeSet<_> = assigned.difference(&owned).cloned().collect();
        let revoked: BTreeSet<_> = owned.difference(&assigned).cloned().collect();
        if !can_commit && (self.commits.is_automatic() || !revoked.is_empty()) {
            return;
        }
        self.member.has_rejoined = false;
        self.hold_back(&revoked); // RC-2
        let mut commit = None;
        if self.commits.is_automatic() {
            let deadline = wires.now() + self.max_poll_interval();
            let offsets = self.fetch.all_consumed();
            commit = self.begin_commit(CommitCause::Rebalance, offsets, Some(deadline));
        }
        let begun = Reconciliation { resolved, assigned, revoked, added, commit };
        self.member.reconciliation = Some(begun);
        match commit {
            Some(_) => self.run_commits(wires),
            None => self.revoke(wires),
        }
    }

    /// The commit before the revocation is through, well or not.
    pub(in super::super) fn on_reconciliation_commit(
        &mut self,
        id: CommitId,
        wires: &mut dyn Wires,
    ) {
        let waits = |it: &Reconciliation| it.commit == Some(id);
        if self.protocol == GroupProtocol::Consumer
            && !self.commits.is_live(id)
            && self.member.reconciliation.as_ref().is_some_and(waits)
        {
            self.revoke(wires);
        }
    }

    fn revoke(&mut self, wires: &mut dyn Wires) {
        if self.is_reconciliation_over(wires) {
            return;
        }
        let reconciliation = self.member.reconciliation.as_mut().expect("it is under way");
        reconciliation.commit = None;
        let owned = &self.fetch.assigned;
        let revoked: BTreeSet<NamedPartition> =
            reconciliation.revoked.iter().filter(|at| owned.contains_key(at)).cloned().collect();
        if revoked.is_empty() {
            self.on_revoked(wires);
        } else {
            self.hold_back(&revoked);
            self.member.tasks.push_back(Task::Revoked(revoked));
        }
    }

    /// The application knows what is revoked.
    pub(in super::super) fn on_revoked(&mut self, wires: &mut dyn Wires) {
        if self.is_reconciliation_over(wires) {
            return;
        }
        let reconciliation = self.member.reconciliation.as_ref().expect("it is under way");
        let task = Task::Assigned {
            assigned: reconciliation.assigned.clone(),
            added: reconciliation.added.clone(),
        };
        let topics = reconciliation.resolved.partitions.keys().copied().collect::<BTreeSet<_>>();
        self.member.names.retain(|topic, _| topics.contains(topic));
        self.member.tasks.push_back(task);
    }

    /// The application knows what is added: the next heartbeat says that the member has it.
    pub(in super::super) fn on_reconciled(&mut self, wires: &mut dyn Wires) {
        for state in self.fetch.assigned.values_mut() {
            state.is_pending_callback = false;
        }
        if self.is_reconciliation_over(wires) {
            return;
        }
        let over = self.member.reconciliation.take().expect("it is under way");
        self.member.current = over.resolved;
        self.member.has_rejoined = false;
        self.commits.restart_interval(wires.now());
        self.member.become_state(MemberState::Acknowledging);
    }

    /// Whether it was overtaken: the member is fenced, leaves, or has joined again (`maybeAbortReconciliation`).
    fn is_reconciliation_over(&mut self, wires: &mut dyn Wires) -> bool {
        let member = &mut self.member;
        if member.reconciliation.is_none() {
            return true;
        }
        let is_overtaken = member.state != MemberState::Reconciling || member.has_rejoined;
        if is_overtaken {
            (member.reconciliation, member.has_rejoined) = (None, false);
        }
        mark::sometimes!(
            wires,
            is_overtaken,
            "reconciliation_overtaken",
            "a member was fenced, left or joined again before it had reconciled its assignment"
        );
        is_overtaken
    }

    /// The target, as far as names of topics are known; of the others metadata is asked.
    fn resolve(&mut self) -> (LocalAssignment, BTreeSet<NamedPartition>) {
        let metadata = &mut self.fetch.cluster.metadata;
        let (mut resolved, mut assigned) = (LocalAssignment::default(), BTreeSet::new());
        resolved.local_epoch = self.member.target.local_epoch;
        for (topic, partitions) in &self.member.target.partitions {
            if let Some(name) = metadata.topic_name(*topic) {
                self.member.names.insert(*topic, name.clone());
            }
            let Some(name) = self.member.names.get(topic) else {
                metadata.request_update();
                continue;
            };
            resolved.partitions.insert(*topic, partitions.clone());
            let named =
                |partition: &i32| NamedPartition { topic: name.clone(), partition: *partition };
            assigned.extend(partitions.iter().map(named));
        }
        (resolved, assigned)
    }

    /// Nothing of these partitions is polled any more (`markPendingRevocationToPauseFetching`).
    pub(super) fn hold_back(&mut self, partitions: &BTreeSet<NamedPartition>) {
        for at in partitions {
            if let Some(state) = self.fetch.assigned.get_mut(at) {
                state.is_pending_revocation = true;
            }
        }
    }
}
