//! Tests of the consumer against a cluster that answers as each test says.

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use trial_log::BatchBuilder;
use trial_sim::{Input, Time};

use super::{ConsumerEvent, KafkaConsumer};
use crate::client::test_cluster::{Asked, Machine, TOPIC, TOPIC_ID, TestCluster};
use crate::config::ConsumerConfig;
use crate::error_code::ErrorCode;
use crate::ids::{LeaderEpoch, Offset};
use crate::net::Wires;
use crate::wire::{
    ApiKey, FetchRequest, FetchResponse, ListOffsetsRequest, ListOffsetsResponse,
    OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, fetch_response,
    list_offsets_response, offset_for_leader_epoch_response,
};

impl Machine for KafkaConsumer {
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
    pub(super) consumer: KafkaConsumer,
}

/// `count` records from `base` on, written in `epoch`.
pub(in crate::client) fn batch(base: i64, count: i64, epoch: i32) -> Bytes {
    let mut builder = BatchBuilder::new(Offset(base)).leader_epoch(LeaderEpoch(epoch));
    for i in 0..count {
        builder.append(0, None, Some(format!("v{}", base + i).as_bytes()), &[]);
    }
    builder.build().into_bytes()
}

impl Fixture {
    /// A consumer that has been told its topic, with `earliest` unless a setting says otherwise.
    pub(super) fn new(leaders: &[i32], settings: &[(&str, &str)]) -> Self {
        let mut config = ConsumerConfig::default();
        config.set("auto.offset.reset", "earliest").expect("a setting of Kafka's");
        for (name, value) in settings {
            config.set(name, value).expect("a setting of Kafka's");
        }
        let consumer = KafkaConsumer::new(config, "test", &TestCluster::bootstrap());
        let mut it = Self { cluster: TestCluster::new(leaders), consumer };
        it.consumer.assign_topic(&TOPIC.into(), &mut it.cluster.wires);
        it.cluster.settle(&mut it.consumer);
        it
    }

    /// The same, with its first reset answered: every partition starts at `offset`.
    pub(super) fn started(leaders: &[i32], settings: &[(&str, &str)], offset: i64) -> Self {
        let mut it = Self::new(leaders, settings);
        while it.cluster.asked.first().is_some_and(|asked| asked.api == ApiKey::ListOffsets) {
            let (asked, _) = it.take();
            it.answer_offsets(&asked, ErrorCode::None, offset);
        }
        it.events();
        it
    }

    pub(super) fn run_to(&mut self, millis: u64) {
        self.cluster.run_to(millis, &mut self.consumer);
    }

    /// Takes the oldest request that waits, in words.
    pub(super) fn take(&mut self) -> (Asked, String) {
        assert!(!self.cluster.asked.is_empty(), "no request waits");
        let asked = self.cluster.asked.remove(0);
        let words = match asked.api {
            ApiKey::Fetch => fetch_in_words(&asked.decode()),
            ApiKey::ListOffsets => {
                let request: ListOffsetsRequest = asked.decode();
                let topics = request.topics.iter().flat_map(|topic| &topic.partitions);
                let parts: Vec<String> =
                    topics.map(|it| format!("{}@{}", it.partition_index, it.timestamp)).collect();
                format!("list {}", parts.join(" "))
            }
            _ => {
                let request: OffsetForLeaderEpochRequest = asked.decode();
                let topics = request.topics.iter().flat_map(|topic| &topic.partitions);
                let parts: Vec<String> = topics
                    .map(|it| {
                        format!(
                            "{} epoch {} in {}",
                            it.partition, it.leader_epoch, it.current_leader_epoch
                        )
                    })
                    .collect();
                format!("validate {}", parts.join(" "))
            }
        };
        let node = asked.node;
        (asked, format!("b{node}: {words}"))
    }

