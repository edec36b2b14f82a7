//! One node with one topic, perhaps others that follow it, and connections from outside that speak Kafka's protocol
//! to it.
//!
//! Holds: the World, what came out of it and was not taken yet: answers by connection, and what was seen.

use std::sync::Arc;

use bytes::Bytes;
use trial_cluster::client::{ClientKind, ClientSpec, NewTopic};
use trial_cluster::config::{BrokerConfig, ClientSettings};
use trial_cluster::ids::{BrokerId, Offset};
use trial_cluster::net::{FrameReader, frames};
use trial_cluster::node::{BROKER_PORT, ClusterSpec, NodeSpec, Roles};
use trial_cluster::note::Note;
use trial_cluster::rules::Rules;
use trial_cluster::wire::{
    ApiKey, FetchRequest, FetchResponse, Message, ProduceRequest, ProduceResponse, Request,
    fetch_request, produce_request, produce_response,
};
use trial_log::{BatchBuilder, Batches};
use trial_sim::disk::{DiskSeen, DiskSettings};
use trial_sim::{
    HostId, HostSpec, LaneSettings, OutsideEvent, OutsideId, Seen, Span, Time, World,
    WorldSettings, Yields,
};

/// Both requests name topics by their names in this version.
const VERSION: i16 = 9;
/// What takes longer than this never comes.
const PATIENCE: Span = Span::from_secs(60);
/// The log of partition 0.
pub const LOG_FILE: &str = "orders-0/00000000000000000000.log";

/// The log of any partition.
pub fn log_file(partition: i32) -> String {
    format!("orders-{partition}/00000000000000000000.log")
}

/// What a test varies.
pub struct Setup {
    pub seed: u64,
    pub partitions: i32,
    /// Brokers b2, b3 and so on, which follow b1 in every partition.
    pub followers: i32,
    /// Settings of the topic.
    pub topic: Vec<(&'static str, &'static str)>,
    pub world: WorldSettings,
    pub disk: DiskSettings,
    pub config: BrokerConfig,
}

impl Setup {
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            partitions: 1,
            followers: 0,
            topic: Vec::new(),
            world: WorldSettings::default(),
            disk: DiskSettings::default(),
            config: BrokerConfig::default(),
        }
    }

    /// One node that is broker and controller, and those that follow it; none runs yet.
    pub fn node(self) -> Bench {
        // Jobs go on where Kafka lets go of a lock: what a test holds up, it holds up itself.
        let lanes = LaneSettings { yields: Yields::Fixed(0), ..self.world.lanes };
        let mut world = World::new(self.seed, WorldSettings { lanes, ..self.world });
        let node = |id: i32| NodeSpec {
            id: BrokerId(id),
            host: Arc::from(format!("b{id}")),
            roles: if id == 1 { Roles::Combined } else { Roles::Broker },
            rack: None,
            external: None,
        };
        let nodes = 1..=1 + self.followers;
        let cluster = Arc::new(ClusterSpec {
            cluster_id: Arc::from("cluster"),
            salt: u128::from(self.seed),
            nodes: nodes.clone().map(node).collect(),
            config: Arc::new(self.config),
            rules: Rules::default(),
            pace: trial_cluster::broker::Pace::default(),
        });
        for (place, id) in nodes.enumerate() {
            let spec = HostSpec::new(cluster.factory(place)).with_disks(vec![self.disk]);
            world.add_host(&format!("b{id}"), spec);
        }
        let b1 = world.host("b1").expect("it was added first");
        Bench { world, b1, doors: Vec::new(), seen: Vec::new() }
    }

    /// The same six seconds after its boot, with the topic `orders`.
    pub fn build(self) -> Bench {
        let everybody: Vec<i32> = (1..=1 + self.followers).collect();
        let replicas = vec![everybody; usize::try_from(self.partitions).expect("a few")];
        let followers = self.followers;
        let topic = NewTopic {
            name: Arc::from("orders"),
            partitions: self.partitions,
            replicas: i16::try_from(1 + followers).expect("a few"),
            configs: self.topic.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
            assignment: (followers > 0).then_some(replicas),
        };
        let mut bench = self.node();
        let kind =
            ClientKind::Admin { topics: vec![topic], config: Box::new(ClientSettings::default()) };
        let bootstrap = vec![("b1".to_owned(), BROKER_PORT)];
        let admin = ClientSpec { number: 0, bootstrap, kind };
        let admin = bench.world.add_host("admin", HostSpec::new(admin.factory()));
        bench.world.boot(bench.b1);
        for id in 2..=1 + followers {
            let follower = bench.host(&format!("b{id}"));
            bench.world.boot(follower);
        }
        bench.world.boot(admin);
        bench.run_until(Time::ZERO + Span::from_secs(6));
        bench
    }
}

