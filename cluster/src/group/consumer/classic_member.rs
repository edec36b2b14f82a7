//! Members with the classic protocol in a consumer group: they join, sync and are heard of as they are used to, and the
//! group assigns.
//!
//! In Kafka:   `GroupMetadataManager.{classicGroupJoinToConsumerGroup, classicGroupSyncToConsumerGroup,
//!             classicGroupHeartbeatToConsumerGroup, classicGroupLeaveToConsumerGroup}`; KIP-848, "Migration".
//! Inputs:     JoinGroup, SyncGroup, Heartbeat, LeaveGroup. Effects: records, timers, answers.
//! Invariants: CM-1 the generation of such a member is its member epoch; CM-2 it has its rebalance timeout for joining
//!             again once it is told to, and for syncing once it has joined.

use std::sync::Arc;

use super::current_assignment::Reconciliation;
use super::downgrade::Downgrade;
use super::embedded;
use super::group::ConsumerGroup;
use super::heartbeat::{Changed, random_id, write_if_changed};
use super::member::{ConsumerGroupMember, MemberState, without_epochs};
use super::static_members::{
    Applicant, check_instance_not_fenced, find_or_subscribe, member_of, unknown_instance,
};
use super::target_assignment::TargetUpdate;
use super::upgrade::protocols_of;
use crate::error_code::ErrorCode;
use crate::group::assignor::Partitions;
use crate::group::machine::GroupCoordinator;
use crate::group::record::GroupRecord;
use crate::group::request::{Asker, GroupResponse};
use crate::group::state::{GroupId, MemberId};
use crate::group::step::{Decided, Decision, GroupEffect, GroupError, Step, Then, Token};
use crate::group::timer::TimerKey;
use crate::wire::consumer_group_member_metadata_value::ClassicMemberMetadata;
use crate::wire::{
    ConsumerProtocolSubscription, HeartbeatRequest, HeartbeatResponse, JoinGroupRequest,
    JoinGroupResponse, LeaveGroupRequest, LeaveGroupResponse, SyncGroupRequest, SyncGroupResponse,
    leave_group_request, leave_group_response,
};

/// What is done for a member with the classic protocol once what it led to is committed.
#[derive(Debug, Clone, PartialEq)]
pub struct ConsumerAfterwards {
    token: Token,
    response: GroupResponse,
    group: GroupId,
    member: MemberId,
    /// The timer that ends with it.
    ends: TimerKey,
    /// Its session from then on, in milliseconds; none if its group is a classic one by then.
    session_ms: Option<i32>,
    /// How long it may take to sync, in milliseconds.
    sync_ms: Option<i32>,
}

/// What a JoinGroup comes to.
struct Join<'a> {
    token: Token,
    asker: &'a Asker,
    request: &'a JoinGroupRequest,
    subscription: ConsumerProtocolSubscription,
    owned: Partitions,
}

impl GroupCoordinator {
    /// JoinGroup to a consumer group that has members.
    pub(in crate::group) fn join_consumer_group(
        &mut self,
        step: &mut Step<'_>,
        token: Token,
        asker: &Asker,
        request: &JoinGroupRequest,
    ) -> Decided {
        let group = self.consumer_group_or_refuse(&request.group_id)?;
        let is_unknown = request.member_id.is_empty();
        let member_id: MemberId = match is_unknown {
            true => random_id(step).to_string().into(),
            false => request.member_id.as_str().into(),
        };
        self.check_consumer_group_not_full(&group, &member_id)?;
        let names = request.protocols.iter().map(|protocol| protocol.name.as_str());
        if !group.supports_classic_protocols(&request.protocol_type, names) {
            let why = format!("Member {member_id}'s protocols are not supported.");
            return Err(GroupError::because(ErrorCode::InconsistentGroupProtocol, why));
        }
        let instance_id = request.group_instance_id.as_deref();
        if instance_id.is_none() && is_unknown && asker.version >= 4 {
            let response = JoinGroupResponse {
                member_id: member_id.to_string(),
                error_code: ErrorCode::MemberIdRequired.code(),
                ..Default::default()
            };
            reply(step, token, GroupResponse::JoinGroup(response));
            return Ok(Decision::nothing());
        }
        let who = Applicant {
            member_id: &member_id,
            instance_id,
            member_epoch: -1,
            owned: None,
            create: instance_id.is_none() || is_unknown,
            classic: true,
        };
        let mut records = Vec::new();
        let old = find_or_subscribe(&group, &who, &mut records)?;
        let subscription = embedded::read_subscription(&request.protocols[0].metadata);
        // Kafka 4.3.0 does not expect one that cannot be read (KAFKA-20662).
        let subscription =
            subscription.map_err(|_| GroupError::from(ErrorCode::UnknownServerError))?;
        let owned = embedded::owned(&subscription.owned_partitions, step.image);
        let join = Join { token, asker, request, subscription, owned };
        self.join_as(step, &group, &old, &join, records)
    }

