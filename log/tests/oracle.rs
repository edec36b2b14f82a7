//! Kafka's classes read what we write, and we read what they write, batch by batch.
//!
//! Plain `cargo test` reads the batches in `data/`, which Kafka 4.3.0 wrote. `TRIAL_ORACLE=COMMAND cargo test` runs
//! `COMMAND java oracle/Batches.java ...` as well, with Kafka's jars on its class path, for ten thousand random batches
//! each way.

use bytes::{Bytes, BytesMut};
use trial_log::{
    AppendOrigin, Assignment, CompressionType, LeaderEpoch, LogConfig, LogError, Offset,
    RecordBatch, TimestampType, ValidatedBatch, validate_and_assign_offsets,
};

mod batches;
mod java;

use batches::{Chance, Plan, T, built_again, described, odd, split};
use java::Java;

#[test]
fn batches_that_kafka_wrote_are_read() {
    let file = include_bytes!("data/kafka-4.3.0-random-batches.bin");
    let words = include_str!("data/kafka-4.3.0-random-batches.txt");
    let batches = split(&Bytes::from_static(file));
    for codec in CompressionType::ALL {
        let count = batches.iter().filter(|it| it.compression_type() == Ok(codec)).count();
        assert!(count >= 20, "{count} batches with {codec}");
    }
    same_words(&batches, words);
    uncompressed_are_built_the_same(&batches);
    frames_begin_the_same(&batches);
}

#[test]
fn kafka_reads_ours_and_we_read_kafkas() {
    let Some(oracle) = Java::of_environment() else {
        return;
    };
    let mut chance = Chance::new(6);
    let (mut file, mut words) = (BytesMut::new(), String::new());
    for (index, codec) in (0..10_000).zip(CompressionType::ALL.into_iter().cycle()) {
        let max = if index < 9_800 { 4_000 } else { 200_000 };
        let plan = Plan::random(&mut chance, codec, max);
        let batch = plan.build();
        words.push_str(&plan.described(batch.size_in_bytes()));
        file.extend_from_slice(batch.as_bytes());
    }
    let path = oracle.write("ours.bin", &file);
    same_lines(&words, &oracle.java("Batches.java", &["read", &path]));

    let odd = odd::all();
    let file: BytesMut = odd.iter().flat_map(|odd| odd.batch.as_bytes()).copied().collect();
    let path = oracle.write("odd.bin", &file);
    let kafkas = oracle.java("Batches.java", &["read", &path]);
    let kafkas: Vec<&str> = kafkas.split_inclusive("batch ").skip(1).collect();
    assert_eq!(kafkas.len(), odd.len(), "one after another");
    for (odd, kafkas) in odd.iter().zip(kafkas) {
        // What is read before a fault is seen differs, and whether one is seen does not.
        assert_eq!(!kafkas.contains("error"), odd.is_read, "{}: {kafkas}", odd.name);
    }

    for (seed, count, max) in [("7", 9_800, "4000"), ("8", 200, "200000")] {
        let path = oracle.write("kafkas.bin", &[]);
        let words = oracle.java("Batches.java", &["write", &path, seed, &count.to_string(), max]);
        let batches = split(&contents(&path));
        assert_eq!(batches.len(), count, "as many as were asked for");
        same_words(&batches, &words);
        uncompressed_are_built_the_same(&batches);
    }
}

#[test]
fn a_leader_stores_and_refuses_what_kafkas_does() {
    let Some(oracle) = Java::of_environment() else {
        return;
    };
    let mut chance = Chance::new(9);
    let (mut file, mut words) = (BytesMut::new(), String::new());
    for index in 0..4_000 {
        let codec = CompressionType::ALL[index / 5 % 5];
        let plan = Plan::random(&mut chance, codec, 4_000).of_a_client(&mut chance);
        let batch = plan.build();
        file.extend_from_slice(batch.as_bytes());
        words.push_str(&verdict(index, batch));
    }
    let stored = words.matches("stored").count();
    assert!((1_000..3_000).contains(&stored), "some are stored and some refused: {stored}");
    let path = oracle.write("validated.bin", &file);
    same_lines(
        &without_sizes(&words),
        &without_sizes(&oracle.java("Batches.java", &["validate", &path])),
    );
}

