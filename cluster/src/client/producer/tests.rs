//! Tests of the producer against a cluster that answers as each test says.

use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::prelude::*;
use trial_log::Batches;
use trial_sim::{Input, Time};

use super::{KafkaProducer, ProducerEvent, ProducerRecord};
use crate::client::test_cluster::{Asked, Machine, TOPIC, TOPIC_ID, TestCluster};
use crate::config::ProducerConfig;
use crate::error_code::ErrorCode;
use crate::net::Wires;
use crate::wire::produce_response::{CurrentLeader, NodeEndpoint, PartitionResponse, Response};
use crate::wire::{ProduceRequest, ProduceResponse};

impl Machine for KafkaProducer {
    fn input(&mut self, input: &Input, wires: &mut dyn Wires) {
        self.on_input(input, wires);
    }

    fn timer(&mut self, wires: &mut dyn Wires) {
        self.on_timer(wires);
    }

    fn deadline(&mut self, now: Time) -> Option<Time> {
        self.next_deadline(now)
    }
}

pub(super) struct Fixture {
    pub(super) cluster: TestCluster,
    pub(super) producer: KafkaProducer,
    log: Vec<String>,
}

impl Fixture {
    pub(super) fn new(leaders: &[i32], settings: &[(&str, &str)]) -> Self {
        let mut config = ProducerConfig::default();
        config.set("enable.idempotence", "false").expect("it can be turned off");
        for (name, value) in settings {
            config.set(name, value).expect("a setting of Kafka's");
        }
        let producer = KafkaProducer::new(config, "test", &TestCluster::bootstrap());
        Self { cluster: TestCluster::new(leaders), producer, log: Vec::new() }
    }

    fn send(&mut self, id: u64, partition: i32) {
        self.send_of(id, Some(partition), None, "v");
    }

    pub(super) fn send_of(
        &mut self,
        id: u64,
        partition: Option<i32>,
        key: Option<&str>,
        value: &str,
    ) {
        let record = ProducerRecord {
            id,
            topic: TOPIC.into(),
            partition,
            key: key.map(|key| Bytes::from(key.to_owned())),
            value: Some(Bytes::from(value.to_owned())),
            headers: Vec::new(),
        };
        self.producer.send(record, &mut self.cluster.wires);
        self.cluster.settle(&mut self.producer);
    }

    pub(super) fn run_to(&mut self, millis: u64) {
        self.cluster.run_to(millis, &mut self.producer);
    }

    /// Takes the oldest request that waits: with its batches as `partition x records`.
    fn take(&mut self) -> (Asked, String) {
        assert!(!self.cluster.asked.is_empty(), "no request waits");
        let asked = self.cluster.asked.remove(0);
        let request: ProduceRequest = asked.decode();
        let mut batches = Vec::new();
        for data in request.topic_data.iter().flat_map(|topic| &topic.partition_data) {
            let records = data.records.clone().expect("a batch");
            let batch = Batches::new(records).next().expect("whole").expect("readable");
            batch.ensure_valid().expect("with a good checksum");
            batches.push(format!("{}x{}", data.index, batch.count()));
        }
        let node = asked.node;
        (asked, format!("b{node}: {}", batches.join(" ")))
    }

    /// Answers every partition of a request alike.
    pub(super) fn answer(&mut self, asked: &Asked, error: ErrorCode, base_offset: i64) {
        self.answer_with_hint(asked, error, base_offset, CurrentLeader::default());
    }

    fn answer_with_hint(
        &mut self,
        asked: &Asked,
        error: ErrorCode,
        base_offset: i64,
        current_leader: CurrentLeader,
    ) {
        let request: ProduceRequest = asked.decode();
        let data = request.topic_data.iter().flat_map(|topic| &topic.partition_data);
        let partition_responses = data
            .map(|data| PartitionResponse {
                index: data.index,
                error_code: error.code(),
                base_offset,
                current_leader: current_leader.clone(),
                ..PartitionResponse::default()
            })
            .collect();
        let endpoint = NodeEndpoint { node_id: 3, host: "b3".to_owned(), port: 9092, rack: None };
        let response = ProduceResponse {
            responses: vec![Response {
                topic_id: TOPIC_ID,
                partition_responses,
                ..Response::default()
            }],
            node_endpoints: vec![endpoint],
            ..ProduceResponse::default()
        };
        self.cluster.answer(asked, &response, &mut self.producer);
    }

