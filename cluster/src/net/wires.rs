//! What a network client needs of its host: connections, the clock, chance.
//!
//! In Kafka: `org.apache.kafka.common.network.Selectable` and `Time`.
//! Holds:    nothing; the simulator's `Context` implements it, and so does a page of test code.

use bytes::Bytes;
use trial_log::mark::Reached;
use trial_sim::{ConnId, Context, Time};

use crate::note::Note;

/// The part of a host that clients use; marks that they reach go there too.
pub trait Wires: Reached<Note> {
    /// The host's monotonic clock.
    fn now(&self) -> Time;
    /// The host's wall clock, in milliseconds since 1970.
    fn wall_ms(&self) -> i64;
    /// Starts a connection; it ends in `Connected` or `ConnectFailed`.
    fn connect(&mut self, host: &str, port: u16) -> ConnId;
    /// Sends a whole frame of this kind (an API's name), in order. False when the send buffer is full; `Writable`
    /// follows when it is not any more.
    fn send(&mut self, conn: ConnId, kind: &'static str, frame: Bytes) -> bool;
    /// Closes a connection; nothing more is heard of it.
    fn close(&mut self, conn: ConnId);
    /// A draw in `0..bound` from the host's stream of that name.
    fn below(&mut self, stream: &'static str, bound: u64) -> u64;
}

impl Wires for Context<'_, Note> {
    fn now(&self) -> Time {
        Context::now(self)
    }

    fn wall_ms(&self) -> i64 {
        Context::wall_ms(self)
    }

    fn connect(&mut self, host: &str, port: u16) -> ConnId {
        Context::connect(self, host, port)
    }

    fn send(&mut self, conn: ConnId, kind: &'static str, frame: Bytes) -> bool {
        Context::send_frame(self, conn, kind, frame)
    }

    fn close(&mut self, conn: ConnId) {
        Context::close(self, conn);
    }

    fn below(&mut self, stream: &'static str, bound: u64) -> u64 {
        self.random(stream).below(bound)
    }
}
