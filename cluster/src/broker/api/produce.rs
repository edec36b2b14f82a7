//! Produce: appends one batch to each of some partitions, and answers when its acks say so.
//!
//! In Kafka:   `KafkaApis.handleProduceRequest`, `ReplicaManager.appendRecords`, `DelayedProduce`.
//! Holds:      a produce in process: one job per partition, under that partition's lock, one after another on the
//!             same lane; then, with acks=all, a place in the purgatory.
//! Invariants: R12 acks=all waits for `Partition::check_produce`. PR-1 a request times out without undoing its
//!             append: REQUEST_TIMED_OUT means "nobody knows".
//!             PR-2 a batch that was appended before is answered as the first time, once it is where acks want it.
//!             PR-3 only an admin client writes to an internal topic, as Kafka has it
//!             (`ReplicaManager.appendRecordsToLeader`).
//! Left out:   transactions, quotas.

use std::sync::Arc;

use bytes::Bytes;
use trial_log::{AppendOrigin, BatchErrorKind, LogError, ProducerError, RecordError, RecordErrors};
use trial_sim::Span;

use super::super::request::{Refused, Request};
use super::super::task::Task;
use super::super::{Broker, Cx, DISK, costs, yields};
use super::in_turn::{self, InTurn};
use super::produce_records;
use crate::controller::topic_names;
use crate::error_code::ErrorCode;
use crate::ids::{Offset, TopicId, TopicPartition, Uuid};
use crate::mark;
use crate::partition::produce::ACKS_ALL;
use crate::storage::SimulatedDisk;
use crate::wire::{ProduceRequest, ProduceResponse, produce_response as wire};

/// From here on topics are named by id.
const NAMES_TOPICS_BY_ID: i16 = 13;
/// From here on an answer says who leads instead (KIP-951).
const NAMES_LEADERS: i16 = 10;

/// The `client.id` that may write to internal topics.
const ADMIN_CLIENT: &str = "__admin_client";

/// A produce in process.
#[derive(Debug, Clone)]
pub(in crate::broker) struct Produce {
    request: Arc<Request>,
    acks: i16,
    timeout: Span,
    parts: InTurn<Part>,
}

/// One partition of it.
#[derive(Debug, Clone)]
struct Part {
    topic: TopicId,
    /// Empty where topics are named by id.
    name: String,
    index: i32,
    records: Bytes,
    slot: Option<u32>,
    error: ErrorCode,
    /// What is said of records that nobody can read.
    error_message: Option<String>,
    /// Whether no log was asked, because of the records.
    is_unreadable: bool,
    /// Which records the topic does not take, and what is said of the batch then (KIP-467).
    record_errors: Option<RecordErrors>,
    base_offset: Offset,
    log_append_time_ms: i64,
    log_start_offset: Offset,
    /// Where the high watermark has to come to; set once it was appended.
    required: Option<Offset>,
    /// Whether it had been appended before, so that no end is to be published.
    is_duplicate: bool,
    /// Whether it still waits for that.
    waits: bool,
}

