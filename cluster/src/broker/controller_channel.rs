//! Requests of a broker to whoever is the active controller, one at a time.
//!
//! In Kafka:   `NodeToControllerChannelManagerImpl`, `NodeToControllerRequestThread`. A broker has one for its
//!             heartbeats, one for AlterPartition and one for forwarded requests, each with a connection of its own.
//! Holds:      the queue, the controller as this channel knows it, the request in flight.
//! Inputs:     requests; who leads the quorum as the broker knows; the network. Effects: answers, in order.
//! Invariants: CC-1 a request that meets a disconnection or NOT_CONTROLLER goes back to the front of the queue.
//!             CC-2 it is given up only at its deadline, and only while it waits.

use std::collections::VecDeque;

use trial_sim::{Input, Span, Time};

use super::Cx;
use crate::error_code::ErrorCode;
use crate::ids::BrokerId;
use crate::net::{Completed, NetError, NetSettings, NetworkClient};
use crate::wire::{
    AllocateProducerIdsRequest, AlterPartitionRequest, BrokerHeartbeatRequest,
    BrokerRegistrationRequest, CreateTopicsRequest, EnvelopeRequest, Request,
};

/// How long a channel that knows no controller waits before it looks again.
const LOOK_AGAIN: Span = Span::from_millis(100);

/// What a broker asks of its controller.
#[derive(Debug, Clone)]
pub enum Ask {
    /// To be registered.
    Register(BrokerRegistrationRequest),
    /// To be kept alive.
    Heartbeat(BrokerHeartbeatRequest),
    /// To change in-sync sets.
    AlterPartition(AlterPartitionRequest),
    /// To give a block of producer ids.
    AllocateProducerIds(AllocateProducerIdsRequest),
    /// To make topics, in the broker's own name; the number is the broker's own mark of it.
    CreateTopics(CreateTopicsRequest, u32),
    /// To handle a client's request; the number is the broker's own mark of it.
    Forward(EnvelopeRequest, u32),
}

/// What became of it.
#[derive(Debug, Clone)]
pub struct Answered {
    /// What was asked.
    pub ask: Ask,
    /// The response; none if the request was given up or could not be understood.
    pub response: Option<Completed>,
}

#[derive(Debug, Clone)]
struct Queued {
    ask: Ask,
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
}

impl ControllerChannel {
    /// A channel that gives a request up after `retry_timeout` (`Span::MAX`: never).
    #[must_use]
    pub fn new(mut settings: NetSettings, retry_timeout: Span) -> Self {
        settings.max_in_flight = 1;
        Self {
            client: NetworkClient::new(settings),
            queue: VecDeque::new(),
            in_flight: None,
            active: None,
            retry_timeout,
            look_again: None,
        }
    }

    /// Tells where a controller is.
    pub fn set_node(&mut self, node: BrokerId, host: &str, port: u16) {
        self.client.set_node(node, host, port);
    }

    /// Takes a request.
    pub fn enqueue(&mut self, ask: Ask, now: Time) {
        self.queue.push_back(Queued { ask, since: now });
    }

    /// Handles a network input; false if it is about another's connection.
    pub fn on_input(&mut self, input: &Input, cx: &mut Cx<'_>) -> bool {
        self.client.on_input(input, cx)
    }

