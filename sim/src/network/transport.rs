//! Moves bytes: from `send` over the link into the receiver's buffer and to its program.
//!
//! Invariants: TR-1 the order within a direction is kept, whatever is scheduled, held or cut;
//!             TR-2 a muted end, and one on a paused host, is handed nothing: its bytes stay in the
//!             host's buffer, and the sender's wait once the window is full.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use super::connection::EndState;
use super::pipe::CHUNK_MAX;
use crate::event::Event;
use crate::ids::{ConnId, HostId};
use crate::program::{Input, Note};
use crate::room::{Outcome, Room};
use crate::seen::Seen;
use crate::settings::Chunking;
use crate::time::Time;

impl<N: Note> Room<N> {
    /// Queues an event whose owner is this end's direction.
    pub(crate) fn push_for_end(&mut self, at: Time, end: ConnId, event: Event) {
        let connection = self.network.get(end).expect("events are made by living connections");
        let tie = connection.pipe(end).tie();
        self.queue.push(at, tie, event);
    }

    /// When `count` bytes that this end puts on its link now are over there.
    pub(crate) fn travel(&mut self, sender: ConnId, count: usize) -> Time {
        let network = &self.settings.network;
        let connection = self.network.get(sender).expect("only living connections send");
        let (from, to) = connection.route(sender);
        let link = self.network.link(from, to);
        let (bandwidth, usual) = if from == to {
            (u64::MAX, network.loopback)
        } else {
            (network.bandwidth, network.latency)
        };
        let mut late = Vec::new();
        let left = link.carry(self.now, count as u64, bandwidth, &mut late);
        let latency = link.latency.unwrap_or(usual);
        for (fault, by) in late {
            let effect = self.effect_of(fault);
            effect.chunks_delayed += 1;
            effect.delayed += by;
        }
        let connection = self.network.get(sender).expect("it was there a moment ago");
        left + latency.draw(&mut connection.pipe(sender).stream)
    }

    /// Sends now, or after what is already scheduled. False: the send buffer is full.
    pub(crate) fn send(&mut self, end: ConnId, bytes: Bytes) -> bool {
        self.send_at(self.now, end, bytes)
    }

    /// Sends at `at`, or after what is already scheduled.
    pub(crate) fn send_at(&mut self, at: Time, end: ConnId, bytes: Bytes) -> bool {
        let Some(connection) = self.network.get(end) else { return true };
        let own = connection.end(end);
        if !matches!(own.state, EndState::Open | EndState::Opening) || bytes.is_empty() {
            return true;
        }
        if at > self.now || !own.scheduled.is_empty() {
            let full = own.full;
            self.schedule(at, end, bytes);
            return !full;
        }
        self.hand_over(end, bytes)
    }

    /// Puts bytes (or, without any, the close) behind what is scheduled.
    pub(crate) fn schedule(&mut self, at: Time, end: ConnId, bytes: Bytes) {
        let now = self.now;
        let connection = self.network.get(end).expect("the caller has looked");
        let scheduled = &mut connection.end(end).scheduled;
        let at = scheduled.back().map_or(at, |&(last, _)| last.max(at)).max(now);
        scheduled.push_back((at, bytes));
        self.push_for_end(at, end, Event::SendDue { end });
    }

    pub(crate) fn on_send_due(&mut self, end: ConnId) -> Outcome {
        let Some(connection) = self.network.get(end) else { return Outcome::Stale };
        let Some((_, bytes)) = connection.end(end).scheduled.pop_front() else {
            return Outcome::Stale;
        };
        if bytes.is_empty() {
            self.close_now(end);
        } else {
            self.hand_over(end, bytes);
        }
        Outcome::Done
    }

    /// The network stack takes the bytes.
    fn hand_over(&mut self, end: ConnId, bytes: Bytes) -> bool {
        let connection = self.network.get(end).expect("the caller has looked");
        if connection.end(end).ended == Some(true) {
            return true;
        }
        let ((from, to), port) = (connection.route(end), connection.port);
        connection.pipe(end).push(bytes.clone());
        self.see(Seen::Sent {
            at: self.now,
            conn: end.connection(),
            from,
            to,
            port,
            towards_listener: !end.is_listener(),
            bytes,
        });
        self.transmit(end);
        let limit = self.settings.network.send_buffer as usize;
        let connection = self.network.get(end).expect("sending forgets nobody");
        let full = connection.pipe(end).waiting_bytes() > limit;
        connection.end(end).full |= full;
        !full
    }

