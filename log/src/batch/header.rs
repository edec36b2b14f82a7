//! The 61 bytes before the records of a batch: read in place, and stamped in place by the leader.
//!
//! In Kafka:   `DefaultRecordBatch`.
//! Holds:      the bytes of exactly one batch, shared or owned.
//! Invariants: the bytes are as long as the length field says, at least a header long, and the magic is 2.
//!             The checksum covers the attributes to the end: base offset, length, leader epoch and magic are outside.

use bytes::{Bytes, BytesMut};

use crate::config::TimestampType;
use crate::error::BatchError;
use crate::{LeaderEpoch, Offset};

use super::builder::Producer;
use super::compression::CompressionType;
use super::records::Records;

const LENGTH_AT: usize = 8;
const LEADER_EPOCH_AT: usize = 12;
pub(super) const MAGIC_AT: usize = 16;
const CHECKSUM_AT: usize = 17;
const ATTRIBUTES_AT: usize = 21;
const LAST_OFFSET_DELTA_AT: usize = 23;
const BASE_TIMESTAMP_AT: usize = 27;
const MAX_TIMESTAMP_AT: usize = 35;
const PRODUCER_ID_AT: usize = 43;
const PRODUCER_EPOCH_AT: usize = 51;
const BASE_SEQUENCE_AT: usize = 53;
const COUNT_AT: usize = 57;

/// The size of a batch without records.
pub const RECORD_BATCH_OVERHEAD: usize = 61;
/// Base offset and length: what the length field does not count.
pub(super) const LOG_OVERHEAD: usize = 12;
/// The smallest length field of a batch.
pub(super) const SMALLEST_LENGTH: i32 = 49;
/// The timestamp of a record or batch that has none.
pub const NO_TIMESTAMP: i64 = -1;

pub(super) const MAGIC: u8 = 2;
const CODEC_MASK: u16 = 0x07;
const LOG_APPEND_TIME_BIT: u16 = 0x08;
const TRANSACTIONAL_BIT: u16 = 0x10;
const CONTROL_BIT: u16 = 0x20;
const DELETE_HORIZON_BIT: u16 = 0x40;

/// One record batch: a view over its bytes, which are not copied.
///
/// ```
/// use trial_log::{BatchBuilder, Offset};
///
/// let mut builder = BatchBuilder::new(Offset(7));
/// builder.append(1_767_225_600_000, Some(b"key"), Some(b"value"), &[]);
/// let batch = builder.build();
/// assert_eq!((batch.base_offset(), batch.last_offset()), (Offset(7), Offset(7)));
/// assert!(batch.is_valid());
/// let record = batch.records().next().expect("one was appended")?;
/// assert_eq!(record.value(), Some(&b"value"[..]));
/// # Ok::<(), trial_log::BatchError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordBatch<B = Bytes> {
    bytes: B,
}

impl<B: AsRef<[u8]>> RecordBatch<B> {
    /// Takes bytes that should be exactly one batch; does not look at the checksum.
    pub fn new(bytes: B) -> Result<Self, BatchError> {
        let view = bytes.as_ref();
        if view.len() < LOG_OVERHEAD {
            return Err(BatchError::NoBatch);
        }
        let length = read_i32(view, LENGTH_AT);
        let claimed =
            usize::try_from(length).ok().and_then(|length| length.checked_add(LOG_OVERHEAD));
        if length < SMALLEST_LENGTH || claimed != Some(view.len()) {
            return Err(BatchError::Length { length });
        }
        check_magic(view[MAGIC_AT])?;
        Ok(Self { bytes })
    }

