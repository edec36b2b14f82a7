//! Record batches, read for the checkers: headers, checksums, records.
//!
//! In Kafka:   record batch v2 (`DefaultRecordBatch`): 61 bytes of header, then records; CRC-32C from the
//!             attributes to the end.
//! Invariants: S1 a batch whose length or checksum is wrong is reported as such, whoever served it.
//!             Compressed records are opened by `codec.rs`.

use bytes::Bytes;

use super::{Cursor, Malformed, codec};

const HEADER_BYTES: usize = 61;
/// Base offset and length come before what the length counts.
const LENGTH_PREFIX: usize = 12;
const CODEC: i16 = 0x07;
const APPEND_TIME: i16 = 0x08;
const CONTROL: i16 = 0x20;
const DELETE_HORIZON: i16 = 0x40;

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
    /// What the timestamps of its records count from.
    base_timestamp: i64,
    /// When its tombstones may go, if a cleaning has said so (KIP-534).
    pub delete_horizon_ms: Option<i64>,
    /// Who produced it, if its producer is idempotent.
    pub sequence: Option<Sequence>,
    attributes: i16,
    /// The whole batch.
    pub bytes: Bytes,
}

/// What an idempotent producer says of a batch (KIP-98).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sequence {
    /// The producer's id.
    pub producer: i64,
    /// Its epoch.
    pub epoch: i16,
    /// The number of the first record; they go on after `i32::MAX` at 0.
    pub first: i32,
    /// The number of the last one.
    pub last: i32,
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
    let base_timestamp = cursor.i64()?;
    let max_timestamp = cursor.i64()?;
    let (producer, epoch, first) = (cursor.i64()?, cursor.i16()?, cursor.i32()?);
    // A marker of a transaction has a producer, and no sequence.
    let sequence = (producer >= 0 && first >= 0).then(|| Sequence {
        producer,
        epoch,
        first,
        last: first.wrapping_add(last_delta) & i32::MAX,
    });
    let record_count = cursor.i32()?;
    let head = BatchHead {
        base_offset,
        last_offset: base_offset.wrapping_add(i64::from(last_delta)),
        leader_epoch,
        is_control: attributes & CONTROL != 0,
        record_count,
        crc,
        max_timestamp,
        base_timestamp,
        delete_horizon_ms: (attributes & DELETE_HORIZON != 0).then_some(base_timestamp),
        sequence,
        attributes,
        bytes: Bytes::new(),
    };
    Ok((head, magic))
}

/// One record of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordSeen {
    /// Its offset.
    pub offset: i64,
    /// Its timestamp, in milliseconds since 1970.
    pub timestamp: i64,
    /// Its key.
    pub key: Option<Bytes>,
    /// Its value.
    pub value: Option<Bytes>,
    /// Its headers, in order, doubles kept.
    pub headers: Vec<(Bytes, Option<Bytes>)>,
}

/// The records of a batch.
///
/// # Errors
/// If one of them cannot be read, or what they are compressed with.
pub fn records(batch: &BatchHead) -> Result<Vec<RecordSeen>, BatchFault> {
    let stored = batch.bytes.slice(HEADER_BYTES..);
    // A cleaning may leave a batch without records, which only says that it was there.
    let opened = match batch.attributes & CODEC {
        0 => stored,
        _ if batch.record_count <= 0 => Bytes::new(),
        codec => {
            let expected = "records in the codec that the batch names";
            let fault = BatchFault::Record(Malformed { at: HEADER_BYTES, expected });
            Bytes::from(codec::opened(codec, &stored).ok_or(fault)?)
        }
    };
    let mut cursor = Cursor::new(opened);
    let mut found = Vec::new();
    for _ in 0..batch.record_count.max(0) {
        found.push(record(&mut cursor, batch).map_err(BatchFault::Record)?);
    }
    Ok(found)
}

fn record(cursor: &mut Cursor, batch: &BatchHead) -> Result<RecordSeen, Malformed> {
    cursor.varlong()?;
    cursor.i8()?;
    let delta = cursor.varlong()?;
    let timestamp = match batch.attributes & APPEND_TIME {
        0 => batch.base_timestamp.wrapping_add(delta),
        _ => batch.max_timestamp,
    };
    let offset = batch.base_offset.wrapping_add(cursor.varlong()?);
    let key = nullable(cursor)?;
    let value = nullable(cursor)?;
    let mut headers = Vec::new();
    for _ in 0..cursor.varlong()? {
        let name = nullable(cursor)?.unwrap_or_default();
        headers.push((name, nullable(cursor)?));
    }
    Ok(RecordSeen { offset, timestamp, key, value, headers })
}

fn nullable(cursor: &mut Cursor) -> Result<Option<Bytes>, Malformed> {
    let length = cursor.varlong()?;
    usize::try_from(length).ok().map(|length| cursor.take(length)).transpose()
}

#[cfg(test)]
mod tests {
    use super::{batches, records};
    use trial_log::{BatchBuilder, CompressionType, Header, Offset};

    /// What the log compresses, the checkers read with nothing but the same crates below.
    #[test]
    fn compressed_records_are_the_same_records() {
        let build = |codec: CompressionType| {
            let mut builder = BatchBuilder::new(Offset(7)).compression(codec.into());
            for number in 0..100u8 {
                let value = vec![number / 9; 3_000];
                let header = Header { key: b"h", value: Some(&[number]) };
                builder.append(1_000 + i64::from(number), Some(&[number]), Some(&value), &[header]);
            }
            builder.build().into_bytes()
        };
        let read = |bytes| {
            let heads = batches(&bytes, false).expect("it was built just now");
            records(&heads[0]).expect("it was built just now")
        };
        let plain = read(build(CompressionType::None));
        assert_eq!((plain.len(), plain[99].offset, plain[99].timestamp), (100, 106, 1_099));
        for codec in [
            CompressionType::Gzip,
            CompressionType::Snappy,
            CompressionType::Lz4,
            CompressionType::Zstd,
        ] {
            let bytes = build(codec);
            assert!(bytes.len() < 30_000, "{codec:?} compresses");
            assert_eq!(read(bytes), plain, "{codec:?}");
        }
    }
}
