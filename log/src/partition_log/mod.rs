//! The log of one partition. Read `log.rs` first, then `append.rs`, `read.rs`, `truncate.rs`, `retention.rs`, and
//! `load/`, whose front page is the decision table of recovery.
//!
//! In Kafka:   `UnifiedLog`, `LocalLog`, `LogLoader`.
//! Left out:   producer state (idempotence, transactions): its checks belong into `append.rs`, between the roll
//!             and the write; its snapshots into `roll.rs` and its rebuilding into `load/recover.rs`, `load/open.rs`
//!             and `truncate.rs`. Compaction: what it writes `replace.rs` puts in its place. Remote storage.

mod append;
mod doomed;
mod load;
mod log;
mod lookup;
mod read;
mod replace;
mod retention;
mod roll;
mod truncate;

pub use append::AppendInfo;
pub use load::OpenLog;
pub use log::{Log, LogOffsetMetadata};
pub use lookup::TimestampAndOffset;
pub use read::FetchedRecords;
pub use replace::CleanedSegment;
