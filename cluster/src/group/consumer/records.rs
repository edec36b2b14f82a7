//! The records of a consumer group.
//!
//! In Kafka:   `GroupCoordinatorRecordHelpers`; the order of tombstones is that of
//!             `ConsumerGroup.createGroupTombstoneRecords` and `GroupMetadataManager.removeMember`.
//! Invariants: RE-1 a member's tombstones stand in the order assignment, target, subscription: replay asks for it.
//! Left out:   the order of topics and of partitions within a record is by number; in Kafka it is that of hash tables,
//!             by random topic ids.

use super::group::ConsumerGroup;
use super::member::ConsumerGroupMember;
use super::subscription::ResolvedRegex;
use crate::group::assignor::Partitions;
use crate::group::assignor::java_order::timeline_order;
use crate::group::record::GroupRecord;
use crate::wire::consumer_group_current_member_assignment_value::{
    AssignedPartition, PartitionsPendingRevocation,
};
use crate::wire::consumer_group_target_assignment_member_value::TopicPartition;
use crate::wire::{
    ConsumerGroupCurrentMemberAssignmentKey, ConsumerGroupCurrentMemberAssignmentValue,
    ConsumerGroupMemberMetadataKey, ConsumerGroupMemberMetadataValue, ConsumerGroupMetadataKey,
    ConsumerGroupMetadataValue, ConsumerGroupPartitionMetadataKey,
    ConsumerGroupRegularExpressionKey, ConsumerGroupRegularExpressionValue,
    ConsumerGroupTargetAssignmentMemberKey, ConsumerGroupTargetAssignmentMemberValue,
    ConsumerGroupTargetAssignmentMetadataKey, ConsumerGroupTargetAssignmentMetadataValue,
};

/// What a member subscribes to.
pub(crate) fn member(group_id: &str, member: &ConsumerGroupMember) -> GroupRecord {
    let value = ConsumerGroupMemberMetadataValue {
        instance_id: member.instance_id.clone(),
        rack_id: member.rack_id.clone(),
        client_id: member.client_id.clone(),
        client_host: member.client_host.clone(),
        subscribed_topic_names: member.subscribed_topic_names.iter().cloned().collect(),
        subscribed_topic_regex: member.subscribed_topic_regex.clone(),
        rebalance_timeout_ms: member.rebalance_timeout_ms,
        server_assignor: member.server_assignor.clone(),
        classic_member_metadata: member.classic.clone(),
    };
    GroupRecord::ConsumerGroupMemberMetadata(member_key(group_id, &member.member_id), Some(value))
}

fn member_key(group_id: &str, member_id: &str) -> ConsumerGroupMemberMetadataKey {
    ConsumerGroupMemberMetadataKey { group_id: group_id.into(), member_id: member_id.into() }
}

/// It is no member any more.
pub(crate) fn member_tombstone(group_id: &str, member_id: &str) -> GroupRecord {
    GroupRecord::ConsumerGroupMemberMetadata(member_key(group_id, member_id), None)
}

/// The epoch of the group.
pub(crate) fn group_epoch(group_id: &str, epoch: i32, metadata_hash: i64) -> GroupRecord {
    GroupRecord::ConsumerGroupMetadata(
        ConsumerGroupMetadataKey { group_id: group_id.into() },
        Some(ConsumerGroupMetadataValue { epoch, metadata_hash }),
    )
}

/// What a member should have.
pub(crate) fn target(group_id: &str, member_id: &str, partitions: &Partitions) -> GroupRecord {
    let topic_partitions = partitions
        .iter()
        .map(|(&topic_id, of)| TopicPartition {
            topic_id,
            partitions: of.iter().copied().collect(),
        })
        .collect();
    GroupRecord::ConsumerGroupTargetAssignmentMember(
        target_key(group_id, member_id),
        Some(ConsumerGroupTargetAssignmentMemberValue { topic_partitions }),
    )
}

fn target_key(group_id: &str, member_id: &str) -> ConsumerGroupTargetAssignmentMemberKey {
    ConsumerGroupTargetAssignmentMemberKey {
        group_id: group_id.into(),
        member_id: member_id.into(),
    }
}

/// It should have nothing.
pub(crate) fn target_tombstone(group_id: &str, member_id: &str) -> GroupRecord {
    GroupRecord::ConsumerGroupTargetAssignmentMember(target_key(group_id, member_id), None)
}

