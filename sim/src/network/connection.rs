//! A connection: two ends, two directions.
//!
//! Holds:      every connection of the run that has a living end, and every link.
//! Invariants: CN-1 a connection is forgotten when neither end lives; its id is never used again.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use super::link::Link;
use super::pipe::Pipe;
use crate::ids::{ConnId, HostId};
use crate::random::Plan;
use crate::time::Time;

/// How an end stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EndState {
    /// The listener's end, before the request has reached it.
    Absent,
    /// The request was sent.
    Opening,
    /// Sends and receives.
    Open,
    /// Closed by its program; what it had scheduled is still to be sent. It hears nothing more.
    Closing,
    /// Closed, or told that its peer has, or lost with its host's power.
    Gone,
}

/// What one host has of a connection.
#[derive(Debug, Clone)]
pub(crate) struct End {
    pub(crate) host: HostId,
    pub(crate) state: EndState,
    pub(crate) muted: bool,
    /// `send` said that the buffer is full.
    pub(crate) full: bool,
    /// A `Readable` event is in the queue, or deferred.
    pub(crate) readable: bool,
    /// Sends for later, in order, with their labels; empty bytes: close then.
    pub(crate) scheduled: VecDeque<(Time, &'static str, Bytes)>,
    /// In the host's buffer, not read by the program.
    pub(crate) unread: VecDeque<Bytes>,
    /// The peer has ended the connection, by RST if true; the program does not know yet.
    pub(crate) ended: Option<bool>,
}

impl End {
    const fn new(host: HostId, state: EndState) -> Self {
        Self {
            host,
            state,
            muted: false,
            full: false,
            readable: false,
            scheduled: VecDeque::new(),
            unread: VecDeque::new(),
            ended: None,
        }
    }

    /// Whether its program is handed the next chunk at once, unless its host is paused.
    #[inline]
    pub(crate) fn reads_on(&self) -> bool {
        self.state == EndState::Open && !self.muted && !self.readable && self.unread.is_empty()
    }

    /// Whether a program or a kernel still has it.
    #[inline]
    pub(crate) const fn lives(&self) -> bool {
        matches!(self.state, EndState::Opening | EndState::Open | EndState::Closing)
    }
}

/// Two ends (0: who connected, 1: who listened) and what each sends.
#[derive(Debug, Clone)]
pub(crate) struct Connection {
    /// `b1>b2#3`: the third connection that b1 opened to b2. Its streams have this name.
    pub(crate) name: Arc<str>,
    pub(crate) port: u16,
    pub(crate) opened: Time,
    /// How often the request was sent again.
    pub(crate) retries: u32,
    pub(crate) ends: [End; 2],
    pub(crate) pipes: [Pipe; 2],
}

impl Connection {
    /// A request that has just been sent.
    pub(crate) fn new(
        plan: Plan,
        name: &str,
        port: u16,
        hosts: (HostId, HostId),
        now: Time,
    ) -> Self {
        let pipe = |domain| Pipe::new(plan.run_stream(domain, name), plan.salt(domain, name));
        Self {
            name: Arc::from(name),
            port,
            opened: now,
            retries: 0,
            ends: [End::new(hosts.0, EndState::Opening), End::new(hosts.1, EndState::Absent)],
            pipes: [pipe("there"), pipe("back")],
        }
    }

    #[inline]
    pub(crate) fn end(&mut self, id: ConnId) -> &mut End {
        &mut self.ends[side(id)]
    }

    /// An end, and what it sends.
    #[inline]
    pub(crate) fn end_and_pipe(&mut self, id: ConnId) -> (&mut End, &mut Pipe) {
        (&mut self.ends[side(id)], &mut self.pipes[side(id)])
    }

    /// What this end sends.
    #[inline]
    pub(crate) fn pipe(&mut self, sender: ConnId) -> &mut Pipe {
        &mut self.pipes[side(sender)]
    }

