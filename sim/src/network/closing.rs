//! Ends connections: FIN, RST, a process that dies, a host that loses power.
//!
//! Invariants: CZ-1 a FIN follows everything that was sent; a RST follows what is under way and
//!             drops what waits; CZ-2 closing with unread bytes in the buffer is a RST, as in TCP;
//!             CZ-3 lost power says nothing: the peer learns of it when it next sends something
//!             that reaches the host, which answers with a RST (half-open).

use bytes::Bytes;

use super::connection::EndState;
use crate::event::Event;
use crate::ids::{ConnId, HostId};
use crate::program::{Input, Note};
use crate::room::{Outcome, Room};
use crate::seen::{CrashKind, Seen};
use crate::time::{Span, Time};

impl<N: Note> Room<N> {
    /// The program closes its end, after what it has scheduled.
    pub(crate) fn close(&mut self, end: ConnId) {
        let Some(connection) = self.network.get(end) else { return };
        let own = connection.end(end);
        match own.state {
            EndState::Open | EndState::Opening if own.scheduled.is_empty() => self.close_now(end),
            EndState::Open => {
                own.state = EndState::Closing;
                self.schedule(Time::ZERO, end, "", Bytes::new());
            }
            EndState::Opening => self.reset_end(end),
            EndState::Absent | EndState::Closing | EndState::Gone => {}
        }
    }

    /// CZ-1, CZ-2.
    pub(crate) fn close_now(&mut self, end: ConnId) {
        let connection = self.network.get(end).expect("the caller has looked");
        let own = connection.end(end);
        if !own.unread.is_empty() {
            self.reset_end(end);
            return;
        }
        let ended = own.ended.is_some();
        own.state = EndState::Gone;
        own.scheduled.clear();
        let by = own.host;
        if connection.end(end.peer()).lives() && !ended {
            connection.pipe(end).finish();
            self.transmit(end);
        }
        self.see(Seen::Closed { at: self.now, conn: end.connection(), by, reset: false });
        self.network.forget_if_over(end);
    }

    /// The end is gone at once, and its peer gets a RST.
    pub(crate) fn reset_end(&mut self, end: ConnId) {
        let Some(connection) = self.network.get(end) else { return };
        let own = connection.end(end);
        if !own.lives() {
            return;
        }
        own.state = EndState::Gone;
        own.scheduled.clear();
        own.unread.clear();
        let by = own.host;
        connection.pipe(end).drop_waiting();
        let after = connection.pipe(end).last_arrival + Span(1);
        if connection.end(end.peer()).lives() {
            let at = self.travel(end, 0).max(after);
            self.push_for_end(at, end, Event::Rst { end: end.peer(), forced: false });
        }
        self.see(Seen::Closed { at: self.now, conn: end.connection(), by, reset: true });
        self.network.forget_if_over(end);
    }

    /// Bytes reach a host that does not know the connection (any more).
    pub(crate) fn answer_with_reset(&mut self, sender: ConnId) {
        let connection = self.network.get(sender).expect("the caller has looked");
        connection.pipe(sender).drop_flights();
        if connection.end(sender).lives() {
            let at = self.travel(sender.peer(), 0);
            self.push_for_end(at, sender.peer(), Event::Rst { end: sender, forced: false });
        }
    }

    /// A reset reaches this end. It is not sent again: a cut leaves the end half-open.
    pub(crate) fn on_rst(&mut self, end: ConnId, forced: bool) -> Outcome {
        let Some(connection) = self.network.get(end) else { return Outcome::Stale };
        let (host, from) = connection.route(end);
        let state = connection.end(end).state;
        if !connection.end(end).lives() || !self.host(host).powered {
            return Outcome::Stale;
        }
        if !forced && self.is_blocked(from, host) {
            let blockers: Vec<_> = self.network.link(from, host).blockers().collect();
            for fault in blockers {
                self.effect_of(fault).resets_lost += 1;
            }
            return Outcome::Done;
        }
        if state == EndState::Opening {
            return self.on_connect_failed(end, true);
        }
        let connection = self.network.get(end).expect("it was there a moment ago");
        connection.pipe(end).drop_waiting();
        connection.pipe(end).drop_flights();
        let own = connection.end(end);
        own.scheduled.clear();
        own.unread.clear();
        own.ended = Some(true);
        if own.state == EndState::Closing {
            own.state = EndState::Gone;
            self.network.forget_if_over(end);
            return Outcome::Done;
        }
        if own.muted || own.readable {
            // What was sent is gone: whoever waits for room writes in vain, and need not wait.
            if std::mem::take(&mut own.full) {
                self.push_for_end(self.now, end, Event::Writable { end });
            }
            return Outcome::Done;
        }
        self.tell_closed(end)
    }

    /// The program learns that its peer has ended the connection.
    pub(crate) fn tell_closed(&mut self, end: ConnId) -> Outcome {
        let connection = self.network.get(end).expect("the caller has looked");
        let own = connection.end(end);
        let reset = own.ended.expect("somebody has ended it");
        own.state = EndState::Gone;
        own.scheduled.clear();
        let host = own.host;
        self.network.forget_if_over(end);
        Outcome::Tell(host, Input::Closed { conn: end, reset })
    }

    /// A process that exits in good order hands over what it had scheduled.
    pub(crate) fn send_scheduled(&mut self, host: HostId) {
        for end in self.network.ends() {
            let Some(connection) = self.network.get(end) else { continue };
            if connection.end(end).host != host {
                continue;
            }
            for _ in 0..connection.end(end).scheduled.len() {
                if matches!(self.on_send_due(end), Outcome::Stale) {
                    break;
                }
            }
        }
    }

    /// The host's process ends, or the host. Answers how many connections it had, and how many
    /// bytes of it will never be sent.
    pub(crate) fn end_connections(&mut self, host: HostId, kind: CrashKind) -> (u32, u64) {
        let (mut count, mut unsent) = (0, 0);
        for end in self.network.ends() {
            let Some(connection) = self.network.get(end) else { continue };
            let own = connection.end(end);
            if own.host != host || !own.lives() {
                continue;
            }
            count += 1;
            unsent += own.scheduled.iter().map(|(_, _, bytes)| bytes.len() as u64).sum::<u64>();
            match kind {
                CrashKind::Process => self.close_now(end),
                CrashKind::PowerLoss => {
                    own.state = EndState::Gone;
                    own.scheduled.clear();
                    own.unread.clear();
                    unsent += connection.pipe(end).drop_waiting() as u64;
                    let conn = end.connection();
                    self.see(Seen::Closed { at: self.now, conn, by: host, reset: true });
                    self.network.forget_if_over(end);
                }
            }
        }
        (count, unsent)
    }
}
