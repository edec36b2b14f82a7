//! A partition that this broker copies from its leader.
//!
//! In Kafka:   `AbstractFetcherThread`, `ReplicaFetcherThread`, `PartitionFetchState` (KIP-101, 279, 320;
//!             KAFKA-10554, 14704, 18723, 18991).
//! Holds:      the offset to fetch, the epoch of the last batch, and why it does not fetch if it does not.
//! Inputs:     the leader's answers, and that what was asked of the log is done. Effects: appends, cuts, questions.
//! Invariants: R18 an answer is applied only if offset and epoch are still those of its request, and the
//!             partition fetches. R10 the high watermark is the leader's, clamped to the own log; it may go back.
//! Left out:   throttling; the back-off runs on the monotonic clock (Kafka: the wall clock).

use trial_log::{EpochEndOffset, LeaderEpoch, LeaderEpochCache, Offset};
use trial_sim::Time;

use super::effect::{Effect, LogEdge};
use super::follower_marks as marks;
use super::hosted::{Core, Partition, Role};
use super::read::FetchPartition;
use super::truncation::{self, Start};
use crate::error_code::ErrorCode;
use crate::ids::BrokerId;
use crate::mark;
use crate::note::partition::{PartitionEvent, TruncationCause};

/// What a leader answers for one partition, without the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FetchedPartition {
    /// The error.
    pub error: ErrorCode,
    /// The leader's high watermark.
    pub high_watermark: Offset,
    /// The leader's log start.
    pub log_start_offset: Offset,
    /// Set if the logs diverge; then there are no records.
    pub diverging_epoch: Option<EpochEndOffset>,
    /// Whether there are records.
    pub has_records: bool,
}

/// What became of an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FollowerAppend {
    /// The records are in the log, or those of them whose epoch was low enough: the end may be the old one.
    Appended {
        /// Where the log starts; lower than before, if an empty log took a batch that its start lay within.
        log_start_offset: Offset,
        /// Where it ends.
        log_end_offset: Offset,
        /// The epoch of the last batch that was appended.
        last_epoch: Option<LeaderEpoch>,
    },
    /// The bytes did not pass CRC or validation: the next fetch may do better.
    Corrupt,
    /// The log refused for another reason, or its disk failed: fetching ends until the next leader epoch.
    Failed,
}

/// The state that only a follower has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Follower {
    fetch_offset: Offset,
    last_fetched_epoch: Option<LeaderEpoch>,
    pub(super) phase: Phase,
    delayed_until: Option<Time>,
    /// The leader epoch in which the leader was asked whose answer is followed; none if nobody was asked.
    pub(super) asked_in: LeaderEpoch,
}

/// What a follower is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// There is no leader.
    NoLeader,
    /// It fetches, unless it is delayed.
    Fetching,
    /// A cut was asked for.
    Truncating {
        /// Why.
        cause: TruncationCause,
        /// Whether the leader needs not be asked again (KIP-279's way).
        is_final: bool,
    },
    /// The leader was asked where our last epoch ends.
    AskingEpochEnd(LeaderEpoch),
    /// Our offset is out of the leader's range: it was asked for one end of its log.
    AskingEdge(LogEdge),
    /// Failed, until another leader epoch arrives.
    Parked,
}

impl Follower {
    /// Begins to follow in a new leader epoch.
    pub(super) fn start(core: &Core, epochs: &LeaderEpochCache, effects: &mut Vec<Effect>) -> Self {
        let fetch_offset = core.offsets.log_end_offset();
        let mut follower = Self {
            fetch_offset,
            last_fetched_epoch: None,
            phase: Phase::NoLeader,
            delayed_until: None,
            asked_in: LeaderEpoch::NONE,
        };
        if core.leader == BrokerId::NONE {
            return follower;
        }
        follower.note_last_epoch(core, epochs);
        effects.push(Effect::FetchFrom { leader: core.leader, leader_epoch: core.leader_epoch });
        let high_watermark = core.offsets.high_watermark();
        match truncation::start(core.rules.truncation(), epochs.latest_epoch()) {
            Start::CutAtHighWatermark if high_watermark < fetch_offset => {
                follower.cut(high_watermark, TruncationCause::HighWatermark, true, effects);
            }
            Start::Fetch | Start::CutAtHighWatermark => follower.phase = Phase::Fetching,
            Start::AskEpochEnd(epoch) => {
                follower.phase = Phase::AskingEpochEnd(epoch);
                effects.push(Effect::AskEpochEnd { epoch, leader_epoch: core.leader_epoch });
            }
        }
        follower
    }

