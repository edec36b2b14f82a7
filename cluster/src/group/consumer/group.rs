//! A consumer group: what the log says of it.
//!
//! In Kafka:   `ConsumerGroup`, `ModernGroup`, `TargetAssignmentMetadata`; KIP-848, KIP-1263 (the time of an
//!             assignment).
//! Holds:      members, the target assignment, and what is counted over both. Parts are shared: a clone is cheap, and a
//!             change copies the parts that it changes. Only `replay.rs` changes it.
//! Invariants: CG-1 (ValidMemberEpoch) no member is beyond the group epoch; CG-2 (LegalTargetAssignment) the target
//!             gives a partition to one member; CG-3 (NoDoubleClientAssignment) no two members have a partition, or
//!             still have to give it back.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::member::{ConsumerGroupMember, MemberState};
use super::partition_epochs::PartitionEpochs;
use super::subscription::{Counts, Subscription, count, is_homogeneous};
use crate::group::assignor::Partitions;
use crate::group::assignor::java_order::{hash_map_copy_order, timeline_order};
use crate::group::state::{GroupId, MemberId};
use crate::ids::TopicId;

/// The state that a group shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConsumerGroupState {
    /// It has no members.
    Empty,
    /// Its target assignment is older than the group epoch.
    Assigning,
    /// A member has not come to the target yet.
    Reconciling,
    /// Every member has what it should have.
    Stable,
}

impl ConsumerGroupState {
    /// Kafka's word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::Assigning => "Assigning",
            Self::Reconciling => "Reconciling",
            Self::Stable => "Stable",
        }
    }
}

/// Whose each partition is by the target.
pub type InvertedTarget = BTreeMap<TopicId, BTreeMap<i32, MemberId>>;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerGroup {
    pub(super) group_id: GroupId,
    pub(super) group_epoch: i32,
    pub(super) metadata_hash: i64,
    pub(super) assignment_epoch: i32,
    pub(super) assignment_timestamp: i64,
    pub(super) members: Arc<BTreeMap<MemberId, Arc<ConsumerGroupMember>>>,
    pub(super) static_members: Arc<BTreeMap<String, MemberId>>,
    pub(super) target: Arc<BTreeMap<MemberId, Arc<Partitions>>>,
    pub(super) inverted_target: Arc<InvertedTarget>,
    pub(super) partition_epochs: Arc<PartitionEpochs>,
    pub(super) subscription: Arc<Subscription>,
    pub(super) assignors: Arc<Counts>,
    pub(super) classic_protocols: Arc<Counts>,
    pub(super) classic_member_count: usize,
    pub(super) has_subscription_metadata_record: bool,
}

impl ConsumerGroup {
    /// One without members.
    #[must_use]
    pub fn new(group_id: GroupId) -> Self {
        Self {
            group_id,
            group_epoch: 1,
            metadata_hash: 0,
            assignment_epoch: 1,
            assignment_timestamp: 0,
            members: Arc::default(),
            static_members: Arc::default(),
            target: Arc::default(),
            inverted_target: Arc::default(),
            partition_epochs: Arc::default(),
            subscription: Arc::default(),
            assignors: Arc::default(),
            classic_protocols: Arc::default(),
            classic_member_count: 0,
            has_subscription_metadata_record: false,
        }
    }

    /// `group.id`.
    #[must_use]
    pub fn group_id(&self) -> &GroupId {
        &self.group_id
    }

    /// The epoch of its members and their subscriptions.
    #[must_use]
    pub const fn group_epoch(&self) -> i32 {
        self.group_epoch
    }

    /// The hash of the topics that it reads.
    #[must_use]
    pub const fn metadata_hash(&self) -> i64 {
        self.metadata_hash
    }

    /// The group epoch for which the target was computed; -1 once that is deleted.
    #[must_use]
    pub const fn assignment_epoch(&self) -> i32 {
        self.assignment_epoch
    }

    /// When that was, in milliseconds of the wall clock; 0: never, or nobody knows.
    #[must_use]
    pub const fn assignment_timestamp(&self) -> i64 {
        self.assignment_timestamp
    }

    /// Its members.
    #[must_use]
    pub fn members(&self) -> &BTreeMap<MemberId, Arc<ConsumerGroupMember>> {
        &self.members
    }

