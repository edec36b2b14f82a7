//! One event of one classic group: what its rules are lent.
//!
//! In Kafka: the fields of `GroupMetadataManager` that the methods `classicGroup*` use.
//! Holds:    nothing beyond the event.

use trial_sim::{Span, Time};

use super::group::ClassicGroup;
use super::groups::ClassicRef;
use super::member::ClassicMember;
use crate::config::group::GroupSettings;
use crate::group::machine::GroupCoordinator;
use crate::group::record::GroupRecord;
use crate::group::state::MemberId;
use crate::group::step::{GroupError, Step};
use crate::group::timer::{TimerKey, Timers};

/// How long a JoinGroup of a new member is kept at most (`classicGroupNewMemberJoinTimeoutMs`).
pub(super) const NEW_MEMBER_JOIN_TIMEOUT_MS: i32 = 5 * 60 * 1000;

/// What the group has to write down now, or that it could not go on.
pub(in crate::group) type Written = Result<Option<GroupRecord>, GroupError>;

/// A group, and what its rules need.
pub struct Turn<'a, 's> {
    /// The group.
    pub group: &'a mut ClassicGroup,
    /// The timers of its shard.
    pub timers: &'a mut Timers,
    /// The settings of its coordinator.
    pub settings: &'a GroupSettings,
    /// The event.
    pub step: &'a mut Step<'s>,
}

impl GroupCoordinator {
    /// It is this group's turn.
    pub(in crate::group) fn classic_turn<'a, 's>(
        &'a mut self,
        step: &'a mut Step<'s>,
        name: ClassicRef,
    ) -> Turn<'a, 's> {
        let group = self.classic.get_mut(name).expect("what a state names is kept");
        Turn { group, timers: &mut self.timers, settings: &self.settings, step }
    }
}

impl Turn<'_, '_> {
    pub(super) fn after_ms(&self, ms: i32) -> Time {
        self.step.now + Span::from_millis(u64::try_from(ms).unwrap_or(0))
    }

    pub(super) fn join_key(&self) -> TimerKey {
        TimerKey::ClassicJoin(self.group.id().clone())
    }

    pub(super) fn sync_key(&self) -> TimerKey {
        TimerKey::ClassicSync(self.group.id().clone())
    }

    pub(super) fn heartbeat_key(&self, member: &MemberId) -> TimerKey {
        TimerKey::ClassicHeartbeat(self.group.id().clone(), member.clone())
    }

    /// A member was heard of: its session begins anew.
    pub fn renew_session(&mut self, member: &str) {
        let Some(found) = self.group.member(member) else { return };
        let (id, session) = (found.id.clone(), found.session_timeout_ms);
        self.expect_heartbeat(&id, session);
    }

    /// A member, or one that will be, is to be heard of within `ms`.
    pub(super) fn expect_heartbeat(&mut self, member: &MemberId, ms: i32) {
        let (key, at) = (self.heartbeat_key(member), self.after_ms(ms));
        self.timers.schedule(key, at);
    }

    pub(super) fn expect_no_heartbeat(&mut self, member: &MemberId) {
        let key = self.heartbeat_key(member);
        self.timers.cancel(&key);
    }

    /// Takes a member out, and its timer with it.
    pub(super) fn remove_with_session(&mut self, member: &MemberId) {
        self.group.remove(member, self.step.effects);
        self.expect_no_heartbeat(member);
    }

    pub(super) fn member(&self, id: &str) -> &ClassicMember {
        self.group.member(id).expect("the member was looked for before")
    }
}
