//! Writes Kafka's primitive types; the other half of [`super::reader`].
//!
//! In Kafka:   `org.apache.kafka.common.protocol.Writable`, `ByteUtils`, KIP-482 (compact forms, tags).
//! Holds:      nothing: functions over the buffer of the caller.
//! Invariants: WRITE-1 what is written reads back as the same value; a value that has no form in the version
//!             (null where it may not be, text beyond 32,767 bytes) is the caller's fault and asserted.

use bytes::{BufMut, Bytes, BytesMut};

/// An unsigned varint.
#[inline]
pub fn varint(into: &mut BytesMut, mut value: u32) {
    while value >= 0x80 {
        into.put_u8(low_bits(value) | 0x80);
        value >>= 7;
    }
    into.put_u8(low_bits(value));
}

/// The lowest seven bits.
#[inline]
fn low_bits(value: u32) -> u8 {
    u8::try_from(value & 0x7f).expect("seven bits fit a byte")
}

/// The length of text: 16 bits, or a varint of one more.
#[inline]
fn text_length(into: &mut BytesMut, compact: bool, length: Option<usize>) {
    let short = length.map(|length| i16::try_from(length).expect("text has at most 32,767 bytes"));
    if compact {
        varint(into, short.map_or(0, |length| u32::from(length.unsigned_abs()) + 1));
    } else {
        into.put_i16(short.unwrap_or(-1));
    }
}

/// The length of bytes or of a list: 32 bits, or a varint of one more.
#[inline]
pub fn list_length(into: &mut BytesMut, compact: bool, length: Option<usize>) {
    let length = length.map(|length| i32::try_from(length).expect("a length fits 31 bits"));
    if compact {
        varint(into, length.map_or(0, |length| length.unsigned_abs() + 1));
    } else {
        into.put_i32(length.unwrap_or(-1));
    }
}

/// Text.
#[inline]
pub fn text(into: &mut BytesMut, compact: bool, text: &str) {
    text_length(into, compact, Some(text.len()));
    into.put_slice(text.as_bytes());
}

/// Text or, if `nullable`, null.
#[inline]
pub fn text_or_null(
    into: &mut BytesMut,
    compact: bool,
    nullable: bool,
    field: &str,
    value: Option<&str>,
) {
    match value {
        Some(value) => text(into, compact, value),
        None => {
            assert!(nullable, "{field} may not be null in this version");
            text_length(into, compact, None);
        }
    }
}

/// Bytes.
#[inline]
pub fn bytes(into: &mut BytesMut, compact: bool, bytes: &[u8]) {
    list_length(into, compact, Some(bytes.len()));
    into.put_slice(bytes);
}

/// Bytes or, if `nullable`, null.
#[inline]
pub fn bytes_or_null(
    into: &mut BytesMut,
    compact: bool,
    nullable: bool,
    field: &str,
    value: Option<&Bytes>,
) {
    match value {
        Some(value) => bytes(into, compact, value),
        None => {
            assert!(nullable, "{field} may not be null in this version");
            list_length(into, compact, None);
        }
    }
}

/// A list.
#[inline]
pub fn array<T>(
    into: &mut BytesMut,
    compact: bool,
    list: &[T],
    mut element: impl FnMut(&mut BytesMut, &T),
) {
    list_length(into, compact, Some(list.len()));
    for value in list {
        element(into, value);
    }
}

/// A list or, if `nullable`, null.
#[inline]
pub fn array_or_null<T>(
    into: &mut BytesMut,
    compact: bool,
    nullable: bool,
    field: &str,
    list: Option<&Vec<T>>,
    element: impl FnMut(&mut BytesMut, &T),
) {
    match list {
        Some(list) => array(into, compact, list, element),
        None => {
            assert!(nullable, "{field} may not be null in this version");
            list_length(into, compact, None);
        }
    }
}

/// A struct behind the byte that says whether it is null.
#[inline]
pub fn struct_or_null<T>(
    into: &mut BytesMut,
    value: Option<&T>,
    inner: impl FnOnce(&mut BytesMut, &T),
) {
    into.put_i8(if value.is_some() { 1 } else { -1 });
    if let Some(value) = value {
        inner(into, value);
    }
}

/// A struct that may be null and is a tagged field: a varint says whether it is there, where a byte does otherwise
/// (`MessageDataGenerator`).
pub fn tagged_struct_or_null<T>(
    into: &mut BytesMut,
    value: Option<&T>,
    inner: impl FnOnce(&mut BytesMut, &T),
) {
    into.put_u8(u8::from(value.is_some()));
    if let Some(value) = value {
        inner(into, value);
    }
}

/// The tagged fields that end a struct, while they are being written.
#[derive(Debug)]
pub struct TagWriter<'a> {
    into: &'a mut BytesMut,
    start: usize,
    count: u8,
}

impl<'a> TagWriter<'a> {
    /// Begins the section.
    #[inline]
    #[must_use]
    pub fn begin(into: &'a mut BytesMut) -> Self {
        let start = into.len();
        into.put_u8(0);
        Self { into, start, count: 0 }
    }

    /// One tagged field; tags come in ascending order.
    pub fn put(&mut self, tag: u32, value: impl FnOnce(&mut BytesMut)) {
        self.count += 1;
        assert!(self.count < 0x80, "the number of tags fits one byte");
        varint(self.into, tag);
        let at = self.into.len();
        self.into.put_u8(0);
        value(self.into);
        let size = self.into.len() - at - 1;
        if size < 0x80 {
            self.into[at] = u8::try_from(size).expect("seven bits fit a byte");
            return;
        }
        // The size needs more than the byte that was kept free: the value moves up.
        let mut prefix = BytesMut::with_capacity(5);
        varint(&mut prefix, u32::try_from(size).expect("a message is smaller than 4 GiB"));
        self.into.put_bytes(0, prefix.len() - 1);
        self.into.copy_within(at + 1..at + 1 + size, at + prefix.len());
        self.into[at..at + prefix.len()].copy_from_slice(&prefix);
    }

    /// Ends the section.
    #[inline]
    pub fn end(self) {
        self.into[self.start] = self.count;
    }
}
