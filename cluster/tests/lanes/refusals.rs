//! What a client is told when its batch is refused: the error, and since version 8 which records are at fault.

use bytes::{Bytes, BytesMut};
use trial_cluster::error_code::ErrorCode;
use trial_cluster::ids::Offset;
use trial_log::{BatchBuilder, CompressionType, Producer, RecordBatch, TimestampType};

use crate::support::Setup;

const T: i64 = 1_767_225_600_000;
/// Later than any clock of the bench plus an hour.
const FAR: i64 = 9_000_000_000_000;

fn builder(codec: CompressionType, timestamps: &[i64]) -> BatchBuilder {
    let mut builder = BatchBuilder::new(Offset(0)).compression(codec.into());
    for timestamp in timestamps {
        builder.append(*timestamp, Some(b"key"), Some(b"value"), &[]);
    }
    builder
}

#[test]
fn a_refused_batch_is_answered_with_its_error() {
    let check = |version: i16, records: Bytes, want: ErrorCode| {
        let answer = Setup::new(1).build().try_records(version, records);
        assert_eq!(ErrorCode::from_code(answer.error_code), want, "version {version}");
        assert_eq!(answer.base_offset, if want.is_ok() { 0 } else { -1 }, "{want:?}");
    };
    let good = |codec| builder(codec, &[T]).build().into_bytes();
    for codec in CompressionType::ALL {
        check(9, good(codec), ErrorCode::None);
    }
    check(6, good(CompressionType::Lz4), ErrorCode::None);
    check(6, good(CompressionType::Zstd), ErrorCode::UnsupportedCompressionType);
    check(7, good(CompressionType::Zstd), ErrorCode::None);
    check(9, Bytes::new(), ErrorCode::InvalidRecord);
    let twice = [good(CompressionType::None), good(CompressionType::None)].concat();
    check(9, twice.into(), ErrorCode::InvalidRecord);
    let control = builder(CompressionType::None, &[T]).control().build().into_bytes();
    check(9, control, ErrorCode::InvalidRecord);
    let producer = Producer { id: 4, epoch: 0, base_sequence: -1 };
    let sequence = builder(CompressionType::None, &[T]).producer(producer).build().into_bytes();
    check(9, sequence, ErrorCode::InvalidRecord);
    let noise = vec![7; 1_048_588];
    let mut large = BatchBuilder::new(Offset(0));
    large.append(T, None, Some(&noise), &[]);
    check(9, large.build().into_bytes(), ErrorCode::MessageTooLarge);
    let mut corrupt = BytesMut::from(&good(CompressionType::Gzip)[..]);
    corrupt[61] ^= 1;
    check(9, corrupt.clone().freeze(), ErrorCode::CorruptMessage);
    // Another timestamp brings a checksum that agrees with the bytes as they are.
    let mut sealed = RecordBatch::new(corrupt).expect("length and magic are good");
    sealed.set_max_timestamp(TimestampType::CreateTime, T + 1);
    check(9, sealed.freeze().into_bytes(), ErrorCode::UnknownServerError);
}

#[test]
fn records_at_fault_are_named_since_version_8() {
    let records = builder(CompressionType::Snappy, &[T, FAR, T, FAR]).build().into_bytes();
    for version in [7, 8, 9] {
        let answer = Setup::new(1).build().try_records(version, records.clone());
        assert_eq!(ErrorCode::from_code(answer.error_code), ErrorCode::InvalidTimestamp);
        let named: Vec<i32> = answer.record_errors.iter().map(|it| it.batch_index).collect();
        assert_eq!(named, if version < 8 { vec![] } else { vec![1, 3] }, "version {version}");
        assert_eq!(answer.error_message.is_some(), version >= 8, "version {version}");
    }
}
