//! JoinGroup: who may join, and whether that makes a rebalance.
//!
//! In Kafka:   `GroupCoordinatorService.joinGroup`, `GroupMetadataManager.{classicGroupJoinToClassicGroup,
//!             classicGroupJoinNewMember, classicGroupJoinNewDynamicMember, classicGroupJoinExistingMember,
//!             acceptJoiningMember, addMemberThenRebalanceOrCompleteJoin}`; KIP-394 (the round for a member id).
//! Invariants: CG-11 a group is on the timeline from its first JoinGroup on, and a record says so.

use std::sync::Arc;

use trial_sim::Stream;

use super::afterwards::Afterwards;
use super::group::{ClassicGroup, Rejoined, refused_join};
use super::groups::ClassicRef;
use super::member::ClassicMember;
use super::state::ClassicState;
use super::turn::{NEW_MEMBER_JOIN_TIMEOUT_MS, Turn, Written};
use crate::config::group::GroupSettings;
use crate::error_code::ErrorCode;
use crate::group::machine::GroupCoordinator;
use crate::group::record::GroupRecord;
use crate::group::request::{Asker, GroupResponse};
use crate::group::state::MemberId;
use crate::group::step::{Decided, Decision, GroupEffect, GroupError, Step, Token};
use crate::wire::{JoinGroupRequest, JoinGroupResponse};

/// What joining led to; none: there is nothing to write.
pub(super) type Joined = Result<Option<Decision>, GroupError>;

/// A JoinGroup, and who sent it.
pub(super) struct Joining<'a> {
    pub name: ClassicRef,
    pub token: Token,
    pub asker: &'a Asker,
    pub request: &'a JoinGroupRequest,
}

impl Joining<'_> {
    pub(super) fn said(&self) -> Rejoined {
        Rejoined {
            protocols: self.request.protocols.clone(),
            rebalance_timeout_ms: self.rebalance_timeout_ms(),
            session_timeout_ms: self.request.session_timeout_ms,
        }
    }

    /// Version 0 has no rebalance timeout: the session stands for it.
    fn rebalance_timeout_ms(&self) -> i32 {
        if self.asker.version == 0 {
            self.request.session_timeout_ms
        } else {
            self.request.rebalance_timeout_ms
        }
    }

    pub(super) fn instance_id(&self) -> Option<&str> {
        self.request.group_instance_id.as_deref()
    }
}

/// The answer to a JoinGroup that no coordinator is asked about: it names no group, or a session that is too short or
/// too long.
#[must_use]
pub fn join_refused_at_once(
    request: &JoinGroupRequest,
    settings: &GroupSettings,
) -> Option<JoinGroupResponse> {
    let sessions = settings.min_session_timeout_ms..=settings.max_session_timeout_ms;
    let code = if request.group_id.is_empty() {
        ErrorCode::InvalidGroupId
    } else if !sessions.contains(&request.session_timeout_ms) {
        ErrorCode::InvalidSessionTimeout
    } else {
        return None;
    };
    Some(refused_join(&request.member_id, code))
}

/// A member id: the instance id or the client id, and a random UUID.
#[must_use]
pub fn new_member_id(random: &mut Stream, client_id: &str, instance_id: Option<&str>) -> MemberId {
    let high = random.u64() & !0xf000 | 0x4000;
    let low = random.u64() & !(0b11 << 62) | 0b10 << 62;
    let hex = format!("{high:016x}{low:016x}");
    let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
    format!("{}-{}", instance_id.unwrap_or(client_id), parts.join("-")).into()
}

impl GroupCoordinator {
    /// JoinGroup to a classic group, or to none. `before` stands in front of what is written: the tombstones of an
    /// empty group of another kind that has just made room.
    ///
    /// # Errors
    /// Kafka does not expect what was asked.
    pub(in crate::group) fn classic_join(
        &mut self,
        step: &mut Step<'_>,
        token: Token,
        asker: &Asker,
        request: &JoinGroupRequest,
        before: Vec<GroupRecord>,
    ) -> Decided {
        if let Some(refused) = join_refused_at_once(request, &self.settings) {
            reply(step, token, refused);
            return Ok(Decision::nothing());
        }
        let is_new = !self.state.groups.contains_key(request.group_id.as_str());
        let name = match self.classic_ref(&request.group_id) {
            Some(name) => name,
            None if is_new && request.member_id.is_empty() => {
                let id = request.group_id.as_str().into();
                self.put_classic(ClassicGroup::new(id, step.wall_ms))
            }
            None => {
                reply(step, token, refused_join(&request.member_id, ErrorCode::UnknownMemberId));
                return Ok(Decision::nothing());
            }
        };
        let mut turn = self.classic_turn(step, name);
        let kept_before = turn.group.kept;
        let joined = turn.join(&Joining { name, token, asker, request });
        let kept = turn.group.kept;
        let decision = joined.inspect_err(|_| {
            turn.group.mark_answered(kept);
        })?;
        Ok(match decision {
            Some(decision) => decision,
            None if is_new => {
                let mut records = before;
                records.push(turn.group.empty_record());
                Decision::classic(records, Afterwards::parked(name, kept))
            }
            None if kept > kept_before => {
                Decision::classic(Vec::new(), Afterwards::parked(name, kept))
            }
            None => Decision::nothing(),
        })
    }
}