    /// What became of records since the last call: `+id@offset` and `-id ERROR`, with `?` if it may be written.
    fn outcome(&mut self) -> String {
        self.log.clear();
        while let Some(event) = self.producer.next_event() {
            match event {
                ProducerEvent::IdAssigned { .. } | ProducerEvent::Appended { .. } => {}
                ProducerEvent::Delivered { id, offset, .. } => {
                    let offset = offset.map_or("-".to_owned(), |offset| offset.to_string());
                    self.log.push(format!("+{id}@{offset}"));
                }
                ProducerEvent::Failed { id, error, maybe_written, .. } => {
                    let maybe = if maybe_written { "?" } else { "" };
                    self.log.push(format!("-{id} {error}{maybe}"));
                }
            }
        }
        self.log.join(", ")
    }
}

#[test]
fn records_linger_and_go_as_one_batch_per_partition() {
    let mut it = Fixture::new(&[1, 1, 2], &[]);
    for (id, partition) in [(1, 0), (2, 0), (3, 1), (4, 2)] {
        it.send(id, partition);
    }
    it.run_to(4);
    assert_eq!(it.cluster.asked.len(), 0, "they linger for 5 ms");
    it.run_to(5);
    let (first, what) = it.take();
    assert_eq!(what, "b1: 0x2 1x1", "one request per leader, one batch per partition");
    let (second, what) = it.take();
    assert_eq!(what, "b2: 2x1", "the other leader");
    it.answer(&second, ErrorCode::None, 7);
    it.answer(&first, ErrorCode::None, 40);
    assert_eq!(it.outcome(), "+4@7, +1@40, +2@41, +3@40", "each with its own offset");
    assert!(it.producer.is_idle(), "nothing is left");
}

#[test]
fn a_full_batch_does_not_linger() {
    let mut it = Fixture::new(&[1], &[("batch.size", "150"), ("linger.ms", "1000")]);
    for id in 0..4 {
        it.send_of(id, Some(0), None, &"x".repeat(40));
    }
    it.run_to(1);
    assert_eq!(it.take().1, "b1: 0x1", "61 bytes of header and 46 of a record leave no room");
}

#[test]
fn keys_decide_the_partition_and_records_without_stick_to_one() {
    let mut it = Fixture::new(&[1, 1, 1, 1], &[]);
    for id in 0..6 {
        it.send_of(id, None, None, "v");
    }
    it.send_of(6, None, Some("k"), "v");
    it.run_to(5);
    assert_eq!(super::partition_for_key(b"k", 4), 0, "by its hash");
    assert_eq!(it.take().1, "b1: 0x1 2x6", "those without a key stay together");
}

#[test]
fn retriable_errors_are_retried_with_a_growing_wait() {
    let mut it = Fixture::new(&[1], &[("linger.ms", "0")]);
    it.send(1, 0);
    let mut now = 0;
    for wait in [100, 200, 400, 800, 1_000, 1_000] {
        let (asked, _) = it.take();
        it.answer(&asked, ErrorCode::NotEnoughReplicas, -1);
        it.run_to(now + wait - 1);
        assert_eq!(it.cluster.asked.len(), 0, "it waits {wait} ms");
        now += wait;
        it.run_to(now);
    }
    let (asked, _) = it.take();
    it.answer(&asked, ErrorCode::None, 3);
    assert_eq!(it.outcome(), "+1@3", "exactly once");
}

