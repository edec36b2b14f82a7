//! Compaction: of each key the last record is kept. Read `cleanable.rs` (what may be cleaned) first, then `cleaning.rs`
//! (one cleaning, step by step), `filter.rs` (what stays of a batch), `transactions.rs` (markers, aborted records),
//! `manager.rs` (which log is next, and who may not clean meanwhile).
//!
//! In Kafka:   `LogCleaner`, `LogCleanerManager`, `Cleaner`; KIP-58, KIP-98, KIP-354, KIP-534.
//! Invariants: CL-1 nothing at the first uncleanable offset or beyond is touched: no active segment, nothing that is
//!             not stable, nothing younger than `min.compaction.lag.ms`. CL-2 a record goes only if it is aborted, has
//!             no key, is a tombstone whose time is over, or a later record of its key lies in what was mapped. CL-3
//!             offsets, order, epochs and producers stay: of each active producer the last batch is kept, if need be
//!             without its records. CL-4 a marker goes after all records of its transaction, and not before
//!             `delete.retention.ms` have passed since they were gone. CL-5 a crash leaves the old segments of a group
//!             or the new ones, and the checkpoint is written after all of them.
//! Left out:   `log.cleaner.io.max.bytes.per.second` (each step says what it read and wrote: whoever runs it may wait),
//!             formats before version 2, and the times that files were last changed, which only those need.

mod cleanable;
mod cleaning;
mod copy;
mod dirty_log;
mod filter;
mod group;
mod manager;
mod map_keys;
mod offset_map;
mod settings;
mod source;
mod state;
mod stats;
mod transactions;

pub use cleanable::{OffsetsToClean, cleanable_offsets};
pub use cleaning::{Cleaning, CleaningStep};
pub use dirty_log::{LogToClean, max_compaction_delay_ms};
pub use manager::{CleanerCandidate, GrabError, LogCleanerManager};
pub use offset_map::OffsetMap;
pub use settings::{CleanerConfig, LastBatchKept};
pub use state::{LogCleaningState, Pause};
pub use stats::{CleanerStats, PreCleanStats};