/// The epoch of the target, and when it was computed.
pub(crate) fn target_epoch(
    group_id: &str,
    assignment_epoch: i32,
    assignment_timestamp: i64,
) -> GroupRecord {
    GroupRecord::ConsumerGroupTargetAssignmentMetadata(
        ConsumerGroupTargetAssignmentMetadataKey { group_id: group_id.into() },
        Some(ConsumerGroupTargetAssignmentMetadataValue { assignment_epoch, assignment_timestamp }),
    )
}

/// What a member has.
pub(crate) fn current(group_id: &str, member: &ConsumerGroupMember) -> GroupRecord {
    let value = ConsumerGroupCurrentMemberAssignmentValue {
        member_epoch: member.member_epoch,
        previous_member_epoch: member.previous_member_epoch,
        state: member.state.code(),
        assigned_partitions: member
            .assigned
            .iter()
            .map(|(&topic_id, of)| AssignedPartition {
                topic_id,
                partitions: of.keys().copied().collect(),
                assignment_epochs: Some(of.values().copied().collect()),
            })
            .collect(),
        partitions_pending_revocation: member
            .pending_revocation
            .iter()
            .map(|(&topic_id, of)| PartitionsPendingRevocation {
                topic_id,
                partitions: of.keys().copied().collect(),
                assignment_epochs: Some(of.values().copied().collect()),
            })
            .collect(),
    };
    let key = current_key(group_id, &member.member_id);
    GroupRecord::ConsumerGroupCurrentMemberAssignment(key, Some(value))
}

fn current_key(group_id: &str, member_id: &str) -> ConsumerGroupCurrentMemberAssignmentKey {
    ConsumerGroupCurrentMemberAssignmentKey {
        group_id: group_id.into(),
        member_id: member_id.into(),
    }
}

/// It has nothing.
pub(crate) fn current_tombstone(group_id: &str, member_id: &str) -> GroupRecord {
    GroupRecord::ConsumerGroupCurrentMemberAssignment(current_key(group_id, member_id), None)
}

/// What a regular expression matches; none once nobody has it.
pub(crate) fn regex(group_id: &str, regex: &str, resolved: Option<&ResolvedRegex>) -> GroupRecord {
    GroupRecord::ConsumerGroupRegularExpression(
        ConsumerGroupRegularExpressionKey {
            group_id: group_id.into(),
            regular_expression: regex.into(),
        },
        resolved.map(|resolved| ConsumerGroupRegularExpressionValue {
            topics: resolved.topics.iter().cloned().collect(),
            version: resolved.version,
            timestamp: resolved.timestamp,
        }),
    )
}

/// What brokers before 4.1 kept of the topics is not needed any more.
pub(crate) fn subscription_metadata_tombstone(group_id: &str) -> GroupRecord {
    let key = ConsumerGroupPartitionMetadataKey { group_id: group_id.into() };
    GroupRecord::ConsumerGroupPartitionMetadata(key, None)
}

/// A member goes.
pub(crate) fn remove_member(records: &mut Vec<GroupRecord>, group_id: &str, member_id: &str) {
    records.push(current_tombstone(group_id, member_id));
    records.push(target_tombstone(group_id, member_id));
    records.push(member_tombstone(group_id, member_id));
}

/// The whole group goes. If a member has been replaced in the same batch, `rename` has who was there and who is.
pub(crate) fn group_tombstones(
    group: &ConsumerGroup,
    rename: Option<(&str, &str)>,
    records: &mut Vec<GroupRecord>,
) {
    let id: &str = &group.group_id;
    let members = group.member_ids_in_order();
    let name = |member: &str| match rename {
        Some((old, new)) if old == member => new.to_string(),
        _ => member.to_string(),
    };
    records.extend(members.iter().map(|member| current_tombstone(id, &name(member))));
    records.extend(members.iter().map(|member| target_tombstone(id, &name(member))));
    let key = ConsumerGroupTargetAssignmentMetadataKey { group_id: id.into() };
    records.push(GroupRecord::ConsumerGroupTargetAssignmentMetadata(key, None));
    records.extend(members.iter().map(|member| member_tombstone(id, &name(member))));
    let regexes = timeline_order(group.subscription.resolved.keys().collect());
    records.extend(regexes.into_iter().map(|text| regex(id, text, None)));
    records.push(subscription_metadata_tombstone(id));
    let key = ConsumerGroupMetadataKey { group_id: id.into() };
    records.push(GroupRecord::ConsumerGroupMetadata(key, None));
}
