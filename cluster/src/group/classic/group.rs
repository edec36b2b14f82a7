//! What a classic group is made of, and who belongs to it.
//!
//! In Kafka:   `ClassicGroup`.
//! Holds:      the state, the generation, the members with the requests that are kept for them, who has an id and has
//!             not joined, who has joined and not synced.
//! Invariants: CG-2 the number of members whose JoinGroup is kept is what is counted. CG-3 an instance id belongs to
//!             one member (G10). CG-4 a request that is kept is answered, or dropped, once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;

use super::hash_order::HashOrder;
use super::member::{ClassicMember, Waiting};
use super::rebalance::InitialDelay;
use super::state::ClassicState;
use crate::error_code::ErrorCode;
use crate::group::request::GroupResponse;
use crate::group::state::{GroupId, MemberId};
use crate::group::step::{GroupEffect, Token};
use crate::wire::join_group_request::Protocol;
use crate::wire::{JoinGroupResponse, SyncGroupResponse};

/// What a member says anew when it joins again.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rejoined {
    pub protocols: Vec<Protocol>,
    pub rebalance_timeout_ms: i32,
    pub session_timeout_ms: i32,
}

/// A classic group.
#[derive(Debug, Clone)]
pub struct ClassicGroup {
    pub(super) id: GroupId,
    pub(super) state: ClassicState,
    pub(super) previous_state: ClassicState,
    /// Since when it is in its state, by the wall clock in milliseconds; none if a record did not say.
    pub(super) state_since: Option<i64>,
    pub(super) protocol_type: Option<Arc<str>>,
    pub(super) protocol_name: Option<Arc<str>>,
    pub(super) generation: i32,
    pub(super) leader: Option<MemberId>,
    pub(super) members: HashOrder<ClassicMember>,
    pub(super) static_members: BTreeMap<Arc<str>, MemberId>,
    /// Who was given an id and has not joined with it.
    pub(super) pending_join: BTreeSet<MemberId>,
    /// Who has not synced in this generation.
    pub(super) pending_sync: BTreeSet<MemberId>,
    pub(super) awaiting_join_count: usize,
    /// How many members know a protocol.
    pub(super) supporters: BTreeMap<String, usize>,
    /// What the members read, if they say so in a way that is understood.
    pub(super) subscribed_topics: Option<BTreeSet<String>>,
    /// Whether somebody joined since the initial delay began.
    pub(super) new_member_added: bool,
    /// What there is of the initial delay; none if the join phase ends when its timer does.
    pub(super) initial_delay: Option<InitialDelay>,
    /// The generation in which the timer of the sync phase was set.
    pub(super) sync_generation: i32,
    /// How many requests have been kept.
    pub(super) kept: u64,
}

impl ClassicGroup {
    /// An empty group.
    #[must_use]
    pub fn new(id: GroupId, wall_ms: i64) -> Self {
        Self {
            id,
            state: ClassicState::Empty,
            previous_state: ClassicState::Dead,
            state_since: Some(wall_ms),
            protocol_type: None,
            protocol_name: None,
            generation: 0,
            leader: None,
            members: HashOrder::default(),
            static_members: BTreeMap::new(),
            pending_join: BTreeSet::new(),
            pending_sync: BTreeSet::new(),
            awaiting_join_count: 0,
            supporters: BTreeMap::new(),
            subscribed_topics: None,
            new_member_added: false,
            initial_delay: None,
            sync_generation: 0,
            kept: 0,
        }
    }

    /// Its `group.id`.
    #[must_use]
    pub const fn id(&self) -> &GroupId {
        &self.id
    }

    /// Where it is.
    #[must_use]
    pub const fn state(&self) -> ClassicState {
        self.state
    }

    /// Its generation.
    #[must_use]
    pub const fn generation(&self) -> i32 {
        self.generation
    }

    /// The type of its protocols, once a member has joined.
    #[must_use]
    pub fn protocol_type(&self) -> Option<&str> {
        self.protocol_type.as_deref()
    }

