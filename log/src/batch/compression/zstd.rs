//! Zstandard frames.
//!
//! In Kafka:   `ZstdCompression`; `ZstdOutputStreamNoFinalizer` and `ZstdInputStreamNoFinalizer` of zstd-jni; KIP-110.
//! Holds:      a decoder for the frame that is being read, whose buffer grows with what it decodes.
//! Invariants: no window is allocated because a header claims it: each frame has a decoder of its own, and only one
//!             that is used again would. Windows may be as large as the C library lets them by default.
//! Left out:   dictionaries and the formats before 0.8. One level, see [`CompressionType`](super::CompressionType).

use std::io::Read;

use bytes::{BufMut, BytesMut};
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use ruzstd::encoding::{CompressionLevel, compress as compress_frame};
use xxhash_rust::xxh64::Xxh64;

use super::stream::DecompressionFault as Fault;

/// The largest window that the C library takes without being asked.
const WINDOW_MAX: u64 = 1 << 27;
/// How much is handed on at a time.
const PIECE: usize = 1 << 14;

/// Appends one frame, without the size or a checksum of its content, as a Java stream writes it.
pub(super) fn compress(payload: &[u8], into: &mut BytesMut) {
    compress_frame(payload, into.writer(), CompressionLevel::Fastest);
}

/// A frame that is being read.
struct Frame {
    decoder: FrameDecoder,
    hash: Xxh64,
    size: u64,
}

/// Decompresses the frames of a stream, one after another.
pub(super) struct Zstd<'a> {
    rest: &'a [u8],
    frame: Option<Frame>,
}

impl<'a> Zstd<'a> {
    pub(super) fn new(input: &'a [u8]) -> Self {
        Self { rest: input, frame: None }
    }

    /// Decompresses a piece; false at the end.
    pub(super) fn next(&mut self, piece: &mut Vec<u8>) -> Result<bool, Fault> {
        loop {
            let Some(frame) = &mut self.frame else {
                if self.rest.is_empty() {
                    return Ok(false);
                }
                self.frame = begin(&mut self.rest)?;
                continue;
            };
            let ready = frame.decoder.can_collect();
            if ready > 0 {
                piece.resize(ready.min(PIECE), 0);
                let read = frame.decoder.read(piece).map_err(|_| Fault::Block)?;
                piece.truncate(read);
                frame.hash.update(piece);
                frame.size += read as u64;
                return Ok(true);
            }
            if frame.decoder.is_finished() {
                frame.check()?;
                self.frame = None;
                continue;
            }
            let strategy = BlockDecodingStrategy::UptoBlocks(1);
            frame.decoder.decode_blocks(&mut self.rest, strategy).map_err(fault_of)?;
        }
    }
}

/// Reads the header of a frame; none if it is one to skip, which is skipped.
fn begin(rest: &mut &[u8]) -> Result<Option<Frame>, Fault> {
    let mut decoder = FrameDecoder::new();
    decoder.set_max_window_size(WINDOW_MAX);
    match decoder.init(&mut *rest) {
        Ok(()) => Ok(Some(Frame { decoder, hash: Xxh64::new(0), size: 0 })),
        Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
            length,
            ..
        })) => {
            *rest = rest.get(length as usize..).ok_or(Fault::Truncated)?;
            Ok(None)
        }
        Err(_) => Err(Fault::Header),
    }
}

impl Frame {
    /// Compares size and checksum of the content with what the frame says, if it does.
    fn check(&self) -> Result<(), Fault> {
        let size = self.decoder.content_size();
        if size != 0 && size != self.size {
            return Err(Fault::Checksum);
        }
        match self.decoder.get_checksum_from_data() {
            Some(want) if want != self.hash.digest() as u32 => Err(Fault::Checksum),
            _ => Ok(()),
        }
    }
}

fn fault_of(error: FrameDecoderError) -> Fault {
    match error {
        FrameDecoderError::FailedToReadBlockHeader(_)
        | FrameDecoderError::FailedToReadChecksum(_) => Fault::Truncated,
        _ => Fault::Block,
    }
}
