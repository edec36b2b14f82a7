//! Client programs in a World, against a node that keeps its log in memory: real connections, real time, real notes.

use std::any::Any;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use trial_cluster::client::admin::NewTopic;
use trial_cluster::client::workload::Workload;
use trial_cluster::client::{ClientKind, ClientSpec};
use trial_cluster::config::{ConsumerConfig, ProducerConfig};
use trial_cluster::ids::{LeaderEpoch, Offset, Uuid};
use trial_cluster::net::FrameReader;
use trial_cluster::net::frames::{response_frame, split_request};
use trial_cluster::note::Note;
use trial_cluster::note::client::{ClientNote, RecordId};
use trial_cluster::wire::{
    ApiKey, ApiVersionsResponse, CreateTopicsRequest, CreateTopicsResponse, FetchRequest,
    FetchResponse, InitProducerIdResponse, ListOffsetsRequest, ListOffsetsResponse, Message,
    MetadataResponse, ProduceRequest, ProduceResponse, api_versions_response,
    create_topics_response, fetch_response, list_offsets_response, metadata_response,
    produce_response,
};
use trial_log::Batches;
use trial_sim::{
    Chunking, ConnId, Context, HostSpec, Input, Job, Program, Seen, Span, Time, World,
    WorldSettings,
};

const TOPIC: &str = "orders";
const TOPIC_ID: Uuid = Uuid(0x7e57);
const PORT: u16 = 9092;

/// One node that leads everything and forgets everything when it ends.
#[derive(Debug, Clone, Default)]
struct MemoryNode {
    readers: BTreeMap<ConnId, FrameReader>,
    /// Requests that wait for the one before them, as on a muted channel.
    waiting: BTreeMap<ConnId, VecDeque<Bytes>>,
    parked: BTreeMap<ConnId, (Bytes, Time)>,
    /// Per partition: the batches with their last offsets; the next offset.
    logs: Vec<(Vec<(Offset, Bytes)>, Offset)>,
}

impl MemoryNode {
    fn handle(&mut self, conn: ConnId, cx: &mut Context<'_, Note>) {
        while !self.parked.contains_key(&conn) {
            let Some(frame) = self.waiting.entry(conn).or_default().pop_front() else {
                return;
            };
            self.answer(conn, &frame, cx);
        }
    }

