//! Decides by its header whether a batch may be appended; `assign_offsets.rs` looks at its records.
//!
//! In Kafka:   `ProduceRequest.validateRecords`, `UnifiedLog.analyzeAndValidateRecords`, `LogValidator.validateBatch`.
//! Invariants: in Kafka's order, so that of several faults the same one is answered.
//! Left out:   batches before version 2. What sequences and epochs have to follow is the producer state's matter.

use bytes::Bytes;

use crate::LeaderEpoch;
use crate::config::LogConfig;
use crate::error::BatchError;

use super::batches::{Batches, next_batch_size};
use super::header::RecordBatch;

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

/// The same of bytes that nobody else need hold: if the batch is all of them they are not shared on the way.
pub(crate) fn take_one_batch(records: Bytes) -> Result<RecordBatch, BatchError> {
    match next_batch_size(&records)? {
        Some(size) if size == records.len() => RecordBatch::new(records),
        _ => validate_one_batch(&records),
    }
}

/// What every append is asked: whose epoch, which base offset, how large, and whether the bytes are whole.
pub(crate) fn check_batch<B: AsRef<[u8]>>(
    batch: &RecordBatch<B>,
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
    batch.ensure_valid()?;
    // A number without a codec is refused here, as in Kafka, by whoever appends.
    batch.compression_type().map(|_| ())
}

pub(super) fn check_client_header(batch: &RecordBatch) -> Result<(), BatchError> {
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
