//! Judges what happened: one file per family of invariants, all fed by the same facts.
//!
//! Read first `judge.rs` (who is called when), then `verdicts.rs` (violations, excuses, what nobody can say) and
//! `promise.rs` (what a configuration promises, and which fault explains a loss). The ids are those of the reports.

mod answers;
mod broker_epochs;
mod clients;
mod commitments;
mod committed;
mod compaction;
mod elections;
mod ends;
mod epochs;
mod exclusion;
mod groups;
mod held_back;
mod history;
mod images;
mod isolated_leader;
mod isr;
mod judge;
mod live;
mod losses;
mod low_watermark;
mod pending;
mod poll;
mod promise;
mod quorum;
mod quorum_state;
mod reassignments;
mod registrations;
mod retention;
mod sent_elsewhere;
mod sequences;
mod snapshots;
mod stale_answers;
mod step;
mod told;
mod topic_ids;
mod unreachable;
mod verdicts;
mod watermark;
pub(crate) mod words;
mod writes;

pub use judge::{Beyond, Judge};
pub use promise::{FaultSeen, Weakness};
pub use told::Told;
pub use verdicts::{Breach, Excuse, Verdicts, Violation};