    /// The whole batch.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.as_ref()
    }

    /// The size of the whole batch.
    #[must_use]
    pub fn size_in_bytes(&self) -> usize {
        self.as_bytes().len()
    }

    /// The offset of the first record (or what it was, before compaction).
    #[must_use]
    pub fn base_offset(&self) -> Offset {
        Offset(read_i64(self.as_bytes(), 0))
    }

    /// The offset of the last record.
    #[must_use]
    pub fn last_offset(&self) -> Offset {
        Offset(self.base_offset().0.saturating_add(i64::from(self.last_offset_delta())))
    }

    /// The offset after the last record.
    #[must_use]
    pub fn next_offset(&self) -> Offset {
        Offset(self.last_offset().0.saturating_add(1))
    }

    /// The offset of the last record, less that of the first.
    #[must_use]
    pub fn last_offset_delta(&self) -> i32 {
        read_i32(self.as_bytes(), LAST_OFFSET_DELTA_AT)
    }

    /// The epoch of the leader that appended the batch.
    #[must_use]
    pub fn leader_epoch(&self) -> LeaderEpoch {
        LeaderEpoch(read_i32(self.as_bytes(), LEADER_EPOCH_AT))
    }

    /// The format's version: 2.
    #[must_use]
    pub fn magic(&self) -> u8 {
        self.as_bytes()[MAGIC_AT]
    }

    /// The checksum in the header.
    #[must_use]
    pub fn checksum(&self) -> u32 {
        read_i32(self.as_bytes(), CHECKSUM_AT).cast_unsigned()
    }

    /// The checksum of the bytes: CRC-32C from the attributes to the end.
    #[must_use]
    pub fn computed_checksum(&self) -> u32 {
        crc32c::crc32c(&self.as_bytes()[ATTRIBUTES_AT..])
    }

    /// Whether the checksum agrees.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.checksum() == self.computed_checksum()
    }

    /// Says which checksums disagree.
    pub fn ensure_valid(&self) -> Result<(), BatchError> {
        let (stored, computed) = (self.checksum(), self.computed_checksum());
        if stored == computed { Ok(()) } else { Err(BatchError::Checksum { stored, computed }) }
    }

    /// The attributes: codec, timestamp type and flags.
    #[must_use]
    pub fn attributes(&self) -> u16 {
        read_u16(self.as_bytes(), ATTRIBUTES_AT)
    }

    /// The number of the codec; zero is none.
    #[must_use]
    pub fn codec(&self) -> u8 {
        (self.attributes() & CODEC_MASK).to_be_bytes()[1]
    }

    /// The codec that the records are compressed with; an error if no codec has that number.
    pub fn compression_type(&self) -> Result<CompressionType, BatchError> {
        CompressionType::of_id(self.codec())
    }

    /// Whether the records are compressed.
    #[must_use]
    pub fn is_compressed(&self) -> bool {
        self.codec() != 0
    }

    /// Whose clock the timestamps are from.
    #[must_use]
    pub fn timestamp_type(&self) -> TimestampType {
        if self.attributes() & LOG_APPEND_TIME_BIT == 0 {
            TimestampType::CreateTime
        } else {
            TimestampType::LogAppendTime
        }
    }

    /// Whether the batch belongs to a transaction.
    #[must_use]
    pub fn is_transactional(&self) -> bool {
        self.attributes() & TRANSACTIONAL_BIT != 0
    }

    /// Whether its records are for Kafka itself (transaction markers, the quorum's).
    #[must_use]
    pub fn is_control(&self) -> bool {
        self.attributes() & CONTROL_BIT != 0
    }

    /// When tombstones and markers of the batch may go (KIP-534); it stands where the base timestamp was.
    #[must_use]
    pub fn delete_horizon_ms(&self) -> Option<i64> {
        (self.attributes() & DELETE_HORIZON_BIT != 0).then(|| self.base_timestamp())
    }

    /// What the timestamps of the records are relative to.
    #[must_use]
    pub fn base_timestamp(&self) -> i64 {
        read_i64(self.as_bytes(), BASE_TIMESTAMP_AT)
    }

    /// The largest timestamp of the records, or the log append time.
    #[must_use]
    pub fn max_timestamp(&self) -> i64 {
        read_i64(self.as_bytes(), MAX_TIMESTAMP_AT)
    }

    /// Who wrote the batch, and with which sequence it begins.
    #[must_use]
    pub fn producer(&self) -> Producer {
        let (id, epoch) = (self.producer_id(), self.producer_epoch());
        Producer { id, epoch, base_sequence: self.base_sequence() }
    }

    /// The producer's id; -1 if it has none.
    #[must_use]
    pub fn producer_id(&self) -> i64 {
        read_i64(self.as_bytes(), PRODUCER_ID_AT)
    }

    /// The producer's epoch; -1 if it has none.
    #[must_use]
    pub fn producer_epoch(&self) -> i16 {
        read_u16(self.as_bytes(), PRODUCER_EPOCH_AT).cast_signed()
    }

    /// The sequence of the first record; -1 if it has none.
    #[must_use]
    pub fn base_sequence(&self) -> i32 {
        read_i32(self.as_bytes(), BASE_SEQUENCE_AT)
    }

    /// The sequence of the last record, which wraps from the largest `int32` to zero; -1 if it has none.
    #[must_use]
    pub fn last_sequence(&self) -> i32 {
        sequence_at(self.base_sequence(), self.last_offset_delta())
    }

    /// How many records the header counts.
    #[must_use]
    pub fn count(&self) -> i32 {
        read_i32(self.as_bytes(), COUNT_AT)
    }

    /// The records, read as they are asked for.
    #[must_use]
    pub fn records(&self) -> Records<'_> {
        Records::of(self)
    }

    /// What the log keeps in mind of the batch.
    #[must_use]
    pub(crate) fn summary(&self) -> BatchSummary {
        BatchSummary::of_header(self.as_bytes(), self.size_in_bytes())
    }

    /// The bytes after the header.
    pub(super) fn payload(&self) -> &[u8] {
        &self.as_bytes()[RECORD_BATCH_OVERHEAD..]
    }

    /// The first offset whose record has the largest timestamp.
    pub fn offset_of_max_timestamp(&self) -> Result<Option<Offset>, BatchError> {
        let mut records = self.records();
        while let Some(head) = records.next_head() {
            let head = head?;
            if records.timestamp(head.timestamp_delta) == self.max_timestamp() {
                let delta = i64::from(head.offset_delta);
                return Ok(Some(Offset(self.base_offset().0.wrapping_add(delta))));
            }
        }
        Ok(None)
    }

    /// The same batch without its records, as compaction leaves it to keep what its producer did: offsets, sequence
    /// and largest timestamp stay, the base timestamp and with it a delete horizon do not.
    #[must_use]
    pub fn emptied(&self) -> RecordBatch {
        let fields = HeaderFields {
            base_offset: self.base_offset(),
            leader_epoch: self.leader_epoch(),
            compression_type: CompressionType::None,
            timestamp_type: self.timestamp_type(),
            transactional: self.is_transactional(),
            control: self.is_control(),
            delete_horizon: false,
            last_offset_delta: self.last_offset_delta(),
            base_timestamp: NO_TIMESTAMP,
            max_timestamp: self.max_timestamp(),
            producer_id: self.producer_id(),
            producer_epoch: self.producer_epoch(),
            base_sequence: self.base_sequence(),
            count: 0,
        };
        seal(BytesMut::zeroed(RECORD_BATCH_OVERHEAD), &fields).freeze()
    }
}

