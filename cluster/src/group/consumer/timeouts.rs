//! Who was not heard of in time, or does not do what it has to.
//!
//! In Kafka:   `scheduleConsumerGroupSessionTimeout` and its like in `GroupMetadataManager`,
//!             `consumerGroupFenceMemberOperation`.
//! Holds:      timers, by group and member.
//! Invariants: TO-1 a member is removed when its session runs out, and when it does not leave its epoch within its
//!             rebalance timeout while partitions of it are to be given back.

use std::sync::Arc;

use trial_sim::{Span, Time};

use super::group::ConsumerGroup;
use super::member::{ConsumerGroupMember, MemberState};
use crate::group::machine::GroupCoordinator;
use crate::group::state::{GroupEntry, GroupId, MemberId};
use crate::group::step::{Decided, Decision, Step, Then};
use crate::group::timer::TimerKey;

fn after(now: Time, ms: i32) -> Time {
    now + Span::from_millis(u64::try_from(ms).unwrap_or(0))
}

impl GroupCoordinator {
    /// The group of this id, if it is a consumer group.
    pub(crate) fn consumer_group(&self, id: &str) -> Option<&Arc<ConsumerGroup>> {
        match self.state.groups.get(id) {
            Some(GroupEntry::Consumer(group)) => Some(group),
            _ => None,
        }
    }

    pub(crate) fn schedule_session(&mut self, step: &Step<'_>, group: &GroupId, member: &MemberId) {
        let timeout_ms = self.consumer_session_timeout_ms(step.image, group);
        self.schedule_session_of(step, group, member, timeout_ms);
    }

    pub(crate) fn schedule_session_of(
        &mut self,
        step: &Step<'_>,
        group: &GroupId,
        member: &MemberId,
        timeout_ms: i32,
    ) {
        let key = TimerKey::ConsumerSession(group.clone(), member.clone());
        self.timers.schedule(key, after(step.now, timeout_ms));
    }

    /// After it has got another assignment: how long it may take to give back what it has to.
    pub(crate) fn schedule_or_cancel_rebalance(
        &mut self,
        step: &Step<'_>,
        group: &GroupId,
        member: &ConsumerGroupMember,
    ) {
        let key = TimerKey::ConsumerRebalance(group.clone(), member.member_id.clone());
        if member.state == MemberState::UnrevokedPartitions {
            self.forget_rebalances();
            self.consumer.rebalance_epochs.insert(key.clone(), member.member_epoch);
            self.timers.schedule(key, after(step.now, member.rebalance_timeout_ms));
        } else {
            self.consumer.rebalance_epochs.remove(&key);
            self.timers.cancel(&key);
        }
    }

    /// Forgets members that are gone, whenever as many have come as were left the last time.
    fn forget_rebalances(&mut self) {
        let GroupCoordinator { consumer, state, timers, .. } = self;
        if consumer.rebalance_epochs.len() < consumer.forget_at {
            return;
        }
        consumer.rebalance_epochs.retain(|key, _| {
            let TimerKey::ConsumerRebalance(group, member) = key else { return false };
            let group = state.groups.get(group);
            let is_member = matches!(group, Some(GroupEntry::Consumer(group)) if group.member(member).is_some());
            is_member || timers.is_scheduled(key)
        });
        consumer.forget_at = 2 * consumer.rebalance_epochs.len() + 64;
    }

    /// A member with the classic protocol has to join again within its rebalance timeout.
    pub(crate) fn schedule_join_if_absent(
        &mut self,
        step: &Step<'_>,
        group: &GroupId,
        member: &ConsumerGroupMember,
    ) {
        let key = TimerKey::ConsumerJoin(group.clone(), member.member_id.clone());
        self.timers.schedule_if_absent(key, after(step.now, member.rebalance_timeout_ms));
    }

    /// It has joined, and has to sync.
    pub(crate) fn schedule_sync(
        &mut self,
        step: &Step<'_>,
        group: &GroupId,
        member: &MemberId,
        timeout_ms: i32,
    ) {
        let key = TimerKey::ConsumerSync(group.clone(), member.clone());
        self.timers.schedule(key, after(step.now, timeout_ms));
    }

    /// A member goes.
    pub(crate) fn cancel_member_timers(&mut self, group: &GroupId, member: &MemberId) {
        let of = |kind: fn(GroupId, MemberId) -> TimerKey| kind(group.clone(), member.clone());
        // In which epoch it was to give back is kept: should it not be written that it goes, it is tried again.
        for key in [
            of(TimerKey::ConsumerSession),
            of(TimerKey::ConsumerRebalance),
            of(TimerKey::ConsumerJoin),
            of(TimerKey::ConsumerSync),
        ] {
            self.timers.cancel(&key);
        }
    }

    /// A timer of a consumer group has run out.
    pub(crate) fn on_consumer_timer(&mut self, step: &mut Step<'_>, key: &TimerKey) -> Decided {
        match key {
            TimerKey::ConsumerSession(group, member)
            | TimerKey::ConsumerJoin(group, member)
            | TimerKey::ConsumerSync(group, member) => {
                self.fence_if_there(step, group, member, None)
            }
            TimerKey::ConsumerRebalance(group, member) => {
                match self.consumer.rebalance_epochs.get(key).copied() {
                    Some(epoch) => self.fence_if_there(step, group, member, Some(epoch)),
                    None => Ok(Decision::nothing()),
                }
            }
            TimerKey::ConsumerRegex(group) => Ok(self.on_regexes_resolved(step, group)),
            _ => Ok(Decision::nothing()),
        }
    }

    /// Removes a member, if it is still there and still in this epoch, if one is named.
    fn fence_if_there(
        &mut self,
        step: &mut Step<'_>,
        group: &GroupId,
        member: &MemberId,
        in_epoch: Option<i32>,
    ) -> Decided {
        let Some(group) = self.consumer_group(group).cloned() else {
            return Ok(Decision::nothing());
        };
        let member = group.member(member).cloned();
        match member.filter(|member| in_epoch.is_none_or(|epoch| member.member_epoch == epoch)) {
            Some(member) => self.fence_members(step, &group, &[member], Then::Nothing),
            None => Ok(Decision::nothing()),
        }
    }

    /// The log has been read: every member has a whole session from now on.
    pub(crate) fn on_consumer_group_loaded(&mut self, step: &mut Step<'_>, group: &ConsumerGroup) {
        for member in group.members.values() {
            self.schedule_session(step, &group.group_id, &member.member_id);
            if member.state == MemberState::UnrevokedPartitions {
                self.schedule_or_cancel_rebalance(step, &group.group_id, member);
            }
        }
    }
}
