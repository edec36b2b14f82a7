//! The server side of the network: acceptor, network lanes, one request at a time per connection.
//!
//! In Kafka:   `SocketServer`, `Acceptor`, `Processor`, `KafkaChannel`'s mute state.
//! Holds:      the accepted connections with what is left of a frame, and whether a request of theirs is in process.
//! Inputs:     accepted, received, closed; responses. Effects: frames to handle, with the time at which the
//!             network lane has read them.
//! Invariants: SO-1 a connection's next request is handed out after the last one's response has left it; one whose
//!             client does not read is not read either, as soon as its send buffer is full.
//!             SO-2 a network lane takes one thing at a time: it is paid, it needs no events.
//! Left out:   quotas, connection limits, idle connections.

use std::collections::BTreeMap;

use bytes::Bytes;
use trial_sim::{ConnId, PoolId, Span, Time};

use super::Cx;
use crate::net::FrameReader;
use crate::wire::ApiKey;

/// Cost of reading a request or writing a response, besides its bytes.
const MESSAGE: Span = Span::from_micros(4);
/// Bytes that a network lane moves in a microsecond: 2 GB/s.
const BYTES_PER_MICROSECOND: usize = 2_000;

/// A request that a network lane has read.
#[derive(Debug, Clone)]
pub struct Arrived {
    /// Where it came from, and where the response goes.
    pub conn: ConnId,
    /// Header and body.
    pub frame: Bytes,
    /// When the network lane has done reading it.
    pub at: Time,
}

#[derive(Debug, Clone)]
struct Channel {
    reader: FrameReader,
    listener: u8,
    lane: u16,
    in_process: bool,
    /// The next request waits until the send buffer has room.
    blocked: bool,
    /// What the response to the request in process is called.
    response: &'static str,
    /// When the last response has left.
    free_at: Time,
}

/// Where connections come in: each listener has an acceptor and network lanes of its own.
#[derive(Debug, Clone)]
struct Acceptor {
    pool: PoolId,
    next_lane: u16,
}

/// The connections of a node's listeners.
#[derive(Debug, Clone)]
pub struct SocketServer {
    acceptors: Vec<Acceptor>,
    lanes: u16,
    request_max_bytes: usize,
    channels: BTreeMap<ConnId, Channel>,
}

impl SocketServer {
    /// Listeners without connections; each has `lanes` network lanes, in its own pool.
    #[must_use]
    pub fn new(pools: &[PoolId], lanes: u16, request_max_bytes: usize) -> Self {
        assert!(lanes > 0, "a listener without a network lane reads nothing");
        let acceptors = pools.iter().map(|pool| Acceptor { pool: *pool, next_lane: 0 }).collect();
        Self { acceptors, lanes, request_max_bytes, channels: BTreeMap::new() }
    }

    /// Each listener has so many network lanes from now on. Connections of those that go are closed, as Kafka's are
    /// with their processor.
    pub fn resize(&mut self, lanes: u16, cx: &mut Cx<'_>) {
        self.lanes = lanes;
        for acceptor in &mut self.acceptors {
            cx.resize_pool(acceptor.pool, lanes);
            acceptor.next_lane %= lanes;
        }
        let gone = self.channels.iter().filter(|(_, channel)| channel.lane >= lanes);
        for conn in gone.map(|(conn, _)| *conn).collect::<Vec<_>>() {
            self.close(conn, cx);
        }
    }

    /// Somebody connected to a listener, by its place: the acceptor hands the connection to its next network lane.
    pub fn on_accepted(&mut self, conn: ConnId, listener: usize) {
        let acceptor = &mut self.acceptors[listener];
        let lane = acceptor.next_lane;
        acceptor.next_lane = (acceptor.next_lane + 1) % self.lanes;
        let channel = Channel {
            reader: FrameReader::new(self.request_max_bytes),
            listener: u8::try_from(listener).expect("few listeners"),
            lane,
            in_process: false,
            blocked: false,
            response: "",
            free_at: Time::ZERO,
        };
        self.channels.insert(conn, channel);
    }

