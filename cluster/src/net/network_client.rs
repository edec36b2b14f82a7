//! Sends requests to nodes and matches the responses: connections, back-off, timeouts, correlation ids.
//!
//! In Kafka:   `NetworkClient`, `InterBrokerSendThread` (the queue of `enqueue`).
//! Holds:      one connection per node; what completed and was not fetched yet.
//! Inputs:     the host's network inputs and its timer. Effects: through `Wires`, and `Completed`.
//! Invariants: NC-3 every request that was taken completes exactly once; NC-4 responses come in the order of the
//!             requests, else the connection is closed; NC-5 at most `max_in_flight` on one connection.
//! Left out:   throttling by quota, idle connections.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::RangeInclusive;

use bytes::{BufMut, Bytes};
use trial_sim::{ConnId, Input, Span, Time};

use super::api_versions::{self, API_VERSIONS_VERSION_MAX, Answer};
use super::connection::{Connection, InFlight, State, Unsent};
use super::connections::Connections;
use super::frames::{self, FrameReader};
use super::request::{Completed, NetError, NetSettings, Request};
use super::wires::Wires;
use crate::ids::BrokerId;
use crate::mark;
use crate::wire::{self, ApiKey};

/// Kafka's client side of the network, for any number of nodes.
#[derive(Debug, Clone)]
pub struct NetworkClient {
    settings: NetSettings,
    nodes: Connections,
    by_conn: BTreeMap<ConnId, BrokerId>,
    next_correlation_id: i32,
    completed: VecDeque<Completed>,
    /// Nodes whose connection was lost since somebody last asked.
    lost: BTreeSet<BrokerId>,
}

impl NetworkClient {
    /// A client that knows no node.
    #[must_use]
    pub const fn new(settings: NetSettings) -> Self {
        Self {
            settings,
            nodes: Connections::new(),
            by_conn: BTreeMap::new(),
            next_correlation_id: 0,
            completed: VecDeque::new(),
            lost: BTreeSet::new(),
        }
    }

    /// Tells where a node is. A connection that is up stays as it is; the next one goes to the new address, and at
    /// once if the address changed, since the wait belongs to the old one.
    pub fn set_node(&mut self, node: BrokerId, host: &str, port: u16) {
        match self.nodes.get(node) {
            None => self.nodes.insert(node, Connection::new(host, port)),
            Some(known) if known.host == host && known.port == port => {}
            Some(_) => {
                let known = self.node(node);
                (known.host, known.port) = (host.to_owned(), port);
                (known.reconnect_wait, known.failed_attempts) = (Span::ZERO, 0);
            }
        }
    }

    /// Whether the node's address is known.
    #[must_use]
    pub fn knows(&self, node: BrokerId) -> bool {
        self.nodes.get(node).is_some()
    }

    /// Lays out a request in `version`.
    ///
    /// # Panics
    /// As `Message::encode`: the version does not exist or cannot carry what the message holds.
    pub fn request<R: wire::Request>(&self, version: i16, token: u64, message: &R) -> Request {
        let client_id = &self.settings.client_id;
        let frame = frames::request_frame(R::API, version, 0, client_id, |body| {
            message.encode(version, body);
        });
        Request { api: R::API, version, token, timeout: None, expects_response: true, frame }
    }

    /// The newest version within `allowed` that the node serves; the newest allowed while that is not known, none if
    /// they have none in common.
    #[must_use]
    pub fn usable_version(
        &self,
        node: BrokerId,
        api: ApiKey,
        allowed: RangeInclusive<i16>,
    ) -> Option<i16> {
        match self.nodes.get(node).and_then(|connection| connection.versions.as_ref()) {
            Some(versions) => versions.latest_usable(api, allowed),
            None => Some(*allowed.end()),
        }
    }

    /// Whether a request can be sent now; if there is no connection, begins one when the back-off allows it.
    pub fn ready(&mut self, node: BrokerId, wires: &mut dyn Wires) -> bool {
        if self.known(node).can_connect(wires.now()) {
            self.connect(node, wires);
        }
        self.is_ready(node)
    }

    /// Whether a request can be sent now.
    #[must_use]
    pub fn is_ready(&self, node: BrokerId) -> bool {
        let most = self.settings.max_in_flight;
        self.nodes.get(node).is_some_and(|connection| connection.is_ready(most))
    }

    /// Whether the connection was lost or could not be made, and no new attempt is under way.
    #[must_use]
    pub fn connection_failed(&self, node: BrokerId) -> bool {
        self.nodes.get(node).is_some_and(|connection| {
            connection.state == State::Disconnected && connection.last_attempt.is_some()
        })
    }