    /// What it is at.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Where it goes on.
    #[must_use]
    pub fn fetch_offset(&self) -> Offset {
        self.fetch_offset
    }

    fn is_ready(&self, now: Time) -> bool {
        self.phase == Phase::Fetching && self.delayed_until.is_none_or(|due| due <= now)
    }

    fn note_last_epoch(&mut self, core: &Core, epochs: &LeaderEpochCache) {
        let is_sent = truncation::by_fetch(core.rules.truncation());
        self.last_fetched_epoch = if is_sent { epochs.latest_epoch() } else { None };
    }

    pub(super) fn cut(
        &mut self,
        to: Offset,
        cause: TruncationCause,
        is_final: bool,
        effects: &mut Vec<Effect>,
    ) {
        if to < Offset::ZERO {
            // No leader of sound mind says so.
            return self.park(ErrorCode::UnknownServerError, effects);
        }
        self.phase = Phase::Truncating { cause, is_final };
        effects.push(Effect::Truncate { to });
    }

    pub(super) fn delay(
        &mut self,
        core: &Core,
        now: Time,
        error: ErrorCode,
        effects: &mut Vec<Effect>,
    ) {
        if self.delayed_until.is_none_or(|due| due <= now) {
            self.delayed_until = Some(now + core.settings.replica_fetch_backoff);
            effects.push(Effect::Note(PartitionEvent::FetchDelayed { error }));
        }
    }

    pub(super) fn park(&mut self, error: ErrorCode, effects: &mut Vec<Effect>) {
        self.phase = Phase::Parked;
        effects.push(Effect::StopFetching);
        effects.push(Effect::Note(PartitionEvent::FetchParked { error }));
    }

    /// Takes high watermark and log start from an answer whose records, if any, are in the log by now.
    fn follow(&mut self, core: &mut Core, answer: &FetchedPartition, effects: &mut Vec<Effect>) {
        if let Some(from) = core.offsets.follow_high_watermark(answer.high_watermark) {
            high_watermark_moved(core, from, effects);
        }
        let to = answer.log_start_offset;
        if to > core.offsets.high_watermark() {
            // The log would refuse: nothing above the high watermark may be deleted.
            self.park(ErrorCode::OffsetOutOfRange, effects);
        } else if core.offsets.advance_log_start(to) {
            effects.push(Effect::AdvanceLogStart { to });
        }
    }

    fn on_answer(
        &mut self,
        core: &mut Core,
        now: Time,
        answer: &FetchedPartition,
        epochs: &LeaderEpochCache,
        effects: &mut Vec<Effect>,
    ) {
        let choice = core.rules.truncation();
        marks::refused(answer.error, effects);
        match (answer.error, answer.diverging_epoch) {
            // High watermark and log start wait until the cut is done: they are the leader's, and what we hold
            // above the point of divergence is not (KAFKA-14704).
            (ErrorCode::None, Some(leader)) if truncation::by_fetch(choice) => {
                let cut = truncation::cut(choice, leader, &core.offsets, epochs);
                marks::diverged(cut, leader, &core.offsets, effects);
                self.cut(cut.to, TruncationCause::Divergence, true, effects);
            }
            (ErrorCode::None, _) if answer.has_records => {
                effects.push(Effect::AppendAsFollower { leader_epoch: core.leader_epoch });
            }
            (ErrorCode::None, _) => self.follow(core, answer, effects),
            (ErrorCode::OffsetOutOfRange, _) => self.ask_edge(core, LogEdge::Latest, effects),
            // The leader is in a newer epoch, and so shall we be.
            (error @ ErrorCode::FencedLeaderEpoch, _) => self.park(error, effects),
            (error, _) => self.delay(core, now, error, effects),
        }
    }

