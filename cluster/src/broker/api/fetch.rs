//! Fetch: reads from some partitions, for followers and consumers, and waits if there is too little.
//!
//! In Kafka:   `KafkaApis.handleFetchRequest`, `ReplicaManager.fetchMessages`, `DelayedFetch`; KIP-74, 227, 320, 392.
//! Holds:      a fetch in process: one job per partition with data, then perhaps a place in the purgatory, and the
//!             same reads again when it leaves it.
//! Invariants: R19 what a consumer reads lies below `ReadView::up_to`. FE-1 a parked fetch is looked at once more
//!             just before it parks, so that no publish in between is missed. FE-2 only the first reads of a
//!             follower's fetch tell about the follower, not those out of the purgatory. FE-3 of a partition that
//!             is read elsewhere nothing is read here, and its fetch does not wait.
//! Left out:   remote storage, quotas. A parked fetch of a consumer that wants many bytes counts
//!             those up to the log end, not to the high watermark, and so may be answered a little early.

use std::sync::Arc;

use bytes::Bytes;
use trial_log::{Compression, CompressionType, LogError, LogOffsetMetadata};
use trial_sim::Span;

use super::super::request::{Refused, Request};
use super::super::task::Task;
use super::super::{Broker, Cx, DISK, LOG_DIRECTORY_FAILED, costs, yields};
use super::fetch_answer::failed_partition;
use super::fetch_marks as marks;
use super::nearest::Nearest;
use crate::error_code::ErrorCode;
use crate::ids::{BrokerEpoch, BrokerId, LeaderEpoch, Offset, TopicPartition, Uuid};
use crate::image::MetadataImage;
use crate::mark;
use crate::partition::fetch_session::{
    AnswerFacts, FetchContext, FetchMetadata, FetchSessionRequest, SessionEpoch, SessionId,
};
use crate::partition::{
    FetchPartition, FetchProgress, FollowerFetch, Isolation, Partition, ReadView, Reader, WallTime,
};
use crate::storage::SimulatedDisk;
use crate::wire::{FetchRequest, fetch_response as wire};

/// From here on topics are named by id.
pub(super) const NAMES_TOPICS_BY_ID: i16 = 13;
/// From here on a follower's broker epoch is told (KIP-903).
const TELLS_BROKER_EPOCH: i16 = 15;
/// From here on batches may be compressed with zstd (KIP-110).
const TAKES_ZSTD: i16 = 10;
/// From here on followers may answer consumers (KIP-392).
const FOLLOWERS_MAY_ANSWER: i16 = 11;

/// A fetch in process.
#[derive(Debug, Clone)]
pub(in crate::broker) struct Fetch {
    pub(super) request: Arc<Request>,
    pub(super) reader: Reader,
    /// Where a consumer stands that may be sent to a follower.
    nearest: Option<Nearest>,
    pub(super) context: FetchContext,
    pub(super) named: Vec<(TopicPartition, FetchPartition)>,
    /// Topics that this broker does not know by their names (old versions), with their answers.
    pub(super) unknown: Vec<wire::Response>,
    max_wait: Span,
    min_bytes: usize,
    max_bytes: usize,
    pub(super) parts: Vec<Part>,
    next: usize,
    /// The partitions before this one were read in the last job, and are to be published in its second half.
    published: usize,
    bytes: usize,
    from_purgatory: bool,
    /// The next partition's bound is known, and its read was put off (`yields.rs`).
    bound: bool,
}

/// One partition of it.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) id: TopicPartition,
    slot: Option<u32>,
    fetch: FetchPartition,
    pub(super) view: Option<ReadView>,
    start: Option<LogOffsetMetadata>,
    /// Who shall be asked instead (`preferredReadReplica`).
    pub(super) preferred: Option<BrokerId>,
    pub(super) error: ErrorCode,
    pub(super) records: Bytes,
}

