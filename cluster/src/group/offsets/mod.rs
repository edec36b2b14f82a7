//! Committed offsets: committing, reading, deleting them, and how they expire.
//!
//! In Kafka: `OffsetMetadataManager`, `OffsetAndMetadata`.
//! Left out: offsets that are committed in a transaction (TxnOffsetCommit and its markers): transactions are not there
//!           yet, so that no offset is ever unstable.

mod commit;
mod delete;
mod expiry;
mod fetch;
mod stored;

pub use stored::{GroupOffsets, StoredOffset};