    pub(super) fn answer_offsets(&mut self, asked: &Asked, error: ErrorCode, offset: i64) {
        let request: ListOffsetsRequest = asked.decode();
        let topics = request.topics.iter().flat_map(|topic| &topic.partitions);
        let partitions = topics.map(|it| list_offsets_response::Partition {
            partition_index: it.partition_index,
            error_code: error.code(),
            offset,
            ..list_offsets_response::Partition::default()
        });
        let topic = list_offsets_response::Topic {
            name: TOPIC.to_owned(),
            partitions: partitions.collect(),
        };
        let response =
            ListOffsetsResponse { topics: vec![topic], ..ListOffsetsResponse::default() };
        self.cluster.answer(asked, &response, &mut self.consumer);
    }

    pub(super) fn answer_epoch(&mut self, asked: &Asked, leader_epoch: i32, end_offset: i64) {
        let partition = offset_for_leader_epoch_response::Partition {
            leader_epoch,
            end_offset,
            ..offset_for_leader_epoch_response::Partition::default()
        };
        let topic = offset_for_leader_epoch_response::Topic {
            topic: TOPIC.to_owned(),
            partitions: vec![partition],
        };
        let response = OffsetForLeaderEpochResponse {
            topics: vec![topic],
            ..OffsetForLeaderEpochResponse::default()
        };
        self.cluster.answer(asked, &response, &mut self.consumer);
    }

    /// Answers a fetch with what each partition of it holds.
    pub(super) fn answer_fetch(
        &mut self,
        asked: &Asked,
        session: i32,
        parts: &[(i32, ErrorCode, Bytes)],
    ) {
        let partitions = parts.iter().map(|(index, error, records)| fetch_response::Partition {
            partition_index: *index,
            error_code: error.code(),
            high_watermark: 1_000,
            records: Some(records.clone()),
            ..fetch_response::Partition::default()
        });
        let response = fetch_response::Response {
            topic_id: TOPIC_ID,
            partitions: partitions.collect(),
            ..fetch_response::Response::default()
        };
        let response = FetchResponse {
            session_id: session,
            responses: vec![response],
            ..FetchResponse::default()
        };
        self.cluster.answer(asked, &response, &mut self.consumer);
    }

    /// Polls once: `partition:offsets` and the position afterwards.
    pub(super) fn poll(&mut self) -> String {
        let polled = self.consumer.poll(&mut self.cluster.wires);
        self.cluster.settle(&mut self.consumer);
        let words = polled.iter().map(|part| {
            let offsets: Vec<String> =
                part.records.iter().map(|record| record.offset.to_string()).collect();
            format!("{}:{} -> {}", part.partition.partition, offsets.join(","), part.position)
        });
        words.collect::<Vec<String>>().join("; ")
    }

    pub(super) fn events(&mut self) -> String {
        let mut words = Vec::new();
        while let Some(event) = self.consumer.next_event() {
            words.push(match event {
                ConsumerEvent::PositionReset { offset, cause, .. } => {
                    format!("reset {offset} {cause:?}")
                }
                ConsumerEvent::TruncationDetected { position, divergent, .. } => {
                    format!("truncated {position} to {divergent:?}")
                }
                ConsumerEvent::Stuck { cause, .. } => format!("stuck {cause:?}"),
                ConsumerEvent::CorruptBatch { position, .. } => format!("corrupt {position}"),
            });
        }
        words.join(", ")
    }
}

fn fetch_in_words(request: &FetchRequest) -> String {
    let topics = request.topics.iter().flat_map(|topic| &topic.partitions);
    let mut words = vec![format!("fetch s{} e{}", request.session_id, request.session_epoch)];
    words.extend(topics.map(|it| format!("{}@{}", it.partition, it.fetch_offset)));
    let forgotten = request.forgotten_topics_data.iter().flat_map(|topic| &topic.partitions);
    words.extend(forgotten.map(|partition| format!("-{partition}")));
    words.join(" ")
}