    /// The ids of its members, in the order in which Kafka walks through them.
    #[must_use]
    pub fn member_ids_in_order(&self) -> Vec<MemberId> {
        timeline_order(self.members.keys().cloned().collect())
    }

    /// One member.
    #[must_use]
    pub fn member(&self, id: &str) -> Option<&Arc<ConsumerGroupMember>> {
        self.members.get(id)
    }

    /// The member of this `group.instance.id`.
    #[must_use]
    pub fn static_member(&self, instance_id: Option<&str>) -> Option<&Arc<ConsumerGroupMember>> {
        self.static_members.get(instance_id?).and_then(|id| self.members.get(id))
    }

    /// The target of every member that has one.
    #[must_use]
    pub fn target(&self) -> &BTreeMap<MemberId, Arc<Partitions>> {
        &self.target
    }

    /// The target of one member.
    #[must_use]
    pub fn target_of(&self, member_id: &str) -> Arc<Partitions> {
        self.target.get(member_id).cloned().unwrap_or_default()
    }

    /// The target of a member; that of a static member is the one of whoever had its instance before.
    #[must_use]
    pub fn target_of_instance(
        &self,
        member_id: &str,
        instance_id: Option<&str>,
    ) -> Arc<Partitions> {
        match instance_id {
            None => self.target_of(member_id),
            Some(instance) => match self.static_members.get(instance) {
                Some(previous) => self.target_of(previous),
                None => Arc::default(),
            },
        }
    }

    /// Whose each partition is by the target.
    #[must_use]
    pub fn inverted_target(&self) -> &InvertedTarget {
        &self.inverted_target
    }

    /// In which epoch a partition is held; -1: nobody has it.
    #[must_use]
    pub fn partition_epoch(&self, topic: TopicId, partition: i32) -> i32 {
        self.partition_epochs.of(topic, partition)
    }

    /// Who subscribes to what.
    #[must_use]
    pub fn subscription(&self) -> &Subscription {
        &self.subscription
    }

    /// How many members support each protocol of the classic kind.
    #[must_use]
    pub fn classic_protocols(&self) -> &Counts {
        &self.classic_protocols
    }

    /// How many members use the classic protocol.
    #[must_use]
    pub const fn classic_member_count(&self) -> usize {
        self.classic_member_count
    }

    /// The state that it shows.
    #[must_use]
    pub fn state(&self) -> ConsumerGroupState {
        if self.members.is_empty() {
            ConsumerGroupState::Empty
        } else if self.group_epoch > self.assignment_epoch {
            ConsumerGroupState::Assigning
        } else if self.members.values().all(|member| member.is_reconciled_to(self.assignment_epoch))
        {
            ConsumerGroupState::Stable
        } else {
            ConsumerGroupState::Reconciling
        }
    }

    /// The assignor that most members prefer, in what it stands at now.
    #[must_use]
    pub fn preferred_assignor(&self) -> Option<&str> {
        let names = timeline_order(self.assignors.keys().collect());
        most_of(&names, &self.assignors).map(String::as_str)
    }

    /// The same, were `old` to become `new`.
    #[must_use]
    pub fn preferred_assignor_with(
        &self,
        old: &ConsumerGroupMember,
        new: &ConsumerGroupMember,
    ) -> Option<String> {
        let mut counts = (*self.assignors).clone();
        for (member, more) in [(old, false), (new, true)] {
            if let Some(name) = &member.server_assignor {
                count(&mut counts, name, more);
            }
        }
        let names = timeline_order(counts.keys().collect());
        let names = hash_map_copy_order(names, self.assignors.len());
        most_of(&names, &counts).cloned()
    }

    /// Whether all members but these use the classic protocol.
    #[must_use]
    pub fn all_use_classic_protocol_except(&self, members: &[Arc<ConsumerGroupMember>]) -> bool {
        let classic = members.iter().filter(|member| member.uses_classic_protocol()).count();
        self.classic_member_count - classic == self.members.len() - members.len()
    }

