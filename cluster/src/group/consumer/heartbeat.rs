//! A member of a consumer group is heard of: it joins, changes what it subscribes to, says what it owns, and is told
//!                                           what
//! it should own.
//!
//! In Kafka:   `GroupMetadataManager.consumerGroupHeartbeat`, `updateSubscriptionMetadata`, `maybeReconcile`; KIP-848.
//! Inputs:     ConsumerGroupHeartbeat. Effects: records, timers, an answer.
//! Invariants: HB-1 the group epoch grows when somebody subscribes to something else or when a topic changes that
//!             somebody reads; HB-2 an answer has an assignment when the member asks for all or when its own changes.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::current_assignment::Reconciliation;
use super::group::ConsumerGroup;
use super::member::{Assigned, ConsumerGroupMember, LEAVE_GROUP_EPOCH, LEAVE_GROUP_STATIC_EPOCH};
use super::metadata_hash::metadata_hash;
use super::regex::RegexUpdate;
use super::soft::RefreshDeadline;
use super::static_members::{Applicant, find_or_subscribe};
use super::subscription::is_homogeneous;
use super::target_assignment::{Target, TargetUpdate};
use super::{records, validate_request};
use crate::error_code::ErrorCode;
use crate::group::assignor::Partitions;
use crate::group::machine::GroupCoordinator;
use crate::group::record::GroupRecord;
use crate::group::request::{Asker, GroupResponse};
use crate::group::state::{GroupEntry, GroupId, MemberId};
use crate::group::step::{Decided, Decision, GroupError, Step, Token};
use crate::ids::Uuid;
use crate::wire::consumer_group_heartbeat_request::TopicPartition as OwnedPartitions;
use crate::wire::consumer_group_heartbeat_response::{Assignment, TopicPartition};
use crate::wire::{ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse};

/// How long topics are good for, unless one of them changes (`METADATA_REFRESH_INTERVAL_MS`).
const METADATA_REFRESH_INTERVAL_MS: i64 = i32::MAX as i64;

/// What a member says of what it subscribes to has changed, and what follows.
pub(crate) struct Changed<'a> {
    /// The group as it was.
    pub group: &'a ConsumerGroup,
    /// The member as it was.
    pub old: &'a ConsumerGroupMember,
    /// The member from now on.
    pub member: &'a ConsumerGroupMember,
    /// Whether the group epoch grows in any case.
    pub bumps: bool,
}

impl GroupCoordinator {
    /// ConsumerGroupHeartbeat.
    pub(crate) fn consumer_group_heartbeat(
        &mut self,
        step: &mut Step<'_>,
        token: Token,
        asker: &Asker,
        request: &ConsumerGroupHeartbeatRequest,
    ) -> Decided {
        validate_request::check(request, asker.version, &self.settings)?;
        match request.member_epoch {
            LEAVE_GROUP_EPOCH | LEAVE_GROUP_STATIC_EPOCH => {
                self.consumer_group_leave(step, token, request)
            }
            _ => self.consumer_group_beat(step, token, asker, request),
        }
    }

    fn consumer_group_beat(
        &mut self,
        step: &mut Step<'_>,
        token: Token,
        asker: &Asker,
        request: &ConsumerGroupHeartbeatRequest,
    ) -> Decided {
        let mut records = Vec::new();
        let joins = request.member_epoch == 0;
        let group = self.consumer_group_to_join(step, &request.group_id, joins, &mut records)?;
        self.check_consumer_group_not_full(&group, &request.member_id)?;
        let member_id: MemberId = match &*request.member_id {
            "" => random_id(step).to_string().into(),
            id => id.into(),
        };
        let owned = request.topic_partitions.as_deref().map(owned_partitions);
        let who = Applicant {
            member_id: &member_id,
            instance_id: request.instance_id.as_deref(),
            member_epoch: request.member_epoch,
            owned: owned.as_ref(),
            create: joins,
            classic: false,
        };
        let old = find_or_subscribe(&group, &who, &mut records)?;
        let member = updated_member(&old, asker, request);
        let names_changed = write_if_changed(&group, &old, &member, &mut records);
        let regex = self.update_regexes(step, &group, &old, &member, &mut records)?;
        let bumps = names_changed || regex == RegexUpdate::UpdatedAndResolved;
        let changed = Changed { group: &group, old: &old, member: &member, bumps };
        let (target_epoch, target) = self.update_group(step, &changed, &mut records)?;
        let reconciliation = Reconciliation {
            group: &group,
            image: step.image,
            target_epoch,
            target: &target,
            has_subscription_changed: names_changed || regex.is_update(),
            owned: owned.as_ref(),
        };
        let member = self.reconcile_member(step, &reconciliation, member, &mut records)?;
        self.schedule_session(step, &group.group_id, &member_id);
        let is_full = request.rebalance_timeout_ms != -1
            && (request.subscribed_topic_names.is_some()
                || request.subscribed_topic_regex.is_some())
            && request.topic_partitions.is_some();
        let has_assignment = joins || is_full || old.assigned != member.assigned;
        let response = ConsumerGroupHeartbeatResponse {
            member_id: Some(member_id.to_string()),
            member_epoch: member.member_epoch,
            heartbeat_interval_ms: self.consumer_heartbeat_interval_ms(step.image, &group.group_id),
            assignment: has_assignment.then(|| assignment_of(&member.assigned)),
            ..Default::default()
        };
        let response = GroupResponse::ConsumerGroupHeartbeat(response);
        Ok(Decision::reply(records, token, response))
    }

