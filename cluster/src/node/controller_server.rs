//! A controller's listener and its event queue: what comes in is handed to the quorum or to the controller.
//!
//! In Kafka:   `ControllerServer`, `ControllerApis`, the `KafkaEventQueue` of `QuorumController`.
//! Holds:      the connections, the requests that wait for an answer, the controller itself.
//! Inputs:     requests, what the quorum tells, time. Effects: appends to the quorum, responses.
//! Invariants: CS-1 the controller handles one event at a time, on one lane, in the order of their arrival.
//!             CS-2 a response to an enveloped request goes back in an envelope.
//! Left out:   controllers do not register themselves (KIP-919).

use trial_sim::{Context, Input, Job, PoolId, Span, Time};

use super::node::{UNREADABLE_METADATA, decode};
use super::served::{
    SERVED, controller_request, controller_response, is_served, raft_request, raft_response,
};
use super::spec::{CONTROLLER_PORT, ClusterSpec};
use crate::broker::api::api_versions_response;
use crate::broker::request::{Refused, Request};
use crate::broker::{Arrived, Slab, SocketServer};
use crate::controller::request::{ControllerRequest, ControllerResponse};
use crate::controller::settings::ControllerSettings;
use crate::controller::{ControllerEffect, ControllerStep, QuorumController};
use crate::error_code::ErrorCode;
use crate::ids::{BrokerEpoch, BrokerId, LeaderEpoch, Offset};
use crate::image::record::record_version;
use crate::note::Note;
use crate::raft::effect::{RaftEvent, ReplyToken};
use crate::raft::node::RaftNode;
use crate::wire::{ApiKey, ApiVersionsRequest, EnvelopeRequest, EnvelopeResponse, MetadataRecord};

const NETWORK: PoolId = PoolId(20);
const HANDLERS: PoolId = PoolId(21);
const EVENTS: PoolId = PoolId(22);

/// What one event costs the controller.
const EVENT_COST: Span = Span::from_micros(30);

type Cx<'a> = Context<'a, Note>;

/// A request that waits for its answer.
#[derive(Debug, Clone)]
struct Asked {
    request: Request,
    /// The request inside, if it came in an envelope.
    inner: Option<Request>,
}

/// A job.
#[derive(Debug, Clone)]
enum Task {
    Handle(Box<Request>),
    Event(Event),
}

/// An event of the controller's queue.
#[derive(Debug, Clone)]
enum Event {
    Request(u32, Box<ControllerRequest>),
    Bootstrap(Vec<MetadataRecord>),
    Committed(Offset, Vec<MetadataRecord>),
    Leads(LeaderEpoch),
    LeadsNoMore,
    Timer,
}

/// A controller on its node.
#[derive(Debug, Clone)]
pub(super) struct ControllerServer {
    server: SocketServer,
    tasks: Slab<Task>,
    asked: Slab<Asked>,
    quorum: QuorumController,
    lanes: (u16, u16),
    timer_queued: bool,
}

impl ControllerServer {
    pub(super) fn new(cluster: &ClusterSpec, id: BrokerId) -> Self {
        let node = &cluster.config.node;
        let lanes = |count: usize| u16::try_from(count).expect("bounded when it is read");
        let network = lanes(node.num_network_threads);
        let mut settings = ControllerSettings::new(id, cluster.cluster_id.to_string());
        settings.config = (*cluster.config).clone();
        settings.rules = cluster.rules.clone();
        Self {
            server: SocketServer::new(&[NETWORK], network, node.socket_request_max_bytes),
            tasks: Slab::default(),
            asked: Slab::default(),
            quorum: QuorumController::new(settings),
            lanes: (network, lanes(node.num_io_threads)),
            timer_queued: false,
        }
    }

    pub(super) fn boot(&mut self, cx: &mut Cx<'_>) {
        cx.pool(NETWORK, "controller-network", self.lanes.0);
        cx.pool(HANDLERS, "controller-handler", self.lanes.1);
        cx.pool(EVENTS, "controller-events", 1);
        cx.listen(CONTROLLER_PORT);
    }

    pub(super) fn owns(job: Job) -> bool {
        matches!(job.lane.pool, HANDLERS | EVENTS)
    }

    pub(super) fn start() -> Span {
        EVENT_COST
    }

    /// Handles a network input of its listener; false if it is another's.
    pub(super) fn on_input(
        &mut self,
        input: &Input,
        _raft: &mut RaftNode,
        cx: &mut Cx<'_>,
    ) -> bool {
        match input {
            Input::Accepted { conn, port: CONTROLLER_PORT, .. } => {
                self.server.on_accepted(*conn, 0);
                true
            }
            Input::Received { conn, bytes } if self.server.owns(*conn) => {
                let arrived = self.server.on_received(*conn, bytes.clone(), cx);
                self.take_in(arrived, cx);
                true
            }
            Input::Writable { conn } if self.server.owns(*conn) => {
                let arrived = self.server.on_writable(*conn, cx);
                self.take_in(arrived, cx);
                true
            }
            Input::Closed { conn, .. } if self.server.owns(*conn) => {
                self.server.on_closed(*conn);
                true
            }
            _ => false,
        }
    }