    fn answer(&mut self, conn: ConnId, frame: &Bytes, cx: &mut Context<'_, Note>) {
        let (api, header, body) = split_request(frame).expect("clients send requests");
        let version = header.request_api_version;
        let send = |message: &dyn Fn(&mut BytesMut), cx: &mut Context<'_, Note>| {
            cx.send(
                conn,
                response_frame(api, version, header.correlation_id, |into| message(into)),
            );
        };
        match api {
            ApiKey::ApiVersions => send(&|into| versions().encode(version, into), cx),
            ApiKey::Metadata => send(&|into| self.metadata().encode(version, into), cx),
            ApiKey::CreateTopics => {
                let request = CreateTopicsRequest::from_bytes(version, &body).expect("readable");
                let count = usize::try_from(request.topics[0].num_partitions).expect("positive");
                self.logs = vec![(Vec::new(), Offset::ZERO); count];
                let topic = create_topics_response::Topic {
                    name: TOPIC.to_owned(),
                    topic_id: TOPIC_ID,
                    ..create_topics_response::Topic::default()
                };
                let answer =
                    CreateTopicsResponse { topics: vec![topic], ..CreateTopicsResponse::default() };
                send(&|into| answer.encode(version, into), cx);
            }
            ApiKey::InitProducerId => {
                let answer =
                    InitProducerIdResponse { producer_id: 7, ..InitProducerIdResponse::default() };
                send(&|into| answer.encode(version, into), cx);
            }
            ApiKey::Produce => {
                let answer =
                    self.append(&ProduceRequest::from_bytes(version, &body).expect("readable"));
                send(&|into| answer.encode(version, into), cx);
            }
            ApiKey::ListOffsets => {
                let answer = begin_at_zero(
                    &ListOffsetsRequest::from_bytes(version, &body).expect("readable"),
                );
                send(&|into| answer.encode(version, into), cx);
            }
            ApiKey::Fetch => {
                let request = FetchRequest::from_bytes(version, &body).expect("readable");
                let (answer, found) = self.read(&request);
                let (_, due) = self.parked.get(&conn).cloned().unwrap_or_else(|| {
                    let wait =
                        Span::from_millis(u64::try_from(request.max_wait_ms).expect("a wait"));
                    (frame.clone(), cx.now() + wait)
                });
                if found || cx.now() >= due {
                    self.parked.remove(&conn);
                    send(&|into| answer.encode(version, into), cx);
                } else {
                    self.parked.insert(conn, (frame.clone(), due));
                }
            }
            other => panic!("{other} is not expected"),
        }
    }

    fn append(&mut self, request: &ProduceRequest) -> ProduceResponse {
        let data = request.topic_data.iter().flat_map(|topic| &topic.partition_data);
        let partition_responses = data.map(|data| {
            let (batches, next) = &mut self.logs[usize::try_from(data.index).expect("an index")];
            let base = *next;
            for batch in Batches::new(data.records.clone().expect("records")) {
                let mut batch = batch.expect("readable").into_mut();
                batch.set_base_offset(*next);
                batch.set_leader_epoch(LeaderEpoch(1));
                let batch = batch.freeze();
                *next = batch.next_offset();
                batches.push((batch.last_offset(), batch.into_bytes()));
            }
            produce_response::PartitionResponse {
                index: data.index,
                base_offset: base.0,
                ..produce_response::PartitionResponse::default()
            }
        });
        let response = produce_response::Response {
            topic_id: TOPIC_ID,
            partition_responses: partition_responses.collect(),
            ..produce_response::Response::default()
        };
        ProduceResponse { responses: vec![response], ..ProduceResponse::default() }
    }

    /// The answer, and whether it holds anything.
    fn read(&self, request: &FetchRequest) -> (FetchResponse, bool) {
        let mut found = false;
        let asked = request.topics.iter().flat_map(|topic| &topic.partitions);
        let partitions = asked.map(|asked| {
            let (batches, next) = &self.logs[usize::try_from(asked.partition).expect("an index")];
            let mut records = BytesMut::new();
            for (_, batch) in batches.iter().filter(|(last, _)| last.0 >= asked.fetch_offset) {
                records.extend_from_slice(batch);
            }
            found |= !records.is_empty();
            fetch_response::Partition {
                partition_index: asked.partition,
                high_watermark: next.0,
                records: Some(records.freeze()),
                ..fetch_response::Partition::default()
            }
        });
        let response = fetch_response::Response {
            topic_id: TOPIC_ID,
            partitions: partitions.collect(),
            ..fetch_response::Response::default()
        };
        (FetchResponse { responses: vec![response], ..FetchResponse::default() }, found)
    }

    fn metadata(&self) -> MetadataResponse {
        let partitions = (0..self.logs.len()).map(|index| metadata_response::Partition {
            partition_index: i32::try_from(index).expect("few"),
            leader_id: 1,
            leader_epoch: 1,
            ..metadata_response::Partition::default()
        });
        MetadataResponse {
            brokers: vec![metadata_response::Broker {
                node_id: 1,
                host: "b1".to_owned(),
                port: i32::from(PORT),
                rack: None,
            }],
            topics: vec![metadata_response::Topic {
                error_code: if self.logs.is_empty() { 3 } else { 0 },
                name: Some(TOPIC.to_owned()),
                topic_id: TOPIC_ID,
                partitions: partitions.collect(),
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
    let api_keys = ApiKey::ALL.iter().map(of).collect();
    ApiVersionsResponse { api_keys, ..ApiVersionsResponse::default() }
}

fn begin_at_zero(request: &ListOffsetsRequest) -> ListOffsetsResponse {
    let asked = request.topics.iter().flat_map(|topic| &topic.partitions);
    let partitions = asked.map(|asked| list_offsets_response::Partition {
        partition_index: asked.partition_index,
        offset: 0,
        ..list_offsets_response::Partition::default()
    });
    let topic =
        list_offsets_response::Topic { name: TOPIC.to_owned(), partitions: partitions.collect() };
    ListOffsetsResponse { topics: vec![topic], ..ListOffsetsResponse::default() }
}

impl Program<Note> for MemoryNode {
    fn on(&mut self, input: Input, cx: &mut Context<'_, Note>) {
        match input {
            Input::Boot => cx.listen(PORT),
            Input::Received { conn, bytes } => {
                let reader = self.readers.entry(conn).or_default();
                reader.push(bytes);
                while let Some(frame) = reader.next_frame().expect("good lengths") {
                    self.waiting.entry(conn).or_default().push_back(frame);
                }
                self.handle(conn, cx);
            }
            Input::Closed { conn, .. } => {
                self.parked.remove(&conn);
                self.waiting.remove(&conn);
            }
            _ => {}
        }
        // Whatever happened may have woken a fetch, or its time is up.
        let parked: Vec<(ConnId, Bytes)> =
            self.parked.iter().map(|(conn, (frame, _))| (*conn, frame.clone())).collect();
        for (conn, frame) in parked {
            self.answer(conn, &frame, cx);
            self.handle(conn, cx);
        }
        cx.set_timer(self.parked.values().map(|(_, due)| *due).min());
    }

    fn start(&mut self, job: Job, _cx: &mut Context<'_, Note>) -> Span {
        unreachable!("{job:?}")
    }

    fn finish(&mut self, job: Job, _cx: &mut Context<'_, Note>) {
        unreachable!("{job:?}")
    }

    fn clone_box(&self) -> Box<dyn Program<Note>> {
        Box::new(self.clone())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// A World with the node, an admin, a producer of 100 records at 50 a second, and a consumer.
fn world(seed: u64) -> World<Note> {
    world_with(seed, Chunking::Natural)
}

fn world_with(seed: u64, chunking: Chunking) -> World<Note> {
    let mut settings = WorldSettings::default();
    settings.network.chunking = chunking;
    let mut world = World::new(seed, settings);
    let node =
        HostSpec::new(Arc::new(|_: &_| Box::<MemoryNode>::default() as Box<dyn Program<Note>>));
    let topic: Arc<str> = TOPIC.into();
    let mut consumer = ConsumerConfig::default();
    consumer.set("auto.offset.reset", "earliest").expect("a setting of Kafka's");
    let kinds = [
        ClientKind::Admin {
            topics: vec![NewTopic {
                name: topic.clone(),
                partitions: 3,
                replicas: 1,
                configs: Vec::new(),
                assignment: None,
            }],
            config: Box::default(),
        },
        ClientKind::Producer {
            topic: topic.clone(),
            config: Box::new(ProducerConfig::default()),
            workload: Workload { count: Some(100), ..Workload::at_rate(50, 100) },
        },
        ClientKind::Consumer { topic, config: Box::new(consumer), purge_interval: None },
    ];
    let mut hosts = vec![world.add_host("b1", node)];
    for ((number, name), kind) in (0..).zip(["admin", "p1", "c1"]).zip(kinds) {
        let bootstrap = vec![("b1".to_owned(), PORT)];
        let spec = HostSpec::new(ClientSpec { number, bootstrap, kind }.factory());
        hosts.push(world.add_host(name, spec));
    }
    for host in hosts {
        world.boot(host);
    }
    world
}

/// What the clients noted.
#[derive(Default)]
struct History {
    sent: BTreeMap<RecordId, u32>,
    acked: BTreeMap<RecordId, (i32, Offset)>,
    failed: Vec<RecordId>,
    polled: BTreeMap<i32, Vec<(Offset, RecordId)>>,
    topic_ready: bool,
    done: bool,
}

fn history(world: &mut World<Note>) -> History {
    let (mut seen, mut history) = (Vec::new(), History::default());
    world.drain_seen(&mut seen);
    for seen in seen {
        let Seen::Note { note: Note::Client(note), .. } = seen else {
            continue;
        };
        match note {
            ClientNote::TopicReady { partitions: 3, .. } => history.topic_ready = true,
            ClientNote::Sent { id, .. } => *history.sent.entry(id).or_insert(0) += 1,
            ClientNote::Acked { id, partition, offset } => {
                let at = (partition.partition, offset.expect("acks=all has offsets"));
                let before = history.acked.insert(id, at);
                assert_eq!(before, None, "C1: {id:?} is acked twice");
            }
            ClientNote::Failed { id, .. } => history.failed.push(id),
            ClientNote::Polled { partition, records, .. } => {
                let to = history.polled.entry(partition.partition).or_default();
                to.extend(
                    records.iter().map(|it| (it.offset, it.id.expect("every record has one"))),
                );
            }
            ClientNote::ProducerIdAssigned { .. } => {}
            ClientNote::WorkloadDone => history.done = true,
            ClientNote::PositionReset { offset, .. } => {
                assert_eq!(offset, Offset::ZERO, "earliest")
            }
            other => panic!("{other:?} is not expected"),
        }
    }
    history
}

#[track_caller]
fn check(history: &History) {
    assert!(history.topic_ready && history.done, "the topic was made and the workload ended");
    assert_eq!((history.sent.len(), history.failed.len()), (100, 0), "all sent, none failed");
    assert!(history.sent.values().all(|times| *times == 1), "each once");
    assert_eq!(history.acked.len(), 100, "C1: each was told");
    for (partition, records) in &history.polled {
        let rising = records.windows(2).all(|pair| pair[0].0.next() == pair[1].0);
        assert!(rising, "C3: partition {partition} without gaps from the start");
    }
    for (id, (partition, offset)) in &history.acked {
        let found = history.polled[partition].iter().any(|(at, it)| at == offset && it == id);
        assert!(found, "C2: {id:?} at {offset} of {partition}");
    }
}

#[test]
fn what_is_sent_is_acked_and_read_once() {
    for seed in 0..5 {
        let mut world = world(seed);
        world.run_until(Time::ZERO + Span::from_secs(10));
        let history = history(&mut world);
        check(&history);
        let read: usize = history.polled.values().map(Vec::len).sum();
        assert_eq!(read, 100, "nothing was lost, so nothing was sent twice");
        assert!(world.events() < 30_000, "nobody spins: {} events", world.events());
    }
}

#[test]
fn framing_survives_a_byte_at_a_time() {
    let mut world = world_with(3, Chunking::ByteByByte);
    world.run_until(Time::ZERO + Span::from_secs(10));
    check(&history(&mut world));
}

#[test]
fn resets_and_cuts_are_lived_through() {
    for seed in 0..5 {
        let mut world = world(seed);
        let host = |world: &World<Note>, name: &str| world.host(name).expect("it was added");
        let (node, producer, consumer) =
            (host(&world, "b1"), host(&world, "p1"), host(&world, "c1"));
        world.run_until(Time::ZERO + Span::from_millis(500));
        world.reset(node, producer);
        world.run_until(Time::ZERO + Span::from_millis(700));
        world.reset(node, consumer);
        let cut = world.cut(node, producer);
        world.run_until(Time::ZERO + Span::from_millis(1_500));
        world.heal(cut);
        world.run_until(Time::ZERO + Span::from_secs(60));
        check(&history(&mut world));
        assert!(world.events() < 60_000, "nobody spins: {} events", world.events());
    }
}

#[test]
fn a_seed_takes_the_same_steps_again() {
    let digest = |seed| {
        let mut world = world(seed);
        world.run_until(Time::ZERO + Span::from_secs(3));
        world.digest()
    };
    assert_eq!(digest(7), digest(7), "the same seed");
    assert_ne!(digest(7), digest(8), "another seed");
}

#[test]
fn a_producer_that_is_stopped_flushes_first() {
    let mut world = world(1);
    world.run_until(Time::ZERO + Span::from_secs(1));
    let producer = world.host("p1").expect("it was added");
    world.stop(producer);
    world.run_until(Time::ZERO + Span::from_secs(3));
    assert!(!world.is_up(producer), "it ended by itself");
    let history = history(&mut world);
    assert!((10..100).contains(&history.sent.len()), "in the midst: {}", history.sent.len());
    assert_eq!(history.sent.len(), history.acked.len(), "and everything was told");
}
