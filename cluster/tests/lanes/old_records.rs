//! Records that go: by retention, by DeleteRecords, by compaction; and what a reader is told of it.

use std::collections::BTreeMap;

use bytes::Bytes;
use trial_cluster::error_code::ErrorCode;
use trial_cluster::ids::Offset;
use trial_cluster::note::Note;
use trial_cluster::wire::{
    DeleteRecordsRequest, FetchRequest, ListOffsetsRequest, delete_records_request, fetch_request,
    list_offsets_request,
};
use trial_log::{BatchBuilder, Batches, CompressionType, LogEvent};
use trial_sim::{CrashKind, DiskId, Seen, Span};

use crate::support::{Bench, Door, Setup};

/// What a broker's clock shows at its start.
const NOON: i64 = 1_767_225_600_000;

fn batch(builder: BatchBuilder, key: Option<&str>, value: Option<&str>) -> Bytes {
    let mut builder = builder;
    builder.append(NOON, key.map(str::as_bytes), value.map(str::as_bytes), &[]);
    builder.build().into_bytes()
}

/// Produces a record with acks=1.
fn produce(bench: &mut Bench, door: Door, key: &str, value: Option<&str>) {
    let records = batch(BatchBuilder::new(Offset(0)), Some(key), value);
    bench.send_batch(door, 0, (1, records));
    assert_eq!(bench.wait_for_answered(door).0, 0, "it is taken");
}

/// Up to this offset, within five seconds.
fn deletion(topic: &str, partition: i32, offset: i64) -> DeleteRecordsRequest {
    let partitions = vec![delete_records_request::Partition { partition_index: partition, offset }];
    let topics = vec![delete_records_request::Topic { name: topic.to_owned(), partitions }];
    DeleteRecordsRequest { topics, timeout_ms: 5_000 }
}

/// Error code and low watermark.
fn delete(bench: &mut Bench, door: Door, topic: &str, partition: i32, offset: i64) -> (i16, i64) {
    bench.send(door, 2, &deletion(topic, partition, offset));
    deleted(bench, door)
}

fn deleted(bench: &mut Bench, door: Door) -> (i16, i64) {
    let answer = bench.wait_for::<DeleteRecordsRequest>(door, 2);
    let answer = &answer.topics[0].partitions[0];
    (answer.error_code, answer.low_watermark)
}

/// Where the log starts, as a consumer is told.
fn earliest(bench: &mut Bench, door: Door) -> i64 {
    let asked = list_offsets_request::Partition {
        partition_index: 0,
        current_leader_epoch: -1,
        timestamp: -2,
    };
    let topic = list_offsets_request::Topic { name: "orders".to_owned(), partitions: vec![asked] };
    let request = ListOffsetsRequest { replica_id: -1, topics: vec![topic], ..Default::default() };
    let answer = bench.ask(door, 7, &request);
    answer.topics[0].partitions[0].offset
}

/// Error code and records of a fetch in a version that names topics.
fn fetch(bench: &mut Bench, door: Door, version: i16, offset: i64) -> (i16, Bytes) {
    let partition = fetch_request::Partition {
        fetch_offset: offset,
        partition_max_bytes: 1 << 20,
        ..Default::default()
    };
    let topic = fetch_request::Topic {
        topic: "orders".to_owned(),
        partitions: vec![partition],
        ..Default::default()
    };
    let request = FetchRequest { min_bytes: 0, topics: vec![topic], ..Default::default() };
    let mut answer = bench.ask(door, version, &request);
    let answer = answer.responses.remove(0).partitions.remove(0);
    (answer.error_code, answer.records.unwrap_or_default())
}

/// Key and value of every record from an offset on, with its offset.
fn read(bench: &mut Bench, door: Door, mut offset: i64) -> Vec<(i64, String, Option<String>)> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("words");
    let mut found = Vec::new();
    loop {
        let (code, records) = fetch(bench, door, 12, offset);
        assert_eq!(code, 0, "offset {offset} can be read");
        if records.is_empty() {
            return found;
        }
        for batch in Batches::new(records) {
            let batch = batch.expect("whole batches");
            for record in batch.records() {
                let record = record.expect("a record");
                let key = record.key().map(text).unwrap_or_default();
                found.push((record.offset.0, key, record.value().map(text)));
            }
            offset = batch.last_offset().0 + 1;
        }
    }
}

fn files(bench: &Bench) -> Vec<String> {
    let disk = bench.world.disk(bench.b1, DiskId(0));
    let own = disk.files().filter_map(|(path, _)| Some(path.strip_prefix("orders-0/")?.to_owned()));
    own.collect()
}

