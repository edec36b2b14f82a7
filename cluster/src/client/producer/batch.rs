//! A batch of one partition, from its first record to its end.
//!
//! In Kafka:   `ProducerBatch`; KIP-951 for the leader that changed (no back-off then).
//! Holds:      the records' bytes, their ids, attempts and their times, whether it is in flight or done.
//! Invariants: PB-1 a batch is done once; PB-2 its bytes do not change once they are sealed (C5).
//! Left out:   splitting on MESSAGE_TOO_LARGE: such a batch fails.

use bytes::Bytes;
use trial_log::{BatchBuilder, Compression, CompressionType, Header, LeaderEpoch, Offset};
use trial_sim::{Span, Time};

use super::compression_ratio::CompressionRatio;
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
    Sealed(Bytes),
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
            Contents::Sealed(_) => false,
        };
        !open
    }

    /// Bytes that it will take in a request.
    pub(super) fn size_in_bytes(&self) -> usize {
        match &self.contents {
            Contents::Open(builder) => estimated_size(builder, self.compression, self.ratio),
            Contents::Sealed(bytes) => bytes.len(),
        }
    }

    /// What its records take in memory, if they are to be compressed and are not yet.
    pub(super) fn uncompressed(&self) -> Option<usize> {
        match &self.contents {
            Contents::Open(builder) if self.compression.codec() != CompressionType::None => {
                Some(builder.size_in_bytes() - BATCH_OVERHEAD)
            }
            Contents::Open(_) | Contents::Sealed(_) => None,
        }
    }

    /// Its bytes, sealed by the first call.
    pub(super) fn seal(&mut self) -> Bytes {
        if let Contents::Open(builder) = &mut self.contents {
            let builder = std::mem::replace(builder, BatchBuilder::new(Offset::ZERO));
            assert!(builder.count() > 0, "an empty batch of {:?} is sent", self.partition);
            self.contents = Contents::Sealed(builder.build().into_bytes());
        }
        match &self.contents {
            Contents::Sealed(bytes) => bytes.clone(),
            Contents::Open(_) => unreachable!("PB-2: it was just sealed"),
        }
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