#[test]
fn other_errors_fail_at_once() {
    for (error, want) in [
        (ErrorCode::MessageTooLarge, "-1 MESSAGE_TOO_LARGE"),
        (ErrorCode::InvalidRecord, "-1 INVALID_RECORD"),
        (ErrorCode::UnknownServerError, "-1 UNKNOWN_SERVER_ERROR?"),
    ] {
        let mut it = Fixture::new(&[1], &[("linger.ms", "0")]);
        it.send(1, 0);
        let (asked, _) = it.take();
        it.answer(&asked, error, -1);
        assert_eq!(it.outcome(), want, "with a mark if it may be written");
    }
}

#[test]
fn retries_can_run_out() {
    let mut it = Fixture::new(&[1], &[("linger.ms", "0"), ("retries", "1")]);
    it.send(1, 0);
    let (asked, _) = it.take();
    it.answer(&asked, ErrorCode::NotEnoughReplicasAfterAppend, -1);
    it.run_to(100);
    let (asked, _) = it.take();
    it.answer(&asked, ErrorCode::NotEnoughReplicas, -1);
    let want = "-1 NOT_ENOUGH_REPLICAS?";
    assert_eq!(it.outcome(), want, "the first attempt may have been written");
}

#[test]
fn a_batch_expires_in_its_queue_and_in_flight() {
    let mut it = Fixture::new(&[1, -1], &[("linger.ms", "0"), ("delivery.timeout.ms", "30000")]);
    it.send(1, 0);
    it.send(2, 1);
    let (asked, _) = it.take();
    it.run_to(29_000);
    assert_eq!(it.outcome(), "", "not yet");
    it.run_to(30_000);
    // The request times out at the same moment; either way the record is told once.
    assert_eq!(it.outcome(), "-1 REQUEST_TIMED_OUT?, -2 REQUEST_TIMED_OUT", "2 was never sent");
    it.answer(&asked, ErrorCode::None, 3);
    it.run_to(60_000);
    assert_eq!((it.outcome().as_str(), it.producer.is_idle()), ("", true), "and never again");
}

#[test]
fn a_batch_that_expires_in_flight_is_told_once() {
    let settings =
        [("linger.ms", "0"), ("delivery.timeout.ms", "2000"), ("request.timeout.ms", "1500")];
    let mut it = Fixture::new(&[1], &settings);
    it.send(1, 0);
    let (asked, _) = it.take();
    it.run_to(1_000);
    it.answer(&asked, ErrorCode::NotEnoughReplicas, -1);
    it.run_to(1_100);
    let (asked, _) = it.take();
    it.run_to(2_000);
    assert_eq!(it.outcome(), "-1 REQUEST_TIMED_OUT?", "while the request is under way");
    assert!(!it.producer.is_idle(), "its memory is still in use (KAFKA-19012)");
    it.answer(&asked, ErrorCode::None, 9);
    assert_eq!(
        (it.outcome().as_str(), it.producer.is_idle()),
        ("", true),
        "the answer is too late"
    );
}

#[test]
fn a_leader_hint_is_followed_without_metadata_and_without_waiting() {
    let mut it = Fixture::new(&[1], &[("linger.ms", "0")]);
    it.send(1, 0);
    let (asked, _) = it.take();
    let before = it.cluster.metadata_requests;
    let hint = CurrentLeader { leader_id: 3, leader_epoch: 2 };
    it.answer_with_hint(&asked, ErrorCode::NotLeaderOrFollower, -1, hint);
    assert_eq!(it.take().1, "b3: 0x1", "the new leader at once");
    assert_eq!(it.cluster.metadata_requests, before, "nothing had to be asked");
}

#[test]
fn a_new_leader_is_learnt_from_metadata() {
    let mut it = Fixture::new(&[1], &[("linger.ms", "0")]);
    it.send(1, 0);
    let (asked, _) = it.take();
    it.cluster.leaders.insert(0, (2, 2));
    it.answer(&asked, ErrorCode::NotLeaderOrFollower, -1);
    it.run_to(100);
    // Metadata may be asked for 100 ms after the last time, which is when the batch goes out again.
    let (asked, what) = it.take();
    assert_eq!(what, "b1: 0x1", "nothing better was known");
    it.answer(&asked, ErrorCode::NotLeaderOrFollower, -1);
    assert_eq!(it.take().1, "b2: 0x1", "a leader of a newer epoch is tried at once");
}

