//! Who a member is: found by its id or its instance, made, or put in the place of one that is away.
//!
//! In Kafka:   `getOrMaybeSubscribeDynamicConsumerGroupMember`, `getOrMaybeSubscribeStaticConsumerGroupMember`,
//!             `replaceMember` and the `throwIf` that they ask; KIP-345, KIP-848.
//! Invariants: G10 a `group.instance.id` has one member: another takes its place only when it has said that it goes, or
//!             one of the two uses the classic protocol.

use std::sync::Arc;

use super::group::ConsumerGroup;
use super::member::{Assigned, ConsumerGroupMember, LEAVE_GROUP_STATIC_EPOCH};
use super::records;
use crate::error_code::ErrorCode;
use crate::group::assignor::Partitions;
use crate::group::record::GroupRecord;
use crate::group::state::MemberId;
use crate::group::step::GroupError;

/// Who asks to be taken as a member.
pub(crate) struct Applicant<'a> {
    /// Its id.
    pub member_id: &'a MemberId,
    /// Its `group.instance.id`.
    pub instance_id: Option<&'a str>,
    /// Its epoch; of no meaning in the classic protocol.
    pub member_epoch: i32,
    /// What it says it owns.
    pub owned: Option<&'a Partitions>,
    /// Whether it may be made.
    pub create: bool,
    /// Whether it uses the classic protocol.
    pub classic: bool,
}

/// There is no such member.
pub(crate) fn unknown_member(member_id: &str, group_id: &str) -> GroupError {
    let why = format!("Member {member_id} is not a member of group {group_id}.");
    GroupError::because(ErrorCode::UnknownMemberId, why)
}

/// There is no member of this instance.
pub(crate) fn unknown_instance(instance_id: &str) -> GroupError {
    let why = format!("Instance id {instance_id} is unknown.");
    GroupError::because(ErrorCode::UnknownMemberId, why)
}

/// Whoever is a member of this instance has to be this one.
pub(crate) fn check_instance_not_fenced(
    member: &ConsumerGroupMember,
    member_id: &str,
    instance_id: &str,
) -> Result<(), GroupError> {
    if &*member.member_id == member_id {
        return Ok(());
    }
    let by = &member.member_id;
    let why = format!(
        "Static member {member_id} with instance id {instance_id} was fenced by member {by}."
    );
    Err(GroupError::because(ErrorCode::FencedInstanceId, why))
}

/// A member of this id.
pub(crate) fn member_of(
    group: &ConsumerGroup,
    member_id: &str,
) -> Result<Arc<ConsumerGroupMember>, GroupError> {
    let found = group.member(member_id).cloned();
    found.ok_or_else(|| unknown_member(member_id, &group.group_id))
}

/// The member that asks; with records if it takes the place of another.
pub(crate) fn find_or_subscribe(
    group: &ConsumerGroup,
    who: &Applicant<'_>,
    records: &mut Vec<GroupRecord>,
) -> Result<ConsumerGroupMember, GroupError> {
    match who.instance_id {
        None => dynamic_member(group, who),
        Some(instance_id) => static_member(group, who, instance_id, records),
    }
}

fn dynamic_member(
    group: &ConsumerGroup,
    who: &Applicant<'_>,
) -> Result<ConsumerGroupMember, GroupError> {
    let member = match group.member(who.member_id) {
        Some(member) => (**member).clone(),
        None if who.create => ConsumerGroupMember::new(who.member_id.clone()),
        None => return Err(unknown_member(who.member_id, &group.group_id)),
    };
    if !who.classic {
        check_epoch(&member, who)?;
    }
    Ok(member)
}

fn static_member(
    group: &ConsumerGroup,
    who: &Applicant<'_>,
    instance_id: &str,
    records: &mut Vec<GroupRecord>,
) -> Result<ConsumerGroupMember, GroupError> {
    let existing = group.static_member(Some(instance_id));
    if !who.create {
        let existing = existing.ok_or_else(|| unknown_instance(instance_id))?;
        check_instance_not_fenced(existing, who.member_id, instance_id)?;
        if !who.classic {
            check_epoch(existing, who)?;
        }
        return Ok((**existing).clone());
    }
    let Some(existing) = existing else {
        let known = group.member(who.member_id).map(|member| (**member).clone());
        return Ok(known.unwrap_or_else(|| ConsumerGroupMember::new(who.member_id.clone())));
    };
    let both_use_consumer_protocol = !who.classic && !existing.uses_classic_protocol();
    if both_use_consumer_protocol && existing.member_epoch != LEAVE_GROUP_STATIC_EPOCH {
        let (id, by) = (who.member_id, &existing.member_id);
        let why = format!(
            "Static member {id} with instance id {instance_id} cannot join the group because the \
             instance id is owned by {by} member."
        );
        return Err(GroupError::because(ErrorCode::UnreleasedInstanceId, why));
    }
    let mut member = (**existing).clone();
    member.member_id = who.member_id.clone();
    member.member_epoch = 0;
    member.previous_member_epoch = 0;
    replace(group, existing, &member, records);
    Ok(member)
}

/// The timers of the old member stay: should this not be written, it is still there. If it is written, they find
/// nobody.
fn replace(
    group: &ConsumerGroup,
    old: &ConsumerGroupMember,
    new: &ConsumerGroupMember,
    records: &mut Vec<GroupRecord>,
) {
    let group_id = &group.group_id;
    records::remove_member(records, group_id, &old.member_id);
    records.push(records::member(group_id, new));
    let target = group.target_of(&old.member_id);
    records.push(records::target(group_id, &new.member_id, &target));
    records.push(records::current(group_id, new));
}

fn is_subset(owned: Option<&Partitions>, assigned: &Assigned) -> bool {
    owned.is_some_and(|owned| {
        owned.iter().all(|(topic, partitions)| {
            let of = assigned.get(topic);
            of.is_some_and(|of| partitions.iter().all(|partition| of.contains_key(partition)))
        })
    })
}

/// 0 is always right: a member that was fenced joins again. The epoch before is right too if the member owns nothing
/// else than what it has now: the answer with the newer epoch may have been lost.
fn check_epoch(member: &ConsumerGroupMember, who: &Applicant<'_>) -> Result<(), GroupError> {
    let (received, known) = (who.member_epoch, member.member_epoch);
    let missed_an_answer =
        received == member.previous_member_epoch && is_subset(who.owned, &member.assigned);
    if received == 0 || received == known || received < known && missed_an_answer {
        return Ok(());
    }
    let size = if received > known { "greater" } else { "smaller" };
    let why = format!(
        "The consumer group member has a {size} member epoch ({received}) than the one known by the \
         group coordinator ({known}). The member must abandon all its partitions and rejoin."
    );
    Err(GroupError::because(ErrorCode::FencedMemberEpoch, why))
}