pub(super) fn handle(
    broker: &mut Broker,
    request: &Arc<Request>,
    cx: &mut Cx<'_>,
) -> Result<(), Refused> {
    let message = request.message::<FetchRequest>()?;
    let version = request.header.request_api_version;
    let (replica, epoch) = if version >= TELLS_BROKER_EPOCH {
        (message.replica_state.replica_id, message.replica_state.replica_epoch)
    } else {
        (message.replica_id, -1)
    };
    let is_follower = replica >= 0;
    let reader = if is_follower {
        Reader::Follower { id: BrokerId(replica), epoch: BrokerEpoch(epoch) }
    } else {
        let isolation = match message.isolation_level {
            1 => Isolation::ReadCommitted,
            _ => Isolation::ReadUncommitted,
        };
        Reader::Consumer { isolation, leader_only: version < FOLLOWERS_MAY_ANSWER }
    };
    let (named, unknown) = broker.named_partitions(&message, version);
    let forgotten = broker.forgotten_partitions(&message, version);
    let session = FetchSessionRequest {
        metadata: FetchMetadata {
            session: SessionId(message.session_id),
            epoch: SessionEpoch(message.session_epoch),
        },
        is_follower,
        uses_topic_ids: version >= NAMES_TOPICS_BY_ID,
        partitions: &named,
        forgotten: &forgotten,
    };
    let context = broker.fetch_sessions.on_request(WallTime(cx.wall_ms()), &session);
    marks::context(&context, cx);
    let mut partitions = Vec::new();
    broker.fetch_sessions.partitions(&context, &named, &mut partitions);
    let parts = partitions.into_iter().map(|(id, fetch)| broker.part(id, fetch)).collect();
    let bytes = |count: i32| usize::try_from(count).unwrap_or(0);
    let max_bytes = bytes(message.max_bytes.min(broker.config().node.fetch_max_bytes));
    let fetch = Fetch {
        request: Arc::clone(request),
        nearest: Nearest::of(broker, request, &message, &reader),
        reader,
        context,
        named,
        unknown,
        max_wait: Span::from_millis(u64::try_from(message.max_wait_ms).unwrap_or(0)),
        min_bytes: bytes(message.min_bytes).min(max_bytes),
        max_bytes,
        parts,
        next: 0,
        published: 0,
        bytes: 0,
        from_purgatory: false,
        bound: false,
    };
    let key = broker.fetches.insert(fetch);
    broker.then(Task::Read(key), cx);
    Ok(())
}

impl Fetch {
    /// FE-2: the follower about whom its reads tell.
    fn told_follower(&self) -> Option<(BrokerId, BrokerEpoch)> {
        match self.reader {
            Reader::Follower { id, epoch } if !self.from_purgatory => Some((id, epoch)),
            _ => None,
        }
    }
}

impl Part {
    /// FE-3: whether another replica is to be read: that is told to a reader in this one's epoch, others are refused.
    fn is_read_elsewhere(
        &mut self,
        nearest: Option<&Nearest>,
        partition: &Partition,
        image: &MetadataImage,
    ) -> bool {
        let offset = self.fetch.fetch_offset;
        let replica = nearest.and_then(|nearest| nearest.replica(partition, offset, image));
        let Some(replica) = replica else { return false };
        match partition.offsets_without_records(&self.fetch) {
            Ok(view) => (self.view, self.preferred) = (Some(view), Some(replica)),
            Err(error) => self.error = error,
        }
        true
    }

    pub(super) fn facts(&self) -> AnswerFacts {
        AnswerFacts {
            partition: self.id,
            error: self.error,
            high_watermark: self.view.map_or(Offset(-1), |view| view.high_watermark),
            log_start_offset: self.view.map_or(Offset(-1), |view| view.log_start_offset),
            has_records: !self.records.is_empty(),
            is_diverging: self.view.is_some_and(|view| view.diverging_epoch.is_some()),
            has_preferred_replica: self.preferred.is_some(),
        }
    }
}

