//! Record batches, version 2, byte for byte. Read `header.rs` first, then `record.rs`, `compression/`.
//!
//! In Kafka:   `DefaultRecordBatch`, `DefaultRecord`, `MemoryRecords`, `MemoryRecordsBuilder`, `LogValidator`; KIP-98.
//! Invariants: no length is believed before the bytes behind it were seen.
//! Left out:   the formats before version 2. Record batches from a snapshot.

mod assign_offsets;
mod batches;
mod builder;
mod compression;
mod control;
mod header;
mod record;
mod record_errors;
mod records;
mod validate;
mod varint;

pub use assign_offsets::{
    Assignment, RecordValidationStats, ValidatedBatch, validate_and_assign_offsets,
};
pub use batches::Batches;
pub use builder::{BatchBuilder, Producer};
pub use compression::{Compression, CompressionType, DECOMPRESSED_BYTES_MAX, DecompressionFault};
pub use control::ControlRecordType;
pub use header::{NO_TIMESTAMP, RECORD_BATCH_OVERHEAD, RecordBatch};
pub use record::{Header, Headers, Record};
pub use record_errors::{RecordError, RecordErrorKind, RecordErrors};
pub use records::Records;
pub use validate::{AppendOrigin, validate_one_batch};

pub(crate) use batches::{BATCH_START, next_batch_size};
pub(crate) use header::BatchSummary;
pub(crate) use validate::{check_batch, take_one_batch};
