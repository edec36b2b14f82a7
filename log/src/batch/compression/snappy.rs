//! Snappy in the framing that Java's library writes: a header, then blocks with their sizes in front.
//!
//! In Kafka:   `SnappyCompression`; `SnappyOutputStream` and `SnappyInputStream` of snappy-java.
//! Holds:      the bytes that are left.
//! Invariants: a block is decompressed only if its bytes can give as much as it claims.
//! Left out:   Snappy's official framing, which Kafka never used. What has no header is one raw block, as there.

use bytes::BytesMut;

use super::stream::DecompressionFault as Fault;

const MAGIC: [u8; 8] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0];
/// The version that is written, and the least that has to be understood to read it.
const VERSIONS: [u8; 8] = [0, 0, 0, 1, 0, 0, 0, 1];
const HEADER: usize = 16;
/// How much goes into a block.
const BLOCK: usize = 32 << 10;
/// A copy of 64 bytes takes three: nothing grows by more than this factor.
const GROWTH_MAX: usize = 22;

/// Appends a header and the blocks.
pub(super) fn compress(payload: &[u8], into: &mut BytesMut) {
    into.extend_from_slice(&MAGIC);
    into.extend_from_slice(&VERSIONS);
    let mut encoder = snap::raw::Encoder::new();
    let mut buffer = vec![0; snap::raw::max_compress_len(BLOCK)];
    for block in payload.chunks(BLOCK) {
        let size = encoder.compress(block, &mut buffer);
        let size = size.expect("the buffer holds the largest output of a block");
        let prefix = u32::try_from(size).expect("a block is small").to_be_bytes();
        into.extend_from_slice(&prefix);
        into.extend_from_slice(&buffer[..size]);
    }
}

/// Decompresses block by block.
pub(super) struct Snappy<'a> {
    rest: &'a [u8],
    is_raw: bool,
}

impl<'a> Snappy<'a> {
    pub(super) fn new(input: &'a [u8]) -> Result<Self, Fault> {
        if input.is_empty() {
            return Err(Fault::Truncated);
        }
        if input.len() < HEADER || !input.starts_with(&MAGIC) {
            return Ok(Self { rest: input, is_raw: true });
        }
        Ok(Self { rest: &input[HEADER..], is_raw: false })
    }

    /// Decompresses a block; false at the end.
    pub(super) fn next(&mut self, piece: &mut Vec<u8>) -> Result<bool, Fault> {
        if self.is_raw {
            let whole = std::mem::take(&mut self.rest);
            if !whole.is_empty() {
                decompress(whole, piece)?;
            }
            return Ok(!whole.is_empty());
        }
        loop {
            // Java reads fewer than four bytes as the end.
            let Some((size, rest)) = self.rest.split_first_chunk::<4>() else {
                return Ok(false);
            };
            if *size != MAGIC[..4] {
                let size = usize::try_from(i32::from_be_bytes(*size)).map_err(|_| Fault::Block)?;
                let (block, rest) = rest.split_at_checked(size).ok_or(Fault::Truncated)?;
                self.rest = rest;
                decompress(block, piece)?;
                return Ok(true);
            }
            // Two streams, one behind the other. Only here does Java look at the version, and if it does not like
            // the rest of the magic it goes on all the same.
            let (header, rest) = self.rest.split_at_checked(HEADER).ok_or(Fault::Truncated)?;
            if header.starts_with(&MAGIC) && version_of(header) < 1 {
                return Err(Fault::Header);
            }
            self.rest = rest;
        }
    }
}

fn version_of(header: &[u8]) -> i32 {
    i32::from_be_bytes(header[8..12].try_into().expect("a slice of four bytes"))
}

fn decompress(block: &[u8], piece: &mut Vec<u8>) -> Result<(), Fault> {
    let length = snap::raw::decompress_len(block).map_err(|_| Fault::Block)?;
    if length > block.len().saturating_mul(GROWTH_MAX) {
        return Err(Fault::Block);
    }
    piece.resize(length, 0);
    let written = snap::raw::Decoder::new().decompress(block, piece).map_err(|_| Fault::Block)?;
    piece.truncate(written);
    Ok(())
}
