//! A member goes: for good, or for a while if it is a static one.
//!
//! In Kafka:   `GroupMetadataManager.consumerGroupLeave`, `consumerGroupStaticMemberGroupLeave`,
//!             `consumerGroupFenceMembers`, `maybeDeleteResolvedRegularExpressions`.
//! Invariants: LV-1 who goes for good takes all its records along, and the group epoch grows; LV-2 a static member that
//!             goes for a while keeps its partitions until its session runs out.
//! Left out:   what Kafka leaves out: who goes loses its timers at once, and if that cannot be written it is back
//!             without them. Nothing removes it then but the next loading of the log.

use std::sync::Arc;

use super::downgrade::Downgrade;
use super::group::ConsumerGroup;
use super::member::{Assigned, ConsumerGroupMember, LEAVE_GROUP_STATIC_EPOCH};
use super::metadata_hash::metadata_hash;
use super::records;
use super::static_members::{check_instance_not_fenced, member_of, unknown_instance};
use super::subscription::{Counts, count};
use crate::error_code::ErrorCode;
use crate::group::assignor::java_order::hash_map_order;
use crate::group::machine::GroupCoordinator;
use crate::group::record::GroupRecord;
use crate::group::request::GroupResponse;
use crate::group::state::GroupEntry;
use crate::group::step::{Decided, Decision, GroupError, Step, Then, Token};
use crate::wire::{ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse};

impl GroupCoordinator {
    /// The group of this id, for whoever expects it to be there and to be a consumer group.
    pub(crate) fn consumer_group_or_refuse(
        &self,
        group_id: &str,
    ) -> Result<Arc<ConsumerGroup>, GroupError> {
        let why = match self.state.groups.get(group_id) {
            Some(GroupEntry::Consumer(group)) => return Ok(group.clone()),
            Some(GroupEntry::Classic(_)) => format!("Group {group_id} is not a consumer group."),
            None => format!("Group {group_id} not found."),
        };
        Err(GroupError::because(ErrorCode::GroupIdNotFound, why))
    }

    pub(crate) fn consumer_group_leave(
        &mut self,
        step: &mut Step<'_>,
        token: Token,
        request: &ConsumerGroupHeartbeatRequest,
    ) -> Decided {
        let group = self.consumer_group_or_refuse(&request.group_id)?;
        let response = GroupResponse::ConsumerGroupHeartbeat(ConsumerGroupHeartbeatResponse {
            member_id: Some(request.member_id.clone()),
            member_epoch: request.member_epoch,
            ..Default::default()
        });
        let then = Then::Reply(token, response);
        let Some(instance_id) = request.instance_id.as_deref() else {
            let member = member_of(&group, &request.member_id)?;
            return self.fence_members(step, &group, &[member], then);
        };
        let member = group.static_member(Some(instance_id)).cloned();
        let member = member.ok_or_else(|| unknown_instance(instance_id))?;
        check_instance_not_fenced(&member, &request.member_id, instance_id)?;
        if request.member_epoch != LEAVE_GROUP_STATIC_EPOCH {
            return self.fence_members(step, &group, &[member], then);
        }
        let mut leaving = (*member).clone();
        leaving.member_epoch = LEAVE_GROUP_STATIC_EPOCH;
        leaving.pending_revocation = Assigned::new();
        leaving.reset_assignment_epochs();
        let records = vec![records::current(&group.group_id, &leaving)];
        Ok(Decision { then, ..Decision::records(records) })
    }

    /// Members go for good; the last of the consumer protocol among members of the classic one takes the group with it
    /// into that.
    pub(crate) fn fence_members(
        &mut self,
        step: &mut Step<'_>,
        group: &Arc<ConsumerGroup>,
        members: &[Arc<ConsumerGroupMember>],
        then: Then,
    ) -> Decided {
        if members.is_empty() {
            return Ok(Decision { then, ..Decision::nothing() });
        }
        let mut records = Vec::new();
        if self.downgrades_without(group, members) {
            let downgrade = Downgrade { group, leaving: members, joining: None, rebalances: true };
            self.downgrade(step, &downgrade, &mut records)?;
            return Ok(Decision { replays: false, then, ..Decision::records(records) });
        }
        for member in members {
            records::remove_member(&mut records, &group.group_id, &member.member_id);
        }
        let regexes = delete_regexes(group, members, &mut records);
        let leaving = members.iter().map(|member| &**member);
        let topics = group.subscription.topics_without(leaving, &regexes);
        let hash = metadata_hash(&topics, step.image);
        records.push(records::group_epoch(&group.group_id, group.group_epoch + 1, hash));
        for member in members {
            self.cancel_member_timers(&group.group_id, &member.member_id);
        }
        Ok(Decision { then, ..Decision::records(records) })
    }
}

/// Regular expressions that nobody has when these are gone.
fn delete_regexes(
    group: &ConsumerGroup,
    members: &[Arc<ConsumerGroupMember>],
    records: &mut Vec<GroupRecord>,
) -> Vec<String> {
    let mut leaving = Counts::new();
    for regex in members.iter().filter_map(|member| member.regex()) {
        count(&mut leaving, regex, true);
    }
    let mut deleted = Vec::new();
    for regex in hash_map_order(leaving.keys().cloned().collect()) {
        if group.subscription.members_of(&regex) == leaving[&regex] {
            records.push(records::regex(&group.group_id, &regex, None));
            deleted.push(regex);
        }
    }
    deleted
}