    /// The log was cut; goes on from its new end.
    fn on_cut(&mut self, core: &Core, epochs: &LeaderEpochCache, effects: &mut Vec<Effect>) {
        let Phase::Truncating { is_final, .. } = self.phase else { return };
        self.fetch_offset = core.offsets.log_end_offset();
        self.note_last_epoch(core, epochs);
        match epochs.latest_epoch() {
            Some(epoch) if !is_final => {
                self.phase = Phase::AskingEpochEnd(epoch);
                effects.push(Effect::AskEpochEnd { epoch, leader_epoch: core.leader_epoch });
            }
            _ => self.phase = Phase::Fetching,
        }
    }

    pub(super) fn invariants(&self, core: &Core) {
        assert!(
            self.phase != Phase::Fetching || self.fetch_offset == core.offsets.log_end_offset(),
            "R18: {:?}: fetches from {} although its log ends at {}",
            core.id,
            self.fetch_offset,
            core.offsets.log_end_offset()
        );
    }
}

fn high_watermark_moved(core: &Core, from: Offset, effects: &mut Vec<Effect>) {
    let to = core.offsets.high_watermark();
    mark::sometimes!(
        effects,
        to < from,
        "follower_high_watermark_falls",
        "the high watermark of a follower went back"
    );
    effects.push(Effect::Note(PartitionEvent::FollowerHighWatermarkMoved {
        from,
        to,
        leader_epoch: core.leader_epoch,
    }));
    effects.push(Effect::HighWatermarkMoved { from, to });
}

impl Partition {
    /// What to ask the leader for now; none while there is nothing to ask or the partition has to wait.
    #[must_use]
    pub fn to_fetch(&self, now: Time, max_bytes: i32) -> Option<FetchPartition> {
        let follower = self.follower().filter(|follower| follower.is_ready(now))?;
        Some(FetchPartition {
            fetch_offset: follower.fetch_offset,
            log_start_offset: self.core.offsets.log_start_offset(),
            max_bytes,
            current_leader_epoch: self
                .core
                .rules
                .fences_followers()
                .then_some(self.core.leader_epoch),
            last_fetched_epoch: follower.last_fetched_epoch,
        })
    }

    /// When `to_fetch` answers again, if a back-off is all that it waits for.
    #[must_use]
    pub fn next_deadline(&self, now: Time) -> Option<Time> {
        let follower = self.follower().filter(|follower| follower.phase == Phase::Fetching)?;
        follower.delayed_until.filter(|due| *due > now)
    }

    /// Another fetcher has it, which begins anew: it does not wait for the back-off (`addPartitions`).
    pub fn end_fetch_delay(&mut self) {
        if let Role::Follower(follower) = &mut self.role {
            follower.delayed_until = None;
        }
    }

    /// The leader answered `sent`. In a job's start: the effects may be an append or a cut.
    pub fn on_fetch_response(
        &mut self,
        now: Time,
        sent: &FetchPartition,
        answer: &FetchedPartition,
        epochs: &LeaderEpochCache,
        effects: &mut Vec<Effect>,
    ) {
        let core = &mut self.core;
        let is_of_epoch = sent.current_leader_epoch.is_none_or(|epoch| epoch == core.leader_epoch);
        let is_fence = answer.error == ErrorCode::FencedLeaderEpoch;
        let matches = |follower: &Follower| {
            follower.is_ready(now)
                && sent.fetch_offset == follower.fetch_offset
                && (is_of_epoch || !is_fence && !core.rules.refuses_stale_answers())
        };
        match &mut self.role {
            Role::Follower(follower) if matches(follower) => {
                follower.asked_in = sent.current_leader_epoch.unwrap_or(LeaderEpoch::NONE);
                follower.on_answer(core, now, answer, epochs, effects);
            }
            Role::Follower(follower) if is_fence && !core.rules.refuses_stale_fences() => {
                follower.park(answer.error, effects);
            }
            Role::Follower(_) | Role::Leader(_) | Role::Waiting => {
                mark::reachable!(
                    effects,
                    "stale_fetch_response",
                    "a follower ignored an answer to an earlier epoch"
                );
                effects.push(Effect::Note(PartitionEvent::StaleFetchResponse {
                    fetch_offset: sent.fetch_offset,
                    leader_epoch: sent.current_leader_epoch.unwrap_or(LeaderEpoch::NONE),
                    current_leader_epoch: core.leader_epoch,
                }));
            }
        }
        self.invariants();
    }

