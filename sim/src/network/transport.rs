//! Moves bytes: from `send` over the link into the receiver's buffer and to its program.
//!
//! Invariants: TR-1 the order within a direction is kept, whatever is scheduled, held or cut;
//!             TR-2 a muted end, and one on a paused host, is handed nothing: its bytes stay in the
//!             host's buffer, and the sender's wait once the window is full.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use super::Distribution;
use super::connection::EndState;
use super::link::Link;
use super::pipe::{CHUNK_MAX, Pipe};
use crate::event::Event;
use crate::ids::{ConnId, HostId};
use crate::primitives::Fault;
use crate::program::{Input, Note};
use crate::queue::Queue;
use crate::room::{Outcome, Room};
use crate::seen::Seen;
use crate::settings::{Chunking, NetworkSettings};
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
        let Self { network, settings, faults, now, .. } = self;
        let (connection, link) = network.with_link(sender).expect("only living connections send");
        let usual = Usual::of(&settings.network, connection.route(sender));
        carry(faults, link, connection.pipe(sender), *now, ("", count, usual))
    }

    /// Sends now, or after what is already scheduled. False: the send buffer is full.
    #[inline]
    pub(crate) fn send(&mut self, end: ConnId, label: &'static str, bytes: Bytes) -> bool {
        self.send_at(self.now, end, label, bytes)
    }

    /// Sends at `at`, or after what is already scheduled.
    pub(crate) fn send_at(
        &mut self,
        at: Time,
        end: ConnId,
        label: &'static str,
        bytes: Bytes,
    ) -> bool {
        let Some(connection) = self.network.get(end) else { return true };
        let own = connection.end(end);
        if !matches!(own.state, EndState::Open | EndState::Opening) || bytes.is_empty() {
            return true;
        }
        if at > self.now || !own.scheduled.is_empty() {
            let full = own.full;
            self.schedule(at, end, label, bytes);
            return !full;
        }
        self.hand_over(end, label, bytes)
    }

    /// Puts bytes (or, without any, the close) behind what is scheduled.
    pub(crate) fn schedule(&mut self, at: Time, end: ConnId, label: &'static str, bytes: Bytes) {
        let now = self.now;
        let connection = self.network.get(end).expect("the caller has looked");
        let scheduled = &mut connection.end(end).scheduled;
        let at = scheduled.back().map_or(at, |&(last, ..)| last.max(at)).max(now);
        scheduled.push_back((at, label, bytes));
        self.push_for_end(at, end, Event::SendDue { end });
    }

    pub(crate) fn on_send_due(&mut self, end: ConnId) -> Outcome {
        let Some(connection) = self.network.get(end) else { return Outcome::Stale };
        let Some((_, label, bytes)) = connection.end(end).scheduled.pop_front() else {
            return Outcome::Stale;
        };
        if bytes.is_empty() {
            self.close_now(end);
        } else {
            self.hand_over(end, label, bytes);
        }
        Outcome::Done
    }

    /// The network stack takes the bytes.
    fn hand_over(&mut self, end: ConnId, label: &'static str, bytes: Bytes) -> bool {
        let Self { network, settings, faults, now, queue, seen, .. } = self;
        let (connection, link) = network.with_link(end).expect("the caller has looked");
        if connection.end(end).ended == Some(true) {
            return true;
        }
        let route = connection.route(end);
        if settings.observed {
            seen.push(Seen::Sent {
                at: *now,
                conn: end.connection(),
                from: route.0,
                to: route.1,
                port: connection.port,
                towards_listener: !end.is_listener(),
                bytes: bytes.clone(),
            });
        }
        let (window, limit) = (settings.network.receive_window, settings.network.send_buffer);
        let (own, pipe) = connection.end_and_pipe(end);
        let waits = own.full || own.state == EndState::Opening;
        // What `push` and `transmit` come to, mostly.
        if !waits && !link.is_filtered() && pipe.lets_pass(bytes.len(), window as usize) {
            let usual = Usual::of(&settings.network, route);
            let arrives = carry(faults, link, pipe, *now, (label, bytes.len(), usual));
            pipe.depart(bytes, arrives);
            arm(queue, pipe, end, *now);
            return true;
        }
        pipe.push(label, bytes);
        self.transmit(end);
        let connection = self.network.get(end).expect("sending forgets nobody");
        let full = connection.pipe(end).waiting_bytes() > limit as usize;
        connection.end(end).full |= full;
        !full
    }

    /// Lets go what the window has room for.
    pub(crate) fn transmit(&mut self, sender: ConnId) {
        let Self { network, settings, faults, now, queue, .. } = self;
        let (connection, link) = network.with_link(sender).expect("the caller has looked");
        if connection.end(sender).state == EndState::Opening {
            return;
        }
        let usual = Usual::of(&settings.network, connection.route(sender));
        let window = settings.network.receive_window as usize;
        let pipe = connection.pipe(sender);
        while !link.is_filtered() || !is_held(faults, link, pipe) {
            let label = pipe.front_label();
            let Some(bytes) = pipe.next_departure(window) else { break };
            if pipe.held_since.is_some() {
                count_held(faults, link, 1, bytes.len() as u64);
            }
            let arrives = carry(faults, link, pipe, *now, (label, bytes.len(), usual));
            pipe.depart(bytes, arrives);
        }
        arm(queue, pipe, sender, *now);
        let low = pipe.waiting_bytes() <= settings.network.send_buffer as usize / 2;
        let own = connection.end(sender);
        if own.full && low {
            own.full = false;
            if own.state == EndState::Open {
                self.push_for_end(self.now, sender, Event::Writable { end: sender });
            }
        }
    }

    /// The front of what `sender` sent reaches the other host.
    pub(crate) fn on_arrive(&mut self, sender: ConnId) -> Outcome {
        let Self { network, settings, hosts, now, queue, .. } = self;
        let Some((connection, link, silent)) = network.with_links(sender) else {
            return Outcome::Stale;
        };
        let (to, receiver) = (connection.route(sender).1, sender.peer());
        let host = &hosts[usize::from(to.0)];
        let reader = connection.end(receiver);
        let (state, reads) = (reader.state, reader.reads_on());
        let pipe = connection.pipe(sender);
        pipe.armed = false;
        if link.is_blocked() || !host.powered {
            self.hold(sender);
            return Outcome::Done;
        }
        if matches!(state, EndState::Gone | EndState::Absent) {
            self.answer_with_reset(sender);
            return Outcome::Done;
        }
        let Some(chunk) = pipe.arrive(*now, settings.network.chunking) else {
            return Outcome::Stale;
        };
        arm(queue, pipe, sender, *now);
        let paused = host.is_paused();
        // What `take_in` comes to, mostly.
        if reads && !paused && !silent && !chunk.is_empty() && !pipe.wants_to_send() {
            pipe.acknowledge(chunk.len());
            return Outcome::Tell(to, Input::Received { conn: receiver, bytes: chunk });
        }
        self.take_in(receiver, paused, chunk)
    }

    /// A chunk, or the FIN, has reached the receiver's host.
    fn take_in(&mut self, receiver: ConnId, paused: bool, chunk: Bytes) -> Outcome {
        let connection = self.network.get(receiver).expect("the caller has looked");
        let own = connection.end(receiver);
        let host = own.host;
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
        let (connection, link) = self.network.with_link(reader).expect("the caller has looked");
        let pipe = connection.pipe(reader.peer());
        if link.is_blocked() {
            pipe.credit_held += count;
            return;
        }
        pipe.acknowledge(count);
        if pipe.wants_to_send() {
            self.open_window(reader.peer());
        }
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

    /// `send` said that the buffer is full, and the program has not been told that it is not any more.
    pub(crate) fn is_full(&self, end: ConnId) -> bool {
        let side = usize::from(end.is_listener());
        self.network.peek(end).is_some_and(|connection| connection.ends[side].full)
    }

    /// Bytes that were handed to `send` and wait for their time, or for the peer's window.
    pub(crate) fn unsent(&self, end: ConnId) -> usize {
        let Some(connection) = self.network.peek(end) else { return 0 };
        let side = usize::from(end.is_listener());
        let scheduled = connection.ends[side].scheduled.iter();
        scheduled.map(|(_, _, bytes)| bytes.len()).sum::<usize>()
            + connection.pipes[side].waiting_bytes()
    }
}

