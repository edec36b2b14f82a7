//! A group as its committed records say: made of bytes, and of nothing that a coordinator says of itself.
//!
//! In Kafka:   `GroupMetadataManager.replay`, `OffsetMetadataManager.replay`, read anew and much smaller.
//! Holds:      of each group its protocol, epoch, members and target, and every position that was ever committed.
//! Invariants: GV-1 a shape is shared by all that was committed while it lasted.
//! Left out:   racks, metadata hashes: nothing is judged by them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use trial_cluster::client::NamedPartition;
use trial_cluster::client::consumer::assignor::protocol;
use trial_cluster::group::GroupRecord;
use trial_cluster::ids::{TopicId, TopicPartition};
use trial_cluster::wire::group_metadata_value;
use trial_cluster::wire::{ConsumerGroupCurrentMemberAssignmentValue, GroupMetadataValue};
use trial_sim::Time;

use crate::facts::{Facts, GroupBatch};

/// The protocol of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Protocol {
    /// It has no members that records tell of; perhaps offsets.
    #[default]
    None,
    /// Generations, and an assignment by one of the members.
    Classic,
    /// KIP-848.
    Consumer,
}

/// Partitions, each with the epoch in which it was assigned; -1: a generation has none.
pub(super) type Held = BTreeMap<TopicPartition, i32>;

/// A member of a group.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Member {
    /// Its `client.id`: the name of its host.
    pub(super) client: String,
    pub(super) instance: Option<String>,
    /// Of the consumer protocol.
    pub(super) epoch: i32,
    /// Whether it has all that its epoch gives it.
    pub(super) is_stable: bool,
    pub(super) topics: BTreeSet<String>,
    /// Its regular expression; empty without one.
    pub(super) regex: String,
    pub(super) assigned: Held,
    /// All that it was ever assigned by the consumer protocol.
    pub(super) ever: BTreeSet<TopicPartition>,
    /// What it still has to give back.
    pub(super) revoking: Held,
    /// Whether it speaks the classic protocol in a group of the consumer protocol.
    pub(super) is_classic: bool,
    /// What it said it had when it joined (KIP-429).
    pub(super) claimed: BTreeSet<TopicPartition>,
    /// In which generation it said that (KIP-792); none when it joins for the first time.
    pub(super) claimed_in: Option<i32>,
}

/// Who is in a group, and who has what.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Shape {
    pub(super) protocol: Protocol,
    /// Its generation, or its epoch.
    pub(super) epoch: i32,
    /// The epoch of the target.
    pub(super) target_epoch: i32,
    /// The name of the assignor of a generation.
    pub(super) assignor: Option<String>,
    pub(super) members: BTreeMap<String, Member>,
    pub(super) target: BTreeMap<String, BTreeSet<TopicPartition>>,
    /// The topics to which regular expressions have been resolved.
    pub(super) regexes: BTreeMap<String, BTreeSet<String>>,
}

/// A position that was committed, or its end.
#[derive(Debug, Clone)]
pub(super) struct Committed {
    /// When its record was committed.
    pub(super) at: Time,
    /// None of a tombstone.
    pub(super) offset: Option<i64>,
    /// The topic's id, if the record has one.
    pub(super) topic: Option<TopicId>,
    /// The group at that place of the log.
    pub(super) shape: Arc<Shape>,
}

/// A group.
#[derive(Debug, Clone, Default)]
pub(super) struct GroupView {
    pub(super) shape: Arc<Shape>,
    /// Who was a member by its records, and is not.
    pub(super) former: BTreeSet<String>,
    /// The generation before the last one that was committed, and when that one was.
    pub(super) generation_before: (Arc<Shape>, Time),
    /// Since when its coordinator waits for members to join, until there is a record of a generation.
    pub(super) prepares_since: Option<Time>,
    /// All positions of each partition, oldest first.
    pub(super) offsets: BTreeMap<(String, i32), Vec<Committed>>,
}

/// The group that a record is of.
pub(super) fn group_of(record: &GroupRecord) -> &str {
    match record {
        GroupRecord::LegacyOffsetCommit(key, _) => &key.group,
        GroupRecord::OffsetCommit(key, _) => &key.group,
        GroupRecord::GroupMetadata(key, _) => &key.group,
        GroupRecord::ConsumerGroupMetadata(key, _) => &key.group_id,
        GroupRecord::ConsumerGroupPartitionMetadata(key, _) => &key.group_id,
        GroupRecord::ConsumerGroupMemberMetadata(key, _) => &key.group_id,
        GroupRecord::ConsumerGroupTargetAssignmentMetadata(key, _) => &key.group_id,
        GroupRecord::ConsumerGroupTargetAssignmentMember(key, _) => &key.group_id,
        GroupRecord::ConsumerGroupCurrentMemberAssignment(key, _) => &key.group_id,
        GroupRecord::ConsumerGroupRegularExpression(key, _) => &key.group_id,
    }
}

