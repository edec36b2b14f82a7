//! What an assignor is told of a group.
//!
//! In Kafka:   `GroupSpec`, `GroupSpecImpl`, `MemberSubscription`, `SubscribedTopicDescriber`, `TopicIds`,
//!             `PartitionAssignorException`.
//! Holds:      nothing: it is lent.
//! Left out:   racks: no assignor of brokers looks at them. Kafka resolves names to ids while an assignor walks; here
//!             whoever makes the specification has done so.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::java_order::{hash_map_order, hash_set_order};
use crate::group::state::MemberId;
use crate::ids::TopicId;

/// Partitions by topic. A topic without partitions is not in it.
pub type Partitions = BTreeMap<TopicId, BTreeSet<i32>>;

/// An assignor does not know what to do (`PartitionAssignorException`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssignmentFailed(pub String);

/// One member.
#[derive(Debug, Clone)]
pub struct MemberSpec {
    /// Its `group.instance.id`.
    pub instance_id: Option<String>,
    /// The topics to which it subscribes and which exist.
    pub topics: BTreeSet<TopicId>,
    /// How many it names, whether they exist or not.
    pub named: usize,
    /// What was assigned to it last.
    pub assigned: Arc<Partitions>,
}

/// A group.
#[derive(Debug, Clone)]
pub struct GroupSpec<'a> {
    /// The members, in the order in which Kafka walks through them.
    pub members: Vec<(MemberId, MemberSpec)>,
    /// Whether all subscribe to the same topics.
    pub is_homogeneous: bool,
    /// Whose a partition is by the last assignment, members that leave included.
    pub assigned_to: &'a BTreeMap<TopicId, BTreeMap<i32, MemberId>>,
    /// How many partitions each topic has to which somebody subscribes.
    pub partition_counts: &'a BTreeMap<TopicId, i32>,
}

impl GroupSpec<'_> {
    /// How many partitions this topic has.
    pub(super) fn partition_count(&self, topic: TopicId) -> Result<i32, AssignmentFailed> {
        self.partition_counts.get(&topic).copied().ok_or_else(|| {
            AssignmentFailed(format!(
                "Members are subscribed to topic {topic} which doesn't exist in the topic metadata."
            ))
        })
    }

    /// Whether the partition was somebody's.
    pub(super) fn is_assigned(&self, topic: TopicId, partition: i32) -> bool {
        self.assigned_to.get(&topic).is_some_and(|partitions| partitions.contains_key(&partition))
    }
}

/// The topics of an assignment in the order in which Kafka walks through them.
pub(super) fn topics_in_order(assigned: &Partitions) -> Vec<TopicId> {
    hash_map_order(assigned.keys().copied().collect())
}

/// Partitions in the order in which Kafka walks through a set that it made of a list.
pub(super) fn partitions_in_order(partitions: &BTreeSet<i32>) -> Vec<i32> {
    hash_set_order(partitions.iter().copied().collect(), partitions.len())
}
