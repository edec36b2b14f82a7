//! The producer's other half: batches go out to the leaders, responses come back.
//!
//! In Kafka:   `Sender`; KIP-91 (delivery timeout), KIP-951 (leader hints), KAFKA-19012 (a batch whose request is
//!             still under way keeps its memory).
//! Invariants: SE-1 a batch is in at most one request; C1 it is completed once, whatever is answered and when.
//!             With one request in flight per connection a partition's batches stay in order (muting).

use std::collections::BTreeMap;

use trial_sim::Time;

use super::batch::BatchId;
use super::idempotence::Idempotence;
use super::kafka_producer::{KafkaProducer, ProducerEvent};
use crate::client::NamedPartition;
use crate::client::metadata::{Endpoint, is_invalid_metadata};
use crate::error_code::ErrorCode;
use crate::ids::{BrokerId, LeaderEpoch, Offset, Uuid};
use crate::mark;
use crate::net::{Completed, NetError, Wires};
use crate::wire::produce_response::PartitionResponse;
use crate::wire::{ApiKey, ProduceRequest, ProduceResponse, produce_request};

/// From here on topics are named by id.
const NAMES_TOPICS_BY_ID: i16 = 13;

/// The answer to one batch.
#[derive(Debug, Clone, Copy)]
struct Answer {
    error: ErrorCode,
    base_offset: Option<Offset>,
    log_start_offset: i64,
    current_leader: Option<(BrokerId, LeaderEpoch)>,
}

impl Answer {
    const fn failed(error: ErrorCode) -> Self {
        Self { error, base_offset: None, log_start_offset: -1, current_leader: None }
    }

    fn of(response: &PartitionResponse) -> Self {
        let leader = &response.current_leader;
        let hint = (BrokerId(leader.leader_id), LeaderEpoch(leader.leader_epoch));
        Self {
            error: ErrorCode::from_code(response.error_code),
            base_offset: Some(Offset(response.base_offset)).filter(|offset| offset.0 >= 0),
            log_start_offset: response.log_start_offset,
            current_leader: Some(hint).filter(|(id, epoch)| id.0 >= 0 && epoch.0 >= 0),
        }
    }
}

impl KafkaProducer {
    /// Does all that can be done now.
    pub(super) fn run(&mut self, wires: &mut dyn Wires) {
        self.cluster.poll(wires);
        loop {
            while let Some(completed) = self.cluster.next_completed() {
                if !self.on_id(&completed, wires.now()) {
                    self.on_completed(&completed, wires);
                }
            }
            self.unblock(wires);
            if !self.send_producer_data(wires) {
                break;
            }
            self.cluster.poll(wires);
        }
        self.cluster.poll(wires);
        if self.is_idle() {
            self.accumulator.flushing = false;
        }
    }

    /// When the oldest batch, queued or in flight, has had its time; none while nothing is given up.
    pub(super) fn next_expiry(&self) -> Option<Time> {
        if self.idempotence.as_ref().is_some_and(Idempotence::awaits_id) {
            return None;
        }
        self.accumulator.next_expiry().into_iter().chain(self.in_flight_expiry()).min()
    }

    /// One round: what is ready goes out, what has waited too long fails. True if something was sent.
    fn send_producer_data(&mut self, wires: &mut dyn Wires) -> bool {
        if self.prepare_idempotence(wires) {
            return false;
        }
        let now = wires.now();
        let exhausted = self.is_exhausted();
        let check = self.accumulator.ready(&self.cluster.metadata, exhausted, now);
        self.next_check = check.next_check;
        if check.unknown_leader {
            self.cluster.metadata.request_update();
        }
        let mut to_send = Vec::new();
        for node in check.nodes {
            if !self.cluster.net.ready(node, wires) {
                let retry_at = self.cluster.net.retry_at(node);
                self.next_check = self.next_check.into_iter().chain(retry_at).min();
                continue;
            }
            let metadata = &self.cluster.metadata;
            let drained = self.accumulator.drain(node, metadata, self.idempotence.as_mut(), now);
            for id in &drained {
                self.on_drained(*id);
            }
            to_send.push((node, drained));
        }
        self.expire(wires);
        let mut sent = false;
        for (node, batches) in to_send {
            if !batches.is_empty() {
                self.send_produce_request(node, batches, wires);
                sent = true;
            }
        }
        sent
    }

