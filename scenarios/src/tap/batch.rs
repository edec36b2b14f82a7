//! Record batches, read for the checkers: headers, checksums, records.
//!
//! In Kafka:   record batch v2 (`DefaultRecordBatch`): 61 bytes of header, then records; CRC-32C from the
//!             attributes to the end.
//! Invariants: S1 a batch whose length or checksum is wrong is reported as such, whoever served it.
//! Left out:   compressed records: the batch's head is read, its records are not (nobody writes any here yet).

use bytes::Bytes;

use super::{Cursor, Malformed};

const HEADER_BYTES: usize = 61;
/// Base offset and length come before what the length counts.
const LENGTH_PREFIX: usize = 12;

/// The head of one batch, and the batch itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchHead {
    /// Offset of its first record.
    pub base_offset: i64,
    /// Offset of its last record.
    pub last_offset: i64,
    /// Epoch of the leader that wrote it.
    pub leader_epoch: i32,
    /// Whether it holds control records.
    pub is_control: bool,
    /// Records that it says it holds.
    pub record_count: i32,
    /// The checksum that it carries: of everything but base offset, length, epoch and magic.
    pub crc: u32,
    /// The latest timestamp of its records; -1 without any.
    pub max_timestamp: i64,
    /// The whole batch.
    pub bytes: Bytes,
}

/// What is wrong with a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BatchFault {
    /// Fewer bytes than it needs.
    Short {
        /// Where it begins.
        at: usize,
    },
    /// Not magic 2.
    Magic {
        /// Where it begins.
        at: usize,
        /// What it says.
        magic: i8,
    },
    /// The checksum is wrong.
    Checksum {
        /// Its base offset.
        base_offset: i64,
        /// What it carries.
        carried: u32,
        /// What its bytes come to.
        computed: u32,
    },
    /// A record in it cannot be read.
    Record(Malformed),
}

/// Reads the batches of `bytes` one after another; stops at the first that is wrong. A last batch that is cut off
/// (as a fetch may cut it) is left out if `may_be_cut`.
pub fn batches(bytes: &Bytes, may_be_cut: bool) -> Result<Vec<BatchHead>, BatchFault> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let left = bytes.len() - at;
        let length = if left < LENGTH_PREFIX {
            None
        } else {
            let raw = i32::from_be_bytes(bytes[at + 8..at + 12].try_into().expect("four bytes"));
            usize::try_from(raw).ok().map(|length| length + LENGTH_PREFIX)
        };
        match length {
            Some(length) if length >= HEADER_BYTES && length <= left => {
                found.push(head(bytes.slice(at..at + length), at)?);
                at += length;
            }
            Some(length) if may_be_cut && length > left => return Ok(found),
            None if may_be_cut && left < LENGTH_PREFIX => return Ok(found),
            _ => return Err(BatchFault::Short { at }),
        }
    }
    Ok(found)
}

fn head(bytes: Bytes, at: usize) -> Result<BatchHead, BatchFault> {
    let mut cursor = Cursor::new(bytes);
    let (mut head, magic) = fields(&mut cursor).map_err(|_| BatchFault::Short { at })?;
    if magic != 2 {
        return Err(BatchFault::Magic { at, magic });
    }
    head.bytes = cursor.whole();
    let computed = crc32c::crc32c(&head.bytes[21..]);
    if computed != head.crc {
        let base_offset = head.base_offset;
        return Err(BatchFault::Checksum { base_offset, carried: head.crc, computed });
    }
    Ok(head)
}

/// The fields of a header, without the batch itself, and the magic.
fn fields(cursor: &mut Cursor) -> Result<(BatchHead, i8), Malformed> {
    let base_offset = cursor.i64()?;
    cursor.i32()?;
    let leader_epoch = cursor.i32()?;
    let magic = cursor.i8()?;
    let crc = cursor.i32()?.cast_unsigned();
    let attributes = cursor.i16()?;
    let last_delta = cursor.i32()?;
    let _base_timestamp = cursor.i64()?;
    let max_timestamp = cursor.i64()?;
    // Producer id and epoch, base sequence.
    cursor.skip(14)?;
    let record_count = cursor.i32()?;
    let head = BatchHead {
        base_offset,
        last_offset: base_offset.wrapping_add(i64::from(last_delta)),
        leader_epoch,
        is_control: attributes & 0x20 != 0,
        record_count,
        crc,
        max_timestamp,
        bytes: Bytes::new(),
    };
    Ok((head, magic))
}

/// One record of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordSeen {
    /// Its offset.
    pub offset: i64,
    /// Its key.
    pub key: Option<Bytes>,
    /// Its value.
    pub value: Option<Bytes>,
    /// Its headers, in order, doubles kept.
    pub headers: Vec<(Bytes, Option<Bytes>)>,
}

/// The records of a batch that is not compressed.
pub fn records(batch: &BatchHead) -> Result<Vec<RecordSeen>, BatchFault> {
    let mut cursor = Cursor::new(batch.bytes.slice(HEADER_BYTES..));
    let mut found = Vec::new();
    for _ in 0..batch.record_count.max(0) {
        found.push(record(&mut cursor, batch.base_offset).map_err(BatchFault::Record)?);
    }
    Ok(found)
}

fn record(cursor: &mut Cursor, base_offset: i64) -> Result<RecordSeen, Malformed> {
    cursor.varlong()?;
    cursor.i8()?;
    cursor.varlong()?;
    let offset = base_offset.wrapping_add(cursor.varlong()?);
    let key = nullable(cursor)?;
    let value = nullable(cursor)?;
    let mut headers = Vec::new();
    for _ in 0..cursor.varlong()? {
        let name = nullable(cursor)?.unwrap_or_default();
        headers.push((name, nullable(cursor)?));
    }
    Ok(RecordSeen { offset, key, value, headers })
}

fn nullable(cursor: &mut Cursor) -> Result<Option<Bytes>, Malformed> {
    let length = cursor.varlong()?;
    usize::try_from(length).ok().map(|length| cursor.take(length)).transpose()
}