impl RecordBatch<Bytes> {
    /// The whole batch, shared.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The whole batch.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.bytes
    }

    /// A part of a record (a key, a value) to keep: shared with the batch, or copied if it was decompressed.
    #[must_use]
    pub fn share(&self, part: &[u8]) -> Bytes {
        let (batch, part_range) = (self.bytes.as_ptr_range(), part.as_ptr_range());
        if batch.start <= part_range.start && part_range.end <= batch.end {
            self.bytes.slice_ref(part)
        } else {
            Bytes::copy_from_slice(part)
        }
    }

    /// The same batch to write in: not copied if nobody else holds the bytes.
    #[must_use]
    pub fn into_mut(self) -> RecordBatch<BytesMut> {
        let bytes = match self.bytes.try_into_mut() {
            Ok(bytes) => bytes,
            Err(shared) => BytesMut::from(&shared[..]),
        };
        RecordBatch { bytes }
    }
}

impl RecordBatch<BytesMut> {
    /// The batch as it will be sent or stored.
    #[must_use]
    pub fn freeze(self) -> RecordBatch<Bytes> {
        RecordBatch { bytes: self.bytes.freeze() }
    }

    /// Gives the first record this offset; outside the checksum.
    pub fn set_base_offset(&mut self, offset: Offset) {
        self.put(0, &offset.0.to_be_bytes());
    }

    /// Stamps the epoch of the leader that appends; outside the checksum.
    pub fn set_leader_epoch(&mut self, epoch: LeaderEpoch) {
        self.put(LEADER_EPOCH_AT, &epoch.0.to_be_bytes());
    }

    /// Sets the largest timestamp and whose clock it is from; a new checksum only if that changes anything.
    pub fn set_max_timestamp(&mut self, timestamp_type: TimestampType, max_timestamp: i64) {
        if self.timestamp_type() == timestamp_type && self.max_timestamp() == max_timestamp {
            return;
        }
        let attributes = match timestamp_type {
            TimestampType::CreateTime => self.attributes() & !LOG_APPEND_TIME_BIT,
            TimestampType::LogAppendTime => self.attributes() | LOG_APPEND_TIME_BIT,
        };
        self.put(ATTRIBUTES_AT, &attributes.to_be_bytes());
        self.put(MAX_TIMESTAMP_AT, &max_timestamp.to_be_bytes());
        let checksum = self.computed_checksum();
        self.put(CHECKSUM_AT, &checksum.to_be_bytes());
    }

    fn put(&mut self, at: usize, bytes: &[u8]) {
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
    }
}

/// What a log keeps in mind of a batch that it wrote or walks over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BatchSummary {
    pub(crate) base_offset: Offset,
    pub(crate) last_offset: Offset,
    pub(crate) leader_epoch: LeaderEpoch,
    pub(crate) max_timestamp: i64,
    pub(crate) size: usize,
}

