//! What a follower asks its leader beside records, and what it makes of the answers.
//!
//! In Kafka:   `AbstractFetcherThread.{fetchOffsetAndTruncate, truncateToEpochEndOffsets}` (KIP-101, 279).
//! Holds:      nothing; the follower's phase says what it waits for.
//! Inputs:     an end of the leader's log, the end of an epoch. Effects: cuts, or the next question.
//! Invariants: R18 an answer is taken only while it is waited for, in the leader epoch in which it was asked for.
//! Left out:   a back-off before the end of an epoch is asked for again after an error (only older rules ask).

use trial_log::{EpochEndOffset, LeaderEpoch, LeaderEpochCache, Offset};
use trial_sim::Time;

use super::effect::{Effect, LogEdge};
use super::follower::{Follower, Phase};
use super::follower_marks as marks;
use super::hosted::{Core, Partition, Role};
use super::truncation;
use crate::error_code::ErrorCode;
use crate::mark;
use crate::note::partition::TruncationCause;

impl Follower {
    pub(super) fn ask_edge(&mut self, core: &Core, edge: LogEdge, effects: &mut Vec<Effect>) {
        self.phase = Phase::AskingEdge(edge);
        effects.push(Effect::AskLeaderEdge { edge, leader_epoch: core.leader_epoch });
    }

    fn on_edge(&mut self, core: &Core, edge: LogEdge, offset: Offset, effects: &mut Vec<Effect>) {
        let own_end = core.offsets.log_end_offset();
        match edge {
            // An unclean election. Should the leader have grown past our end meanwhile, then nobody notices that
            // the logs differ below: Kafka documents this hole (`fetchOffsetAndTruncate`).
            LogEdge::Latest if offset < own_end => {
                mark::reachable!(
                    effects,
                    "leader_is_behind",
                    "a follower cut its log since the leader's is shorter, after an unclean election"
                );
                self.cut(offset, TruncationCause::LeaderIsBehind, true, effects);
            }
            LogEdge::Latest => self.ask_edge(core, LogEdge::Earliest, effects),
            LogEdge::Earliest if offset > own_end => {
                mark::reachable!(
                    effects,
                    "leader_starts_later",
                    "a follower dropped its whole log, since the leader's starts behind its end"
                );
                let cause = TruncationCause::LeaderStartsLater;
                self.phase = Phase::Truncating { cause, is_final: true };
                effects.push(Effect::RestartLog { at: offset });
            }
            LogEdge::Earliest => self.phase = Phase::Fetching,
        }
    }
}

impl Partition {
    /// The answer to `AskLeaderEdge`; ignored if the follower is no longer waiting for it.
    pub fn on_leader_edge(
        &mut self,
        now: Time,
        edge: LogEdge,
        leader_epoch: LeaderEpoch,
        answer: Result<Offset, ErrorCode>,
        effects: &mut Vec<Effect>,
    ) {
        let core = &mut self.core;
        let Role::Follower(follower) = &mut self.role else { return };
        if follower.phase != Phase::AskingEdge(edge) || leader_epoch != core.leader_epoch {
            return;
        }
        follower.asked_in = leader_epoch;
        match answer {
            Ok(offset) => follower.on_edge(core, edge, offset.max(Offset::ZERO), effects),
            Err(error @ ErrorCode::FencedLeaderEpoch) => follower.park(error, effects),
            Err(error) => {
                follower.phase = Phase::Fetching;
                follower.delay(core, now, error, effects);
            }
        }
        self.invariants();
    }

    /// The answer to `AskEpochEnd`, none being "I know no such epoch"; ignored if nobody waits for it.
    pub fn on_leader_epoch_end(
        &mut self,
        asked: LeaderEpoch,
        leader_epoch: LeaderEpoch,
        answer: Result<Option<EpochEndOffset>, ErrorCode>,
        epochs: &LeaderEpochCache,
        effects: &mut Vec<Effect>,
    ) {
        let core = &mut self.core;
        let Role::Follower(follower) = &mut self.role else { return };
        if follower.phase != Phase::AskingEpochEnd(asked) || leader_epoch != core.leader_epoch {
            return;
        }
        follower.asked_in = leader_epoch;
        match answer {
            Ok(Some(leader)) => {
                let cut = truncation::cut(core.rules.truncation(), leader, &core.offsets, epochs);
                marks::diverged(cut, leader, &core.offsets, effects);
                follower.cut(cut.to, TruncationCause::Divergence, cut.is_final, effects);
            }
            Ok(None) => {
                let to = core.offsets.high_watermark();
                follower.cut(to, TruncationCause::HighWatermark, true, effects);
            }
            Err(error @ ErrorCode::FencedLeaderEpoch) => follower.park(error, effects),
            Err(_) => effects.push(Effect::AskEpochEnd { epoch: asked, leader_epoch }),
        }
        self.invariants();
    }
}