    fn join_as(
        &mut self,
        step: &mut Step<'_>,
        group: &ConsumerGroup,
        old: &ConsumerGroupMember,
        join: &Join<'_>,
        mut records: Vec<GroupRecord>,
    ) -> Decided {
        let replaced = group.static_member(join.request.group_instance_id.as_deref());
        let downgrades =
            replaced.is_some_and(|replaced| self.downgrades_when_replaced(group, replaced));
        let member = joining_member(old, join);
        let names_changed = write_if_changed(group, old, &member, &mut records);
        let regex = self.update_regexes(step, group, old, &member, &mut records)?;
        let bumps = names_changed || regex.is_update();
        let changed = Changed { group, old, member: &member, bumps };
        let (group_epoch, is_homogeneous) = self.refresh_group(step, &changed, &mut records);
        let is_target_stale = group.assignment_epoch < group_epoch;
        let (target_epoch, target) = if downgrades {
            let instance = member.instance_id.as_deref();
            (group.assignment_epoch, group.target_of_instance(&member.member_id, instance))
        } else {
            let update = TargetUpdate { group, group_epoch, old, member: &member, is_homogeneous };
            self.update_target(step, &update, &mut records)?
        };
        let reconciliation = Reconciliation {
            group,
            image: step.image,
            target_epoch,
            target: &target,
            has_subscription_changed: bumps,
            owned: Some(&join.owned),
        };
        // A group that goes over to the classic protocol and has to rebalance there need not come to this target.
        let member = if downgrades && is_target_stale {
            member
        } else {
            self.reconcile_member(step, &reconciliation, member, &mut records)?
        };
        if downgrades {
            let downgrade = Downgrade {
                group,
                leaving: &[],
                joining: Some(&member),
                rebalances: is_target_stale,
            };
            self.downgrade(step, &downgrade, &mut records)?;
        }
        let request = join.request;
        let then = Then::Consumer(Box::new(ConsumerAfterwards {
            token: join.token,
            response: GroupResponse::JoinGroup(joined(&member)),
            group: group.group_id.clone(),
            member: member.member_id.clone(),
            ends: TimerKey::ConsumerJoin(group.group_id.clone(), member.member_id.clone()),
            session_ms: (!downgrades).then_some(request.session_timeout_ms),
            sync_ms: (!downgrades).then_some(request.rebalance_timeout_ms),
        }));
        Ok(Decision { replays: !downgrades, then, ..Decision::records(records) })
    }

    /// SyncGroup to a consumer group.
    pub(in crate::group) fn sync_consumer_group(
        &mut self,
        step: &mut Step<'_>,
        token: Token,
        group: &ConsumerGroup,
        request: &SyncGroupRequest,
    ) -> Decided {
        let instance_id = request.group_instance_id.as_deref();
        let member = classic_member(group, &request.member_id, instance_id)?;
        check_generation(&member, request.generation_id)?;
        check_protocol(&member, request)?;
        // Who has partitions to give back has joined already, and is told to join again when it has done so.
        let has_joined = member.state == MemberState::UnrevokedPartitions;
        if group.assignment_epoch > member.member_epoch && !has_joined {
            self.schedule_join_if_absent(step, &group.group_id, &member);
            let (id, of) = (&member.member_id, &group.group_id);
            let why = format!(
                "A new rebalance is triggered in group {of} and member {id} should rejoin to catch up."
            );
            return Err(GroupError::because(ErrorCode::RebalanceInProgress, why));
        }
        let version = embedded::version_of(&member.classic_protocols()[0].metadata);
        let assigned = without_epochs(&member.assigned);
        let assignment = version
            .and_then(|version| embedded::write_assignment(&assigned, version, step.image))
            .map_err(|_| GroupError::from(ErrorCode::UnknownServerError))?;
        let response = SyncGroupResponse {
            protocol_type: request.protocol_type.clone(),
            protocol_name: request.protocol_name.clone(),
            assignment,
            ..Default::default()
        };
        let then = Then::Consumer(Box::new(ConsumerAfterwards {
            token,
            response: GroupResponse::SyncGroup(response),
            group: group.group_id.clone(),
            member: member.member_id.clone(),
            ends: TimerKey::ConsumerSync(group.group_id.clone(), member.member_id.clone()),
            session_ms: Some(session_of(&member)),
            sync_ms: None,
        }));
        Ok(Decision { replays: false, then, ..Decision::nothing() })
    }

