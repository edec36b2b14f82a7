//! What a leader takes from a client, how it stores it, and what it answers to the rest.
//!
//! The cases are those of Kafka's `LogValidatorTest` that version 2 can have.

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use trial_log::{
    AppendOrigin, Assignment, BatchBuilder, BatchErrorKind, Compression, CompressionType,
    DECOMPRESSED_BYTES_MAX, Header, LeaderEpoch, LogConfig, LogError, NO_TIMESTAMP, Offset,
    Producer, RecordBatch, RecordErrorKind, TimestampType, ValidatedBatch,
    validate_and_assign_offsets,
};

mod batches;

use BatchErrorKind as Kind;
use CompressionType::{Gzip, Lz4, None as Plain, Snappy, Zstd};
use batches::odd::sealed;

const NOW: i64 = batches::T;
const LAST_OFFSET_DELTA_AT: usize = 23;
const COUNT_AT: usize = 57;
const PAYLOAD_AT: usize = 61;

#[test]
fn offsets_epoch_and_largest_timestamp_are_stamped_whatever_the_codecs() {
    for (source, target) in pairs() {
        let sent = three(source, [NOW - 5, NOW + 7, NOW]);
        let stored = validated(&sent, &topic(target)).expect("it is good").batch;
        assert!(stored.is_valid(), "{source} to {target}: the checksum");
        assert_eq!(stored.compression_type(), Ok(target), "from {source}");
        let header = (stored.base_offset().0, stored.last_offset().0, stored.leader_epoch().0);
        assert_eq!(header, (70, 72, 3), "{source} to {target}");
        assert_eq!((stored.count(), stored.max_timestamp()), (3, NOW + 7), "{source} to {target}");
        assert_eq!(stored.timestamp_type(), TimestampType::CreateTime);
        assert_eq!(contents(&stored), contents(&sent), "{source} to {target}");
        let producer = (stored.producer(), stored.is_transactional());
        assert_eq!(producer, (sent.producer(), true), "{source} to {target}");
    }
}

#[test]
fn the_append_time_is_stamped_whatever_the_codecs() {
    for (source, target) in pairs() {
        let config =
            LogConfig { message_timestamp_type: TimestampType::LogAppendTime, ..topic(target) };
        let sent = three(source, [NOW - 5, NO_TIMESTAMP, 17]);
        let stored = validated(&sent, &config).expect("no timestamp is looked at").batch;
        assert!(stored.is_valid(), "{source} to {target}: the checksum");
        let times = (stored.timestamp_type(), stored.max_timestamp(), stored.base_timestamp());
        assert_eq!(times, (TimestampType::LogAppendTime, NOW, NOW - 5), "{source} to {target}");
        let read: Vec<i64> =
            stored.records().map(|it| it.expect("it is whole").timestamp).collect();
        assert_eq!(read, [NOW; 3], "{source} to {target}");
    }
}

#[test]
fn a_batch_is_written_in_place_unless_its_codec_is_not_the_topics() {
    for (source, target) in pairs() {
        let sent = three(source, [NOW; 3]);
        let ValidatedBatch { batch, stats } = validated(&sent, &topic(target)).expect("it is good");
        let in_place = batch.as_bytes()[PAYLOAD_AT..] == sent.as_bytes()[PAYLOAD_AT..];
        assert_eq!(in_place, source == target, "{source} to {target}");
        let plain = three(Plain, [NOW; 3]).size_in_bytes() as u64;
        let want = match (source, target) {
            (Plain, Plain) => (0, 0),
            _ if source == target => (plain, 0),
            _ => (2 * plain, 3),
        };
        let got = (stats.temporary_memory_bytes, stats.records_converted);
        assert_eq!(got, want, "{source} to {target}");
    }
    let best = Compression::with_level(Gzip, 9).expect("the best level");
    let config = LogConfig { compression: Some(best), ..LogConfig::default() };
    let stats = validated(&three(Gzip, [NOW; 3]), &config).expect("it is good").stats;
    assert_eq!(stats.records_converted, 0, "another level is no reason");
}

#[test]
fn a_topic_that_leaves_it_to_the_producer_keeps_the_codec() {
    for codec in CompressionType::ALL {
        let stored = validated(&three(codec, [NOW; 3]), &LogConfig::default());
        assert_eq!(stored.expect("it is good").batch.compression_type(), Ok(codec));
    }
}