    /// When it makes sense to ask [`Self::ready`] again; none while only an input can change the answer.
    #[must_use]
    pub fn retry_at(&self, node: BrokerId) -> Option<Time> {
        let connection = self.nodes.get(node)?;
        (connection.state == State::Disconnected).then(|| connection.next_attempt())
    }

    /// Requests in flight to a node.
    #[must_use]
    pub fn in_flight(&self, node: BrokerId) -> usize {
        self.nodes.get(node).map_or(0, |connection| connection.in_flight.len())
    }

    /// Sends now; the node must be ready.
    pub fn send(&mut self, node: BrokerId, request: Request, wires: &mut dyn Wires) {
        assert!(
            self.is_ready(node),
            "node {node} is not ready: ask ready() first, or use enqueue()"
        );
        self.transmit(node, request, false, wires);
    }

    /// Sends as soon as the connection allows it. Completes as disconnected if the connection fails meanwhile or is
    /// still waiting out its back-off, as timed out if it takes too long.
    pub fn enqueue(&mut self, node: BrokerId, request: Request, wires: &mut dyn Wires) {
        let now = wires.now();
        let deadline = now + request.timeout.unwrap_or(self.settings.request_timeout);
        let ready = self.ready(node, wires);
        let connection = self.node(node);
        if ready && connection.unsent.is_empty() {
            self.transmit(node, request, false, wires);
            return;
        }
        let waiting_out = connection.state == State::Disconnected;
        let unsent = Unsent { request, since: now, deadline };
        if waiting_out {
            self.fail_unsent(node, unsent, NetError::Disconnected, now);
        } else {
            connection.unsent.push_back(unsent);
        }
    }

    /// Closes a node's connection; what was under way completes as disconnected.
    pub fn disconnect(&mut self, node: BrokerId, wires: &mut dyn Wires) {
        if self.known(node).state != State::Disconnected {
            self.lose(node, NetError::Disconnected, wires);
        }
    }

    /// Closes a node's connection and forgets how often it failed: the next try is as the first (Kafka's `close`).
    pub fn close(&mut self, node: BrokerId, wires: &mut dyn Wires) {
        self.disconnect(node, wires);
        let known = self.node(node);
        (known.failed_attempts, known.failed_connects, known.reconnect_wait) = (0, 0, Span::ZERO);
    }

    /// Forgets a node altogether, after closing its connection.
    pub fn forget(&mut self, node: BrokerId, wires: &mut dyn Wires) {
        if self.knows(node) {
            self.disconnect(node, wires);
            self.nodes.remove(node);
        }
    }

    /// The best of `nodes` for a request that any can answer (Kafka's `leastLoadedNode`): connected and with the
    /// fewest requests in flight, else connecting, else the one whose last attempt is the longest ago. `start`
    /// (a draw) breaks ties. None if all wait out their back-off or are busy.
    #[must_use]
    pub fn least_loaded(&self, nodes: &[BrokerId], start: usize, now: Time) -> Option<BrokerId> {
        self.nodes.least_loaded(nodes, start, now, self.settings.max_in_flight)
    }

    /// Handles a network input; false if it is about a connection that is not this client's.
    pub fn on_input(&mut self, input: &Input, wires: &mut dyn Wires) -> bool {
        match input {
            Input::Connected { conn } => self.on_connected(*conn, wires),
            Input::ConnectFailed { conn, .. } | Input::Closed { conn, .. } => {
                self.on_lost(*conn, wires)
            }
            Input::Received { conn, bytes } => self.on_received(*conn, bytes, wires),
            Input::Writable { conn } => self.on_writable(*conn, wires),
            Input::Boot
            | Input::Stop
            | Input::Order { .. }
            | Input::Timer
            | Input::Accepted { .. } => false,
        }
    }

    /// Gives up what has taken too long. To be called at [`Self::next_deadline`]; earlier does no harm.
    pub fn on_timer(&mut self, wires: &mut dyn Wires) {
        let now = wires.now();
        for node in self.nodes.due(now) {
            self.expire(node, now, wires);
        }
    }

    /// When [`Self::on_timer`] has something to do.
    #[must_use]
    pub fn next_deadline(&mut self) -> Option<Time> {
        self.nodes.next_deadline()
    }

    /// The next request that completed, oldest first.
    pub fn next_completed(&mut self) -> Option<Completed> {
        self.completed.pop_front()
    }

    /// The nodes whose connection was lost or could not be made since the last call.
    pub fn take_lost(&mut self) -> BTreeSet<BrokerId> {
        std::mem::take(&mut self.lost)
    }
}

