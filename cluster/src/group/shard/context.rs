//! A shard: its state, its queue, and what each event does.
//!
//! In Kafka:   `CoordinatorRuntime.CoordinatorContext`, `CoordinatorState`, `HighWatermarkListener`; `EventAccumulator`
//!             for the queue.
//! Holds:      the coordinator while there is one, the batch at hand, who waits, what stands in the queue.
//! Inputs:     events, one at a time; the high watermark, the end of a leadership, time. Effects: answers, notes.
//! Invariants: CO-1 a shard goes INITIAL, LOADING, ACTIVE; from there to FAILED and LOADING again; from anywhere to
//!             CLOSED. CO-2 only an active one decides. G11 an answer rests on what the high watermark has passed while
//!             this broker led the partition without a break (KAFKA-20634). CO-3 a loading that was overtaken by
//!             another one ends nothing.
//! Left out:   work on threads beside (`CoordinatorExecutor`), transactions.

use std::collections::VecDeque;
use std::sync::Arc;

use trial_log::Compression;
use trial_sim::Time;

use super::batch::Batch;
use super::deferred::{Deferred, Origin};
use super::event::{ShardEffect, ShardEvent, ShardStep};
use super::loader::{LoadFault, LoadStats};
use super::timeline::Timeline;
use crate::config::group::GroupSettings;
use crate::error_code::ErrorCode;
use crate::group::machine::GroupCoordinator;
use crate::group::request::{Asker, GroupQuestion, GroupRequest};
use crate::group::step::{GroupEffect, GroupError, Token};
use crate::group::timer::TimerKey;
use crate::ids::{LeaderEpoch, Offset};
use crate::mark;
use crate::note::group::GroupEvent;
use crate::rules::Rules;

/// What a shard is at (`CoordinatorState`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShardState {
    /// Nothing yet.
    Initial,
    /// Reading its log.
    Loading,
    /// Serving.
    Active,
    /// Over, until it is elected again.
    Closed,
    /// Its log could not be read.
    Failed,
}

/// What a shard knows of its partition's high watermark.
#[derive(Debug, Clone, Copy)]
struct Listener {
    /// Whether this broker leads the partition since the shard became active.
    leads: bool,
    /// Where it was last seen, until the shard comes to it.
    seen: Option<Offset>,
}

/// The coordinator of one partition of `__consumer_offsets`.
#[derive(Debug, Clone)]
pub struct Shard {
    pub(super) settings: Arc<GroupSettings>,
    rules: Rules,
    pub(super) compression: Compression,
    pub(super) state: ShardState,
    pub(super) epoch: LeaderEpoch,
    pub(super) queue: VecDeque<ShardEvent>,
    pub(super) timeline: Option<Timeline>,
    /// Which loading is the last one.
    pub(super) load: u64,
    listener: Option<Listener>,
    /// Whether this broker has ceased to lead the partition since the last loading began.
    has_lost: bool,
    pub(super) deferred: Deferred,
    pub(super) batch: Option<Batch>,
    /// The number of the batch at hand, or of the last one.
    pub(super) batches: u64,
}

impl Shard {
    /// One that knows nothing.
    #[must_use]
    pub fn new(settings: Arc<GroupSettings>, compression: Compression) -> Self {
        Self {
            settings,
            rules: Rules::default(),
            compression,
            state: ShardState::Initial,
            epoch: LeaderEpoch::NONE,
            queue: VecDeque::new(),
            timeline: None,
            load: 0,
            listener: None,
            has_lost: false,
            deferred: Deferred::default(),
            batch: None,
            batches: 0,
        }
    }

    /// With other guards than all of Kafka's.
    #[must_use]
    pub fn with_rules(self, rules: Rules) -> Self {
        Self { rules, ..self }
    }

    /// What it is at.
    #[must_use]
    pub const fn state(&self) -> ShardState {
        self.state
    }

    /// Its coordinator, while there is one.
    #[must_use]
    pub fn machine(&self) -> Option<&GroupCoordinator> {
        self.timeline.as_ref().map(|timeline| &timeline.machine)
    }

    /// Puts an event at the end of the queue.
    pub fn enqueue(&mut self, event: ShardEvent) {
        self.queue.push_back(event);
    }

    /// Whether anything waits for its turn.
    #[must_use]
    pub fn has_work(&self) -> bool {
        !self.queue.is_empty()
    }

    /// The high watermark of the partition has moved, while this broker leads it or not.
    pub fn on_high_watermark(&mut self, to: Offset) {
        let Some(listener) = self.listener.as_mut().filter(|listener| listener.leads) else {
            return;
        };
        if listener.seen.replace(to).is_none() {
            self.queue.push_front(ShardEvent::HighWatermark);
        }
    }

    /// This broker does not lead the partition any more. What its high watermark passes from now on may be another
    /// leader's (KAFKA-20634), until the shard is loaded again.
    pub fn on_leadership_lost(&mut self) {
        self.has_lost = true;
        if let Some(listener) = &mut self.listener {
            listener.leads = false;
        }
    }

