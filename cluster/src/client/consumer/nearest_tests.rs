//! Tests of a consumer whose leader sends it to another replica (KIP-392).
//!
//! Holds: stories after Kafka's `FetcherTest.testPreferredReadReplica...` and `SubscriptionStateTest`.

use bytes::Bytes;

use super::tests::{Fixture, batch};
use crate::client::test_cluster::{Asked, TOPIC_ID};
use crate::error_code::ErrorCode;
use crate::wire::{FetchRequest, FetchResponse, fetch_response};

const RACK: (&str, &str) = ("client.rack", "r2");

impl Fixture {
    /// The leader answers: `replica` shall be read from.
    fn send_to(&mut self, asked: &Asked, replica: i32) {
        let partition = fetch_response::Partition {
            partition_index: 0,
            high_watermark: 1_000,
            preferred_read_replica: replica,
            records: Some(Bytes::new()),
            ..fetch_response::Partition::default()
        };
        let response = fetch_response::Response {
            topic_id: TOPIC_ID,
            partitions: vec![partition],
            ..fetch_response::Response::default()
        };
        let response =
            FetchResponse { session_id: 9, responses: vec![response], ..FetchResponse::default() };
        self.cluster.answer(asked, &response, &mut self.consumer);
    }

    fn answer_error(&mut self, asked: &Asked, error: ErrorCode) {
        self.answer_fetch(asked, 8, &[(0, error, Bytes::new())]);
    }
}

/// A consumer of a partition that b1 leads, with a fetch to b2 under way, to which b1 has sent it.
fn sent_to_b2(settings: &[(&str, &str)]) -> (Fixture, Asked) {
    let settings: Vec<_> = settings.iter().copied().chain([RACK]).collect();
    let mut it = Fixture::started(&[1], &settings, 0);
    let (asked, words) = it.take();
    assert_eq!(words, "b1: fetch s0 e0 0@0", "the leader first");
    assert_eq!(asked.decode::<FetchRequest>().rack_id, "r2", "it says where it stands");
    it.send_to(&asked, 2);
    let (asked, words) = it.take();
    assert_eq!(words, "b2: fetch s0 e0 0@0", "at once, in a session of its own");
    (it, asked)
}

#[test]
fn a_consumer_reads_from_the_replica_that_its_leader_names() {
    let (mut it, asked) = sent_to_b2(&[]);
    it.answer_fetch(&asked, 8, &[(0, ErrorCode::None, batch(0, 2, 1))]);
    assert_eq!(it.poll(), "0:0,1 -> 2", "what the follower has");
    let (asked, words) = it.take();
    assert_eq!(words, "b2: fetch s8 e1 0@2", "and on");
    it.answer_fetch(&asked, 8, &[]);
    assert_eq!(it.take().1, "b2: fetch s8 e2", "and on");
    assert_eq!((it.events(), it.cluster.asked.len()), (String::new(), 0), "the leader rests");
}

#[test]
fn a_lease_ends_and_another_answer_of_the_same_name_does_not_prolong_it() {
    let (mut it, asked) = sent_to_b2(&[("metadata.max.age.ms", "1000")]);
    it.run_to(900);
    // A follower names nobody; who did would change nothing.
    it.send_to(&asked, 2);
    let (asked, words) = it.take();
    assert_eq!(words, "b2: fetch s9 e1", "on");
    it.run_to(1_001);
    it.answer_fetch(&asked, 9, &[]);
    let (asked, words) = it.take();
    assert_eq!(words, "b1: fetch s9 e1", "the leader is asked again");
    it.send_to(&asked, 3);
    assert_eq!(it.take().1, "b3: fetch s0 e0 0@0", "and may name another");
}

#[test]
fn out_of_range_at_a_follower_sends_back_to_the_leader_and_resets_nothing() {
    let (mut it, asked) = sent_to_b2(&[]);
    it.answer_error(&asked, ErrorCode::OffsetOutOfRange);
    assert_eq!(it.events(), "", "nothing is reset");
    let (asked, words) = it.take();
    assert_eq!(words, "b1: fetch s9 e1", "the leader, from where it stood");
    it.answer_error(&asked, ErrorCode::OffsetOutOfRange);
    assert_eq!(it.take().1, "b1: list 0@-2", "that of the leader counts");
}

