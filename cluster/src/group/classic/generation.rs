//! A generation: who leads it, how it begins, and how it is written down and read back.
//!
//! In Kafka:   `ClassicGroup.{initNextGeneration, maybeElectNewJoinedLeader, currentClassicGroupMembers}`,
//!             `GroupCoordinatorRecordHelpers.{newGroupMetadataRecord, newEmptyGroupMetadataRecord}`,
//!             `GroupMetadataManager.replay(GroupMetadataKey, GroupMetadataValue)`.
//! Invariants: CG-6 generations rise by one. CG-7 a record holds every member, with its subscription and assignment.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::group::ClassicGroup;
use super::member::ClassicMember;
use super::state::ClassicState;
use crate::error_code::ErrorCode;
use crate::group::record::GroupRecord;
use crate::group::state::{GroupId, MemberId};
use crate::group::step::GroupError;
use crate::wire::join_group_request::Protocol;
use crate::wire::{
    GroupMetadataKey, GroupMetadataValue, JoinGroupResponse, group_metadata_value,
    join_group_response,
};

impl ClassicGroup {
    /// Sees to it that the leader is one of those who have joined. Whether somebody leads then.
    pub(super) fn elect_joined_leader(&mut self) -> bool {
        let Some(leader) = &self.leader else { return false };
        if self.members.get(leader).is_some_and(ClassicMember::is_awaiting_join) {
            return true;
        }
        let joined = self.members.values().find(|member| member.is_awaiting_join());
        match joined.map(|member| member.id.clone()) {
            Some(id) => {
                self.leader = Some(id);
                true
            }
            None => false,
        }
    }

    /// Begins the next generation, with a protocol if there are members.
    ///
    /// # Errors
    /// There is no protocol that all members know, or a member says what Kafka does not expect: the generation is
    /// counted, and has not begun.
    pub(super) fn begin_next_generation(&mut self, wall_ms: i64) -> Result<(), GroupError> {
        self.generation += 1;
        if self.members.is_empty() {
            self.protocol_name = None;
            self.subscribed_topics = self.compute_subscribed_topics()?;
            if !ClassicState::Empty.follows(self.state) {
                return Err(ErrorCode::UnknownServerError.into());
            }
            self.enter(ClassicState::Empty, wall_ms);
        } else {
            let protocol = self.select_protocol().ok_or(ErrorCode::UnknownServerError)?;
            self.protocol_name = Some(protocol);
            self.subscribed_topics = self.compute_subscribed_topics()?;
            self.enter(ClassicState::CompletingRebalance, wall_ms);
        }
        self.pending_sync.clear();
        Ok(())
    }

    /// The members with what they say in the group's protocol, as the leader is told.
    #[must_use]
    pub(super) fn members_for_leader(&self) -> Vec<join_group_response::Member> {
        let protocol = self.protocol_name.as_deref().unwrap_or_default();
        let told = |member: &ClassicMember| join_group_response::Member {
            member_id: member.id.to_string(),
            group_instance_id: member.instance_id.as_deref().map(str::to_owned),
            metadata: member.metadata(protocol).cloned().unwrap_or_default(),
        };
        self.members.values().map(told).collect()
    }

    /// The answer to a JoinGroup in the generation as it is.
    #[must_use]
    pub(super) fn joined(&self, member: &str) -> JoinGroupResponse {
        let leads = self.is_leader(member);
        JoinGroupResponse {
            generation_id: self.generation,
            protocol_type: self.protocol_type.as_deref().map(str::to_owned),
            protocol_name: self.protocol_name.as_deref().map(str::to_owned),
            leader: self.leader.as_deref().unwrap_or_default().to_owned(),
            member_id: member.to_owned(),
            members: if leads { self.members_for_leader() } else { Vec::new() },
            ..JoinGroupResponse::default()
        }
    }

    /// What the members are assigned now.
    #[must_use]
    pub(super) fn assignments(&self) -> BTreeMap<MemberId, Bytes> {
        let of = |member: &ClassicMember| (member.id.clone(), member.assignment.clone());
        self.members.values().map(of).collect()
    }

