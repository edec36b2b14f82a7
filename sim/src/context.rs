//! What a program may do.

use std::marker::PhantomData;

use bytes::Bytes;

use crate::ids::{ConnId, LockId, PoolId};
use crate::program::Note;
use crate::random::Stream;
use crate::time::{Span, Time};

/// What a program may do.
pub struct Context<'a, N: Note> {
    marker: PhantomData<&'a mut N>,
}

const SOON: &str = "not landed yet";

#[expect(unused_variables, clippy::missing_const_for_fn, reason = "the shape only, for now")]
impl<N: Note> Context<'_, N> {
    /// The host's monotonic clock: drifts, never jumps.
    #[must_use]
    pub fn now(&self) -> Time {
        panic!("{SOON}")
    }
    /// The host's wall clock, in milliseconds since 1970.
    #[must_use]
    pub fn wall_ms(&self) -> i64 {
        panic!("{SOON}")
    }
    /// Sets the program's single timer.
    pub fn set_timer(&mut self, at: Option<Time>) {
        panic!("{SOON}")
    }
    /// Declares a pool of lanes; at boot.
    pub fn pool(&mut self, pool: PoolId, name: &'static str, lanes: u16) {
        panic!("{SOON}")
    }
    /// Hands a job to a pool: first come first served.
    pub fn submit(&mut self, pool: PoolId, token: u64, lock: Option<LockId>) {
        panic!("{SOON}")
    }
    /// The same at a later time.
    pub fn submit_at(&mut self, at: Time, pool: PoolId, token: u64, lock: Option<LockId>) {
        panic!("{SOON}")
    }
    /// In `finish`: the same lane goes on with this before its queue.
    pub fn then(&mut self, token: u64, lock: Option<LockId>) {
        panic!("{SOON}")
    }
    /// A lane without events of its own: `free_at = max(free_at, now) + cost`.
    pub fn pay(&mut self, pool: PoolId, index: u16, cost: Span) -> Time {
        panic!("{SOON}")
    }
    /// A keyed coin with a probability per seed and point.
    pub fn yields(&mut self, point: &'static str) -> bool {
        panic!("{SOON}")
    }
    /// Listens on a port.
    pub fn listen(&mut self, port: u16) {
        panic!("{SOON}")
    }
    /// Connects; later `Connected` or `ConnectFailed`.
    pub fn connect(&mut self, host: &str, port: u16) -> ConnId {
        panic!("{SOON}")
    }
    /// Sends; answers false when the send buffer is full (the bytes are taken all the same).
    pub fn send(&mut self, conn: ConnId, bytes: Bytes) -> bool {
        panic!("{SOON}")
    }
    /// Sends at a later time; the order within a connection is kept.
    pub fn send_at(&mut self, at: Time, conn: ConnId, bytes: Bytes) {
        panic!("{SOON}")
    }
    /// Ends a connection with FIN, after what was sent.
    pub fn close(&mut self, conn: ConnId) {
        panic!("{SOON}")
    }
    /// Ends a connection with RST.
    pub fn reset(&mut self, conn: ConnId) {
        panic!("{SOON}")
    }
    /// Reads no more from a connection until `unmute`.
    pub fn mute(&mut self, conn: ConnId) {
        panic!("{SOON}")
    }
    /// Reads again.
    pub fn unmute(&mut self, conn: ConnId) {
        panic!("{SOON}")
    }
    /// Bytes that `send` took and the network did not yet.
    #[must_use]
    pub fn unsent(&self, conn: ConnId) -> usize {
        panic!("{SOON}")
    }
    /// Run draws of this host.
    pub fn random(&mut self, stream: &'static str) -> &mut Stream {
        panic!("{SOON}")
    }
    /// Writes a note.
    pub fn note(&mut self, note: N) {
        panic!("{SOON}")
    }
    /// The host's name.
    #[must_use]
    pub fn host_name(&self) -> &str {
        panic!("{SOON}")
    }
    /// The process ends in good order.
    pub fn exit(&mut self) {
        panic!("{SOON}")
    }
    /// The process ends in disorder.
    pub fn halt(&mut self, why: &'static str) {
        panic!("{SOON}")
    }
}