    /// Goes on as far as it can: `leader` is the active controller as the broker knows it now.
    pub fn poll(
        &mut self,
        leader: Option<BrokerId>,
        answered: &mut Vec<Answered>,
        cx: &mut Cx<'_>,
    ) {
        self.client.on_timer(cx);
        while let Some(completed) = self.client.next_completed() {
            self.on_completed(completed, answered, cx);
        }
        let now = cx.now();
        self.expire(now, answered);
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
            let request = match &queued.ask {
                Ask::Register(message) => self.newest(node, message),
                Ask::Heartbeat(message) => self.newest(node, message),
                Ask::AlterPartition(message) => self.newest(node, message),
                Ask::AllocateProducerIds(message) => self.newest(node, message),
                Ask::CreateTopics(message, _) => self.newest(node, message),
                Ask::Forward(message, _) => self.newest(node, message),
            };
            self.client.send(node, request, cx);
            self.in_flight = Some(queued);
        } else if self.client.connection_failed(node) {
            // As after a disconnection: the metadata is asked again who leads.
            self.active = None;
            let retry = self.client.retry_at(node).unwrap_or(now);
            self.look_again = Some(retry.max(now + Span::from_millis(1)));
        }
    }

    fn newest<R: Request>(&self, node: BrokerId, message: &R) -> crate::net::Request {
        let version = self.client.usable_version(node, R::API, R::API.versions());
        self.client.request(version.unwrap_or(*R::API.versions().end()), 0, message)
    }

    /// When [`Self::poll`] has something to do without an input.
    #[must_use]
    pub fn next_deadline(&mut self) -> Option<Time> {
        let oldest = self.queue.front().filter(|_| self.retry_timeout != Span::MAX);
        let given_up = oldest.map(|queued| queued.since + self.retry_timeout);
        [self.client.next_deadline(), self.look_again, given_up].into_iter().flatten().min()
    }

    fn on_completed(
        &mut self,
        completed: Completed,
        answered: &mut Vec<Answered>,
        cx: &mut Cx<'_>,
    ) {
        let queued = self.in_flight.take().expect("one request is in flight");
        match &completed.result {
            Ok(_) if says_not_controller(&queued.ask, &completed) => {
                self.client.disconnect(completed.node, cx);
                self.active = None;
                self.queue.push_front(queued);
            }
            Err(NetError::Disconnected | NetError::TimedOut) => {
                self.active = None;
                self.queue.push_front(queued);
            }
            Ok(_) => answered.push(Answered { ask: queued.ask, response: Some(completed) }),
            Err(_) => answered.push(Answered { ask: queued.ask, response: None }),
        }
    }

    fn expire(&mut self, now: Time, answered: &mut Vec<Answered>) {
        if self.retry_timeout == Span::MAX {
            return;
        }
        let late = |queued: &Queued| now.since(queued.since) >= self.retry_timeout;
        while self.queue.front().is_some_and(late) {
            let queued = self.queue.pop_front().expect("it was there just now");
            answered.push(Answered { ask: queued.ask, response: None });
        }
    }
}

/// Whether the node that answered is not the active controller any more: in Kafka any error code of the answer may say
/// so, that of a single partition too.
fn says_not_controller(ask: &Ask, completed: &Completed) -> bool {
    let code = match ask {
        Ask::Register(_) => {
            completed.response::<BrokerRegistrationRequest>().map(|answer| answer.error_code)
        }
        Ask::Heartbeat(_) => {
            completed.response::<BrokerHeartbeatRequest>().map(|answer| answer.error_code)
        }
        Ask::AlterPartition(_) => completed.response::<AlterPartitionRequest>().map(|answer| {
            let partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
            let mut codes = partitions.map(|partition| partition.error_code);
            let not_controller = ErrorCode::NotController.code();
            codes.find(|code| *code == not_controller).unwrap_or(answer.error_code)
        }),
        Ask::AllocateProducerIds(_) => {
            completed.response::<AllocateProducerIdsRequest>().map(|answer| answer.error_code)
        }
        Ask::CreateTopics(..) => completed.response::<CreateTopicsRequest>().map(|answer| {
            let mut codes = answer.topics.iter().map(|topic| topic.error_code);
            let not_controller = ErrorCode::NotController.code();
            codes.find(|code| *code == not_controller).unwrap_or_default()
        }),
        Ask::Forward(..) => completed.response::<EnvelopeRequest>().map(|answer| answer.error_code),
    };
    code == Ok(ErrorCode::NotController.code())
}
