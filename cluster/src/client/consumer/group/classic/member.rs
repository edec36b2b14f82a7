//! What a classic member knows of itself: its state, its generation, whether it has to join (again).
//!
//! In Kafka:   the fields of `AbstractCoordinator` and `ConsumerCoordinator`, `Generation`.
//! Invariants: ME-1 a stable member has a generation and a protocol. ME-2 ILLEGAL_GENERATION takes the generation, not
//!             the member id (KAFKA-12984 lost partitions over it, KAFKA-13419 waited for its own old self).

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use trial_sim::Time;

use super::super::commits::CommitId;
use super::super::event::CommitFailure;
use super::heartbeat::Heartbeat;
use super::snapshot::Snapshot;
use crate::client::consumer::assignor::{Assignor, RebalanceProtocol};
use crate::config::ConsumerSettings;
use crate::error_code::ErrorCode;
use crate::wire::JoinGroupResponse;

/// How far a member is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum MemberState {
    /// It is in no group.
    Unjoined,
    /// It has asked to join.
    PreparingRebalance,
    /// It has joined, and waits for its assignment.
    CompletingRebalance,
    /// It has its assignment.
    Stable,
}

impl MemberState {
    /// Whether the group does not wait for its heartbeats.
    pub(super) const fn has_not_joined(self) -> bool {
        matches!(self, Self::Unjoined | Self::PreparingRebalance)
    }
}

/// Which rebalance of the group it was part of last, and as whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Generation {
    pub(in super::super) id: i32,
    /// Empty, if the coordinator has given it none.
    pub(in super::super) member: Arc<str>,
    /// The assignor that the group has agreed on.
    pub(super) protocol: Option<Arc<str>>,
}

impl Generation {
    /// `NO_GENERATION`.
    pub(super) fn none() -> Self {
        Self::of_member("", -1)
    }

    /// A member by its id, in a generation or an epoch.
    pub(in super::super) fn of_member(member: &str, id: i32) -> Self {
        Self { id, member: Arc::from(member), protocol: None }
    }

    /// Whether the member id is all that is left of it, or not even that (`hasGenerationReset`).
    pub(super) const fn is_reset(&self) -> bool {
        self.id == -1 && self.protocol.is_none()
    }

    /// Whether the member has no id or no generation: what it owned may be somebody else's.
    pub(in super::super) fn is_lost(&self) -> bool {
        self.id == -1 || self.member.is_empty()
    }
}

/// The join that is under way.
#[derive(Debug, Clone)]
pub(super) enum Join {
    /// None is.
    Idle,
    /// JoinGroup or SyncGroup is under way.
    Asked,
    /// This member leads, and waits for metadata of all topics of the group.
    Leading(Box<JoinGroupResponse>),
    /// It has its assignment, or has failed. The next poll looks.
    Done(Result<Bytes, ErrorCode>),
    /// The application is told of the assignment.
    Completing,
}

/// What is done before a join.
#[derive(Debug, Clone)]
pub(super) struct Prepare {
    /// Until when a commit is waited for.
    pub(super) deadline: Time,
    pub(super) commit: PrepareCommit,
}

/// The commit before a join.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PrepareCommit {
    /// It is to be made.
    Due,
    /// It is under way.
    Live(CommitId),
    /// It has this outcome.
    Done(Result<(), CommitFailure>),
}

/// The heartbeat thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Thread {
    /// It was not started.
    Off,
    /// It waits until the member has joined.
    Disabled,
    /// It runs.
    Enabled,
    /// It has ended with this error; the next poll throws it.
    Failed(ErrorCode),
}

