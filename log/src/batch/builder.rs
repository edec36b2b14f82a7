//! Builds a batch, record by record.
//!
//! In Kafka:   `MemoryRecordsBuilder`, `DefaultRecord.writeTo`.
//! Holds:      the bytes so far, with room for the header in front; they are compressed at the end, all at once.
//! Invariants: offsets within a batch rise.
//! Left out:   estimates of what compression will give (`CompressionRatioEstimator`): sizes are those before it.

use bytes::BytesMut;

use crate::config::TimestampType;
use crate::error::BatchError;
use crate::{LeaderEpoch, Offset};

use super::compression::{Compression, CompressionType};
use super::control::ControlRecordType;
use super::header::{HeaderFields, NO_TIMESTAMP, RECORD_BATCH_OVERHEAD, RecordBatch, seal};
use super::record::Header;
use super::varint::{put_varint, put_varlong, size_of_varint, size_of_varlong};

/// Who wrote a batch, and which of its records the first one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Producer {
    /// The producer's id.
    pub id: i64,
    /// Its epoch.
    pub epoch: i16,
    /// The sequence of the first record; -1 in control batches.
    pub base_sequence: i32,
}

impl Producer {
    /// No producer in particular.
    pub const NONE: Self = Self { id: -1, epoch: -1, base_sequence: -1 };
}

/// Builds a batch, record by record.
///
/// ```
/// use trial_log::{BatchBuilder, Header, LeaderEpoch, Offset, Producer};
///
/// let producer = Producer { id: 4, epoch: 0, base_sequence: 17 };
/// let mut builder = BatchBuilder::new(Offset::ZERO).producer(producer);
/// let trace = Header { key: b"trace", value: Some(b"on") };
/// builder.append(1_767_225_600_000, None, Some(b"a"), &[trace, trace]);
/// builder.append(1_767_225_600_003, None, Some(b"b"), &[]);
/// let batch = builder.build();
/// assert_eq!((batch.count(), batch.last_sequence()), (2, 18));
/// assert_eq!(batch.leader_epoch(), LeaderEpoch::NONE);
/// ```
#[derive(Debug, Clone)]
pub struct BatchBuilder {
    bytes: BytesMut,
    compression: Compression,
    base_offset: Offset,
    leader_epoch: LeaderEpoch,
    producer: Producer,
    transactional: bool,
    control: bool,
    log_append_time: Option<i64>,
    delete_horizon_ms: Option<i64>,
    base_timestamp: Option<i64>,
    max_timestamp: i64,
    last_offset_delta: Option<i32>,
    count: i32,
}

impl BatchBuilder {
    /// An empty batch whose first record will have this offset.
    #[must_use]
    pub fn new(base_offset: Offset) -> Self {
        Self {
            bytes: BytesMut::zeroed(RECORD_BATCH_OVERHEAD),
            compression: Compression::NONE,
            base_offset,
            leader_epoch: LeaderEpoch::NONE,
            producer: Producer::NONE,
            transactional: false,
            control: false,
            log_append_time: None,
            delete_horizon_ms: None,
            base_timestamp: None,
            max_timestamp: NO_TIMESTAMP,
            last_offset_delta: None,
            count: 0,
        }
    }

    /// An empty batch like another: its first offset, epoch, producer, flags, codec and the time of its append, as
    /// compaction rebuilds it. Its delete horizon, its records and its last offset are not taken over.
    pub fn like<B: AsRef<[u8]>>(batch: &RecordBatch<B>) -> Result<Self, BatchError> {
        let appended = batch.timestamp_type() == TimestampType::LogAppendTime;
        Ok(Self {
            compression: batch.compression_type()?.into(),
            leader_epoch: batch.leader_epoch(),
            producer: batch.producer(),
            transactional: batch.is_transactional(),
            control: batch.is_control(),
            log_append_time: appended.then(|| batch.max_timestamp()),
            ..Self::new(batch.base_offset())
        })
    }

    /// Compresses the records.
    #[must_use]
    pub fn compression(self, compression: Compression) -> Self {
        Self { compression, ..self }
    }

    /// Stamps the epoch of the leader that writes the batch.
    #[must_use]
    pub fn leader_epoch(self, leader_epoch: LeaderEpoch) -> Self {
        Self { leader_epoch, ..self }
    }

    /// Says who writes the batch.
    #[must_use]
    pub fn producer(self, producer: Producer) -> Self {
        Self { producer, ..self }
    }

    /// Makes it part of a transaction.
    #[must_use]
    pub fn transactional(self) -> Self {
        Self { transactional: true, ..self }
    }

    /// Makes it a control batch.
    #[must_use]
    pub fn control(self) -> Self {
        Self { control: true, ..self }
    }

    /// Gives all records the time of the append.
    #[must_use]
    pub fn log_append_time(self, now_ms: i64) -> Self {
        Self { log_append_time: Some(now_ms), ..self }
    }

    /// Says when its tombstones may go (KIP-534).
    #[must_use]
    pub fn delete_horizon_ms(self, horizon_ms: i64) -> Self {
        Self { delete_horizon_ms: Some(horizon_ms), ..self }
    }

