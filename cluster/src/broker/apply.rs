//! Carries out what partitions ask for.
//!
//! In Kafka:   what `Partition` and the fetcher call on `ReplicaManager`, `AlterPartitionManager`, the purgatories.
//! Invariants: AE-1 effects are carried out in their order. AE-2 what touches the log outside a job that does so
//!             anyway becomes a job of its own, under the partition's lock. AE-3 a cut that waited is given up if the
//!             partition has another role or epoch by then. AE-4 a log starts later at once, which touches no disk: the
//!             next fetch tells the leader of it (`ReplicaFetcherThread.processPartitionData`), and a DeleteRecords may
//!             be answered for it (R26).

use std::collections::VecDeque;

use trial_log::{LogEvent, LogStartReason};

use super::task::{LogDone, Task};
use super::{Broker, Cx, DISK, LOG_DIRECTORY_FAILED, yields};
use crate::error_code::ErrorCode;
use crate::ids::{Offset, TopicPartition};
use crate::note::Note;
use crate::note::partition::PartitionNote;
use crate::partition::Effect;
use crate::storage::SimulatedDisk;

impl Broker {
    /// Carries out `effects` of the partition in `slot`.
    pub(super) fn apply(&mut self, slot: u32, effects: Vec<Effect>, cx: &mut Cx<'_>) {
        let mut effects = VecDeque::from(effects);
        while let Some(effect) = effects.pop_front() {
            let Some(replica) = self.replicas.get_mut(slot) else { return };
            let id = replica.partition.id();
            match effect {
                Effect::Note(event) => {
                    cx.note(Note::Partition(PartitionNote { partition: id, event }));
                }
                Effect::HighWatermarkMoved { to, .. } => {
                    replica.log.on_high_watermark_updated(to);
                    self.on_group_high_watermark(id, to, cx);
                    self.check_or_later(yields::HIGH_WATERMARK_AND_PURGATORY, slot, cx);
                }
                Effect::LeadershipChanged => {
                    self.check_or_later(yields::ROLE_AND_PURGATORY, slot, cx);
                }
                Effect::AlterPartition(change) => {
                    if !self.alter_partition.submit(id, change.clone()) {
                        let refused = Err(ErrorCode::OperationNotAttempted);
                        self.with_partition(slot, cx, |partition, now, brokers, _, effects| {
                            partition.on_isr_answer(now, &change, refused, brokers, effects);
                        });
                    }
                    self.poll_control(cx);
                }
                Effect::StopFetching => {
                    if let Some(leader) = replica.fetched_from.take()
                        && let Some(fetcher) = self.fetchers.get_mut(&leader)
                    {
                        fetcher.remove(id);
                    }
                }
                Effect::FetchFrom { leader, .. } => {
                    replica.fetched_from = Some(leader);
                    self.fetch_from(leader, id, slot, cx);
                }
                Effect::AskLeaderEdge { .. } | Effect::AskEpochEnd { .. } => {
                    if let Some(leader) = replica.fetched_from
                        && let Some(fetcher) = self.fetchers.get_mut(&leader)
                    {
                        fetcher.ask(id, slot, effect);
                        self.poll_fetcher(leader, cx);
                    }
                }
                Effect::AssignEpoch { .. }
                | Effect::AppendAsFollower { .. }
                | Effect::Truncate { .. }
                | Effect::RestartLog { .. } => {
                    self.then(Task::LogWork(slot, Box::new(effect)), cx);
                }
                // AE-4.
                Effect::AdvanceLogStart { to } => self.advance_log_start(slot, to, cx),
            }
        }
    }

    /// Writes the notes among `effects`, of which there are no others.
    pub(super) fn write_notes(id: TopicPartition, effects: &mut Vec<Effect>, cx: &mut Cx<'_>) {
        for effect in effects.drain(..) {
            match effect {
                Effect::Note(event) => {
                    cx.note(Note::Partition(PartitionNote { partition: id, event }));
                }
                other => unreachable!("a question has no effect but notes: {other:?}"),
            }
        }
    }

    /// A new end of a leader's log may be seen: the high watermark may follow, and whoever waits for data is woken.
    pub(super) fn publish_end(&mut self, slot: u32, end: Offset, cx: &mut Cx<'_>) {
        self.with_partition(slot, cx, |partition, now, brokers, _, effects| {
            partition.on_published(now, end, brokers, effects);
        });
        if !self.lets_go(yields::APPEND_AND_PURGATORY, || Task::CheckParked(slot), cx) {
            self.check_fetches(slot, cx);
        }
    }

    fn check_or_later(&mut self, point: &'static str, slot: u32, cx: &mut Cx<'_>) {
        if !self.lets_go(point, || Task::CheckParked(slot), cx) {
            self.check_parked(slot, cx);
        }
    }

    /// Something has changed that whoever is parked on a partition may wait for.
    pub(super) fn check_parked(&mut self, slot: u32, cx: &mut Cx<'_>) {
        self.check_produces(slot, cx);
        self.check_fetches(slot, cx);
        self.check_delete_records(slot, cx);
    }

    pub(super) fn check_produces(&mut self, slot: u32, cx: &mut Cx<'_>) {
        let mut completed = Vec::new();
        let mut purgatory = std::mem::take(&mut self.delayed_produces);
        purgatory.check(slot, |key| self.try_complete_produce(*key, cx), &mut completed);
        self.delayed_produces = purgatory;
        for key in completed {
            if !self.lets_go(yields::PURGATORY_AND_ANSWER, || Task::AnswerProduce(key), cx) {
                self.answer_produce(key, cx);
            }
        }
    }

