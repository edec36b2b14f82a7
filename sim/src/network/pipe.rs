//! Moves the bytes of one direction of a connection, in order.
//!
//! In Kafka:   what TCP does below `KafkaChannel` and `NetworkReceive`.
//! Holds:      bytes that wait for the receiver's window, and bytes that are under way.
//! Invariants: PI-1 what comes out is what went in, in order, however it is cut;
//!             PI-2 at most a window of bytes is under way or unread.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use crate::random::{Stream, rekeyed, tie};
use crate::settings::Chunking;
use crate::time::Time;

/// The largest chunk that a program is handed.
pub(crate) const CHUNK_MAX: usize = 64 * 1024;
/// The rest of a send that was split follows within this time.
const SPLIT_GAP_NS: u64 = 50_000;
const SPLIT_PPM: u32 = 125_000;
const JOIN_PPM: u32 = 500_000;

/// What was sent at once and has not left, or not all of it.
#[derive(Debug, Clone)]
struct Frame {
    /// The kind of frame, for filters; empty if it has none.
    label: &'static str,
    bytes: Bytes,
    /// Some of it has left: no filter stops the rest.
    begun: bool,
}

/// Bytes under way; none of them: the FIN.
#[derive(Debug, Clone)]
struct Flight {
    arrives: Time,
    bytes: Bytes,
}

/// One direction of a connection, named by the end that sends.
#[derive(Debug, Clone)]
pub(crate) struct Pipe {
    waiting: VecDeque<Frame>,
    waiting_bytes: usize,
    /// The FIN follows when nothing waits.
    fin_waits: bool,
    flights: VecDeque<Flight>,
    /// Under way, or in the receiver's buffer, or read but not acknowledged.
    unacknowledged: usize,
    /// Read, but the acknowledgement cannot get through.
    pub(crate) credit_held: usize,
    pub(crate) last_arrival: Time,
    /// An `Arrive` event is in the queue.
    pub(crate) armed: bool,
    /// Since when what is under way is held back by a cut, or by a host without power.
    pub(crate) held_since: Option<Time>,
    /// A `WindowOpen` event is in the queue.
    pub(crate) window_opens: bool,
    /// A filter holds the front of what waits.
    pub(crate) filtered: bool,
    pub(crate) stream: Stream,
    salt: u64,
    count: u64,
}

impl Pipe {
    pub(crate) fn new(stream: Stream, salt: u64) -> Self {
        Self {
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            fin_waits: false,
            flights: VecDeque::new(),
            unacknowledged: 0,
            credit_held: 0,
            last_arrival: Time::ZERO,
            armed: false,
            held_since: None,
            window_opens: false,
            filtered: false,
            stream,
            salt,
            count: 0,
        }
    }

    /// The next tie breaker of this direction.
    #[inline]
    pub(crate) fn tie(&mut self) -> u32 {
        self.count += 1;
        tie(self.salt, self.count)
    }

    /// What its tie breakers follow from, and how many it has handed out.
    pub(crate) const fn ties(&self) -> (u64, u64) {
        (self.salt, self.count)
    }

    /// ST-2.
    pub(crate) fn rekey(&mut self, salt: u64) {
        self.stream.rekey(salt);
        self.salt = rekeyed(self.salt, salt);
    }

    /// Takes bytes in; they wait until `next_flight` lets them go.
    #[inline]
    pub(crate) fn push(&mut self, label: &'static str, bytes: Bytes) {
        self.waiting_bytes += bytes.len();
        self.waiting.push_back(Frame { label, bytes, begun: false });
    }