/// What a request names, in our words.
impl Broker {
    fn named_partitions(
        &self,
        message: &FetchRequest,
        version: i16,
    ) -> (Vec<(TopicPartition, FetchPartition)>, Vec<wire::Response>) {
        let mut named = Vec::new();
        let mut unknown = Vec::new();
        for topic in &message.topics {
            let Some(id) = self.topic_id(&topic.topic, topic.topic_id, version) else {
                let failed = |asked: &crate::wire::fetch_request::Partition| {
                    let error = ErrorCode::UnknownTopicOrPartition;
                    failed_partition(asked.partition, error)
                };
                unknown.push(wire::Response {
                    topic: topic.topic.clone(),
                    partitions: topic.partitions.iter().map(failed).collect(),
                    ..Default::default()
                });
                continue;
            };
            for asked in &topic.partitions {
                // A fetch takes every epoch below zero for none; other requests only -1.
                let epoch = |epoch: i32| (epoch >= 0).then_some(LeaderEpoch(epoch));
                let fetch = FetchPartition {
                    fetch_offset: Offset(asked.fetch_offset),
                    log_start_offset: Offset(asked.log_start_offset),
                    max_bytes: asked.partition_max_bytes,
                    current_leader_epoch: epoch(asked.current_leader_epoch),
                    last_fetched_epoch: epoch(asked.last_fetched_epoch),
                };
                // Of a partition that is named twice the last word counts, at the first place.
                let key = TopicPartition { topic: id, partition: asked.partition };
                match named.iter_mut().find(|(other, _)| *other == key) {
                    Some((_, before)) => *before = fetch,
                    None => named.push((key, fetch)),
                }
            }
        }
        (named, unknown)
    }

    fn forgotten_partitions(&self, message: &FetchRequest, version: i16) -> Vec<TopicPartition> {
        let mut forgotten = Vec::new();
        for topic in &message.forgotten_topics_data {
            if let Some(id) = self.topic_id(&topic.topic, topic.topic_id, version) {
                let partitions = topic.partitions.iter();
                forgotten.extend(
                    partitions.map(|index| TopicPartition { topic: id, partition: *index }),
                );
            }
        }
        forgotten
    }

    fn topic_id(&self, name: &str, id: Uuid, version: i16) -> Option<Uuid> {
        if version >= NAMES_TOPICS_BY_ID {
            return Some(id);
        }
        self.image().topics().topic_by_name(name).map(|topic| topic.id)
    }

    fn part(&self, id: TopicPartition, fetch: FetchPartition) -> Part {
        let slot = self.replicas.slot(id);
        let error = if slot.is_some() {
            ErrorCode::None
        } else if self.image().topics().topic(id.topic).is_none() {
            ErrorCode::UnknownTopicId
        } else if self.image().topics().partition(id).is_none() {
            ErrorCode::UnknownTopicOrPartition
        } else {
            ErrorCode::NotLeaderOrFollower
        };
        let (view, start, preferred) = (None, None, None);
        Part { id, slot, fetch, view, start, preferred, error, records: Bytes::new() }
    }
}