pub(super) fn handle(
    broker: &mut Broker,
    request: &Arc<Request>,
    cx: &mut Cx<'_>,
) -> Result<(), Refused> {
    let message = request.message::<ProduceRequest>()?;
    let version = request.header.request_api_version;
    let by_id = version >= NAMES_TOPICS_BY_ID;
    let all = message.topic_data.iter().flat_map(|topic| &topic.partition_data);
    let has_transactional = all
        .filter_map(|partition| partition.records.as_ref())
        .any(produce_records::are_transactional);
    // Nobody may write in the name of a transactional id that he does not give.
    let refuses_all = has_transactional && message.transactional_id.is_none();
    let writes_internal = request.header.client_id.as_deref() == Some(ADMIN_CLIENT);
    let mut parts: Vec<Part> = Vec::new();
    for topic in message.topic_data {
        let found = if by_id {
            broker.image().topics().topic(topic.topic_id)
        } else {
            broker.image().topics().topic_by_name(&topic.name)
        };
        let known = found.map(|found| found.id);
        let is_closed =
            !writes_internal && found.is_some_and(|found| topic_names::is_internal(&found.name));
        for partition in topic.partition_data {
            let mut part = Part::new(partition.index, partition.records.unwrap_or_default());
            part.name.clone_from(&topic.name);
            match known {
                Some(id) => {
                    part.topic = id;
                    broker.find_slot(&mut part, message.acks);
                    // PR-3, behind what does not exist and before anything of the log.
                    if is_closed
                        && matches!(part.error, ErrorCode::None | ErrorCode::NotLeaderOrFollower)
                    {
                        part.error = ErrorCode::InvalidTopicException;
                    }
                    let fault = produce_records::fault(version, &part.records);
                    if let Some((error, message)) =
                        fault.filter(|_| part.error != ErrorCode::UnknownTopicOrPartition)
                    {
                        (part.error, part.error_message) = (error, message);
                        part.is_unreadable = true;
                    }
                }
                None if by_id => {
                    part.topic = topic.topic_id;
                    part.error = ErrorCode::UnknownTopicId;
                }
                None => part.error = ErrorCode::UnknownTopicOrPartition,
            }
            if refuses_all {
                part.error = ErrorCode::TransactionalIdAuthorizationFailed;
            }
            // Of a partition that is named twice the last records count.
            let same = |other: &&mut Part| {
                (other.topic, &other.name, other.index) == (part.topic, &part.name, part.index)
            };
            match parts.iter_mut().find(same) {
                Some(before) => *before = part,
                None => parts.push(part),
            }
        }
    }
    // Answers come in this order: what was tried, what is not there, what cannot be read.
    parts.sort_by_key(|part| match part.error {
        _ if refuses_all => 0,
        _ if part.is_unreadable => 2,
        ErrorCode::UnknownTopicOrPartition | ErrorCode::UnknownTopicId => 1,
        _ => 0,
    });
    let timeout = Span::from_millis(u64::try_from(message.timeout_ms).unwrap_or(0));
    let (request, acks, parts) = (Arc::clone(request), message.acks, InTurn::new(parts));
    let produce = Produce { request, acks, timeout, parts };
    let key = broker.produces.insert(produce);
    broker.next_append(key, cx);
    Ok(())
}

impl Part {
    fn new(index: i32, records: Bytes) -> Self {
        Self {
            topic: Uuid::ZERO,
            name: String::new(),
            index,
            records,
            slot: None,
            error: ErrorCode::None,
            error_message: None,
            is_unreadable: false,
            record_errors: None,
            base_offset: Offset(-1),
            log_append_time_ms: -1,
            log_start_offset: Offset(-1),
            required: None,
            is_duplicate: false,
            waits: false,
        }
    }
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
    fn find_slot(&self, part: &mut Part, acks: i16) {
        let id = TopicPartition { topic: part.topic, partition: part.index };
        part.slot = self.replicas.slot(id);
        part.error = if !matches!(acks, ACKS_ALL..=1) {
            ErrorCode::InvalidRequiredAcks
        } else if self.image().topics().partition(id).is_none() {
            ErrorCode::UnknownTopicOrPartition
        } else if part.slot.is_none() {
            ErrorCode::NotLeaderOrFollower
        } else {
            ErrorCode::None
        };
    }

    /// Goes on with the next partition that can be appended to, or answers.
    fn next_append(&mut self, key: u32, cx: &mut Cx<'_>) {
        if self.produces.get_mut(key).parts.goes_on() {
            self.then_or_later(yields::VERIFY_AND_APPEND, Task::Append(key), cx);
        } else {
            self.appended(key, cx);
        }
    }

    /// The lock that the next append of this produce needs.
    pub(in crate::broker) fn append_slot(&mut self, key: u32) -> u32 {
        self.produces.get_mut(key).parts.slot()
    }

