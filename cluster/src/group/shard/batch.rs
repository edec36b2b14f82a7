//! The batch that gathers records until it is written.
//!
//! In Kafka:   `CoordinatorRuntime.CoordinatorBatch`, `MemoryRecordsBuilder.hasRoomFor`.
//! Holds:      the records, the offsets that they are expected to get, who waits for them.

use bytes::Bytes;
use trial_log::{BatchBuilder, Compression, CompressionType, RECORD_BATCH_OVERHEAD, RecordBatch};
use trial_sim::Time;

use crate::group::record::GroupRecord;
use crate::ids::Offset;

/// What Kafka adds to an estimate of a compressed size, in hundredths.
const COMPRESSION_ESTIMATION_PERCENT: usize = 105;

/// A record as the log has it.
pub(super) struct Encoded {
    key: Bytes,
    value: Option<Bytes>,
}

impl Encoded {
    pub(super) fn of(record: &GroupRecord) -> Self {
        Self { key: record.key_bytes(), value: record.value_bytes() }
    }
}

/// A batch that is not written yet.
#[derive(Debug, Clone)]
pub(super) struct Batch {
    builder: BatchBuilder,
    compression: Compression,
    max_size: usize,
    /// When it was begun, in milliseconds of the wall clock.
    pub(super) begun_ms: i64,
    /// When it is written at the latest.
    pub(super) linger_until: Option<Time>,
    /// Where the next record is expected to go.
    pub(super) next_offset: Offset,
    /// Who waits for it.
    pub(super) operations: Vec<u64>,
}

impl Batch {
    pub(super) fn new(
        base_offset: Offset,
        compression: Compression,
        max_size: usize,
        begun_ms: i64,
    ) -> Self {
        Self {
            builder: BatchBuilder::new(Offset::ZERO).compression(compression),
            compression,
            max_size,
            begun_ms,
            linger_until: None,
            next_offset: base_offset,
            operations: Vec::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.builder.count() == 0
    }

    /// What it is thought to come to (`MemoryRecordsBuilder.estimatedBytesWritten`).
    fn estimated_size(&self) -> usize {
        let records = self.builder.size_in_bytes() - RECORD_BATCH_OVERHEAD;
        let estimated = match self.compression.codec() {
            CompressionType::None => records,
            _ => records * COMPRESSION_ESTIMATION_PERCENT / 100,
        };
        RECORD_BATCH_OVERHEAD + estimated
    }

    /// Whether nothing fits any more.
    pub(super) fn is_full(&self) -> bool {
        let size = self.estimated_size();
        size > self.max_size || (!self.is_empty() && size == self.max_size)
    }

    /// Whether these fit, uncompressed and with the overhead of a batch of their own, as Kafka reckons.
    pub(super) fn has_room_for_all(&self, records: &[Encoded], timestamp: i64) -> bool {
        let mut alone = BatchBuilder::new(Offset::ZERO);
        for record in records {
            alone.append(timestamp, Some(&record.key), record.value.as_deref(), &[]);
        }
        !self.is_full() && self.estimated_size() + alone.size_in_bytes() <= self.max_size
    }

    /// Whether one more fits; the first always does.
    pub(super) fn has_room_for(&self, record: &Encoded, timestamp: i64) -> bool {
        let (key, value) = (Some(&record.key[..]), record.value.as_deref());
        let more =
            self.builder.size_with(timestamp, key, value, &[]) - self.builder.size_in_bytes();
        self.is_empty() || (!self.is_full() && self.estimated_size() + more <= self.max_size)
    }

    pub(super) fn append(&mut self, record: &Encoded, timestamp: i64) {
        self.builder.append(timestamp, Some(&record.key), record.value.as_deref(), &[]);
        self.next_offset = self.next_offset.next();
    }

    /// The bytes, compressed and sealed.
    pub(super) fn build(&self) -> RecordBatch {
        self.builder.clone().build()
    }
}