#[test]
fn a_position_begins_where_the_policy_says() {
    for (policy, want, events) in [
        ("earliest", "b1: list 0@-2", "reset 7 Beginning"),
        ("latest", "b1: list 0@-1", "reset 7 Beginning"),
    ] {
        let mut it = Fixture::new(&[1], &[("auto.offset.reset", policy)]);
        let (asked, words) = it.take();
        assert_eq!(words, want, "{policy}");
        it.answer_offsets(&asked, ErrorCode::None, 7);
        assert_eq!(it.events(), events, "{policy}");
        assert_eq!(it.take().1, "b1: fetch s0 e0 0@7", "a full fetch from there");
    }
    let mut it = Fixture::new(&[1], &[("auto.offset.reset", "none")]);
    assert_eq!((it.events().as_str(), it.cluster.asked.len()), ("stuck Beginning", 0), "none");
}

#[test]
fn a_failed_reset_is_tried_again() {
    let mut it = Fixture::new(&[1], &[]);
    let (asked, _) = it.take();
    it.run_to(50);
    it.answer_offsets(&asked, ErrorCode::NotLeaderOrFollower, -1);
    it.cluster.leaders.insert(0, (2, 2));
    it.run_to(149);
    assert_eq!(it.cluster.asked.len(), 0, "retry.backoff.ms");
    it.run_to(150);
    assert_eq!(it.take().1, "b2: list 0@-2", "of the leader that metadata named meanwhile");
}

#[test]
fn a_session_counts_its_requests_and_names_what_changed() {
    let mut it = Fixture::started(&[1, 1], &[], 0);
    let (asked, words) = it.take();
    assert_eq!(words, "b1: fetch s0 e0 0@0 1@0", "full at first");
    let (none, empty) = (ErrorCode::None, Bytes::new());
    it.answer_fetch(&asked, 9, &[(0, none, batch(0, 2, 1)), (1, none, empty.clone())]);
    assert_eq!(it.cluster.asked.len(), 0, "FE-1: not before the records were polled");
    assert_eq!(it.poll(), "0:0,1 -> 2", "what came");
    let (asked, words) = it.take();
    assert_eq!(words, "b1: fetch s9 e1 0@2", "only what moved");
    it.answer_fetch(&asked, 9, &[]);
    let (asked, words) = it.take();
    assert_eq!(words, "b1: fetch s9 e2", "nothing moved");
    let lost = FetchResponse {
        error_code: ErrorCode::FetchSessionIdNotFound.code(),
        ..FetchResponse::default()
    };
    it.cluster.answer(&asked, &lost, &mut it.consumer);
    assert_eq!(it.take().1, "b1: fetch s0 e0 1@0 0@2", "evicted: full again");
}

#[test]
fn a_partition_that_moves_away_is_forgotten() {
    let mut it = Fixture::started(&[1, 1], &[], 0);
    let (asked, _) = it.take();
    let none = ErrorCode::None;
    it.answer_fetch(&asked, 9, &[(0, none, batch(0, 1, 1)), (1, none, batch(0, 1, 1))]);
    it.poll();
    let (asked, _) = it.take();
    it.run_to(50);
    it.cluster.leaders.insert(1, (2, 2));
    it.answer_fetch(&asked, 9, &[(1, ErrorCode::NotLeaderOrFollower, Bytes::new())]);
    let (asked, words) = it.take();
    assert_eq!(words, "b1: fetch s9 e2 -1", "while its error is waited out");
    it.run_to(120);
    // Metadata was asked for behind the fetch, and waits for its answer: connections are first in, first out.
    it.answer_fetch(&asked, 9, &[]);
    assert_eq!(it.take().1, "b1: fetch s9 e3", "of what stays");
    assert_eq!(it.take().1, "b2: validate 1 epoch 1 in 2", "the new leader is asked first");
}