#[test]
fn offsets_that_do_not_count_up_are_mended_in_compressed_batches_and_refused_in_others() {
    for (source, target) in pairs() {
        let mut builder = BatchBuilder::new(Offset::ZERO).compression(source.into());
        builder.append_at(Offset(1), NOW, Some(b"a"), None, &[]);
        builder.append_at(Offset(2), NOW, Some(b"b"), None, &[]);
        let sent = edited(&builder.build(), |bytes| bytes[LAST_OFFSET_DELTA_AT + 3] = 1);
        let got = validated(&sent, &topic(target));
        if (source, target) == (Plain, Plain) {
            assert_eq!(kind(got), Err(Kind::Invalid));
            continue;
        }
        let stored = got.expect("it is mended").batch;
        let offsets: Vec<i64> =
            stored.records().map(|it| it.expect("it is whole").offset.0).collect();
        assert_eq!(offsets, [70, 71], "{source} to {target}");
    }
}

#[test]
fn a_header_that_does_not_agree_with_itself_is_refused() {
    for (source, target) in pairs() {
        let check = |what: &str, at: usize, value: i32, want: Result<(), Kind>| {
            let sent = edited(&three(source, [NOW; 3]), |bytes| {
                bytes[at..at + 4].copy_from_slice(&value.to_be_bytes());
            });
            let got = kind(validated(&sent, &topic(target)));
            assert_eq!(got, want, "{source} to {target}: {what} {value}");
        };
        check("count", COUNT_AT, 3, Ok(()));
        for count in [0, -1, 2, 4, i32::MAX, i32::MIN] {
            check("count", COUNT_AT, count, Err(Kind::Invalid));
        }
        for delta in [-1, 0, 1, 3, i32::MAX, i32::MIN] {
            check("last offset delta", LAST_OFFSET_DELTA_AT, delta, Err(Kind::Invalid));
        }
        // Agreeing with each other, and not with the records.
        for count in [2u8, 4] {
            let sent = edited(&three(source, [NOW; 3]), |bytes| {
                bytes[COUNT_AT + 3] = count;
                bytes[LAST_OFFSET_DELTA_AT + 3] = count - 1;
            });
            let got = kind(validated(&sent, &topic(target)));
            assert_eq!(got, Err(Kind::Invalid), "{source} to {target}: {count} records");
        }
    }
}

#[test]
fn each_fault_of_a_header_has_its_error() {
    for codec in CompressionType::ALL {
        let zero = BatchBuilder::new(Offset::ZERO).compression(codec.into());
        let one = |mut builder: BatchBuilder| {
            builder.append(NOW, Some(b"k"), Some(b"v"), &[]);
            builder.build()
        };
        let producer = |base_sequence| Producer { id: 4, epoch: 0, base_sequence };
        let check = |batch: RecordBatch, want: Result<(), Kind>| {
            assert_eq!(kind(validated(&batch, &LogConfig::default())), want, "{codec}: {batch:?}");
        };
        check(one(zero.clone()), Ok(()));
        check(one(zero.clone().producer(producer(0))), Ok(()));
        check(one(zero.clone().producer(producer(-1))), Err(Kind::Invalid));
        check(one(zero.clone().control()), Err(Kind::Invalid));
        check(
            one(zero.clone().control().producer(producer(0)).transactional()),
            Err(Kind::Invalid),
        );
        check(one(BatchBuilder::new(Offset(1)).compression(codec.into())), Err(Kind::Invalid));
        check(zero.clone().build(), Err(Kind::Invalid));
        let mut bytes = BytesMut::from(one(zero.clone()).as_bytes());
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        let corrupt = RecordBatch::new(bytes.freeze()).expect("its length is as it was");
        check(corrupt, Err(Kind::Corrupt));
        for number in 5..8 {
            let sent = edited(&one(zero.clone()), |bytes| bytes[22] = bytes[22] & !7 | number);
            check(sent, Err(Kind::Unexpected));
        }
    }
}

