//! The shards of a broker: one job is one event of one shard, under the lock of its partition.
//!
//! In Kafka:   `CoordinatorRuntime`, `MultiThreadedEventProcessor`, `EventAccumulator`; `group.coordinator.threads`.
//! Holds:      the shards that this broker coordinates or has coordinated; requests that wait for them.
//! Invariants: GR-1 a shard has one event handled at a time, in the order of its queue. GR-2 the first half of a job
//!             handles the event, and appends; the end of the log, answers and notes leave with the second. GR-3 each
//!             token is answered once.

use std::collections::BTreeMap;
use std::sync::Arc;

use trial_log::Compression;
use trial_sim::{LockId, Span, Time};

use super::super::api::GroupCall;
use super::writer::Writer;
use crate::broker::task::{GROUPS, Task, lock_of};
use crate::broker::{Broker, Cx, DISK, Slab, costs, yields};
use crate::config::BrokerConfig;
use crate::controller::topic_names::GROUP_METADATA_TOPIC;
use crate::error_code::ErrorCode;
use crate::group::shard::{Shard, ShardEffect, ShardEvent, ShardState, ShardStep};
use crate::group::{GroupEffect, GroupError, GroupResponse};
use crate::ids::{Offset, TopicId, TopicPartition, Uuid};
use crate::image::MetadataImage;
use crate::note::Note;
use crate::note::group::GroupNote;
use crate::rules::Rules;
use crate::storage::SimulatedDisk;

/// Which part of which request a shard is asked for.
#[derive(Debug, Clone, Copy)]
pub(in crate::broker) struct Token {
    /// The request, among those that wait.
    pub(in crate::broker) call: u32,
    /// The part of it.
    pub(in crate::broker) part: usize,
}

/// A shard on this broker.
#[derive(Debug, Clone)]
pub(super) struct Hosted {
    pub(super) shard: Shard,
    /// The topic of its partition: another one once that was deleted and made again.
    pub(super) topic: TopicId,
    /// Whether a job of it is queued or runs (GR-1).
    is_busy: bool,
    /// What the first half of a job leaves to the second.
    effects: Vec<ShardEffect>,
    appended: Option<Offset>,
}

/// All of them.
#[derive(Debug, Clone, Default)]
pub(in crate::broker) struct GroupCoordinators {
    /// How many partitions groups are spread over; none before the coordinators have started.
    pub(in crate::broker) partitions: Option<i32>,
    /// The image that they were told of last.
    pub(super) image: MetadataImage,
    pub(super) shards: BTreeMap<i32, Hosted>,
    pub(in crate::broker) tokens: Slab<Token>,
    pub(in crate::broker) calls: Slab<GroupCall>,
}

impl GroupCoordinators {
    /// There is a shard for what an event is about, if it is an election.
    pub(super) fn host(
        &mut self,
        topic: TopicId,
        partition: i32,
        event: &ShardEvent,
        (config, rules): (&BrokerConfig, &Rules),
    ) {
        if !matches!(event, ShardEvent::Load { .. }) {
            return;
        }
        let hosted = self.shards.entry(partition).or_insert_with(|| Hosted {
            shard: Shard::new(
                Arc::new(config.group.clone()),
                Compression::from(config.group.offsets_topic_compression_codec.0),
            )
            .with_rules(rules.clone()),
            topic,
            is_busy: false,
            effects: Vec::new(),
            appended: None,
        });
        hosted.topic = topic;
    }

    /// The partitions that this broker coordinates, in their order.
    pub(in crate::broker) fn hosted(&self) -> Vec<i32> {
        let there = self.shards.iter().filter(|(_, it)| it.shard.state() != ShardState::Closed);
        there.map(|(partition, _)| *partition).collect()
    }

    /// The shard of a partition of this topic and number.
    fn of(&mut self, id: TopicPartition) -> Option<&mut Hosted> {
        self.shards.get_mut(&id.partition).filter(|hosted| hosted.topic == id.topic)
    }

    /// When a shard has something to do.
    pub(in crate::broker) fn next_deadline(&self) -> Option<Time> {
        self.shards.values().filter_map(|hosted| hosted.shard.next_deadline()).min()
    }
}

impl Broker {
    /// Puts an event at the end of a shard's queue; nobody is there to hear of it if there is no such shard.
    pub(in crate::broker) fn tell_shard(
        &mut self,
        partition: i32,
        event: ShardEvent,
        cx: &mut Cx<'_>,
    ) {
        match self.groups.shards.get_mut(&partition) {
            Some(hosted) => hosted.shard.enqueue(event),
            None => {
                if let ShardEvent::Request { token, .. } | ShardEvent::Question { token, .. } =
                    event
                {
                    self.answer_group(token, Err(ErrorCode::NotCoordinator.into()), cx);
                }
            }
        }
        self.wake_shard(partition, cx);
    }

    /// GR-1. Has a shard's next event handled, if there is one.
    fn wake_shard(&mut self, partition: i32, cx: &mut Cx<'_>) {
        let Some(hosted) = self.groups.shards.get_mut(&partition) else { return };
        if hosted.is_busy || !hosted.shard.has_work() {
            return;
        }
        hosted.is_busy = true;
        let task = Task::Coordinate(partition);
        if cx.yields(yields::EVENT_AND_TURN) {
            self.hold_up(task, cx);
            return;
        }
        let lock = self.lock(&task);
        let token = u64::from(self.tasks.insert(task));
        cx.submit(GROUPS, token, lock);
    }

