//! LeaveGroup: members go, several at once, or are sent away by their instance id.
//!
//! In Kafka: `GroupMetadataManager.{classicGroupLeaveToClassicGroup, removeCurrentMemberFromClassicGroup}`; KIP-345.

use super::group::refused_join;
use super::groups::ClassicRef;
use super::state::ClassicState;
use super::turn::{Turn, Written};
use crate::error_code::ErrorCode;
use crate::group::machine::GroupCoordinator;
use crate::group::request::GroupResponse;
use crate::group::state::MemberId;
use crate::group::step::{Decided, Decision, Step, Then, Token};
use crate::wire::{
    LeaveGroupRequest, LeaveGroupResponse, leave_group_request, leave_group_response,
};

impl GroupCoordinator {
    /// LeaveGroup to a classic group. It is answered when what it leads to is committed.
    ///
    /// # Errors
    /// No protocol is known to all who are left.
    pub(in crate::group) fn classic_leave(
        &mut self,
        step: &mut Step<'_>,
        token: Token,
        name: ClassicRef,
        request: &LeaveGroupRequest,
    ) -> Decided {
        let mut turn = self.classic_turn(step, name);
        if turn.group.state == ClassicState::Dead {
            let refused = LeaveGroupResponse {
                error_code: ErrorCode::CoordinatorNotAvailable.code(),
                ..LeaveGroupResponse::default()
            };
            return Ok(Decision::reply(Vec::new(), token, GroupResponse::LeaveGroup(refused)));
        }
        let members: Vec<_> = request.members.iter().map(|member| turn.leave(member)).collect();
        let has_left = members.iter().any(|member| member.error_code == ErrorCode::None.code());
        let record = if has_left { turn.go_on_without_them()? } else { None };
        let response = LeaveGroupResponse { members, ..LeaveGroupResponse::default() };
        Ok(Decision {
            replays: false,
            then: Then::Reply(token, GroupResponse::LeaveGroup(response)),
            ..Decision::records(record.into_iter().collect())
        })
    }
}

impl Turn<'_, '_> {
    fn leave(&mut self, who: &leave_group_request::Member) -> leave_group_response::Member {
        let code = match self.who_leaves(who) {
            Ok(id) => {
                self.remove_leaving(&id);
                ErrorCode::None
            }
            Err(code) => code,
        };
        leave_group_response::Member {
            member_id: who.member_id.clone(),
            group_instance_id: who.group_instance_id.clone(),
            error_code: code.code(),
        }
    }

    /// An empty member id stands for whoever has the instance id now. Who has an id and has not joined is believed.
    fn who_leaves(&self, who: &leave_group_request::Member) -> Result<MemberId, ErrorCode> {
        let instance = who.group_instance_id.as_deref();
        if who.member_id.is_empty() {
            let found = instance.and_then(|instance| self.group.static_member(instance));
            return found.cloned().ok_or(ErrorCode::UnknownMemberId);
        }
        if !self.group.is_pending(&who.member_id) {
            self.group.validate_member(&who.member_id, instance)?;
        }
        Ok(who.member_id.as_str().into())
    }

    /// Its JoinGroup is answered, so that it asks again if it is there after all.
    fn remove_leaving(&mut self, id: &MemberId) {
        let gone = refused_join("", ErrorCode::UnknownMemberId);
        self.group.complete_join(id, &gone, self.step.effects);
        self.remove_with_session(id);
    }

    fn go_on_without_them(&mut self) -> Written {
        match self.group.state {
            ClassicState::Stable | ClassicState::CompletingRebalance => {
                self.rebalance_or_complete_join()
            }
            ClassicState::PreparingRebalance => self.maybe_complete_join(),
            ClassicState::Empty | ClassicState::Dead => Ok(None),
        }
    }
}
