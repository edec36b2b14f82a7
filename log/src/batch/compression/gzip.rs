//! gzip: deflate between a header and a trailer.
//!
//! In Kafka:   `GzipCompression`, `GzipOutputStream`; Java's `GZIPOutputStream` and `GZIPInputStream`; RFC 1952.
//! Holds:      an inflater, whose window is all it keeps.
//! Invariants: the header that is written is Java's, byte for byte: no name, no time, unknown system.
//! Left out:   Java looks for a further member only within a buffer of its own; here in all that follows.

use std::io::Write;

use bytes::{BufMut, BytesMut};
use flate2::write::DeflateEncoder;
use flate2::{Crc, Decompress, FlushDecompress, Status};

use super::stream::DecompressionFault as Fault;

/// Magic, deflate, no flags, no time, no extra flags, unknown system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
const CHECKSUM_OF_HEADER: u8 = 2;
const EXTRA: u8 = 4;
const NAME: u8 = 8;
const COMMENT: u8 = 16;
/// A further member has at least a header and a trailer.
const SMALLEST_MEMBER: usize = 18;
/// How much is inflated at a time.
const PIECE: usize = 1 << 14;

/// Appends one member.
pub(super) fn compress(payload: &[u8], level: i32, into: &mut BytesMut) {
    into.extend_from_slice(&HEADER);
    // The level -1 is the library's own, as in Java.
    let level = u32::try_from(level).map_or_else(|_| Default::default(), flate2::Compression::new);
    let mut encoder = DeflateEncoder::new(into.writer(), level);
    let written = encoder.write_all(payload).and_then(|()| encoder.try_finish());
    written.expect("a buffer in memory takes all that is written");
    drop(encoder);
    let mut crc = Crc::new();
    crc.update(payload);
    into.extend_from_slice(&crc.sum().to_le_bytes());
    into.extend_from_slice(&crc.amount().to_le_bytes());
}

/// Inflates the members of a stream, one after another.
pub(super) struct Gzip<'a> {
    rest: &'a [u8],
    inflater: Decompress,
    crc: Crc,
    ended: bool,
}

impl<'a> Gzip<'a> {
    pub(super) fn new(input: &'a [u8]) -> Result<Self, Fault> {
        let mut rest = input;
        read_header(&mut rest)?;
        let inflater = Decompress::new(false);
        Ok(Self { rest, inflater, crc: Crc::new(), ended: false })
    }

    /// Inflates a piece; false at the end.
    pub(super) fn next(&mut self, piece: &mut Vec<u8>) -> Result<bool, Fault> {
        while !self.ended {
            piece.resize(PIECE, 0);
            let (read, written) = (self.inflater.total_in(), self.inflater.total_out());
            let status = self.inflater.decompress(self.rest, piece, FlushDecompress::None);
            let status = status.map_err(|_| Fault::Block)?;
            let read = progress(self.inflater.total_in() - read);
            let written = progress(self.inflater.total_out() - written);
            self.rest = &self.rest[read..];
            piece.truncate(written);
            self.crc.update(piece);
            if status == Status::StreamEnd {
                self.end_member()?;
            } else if read == 0 && written == 0 {
                return Err(Fault::Truncated);
            }
            if written > 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Compares the trailer, and begins the next member if there is one; what else follows is ignored, as in Java.
    fn end_member(&mut self) -> Result<(), Fault> {
        let trailer = split(&mut self.rest, 8)?;
        let want = [self.crc.sum().to_le_bytes(), self.crc.amount().to_le_bytes()].concat();
        if trailer != want {
            return Err(Fault::Checksum);
        }
        self.ended = self.rest.len() <= SMALLEST_MEMBER || read_header(&mut self.rest).is_err();
        self.crc.reset();
        self.inflater.reset(false);
        Ok(())
    }
}

fn progress(bytes: u64) -> usize {
    usize::try_from(bytes).expect("no more than the slices that were handed over")
}

fn read_header(rest: &mut &[u8]) -> Result<(), Fault> {
    let whole = *rest;
    let fixed = split(rest, HEADER.len())?;
    if fixed[..3] != HEADER[..3] {
        return Err(Fault::Header);
    }
    let flags = fixed[3];
    if flags & EXTRA != 0 {
        let length = split(rest, 2)?;
        split(rest, usize::from(u16::from_le_bytes([length[0], length[1]])))?;
    }
    for text in [NAME, COMMENT] {
        if flags & text != 0 {
            let end = rest.iter().position(|byte| *byte == 0).ok_or(Fault::Truncated)?;
            split(rest, end + 1)?;
        }
    }
    if flags & CHECKSUM_OF_HEADER != 0 {
        let mut crc = Crc::new();
        crc.update(&whole[..whole.len() - rest.len()]);
        if split(rest, 2)? != &crc.sum().to_le_bytes()[..2] {
            return Err(Fault::Header);
        }
    }
    Ok(())
}

fn split<'a>(rest: &mut &'a [u8], count: usize) -> Result<&'a [u8], Fault> {
    let (taken, left) = rest.split_at_checked(count).ok_or(Fault::Truncated)?;
    *rest = left;
    Ok(taken)
}
