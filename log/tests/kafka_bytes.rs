//! Batches that Apache Kafka 4.3.0 built, byte for byte: our builder makes the same, our view reads the same.
//!
//! The bytes are in `testdata/kafka-4.3.0-batches.txt`, the program that printed them beside it.

use bytes::Bytes;
use trial_log::{
    BatchBuilder, ControlRecordType, Header, LeaderEpoch, NO_TIMESTAMP, Offset, Producer,
    RecordBatch, TimestampType,
};

const T: i64 = 1_767_225_600_000;

#[test]
fn plain_batches_are_as_kafka_builds_them() {
    let mut one = BatchBuilder::new(Offset::ZERO);
    one.append(T, Some(b"key"), Some(b"value"), &[]);
    check("one_record", one);

    let mut gaps = BatchBuilder::new(Offset(10)).leader_epoch(LeaderEpoch(2));
    gaps.append_at(Offset(10), T, Some(b"a"), Some(b"1"), &[]);
    gaps.append_at(Offset(14), T + 200, Some(b"b"), Some(b"2"), &[]);
    gaps.append_at(Offset(90), T + 100, Some(b"c"), Some(b"3"), &[]);
    check("with_gaps", gaps);

    let mut horizon = BatchBuilder::new(Offset::ZERO)
        .leader_epoch(LeaderEpoch(3))
        .delete_horizon_ms(T + 1_000_000);
    horizon.append(T, Some(b"key"), None, &[]);
    check("delete_horizon", horizon);
}

#[test]
fn headers_keep_their_order_and_their_duplicates() {
    let header = |key, value| Header { key, value };
    let headers = [
        header(b"trace", Some(&b"on"[..])),
        header(b"trace", Some(b"off")),
        header(b"trace", None),
        header("été".as_bytes(), Some(b"")),
    ];
    let mut builder = BatchBuilder::new(Offset(1000)).leader_epoch(LeaderEpoch(7));
    builder.append(T, Some(b"k"), Some(b"first"), &headers);
    builder.append(T + 5, None, Some(b"no key"), &[]);
    builder.append(T - 3, Some(b"tombstone"), None, &[]);
    builder.append(T + 900_000, Some(b""), Some(b""), &[]);
    let batch = check("headers_and_nulls", builder);

    let records: Vec<_> = batch.records().map(|record| record.expect("Kafka's is whole")).collect();
    let first: Vec<_> = records[0].headers().collect();
    assert_eq!(first, headers, "the headers as they were given");
    let read: Vec<_> =
        records.iter().map(|r| (r.offset.0, r.timestamp - T, r.key(), r.value())).collect();
    let want = [
        (1000, 0, Some(&b"k"[..]), Some(&b"first"[..])),
        (1001, 5, None, Some(b"no key")),
        (1002, -3, Some(b"tombstone"), None),
        (1003, 900_000, Some(b""), Some(b"")),
    ];
    assert_eq!(read, want, "null and empty differ");
    assert_eq!((batch.leader_epoch(), batch.max_timestamp()), (LeaderEpoch(7), T + 900_000));
}

#[test]
fn producers_and_their_sequences_are_as_kafka_writes_them() {
    let ab = |mut builder: BatchBuilder| {
        builder.append(T, None, Some(b"a"), &[]);
        builder.append(T + 1, None, Some(b"b"), &[]);
        builder
    };
    let producer = |base_sequence| Producer { id: 4711, epoch: 3, base_sequence };
    let plain = ab(BatchBuilder::new(Offset::ZERO).producer(producer(17)));
    assert_eq!(check("idempotent", plain).last_sequence(), 18);

    let wraps = BatchBuilder::new(Offset::ZERO).producer(producer(i32::MAX)).transactional();
    let batch = check("transactional_sequence_wraps", ab(wraps));
    assert!(batch.is_transactional() && !batch.is_control(), "{:b}", batch.attributes());
    let sequences: Vec<_> =
        batch.records().map(|r| r.expect("Kafka's is whole").sequence).collect();
    assert_eq!(sequences, [i32::MAX, 0], "the largest is followed by zero");
}

