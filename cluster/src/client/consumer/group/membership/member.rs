//! What a member of a consumer group knows of itself: its state, its epoch, what it has and what it should have.
//!
//! In Kafka:   `AbstractMembershipManager`, `MemberState`.
//! Invariants: MB-1 a state follows only those that Kafka lets it follow. MB-2 a member that is in no group has epoch 0
//!             or below.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use trial_sim::Time;

use super::heartbeat::{HeartbeatTimer, SentFields};
use super::reconcile::Reconciliation;
use crate::client::NamedPartition;
use crate::error_code::ErrorCode;
use crate::ids::{TopicId, Uuid};
use crate::net::Wires;

/// How far a member is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(in super::super) enum MemberState {
    /// It is in no group, and does not want to be.
    #[default]
    Unsubscribed,
    /// Its next heartbeat asks to join.
    Joining,
    /// It goes from what it has to what it should have.
    Reconciling,
    /// It has what it should have; its next heartbeat says so.
    Acknowledging,
    /// It has what it should have.
    Stable,
    /// The coordinator does not know it any more. When the application knows, it joins again.
    Fenced,
    /// It is about to leave.
    PrepareLeaving,
    /// Its next heartbeat says that it leaves.
    Leaving,
    /// Nothing helps.
    Fatal,
    /// It has left since its application did not poll. When that polls again, it joins again.
    Stale,
}

impl MemberState {
    /// MB-1.
    const fn may_follow(self, before: Self) -> bool {
        use MemberState::{
            Acknowledging, Fatal, Fenced, Joining, Leaving, PrepareLeaving, Reconciling, Stable,
            Stale, Unsubscribed,
        };
        match self {
            Stable => matches!(before, Joining | Acknowledging | Reconciling),
            Reconciling => matches!(before, Stable | Joining | Acknowledging | Reconciling),
            Acknowledging => matches!(before, Reconciling),
            Fenced => matches!(before, Joining | Stable | Reconciling | Acknowledging),
            Fatal => !matches!(before, Fenced | Stale),
            Joining => matches!(before, Fenced | Unsubscribed | Stale),
            PrepareLeaving => {
                matches!(before, Joining | Stable | Reconciling | Acknowledging | Unsubscribed)
            }
            Leaving => matches!(before, PrepareLeaving),
            Unsubscribed => matches!(before, PrepareLeaving | Leaving | Fenced),
            Stale => matches!(before, Leaving),
        }
    }

    /// Whether an assignment means anything to it.
    pub(super) const fn can_handle_assignment(self) -> bool {
        Self::Reconciling.may_follow(self)
    }

    /// Whether it is in no group (`isNotInGroup`).
    pub(super) const fn is_not_in_group(self) -> bool {
        matches!(self, Self::Unsubscribed | Self::Fenced | Self::Fatal | Self::Stale)
    }

    /// Whether it is on its way out.
    pub(super) const fn is_leaving(self) -> bool {
        matches!(self, Self::PrepareLeaving | Self::Leaving)
    }
}

/// An assignment, and which one it is since the member joined.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct LocalAssignment {
    /// None: there is no assignment.
    pub(super) local_epoch: Option<u64>,
    pub(super) partitions: BTreeMap<TopicId, BTreeSet<i32>>,
}

impl LocalAssignment {
    /// The next one; none if it is the same again.
    pub(super) fn updated_with(
        &self,
        partitions: BTreeMap<TopicId, BTreeSet<i32>>,
    ) -> Option<Self> {
        let local_epoch = match self.local_epoch {
            Some(_) if self.partitions == partitions => return None,
            Some(epoch) => epoch + 1,
            None => 0,
        };
        Some(Self { local_epoch: Some(local_epoch), partitions })
    }
}

/// What the application's thread is to do when it polls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Task {
    /// Tell of partitions that are given up.
    Revoked(BTreeSet<NamedPartition>),
    /// Tell that all partitions are lost.
    Lost,
    /// Take these partitions, and tell of those that are new.
    Assigned { assigned: BTreeSet<NamedPartition>, added: BTreeSet<NamedPartition> },
}

/// A member of a consumer group.
#[derive(Debug, Clone)]
pub(in super::super) struct Member {
    /// Made by the member itself, once for its life; empty before its first poll.
    pub(in super::super) id: Arc<str>,
    /// 0 as long as it has not joined; below when it leaves.
    pub(in super::super) epoch: i32,
    pub(in super::super) state: MemberState,
    /// What it has.
    pub(super) current: LocalAssignment,
    /// What it should have.
    pub(super) target: LocalAssignment,
    pub(super) reconciliation: Option<Reconciliation>,
    /// It has joined again since the reconciliation began.
    pub(super) has_rejoined: bool,
    /// Names of assigned topics, for as long as metadata may not know them.
    pub(super) names: BTreeMap<TopicId, Arc<str>>,
    /// The subscription is new: the next poll joins.
    pub(super) is_subscription_new: bool,
    /// The application must have polled by then.
    pub(super) poll_by: Time,
    pub(super) is_poll_overdue: bool,
    /// A stale member joins again as soon as it owns nothing.
    pub(super) rejoins_when_released: bool,
    pub(super) tasks: VecDeque<Task>,
    /// What the next poll throws.
    pub(super) errors: VecDeque<ErrorCode>,
    pub(super) timer: HeartbeatTimer,
    pub(super) sent: SentFields,
}

impl Default for Member {
    fn default() -> Self {
        Self {
            id: Arc::from(""),
            epoch: 0,
            state: MemberState::default(),
            current: LocalAssignment::default(),
            target: LocalAssignment::default(),
            reconciliation: None,
            has_rejoined: false,
            names: BTreeMap::new(),
            is_subscription_new: true,
            poll_by: Time::ZERO,
            is_poll_overdue: false,
            rejoins_when_released: false,
            tasks: VecDeque::new(),
            errors: VecDeque::new(),
            timer: HeartbeatTimer::default(),
            sent: SentFields::default(),
        }
    }
}

impl Member {
    /// Names itself, when it has no name yet (KIP-848: ids are made by members).
    pub(super) fn name_itself(&mut self, stream: &'static str, wires: &mut dyn Wires) {
        while self.id.is_empty() {
            let mut half = || u128::from(wires.below(stream, u64::MAX));
            // A random UUID of version 4.
            let drawn = (half() << 64 | half()) & !(0xf << 76) & !(0x3 << 62);
            let name = Uuid(drawn | 4 << 76 | 2 << 62).to_string();
            if !name.starts_with('-') {
                self.id = Arc::from(name);
            }
        }
    }

    /// MB-1.
    pub(super) fn become_state(&mut self, state: MemberState) {
        let before = self.state;
        assert!(before == state || state.may_follow(before), "MB-1: from {before:?} to {state:?}");
        self.state = state;
    }

    /// Whether it has what it should have.
    pub(super) fn is_reconciled(&self) -> bool {
        self.current == self.target
    }

    /// The assignments of a former life mean nothing.
    pub(super) fn forget_target(&mut self) {
        self.target = LocalAssignment::default();
        self.names.clear();
    }
}
