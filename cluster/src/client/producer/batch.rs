//! A batch of one partition, from its first record to its end.
//!
//! In Kafka:   `ProducerBatch`; KIP-951 for the leader that changed (no back-off then).
//! Holds:      the records' bytes, their ids, attempts and their times, whether it is in flight or done.
//! Invariants: PB-1 a batch is done once; PB-2 its bytes do not change once they are sealed (C5), but for the sequence
//!             of an idempotent producer whose epoch was bumped.
//! Left out:   splitting on MESSAGE_TOO_LARGE: such a batch fails.

use bytes::Bytes;
use trial_log::{
    BatchBuilder, Compression, CompressionType, Header, LeaderEpoch, Offset, Producer,
};
use trial_sim::{Span, Time};

use super::compression_ratio::CompressionRatio;
use super::idempotence::increment;
use super::kafka_producer::ProducerRecord;
use crate::client::NamedPartition;

/// A batch without its records.
pub(super) const BATCH_OVERHEAD: usize = 61;

/// A batch, in the order of creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct BatchId(pub(super) u64);

#[derive(Debug, Clone)]
enum Contents {
    Open(BatchBuilder),
    /// With what it is made of, in case that its sequence changes.
    Sealed(Bytes, Option<Box<BatchBuilder>>),
}

/// Records that go together.
#[derive(Debug, Clone)]
pub(super) struct ProducerBatch {
    /// Where they go.
    pub(super) partition: NamedPartition,
    /// When the first record came: the delivery timeout counts from here.
    pub(super) created: Time,
    /// What its owner calls the records, in their order.
    pub(super) records: Vec<u64>,
    /// What it takes of `buffer.memory`.
    pub(super) memory: usize,
    /// How often it was sent and failed.
    pub(super) attempts: u32,
    /// A request that holds it is under way.
    pub(super) in_flight: bool,
    /// Its records were told what became of them.
    pub(super) done: bool,
    /// A node may have written it although no response said so.
    pub(super) maybe_written: bool,
    contents: Contents,
    /// What brokers recognise it by.
    producer: Option<Producer>,
    sequence_was_reset: bool,
    compression: Compression,
    ratio: CompressionRatio,
    closed: bool,
    write_limit: usize,
    last_attempt: Time,
    retry_wait: Span,
    leader_epoch: Option<LeaderEpoch>,
    attempts_when_leader_changed: u32,
}

impl ProducerBatch {
    /// An empty batch with room for `write_limit` bytes, or for its first record.
    pub(super) fn new(
        partition: NamedPartition,
        write_limit: usize,
        (compression, ratio): (Compression, CompressionRatio),
        now: Time,
    ) -> Self {
        Self {
            partition,
            created: now,
            records: Vec::new(),
            memory: write_limit,
            attempts: 0,
            in_flight: false,
            done: false,
            maybe_written: false,
            contents: Contents::Open(BatchBuilder::new(Offset::ZERO).compression(compression)),
            producer: None,
            sequence_was_reset: false,
            compression,
            ratio,
            closed: false,
            write_limit,
            last_attempt: now,
            retry_wait: Span::ZERO,
            leader_epoch: None,
            attempts_when_leader_changed: 0,
        }
    }

    /// Appends a record and answers its size; none, and closed for good, if there is no room for it.
    pub(super) fn try_append(&mut self, record: &ProducerRecord, timestamp: i64) -> Option<usize> {
        let full = self.is_full();
        let Contents::Open(builder) = &mut self.contents else {
            return None;
        };
        let (key, value) = (record.key.as_deref(), record.value.as_deref());
        let headers = headers_of(record);
        let before = builder.size_in_bytes();
        let more = builder.size_with(timestamp, key, value, &headers) - before;
        // What the record itself becomes, nobody guesses.
        let fits = estimated_size(builder, self.compression, self.ratio) + more <= self.write_limit;
        if self.closed || full || !fits && builder.count() > 0 {
            self.closed = true;
            return None;
        }
        builder.append(timestamp, key, value, &headers);
        self.records.push(record.id);
        Some(builder.size_in_bytes() - before)
    }

    /// Whether no further record is taken.
    pub(super) fn is_full(&self) -> bool {
        let open = match &self.contents {
            Contents::Open(builder) => {
                let size = estimated_size(builder, self.compression, self.ratio);
                !self.closed && size < self.write_limit
            }
            Contents::Sealed(..) => false,
        };
        !open
    }

    /// Bytes that it will take in a request.
    pub(super) fn size_in_bytes(&self) -> usize {
        match &self.contents {
            Contents::Open(builder) => estimated_size(builder, self.compression, self.ratio),
            Contents::Sealed(bytes, _) => bytes.len(),
        }
    }