/// A member of a classic group.
#[derive(Debug, Clone)]
pub(in super::super) struct ClassicMember {
    pub(in super::super) state: MemberState,
    pub(in super::super) generation: Generation,
    pub(in super::super) heartbeat: Heartbeat,
    /// A commit was told that another process has this member's instance id: every poll throws.
    pub(in super::super) is_commit_fenced: bool,
    pub(super) rejoin_needed: bool,
    pub(super) rejoin_reason: String,
    pub(super) needs_join_prepare: bool,
    /// Whether it has to again when its generation is lost (the switch `coop_double_ownership`).
    pub(in super::super) prepares_again: bool,
    pub(super) prepare: Option<Prepare>,
    pub(super) join: Join,
    /// A failed join is waited out.
    pub(super) retry_at: Option<Time>,
    pub(super) thread: Thread,
    pub(super) assignors: Vec<Assignor>,
    pub(super) protocol: RebalanceProtocol,
    pub(super) is_leader: bool,
    /// Metadata as it was looked at last.
    pub(super) snapshot: Snapshot,
    /// As it was when this member assigned, if it leads.
    pub(super) assignment_snapshot: Option<Snapshot>,
    /// The topics with which it joined.
    pub(super) joined: Option<BTreeSet<Arc<str>>>,
    /// The generation in which it was given what it has: what the application is told.
    pub(in super::super) assigned_in: Generation,
    /// A pattern was looked at with new metadata for the join that begins.
    pub(super) is_pattern_fresh: bool,
}

impl ClassicMember {
    pub(in super::super) fn new(settings: &ConsumerSettings) -> Self {
        let strategy = settings.partition_assignment_strategy.clone().unwrap_or_default();
        let by_name = |name| Assignor::by_name(name).expect("every class has an assignor");
        let assignors: Vec<Assignor> =
            strategy.0.iter().map(|assignor| by_name(assignor.name())).collect();
        let protocol = Assignor::common_protocol(&assignors);
        Self {
            state: MemberState::Unjoined,
            generation: Generation::none(),
            heartbeat: Heartbeat::new(settings),
            is_commit_fenced: false,
            rejoin_needed: true,
            rejoin_reason: String::new(),
            needs_join_prepare: true,
            prepares_again: true,
            prepare: None,
            join: Join::Idle,
            retry_at: None,
            thread: Thread::Off,
            protocol: protocol.expect("all of Kafka's assignors know the eager protocol"),
            assignors,
            is_leader: false,
            snapshot: Snapshot::default(),
            assignment_snapshot: None,
            joined: None,
            assigned_in: Generation::none(),
            is_pattern_fresh: false,
        }
    }

    /// It has to join again, for this reason.
    pub(in super::super) fn request_rejoin(&mut self, reason: &str) {
        reason.clone_into(&mut self.rejoin_reason);
        self.rejoin_needed = true;
    }

    /// The same, unless there is a reason already.
    pub(super) fn request_rejoin_if_necessary(&mut self, reason: &str) {
        if !self.rejoin_needed {
            self.request_rejoin(reason);
        }
    }

    /// It is no member of this generation any more (ME-2).
    pub(in super::super) fn reset_and_rejoin(&mut self, reason: &str, forgets_member_id: bool) {
        self.state = MemberState::Unjoined;
        let member = if forgets_member_id { Arc::from("") } else { self.generation.member.clone() };
        self.generation = Generation { member, ..Generation::none() };
        self.request_rejoin(reason);
        self.needs_join_prepare |= self.prepares_again;
    }

    /// The commit before a join has an outcome.
    pub(in super::super) fn on_prepare_commit(
        &mut self,
        id: CommitId,
        result: Result<(), CommitFailure>,
    ) {
        if let Some(prepare) = &mut self.prepare
            && prepare.commit == PrepareCommit::Live(id)
        {
            prepare.commit = PrepareCommit::Done(result);
        }
    }

    /// The assignor of the group.
    pub(super) fn assignor(&mut self) -> Option<&mut Assignor> {
        let name = self.generation.protocol.clone()?;
        self.assignors.iter_mut().find(|assignor| assignor.name() == &*name)
    }

    /// ME-1.
    pub(super) fn invariants(&self) {
        let is_stable = self.state == MemberState::Stable;
        assert!(
            !is_stable || !self.generation.is_reset(),
            "ME-1: a stable member has a generation: {:?}",
            self.generation
        );
    }
}