fn setup(seed: u64, topic: &[(&'static str, &'static str)]) -> Setup {
    let mut setup = Setup::new(seed);
    setup.topic = topic.to_vec();
    let quick = [
        ("log.initial.task.delay.ms", "1000"),
        ("log.retention.check.interval.ms", "1000"),
        ("log.flush.start.offset.checkpoint.interval.ms", "1000"),
        ("log.cleaner.backoff.ms", "500"),
    ];
    for (name, value) in quick {
        setup.config.set(name, value).expect("it is Kafka's");
    }
    setup
}

#[test]
fn records_are_deleted_up_to_the_high_watermark_and_no_further() {
    let mut bench = setup(3, &[]).build();
    let door = bench.connect();
    for number in 0..5 {
        produce(&mut bench, door, "key", Some(&number.to_string()));
    }
    let out_of_range = (ErrorCode::OffsetOutOfRange.code(), -1);
    let unknown = (ErrorCode::UnknownTopicOrPartition.code(), -1);
    assert_eq!(delete(&mut bench, door, "nowhere", 0, 1), unknown);
    assert_eq!(delete(&mut bench, door, "orders", 1, 1), unknown);
    assert_eq!(delete(&mut bench, door, "orders", 0, 6), out_of_range, "above the high watermark");
    assert_eq!(delete(&mut bench, door, "orders", 0, -2), out_of_range, "no offset");
    assert_eq!(earliest(&mut bench, door), 0, "nothing has gone");
    assert_eq!(delete(&mut bench, door, "orders", 0, 3), (0, 3));
    assert_eq!(delete(&mut bench, door, "orders", 0, 2), (0, 3), "a start does not go back");
    assert_eq!(earliest(&mut bench, door), 3);
    assert_eq!(fetch(&mut bench, door, 12, 2).0, ErrorCode::OffsetOutOfRange.code());
    let left: Vec<i64> = read(&mut bench, door, 3).into_iter().map(|(offset, ..)| offset).collect();
    assert_eq!(left, [3, 4]);
    assert_eq!(delete(&mut bench, door, "orders", 0, -1), (0, 5), "up to the high watermark");
    assert_eq!(read(&mut bench, door, 5), []);
}

/// In Kafka: `Partition.lowWatermarkIfLeader`, `DelayedDeleteRecords`.
#[test]
fn a_deletion_is_answered_when_every_live_replica_has_followed() {
    let timed_out = ErrorCode::RequestTimedOut.code();
    let mut setup = setup(7, &[]);
    setup.followers = 2;
    let mut bench = setup.build();
    let door = bench.connect();
    for number in 0..5 {
        produce(&mut bench, door, "key", Some(&number.to_string()));
    }
    bench.run_for(Span::from_secs(2));
    assert_eq!(delete(&mut bench, door, "orders", 0, 1), (0, 1), "both followers fetch");
    let (b1, b2) = (bench.b1, bench.host("b2"));
    let moves_to = |to: i64| {
        move |seen: &Seen<Note>| {
            let event = match seen {
                Seen::Note { host, note: Note::Log { event, .. }, .. } if *host == b2 => event,
                _ => return false,
            };
            matches!(event, LogEvent::LogStartMoved { to: found, .. } if *found == Offset(to))
        }
    };
    // b2 lives and is in sync, and does not fetch.
    let held = bench.world.hold(b2, b1, "Fetch");
    bench.run_for(Span::from_secs(2));
    let asked_at = bench.world.now();
    assert_eq!(delete(&mut bench, door, "orders", 0, 3), (timed_out, 1));
    let waited = bench.world.now().since(asked_at);
    assert!(waited >= Span::from_secs(5) && waited < Span::from_secs(6), "it waited {waited}");
    assert_eq!(earliest(&mut bench, door), 3, "what has timed out is not undone");
    bench.send(door, 2, &deletion("orders", 0, 3));
    bench.run_for(Span::from_secs(2));
    assert!(!bench.is_answered(door), "b2 has not followed");
    bench.world.heal(held);
    bench.run_until_seen(moves_to(3));
    assert!(!bench.is_answered(door), "the leader has not heard of it");
    assert_eq!(deleted(&mut bench, door), (0, 3));
    // A broker that is down is waited for until it is fenced.
    bench.world.crash(b2, CrashKind::Process);
    assert_eq!(delete(&mut bench, door, "orders", 0, 4), (timed_out, 3));
    bench.run_for(Span::from_secs(10));
    let asked_at = bench.world.now();
    assert_eq!(delete(&mut bench, door, "orders", 0, 4), (0, 4), "b3 alone is left to follow");
    let waited = bench.world.now().since(asked_at);
    assert!(waited < Span::from_secs(1), "it waited {waited} for who is fenced");
}

