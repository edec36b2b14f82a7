//! The requests of classic members, by the kind of the group that they name.
//!
//! In Kafka: `GroupCoordinatorService.{joinGroup, syncGroup, heartbeat, leaveGroup}`, and the first lines of
//!           `GroupMetadataManager.{classicGroupJoin, classicGroupSync, classicGroupHeartbeat, classicGroupLeave}`.

use super::join::join_refused_at_once;
use crate::error_code::ErrorCode;
use crate::group::group::Group;
use crate::group::machine::GroupCoordinator;
use crate::group::request::{Asker, GroupResponse};
use crate::group::step::{Decided, Decision, GroupEffect, GroupError, Step, Token};
use crate::wire::{
    HeartbeatRequest, JoinGroupRequest, LeaveGroupRequest, LeaveGroupResponse, SyncGroupRequest,
    leave_group_response,
};

fn no_group(id: &str) -> GroupError {
    GroupError::because(ErrorCode::UnknownMemberId, format!("Group {id} not found."))
}

impl GroupCoordinator {
    /// JoinGroup.
    ///
    /// # Errors
    /// Kafka does not expect what was asked.
    pub(in crate::group) fn decide_join(
        &mut self,
        step: &mut Step<'_>,
        token: Token,
        asker: &Asker,
        request: &JoinGroupRequest,
    ) -> Decided {
        let mut before = Vec::new();
        if join_refused_at_once(request, &self.settings).is_none()
            && let Some(group) = self.consumer_group(&request.group_id)
        {
            if !group.is_empty() {
                return self.join_consumer_group(step, token, asker, request);
            }
            // An empty group makes room. Its tombstones are lost if nobody joins in its place, in Kafka as here.
            group.tombstones(&mut before);
            self.state.groups.remove(request.group_id.as_str());
        }
        self.classic_join(step, token, asker, request, before)
    }

    /// SyncGroup.
    ///
    /// # Errors
    /// It names no group.
    pub(in crate::group) fn decide_sync(
        &mut self,
        step: &mut Step<'_>,
        token: Token,
        request: &SyncGroupRequest,
    ) -> Decided {
        if request.group_id.is_empty() {
            return Err(ErrorCode::InvalidGroupId.into());
        }
        match self.consumer_group(&request.group_id).filter(|group| !group.is_empty()).cloned() {
            Some(group) => self.sync_consumer_group(step, token, &group, request),
            None => self.classic_sync(step, token, request),
        }
    }

    /// Heartbeat.
    ///
    /// # Errors
    /// There is no such group, or what the group says.
    pub(in crate::group) fn decide_heartbeat(
        &mut self,
        step: &mut Step<'_>,
        token: Token,
        request: &HeartbeatRequest,
    ) -> Decided {
        if request.group_id.is_empty() {
            return Err(ErrorCode::InvalidGroupId.into());
        }
        if let Some(group) = self.consumer_group(&request.group_id).cloned() {
            return self.beat_in_consumer_group(step, token, &group, request);
        }
        match self.classic_ref(&request.group_id) {
            Some(name) => self.classic_heartbeat(step, token, name, request),
            None => Err(no_group(&request.group_id)),
        }
    }

    /// LeaveGroup. If there is no such group, each member is told that it is none.
    ///
    /// # Errors
    /// It names no group, or what the group says.
    pub(in crate::group) fn decide_leave(
        &mut self,
        step: &mut Step<'_>,
        token: Token,
        request: &LeaveGroupRequest,
    ) -> Decided {
        if request.group_id.is_empty() {
            return Err(ErrorCode::InvalidGroupId.into());
        }
        if let Some(name) = self.classic_ref(&request.group_id) {
            return self.classic_leave(step, token, name, request);
        }
        if let Some(group) = self.consumer_group(&request.group_id).cloned() {
            return self.leave_consumer_group(step, token, &group, request);
        }
        let unknown =
            |member: &crate::wire::leave_group_request::Member| leave_group_response::Member {
                member_id: member.member_id.clone(),
                group_instance_id: member.group_instance_id.clone(),
                error_code: ErrorCode::UnknownMemberId.code(),
            };
        let members = request.members.iter().map(unknown).collect();
        let response = LeaveGroupResponse { members, ..LeaveGroupResponse::default() };
        step.effects
            .push(GroupEffect::Reply { token, answer: Ok(GroupResponse::LeaveGroup(response)) });
        Ok(Decision::nothing())
    }
}
