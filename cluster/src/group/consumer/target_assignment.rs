//! Asks an assignor who should have what, once the group epoch is beyond the target, and not too often.
//!
//! In Kafka:   `GroupMetadataManager.maybeUpdateTargetAssignment`, `canComputeNextTargetAssignment` (KIP-1263),
//!             `TargetAssignmentBuilder`. 4.3 computes it within the heartbeat of a member: it has neither a timer nor
//!             an executor for it (KAFKA-20339), so that a group whose interval has not passed waits for the next
//!             heartbeat.
//! Effects:    a record for each member whose target changes, then the epoch of the target.
//! Invariants: TA-1 (LegalTargetAssignment) a partition is in the target of one member, which subscribes to its topic.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::current_assignment::subscribed_topics;
use super::group::ConsumerGroup;
use super::member::ConsumerGroupMember;
use super::records;
use super::subscription::Subscription;
use crate::config::group::ServerAssignor;
use crate::error_code::ErrorCode;
use crate::group::assignor::{GroupSpec, MemberSpec, Partitions, walk_order};
use crate::group::machine::GroupCoordinator;
use crate::group::record::GroupRecord;
use crate::group::state::MemberId;
use crate::group::step::{GroupError, Step};
use crate::image::MetadataImage;

/// What is needed of a heartbeat.
pub(crate) struct TargetUpdate<'a> {
    /// The group as it was.
    pub group: &'a ConsumerGroup,
    /// Its epoch from now on.
    pub group_epoch: i32,
    /// The member as it was.
    pub old: &'a ConsumerGroupMember,
    /// The member from now on.
    pub member: &'a ConsumerGroupMember,
    /// Whether all members subscribe to the same topics from now on.
    pub is_homogeneous: bool,
}

/// The epoch of a target, and what one member should have by it.
pub(crate) type Target = (i32, Arc<Partitions>);

/// Whether an assignment may be computed, when the last one was computed at `timestamp_ms`.
pub(super) fn can_compute(timestamp_ms: i64, interval_ms: i32, wall_ms: i64) -> bool {
    timestamp_ms == 0 || interval_ms == 0 || wall_ms >= timestamp_ms + i64::from(interval_ms)
}

impl GroupCoordinator {
    /// The target to which the member of a heartbeat is to come.
    pub(crate) fn update_target(
        &self,
        step: &Step<'_>,
        update: &TargetUpdate<'_>,
        records: &mut Vec<GroupRecord>,
    ) -> Result<Target, GroupError> {
        let (group, member) = (update.group, update.member);
        let interval_ms = self.consumer_assignment_interval_ms(step.image, &group.group_id);
        if group.assignment_epoch >= update.group_epoch
            || !can_compute(group.assignment_timestamp, interval_ms, step.wall_ms)
        {
            let target = group.target_of_instance(&member.member_id, member.instance_id.as_deref());
            return Ok((group.assignment_epoch, target));
        }
        let preferred = group.preferred_assignor_with(update.old, member);
        let assignor = self.assignor_named(preferred.as_deref());
        let partition_counts = partition_counts(update, step.image);
        let spec = GroupSpec {
            members: member_specs(update, step.image),
            is_homogeneous: update.is_homogeneous,
            assigned_to: &group.inverted_target,
            partition_counts: &partition_counts,
        };
        let mut assignment = assignor.assign(&spec).map_err(|failed| {
            let (epoch, why) = (update.group_epoch, failed.0);
            let why = format!("Failed to compute a new target assignment for epoch {epoch}: {why}");
            GroupError::because(ErrorCode::UnknownServerError, why)
        })?;
        let mut own = Arc::default();
        for (id, _) in &spec.members {
            let target = assignment.remove(id).unwrap_or_default();
            if group.target.get(id).is_none_or(|old| **old != target) {
                records.push(records::target(&group.group_id, id, &target));
            }
            if *id == member.member_id {
                own = Arc::new(target);
            }
        }
        records.push(records::target_epoch(&group.group_id, update.group_epoch, step.wall_ms));
        Ok((update.group_epoch, own))
    }

    /// The assignor of this name, or the default.
    pub(super) fn assignor_named(&self, name: Option<&str>) -> ServerAssignor {
        let offered = &self.settings.consumer_assignors.0;
        let named = offered.iter().find(|assignor| Some(assignor.name()) == name);
        *named.or(offered.first()).expect("a broker offers at least one assignor")
    }
}

/// The members as the assignor sees them: with the one that asks, without the one whose place it takes.
fn member_specs(update: &TargetUpdate<'_>, image: &MetadataImage) -> Vec<(MemberId, MemberSpec)> {
    let (group, member) = (update.group, update.member);
    let previous = member
        .instance_id
        .as_deref()
        .and_then(|instance| group.static_members.get(instance))
        .filter(|previous| **previous != member.member_id);
    let mut ids = group.member_ids_in_order();
    if group.member(&member.member_id).is_none() {
        ids.push(member.member_id.clone());
    }
    ids.retain(|id| Some(id) != previous);
    let subscription = &group.subscription;
    let spec_of = |id: MemberId| {
        let spec = if id == member.member_id {
            spec(member, group.target_of(previous.unwrap_or(&id)), subscription, image)
        } else {
            spec(&group.members[&id], group.target_of(&id), subscription, image)
        };
        (id, spec)
    };
    walk_order(ids).into_iter().map(spec_of).collect()
}

fn spec(
    member: &ConsumerGroupMember,
    assigned: Arc<Partitions>,
    subscription: &Subscription,
    image: &MetadataImage,
) -> MemberSpec {
    let resolved = member.regex().and_then(|regex| subscription.resolved.get(regex));
    let matched = resolved.into_iter().flat_map(|resolved| &resolved.topics);
    let matched = matched.filter(|topic| !member.subscribed_topic_names.contains(*topic));
    MemberSpec {
        instance_id: member.instance_id.clone(),
        topics: subscribed_topics(member, subscription, image),
        named: member.subscribed_topic_names.len() + matched.count(),
        assigned,
    }
}

fn partition_counts(
    update: &TargetUpdate<'_>,
    image: &MetadataImage,
) -> BTreeMap<crate::ids::TopicId, i32> {
    let names = update.group.subscription.topics.keys();
    names
        .chain(&update.member.subscribed_topic_names)
        .filter_map(|name| image.topics().topic_by_name(name))
        .map(|topic| {
            let count =
                i32::try_from(topic.partitions.len()).expect("partitions are counted by i32");
            (topic.id, count)
        })
        .collect()
}