    /// The label of what leaves next.
    #[inline]
    pub(crate) fn front_label(&self) -> &'static str {
        self.waiting.front().map_or("", |front| front.label)
    }

    /// The label and the length of the frame that leaves next, if none of it has left.
    pub(crate) fn whole_front(&self) -> Option<(&'static str, usize)> {
        let front = self.waiting.front().filter(|front| !front.begun)?;
        Some((front.label, front.bytes.len()))
    }

    /// Nothing follows what waits now.
    pub(crate) fn finish(&mut self) {
        self.fin_waits = true;
    }

    /// Bytes that wait for the window.
    #[inline]
    pub(crate) const fn waiting_bytes(&self) -> usize {
        self.waiting_bytes
    }

    /// What may leave now: up to the window. Empty bytes are the FIN.
    #[inline]
    pub(crate) fn next_departure(&mut self, window: usize) -> Option<Bytes> {
        let Some(front) = self.waiting.front_mut() else {
            return std::mem::take(&mut self.fin_waits).then(Bytes::new);
        };
        let room = window.saturating_sub(self.unacknowledged);
        if room == 0 {
            return None;
        }
        let bytes = if front.bytes.len() <= room {
            self.waiting.pop_front().expect("the front was just looked at").bytes
        } else {
            front.begun = true;
            front.bytes.split_to(room)
        };
        self.waiting_bytes -= bytes.len();
        self.unacknowledged += bytes.len();
        assert!(self.unacknowledged <= window, "PI-2: {} are out", self.unacknowledged);
        Some(bytes)
    }

    /// Whether so many bytes may leave at once: nothing waits before them, the window has room, and
    /// nothing is held. They count as let go then.
    #[inline]
    pub(crate) fn lets_pass(&mut self, count: usize, window: usize) -> bool {
        let passes = self.waiting.is_empty()
            && !self.fin_waits
            && self.held_since.is_none()
            && count <= window.saturating_sub(self.unacknowledged);
        if passes {
            self.unacknowledged += count;
        }
        passes
    }

    /// They are under way.
    #[inline]
    pub(crate) fn depart(&mut self, bytes: Bytes, arrives: Time) {
        self.last_arrival = self.last_arrival.max(arrives);
        self.flights.push_back(Flight { arrives: self.last_arrival, bytes });
    }

    /// When the front arrives.
    #[inline]
    pub(crate) fn next_arrival(&self) -> Option<Time> {
        self.flights.front().map(|flight| flight.arrives)
    }

    /// The chunk that arrives at `now`; empty: the FIN.
    #[inline]
    pub(crate) fn arrive(&mut self, now: Time, chunking: Chunking) -> Option<Bytes> {
        let front = self.flights.front_mut()?;
        let length = front.bytes.len();
        let cut = match chunking {
            Chunking::ByteByByte => length.min(1),
            Chunking::Whole => length.min(CHUNK_MAX),
            Chunking::Natural if length > 1 && self.stream.chance(SPLIT_PPM) => {
                let cut = 1 + self.stream.below(length as u64 - 1);
                usize::try_from(cut).unwrap_or(CHUNK_MAX).min(CHUNK_MAX)
            }
            Chunking::Natural => length.min(CHUNK_MAX),
        };
        if cut < length {
            let chunk = front.bytes.split_to(cut);
            front.arrives = match chunking {
                Chunking::Natural => now + crate::Span(1 + self.stream.below(SPLIT_GAP_NS)),
                Chunking::Whole | Chunking::ByteByByte => now,
            };
            return Some(chunk);
        }
        let chunk = self.flights.pop_front()?.bytes;
        if chunking == Chunking::Natural && !chunk.is_empty() {
            return Some(self.join(chunk, now));
        }
        Some(chunk)
    }

    /// Adds what has arrived behind `chunk`, as long as the coin says so.
    #[inline]
    fn join(&mut self, chunk: Bytes, now: Time) -> Bytes {
        let mut joined = BytesMut::new();
        let mut length = chunk.len();
        while let Some(next) = self.flights.front() {
            let fits = length + next.bytes.len() <= CHUNK_MAX && !next.bytes.is_empty();
            if next.arrives > now || !fits || !self.stream.chance(JOIN_PPM) {
                break;
            }
            if joined.is_empty() {
                joined.extend_from_slice(&chunk);
            }
            joined.extend_from_slice(&next.bytes);
            length = joined.len();
            self.flights.pop_front();
        }
        if joined.is_empty() { chunk } else { joined.freeze() }
    }

    /// The receiver's program has read so many bytes and the sender knows.
    #[inline]
    pub(crate) fn acknowledge(&mut self, count: usize) {
        assert!(count <= self.unacknowledged, "PI-2: {count} of {}", self.unacknowledged);
        self.unacknowledged -= count;
    }

    /// Whether something waits that an acknowledgement may let go.
    #[inline]
    pub(crate) fn wants_to_send(&self) -> bool {
        self.fin_waits || !self.waiting.is_empty()
    }

    /// Chunks and bytes under way.
    pub(crate) fn under_way(&self) -> (u64, u64) {
        let bytes: usize = self.flights.iter().map(|flight| flight.bytes.len()).sum();
        (self.flights.len() as u64, bytes as u64)
    }

    /// Forgets what has not left; answers how many bytes.
    pub(crate) fn drop_waiting(&mut self) -> usize {
        self.waiting.clear();
        self.fin_waits = false;
        self.filtered = false;
        std::mem::take(&mut self.waiting_bytes)
    }

    /// Forgets what is under way.
    pub(crate) fn drop_flights(&mut self) {
        for flight in self.flights.drain(..) {
            self.unacknowledged -= flight.bytes.len();
        }
    }

    /// What is under way, in order, without the FIN.
    pub(crate) fn bytes_under_way(&self) -> Bytes {
        let mut bytes = BytesMut::new();
        self.flights.iter().for_each(|flight| bytes.extend_from_slice(&flight.bytes));
        bytes.freeze()
    }

    /// Flips one bit of what is under way, counted from the front; beyond its end it begins again.
    /// False when nothing is.
    pub(crate) fn flip(&mut self, bit: u64) -> bool {
        let Some(mut place) = (bit / 8).checked_rem(self.under_way().1) else { return false };
        for flight in &mut self.flights {
            let length = flight.bytes.len() as u64;
            if place >= length {
                place -= length;
                continue;
            }
            let mut bytes = BytesMut::from(&flight.bytes[..]);
            bytes[usize::try_from(place).expect("it lies within")] ^= 1 << (bit % 8);
            flight.bytes = bytes.freeze();
            return true;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Plan;

    #[test]
    fn what_comes_out_is_what_went_in() {
        for chunking in [Chunking::Natural, Chunking::Whole, Chunking::ByteByByte] {
            for seed in 0..20 {
                check(chunking, seed);
            }
        }
    }

    /// Sends 200 pieces through a window of 700 bytes that is acknowledged chunk by chunk.
    #[track_caller]
    fn check(chunking: Chunking, seed: u64) {
        let mut pipe = Pipe::new(Plan::new(seed).run_stream("test", "pipe"), 0);
        let mut sizes = Plan::new(seed).run_stream("test", "sizes");
        let (mut want, mut got, mut now) = (Vec::new(), Vec::new(), Time(0));
        for piece in 0..200_u64 {
            let length = sizes.range(1, 2_000);
            let bytes: Vec<u8> = (0..length).map(|i| (piece * 7 + i) as u8).collect();
            want.extend_from_slice(&bytes);
            pipe.push("", Bytes::from(bytes));
        }
        pipe.finish();
        loop {
            while let Some(bytes) = pipe.next_departure(700) {
                pipe.depart(bytes, now);
            }
            let chunk = pipe.arrive(now, chunking).expect("PI-1: the FIN comes last");
            if chunk.is_empty() {
                break;
            }
            pipe.acknowledge(chunk.len());
            got.extend_from_slice(&chunk);
            now = pipe.next_arrival().map_or(now, |next| next.max(now));
        }
        assert!(want == got, "PI-1: {chunking:?} with seed {seed}");
    }
}
