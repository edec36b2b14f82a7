//! Batches that wait: one queue per partition, filled at the end, drained at the front.
//!
//! In Kafka:   `RecordAccumulator`, `BufferPool`.
//! Holds:      every batch that is not finished, the queues, what is muted, the memory in use.
//! Invariants: RA-1 a partition that is muted has nothing drained; RA-2 memory in use is that of the batches held.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use trial_log::{BatchBuilder, Compression, Offset};
use trial_sim::{Span, Time};

use super::batch::{BATCH_OVERHEAD, BatchId, ProducerBatch, headers_of};
use super::compression_ratio::CompressionRatios;
use super::idempotence::{Idempotence, Rewritten};
use super::kafka_producer::ProducerRecord;
use super::partitioner::StickyPartitioner;
use crate::client::{Metadata, NamedPartition};
use crate::config::producer::ProducerSettings;
use crate::ids::BrokerId;
use crate::net::Wires;

/// What may be sent now, and when to look again.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ReadyCheck {
    /// Nodes that lead a partition whose first batch is ready.
    pub(super) nodes: BTreeSet<BrokerId>,
    /// When the next batch becomes ready by itself.
    pub(super) next_check: Option<Time>,
    /// A batch waits for a partition without a known leader.
    pub(super) unknown_leader: bool,
}

/// The batches of a producer.
#[derive(Debug, Clone)]
pub(super) struct Accumulator {
    batches: BTreeMap<BatchId, ProducerBatch>,
    queues: BTreeMap<NamedPartition, VecDeque<BatchId>>,
    muted: BTreeSet<NamedPartition>,
    sticky: BTreeMap<Arc<str>, StickyPartitioner>,
    drain_index: BTreeMap<BrokerId, usize>,
    memory_used: usize,
    next_id: u64,
    batch_size: usize,
    linger: Span,
    delivery_timeout: Span,
    buffer_memory: usize,
    max_request_size: usize,
    compression: Compression,
    ratios: CompressionRatios,
    adaptive: bool,
    /// Everything is ready at once.
    pub(super) flushing: bool,
}

