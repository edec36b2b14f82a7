//! What every message can do, and the generated messages themselves.
//!
//! In Kafka:   `org.apache.kafka.common.protocol.Message` and the generated `*Data` classes.
//! Invariants: MSG-1 decoding what was encoded gives the value back, but for fields that the version lacks;
//!             MSG-2 a value that the version cannot carry is refused if Kafka refuses it (an assertion: whoever
//!             picks the version decides what may be said in it), and left out if Kafka leaves it out.
//! Left out:   unknown tagged fields are skipped, not kept.

use std::ops::RangeInclusive;

use bytes::{Bytes, BytesMut};

use super::{ApiKey, Fault, Reader, WireError};

/// A message or a part of one; [`Message`] is for the outermost.
pub trait Part: Sized + Default {
    /// Appends it as `in_version` has it.
    fn write(&self, in_version: i16, into: &mut BytesMut);
    /// Reads it as `in_version` has it.
    ///
    /// # Errors
    /// The bytes are not such a thing.
    fn read(in_version: i16, from: &mut Reader<'_>) -> Result<Self, WireError>;
}

/// A request, a response or a record.
pub trait Message: Part {
    /// Kafka's name.
    const NAME: &'static str;
    /// The API key or the type of the record; -1 where Kafka has none.
    const KEY: i16;
    /// The versions that Kafka 4.3.0 has.
    const VERSIONS: RangeInclusive<i16>;
    /// The first version with tagged fields.
    const FLEXIBLE_FROM: i16;

    /// Appends the message to `into`.
    ///
    /// # Panics
    /// The version does not exist or cannot carry what the message holds.
    fn encode(&self, version: i16, into: &mut BytesMut) {
        assert!(Self::VERSIONS.contains(&version), "{} has no version {version}", Self::NAME);
        self.write(version, into);
    }

    /// Reads the message and leaves `from` behind its end.
    ///
    /// # Errors
    /// The version does not exist, or the bytes are not such a message.
    fn decode(version: i16, from: &mut Reader<'_>) -> Result<Self, WireError> {
        if !Self::VERSIONS.contains(&version) {
            return Err(from.fault(Self::NAME, Fault::UnsupportedVersion(version)));
        }
        Self::read(version, from)
    }

    /// The message as bytes of its own.
    ///
    /// # Panics
    /// As [`Message::encode`].
    fn to_bytes(&self, version: i16) -> Bytes {
        let mut into = BytesMut::new();
        self.encode(version, &mut into);
        into.freeze()
    }

    /// The message that `bytes` hold, and nothing behind it.
    ///
    /// # Errors
    /// As [`Message::decode`], or bytes are left.
    fn from_bytes(version: i16, bytes: &Bytes) -> Result<Self, WireError> {
        let mut from = Reader::new(bytes);
        let message = Self::decode(version, &mut from)?;
        from.end(Self::NAME)?;
        Ok(message)
    }
}

/// A message that asks.
pub trait Request: Message {
    /// What answers it.
    type Response: Message;
    /// Its API.
    const API: ApiKey;
}

/// A message without its type, for whoever goes over all of them.
#[derive(Debug, Clone, Copy)]
pub struct Codec {
    /// Kafka's name.
    pub name: &'static str,
    /// The first and the last version.
    pub versions: (i16, i16),
    /// Decodes bytes and encodes what they hold.
    pub again: fn(i16, &Bytes) -> Result<Bytes, WireError>,
    /// Encodes the default.
    pub default: fn(i16) -> Bytes,
}

impl Codec {
    const fn of<M: Message>() -> Self {
        Self {
            name: M::NAME,
            versions: (*M::VERSIONS.start(), *M::VERSIONS.end()),
            again: |version, bytes| Ok(M::from_bytes(version, bytes)?.to_bytes(version)),
            default: |version| M::default().to_bytes(version),
        }
    }
}

/// What the generated modules use.
mod prelude {
    pub(super) use std::ops::RangeInclusive;

    pub(super) use bytes::{BufMut, Bytes, BytesMut};

    pub(super) use super::super::writer::{self, TagWriter};
    pub(super) use super::super::{Reader, WireError};
    pub(super) use super::{Message, Part};
    pub(super) use crate::ids::Uuid;
}

include!(concat!(env!("OUT_DIR"), "/messages.rs"));
