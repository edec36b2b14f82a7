//! Bytes that are not what they should be: every change under the checksum is seen, and nothing panics.

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use trial_log::{
    AppendOrigin, Assignment, BatchBuilder, BatchError, BatchErrorKind, Batches, Header,
    LeaderEpoch, LogConfig, LogError, Offset, Producer, RecordBatch, validate_and_assign_offsets,
    validate_one_batch,
};

const NOW: i64 = 1_767_225_600_000;
/// Where the attributes begin, and with them what the checksum covers.
const COVERED_FROM: usize = 21;

#[test]
fn every_change_of_one_byte_under_the_checksum_is_seen() {
    let good = batch(&[b"first".to_vec(), b"second".to_vec()]);
    let mut tried = 0;
    for at in COVERED_FROM..good.len() {
        for change in 1..=255u8 {
            let mut bytes = BytesMut::from(&good[..]);
            bytes[at] ^= change;
            let batch = RecordBatch::new(bytes).expect("length and magic are as they were");
            assert!(!batch.is_valid(), "byte {at} changed by {change:#04x}");
            tried += 1;
        }
    }
    assert_eq!(tried, (good.len() - COVERED_FROM) * 255, "all bytes, all changes");
}

#[test]
fn the_checksum_itself_and_the_length_and_the_magic_are_seen_too() {
    let good = batch(&[b"value".to_vec()]);
    for at in (8..12).chain(16..COVERED_FROM) {
        for change in 1..=255u8 {
            let mut bytes = BytesMut::from(&good[..]);
            bytes[at] ^= change;
            let seen = match validate_one_batch(&bytes.freeze()) {
                Ok(batch) => !batch.is_valid(),
                Err(_) => true,
            };
            assert!(seen, "byte {at} changed by {change:#04x}");
        }
    }
}

#[test]
fn each_fault_of_a_clients_batch_has_its_error() {
    use BatchErrorKind as Kind;
    let record = |builder: BatchBuilder, timestamp| {
        let mut builder = builder;
        builder.append(timestamp, Some(b"k"), Some(b"v"), &[]);
        builder
    };
    let zero = BatchBuilder::new(Offset::ZERO);
    let none = Producer { base_sequence: -1, id: 4, epoch: 0 };
    check(record(zero.clone(), NOW), None);
    check(record(zero.clone(), NOW + 3_600_000), None);
    check(record(zero.clone(), NOW + 3_600_001), Some(Kind::Timestamp));
    check(record(zero.clone(), 0), None);
    check(record(zero.clone(), -1), None);
    check(record(zero.clone().log_append_time(NOW), NOW), None);
    check(record(zero.clone().log_append_time(-1), NOW), Some(Kind::Timestamp));
    check(record(BatchBuilder::new(Offset(1)), NOW), Some(Kind::Invalid));
    check(record(zero.clone().control(), NOW), Some(Kind::Invalid));
    check(record(zero.clone().producer(none), NOW), Some(Kind::Invalid));
    check(zero.clone(), Some(Kind::Invalid));
    let mut gap = record(zero.clone(), NOW);
    gap.append_at(Offset(5), NOW, None, None, &[]);
    check(gap, Some(Kind::Invalid));
    let mut large = zero.clone();
    large.append(NOW, None, Some(&vec![0; 1_048_588]), &[]);
    check(large, Some(Kind::TooLarge));
}

#[test]
fn settings_of_the_topic_decide_what_is_refused() {
    let mut builder = BatchBuilder::new(Offset::ZERO);
    builder.append(NOW - 11, None, Some(b"v"), &[]);
    let batch = builder.build();
    let verdict = |config: LogConfig| validated(&batch, &config).map(|batch| batch.max_timestamp());
    let defaults = LogConfig::default();
    assert_eq!(verdict(defaults.clone()), Ok(NOW - 11));
    let compacted = LogConfig { compacted: true, ..defaults.clone() };
    assert_eq!(verdict(compacted), Err(BatchErrorKind::Invalid), "no key");
    let late = LogConfig { message_timestamp_before_max_ms: 10, ..defaults.clone() };
    assert_eq!(verdict(late), Err(BatchErrorKind::Timestamp), "eleven ms late");
    let small = LogConfig { max_message_bytes: batch.size_in_bytes() - 1, ..defaults };
    assert_eq!(verdict(small), Err(BatchErrorKind::TooLarge), "one byte too many");
}

