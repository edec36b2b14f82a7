//! Record batches, version 2, byte for byte. Read `header.rs` first, then `record.rs`.
//!
//! In Kafka:   `DefaultRecordBatch`, `DefaultRecord`, `MemoryRecords`, `MemoryRecordsBuilder`, `LogValidator`; KIP-98.
//! Invariants: no length is believed before the bytes behind it were seen.
//! Left out:   codecs: the header of a compressed batch is read, stamped and stored, its records answer
//!             `UnsupportedCompression`. The formats before version 2. Record batches from a snapshot.

mod batches;
mod builder;
mod control;
mod header;
mod record;
mod validate;
mod varint;

pub use batches::Batches;
pub use builder::{BatchBuilder, Producer};
pub use control::ControlRecordType;
pub use header::{NO_TIMESTAMP, RECORD_BATCH_OVERHEAD, RecordBatch};
pub use record::{Header, Headers, Record, Records};
pub use validate::{AppendOrigin, validate_leader_append, validate_one_batch};

pub(crate) use batches::{BATCH_START, next_batch_size};
pub(crate) use header::BatchSummary;
pub(crate) use validate::check_batch;