    /// Heartbeat to a consumer group.
    pub(in crate::group) fn beat_in_consumer_group(
        &mut self,
        step: &mut Step<'_>,
        token: Token,
        group: &ConsumerGroup,
        request: &HeartbeatRequest,
    ) -> Decided {
        let instance_id = request.group_instance_id.as_deref();
        let member = classic_member(group, &request.member_id, instance_id)?;
        check_generation(&member, request.generation_id)?;
        let (id, session_ms) = (&group.group_id, session_of(&member));
        self.schedule_session_of(step, id, &member.member_id, session_ms);
        let can_go_on = member.state == MemberState::UnreleasedPartitions
            && !group.waits_for_unreleased_partition(&member);
        let mut code = ErrorCode::None;
        if member.member_epoch < group.assignment_epoch
            || member.state == MemberState::UnrevokedPartitions
            || can_go_on
        {
            code = ErrorCode::RebalanceInProgress;
            self.schedule_join_if_absent(step, id, &member);
        }
        let response = HeartbeatResponse { error_code: code.code(), ..Default::default() };
        Ok(Decision::reply(Vec::new(), token, GroupResponse::Heartbeat(response)))
    }

    /// LeaveGroup to a consumer group: an administrator may send any of its members away.
    pub(in crate::group) fn leave_consumer_group(
        &mut self,
        step: &mut Step<'_>,
        token: Token,
        group: &Arc<ConsumerGroup>,
        request: &LeaveGroupRequest,
    ) -> Decided {
        let mut leaving: Vec<Arc<ConsumerGroupMember>> = Vec::new();
        let mut members = Vec::new();
        for who in &request.members {
            let code = match who_leaves(group, who) {
                Ok(member) => {
                    if leaving.iter().all(|other| other.member_id != member.member_id) {
                        leaving.push(member);
                    }
                    ErrorCode::None
                }
                Err(error) => error.code,
            };
            members.push(leave_group_response::Member {
                member_id: who.member_id.clone(),
                group_instance_id: who.group_instance_id.clone(),
                error_code: code.code(),
            });
        }
        let response = LeaveGroupResponse { members, ..Default::default() };
        let then = Then::Reply(token, GroupResponse::LeaveGroup(response));
        self.fence_members(step, group, &leaving, then)
    }

    /// What a member with the classic protocol led to is committed, or cannot be.
    pub(in crate::group) fn on_consumer_outcome(
        &mut self,
        step: &mut Step<'_>,
        then: ConsumerAfterwards,
        outcome: Result<(), GroupError>,
    ) {
        if outcome.is_ok() {
            let (group, member) = (&then.group, &then.member);
            self.timers.cancel(&then.ends);
            if let Some(session_ms) = then.session_ms {
                self.schedule_session_of(step, group, member, session_ms);
            }
            if let Some(sync_ms) = then.sync_ms {
                self.schedule_sync(step, group, member, sync_ms);
            }
        }
        let answer = outcome.map(|()| then.response);
        step.effects.push(GroupEffect::Reply { token: then.token, answer });
    }
}

fn reply(step: &mut Step<'_>, token: Token, response: GroupResponse) {
    step.effects.push(GroupEffect::Reply { token, answer: Ok(response) });
}

