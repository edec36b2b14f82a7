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
#[inline(never)]
pub(super) fn skim_stream(stream: &mut Stream<'_>) -> Option<RecordHead> {
    let size = usize::try_from(read_varint(|| stream.byte())?).ok()?;
    skim(Limited { stream, left: size }, size)
}

/// Reads a record that lies in its batch, and keeps no part of it.
#[inline]
pub(super) fn skim_plain(cursor: &mut Cursor<'_>) -> Option<RecordHead> {
    let size = cursor.length()??;
    skim(Cursor::new(cursor.slice(size)?), size)
}

/// Passes over a body of this size; none if its parts do not fill it exactly.
#[inline]
fn skim(mut body: impl Front, size: usize) -> Option<RecordHead> {
    let _attributes = body.byte()?;
    let timestamp_delta = body.varlong()?;
    let offset_delta = body.varint()?;
    let has_key = body.skip_nullable()?;
    body.skip_nullable()?;
    let header_count = body.length()??;
    if header_count > body.left() {
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
    (body.left() == 0).then_some(head)
}

/// The bytes of one record, passed over from the front; none once they do not suffice.
trait Front {
    fn left(&self) -> usize;
    fn byte(&mut self) -> Option<u8>;
    fn skip(&mut self, count: usize) -> Option<()>;
    fn varint(&mut self) -> Option<i32>;
    fn varlong(&mut self) -> Option<i64>;
    fn length(&mut self) -> Option<Option<usize>>;

    /// Passes over a length and as many bytes; says whether there was something, not null.
    #[inline]
    fn skip_nullable(&mut self) -> Option<bool> {
        match self.length()? {
            Some(length) => self.skip(length).map(|()| true),
            None => Some(false),
        }
    }
}

impl Front for Cursor<'_> {
    #[inline]
    fn left(&self) -> usize {
        self.remaining()
    }

    #[inline]
    fn byte(&mut self) -> Option<u8> {
        Cursor::byte(self)
    }

    #[inline]
    fn skip(&mut self, count: usize) -> Option<()> {
        self.slice(count).map(|_| ())
    }

    #[inline]
    fn varint(&mut self) -> Option<i32> {
        Cursor::varint(self)
    }

    #[inline]
    fn varlong(&mut self) -> Option<i64> {
        Cursor::varlong(self)
    }

    #[inline]
    fn length(&mut self) -> Option<Option<usize>> {
        Cursor::length(self)
    }
}

/// The bytes of a stream that belong to one record.
struct Limited<'s, 'a> {
    stream: &'s mut Stream<'a>,
    left: usize,
}

impl Front for Limited<'_, '_> {
    fn left(&self) -> usize {
        self.left
    }

    fn byte(&mut self) -> Option<u8> {
        self.left = self.left.checked_sub(1)?;
        self.stream.byte()
    }

    fn skip(&mut self, count: usize) -> Option<()> {
        self.left = self.left.checked_sub(count)?;
        self.stream.skip(count)
    }

    fn varint(&mut self) -> Option<i32> {
        read_varint(|| self.byte())
    }

    fn varlong(&mut self) -> Option<i64> {
        read_varlong(|| self.byte())
    }

    fn length(&mut self) -> Option<Option<usize>> {
        self.varint().map(|length| usize::try_from(length).ok())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{BatchBuilder, RECORD_BATCH_OVERHEAD};

    proptest! {
        /// Whether a record is kept or passed over, it is good or it is not.
        #[test]
        fn a_record_is_passed_over_as_it_is_read(
            key: Option<Vec<u8>>,
            value: Option<Vec<u8>>,
            header in proptest::option::of(any::<(Vec<u8>, Option<Vec<u8>>)>()),
            timestamp: u32,
            damage in proptest::collection::vec((any::<usize>(), any::<u8>()), 0..3),
        ) {
            let mut builder = BatchBuilder::new(Offset::ZERO);
            let headers: Vec<_> = header.iter()
                .map(|(key, value)| Header { key, value: value.as_deref() }).collect();
            for timestamp in [0, i64::from(timestamp)] {
                builder.append(timestamp, key.as_deref(), value.as_deref(), &headers);
            }
            let mut bytes = builder.build().as_bytes()[RECORD_BATCH_OVERHEAD..].to_vec();
            for (at, byte) in damage {
                let at = at % bytes.len();
                bytes[at] ^= byte;
            }
            let (mut read, mut passed) = (Cursor::new(&bytes), Cursor::new(&bytes));
            while let Some(head) = skim_plain(&mut passed) {
                let body = read.length().flatten().and_then(|length| read.slice(length));
                let body = body.expect("it was passed over");
                let parts = read_parts(body).expect("and so were its parts");
                prop_assert_eq!(head.timestamp_delta, parts.timestamp_delta);
                prop_assert_eq!(head.offset_delta, parts.offset_delta);
                prop_assert_eq!(head.has_key, parts.key.is_some());
                prop_assert_eq!(head.size, record_size(body.len()));
                prop_assert_eq!(read.remaining(), passed.remaining());
            }
            let body = read.length().flatten().and_then(|length| read.slice(length));
            prop_assert!(body.and_then(read_parts).is_none(), "what is not passed over is not read");
        }
    }
}
