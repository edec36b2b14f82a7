//! LZ4 frames, as far as Kafka reads them.
//!
//! In Kafka:   `Lz4Compression`, `Lz4BlockOutputStream`, `Lz4BlockInputStream`; LZ4's frame format 1.5.1.
//! Holds:      the bytes that are left, and the largest block that the header allows.
//! Invariants: blocks are independent; written are blocks of 64 KB, without checksums but the header's. Behind the end
//!             mark nothing is looked at, not even the checksum of the content, as in Kafka.
//! Left out:   dependent blocks, dictionaries, skippable frames, several frames: Kafka reads none of them.

use bytes::BytesMut;
use lz4_flex::block;
use xxhash_rust::xxh32::xxh32;

use super::stream::DecompressionFault as Fault;

const MAGIC: [u8; 4] = 0x184d_2204u32.to_le_bytes();
/// Version 1, independent blocks.
const FLAGS: u8 = 0x60;
const HAS_CHECKSUM_OF_CONTENT: u8 = 0x04;
const HAS_CONTENT_SIZE: u8 = 0x08;
const HAS_CHECKSUMS_OF_BLOCKS: u8 = 0x10;
/// The bits that decide whether Kafka reads a frame: version, independence, and the two that are reserved.
const FLAGS_DECIDING: u8 = 0xe3;
/// Blocks of 64 KB.
const BLOCK_DESCRIPTOR: u8 = 0x40;
const BLOCK: usize = 64 << 10;
const NOT_COMPRESSED: u32 = 0x8000_0000;
/// A byte of a match's length stands for 255 at most.
const GROWTH_MAX: usize = 256;

/// Appends one frame.
pub(super) fn compress(payload: &[u8], into: &mut BytesMut) {
    let descriptor = [FLAGS, BLOCK_DESCRIPTOR];
    into.extend_from_slice(&MAGIC);
    into.extend_from_slice(&descriptor);
    into.extend_from_slice(&[checksum_of_header(&descriptor)]);
    let mut buffer = vec![0; block::get_maximum_output_size(BLOCK.min(payload.len()))];
    for content in payload.chunks(BLOCK) {
        let size = block::compress_into(content, &mut buffer);
        let size = size.expect("the buffer holds the largest output of a block");
        let (bytes, mark) =
            if size >= content.len() { (content, NOT_COMPRESSED) } else { (&buffer[..size], 0) };
        let size = u32::try_from(bytes.len()).expect("a block is small");
        into.extend_from_slice(&(size | mark).to_le_bytes());
        into.extend_from_slice(bytes);
    }
    into.extend_from_slice(&[0; 4]);
}

fn checksum_of_header(descriptor: &[u8]) -> u8 {
    xxh32(descriptor, 0).to_le_bytes()[1]
}

/// Decompresses block by block.
pub(super) struct Lz4<'a> {
    rest: &'a [u8],
    flags: u8,
    block_size_max: usize,
    ended: bool,
}

impl<'a> Lz4<'a> {
    pub(super) fn new(input: &'a [u8]) -> Result<Self, Fault> {
        let mut rest = input;
        if split(&mut rest, MAGIC.len())? != MAGIC {
            return Err(Fault::Header);
        }
        let descriptor = rest;
        let fixed = split(&mut rest, 2)?;
        let (flags, block_descriptor) = (fixed[0], fixed[1]);
        let code = block_descriptor >> 4;
        if flags & FLAGS_DECIDING != FLAGS
            || block_descriptor & 0x0f != 0
            || !(4..=7).contains(&code)
        {
            return Err(Fault::Header);
        }
        if flags & HAS_CONTENT_SIZE != 0 {
            split(&mut rest, 8)?;
        }
        let checksum = checksum_of_header(&descriptor[..descriptor.len() - rest.len()]);
        if split(&mut rest, 1)? != [checksum] {
            return Err(Fault::Checksum);
        }
        Ok(Self { rest, flags, block_size_max: 1 << (2 * code + 8), ended: false })
    }

    /// Decompresses a block; false at the end mark.
    pub(super) fn next(&mut self, piece: &mut Vec<u8>) -> Result<bool, Fault> {
        if self.ended {
            return Ok(false);
        }
        let mark = read_u32(&mut self.rest)?;
        let size = (mark & !NOT_COMPRESSED) as usize;
        if size == 0 {
            self.ended = true;
            if self.flags & HAS_CHECKSUM_OF_CONTENT != 0 {
                split(&mut self.rest, 4)?;
            }
            return Ok(false);
        }
        if size > self.block_size_max {
            return Err(Fault::Block);
        }
        let bytes = split(&mut self.rest, size)?;
        if mark & NOT_COMPRESSED == 0 {
            piece.resize(self.block_size_max.min(size.saturating_mul(GROWTH_MAX)), 0);
            let written = block::decompress_into(bytes, piece).map_err(|_| Fault::Block)?;
            piece.truncate(written);
        } else {
            piece.extend_from_slice(bytes);
        }
        let checked = self.flags & HAS_CHECKSUMS_OF_BLOCKS != 0;
        if checked && read_u32(&mut self.rest)? != xxh32(bytes, 0) {
            return Err(Fault::Checksum);
        }
        Ok(true)
    }
}

fn read_u32(rest: &mut &[u8]) -> Result<u32, Fault> {
    let bytes = split(rest, 4)?.try_into().expect("a slice of four bytes");
    Ok(u32::from_le_bytes(bytes))
}

fn split<'a>(rest: &mut &'a [u8], count: usize) -> Result<&'a [u8], Fault> {
    let (taken, left) = rest.split_at_checked(count).ok_or(Fault::Truncated)?;
    *rest = left;
    Ok(taken)
}
