//! Why a producer's batch, or the marker that ends its transaction, is refused.
//!
//! In Kafka: `OutOfOrderSequenceException`, `InvalidProducerEpochException`, `InvalidTxnStateException`,
//!           `TransactionCoordinatorFencedException`.
//! Left out: `UnknownProducerIdException`: the storage of Kafka 4 does not throw it any more (KIP-360).

use std::fmt;

use crate::Offset;

/// Why an append of a producer is refused; nothing was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProducerError {
    /// `OUT_OF_ORDER_SEQUENCE_NUMBER`: the batch does not follow the one before.
    OutOfOrderSequence {
        /// Whose batch.
        producer_id: i64,
        /// Where it would have been appended.
        offset: Offset,
        /// The sequence of its first record.
        got: i32,
        /// The sequence that may come.
        want: i32,
        /// What decides that.
        why: OutOfOrder,
    },
    /// `INVALID_PRODUCER_EPOCH`: a later incarnation of the producer has written, or its transaction was ended.
    InvalidProducerEpoch {
        /// Whose batch or marker.
        producer_id: i64,
        /// Where it would have been appended.
        offset: Offset,
        /// Its epoch.
        got: i16,
        /// The latest epoch that was seen.
        current: i16,
    },
    /// `INVALID_TXN_STATE`: a transaction is open where none should be, or the other way round.
    InvalidTxnState {
        /// Whose batch.
        producer_id: i64,
        /// Where it would have been appended.
        offset: Offset,
        /// Which way round.
        why: TxnStateFault,
    },
    /// `TRANSACTION_COORDINATOR_FENCED`: a later coordinator has written a marker for this producer.
    CoordinatorFenced {
        /// Whose transaction.
        producer_id: i64,
        /// Where the marker would have been appended.
        offset: Offset,
        /// The epoch of its coordinator.
        got: i32,
        /// The latest one that was seen.
        current: i32,
    },
    /// `INVALID_RECORD`: a control batch with a producer's id that does not begin with an end marker.
    NotAnEndMarker {
        /// Whose batch.
        producer_id: i64,
        /// Where it would have been appended, or stands.
        offset: Offset,
    },
}

/// What decides which sequence may come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutOfOrder {
    /// The last batch of the same epoch.
    Gap,
    /// The epoch is new, and begins at zero.
    NewEpoch,
    /// Nothing is known of the producer, which begins each transaction at zero (`transaction.version` 2).
    NoState,
    /// A lower sequence asked before, and waits for its coordinator's answer.
    LowerOneAsked,
}

/// What is wrong between a batch and the producer's transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TxnStateFault {
    /// The batch belongs to no transaction, and one is open.
    NotTransactional,
    /// The batch belongs to a transaction of which the coordinator was not asked.
    NotVerified,
}

impl fmt::Display for ProducerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl std::error::Error for ProducerError {}