#[test]
fn errors_of_a_follower_that_metadata_may_explain_send_back_to_the_leader() {
    for (error, wait, want) in [
        (ErrorCode::NotLeaderOrFollower, 100, "b1: fetch s9 e1"),
        (ErrorCode::FencedLeaderEpoch, 100, "b1: fetch s9 e1"),
        (ErrorCode::KafkaStorageError, 100, "b1: fetch s9 e1"),
        (ErrorCode::OffsetNotAvailable, 100, "b1: fetch s9 e1"),
        (ErrorCode::UnknownTopicOrPartition, 100, "b1: fetch s9 e1"),
        // It has not heard of this epoch yet, and will.
        (ErrorCode::UnknownLeaderEpoch, 100, "b2: fetch s8 e1"),
    ] {
        let (mut it, asked) = sent_to_b2(&[]);
        it.answer_error(&asked, error);
        it.run_to(wait);
        let asked = it.take().1;
        assert_eq!(asked, want, "{error:?}");
        assert_eq!(it.events(), "", "{error:?}");
    }
}

#[test]
fn a_lost_connection_sends_back_to_the_leader() {
    let (mut it, asked) = sent_to_b2(&[]);
    it.cluster.close(asked.conn, &mut it.consumer);
    assert_eq!(it.take().1, "b1: fetch s9 e1", "at once");
}

#[test]
fn a_replica_that_cannot_be_reached_sends_back_to_the_leader() {
    let mut it = Fixture::started(&[1], &[RACK], 0);
    let (asked, _) = it.take();
    it.cluster.down.insert(2);
    it.send_to(&asked, 2);
    let (asked, words) = it.take();
    assert_eq!(words, "b1: fetch s9 e1", "the connection was refused");
    // Named again, it is not tried before its back-off is over; then it fails again.
    it.send_to(&asked, 2);
    assert_eq!(it.cluster.asked.len(), 0, "reconnect.backoff.ms");
    it.run_to(200);
    assert_eq!(it.take().1, "b1: fetch s9 e2", "refused again");
}

#[test]
fn a_replica_that_metadata_calls_offline_is_not_asked() {
    let mut it = Fixture::started(&[1], &[RACK], 0);
    let (asked, _) = it.take();
    it.send_to(&asked, 7);
    let (asked, words) = it.take();
    assert_eq!(words, "b1: fetch s9 e1", "nobody has heard of it");
    it.cluster.offline.push(2);
    it.run_to(200);
    it.send_to(&asked, 2);
    assert_eq!(
        it.take().1,
        "b1: fetch s9 e2",
        "metadata was asked for, and says that it is offline"
    );
}

#[test]
fn another_leader_is_asked_itself() {
    let (mut it, asked) = sent_to_b2(&[]);
    it.answer_fetch(&asked, 8, &[(0, ErrorCode::None, batch(0, 2, 1))]);
    it.poll();
    let (asked, _) = it.take();
    it.run_to(50);
    it.cluster.leaders.insert(0, (3, 2));
    it.answer_error(&asked, ErrorCode::FencedLeaderEpoch);
    it.run_to(200);
    let (asked, words) = it.take();
    assert_eq!(words, "b3: validate 0 epoch 1 in 2", "the position is checked by the leader");
    it.answer_epoch(&asked, 1, 5);
    assert_eq!(it.take().1, "b3: fetch s0 e0 0@2", "and read from it");
}

#[test]
fn a_name_for_an_offset_that_was_left_means_nothing() {
    let mut it = Fixture::started(&[1], &[RACK], 0);
    let (asked, _) = it.take();
    it.answer_error(&asked, ErrorCode::OffsetOutOfRange);
    let (reset, _) = it.take();
    it.answer_offsets(&reset, ErrorCode::None, 5);
    let (asked, words) = it.take();
    assert_eq!(words, "b1: fetch s8 e1 0@5", "from the new position");
    it.send_to(&asked, 2);
    assert_eq!(it.take().1, "b2: fetch s0 e0 0@5", "this one counts");
}