/// A connection from outside.
#[derive(Clone)]
struct Connection {
    id: OutsideId,
    reader: FrameReader,
    answers: Vec<(Time, Bytes)>,
}

/// The World and what came out of it. A clone continues by itself.
#[derive(Clone)]
pub struct Bench {
    pub world: World<Note>,
    pub b1: HostId,
    /// What was seen since the last look.
    pub seen: Vec<Seen<Note>>,
    doors: Vec<Connection>,
}

/// Names one of its connections.
#[derive(Debug, Clone, Copy)]
pub struct Door(usize);

impl Bench {
    pub fn host(&self, name: &str) -> HostId {
        self.world.host(name).expect("it was added")
    }

    pub fn connect(&mut self) -> Door {
        let id = self.world.outside_connect("b1", BROKER_PORT);
        self.doors.push(Connection { id, reader: FrameReader::default(), answers: Vec::new() });
        Door(self.doors.len() - 1)
    }

    /// Handles one event; false if there is none that is due by `limit`.
    pub fn step_until(&mut self, limit: Time) -> bool {
        let stepped = self.world.step_until(limit);
        self.seen.clear();
        self.world.drain_seen(&mut self.seen);
        for output in self.world.drain_outputs() {
            let OutsideEvent::Bytes(id, bytes) = output else { continue };
            let door = self.doors.iter_mut().find(|door| door.id == id);
            let door = door.expect("nobody else has connected from outside");
            door.reader.push(bytes);
            while let Some(frame) = door.reader.next_frame().expect("a frame") {
                door.answers.push((self.world.now(), frame));
            }
        }
        stepped
    }

    pub fn run_until(&mut self, limit: Time) {
        while self.step_until(limit) {}
        self.world.run_until(limit);
    }

    pub fn run_for(&mut self, span: Span) {
        self.run_until(self.world.now() + span);
    }

    /// Goes on until something that is wanted was seen.
    pub fn run_until_seen(&mut self, wanted: impl Fn(&Seen<Note>) -> bool) {
        let limit = self.world.now() + PATIENCE;
        while !self.seen.iter().any(&wanted) {
            assert!(self.step_until(limit), "it is not seen within {PATIENCE}");
        }
        self.seen.clear();
    }

    /// Goes on until bytes are written to `path`: the first half of a job has run.
    pub fn run_until_written(&mut self, path: &str) {
        self.seen.clear();
        self.run_until_seen(|seen| is_write(seen, path));
    }

    /// Takes the next answer on a connection, if it has come.
    fn take_answer(&mut self, door: Door) -> Option<(Time, Bytes)> {
        let answers = &mut self.doors[door.0].answers;
        if answers.is_empty() { None } else { Some(answers.remove(0)) }
    }

    fn wait_for_answer(&mut self, door: Door) -> (Time, Bytes) {
        let limit = self.world.now() + PATIENCE;
        loop {
            if let Some(answer) = self.take_answer(door) {
                return answer;
            }
            assert!(self.step_until(limit), "no answer within {PATIENCE}");
        }
    }
}

/// Any request.
impl Bench {
    /// Asks, and waits for the answer.
    pub fn ask<R: Request>(&mut self, door: Door, version: i16, request: &R) -> R::Response {
        self.send(door, version, request);
        self.wait_for::<R>(door, version)
    }

