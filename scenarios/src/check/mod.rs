//! Judges what happened: one file per family of invariants, all fed by the same facts.
//!
//! Read first `judge.rs` (who is called when), then `verdicts.rs` (violations, excuses, what nobody can say) and
//! `promise.rs` (what a configuration promises, and what is allowed to be lost). The ids are those of the reports.

mod commit;
mod history;
mod judge;
mod liveness;
mod verdicts;

pub use judge::Judge;
pub use verdicts::{Excuse, Verdicts, Violation};