    /// First half: the batch goes to the log, which nobody sees yet.
    pub(in crate::broker) fn start_append(&mut self, key: u32, cx: &mut Cx<'_>) -> Span {
        let produce = self.produces.get_mut(key);
        let acks = produce.acks;
        let slot = produce.parts.slot();
        let part = produce.parts.current();
        let size = part.records.len();
        if self.closing {
            part.error = ErrorCode::NotLeaderOrFollower;
            return costs::APPEND;
        }
        let Some(replica) = self.replicas.get_mut(slot) else {
            part.error = ErrorCode::NotLeaderOrFollower;
            return costs::APPEND;
        };
        let epoch = match replica.partition.check_append(acks) {
            Ok(epoch) => epoch,
            Err(error) => {
                mark::sometimes!(
                    cx,
                    error == ErrorCode::NotEnoughReplicas,
                    "under_min_isr",
                    "a produce was refused because too few replicas were in sync"
                );
                mark::sometimes!(
                    cx,
                    error == ErrorCode::NotLeaderOrFollower,
                    "produce_to_follower",
                    "a produce came to a broker that follows, or waits for metadata"
                );
                part.error = error;
                if tells_log_start(error) {
                    part.log_start_offset = replica.log.log_start_offset();
                }
                return costs::APPEND;
            }
        };
        let now_ms = cx.wall_ms();
        let mut disk = SimulatedDisk::new(cx.disk(DISK));
        let records = std::mem::take(&mut part.records);
        let origin = AppendOrigin::Client;
        let events = &mut replica.events;
        match replica.log.append_as_leader(&mut disk, records, epoch, origin, now_ms, events) {
            Ok(info) => {
                part.base_offset = info.first_offset;
                part.log_append_time_ms = info.log_append_time_ms.unwrap_or(-1);
                part.log_start_offset = info.log_start_offset;
                part.required = Some(info.last_offset.next());
                part.is_duplicate = info.is_duplicate;
            }
            Err(error) => {
                part.error = error_of(&error);
                if tells_log_start(part.error) {
                    part.log_start_offset = replica.log.log_start_offset();
                }
                if let LogError::Records(errors) = error {
                    part.record_errors = Some(errors);
                }
            }
        }
        costs::APPEND + costs::bytes(size)
    }

    /// Second half: the new end is published.
    pub(in crate::broker) fn finish_append(&mut self, key: u32, cx: &mut Cx<'_>) {
        let parts = &mut self.produces.get_mut(key).parts;
        let slot = parts.slot();
        let part = parts.current();
        let published = part.required.filter(|_| !part.is_duplicate);
        parts.pass();
        self.on_log_events(slot, cx);
        if let Some(end) = published {
            self.publish_end(slot, end, cx);
        }
        self.next_append(key, cx);
    }

    /// Everything was appended or refused.
    fn appended(&mut self, key: u32, cx: &mut Cx<'_>) {
        let produce = self.produces.get_mut(key);
        let all = produce.acks == ACKS_ALL;
        for part in produce.parts.iter_mut() {
            part.waits = all && part.required.is_some();
        }
        if self.try_complete_produce(key, cx) {
            self.answer_produce(key, cx);
            return;
        }
        let produce = self.produces.get_mut(key);
        let waiting = produce.parts.iter().filter(|part| part.waits).filter_map(|part| part.slot);
        let slots: Vec<u32> = waiting.collect();
        self.delayed_produces.park(cx.now(), produce.timeout, slots, key);
    }

    /// Whether no partition of the produce waits any more.
    pub(in crate::broker) fn try_complete_produce(&mut self, key: u32, cx: &mut Cx<'_>) -> bool {
        let produce = self.produces.get_mut(key);
        let mut effects = Vec::new();
        let mut done = true;
        for part in produce.parts.iter_mut().filter(|part| part.waits) {
            let required = part.required.expect("only what was appended waits");
            let replica = part.slot.and_then(|slot| self.replicas.get(slot));
            let decided = match replica {
                Some(replica) => {
                    let decided = replica.partition.check_produce(required, &mut effects);
                    Broker::write_notes(replica.partition.id(), &mut effects, cx);
                    decided
                }
                None => Some(ErrorCode::NotLeaderOrFollower),
            };
            match decided {
                Some(error) => {
                    part.error = error;
                    part.waits = false;
                }
                None => done = false,
            }
        }
        done
    }

    /// What still waits has waited too long.
    pub(in crate::broker) fn expire_produce(&mut self, key: u32, cx: &mut Cx<'_>) {
        mark::reachable!(
            cx,
            "produce_times_out",
            "a produce with acks=all waited for its replicas until it timed out"
        );
        let produce = self.produces.get_mut(key);
        for part in produce.parts.iter_mut().filter(|part| part.waits) {
            part.error = ErrorCode::RequestTimedOut;
        }
        self.answer_produce(key, cx);
    }