    /// Lets go what the window has room for.
    pub(crate) fn transmit(&mut self, sender: ConnId) {
        let window = self.settings.network.receive_window as usize;
        loop {
            let connection = self.network.get(sender).expect("the caller has looked");
            if connection.end(sender).state == EndState::Opening {
                return;
            }
            let pipe = connection.pipe(sender);
            let held = pipe.held_since.is_some();
            let Some(bytes) = pipe.next_departure(window) else { break };
            if held {
                self.count_held(sender, 1, bytes.len() as u64);
            }
            let arrives = self.travel(sender, bytes.len());
            let connection = self.network.get(sender).expect("it was there a moment ago");
            connection.pipe(sender).depart(bytes, arrives);
        }
        self.arm(sender, Time::ZERO);
        let limit = self.settings.network.send_buffer as usize;
        let connection = self.network.get(sender).expect("it was there a moment ago");
        let low = connection.pipe(sender).waiting_bytes() <= limit / 2;
        let own = connection.end(sender);
        if own.full && low {
            own.full = false;
            if own.state == EndState::Open {
                self.push_for_end(self.now, sender, Event::Writable { end: sender });
            }
        }
    }

    /// Queues the next arrival, not before `earliest`, unless it is queued or held.
    pub(crate) fn arm(&mut self, sender: ConnId, earliest: Time) {
        let now = self.now;
        let connection = self.network.get(sender).expect("the caller has looked");
        let pipe = connection.pipe(sender);
        if pipe.armed || pipe.held_since.is_some() {
            return;
        }
        if let Some(next) = pipe.next_arrival() {
            pipe.armed = true;
            self.push_for_end(next.max(earliest).max(now), sender, Event::Arrive { sender });
        }
    }

    /// The front of what `sender` sent reaches the other host.
    pub(crate) fn on_arrive(&mut self, sender: ConnId) -> Outcome {
        let Some(connection) = self.network.get(sender) else { return Outcome::Stale };
        connection.pipe(sender).armed = false;
        let receiver = sender.peer();
        let (from, to) = connection.route(sender);
        let state = connection.end(receiver).state;
        if self.is_blocked(from, to) || !self.host(to).powered {
            self.hold(sender);
            return Outcome::Done;
        }
        if matches!(state, EndState::Gone | EndState::Absent) {
            self.answer_with_reset(sender);
            return Outcome::Done;
        }
        let (now, chunking) = (self.now, self.settings.network.chunking);
        let connection = self.network.get(sender).expect("it was there a moment ago");
        let Some(chunk) = connection.pipe(sender).arrive(now, chunking) else {
            return Outcome::Stale;
        };
        self.arm(sender, Time::ZERO);
        self.take_in(receiver, to, chunk)
    }

    /// A chunk, or the FIN, has reached the receiver's host.
    fn take_in(&mut self, receiver: ConnId, host: HostId, chunk: Bytes) -> Outcome {
        let paused = self.host(host).is_paused();
        let connection = self.network.get(receiver).expect("the caller has looked");
        let own = connection.end(receiver);
        if own.state == EndState::Closing {
            connection.pipe(receiver.peer()).acknowledge(chunk.len());
            return Outcome::Done;
        }
        if chunk.is_empty() {
            own.ended = Some(false);
        }
        let waits = own.muted || paused || own.state == EndState::Opening;
        if waits || own.readable || !own.unread.is_empty() {
            if !chunk.is_empty() {
                own.unread.push_back(chunk);
            }
            self.wants_reading(receiver);
            return Outcome::Done;
        }
        if chunk.is_empty() {
            return self.tell_closed(receiver);
        }
        self.consume(receiver, chunk.len());
        Outcome::Tell(host, Input::Received { conn: receiver, bytes: chunk })
    }

