//! Reads Kafka's primitive types from bytes, and says exactly what is wrong with them.
//!
//! In Kafka:   `org.apache.kafka.common.protocol.{Readable, ByteBufferAccessor}`, KIP-482 (compact forms, tags).
//! Holds:      a position in borrowed bytes; texts are copied out, bytes and records are slices of what was read.
//! Invariants: READ-1 nothing is allocated for a length before the bytes that it needs are known to be there;
//!             READ-2 no input makes it panic; READ-3 an error names message, field and byte.

use std::fmt;

use bytes::Bytes;

use crate::ids::Uuid;

/// What cannot be read, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WireError {
    /// The message and the path of the field in Kafka's names, such as `FetchRequest.topics.topicId`.
    pub field: &'static str,
    /// The position in the bytes at which the field begins.
    pub at: usize,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What can be wrong with bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The bytes end too early.
    Short {
        /// How many bytes are needed.
        needs: u64,
        /// How many are left.
        left: usize,
    },
    /// A length below -1, or of text beyond 32,767.
    BadLength(i64),
    /// Null where this version allows none.
    Null,
    /// Text that is not UTF-8.
    NotText,
    /// A varint of more than five bytes, or more than 32 bits.
    LongVarint,
    /// A tagged field that is not as long as it says.
    TagSize {
        /// What it says.
        said: usize,
        /// What was read.
        read: usize,
    },
    /// A version that the message does not have.
    UnsupportedVersion(i16),
    /// A frame version, an API key or a record type that is not known.
    Unknown(i64),
    /// Bytes after the end of the message.
    Trailing(usize),
}

impl WireError {
    /// The message's name.
    #[must_use]
    pub fn message(&self) -> &'static str {
        self.field.split('.').next().unwrap_or(self.field)
    }
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}: ", self.field, self.at)?;
        match self.fault {
            Fault::Short { needs, left } => write!(f, "needs {needs} bytes, {left} are left"),
            Fault::BadLength(length) => write!(f, "the length is {length}"),
            Fault::Null => f.write_str("null, which this version does not allow"),
            Fault::NotText => f.write_str("not UTF-8"),
            Fault::LongVarint => f.write_str("a varint does not end within 32 bits"),
            Fault::TagSize { said, read } => {
                write!(f, "a tagged field of {said} bytes takes {read}")
            }
            Fault::UnsupportedVersion(version) => write!(f, "no version {version}"),
            Fault::Unknown(number) => write!(f, "{number} is not known"),
            Fault::Trailing(count) => write!(f, "{count} bytes follow the end"),
        }
    }
}

impl std::error::Error for WireError {}

/// A position in bytes that are being read.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    bytes: &'a Bytes,
    at: usize,
    /// The end of the tagged field that was begun last.
    tag_end: usize,
}

