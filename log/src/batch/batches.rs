//! The batches in a run of bytes, as they come from a request, a response or a segment.
//!
//! In Kafka:   `ByteBufferLogInputStream`, `MemoryRecords.batches`.
//! Invariants: a batch that is not whole at the end is left alone, as a fetch may cut one.

use bytes::Bytes;

use crate::error::BatchError;

use super::header::{LOG_OVERHEAD, MAGIC_AT, RecordBatch, SMALLEST_LENGTH, check_magic, read_i32};

/// The bytes of a batch that tell its size and format.
pub(crate) const BATCH_START: usize = MAGIC_AT + 1;

/// The batches in a run of bytes, shared; ends before the first that is not whole, or after an error.
#[derive(Debug, Clone)]
pub struct Batches {
    rest: Bytes,
}

impl Batches {
    /// The batches in `bytes`.
    #[must_use]
    pub fn new(bytes: Bytes) -> Self {
        Self { rest: bytes }
    }

    /// What was not read: empty, or the beginning of a batch.
    #[must_use]
    pub fn rest(&self) -> &Bytes {
        &self.rest
    }
}

/// The size of the batch that begins these bytes; none while they do not reach to its magic.
pub(crate) fn next_batch_size(bytes: &[u8]) -> Result<Option<usize>, BatchError> {
    if bytes.len() < LOG_OVERHEAD {
        return Ok(None);
    }
    let length = read_i32(bytes, 8);
    if length < SMALLEST_LENGTH {
        return Err(BatchError::Length { length });
    }
    if bytes.len() <= MAGIC_AT {
        return Ok(None);
    }
    check_magic(bytes[MAGIC_AT])?;
    let length = usize::try_from(length).map_err(|_| BatchError::Length { length })?;
    Ok(Some(LOG_OVERHEAD + length))
}

impl Iterator for Batches {
    type Item = Result<RecordBatch, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        match next_batch_size(&self.rest) {
            Ok(Some(size)) if size <= self.rest.len() => {
                Some(RecordBatch::new(self.rest.split_to(size)))
            }
            Ok(_) => None,
            Err(error) => {
                self.rest.clear();
                Some(Err(error))
            }
        }
    }
}