    pub(super) fn on_timer(&mut self, cx: &mut Cx<'_>) {
        let due = self.quorum.next_deadline().is_some_and(|due| due <= cx.now());
        if due && !self.timer_queued {
            self.timer_queued = true;
            self.queue(Event::Timer, cx);
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Time> {
        self.quorum.next_deadline().filter(|_| !self.timer_queued)
    }

    /// What the quorum tells becomes an event.
    pub(super) fn on_raft_event(&mut self, event: RaftEvent, cx: &mut Cx<'_>) {
        match event {
            RaftEvent::Bootstrap { records } => {
                let read = |bytes| MetadataRecord::from_bytes(bytes).ok();
                let records = records.iter().filter_map(read).map(|(record, _)| record).collect();
                self.queue(Event::Bootstrap(records), cx);
            }
            RaftEvent::Committed { batches } => {
                for batch in batches {
                    let Ok(records) = decode(&batch) else { return cx.halt(UNREADABLE_METADATA) };
                    self.queue(Event::Committed(batch.base_offset, records), cx);
                }
            }
            RaftEvent::LeaderChange { epoch, is_me: true, .. } => {
                self.queue(Event::Leads(epoch), cx)
            }
            RaftEvent::LeaderChange { .. } | RaftEvent::Resigned { .. } => {
                self.queue(Event::LeadsNoMore, cx);
            }
            RaftEvent::ShutDown => {}
        }
    }

    /// Sends what the quorum has answered.
    pub(super) fn pump(&mut self, raft: &mut RaftNode, cx: &mut Cx<'_>) {
        while let Some((token, response)) = raft.next_reply() {
            let key = u32::try_from(token.0).expect("it was made from a key");
            let asked = self.asked.take(key);
            let frame = match &asked.inner {
                None => raft_response(&asked.request, &response),
                Some(inner) => {
                    let answer = raft_response(inner, &response);
                    let response_data = Some(answer.slice(4..));
                    let envelope = EnvelopeResponse { response_data, error_code: 0 };
                    asked.request.response::<EnvelopeRequest>(&envelope)
                }
            };
            self.respond(&asked.request, frame, cx);
        }
    }

    pub(super) fn finish(&mut self, job: Job, raft: &mut RaftNode, cx: &mut Cx<'_>) {
        match self.tasks.take(u32::try_from(job.token).expect("it was made from a key")) {
            Task::Handle(request) => self.handle(*request, raft, cx),
            Task::Event(event) => self.on_event(event, raft, cx),
        }
    }

    fn take_in(&mut self, arrived: Option<Arrived>, cx: &mut Cx<'_>) {
        let Some(Arrived { conn, frame, at }) = arrived else { return };
        match Request::from_frame(conn, frame, at) {
            Ok(request) => {
                let token = self.tasks.insert(Task::Handle(Box::new(request)));
                cx.submit_at(at, HANDLERS, u64::from(token), None);
            }
            Err(_) => self.server.close(conn, cx),
        }
    }

    fn respond(&mut self, request: &Request, frame: bytes::Bytes, cx: &mut Cx<'_>) {
        let arrived = self.server.respond(request.conn, frame, cx);
        self.take_in(arrived, cx);
    }

    fn queue(&mut self, event: Event, cx: &mut Cx<'_>) {
        let token = self.tasks.insert(Task::Event(event));
        cx.submit(EVENTS, u64::from(token), None);
    }

    /// A handler lane has a request: it goes to the quorum, to the controller, or is answered here.
    fn handle(&mut self, request: Request, raft: &mut RaftNode, cx: &mut Cx<'_>) {
        match self.route(request.clone(), raft, cx) {
            Ok(()) => {}
            Err(Refused::Close) => self.server.close(request.conn, cx),
            Err(Refused::ApiVersionsOfTheFuture) => {
                let frame = request.unknown_api_versions_response();
                self.respond(&request, frame, cx);
            }
        }
    }

    fn route(
        &mut self,
        request: Request,
        raft: &mut RaftNode,
        cx: &mut Cx<'_>,
    ) -> Result<(), Refused> {
        if !is_served(&request) {
            return Err(match request.api {
                ApiKey::ApiVersions => Refused::ApiVersionsOfTheFuture,
                _ => Refused::Close,
            });
        }
        match request.api {
            ApiKey::ApiVersions => {
                request.message::<ApiVersionsRequest>()?;
                let response = api_versions_response(self.quorum.image(), SERVED.iter().cloned());
                let frame = request.response::<ApiVersionsRequest>(&response);
                self.respond(&request, frame, cx);
            }
            ApiKey::Vote
            | ApiKey::BeginQuorumEpoch
            | ApiKey::EndQuorumEpoch
            | ApiKey::Fetch
            | ApiKey::DescribeQuorum => {
                let envelope = raft_request(&request).ok_or(Refused::Close)?;
                let key = self.asked.insert(Asked { request, inner: None });
                raft.on_request(ReplyToken(u64::from(key)), envelope, cx);
            }
            ApiKey::Envelope => {
                let envelope = request.message::<EnvelopeRequest>()?;
                let inner =
                    Request::from_frame(request.conn, envelope.request_data, request.arrived_at)?;
                if !is_served(&inner) {
                    return Err(Refused::Close);
                }
                if inner.api == ApiKey::DescribeQuorum {
                    let envelope = raft_request(&inner).ok_or(Refused::Close)?;
                    let key = self.asked.insert(Asked { request, inner: Some(inner) });
                    raft.on_request(ReplyToken(u64::from(key)), envelope, cx);
                    return Ok(());
                }
                let message = controller_request(&inner).ok_or(Refused::Close)?;
                self.ask(Asked { request, inner: Some(inner) }, message, cx);
            }
            _ => {
                let message = controller_request(&request).ok_or(Refused::Close)?;
                if let ControllerRequest::BrokerHeartbeat(heartbeat) = &message {
                    // The session counts from the arrival, however long the queue is (KAFKA-14392).
                    let (id, epoch) = (heartbeat.broker_id, heartbeat.broker_epoch);
                    let now = cx.now();
                    self.quorum.on_heartbeat_arrival(now, BrokerId(id), BrokerEpoch(epoch));
                }
                self.ask(Asked { request, inner: None }, message, cx);
            }
        }
        Ok(())
    }

    fn ask(&mut self, asked: Asked, message: ControllerRequest, cx: &mut Cx<'_>) {
        let key = self.asked.insert(asked);
        self.queue(Event::Request(key, Box::new(message)), cx);
    }

    fn on_event(&mut self, event: Event, raft: &mut RaftNode, cx: &mut Cx<'_>) {
        let mut effects = Vec::new();
        let now = cx.now();
        let mut step =
            ControllerStep { now, random: cx.random("controller"), effects: &mut effects };
        match event {
            Event::Request(key, request) => {
                self.quorum.on_request(&mut step, u64::from(key), *request);
            }
            Event::Bootstrap(records) => self.quorum.on_bootstrap(records),
            Event::Committed(base_offset, records) => {
                self.quorum.on_committed(&mut step, base_offset, &records);
            }
            Event::Leads(epoch) => {
                // It may have lost the epoch again while this event waited.
                if raft.leader_and_epoch().1 == epoch {
                    let next = raft.published().log_end_offset;
                    self.quorum.on_leadership(&mut step, epoch, next);
                }
            }
            Event::LeadsNoMore => self.quorum.on_leadership_lost(&mut step),
            Event::Timer => {
                self.timer_queued = false;
                self.quorum.on_timer(&mut step);
            }
        }
        self.apply(effects, raft, cx);
    }

    fn apply(&mut self, effects: Vec<ControllerEffect>, raft: &mut RaftNode, cx: &mut Cx<'_>) {
        for effect in effects {
            match effect {
                ControllerEffect::Append { epoch, base_offset, records } => {
                    let encoded =
                        records.iter().map(|record| record.to_bytes(record_version(record)));
                    match raft.schedule_append(epoch, encoded.collect(), cx) {
                        Ok(last) => {
                            let count = i64::try_from(records.len()).expect("a batch is short");
                            assert!(
                                last == Offset(base_offset.0 + count - 1),
                                "K1: the quorum put records at {last}, not from {base_offset}"
                            );
                        }
                        Err(_) => {
                            // Not the leader any more: Kafka's controller renounces, and so does this one.
                            let mut effects = Vec::new();
                            let mut step = ControllerStep {
                                now: cx.now(),
                                random: cx.random("controller"),
                                effects: &mut effects,
                            };
                            self.quorum.on_append_refused(&mut step);
                            self.apply(effects, raft, cx);
                            return;
                        }
                    }
                }
                ControllerEffect::Reply { token, response } => self.reply(token, &response, cx),
                ControllerEffect::Note(note) => cx.note(Note::Controller(note)),
                ControllerEffect::Resign { epoch } => raft.resign(epoch, cx),
                ControllerEffect::Halt(why) => cx.halt(why),
            }
        }
    }

    fn reply(&mut self, token: u64, response: &ControllerResponse, cx: &mut Cx<'_>) {
        let asked = self.asked.take(u32::try_from(token).expect("it was made from a key"));
        let frame = match &asked.inner {
            None => controller_response(&asked.request, response),
            Some(inner) => {
                let answer = controller_response(inner, response);
                // The envelope holds header and body; the frame's length is its own.
                let response = if self.quorum.active_epoch().is_none() {
                    EnvelopeResponse {
                        response_data: None,
                        error_code: ErrorCode::NotController.code(),
                    }
                } else {
                    EnvelopeResponse { response_data: Some(answer.slice(4..)), error_code: 0 }
                };
                asked.request.response::<EnvelopeRequest>(&response)
            }
        };
        self.respond(&asked.request, frame, cx);
    }
}