    /// The listener at which a connection came in, by its place; none if it is gone.
    #[must_use]
    pub fn listener_of(&self, conn: ConnId) -> Option<usize> {
        self.channels.get(&conn).map(|channel| usize::from(channel.listener))
    }

    /// Whether the connection is one of ours.
    #[must_use]
    pub fn owns(&self, conn: ConnId) -> bool {
        self.channels.contains_key(&conn)
    }

    /// Bytes came in: the next request, if one is whole and none is in process.
    pub fn on_received(&mut self, conn: ConnId, bytes: Bytes, cx: &mut Cx<'_>) -> Option<Arrived> {
        self.channels.get_mut(&conn)?.reader.push(bytes);
        self.next_request(conn, cx)
    }

    /// The connection is gone; what it asked for goes on being processed.
    pub fn on_closed(&mut self, conn: ConnId) {
        self.channels.remove(&conn);
    }

    /// Sends a response and hands out the request behind it, if that is there already.
    pub fn respond(&mut self, conn: ConnId, frame: Bytes, cx: &mut Cx<'_>) -> Option<Arrived> {
        let channel = self.channels.get_mut(&conn)?;
        assert!(channel.in_process, "SO-1: a response to nothing on {conn:?}");
        let pool = self.acceptors[usize::from(channel.listener)].pool;
        let at = cx.pay(pool, channel.lane, cost(frame.len()));
        cx.send_frame_at(at, conn, channel.response, frame);
        channel.free_at = at;
        self.go_on(conn, cx)
    }

    /// A request that gets no response is done (acks=0).
    pub fn go_on(&mut self, conn: ConnId, cx: &mut Cx<'_>) -> Option<Arrived> {
        let channel = self.channels.get_mut(&conn)?;
        if cx.is_full(conn) {
            channel.blocked = true;
            return None;
        }
        channel.in_process = false;
        cx.unmute(conn);
        self.next_request(conn, cx)
    }

    /// A connection's send buffer has room again: the request that waited for that, if it is there.
    pub fn on_writable(&mut self, conn: ConnId, cx: &mut Cx<'_>) -> Option<Arrived> {
        let channel = self.channels.get_mut(&conn)?;
        if !std::mem::take(&mut channel.blocked) {
            return None;
        }
        self.go_on(conn, cx)
    }

    /// Closes a connection whose peer does not behave, or was told everything.
    pub fn close(&mut self, conn: ConnId, cx: &mut Cx<'_>) {
        if self.channels.remove(&conn).is_some() {
            cx.close(conn);
        }
    }

    fn next_request(&mut self, conn: ConnId, cx: &mut Cx<'_>) -> Option<Arrived> {
        let channel = self.channels.get_mut(&conn)?;
        if channel.in_process {
            return None;
        }
        match channel.reader.next_frame() {
            Ok(None) => None,
            Ok(Some(frame)) => {
                channel.in_process = true;
                channel.response = response_name(&frame);
                cx.mute(conn);
                let pool = self.acceptors[usize::from(channel.listener)].pool;
                let read = cx.pay(pool, channel.lane, cost(frame.len()));
                Some(Arrived { conn, frame, at: read.max(channel.free_at) })
            }
            Err(_) => {
                self.close(conn, cx);
                None
            }
        }
    }
}

/// What the response to this request is called; nothing if the request is of no API.
fn response_name(request: &[u8]) -> &'static str {
    let key = request.first_chunk().map(|key| i16::from_be_bytes(*key));
    key.and_then(ApiKey::from_key).map_or("", ApiKey::response_name)
}

fn cost(bytes: usize) -> Span {
    MESSAGE + Span::from_micros((bytes / BYTES_PER_MICROSECOND) as u64)
}
