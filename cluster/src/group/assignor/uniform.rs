//! Gives all members equally many partitions and takes away as few as it can, when all subscribe to the same topics.
//!
//! In Kafka:   `UniformAssignor`, `UniformHomogeneousAssignmentBuilder`.
//! Invariants: UN-1 two members differ by one partition; UN-2 a member keeps what it had, up to its quota.

use std::collections::BTreeSet;

use super::GroupAssignment;
use super::java_order::hash_set_order;
use super::spec::{
    AssignmentFailed, GroupSpec, MemberSpec, Partitions, partitions_in_order, topics_in_order,
};
use crate::ids::TopicId;

struct Builder<'a> {
    group: &'a GroupSpec<'a>,
    subscribed: BTreeSet<TopicId>,
    unassigned: Vec<(TopicId, i32)>,
    quota_min: usize,
    /// How many members may still have one partition more than that.
    extras: usize,
}

pub(super) fn assign(group: &GroupSpec<'_>) -> Result<GroupAssignment, AssignmentFailed> {
    let (_, first) = &group.members[0];
    if first.topics.is_empty() {
        return Ok(GroupAssignment::new());
    }
    let (mut total, mut unassigned) = (0_usize, Vec::new());
    for topic in hash_set_order(first.topics.iter().copied().collect(), first.named) {
        let count = group.partition_count(topic)?;
        unassigned.extend(
            (0..count)
                .filter(|&p| !group.is_assigned(topic, p))
                .map(|partition| (topic, partition)),
        );
        total += usize::try_from(count).expect("a topic has no negative number of partitions");
    }
    let members = group.members.len();
    let builder = Builder {
        group,
        subscribed: first.topics.clone(),
        unassigned,
        quota_min: total / members,
        extras: total % members,
    };
    builder.build()
}

impl Builder<'_> {
    fn build(mut self) -> Result<GroupAssignment, AssignmentFailed> {
        let mut assignment = GroupAssignment::new();
        let mut unfilled = Vec::new();
        for (index, (id, member)) in self.group.members.iter().enumerate() {
            let (kept, room) = self.keep(index, member);
            if room > 0 {
                unfilled.push((id.clone(), room));
            }
            assignment.insert(id.clone(), kept);
        }
        let mut unassigned = self.unassigned.into_iter();
        for (id, room) in unfilled {
            let partitions = assignment.get_mut(&id).expect("every member has an entry");
            for (topic, partition) in unassigned.by_ref().take(room) {
                partitions.entry(topic).or_default().insert(partition);
            }
        }
        if unassigned.next().is_some() {
            return Err(AssignmentFailed("Partitions were left unassigned".into()));
        }
        Ok(assignment)
    }

    /// What this member keeps, and how many partitions it lacks.
    fn keep(&mut self, index: usize, member: &MemberSpec) -> (Partitions, usize) {
        let mut has_extra = self.extras > 0;
        let mut quota = self.quota_min + usize::from(has_extra);
        let mut kept = (*member.assigned).clone();
        for topic in topics_in_order(&member.assigned) {
            let had = &member.assigned[&topic];
            if !self.subscribed.contains(&topic) {
                kept.remove(&topic);
            } else if had.len() <= quota {
                quota -= had.len();
            } else {
                self.revoke_beyond(quota, topic, had, &mut kept);
                quota = 0;
            }
        }
        // It leaves the partition more than the minimum to another, unless it is one of the last who can take one.
        let can_wait = self.group.members.len() - index > self.extras;
        if quota > 0 && has_extra && can_wait {
            quota -= 1;
            has_extra = false;
        }
        self.extras -= usize::from(has_extra);
        (kept, quota)
    }

    fn revoke_beyond(
        &mut self,
        quota: usize,
        topic: TopicId,
        had: &BTreeSet<i32>,
        kept: &mut Partitions,
    ) {
        let left = kept.get_mut(&topic).expect("it was copied");
        for partition in partitions_in_order(had).into_iter().skip(quota) {
            left.remove(&partition);
            self.unassigned.push((topic, partition));
        }
        if left.is_empty() {
            kept.remove(&topic);
        }
    }
}
