//! DeleteRecords: lets logs start later, and answers when all live replicas have followed.
//!
//! In Kafka:   `KafkaApis.handleDeleteRecordsRequest`, `ReplicaManager.deleteRecords`,
//!             `Partition.deleteRecordsOnLeader`, `DelayedDeleteRecords`; KIP-107, KIP-204.
//! Holds:      a request in process: one job per partition under its lock, one after another on the same lane; then
//!             perhaps a place in the purgatory.
//! Invariants: DR-1 a log starts at its high watermark at most. DR-2 a request times out without undoing anything.
//! Left out:   authorization, future replicas.

use std::sync::Arc;

use trial_log::{LogError, LogStartReason};
use trial_sim::Span;

use super::super::replicas::BrokersInImage;
use super::super::request::{Refused, Request};
use super::super::task::Task;
use super::super::{Broker, Cx, costs};
use super::in_turn::{self, InTurn};
use crate::controller::topic_names;
use crate::error_code::ErrorCode;
use crate::ids::{Offset, TopicPartition};
use crate::mark;
use crate::wire::{DeleteRecordsRequest, DeleteRecordsResponse, delete_records_response as wire};

/// "Up to the high watermark".
const HIGH_WATERMARK: i64 = -1;
/// There is no low watermark to tell.
const NONE: Offset = Offset(-1);

/// A request in process.
#[derive(Debug, Clone)]
pub(in crate::broker) struct DeleteRecords {
    request: Arc<Request>,
    timeout: Span,
    parts: InTurn<Part>,
}

/// One partition of it.
#[derive(Debug, Clone)]
struct Part {
    topic: String,
    index: i32,
    asked: i64,
    slot: Option<u32>,
    error: ErrorCode,
    low_watermark: Offset,
    /// What the low watermark has to come to; set once the own log starts there.
    required: Option<Offset>,
    waits: bool,
}

pub(super) fn handle(
    broker: &mut Broker,
    request: &Arc<Request>,
    cx: &mut Cx<'_>,
) -> Result<(), Refused> {
    let message = request.message::<DeleteRecordsRequest>()?;
    let mut parts: Vec<Part> = Vec::new();
    for topic in message.topics {
        let id = broker.image().topics().topic_by_name(&topic.name).map(|found| found.id);
        for asked in topic.partitions {
            let index = asked.partition_index;
            let id = id.map(|topic| TopicPartition { topic, partition: index });
            let known = id.filter(|id| broker.image().topics().partition(*id).is_some());
            let slot = known.and_then(|id| broker.replicas.slot(id));
            let error = if known.is_none() {
                ErrorCode::UnknownTopicOrPartition
            } else if topic_names::is_internal(&topic.name) {
                ErrorCode::InvalidTopicException
            } else if slot.is_none() {
                ErrorCode::NotLeaderOrFollower
            } else {
                ErrorCode::None
            };
            // Of a partition that is named twice the later offset counts, once.
            let twice = |part: &&mut Part| part.topic == topic.name && part.index == index;
            if let Some(part) = parts.iter_mut().find(twice) {
                part.asked = asked.offset;
                continue;
            }
            parts.push(Part {
                topic: topic.name.clone(),
                index,
                asked: asked.offset,
                slot,
                error,
                low_watermark: NONE,
                required: None,
                waits: false,
            });
        }
    }
    let timeout = Span::from_millis(u64::try_from(message.timeout_ms).unwrap_or(0));
    let request = Arc::clone(request);
    let parts = InTurn::new(parts);
    let key = broker.deletions.insert(DeleteRecords { request, timeout, parts });
    broker.next_deletion(key, cx);
    Ok(())
}

impl in_turn::Part for Part {
    fn slot(&self) -> Option<u32> {
        self.slot
    }

    fn error(&self) -> ErrorCode {
        self.error
    }
}

impl Broker {
    /// Goes on with the next partition that can be cut from below, or answers.
    fn next_deletion(&mut self, key: u32, cx: &mut Cx<'_>) {
        if self.deletions.get_mut(key).parts.goes_on() {
            self.then(Task::DeleteRecords(key), cx);
        } else {
            self.deleted(key, cx);
        }
    }

    /// The lock that the next partition of this request needs.
    pub(in crate::broker) fn delete_records_slot(&mut self, key: u32) -> u32 {
        self.deletions.get_mut(key).parts.slot()
    }

