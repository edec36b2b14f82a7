//! What a partition remembers of its producers: idempotence and transactions. Read `entry.rs` first, then
//! `append_info.rs` (what may be appended), `transactions.rs`, `manager.rs`.
//!
//! In Kafka:   `ProducerStateManager` and what it is made of; KIP-98, KIP-360, KIP-890.
//! Invariants: S4 a snapshot at an offset and a replay of all batches below it agree in the last sequence, offset,
//!             epoch and transaction start per producer, modulo expiry. S11 so do leader and follower at equal ends.
//! Left out:   the coordinator's side of a verification.

mod append_info;
mod entry;
mod error;
mod manager;
mod snapshot;
mod snapshot_files;
mod transactions;
mod updates;
mod verification;

pub use append_info::{DataBatch, EndTransactionMarker, ProducerAppendInfo, TransactionVersion};
pub use entry::{
    BATCHES_TO_RETAIN, BatchMetadata, NO_PRODUCER_EPOCH, NO_SEQUENCE, ProducerStateEntry,
};
pub use error::{OutOfOrder, ProducerError, TxnStateFault};
pub use manager::ProducerStateManager;
pub use snapshot::{SnapshotFault, read_snapshot, write_snapshot};
pub use transactions::{CompletedTxn, TxnMetadata};
pub use verification::{VerificationGuard, VerificationStateEntry};

pub(crate) use updates::ProducerUpdates;
