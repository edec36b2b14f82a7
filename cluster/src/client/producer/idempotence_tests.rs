//! Idempotent producers: what they send first, what they send again and how, and a leader that would notice.

use proptest::prelude::*;
use trial_log::{
    AppendOrigin, Batches, LeaderEpoch, Log, LogError, MemoryDisk, Offset, OpenLog, ProducerError,
};

use super::ProducerEvent;
use super::tests::Fixture;
use crate::client::test_cluster::{Asked, TOPIC_ID};
use crate::error_code::ErrorCode;
use crate::wire::produce_response::{PartitionResponse, Response};
use crate::wire::{
    ApiKey, InitProducerIdRequest, InitProducerIdResponse, ProduceRequest, ProduceResponse,
};

fn fixture(settings: &[(&str, &str)]) -> Fixture {
    let mut all = vec![("enable.idempotence", "true"), ("linger.ms", "0")];
    all.extend(settings);
    Fixture::new(&[1], &all)
}

fn answer_id(fixture: &mut Fixture, asked: &Asked, error: ErrorCode, producer_id: i64) {
    let request: InitProducerIdRequest = asked.decode();
    assert_eq!((request.transactional_id, request.producer_id), (None, -1));
    let response = InitProducerIdResponse {
        error_code: error.code(),
        producer_id,
        producer_epoch: 0,
        ..InitProducerIdResponse::default()
    };
    fixture.cluster.answer(asked, &response, &mut fixture.producer);
}

/// Epoch, base sequence and number of records of the only batch in a request.
fn sequence_of(asked: &Asked) -> (i64, i16, i32, i32) {
    let request: ProduceRequest = asked.decode();
    let records = request.topic_data[0].partition_data[0].records.clone().expect("a batch");
    let batch = Batches::new(records).next().expect("one").expect("a whole one");
    batch.ensure_valid().expect("with a good checksum");
    (batch.producer_id(), batch.producer_epoch(), batch.base_sequence(), batch.count())
}

/// With an id, at 100 ms.
fn begun(settings: &[(&str, &str)]) -> Fixture {
    let mut fixture = fixture(settings);
    fixture.send_of(0, Some(0), None, "0");
    fixture.run_to(100);
    let asked = fixture.cluster.asked.remove(0);
    answer_id(&mut fixture, &asked, ErrorCode::None, 7);
    fixture
}

fn told(fixture: &mut Fixture) -> Vec<String> {
    let mut told = Vec::new();
    while let Some(event) = fixture.producer.next_event() {
        match event {
            ProducerEvent::Delivered { id, .. } => told.push(format!("{id} delivered")),
            ProducerEvent::Failed { id, error, .. } => told.push(format!("{id} {error:?}")),
            ProducerEvent::IdAssigned { .. } | ProducerEvent::Appended { .. } => {}
        }
    }
    told
}

#[test]
fn an_id_is_asked_for_until_there_is_one_and_nothing_is_sent_before() {
    let mut fixture = fixture(&[]);
    fixture.send_of(0, Some(0), None, "v");
    fixture.run_to(100);
    assert_eq!(fixture.cluster.asked.len(), 1, "nothing but the wish for an id");
    let asked = fixture.cluster.asked.remove(0);
    answer_id(&mut fixture, &asked, ErrorCode::CoordinatorLoadInProgress, -1);
    fixture.run_to(199);
    assert!(fixture.cluster.asked.is_empty(), "retry.backoff.ms is not over");
    fixture.run_to(200);
    let asked = fixture.cluster.asked.remove(0);
    assert_eq!(asked.api, ApiKey::InitProducerId);
    answer_id(&mut fixture, &asked, ErrorCode::None, 7);
    assert_eq!(sequence_of(&fixture.cluster.asked.remove(0)), (7, 0, 0, 1));
}