    fn on_drained(&mut self, id: BatchId) {
        let batch = self.accumulator.batch(id);
        assert!(!batch.in_flight, "SE-1: {id:?} is in two requests");
        batch.in_flight = true;
        let at = batch.partition.clone();
        // Order is kept only where a partition never has two requests under way.
        if self.config.producer.max_in_flight == 1 {
            self.accumulator.mute(&at);
        }
        self.in_flight.entry(at).or_default().push(id);
    }

    fn send_produce_request(
        &mut self,
        node: BrokerId,
        batches: Vec<BatchId>,
        wires: &mut dyn Wires,
    ) {
        let Some(version) = self.cluster.net.usable_version(node, ApiKey::Produce, 9..=13) else {
            for id in batches {
                self.on_answer(id, Answer::failed(ErrorCode::UnsupportedVersion), wires);
            }
            return;
        };
        let mut topics: BTreeMap<_, produce_request::TopicData> = BTreeMap::new();
        for id in &batches {
            let at = self.accumulator.batch(*id).partition.clone();
            let records = self.accumulator.seal(*id);
            let topic = topics.entry(at.topic.clone()).or_insert_with(|| {
                let topic_id = self.cluster.metadata.topic_id(&at.topic).unwrap_or(Uuid::ZERO);
                let by_id = version >= NAMES_TOPICS_BY_ID;
                let name = if by_id { String::new() } else { at.topic.to_string() };
                let partition_data = Vec::new();
                produce_request::TopicData { name, topic_id, partition_data }
            });
            let data =
                produce_request::PartitionData { index: at.partition, records: Some(records) };
            topic.partition_data.push(data);
        }
        let timeout_ms = self.config.client.request_timeout.0 / 1_000_000;
        let request = ProduceRequest {
            transactional_id: None,
            acks: self.config.producer.acks.code(),
            timeout_ms: i32::try_from(timeout_ms).unwrap_or(i32::MAX),
            topic_data: topics.into_values().collect(),
        };
        let token = self.cluster.token();
        let mut request = self.cluster.net.request(version, token, &request);
        if self.config.producer.acks.code() == 0 {
            request = request.without_response();
        }
        self.requests.insert(token, batches);
        self.cluster.net.send(node, request, wires);
    }

    fn on_completed(&mut self, completed: &Completed, wires: &mut dyn Wires) {
        let batches =
            self.requests.remove(&completed.token).expect("every request has its batches");
        let silent = self.config.producer.acks.code() == 0 && completed.result.is_ok();
        let response = match completed.response::<ProduceRequest>() {
            _ if silent => {
                for id in batches {
                    self.on_answer(id, Answer::failed(ErrorCode::None), wires);
                }
                return;
            }
            Ok(response) => response,
            Err(error) => {
                let error = match error {
                    NetError::Disconnected => ErrorCode::NetworkException,
                    NetError::TimedOut => ErrorCode::RequestTimedOut,
                    NetError::UnsupportedVersion => ErrorCode::UnsupportedVersion,
                };
                for id in batches {
                    self.on_answer(id, Answer::failed(error), wires);
                }
                return;
            }
        };
        self.on_response(batches, &response, wires);
    }