    /// What its records take in memory, if they are to be compressed and are not yet.
    pub(super) fn uncompressed(&self) -> Option<usize> {
        match &self.contents {
            Contents::Open(builder)
                if self.compression.codec() != CompressionType::None
                    && !self.sequence_was_reset =>
            {
                Some(builder.size_in_bytes() - BATCH_OVERHEAD)
            }
            Contents::Open(_) | Contents::Sealed(..) => None,
        }
    }

    /// Its bytes, sealed by the first call.
    pub(super) fn seal(&mut self) -> Bytes {
        if let Contents::Open(builder) = &mut self.contents {
            let builder = std::mem::replace(builder, BatchBuilder::new(Offset::ZERO));
            assert!(builder.count() > 0, "an empty batch of {:?} is sent", self.partition);
            self.contents = match self.producer {
                None => Contents::Sealed(builder.build().into_bytes(), None),
                Some(producer) => {
                    let kept = Box::new(builder.clone());
                    let bytes = builder.producer(producer).build().into_bytes();
                    Contents::Sealed(bytes, Some(kept))
                }
            };
        }
        match &self.contents {
            Contents::Sealed(bytes, _) => bytes.clone(),
            Contents::Open(_) => unreachable!("PB-2: it was just sealed"),
        }
    }

    /// What brokers recognise it by; none before it was drained, or without idempotence.
    pub(super) const fn producer(&self) -> Option<Producer> {
        self.producer
    }

    /// How many records.
    pub(super) fn count(&self) -> i32 {
        i32::try_from(self.records.len()).expect("a batch has fewer than 2^31 records")
    }

    /// The sequence of its first record.
    pub(super) fn base_sequence(&self) -> Option<i32> {
        self.producer.map(|producer| producer.base_sequence)
    }

    /// The sequence of its last record.
    pub(super) fn last_sequence(&self) -> Option<i32> {
        self.base_sequence().map(|base| increment(base, self.count() - 1))
    }

    /// Whether it was given another sequence than its first one.
    pub(super) const fn sequence_was_reset(&self) -> bool {
        self.sequence_was_reset
    }

    /// It gets its sequence, as it is drained for the first time.
    pub(super) fn set_producer(&mut self, producer: Producer) {
        assert!(self.producer.is_none(), "PB-2: a batch gets its sequence once");
        self.producer = Some(producer);
    }

    /// It gets another one, since the epoch was bumped.
    pub(super) fn reset_producer(&mut self, producer: Producer) {
        self.producer = Some(producer);
        self.sequence_was_reset = true;
        let nothing = Contents::Open(BatchBuilder::new(Offset::ZERO));
        self.contents = match std::mem::replace(&mut self.contents, nothing) {
            Contents::Sealed(_, Some(builder)) => Contents::Open(*builder),
            contents => contents,
        };
        self.closed = true;
    }

    /// It failed and goes back into its queue, to be sent after `wait`.
    pub(super) fn on_retry(&mut self, wait: Span, now: Time) {
        assert!(!self.done, "PB-1: a batch that is done is sent again");
        self.attempts += 1;
        self.last_attempt = now;
        self.retry_wait = wait;
    }

    /// Learns the leader's epoch: a newer leader is tried without waiting.
    pub(super) fn on_leader_epoch(&mut self, epoch: Option<LeaderEpoch>) {
        if epoch.is_some() && self.leader_epoch < epoch {
            self.attempts_when_leader_changed = self.attempts;
            self.leader_epoch = epoch;
        }
    }

    /// Whether it still waits after a failure, for a leader that is no newer.
    pub(super) fn is_backing_off(&self, now: Time) -> bool {
        let leader_changed = self.attempts == self.attempts_when_leader_changed;
        self.attempts > 0 && !leader_changed && now < self.last_attempt + self.retry_wait
    }

    /// When it is sent without being full: after its linger, or after the wait of a retry.
    pub(super) fn ready_at(&self, linger: Span, now: Time) -> Time {
        let wait = if self.is_backing_off(now) { self.retry_wait } else { linger };
        self.last_attempt + wait
    }
}

/// What a batch will take that is still open, as far as anybody can say.
fn estimated_size(
    builder: &BatchBuilder,
    compression: Compression,
    ratio: CompressionRatio,
) -> usize {
    let size = builder.size_in_bytes();
    match compression.codec() {
        CompressionType::None => size,
        _ => BATCH_OVERHEAD + ratio.estimate(size - BATCH_OVERHEAD),
    }
}

pub(super) fn headers_of(record: &ProducerRecord) -> Vec<Header<'_>> {
    record.headers.iter().map(|(key, value)| Header { key, value: Some(value) }).collect()
}
