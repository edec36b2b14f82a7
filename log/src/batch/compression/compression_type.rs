//! The codecs by their numbers and names, and with which level they write.
//!
//! In Kafka:   `CompressionType`, `Compression`; KIP-390.
//! Left out:   the levels of lz4 and zstd are taken, within Kafka's bounds, and have no effect: the libraries have
//!             one. Kafka's own default for lz4 is such a fast one; its default for zstd compresses a little better.

use std::fmt;
use std::str::FromStr;

use bytes::BytesMut;

use crate::error::BatchError;

use super::{gzip, lz4, snappy, zstd};

/// A codec, by the number that stands in the attributes of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum CompressionType {
    /// Nothing is compressed.
    #[default]
    None,
    /// Deflate, in the format of RFC 1952.
    Gzip,
    /// Snappy, in the framing that Java's library writes.
    Snappy,
    /// LZ4, in frames of independent blocks.
    Lz4,
    /// Zstandard, RFC 8878.
    Zstd,
}

impl CompressionType {
    /// All of them, by their numbers.
    pub const ALL: [Self; 5] = [Self::None, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd];

    /// The number in the attributes.
    #[must_use]
    pub const fn id(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Gzip => 1,
            Self::Snappy => 2,
            Self::Lz4 => 3,
            Self::Zstd => 4,
        }
    }

    /// The codec of this number.
    pub fn of_id(id: u8) -> Result<Self, BatchError> {
        let found = Self::ALL.into_iter().find(|codec| codec.id() == id);
        found.ok_or(BatchError::UnknownCodec { codec: id })
    }

    /// As settings name it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }

    /// The levels that Kafka's settings `compression.gzip.level` and its like allow: lowest, highest, default.
    /// None: there is no such setting.
    #[must_use]
    pub const fn levels(self) -> Option<(i32, i32, i32)> {
        match self {
            Self::None | Self::Snappy => None,
            Self::Gzip => Some((1, 9, -1)),
            Self::Lz4 => Some((1, 17, 9)),
            Self::Zstd => Some((-131_072, 22, 3)),
        }
    }
}

impl fmt::Display for CompressionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for CompressionType {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|codec| codec.name() == text);
        found.ok_or_else(|| {
            let allowed = Self::ALL.map(Self::name).join(", ");
            format!("no codec is named {text:?}; allowed: {allowed}")
        })
    }
}

/// A codec and the level it writes with.
///
/// ```
/// use trial_log::{BatchBuilder, Compression, CompressionType, Offset};
///
/// let mut builder = BatchBuilder::new(Offset::ZERO).compression(CompressionType::Lz4.into());
/// for _ in 0..100 {
///     builder.append(1_767_225_600_000, Some(b"key"), Some(b"the same value again"), &[]);
/// }
/// let size_before = builder.size_in_bytes();
/// let batch = builder.build();
/// assert!(batch.size_in_bytes() < size_before / 2);
/// assert_eq!(batch.records().filter_map(Result::ok).count(), 100);
/// assert!(Compression::with_level(CompressionType::Gzip, 10).is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Compression {
    codec: CompressionType,
    level: i32,
}

impl Compression {
    /// Nothing is compressed.
    pub const NONE: Self = Self { codec: CompressionType::None, level: 0 };

    /// A codec with a level of its own; says which are allowed if this is none.
    pub fn with_level(codec: CompressionType, level: i32) -> Result<Self, String> {
        match codec.levels() {
            None => Err(format!("{codec} has no levels")),
            Some((low, high, default)) if (low..=high).contains(&level) || level == default => {
                Ok(Self { codec, level })
            }
            Some((low, high, default)) => Err(format!(
                "{codec} has no level {level}; allowed: {low} to {high}, by default {default}"
            )),
        }
    }

    /// The codec.
    #[must_use]
    pub const fn codec(self) -> CompressionType {
        self.codec
    }

    /// The level; zero if the codec has none.
    #[must_use]
    pub const fn level(self) -> i32 {
        self.level
    }

    /// Appends the compressed form of `payload`.
    pub(in crate::batch) fn compress(self, payload: &[u8], into: &mut BytesMut) {
        match self.codec {
            CompressionType::None => into.extend_from_slice(payload),
            CompressionType::Gzip => gzip::compress(payload, self.level, into),
            CompressionType::Snappy => snappy::compress(payload, into),
            CompressionType::Lz4 => lz4::compress(payload, into),
            CompressionType::Zstd => zstd::compress(payload, into),
        }
    }
}

impl From<CompressionType> for Compression {
    fn from(codec: CompressionType) -> Self {
        Self { codec, level: codec.levels().map_or(0, |(_, _, default)| default) }
    }
}
