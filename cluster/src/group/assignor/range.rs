//! Gives each member a range of each topic, in the order of the members.
//!
//! In Kafka:   `RangeAssignor`.
//! Invariants: RA-1 members that subscribe to the same topics with equal numbers of partitions get the same ranges of
//!             each, so that what is joined by key meets in one member; RA-2 two members of a topic differ by one.

use std::collections::BTreeMap;

use super::GroupAssignment;
use super::spec::{AssignmentFailed, GroupSpec, MemberSpec, Partitions};
use crate::group::state::MemberId;
use crate::ids::TopicId;

/// How far a topic has been handed out.
struct Topic {
    partition_count: i32,
    member_count: i32,
    /// What the next member gets.
    next: i32,
    /// How many members got theirs.
    served: i32,
}

impl Topic {
    fn take(&mut self) -> std::ops::Range<i32> {
        let extra = i32::from(self.served < self.partition_count % self.member_count);
        let start = self.next;
        let quota = self.partition_count / self.member_count + extra;
        self.next = (start + quota).min(self.partition_count);
        self.served += 1;
        start..self.next
    }
}

pub(super) fn assign(group: &GroupSpec<'_>) -> Result<GroupAssignment, AssignmentFailed> {
    let mut members: Vec<&(MemberId, MemberSpec)> = group.members.iter().collect();
    // Static members first, by their instance; the others by their id.
    members.sort_by_key(|(id, member)| {
        (member.instance_id.is_none(), member.instance_id.clone(), id.clone())
    });
    let topics_of = |index: usize| {
        let index = if group.is_homogeneous { 0 } else { index };
        &members[index].1.topics
    };
    let mut topics: BTreeMap<TopicId, Topic> = BTreeMap::new();
    for index in 0..members.len() {
        for &id in topics_of(index) {
            let partition_count = group.partition_counts.get(&id).copied().ok_or_else(|| {
                AssignmentFailed("Member is subscribed to a non-existent topic".into())
            })?;
            let fresh = Topic { partition_count, member_count: 0, next: 0, served: 0 };
            topics.entry(id).or_insert(fresh).member_count += 1;
        }
    }
    let mut assignment = GroupAssignment::new();
    for (index, (member, _)) in members.iter().enumerate() {
        let mut partitions = Partitions::new();
        for id in topics_of(index) {
            let range = topics.get_mut(id).expect("every topic was counted").take();
            if !range.is_empty() {
                partitions.insert(*id, range.collect());
            }
        }
        assignment.insert(member.clone(), partitions);
    }
    Ok(assignment)
}