    /// First half: the log starts later, which nobody sees yet.
    pub(in crate::broker) fn start_delete_records(&mut self, key: u32, _cx: &mut Cx<'_>) -> Span {
        let parts = &mut self.deletions.get_mut(key).parts;
        let slot = parts.slot();
        let part = parts.current();
        let replica = self.replicas.get_mut(slot).filter(|_| !self.closing);
        let Some(replica) = replica.filter(|replica| replica.partition.leader().is_some()) else {
            part.error = ErrorCode::NotLeaderOrFollower;
            return costs::HANDLE;
        };
        let config = replica.log.config();
        if config.compacted && !config.deletes {
            part.error = ErrorCode::PolicyViolation;
            return costs::HANDLE;
        }
        let high_watermark = replica.partition.offsets().high_watermark();
        let to = if part.asked == HIGH_WATERMARK { high_watermark } else { Offset(part.asked) };
        if to < Offset::ZERO {
            part.error = ErrorCode::OffsetOutOfRange;
            return costs::HANDLE;
        }
        let (why, events) = (LogStartReason::ClientRecordDeletion, &mut replica.events);
        match replica.log.increment_log_start_offset(to, high_watermark, why, events) {
            Ok(_) => part.required = Some(to),
            Err(LogError::AboveHighWatermark { .. }) => part.error = ErrorCode::OffsetOutOfRange,
            Err(_) => part.error = ErrorCode::KafkaStorageError,
        }
        costs::HANDLE
    }

    /// Second half: everybody may see it.
    pub(in crate::broker) fn finish_delete_records(&mut self, key: u32, cx: &mut Cx<'_>) {
        let parts = &mut self.deletions.get_mut(key).parts;
        let slot = parts.slot();
        let done = parts.pass();
        self.publish_log_start(slot, cx);
        let low_watermark = self.low_watermark(slot);
        let part = &mut self.deletions.get_mut(key).parts[done];
        if part.required.is_some() {
            part.low_watermark = low_watermark.unwrap_or(NONE);
        }
        self.next_deletion(key, cx);
    }

    /// The smallest start among the live replicas of a partition that this broker leads.
    fn low_watermark(&self, slot: u32) -> Option<Offset> {
        let brokers = BrokersInImage { image: &self.image, local_epoch: self.lifecycle.epoch() };
        self.replicas.get(slot)?.partition.low_watermark(&brokers)
    }

    /// Every partition is done or refused.
    fn deleted(&mut self, key: u32, cx: &mut Cx<'_>) {
        let deletion = self.deletions.get_mut(key);
        let lags = |part: &Part| part.required.is_some_and(|to| part.low_watermark < to);
        if !deletion.parts.iter().any(lags) {
            self.answer_delete_records(key, cx);
            return;
        }
        for part in deletion.parts.iter_mut().filter(|part| part.required.is_some()) {
            (part.waits, part.error) = (true, ErrorCode::RequestTimedOut);
        }
        if self.try_complete_delete_records(key) {
            self.answer_delete_records(key, cx);
            return;
        }
        mark::reachable!(
            cx,
            "delete_records_waits",
            "a DeleteRecords waited for replicas whose logs started earlier"
        );
        let deletion = self.deletions.get_mut(key);
        let slots: Vec<u32> = deletion.parts.iter().filter_map(|part| part.slot).collect();
        self.delayed_deletions.park(cx.now(), deletion.timeout, slots, key);
    }

    /// Whether no partition of the request waits any more.
    pub(in crate::broker) fn try_complete_delete_records(&mut self, key: u32) -> bool {
        let mut deletion = self.deletions.lend(key);
        for part in deletion.parts.iter_mut().filter(|part| part.waits) {
            let required = part.required.expect("only what was done waits");
            let slot = part.slot.expect("only what was found was done");
            let (error, low_watermark) = match self.replicas.get(slot) {
                None => (ErrorCode::UnknownTopicOrPartition, NONE),
                Some(_) => match self.low_watermark(slot) {
                    None => (ErrorCode::NotLeaderOrFollower, NONE),
                    Some(low) if low >= required => (ErrorCode::None, low),
                    Some(_) => continue,
                },
            };
            (part.waits, part.error, part.low_watermark) = (false, error, low_watermark);
        }
        let done = deletion.parts.iter().all(|part| !part.waits);
        self.deletions.give_back(key, deletion);
        done
    }

    /// Answers whoever waited on a partition and need not any more.
    pub(in crate::broker) fn check_delete_records(&mut self, slot: u32, cx: &mut Cx<'_>) {
        if self.delayed_deletions.is_empty() {
            return;
        }
        let mut completed = Vec::new();
        let mut purgatory = std::mem::take(&mut self.delayed_deletions);
        purgatory.check(slot, |key| self.try_complete_delete_records(*key), &mut completed);
        self.delayed_deletions = purgatory;
        for key in completed {
            self.answer_delete_records(key, cx);
        }
    }

    /// Answers as things stand: what still waits has timed out.
    pub(in crate::broker) fn answer_delete_records(&mut self, key: u32, cx: &mut Cx<'_>) {
        let deletion = self.deletions.take(key);
        let mut response = DeleteRecordsResponse::default();
        for part in deletion.parts {
            if response.topics.last().is_none_or(|last| last.name != part.topic) {
                let topic = wire::Topic { name: part.topic, ..Default::default() };
                response.topics.push(topic);
            }
            let last = response.topics.last_mut().expect("it was pushed just now");
            last.partitions.push(wire::Partition {
                partition_index: part.index,
                low_watermark: part.low_watermark.0,
                error_code: part.error.code(),
            });
        }
        self.respond::<DeleteRecordsRequest>(&deletion.request, &response, cx);
    }
}
