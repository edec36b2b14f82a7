//! Opens compressed batches for the checkers: gzip, Snappy, LZ4, Zstandard.
//!
//! In Kafka:   `GzipCompression`, `SnappyCompression` (blocks as Xerial frames them), `Lz4BlockInputStream`,
//!             `ZstdCompression`.
//! Invariants: CC-1 it shares nothing with the log's codecs but the crates below them.
//! Left out:   the checksums within LZ4's frames: a batch has its own.

use std::io::Read;

/// No batch of a run is larger once it is opened: more is a fault, and would take the memory of the machine.
const OPENED_MAX: u64 = 64 << 20;
const XERIAL: [u8; 8] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0];
const XERIAL_HEADER: usize = 16;
const LZ4_MAGIC: [u8; 4] = [0x04, 0x22, 0x4d, 0x18];
const LZ4_STORED: u32 = 0x8000_0000;
const LZ4_BLOCK_MAX: usize = 4 << 20;

/// The records of a batch with this codec; none if they cannot be opened.
pub(super) fn opened(codec: i16, bytes: &[u8]) -> Option<Vec<u8>> {
    match codec {
        1 => whole(flate2::read::MultiGzDecoder::new(bytes)),
        2 => snappy(bytes),
        3 => lz4(bytes),
        4 => whole(ruzstd::decoding::StreamingDecoder::new(bytes).ok()?),
        _ => None,
    }
}

fn whole(from: impl Read) -> Option<Vec<u8>> {
    let mut opened = Vec::new();
    from.take(OPENED_MAX).read_to_end(&mut opened).ok()?;
    Some(opened)
}

fn snappy(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut decoder = snap::raw::Decoder::new();
    let Some(mut rest) = bytes.strip_prefix(&XERIAL).and(bytes.get(XERIAL_HEADER..)) else {
        return decoder.decompress_vec(bytes).ok();
    };
    let mut opened = Vec::new();
    while let Some((size, behind)) = rest.split_first_chunk::<4>() {
        let (block, behind) = behind.split_at_checked(u32::from_be_bytes(*size) as usize)?;
        opened.extend(decoder.decompress_vec(block).ok()?);
        rest = behind;
    }
    Some(opened)
}

fn lz4(bytes: &[u8]) -> Option<Vec<u8>> {
    let rest = bytes.strip_prefix(&LZ4_MAGIC)?;
    let (flags, rest) = rest.split_first()?;
    // The block descriptor, the size of the content if it is told, the checksum of the header.
    let content_size = if flags & 0x08 == 0 { 0 } else { 8 };
    let mut rest = rest.get(1 + content_size + 1..)?;
    let checksum = if flags & 0x10 == 0 { 0 } else { 4 };
    let mut opened = Vec::new();
    loop {
        let (size, behind) = rest.split_first_chunk::<4>()?;
        let size = u32::from_le_bytes(*size);
        if size == 0 {
            return Some(opened);
        }
        let (block, behind) = behind.split_at_checked((size & !LZ4_STORED) as usize)?;
        if size & LZ4_STORED == 0 {
            opened.extend(lz4_flex::block::decompress(block, LZ4_BLOCK_MAX).ok()?);
        } else {
            opened.extend_from_slice(block);
        }
        rest = behind.get(checksum..)?;
    }
}