    /// From whom to whom this end sends.
    #[inline]
    pub(crate) const fn route(&self, sender: ConnId) -> (HostId, HostId) {
        (self.ends[side(sender)].host, self.ends[1 - side(sender)].host)
    }
}

const fn side(id: ConnId) -> usize {
    (id.0 & 1) as usize
}

/// All connections and links.
#[derive(Debug, Clone, Default)]
pub(crate) struct Network {
    connections: Vec<Option<Box<Connection>>>,
    /// By sender, then by receiver.
    links: Vec<Vec<Link>>,
}

impl Network {
    pub(crate) fn add_host(&mut self) {
        for row in &mut self.links {
            row.push(Link::default());
        }
        self.links.push(vec![Link::default(); self.links.len() + 1]);
    }

    #[inline]
    pub(crate) fn link(&mut self, from: HostId, to: HostId) -> &mut Link {
        &mut self.links[usize::from(from.0)][usize::from(to.0)]
    }

    #[inline]
    pub(crate) fn is_blocked(&self, from: HostId, to: HostId) -> bool {
        self.links[usize::from(from.0)][usize::from(to.0)].is_blocked()
    }

    /// Adds a connection; answers the end of whoever connects.
    pub(crate) fn add(&mut self, connection: Connection) -> ConnId {
        self.connections.push(Some(Box::new(connection)));
        ConnId((self.connections.len() as u64 - 1) * 2)
    }

    #[inline]
    pub(crate) fn get(&mut self, end: ConnId) -> Option<&mut Connection> {
        self.connections.get_mut(index(end))?.as_deref_mut()
    }

    /// A connection, and the link that this end sends over.
    #[inline]
    pub(crate) fn with_link(&mut self, sender: ConnId) -> Option<(&mut Connection, &mut Link)> {
        let connection = self.connections.get_mut(index(sender))?.as_deref_mut()?;
        let (from, to) = connection.route(sender);
        Some((connection, &mut self.links[usize::from(from.0)][usize::from(to.0)]))
    }

    /// A connection, the link that this end sends over, and whether the link back lets nothing
    /// through.
    #[inline]
    pub(crate) fn with_links(
        &mut self,
        sender: ConnId,
    ) -> Option<(&mut Connection, &mut Link, bool)> {
        let connection = self.connections.get_mut(index(sender))?.as_deref_mut()?;
        let (from, to) = connection.route(sender);
        let back = self.links[usize::from(to.0)][usize::from(from.0)].is_blocked();
        Some((connection, &mut self.links[usize::from(from.0)][usize::from(to.0)], back))
    }

    #[inline]
    pub(crate) fn peek(&self, end: ConnId) -> Option<&Connection> {
        self.connections.get(index(end))?.as_deref()
    }

    /// CN-1.
    #[inline]
    pub(crate) fn forget_if_over(&mut self, end: ConnId) {
        let slot = &mut self.connections[index(end)];
        if slot.as_ref().is_some_and(|connection| !connection.ends.iter().any(End::lives)) {
            *slot = None;
        }
    }

    /// Every connection that has not been forgotten, in the order of opening.
    pub(crate) fn connections(&self) -> impl Iterator<Item = &Connection> {
        self.connections.iter().filter_map(Option::as_deref)
    }

    /// ST-2.
    pub(crate) fn rekey(&mut self, salt: u64) {
        let pipes = self.connections.iter_mut().flatten().flat_map(|open| &mut open.pipes);
        pipes.for_each(|pipe| pipe.rekey(salt));
        self.links.iter_mut().flatten().for_each(|link| link.rekey(salt));
    }

    pub(crate) fn links(&self) -> impl Iterator<Item = &Link> {
        self.links.iter().flatten()
    }

    /// Every end of a connection that has not been forgotten, in order.
    pub(crate) fn ends(&self) -> Vec<ConnId> {
        let alive = self.connections.iter().enumerate().filter(|(_, slot)| slot.is_some());
        alive.flat_map(|(at, _)| [ConnId(at as u64 * 2), ConnId(at as u64 * 2 + 1)]).collect()
    }
}

#[inline]
fn index(end: ConnId) -> usize {
    usize::try_from(end.0 / 2).expect("fewer connections than addresses")
}
