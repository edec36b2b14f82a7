//! Orders: what whoever drives the World asks of a program, by ordinary queued and digested events.
//!
//! In Kafka:   the application that holds a client and calls `send`.
//! Holds:      the way of an order; what waits for its event lies with the host (`Host::orders`).
//! Invariants: OR-1 an order is handled by a later step, at the World's present time or, if its host
//!             is paused, after that; those of one host in the order in which they were given. OR-2
//!             what the process has not taken when it ends is gone with it.

use bytes::Bytes;

use crate::event::Event;
use crate::ids::HostId;
use crate::program::{Input, Note};
use crate::room::{Outcome, Room};
use crate::world::World;

impl<N: Note> World<N> {
    /// Asks a host's program for something: `Input::Order` follows. False, and nothing follows, if
    /// its process does not run.
    pub fn order(&mut self, host: HostId, bytes: Bytes) -> bool {
        self.room.mark(45, u64::from(host.0), bytes.len() as u64);
        let owner = self.room.host(host);
        if !owner.up {
            return false;
        }
        owner.orders.push_back(bytes);
        let event = Event::Order { host, life: owner.life };
        self.room.push_for_host(self.room.now, host, event);
        true
    }
}

impl<N: Note> Room<N> {
    pub(crate) fn on_order(&mut self, host: HostId) -> Outcome {
        let front = self.host(host).orders.pop_front();
        let bytes = front.expect("OR-1: one event for each order of this life");
        Outcome::Tell(host, Input::Order { bytes })
    }
}