    /// The lock of the partition that a shard writes to.
    pub(in crate::broker) fn lock_of_shard(&mut self, partition: i32) -> Option<LockId> {
        let topic = self.groups.shards.get(&partition)?.topic;
        Some(lock_of(self.replicas.reserve(TopicPartition { topic, partition })))
    }

    /// First half: one event is handled.
    pub(in crate::broker) fn start_coordinate(&mut self, partition: i32, cx: &mut Cx<'_>) -> Span {
        if self.closing {
            return costs::HANDLE;
        }
        let (now, wall_ms) = (cx.now(), cx.wall_ms());
        let mut random = cx.random("group-coordinator").clone();
        let Some(hosted) = self.groups.shards.get_mut(&partition) else { return costs::HANDLE };
        let id = TopicPartition { topic: hosted.topic, partition };
        let slot = self.replicas.slot(id);
        let mut log = Writer {
            replica: slot.and_then(|slot| self.replicas.get_mut(slot)),
            disk: SimulatedDisk::new(cx.disk(DISK)),
            now_ms: wall_ms,
            end: None,
            bytes: 0,
        };
        let mut effects = Vec::new();
        let mut step = ShardStep {
            now,
            wall_ms,
            random: &mut random,
            image: &self.groups.image,
            log: &mut log,
            effects: &mut effects,
        };
        hosted.shard.process(&mut step);
        let (end, bytes) = (log.end, log.bytes);
        hosted.effects = effects;
        hosted.appended = end;
        *cx.random("group-coordinator") = random;
        costs::COORDINATE + costs::bytes(bytes)
    }

    /// Second half: others may see what came of it (GR-2).
    pub(in crate::broker) fn finish_coordinate(&mut self, partition: i32, cx: &mut Cx<'_>) {
        let Some(hosted) = self.groups.shards.get_mut(&partition) else { return };
        let id = TopicPartition { topic: hosted.topic, partition };
        let (effects, end) = (std::mem::take(&mut hosted.effects), hosted.appended.take());
        if let Some(slot) = self.replicas.slot(id) {
            self.on_log_events(slot, cx);
            if let Some(end) = end {
                self.publish_end(slot, end, cx);
            }
        }
        for effect in effects {
            match effect {
                ShardEffect::Group(GroupEffect::Reply { token, answer }) => {
                    self.answer_group(token, answer, cx);
                }
                ShardEffect::Group(GroupEffect::Forget { token }) => self.forget_group(token),
                ShardEffect::Group(GroupEffect::Reached(mark)) => cx.note(Note::Reached(mark)),
                ShardEffect::Group(GroupEffect::Note(event)) | ShardEffect::Note(event) => {
                    cx.note(Note::Group(GroupNote { partition, event }));
                }
                ShardEffect::Load(load) => self.load_shard(partition, load, cx),
            }
        }
        let hosted = self.groups.shards.get_mut(&partition).expect("a shard stays");
        hosted.is_busy = false;
        if !self.closing {
            self.wake_shard(partition, cx);
        }
    }

    /// Shards whose timers have run out come to it.
    pub(in crate::broker) fn on_group_time(&mut self, cx: &mut Cx<'_>) {
        let now = cx.now();
        let is_due = |hosted: &Hosted| hosted.shard.next_deadline().is_some_and(|at| at <= now);
        let due = self.groups.shards.iter().filter(|(_, hosted)| is_due(hosted));
        for partition in due.map(|(partition, _)| *partition).collect::<Vec<_>>() {
            let hosted = self.groups.shards.get_mut(&partition).expect("just seen");
            hosted.shard.on_time(now);
            self.wake_shard(partition, cx);
        }
    }

    /// The high watermark of a partition has moved here.
    pub(in crate::broker) fn on_group_high_watermark(
        &mut self,
        id: TopicPartition,
        to: Offset,
        cx: &mut Cx<'_>,
    ) {
        if let Some(hosted) = self.groups.of(id) {
            hosted.shard.on_high_watermark(to);
            self.wake_shard(id.partition, cx);
        }
    }

    /// This broker leads a partition no longer: before it fetches anything as a follower (KAFKA-20634).
    pub(in crate::broker) fn on_group_leadership_lost(&mut self, id: TopicPartition) {
        if let Some(hosted) = self.groups.of(id) {
            hosted.shard.on_leadership_lost();
        }
    }

    /// A shard has answered a part of a request.
    fn answer_group(
        &mut self,
        token: u32,
        answer: Result<GroupResponse, GroupError>,
        cx: &mut Cx<'_>,
    ) {
        let Token { call, part } = self.groups.tokens.take(token);
        self.on_group_answer(call, part, answer, cx);
    }

    /// A request has no answer: its connection stays mute until the client gives up.
    fn forget_group(&mut self, token: u32) {
        let Token { call, .. } = self.groups.tokens.take(token);
        self.groups.calls.take(call);
    }

    /// The id of `__consumer_offsets`, if it is there.
    pub(in crate::broker) fn group_topic(&self) -> Option<Uuid> {
        self.image.topics().topic_by_name(GROUP_METADATA_TOPIC).map(|topic| topic.id)
    }
}