    fn on_response(
        &mut self,
        batches: Vec<BatchId>,
        response: &ProduceResponse,
        wires: &mut dyn Wires,
    ) {
        let mut hints = Vec::new();
        for id in batches {
            let at = self.accumulator.batch(id).partition.clone();
            // A partition that is not answered at all is as good as a lost connection.
            let answer = self
                .answer_for(&at, response)
                .map_or(Answer::failed(ErrorCode::NetworkException), Answer::of);
            let stale = ErrorCode::NotLeaderOrFollower == answer.error
                || ErrorCode::FencedLeaderEpoch == answer.error;
            hints.extend(answer.current_leader.filter(|_| stale).map(|hint| (at, hint)));
            self.on_answer(id, answer, wires);
        }
        let endpoints: BTreeMap<BrokerId, Endpoint> = response
            .node_endpoints
            .iter()
            .filter_map(|node| {
                let port = u16::try_from(node.port).ok()?;
                Some((BrokerId(node.node_id), Endpoint { host: node.host.clone(), port }))
            })
            .collect();
        for (at, (leader, epoch)) in hints {
            self.cluster.metadata.on_leader_hint(&at, leader, epoch, &endpoints);
        }
        self.cluster.learn_nodes();
    }

    fn answer_for<'a>(
        &self,
        at: &NamedPartition,
        response: &'a ProduceResponse,
    ) -> Option<&'a PartitionResponse> {
        let id = self.cluster.metadata.topic_id(&at.topic);
        let topic = response.responses.iter().find(|topic| {
            if topic.topic_id == Uuid::ZERO {
                topic.name == *at.topic
            } else {
                Some(topic.topic_id) == id
            }
        })?;
        topic.partition_responses.iter().find(|partition| partition.index == at.partition)
    }

    /// The end of one batch's request: delivered, sent again, or failed.
    fn on_answer(&mut self, id: BatchId, answer: Answer, wires: &mut dyn Wires) {
        let now = wires.now();
        let expired = self.config.producer.delivery_timeout;
        let retries = u32::try_from(self.config.producer.retries).unwrap_or(0);
        let batch = self.accumulator.batch(id);
        batch.in_flight = false;
        batch.maybe_written |= !answer.error.is_ok() && may_be_written(answer.error);
        let at = batch.partition.clone();
        let (attempts, was_told) = (batch.attempts, batch.done);
        let in_time = !was_told && attempts < retries && now < batch.created + expired;
        let can_retry = in_time
            && match &mut self.idempotence {
                None => answer.error.is_retriable(),
                Some(idempotence) => {
                    idempotence.can_retry(batch, answer.error, answer.log_start_offset)
                }
            };
        self.forget_in_flight(&at, id);
        mark::sometimes!(
            wires,
            answer.error.is_ok() && was_told,
            "answer_after_delivery_timeout",
            "a batch was written after all, when its producer had given it up"
        );
        if answer.error.is_ok() {
            self.deliver(id, answer.base_offset);
        } else if answer.error == ErrorCode::DuplicateSequenceNumber && !can_retry {
            // It is in the log, so long ago that nobody knows where.
            self.deliver(id, None);
        } else if can_retry {
            mark_retry(answer.error, wires);
            let wait = self.retry_backoff.wait(attempts, Self::STREAM, wires);
            self.accumulator.reenqueue(id, wait, now);
        } else {
            self.fail(id, answer.error, attempts < retries);
        }
        if is_invalid_metadata(answer.error) {
            self.cluster.metadata.request_update();
        }
        if self.config.producer.max_in_flight == 1 {
            self.accumulator.unmute(&at);
        }
    }

    fn deliver(&mut self, id: BatchId, base_offset: Option<Offset>) {
        let batch = self.accumulator.batch(id);
        if let Some(idempotence) = &mut self.idempotence {
            idempotence.on_completed(batch);
        }
        if !std::mem::replace(&mut batch.done, true) {
            for (i, record) in (0_i64..).zip(&batch.records) {
                self.events.push_back(ProducerEvent::Delivered {
                    id: *record,
                    partition: batch.partition.clone(),
                    offset: base_offset.map(|base| base.plus(i)),
                });
            }
        }
        self.accumulator.release(id);
    }

    /// Tells a batch's records, unless they were told already. It stays as long as a request holds it. `is_certain`: a
    /// broker has refused it.
    pub(super) fn fail(&mut self, id: BatchId, error: ErrorCode, is_certain: bool) {
        let batch = self.accumulator.batch(id);
        let (in_flight, maybe_written) = (batch.in_flight, batch.maybe_written || batch.in_flight);
        if !std::mem::replace(&mut batch.done, true) {
            for record in &batch.records {
                self.events.push_back(ProducerEvent::Failed {
                    id: *record,
                    partition: Some(batch.partition.clone()),
                    error,
                    maybe_written,
                });
            }
            if let Some(idempotence) = &mut self.idempotence {
                idempotence.on_failed(batch, error, is_certain);
            }
        }
        if !in_flight {
            self.accumulator.release(id);
        }
    }

    /// Fails what has had its time. As in Kafka a batch that was drained in this very round is still sent.
    fn expire(&mut self, wires: &mut dyn Wires) {
        let now = wires.now();
        let timeout = self.config.producer.delivery_timeout;
        let mut expired = Vec::new();
        for batches in self.in_flight.values_mut() {
            while let Some(first) = batches.first() {
                if now < self.accumulator.batch(*first).created + timeout {
                    break;
                }
                expired.push(batches.remove(0));
            }
        }
        mark::sometimes!(
            wires,
            !expired.is_empty(),
            "batch_expires_in_flight",
            "delivery.timeout.ms was over while a batch was under way"
        );
        let queued = self.accumulator.take_expired(now);
        mark::sometimes!(
            wires,
            !queued.is_empty(),
            "batch_expires_in_queue",
            "delivery.timeout.ms was over before a batch could be sent (again)"
        );
        expired.extend(queued);
        for id in expired {
            let batch = self.accumulator.batch(id);
            if let Some(idempotence) = self.idempotence.as_mut().filter(|_| batch.attempts > 0) {
                idempotence.mark_unresolved(batch);
            }
            self.fail(id, ErrorCode::RequestTimedOut, false);
        }
    }

    fn in_flight_expiry(&self) -> Option<Time> {
        let firsts = self.in_flight.values().filter_map(|batches| batches.first());
        let created = firsts.map(|first| self.accumulator.created(*first));
        created.min().map(|created| created + self.config.producer.delivery_timeout)
    }

    fn forget_in_flight(&mut self, at: &NamedPartition, id: BatchId) {
        if let Some(batches) = self.in_flight.get_mut(at) {
            batches.retain(|other| *other != id);
        }
    }
}

