//! A rebalance from its beginning to the answers of its join phase.
//!
//! In Kafka:   `GroupMetadataManager.{prepareRebalance, maybeCompleteJoinElseSchedule, completeClassicGroupJoin,
//!             tryCompleteInitialRebalanceElseSchedule, propagateAssignment}`; KIP-134 (initial delay).
//! Invariants: CG-8 a group that prepares has a timer that ends its join phase. CG-9 a group that completes has one for
//!             whoever does not sync (KAFKA-12890).
//!             If no protocol is known to all, which takes a member that lists one twice, or a subscription is
//!             malformed, Kafka's operation ends with an exception: the group prepares until sessions end; so here.

use std::sync::Arc;

use bytes::Bytes;

use super::group::refused_sync;
use super::state::ClassicState;
use super::turn::{Turn, Written};
use crate::error_code::ErrorCode;
use crate::group::step::GroupEffect;
use crate::mark;
use crate::note::group::GroupEvent;
use crate::wire::SyncGroupResponse;

/// What there is of the initial delay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct InitialDelay {
    /// How long the timer runs that is set, in milliseconds.
    pub delay_ms: i32,
    /// For how long others may run after it.
    pub remaining_ms: i32,
}

impl Turn<'_, '_> {
    /// Begins a rebalance if the group can, else ends the join phase if it can (`maybePrepareRebalanceOrCompleteJoin`).
    pub(super) fn rebalance_or_complete_join(&mut self) -> Written {
        if ClassicState::PreparingRebalance.follows(self.group.state) {
            self.prepare_rebalance()
        } else {
            self.maybe_complete_join()
        }
    }

    /// Begins a rebalance: whoever syncs is to join again. The first of an empty group waits for more members.
    ///
    /// # Errors
    /// The join phase could have ended at once, and no protocol is known to all.
    pub fn prepare_rebalance(&mut self) -> Written {
        if self.group.state == ClassicState::CompletingRebalance {
            self.reset_assignments(ErrorCode::RebalanceInProgress);
        }
        self.expect_no_sync();
        let is_initial = self.group.state == ClassicState::Empty;
        if is_initial {
            let delay_ms = self.settings.initial_rebalance_delay_ms;
            let remaining_ms = (self.group.rebalance_timeout_ms() - delay_ms).max(0);
            self.delay_initially(InitialDelay { delay_ms, remaining_ms });
        }
        self.group.enter(ClassicState::PreparingRebalance, self.step.wall_ms);
        let group = Arc::clone(self.group.id());
        self.step.effects.push(GroupEffect::Note(GroupEvent::Prepares { group }));
        if is_initial {
            return Ok(None);
        }
        if self.group.has_all_members_joined() {
            return self.complete_join_phase();
        }
        self.await_joins();
        Ok(None)
    }

    fn delay_initially(&mut self, delay: InitialDelay) {
        self.group.initial_delay = Some(delay);
        let (key, at) = (self.join_key(), self.after_ms(delay.delay_ms));
        self.timers.schedule(key, at);
    }

    /// CG-8: as long as the most patient member waits.
    fn await_joins(&mut self) {
        self.group.initial_delay = None;
        let (key, at) = (self.join_key(), self.after_ms(self.group.rebalance_timeout_ms()));
        self.timers.schedule(key, at);
    }

    /// Ends the join phase if everybody has joined and it is not the first one, which its timer ends.
    pub(super) fn maybe_complete_join(&mut self) -> Written {
        let may = self.group.state == ClassicState::PreparingRebalance
            && self.group.previous_state != ClassicState::Empty
            && self.group.has_all_members_joined();
        if may { self.complete_join_phase() } else { Ok(None) }
    }

