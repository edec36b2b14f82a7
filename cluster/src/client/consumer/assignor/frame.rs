//! A group as all assignors look at it: members and topics as numbers, in the orders that count.
//!
//! In Kafka:   `AbstractPartitionAssignor.assign`, and `MemberInfo` for the order of members.
//! Holds:      the members in the order in which Java goes through them, the topics that somebody wants and that have
//!             partitions, by name.
//! Invariants: FR-1 a [`Partition`] sorts as Java sorts a `TopicPartition`: by topic, then by number.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::group::{Assignment, ClusterTopics, Member};
use super::java_order::{HashOrder, compare, hash};
use crate::client::NamedPartition;

/// A partition of one of the frame's topics. A number beyond the topic's end comes from a claim only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Partition {
    /// The place of its topic in [`Frame::topics`].
    pub(super) topic: usize,
    /// Its number.
    pub(super) number: i32,
}

/// A topic that somebody wants and that has partitions.
#[derive(Debug)]
pub(super) struct Topic<'a> {
    pub(super) name: &'a Arc<str>,
    /// The racks of each partition's replicas.
    pub(super) racks: &'a [BTreeSet<Arc<str>>],
}

impl Topic<'_> {
    /// The numbers of its partitions.
    pub(super) fn numbers(&self) -> impl Iterator<Item = i32> + use<> {
        0..i32::try_from(self.racks.len()).expect("a topic has fewer than 2^31 partitions")
    }
}

/// The group.
#[derive(Debug)]
pub(super) struct Frame<'a> {
    /// The members, as Java's `HashMap` of them has them.
    pub(super) members: Vec<&'a Member>,
    /// Of each member its place by member id.
    pub(super) ranks: Vec<usize>,
    /// The topics by name.
    pub(super) topics: Vec<Topic<'a>>,
    /// Places in `topics`, as Java's `HashMap` of them has them.
    pub(super) topics_by_hash: Vec<usize>,
    places: BTreeMap<&'a str, usize>,
}

impl<'a> Frame<'a> {
    /// The frame of a group. Of two members with one id the later counts, in the place of the earlier.
    pub(super) fn new(cluster: &'a ClusterTopics, members: &'a [Member]) -> Self {
        let members = in_order(members);
        let mut wanted: HashOrder<&'a Arc<str>> = HashOrder::new();
        for topic in members.iter().flat_map(|member| &member.subscription.topics) {
            wanted.insert(hash(topic), topic);
        }
        let mut known: HashOrder<&'a Arc<str>> = HashOrder::new();
        for topic in wanted.iter().filter(|topic| cluster.racks(topic).is_some()) {
            known.insert(hash(topic), *topic);
        }
        let mut names: Vec<&'a Arc<str>> = known.iter().copied().collect();
        names.sort_by(|one, other| compare(one, other));
        let places: BTreeMap<&str, usize> =
            names.iter().enumerate().map(|(place, name)| (&***name, place)).collect();
        let topics_by_hash = known.iter().map(|name| places[&***name]).collect();
        let topic = |name: &'a Arc<str>| Topic { name, racks: cluster.racks(name).unwrap_or(&[]) };
        let topics = names.into_iter().map(topic).collect();
        Self { ranks: ranks(&members), members, topics, topics_by_hash, places }
    }

    /// The place of a topic that somebody wants and that has partitions.
    pub(super) fn place(&self, topic: &str) -> Option<usize> {
        self.places.get(topic).copied()
    }

    /// The partition of this name, if its topic is one of the frame's.
    pub(super) fn partition(&self, named: &NamedPartition) -> Option<Partition> {
        let topic = self.place(&named.topic)?;
        Some(Partition { topic, number: named.partition })
    }

    /// How many partitions there are.
    pub(super) fn partition_count(&self) -> usize {
        self.topics.iter().map(|topic| topic.racks.len()).sum()
    }

    /// The racks of a partition's replicas; none beyond the topic's end.
    pub(super) fn racks(&self, partition: Partition) -> Option<&'a BTreeSet<Arc<str>>> {
        self.topics[partition.topic].racks.get(usize::try_from(partition.number).ok()?)
    }

    /// Whether a member wants a topic.
    pub(super) fn wants(&self, member: usize, topic: usize) -> bool {
        self.members[member].subscription.topics.contains(self.topics[topic].name)
    }

    /// The members, static ones first by their instance id, then the others by their member id.
    pub(super) fn static_ones_first(&self) -> Vec<usize> {
        let mut sorted: Vec<usize> = (0..self.members.len()).collect();
        sorted.sort_by(|one, other| static_first(self.members[*one], self.members[*other]));
        sorted
    }

    /// The lists of all members as assignments.
    pub(super) fn named(&self, lists: Vec<Vec<Partition>>) -> BTreeMap<Arc<str>, Assignment> {
        let named = |it: Partition| NamedPartition {
            topic: self.topics[it.topic].name.clone(),
            partition: it.number,
        };
        let assignment = |list: Vec<Partition>| Assignment {
            partitions: list.into_iter().map(named).collect(),
            user_data: None,
        };
        let ids = self.members.iter().map(|member| member.id.clone());
        ids.zip(lists.into_iter().map(assignment)).collect()
    }
}

fn in_order(members: &[Member]) -> Vec<&Member> {
    let mut ids = HashOrder::new();
    let mut latest = BTreeMap::new();
    for member in members {
        ids.insert(hash(&member.id), &*member.id);
        latest.insert(&*member.id, member);
    }
    ids.iter().map(|id| latest[id]).collect()
}

fn ranks(members: &[&Member]) -> Vec<usize> {
    let mut sorted: Vec<usize> = (0..members.len()).collect();
    sorted.sort_by(|one, other| compare(&members[*one].id, &members[*other].id));
    let mut ranks = vec![0; members.len()];
    for (rank, member) in sorted.into_iter().enumerate() {
        ranks[member] = rank;
    }
    ranks
}

fn static_first(one: &Member, other: &Member) -> Ordering {
    match (&one.subscription.group_instance_id, &other.subscription.group_instance_id) {
        (Some(one), Some(other)) => compare(one, other),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => compare(&one.id, &other.id),
    }
}