#[test]
fn older_metadata_does_not_bring_the_old_leader_back() {
    let mut it = Fixture::new(&[1], &[("linger.ms", "0")]);
    it.send(1, 0);
    let (asked, _) = it.take();
    let hint = CurrentLeader { leader_id: 3, leader_epoch: 2 };
    it.answer_with_hint(&asked, ErrorCode::NotLeaderOrFollower, -1, hint);
    it.take();
    it.run_to(5_000);
    it.send(2, 0);
    assert_eq!(it.take().1, "b3: 0x1", "metadata still says b1 in epoch 1");
}

#[test]
fn five_requests_are_in_flight_at_most() {
    let mut it = Fixture::new(&[1], &[("linger.ms", "0")]);
    for id in 0..7 {
        it.send(id, 0);
    }
    assert_eq!(it.cluster.asked.len(), 5, "max.in.flight.requests.per.connection");
    let (asked, _) = it.take();
    it.answer(&asked, ErrorCode::None, 0);
    let last = it.cluster.asked.len();
    assert_eq!(last, 5, "an answer makes room for one more");
}

#[test]
fn one_request_in_flight_keeps_the_order_through_retries() {
    let in_flight = "max.in.flight.requests.per.connection";
    let mut it = Fixture::new(&[1], &[("linger.ms", "0"), (in_flight, "1")]);
    it.send(1, 0);
    it.send(2, 0);
    let (asked, _) = it.take();
    it.answer(&asked, ErrorCode::NotEnoughReplicas, -1);
    it.run_to(100);
    let (asked, _) = it.take();
    it.answer(&asked, ErrorCode::None, 0);
    let (asked, _) = it.take();
    it.answer(&asked, ErrorCode::None, 1);
    assert_eq!(it.outcome(), "+1@0, +2@1", "the second waited for the first");
}

#[test]
fn without_acks_a_record_is_delivered_when_sent() {
    let mut it = Fixture::new(&[1], &[("linger.ms", "0"), ("acks", "0")]);
    it.send(1, 0);
    assert_eq!(it.outcome(), "+1@-", "without an offset");
    assert!(it.producer.is_idle(), "nothing to wait for");
}

#[test]
fn a_send_blocks_for_metadata_and_gives_up() {
    let mut it = Fixture::new(&[1], &[]);
    it.cluster.down = [1, 2, 3].into();
    it.send(1, 0);
    assert!(it.producer.is_blocked(), "no metadata");
    it.run_to(59_999);
    assert_eq!(it.outcome(), "", "max.block.ms");
    it.run_to(60_000);
    assert_eq!(it.outcome(), "-1 REQUEST_TIMED_OUT", "never sent");
}

#[test]
fn a_send_blocks_for_memory() {
    let mut it = Fixture::new(&[1], &[("batch.size", "100"), ("buffer.memory", "250")]);
    for id in 0..4 {
        it.send_of(id, Some(0), None, &"x".repeat(60));
    }
    assert!(it.producer.is_blocked(), "three batches do not fit");
    it.run_to(1);
    let (asked, what) = it.take();
    assert_eq!(what, "b1: 0x1", "who waits for memory makes the rest ready");
    it.answer(&asked, ErrorCode::None, 0);
    assert_eq!(it.outcome(), "+0@0", "its memory is free");
    for offset in 1..4 {
        let (asked, _) = it.take();
        it.answer(&asked, ErrorCode::None, offset);
    }
    assert_eq!(it.outcome(), "+1@1, +2@2, +3@3", "in the order of the sends");
}

#[test]
fn a_lost_connection_is_retried_and_may_duplicate() {
    let mut it = Fixture::new(&[2], &[("linger.ms", "0")]);
    it.send(1, 0);
    let (asked, _) = it.take();
    it.cluster.close(asked.conn, &mut it.producer);
    it.run_to(1_000);
    let (asked, what) = it.take();
    assert_eq!(what, "b2: 0x1", "the same batch on a new connection");
    it.answer(&asked, ErrorCode::None, 5);
    assert_eq!(it.outcome(), "+1@5", "the producer cannot know that it may stand there twice");
}