#[test]
fn a_poll_returns_no_more_than_it_may() {
    let mut it = Fixture::started(&[1], &[("max.poll.records", "3")], 1);
    let (asked, _) = it.take();
    // The batch begins before the position, as batches do.
    let mut records = BytesMut::from(&batch(0, 3, 1)[..]);
    records.extend_from_slice(&batch(3, 3, 1));
    it.answer_fetch(&asked, 9, &[(0, ErrorCode::None, records.freeze())]);
    assert_eq!(it.poll(), "0:1,2,3 -> 4", "from the position on");
    assert_eq!(it.cluster.asked.len(), 0, "the rest is still buffered");
    assert_eq!(it.poll(), "0:4,5 -> 6", "the rest");
    assert_eq!(it.poll(), "", "nothing more");
    assert_eq!(it.take().1, "b1: fetch s9 e1 0@6", "and then on");
}

#[test]
fn a_new_leader_is_asked_whether_the_position_is_true() {
    let mut it = at_two_in_epoch_one(&[]);
    let (asked, words) = it.take();
    assert_eq!(words, "b2: validate 0 epoch 1 in 2", "the epoch of the last record");
    it.answer_epoch(&asked, 1, 5);
    assert_eq!(it.take().1, "b2: fetch s0 e0 0@2", "it is");
    assert_eq!(it.events(), "", "nothing happened");
}

#[test]
fn a_position_beyond_the_leaders_log_goes_back_to_where_they_part() {
    let mut it = at_two_in_epoch_one(&[]);
    let (asked, _) = it.take();
    it.answer_epoch(&asked, 1, 1);
    assert_eq!(it.events(), "truncated 2 to Some(Offset(1))", "reported");
    assert_eq!(it.take().1, "b2: fetch s0 e0 0@1", "the first offset that differs");
}

#[test]
fn a_position_of_an_unknown_epoch_is_reset() {
    let mut it = at_two_in_epoch_one(&[]);
    let (asked, _) = it.take();
    it.answer_epoch(&asked, -1, -1);
    let (asked, words) = it.take();
    assert_eq!(words, "b2: list 0@-2", "by the policy");
    it.answer_offsets(&asked, ErrorCode::None, 0);
    assert_eq!(it.events(), "truncated 2 to None, reset 0 Truncated", "both reported");
}

#[test]
fn without_a_policy_the_application_hears_of_truncation() {
    let mut it = Fixture::started(&[1], &[], 0);
    it.consumer.config.consumer.auto_offset_reset = crate::config::OffsetReset::None;
    let mut it = move_to_epoch_two(it);
    let (asked, _) = it.take();
    it.answer_epoch(&asked, 1, 1);
    assert_eq!(it.events(), "truncated 2 to Some(Offset(1)), stuck Truncated", "reported");
    it.run_to(10_000);
    assert_eq!(it.cluster.asked.len(), 0, "it stands still");
}

#[test]
fn an_offset_out_of_range_is_reset() {
    let mut it = Fixture::started(&[1], &[], 5);
    let (asked, _) = it.take();
    it.answer_fetch(&asked, 9, &[(0, ErrorCode::OffsetOutOfRange, Bytes::new())]);
    let (asked, words) = it.take();
    assert_eq!(words, "b1: list 0@-2", "by the policy");
    it.answer_offsets(&asked, ErrorCode::None, 8);
    assert_eq!(it.events(), "reset 8 OutOfRange", "reported");
}

#[test]
fn a_corrupt_batch_is_reported_and_fetched_again() {
    let mut it = Fixture::started(&[1], &[], 0);
    let (asked, _) = it.take();
    let mut records = BytesMut::from(&batch(0, 2, 1)[..]);
    let whole = records.len();
    records.extend_from_slice(&batch(2, 2, 1));
    let last = records.len() - 1;
    records[last] ^= 1;
    it.answer_fetch(&asked, 9, &[(0, ErrorCode::None, records.freeze())]);
    assert!(whole < last, "the damage is in the second batch");
    assert_eq!(it.poll(), "0:0,1 -> 2", "what stands before it is good");
    assert_eq!((it.poll().as_str(), it.events().as_str()), ("", "corrupt 2"), "C4");
    it.run_to(100);
    assert_eq!(it.take().1, "b1: fetch s9 e1 0@2", "after retry.backoff.ms");
}