    /// Whether a member with the classic protocol that offers these protocols may join.
    #[must_use]
    pub fn supports_classic_protocols<'a>(
        &self,
        protocol_type: &str,
        mut protocols: impl Iterator<Item = &'a str>,
    ) -> bool {
        if protocol_type != "consumer" {
            return false;
        }
        if self.members.is_empty() {
            return protocols.next().is_some();
        }
        protocols.any(|name| {
            self.classic_protocols.get(name).copied().unwrap_or(0) == self.classic_member_count
        })
    }

    /// Whether this member still waits for a partition that somebody else has.
    #[must_use]
    pub fn waits_for_unreleased_partition(&self, member: &ConsumerGroupMember) -> bool {
        if member.state != MemberState::UnreleasedPartitions {
            return false;
        }
        let target = self.target_of(&member.member_id);
        target.iter().any(|(topic, partitions)| {
            let own = member.assigned.get(topic);
            partitions.iter().any(|partition| {
                let is_own = own.is_some_and(|own| own.contains_key(partition));
                !is_own && self.partition_epoch(*topic, *partition) != -1
            })
        })
    }

    pub(super) fn update_member(&mut self, new: ConsumerGroupMember) {
        let id = new.member_id.clone();
        let new = Arc::new(new);
        let old = Arc::make_mut(&mut self.members).insert(id.clone(), new.clone());
        self.count_member(old.as_deref(), Some(&new));
        if let Some(instance) = &new.instance_id {
            Arc::make_mut(&mut self.static_members).insert(instance.clone(), id);
        }
    }

    pub(super) fn remove_member(&mut self, id: &str) {
        let Some(old) = Arc::make_mut(&mut self.members).remove(id) else { return };
        self.count_member(Some(&old), None);
        if let Some(instance) = &old.instance_id {
            Arc::make_mut(&mut self.static_members).remove(instance);
        }
    }

    fn count_member(
        &mut self,
        old: Option<&ConsumerGroupMember>,
        new: Option<&ConsumerGroupMember>,
    ) {
        let subscription = Arc::make_mut(&mut self.subscription);
        subscription.on_member(old, new);
        subscription.is_homogeneous =
            is_homogeneous(&subscription.regexes, &subscription.topics, self.members.len());
        Arc::make_mut(&mut self.partition_epochs).on_member(old, new);
        for (member, more) in [(old, false), (new, true)] {
            let Some(member) = member else { continue };
            if let Some(assignor) = &member.server_assignor {
                count(Arc::make_mut(&mut self.assignors), assignor, more);
            }
            for protocol in member.classic_protocols() {
                count(Arc::make_mut(&mut self.classic_protocols), &protocol.name, more);
            }
            if member.uses_classic_protocol() {
                if more {
                    self.classic_member_count += 1;
                } else {
                    self.classic_member_count -= 1;
                }
            }
        }
    }

    pub(super) fn set_target(&mut self, member_id: &MemberId, target: Option<Partitions>) {
        let old = self.target_of(member_id);
        let inverted = Arc::make_mut(&mut self.inverted_target);
        let new = target.clone().unwrap_or_default();
        let has = |of: &Partitions, topic, partition| {
            of.get(topic).is_some_and(|partitions| partitions.contains(partition))
        };
        for (topic, partitions) in old.iter() {
            let Some(owners) = inverted.get_mut(topic) else { continue };
            for partition in partitions.iter().filter(|partition| !has(&new, topic, partition)) {
                // Another may have got it before this one loses it: it stays his.
                if owners.get(partition) == Some(member_id) {
                    owners.remove(partition);
                }
            }
            if owners.is_empty() {
                inverted.remove(topic);
            }
        }
        for (topic, partitions) in &new {
            for partition in partitions.iter().filter(|partition| !has(&old, topic, partition)) {
                inverted.entry(*topic).or_default().insert(*partition, member_id.clone());
            }
        }
        let targets = Arc::make_mut(&mut self.target);
        match target {
            Some(target) => targets.insert(member_id.clone(), Arc::new(target)),
            None => targets.remove(member_id),
        };
    }

    pub(super) fn subscription_mut(&mut self) -> &mut Subscription {
        Arc::make_mut(&mut self.subscription)
    }
}

/// The first of those that have most.
fn most_of<'a>(names: &[&'a String], counts: &Counts) -> Option<&'a String> {
    let number = |name: &String| counts.get(name).copied().unwrap_or(0);
    names
        .iter()
        .copied()
        .reduce(|one, other| if number(one) >= number(other) { one } else { other })
}