macro_rules! integers {
    ($($(#[$doc:meta])* $name:ident: $int:ty;)*) => {
        $($(#[$doc])*
        ///
        /// # Errors
        /// The bytes end too early.
        #[inline]
        pub fn $name(&mut self, field: &'static str) -> Result<$int, WireError> {
            match self.bytes[self.at..].first_chunk() {
                Some(chunk) => {
                    self.at += chunk.len();
                    Ok(<$int>::from_be_bytes(*chunk))
                }
                None => Err(self.short(field, size_of::<$int>() as u64)),
            }
        })*
    };
}

impl<'a> Reader<'a> {
    /// A reader at the beginning of `bytes`.
    #[must_use]
    pub fn new(bytes: &'a Bytes) -> Self {
        Self { bytes, at: 0, tag_end: 0 }
    }

    /// How many bytes have been read.
    #[must_use]
    pub fn position(&self) -> usize {
        self.at
    }

    /// How many bytes are left.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// The bytes that are left, as a slice of what is being read.
    #[must_use]
    pub fn rest(&self) -> Bytes {
        self.bytes.slice(self.at..)
    }

    /// The bytes of the tagged field that [`Reader::tags`] has just announced.
    #[must_use]
    pub(super) fn tag_value(&self) -> Bytes {
        self.bytes.slice(self.at..self.tag_end)
    }

    /// That everything has been read.
    ///
    /// # Errors
    /// Bytes are left.
    pub fn end(&self, message: &'static str) -> Result<(), WireError> {
        match self.remaining() {
            0 => Ok(()),
            left => Err(self.fault(message, Fault::Trailing(left))),
        }
    }

    /// An error at this position.
    #[cold]
    #[must_use]
    pub fn fault(&self, field: &'static str, fault: Fault) -> WireError {
        WireError { field, at: self.at, fault }
    }

    #[cold]
    fn short(&self, field: &'static str, needs: u64) -> WireError {
        self.fault(field, Fault::Short { needs, left: self.remaining() })
    }

    integers! {
        /// A signed byte.
        int8: i8;
        /// Two bytes.
        int16: i16;
        /// Two bytes, unsigned.
        uint16: u16;
        /// Four bytes.
        int32: i32;
        /// Four bytes, unsigned.
        uint32: u32;
        /// Eight bytes.
        int64: i64;
        /// An IEEE double.
        float64: f64;
    }

    /// A byte that is not zero, as in Kafka.
    ///
    /// # Errors
    /// The bytes end too early.
    #[inline]
    pub fn bool(&mut self, field: &'static str) -> Result<bool, WireError> {
        Ok(self.int8(field)? != 0)
    }

    /// Sixteen bytes.
    ///
    /// # Errors
    /// The bytes end too early.
    #[inline]
    pub fn uuid(&mut self, field: &'static str) -> Result<Uuid, WireError> {
        match self.bytes[self.at..].first_chunk() {
            Some(chunk) => {
                self.at += chunk.len();
                Ok(Uuid(u128::from_be_bytes(*chunk)))
            }
            None => Err(self.short(field, 16)),
        }
    }

    /// An unsigned varint of at most 32 bits.
    ///
    /// # Errors
    /// The bytes end too early or the varint is too long.
    #[inline]
    pub fn varint(&mut self, field: &'static str) -> Result<u32, WireError> {
        match self.bytes.get(self.at) {
            Some(byte) if *byte < 0x80 => {
                self.at += 1;
                Ok(u32::from(*byte))
            }
            _ => self.long_varint(field),
        }
    }

    fn long_varint(&mut self, field: &'static str) -> Result<u32, WireError> {
        let mut value = 0u64;
        for index in 0..5usize {
            let Some(byte) = self.bytes.get(self.at + index) else {
                return Err(self.short(field, index as u64 + 1));
            };
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                let value = u32::try_from(value);
                let value = value.map_err(|_| self.fault(field, Fault::LongVarint))?;
                self.at += index + 1;
                return Ok(value);
            }
        }
        Err(self.fault(field, Fault::LongVarint))
    }

    /// The length of text (16 bits in the old form), `None` for null.
    #[inline]
    fn text_length(&mut self, c: bool, field: &'static str) -> Result<Option<usize>, WireError> {
        let length =
            if c { i64::from(self.varint(field)?) - 1 } else { i64::from(self.int16(field)?) };
        if length > i64::from(i16::MAX) {
            return Err(self.fault(field, Fault::BadLength(length)));
        }
        self.length(length, field)
    }

    /// The length of a list or of bytes (32 bits in the old form), `None` for null.
    #[inline]
    fn list_length(&mut self, c: bool, field: &'static str) -> Result<Option<usize>, WireError> {
        let length =
            if c { i64::from(self.varint(field)?) - 1 } else { i64::from(self.int32(field)?) };
        self.length(length, field)
    }

    #[inline]
    fn length(&self, length: i64, field: &'static str) -> Result<Option<usize>, WireError> {
        match usize::try_from(length) {
            Ok(length) => Ok(Some(length)),
            Err(_) if length == -1 => Ok(None),
            Err(_) => Err(self.fault(field, Fault::BadLength(length))),
        }
    }

    #[inline]
    fn take(&mut self, length: usize, field: &'static str) -> Result<&'a [u8], WireError> {
        match self.bytes[self.at..].get(..length) {
            Some(taken) => {
                self.at += length;
                Ok(taken)
            }
            None => Err(self.short(field, length as u64)),
        }
    }

    /// Text; `compact` says whether its length is a varint.
    ///
    /// # Errors
    /// Too short, null or not UTF-8.
    pub fn text(&mut self, compact: bool, field: &'static str) -> Result<String, WireError> {
        match self.text_or_null(compact, false, field)? {
            Some(text) => Ok(text),
            None => Err(self.fault(field, Fault::Null)),
        }
    }

    /// Text that may be null if `nullable`.
    ///
    /// # Errors
    /// Too short, null without leave or not UTF-8.
    pub fn text_or_null(
        &mut self,
        compact: bool,
        nullable: bool,
        field: &'static str,
    ) -> Result<Option<String>, WireError> {
        let start = self.at;
        match self.text_length(compact, field)? {
            Some(length) => match std::str::from_utf8(self.take(length, field)?) {
                Ok(text) => Ok(Some(text.to_owned())),
                Err(_) => Err(WireError { field, at: start, fault: Fault::NotText }),
            },
            None if nullable => Ok(None),
            None => Err(WireError { field, at: start, fault: Fault::Null }),
        }
    }

    /// Bytes, as a slice of what is being read.
    ///
    /// # Errors
    /// Too short or null.
    pub fn bytes(&mut self, compact: bool, field: &'static str) -> Result<Bytes, WireError> {
        match self.bytes_or_null(compact, false, field)? {
            Some(bytes) => Ok(bytes),
            None => Err(self.fault(field, Fault::Null)),
        }
    }

    /// Bytes that may be null if `nullable`.
    ///
    /// # Errors
    /// Too short or null without leave.
    pub fn bytes_or_null(
        &mut self,
        compact: bool,
        nullable: bool,
        field: &'static str,
    ) -> Result<Option<Bytes>, WireError> {
        let start = self.at;
        match self.list_length(compact, field)? {
            Some(length) => {
                let from = self.at;
                self.take(length, field)?;
                Ok(Some(self.bytes.slice(from..from + length)))
            }
            None if nullable => Ok(None),
            None => Err(WireError { field, at: start, fault: Fault::Null }),
        }
    }

    /// A list whose elements take at least `min` bytes each.
    ///
    /// # Errors
    /// Too short, null, or what an element says.
    #[inline]
    pub fn array<T>(
        &mut self,
        compact: bool,
        min: usize,
        field: &'static str,
        element: impl FnMut(&mut Self) -> Result<T, WireError>,
    ) -> Result<Vec<T>, WireError> {
        let start = self.at;
        match self.list_length(compact, field)? {
            Some(length) => self.elements(length, min, field, element),
            None => Err(WireError { field, at: start, fault: Fault::Null }),
        }
    }

    /// A list that may be null if `nullable`.
    ///
    /// # Errors
    /// Too short, null without leave, or what an element says.
    #[inline]
    pub fn array_or_null<T>(
        &mut self,
        compact: bool,
        nullable: bool,
        min: usize,
        field: &'static str,
        element: impl FnMut(&mut Self) -> Result<T, WireError>,
    ) -> Result<Option<Vec<T>>, WireError> {
        let start = self.at;
        match self.list_length(compact, field)? {
            Some(length) => self.elements(length, min, field, element).map(Some),
            None if nullable => Ok(None),
            None => Err(WireError { field, at: start, fault: Fault::Null }),
        }
    }

    fn elements<T>(
        &mut self,
        length: usize,
        min: usize,
        field: &'static str,
        mut element: impl FnMut(&mut Self) -> Result<T, WireError>,
    ) -> Result<Vec<T>, WireError> {
        // READ-1: a length of two thousand million in a frame of ten bytes is refused here.
        let needs = length as u64 * min.max(1) as u64;
        if needs > self.remaining() as u64 {
            return Err(self.short(field, needs));
        }
        let mut list = Vec::with_capacity(length);
        for _ in 0..length {
            list.push(element(self)?);
        }
        Ok(list)
    }

    /// A struct that may be null: a byte before it says so.
    ///
    /// # Errors
    /// Too short, or what the struct says.
    pub fn struct_or_null<T>(
        &mut self,
        field: &'static str,
        inner: impl FnOnce(&mut Self) -> Result<T, WireError>,
    ) -> Result<Option<T>, WireError> {
        if self.int8(field)? < 0 { Ok(None) } else { inner(self).map(Some) }
    }

    /// A struct that may be null and is a tagged field: a varint before it says so (`MessageDataGenerator`).
    ///
    /// # Errors
    /// Too short, or what the struct says.
    pub fn tagged_struct_or_null<T>(
        &mut self,
        field: &'static str,
        inner: impl FnOnce(&mut Self) -> Result<T, WireError>,
    ) -> Result<Option<T>, WireError> {
        if self.varint(field)? == 0 { Ok(None) } else { inner(self).map(Some) }
    }

    /// The tagged fields at the end of a struct; `known` reads the value of a tag that it knows, and answers
    /// whether it does. Others are skipped.
    ///
    /// # Errors
    /// Too short, a value that is not as long as its tag says, or what `known` says.
    #[inline]
    pub fn tags(
        &mut self,
        field: &'static str,
        mut known: impl FnMut(u32, &mut Self) -> Result<bool, WireError>,
    ) -> Result<(), WireError> {
        for _ in 0..self.varint(field)? {
            let tag = self.varint(field)?;
            let said = self.varint(field)? as usize;
            let start = self.at;
            if said > self.remaining() {
                return Err(self.short(field, said as u64));
            }
            self.tag_end = start + said;
            if !known(tag, self)? {
                self.at = start + said;
            }
            let read = self.at - start;
            if read != said {
                return Err(WireError { field, at: start, fault: Fault::TagSize { said, read } });
            }
        }
        Ok(())
    }
}
