//! One node as a network client sees it: its connection's state, what is in flight, when to try again.
//!
//! In Kafka:   `ClusterConnectionStates.NodeConnectionState`, `InFlightRequests`, `UnsentRequests`.
//! Holds:      address, state, attempts, requests in flight (oldest first) and those that wait to be sent.
//! Invariants: NC-1 requests are in flight only on a connection that is up; NC-2 a connection has an id if and only
//!             if it is not disconnected.

use std::collections::VecDeque;

use trial_sim::{ConnId, Span, Time};

use super::api_versions::NodeApiVersions;
use super::frames::FrameReader;
use super::request::Request;
use crate::wire::ApiKey;

/// How far a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Disconnected,
    Connecting,
    CheckingApiVersions,
    Ready,
}

/// A request that was sent and has no answer yet.
#[derive(Debug, Clone)]
pub(super) struct InFlight {
    pub(super) token: u64,
    pub(super) api: ApiKey,
    pub(super) version: i16,
    pub(super) correlation_id: i32,
    pub(super) sent_at: Time,
    pub(super) deadline: Time,
    /// The client's own ApiVersions request: nobody hears of it.
    pub(super) internal: bool,
}

/// A request that waits for its connection.
#[derive(Debug, Clone)]
pub(super) struct Unsent {
    pub(super) request: Request,
    pub(super) since: Time,
    pub(super) deadline: Time,
}

/// A node and the connection to it.
#[derive(Debug, Clone)]
pub(super) struct Connection {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) state: State,
    pub(super) id: Option<ConnId>,
    /// When the last attempt began or the connection was lost; none before the first.
    pub(super) last_attempt: Option<Time>,
    pub(super) reconnect_wait: Span,
    pub(super) setup_timeout: Span,
    pub(super) failed_attempts: u32,
    pub(super) failed_connects: u32,
    pub(super) reader: FrameReader,
    /// The send buffer is full: nothing more is sent until it is not.
    pub(super) full: bool,
    pub(super) in_flight: VecDeque<InFlight>,
    pub(super) unsent: VecDeque<Unsent>,
    pub(super) versions: Option<NodeApiVersions>,
}

impl Connection {
    /// Whether a request can be sent now, if so many may be in flight.
    pub(super) fn is_ready(&self, max_in_flight: usize) -> bool {
        self.state == State::Ready && !self.full && self.in_flight.len() < max_in_flight
    }

    pub(super) fn new(host: &str, port: u16) -> Self {
        Self {
            host: host.to_owned(),
            port,
            state: State::Disconnected,
            id: None,
            last_attempt: None,
            reconnect_wait: Span::ZERO,
            setup_timeout: Span::ZERO,
            failed_attempts: 0,
            failed_connects: 0,
            reader: FrameReader::default(),
            full: false,
            in_flight: VecDeque::new(),
            unsent: VecDeque::new(),
            versions: None,
        }
    }

    /// When the next attempt is allowed; the beginning of time if none was made yet.
    pub(super) fn next_attempt(&self) -> Time {
        self.last_attempt.map_or(Time::ZERO, |last| last + self.reconnect_wait)
    }

    pub(super) fn can_connect(&self, now: Time) -> bool {
        self.state == State::Disconnected && now >= self.next_attempt()
    }

    pub(super) const fn is_preparing(&self) -> bool {
        matches!(self.state, State::Connecting | State::CheckingApiVersions)
    }

    /// When the attempt to connect is given up; none unless one is under way.
    pub(super) fn setup_deadline(&self) -> Option<Time> {
        let since = self.last_attempt.filter(|_| self.state == State::Connecting)?;
        Some(since + self.setup_timeout)
    }

    /// The earliest moment at which something times out here.
    pub(super) fn next_deadline(&self) -> Option<Time> {
        let in_flight = self.in_flight.iter().map(|request| request.deadline);
        let unsent = self.unsent.iter().map(|request| request.deadline);
        in_flight.chain(unsent).chain(self.setup_deadline()).min()
    }

    pub(super) fn invariants(&self) {
        let up = matches!(self.state, State::CheckingApiVersions | State::Ready);
        assert!(up || self.in_flight.is_empty(), "NC-1: in flight while {:?}", self.state);
        let connected = self.state != State::Disconnected;
        assert_eq!(self.id.is_some(), connected, "NC-2: {:?} has {:?}", self.state, self.id);
    }
}