    /// The timer of the join phase has run out. The initial delay is set anew if somebody came and there is time left.
    pub(super) fn on_join_timer(&mut self) -> Written {
        let Some(delay) = self.group.initial_delay else { return self.complete_join_phase() };
        if self.group.new_member_added && delay.remaining_ms != 0 {
            self.group.new_member_added = false;
            let next = InitialDelay {
                delay_ms: self.settings.initial_rebalance_delay_ms.min(delay.remaining_ms),
                remaining_ms: (delay.remaining_ms - delay.delay_ms).max(0),
            };
            mark::reachable!(
                self.step.effects,
                "initial_rebalance_delay_extended",
                "somebody joined a new group while its first rebalance was delayed, and it waits on"
            );
            self.delay_initially(next);
            return Ok(None);
        }
        self.complete_join_phase()
    }

    /// Ends the join phase: dynamic members that have not joined again are out, and the next generation begins. If
    /// there is nobody, that is written down.
    pub(super) fn complete_join_phase(&mut self) -> Written {
        let key = self.join_key();
        self.timers.cancel(&key);
        self.group.initial_delay = None;
        self.remove_absent_dynamic_members();
        if self.group.state == ClassicState::Dead {
            return Ok(None);
        }
        if !self.group.elect_joined_leader() && self.group.member_count() > 0 {
            mark::reachable!(
                self.step.effects,
                "join_phase_goes_on_without_members",
                "only static members are left in a rebalance, and none of them has joined again"
            );
            self.await_joins();
            return Ok(None);
        }
        self.group.begin_next_generation(self.step.wall_ms)?;
        if self.group.state == ClassicState::Empty {
            return Ok(Some(self.group.record_as_it_is()));
        }
        self.answer_joins();
        Ok(None)
    }

    fn remove_absent_dynamic_members(&mut self) {
        let absent: Vec<_> = self
            .group
            .members()
            .filter(|member| !member.is_awaiting_join() && member.instance_id.is_none())
            .map(|member| member.id.clone())
            .collect();
        mark::sometimes!(
            self.step.effects,
            !absent.is_empty(),
            "member_removed_at_rebalance_timeout",
            "a dynamic member had not joined again when the join phase ended"
        );
        for id in absent {
            self.remove_with_session(&id);
        }
    }

    /// Everybody learns of the generation, and is to sync within the rebalance timeout (CG-9).
    fn answer_joins(&mut self) {
        for id in self.group.member_ids() {
            let response = self.group.joined(&id);
            self.group.complete_join(&id, &response, self.step.effects);
            self.renew_session(&id);
            self.group.begin_sync(&id);
        }
        self.group.sync_generation = self.group.generation;
        let (key, at) = (self.sync_key(), self.after_ms(self.group.rebalance_timeout_ms()));
        self.timers.schedule(key, at);
    }

    /// Nobody is waited for to sync any more (`removeSyncExpiration`).
    pub(super) fn expect_no_sync(&mut self) {
        self.group.pending_sync.clear();
        let key = self.sync_key();
        self.timers.cancel(&key);
    }

    /// Nobody has an assignment, and whoever waits for one is told why.
    pub(super) fn reset_assignments(&mut self, code: ErrorCode) {
        assert_eq!(
            self.group.state,
            ClassicState::CompletingRebalance,
            "assignments of group {} are reset",
            self.group.id
        );
        for id in self.group.member_ids() {
            self.group.set_assignment(&id, Bytes::new());
        }
        self.answer_syncs(code);
    }

    /// Whoever has synced is told what it is assigned, or what went wrong; its session begins anew, since it could not
    /// be heard of while it waited.
    pub(super) fn answer_syncs(&mut self, code: ErrorCode) {
        for id in self.group.member_ids() {
            let response = if code.is_ok() {
                self.group.synced(&id)
            } else {
                SyncGroupResponse {
                    assignment: self.member(&id).assignment.clone(),
                    ..refused_sync(code)
                }
            };
            if self.group.complete_sync(&id, &response, self.step.effects) {
                self.renew_session(&id);
            }
        }
    }
}
