//! How a member comes from the partitions that it has to those that it should have: it gives back first, and takes only
//! what nobody else holds.
//!
//! In Kafka:   `CurrentAssignmentBuilder`; KIP-848, "Rebalance Process"; KIP-1251.
//! Inputs:     the member, the target and who holds which partition, and which the member says it owns.
//! Effects:    the member as it is afterwards.
//! Invariants: CA-1 a member stays in its epoch while it has to give partitions back; CA-2 it takes none that another
//!             holds (NoDoubleClientAssignment); CA-3 it never gets a topic to which it does not subscribe.

use std::collections::{BTreeMap, BTreeSet};

use super::group::ConsumerGroup;
use super::member::{Assigned, ConsumerGroupMember, MemberState};
use super::subscription::Subscription;
use crate::error_code::ErrorCode;
use crate::group::assignor::Partitions;
use crate::group::step::GroupError;
use crate::ids::TopicId;
use crate::image::MetadataImage;

/// What the member is to come to, and what it depends on.
pub(crate) struct Reconciliation<'a> {
    /// Who holds each partition, and what regular expressions match.
    pub group: &'a ConsumerGroup,
    /// The cluster.
    pub image: &'a MetadataImage,
    /// The epoch of the target.
    pub target_epoch: i32,
    /// What the member should have.
    pub target: &'a Partitions,
    /// Whether it has just changed what it subscribes to.
    pub has_subscription_changed: bool,
    /// What it says it owns; none if it says nothing.
    pub owned: Option<&'a Partitions>,
}

/// The topics to which a member subscribes and that exist. A regular expression that is not resolved matches none.
pub(crate) fn subscribed_topics(
    member: &ConsumerGroupMember,
    subscription: &Subscription,
    image: &MetadataImage,
) -> BTreeSet<TopicId> {
    let resolved = member.regex().and_then(|regex| subscription.resolved.get(regex));
    let matched = resolved.into_iter().flat_map(|resolved| &resolved.topics);
    let names = member.subscribed_topic_names.iter().chain(matched);
    names.filter_map(|name| image.topics().topic_by_name(name)).map(|topic| topic.id).collect()
}