    /// Queues (or defers) the reading of what lies in the host's buffer, if the program may read.
    pub(crate) fn wants_reading(&mut self, end: ConnId) {
        let Some(connection) = self.network.get(end) else { return };
        let own = connection.end(end);
        let nothing = own.unread.is_empty() && own.ended.is_none();
        if own.muted || own.readable || nothing || own.state != EndState::Open {
            return;
        }
        own.readable = true;
        let host = own.host;
        if self.host(host).is_paused() {
            self.defer(host, Event::Readable { end });
        } else {
            self.push_for_end(self.now, end, Event::Readable { end });
        }
    }

    /// The program reads from its host's buffer.
    pub(crate) fn on_readable(&mut self, end: ConnId) -> Outcome {
        let chunking = self.settings.network.chunking;
        let Some(connection) = self.network.get(end) else { return Outcome::Stale };
        let own = connection.end(end);
        own.readable = false;
        if own.muted || own.state != EndState::Open {
            return Outcome::Stale;
        }
        let host = own.host;
        if let Some(bytes) = read(&mut own.unread, chunking) {
            self.wants_reading(end);
            self.consume(end, bytes.len());
            return Outcome::Tell(host, Input::Received { conn: end, bytes });
        }
        if own.ended.is_some() {
            return self.tell_closed(end);
        }
        Outcome::Stale
    }

    /// The program has read so many bytes: the sender may send more, once it hears of it.
    fn consume(&mut self, reader: ConnId, count: usize) {
        let connection = self.network.get(reader).expect("the caller has looked");
        let (from, to) = connection.route(reader);
        let blocked = self.is_blocked(from, to);
        let connection = self.network.get(reader).expect("it was there a moment ago");
        let pipe = connection.pipe(reader.peer());
        if blocked {
            pipe.credit_held += count;
            return;
        }
        pipe.acknowledge(count);
        self.open_window(reader.peer());
    }

    /// Tells a sender that has something to send that the window has room again.
    pub(crate) fn open_window(&mut self, sender: ConnId) {
        let connection = self.network.get(sender).expect("the caller has looked");
        let pipe = connection.pipe(sender);
        if !pipe.wants_to_send() || pipe.window_opens {
            return;
        }
        pipe.window_opens = true;
        let at = self.travel(sender.peer(), 0);
        self.push_for_end(at, sender.peer(), Event::WindowOpen { sender });
    }

    pub(crate) fn on_window_open(&mut self, sender: ConnId) -> Outcome {
        let Some(connection) = self.network.get(sender) else { return Outcome::Stale };
        connection.pipe(sender).window_opens = false;
        self.transmit(sender);
        Outcome::Done
    }

    pub(crate) fn on_writable(&mut self, end: ConnId) -> Outcome {
        let Some(connection) = self.network.get(end) else { return Outcome::Stale };
        let own = connection.end(end);
        if own.state != EndState::Open {
            return Outcome::Stale;
        }
        Outcome::Tell(own.host, Input::Writable { conn: end })
    }

    /// TR-2. A program that is muted hears nothing of its peer, its end included.
    pub(crate) fn set_muted(&mut self, end: ConnId, muted: bool) {
        let Some(connection) = self.network.get(end) else { return };
        connection.end(end).muted = muted;
        self.wants_reading(end);
    }

    /// Bytes that were handed to `send` and wait for their time, or for the peer's window.
    pub(crate) fn unsent(&self, end: ConnId) -> usize {
        let Some(connection) = self.network.peek(end) else { return 0 };
        let side = usize::from(end.is_listener());
        let scheduled = connection.ends[side].scheduled.iter();
        scheduled.map(|(_, bytes)| bytes.len()).sum::<usize>()
            + connection.pipes[side].waiting_bytes()
    }
}

/// What one read of the buffer brings.
fn read(unread: &mut VecDeque<Bytes>, chunking: Chunking) -> Option<Bytes> {
    let front = unread.front_mut()?;
    if chunking == Chunking::ByteByByte && front.len() > 1 {
        return Some(front.split_to(1));
    }
    let first = unread.pop_front()?;
    let fits = |next: &Bytes, length: usize| length + next.len() <= CHUNK_MAX;
    if chunking != Chunking::Natural || !unread.front().is_some_and(|next| fits(next, first.len()))
    {
        return Some(first);
    }
    let mut joined = BytesMut::from(&first[..]);
    while unread.front().is_some_and(|next| fits(next, joined.len())) {
        joined.extend_from_slice(&unread.pop_front()?);
    }
    Some(joined.freeze())
}
