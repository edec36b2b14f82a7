//! Looks at the records of a batch as a leader does, and stamps it: offsets, epoch, timestamp, codec.
//!
//! In Kafka:   `LogValidator.validateMessagesAndAssignOffsets`, `RecordValidationStats`; KIP-937 for the timestamps.
//! Inputs:     a batch, the topic's settings, what to stamp. Effects: the batch as it is stored, or why it is not.
//! Invariants: a batch is written in place unless its codec is not the topic's or its compressed records do not count
//!             up from zero. Records of a compressed batch are looked at one by one and not kept.
//! Left out:   Kafka takes a batch that is not compressed and whose offsets have gaps, and stores it as it is; we
//!             refuse it. Kafka would write a compressed control batch anew if its codec differs, without the mark that
//!             makes it one; here it stays as it is.

use crate::config::{LogConfig, TimestampType};
use crate::error::{BatchError, LogError};
use crate::{LeaderEpoch, Offset};

use super::builder::BatchBuilder;
use super::compression::{Compression, CompressionType};
use super::header::{NO_TIMESTAMP, RECORD_BATCH_OVERHEAD, RecordBatch};
use super::record::RecordHead;
use super::record_errors::{RecordError, RecordErrorKind, RecordErrors};
use super::validate::{AppendOrigin, check_batch, check_client_header};

/// What a leader stamps a batch with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Assignment {
    /// The offset of the first record.
    pub first_offset: Offset,
    /// The leader's epoch.
    pub leader_epoch: LeaderEpoch,
    /// Who appends.
    pub origin: AppendOrigin,
    /// The leader's clock.
    pub now_ms: i64,
}

/// A batch as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidatedBatch {
    /// The batch.
    pub batch: RecordBatch,
    /// What it took to get there.
    pub stats: RecordValidationStats,
}

/// What the validation of a batch took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RecordValidationStats {
    /// The bytes of the batch decompressed, and of the one that was written instead, if the batch was compressed or
    /// had to be.
    pub temporary_memory_bytes: u64,
    /// The records that were written anew.
    pub records_converted: i32,
}

/// What the records of a batch come to.
struct Surveyed {
    max_timestamp: i64,
    /// The bytes that the batch takes decompressed.
    size: u64,
    /// The first record whose offset does not follow that of the one before.
    gap: Option<BatchError>,
}

/// Decides whether a leader may append a batch, and stamps it if so.
pub fn validate_and_assign_offsets(
    batch: RecordBatch,
    config: &LogConfig,
    assignment: &Assignment,
) -> Result<ValidatedBatch, LogError> {
    check_batch(&batch, config, assignment.origin, LeaderEpoch::NONE)?;
    if assignment.origin == AppendOrigin::Client {
        check_client_header(&batch)?;
    }
    let source = batch.compression_type()?;
    let target = config.compression.unwrap_or_else(|| source.into());
    let surveyed = survey(&batch, config, assignment.now_ms)?;
    let is_plain = source == CompressionType::None && target.codec() == CompressionType::None;
    if is_plain || batch.is_control() {
        if let Some(gap) = surveyed.gap {
            return Err(gap.into());
        }
    } else if source != target.codec() || surveyed.gap.is_some() {
        return write_anew(&batch, target, config, assignment, surveyed.size);
    }
    let temporary_memory_bytes = if is_plain { 0 } else { surveyed.size };
    let max_timestamp = match config.message_timestamp_type {
        TimestampType::CreateTime => surveyed.max_timestamp,
        TimestampType::LogAppendTime => assignment.now_ms,
    };
    let mut batch = batch.into_mut();
    batch.set_base_offset(assignment.first_offset);
    batch.set_leader_epoch(assignment.leader_epoch);
    batch.set_max_timestamp(config.message_timestamp_type, max_timestamp);
    let stats = RecordValidationStats { temporary_memory_bytes, records_converted: 0 };
    Ok(ValidatedBatch { batch: batch.freeze(), stats })
}

/// Looks at each record.
fn survey(batch: &RecordBatch, config: &LogConfig, now_ms: i64) -> Result<Surveyed, LogError> {
    let claims_append_time = batch.timestamp_type() == TimestampType::LogAppendTime;
    let mut surveyed =
        Surveyed { max_timestamp: NO_TIMESTAMP, size: RECORD_BATCH_OVERHEAD as u64, gap: None };
    let mut refused = Vec::new();
    let mut records = batch.records();
    let mut index = 0;
    while let Some(head) = records.next_head() {
        let RecordHead { timestamp_delta, offset_delta, has_key, size } = head?;
        let timestamp = records.timestamp(timestamp_delta);
        let checked =
            config.message_timestamp_type == TimestampType::CreateTime && timestamp != NO_TIMESTAMP;
        let kind = if config.compacted && !has_key {
            Some(RecordErrorKind::NoKey)
        } else if checked {
            out_of_range(timestamp, now_ms, config)
        } else {
            claims_append_time.then_some(RecordErrorKind::ClaimsLogAppendTime)
        };
        if let Some(kind) = kind {
            refused.push(RecordError { batch_index: index, kind });
        }
        if offset_delta != index && surveyed.gap.is_none() {
            surveyed.gap = Some(BatchError::OffsetDelta { index, got: offset_delta });
        }
        surveyed.max_timestamp = surveyed.max_timestamp.max(timestamp);
        surveyed.size += size as u64;
        index += 1;
    }
    RecordErrors::refuse(refused)?;
    Ok(surveyed)
}

/// Kafka's differences wrap: a timestamp far below zero is out of range by that.
fn out_of_range(timestamp: i64, now_ms: i64, config: &LogConfig) -> Option<RecordErrorKind> {
    let (before_max, after_max) =
        (config.message_timestamp_before_max_ms, config.message_timestamp_after_max_ms);
    let behind = now_ms.wrapping_sub(timestamp);
    let is_out = behind > before_max || behind.wrapping_neg() > after_max;
    is_out.then_some(RecordErrorKind::TimestampOutOfRange {
        timestamp,
        earliest: now_ms.saturating_sub(before_max),
        latest: now_ms.saturating_add(after_max),
    })
}

/// The same records in another codec, or with offsets that count up.
fn write_anew(
    batch: &RecordBatch,
    target: Compression,
    config: &LogConfig,
    assignment: &Assignment,
    size: u64,
) -> Result<ValidatedBatch, LogError> {
    let mut builder = BatchBuilder::new(assignment.first_offset)
        .leader_epoch(assignment.leader_epoch)
        .producer(batch.producer())
        .compression(target);
    if batch.is_transactional() {
        builder = builder.transactional();
    }
    if config.message_timestamp_type == TimestampType::LogAppendTime {
        builder = builder.log_append_time(assignment.now_ms);
    }
    for (record, index) in batch.records().zip(0..) {
        let record = record?;
        let timestamp = record.timestamp;
        if timestamp < 0 && timestamp != NO_TIMESTAMP {
            return Err(BatchError::NegativeTimestamp { index, timestamp }.into());
        }
        let headers: Vec<_> = record.headers().collect();
        builder.append(timestamp, record.key(), record.value(), &headers);
    }
    let stats = RecordValidationStats {
        temporary_memory_bytes: size + builder.size_in_bytes() as u64,
        records_converted: builder.count(),
    };
    let batch = builder.build();
    // Compression may have made it larger.
    let (size, max) = (batch.size_in_bytes(), config.max_message_bytes);
    if size > max {
        return Err(BatchError::TooLarge { size, max }.into());
    }
    Ok(ValidatedBatch { batch, stats })
}