/// The steps behind the calls.
impl NetworkClient {
    /// A node's connection, to be changed.
    fn node(&mut self, node: BrokerId) -> &mut Connection {
        self.nodes.get_mut(node).unwrap_or_else(|| panic!("node {node} was never set"))
    }

    fn known(&self, node: BrokerId) -> &Connection {
        self.nodes.get(node).unwrap_or_else(|| panic!("node {node} was never set"))
    }

    fn connect(&mut self, node: BrokerId, wires: &mut dyn Wires) {
        let (setup, stream) = (self.settings.connection_setup_timeout, self.settings.stream);
        let connection = self.node(node);
        let id = wires.connect(&connection.host, connection.port);
        connection.setup_timeout = setup.wait(connection.failed_connects, stream, wires);
        connection.state = State::Connecting;
        connection.last_attempt = Some(wires.now());
        connection.reader = FrameReader::default();
        connection.full = false;
        connection.id = Some(id);
        connection.invariants();
        self.by_conn.insert(id, node);
    }

    fn on_connected(&mut self, conn: ConnId, wires: &mut dyn Wires) -> bool {
        let Some(&node) = self.by_conn.get(&conn) else {
            return false;
        };
        let discover = self.settings.discover_versions;
        let connection = self.node(node);
        assert_eq!(connection.state, State::Connecting, "connected twice: {conn:?}");
        connection.failed_connects = 0;
        if discover {
            connection.state = State::CheckingApiVersions;
            self.ask_versions(node, API_VERSIONS_VERSION_MAX, wires);
        } else {
            self.become_ready(node, wires);
        }
        true
    }

    fn ask_versions(&mut self, node: BrokerId, version: i16, wires: &mut dyn Wires) {
        let request = self.request(version, 0, &api_versions::request());
        self.transmit(node, request, true, wires);
    }

    fn become_ready(&mut self, node: BrokerId, wires: &mut dyn Wires) {
        let connection = self.node(node);
        connection.state = State::Ready;
        connection.failed_attempts = 0;
        self.send_unsent(node, wires);
    }

    fn send_unsent(&mut self, node: BrokerId, wires: &mut dyn Wires) {
        while self.is_ready(node) {
            let Some(unsent) = self.node(node).unsent.pop_front() else {
                return;
            };
            self.transmit(node, unsent.request, false, wires);
        }
    }

    /// Puts a request on the wire.
    fn transmit(
        &mut self,
        node: BrokerId,
        request: Request,
        internal: bool,
        wires: &mut dyn Wires,
    ) {
        let now = wires.now();
        let Request { api, version, token, expects_response, mut frame, timeout } = request;
        let timeout = timeout.unwrap_or(self.settings.request_timeout);
        let correlation_id = self.next_correlation_id;
        let connection = self.node(node);
        let unsupported = connection.versions.as_ref().is_some_and(|v| !v.serves(api, version));
        if unsupported && !internal {
            let result = Err(NetError::UnsupportedVersion);
            let latency = Span::ZERO;
            self.completed.push_back(Completed { token, node, api, version, result, latency });
            return;
        }
        (&mut frame[frames::CORRELATION_AT..]).put_i32(correlation_id);
        let id = connection.id.expect("a request is sent on a connection");
        connection.full = !wires.send(id, api.name(), frame.freeze());
        if expects_response {
            connection.in_flight.push_back(InFlight {
                token,
                api,
                version,
                correlation_id,
                sent_at: now,
                deadline: now + timeout,
                internal,
            });
        } else {
            let (result, latency) = (Ok(Bytes::new()), Span::ZERO);
            self.completed.push_back(Completed { token, node, api, version, result, latency });
        }
        self.next_correlation_id = correlation_id.checked_add(1).unwrap_or(0);
        let (in_flight, max) = (self.in_flight(node), self.settings.max_in_flight);
        assert!(in_flight <= max, "NC-5: {in_flight} in flight, {max} allowed");
    }

    fn on_received(&mut self, conn: ConnId, bytes: &Bytes, wires: &mut dyn Wires) -> bool {
        let Some(&node) = self.by_conn.get(&conn) else {
            return false;
        };
        self.node(node).reader.push(bytes.clone());
        loop {
            match self.node(node).reader.next_frame() {
                Ok(None) => break,
                Ok(Some(frame)) => {
                    if self.on_frame(node, frame, wires).is_none() {
                        self.lose(node, NetError::Disconnected, wires);
                        break;
                    }
                }
                Err(_) => {
                    self.lose(node, NetError::Disconnected, wires);
                    break;
                }
            }
        }
        self.send_unsent(node, wires);
        self.known(node).invariants();
        true
    }