#[test]
fn a_record_whose_parts_do_not_fit_is_refused_and_not_read() {
    // Length, attributes, timestamp, offset, key, value, count of headers, headers.
    let rows: &[(&str, &[u8], bool)] = &[
        ("a null key and a null value", &[12, 0, 0, 0, 1, 1, 0], true),
        ("a header", &[22, 0, 0, 0, 2, b'k', 1, 2, 2, b'h', 0, 0], false),
        ("a header that fits", &[20, 0, 0, 0, 2, b'k', 1, 2, 2, b'h', 0], true),
        ("a null header value", &[16, 0, 0, 0, 1, 1, 2, 0, 1], true),
        ("a byte too many", &[14, 0, 0, 0, 1, 1, 0, 0], false),
        ("a byte too few", &[10, 0, 0, 0, 1, 1, 0], false),
        ("no room for the length", &[100, 0, 0, 0, 1, 1, 0], false),
        ("a length below zero", &[1, 0, 0, 0, 1, 1, 0], false),
        ("a length of zero", &[0], false),
        ("a key beyond the record", &[12, 0, 0, 0, 20, 1, 0], false),
        ("a value beyond the record", &[12, 0, 0, 0, 1, 20, 0], false),
        ("a count of headers below zero", &[12, 0, 0, 0, 1, 1, 1], false),
        ("more headers than bytes", &[12, 0, 0, 0, 1, 1, 60], false),
        ("a null header key", &[16, 0, 0, 0, 1, 1, 2, 1, 1], false),
        ("a header beyond the record", &[16, 0, 0, 0, 1, 1, 2, 8, 1], false),
        (
            "a number without an end",
            &[24, 0, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1],
            false,
        ),
        ("nothing", &[], false),
    ];
    for (name, record, is_good) in rows {
        for codec in CompressionType::ALL {
            let payload = batches::odd::wrapped(codec, record);
            let batch = batches::odd::batch_of(codec, &payload, 1);
            let batch = edited(&batch, |bytes| bytes[..8].fill(0));
            let read = batch.records().all(|record| record.is_ok());
            assert_eq!(read, *is_good, "{codec}: {name} is read");
            let want = if *is_good { Ok(()) } else { Err(Kind::Invalid) };
            assert_eq!(kind(validated(&batch, &topic(codec))), want, "{codec}: {name} is taken");
        }
    }
}

#[test]
fn control_batches_of_coordinators_are_taken_and_never_compressed() {
    let mut builder = BatchBuilder::new(Offset::ZERO)
        .producer(Producer { id: 4, epoch: 0, base_sequence: -1 })
        .transactional()
        .control();
    builder.append_control(NOW, trial_log::ControlRecordType::Commit, &[0; 6]);
    let marker = builder.build();
    for target in CompressionType::ALL {
        let stored = validate(&marker, &topic(target), AppendOrigin::Coordinator);
        let stored = stored.expect("a coordinator writes markers").batch;
        assert!(stored.is_control() && !stored.is_compressed(), "{target}");
        assert_eq!(stored.as_bytes()[PAYLOAD_AT..], marker.as_bytes()[PAYLOAD_AT..], "{target}");
    }
}

#[test]
fn timestamps_are_held_to_both_limits() {
    let check = |timestamp: i64, (before, after): (i64, i64), want: Result<(), Kind>| {
        for (source, target) in pairs() {
            let config = LogConfig {
                message_timestamp_before_max_ms: before,
                message_timestamp_after_max_ms: after,
                ..topic(target)
            };
            let got = kind(validated(&three(source, [NOW, timestamp, NOW]), &config));
            assert_eq!(got, want, "{source} to {target}: {timestamp} within {before} and {after}");
        }
    };
    let late = Err(Kind::Timestamp);
    check(NOW - 1000, (1000, 2000), Ok(()));
    check(NOW - 1001, (1000, 2000), late);
    check(NOW + 2000, (1000, 2000), Ok(()));
    check(NOW + 2001, (1000, 2000), late);
    check(NO_TIMESTAMP, (0, 0), Ok(()));
    check(0, (i64::MAX, 3_600_000), Ok(()));
    check(NOW + 3_600_001, (i64::MAX, 3_600_000), late);
    check(i64::MAX, (i64::MAX, 3_600_000), late);
    check(i64::MAX, (i64::MAX, i64::MAX), Ok(()));
}

#[test]
fn a_timestamp_below_zero_is_stored_as_it_is_but_never_written_anew() {
    let sent = three(Plain, [NOW, -5, NOW]);
    assert_eq!(kind(validated(&sent, &topic(Plain))), Ok(()));
    assert_eq!(kind(validated(&sent, &topic(Gzip))), Err(Kind::Unexpected));
}

#[test]
fn a_client_may_claim_the_append_time_only_where_its_timestamp_is_checked() {
    use TimestampType::{CreateTime, LogAppendTime};
    let check = |claimed, kept, want: Result<(), Kind>| {
        for (source, target) in pairs() {
            let mut builder =
                BatchBuilder::new(Offset::ZERO).compression(source.into()).log_append_time(claimed);
            builder.append(NOW, Some(b"k"), None, &[]);
            let config = LogConfig { message_timestamp_type: kept, ..topic(target) };
            let got = kind(validated(&builder.build(), &config));
            assert_eq!(got, want, "{source} to {target}: {claimed}, {kept:?}");
        }
    };
    check(NOW, CreateTime, Ok(()));
    check(NO_TIMESTAMP, CreateTime, Err(Kind::Timestamp));
    check(NOW, LogAppendTime, Err(Kind::Timestamp));
}

