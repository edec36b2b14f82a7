//! SyncGroup: the leader hands in what it assigns, the others fetch it.
//!
//! In Kafka:   `GroupMetadataManager.{classicGroupSync, classicGroupSyncToClassicGroup, validateSyncGroup,
//!             removePendingSyncMember, expirePendingSync}`; KIP-559 (type and name of the protocol), KAFKA-12890.
//! Invariants: CG-10 a generation is stable once its assignments are committed, and not before.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::afterwards::Afterwards;
use super::group::{ClassicGroup, refused_sync};
use super::groups::ClassicRef;
use super::state::ClassicState;
use super::turn::{Turn, Written};
use crate::error_code::ErrorCode;
use crate::group::machine::GroupCoordinator;
use crate::group::request::GroupResponse;
use crate::group::step::{Decided, Decision, GroupEffect, Step, Token};
use crate::mark;
use crate::wire::{SyncGroupRequest, SyncGroupResponse};

impl GroupCoordinator {
    /// SyncGroup to a classic group, or to none.
    pub(in crate::group) fn classic_sync(
        &mut self,
        step: &mut Step<'_>,
        token: Token,
        request: &SyncGroupRequest,
    ) -> Decided {
        let found = self.classic_ref(&request.group_id);
        let with_members = |name: &ClassicRef| {
            self.classic.get(*name).is_some_and(|group| group.state() != ClassicState::Empty)
        };
        let Some(name) = found.filter(with_members) else {
            reply(step, token, refused_sync(ErrorCode::UnknownMemberId));
            return Ok(Decision::nothing());
        };
        Ok(self.classic_turn(step, name).sync(name, token, request))
    }
}

fn reply(step: &mut Step<'_>, token: Token, response: SyncGroupResponse) {
    step.effects.push(GroupEffect::Reply { token, answer: Ok(GroupResponse::SyncGroup(response)) });
}

impl ClassicGroup {
    /// Why a SyncGroup is refused.
    fn refuses_sync(&self, request: &SyncGroupRequest) -> Option<ErrorCode> {
        if self.state == ClassicState::Dead {
            return Some(ErrorCode::CoordinatorNotAvailable);
        }
        if let Err(code) =
            self.validate_member(&request.member_id, request.group_instance_id.as_deref())
        {
            return Some(code);
        }
        let differs = |said: &Option<String>, is: &Option<Arc<str>>| {
            said.as_deref().zip(is.as_deref()).is_some_and(|(said, is)| said != is)
        };
        if request.generation_id != self.generation {
            Some(ErrorCode::IllegalGeneration)
        } else if differs(&request.protocol_type, &self.protocol_type)
            || differs(&request.protocol_name, &self.protocol_name)
        {
            Some(ErrorCode::InconsistentGroupProtocol)
        } else {
            None
        }
    }

    /// The answer to a SyncGroup in the generation as it is.
    pub(super) fn synced(&self, member: &str) -> SyncGroupResponse {
        SyncGroupResponse {
            protocol_type: self.protocol_type.as_deref().map(str::to_owned),
            protocol_name: self.protocol_name.as_deref().map(str::to_owned),
            assignment: self
                .member(member)
                .map(|member| member.assignment.clone())
                .unwrap_or_default(),
            ..SyncGroupResponse::default()
        }
    }

    /// The join phase is over for a member: it is to sync.
    pub(super) fn begin_sync(&mut self, id: &str) {
        let member = self.members.get_mut(id).expect("whoever joined is a member");
        member.is_new = false;
        self.pending_sync.insert(member.id.clone());
    }
}

impl Turn<'_, '_> {
    fn sync(&mut self, name: ClassicRef, token: Token, request: &SyncGroupRequest) -> Decision {
        let id = request.member_id.as_str();
        if let Some(code) = self.group.refuses_sync(request) {
            reply(self.step, token, refused_sync(code));
            return Decision::nothing();
        }
        match self.group.state {
            ClassicState::PreparingRebalance => {
                reply(self.step, token, refused_sync(ErrorCode::RebalanceInProgress));
                Decision::nothing()
            }
            ClassicState::CompletingRebalance => {
                self.group.await_sync(id, token, self.step.effects);
                self.has_synced(id);
                if self.group.is_leader(id) {
                    return self.assign(name, request);
                }
                Decision::classic(Vec::new(), Afterwards::parked(name, self.group.kept))
            }
            ClassicState::Stable => {
                self.has_synced(id);
                let response = self.group.synced(id);
                reply(self.step, token, response);
                Decision::nothing()
            }
            ClassicState::Empty | ClassicState::Dead => {
                unreachable!("a group without members was refused before")
            }
        }
    }

    /// The leader's assignment is written down; who is not named in it gets an empty one.
    fn assign(&mut self, name: ClassicRef, request: &SyncGroupRequest) -> Decision {
        let mut assignments: BTreeMap<_, _> = request
            .assignments
            .iter()
            .map(|given| (Arc::from(given.member_id.as_str()), given.assignment.clone()))
            .collect();
        for id in self.group.member_ids() {
            assignments.entry(id).or_default();
        }
        let record = self.group.record(&assignments);
        let then = Afterwards::assigned(name, self.group, assignments);
        Decision::classic(vec![record], then)
    }

    /// A member has synced; if it was the last one, nobody is waited for.
    fn has_synced(&mut self, id: &str) {
        self.group.pending_sync.remove(id);
        if self.group.pending_sync.is_empty() {
            let key = self.sync_key();
            self.timers.cancel(&key);
        }
    }

    /// The time to sync is over: whoever has not is out, and the others rebalance.
    pub(super) fn on_sync_timer(&mut self) -> Written {
        let is_syncing =
            matches!(self.group.state, ClassicState::CompletingRebalance | ClassicState::Stable);
        let is_meant = self.group.sync_generation == self.group.generation;
        if !is_syncing || !is_meant || self.group.pending_sync.is_empty() {
            return Ok(None);
        }
        mark::reachable!(
            self.step.effects,
            "member_removed_at_sync_timeout",
            "a member had joined a generation, and did not sync in time (KAFKA-12890)"
        );
        for id in std::mem::take(&mut self.group.pending_sync) {
            self.remove_with_session(&id);
        }
        self.prepare_rebalance()
    }
}