/// The jobs.
impl Broker {
    /// First half: looks at partitions up to the first that has something to read, and reads that.
    pub(in crate::broker) fn start_read(&mut self, key: u32, cx: &mut Cx<'_>) -> Span {
        let fetch = self.fetches.get_mut(key);
        let mut cost = costs::HANDLE;
        fetch.published = fetch.next;
        while fetch.next < fetch.parts.len() {
            let part = &mut fetch.parts[fetch.next];
            fetch.next += 1;
            let Some(replica) = part.slot.and_then(|slot| self.replicas.get_mut(slot)) else {
                (fetch.bound, part.view) = (false, None);
                continue;
            };
            // In Kafka the role does not change while a read holds the lock: it comes before, and the read begins anew.
            let known = part.view.filter(|view| {
                fetch.bound && replica.partition.answers_in(&fetch.reader, view.leader_epoch)
            });
            let was_bound = std::mem::take(&mut fetch.bound);
            let view = match known {
                Some(view) => view,
                None => {
                    part.view = None;
                    let nearest = fetch.nearest.as_ref();
                    if part.is_read_elsewhere(nearest, &replica.partition, &self.image) {
                        marks::sent_elsewhere(cx);
                        continue;
                    }
                    let epochs = replica.log.epochs();
                    match replica.partition.read(&fetch.reader, &part.fetch, epochs) {
                        Ok(view) => view,
                        Err(error) => {
                            marks::refusal(&fetch.reader, error, cx);
                            part.error = error;
                            continue;
                        }
                    }
                }
            };
            if known.is_none() {
                marks::view(&view, part.fetch.fetch_offset, cx);
            }
            part.view = Some(view);
            if view.diverging_epoch.is_some() || view.up_to <= part.fetch.fetch_offset {
                continue;
            }
            if !was_bound && cx.yields(yields::BOUND_AND_SLICE) {
                (fetch.bound, fetch.next) = (true, fetch.next - 1);
                break;
            }
            let stored = replica.log.config().compression.map(Compression::codec);
            if fetch.request.header.request_api_version < TAKES_ZSTD
                && stored == Some(CompressionType::Zstd)
            {
                part.error = ErrorCode::UnsupportedCompressionType;
                continue;
            }
            let limit = fetch.max_bytes.saturating_sub(fetch.bytes);
            let wanted = usize::try_from(part.fetch.max_bytes).unwrap_or(0).min(limit);
            let from = part.fetch.fetch_offset;
            let mut disk = SimulatedDisk::new(cx.disk(DISK));
            let (first, events) = (fetch.bytes == 0, &mut replica.events);
            match replica.log.read(&mut disk, from, wanted, view.up_to, first, events) {
                Ok(found) => {
                    cost += costs::READ + costs::bytes(found.records.len());
                    marks::records(&fetch.reader, &replica.partition, cx);
                    fetch.bytes += found.records.len();
                    part.start = Some(found.start);
                    part.records = found.records;
                    break;
                }
                Err(LogError::OffsetOutOfRange { .. }) => part.error = ErrorCode::OffsetOutOfRange,
                Err(_) => {
                    part.error = ErrorCode::KafkaStorageError;
                    if replica.log.offline().is_some() {
                        cx.halt(LOG_DIRECTORY_FAILED);
                        break;
                    }
                }
            }
        }
        cost
    }

    /// Second half: what the reads tell about a follower is published; then on, or an answer, or a wait.
    pub(in crate::broker) fn finish_read(&mut self, key: u32, cx: &mut Cx<'_>) {
        let fetch = self.fetches.get_mut(key);
        let tells = fetch.told_follower().is_some() && fetch.published < fetch.next;
        let rest = || Task::RestOfRead(key);
        if !tells || !self.lets_go(yields::SLICE_AND_PROGRESS, rest, cx) {
            self.rest_of_read(key, cx);
        }
    }

    /// What the reads of a job tell about a follower; then on, or an answer, or a wait.
    pub(in crate::broker) fn rest_of_read(&mut self, key: u32, cx: &mut Cx<'_>) {
        let fetch = self.fetches.get_mut(key);
        let done = fetch.published..fetch.next;
        if let Some((id, epoch)) = fetch.told_follower() {
            for index in done {
                self.publish_follower(key, index, id, epoch, cx);
            }
        }
        let fetch = self.fetches.get_mut(key);
        if fetch.next < fetch.parts.len() {
            let task = Task::Read(key);
            if fetch.bound {
                self.hold_up(task, cx);
            } else {
                self.then(task, cx);
            }
            return;
        }
        if fetch.from_purgatory || self.must_answer_now(key) {
            if !self.lets_go(yields::READ_AND_ANSWER, || Task::AnswerFetch(key), cx) {
                self.answer_fetch(key, cx);
            }
            return;
        }
        let fetch = self.fetches.get_mut(key);
        let slots: Vec<u32> = fetch.parts.iter().filter_map(|part| part.slot).collect();
        let wait = fetch.max_wait;
        if self.try_complete_fetch(key) {
            mark::reachable!(
                cx,
                "fetch_almost_parked",
                "something was published between the reads of a fetch and its wait"
            );
            self.read_again(key, cx);
        } else {
            self.delayed_fetches.park(cx.now(), wait, slots, key);
        }
    }

