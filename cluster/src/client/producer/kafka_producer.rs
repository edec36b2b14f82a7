//! The producer as a program sees it: records in, events out.
//!
//! In Kafka:   `KafkaProducer.doSend`, `waitOnMetadata`.
//! Holds:      the records whose send blocks (for metadata or memory), the accumulator, what is in flight.
//! Inputs:     records, network inputs, the timer. Effects: requests, and `ProducerEvent`s.
//! Invariants: C1 every record ends in exactly one `Delivered` or `Failed`.
//! Left out:   transactions, interceptors.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use trial_sim::{Input, Time};

use super::accumulator::{Accumulator, size_alone};
use super::batch::BatchId;
use super::idempotence::Idempotence;
use super::partitioner::partition_for_key;
use super::producer_id::AskedForId;
use crate::client::{ClusterClient, Metadata, NamedPartition};
use crate::config::ProducerConfig;
use crate::error_code::ErrorCode;
use crate::ids::Offset;
use crate::net::{ExponentialBackoff, Wires};

/// A record to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProducerRecord {
    /// What its sender calls it; comes back in the events.
    pub id: u64,
    /// The topic's name.
    pub topic: Arc<str>,
    /// The partition, if the sender insists.
    pub partition: Option<i32>,
    /// The key.
    pub key: Option<Bytes>,
    /// The value.
    pub value: Option<Bytes>,
    /// The headers: key and value.
    pub headers: Vec<(Bytes, Bytes)>,
}

/// What became of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProducerEvent {
    /// It was given a partition and joined a batch: its delivery timeout begins.
    Appended {
        /// The record.
        id: u64,
        /// Where it goes.
        partition: NamedPartition,
    },
    /// A broker has given an id: batches can be sent.
    IdAssigned {
        /// The id.
        id: i64,
        /// The epoch.
        epoch: i16,
    },
    /// A broker has it, as `acks` asks.
    Delivered {
        /// The record.
        id: u64,
        /// Where it is.
        partition: NamedPartition,
        /// Its offset; none with acks=0.
        offset: Option<Offset>,
    },
    /// It was given up.
    Failed {
        /// The record.
        id: u64,
        /// Where it should have gone; none if it never joined a batch.
        partition: Option<NamedPartition>,
        /// Why. What the producer gave up by itself is REQUEST_TIMED_OUT (Kafka's `TimeoutException`).
        error: ErrorCode,
        /// It may stand in the log all the same.
        maybe_written: bool,
    },
}

/// A record whose send has not returned.
#[derive(Debug, Clone)]
struct Blocked {
    record: ProducerRecord,
    deadline: Time,
}

/// A producer.
#[derive(Debug, Clone)]
pub struct KafkaProducer {
    pub(super) config: ProducerConfig,
    pub(super) cluster: ClusterClient,
    pub(super) accumulator: Accumulator,
    pub(super) retry_backoff: ExponentialBackoff,
    /// The batches of every request that has no response yet.
    pub(super) requests: BTreeMap<u64, Vec<BatchId>>,
    /// The same batches by partition, oldest first: they too can expire.
    pub(super) in_flight: BTreeMap<NamedPartition, Vec<BatchId>>,
    pub(super) events: VecDeque<ProducerEvent>,
    /// When a batch becomes ready or a node may be tried again.
    pub(super) next_check: Option<Time>,
    /// What makes brokers recognise its batches, with `enable.idempotence`.
    pub(super) idempotence: Option<Idempotence>,
    pub(super) asked_for_id: AskedForId,
    blocked: VecDeque<Blocked>,
}

impl KafkaProducer {
    /// The stream that its back-off is drawn from.
    pub const STREAM: &'static str = "producer";

    /// A producer that knows only where to ask first.
    #[must_use]
    pub fn new(config: ProducerConfig, client_id: &str, bootstrap: &[(String, u16)]) -> Self {
        let (client, own) = (&config.client, &config.producer);
        let cluster =
            ClusterClient::new(client, client_id, Self::STREAM, own.max_in_flight, bootstrap);
        Self {
            cluster,
            accumulator: Accumulator::new(own),
            retry_backoff: ExponentialBackoff::new(client.retry_backoff, client.retry_backoff_max),
            requests: BTreeMap::new(),
            in_flight: BTreeMap::new(),
            events: VecDeque::new(),
            next_check: None,
            idempotence: own.is_idempotent().then(Idempotence::new),
            asked_for_id: AskedForId::default(),
            blocked: VecDeque::new(),
            config,
        }
    }