    /// Matches a response with the oldest request; none if it cannot be its answer (NC-4).
    fn on_frame(&mut self, node: BrokerId, frame: Bytes, wires: &mut dyn Wires) -> Option<()> {
        let oldest = self.node(node).in_flight.front()?;
        let (correlation_id, body) = frames::split_response(&frame, oldest.api, oldest.version)?;
        if correlation_id != oldest.correlation_id {
            mark::unreachable!(
                wires,
                "response_out_of_order",
                "a server answers in the order of the requests, and a connection keeps it (NC-4)"
            );
            return None;
        }
        let request = self.node(node).in_flight.pop_front()?;
        if !request.internal {
            self.complete(node, &request, Ok(body), wires.now());
            return Some(());
        }
        match api_versions::read_response(request.version, &body)? {
            Answer::Versions(versions) => {
                self.node(node).versions = Some(versions);
                self.become_ready(node, wires);
            }
            Answer::AskAgain(version) => self.ask_versions(node, version, wires),
            Answer::Refused => return None,
        }
        Some(())
    }

    fn on_writable(&mut self, conn: ConnId, wires: &mut dyn Wires) -> bool {
        let Some(&node) = self.by_conn.get(&conn) else {
            return false;
        };
        self.node(node).full = false;
        self.send_unsent(node, wires);
        true
    }

    fn on_lost(&mut self, conn: ConnId, wires: &mut dyn Wires) -> bool {
        let Some(&node) = self.by_conn.get(&conn) else {
            return false;
        };
        self.lose(node, NetError::Disconnected, wires);
        true
    }

    fn expire(&mut self, node: BrokerId, now: Time, wires: &mut dyn Wires) {
        let connection = self.node(node);
        let late = connection.in_flight.iter().any(|request| request.deadline <= now);
        mark::sometimes!(
            wires,
            late,
            "request_times_out",
            "a request was not answered for request.timeout.ms, and its connection given up"
        );
        if late || connection.setup_deadline().is_some_and(|at| at <= now) {
            mark::sometimes!(wires, !late, "connection_setup_times_out", "a connect took too long");
            self.lose(node, NetError::TimedOut, wires);
            return;
        }
        let (late, waiting) =
            connection.unsent.drain(..).partition(|unsent: &Unsent| unsent.deadline <= now);
        connection.unsent = waiting;
        let late: VecDeque<Unsent> = late;
        for unsent in late {
            self.fail_unsent(node, unsent, NetError::TimedOut, now);
        }
    }

    /// The connection is gone, by whoever's hand: everything under way completes, and the back-off begins.
    fn lose(&mut self, node: BrokerId, why: NetError, wires: &mut dyn Wires) {
        let now = wires.now();
        let (backoff, stream) = (self.settings.reconnect_backoff, self.settings.stream);
        let connection = self.node(node);
        let id = connection.id.take().expect("NC-2: a connection that is lost has an id");
        if connection.state == State::Connecting {
            connection.failed_connects = connection.failed_connects.saturating_add(1);
        }
        connection.state = State::Disconnected;
        connection.last_attempt = Some(now);
        mark::sometimes!(
            wires,
            backoff.is_at_max(connection.failed_attempts),
            "reconnect_backoff_at_max",
            "a node failed so often in a row that the wait before the next try grows no more"
        );
        connection.reconnect_wait = backoff.wait(connection.failed_attempts, stream, wires);
        connection.failed_attempts = connection.failed_attempts.saturating_add(1);
        connection.versions = None;
        let in_flight = std::mem::take(&mut connection.in_flight);
        let unsent = std::mem::take(&mut connection.unsent);
        connection.invariants();
        self.by_conn.remove(&id);
        self.lost.insert(node);
        wires.close(id);
        for request in in_flight {
            if !request.internal {
                self.complete(node, &request, Err(why), now);
            }
        }
        for request in unsent {
            self.fail_unsent(node, request, NetError::Disconnected, now);
        }
    }

    fn complete(
        &mut self,
        node: BrokerId,
        request: &InFlight,
        result: Result<Bytes, NetError>,
        now: Time,
    ) {
        let InFlight { token, api, version, .. } = *request;
        let latency = now.since(request.sent_at);
        self.completed.push_back(Completed { token, node, api, version, result, latency });
    }

    fn fail_unsent(&mut self, node: BrokerId, unsent: Unsent, why: NetError, now: Time) {
        let Request { token, api, version, .. } = unsent.request;
        let (result, latency) = (Err(why), now.since(unsent.since));
        self.completed.push_back(Completed { token, node, api, version, result, latency });
    }
}