    pub(super) fn check_fetches(&mut self, slot: u32, cx: &mut Cx<'_>) {
        let mut completed = Vec::new();
        let mut purgatory = std::mem::take(&mut self.delayed_fetches);
        purgatory.check(slot, |key| self.try_complete_fetch(*key), &mut completed);
        self.delayed_fetches = purgatory;
        for key in completed {
            self.read_again(key, cx);
        }
    }

    /// Does to a log what an effect says; answers what has to be published then.
    pub(super) fn do_log_work(
        &mut self,
        slot: u32,
        effect: &Effect,
        cx: &mut Cx<'_>,
    ) -> Option<LogDone> {
        let now_ms = cx.wall_ms();
        let paused = self.pause_cleaning_before(slot, effect, cx);
        let replica = self.replicas.get_mut(slot)?;
        let mut disk = SimulatedDisk::new(cx.disk(DISK));
        let events = &mut replica.events;
        let done = match effect {
            Effect::AssignEpoch { epoch, .. } => {
                replica.log.assign_epoch_at_end(&mut disk, *epoch, events).map(|()| None)
            }
            Effect::Truncate { to } => replica
                .log
                .truncate_to(&mut disk, *to, now_ms, events)
                .map(|_| Some(LogDone::Truncated(*to))),
            Effect::RestartLog { at } => replica
                .log
                .truncate_fully_and_start_at(&mut disk, *at, None, now_ms, events)
                .map(|()| Some(LogDone::Restarted(*at))),
            other => unreachable!("no work for a log: {other:?}"),
        };
        if let Some(name) = paused {
            self.resume_cleaning_after(slot, &name, cx);
        }
        done.unwrap_or(Some(LogDone::Failed))
    }

    /// AE-4. A follower's log starts where its leader's does.
    fn advance_log_start(&mut self, slot: u32, to: Offset, cx: &mut Cx<'_>) {
        let Some(replica) = self.replicas.get_mut(slot).filter(|_| !self.closing) else { return };
        let high_watermark = replica.partition.offsets().high_watermark();
        let (why, events) = (LogStartReason::LeaderOffsetIncremented, &mut replica.events);
        let moved = replica.log.increment_log_start_offset(to, high_watermark, why, events);
        let done = moved.is_err().then_some(LogDone::Failed);
        self.publish_log_work(slot, done, cx);
    }

    /// Publishes what a log did.
    pub(super) fn publish_log_work(&mut self, slot: u32, done: Option<LogDone>, cx: &mut Cx<'_>) {
        self.on_log_events(slot, cx);
        match done {
            None => {}
            Some(LogDone::Truncated(to)) => {
                self.with_partition(slot, cx, |partition, _, _, epochs, effects| {
                    partition.on_truncated(to, epochs, effects);
                });
            }
            Some(LogDone::Restarted(at)) => {
                self.with_partition(slot, cx, |partition, _, _, epochs, effects| {
                    partition.on_restarted(at, epochs, effects);
                });
            }
            Some(LogDone::Failed) => {
                self.with_partition(slot, cx, |partition, _, _, _, effects| {
                    partition.on_log_failed(effects);
                });
            }
            Some(LogDone::Appended(_)) => unreachable!("appends are published by the fetcher"),
        }
        if let Some(replica) = self.replicas.get_mut(slot) {
            replica.log.on_high_watermark_updated(replica.partition.offsets().high_watermark());
        }
        self.on_recovery_point_moved(slot, cx);
        self.changed_follower(slot, cx);
    }

    pub(super) fn start_log_work(&mut self, slot: u32, work: &mut Effect, cx: &mut Cx<'_>) {
        let is_void = |replica: &super::replicas::Replica| match work {
            Effect::Truncate { .. } | Effect::RestartLog { .. } => {
                !replica.partition.is_to_be_cut()
            }
            _ => false,
        };
        // AE-3.
        if self.closing || self.replicas.get(slot).is_some_and(is_void) {
            return;
        }
        let done = self.do_log_work(slot, work, cx);
        if let Some(replica) = self.replicas.get_mut(slot) {
            replica.log_done = done;
        }
    }

    pub(super) fn finish_log_work(&mut self, slot: u32, cx: &mut Cx<'_>) {
        let done = self.replicas.get_mut(slot).and_then(|replica| replica.log_done.take());
        self.publish_log_work(slot, done, cx);
    }

    /// What a log has to tell: a closed segment wants to be flushed, a failed disk ends a broker that has no other.
    pub(super) fn on_log_events(&mut self, slot: u32, cx: &mut Cx<'_>) {
        let Some(replica) = self.replicas.get_mut(slot) else { return };
        if replica.events.is_empty() {
            return;
        }
        let partition = replica.partition.id();
        for event in std::mem::take(&mut replica.events) {
            match event {
                LogEvent::BatchAppended { .. } => continue,
                LogEvent::Rolled { .. } => {
                    self.draw_segment_jitter(slot, cx);
                    self.then(Task::Flush(slot, None), cx);
                }
                LogEvent::EpochsTruncated { .. } => self.then(Task::CheckpointEpochs(slot), cx),
                LogEvent::SegmentDropped { .. } => self.file_dropped(slot, cx),
                LogEvent::WentOffline { .. } => {
                    cx.halt(LOG_DIRECTORY_FAILED);
                }
                _ => {}
            }
            cx.note(Note::Log { partition, event });
        }
    }
}