    /// Begins to learn about a topic before the first record.
    pub fn prepare(&mut self, topic: &Arc<str>, wires: &mut dyn Wires) {
        self.cluster.metadata.want(topic);
        self.run(wires);
    }

    /// Sends a record. If that must wait, for metadata or memory, it is kept, and so are those after it.
    pub fn send(&mut self, record: ProducerRecord, wires: &mut dyn Wires) {
        let deadline = wires.now() + self.config.producer.max_block;
        self.cluster.metadata.want(&record.topic);
        self.blocked.push_back(Blocked { record, deadline });
        self.run(wires);
    }

    /// What it knows of the cluster.
    #[must_use]
    pub const fn metadata(&self) -> &Metadata {
        &self.cluster.metadata
    }

    /// Whether a send waits: a program with one thread could not call the next one yet.
    #[must_use]
    pub fn is_blocked(&self) -> bool {
        !self.blocked.is_empty()
    }

    /// Sends what waits without lingering, until everything is done.
    pub fn flush(&mut self, wires: &mut dyn Wires) {
        self.accumulator.flushing = true;
        self.run(wires);
    }

    /// Whether every record was told what became of it, and nothing is under way.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.blocked.is_empty() && self.accumulator.is_empty()
    }

    /// Handles a network input; false if it is not about this producer's connections.
    pub fn on_input(&mut self, input: &Input, wires: &mut dyn Wires) -> bool {
        let ours = self.cluster.on_input(input, wires);
        self.run(wires);
        ours
    }

    /// To be called at [`Self::next_deadline`]; earlier does no harm.
    pub fn on_timer(&mut self, wires: &mut dyn Wires) {
        self.run(wires);
    }

    /// When something is due.
    #[must_use]
    pub fn next_deadline(&mut self, now: Time) -> Option<Time> {
        let blocked = self.blocked.front().map(|blocked| blocked.deadline);
        let dues = [self.cluster.next_deadline(now), self.next_check, self.next_expiry(), blocked];
        dues.into_iter().flatten().min()
    }

    /// The next event, oldest first.
    pub fn next_event(&mut self) -> Option<ProducerEvent> {
        self.events.pop_front()
    }

    /// Whether a record waits for memory.
    pub(super) fn is_exhausted(&self) -> bool {
        let topic = self.blocked.front().map(|blocked| &blocked.record.topic);
        topic.is_some_and(|topic| self.cluster.metadata.partition_count(topic).is_some())
    }

    /// Lets the sends that wait go on as far as they can.
    pub(super) fn unblock(&mut self, wires: &mut dyn Wires) {
        while let Some(blocked) = self.blocked.pop_front() {
            if self.try_send(&blocked.record, wires) {
                continue;
            }
            if blocked.deadline > wires.now() {
                self.blocked.push_front(blocked);
                return;
            }
            self.refuse(blocked.record.id, ErrorCode::RequestTimedOut);
        }
    }

    /// True when the record went into a batch or failed for good.
    fn try_send(&mut self, record: &ProducerRecord, wires: &mut dyn Wires) -> bool {
        let Some(count) = self.cluster.metadata.partition_count(&record.topic) else {
            self.cluster.metadata.request_update();
            return false;
        };
        let size = size_alone(record, wires.wall_ms());
        let own = &self.config.producer;
        if size > own.max_request_size || size > own.buffer_memory {
            self.refuse(record.id, ErrorCode::MessageTooLarge);
            return true;
        }
        let by_key = record.key.as_ref().filter(|_| !own.partitioner_ignore_keys);
        let partition =
            record.partition.or_else(|| by_key.map(|key| partition_for_key(key, count)));
        if partition.is_some_and(|at| usize::try_from(at).is_ok_and(|at| at >= count)) {
            self.cluster.metadata.request_update();
            return false;
        }
        let metadata = &self.cluster.metadata;
        let Some(partition) = self.accumulator.append(record, partition, metadata, wires) else {
            return false;
        };
        let partition = NamedPartition { topic: record.topic.clone(), partition };
        self.events.push_back(ProducerEvent::Appended { id: record.id, partition });
        true
    }

    /// Fails a record that never joined a batch.
    fn refuse(&mut self, id: u64, error: ErrorCode) {
        let (partition, maybe_written) = (None, false);
        self.events.push_back(ProducerEvent::Failed { id, partition, error, maybe_written });
    }
}