    /// The record of the generation, with assignments that are to be.
    #[must_use]
    pub fn record(&self, assignments: &BTreeMap<MemberId, Bytes>) -> GroupRecord {
        let written = |member: &ClassicMember| {
            let protocol = self.protocol_name.as_deref();
            let subscription = protocol.and_then(|name| member.metadata(name)).cloned();
            group_metadata_value::Member {
                member_id: member.id.to_string(),
                group_instance_id: member.instance_id.as_deref().map(str::to_owned),
                client_id: member.client_id.to_string(),
                client_host: member.client_host.to_string(),
                rebalance_timeout: member.rebalance_timeout_ms,
                session_timeout: member.session_timeout_ms,
                subscription: subscription.expect("CG-5 a member knows the group's protocol"),
                assignment: assignments.get(&member.id).cloned().unwrap_or_default(),
            }
        };
        let value = GroupMetadataValue {
            protocol_type: self.protocol_type.as_deref().unwrap_or_default().to_owned(),
            generation: self.generation,
            protocol: self.protocol_name.as_deref().map(str::to_owned),
            leader: self.leader.as_deref().map(str::to_owned),
            current_state_timestamp: self.state_since.unwrap_or(-1),
            members: self.members.values().map(written).collect(),
        };
        GroupRecord::GroupMetadata(self.key(), Some(value))
    }

    /// The record with what is assigned now (`createClassicGroupRecords`).
    #[must_use]
    pub fn record_as_it_is(&self) -> GroupRecord {
        self.record(&self.assignments())
    }

    /// The record of a group that is new.
    #[must_use]
    pub(super) fn empty_record(&self) -> GroupRecord {
        let value = GroupMetadataValue {
            current_state_timestamp: self.state_since.unwrap_or(-1),
            protocol: None,
            leader: None,
            ..GroupMetadataValue::default()
        };
        GroupRecord::GroupMetadata(self.key(), Some(value))
    }

    pub(super) fn key(&self) -> GroupMetadataKey {
        GroupMetadataKey { group: self.id.to_string() }
    }

    /// The group that a record says there was: empty, or stable.
    #[must_use]
    pub fn from_record(id: GroupId, value: &GroupMetadataValue) -> Self {
        let mut group = Self::new(id, value.current_state_timestamp);
        group.generation = value.generation;
        group.protocol_type =
            Some(value.protocol_type.as_str().into()).filter(|_| !value.protocol_type.is_empty());
        group.protocol_name = value.protocol.as_deref().map(Into::into);
        group.leader = value.leader.as_deref().map(Into::into);
        group.state_since = Some(value.current_state_timestamp).filter(|since| *since != -1);
        if !value.members.is_empty() {
            group.state = ClassicState::Stable;
        }
        for member in &value.members {
            group.add(read_member(value, member));
        }
        group.subscribed_topics = group.compute_subscribed_topics().unwrap_or_default();
        group
    }
}

/// A member as its record has it: of its protocols only the one that was chosen is left.
fn read_member(value: &GroupMetadataValue, member: &group_metadata_value::Member) -> ClassicMember {
    let rebalance_timeout_ms = match member.rebalance_timeout {
        -1 => member.session_timeout,
        timeout => timeout,
    };
    let protocol = Protocol {
        name: value.protocol.clone().unwrap_or_default(),
        metadata: member.subscription.clone(),
    };
    ClassicMember {
        id: member.member_id.as_str().into(),
        instance_id: member.group_instance_id.as_deref().map(Into::into),
        client_id: member.client_id.as_str().into(),
        client_host: member.client_host.as_str().into(),
        rebalance_timeout_ms,
        session_timeout_ms: member.session_timeout,
        protocol_type: value.protocol_type.as_str().into(),
        protocols: vec![protocol],
        assignment: member.assignment.clone(),
        awaiting_join: None,
        awaiting_sync: None,
        is_new: false,
    }
}