fn mark_retry(error: ErrorCode, wires: &mut dyn Wires) {
    mark::sometimes!(
        wires,
        error == ErrorCode::NotLeaderOrFollower,
        "produce_retried_at_new_leader",
        "a producer sends a batch again, since the broker no longer leads"
    );
    mark::sometimes!(
        wires,
        error == ErrorCode::NetworkException,
        "produce_retried_after_disconnect",
        "a producer sends a batch again, which may be in the log already"
    );
    mark::sometimes!(
        wires,
        error == ErrorCode::NotEnoughReplicasAfterAppend,
        "produce_retried_after_append",
        "a producer sends a batch again that is in the log for certain"
    );
}

/// Whether a broker that answered this may have the batch in its log: all but the errors that come before any append.
const fn may_be_written(error: ErrorCode) -> bool {
    !matches!(
        error,
        ErrorCode::NotEnoughReplicas
            | ErrorCode::CorruptMessage
            | ErrorCode::InvalidRecord
            | ErrorCode::InvalidTimestamp
            | ErrorCode::InvalidTopicException
            | ErrorCode::InvalidRequiredAcks
            | ErrorCode::MessageTooLarge
            | ErrorCode::RecordListTooLarge
            | ErrorCode::UnsupportedVersion
            | ErrorCode::UnsupportedForMessageFormat
    )
}
