//! What is told of consumer groups.
//!
//! In Kafka:   `GroupMetadataManager.consumerGroupDescribe`, `ConsumerGroup.asDescribedGroup`, `asListedGroup`.
//! Invariants: G13 it is told from what is committed: the group is one of the committed state.
//! Left out:   the order of topics within an assignment is by id, of partitions by number; Kafka's is that of hash
//!             tables.

use super::group::ConsumerGroup;
use super::member::{Assigned, ConsumerGroupMember, without_epochs};
use crate::error_code::ErrorCode;
use crate::group::assignor::Partitions;
use crate::group::assignor::java_order::hash_set_order;
use crate::group::machine::GroupCoordinator;
use crate::group::state::{GroupEntry, GroupState};
use crate::image::MetadataImage;
use crate::wire::consumer_group_describe_response::{
    Assignment, Group as DescribedGroup, Member, TargetAssignment, TargetAssignmentTopicPartition,
    TopicPartition,
};
use crate::wire::list_groups_response;

impl GroupCoordinator {
    /// ConsumerGroupDescribe: one answer for each id.
    pub(crate) fn describe_consumer_groups(
        &self,
        committed: &GroupState,
        image: &MetadataImage,
        ids: &[String],
    ) -> Vec<DescribedGroup> {
        let describe = |id: &String| match committed.groups.get(id.as_str()) {
            Some(GroupEntry::Consumer(group)) => self.describe_consumer_group(group, image),
            Some(GroupEntry::Classic(_)) => {
                refused(id, format!("Group {id} is not a consumer group."))
            }
            None => refused(id, format!("Group {id} not found.")),
        };
        ids.iter().map(describe).collect()
    }

    fn describe_consumer_group(
        &self,
        group: &ConsumerGroup,
        image: &MetadataImage,
    ) -> DescribedGroup {
        let members = group.member_ids_in_order().into_iter().map(|id| {
            let member = &group.members[&id];
            described_member(member, &group.target_of(&id), image)
        });
        DescribedGroup {
            group_id: group.group_id.to_string(),
            group_state: group.state().name().into(),
            group_epoch: group.group_epoch,
            assignment_epoch: group.assignment_epoch,
            assignor_name: group
                .preferred_assignor()
                .unwrap_or_else(|| self.assignor_named(None).name())
                .into(),
            members: members.collect(),
            ..Default::default()
        }
    }
}

fn refused(id: &str, why: String) -> DescribedGroup {
    DescribedGroup {
        group_id: id.into(),
        error_code: ErrorCode::GroupIdNotFound.code(),
        error_message: Some(why),
        ..Default::default()
    }
}

fn named(partitions: &Partitions, image: &MetadataImage) -> Vec<TopicPartition> {
    let of = |(id, partitions): (&crate::ids::TopicId, &std::collections::BTreeSet<i32>)| {
        let topic = image.topics().topic(*id)?;
        Some(TopicPartition {
            topic_id: *id,
            topic_name: topic.name.to_string(),
            partitions: partitions.iter().copied().collect(),
        })
    };
    partitions.iter().filter_map(of).collect()
}

/// What a member is responsible for: its own, and what it still has to give back.
fn responsible(member: &ConsumerGroupMember) -> Partitions {
    let mut all: Assigned = member.assigned.clone();
    for (topic, of) in &member.pending_revocation {
        all.entry(*topic).or_default().extend(of);
    }
    without_epochs(&all)
}

fn described_member(
    member: &ConsumerGroupMember,
    target: &Partitions,
    image: &MetadataImage,
) -> Member {
    let names: Vec<String> = member.subscribed_topic_names.iter().cloned().collect();
    let count = names.len();
    let target = named(target, image).into_iter().map(|of| TargetAssignmentTopicPartition {
        topic_id: of.topic_id,
        topic_name: of.topic_name,
        partitions: of.partitions,
    });
    Member {
        member_id: member.member_id.to_string(),
        instance_id: member.instance_id.clone(),
        rack_id: member.rack_id.clone(),
        member_epoch: member.member_epoch,
        client_id: member.client_id.clone(),
        client_host: member.client_host.clone(),
        subscribed_topic_names: hash_set_order(names, count),
        subscribed_topic_regex: member.subscribed_topic_regex.clone(),
        assignment: Assignment { topic_partitions: named(&responsible(member), image) },
        target_assignment: TargetAssignment { topic_partitions: target.collect() },
        member_type: i8::from(!member.uses_classic_protocol()),
    }
}

/// One line of ListGroups.
pub(crate) fn listed(group: &ConsumerGroup) -> list_groups_response::Group {
    list_groups_response::Group {
        group_id: group.group_id.to_string(),
        protocol_type: "consumer".into(),
        group_state: group.state().name().into(),
        group_type: "consumer".into(),
    }
}