    /// The protocol of its generation.
    #[must_use]
    pub fn protocol_name(&self) -> Option<&str> {
        self.protocol_name.as_deref()
    }

    /// Who assigns.
    #[must_use]
    pub fn leader(&self) -> Option<&MemberId> {
        self.leader.as_ref()
    }

    /// Whether `member` assigns.
    #[must_use]
    pub fn is_leader(&self, member: &str) -> bool {
        self.leader.as_deref() == Some(member)
    }

    /// Its members, in the order of Kafka's map.
    pub fn members(&self) -> impl Iterator<Item = &ClassicMember> {
        self.members.values()
    }

    /// Their ids, in the same order.
    #[must_use]
    pub fn member_ids(&self) -> Vec<MemberId> {
        self.members.keys().cloned().collect()
    }

    /// How many there are.
    #[must_use]
    pub fn member_count(&self) -> usize {
        self.members.len()
    }

    /// The member with this id.
    #[must_use]
    pub fn member(&self, id: &str) -> Option<&ClassicMember> {
        self.members.get(id)
    }

    /// The id of the static member with this instance id.
    #[must_use]
    pub fn static_member(&self, instance_id: &str) -> Option<&MemberId> {
        self.static_members.get(instance_id)
    }

    /// How many members' JoinGroup is kept.
    #[must_use]
    pub const fn awaiting_join_count(&self) -> usize {
        self.awaiting_join_count
    }

    /// How many have an id and have not joined with it.
    #[must_use]
    pub fn pending_join_count(&self) -> usize {
        self.pending_join.len()
    }

    /// Whether this one has an id and has not joined with it.
    #[must_use]
    pub fn is_pending(&self, member: &str) -> bool {
        self.pending_join.contains(member)
    }

    /// Whether it only has offsets: no member ever joined it, or is about to.
    #[must_use]
    pub fn is_simple(&self) -> bool {
        self.protocol_type.is_none()
            && self.state == ClassicState::Empty
            && self.pending_join.is_empty()
    }

    /// Whether its members speak the protocol of consumers.
    #[must_use]
    pub fn is_of_consumers(&self) -> bool {
        self.protocol_type.as_deref() == Some("consumer")
    }

    /// Whether every member has asked to join, and everybody with an id has become a member.
    #[must_use]
    pub fn has_all_members_joined(&self) -> bool {
        self.members.len() == self.awaiting_join_count && self.pending_join.is_empty()
    }

    /// The longest time that a member wants for joining again, in milliseconds.
    #[must_use]
    pub fn rebalance_timeout_ms(&self) -> i32 {
        self.members
            .values()
            .map(|member| member.rebalance_timeout_ms)
            .max()
            .map_or(0, |ms| ms.max(0))
    }

    /// A request is kept.
    pub fn keep(&mut self, token: Token) -> Waiting {
        self.kept += 1;
        Waiting { token, serial: self.kept, is_answered: false }
    }

    /// Enters a state.
    pub(super) fn enter(&mut self, state: ClassicState, wall_ms: i64) {
        assert!(
            state.follows(self.state),
            "CG-1 group {} goes from {:?} to {state:?}",
            self.id,
            self.state
        );
        self.previous_state = self.state;
        self.state = state;
        self.state_since = Some(wall_ms);
    }

    /// Adds a member; its JoinGroup is kept if it says so.
    pub fn add(&mut self, member: ClassicMember) {
        if let Some(instance) = &member.instance_id {
            let held = self.static_members.insert(instance.clone(), member.id.clone());
            assert!(held.is_none(), "CG-3 group {} has {instance} twice", self.id);
        }
        if self.members.is_empty() {
            self.protocol_type = Some(member.protocol_type.clone());
        }
        assert!(
            self.protocol_type.as_ref() == Some(&member.protocol_type),
            "member {} of group {} has another type of protocol than {:?}",
            member.id,
            self.id,
            self.protocol_type
        );
        if self.leader.is_none() {
            self.leader = Some(member.id.clone());
        }
        self.count_supporter(&member.protocols);
        self.awaiting_join_count += usize::from(member.is_awaiting_join());
        self.pending_join.remove(&member.id);
        self.members.insert(member.id.clone(), member);
    }