    /// What `AppendAsFollower` asked for was done and may be seen: in a job's finish.
    pub fn on_follower_append(
        &mut self,
        now: Time,
        answer: &FetchedPartition,
        append: FollowerAppend,
        effects: &mut Vec<Effect>,
    ) {
        let core = &mut self.core;
        let Role::Follower(follower) = &mut self.role else {
            unreachable!("R1: {:?}: appended as a follower without being one", core.id)
        };
        match append {
            FollowerAppend::Appended { log_start_offset, log_end_offset, last_epoch } => {
                if log_start_offset < core.offsets.log_start_offset() {
                    // DeleteRecords into the middle of a batch: the only way for a log start to go back (R15).
                    effects.push(Effect::Note(PartitionEvent::LogRestarted {
                        from: core.offsets.log_end_offset(),
                        at: log_start_offset,
                        high_watermark: core.offsets.high_watermark(),
                        cause: TruncationCause::BatchStartsEarlier,
                    }));
                    core.offsets.restart(log_start_offset);
                }
                core.offsets.publish(log_end_offset);
                follower.fetch_offset = log_end_offset;
                if truncation::by_fetch(core.rules.truncation()) {
                    follower.last_fetched_epoch = last_epoch.or(follower.last_fetched_epoch);
                }
                follower.follow(core, answer, effects);
            }
            FollowerAppend::Corrupt => {
                marks::corrupt(effects);
                follower.delay(core, now, ErrorCode::CorruptMessage, effects);
            }
            FollowerAppend::Failed => follower.park(ErrorCode::KafkaStorageError, effects),
        }
        self.invariants();
    }

    /// What `Truncate` asked for was done: the log ends at `to`, and its epoch cache too.
    pub fn on_truncated(
        &mut self,
        to: Offset,
        epochs: &LeaderEpochCache,
        effects: &mut Vec<Effect>,
    ) {
        let core = &mut self.core;
        let Role::Follower(follower) = &mut self.role else {
            unreachable!("R15: {:?}: cut at {to} without being a follower", core.id)
        };
        let (from, high_watermark) = (core.offsets.log_end_offset(), core.offsets.high_watermark());
        let cause = match follower.phase {
            Phase::Truncating { cause, .. } => cause,
            _ => TruncationCause::Divergence,
        };
        core.offsets.truncate(to);
        marks::truncated(from, to, high_watermark, effects);
        let asked_in = match cause {
            TruncationCause::HighWatermark => LeaderEpoch::NONE,
            _ => follower.asked_in,
        };
        effects.push(Effect::Note(PartitionEvent::Truncated {
            from,
            to,
            high_watermark,
            cause,
            asked_in,
        }));
        if core.offsets.high_watermark() != high_watermark {
            high_watermark_moved(core, high_watermark, effects);
        }
        follower.on_cut(core, epochs, effects);
        self.invariants();
    }

    /// What `RestartLog` asked for was done: the log is empty and starts at `at`.
    pub fn on_restarted(
        &mut self,
        at: Offset,
        epochs: &LeaderEpochCache,
        effects: &mut Vec<Effect>,
    ) {
        let core = &mut self.core;
        let Role::Follower(follower) = &mut self.role else {
            unreachable!("R15: {:?}: restarted at {at} without being a follower", core.id)
        };
        let (from, high_watermark) = (core.offsets.log_end_offset(), core.offsets.high_watermark());
        core.offsets.restart(at);
        let cause = TruncationCause::LeaderStartsLater;
        effects.push(Effect::Note(PartitionEvent::LogRestarted {
            from,
            at,
            high_watermark,
            cause,
        }));
        if at != high_watermark {
            high_watermark_moved(core, high_watermark, effects);
        }
        follower.on_cut(core, epochs, effects);
        self.invariants();
    }

    /// The whole request failed: the connection broke, or the fetch session was refused for its topic ids.
    pub fn on_fetch_failed(&mut self, now: Time, error: ErrorCode, effects: &mut Vec<Effect>) {
        if let Role::Follower(follower) = &mut self.role {
            follower.delay(&self.core, now, error, effects);
        }
    }

    /// What was asked of the log failed on its disk: fetching ends until the next leader epoch.
    pub fn on_log_failed(&mut self, effects: &mut Vec<Effect>) {
        if let Role::Follower(follower) = &mut self.role {
            follower.park(ErrorCode::KafkaStorageError, effects);
        }
    }
}
