//! Requests of a broker to whoever is the active controller, one at a time.
//!
//! In Kafka:   `NodeToControllerChannelManagerImpl`, `NodeToControllerRequestThread`. A broker has one for its
//!             heartbeats, one for AlterPartition and one for forwarded requests, each with a connection of its own.
//! Holds:      the queue, the controller as this channel knows it, the request in flight.
//! Inputs:     requests; who leads the quorum as the broker knows; the network. Effects: answers, in order.
//! Invariants: CC-1 a request that meets a disconnection or NOT_CONTROLLER goes back to the front of the queue.
//!             CC-2 it is given up only at its deadline, and only while it waits.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use trial_sim::{Input, Span, Time};

use super::Cx;
use crate::ids::BrokerId;
use crate::net::{Completed, NetError, NetSettings, NetworkClient};
use crate::wire::ApiKey;

/// How long a channel that knows no controller waits before it looks again.
const LOOK_AGAIN: Span = Span::from_millis(100);

/// A request with its body laid out.
#[derive(Debug, Clone)]
pub struct ControllerRequest {
    /// Which API.
    pub api: ApiKey,
    /// In which version.
    pub version: i16,
    /// The sender's own mark.
    pub token: u64,
    /// The body, in that version.
    pub body: Bytes,
}

/// What became of a request.
#[derive(Debug, Clone)]
pub struct ControllerAnswer {
    /// The sender's own mark.
    pub token: u64,
    /// In which version it was asked, and is answered.
    pub version: i16,
    /// The response's body; none if the request was given up or could not be understood.
    pub body: Option<Bytes>,
}

/// Whether the body of a response says NOT_CONTROLLER, which sends the request back to the queue.
pub type SaysNotController = fn(api: ApiKey, version: i16, body: &Bytes) -> bool;

#[derive(Debug, Clone)]
struct Queued {
    request: ControllerRequest,
    since: Time,
}

/// One channel.
#[derive(Debug, Clone)]
pub struct ControllerChannel {
    client: NetworkClient,
    queue: VecDeque<Queued>,
    in_flight: Option<Queued>,
    active: Option<BrokerId>,
    retry_timeout: Span,
    look_again: Option<Time>,
    says_not_controller: SaysNotController,
}

impl ControllerChannel {
    /// A channel that gives a request up after `retry_timeout` (`Span::MAX`: never).
    #[must_use]
    pub fn new(mut settings: NetSettings, retry_timeout: Span, says: SaysNotController) -> Self {
        settings.max_in_flight = 1;
        Self {
            client: NetworkClient::new(settings),
            queue: VecDeque::new(),
            in_flight: None,
            active: None,
            retry_timeout,
            look_again: None,
            says_not_controller: says,
        }
    }

    /// Tells where a controller is.
    pub fn set_node(&mut self, node: BrokerId, host: &str, port: u16) {
        self.client.set_node(node, host, port);
    }

    /// Takes a request.
    pub fn enqueue(&mut self, request: ControllerRequest, now: Time) {
        self.queue.push_back(Queued { request, since: now });
    }

    /// Handles a network input; false if it is about another's connection.
    pub fn on_input(&mut self, input: &Input, cx: &mut Cx<'_>) -> bool {
        self.client.on_input(input, cx)
    }

    /// Goes on as far as it can: `leader` is the active controller as the broker knows it now.
    pub fn poll(&mut self, leader: Option<BrokerId>, answers: &mut Vec<ControllerAnswer>, cx: &mut Cx<'_>) {
        self.client.on_timer(cx);
        while let Some(completed) = self.client.next_completed() {
            self.on_completed(completed, answers, cx);
        }
        let now = cx.now();
        self.expire(now, answers);
        self.look_again = None;
        if self.queue.is_empty() || self.in_flight.is_some() {
            return;
        }
        if self.active.is_none() {
            self.active = leader.filter(|node| self.client.knows(*node));
        }
        let Some(node) = self.active else {
            self.look_again = Some(now + LOOK_AGAIN);
            return;
        };
        if self.client.ready(node, cx) {
            let queued = self.queue.pop_front().expect("the queue is not empty");
            let request = &queued.request;
            let body = request.body.clone();
            let write = move |frame: &mut BytesMut| frame.extend_from_slice(&body);
            let framed = self.client.raw_request(request.api, request.version, request.token, write);
            self.client.send(node, framed, cx);
            self.in_flight = Some(queued);
        } else if self.client.connection_failed(node) {
            // As after a disconnection: ask the metadata again who leads.
            self.active = None;
            self.look_again = Some(self.client.retry_at(node).unwrap_or(now + LOOK_AGAIN).max(now + LOOK_AGAIN));
        }
    }

    /// When [`Self::poll`] has something to do without an input.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Time> {
        let oldest = self.queue.front().filter(|_| self.retry_timeout != Span::MAX);
        let given_up = oldest.map(|queued| queued.since + self.retry_timeout);
        [self.client.next_deadline(), self.look_again, given_up].into_iter().flatten().min()
    }

    fn on_completed(&mut self, completed: Completed, answers: &mut Vec<ControllerAnswer>, cx: &mut Cx<'_>) {
        let queued = self.in_flight.take().expect("one request is in flight");
        let (api, version) = (queued.request.api, queued.request.version);
        let body = match completed.result {
            Ok(body) if (self.says_not_controller)(api, version, &body) => {
                self.client.disconnect(completed.node, cx);
                self.active = None;
                self.queue.push_front(queued);
                return;
            }
            Ok(body) => Some(body),
            Err(NetError::Disconnected | NetError::TimedOut) => {
                self.active = None;
                self.queue.push_front(queued);
                return;
            }
            Err(NetError::UnsupportedVersion) => None,
        };
        answers.push(ControllerAnswer { token: completed.token, version, body });
    }

    fn expire(&mut self, now: Time, answers: &mut Vec<ControllerAnswer>) {
        if self.retry_timeout == Span::MAX {
            return;
        }
        while let Some(oldest) = self.queue.front() {
            if now.since(oldest.since) < self.retry_timeout {
                break;
            }
            let queued = self.queue.pop_front().expect("it was there just now");
            let ControllerRequest { token, version, .. } = queued.request;
            answers.push(ControllerAnswer { token, version, body: None });
        }
    }
}
