//! What the records of consumer groups do to the state: nothing else changes it.
//!
//! In Kafka:   the `replay` methods of `GroupMetadataManager` for `ConsumerGroup*` records.
//! Invariants: G9 a log that is half compacted gives the same: a tombstone for what is not there means nothing, and a
//!             member comes into being with whichever of its records is read first. RP-1 tombstones of a group that
//!             still has something in it are a bug of whoever wrote them.

use std::sync::Arc;

use super::group::ConsumerGroup;
use super::member::{Assigned, ConsumerGroupMember, LEAVE_GROUP_EPOCH};
use super::subscription::ResolvedRegex;
use crate::group::assignor::Partitions;
use crate::group::record::GroupRecord;
use crate::group::state::{GroupEntry, GroupState, MemberId};
use crate::wire::consumer_group_target_assignment_member_value::TopicPartition;
use crate::wire::{
    ConsumerGroupCurrentMemberAssignmentValue, ConsumerGroupMemberMetadataValue,
    ConsumerGroupMetadataValue, ConsumerGroupRegularExpressionValue,
    ConsumerGroupTargetAssignmentMetadataValue,
};

/// The consumer group of which a record is.
pub(crate) fn group_id(record: &GroupRecord) -> Option<&str> {
    match record {
        GroupRecord::ConsumerGroupMetadata(key, _) => Some(&key.group_id),
        GroupRecord::ConsumerGroupPartitionMetadata(key, _) => Some(&key.group_id),
        GroupRecord::ConsumerGroupMemberMetadata(key, _) => Some(&key.group_id),
        GroupRecord::ConsumerGroupTargetAssignmentMetadata(key, _) => Some(&key.group_id),
        GroupRecord::ConsumerGroupTargetAssignmentMember(key, _) => Some(&key.group_id),
        GroupRecord::ConsumerGroupCurrentMemberAssignment(key, _) => Some(&key.group_id),
        GroupRecord::ConsumerGroupRegularExpression(key, _) => Some(&key.group_id),
        _ => None,
    }
}

/// Replays a record, if it is one of a consumer group. Returns whether it is.
pub(crate) fn replay(state: &mut GroupState, record: &GroupRecord) -> bool {
    match record {
        GroupRecord::ConsumerGroupMetadata(key, value) => {
            on_group(state, &key.group_id, value.as_ref());
        }
        GroupRecord::ConsumerGroupPartitionMetadata(key, value) => {
            if let Some(group) = group_of(state, &key.group_id, value.is_some()) {
                group.has_subscription_metadata_record = value.is_some();
            }
        }
        GroupRecord::ConsumerGroupMemberMetadata(key, value) => {
            if let Some(group) = group_of(state, &key.group_id, value.is_some()) {
                on_member(group, &key.member_id, value.as_ref());
            }
        }
        GroupRecord::ConsumerGroupTargetAssignmentMetadata(key, value) => {
            if let Some(group) = group_of(state, &key.group_id, value.is_some()) {
                on_target_epoch(group, value.as_ref());
            }
        }
        GroupRecord::ConsumerGroupTargetAssignmentMember(key, value) => {
            if let Some(group) = group_of(state, &key.group_id, value.is_some()) {
                let target = value.as_ref().map(|value| target(&value.topic_partitions));
                group.set_target(&key.member_id.as_str().into(), target);
            }
        }
        GroupRecord::ConsumerGroupCurrentMemberAssignment(key, value) => {
            if let Some(group) = group_of(state, &key.group_id, value.is_some()) {
                on_assignment(group, &key.member_id, value.as_ref());
            }
        }
        GroupRecord::ConsumerGroupRegularExpression(key, value) => {
            if let Some(group) = group_of(state, &key.group_id, value.is_some()) {
                on_regex(group, &key.regular_expression, value.as_ref());
            }
        }
        _ => return false,
    }
    true
}