#[test]
fn what_was_deleted_stays_deleted_once_that_is_written_down() {
    let mut bench = setup(4, &[]).build();
    let door = bench.connect();
    for number in 0..5 {
        produce(&mut bench, door, "key", Some(&number.to_string()));
    }
    let mut forgetful = bench.clone();
    let door = bench.connect();
    assert_eq!(delete(&mut bench, door, "orders", 0, 3), (0, 3));
    bench.run_for(Span::from_secs(3));
    let door = forgetful.connect();
    assert_eq!(delete(&mut forgetful, door, "orders", 0, 3), (0, 3));
    for (bench, want) in [(&mut bench, 3), (&mut forgetful, 0)] {
        bench.world.crash(bench.b1, CrashKind::Process);
        bench.run_for(Span::from_secs(1));
        bench.world.restart(bench.b1);
        bench.run_for(Span::from_secs(20));
        let door = bench.connect();
        assert_eq!(earliest(bench, door), want, "a start counts from its checkpoint on");
    }
}

#[test]
fn segments_go_by_size_and_their_files_a_while_later() {
    let topic = [
        ("internal.segment.bytes", "300"),
        ("retention.bytes", "600"),
        ("file.delete.delay.ms", "5000"),
    ];
    let mut bench = setup(5, &topic).build();
    let door = bench.connect();
    for number in 0..20 {
        produce(&mut bench, door, "key", Some(&format!("{number:0100}")));
    }
    let all = files(&bench).iter().filter(|name| name.ends_with(".log")).count();
    assert!(all > 5, "only {all} segments");
    bench.run_for(Span::from_secs(2));
    let start = earliest(&mut bench, door);
    assert!(start > 10, "the log starts at {start}");
    assert_eq!(fetch(&mut bench, door, 12, start - 1).0, ErrorCode::OffsetOutOfRange.code());
    let left = read(&mut bench, door, start);
    assert_eq!(left.len() as i64, 20 - start, "the rest is there");
    let doomed = |bench: &Bench| files(bench).iter().any(|name| name.ends_with(".deleted"));
    assert!(doomed(&bench), "files wait");
    bench.run_for(Span::from_secs(6));
    assert!(!doomed(&bench), "and go");
}

#[test]
fn a_compacted_topic_keeps_the_last_record_of_each_key_and_buries_what_was_deleted() {
    let topic = [
        ("cleanup.policy", "compact"),
        ("internal.segment.bytes", "300"),
        ("min.cleanable.dirty.ratio", "0.01"),
        ("delete.retention.ms", "3000"),
    ];
    let mut bench = setup(6, &topic).build();
    let door = bench.connect();
    let records = batch(BatchBuilder::new(Offset(0)), None, Some("no key"));
    bench.send_batch(door, 0, (1, records));
    assert_eq!(bench.wait_for_answered(door).0, ErrorCode::InvalidRecord.code());
    let mut last = BTreeMap::new();
    for number in 0..40 {
        let (key, value) = (format!("key-{}", number % 4), format!("{number:050}"));
        produce(&mut bench, door, &key, Some(&value));
        last.insert(key, value);
    }
    produce(&mut bench, door, "key-0", None);
    // Tombstones are only cleaned away from closed segments.
    for number in 40..50 {
        let (key, value) = ("key-3".to_owned(), format!("{number:050}"));
        produce(&mut bench, door, &key, Some(&value));
        last.insert(key, value);
    }
    bench.run_for(Span::from_secs(2));
    let left = read(&mut bench, door, 0);
    assert!(left.len() < 15, "{} of 51 records are left", left.len());
    assert!(left.iter().any(|(_, key, value)| key == "key-0" && value.is_none()), "{left:?}");
    for key in ["key-1", "key-2", "key-3"] {
        let newest = left.iter().rfind(|(_, it, _)| it == key).expect("it was not deleted");
        assert_eq!(newest.2.as_ref(), last.get(key), "the last record of {key}");
    }
    assert_eq!(delete(&mut bench, door, "orders", 0, 1), (ErrorCode::PolicyViolation.code(), -1));
    // A second cleaning, after its time, takes the tombstone too; it needs something new to begin.
    bench.run_for(Span::from_secs(4));
    for number in 50..60 {
        produce(&mut bench, door, "key-3", Some(&format!("{number:050}")));
    }
    bench.run_for(Span::from_secs(2));
    let left = read(&mut bench, door, 0);
    assert!(left.iter().all(|(_, key, _)| key != "key-0"), "its grave is gone too: {left:?}");
}

#[test]
fn consumers_that_do_not_know_zstd_are_refused_by_a_topic_that_stores_it() {
    let mut bench = setup(7, &[("compression.type", "zstd")]).build();
    let door = bench.connect();
    produce(&mut bench, door, "key", Some("value"));
    let refused = ErrorCode::UnsupportedCompressionType.code();
    assert_eq!(fetch(&mut bench, door, 9, 0).0, refused);
    let (code, records) = fetch(&mut bench, door, 10, 0);
    assert_eq!(code, 0);
    let stored = Batches::new(records).next().expect("a batch").expect("a whole one");
    assert_eq!(stored.compression_type(), Ok(CompressionType::Zstd), "the broker wrote it anew");
}
