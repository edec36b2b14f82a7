//! Which records of a batch the topic does not take, and why.
//!
//! In Kafka:   `RecordValidationException`, `ProduceResponse.RecordError`; KIP-467.
//! Invariants: one bad record refuses the batch, and all bad records are named, in their order.

use std::fmt;

use crate::error::BatchErrorKind;

/// How many records an error message names, as in Kafka.
const SHOWN: usize = 3;

/// What a topic has against a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordErrorKind {
    /// A compacted topic takes no record without a key.
    NoKey,
    /// The timestamp is too far before or after the broker's clock.
    TimestampOutOfRange {
        /// The record's.
        timestamp: i64,
        /// The earliest that is taken.
        earliest: i64,
        /// The latest that is taken.
        latest: i64,
    },
    /// A producer may not claim the log append time.
    ClaimsLogAppendTime,
}

/// A record that is refused: which of its batch, from zero, and why. `Display` is what a client is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordError {
    /// Which record, from zero.
    pub batch_index: i32,
    /// Why.
    pub kind: RecordErrorKind,
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            RecordErrorKind::NoKey => {
                f.write_str("the topic is compacted, and the record has no key")
            }
            RecordErrorKind::TimestampOutOfRange { timestamp, earliest, latest } => {
                write!(f, "timestamp {timestamp} is not within {earliest} to {latest}")
            }
            RecordErrorKind::ClaimsLogAppendTime => {
                f.write_str("the batch claims the log append time, which only a broker sets")
            }
        }
    }
}

/// The records of a batch that are refused: at least one. `Display` is what a client is told of the batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordErrors {
    errors: Vec<RecordError>,
}

impl RecordErrors {
    /// Refuses a batch if there is a reason to.
    pub(super) fn refuse(errors: Vec<RecordError>) -> Result<(), Self> {
        if errors.is_empty() { Ok(()) } else { Err(Self { errors }) }
    }

    /// Each of them, in the order of the records.
    #[must_use]
    pub fn errors(&self) -> &[RecordError] {
        &self.errors
    }

    /// Which of Kafka's exceptions this is: one bad timestamp outweighs all else.
    #[must_use]
    pub fn kind(&self) -> BatchErrorKind {
        if self.errors.iter().any(|error| error.kind != RecordErrorKind::NoKey) {
            BatchErrorKind::Timestamp
        } else {
            BatchErrorKind::Invalid
        }
    }
}

impl fmt::Display for RecordErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} records are refused", self.errors.len())?;
        for (error, mark) in self.errors.iter().zip([":", ";", ";"].into_iter().take(SHOWN)) {
            write!(f, "{mark} record {}: {error}", error.batch_index)?;
        }
        Ok(())
    }
}

impl std::error::Error for RecordErrors {}