#[test]
fn every_bad_record_is_named_and_a_bad_timestamp_decides_the_error() {
    let compacted = LogConfig { compacted: true, ..LogConfig::default() };
    for (source, target) in pairs() {
        let config = LogConfig { compression: Some(target.into()), ..compacted.clone() };
        let check = |records: &[(i64, Option<&[u8]>)], want: (Kind, &[i32])| {
            let mut builder = BatchBuilder::new(Offset::ZERO).compression(source.into());
            for (timestamp, key) in records {
                builder.append(*timestamp, *key, Some(b"v"), &[]);
            }
            let Err(LogError::Records(errors)) = validated(&builder.build(), &config) else {
                panic!("{source} to {target}: {records:?} is refused, record by record");
            };
            let indices: Vec<i32> = errors.errors().iter().map(|it| it.batch_index).collect();
            assert_eq!((errors.kind(), &indices[..]), want, "{source} to {target}: {errors}");
        };
        let (key, late) = (Some(&b"k"[..]), NOW + 3_600_001);
        check(&[(NOW, None), (NOW, key), (NOW, None)], (Kind::Invalid, &[0, 2]));
        check(&[(NOW, key), (late, key), (late, key)], (Kind::Timestamp, &[1, 2]));
        check(&[(NOW, None), (late, key), (late, None)], (Kind::Timestamp, &[0, 1, 2]));
    }
    let mut builder = BatchBuilder::new(Offset::ZERO);
    for timestamp in [NOW, 9_000_000_000_000, NOW, NOW, NOW] {
        builder.append(timestamp, (timestamp != NOW).then_some(b"k"), None, &[]);
    }
    let Err(LogError::Records(errors)) = validated(&builder.build(), &compacted) else {
        panic!("no record of it is good");
    };
    assert_eq!(errors.errors()[0].kind, RecordErrorKind::NoKey);
    let earliest = NOW - i64::MAX;
    let text = format!(
        "5 records are refused: record 0: the topic is compacted, and the record has no key; record 1: timestamp \
         9000000000000 is not within {earliest} to 1767229200000; record 2: the topic is compacted, and the record has \
         no key"
    );
    assert_eq!(errors.to_string(), text);
}