impl Reconciliation<'_> {
    /// The member as it is afterwards.
    ///
    /// # Errors
    /// `FENCED_MEMBER_EPOCH`: it is in a state that only a later Kafka knows.
    pub(crate) fn reconcile(
        &self,
        member: &ConsumerGroupMember,
    ) -> Result<ConsumerGroupMember, GroupError> {
        Ok(match member.state {
            MemberState::Stable if member.member_epoch != self.target_epoch => {
                self.next_assignment(member, member.member_epoch)
            }
            MemberState::Stable if self.has_subscription_changed => self.drop_unsubscribed(member),
            MemberState::Stable => member.clone(),
            MemberState::UnrevokedPartitions if self.still_owns(&member.pending_revocation) => {
                if self.has_subscription_changed {
                    self.drop_unsubscribed(member)
                } else {
                    member.clone()
                }
            }
            MemberState::UnrevokedPartitions | MemberState::UnreleasedPartitions => {
                self.next_assignment(member, member.member_epoch)
            }
            MemberState::Unknown => {
                if self.owned.is_none_or(|owned| !owned.is_empty()) {
                    let why = "The consumer group member is in a unknown state. The member must abandon \
                               all its partitions and rejoin.";
                    return Err(GroupError::because(ErrorCode::FencedMemberEpoch, why));
                }
                self.next_assignment(member, self.target_epoch)
            }
        })
    }

    /// Whether the member owns any of these, or does not say.
    fn still_owns(&self, partitions: &Assigned) -> bool {
        let Some(owned) = self.owned else { return true };
        owned.iter().any(|(topic, owned)| {
            partitions.get(topic).is_some_and(|of| owned.iter().any(|p| of.contains_key(p)))
        })
    }

    /// Takes away the topics to which it does not subscribe any more, and nothing else.
    fn drop_unsubscribed(&self, member: &ConsumerGroupMember) -> ConsumerGroupMember {
        let subscribed = subscribed_topics(member, &self.group.subscription, self.image);
        let mut assigned = member.assigned.clone();
        let mut pending = member.pending_revocation.clone();
        for (topic, partitions) in &member.assigned {
            if !subscribed.contains(topic) {
                assigned.remove(topic);
                pending.entry(*topic).or_default().extend(partitions);
            }
        }
        // Kafka asks whether the map is another one than before, which it is if there is nothing to subscribe to.
        let subscribes_to_nothing =
            !self.has_any_topic(member) && member.pending_revocation.is_empty();
        if assigned == member.assigned && !subscribes_to_nothing {
            return member.clone();
        }
        let mut updated = member.clone();
        updated.advance_epoch(member.member_epoch);
        updated.assigned = assigned;
        if !pending.is_empty() && self.still_owns(&pending) {
            updated.state = MemberState::UnrevokedPartitions;
            updated.pending_revocation = pending;
        }
        // Else they were given back already, and it stays in its state with fewer partitions.
        updated
    }

    /// Whether it names a topic or has one that its regular expression matches, be they there or not.
    fn has_any_topic(&self, member: &ConsumerGroupMember) -> bool {
        let resolved = member.regex().and_then(|regex| self.group.subscription.resolved.get(regex));
        !member.subscribed_topic_names.is_empty()
            || resolved.is_some_and(|resolved| !resolved.topics.is_empty())
    }

    fn next_assignment(&self, member: &ConsumerGroupMember, epoch: i32) -> ConsumerGroupMember {
        let steps = self.steps(member);
        let mut updated = member.clone();
        if !steps.to_revoke.is_empty() && self.still_owns(&steps.to_revoke) {
            // It stays in its epoch until it has given them back.
            updated.state = MemberState::UnrevokedPartitions;
            updated.advance_epoch(epoch);
            updated.assigned = steps.kept;
            updated.pending_revocation = steps.to_revoke;
            return updated;
        }
        updated.state = match steps.has_unreleased {
            true => MemberState::UnreleasedPartitions,
            false => MemberState::Stable,
        };
        updated.advance_epoch(self.target_epoch);
        updated.assigned = steps.kept;
        for (topic, partitions) in steps.to_assign {
            let of = updated.assigned.entry(topic).or_default();
            of.extend(partitions.into_iter().map(|partition| (partition, self.target_epoch)));
        }
        updated.pending_revocation = Assigned::new();
        updated
    }

    fn steps(&self, member: &ConsumerGroupMember) -> Steps {
        let subscribed = subscribed_topics(member, &self.group.subscription, self.image);
        let nothing = BTreeMap::new();
        let mut steps = Steps::default();
        let topics: BTreeSet<TopicId> =
            self.target.keys().chain(member.assigned.keys()).copied().collect();
        for topic in topics {
            let target = self.target.get(&topic).filter(|_| subscribed.contains(&topic));
            let wants = |partition: &i32| target.is_some_and(|target| target.contains(partition));
            let has = member.assigned.get(&topic).unwrap_or(&nothing);
            let (kept, to_revoke): (BTreeMap<i32, i32>, BTreeMap<i32, i32>) =
                has.iter().partition(|(partition, _)| wants(partition));
            // What it has to give back itself is free as soon as it has done so: only one can hold a partition.
            let own = member.pending_revocation.get(&topic).unwrap_or(&nothing);
            let is_free = |partition: &i32| {
                self.group.partition_epoch(topic, *partition) == -1 || own.contains_key(partition)
            };
            let lacks = target.into_iter().flatten().copied().filter(|p| !kept.contains_key(p));
            let (to_assign, unreleased): (BTreeSet<i32>, Vec<i32>) = {
                let lacks: Vec<i32> = lacks.collect();
                let (free, held): (Vec<i32>, Vec<i32>) = lacks.into_iter().partition(is_free);
                (free.into_iter().collect(), held)
            };
            steps.has_unreleased |= !unreleased.is_empty();
            steps.add(topic, kept, to_revoke, to_assign);
        }
        steps
    }
}

/// What becomes of the partitions of a member.
#[derive(Default)]
struct Steps {
    kept: Assigned,
    to_revoke: Assigned,
    to_assign: Partitions,
    has_unreleased: bool,
}

impl Steps {
    fn add(
        &mut self,
        topic: TopicId,
        kept: BTreeMap<i32, i32>,
        to_revoke: BTreeMap<i32, i32>,
        to_assign: BTreeSet<i32>,
    ) {
        if !kept.is_empty() {
            self.kept.insert(topic, kept);
        }
        if !to_revoke.is_empty() {
            self.to_revoke.insert(topic, to_revoke);
        }
        if !to_assign.is_empty() {
            self.to_assign.insert(topic, to_assign);
        }
    }
}
