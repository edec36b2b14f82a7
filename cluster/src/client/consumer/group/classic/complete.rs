//! The end of a rebalance: the member takes what it was given, and the application is told.
//!
//! In Kafka:   `ConsumerCoordinator.onJoinComplete`; KIP-429 (what is given up follows a second join).
//! Invariants: CP-2 cooperatively, nobody is given what another still has: it is given up first, and joined for again.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::super::group_consumer::GroupConsumer;
use super::super::turn::{Listener, Then};
use super::member::Join;
use crate::client::NamedPartition;
use crate::client::consumer::assignor::{Assignment, RebalanceProtocol, protocol};
use crate::error_code::ErrorCode;
use crate::net::Wires;

impl GroupConsumer {
    /// Takes an assignment; the application may be in a callback afterwards.
    pub(super) fn complete_join(&mut self, bytes: &Bytes, wires: &mut dyn Wires) {
        if !self.classic.is_leader {
            self.classic.assignment_snapshot = None;
        }
        let is_known = self.classic.assignor().is_some();
        let assignment = protocol::take_assignment(bytes).ok().filter(|_| is_known);
        let Some(assignment) = assignment else {
            // `IllegalStateException`: a leader that forgets a member, or another language's.
            self.classic.needs_join_prepare = true;
            self.classic.request_rejoin("the assignment cannot be read");
            return self.fail(ErrorCode::UnknownServerError);
        };
        if !self.topics.matches(&assignment.partitions) {
            let reason = "received assignment does not match the current subscription";
            self.classic.request_rejoin(reason);
            self.classic.needs_join_prepare = true;
            return;
        }
        self.classic.join = Join::Completing;
        self.classic.assigned_in = self.classic.generation.clone();
        let revoked = self.revoked_by(&assignment);
        if self.classic.protocol == RebalanceProtocol::Cooperative && !revoked.is_empty() {
            self.call_back(Listener::Revoked, revoked, Then::Assign(assignment), wires);
        } else {
            self.assign_from_leader(assignment, wires);
        }
    }

    /// What it has and does not keep.
    fn revoked_by(&self, assignment: &Assignment) -> BTreeSet<NamedPartition> {
        let owned = self.fetch.assigned.keys();
        owned.filter(|at| !assignment.partitions.contains(at)).cloned().collect()
    }

    /// The application knows what is revoked: the rest.
    pub(in super::super) fn assign_from_leader(
        &mut self,
        assignment: Assignment,
        wires: &mut dyn Wires,
    ) {
        let is_cooperative = self.classic.protocol == RebalanceProtocol::Cooperative;
        if is_cooperative && !self.revoked_by(&assignment).is_empty() {
            self.classic.request_rejoin("need to revoke partitions and re-join"); // CP-2
        }
        self.join_topics_of(&assignment);
        let (generation, now) = (self.classic.assigned_in.clone(), wires.now());
        let name = generation.protocol.as_deref();
        let assignors = &mut self.classic.assignors;
        if let Some(assignor) = assignors.iter_mut().find(|it| Some(it.name()) == name) {
            assignor.on_assignment(&assignment, generation.id);
        }
        self.commits.restart_interval(now);
        let assigned: BTreeSet<NamedPartition> = assignment.partitions.into_iter().collect();
        let is_new = |at: &&NamedPartition| !self.fetch.assigned.contains_key(*at);
        let added = assigned.iter().filter(is_new).cloned().collect();
        self.fetch.assign_only(&assigned);
        self.call_back(Listener::Assigned, added, Then::Joined, wires);
    }

    /// A leader with newer metadata has assigned topics that a pattern had not come to here
    /// (`maybeUpdateJoinedSubscription`).
    fn join_topics_of(&mut self, assignment: &Assignment) {
        if self.topics.pattern().is_none() {
            return;
        }
        let joined = self.classic.joined.get_or_insert_default();
        let topics = assignment.partitions.iter().map(|at| at.topic.clone());
        let added: BTreeSet<_> = topics.filter(|topic| !joined.contains(topic)).collect();
        joined.extend(added.iter().cloned());
        if !added.is_empty() {
            self.topics.add_from_pattern(added.into_iter());
            self.fetch.cluster.metadata.request_update_for_new_topics();
        }
    }

    /// The application knows what it has.
    pub(in super::super) fn on_joined(&mut self) {
        self.classic.join = Join::Idle;
        self.classic.needs_join_prepare = true;
    }
}
