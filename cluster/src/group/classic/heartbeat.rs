//! Heartbeat: whether a member still belongs to its group, and whether it is to join again.
//!
//! In Kafka: `GroupMetadataManager.{classicGroupHeartbeatToClassicGroup, validateClassicGroupHeartbeat}`.

use super::groups::ClassicRef;
use super::state::ClassicState;
use crate::error_code::ErrorCode;
use crate::group::machine::GroupCoordinator;
use crate::group::request::GroupResponse;
use crate::group::step::{Decided, Decision, Step, Token};
use crate::wire::{HeartbeatRequest, HeartbeatResponse};

impl GroupCoordinator {
    /// Heartbeat to a classic group.
    ///
    /// # Errors
    /// The group is on its way out, or the member or the generation is not the group's.
    pub(in crate::group) fn classic_heartbeat(
        &mut self,
        step: &mut Step<'_>,
        token: Token,
        name: ClassicRef,
        request: &HeartbeatRequest,
    ) -> Decided {
        let mut turn = self.classic_turn(step, name);
        if turn.group.state == ClassicState::Dead {
            return Err(ErrorCode::CoordinatorNotAvailable.into());
        }
        turn.group.validate_member(&request.member_id, request.group_instance_id.as_deref())?;
        if request.generation_id != turn.group.generation {
            return Err(ErrorCode::IllegalGeneration.into());
        }
        let code = match turn.group.state {
            ClassicState::Empty => ErrorCode::UnknownMemberId,
            ClassicState::PreparingRebalance => ErrorCode::RebalanceInProgress,
            ClassicState::CompletingRebalance | ClassicState::Stable => ErrorCode::None,
            ClassicState::Dead => unreachable!("it was refused above"),
        };
        if turn.group.state != ClassicState::Empty {
            turn.renew_session(&request.member_id);
        }
        let response =
            HeartbeatResponse { error_code: code.code(), ..HeartbeatResponse::default() };
        Ok(Decision::reply(Vec::new(), token, GroupResponse::Heartbeat(response)))
    }
}