#[test]
fn a_batch_is_sent_again_with_its_sequence_and_those_behind_it_after_it() {
    let mut fixture = begun(&[]);
    fixture.send_of(1, Some(0), None, "v");
    fixture.send_of(2, Some(0), None, "v");
    let asked = std::mem::take(&mut fixture.cluster.asked);
    let sent: Vec<_> = asked.iter().map(sequence_of).collect();
    assert_eq!(sent, [(7, 0, 0, 1), (7, 0, 1, 1), (7, 0, 2, 1)]);
    // The first one met a leader that was none; the others are out of order without it.
    fixture.answer(&asked[0], ErrorCode::NotLeaderOrFollower, -1);
    fixture.answer(&asked[1], ErrorCode::OutOfOrderSequenceNumber, -1);
    fixture.answer(&asked[2], ErrorCode::OutOfOrderSequenceNumber, -1);
    fixture.run_to(2_000);
    let mut sent = Vec::new();
    for base in 0..3 {
        let asked = fixture.cluster.asked.remove(0);
        sent.push(sequence_of(&asked));
        assert!(fixture.cluster.asked.is_empty(), "the next one waits for the one before");
        fixture.answer(&asked, ErrorCode::None, base);
        fixture.run_to(2_000 + 2_000 * (base.unsigned_abs() + 1));
    }
    assert_eq!(sent, [(7, 0, 0, 1), (7, 0, 1, 1), (7, 0, 2, 1)], "in order, and as before");
    assert_eq!(told(&mut fixture), ["0 delivered", "1 delivered", "2 delivered"]);
}

#[test]
fn after_a_gap_that_nobody_can_fill_the_epoch_is_bumped() {
    let mut fixture = begun(&[("delivery.timeout.ms", "1000"), ("request.timeout.ms", "900")]);
    let first = fixture.cluster.asked.remove(0);
    fixture.answer(&first, ErrorCode::NotEnoughReplicas, -1);
    // It goes out a second time, and its time is over before an answer comes.
    fixture.run_to(1_150);
    assert_eq!(told(&mut fixture), ["0 RequestTimedOut"]);
    fixture.send_of(1, Some(0), None, "v");
    fixture.run_to(1_400);
    let last = fixture.cluster.asked.last().expect("the second record goes out");
    assert_eq!(sequence_of(last), (7, 1, 0, 1), "in the next epoch, from zero on");
}

#[test]
fn a_batch_that_is_refused_for_good_ends_its_epoch() {
    let mut fixture = begun(&[]);
    fixture.send_of(1, Some(0), None, "v");
    let asked = std::mem::take(&mut fixture.cluster.asked);
    fixture.answer(&asked[0], ErrorCode::InvalidRecord, -1);
    assert_eq!(told(&mut fixture), ["0 InvalidRecord"]);
    // What was under way behind it is sent again under the new epoch, whatever became of it.
    fixture.answer(&asked[1], ErrorCode::OutOfOrderSequenceNumber, -1);
    fixture.run_to(2_000);
    assert_eq!(sequence_of(&fixture.cluster.asked.remove(0)), (7, 1, 0, 1));
}

#[test]
fn a_batch_that_was_there_long_ago_counts_as_delivered() {
    let mut fixture = begun(&[]);
    let asked = fixture.cluster.asked.remove(0);
    fixture.answer(&asked, ErrorCode::DuplicateSequenceNumber, -1);
    assert_eq!(told(&mut fixture), ["0 delivered"]);
}

/// A leader that keeps a log, as all of its successors do: nothing that it has written is lost.
struct Leader {
    disk: MemoryDisk,
    log: Log,
}

impl Leader {
    fn new() -> Self {
        let mut disk = MemoryDisk::new();
        let open = OpenLog::new("orders-0");
        let log = Log::open(&mut disk, open, 0, &mut Vec::new()).expect("an empty disk");
        Self { disk, log }
    }

    fn append(&mut self, asked: &Asked) -> (ErrorCode, i64) {
        let request: ProduceRequest = asked.decode();
        let records = request.topic_data[0].partition_data[0].records.clone().expect("a batch");
        let (epoch, origin) = (LeaderEpoch(1), AppendOrigin::Client);
        let disk = &mut self.disk;
        match self.log.append_as_leader(disk, records, epoch, origin, 0, &mut Vec::new()) {
            Ok(info) => (ErrorCode::None, info.first_offset.0),
            Err(LogError::Producer(ProducerError::OutOfOrderSequence { .. })) => {
                (ErrorCode::OutOfOrderSequenceNumber, -1)
            }
            Err(LogError::Producer(ProducerError::InvalidProducerEpoch { .. })) => {
                (ErrorCode::InvalidProducerEpoch, -1)
            }
            Err(error) => panic!("the leader met {error}"),
        }
    }

    /// The values in the log, in order.
    fn values(&mut self) -> Vec<u64> {
        let mut values = Vec::new();
        let (disk, end) = (&mut self.disk, self.log.log_end_offset());
        let read = self.log.read(disk, Offset::ZERO, usize::MAX, end, true, &mut Vec::new());
        for batch in read.expect("it can be read").batches() {
            for record in batch.expect("whole").records() {
                let record = record.expect("readable");
                let value = record.value().expect("a value");
                let text = std::str::from_utf8(value).expect("digits");
                values.push(text.parse().expect("a number"));
            }
        }
        values
    }
}

