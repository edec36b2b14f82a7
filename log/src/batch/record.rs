//! One record: its length, and in it delta by delta what its batch does not say already.
//!
//! In Kafka:   `DefaultRecord`, `PartialDefaultRecord`.
//! Holds:      the record's bytes: a slice of its batch, or a buffer of its own if the batch is compressed.
//! Invariants: the header list is checked when its record is read, so walking it cannot fail.

use bytes::Bytes;

use crate::Offset;

use super::compression::Stream;
use super::varint::{Cursor, read_varint, read_varlong, size_of_varint};

/// One record; its parts are slices of the batch, or of what was decompressed ([`RecordBatch::share`] keeps one).
///
/// [`RecordBatch::share`]: super::RecordBatch::share
#[derive(Debug, Clone)]
pub struct Record<'a> {
    /// Its offset.
    pub offset: Offset,
    /// Its timestamp, or that of the append.
    pub timestamp: i64,
    /// Its sequence; -1 if it has none.
    pub sequence: i32,
    body: Body<'a>,
    parts: Parts,
}

/// The bytes of a record behind its length.
#[derive(Debug, Clone)]
pub(super) enum Body<'a> {
    /// Where they lie in the batch.
    InBatch(&'a [u8]),
    /// They were decompressed.
    Own(Bytes),
}

impl Body<'_> {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::InBatch(bytes) => bytes,
            Self::Own(bytes) => bytes,
        }
    }
}

/// Where in the body a key or a value lies: its end and its length.
#[derive(Debug, Clone, Copy)]
struct Part {
    end: usize,
    length: usize,
}

impl Part {
    fn of(self, body: &[u8]) -> &[u8] {
        &body[self.end - self.length..self.end]
    }
}

/// What a record says relative to its batch, and where its parts lie.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parts {
    pub(super) timestamp_delta: i64,
    pub(super) offset_delta: i32,
    key: Option<Part>,
    value: Option<Part>,
    header_count: i32,
    headers_at: usize,
}

impl Parts {
    pub(super) fn has_key(&self) -> bool {
        self.key.is_some()
    }
}

impl<'a> Record<'a> {
    pub(super) fn new(
        (offset, timestamp, sequence): (Offset, i64, i32),
        body: Body<'a>,
        parts: Parts,
    ) -> Self {
        Self { offset, timestamp, sequence, body, parts }
    }

    /// Its key.
    #[must_use]
    pub fn key(&self) -> Option<&[u8]> {
        self.parts.key.map(|key| key.of(self.body.bytes()))
    }

    /// Its value; none is a tombstone.
    #[must_use]
    pub fn value(&self) -> Option<&[u8]> {
        self.parts.value.map(|value| value.of(self.body.bytes()))
    }

    /// The headers in their order; a key may come more than once.
    #[must_use]
    pub fn headers(&self) -> Headers<'_> {
        let cursor = Cursor::new(&self.body.bytes()[self.parts.headers_at..]);
        Headers { left: self.parts.header_count, cursor }
    }

    /// How many bytes it takes in a batch that is not compressed.
    #[must_use]
    pub fn size_in_bytes(&self) -> usize {
        record_size(self.body.bytes().len())
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

/// Reads a body whole; none if its parts do not fill it exactly.
pub(super) fn read_parts(body: &[u8]) -> Option<Parts> {
    let mut cursor = Cursor::new(body);
    let _attributes = cursor.byte()?;
    let timestamp_delta = cursor.varlong()?;
    let offset_delta = cursor.varint()?;
    let key = read_part(&mut cursor, body.len())?;
    let value = read_part(&mut cursor, body.len())?;
    let header_count = cursor.varint()?;
    let fits = usize::try_from(header_count).is_ok_and(|count| count <= cursor.remaining());
    if !fits {
        return None;
    }
    let headers_at = body.len() - cursor.remaining();
    for _ in 0..header_count {
        read_header(&mut cursor)?;
    }
    let parts = Parts { timestamp_delta, offset_delta, key, value, header_count, headers_at };
    (cursor.remaining() == 0).then_some(parts)
}

fn read_part(cursor: &mut Cursor<'_>, size: usize) -> Option<Option<Part>> {
    let part = cursor.nullable()?;
    Some(part.map(|part| Part { end: size - cursor.remaining(), length: part.len() }))
}

fn read_header<'a>(cursor: &mut Cursor<'a>) -> Option<Header<'a>> {
    let key_length = usize::try_from(cursor.varint()?).ok()?;
    let key = cursor.slice(key_length)?;
    let value = cursor.nullable()?;
    Some(Header { key, value })
}

/// How many bytes a record with such a body takes, its length with it.
pub(super) fn record_size(body: usize) -> usize {
    size_of_varint(i32::try_from(body).unwrap_or(i32::MAX)) + body
}

/// What is known of a record whose key, value and headers were passed over.
#[derive(Debug, Clone, Copy)]
pub(super) struct RecordHead {
    pub(super) timestamp_delta: i64,
    pub(super) offset_delta: i32,
    pub(super) has_key: bool,
    pub(super) size: usize,
}

/// Reads a record off a stream without keeping it; none if its parts do not fill it exactly. Kafka does not compare
/// the length of such a record with its parts, and so lets a broker take what no consumer can read.
pub(super) fn skim(stream: &mut Stream<'_>) -> Option<RecordHead> {
    let size = usize::try_from(read_varint(|| stream.byte())?).ok()?;
    let mut body = Limited { stream, left: size };
    let _attributes = body.byte()?;
    let timestamp_delta = read_varlong(|| body.byte())?;
    let offset_delta = read_varint(|| body.byte())?;
    let has_key = body.skip_nullable()?;
    body.skip_nullable()?;
    let header_count = usize::try_from(read_varint(|| body.byte())?).ok()?;
    if header_count > body.left {
        return None;
    }
    for _ in 0..header_count {
        let has_header_key = body.skip_nullable()?;
        if !has_header_key {
            return None;
        }
        body.skip_nullable()?;
    }
    let head = RecordHead { timestamp_delta, offset_delta, has_key, size: record_size(size) };
    (body.left == 0).then_some(head)
}

/// The bytes of a stream that belong to one record.
struct Limited<'s, 'a> {
    stream: &'s mut Stream<'a>,
    left: usize,
}

impl Limited<'_, '_> {
    fn byte(&mut self) -> Option<u8> {
        self.left = self.left.checked_sub(1)?;
        self.stream.byte()
    }

    /// Passes over a length and as many bytes; says whether there was something, not null.
    fn skip_nullable(&mut self) -> Option<bool> {
        let Ok(length) = usize::try_from(read_varint(|| self.byte())?) else {
            return Some(false);
        };
        self.left = self.left.checked_sub(length)?;
        self.stream.skip(length)?;
        Some(true)
    }
}