/// How a link is without faults.
#[derive(Clone, Copy)]
struct Usual {
    bandwidth: u64,
    latency: Distribution,
}

impl Usual {
    #[inline]
    fn of(settings: &NetworkSettings, (from, to): (HostId, HostId)) -> Self {
        if from == to {
            return Self { bandwidth: u64::MAX, latency: settings.loopback };
        }
        Self { bandwidth: settings.bandwidth, latency: settings.latency }
    }
}

/// Puts bytes on a link at `now`; answers when they arrive. Faults count what they add.
#[inline]
fn carry(
    faults: &mut [Fault],
    link: &mut Link,
    pipe: &mut Pipe,
    now: Time,
    (label, count, usual): (&str, usize, Usual),
) -> Time {
    let bandwidth = link.bandwidth.unwrap_or(usual.bandwidth);
    let left = link.carry(now, (label, count as u64), bandwidth, |fault, by| {
        let effect = &mut faults[fault.0 as usize].effect;
        effect.chunks_delayed += 1;
        effect.delayed += by;
    });
    left + link.latency.unwrap_or(usual.latency).draw(&mut pipe.stream)
}

/// Whether a filter holds the frame that would leave next; each frame is counted once.
fn is_held(faults: &mut [Fault], link: &Link, pipe: &mut Pipe) -> bool {
    let Some((label, length)) = pipe.whole_front() else { return false };
    let mut held = false;
    for fault in link.holders(label) {
        held = true;
        if !pipe.filtered {
            let effect = &mut faults[fault.0 as usize].effect;
            effect.frames_held += 1;
            effect.bytes_held += length as u64;
        }
    }
    pipe.filtered = held;
    held
}

/// Queues the next arrival, unless it is queued or held.
#[inline]
pub(super) fn arm(queue: &mut Queue, pipe: &mut Pipe, sender: ConnId, earliest: Time) {
    if pipe.armed || pipe.held_since.is_some() {
        return;
    }
    if let Some(next) = pipe.next_arrival() {
        pipe.armed = true;
        queue.push(next.max(earliest), pipe.tie(), Event::Arrive { sender });
    }
}

/// HO-2: what blocks the link counts what it holds back.
pub(super) fn count_held(faults: &mut [Fault], link: &Link, chunks: u64, bytes: u64) {
    for fault in link.blockers() {
        let effect = &mut faults[fault.0 as usize].effect;
        effect.chunks_held += chunks;
        effect.bytes_held += bytes;
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