    pub(in crate::broker) fn answer_produce(&mut self, key: u32, cx: &mut Cx<'_>) {
        let produce = self.produces.take(key);
        if produce.acks == 0 {
            // Nobody waits for an answer; an error shows only as a closed connection.
            if produce.parts.iter().any(|part| !part.error.is_ok()) {
                self.close(produce.request.conn, cx);
            } else {
                self.go_on(produce.request.conn, cx);
            }
            return;
        }
        let names_leaders = produce.request.header.request_api_version >= NAMES_LEADERS;
        let mut response = ProduceResponse::default();
        for part in produce.parts.iter() {
            let same =
                |other: &wire::Response| other.topic_id == part.topic && other.name == part.name;
            let place = response.responses.iter().position(same).unwrap_or_else(|| {
                response.responses.push(wire::Response {
                    name: part.name.clone(),
                    topic_id: part.topic,
                    ..Default::default()
                });
                response.responses.len() - 1
            });
            let mut answer = wire::PartitionResponse {
                index: part.index,
                error_code: part.error.code(),
                base_offset: if part.error.is_ok() { part.base_offset.0 } else { -1 },
                log_append_time_ms: part.log_append_time_ms,
                log_start_offset: part.log_start_offset.0,
                error_message: part.error_message.clone(),
                ..Default::default()
            };
            if let Some(errors) = &part.record_errors {
                answer.error_message = Some(errors.to_string());
                answer.record_errors = errors.errors().iter().map(record_error).collect();
            }
            if names_leaders && part.error == ErrorCode::NotLeaderOrFollower {
                let id = TopicPartition { topic: part.topic, partition: part.index };
                let (leader, epoch, endpoint) = self.current_leader(id, produce.request.conn);
                answer.current_leader.leader_id = leader.0;
                answer.current_leader.leader_epoch = epoch.0;
                if let Some((host, port, rack)) = endpoint
                    && response.node_endpoints.iter().all(|node| node.node_id != leader.0)
                {
                    response.node_endpoints.push(wire::NodeEndpoint {
                        node_id: leader.0,
                        host,
                        port: i32::from(port),
                        rack,
                    });
                }
            }
            response.responses[place].partition_responses.push(answer);
        }
        self.respond::<ProduceRequest>(&produce.request, &response, cx);
    }
}

/// Whether an answer with this error tells where the log starts (`ReplicaManager.appendRecordsToLeader`).
fn tells_log_start(error: ErrorCode) -> bool {
    !matches!(
        error,
        ErrorCode::NotLeaderOrFollower
            | ErrorCode::UnknownTopicOrPartition
            | ErrorCode::MessageTooLarge
            | ErrorCode::RecordListTooLarge
            | ErrorCode::CorruptMessage
            | ErrorCode::KafkaStorageError
    )
}

fn record_error(error: &RecordError) -> wire::RecordError {
    wire::RecordError {
        batch_index: error.batch_index,
        batch_index_error_message: Some(error.to_string()),
    }
}

/// What a client is told of a log's refusal.
pub(in crate::broker) fn error_of(error: &LogError) -> ErrorCode {
    match error {
        LogError::Batch(error) => match error.kind() {
            BatchErrorKind::Corrupt => ErrorCode::CorruptMessage,
            BatchErrorKind::Invalid => ErrorCode::InvalidRecord,
            BatchErrorKind::Timestamp => ErrorCode::InvalidTimestamp,
            BatchErrorKind::TooLarge => ErrorCode::MessageTooLarge,
            BatchErrorKind::LargerThanSegment => ErrorCode::RecordListTooLarge,
            BatchErrorKind::Unexpected => ErrorCode::UnknownServerError,
        },
        LogError::Records(errors) if errors.kind() == BatchErrorKind::Timestamp => {
            ErrorCode::InvalidTimestamp
        }
        LogError::Records(_) => ErrorCode::InvalidRecord,
        LogError::Producer(error) => match error {
            ProducerError::OutOfOrderSequence { .. } => ErrorCode::OutOfOrderSequenceNumber,
            ProducerError::InvalidProducerEpoch { .. } => ErrorCode::InvalidProducerEpoch,
            ProducerError::InvalidTxnState { .. } => ErrorCode::InvalidTxnState,
            ProducerError::CoordinatorFenced { .. } => ErrorCode::TransactionCoordinatorFenced,
            ProducerError::NotAnEndMarker { .. } => ErrorCode::InvalidRecord,
        },
        _ => ErrorCode::KafkaStorageError,
    }
}