impl Accumulator {
    pub(super) fn new(settings: &ProducerSettings) -> Self {
        Self {
            batches: BTreeMap::new(),
            queues: BTreeMap::new(),
            muted: BTreeSet::new(),
            sticky: BTreeMap::new(),
            drain_index: BTreeMap::new(),
            memory_used: 0,
            next_id: 0,
            batch_size: settings.batch_size.max(1),
            linger: settings.linger,
            delivery_timeout: settings.delivery_timeout,
            buffer_memory: settings.buffer_memory,
            max_request_size: settings.max_request_size,
            compression: settings.compression(),
            ratios: CompressionRatios::default(),
            adaptive: settings.adaptive_partitioning,
            flushing: false,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    pub(super) fn batch(&mut self, id: BatchId) -> &mut ProducerBatch {
        self.batches.get_mut(&id).expect("a batch is held until it is finished")
    }

    /// A batch's bytes, sealed by the first call.
    pub(super) fn seal(&mut self, id: BatchId) -> Bytes {
        let batch = self.batch(id);
        let uncompressed = batch.uncompressed();
        let (topic, bytes) = (batch.partition.topic.clone(), batch.seal());
        if let Some(uncompressed) = uncompressed {
            self.ratios.saw(&topic, uncompressed, bytes.len() - BATCH_OVERHEAD);
        }
        bytes
    }

    pub(super) fn created(&self, id: BatchId) -> Time {
        self.batches[&id].created
    }

    /// Appends a record to the last batch of `partition` (or of one of the partitioner's choice), or to a new one.
    /// Answers the partition; none if there is no memory for a new batch.
    pub(super) fn append(
        &mut self,
        record: &ProducerRecord,
        partition: Option<i32>,
        metadata: &Metadata,
        wires: &mut dyn Wires,
    ) -> Option<i32> {
        let index = match partition {
            Some(index) => index,
            None => self.sticky_partition(&record.topic, metadata, wires),
        };
        let at = NamedPartition { topic: record.topic.clone(), partition: index };
        let (now, timestamp) = (wires.now(), wires.wall_ms());
        let last = self.queues.get(&at).and_then(|queue| queue.back()).copied();
        let appended = last.and_then(|id| self.batch(id).try_append(record, timestamp));
        let bytes = match appended {
            Some(bytes) => bytes,
            None => self.append_to_new(record, &at, timestamp, now)?,
        };
        if partition.is_none() {
            let full = self.all_full(&at);
            let queues = self.queue_lengths(&record.topic);
            let sticky = self.sticky.entry(record.topic.clone()).or_default();
            if sticky.on_produced(bytes, self.batch_size, full) {
                sticky.switch(&record.topic, metadata, &queues, wires);
            }
        }
        Some(index)
    }

    /// Which nodes can be sent something. `exhausted`: a record waits for memory, so nothing lingers.
    pub(super) fn ready(&mut self, metadata: &Metadata, exhausted: bool, now: Time) -> ReadyCheck {
        let mut check = ReadyCheck::default();
        let at_once = exhausted || self.flushing;
        for (at, queue) in &self.queues {
            let Some(first) = queue.front() else {
                continue;
            };
            let known = metadata.leader(at);
            let batch = self.batches.get_mut(first).expect("a queued batch is held");
            batch.on_leader_epoch(known.epoch);
            let Some(leader) = known.leader else {
                check.unknown_leader = true;
                continue;
            };
            if self.muted.contains(at) || check.nodes.contains(&leader) {
                continue;
            }
            let backing_off = batch.is_backing_off(now);
            let (full, ready_at) =
                (queue.len() > 1 || batch.is_full(), batch.ready_at(self.linger, now));
            if !backing_off && (full || at_once || now >= ready_at) {
                check.nodes.insert(leader);
            } else {
                let next = check.next_check.get_or_insert(ready_at);
                *next = ready_at.min(*next);
            }
        }
        check
    }

    /// Takes the first batch of every partition that `node` leads, as far as one request holds them. Where it begins
    /// rotates, so that no partition starves.
    pub(super) fn drain(
        &mut self,
        node: BrokerId,
        metadata: &Metadata,
        mut idempotence: Option<&mut Idempotence>,
        now: Time,
    ) -> Vec<BatchId> {
        let led: Vec<NamedPartition> = self
            .queues
            .keys()
            .filter(|at| metadata.leader(at).leader == Some(node))
            .cloned()
            .collect();
        let (mut drained, mut size) = (Vec::new(), 0);
        let start = self.drain_index.get(&node).copied().unwrap_or(0);
        for i in 0..led.len() {
            let index = (start + i) % led.len();
            let at = &led[index];
            self.drain_index.insert(node, index);
            let Some(first) = self.queues[at].front().copied() else {
                continue;
            };
            let epoch = metadata.leader(at).epoch;
            let batch = self.batch(first);
            batch.on_leader_epoch(epoch);
            if batch.is_backing_off(now) {
                continue;
            }
            let batch_size = batch.size_in_bytes();
            if self.muted.contains(at) {
                continue;
            }
            if size + batch_size > self.max_request_size && !drained.is_empty() {
                break;
            }
            // As in Kafka nothing more is drained then for this node.
            if idempotence.as_ref().is_some_and(|it| it.holds_back(at, &self.batches[&first])) {
                break;
            }
            if let Some(idempotence) = &mut idempotence {
                let batch = self.batches.get_mut(&first).expect("a queued batch is held");
                if batch.producer().is_none() {
                    batch.set_producer(idempotence.assign(first, at, batch.count()));
                }
            }
            size += batch_size;
            self.queues.get_mut(at).expect("it has a first batch").pop_front();
            drained.push(first);
        }
        drained
    }

    /// A batch that failed goes back to the front, or behind those that have an earlier sequence.
    pub(super) fn reenqueue(&mut self, id: BatchId, wait: Span, now: Time) {
        let batch = self.batch(id);
        batch.on_retry(wait, now);
        let (at, sequence) = (batch.partition.clone(), batch.base_sequence());
        let queue = self.queues.entry(at).or_default();
        let earlier = |other: &&BatchId| {
            let other = self.batches[*other].base_sequence();
            sequence.is_some() && other.is_some() && other < sequence
        };
        let place = queue.iter().take_while(earlier).count();
        queue.insert(place, id);
    }

    /// Gives batches their new sequences.
    pub(super) fn rewrite(&mut self, rewritten: Vec<Rewritten>) {
        for (id, producer) in rewritten {
            self.batch(id).reset_producer(producer);
        }
    }

    /// How many records a batch has.
    pub(super) fn count(&self, id: BatchId) -> i32 {
        self.batches[&id].count()
    }

    /// Takes everything out of its queue, since nothing can be sent any more; answers all that is held.
    pub(super) fn abort(&mut self) -> Vec<BatchId> {
        self.queues.values_mut().for_each(VecDeque::clear);
        self.batches.keys().copied().collect()
    }

    /// Takes the batches out of their queues that have waited too long.
    pub(super) fn take_expired(&mut self, now: Time) -> Vec<BatchId> {
        let mut expired = Vec::new();
        for queue in self.queues.values_mut() {
            while let Some(first) = queue.front() {
                if now < self.batches[first].created + self.delivery_timeout {
                    break;
                }
                expired.push(*first);
                queue.pop_front();
            }
        }
        expired
    }

    /// When the first queued batch has waited too long.
    pub(super) fn next_expiry(&self) -> Option<Time> {
        let firsts = self.queues.values().filter_map(VecDeque::front);
        firsts.map(|first| self.batches[first].created + self.delivery_timeout).min()
    }

    /// Holds a partition back until its request is answered.
    pub(super) fn mute(&mut self, at: &NamedPartition) {
        let new = self.muted.insert(at.clone());
        assert!(new, "RA-1: {at:?} was drained while muted");
    }

    /// Lets it go.
    pub(super) fn unmute(&mut self, at: &NamedPartition) {
        self.muted.remove(at);
    }

    /// Forgets a batch that is done and on no connection, and gives its memory back.
    pub(super) fn release(&mut self, id: BatchId) {
        let batch = self.batches.remove(&id).expect("a batch is released once");
        assert!(batch.done && !batch.in_flight, "RA-2: {id:?} is still needed");
        self.memory_used -= batch.memory;
    }

    fn sticky_partition(
        &mut self,
        topic: &Arc<str>,
        metadata: &Metadata,
        wires: &mut dyn Wires,
    ) -> i32 {
        let queues = self.queue_lengths(topic);
        self.sticky.entry(topic.clone()).or_default().current(topic, metadata, &queues, wires)
    }

    /// How many batches wait per partition; nothing if the partitioner is not to know.
    fn queue_lengths(&self, topic: &Arc<str>) -> Vec<(i32, usize)> {
        let queues = self.queues.iter().filter(|(at, _)| self.adaptive && at.topic == *topic);
        queues.map(|(at, queue)| (at.partition, queue.len())).collect()
    }

    fn all_full(&self, at: &NamedPartition) -> bool {
        let last = self.queues.get(at).and_then(|queue| queue.back());
        last.is_none_or(|last| self.batches[last].is_full())
    }

    fn append_to_new(
        &mut self,
        record: &ProducerRecord,
        at: &NamedPartition,
        timestamp: i64,
        now: Time,
    ) -> Option<usize> {
        let memory = self.batch_size.max(size_alone(record, timestamp));
        if self.memory_used + memory > self.buffer_memory {
            return None;
        }
        let compression = (self.compression, self.ratios.of(&at.topic));
        let mut batch = ProducerBatch::new(at.clone(), memory, compression, now);
        let bytes = batch.try_append(record, timestamp).expect("an empty batch takes any record");
        let id = BatchId(self.next_id);
        self.next_id += 1;
        self.memory_used += memory;
        self.batches.insert(id, batch);
        self.queues.entry(at.clone()).or_default().push_back(id);
        Some(bytes)
    }
}

/// The size of a batch with nothing but this record.
pub(super) fn size_alone(record: &ProducerRecord, timestamp: i64) -> usize {
    let (key, value) = (record.key.as_deref(), record.value.as_deref());
    BatchBuilder::new(Offset::ZERO).size_with(timestamp, key, value, &headers_of(record))
}