fn respond(fixture: &mut Fixture, asked: &Asked, (error, base_offset): (ErrorCode, i64)) {
    let partition = PartitionResponse {
        error_code: error.code(),
        base_offset,
        log_start_offset: 0,
        ..PartitionResponse::default()
    };
    let response = ProduceResponse {
        responses: vec![Response {
            topic_id: TOPIC_ID,
            partition_responses: vec![partition],
            ..Response::default()
        }],
        ..ProduceResponse::default()
    };
    fixture.cluster.answer(asked, &response, &mut fixture.producer);
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy)]
enum Luck {
    Good,
    /// It is written, and the answer never comes.
    AnswerLost,
    /// It never comes.
    RequestLost,
    /// The broker does not lead.
    Refused,
    /// It waits, with all that come after it on the connection.
    Waits,
}

fn luck() -> impl Strategy<Value = Luck> {
    prop_oneof![
        6 => Just(Luck::Good),
        1 => Just(Luck::AnswerLost),
        1 => Just(Luck::RequestLost),
        1 => Just(Luck::Refused),
        2 => Just(Luck::Waits),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever the network does, each record is in the log once if it was delivered, and never twice; and as long as
    /// no record is given up, they are in order. The first batch arrives: of a producer that it does not know a leader
    /// takes any sequence (so it is in Kafka), and what comes before it is out of order for good then.
    #[test]
    fn no_record_is_written_twice_and_none_overtakes_another(
        lucks in prop::collection::vec(luck(), 1..60),
        count in 1_u64..60,
    ) {
        let mut fixture = begun(&[]);
        let mut leader = Leader::new();
        let first = fixture.cluster.asked.remove(0);
        let answer = leader.append(&first);
        respond(&mut fixture, &first, answer);
        let (mut lucks, mut waiting) = (lucks.into_iter(), Vec::new());
        let mut told_of = std::collections::BTreeMap::new();
        for step in 1..400_u64 {
            if step < count {
                fixture.send_of(step, Some(0), None, &step.to_string());
            }
            fixture.run_to(100 + step * 50);
            let mut asked = std::mem::take(&mut waiting);
            asked.append(&mut fixture.cluster.asked);
            let mut closed = Vec::new();
            for asked in asked {
                if closed.contains(&asked.conn) {
                    continue;
                }
                let held = waiting.iter().any(|it: &Asked| it.conn == asked.conn);
                match if held { Luck::Waits } else { lucks.next().unwrap_or(Luck::Good) } {
                    Luck::Good => {
                        let answer = leader.append(&asked);
                        respond(&mut fixture, &asked, answer);
                    }
                    Luck::Refused => {
                        respond(&mut fixture, &asked, (ErrorCode::NotLeaderOrFollower, -1));
                    }
                    Luck::Waits => waiting.push(asked),
                    lost @ (Luck::AnswerLost | Luck::RequestLost) => {
                        if matches!(lost, Luck::AnswerLost) {
                            leader.append(&asked);
                        }
                        closed.push(asked.conn);
                        fixture.cluster.close(asked.conn, &mut fixture.producer);
                    }
                }
            }
            while let Some(event) = fixture.producer.next_event() {
                match event {
                    ProducerEvent::Delivered { id, .. } => {
                        prop_assert!(told_of.insert(id, true).is_none(), "C1: {} twice", id);
                    }
                    ProducerEvent::Failed { id, .. } => {
                        prop_assert!(told_of.insert(id, false).is_none(), "C1: {} twice", id);
                    }
                    ProducerEvent::IdAssigned { .. } | ProducerEvent::Appended { .. } => {}
                }
            }
        }
        let found = leader.values();
        let mut sorted = found.clone();
        sorted.sort_unstable();
        sorted.dedup();
        prop_assert_eq!(sorted.len(), found.len(), "written twice: {:?}", found);
        for (id, delivered) in &told_of {
            prop_assert!(!delivered || found.contains(id), "{} is not there", id);
        }
        prop_assert_eq!(told_of.len() as u64, count.max(1), "C1: everything is told");
        if told_of.values().all(|delivered| *delivered) {
            prop_assert!(found.is_sorted(), "out of order: {:?}", found);
        }
    }
}