#[test]
fn control_batches_are_as_kafka_builds_them() {
    let marker = Producer { id: 4711, epoch: 3, base_sequence: -1 };
    let mut commit = BatchBuilder::new(Offset(99))
        .leader_epoch(LeaderEpoch(6))
        .producer(marker)
        .transactional()
        .control();
    commit.append_control(T, ControlRecordType::Commit, &[0, 0, 0, 0, 0, 12]);
    let commit = check("end_transaction_marker", commit);
    let record = commit.records().next().expect("it has one").expect("and it is whole");
    let kind = record.key().and_then(ControlRecordType::of_key);
    assert_eq!(kind, Some(ControlRecordType::Commit));
    assert!(commit.is_control() && commit.is_transactional(), "{:b}", commit.attributes());

    let value = {
        let kafka = kafka("leader_change");
        let record = kafka.records().next().expect("it has one").expect("and it is whole");
        record.value().expect("it has a value").to_vec()
    };
    let mut change = BatchBuilder::new(Offset(5)).leader_epoch(LeaderEpoch(8)).control();
    change.append_control(T, ControlRecordType::LeaderChange, &value);
    check("leader_change", change);
}

#[test]
fn log_append_time_stands_for_all_records() {
    let mut builder =
        BatchBuilder::new(Offset(42)).leader_epoch(LeaderEpoch(5)).log_append_time(T + 77);
    builder.append(T, Some(b"k"), Some(b"v"), &[]);
    builder.append(T + 3, Some(b"k"), Some(b"w"), &[]);
    let batch = check("log_append_time", builder);
    let times: Vec<_> = batch.records().map(|r| r.expect("it is whole").timestamp - T).collect();
    assert_eq!(times, [77, 77]);
}

#[test]
fn a_leader_stamps_a_batch_as_kafka_does() {
    let mut stamped = kafka("as_sent").into_mut();
    stamped.set_base_offset(Offset(500));
    stamped.set_leader_epoch(LeaderEpoch(9));
    stamped.set_max_timestamp(TimestampType::CreateTime, T + 1);
    assert_eq!(stamped.clone().freeze(), kafka("as_stamped_create_time"));
    stamped.set_max_timestamp(TimestampType::LogAppendTime, T + 5000);
    assert_eq!(stamped.freeze(), kafka("as_stamped_append_time"));
}

#[test]
fn an_empty_batch_keeps_what_compaction_left() {
    let batch = kafka("empty");
    assert!(batch.is_valid(), "its checksum is over the header alone");
    assert_eq!(
        (batch.base_offset(), batch.last_offset(), batch.count()),
        (Offset(20), Offset(29), 0)
    );
    assert_eq!((batch.base_timestamp(), batch.max_timestamp()), (NO_TIMESTAMP, T));
    assert_eq!((batch.producer_id(), batch.producer_epoch(), batch.base_sequence()), (4711, 3, 5));
    assert_eq!(batch.records().count(), 0, "no records, and no error");

    let producer = Producer { id: 4711, epoch: 3, base_sequence: 5 };
    let mut builder = BatchBuilder::new(Offset(20))
        .leader_epoch(LeaderEpoch(4))
        .producer(producer)
        .transactional();
    builder.append_at(Offset(21), T, Some(b"key"), Some(b"value"), &[]);
    builder.extend_to(Offset(29));
    assert_eq!(hex(builder.build().emptied().as_bytes()), hex(batch.as_bytes()));
}

#[test]
fn the_records_of_a_compressed_batch_are_read() {
    let batch = kafka("gzip");
    assert_eq!((batch.is_valid(), batch.codec(), batch.count()), (true, 1, 1));
    let records: Vec<_> = batch.records().map(|record| record.expect("it is whole")).collect();
    let read: Vec<_> = records.iter().map(|r| (r.timestamp, r.key(), r.value())).collect();
    assert_eq!(read, [(T, Some(&b"key"[..]), Some(&b"value"[..]))]);
}

/// Builds, and wants Kafka's bytes and a size that was foretold.
#[track_caller]
fn check(name: &str, builder: BatchBuilder) -> RecordBatch {
    let foretold = builder.size_in_bytes();
    let built = builder.build();
    let want = kafka(name);
    assert_eq!(hex(built.as_bytes()), hex(want.as_bytes()), "{name}");
    assert!(want.is_valid(), "{name}: the checksum");
    assert_eq!(foretold, want.size_in_bytes(), "{name}: the size");
    built
}

fn kafka(name: &str) -> RecordBatch {
    let lines = include_str!("../testdata/kafka-4.3.0-batches.txt").lines();
    let line = lines.filter_map(|line| line.split_once(' ')).find(|(first, _)| *first == name);
    let (_, digits) = line.unwrap_or_else(|| panic!("no batch named {name}"));
    let bytes = digits.as_bytes().chunks(2).map(|pair| {
        let pair = std::str::from_utf8(pair).expect("hexadecimal digits");
        u8::from_str_radix(pair, 16).expect("hexadecimal digits")
    });
    RecordBatch::new(bytes.collect::<Bytes>()).expect("Kafka's batches are batches")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