    fn publish_follower(
        &mut self,
        key: u32,
        index: usize,
        replica: BrokerId,
        broker_epoch: BrokerEpoch,
        cx: &mut Cx<'_>,
    ) {
        let part = &self.fetches.get_mut(key).parts[index];
        let (Some(slot), Some(view)) = (part.slot, part.view) else { return };
        if view.diverging_epoch.is_some() || !part.error.is_ok() {
            return;
        }
        let progress = FollowerFetch {
            replica,
            broker_epoch,
            fetch_offset: part.fetch.fetch_offset,
            log_start_offset: part.fetch.log_start_offset,
            leader_end_at_read: view.log_end_offset,
            leader_epoch: view.leader_epoch,
        };
        let told = self.with_partition(slot, cx, |partition, now, brokers, _, effects| {
            partition.on_follower_fetch(now, &progress, brokers, effects)
        });
        self.check_delete_records(slot, cx);
        if let Some(Err(error)) = told {
            mark::reachable!(
                cx,
                "fetch_of_old_incarnation",
                "a leader refused the fetch of a broker that has registered anew since (KIP-903)"
            );
            let part = &mut self.fetches.get_mut(key).parts[index];
            part.error = error;
            part.records = Bytes::new();
        }
    }

    fn must_answer_now(&mut self, key: u32) -> bool {
        let fetch = self.fetches.get_mut(key);
        let urgent = |part: &Part| {
            !part.error.is_ok()
                || part.preferred.is_some()
                || part.view.is_some_and(|view| view.diverging_epoch.is_some())
        };
        fetch.max_wait == Span::ZERO
            || fetch.parts.is_empty()
            || fetch.bytes >= fetch.min_bytes
            || fetch.parts.iter().any(urgent)
    }

    /// Whether a fetch that waits, or is about to, has to be answered.
    pub(in crate::broker) fn try_complete_fetch(&mut self, key: u32) -> bool {
        let fetch = self.fetches.get_mut(key);
        let mut readable = 0;
        for part in &fetch.parts {
            let Some(replica) = part.slot.and_then(|slot| self.replicas.get(slot)) else {
                return true;
            };
            let epochs = replica.log.epochs();
            match replica.partition.poll_fetch(&fetch.reader, &part.fetch, epochs) {
                FetchProgress::Answer => return true,
                FetchProgress::Nothing => {}
                FetchProgress::Readable { .. } => {
                    let end = replica.log.log_end_offset_metadata();
                    let bytes = part.start.and_then(|start| end.bytes_since(&start));
                    readable += bytes.map_or(1, |bytes| usize::try_from(bytes).unwrap_or(1).max(1));
                }
            }
        }
        readable >= fetch.min_bytes
    }

    /// A fetch has left the purgatory: its reads begin anew.
    pub(in crate::broker) fn read_again(&mut self, key: u32, cx: &mut Cx<'_>) {
        let fetch = self.fetches.get_mut(key);
        (fetch.next, fetch.published, fetch.bytes, fetch.from_purgatory) = (0, 0, 0, true);
        fetch.bound = false;
        for part in &mut fetch.parts {
            (part.view, part.start, part.error) = (None, None, ErrorCode::None);
            part.preferred = None;
            part.records = Bytes::new();
        }
        self.refresh_slots(key);
        self.then_or_later(yields::PURGATORY_AND_ANSWER, Task::Read(key), cx);
    }

    /// A partition may have gone, and one of that name come, while the fetch waited.
    fn refresh_slots(&mut self, key: u32) {
        let ids: Vec<(TopicPartition, FetchPartition)> =
            self.fetches.get_mut(key).parts.iter().map(|part| (part.id, part.fetch)).collect();
        let parts = ids.into_iter().map(|(id, fetch)| self.part(id, fetch)).collect();
        self.fetches.get_mut(key).parts = parts;
    }
}
