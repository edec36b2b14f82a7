//! A cluster for tests of clients: it connects, tells versions and metadata by itself, and leaves the rest to the test.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use trial_sim::{ConnId, Input, Span, Time};

use crate::ids::Uuid;
use crate::net::Wires;
use crate::net::frames::{FrameReader, response_frame, split_request};
use crate::net::tests::FakeWires;
use crate::wire::{
    self, ApiKey, ApiVersionsResponse, Message, MetadataResponse, ProduceRequest,
    api_versions_response, metadata_response,
};

/// The topic's name.
pub(crate) const TOPIC: &str = "orders";
/// The topic's id.
pub(crate) const TOPIC_ID: Uuid = Uuid(0x7e57);

/// What the cluster is tested with.
pub(crate) trait Machine {
    fn input(&mut self, input: &Input, wires: &mut dyn Wires);
    fn timer(&mut self, wires: &mut dyn Wires);
    fn deadline(&mut self, now: Time) -> Option<Time>;
}

/// A request that the test answers.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) conn: ConnId,
    pub(crate) node: i32,
    pub(crate) api: ApiKey,
    pub(crate) version: i16,
    correlation_id: i32,
    body: Bytes,
}

impl Asked {
    pub(crate) fn decode<R: wire::Request>(&self) -> R {
        assert_eq!(self.api, R::API, "the request is another one");
        R::from_bytes(self.version, &self.body).expect("clients send what can be read")
    }
}

/// Three nodes, `b1` to `b3`, and one topic.
#[derive(Debug)]
pub(crate) struct TestCluster {
    pub(crate) wires: FakeWires,
    /// Per partition: leader and its epoch.
    pub(crate) leaders: BTreeMap<i32, (i32, i32)>,
    /// Replicas of every partition that are said to be offline; all three nodes are replicas.
    pub(crate) offline: Vec<i32>,
    /// Nodes that refuse connections.
    pub(crate) down: BTreeSet<i32>,
    /// What came and waits for the test.
    pub(crate) asked: Vec<Asked>,
    /// How often metadata was asked for.
    pub(crate) metadata_requests: usize,
    /// How often the timer has fired.
    pub(crate) timers: usize,
    readers: BTreeMap<ConnId, FrameReader>,
    /// The responses of each connection in the order of the requests: none until they are known.
    responses: BTreeMap<ConnId, VecDeque<(i32, Option<Bytes>)>>,
    connected: usize,
}

impl TestCluster {
    /// With these leaders of partitions 0, 1 and so on, all in epoch 1.
    pub(crate) fn new(leaders: &[i32]) -> Self {
        Self {
            wires: FakeWires::default(),
            leaders: (0..).zip(leaders.iter().map(|leader| (*leader, 1))).collect(),
            offline: Vec::new(),
            down: BTreeSet::new(),
            asked: Vec::new(),
            metadata_requests: 0,
            timers: 0,
            readers: BTreeMap::new(),
            responses: BTreeMap::new(),
            connected: 0,
        }
    }

    pub(crate) fn bootstrap() -> Vec<(String, u16)> {
        vec![("b1".to_owned(), 9092)]
    }

    /// Lets everything happen that needs no time and no decision of the test.
    pub(crate) fn settle(&mut self, machine: &mut impl Machine) {
        loop {
            let inputs = self.collect();
            if inputs.is_empty() {
                return;
            }
            for input in inputs {
                let closed = match &input {
                    Input::Received { conn, .. } => self.wires.closed.contains(conn),
                    _ => false,
                };
                if !closed {
                    machine.input(&input, &mut self.wires);
                }
            }
        }
    }

    /// Moves time to `millis`, with the timer whenever it is due, and settles.
    pub(crate) fn run_to(&mut self, millis: u64, machine: &mut impl Machine) {
        let end = Time::ZERO + Span::from_millis(millis);
        self.settle(machine);
        let mut rounds = 0;
        while let Some(at) = machine.deadline(self.wires.now).filter(|at| *at <= end) {
            rounds += 1;
            assert!(rounds < 100_000, "the timer runs hot at {at:?}");
            self.wires.now = self.wires.now.max(at);
            self.timers += 1;
            machine.timer(&mut self.wires);
            self.settle(machine);
        }
        self.wires.now = end;
    }

    /// Answers a request; the client gets it after the answers to the requests before.
    pub(crate) fn answer<M: Message>(
        &mut self,
        asked: &Asked,
        body: &M,
        machine: &mut impl Machine,
    ) {
        let bytes = response_frame(asked.api, asked.version, asked.correlation_id, |into| {
            body.encode(asked.version, into);
        });
        self.respond(asked.conn, asked.correlation_id, bytes);
        self.settle(machine);
    }

