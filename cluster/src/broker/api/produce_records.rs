//! What is wrong with the records of a produce before a log has seen them.
//!
//! In Kafka: `ProduceRequest.validateRecords`, `RequestUtils.hasTransactionalRecords`, `DefaultRecordBatch`'s reading.

use bytes::Bytes;
use trial_log::{BatchError, Batches, CompressionType};

use crate::error_code::ErrorCode;

/// From here on a batch may be compressed with zstd (KIP-110).
const TAKES_ZSTD: i16 = 7;
/// Where the format stands, in every format.
const MAGIC_AT: usize = 16;

/// What is wrong, and what is said of it besides: Kafka says something where it cannot read a batch at all.
pub(super) fn fault(version: i16, records: &Bytes) -> Option<(ErrorCode, Option<String>)> {
    if records.get(MAGIC_AT).is_some_and(|magic| *magic < 2) {
        return Some((ErrorCode::InvalidRecord, None));
    }
    let mut batches = Batches::new(records.clone());
    match batches.next() {
        // One batch, and whole.
        None => Some((ErrorCode::InvalidRecord, None)),
        Some(Err(BatchError::UnknownMagic { magic })) => Some((
            ErrorCode::CorruptMessage,
            Some(format!("Invalid magic found in record: {magic}")),
        )),
        Some(Err(BatchError::Length { length })) => Some((
            ErrorCode::CorruptMessage,
            Some(format!("Record size {length} is less than the minimum record overhead (14)")),
        )),
        Some(Ok(batch))
            if version < TAKES_ZSTD && batch.compression_type() == Ok(CompressionType::Zstd) =>
        {
            Some((ErrorCode::UnsupportedCompressionType, None))
        }
        Some(_) if batches.next().is_some() => Some((ErrorCode::InvalidRecord, None)),
        _ => None,
    }
}

/// Whether the first batch belongs to a transaction.
pub(super) fn are_transactional(records: &Bytes) -> bool {
    let first = Batches::new(records.clone()).next();
    first.and_then(Result::ok).is_some_and(|batch| batch.is_transactional())
}