    /// The group that a member is of, or joins.
    fn consumer_group_to_join(
        &mut self,
        step: &mut Step<'_>,
        group_id: &str,
        create: bool,
        records: &mut Vec<GroupRecord>,
    ) -> Result<Arc<ConsumerGroup>, GroupError> {
        let not_found = |why: String| GroupError::because(ErrorCode::GroupIdNotFound, why);
        match self.state.groups.get(group_id) {
            Some(GroupEntry::Consumer(group)) => Ok(group.clone()),
            None if create => Ok(Arc::new(ConsumerGroup::new(group_id.into()))),
            None => Err(not_found(format!("Consumer group {group_id} not found."))),
            Some(GroupEntry::Classic(name)) if create => {
                let name = *name;
                self.consumer_group_from_classic(step, name, records)
            }
            Some(GroupEntry::Classic(_)) => {
                Err(not_found(format!("Group {group_id} is not a consumer group.")))
            }
        }
    }

    pub(crate) fn check_consumer_group_not_full(
        &self,
        group: &ConsumerGroup,
        member_id: &str,
    ) -> Result<(), GroupError> {
        let max = self.settings.consumer_max_size;
        let is_member = !member_id.is_empty() && group.member(member_id).is_some();
        if group.members.len() < max || is_member {
            return Ok(());
        }
        let why = format!("The consumer group has reached its maximum capacity of {max} members.");
        Err(GroupError::because(ErrorCode::GroupMaxSizeReached, why))
    }

    /// The group epoch and the target after a member has changed, or the topics have.
    pub(crate) fn update_group(
        &mut self,
        step: &Step<'_>,
        changed: &Changed<'_>,
        records: &mut Vec<GroupRecord>,
    ) -> Result<Target, GroupError> {
        let (group_epoch, is_homogeneous) = self.refresh_group(step, changed, records);
        let update = TargetUpdate {
            group: changed.group,
            group_epoch,
            old: changed.old,
            member: changed.member,
            is_homogeneous,
        };
        self.update_target(step, &update, records)
    }

    /// The group epoch, and whether all members subscribe to the same topics; looked at again if that is due.
    pub(crate) fn refresh_group(
        &mut self,
        step: &Step<'_>,
        changed: &Changed<'_>,
        records: &mut Vec<GroupRecord>,
    ) -> (i32, bool) {
        let group = changed.group;
        let id = &group.group_id;
        let is_due = self.consumer.has_metadata_expired(id, group.group_epoch, step.wall_ms);
        if changed.bumps || is_due {
            self.update_subscription(step, changed, records)
        } else {
            (group.group_epoch, group.subscription.is_homogeneous)
        }
    }