    /// Gives the client bytes, whatever they are.
    pub(crate) fn give(&mut self, conn: ConnId, bytes: Bytes, machine: &mut impl Machine) {
        if !self.wires.closed.contains(&conn) {
            machine.input(&Input::Received { conn, bytes }, &mut self.wires);
            self.settle(machine);
        }
    }

    /// Breaks a connection.
    pub(crate) fn close(&mut self, conn: ConnId, machine: &mut impl Machine) {
        if !self.wires.closed.contains(&conn) {
            machine.input(&Input::Closed { conn, reset: true }, &mut self.wires);
            self.settle(machine);
        }
    }

    fn node_of(&self, conn: ConnId) -> i32 {
        let (_, host, _) = self.wires.opened.iter().find(|(id, ..)| *id == conn).expect("opened");
        host.strip_prefix('b').and_then(|id| id.parse().ok()).expect("hosts are b1, b2, b3")
    }

    fn collect(&mut self) -> Vec<Input> {
        let mut inputs = Vec::new();
        while let Some((conn, ..)) = self.wires.opened.get(self.connected).cloned() {
            self.connected += 1;
            let refused = self.down.contains(&self.node_of(conn));
            inputs.push(if refused {
                Input::ConnectFailed { conn, refused }
            } else {
                Input::Connected { conn }
            });
        }
        while let Some((conn, bytes)) = self.wires.sent.pop_front() {
            self.readers.entry(conn).or_default().push(bytes);
            while let Ok(Some(frame)) = self.readers.entry(conn).or_default().next_frame() {
                self.on_request(conn, &frame);
            }
        }
        for (conn, responses) in &mut self.responses {
            while let Some((_, Some(bytes))) = responses.front() {
                if !self.wires.closed.contains(conn) {
                    inputs.push(Input::Received { conn: *conn, bytes: bytes.clone() });
                }
                responses.pop_front();
            }
        }
        inputs
    }

    fn on_request(&mut self, conn: ConnId, frame: &Bytes) {
        let (api, header, body) = split_request(frame).expect("clients send requests");
        let (version, correlation_id) = (header.request_api_version, header.correlation_id);
        let acks_zero = api == ApiKey::Produce
            && ProduceRequest::from_bytes(version, &body).expect("readable").acks == 0;
        if !acks_zero {
            self.responses.entry(conn).or_default().push_back((correlation_id, None));
        }
        match api {
            ApiKey::ApiVersions => {
                let bytes = response_frame(api, version, correlation_id, |into| {
                    versions().encode(version, into);
                });
                self.respond(conn, correlation_id, bytes);
            }
            ApiKey::Metadata => {
                self.metadata_requests += 1;
                let bytes = response_frame(api, version, correlation_id, |into| {
                    self.metadata().encode(version, into);
                });
                self.respond(conn, correlation_id, bytes);
            }
            _ => {
                let node = self.node_of(conn);
                self.asked.push(Asked { conn, node, api, version, correlation_id, body });
            }
        }
    }

    fn respond(&mut self, conn: ConnId, correlation_id: i32, bytes: Bytes) {
        let responses = self.responses.entry(conn).or_default();
        if let Some((_, response)) = responses.iter_mut().find(|(id, _)| *id == correlation_id) {
            *response = Some(bytes);
        }
    }

    fn metadata(&self) -> MetadataResponse {
        let partition =
            |(index, (leader, epoch)): (&i32, &(i32, i32))| metadata_response::Partition {
                error_code: if *leader < 0 { 5 } else { 0 },
                partition_index: *index,
                leader_id: *leader,
                leader_epoch: *epoch,
                replica_nodes: vec![1, 2, 3],
                offline_replicas: self.offline.clone(),
                ..metadata_response::Partition::default()
            };
        MetadataResponse {
            brokers: (1..=3)
                .map(|id| metadata_response::Broker {
                    node_id: id,
                    host: format!("b{id}"),
                    port: 9092,
                    rack: None,
                })
                .collect(),
            topics: vec![metadata_response::Topic {
                name: Some(TOPIC.to_owned()),
                topic_id: TOPIC_ID,
                partitions: self.leaders.iter().map(partition).collect(),
                ..metadata_response::Topic::default()
            }],
            ..MetadataResponse::default()
        }
    }
}

fn versions() -> ApiVersionsResponse {
    let of = |api: &ApiKey| api_versions_response::ApiKey {
        api_key: api.key(),
        min_version: *api.versions().start(),
        max_version: *api.versions().end(),
    };
    ApiVersionsResponse {
        api_keys: ApiKey::ALL.iter().map(of).collect(),
        ..ApiVersionsResponse::default()
    }
}