fn reply(step: &mut Step<'_>, token: Token, response: JoinGroupResponse) {
    step.effects.push(GroupEffect::Reply { token, answer: Ok(GroupResponse::JoinGroup(response)) });
}

impl ClassicGroup {
    /// Whether there is room for this member. While a group prepares, those count who have joined: it may be over its
    /// limit, and the last ones to join again are turned away then.
    fn has_room_for(&self, member: &str, limit: usize) -> bool {
        match self.state {
            ClassicState::Empty | ClassicState::Dead => true,
            ClassicState::PreparingRebalance => {
                self.member(member).is_some_and(ClassicMember::is_awaiting_join)
                    || self.awaiting_join_count < limit
            }
            ClassicState::CompletingRebalance | ClassicState::Stable => {
                self.member(member).is_some() || self.members.len() < limit
            }
        }
    }
}

impl Turn<'_, '_> {
    fn join(&mut self, joining: &Joining<'_>) -> Joined {
        let request = joining.request;
        let id = request.member_id.as_str();
        let refusal = if !self.group.has_room_for(id, self.settings.max_size) {
            self.group.remove(id, self.step.effects);
            Some(refused_join("", ErrorCode::GroupMaxSizeReached))
        } else if self.group.state == ClassicState::Dead {
            Some(refused_join(id, ErrorCode::CoordinatorNotAvailable))
        } else if !self.group.supports(&request.protocol_type, &request.protocols) {
            Some(refused_join(id, ErrorCode::InconsistentGroupProtocol))
        } else {
            None
        };
        if let Some(refusal) = refusal {
            reply(self.step, joining.token, refusal);
            return Ok(None);
        }
        if id.is_empty() { self.join_as_new(joining) } else { self.join_as_known(joining) }
    }

    fn join_as_new(&mut self, joining: &Joining<'_>) -> Joined {
        let instance = joining.instance_id();
        let id = new_member_id(self.step.random, &joining.asker.client_id, instance);
        match instance {
            Some(instance) => match self.group.static_member(instance).cloned() {
                Some(old) => self.replace_static_member(joining, &old, &id),
                None => self.add_member(joining, id),
            },
            None if joining.asker.version >= 4 => {
                self.group.expect_to_join(id.clone());
                self.expect_heartbeat(&id, joining.request.session_timeout_ms);
                reply(self.step, joining.token, refused_join(&id, ErrorCode::MemberIdRequired));
                Ok(None)
            }
            None => self.add_member(joining, id),
        }
    }

    fn join_as_known(&mut self, joining: &Joining<'_>) -> Joined {
        let id = joining.request.member_id.as_str();
        if self.group.is_pending(id) {
            if joining.instance_id().is_some() {
                return Err(ErrorCode::UnknownServerError.into());
            }
            return self.add_member(joining, id.into());
        }
        if let Err(code) = self.group.validate_member(id, joining.instance_id()) {
            let refused = JoinGroupResponse { protocol_name: None, ..refused_join(id, code) };
            reply(self.step, joining.token, refused);
            return Ok(None);
        }
        let says_the_same = self.member(id).protocols == joining.request.protocols;
        let response = match self.group.state {
            ClassicState::CompletingRebalance if says_the_same => self.group.joined(id),
            ClassicState::Stable if says_the_same && !self.group.is_leader(id) => {
                self.group.joined(id)
            }
            ClassicState::Empty | ClassicState::Dead => {
                refused_join(id, ErrorCode::UnknownMemberId)
            }
            _ => {
                let (said, token) = (joining.said(), Some(joining.token));
                self.group.update_member(id, said, token, self.step.effects);
                let written = self.rebalance_or_complete_join();
                return self.then_wait(joining, written);
            }
        };
        reply(self.step, joining.token, response);
        Ok(None)
    }

    fn add_member(&mut self, joining: &Joining<'_>, id: MemberId) -> Joined {
        let said = joining.said();
        let member = ClassicMember {
            id: id.clone(),
            instance_id: joining.instance_id().map(Arc::from),
            client_id: joining.asker.client_id.clone(),
            client_host: joining.asker.client_host.clone(),
            rebalance_timeout_ms: said.rebalance_timeout_ms,
            session_timeout_ms: said.session_timeout_ms,
            protocol_type: joining.request.protocol_type.as_str().into(),
            protocols: said.protocols,
            assignment: bytes::Bytes::new(),
            awaiting_join: Some(self.group.keep(joining.token)),
            awaiting_sync: None,
            is_new: true,
        };
        let is_first_rebalance = self.group.state == ClassicState::PreparingRebalance
            && self.group.previous_state == ClassicState::Empty;
        if is_first_rebalance {
            self.group.new_member_added = true;
        }
        self.group.add(member);
        // A new member cannot be heard of: it does not know its id. If it went away, its JoinGroup must not stay.
        self.expect_heartbeat(&id, NEW_MEMBER_JOIN_TIMEOUT_MS);
        let written = self.rebalance_or_complete_join();
        self.then_wait(joining, written)
    }

    /// A record that joining led to, with a request that waits.
    pub(super) fn then_wait(&mut self, joining: &Joining<'_>, written: Written) -> Joined {
        let then = Afterwards::parked(joining.name, self.group.kept);
        Ok(written?.map(|record| Decision::classic(vec![record], then)))
    }
}