#[test]
fn a_lost_connection_starts_the_session_anew() {
    let mut it = Fixture::started(&[2], &[], 0);
    let (asked, _) = it.take();
    it.answer_fetch(&asked, 9, &[(0, ErrorCode::None, Bytes::new())]);
    let (asked, _) = it.take();
    it.cluster.close(asked.conn, &mut it.consumer);
    it.run_to(60);
    assert_eq!(it.take().1, "b2: fetch s9 e0 0@0", "the old session is closed by a full request");
}

/// A consumer at offset 2 whose last record is of epoch 1, when b2 leads in epoch 2.
fn at_two_in_epoch_one(settings: &[(&str, &str)]) -> Fixture {
    move_to_epoch_two(Fixture::started(&[1], settings, 0))
}

fn move_to_epoch_two(mut it: Fixture) -> Fixture {
    let (asked, _) = it.take();
    it.answer_fetch(&asked, 9, &[(0, ErrorCode::None, batch(0, 2, 1))]);
    assert_eq!(it.poll(), "0:0,1 -> 2", "two records");
    let (asked, _) = it.take();
    it.run_to(50);
    it.cluster.leaders.insert(0, (2, 2));
    it.answer_fetch(&asked, 9, &[(0, ErrorCode::FencedLeaderEpoch, Bytes::new())]);
    it.run_to(120);
    it
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// C3: whatever is answered, offsets rise from the position on, and only a reported event moves it back.
    #[test]
    fn polls_return_rising_offsets(
        steps in prop::collection::vec((0..12_u8, 0..4_i64, prop::sample::select(ErrorCode::ALL)), 1..80),
    ) {
        let mut it = Fixture::new(&[1], &[]);
        let (mut next, mut now) = (None::<i64>, 0);
        for (what, number, error) in steps {
            if let Some(asked) = it.cluster.asked.first().cloned() {
                it.cluster.asked.remove(0);
                answer_somehow(&mut it, &asked, what, number, error);
            }
            now += 37;
            it.run_to(now);
            loop {
                let polled = it.consumer.poll(&mut it.cluster.wires);
                it.cluster.settle(&mut it.consumer);
                let moved = !it.events().is_empty();
                if moved {
                    next = None;
                }
                if polled.is_empty() {
                    break;
                }
                for record in polled.iter().flat_map(|part| &part.records) {
                    prop_assert!(next.is_none_or(|next| record.offset.0 >= next), "C3");
                    next = Some(record.offset.0 + 1);
                }
            }
        }
    }
}

fn answer_somehow(it: &mut Fixture, asked: &Asked, what: u8, number: i64, error: ErrorCode) {
    match (asked.api, what) {
        (_, 0) => it.cluster.close(asked.conn, &mut it.consumer),
        (_, 1) => {}
        (_, 2) => {
            let epoch = it.cluster.leaders[&0].1 + 1;
            let leader = i32::try_from(number).expect("small");
            it.cluster.leaders.insert(0, (leader.max(1), epoch));
            it.cluster.close(asked.conn, &mut it.consumer);
        }
        (ApiKey::Fetch, 3 | 4) => it.answer_fetch(asked, 9, &[(0, error, Bytes::new())]),
        (ApiKey::Fetch, _) => {
            let request: FetchRequest = asked.decode();
            let named = request.topics.first().map(|topic| topic.partitions[0].fetch_offset);
            let base = named.unwrap_or(number);
            it.answer_fetch(asked, 9, &[(0, ErrorCode::None, batch(base, number + 1, 1))]);
        }
        (ApiKey::ListOffsets, 3) => it.answer_offsets(asked, error, number),
        (ApiKey::ListOffsets, _) => it.answer_offsets(asked, ErrorCode::None, number),
        (_, 3) => it.answer_epoch(asked, -1, -1),
        _ => it.answer_epoch(asked, 1, number * 3),
    }
}
