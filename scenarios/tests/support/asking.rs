//! Asks a broker on a real socket, blocking, with the wire of `trial-cluster`.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use bytes::Bytes;
use trial_cluster::net::frames;
use trial_cluster::wire::{Message as _, Request};

/// A connection.
pub struct Guest {
    stream: TcpStream,
    correlation: i32,
}

impl Guest {
    pub fn new(stream: TcpStream) -> Self {
        Self { stream, correlation: 0 }
    }

    /// Asks; none if the broker ends the connection instead.
    pub fn try_ask<R: Request>(&mut self, version: i16, request: &R) -> Option<R::Response> {
        self.correlation += 1;
        let frame = frames::request_frame(R::API, version, self.correlation, "guest", |body| {
            request.encode(version, body);
        });
        self.stream.write_all(&frame).ok()?;
        let frame = read_frame(&mut self.stream)?;
        let (correlation, body) = frames::split_response(&frame, R::API, version)?;
        assert_eq!(correlation, self.correlation, "the answer to this request");
        Some(R::Response::from_bytes(version, &body).expect("of this version"))
    }

    #[track_caller]
    pub fn ask<R: Request>(&mut self, version: i16, request: &R) -> R::Response {
        self.try_ask(version, request).expect("an answer")
    }
}

/// A frame without its length; none if the other side ends the connection.
pub fn read_frame(stream: &mut TcpStream) -> Option<Bytes> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).ok()?;
    let length = usize::try_from(i32::from_be_bytes(length)).expect("a frame's length");
    let mut frame = vec![0; length];
    stream.read_exact(&mut frame).ok()?;
    Some(Bytes::from(frame))
}
