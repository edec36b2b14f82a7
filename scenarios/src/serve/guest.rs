//! A real client's connection, as whoever owns the World knows it; and all of them.
//!
//! Holds:      which connection of the World belongs to which socket, and what is owed to either.
//! Inputs:     events of the sockets, outputs of the World.
//! Invariants: GU-1 what a socket has sent is given back as room once it has left for the broker: a broker that does
//!             not read holds its client back. GU-2 a client that does not read holds its broker back.

use std::collections::{BTreeMap, BTreeSet};

use trial_cluster::node::EXTERNAL_PORT;
use trial_cluster::note::Note;
use trial_sim::{OutsideEvent, OutsideId, World};

use super::sockets::{Event, Line, SocketId};

#[derive(Debug)]
struct Guest {
    socket: SocketId,
    line: Line,
    /// Bytes for which the socket has not been given room again.
    owed: usize,
    muted: bool,
}

/// All connections of real clients.
#[derive(Debug, Default)]
pub(super) struct Guests {
    guests: BTreeMap<OutsideId, Guest>,
    by_socket: BTreeMap<SocketId, OutsideId>,
    owing: BTreeSet<OutsideId>,
    /// How many there have been.
    pub(super) welcomed: u64,
}

impl Guests {
    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.guests.len()
    }

    /// Something happened to a socket.
    pub(super) fn on_socket(&mut self, event: Event, world: &mut World<Note>) {
        match event {
            Event::Accepted(socket, broker, line) => {
                let conn = world.outside_connect(&format!("b{broker}"), EXTERNAL_PORT);
                self.by_socket.insert(socket, conn);
                self.guests.insert(conn, Guest { socket, line, owed: 0, muted: false });
                self.welcomed += 1;
            }
            Event::Bytes(socket, bytes) => {
                let Some((conn, guest)) = self.find(socket) else { return };
                guest.owed += bytes.len();
                world.outside_write(conn, bytes);
                self.owing.insert(conn);
            }
            Event::Ended(socket, reset) => {
                let Some((conn, _)) = self.find(socket) else { return };
                self.forget(conn);
                if reset {
                    world.outside_reset(conn);
                } else {
                    world.outside_close(conn);
                }
            }
            Event::Drained(socket) => {
                if let Some((conn, guest)) = self.find(socket)
                    && std::mem::take(&mut guest.muted)
                {
                    world.outside_mute(conn, false);
                }
            }
            Event::Typed(_) | Event::Quit => unreachable!("no socket says so"),
        }
    }

    /// Hands out what has come out of the World.
    pub(super) fn on_world(&mut self, world: &mut World<Note>) {
        for output in world.drain_outputs() {
            match output {
                OutsideEvent::Connected(_) => {}
                OutsideEvent::Bytes(conn, bytes) => {
                    let Some(guest) = self.guests.get_mut(&conn) else { continue };
                    if guest.line.send(bytes) && !std::mem::replace(&mut guest.muted, true) {
                        world.outside_mute(conn, true);
                    }
                }
                OutsideEvent::Closed(conn) => {
                    if let Some(guest) = self.forget(conn) {
                        guest.line.close();
                    }
                }
                OutsideEvent::Refused(conn) | OutsideEvent::Reset(conn) => {
                    if let Some(guest) = self.forget(conn) {
                        guest.line.reset();
                    }
                }
            }
        }
        self.give_room(world);
    }

    /// GU-1.
    fn give_room(&mut self, world: &World<Note>) {
        let Self { guests, owing, .. } = self;
        owing.retain(|conn| {
            let Some(guest) = guests.get_mut(conn) else { return false };
            let taken = guest.owed.saturating_sub(world.outside_unsent(*conn));
            guest.owed -= taken;
            guest.line.taken(taken);
            guest.owed > 0
        });
    }

    /// Everybody goes.
    pub(super) fn send_away(&mut self, world: &mut World<Note>) {
        for conn in std::mem::take(&mut self.guests).into_keys() {
            world.outside_close(conn);
        }
        self.by_socket.clear();
        self.owing.clear();
    }

    fn find(&mut self, socket: SocketId) -> Option<(OutsideId, &mut Guest)> {
        let conn = *self.by_socket.get(&socket)?;
        Some((conn, self.guests.get_mut(&conn)?))
    }

    fn forget(&mut self, conn: OutsideId) -> Option<Guest> {
        let guest = self.guests.remove(&conn)?;
        self.by_socket.remove(&guest.socket);
        self.owing.remove(&conn);
        Some(guest)
    }
}