#[expect(clippy::disallowed_methods, reason = "a file that another program has written")]
fn contents(path: &str) -> Bytes {
    std::fs::read(path).expect("it was written").into()
}

/// What a leader says of a batch. The topic's settings follow from its number, as in `Batches.java`.
fn verdict(index: usize, batch: RecordBatch) -> String {
    let limit = if index / 100 % 2 == 1 { 2400 } else { i64::MAX };
    let append_time = index / 25 % 2 == 1;
    let config = LogConfig {
        compression: Some(CompressionType::ALL[index % 5].into()),
        compacted: index / 50 % 2 == 1,
        message_timestamp_type: match append_time {
            true => TimestampType::LogAppendTime,
            false => TimestampType::CreateTime,
        },
        message_timestamp_before_max_ms: limit,
        message_timestamp_after_max_ms: limit,
        ..LogConfig::default()
    };
    let (first_offset, leader_epoch) = (Offset(70), LeaderEpoch(3));
    let origin = AppendOrigin::Client;
    let assignment = Assignment { first_offset, leader_epoch, origin, now_ms: T + 2500 };
    match validate_and_assign_offsets(batch, &config, &assignment) {
        Ok(ValidatedBatch { batch, stats }) => {
            let (bytes, records) = (stats.temporary_memory_bytes, stats.records_converted);
            let max_timestamp = batch.max_timestamp();
            format!("stored {max_timestamp} {bytes} {records}\n{}", described(&batch))
        }
        Err(LogError::Records(errors)) => {
            let named = errors.errors().iter().map(|it| format!(" {}", it.batch_index));
            format!("refused {:?}{}\n", errors.kind(), named.collect::<String>())
        }
        Err(LogError::Batch(error)) => format!("refused {:?}\n", error.kind()),
        Err(other) => panic!("a validation writes nothing: {other}"),
    }
}

/// The sizes of batches that were written anew are their compressor's.
fn without_sizes(words: &str) -> String {
    let lines = words.lines().map(|line| match line.split_once(" size ") {
        Some((before, _)) => format!("{before}\n"),
        None => format!("{line}\n"),
    });
    lines.collect()
}

#[track_caller]
fn same_words(batches: &[RecordBatch], want: &str) {
    let got: String = batches.iter().map(described).collect();
    same_lines(want, &got);
}

#[track_caller]
fn same_lines(want: &str, got: &str) {
    let differs = want.lines().zip(got.lines()).enumerate().find(|(_, (want, got))| want != got);
    if let Some((line, (want, got))) = differs {
        panic!("line {}:\nwant {want}\ngot  {got}", line + 1);
    }
    assert_eq!(want.lines().count(), got.lines().count(), "as many lines");
}

/// What is not compressed has one form. With the log append time the records' own timestamps are lost in reading.
#[track_caller]
fn uncompressed_are_built_the_same(batches: &[RecordBatch]) {
    let mut compared = 0;
    for batch in batches {
        let is_whole = batch.count() == 0 || batch.timestamp_type() == TimestampType::CreateTime;
        if !batch.is_compressed() && is_whole {
            assert_eq!(&built_again(batch), batch, "{}", described(batch));
            compared += 1;
        }
    }
    assert!(compared * 10 > batches.len(), "{compared} of {}", batches.len());
}

/// What is compressed has as many forms as there are compressors, but each codec begins its frame in one way: all of
/// gzip's header, of snappy's and of lz4's; zstd's but for the window, which the compressor chooses.
#[track_caller]
fn frames_begin_the_same(batches: &[RecordBatch]) {
    for batch in batches.iter().filter(|batch| batch.is_compressed()) {
        let size = match batch.compression_type() {
            Ok(CompressionType::Gzip) => 10,
            Ok(CompressionType::Snappy) => 16,
            Ok(CompressionType::Lz4) => 7,
            _ => 5,
        };
        let ours = built_again(batch);
        let frame = 61..61 + size;
        assert_eq!(ours.as_bytes()[frame.clone()], batch.as_bytes()[frame], "{}", described(batch));
    }
}