    /// Asks.
    pub fn send<R: Request>(&mut self, door: Door, version: i16, request: &R) {
        let frame = frames::request_frame(R::API, version, 9, "test", |body| {
            request.encode(version, body);
        });
        self.world.outside_write(self.doors[door.0].id, frame.freeze());
    }

    /// Whether an answer has come that was not taken yet.
    pub fn is_answered(&self, door: Door) -> bool {
        !self.doors[door.0].answers.is_empty()
    }

    /// Waits for the answer to such a request.
    pub fn wait_for<R: Request>(&mut self, door: Door, version: i16) -> R::Response {
        let (_, frame) = self.wait_for_answer(door);
        let split = frames::split_response(&frame, R::API, version);
        let (_, body) = split.expect("an answer to this request");
        R::Response::from_bytes(version, &body).expect("of this version")
    }
}

impl Bench {
    /// Asks with a body of any bytes; the frame that comes back, none if the broker ends the connection.
    pub fn ask_with(
        &mut self,
        door: Door,
        api: ApiKey,
        version: i16,
        body: impl FnOnce(&mut bytes::BytesMut),
    ) -> Option<Bytes> {
        let frame = frames::request_frame(api, version, 9, "test", body);
        self.world.outside_write(self.doors[door.0].id, frame.freeze());
        let limit = self.world.now() + PATIENCE;
        while self.doors[door.0].answers.is_empty() && self.world.now() < limit {
            if !self.step_until(limit) {
                break;
            }
        }
        self.take_answer(door).map(|(_, frame)| frame)
    }

    /// The id of a topic, by the node's image.
    pub fn topic_id(&self, name: &str) -> trial_cluster::ids::TopicId {
        let node = self.world.program(self.b1).and_then(|it| it.as_any().downcast_ref());
        let node: &trial_cluster::node::Node = node.expect("it runs");
        let image = node.broker().expect("it is one").image();
        image.topics().topic_by_name(name).expect("it was made").id
    }
}

/// Whether bytes were written to `path`.
pub fn is_write(seen: &Seen<Note>, path: &str) -> bool {
    matches!(seen, Seen::Disk { what: DiskSeen::Wrote { path: at, .. }, .. } if **at == *path)
}

/// Produce.
impl Bench {
    /// Sends one record of `size` bytes to a partition, with acks=1.
    pub fn send_produce(&mut self, door: Door, partition: i32, size: usize) {
        let mut batch = BatchBuilder::new(Offset(0));
        let value = vec![b'x'; size];
        batch.append(1_767_225_600_000, None, Some(&value), &[]);
        self.send_batch(door, partition, (1, batch.build().into_bytes()));
    }

    /// Sends a batch to a partition, with these acks.
    pub fn send_batch(&mut self, door: Door, partition: i32, batch: (i16, Bytes)) {
        self.send_records(door, VERSION, partition, batch);
    }

    /// Sends what should be a batch in a version of the request.
    fn send_records(
        &mut self,
        door: Door,
        version: i16,
        partition: i32,
        (acks, records): (i16, Bytes),
    ) {
        let request = ProduceRequest {
            acks,
            timeout_ms: 30_000,
            topic_data: vec![produce_request::TopicData {
                name: "orders".to_owned(),
                partition_data: vec![produce_request::PartitionData {
                    index: partition,
                    records: Some(records),
                }],
                ..Default::default()
            }],
            ..Default::default()
        };
        let frame = frames::request_frame(ApiKey::Produce, version, 7, "test", |body| {
            request.encode(version, body);
        });
        self.world.outside_write(self.doors[door.0].id, frame.freeze());
    }

    /// Sends what should be a batch in a version of the request, and waits for the answer.
    pub fn try_records(
        &mut self,
        version: i16,
        records: Bytes,
    ) -> produce_response::PartitionResponse {
        let door = self.connect();
        self.send_records(door, version, 0, (1, records));
        let (_, frame) = self.wait_for_answer(door);
        let split = frames::split_response(&frame, ApiKey::Produce, version);
        let (_, body) = split.expect("an answer to a produce");
        let mut answer = ProduceResponse::from_bytes(version, &body).expect("of this version");
        answer.responses.remove(0).partition_responses.remove(0)
    }