    /// When [`Self::on_time`] has something to do.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Time> {
        let timers = self.timeline.as_ref().and_then(|it| it.machine.timers().next_deadline());
        let linger = self.batch.as_ref().and_then(|batch| batch.linger_until);
        [timers, linger, self.deferred.next_deadline()].into_iter().flatten().min()
    }

    /// What is due takes its place in the queue.
    pub fn on_time(&mut self, now: Time) {
        if let Some(batch) = &mut self.batch
            && batch.linger_until.is_some_and(|at| at <= now)
        {
            batch.linger_until = None;
            self.queue.push_front(ShardEvent::Flush { batch: self.batches });
        }
        while let Some(number) = self.deferred.take_expired(now) {
            self.queue.push_back(ShardEvent::TimedOut(number));
        }
        let Some(timeline) = &mut self.timeline else { return };
        while let Some((key, serial)) = timeline.machine.timers_mut().run_out(now) {
            self.queue.push_back(ShardEvent::Timer { key, serial });
        }
    }

    /// Handles the event whose turn it is.
    pub fn process(&mut self, step: &mut ShardStep<'_>) {
        let Some(event) = self.queue.pop_front() else { return };
        match event {
            ShardEvent::Load { epoch } => self.on_load(step, epoch),
            ShardEvent::Unload { epoch } => self.on_unload(step, epoch),
            ShardEvent::Loaded { load, outcome } => self.on_loaded(step, load, outcome),
            ShardEvent::Request { token, asker, request } => {
                self.on_request(step, token, &asker, *request);
            }
            ShardEvent::Question { token, asker, question } => {
                self.on_question(step, token, &asker, *question);
            }
            ShardEvent::TopicsDeleted(topics) => {
                let Ok(timeline) = self.active() else { return };
                let decided = timeline.with(step, |it, lent| it.on_topics_deleted(lent, &topics));
                if let Ok(decision) = decided {
                    self.perform(step, decision, Origin::Broker);
                }
            }
            ShardEvent::Metadata { image, changed } => {
                let Ok(timeline) = self.active() else { return };
                timeline.image = image;
                timeline.with(step, |it, lent| it.on_metadata_update(lent, &changed));
            }
            ShardEvent::HighWatermark => self.on_high_watermark_event(step),
            ShardEvent::Flush { batch } => {
                if self.batch.is_some() && self.batches == batch {
                    // Whoever waits for it was told.
                    let _ = self.flush(step);
                }
            }
            ShardEvent::Timer { key, serial } => self.on_timer_event(step, key, serial),
            ShardEvent::TimedOut(number) => {
                let ended = self.complete(step, number, Err(ErrorCode::RequestTimedOut.into()));
                mark::sometimes!(
                    step.effects,
                    ended,
                    "group_write_times_out",
                    "what a group coordinator had written was not committed in time"
                );
            }
        }
    }

    /// The coordinator, if it serves (`withActiveContextOrThrow`).
    fn active(&mut self) -> Result<&mut Timeline, GroupError> {
        match (self.state, &mut self.timeline) {
            (ShardState::Active, Some(timeline)) => Ok(timeline),
            (ShardState::Loading, _) => Err(ErrorCode::CoordinatorLoadInProgress.into()),
            _ => Err(ErrorCode::NotCoordinator.into()),
        }
    }

    fn on_request(
        &mut self,
        step: &mut ShardStep<'_>,
        token: Token,
        asker: &Asker,
        request: GroupRequest,
    ) {
        let decided = self.active().and_then(|timeline| {
            timeline.with(step, |it, lent| it.decide(lent, token, asker, request))
        });
        match decided {
            Ok(decision) => self.perform(step, decision, Origin::Request),
            Err(error) => reply(step, token, Err(error)),
        }
    }

    fn on_question(
        &mut self,
        step: &mut ShardStep<'_>,
        token: Token,
        asker: &Asker,
        question: GroupQuestion,
    ) {
        let answer = self.active().and_then(|timeline| timeline.read(step, asker, question));
        reply(step, token, answer);
    }

    fn on_timer_event(&mut self, step: &mut ShardStep<'_>, key: TimerKey, serial: u64) {
        let Ok(timeline) = self.active() else { return };
        if !timeline.machine.timers_mut().take(&key, serial) {
            return;
        }
        match timeline.with(step, |it, lent| it.on_timer(lent, &key)) {
            Ok(decision) => self.perform(step, decision, Origin::Timer(key)),
            Err(error) => self.retry_timer(step, key, &error),
        }
    }

    /// A timer could not do what it is for.
    pub(super) fn retry_timer(&mut self, step: &ShardStep<'_>, key: TimerKey, error: &GroupError) {
        let is_over =
            matches!(error.code, ErrorCode::NotCoordinator | ErrorCode::CoordinatorLoadInProgress);
        let backoff = key.retry_backoff(&self.settings).filter(|_| !is_over);
        if let (Some(backoff), Some(timeline)) = (backoff, &mut self.timeline) {
            timeline.machine.timers_mut().schedule(key, step.now + backoff);
        }
    }

    fn on_high_watermark_event(&mut self, step: &mut ShardStep<'_>) {
        let seen = self.listener.as_mut().and_then(|listener| listener.seen.take());
        let (Some(high_watermark), ShardState::Active) = (seen, self.state) else { return };
        let timeline = self.timeline.as_mut().expect("it is active");
        if !timeline.on_committed(high_watermark) {
            // Kafka throws, and goes on. An admin client may write to the topic, too.
            mark::reachable!(
                step.effects,
                "high_watermark_of_others",
                "a group coordinator was told that what it has not written is committed"
            );
            return;
        }
        while let Some((rests_below, numbers)) = self.deferred.take_up_to(high_watermark) {
            let mut released = 0;
            for number in numbers {
                released += u32::from(self.complete(step, number, Ok(())));
            }
            if released > 0 {
                let epoch = self.epoch;
                step.effects.push(ShardEffect::Note(GroupEvent::Released {
                    epoch,
                    rests_below,
                    high_watermark,
                    operations: released,
                }));
            }
        }
    }
}