#[test]
fn one_batch_is_wanted_and_a_piece_of_a_second_is_dropped() {
    let one = batch(&[b"value".to_vec()]);
    let two = Bytes::from([&one[..], &one[..]].concat());
    let and_a_piece = Bytes::from([&one[..], &one[..40]].concat());
    assert_eq!(validate_one_batch(&Bytes::new()), Err(BatchError::NoBatch));
    assert_eq!(validate_one_batch(&one.slice(..one.len() - 1)), Err(BatchError::NoBatch));
    assert_eq!(validate_one_batch(&two), Err(BatchError::SeveralBatches));
    assert_eq!(validate_one_batch(&and_a_piece).map(RecordBatch::into_bytes), Ok(one));
}

#[track_caller]
fn check(builder: BatchBuilder, want: Option<BatchErrorKind>) {
    let batch = builder.build();
    assert_eq!(validated(&batch, &LogConfig::default()).err(), want, "{batch:?}");
}

fn validated(batch: &RecordBatch, config: &LogConfig) -> Result<RecordBatch, BatchErrorKind> {
    let origin = AppendOrigin::Client;
    let assignment =
        Assignment { first_offset: Offset(70), leader_epoch: LeaderEpoch(3), origin, now_ms: NOW };
    match validate_and_assign_offsets(batch.clone(), config, &assignment) {
        Ok(validated) => Ok(validated.batch),
        Err(LogError::Batch(error)) => Err(error.kind()),
        Err(LogError::Records(errors)) => Err(errors.kind()),
        Err(other) => panic!("a validation writes nothing: {other}"),
    }
}

fn batch(values: &[Vec<u8>]) -> Bytes {
    let mut builder = BatchBuilder::new(Offset::ZERO).leader_epoch(LeaderEpoch(1));
    let header = Header { key: b"h", value: Some(b"x") };
    for value in values {
        builder.append(NOW, Some(b"key"), Some(value), &[header, header]);
    }
    builder.build().into_bytes()
}

proptest! {
    #[test]
    fn a_changed_byte_under_the_checksum_is_seen_in_any_batch(
        values in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..8),
        place: prop::sample::Index,
        change in 1..=255u8,
    ) {
        let good = batch(&values);
        let at = COVERED_FROM + place.index(good.len() - COVERED_FROM);
        let mut bytes = BytesMut::from(&good[..]);
        bytes[at] ^= change;
        prop_assert!(!RecordBatch::new(bytes).expect("the length is as it was").is_valid());
    }

    #[test]
    fn any_bytes_are_read_to_an_end_without_a_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let count = Batches::new(Bytes::from(bytes.clone())).count();
        prop_assert!(count <= bytes.len() / 61 + 1);
    }

    #[test]
    fn any_records_behind_a_good_header_are_read_to_an_end(
        records in prop::collection::vec(any::<u8>(), 0..200),
        count: i32,
    ) {
        let mut bytes = BytesMut::from(&batch(&[])[..]);
        bytes.extend_from_slice(&records);
        let length = i32::try_from(bytes.len() - 12).expect("it is short");
        bytes[8..12].copy_from_slice(&length.to_be_bytes());
        bytes[57..61].copy_from_slice(&count.to_be_bytes());
        let batch = RecordBatch::new(bytes).expect("header and length are good");
        // A record takes a byte at least, and an error ends the walk.
        prop_assert!(batch.records().count() <= records.len() + 1);
    }

    #[test]
    fn what_was_built_is_read(
        records in prop::collection::vec(
            (
                any::<i64>(),
                prop::option::of(prop::collection::vec(any::<u8>(), 0..3)),
                prop::option::of(prop::collection::vec(any::<u8>(), 0..70)),
            ),
            1..20,
        ),
    ) {
        let mut builder = BatchBuilder::new(Offset(9));
        for (timestamp, key, value) in &records {
            let (key, value) = (key.as_deref(), value.as_deref());
            let foretold = builder.size_with(*timestamp, key, value, &[]);
            builder.append(*timestamp, key, value, &[]);
            prop_assert_eq!(builder.size_in_bytes(), foretold);
        }
        let batch = builder.build();
        prop_assert_eq!(batch.records().count(), records.len());
        for (read, (timestamp, key, value)) in batch.records().zip(&records) {
            let read = read.expect("it was built");
            prop_assert_eq!(read.timestamp, *timestamp);
            prop_assert_eq!(read.key(), key.as_deref());
            prop_assert_eq!(read.value(), value.as_deref());
        }
    }
}
