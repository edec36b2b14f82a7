//! Finds the frames in a byte stream, and puts requests and responses into frames.
//!
//! In Kafka:   `common.network.NetworkReceive`, `RequestHeader`, `ResponseHeader` (KIP-482 for versions 2 and 1).
//! Holds:      the chunks that have come and were not handed out.
//! Invariants: FR-1 frames come out in order, each exactly as long as it said; FR-2 a length is judged before
//!             anything is kept for it, so a peer cannot ask for memory.

use std::collections::VecDeque;

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::wire::{ApiKey, Message, Reader, RequestHeader, ResponseHeader, header};

/// `socket.request.max.bytes`: the longest frame that a node takes by default.
pub const FRAME_SIZE_MAX: usize = 100 * 1024 * 1024;

/// Bytes of the length in front of a frame.
const LENGTH_SIZE: usize = 4;

/// A peer that does not speak the protocol: the connection must be closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameError {
    /// A length below zero or above the limit.
    BadLength {
        /// What it said.
        got: i32,
        /// The limit.
        max: usize,
    },
}

/// Cuts a stream of chunks into frames. A frame that lies within one chunk is a slice of it; any other is copied once.
#[derive(Debug, Clone)]
pub struct FrameReader {
    frame_size_max: usize,
    chunks: VecDeque<Bytes>,
    buffered: usize,
}

impl Default for FrameReader {
    fn default() -> Self {
        Self::new(FRAME_SIZE_MAX)
    }
}

impl FrameReader {
    /// A reader that refuses frames longer than `frame_size_max`.
    #[must_use]
    pub const fn new(frame_size_max: usize) -> Self {
        Self { frame_size_max, chunks: VecDeque::new(), buffered: 0 }
    }

    /// Takes the next chunk of the stream.
    pub fn push(&mut self, chunk: Bytes) {
        if !chunk.is_empty() {
            self.buffered += chunk.len();
            self.chunks.push_back(chunk);
        }
    }

    /// The next whole frame without its length; none until more has come.
    pub fn next_frame(&mut self) -> Result<Option<Bytes>, FrameError> {
        let Some(length) = self.peek_length() else {
            return Ok(None);
        };
        let bad = FrameError::BadLength { got: length, max: self.frame_size_max };
        let size = usize::try_from(length).map_err(|_| bad)?;
        if size > self.frame_size_max {
            return Err(bad);
        }
        if self.buffered < LENGTH_SIZE + size {
            return Ok(None);
        }
        self.skip(LENGTH_SIZE);
        let frame = self.take(size);
        assert_eq!(frame.len(), size, "FR-1: a frame is as long as it said");
        Ok(Some(frame))
    }

    /// Bytes that wait for the rest of their frame.
    #[must_use]
    pub const fn buffered(&self) -> usize {
        self.buffered
    }

    fn peek_length(&self) -> Option<i32> {
        if self.buffered < LENGTH_SIZE {
            return None;
        }
        if let Some(length) = self.chunks.front()?.first_chunk() {
            return Some(i32::from_be_bytes(*length));
        }
        let mut length = [0; LENGTH_SIZE];
        let mut bytes = self.chunks.iter().flat_map(|chunk| chunk.iter());
        for byte in &mut length {
            *byte = *bytes.next()?;
        }
        Some(i32::from_be_bytes(length))
    }

    /// Drops `size` bytes, which are there.
    fn skip(&mut self, size: usize) {
        self.buffered -= size;
        let mut left = size;
        while left > 0 {
            let front = self.chunks.front_mut().expect("the bytes are buffered");
            let part = front.len().min(left);
            front.advance(part);
            left -= part;
            if front.is_empty() {
                self.chunks.pop_front();
            }
        }
    }

    /// Removes `size` bytes, which are there.
    fn take(&mut self, size: usize) -> Bytes {
        self.buffered -= size;
        if size == 0 {
            return Bytes::new();
        }
        let front = self.chunks.front_mut().expect("the bytes are buffered");
        if front.len() >= size {
            let taken = front.split_to(size);
            if front.is_empty() {
                self.chunks.pop_front();
            }
            return taken;
        }
        let mut joined = BytesMut::with_capacity(size);
        while joined.len() < size {
            let mut chunk = self.chunks.pop_front().expect("the bytes are buffered");
            let part = chunk.split_to(chunk.len().min(size - joined.len()));
            joined.put_slice(&part);
            if !chunk.is_empty() {
                self.chunks.push_front(chunk);
            }
        }
        joined.freeze()
    }
}

/// Where the correlation id of a request frame stands: behind length, API key and version.
pub(super) const CORRELATION_AT: usize = LENGTH_SIZE + 4;

/// A request as a frame: length, header in the version that the API's version asks for, body.
#[must_use]
pub fn request_frame(
    api: ApiKey,
    version: i16,
    correlation_id: i32,
    client_id: &str,
    write_body: impl FnOnce(&mut BytesMut),
) -> BytesMut {
    let mut frame = BytesMut::with_capacity(128);
    frame.put_i32(0);
    frame.put_i16(api.key());
    frame.put_i16(version);
    frame.put_i32(correlation_id);
    frame.put_i16(i16::try_from(client_id.len()).expect("a client id is short"));
    frame.put_slice(client_id.as_bytes());
    if api.request_header_version(version) >= 2 {
        frame.put_u8(0); // no tagged fields
    }
    write_body(&mut frame);
    close_frame(frame)
}

/// A response as a frame: length, header in the version that the API's version asks for, body.
#[must_use]
pub fn response_frame(
    api: ApiKey,
    version: i16,
    correlation_id: i32,
    write_body: impl FnOnce(&mut BytesMut),
) -> Bytes {
    let mut frame = BytesMut::with_capacity(128);
    frame.put_i32(0);
    frame.put_i32(correlation_id);
    if api.response_header_version(version) >= 1 {
        frame.put_u8(0); // no tagged fields
    }
    write_body(&mut frame);
    close_frame(frame).freeze()
}

/// Writes the length in front.
fn close_frame(mut frame: BytesMut) -> BytesMut {
    let size =
        i32::try_from(frame.len() - LENGTH_SIZE).expect("no message comes near two gigabytes");
    frame[..LENGTH_SIZE].copy_from_slice(&size.to_be_bytes());
    frame
}

/// Splits a response's frame into correlation id and body. None if the bytes are not a response's.
#[must_use]
pub fn split_response(frame: &Bytes, api: ApiKey, version: i16) -> Option<(i32, Bytes)> {
    let mut reader = Reader::new(frame);
    let header = ResponseHeader::decode(api.response_header_version(version), &mut reader).ok()?;
    Some((header.correlation_id, reader.rest()))
}

/// Splits a request's frame into API, header and body. None if the bytes are not a request's, or the API is unknown.
#[must_use]
pub fn split_request(frame: &Bytes) -> Option<(ApiKey, RequestHeader, Bytes)> {
    let mut reader = Reader::new(frame);
    let (api, header) = header::take_request(&mut reader).ok()?;
    Some((api, header, reader.rest()))
}
