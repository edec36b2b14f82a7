//! The timers of classic groups: sessions, and the ends of the join and sync phases.
//!
//! In Kafka: `GroupMetadataManager.{expireClassicGroupMemberHeartbeat, removeMemberAndUpdateClassicGroup,
//!           removePendingMemberAndUpdateClassicGroup, completeClassicGroupJoin(String), expirePendingSync}`.

use super::group::refused_join;
use super::state::ClassicState;
use super::turn::{Turn, Written};
use crate::error_code::ErrorCode;
use crate::group::machine::GroupCoordinator;
use crate::group::state::MemberId;
use crate::group::step::{Decided, Decision, Step};
use crate::group::timer::TimerKey;
use crate::mark;

impl GroupCoordinator {
    /// A timer of a classic group has run out. If the group is gone meanwhile, nothing happens.
    ///
    /// # Errors
    /// No protocol is known to all members.
    pub(in crate::group) fn on_classic_timer(
        &mut self,
        step: &mut Step<'_>,
        key: &TimerKey,
    ) -> Decided {
        let (TimerKey::ClassicJoin(id)
        | TimerKey::ClassicSync(id)
        | TimerKey::ClassicHeartbeat(id, _)) = key
        else {
            return Ok(Decision::nothing());
        };
        let Some(name) = self.classic_ref(id) else { return Ok(Decision::nothing()) };
        let mut turn = self.classic_turn(step, name);
        let record = match key {
            TimerKey::ClassicJoin(_) => turn.on_join_timer(),
            TimerKey::ClassicSync(_) => turn.on_sync_timer(),
            TimerKey::ClassicHeartbeat(_, member) => turn.on_session_over(member),
            _ => unreachable!("only timers of classic groups come here"),
        }?;
        Ok(Decision { replays: false, ..Decision::records(record.into_iter().collect()) })
    }
}

impl Turn<'_, '_> {
    /// A member was not heard of in time.
    fn on_session_over(&mut self, id: &MemberId) -> Written {
        if self.group.state == ClassicState::Dead {
            return Ok(None);
        }
        if self.group.is_pending(id) {
            mark::reachable!(
                self.step.effects,
                "pending_member_expired",
                "a client was given a member id and did not join with it in time (KIP-394)"
            );
            self.group.remove(id, self.step.effects);
            return self.complete_join_if_all_are_there();
        }
        let is_excused = |turn: &Self| turn.member(id).has_satisfied_heartbeat();
        if self.group.member(id).is_none() || is_excused(self) {
            return Ok(None);
        }
        mark::reachable!(
            self.step.effects,
            "classic_session_expired",
            "a member of a classic group was not heard of within its session"
        );
        let gone = refused_join("", ErrorCode::UnknownMemberId);
        self.group.complete_join(id, &gone, self.step.effects);
        self.group.remove(id, self.step.effects);
        match self.group.state {
            ClassicState::Stable | ClassicState::CompletingRebalance => {
                self.rebalance_or_complete_join()
            }
            _ => self.complete_join_if_all_are_there(),
        }
    }

    /// Ends the join phase, the first one too, if nobody is missing.
    fn complete_join_if_all_are_there(&mut self) -> Written {
        let is_preparing = self.group.state == ClassicState::PreparingRebalance;
        if is_preparing && self.group.has_all_members_joined() {
            self.complete_join_phase()
        } else {
            Ok(None)
        }
    }
}