    /// Takes a member out, or one that has an id and has not joined. A request of it that is kept has no answer any
    /// more. If it led, the first of those that are left leads.
    pub(super) fn remove(&mut self, id: &str, effects: &mut Vec<GroupEffect>) {
        if let Some(member) = self.members.remove(id) {
            self.uncount_supporter(&member.protocols);
            self.awaiting_join_count -= usize::from(member.is_awaiting_join());
            if let Some(instance) = &member.instance_id {
                self.static_members.remove(instance);
            }
            drop_waiting(member.awaiting_join, effects);
            drop_waiting(member.awaiting_sync, effects);
        }
        if self.is_leader(id) {
            self.leader = self.members.keys().next().cloned();
        }
        self.pending_join.remove(id);
        self.pending_sync.remove(id);
    }

    /// Keeps an id for whoever was given it.
    pub(super) fn expect_to_join(&mut self, id: MemberId) {
        assert!(!self.members.contains(&id), "{id} is a member of group {} already", self.id);
        self.pending_join.insert(id);
    }

    /// A static member goes on under another id; whoever has the old one is fenced (KIP-345).
    pub(super) fn replace_static_member(
        &mut self,
        old: &MemberId,
        new: &MemberId,
        effects: &mut Vec<GroupEffect>,
    ) {
        let fenced = ErrorCode::FencedInstanceId;
        self.complete_join(old, &refused_join(old, fenced), effects);
        self.complete_sync(old, &refused_sync(fenced), effects);
        let mut member = self.members.remove(old).expect("a static member is a member");
        member.id = new.clone();
        member.is_new = false;
        let instance = member.instance_id.clone().expect("a static member has an instance id");
        self.members.insert(new.clone(), member);
        if self.is_leader(old) {
            self.leader = Some(new.clone());
        }
        self.static_members.insert(instance, new.clone());
    }

    /// A member joins again, with what it says now; without a request, what it was is put back.
    pub(super) fn update_member(
        &mut self,
        id: &str,
        said: Rejoined,
        token: Option<Token>,
        effects: &mut Vec<GroupEffect>,
    ) {
        let waiting = token.map(|token| self.keep(token));
        let member = self.members.get_mut(id).expect("who joins again is a member");
        let old = std::mem::replace(&mut member.protocols, said.protocols);
        let protocols = member.protocols.clone();
        member.rebalance_timeout_ms = said.rebalance_timeout_ms;
        member.session_timeout_ms = said.session_timeout_ms;
        let waited = std::mem::replace(&mut member.awaiting_join, waiting);
        self.awaiting_join_count += usize::from(token.is_some());
        self.awaiting_join_count -= usize::from(waited.is_some());
        drop_waiting(waited, effects);
        self.uncount_supporter(&old);
        self.count_supporter(&protocols);
    }

    /// What a member says of itself, as it is now.
    pub(super) fn said_by(&self, id: &str) -> Option<Rejoined> {
        self.members.get(id).map(|member| Rejoined {
            protocols: member.protocols.clone(),
            rebalance_timeout_ms: member.rebalance_timeout_ms,
            session_timeout_ms: member.session_timeout_ms,
        })
    }

    /// Answers a JoinGroup that is kept; whether there was one.
    pub(super) fn complete_join(
        &mut self,
        id: &str,
        response: &JoinGroupResponse,
        effects: &mut Vec<GroupEffect>,
    ) -> bool {
        let waiting = self.members.get_mut(id).and_then(|member| member.awaiting_join.take());
        let Some(waiting) = waiting else { return false };
        self.awaiting_join_count -= 1;
        answer(waiting, GroupResponse::JoinGroup(response.clone()), effects);
        true
    }