impl BatchSummary {
    /// Reads the header of a batch of this size; the records need not be there.
    pub(crate) fn of_header(header: &[u8], size: usize) -> Self {
        let base_offset = Offset(read_i64(header, 0));
        let last_offset_delta = i64::from(read_i32(header, LAST_OFFSET_DELTA_AT));
        Self {
            base_offset,
            last_offset: Offset(base_offset.0.saturating_add(last_offset_delta)),
            leader_epoch: LeaderEpoch(read_i32(header, LEADER_EPOCH_AT)),
            max_timestamp: read_i64(header, MAX_TIMESTAMP_AT),
            size,
        }
    }
}

/// What a builder knows when its records are written.
pub(super) struct HeaderFields {
    pub(super) base_offset: Offset,
    pub(super) leader_epoch: LeaderEpoch,
    pub(super) compression_type: CompressionType,
    pub(super) timestamp_type: TimestampType,
    pub(super) transactional: bool,
    pub(super) control: bool,
    pub(super) delete_horizon: bool,
    pub(super) last_offset_delta: i32,
    pub(super) base_timestamp: i64,
    pub(super) max_timestamp: i64,
    pub(super) producer_id: i64,
    pub(super) producer_epoch: i16,
    pub(super) base_sequence: i32,
    pub(super) count: i32,
}

/// Writes the header into the first 61 bytes and the checksum over the rest.
pub(super) fn seal(mut bytes: BytesMut, fields: &HeaderFields) -> RecordBatch<BytesMut> {
    let length =
        bytes.len().checked_sub(LOG_OVERHEAD).and_then(|length| i32::try_from(length).ok());
    let length = length.expect("a batch has a header, and a builder stops long before 2 GiB");
    let mut attributes = u16::from(fields.compression_type.id());
    let flags = [
        (fields.timestamp_type == TimestampType::LogAppendTime, LOG_APPEND_TIME_BIT),
        (fields.transactional, TRANSACTIONAL_BIT),
        (fields.control, CONTROL_BIT),
        (fields.delete_horizon, DELETE_HORIZON_BIT),
    ];
    for (set, bit) in flags {
        attributes |= if set { bit } else { 0 };
    }
    bytes[LENGTH_AT..LENGTH_AT + 4].copy_from_slice(&length.to_be_bytes());
    bytes[MAGIC_AT] = MAGIC;
    let mut batch = RecordBatch { bytes };
    batch.set_base_offset(fields.base_offset);
    batch.set_leader_epoch(fields.leader_epoch);
    batch.put(ATTRIBUTES_AT, &attributes.to_be_bytes());
    batch.put(LAST_OFFSET_DELTA_AT, &fields.last_offset_delta.to_be_bytes());
    batch.put(BASE_TIMESTAMP_AT, &fields.base_timestamp.to_be_bytes());
    batch.put(MAX_TIMESTAMP_AT, &fields.max_timestamp.to_be_bytes());
    batch.put(PRODUCER_ID_AT, &fields.producer_id.to_be_bytes());
    batch.put(PRODUCER_EPOCH_AT, &fields.producer_epoch.to_be_bytes());
    batch.put(BASE_SEQUENCE_AT, &fields.base_sequence.to_be_bytes());
    batch.put(COUNT_AT, &fields.count.to_be_bytes());
    let checksum = batch.computed_checksum();
    batch.put(CHECKSUM_AT, &checksum.to_be_bytes());
    batch
}

/// The sequence `delta` records on; it wraps from the largest `int32` to zero.
pub(super) fn sequence_at(base_sequence: i32, delta: i32) -> i32 {
    if base_sequence < 0 {
        return -1;
    }
    base_sequence.wrapping_add(delta) & i32::MAX
}

pub(super) fn check_magic(magic: u8) -> Result<(), BatchError> {
    match magic {
        MAGIC => Ok(()),
        0 | 1 => Err(BatchError::OldMagic { magic: magic.cast_signed() }),
        _ => Err(BatchError::UnknownMagic { magic: magic.cast_signed() }),
    }
}

pub(super) fn read_i64(bytes: &[u8], at: usize) -> i64 {
    let part = bytes[at..at + 8].try_into().expect("a slice of eight bytes");
    i64::from_be_bytes(part)
}

pub(super) fn read_i32(bytes: &[u8], at: usize) -> i32 {
    let part = bytes[at..at + 4].try_into().expect("a slice of four bytes");
    i32::from_be_bytes(part)
}

fn read_u16(bytes: &[u8], at: usize) -> u16 {
    let part = bytes[at..at + 2].try_into().expect("a slice of two bytes");
    u16::from_be_bytes(part)
}