#[test]
fn a_batch_is_held_to_the_largest_size_before_and_after_it_is_written_anew() {
    for (source, target) in pairs() {
        let noise: Vec<u8> =
            (0..2000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let mut builder = BatchBuilder::new(Offset::ZERO).compression(source.into());
        builder.append(NOW, None, Some(&noise), &[]);
        let sent = builder.build();
        let stored = validated(&sent, &topic(target)).expect("it is small enough").batch;
        let largest = sent.size_in_bytes().max(stored.size_in_bytes());
        for (max_message_bytes, want) in [(largest, Ok(())), (largest - 1, Err(Kind::TooLarge))] {
            let config = LogConfig { max_message_bytes, ..topic(target) };
            assert_eq!(kind(validated(&sent, &config)), want, "{source} to {target}");
        }
    }
}

#[test]
fn a_batch_that_decompresses_to_too_much_is_refused() {
    let check = |size: u64, want: Result<(), Kind>| {
        let batch = edited(&batches::odd::zeros(size), |bytes| bytes[..8].fill(0));
        assert!(batch.size_in_bytes() < 10_000, "it is small: {}", batch.size_in_bytes());
        assert_eq!(kind(validated(&batch, &LogConfig::default())), want, "{size} bytes");
    };
    check(DECOMPRESSED_BYTES_MAX, Ok(()));
    check(DECOMPRESSED_BYTES_MAX + 20, Err(Kind::Unexpected));
}

fn pairs() -> impl Iterator<Item = (CompressionType, CompressionType)> {
    let codecs = [Plain, Gzip, Snappy, Lz4, Zstd];
    codecs.into_iter().flat_map(move |source| codecs.map(move |target| (source, target)))
}

fn topic(codec: CompressionType) -> LogConfig {
    LogConfig { compression: Some(codec.into()), ..LogConfig::default() }
}

/// Three records of a transaction, with headers, and a null.
fn three(codec: CompressionType, timestamps: [i64; 3]) -> RecordBatch {
    let producer = Producer { id: 4711, epoch: 3, base_sequence: i32::MAX };
    let mut builder = BatchBuilder::new(Offset::ZERO)
        .producer(producer)
        .transactional()
        .compression(codec.into());
    let headers = [Header { key: b"trace", value: Some(b"on") }, Header { key: b"", value: None }];
    for (timestamp, value) in timestamps.into_iter().zip([Some(&[7; 300][..]), Some(b""), None]) {
        builder.append(timestamp, Some(b"key"), value, &headers);
    }
    builder.build()
}

/// All of the records but their offsets.
fn contents(batch: &RecordBatch) -> Vec<String> {
    let records = batch.records().map(|it| it.expect("it is whole"));
    let said = records.map(|it| {
        let headers: Vec<_> = it.headers().collect();
        format!("{} {} {:?} {:?} {headers:?}", it.timestamp, it.sequence, it.key(), it.value())
    });
    said.collect()
}

fn validated(batch: &RecordBatch, config: &LogConfig) -> Result<ValidatedBatch, LogError> {
    validate(batch, config, AppendOrigin::Client)
}

fn validate(
    batch: &RecordBatch,
    config: &LogConfig,
    origin: AppendOrigin,
) -> Result<ValidatedBatch, LogError> {
    let (first_offset, leader_epoch) = (Offset(70), LeaderEpoch(3));
    let assignment = Assignment { first_offset, leader_epoch, origin, now_ms: NOW };
    validate_and_assign_offsets(batch.clone(), config, &assignment)
}

fn kind(got: Result<ValidatedBatch, LogError>) -> Result<(), Kind> {
    match got {
        Ok(_) => Ok(()),
        Err(LogError::Batch(error)) => Err(error.kind()),
        Err(LogError::Records(errors)) => Err(errors.kind()),
        Err(other) => panic!("a validation writes nothing: {other}"),
    }
}

/// The batch with other bytes, and a checksum that agrees.
fn edited(batch: &RecordBatch, edit: impl FnOnce(&mut BytesMut)) -> RecordBatch {
    let mut bytes = BytesMut::from(batch.as_bytes());
    edit(&mut bytes);
    sealed(bytes)
}

proptest! {
    #[test]
    fn any_payload_is_stored_readable_or_refused(
        codec in 0..5u8,
        target in prop::sample::select(&CompressionType::ALL[..]),
        payload in prop::collection::vec(any::<u8>(), 0..200),
        count in 0..4u8,
    ) {
        let mut bytes = BytesMut::from(three(Plain, [NOW; 3]).as_bytes());
        bytes.truncate(PAYLOAD_AT);
        bytes.extend_from_slice(&payload);
        bytes[22] = bytes[22] & !7 | codec;
        bytes[COUNT_AT + 3] = count;
        bytes[LAST_OFFSET_DELTA_AT + 3] = count.saturating_sub(1);
        if let Ok(stored) = validated(&sealed(bytes), &topic(target)) {
            prop_assert!(stored.batch.records().all(|record| record.is_ok()));
        }
    }

    #[test]
    fn a_changed_batch_is_stored_readable_or_refused(
        seed: u64,
        codec in prop::sample::select(&CompressionType::ALL[..]),
        target in prop::sample::select(&CompressionType::ALL[..]),
        changes in prop::collection::vec((any::<prop::sample::Index>(), 1..=255u8), 1..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let plan = batches::Plan::random(&mut batches::Chance::new(seed), codec, 3000);
        let mut bytes = BytesMut::from(plan.build().as_bytes());
        for (place, change) in changes {
            let at = 21 + place.index(bytes.len() - 21);
            bytes[at] ^= change;
        }
        if let Some(cut) = cut {
            let size = PAYLOAD_AT + cut.index(bytes.len() - PAYLOAD_AT + 1);
            bytes.truncate(size);
        }
        bytes[..8].fill(0);
        let changed = sealed(bytes);
        // Nobody panics, whatever it is; and what a leader takes, everybody can read.
        let _ = changed.records().count();
        for origin in [AppendOrigin::Client, AppendOrigin::Coordinator] {
            if let Ok(stored) = validate(&changed, &topic(target), origin) {
                prop_assert!(stored.batch.records().all(|record| record.is_ok()));
            }
        }
    }
}

#[test]
fn whoever_holds_a_batch_alone_has_it_stamped_in_place() {
    let sent = three(Lz4, [NOW; 3]);
    let at = sent.as_bytes().as_ptr();
    let (first_offset, leader_epoch) = (Offset(70), LeaderEpoch(3));
    let origin = AppendOrigin::Client;
    let assignment = Assignment { first_offset, leader_epoch, origin, now_ms: NOW };
    let alone: Bytes = sent.into_bytes();
    let batch = RecordBatch::new(alone).expect("it is one");
    let stored = validate_and_assign_offsets(batch, &LogConfig::default(), &assignment);
    assert_eq!(stored.expect("it is good").batch.as_bytes().as_ptr(), at, "nothing was copied");
}
