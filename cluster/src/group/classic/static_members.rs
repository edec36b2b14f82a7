//! A static member that comes back under a new member id, and takes the place of its former self.
//!
//! In Kafka:   `GroupMetadataManager.{classicGroupJoinNewStaticMember, updateStaticMemberThenRebalanceOrCompleteJoin}`;
//!             KIP-345, KIP-814 (a leader that comes back does not assign).
//! Invariants: CG-12 a stable group does not rebalance for it unless its protocol would change, and then the new id is
//!             written down before the member learns of it.
//! Left out:   if the write fails after the member has gone again, Kafka counts its protocols wrongly from then on.

use super::afterwards::Afterwards;
use super::group::{Rejoined, refused_join};
use super::join::{Joined, Joining};
use super::state::ClassicState;
use super::turn::Turn;
use crate::error_code::ErrorCode;
use crate::group::request::GroupResponse;
use crate::group::state::MemberId;
use crate::group::step::{Decision, GroupEffect};
use crate::mark;
use crate::wire::JoinGroupResponse;

/// What was before a static member was replaced.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Replaced {
    pub old: MemberId,
    pub new: MemberId,
    pub said: Rejoined,
    pub leader: Option<MemberId>,
    /// Whether the member can be told to lead and not to assign (JoinGroup 9).
    pub can_skip_assignment: bool,
}

impl Turn<'_, '_> {
    pub(super) fn replace_static_member(
        &mut self,
        joining: &Joining<'_>,
        old: &MemberId,
        new: &MemberId,
    ) -> Joined {
        let leader = self.group.leader.clone();
        self.group.replace_static_member(old, new, self.step.effects);
        // The timer of the old id runs out and finds nobody.
        self.renew_session(new);
        let said = self.group.said_by(new).expect("it has just been put there");
        self.group.update_member(new, joining.said(), Some(joining.token), self.step.effects);
        let written = match self.group.state {
            ClassicState::Stable => {
                let next = self.group.select_protocol().ok_or(ErrorCode::UnknownServerError)?;
                if self.group.protocol_name() == Some(&*next) {
                    mark::reachable!(
                        self.step.effects,
                        "static_member_replaced_without_rebalance",
                        "a static member of a stable group came back under another id"
                    );
                    let can_skip_assignment = joining.asker.version >= 9;
                    let (old, new) = (old.clone(), new.clone());
                    let replaced = Replaced { old, new, said, leader, can_skip_assignment };
                    let then = Afterwards::replaced(joining.name, self.group, replaced);
                    return Ok(Some(Decision::classic(vec![self.group.record_as_it_is()], then)));
                }
                self.rebalance_or_complete_join()
            }
            // The leader may have been told of the old id, and would assign nothing to the new one.
            ClassicState::CompletingRebalance => self.prepare_rebalance(),
            ClassicState::PreparingRebalance => self.maybe_complete_join(),
            ClassicState::Empty | ClassicState::Dead => Err(ErrorCode::UnknownServerError.into()),
        };
        self.then_wait(joining, written)
    }

    /// The new id is written down.
    pub(super) fn on_replaced(&mut self, replaced: &Replaced) {
        let is_preparing = self.group.state == ClassicState::PreparingRebalance;
        let leads = self.group.is_leader(&replaced.new);
        // Kafka cannot list the members while they join, and leaves the request as it is: a JoinGroup of the rebalance.
        if is_preparing && leads && replaced.can_skip_assignment {
            return;
        }
        let response = if replaced.can_skip_assignment {
            JoinGroupResponse { skip_assignment: leads, ..self.group.joined(&replaced.new) }
        } else {
            // It is told the old leader, so that it does not take itself for the leader and assign.
            let leader = replaced.leader.as_deref().unwrap_or_default().to_owned();
            JoinGroupResponse { leader, members: Vec::new(), ..self.group.joined(&replaced.new) }
        };
        self.group.complete_join(&replaced.new, &response, self.step.effects);
    }

    /// The new id could not be written down: the member is what it was.
    pub(super) fn on_not_replaced(&mut self, replaced: &Replaced, serial: u64, code: ErrorCode) {
        if self.group.member(&replaced.new).is_none() {
            return;
        }
        let token = self.group.mark_answered(serial);
        let (new, said) = (&replaced.new, replaced.said.clone());
        self.group.update_member(new, said, None, self.step.effects);
        self.group.replace_static_member(new, &replaced.old, self.step.effects);
        self.renew_session(&replaced.old);
        let Some(token) = token else { return };
        let response = JoinGroupResponse {
            generation_id: self.group.generation,
            protocol_type: self.group.protocol_type().map(str::to_owned),
            protocol_name: self.group.protocol_name().map(str::to_owned),
            leader: replaced.leader.as_deref().unwrap_or_default().to_owned(),
            ..refused_join("", code)
        };
        let answer = Ok(GroupResponse::JoinGroup(response));
        self.step.effects.push(GroupEffect::Reply { token, answer });
    }
}
