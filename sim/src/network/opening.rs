//! Opens connections.
//!
//! Invariants: OP-1 a live host refuses a port that nobody listens on; a host without power and a
//!             link that is cut answer nothing, and the request is sent again until the stack gives
//!             up; OP-2 the listener is told before the first byte arrives.

use super::connection::{Connection, EndState};
use crate::event::Event;
use crate::ids::{ConnId, HostId};
use crate::program::{Input, Note};
use crate::room::{Outcome, Room};
use crate::seen::Seen;
use crate::time::Span;

/// What a packet without payload weighs.
const PACKET_BYTES: usize = 60;

impl<N: Note> Room<N> {
    /// Opens a connection; a name that no host has is refused, as a failed lookup is.
    pub(crate) fn connect(&mut self, from: HostId, to: &str, port: u16) -> ConnId {
        let target = self.find_host(to);
        let to_host = target.unwrap_or(from);
        let link = self.network.link(from, to_host);
        link.connects += 1;
        let name = format!("{}>{to}#{}", self.hosts[usize::from(from.0)].name, link.connects);
        let connection = Connection::new(self.plan, &name, port, (from, to_host), self.now);
        let end = self.network.add(connection);
        let at = self.travel(end, PACKET_BYTES);
        let event = if target.is_some() { Event::Syn { end } } else { Event::Refused { end } };
        self.push_for_end(at, end, event);
        end
    }

    /// The request reaches the listener's host, or is lost on the way.
    pub(crate) fn on_syn(&mut self, end: ConnId) -> Outcome {
        let Some(connection) = self.network.get(end) else { return Outcome::Stale };
        if connection.ends[0].state != EndState::Opening {
            return Outcome::Stale;
        }
        let (port, (from, to)) = (connection.port, connection.route(end));
        if self.is_blocked(from, to) || self.is_blocked(to, from) || !self.host(to).powered {
            self.retry(end, from, to);
            return Outcome::Done;
        }
        if self.swallows(from, to) {
            self.retry(end, from, to);
            return Outcome::Done;
        }
        let refused = self.refuses(from, to);
        let host = self.host(to);
        let listens = host.up && host.listeners.contains(&port);
        let paused = host.is_paused();
        let at = self.travel(end.peer(), PACKET_BYTES);
        if refused || !listens {
            self.push_for_end(at, end, Event::Refused { end });
            return Outcome::Done;
        }
        let connection = self.network.get(end).expect("it was there a moment ago");
        connection.ends[1].state = EndState::Open;
        connection.pipes[1].last_arrival = at + Span(1);
        self.push_for_end(at, end, Event::Connected { end });
        let conn = end.connection();
        self.see(Seen::Connected { at: self.now, conn, from, to, port });
        let accepted = Event::Accepted { end: end.peer() };
        if paused {
            self.defer(to, accepted);
            return Outcome::Done;
        }
        Outcome::Tell(to, Input::Accepted { conn: end.peer(), from, port })
    }

    /// Whether a fault leaves connection requests without an answer; it counts them.
    fn swallows(&mut self, from: HostId, to: HostId) -> bool {
        let faults: Vec<_> = self.network.link(from, to).swallowers().collect();
        faults.iter().for_each(|fault| self.effect_of(*fault).connects_held += 1);
        !faults.is_empty()
    }

    /// Whether a fault refuses connection requests; it counts them.
    fn refuses(&mut self, from: HostId, to: HostId) -> bool {
        let faults: Vec<_> = self.network.link(from, to).refusers().collect();
        faults.iter().for_each(|fault| self.effect_of(*fault).connects_refused += 1);
        !faults.is_empty()
    }

    fn retry(&mut self, end: ConnId, from: HostId, to: HostId) {
        for (from, to) in [(from, to), (to, from)] {
            let blockers: Vec<_> = self.network.link(from, to).blockers().collect();
            for fault in blockers {
                self.effect_of(fault).connects_held += 1;
            }
        }
        let (first, longest) =
            (self.settings.network.syn_retry, self.settings.network.connect_timeout);
        let connection = self.network.get(end).expect("the caller has looked");
        let wait = first * (1 << connection.retries.min(20));
        connection.retries += 1;
        let give_up = connection.opened + longest;
        if self.now + wait >= give_up {
            self.push_for_end(give_up.max(self.now), end, Event::ConnectTimeout { end });
        } else {
            self.push_for_end(self.now + wait, end, Event::Syn { end });
        }
    }

    /// A paused listener is told at last.
    pub(crate) fn on_accepted(&mut self, end: ConnId) -> Outcome {
        let Some(connection) = self.network.get(end) else { return Outcome::Stale };
        if connection.end(end).state != EndState::Open {
            return Outcome::Stale;
        }
        let (host, from) = connection.route(end);
        Outcome::Tell(host, Input::Accepted { conn: end, from, port: connection.port })
    }

    /// Whoever connected may send now.
    pub(crate) fn on_connected(&mut self, end: ConnId) -> Outcome {
        let Some(connection) = self.network.get(end) else { return Outcome::Stale };
        if connection.end(end).state != EndState::Opening {
            return Outcome::Stale;
        }
        connection.end(end).state = EndState::Open;
        let host = connection.end(end).host;
        self.transmit(end);
        self.wants_reading(end);
        Outcome::Tell(host, Input::Connected { conn: end })
    }

    /// Whoever connected is refused, or gives up.
    pub(crate) fn on_connect_failed(&mut self, end: ConnId, refused: bool) -> Outcome {
        let Some(connection) = self.network.get(end) else { return Outcome::Stale };
        if connection.end(end).state != EndState::Opening {
            return Outcome::Stale;
        }
        connection.end(end).state = EndState::Gone;
        let host = connection.end(end).host;
        self.network.forget_if_over(end);
        Outcome::Tell(host, Input::ConnectFailed { conn: end, refused })
    }
}