impl GroupView {
    /// Takes in a committed record of the group.
    pub(super) fn apply(&mut self, at: Time, record: &GroupRecord, facts: &Facts) {
        match record {
            GroupRecord::OffsetCommit(key, value) => {
                let topic = value.as_ref().map(|it| it.topic_id).filter(|id| id.0 != 0);
                let offset = value.as_ref().map(|it| it.offset);
                let shape = Arc::clone(&self.shape);
                let entry = Committed { at, offset, topic, shape };
                let place = (key.topic.clone(), key.partition);
                self.offsets.entry(place).or_default().push(entry);
            }
            GroupRecord::GroupMetadata(_, value) => match value {
                Some(value) => {
                    self.generation_before = (Arc::clone(&self.shape), at);
                    self.shape = Arc::new(generation(value, facts));
                }
                None if self.shape.protocol == Protocol::Classic => {
                    *self.change() = Shape::default()
                }
                None => {}
            },
            _ => self.apply_consumer(record),
        }
    }

    /// A batch has changed it.
    pub(super) fn on_changed(&mut self, before: &Shape) {
        let gone = before.members.keys().filter(|id| !self.shape.members.contains_key(*id));
        self.former.extend(gone.cloned());
        self.former.retain(|id| !self.shape.members.contains_key(id));
    }

    /// A batch is committed. If it begins a generation, or ends the last one, nobody waits for members any more who had
    /// begun to before it was written.
    pub(super) fn on_written(&mut self, group: &str, batch: &GroupBatch) {
        let is_generation = |(_, record): &(i64, GroupRecord)| match record {
            GroupRecord::GroupMetadata(key, _) => key.group == group,
            _ => false,
        };
        if batch.records.iter().any(is_generation) {
            self.prepares_since = self.prepares_since.filter(|since| batch.written < *since);
        }
    }

    /// To be changed: what was committed before keeps the old one.
    fn change(&mut self) -> &mut Shape {
        Arc::make_mut(&mut self.shape)
    }

    fn apply_consumer(&mut self, record: &GroupRecord) {
        let shape = self.change();
        match record {
            GroupRecord::ConsumerGroupMetadata(_, Some(value)) => {
                shape.begin_consumer();
                shape.epoch = value.epoch;
            }
            _ if shape.protocol == Protocol::Classic => {}
            GroupRecord::ConsumerGroupMetadata(_, None) => *shape = Shape::default(),
            GroupRecord::ConsumerGroupMemberMetadata(key, value) => {
                let Some(value) = value else {
                    shape.members.remove(&key.member_id);
                    return;
                };
                shape.begin_consumer();
                let member = shape.members.entry(key.member_id.clone()).or_default();
                member.client.clone_from(&value.client_id);
                member.instance.clone_from(&value.instance_id);
                member.topics = value.subscribed_topic_names.iter().cloned().collect();
                member.regex = value.subscribed_topic_regex.clone().unwrap_or_default();
                member.is_classic = value.classic_member_metadata.is_some();
            }
            GroupRecord::ConsumerGroupTargetAssignmentMetadata(_, value) => {
                shape.target_epoch = value.as_ref().map_or(-1, |it| it.assignment_epoch);
            }
            GroupRecord::ConsumerGroupTargetAssignmentMember(key, value) => {
                let Some(value) = value else {
                    shape.target.remove(&key.member_id);
                    return;
                };
                let of_topic = value.topic_partitions.iter().flat_map(|of| {
                    let id = |partition: &i32| TopicPartition {
                        topic: of.topic_id,
                        partition: *partition,
                    };
                    of.partitions.iter().map(id)
                });
                shape.target.insert(key.member_id.clone(), of_topic.collect());
            }
            GroupRecord::ConsumerGroupCurrentMemberAssignment(key, value) => {
                if let Some(member) = shape.members.get_mut(&key.member_id) {
                    match value {
                        Some(value) => current(member, value),
                        None => (member.assigned, member.revoking) = (Held::new(), Held::new()),
                    }
                }
            }
            GroupRecord::ConsumerGroupRegularExpression(key, value) => {
                shape.regexes.remove(&key.regular_expression);
                if let Some(value) = value {
                    let topics = value.topics.iter().cloned().collect();
                    shape.regexes.insert(key.regular_expression.clone(), topics);
                }
            }
            _ => {}
        }
    }

