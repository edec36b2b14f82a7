//! What a compressed batch holds, decompressed piece by piece.
//!
//! In Kafka:   `Compression.wrapForInput`, `ChunkedBytesStream`.
//! Holds:      the compressed bytes that are left, and one piece of what came out of them.
//! Invariants: a piece is a block of the codec, or of a few thousand bytes; a fault ends the stream for good.
//! Left out:   Kafka has no limit for what a batch decompresses to, but its heap; here it is
//!             [`DECOMPRESSED_BYTES_MAX`].

use std::fmt;

use crate::error::BatchError;

use super::compression_type::CompressionType;
use super::gzip::Gzip;
use super::lz4::Lz4;
use super::snappy::Snappy;
use super::zstd::Zstd;

/// What the records of one batch may decompress to, in bytes.
pub const DECOMPRESSED_BYTES_MAX: u64 = 256 << 20;

/// How much a record's buffer grows by before the bytes are there.
const GROWTH: usize = 1 << 14;

/// What is wrong with the compressed bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecompressionFault {
    /// They end too early.
    Truncated,
    /// They do not begin as the codec's format does, or ask for what Kafka does not read.
    Header,
    /// A block of them cannot be decompressed.
    Block,
    /// A checksum or a size within them does not agree.
    Checksum,
    /// They decompress to more than [`DECOMPRESSED_BYTES_MAX`].
    TooMuch,
}

/// A codec that gives its output in pieces.
enum Source<'a> {
    Gzip(Box<Gzip<'a>>),
    Snappy(Snappy<'a>),
    Lz4(Lz4<'a>),
    Zstd(Box<Zstd<'a>>),
}

/// The decompressed bytes, from the front.
pub(in crate::batch) struct Stream<'a> {
    codec: CompressionType,
    source: Source<'a>,
    piece: Vec<u8>,
    at: usize,
    total: u64,
    ended: bool,
    fault: Option<DecompressionFault>,
}

impl<'a> Stream<'a> {
    /// Begins to decompress; reads the header, if the codec has one.
    pub(in crate::batch) fn new(
        codec: CompressionType,
        input: &'a [u8],
    ) -> Result<Self, BatchError> {
        let fault = |fault| BatchError::Decompression { codec, fault };
        let source = match codec {
            CompressionType::None => return Err(BatchError::UnknownCodec { codec: codec.id() }),
            CompressionType::Gzip => Source::Gzip(Box::new(Gzip::new(input).map_err(fault)?)),
            CompressionType::Snappy => Source::Snappy(Snappy::new(input).map_err(fault)?),
            CompressionType::Lz4 => Source::Lz4(Lz4::new(input).map_err(fault)?),
            CompressionType::Zstd => Source::Zstd(Box::new(Zstd::new(input))),
        };
        let piece = Vec::new();
        Ok(Self { codec, source, piece, at: 0, total: 0, ended: false, fault: None })
    }

    /// Why there were no more bytes, if it was not the end.
    pub(in crate::batch) fn fault(&self) -> Option<BatchError> {
        self.fault.map(|fault| BatchError::Decompression { codec: self.codec, fault })
    }

    /// Whether nothing is left; false after a fault.
    pub(in crate::batch) fn is_at_end(&mut self) -> bool {
        self.available().is_empty() && self.fault.is_none()
    }

    pub(in crate::batch) fn byte(&mut self) -> Option<u8> {
        let first = *self.available().first()?;
        self.at += 1;
        Some(first)
    }

    /// The next bytes, in a buffer of their own that grows only as they come.
    pub(in crate::batch) fn take(&mut self, length: usize) -> Option<Vec<u8>> {
        let mut taken = Vec::with_capacity(length.min(self.piece.len().max(GROWTH)));
        while taken.len() < length {
            let available = self.available();
            let count = available.len().min(length - taken.len());
            if count == 0 {
                return None;
            }
            taken.extend_from_slice(&available[..count]);
            self.at += count;
        }
        Some(taken)
    }

    /// Passes over the next bytes.
    pub(in crate::batch) fn skip(&mut self, length: usize) -> Option<()> {
        let mut left = length;
        while left > 0 {
            let count = self.available().len().min(left);
            if count == 0 {
                return None;
            }
            self.at += count;
            left -= count;
        }
        Some(())
    }

    /// What is decompressed and not yet read: empty at the end, or after a fault.
    fn available(&mut self) -> &[u8] {
        while self.at == self.piece.len() && !self.ended {
            self.at = 0;
            self.piece.clear();
            let more = match &mut self.source {
                Source::Gzip(source) => source.next(&mut self.piece),
                Source::Snappy(source) => source.next(&mut self.piece),
                Source::Lz4(source) => source.next(&mut self.piece),
                Source::Zstd(source) => source.next(&mut self.piece),
            };
            self.total += self.piece.len() as u64;
            let more = if self.total > DECOMPRESSED_BYTES_MAX {
                Err(DecompressionFault::TooMuch)
            } else {
                more
            };
            if more != Ok(true) {
                self.piece.clear();
                self.fault = more.err();
                self.ended = true;
            }
        }
        &self.piece[self.at..]
    }
}

impl fmt::Debug for Stream<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stream({}, {} bytes so far, {:?})", self.codec, self.total, self.fault)
    }
}
