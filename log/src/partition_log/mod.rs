//! The log of one partition. Read `log.rs` first, then `append.rs`, `read.rs`, `truncate.rs`, `retention.rs`,
//! `producers.rs` (idempotence, transactions), and `load/`, whose front page is the decision table of recovery.
//!
//! In Kafka:   `UnifiedLog`, `LocalLog`, `LogLoader`.
//! Left out:   remote storage. Compaction is in `cleaner/`: what it writes `replace.rs` puts in its place.

mod append;
mod doomed;
mod load;
mod log;
mod lookup;
mod producers;
mod read;
mod rebuild;
mod replace;
mod retention;
mod roll;
mod truncate;

pub use append::{AppendInfo, AppendTerms};
pub use load::OpenLog;
pub use log::{Log, LogOffsetMetadata};
pub use lookup::TimestampAndOffset;
pub use read::FetchedRecords;
pub use replace::CleanedSegment;
