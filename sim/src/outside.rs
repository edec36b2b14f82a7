//! The outside door: bytes from outside the World, as ordinary queued and digested events.
//!
//! In Kafka:   a real client of `trial serve`, or the user's own program on the same virtual clock.
//! Holds:      a host without a program, named `outside`, made when it is first needed.
//! Invariants: OD-1 what comes in is written at the World's present time and handled by a later
//!             step; OD-2 what goes out is taken with `drain_outputs`, in order; OD-3 nothing grows
//!             that whoever drives the World does not let grow: what was written and has not left
//!             can be asked for, what comes out can be held back.

use std::sync::Arc;

use bytes::Bytes;

use crate::ids::{HostId, OutsideId};
use crate::network::connection::EndState;
use crate::program::{Input, Note};
use crate::settings::HostSpec;
use crate::time::Time;
use crate::world::World;

/// What comes out of the outside door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutsideEvent {
    /// The connection came through.
    Connected(OutsideId),
    /// It was refused, or the network stack gave up waiting.
    Refused(OutsideId),
    /// A chunk of bytes, in order; any split.
    Bytes(OutsideId, Bytes),
    /// The host ended the connection, after all that it had to say.
    Closed(OutsideId),
    /// The host does not know the connection (any more).
    Reset(OutsideId),
}

impl<N: Note> World<N> {
    /// The host that stands for everything outside: for faults of the network between it and
    /// others. It has no program; it is made when it is first asked for.
    pub fn outside_host(&mut self) -> HostId {
        self.outside()
    }

    /// Connects from outside to a host's port; `Connected` or `Refused` comes out.
    pub fn outside_connect(&mut self, to: &str, port: u16) -> OutsideId {
        let from = self.outside();
        let end = self.room.connect(from, to, port);
        self.room.mark(1, end.0, u64::from(port));
        OutsideId(end)
    }

    /// Sends from outside; also before the connection has come through.
    pub fn outside_write(&mut self, conn: OutsideId, bytes: Bytes) {
        let Some(connection) = self.room.network.get(conn.0) else { return };
        let alive = matches!(connection.end(conn.0).state, EndState::Open | EndState::Opening);
        if alive && !bytes.is_empty() {
            self.room.mark(2, conn.0.0, bytes.len() as u64);
            self.room.schedule(Time::ZERO, conn.0, "", bytes);
        }
    }

    /// Closes from outside, after what was sent.
    pub fn outside_close(&mut self, conn: OutsideId) {
        self.room.mark(3, conn.0.0, 0);
        self.room.close(conn.0);
    }

    /// Ends a connection from outside at once; what is not under way is lost.
    pub fn outside_reset(&mut self, conn: OutsideId) {
        self.room.mark(4, conn.0.0, 0);
        self.room.reset_end(conn.0);
    }

    /// Whoever is outside reads no more of a connection, or reads again: what the host sends waits
    /// in its windows and buffers meanwhile, and then in the host.
    pub fn outside_mute(&mut self, conn: OutsideId, muted: bool) {
        self.room.mark(5, conn.0.0, u64::from(muted));
        self.room.set_muted(conn.0, muted);
    }

    /// Bytes that were written from outside and have not left: the host does not read on.
    #[must_use]
    pub fn outside_unsent(&self, conn: OutsideId) -> usize {
        self.room.unsent(conn.0)
    }

    /// What came out since the last call.
    pub fn drain_outputs(&mut self) -> Vec<OutsideEvent> {
        std::mem::take(&mut self.room.outputs)
    }

    fn outside(&mut self) -> HostId {
        if let Some(host) = self.room.outside {
            return host;
        }
        let nobody = HostSpec::new(Arc::new(|_| unreachable!("nothing boots outside")));
        let host = self.add_host("outside", nobody);
        self.room.outside = Some(host);
        host
    }

    /// An input for the outside is an output of the World.
    pub(crate) fn put_out(&mut self, input: Input) {
        self.room.outputs.push(match input {
            Input::Connected { conn } => OutsideEvent::Connected(OutsideId(conn)),
            Input::ConnectFailed { conn, .. } => OutsideEvent::Refused(OutsideId(conn)),
            Input::Received { conn, bytes } => OutsideEvent::Bytes(OutsideId(conn), bytes),
            Input::Closed { conn, reset: false } => OutsideEvent::Closed(OutsideId(conn)),
            Input::Closed { conn, reset: true } => OutsideEvent::Reset(OutsideId(conn)),
            Input::Boot
            | Input::Stop
            | Input::Order { .. }
            | Input::Timer
            | Input::Accepted { .. }
            | Input::Writable { .. } => return,
        });
    }
}
