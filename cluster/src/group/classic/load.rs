//! Classic groups are read from the log, and given up.
//!
//! In Kafka:   `GroupMetadataManager.{replay, onLoaded, onUnloaded}`.
//! Invariants: G9 the group that the last record says is the one that was, but for the timers: each member has a whole
//!             session more.

use super::group::ClassicGroup;
use super::groups::ClassicRef;
use super::state::ClassicState;
use crate::error_code::ErrorCode;
use crate::group::machine::GroupCoordinator;
use crate::group::state::GroupEntry;
use crate::group::step::Step;
use crate::wire::{GroupMetadataKey, GroupMetadataValue};

impl GroupCoordinator {
    /// A record of a classic group, or its tombstone.
    pub(in crate::group) fn replay_classic(
        &mut self,
        key: &GroupMetadataKey,
        value: Option<&GroupMetadataValue>,
    ) {
        match value {
            Some(value) => {
                self.put_classic(ClassicGroup::from_record(key.group.as_str().into(), value));
            }
            None => {
                self.state.groups.remove(key.group.as_str());
            }
        }
    }

    fn classic_refs(&self) -> Vec<ClassicRef> {
        let name = |entry: &GroupEntry| match entry {
            GroupEntry::Classic(name) => Some(*name),
            _ => None,
        };
        self.state.groups.values().filter_map(name).collect()
    }

    /// Sessions begin, and a group that is too large now rebalances, so that its members can commit what they have.
    pub(in crate::group) fn on_classic_loaded(&mut self, step: &mut Step<'_>) {
        for name in self.classic_refs() {
            let mut turn = self.classic_turn(step, name);
            for member in turn.group.member_ids() {
                turn.renew_session(&member);
            }
            if turn.group.member_count() > turn.settings.max_size {
                let written = turn.prepare_rebalance();
                assert!(matches!(written, Ok(None)), "CG-8 members that were read have not joined");
            }
        }
    }

    /// Whoever waits is told that this is not the coordinator any more.
    pub(in crate::group) fn on_classic_unloaded(&mut self, step: &mut Step<'_>) {
        for name in self.classic_refs() {
            let turn = self.classic_turn(step, name);
            let (group, effects) = (turn.group, &mut *turn.step.effects);
            group.enter(ClassicState::Dead, turn.step.wall_ms);
            match group.previous_state {
                ClassicState::Empty | ClassicState::Dead => {}
                ClassicState::PreparingRebalance => {
                    group.refuse_all_joins(ErrorCode::NotCoordinator, effects);
                }
                ClassicState::CompletingRebalance | ClassicState::Stable => {
                    group.refuse_all_syncs(ErrorCode::NotCoordinator, effects);
                }
            }
        }
    }
}
