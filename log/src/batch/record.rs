//! The records of a batch, read one by one and in place.
//!
//! In Kafka:   `DefaultRecord`.
//! Invariants: a record lies within its batch, its parts within the record, and nothing is left over;
//!             a header list is checked when its record is read, so walking it cannot fail.
//! Left out:   compressed records.

use crate::Offset;
use crate::config::TimestampType;
use crate::error::BatchError;

use super::header::{RecordBatch, sequence_at};
use super::varint::Cursor;

/// One record; its parts are slices of the batch ([`RecordBatch::share`] keeps one).
#[derive(Debug, Clone)]
pub struct Record<'a> {
    /// Its offset.
    pub offset: Offset,
    /// Its timestamp, or that of the append.
    pub timestamp: i64,
    /// Its sequence; -1 if it has none.
    pub sequence: i32,
    /// Its key.
    pub key: Option<&'a [u8]>,
    /// Its value; none is a tombstone.
    pub value: Option<&'a [u8]>,
    /// Its offset, less that of the first record.
    pub(super) offset_delta: i32,
    headers: Headers<'a>,
}

impl<'a> Record<'a> {
    /// The headers in their order; a key may come more than once.
    #[must_use]
    pub fn headers(&self) -> Headers<'a> {
        self.headers.clone()
    }
}

/// A header of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header<'a> {
    /// Its key: UTF-8, if the producer kept to the protocol.
    pub key: &'a [u8],
    /// Its value.
    pub value: Option<&'a [u8]>,
}

/// The headers of a record, in their order.
#[derive(Debug, Clone)]
pub struct Headers<'a> {
    left: i32,
    cursor: Cursor<'a>,
}

impl<'a> Iterator for Headers<'a> {
    type Item = Header<'a>;

    fn next(&mut self) -> Option<Header<'a>> {
        if self.left <= 0 {
            return None;
        }
        self.left -= 1;
        read_header(&mut self.cursor)
    }
}

/// The records of a batch, read as they are asked for; ends after the first that cannot be read.
#[derive(Debug, Clone)]
pub struct Records<'a> {
    cursor: Cursor<'a>,
    index: i32,
    count: i32,
    base_offset: Offset,
    base_timestamp: i64,
    base_sequence: i32,
    log_append_time: Option<i64>,
    failed: Option<BatchError>,
}

impl<'a> Records<'a> {
    pub(super) fn of<B: AsRef<[u8]>>(batch: &'a RecordBatch<B>) -> Self {
        let count = batch.count();
        let failed = if batch.codec() != 0 && count != 0 {
            Some(BatchError::UnsupportedCompression { codec: batch.codec() })
        } else if count < 0 {
            let last_offset_delta = batch.last_offset_delta();
            Some(BatchError::Count { count, last_offset_delta })
        } else {
            None
        };
        let appended = batch.timestamp_type() == TimestampType::LogAppendTime;
        Self {
            cursor: Cursor::new(batch.payload()),
            index: 0,
            count,
            base_offset: batch.base_offset(),
            base_timestamp: batch.base_timestamp(),
            base_sequence: batch.base_sequence(),
            log_append_time: appended.then(|| batch.max_timestamp()),
            failed,
        }
    }

    fn read(&mut self) -> Option<Record<'a>> {
        let length = usize::try_from(self.cursor.varint()?).ok()?;
        let mut body = Cursor::new(self.cursor.slice(length)?);
        let _attributes = body.byte()?;
        let timestamp_delta = body.varlong()?;
        let offset_delta = body.varint()?;
        let key = body.nullable()?;
        let value = body.nullable()?;
        let header_count = body.varint()?;
        let fits = usize::try_from(header_count).is_ok_and(|count| count <= body.remaining());
        if !fits {
            return None;
        }
        let headers = Headers { left: header_count, cursor: body.clone() };
        for _ in 0..header_count {
            read_header(&mut body)?;
        }
        if body.remaining() > 0 {
            return None;
        }
        let timestamp = self.base_timestamp.wrapping_add(timestamp_delta);
        Some(Record {
            offset: Offset(self.base_offset.0.wrapping_add(i64::from(offset_delta))),
            timestamp: self.log_append_time.unwrap_or(timestamp),
            sequence: sequence_at(self.base_sequence, offset_delta),
            key,
            value,
            offset_delta,
            headers,
        })
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(error) = self.failed.take() {
            self.count = self.index;
            return Some(Err(error));
        }
        if self.index >= self.count {
            return None;
        }
        let index = self.index;
        self.index += 1;
        let record = self.read();
        let left_over = self.index == self.count && self.cursor.remaining() > 0;
        match record {
            Some(record) if !left_over => Some(Ok(record)),
            _ => {
                self.count = self.index;
                Some(Err(BatchError::Structure { index }))
            }
        }
    }
}

fn read_header<'a>(cursor: &mut Cursor<'a>) -> Option<Header<'a>> {
    let key_length = usize::try_from(cursor.varint()?).ok()?;
    let key = cursor.slice(key_length)?;
    let value = cursor.nullable()?;
    Some(Header { key, value })
}