    /// Appends a record at the next offset.
    pub fn append(
        &mut self,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[Header<'_>],
    ) {
        let delta = self.last_offset_delta.map_or(0, |last| i64::from(last) + 1);
        self.append_at(self.base_offset.plus(delta), timestamp, key, value, headers);
    }

    /// Appends a record at an offset of its own, beyond the last one.
    pub fn append_at(
        &mut self,
        offset: Offset,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[Header<'_>],
    ) {
        let base_timestamp = self.base_timestamp();
        let base_timestamp =
            *self.base_timestamp.get_or_insert(base_timestamp.unwrap_or(timestamp));
        let offset_delta = self.delta_of(offset);
        let last = self.last_offset_delta.replace(offset_delta);
        assert!(last < Some(offset_delta), "offsets rise: {offset_delta} after {last:?}");
        let timestamp_delta = timestamp.wrapping_sub(base_timestamp);
        let body = body_size(timestamp_delta, offset_delta, key, value, headers);
        self.bytes.reserve(body + 5);
        put_length(&mut self.bytes, body);
        self.bytes.extend_from_slice(&[0]);
        put_varlong(&mut self.bytes, timestamp_delta);
        put_varint(&mut self.bytes, offset_delta);
        put_nullable(&mut self.bytes, key);
        put_nullable(&mut self.bytes, value);
        put_length(&mut self.bytes, headers.len());
        for header in headers {
            put_nullable(&mut self.bytes, Some(header.key));
            put_nullable(&mut self.bytes, header.value);
        }
        self.max_timestamp = self.max_timestamp.max(timestamp);
        self.count += 1;
    }

    /// Appends a control record; the value is a message in `wire`'s form.
    pub fn append_control(&mut self, timestamp: i64, kind: ControlRecordType, value: &[u8]) {
        assert!(self.control, "a control record needs a control batch");
        self.append(timestamp, Some(&kind.key()), Some(value), &[]);
    }

    /// Claims the offsets up to this one, beyond the last record, as when compaction took the records there.
    pub fn extend_to(&mut self, last_offset: Offset) {
        let delta = self.delta_of(last_offset);
        let last = self.last_offset_delta.replace(delta);
        assert!(last <= Some(delta), "offsets do not fall: {delta} after {last:?}");
    }

    /// How large the batch is now, before its records are compressed.
    #[must_use]
    pub fn size_in_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// How large it would be with this record as well.
    #[must_use]
    pub fn size_with(
        &self,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[Header<'_>],
    ) -> usize {
        let timestamp_delta = timestamp.wrapping_sub(self.base_timestamp().unwrap_or(timestamp));
        let offset_delta = self.last_offset_delta.map_or(0, |last| last + 1);
        let body = body_size(timestamp_delta, offset_delta, key, value, headers);
        self.bytes.len() + size_of_varint(i32::try_from(body).unwrap_or(i32::MAX)) + body
    }

    /// How many records it has.
    #[must_use]
    pub fn count(&self) -> i32 {
        self.count
    }

    /// The batch, its records compressed, sealed with its checksum.
    #[must_use]
    pub fn build(self) -> RecordBatch {
        // An empty batch has nothing to compress, and Kafka writes it without a codec.
        let compression = if self.count == 0 { Compression::NONE } else { self.compression };
        let max_timestamp = self.log_append_time.unwrap_or(self.max_timestamp);
        let fields = HeaderFields {
            base_offset: self.base_offset,
            leader_epoch: self.leader_epoch,
            compression_type: compression.codec(),
            timestamp_type: match self.log_append_time {
                Some(_) => TimestampType::LogAppendTime,
                None => TimestampType::CreateTime,
            },
            transactional: self.transactional,
            control: self.control,
            delete_horizon: self.delete_horizon_ms.is_some(),
            last_offset_delta: self.last_offset_delta.unwrap_or(0),
            base_timestamp: self.base_timestamp().unwrap_or(NO_TIMESTAMP),
            max_timestamp,
            producer_id: self.producer.id,
            producer_epoch: self.producer.epoch,
            base_sequence: self.producer.base_sequence,
            count: self.count,
        };
        if compression.codec() == CompressionType::None {
            return seal(self.bytes, &fields).freeze();
        }
        let mut compressed = BytesMut::zeroed(RECORD_BATCH_OVERHEAD);
        compression.compress(&self.bytes[RECORD_BATCH_OVERHEAD..], &mut compressed);
        seal(compressed, &fields).freeze()
    }

    fn delta_of(&self, offset: Offset) -> i32 {
        let delta = offset.0.checked_sub(self.base_offset.0).and_then(|it| i32::try_from(it).ok());
        let delta = delta.expect("a batch spans fewer than 2^31 offsets");
        assert!(delta >= 0, "no record before the first: {delta}");
        delta
    }

    fn base_timestamp(&self) -> Option<i64> {
        self.delete_horizon_ms.or(self.base_timestamp)
    }
}

fn body_size(
    timestamp_delta: i64,
    offset_delta: i32,
    key: Option<&[u8]>,
    value: Option<&[u8]>,
    headers: &[Header<'_>],
) -> usize {
    let of_headers: usize = headers
        .iter()
        .map(|header| nullable_size(Some(header.key)) + nullable_size(header.value))
        .sum();
    1 + size_of_varlong(timestamp_delta)
        + size_of_varint(offset_delta)
        + nullable_size(key)
        + nullable_size(value)
        + size_of_varint(i32::try_from(headers.len()).unwrap_or(i32::MAX))
        + of_headers
}

fn nullable_size(part: Option<&[u8]>) -> usize {
    part.map_or(1, |part| {
        size_of_varint(i32::try_from(part.len()).unwrap_or(i32::MAX)) + part.len()
    })
}

fn put_nullable(into: &mut BytesMut, part: Option<&[u8]>) {
    match part {
        Some(part) => {
            put_length(into, part.len());
            into.extend_from_slice(part);
        }
        None => put_varint(into, -1),
    }
}

fn put_length(into: &mut BytesMut, length: usize) {
    put_varint(into, i32::try_from(length).expect("a record is far smaller than 2 GiB"));
}