    /// The answer to a produce, if it has come: when, the error code, the offset of the record.
    pub fn produced(&mut self, door: Door) -> Option<(Time, i16, Offset)> {
        self.take_answer(door).map(produced)
    }

    /// Waits for the answer to a produce that succeeds: when it came, and the offset of the record.
    pub fn wait_for_produced(&mut self, door: Door) -> (Time, Offset) {
        let (at, code, offset) = produced(self.wait_for_answer(door));
        assert_eq!(code, 0, "the leader refused the batch");
        (at, offset)
    }

    /// Waits for the answer to a produce, whatever it is: the error code, and the offset of the record.
    pub fn wait_for_answered(&mut self, door: Door) -> (i16, Offset) {
        let (_, code, offset) = produced(self.wait_for_answer(door));
        (code, offset)
    }

    /// Produces one record and waits for the answer; when it came.
    pub fn produce(&mut self, door: Door, size: usize) -> Time {
        self.send_produce(door, 0, size);
        self.wait_for_produced(door).0
    }
}

fn produced((at, frame): (Time, Bytes)) -> (Time, i16, Offset) {
    let split = frames::split_response(&frame, ApiKey::Produce, VERSION);
    let (_, body) = split.expect("an answer to a produce");
    let answer = ProduceResponse::from_bytes(VERSION, &body).expect("of this version");
    let answer = &answer.responses[0].partition_responses[0];
    (at, answer.error_code, Offset(answer.base_offset))
}

/// What a consumer read of partition 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    pub at: Time,
    pub high_watermark: Offset,
    /// The first offset and the size of each batch, whose checksums are right.
    pub batches: Vec<(Offset, usize)>,
}

/// Fetch.
impl Bench {
    /// Asks for partition 0 from `offset` on; waits there for a single byte, at most `max_wait`.
    pub fn send_fetch(&mut self, door: Door, offset: Offset, max_wait: Span) {
        let partition = fetch_request::Partition {
            fetch_offset: offset.0,
            partition_max_bytes: 64 << 20,
            ..Default::default()
        };
        let topic = fetch_request::Topic {
            topic: "orders".to_owned(),
            partitions: vec![partition],
            ..Default::default()
        };
        let request = FetchRequest {
            max_wait_ms: i32::try_from(max_wait.as_millis()).expect("a short wait"),
            min_bytes: 1,
            topics: vec![topic],
            ..Default::default()
        };
        let frame = frames::request_frame(ApiKey::Fetch, VERSION, 8, "test", |body| {
            request.encode(VERSION, body);
        });
        self.world.outside_write(self.doors[door.0].id, frame.freeze());
    }

    /// Waits for the answer to a fetch that succeeds.
    pub fn wait_for_fetched(&mut self, door: Door) -> Fetched {
        let (at, frame) = self.wait_for_answer(door);
        let split = frames::split_response(&frame, ApiKey::Fetch, VERSION);
        let (_, body) = split.expect("an answer to a fetch");
        let answer = FetchResponse::from_bytes(VERSION, &body).expect("of this version");
        let answer = &answer.responses[0].partitions[0];
        assert_eq!(answer.error_code, 0, "the leader refused the fetch");
        let records = answer.records.clone().unwrap_or_default();
        let batches = Batches::new(records).map(|batch| {
            let batch = batch.expect("whole batches");
            assert!(batch.is_valid(), "S1: a batch at {} is damaged", batch.base_offset());
            (batch.base_offset(), batch.size_in_bytes())
        });
        Fetched { at, high_watermark: Offset(answer.high_watermark), batches: batches.collect() }
    }

    /// What can be read now from `offset` on.
    pub fn fetch(&mut self, door: Door, offset: Offset) -> Fetched {
        self.send_fetch(door, offset, Span::ZERO);
        self.wait_for_fetched(door)
    }
}
