//! The requests of classic members, by the kind of the group that they name.
//!
//! In Kafka: `GroupCoordinatorService.{joinGroup, syncGroup, heartbeat, leaveGroup}`, and the first lines of
//!           `GroupMetadataManager.{classicGroupJoin, classicGroupSync, classicGroupHeartbeat, classicGroupLeave}`.

use crate::error_code::ErrorCode;
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
        self.classic_join(step, token, asker, request, Vec::new())
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
        self.classic_sync(step, token, request)
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
