//! Balances partitions among members that subscribe to different topics, and moves as few as it can.
//!
//! In Kafka:   `UniformHeterogeneousAssignmentBuilder`.
//! Invariants: UH-1 a partition has one owner, who subscribes to its topic; UH-2 the members of a topic that all
//!             subscribe to the same topics differ by one partition at most.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use super::GroupAssignment;
use super::balancer::Balancer;
use super::spec::{AssignmentFailed, GroupSpec};
use crate::ids::TopicId;

/// Rounds of balancing at most: each is taken to halve the imbalance.
const ROUNDS_MAX: usize = 16;

struct Topic {
    /// Whose each partition is.
    owners: Vec<Option<usize>>,
    /// Who subscribes, in ascending order.
    subscribers: Vec<usize>,
}

struct Builder<'a> {
    group: &'a GroupSpec<'a>,
    topics: BTreeMap<TopicId, Topic>,
    /// How many partitions each member has.
    sizes: Vec<usize>,
}

pub(super) fn assign(group: &GroupSpec<'_>) -> Result<GroupAssignment, AssignmentFailed> {
    let mut topics: BTreeMap<TopicId, Topic> = BTreeMap::new();
    for (index, (_, member)) in group.members.iter().enumerate() {
        for &id in &member.topics {
            let count = usize::try_from(group.partition_count(id)?)
                .expect("a topic has no negative number of partitions");
            let fresh = || Topic { owners: vec![None; count], subscribers: Vec::new() };
            topics.entry(id).or_insert_with(fresh).subscribers.push(index);
        }
    }
    if topics.is_empty() {
        return Ok(GroupAssignment::new());
    }
    let mut builder = Builder { group, topics, sizes: vec![0; group.members.len()] };
    builder.keep();
    builder.assign_what_is_left();
    builder.balance();
    Ok(builder.into_assignment())
}

/// Ids are compared as two signed numbers in Java.
fn compare_ids(one: TopicId, other: TopicId) -> Ordering {
    let halves = |id: TopicId| ((id.0 >> 64) as u64 as i64, id.0 as u64 as i64);
    halves(one).cmp(&halves(other))
}

impl Builder<'_> {
    /// Most partitions for each subscriber first, then fewest subscribers, then by id.
    fn sort(&self, topics: &mut [TopicId]) {
        let counts = |id: &TopicId| {
            let topic = &self.topics[id];
            (topic.owners.len() as u64, topic.subscribers.len() as u64)
        };
        topics.sort_by(|one, other| {
            let (partitions, subscribers) = counts(one);
            let (other_partitions, other_subscribers) = counts(other);
            (other_partitions * subscribers)
                .cmp(&(partitions * other_subscribers))
                .then(subscribers.cmp(&other_subscribers))
                .then(compare_ids(*one, *other))
        });
    }

    /// Each member keeps what it had of the topics that it still subscribes to.
    fn keep(&mut self) {
        for (index, (_, member)) in self.group.members.iter().enumerate() {
            for (id, partitions) in member.assigned.iter() {
                if !member.topics.contains(id) {
                    continue;
                }
                self.sizes[index] += partitions.len();
                let topic = self.topics.get_mut(id).expect("somebody subscribes to it");
                for &partition in partitions {
                    let at = usize::try_from(partition).expect("no partition is negative");
                    topic.owners[at] = Some(index);
                }
            }
        }
    }

    fn assign_what_is_left(&mut self) {
        let has_unassigned = |topic: &Topic| topic.owners.contains(&None);
        let mut topics: Vec<TopicId> = self
            .topics
            .iter()
            .filter(|(_, topic)| has_unassigned(topic))
            .map(|(id, _)| *id)
            .collect();
        self.sort(&mut topics);
        let mut balancer = Balancer::default();
        for id in topics {
            let topic = self.topics.get_mut(&id).expect("it is one of ours");
            balancer.initialize(&topic.subscribers, &self.sizes);
            for owner in topic.owners.iter_mut().filter(|owner| owner.is_none()) {
                let member = balancer.next_least_loaded(&self.sizes);
                *owner = Some(member);
                self.sizes[member] += 1;
            }
        }
    }

    fn balance(&mut self) {
        let mut topics: Vec<TopicId> = self
            .topics
            .iter()
            .filter(|(_, topic)| topic.subscribers.len() >= 2)
            .map(|(id, _)| *id)
            .collect();
        self.sort(&mut topics);
        let mut balancer = Balancer::default();
        let mut last_moved = None;
        for _ in 0..ROUNDS_MAX {
            for (index, &id) in topics.iter().enumerate() {
                if last_moved == Some(index) {
                    // A whole round without a move.
                    return;
                }
                if self.balance_topic(id, &mut balancer) > 0 || last_moved.is_none() {
                    last_moved = Some(index);
                }
            }
        }
    }

    /// Moves partitions of one topic from who has most to who has least. Returns how many.
    fn balance_topic(&mut self, id: TopicId, balancer: &mut Balancer) -> usize {
        let topic = self.topics.get_mut(&id).expect("it is one of ours");
        if balancer.initialize(&topic.subscribers, &self.sizes) <= 1 {
            return 0;
        }
        let mut owned: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (partition, owner) in topic.owners.iter().enumerate() {
            let owner = owner.expect("nothing is left unassigned");
            owned.entry(owner).or_default().push(partition);
        }
        let mut moved = 0;
        while !balancer.is_balanced() {
            let partition = loop {
                let Some(from) = balancer.next_most_loaded(&self.sizes) else { return moved };
                match owned.get_mut(&from).and_then(Vec::pop) {
                    Some(partition) => break partition,
                    None => balancer.exclude_most_loaded(),
                }
            };
            let to = balancer.next_least_loaded(&self.sizes);
            if balancer.is_balanced() {
                break;
            }
            let from = topic.owners[partition].replace(to).expect("nothing is left unassigned");
            self.sizes[from] -= 1;
            self.sizes[to] += 1;
            moved += 1;
        }
        moved
    }

    fn into_assignment(self) -> GroupAssignment {
        let ids: Vec<_> = self.group.members.iter().map(|(id, _)| id.clone()).collect();
        let mut assignment: GroupAssignment =
            ids.iter().map(|id| (id.clone(), BTreeMap::new())).collect();
        for (topic_id, topic) in self.topics {
            for (partition, owner) in topic.owners.into_iter().enumerate() {
                let Some(owner) = owner else { continue };
                let member = assignment.get_mut(&ids[owner]).expect("every member has an entry");
                let of: &mut BTreeSet<i32> = member.entry(topic_id).or_default();
                of.insert(i32::try_from(partition).expect("partitions are numbered by i32"));
            }
        }
        assignment
    }
}
