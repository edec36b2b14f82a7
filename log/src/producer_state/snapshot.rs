//! The bytes of a producer snapshot: what is known of each producer, its last batch alone.
//!
//! In Kafka:   `ProducerSnapshot` (version 1), `ProducerStateManager.{readSnapshot, writeSnapshot}`.
//! Holds:      nothing. A version (`int16`), a CRC-32C of all that follows it, a count, 46 bytes per producer.
//! Invariants: what is written is in the order of producer ids. (Kafka's order is that of its hash map; both read
//!             any.) No length is believed before the bytes behind it were seen.

use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};

use super::entry::{BatchMetadata, ProducerStateEntry};
use crate::Offset;

const VERSION: i16 = 1;
const CHECKSUM_AT: usize = 2;
const ENTRIES_AT: usize = 6;
const COUNT_SIZE: usize = 4;
const ENTRY_SIZE: usize = 46;

/// Why a snapshot is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SnapshotFault {
    /// It ends before it is whole.
    Short {
        /// Its length in bytes.
        length: usize,
    },
    /// It is of a version that nobody wrote.
    Version(i16),
    /// It claims to have so many producers.
    Count(i32),
    /// The checksum does not agree with the bytes.
    Checksum {
        /// What the file says.
        stored: u32,
        /// What the bytes give.
        computed: u32,
    },
}

impl fmt::Display for SnapshotFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl std::error::Error for SnapshotFault {}

/// The snapshot of these producers, byte for byte as Kafka writes it.
#[must_use]
pub fn write_snapshot<'a>(
    producers: impl ExactSizeIterator<Item = &'a ProducerStateEntry>,
) -> Bytes {
    let count = producers.len();
    let mut bytes = BytesMut::with_capacity(ENTRIES_AT + COUNT_SIZE + count * ENTRY_SIZE);
    bytes.put_i16(VERSION);
    bytes.put_u32(0);
    bytes.put_i32(i32::try_from(count).expect("far fewer producers than 2^31 fit into memory"));
    for producer in producers {
        bytes.put_i64(producer.producer_id());
        bytes.put_i16(producer.producer_epoch());
        bytes.put_i32(producer.last_sequence());
        bytes.put_i64(producer.last_data_offset().0);
        bytes.put_i32(producer.last_offset_delta());
        bytes.put_i64(producer.last_timestamp());
        bytes.put_i32(producer.coordinator_epoch());
        bytes.put_i64(producer.current_txn_first_offset().map_or(-1, |offset| offset.0));
    }
    let checksum = crc32c::crc32c(&bytes[ENTRIES_AT..]);
    bytes[CHECKSUM_AT..ENTRIES_AT].copy_from_slice(&checksum.to_be_bytes());
    bytes.freeze()
}

/// The producers of a snapshot, in the file's order.
pub fn read_snapshot(bytes: &[u8]) -> Result<Vec<ProducerStateEntry>, SnapshotFault> {
    let short = SnapshotFault::Short { length: bytes.len() };
    let version = i16::from_be_bytes(array(bytes, 0).ok_or(short)?);
    if version != VERSION {
        return Err(SnapshotFault::Version(version));
    }
    let stored = u32::from_be_bytes(array(bytes, CHECKSUM_AT).ok_or(short)?);
    let count = i32::from_be_bytes(array(bytes, ENTRIES_AT).ok_or(short)?);
    let entries = &bytes[ENTRIES_AT + COUNT_SIZE..];
    let whole = usize::try_from(count).map_err(|_| SnapshotFault::Count(count))?;
    if whole > entries.len() / ENTRY_SIZE {
        return Err(SnapshotFault::Count(count));
    }
    let computed = crc32c::crc32c(&bytes[ENTRIES_AT..]);
    if stored != computed {
        return Err(SnapshotFault::Checksum { stored, computed });
    }
    Ok(entries.chunks_exact(ENTRY_SIZE).take(whole).filter_map(read_entry).collect())
}

/// Reads a producer from exactly its bytes.
fn read_entry(bytes: &[u8]) -> Option<ProducerStateEntry> {
    let producer_id = i64::from_be_bytes(array(bytes, 0)?);
    let producer_epoch = i16::from_be_bytes(array(bytes, 8)?);
    let last_sequence = i32::from_be_bytes(array(bytes, 10)?);
    let last_offset = Offset(i64::from_be_bytes(array(bytes, 14)?));
    let offset_delta = i32::from_be_bytes(array(bytes, 22)?);
    let timestamp = i64::from_be_bytes(array(bytes, 26)?);
    let coordinator_epoch = i32::from_be_bytes(array(bytes, 34)?);
    let txn = Offset(i64::from_be_bytes(array(bytes, 38)?));
    let txn = (txn >= Offset::ZERO).then_some(txn);
    let mut entry =
        ProducerStateEntry::new(producer_id, producer_epoch, coordinator_epoch, timestamp, txn);
    if last_offset >= Offset::ZERO {
        let batch = BatchMetadata { last_sequence, last_offset, offset_delta, timestamp };
        entry.add_batch(producer_epoch, batch);
    }
    Some(entry)
}

fn array<const SIZE: usize>(bytes: &[u8], at: usize) -> Option<[u8; SIZE]> {
    bytes.get(at..at + SIZE)?.try_into().ok()
}
