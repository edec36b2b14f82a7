//! A record of the metadata log: any of the types that the controller writes, in Kafka's binary form.
//!
//! In Kafka:   `MetadataRecordSerde`, `AbstractApiMessageSerde`, `MetadataRecordType`.
//! Invariants: META-1 a value is the varints of the frame's version (always 1), type and version, then the message,
//!             and nothing behind it.
//! Left out:   which version of a record a metadata.version writes: that is the controller's.

use bytes::{Bytes, BytesMut};

use super::writer;
use super::{Fault, Message, Reader, WireError};

/// The only frame version there is.
const FRAME_VERSION: u32 = 1;

macro_rules! metadata_records {
    ($($name:ident $record:ident;)*) => {
        /// A record of the metadata log.
        #[derive(Debug, Clone, PartialEq)]
        pub enum MetadataRecord {
            $(#[doc = concat!("`", stringify!($record), "`.")] $name(super::$record),)*
        }

        impl MetadataRecord {
            /// Kafka's name of the record.
            #[must_use]
            pub const fn name(&self) -> &'static str {
                match self {
                    $(Self::$name(_) => stringify!($record),)*
                }
            }

            /// The type's number.
            #[must_use]
            pub const fn key(&self) -> i16 {
                match self {
                    $(Self::$name(_) => super::$record::KEY,)*
                }
            }

            fn encode_body(&self, version: i16, into: &mut BytesMut) {
                match self {
                    $(Self::$name(record) => record.encode(version, into),)*
                }
            }

            fn decode_body(key: i16, version: i16, from: &mut Reader<'_>) -> Result<Self, WireError> {
                match key {
                    $(super::$record::KEY => super::$record::decode(version, from).map(Self::$name),)*
                    _ => Err(from.fault("MetadataRecord.type", Fault::Unknown(i64::from(key)))),
                }
            }
        }

        $(impl From<super::$record> for MetadataRecord {
            fn from(record: super::$record) -> Self {
                Self::$name(record)
            }
        })*
    };
}

impl MetadataRecord {
    /// Appends the value of the record.
    ///
    /// # Panics
    /// As [`Message::encode`].
    pub fn encode(&self, version: i16, into: &mut BytesMut) {
        let number = |n: i16| u32::try_from(n).expect("types and versions are not negative");
        writer::varint(into, FRAME_VERSION);
        writer::varint(into, number(self.key()));
        writer::varint(into, number(version));
        self.encode_body(version, into);
    }

    /// The value of the record as bytes of its own.
    ///
    /// # Panics
    /// As [`Message::encode`].
    #[must_use]
    pub fn to_bytes(&self, version: i16) -> Bytes {
        let mut into = BytesMut::new();
        self.encode(version, &mut into);
        into.freeze()
    }

    /// The record that a value holds, and the version in which it is written.
    ///
    /// # Errors
    /// The frame, the type or the version is not known, or the bytes are not such a record.
    pub fn from_bytes(value: &Bytes) -> Result<(Self, i16), WireError> {
        let mut from = Reader::new(value);
        match from.varint("MetadataRecord.frameVersion")? {
            FRAME_VERSION => {}
            other => {
                let fault = Fault::Unknown(i64::from(other));
                return Err(from.fault("MetadataRecord.frameVersion", fault));
            }
        }
        let number = |from: &mut Reader<'_>, field| {
            let value = from.varint(field)?;
            i16::try_from(value).map_err(|_| from.fault(field, Fault::Unknown(i64::from(value))))
        };
        let key = number(&mut from, "MetadataRecord.type")?;
        let version = number(&mut from, "MetadataRecord.version")?;
        let record = Self::decode_body(key, version, &mut from)?;
        from.end(record.name())?;
        Ok((record, version))
    }
}

include!(concat!(env!("OUT_DIR"), "/metadata_records.rs"));