#[test]
fn flushing_sends_what_lingers() {
    let mut it = Fixture::new(&[1], &[("linger.ms", "1000")]);
    it.send(1, 0);
    assert_eq!(it.cluster.asked.len(), 0, "it lingers");
    it.producer.flush(&mut it.cluster.wires);
    it.cluster.settle(&mut it.producer);
    assert_eq!(it.take().1, "b1: 0x1", "not any more");
}

/// What the network does with a request.
#[derive(Debug, Clone)]
enum Fate {
    Answer(ErrorCode),
    Close,
    Silence,
    Garbage(Vec<u8>),
    NewLeader(i32),
    Wait(u64),
}

fn fates() -> impl Strategy<Value = Vec<Fate>> {
    let errors = prop::sample::select(ErrorCode::ALL);
    let fate = prop_oneof![
        4 => Just(Fate::Answer(ErrorCode::None)),
        4 => errors.prop_map(Fate::Answer),
        1 => Just(Fate::Close),
        1 => Just(Fate::Silence),
        1 => prop::collection::vec(any::<u8>(), 1..40).prop_map(Fate::Garbage),
        1 => (-1..4_i32).prop_map(Fate::NewLeader),
        2 => (1..40_000_u64).prop_map(Fate::Wait),
    ];
    prop::collection::vec(fate, 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// C1: whatever the network answers, every send completes exactly once, in time.
    #[test]
    fn every_send_completes_exactly_once(
        sends in prop::collection::vec((0..3_i32, 0..400_u64), 1..30),
        fates in fates(),
        acks in prop::sample::select(vec!["0", "1", "all"]),
        in_flight in prop::sample::select(vec!["1", "5"]),
    ) {
        let settings = [("acks", acks), ("max.in.flight.requests.per.connection", in_flight)];
        let mut it = Fixture::new(&[1, 2, 3], &settings);
        let (mut fates, mut now) = (fates.into_iter(), 0);
        let mut told = BTreeMap::new();
        for (id, (partition, wait)) in sends.iter().enumerate() {
            it.send(id as u64, *partition);
            now += wait;
            it.run_to(now);
            now = play(&mut it, &mut fates, now);
        }
        // The last record is appended within max.block.ms, and told within the delivery timeout after that.
        for step in 1..=180_u64 {
            it.run_to(now + step * 1_000);
            it.cluster.asked.clear();
        }
        while let Some(event) = it.producer.next_event() {
            match event {
                ProducerEvent::IdAssigned { .. } | ProducerEvent::Appended { .. } => {}
                ProducerEvent::Delivered { id, .. } | ProducerEvent::Failed { id, .. } => {
                    *told.entry(id).or_insert(0) += 1;
                }
            }
        }
        prop_assert_eq!(told.len(), sends.len(), "every record was told: {:?}", told);
        prop_assert!(told.values().all(|times| *times == 1), "once: {:?}", told);
    }
}

/// Plays the fates of the requests that wait, and answers the time afterwards.
fn play(it: &mut Fixture, fates: &mut impl Iterator<Item = Fate>, mut now: u64) -> u64 {
    while !it.cluster.asked.is_empty() {
        let Some(fate) = fates.next() else {
            return now;
        };
        let asked = it.cluster.asked.remove(0);
        match fate {
            Fate::Answer(error) => it.answer(&asked, error, 100),
            Fate::Close => it.cluster.close(asked.conn, &mut it.producer),
            Fate::Silence => {}
            Fate::Garbage(bytes) => {
                it.cluster.give(asked.conn, Bytes::from(bytes), &mut it.producer);
            }
            Fate::NewLeader(leader) => {
                let epoch = it.cluster.leaders[&0].1 + 1;
                it.cluster.leaders.insert(0, (leader.max(-1), epoch));
                it.answer(&asked, ErrorCode::NotLeaderOrFollower, -1);
            }
            Fate::Wait(millis) => {
                now += millis;
                it.run_to(now);
            }
        }
    }
    now
}