/// The group, made if a record says that it is there.
fn group_of<'a>(
    state: &'a mut GroupState,
    id: &str,
    create: bool,
) -> Option<&'a mut ConsumerGroup> {
    let is_consumer = matches!(state.groups.get(id), Some(GroupEntry::Consumer(_)));
    if !is_consumer && !create {
        return None;
    }
    if !is_consumer {
        let fresh = Arc::new(ConsumerGroup::new(id.into()));
        state.groups.insert(id.into(), GroupEntry::Consumer(fresh));
    }
    match state.groups.get_mut(id) {
        Some(GroupEntry::Consumer(group)) => Some(Arc::make_mut(group)),
        _ => None,
    }
}

fn on_group(state: &mut GroupState, id: &str, value: Option<&ConsumerGroupMetadataValue>) {
    let Some(group) = group_of(state, id, value.is_some()) else { return };
    let Some(value) = value else {
        let (members, targets) = (group.members.len(), group.target.len());
        assert!(members == 0, "RP-1: {id} is deleted and has {members} members");
        assert!(targets == 0, "RP-1: {id} is deleted and has {targets} targets");
        let epoch = group.assignment_epoch;
        assert!(epoch == -1, "RP-1: {id} is deleted and its target is still at epoch {epoch}");
        state.groups.remove(id);
        return;
    };
    group.group_epoch = value.epoch;
    group.metadata_hash = value.metadata_hash;
}

fn on_member(
    group: &mut ConsumerGroup,
    id: &str,
    value: Option<&ConsumerGroupMemberMetadataValue>,
) {
    let known = group.member(id).map(|member| (**member).clone());
    if let Some(value) = value {
        let mut member = known.unwrap_or_else(|| ConsumerGroupMember::new(id.into()));
        member.update_metadata(value);
        group.update_member(member);
    } else if let Some(member) = known {
        let epoch = member.member_epoch;
        assert!(
            epoch == LEAVE_GROUP_EPOCH,
            "RP-1: {id} is removed and has an assignment ({epoch})"
        );
        assert!(!group.target.contains_key(id), "RP-1: {id} is removed and has a target");
        group.remove_member(id);
    }
}

fn on_target_epoch(
    group: &mut ConsumerGroup,
    value: Option<&ConsumerGroupTargetAssignmentMetadataValue>,
) {
    if let Some(value) = value {
        group.assignment_epoch = value.assignment_epoch;
        group.assignment_timestamp = value.assignment_timestamp;
    } else {
        let targets = group.target.len();
        assert!(targets == 0, "RP-1: the target is deleted, and {targets} members have one");
        group.assignment_epoch = -1;
        group.assignment_timestamp = 0;
    }
}

fn target(of: &[TopicPartition]) -> Partitions {
    of.iter().map(|of| (of.topic_id, of.partitions.iter().copied().collect())).collect()
}

fn on_assignment(
    group: &mut ConsumerGroup,
    id: &str,
    value: Option<&ConsumerGroupCurrentMemberAssignmentValue>,
) {
    let known = group.member(id).map(|member| (**member).clone());
    if let Some(value) = value {
        let id: MemberId = id.into();
        let mut member = known.unwrap_or_else(|| ConsumerGroupMember::new(id));
        member.update_assignment(value);
        group.update_member(member);
    } else if let Some(mut member) = known {
        member.member_epoch = LEAVE_GROUP_EPOCH;
        member.previous_member_epoch = LEAVE_GROUP_EPOCH;
        member.assigned = Assigned::new();
        member.pending_revocation = Assigned::new();
        group.update_member(member);
    }
}

fn on_regex(
    group: &mut ConsumerGroup,
    regex: &str,
    value: Option<&ConsumerGroupRegularExpressionValue>,
) {
    let resolved = value.map(|value| ResolvedRegex {
        topics: value.topics.iter().cloned().collect(),
        version: value.version,
        timestamp: value.timestamp,
    });
    group.subscription_mut().set_resolved(regex, resolved);
}