    /// Answers a SyncGroup that is kept; whether there was one.
    pub(super) fn complete_sync(
        &mut self,
        id: &str,
        response: &SyncGroupResponse,
        effects: &mut Vec<GroupEffect>,
    ) -> bool {
        let waiting = self.members.get_mut(id).and_then(|member| member.awaiting_sync.take());
        let Some(waiting) = waiting else { return false };
        answer(waiting, GroupResponse::SyncGroup(response.clone()), effects);
        true
    }

    /// Keeps a SyncGroup.
    pub(super) fn await_sync(&mut self, id: &str, token: Token, effects: &mut Vec<GroupEffect>) {
        let waiting = self.keep(token);
        let member = self.members.get_mut(id).expect("who syncs is a member");
        drop_waiting(member.awaiting_sync.replace(waiting), effects);
    }

    /// Answers everybody who joins with an error (`completeAllJoinFutures`).
    pub fn refuse_all_joins(&mut self, code: ErrorCode, effects: &mut Vec<GroupEffect>) {
        for id in self.member_ids() {
            self.complete_join(&id, &refused_join(&id, code), effects);
        }
    }

    /// Answers everybody who syncs with an error (`completeAllSyncFutures`).
    pub fn refuse_all_syncs(&mut self, code: ErrorCode, effects: &mut Vec<GroupEffect>) {
        for id in self.member_ids() {
            self.complete_sync(&id, &refused_sync(code), effects);
        }
    }

    /// A request that is kept has been answered by somebody else; none if it has an answer already.
    pub(super) fn mark_answered(&mut self, serial: u64) -> Option<Token> {
        let mut requests = self
            .members
            .values_mut()
            .flat_map(|member| member.awaiting_join.iter_mut().chain(&mut member.awaiting_sync));
        let waiting = requests.find(|kept| kept.serial == serial && !kept.is_answered)?;
        waiting.is_answered = true;
        Some(waiting.token)
    }

    pub(super) fn set_assignment(&mut self, id: &str, assignment: Bytes) {
        if let Some(member) = self.members.get_mut(id) {
            member.assignment = assignment;
        }
    }

    fn count_supporter(&mut self, protocols: &[Protocol]) {
        for protocol in protocols {
            *self.supporters.entry(protocol.name.clone()).or_default() += 1;
        }
    }

    fn uncount_supporter(&mut self, protocols: &[Protocol]) {
        for protocol in protocols {
            let count =
                self.supporters.get_mut(&protocol.name).expect("what a member knows is counted");
            *count -= 1;
            if *count == 0 {
                self.supporters.remove(&protocol.name);
            }
        }
    }
}

/// The answer to a JoinGroup that is refused.
#[must_use]
pub(super) fn refused_join(member_id: &str, code: ErrorCode) -> JoinGroupResponse {
    JoinGroupResponse {
        member_id: member_id.to_owned(),
        error_code: code.code(),
        ..JoinGroupResponse::default()
    }
}

/// The answer to a SyncGroup that is refused.
#[must_use]
pub(super) fn refused_sync(code: ErrorCode) -> SyncGroupResponse {
    SyncGroupResponse { error_code: code.code(), ..SyncGroupResponse::default() }
}

/// CG-4: unless it was answered already.
fn answer(waiting: Waiting, response: GroupResponse, effects: &mut Vec<GroupEffect>) {
    if !waiting.is_answered {
        effects.push(GroupEffect::Reply { token: waiting.token, answer: Ok(response) });
    }
}

/// CG-4: Kafka drops the future here, and the connection that waits for it stays mute until its client closes it.
fn drop_waiting(waiting: Option<Waiting>, effects: &mut Vec<GroupEffect>) {
    if let Some(waiting) = waiting.filter(|waiting| !waiting.is_answered) {
        effects.push(GroupEffect::Forget { token: waiting.token });
    }
}
