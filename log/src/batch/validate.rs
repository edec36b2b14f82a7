//! Decides whether a leader may append a batch, before it is stamped.
//!
//! In Kafka:   `ProduceRequest.validateRecords`, `UnifiedLog.analyzeAndValidateRecords`, `LogValidator`.
//! Invariants: nothing is allocated by a length or a count that the bytes do not back.
//! Left out:   batches before version 2, recompression to `compression.type`. Kafka does not look at the offsets
//!             within an uncompressed batch; we refuse those that do not count up from zero.

use bytes::Bytes;

use crate::LeaderEpoch;
use crate::config::{LogConfig, TimestampType};
use crate::error::BatchError;

use super::batches::Batches;
use super::header::{NO_TIMESTAMP, RecordBatch};

/// Where an append comes from, which decides what is asked of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppendOrigin {
    /// A client, which is not trusted.
    Client,
    /// A coordinator on this broker: groups, transactions and their markers.
    Coordinator,
    /// The leader, through a fetch: taken verbatim.
    Replication,
    /// The quorum's leader on this node: offsets and epoch are in the batch already.
    RaftLeader,
}

/// The one batch of a produce request to one partition; a beginning of a further one is dropped, as in Kafka.
pub fn validate_one_batch(records: &Bytes) -> Result<RecordBatch, BatchError> {
    let mut batches = Batches::new(records.clone());
    let batch = batches.next().unwrap_or(Err(BatchError::NoBatch))?;
    match batches.next() {
        None => Ok(batch),
        Some(Ok(_)) => Err(BatchError::SeveralBatches),
        Some(Err(error)) => Err(error),
    }
}

/// What a leader checks before it stamps a batch; answers the largest timestamp that the batch will carry.
pub fn validate_leader_append(
    batch: &RecordBatch,
    config: &LogConfig,
    origin: AppendOrigin,
    now_ms: i64,
) -> Result<i64, BatchError> {
    check_batch(batch, config, origin, LeaderEpoch::NONE)?;
    if origin == AppendOrigin::Client {
        check_client_header(batch)?;
    }
    let max_timestamp = check_records(batch, config, now_ms)?;
    Ok(match config.message_timestamp_type {
        TimestampType::CreateTime => max_timestamp,
        TimestampType::LogAppendTime => now_ms,
    })
}

/// What every append is asked: whose epoch, which base offset, how large, and whether the bytes are whole.
pub(crate) fn check_batch(
    batch: &RecordBatch,
    config: &LogConfig,
    origin: AppendOrigin,
    leader_epoch: LeaderEpoch,
) -> Result<(), BatchError> {
    if origin == AppendOrigin::RaftLeader && batch.leader_epoch() != leader_epoch {
        return Err(BatchError::LeaderEpochOfBatch {
            want: leader_epoch,
            got: batch.leader_epoch(),
        });
    }
    if origin == AppendOrigin::Client && batch.base_offset().0 != 0 {
        return Err(BatchError::BaseOffset { base_offset: batch.base_offset() });
    }
    // A replica takes what its leader took, whatever the limit is by now (KAFKA-9617).
    let (size, max) = (batch.size_in_bytes(), config.max_message_bytes);
    if origin != AppendOrigin::Replication && size > max {
        return Err(BatchError::TooLarge { size, max });
    }
    batch.ensure_valid()
}

fn check_client_header(batch: &RecordBatch) -> Result<(), BatchError> {
    let (count, last_offset_delta) = (batch.count(), batch.last_offset_delta());
    if count <= 0 || last_offset_delta.checked_add(1) != Some(count) {
        return Err(BatchError::Count { count, last_offset_delta });
    }
    if batch.is_control() {
        return Err(BatchError::ControlBatch);
    }
    if batch.producer_id() >= 0 && batch.base_sequence() < 0 {
        return Err(BatchError::Sequence { base_sequence: batch.base_sequence() });
    }
    Ok(())
}

/// Looks at each record; answers the largest timestamp.
fn check_records(batch: &RecordBatch, config: &LogConfig, now_ms: i64) -> Result<i64, BatchError> {
    let mut max_timestamp = NO_TIMESTAMP;
    let claims_append_time = batch.timestamp_type() == TimestampType::LogAppendTime;
    for (record, index) in batch.records().zip(0..) {
        let record = record?;
        if config.compacted && record.key.is_none() {
            return Err(BatchError::NoKey { index });
        }
        let timestamp = record.timestamp;
        let checked =
            config.message_timestamp_type == TimestampType::CreateTime && timestamp != NO_TIMESTAMP;
        if checked && is_out_of_range(timestamp, now_ms, config) {
            return Err(BatchError::Timestamp { index, timestamp });
        }
        if !checked && claims_append_time {
            return Err(BatchError::TimestampType);
        }
        if record.offset_delta != index {
            return Err(BatchError::OffsetDelta { index, got: record.offset_delta });
        }
        max_timestamp = max_timestamp.max(timestamp);
    }
    Ok(max_timestamp)
}

fn is_out_of_range(timestamp: i64, now_ms: i64, config: &LogConfig) -> bool {
    let behind = now_ms.saturating_sub(timestamp);
    behind > config.message_timestamp_before_max_ms
        || behind.saturating_neg() > config.message_timestamp_after_max_ms
}
