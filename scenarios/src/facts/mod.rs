//! What happened, folded once for everybody: checkers, triggers, the budget, liveness, the report.
//!
//! Read first `facts.rs` (the fold), then `partition.rs` (what is known of a partition: the commit ledger above all)
//! and `replica_log.rs` (what lies on a disk). `front.rs` says which segments may leave a log, `compaction.rs`
//! which records. `fact.rs` is what checkers are handed.

mod chunked;
mod clocks;
mod compaction;
mod connections;
mod controller;
mod fact;
#[expect(
    clippy::module_inception,
    reason = "the folder holds all that is known, the file the fold"
)]
mod facts;
mod front;
mod keeping;
mod partition;
mod promises;
mod record_print;
mod registered;
mod replica_log;
mod replica_set;
mod rewritten;
mod segment;
mod setup;
mod swap;

pub use chunked::Chunked;
pub use connections::Answered;
pub use fact::{Fact, Known, Served};
pub use facts::{BeyondBudget, Crash, Disks, Facts};
pub use keeping::Keeping;
pub use partition::{
    Acked, Committed, CommittedRecord, EndTold, Gone, Opened, PartitionFacts, Registered, Term,
    Vanished,
};
pub use record_print::RecordPrint;
pub use replica_log::{ReplicaLog, Stored, segment_base, segment_path};
pub use segment::Segment;
pub use setup::{HostSetup, Role, Setup, TopicSetup};