    fn update_subscription(
        &mut self,
        step: &Step<'_>,
        changed: &Changed<'_>,
        records: &mut Vec<GroupRecord>,
    ) -> (i32, bool) {
        let (group, member) = (changed.group, changed.member);
        let regexes = group.subscription.regexes_with(changed.old, member);
        let topics = group.subscription.topics_with(changed.old, member);
        let hash = metadata_hash(&topics, step.image);
        let is_known = group.member(&member.member_id).is_some()
            || group.static_member(member.instance_id.as_deref()).is_some();
        let member_count = group.members.len() + usize::from(!is_known);
        let mut epoch = group.group_epoch;
        if changed.bumps || hash != group.metadata_hash {
            epoch += 1;
            records.push(records::group_epoch(&group.group_id, epoch, hash));
        }
        self.set_refresh_deadline(step, &group.group_id, epoch);
        if group.has_subscription_metadata_record {
            records.push(records::subscription_metadata_tombstone(&group.group_id));
        }
        (epoch, is_homogeneous(&regexes, &topics, member_count))
    }

    pub(crate) fn set_refresh_deadline(&mut self, step: &Step<'_>, group: &GroupId, epoch: i32) {
        let deadline_ms = step.wall_ms + METADATA_REFRESH_INTERVAL_MS;
        self.consumer.refresh.insert(group.clone(), RefreshDeadline { deadline_ms, epoch });
    }

    /// The member on its way to the target.
    pub(crate) fn reconcile_member(
        &mut self,
        step: &Step<'_>,
        to: &Reconciliation<'_>,
        member: ConsumerGroupMember,
        records: &mut Vec<GroupRecord>,
    ) -> Result<ConsumerGroupMember, GroupError> {
        if !to.has_subscription_changed && member.is_reconciled_to(to.target_epoch) {
            return Ok(member);
        }
        let updated = to.reconcile(&member)?;
        if updated != member {
            records.push(records::current(&to.group.group_id, &updated));
            // Members with the classic protocol have timers for joining and syncing instead.
            if !updated.uses_classic_protocol() {
                self.schedule_or_cancel_rebalance(step, &to.group.group_id, &updated);
            }
        }
        Ok(updated)
    }
}

/// An id for a member that has none; its text does not begin with a dash (`Uuid.randomUuid`).
pub(crate) fn random_id(step: &mut Step<'_>) -> Uuid {
    loop {
        let bits = u128::from(step.random.u64()) << 64 | u128::from(step.random.u64());
        let version_and_variant = bits & !(0xf << 76) & !(0x3 << 62) | 4 << 76 | 2 << 62;
        let id = Uuid(version_and_variant);
        if !id.to_string().starts_with('-') {
            return id;
        }
    }
}

fn owned_partitions(owned: &[OwnedPartitions]) -> Partitions {
    let mut partitions = Partitions::new();
    for topic in owned {
        let of: &mut BTreeSet<i32> = partitions.entry(topic.topic_id).or_default();
        of.extend(&topic.partitions);
    }
    partitions
}

fn updated_member(
    old: &ConsumerGroupMember,
    asker: &Asker,
    request: &ConsumerGroupHeartbeatRequest,
) -> ConsumerGroupMember {
    let mut member = old.clone();
    member.instance_id = request.instance_id.clone().or(member.instance_id);
    member.rack_id = request.rack_id.clone().or(member.rack_id);
    if request.rebalance_timeout_ms != -1 {
        member.rebalance_timeout_ms = request.rebalance_timeout_ms;
    }
    member.server_assignor = request.server_assignor.clone().or(member.server_assignor);
    if let Some(names) = &request.subscribed_topic_names {
        member.subscribed_topic_names = names.iter().cloned().collect();
    }
    member.subscribed_topic_regex =
        request.subscribed_topic_regex.clone().or(member.subscribed_topic_regex);
    member.client_id = asker.client_id.to_string();
    member.client_host = asker.client_host.to_string();
    member.classic = None;
    member
}

/// Writes a member down that has changed. Returns whether it names other topics.
pub(crate) fn write_if_changed(
    group: &ConsumerGroup,
    old: &ConsumerGroupMember,
    member: &ConsumerGroupMember,
    records: &mut Vec<GroupRecord>,
) -> bool {
    if old == member {
        return false;
    }
    records.push(records::member(&group.group_id, member));
    old.subscribed_topic_names != member.subscribed_topic_names
}

fn assignment_of(assigned: &Assigned) -> Assignment {
    let topic_partitions = assigned
        .iter()
        .map(|(&topic_id, of)| TopicPartition {
            topic_id,
            partitions: of.keys().copied().collect(),
        })
        .collect();
    Assignment { topic_partitions }
}