    /// What was committed of a partition, oldest first.
    pub(super) fn committed(&self, topic: &str, partition: i32) -> &[Committed] {
        let place = (topic.to_owned(), partition);
        self.offsets.get(&place).map_or(&[], Vec::as_slice)
    }
}

impl Shape {
    /// A consumer group begins at epoch 1, of which there is no record as long as nothing makes a later one.
    fn begin_consumer(&mut self) {
        if self.protocol != Protocol::Consumer {
            let protocol = Protocol::Consumer;
            *self = Self { protocol, epoch: 1, target_epoch: 1, ..Self::default() };
        }
    }

    /// Whether a member reads a topic, as far as its regular expression is resolved.
    pub(super) fn reads(&self, member: &Member, topic: &str) -> bool {
        let resolved = self.regexes.get(&member.regex);
        member.topics.contains(topic) || resolved.is_some_and(|topics| topics.contains(topic))
    }

    /// Whether a member speaks for a partition: it has it, or has still to give it back.
    pub(super) fn has(&self, member: &str, partition: &TopicPartition) -> bool {
        let of = |it: &Member| {
            it.assigned.contains_key(partition) || it.revoking.contains_key(partition)
        };
        self.members.get(member).is_some_and(of)
    }
}

fn current(member: &mut Member, value: &ConsumerGroupCurrentMemberAssignmentValue) {
    member.epoch = value.member_epoch;
    member.is_stable = value.state == 0;
    let mut held = [Held::new(), Held::new()];
    for of in &value.assigned_partitions {
        held[0].extend(with_epochs(
            of.topic_id,
            &of.partitions,
            of.assignment_epochs.as_deref(),
            value.member_epoch,
        ));
    }
    for of in &value.partitions_pending_revocation {
        held[1].extend(with_epochs(
            of.topic_id,
            &of.partitions,
            of.assignment_epochs.as_deref(),
            value.member_epoch,
        ));
    }
    [member.assigned, member.revoking] = held;
    member.ever.extend(member.assigned.keys());
}

/// Each with its own epoch (KIP-1251), or the member's.
fn with_epochs(topic: TopicId, partitions: &[i32], epochs: Option<&[i32]>, of_member: i32) -> Held {
    let epochs = epochs.filter(|epochs| epochs.len() == partitions.len());
    let epoch = |place: usize| epochs.map_or(of_member, |epochs| epochs[place]);
    let entry = |(place, partition): (usize, &i32)| {
        (TopicPartition { topic, partition: *partition }, epoch(place))
    };
    partitions.iter().enumerate().map(entry).collect()
}

/// A generation of the classic protocol.
fn generation(value: &GroupMetadataValue, facts: &Facts) -> Shape {
    let member = |member: &group_metadata_value::Member| {
        let mut view = Member {
            client: member.client_id.clone(),
            instance: member.group_instance_id.clone(),
            epoch: value.generation,
            is_stable: true,
            ..Member::default()
        };
        if value.protocol_type == protocol::PROTOCOL_TYPE {
            read_protocol(&mut view, member, facts);
        }
        (member.member_id.clone(), view)
    };
    Shape {
        protocol: Protocol::Classic,
        epoch: value.generation,
        target_epoch: value.generation,
        assignor: value.protocol.clone(),
        members: value.members.iter().map(member).collect(),
        target: BTreeMap::new(),
        regexes: BTreeMap::new(),
    }
}

fn read_protocol(view: &mut Member, member: &group_metadata_value::Member, facts: &Facts) {
    let id = |named: &NamedPartition| facts.id_of(named);
    if let Ok(assignment) = protocol::take_assignment(&member.assignment) {
        view.assigned = assignment.partitions.iter().filter_map(id).map(|id| (id, -1)).collect();
    }
    if let Ok(subscription) = protocol::take_subscription(&member.subscription) {
        view.topics = subscription.topics.iter().map(ToString::to_string).collect();
        view.claimed_in = subscription.generation_id;
        view.claimed = subscription.owned_partitions.iter().filter_map(id).collect();
    }
}