/// Loading and unloading.
impl Shard {
    fn on_load(&mut self, step: &mut ShardStep<'_>, epoch: LeaderEpoch) {
        if epoch <= self.epoch {
            return;
        }
        self.epoch = epoch;
        if !matches!(self.state, ShardState::Loading | ShardState::Active) {
            self.begin_loading(step);
        }
    }

    /// A coordinator that has read nothing, and the log to be read.
    fn begin_loading(&mut self, step: &mut ShardStep<'_>) {
        self.state = ShardState::Loading;
        let machine =
            GroupCoordinator::new(Arc::clone(&self.settings)).with_rules(self.rules.clone());
        self.timeline = Some(Timeline::new(machine));
        self.load += 1;
        self.has_lost = false;
        step.effects.push(ShardEffect::Note(GroupEvent::Elected { epoch: self.epoch }));
        step.effects.push(ShardEffect::Load(self.load));
    }

    fn on_loaded(
        &mut self,
        step: &mut ShardStep<'_>,
        load: u64,
        outcome: Result<LoadStats, LoadFault>,
    ) {
        if self.state != ShardState::Loading || self.load != load {
            mark::sometimes!(
                step.effects,
                self.state == ShardState::Loading,
                "group_load_overtaken",
                "a coordinator was elected again while its log was still read for the election before"
            );
            return;
        }
        let epoch = self.epoch;
        let Ok(stats) = outcome else {
            step.effects.push(ShardEffect::Note(GroupEvent::LoadFailed { epoch }));
            self.state = ShardState::Failed;
            self.unload(step);
            return;
        };
        self.state = ShardState::Active;
        // Kafka's listener takes itself for a leader's even if the lead was lost while this event stood in the queue.
        self.listener = Some(Listener { leads: !self.has_lost, seen: None });
        let timeline = self.timeline.as_mut().expect("it was loaded");
        step.effects.push(ShardEffect::Note(GroupEvent::Loaded {
            epoch,
            records: stats.records,
            written: timeline.last_written(),
            committed: timeline.last_committed(),
            state: timeline.machine.state().fingerprint(),
        }));
        timeline.image = step.image.clone();
        timeline.with(step, |it, lent| it.on_loaded(lent));
    }

    fn on_unload(&mut self, step: &mut ShardStep<'_>, epoch: Option<LeaderEpoch>) {
        if self.state == ShardState::Closed || epoch.is_some_and(|epoch| epoch <= self.epoch) {
            return;
        }
        step.effects.push(ShardEffect::Note(GroupEvent::Unloaded { epoch: self.epoch }));
        self.state = ShardState::Closed;
        self.unload(step);
        // In Kafka the context goes, and another one begins without an epoch: a topic that is made again counts anew.
        self.epoch = LeaderEpoch::NONE;
    }

    /// Whoever waits is told that this is the coordinator no longer.
    fn unload(&mut self, step: &mut ShardStep<'_>) {
        self.listener = None;
        let Some(timeline) = &mut self.timeline else { return };
        timeline.machine.timers_mut().cancel_all();
        let waiting = self.deferred.take_all();
        mark::sometimes!(
            step.effects,
            !waiting.is_empty(),
            "group_writes_outlive_coordinator",
            "a coordinator was unloaded while what it had written waited to be committed"
        );
        for number in waiting {
            self.complete(step, number, Err(ErrorCode::NotCoordinator.into()));
        }
        self.fail_batch(step, &ErrorCode::NotCoordinator.into());
        if let Some(mut timeline) = self.timeline.take() {
            timeline.machine.timers_mut().cancel_all();
            timeline.with(step, |it, lent| it.on_unloaded(lent));
        }
    }

    /// The log and the shard do not agree any more: it is read again.
    pub(super) fn reload(&mut self, step: &mut ShardStep<'_>) {
        self.state = ShardState::Failed;
        self.unload(step);
        self.begin_loading(step);
    }
}

fn reply(
    step: &mut ShardStep<'_>,
    token: Token,
    answer: Result<crate::group::request::GroupResponse, GroupError>,
) {
    step.effects.push(ShardEffect::Group(GroupEffect::Reply { token, answer }));
}