fn session_of(member: &ConsumerGroupMember) -> i32 {
    member.classic.as_ref().map_or(0, |classic| classic.session_timeout_ms)
}

fn joined(member: &ConsumerGroupMember) -> JoinGroupResponse {
    JoinGroupResponse {
        member_id: member.member_id.to_string(),
        generation_id: member.member_epoch,
        protocol_type: Some("consumer".into()),
        protocol_name: Some(member.classic_protocols()[0].name.clone()),
        ..Default::default()
    }
}

/// The member with what its JoinGroup says. Regular expressions are not for the classic protocol.
fn joining_member(old: &ConsumerGroupMember, join: &Join<'_>) -> ConsumerGroupMember {
    let (request, subscription) = (join.request, &join.subscription);
    let mut member = old.clone();
    member.instance_id = request.group_instance_id.clone().or(member.instance_id);
    let rack = subscription.rack_id.clone().filter(|rack| !rack.is_empty());
    member.rack_id = rack.or(member.rack_id);
    if request.rebalance_timeout_ms != -1 {
        member.rebalance_timeout_ms = request.rebalance_timeout_ms;
    }
    member.subscribed_topic_names = subscription.topics.iter().cloned().collect();
    member.subscribed_topic_regex = Some(String::new());
    member.client_id = join.asker.client_id.to_string();
    member.client_host = join.asker.client_host.to_string();
    member.classic = Some(ClassicMemberMetadata {
        session_timeout_ms: request.session_timeout_ms,
        supported_protocols: protocols_of(&request.protocols),
    });
    member
}

/// The member of this id or instance, which has to use the classic protocol.
fn classic_member(
    group: &ConsumerGroup,
    member_id: &str,
    instance_id: Option<&str>,
) -> Result<Arc<ConsumerGroupMember>, GroupError> {
    let unknown = |why| GroupError::because(ErrorCode::UnknownMemberId, why);
    let member = match instance_id {
        None => member_of(group, member_id)?,
        Some(instance) => {
            let member = group.static_member(Some(instance)).cloned().ok_or_else(|| {
                let id = &group.group_id;
                unknown(format!(
                    "Member with instance id {instance} is not a member of group {id}."
                ))
            })?;
            check_instance_not_fenced(&member, member_id, instance)?;
            member
        }
    };
    if member.uses_classic_protocol() {
        return Ok(member);
    }
    Err(unknown(format!("Member {} does not use the classic protocol.", member.member_id)))
}

fn check_generation(member: &ConsumerGroupMember, generation: i32) -> Result<(), GroupError> {
    let (id, epoch) = (&member.member_id, member.member_epoch);
    if epoch == generation {
        return Ok(());
    }
    let why = format!(
        "The request generation id {generation} is not equal to the member epoch {epoch} of member {id}."
    );
    Err(GroupError::because(ErrorCode::IllegalGeneration, why))
}

fn check_protocol(
    member: &ConsumerGroupMember,
    request: &SyncGroupRequest,
) -> Result<(), GroupError> {
    let (id, own) = (&member.member_id, &member.classic_protocols()[0].name);
    let why = match (&request.protocol_type, &request.protocol_name) {
        (Some(kind), _) if kind != "consumer" => format!(
            "The protocol type {kind} from member {id} request is not equal to the group protocol type \
             consumer."
        ),
        (_, Some(name)) if name != own => format!(
            "The protocol name {name} from member {id} request is not equal to the protocol name {own} \
             returned in the join response."
        ),
        _ => return Ok(()),
    };
    Err(GroupError::because(ErrorCode::InconsistentGroupProtocol, why))
}

/// An empty member id stands for whoever has the instance id now.
fn who_leaves(
    group: &ConsumerGroup,
    who: &leave_group_request::Member,
) -> Result<Arc<ConsumerGroupMember>, GroupError> {
    let Some(instance) = who.group_instance_id.as_deref() else {
        return member_of(group, &who.member_id);
    };
    let member = group.static_member(Some(instance)).cloned();
    let member = member.ok_or_else(|| unknown_instance(instance))?;
    if !who.member_id.is_empty() {
        check_instance_not_fenced(&member, &who.member_id, instance)?;
    }
    Ok(member)
}
