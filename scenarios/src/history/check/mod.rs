//! The checks of Jepsen's Kafka workload, for histories of whatever length. Read first `anomaly.rs` (what can be wrong,
//! and what Jepsen allows), then `analysis.rs` (the passes), and one file for each family: `order.rs` (the order of a
//! key's values; inconsistent-offsets), `lost.rs`, `aborted.rs`, `internal.rs`, `process.rs`, `cycles.rs`.
//!
//! `expected.rs` says what a run's settings allow. A history is read by `edn.rs` or `json.rs` to a `tape.rs`,
//! understood by `meaning.rs`, and kept as a `transcript.rs`.

mod aborted;
mod analysis;
mod anomaly;
mod components;
mod cycles;
mod edn;
mod expected;
mod found;
mod internal;
mod ints;
mod json;
mod judgement;
mod lost;
mod meaning;
mod observed;
mod op;
mod order;
mod process;
mod skipped;
mod source;
mod tape;
mod transcript;
mod value;

use std::collections::BTreeMap;
use std::io::Read;

use analysis::Analysis;
pub use anomaly::{Anomaly, SubVia, Weight, allowed_by_jepsen};
pub use expected::{Condition, conditions_of, expected_of, judge_run};
pub use judgement::{Example, ExampleOp, Finding, Judgement, Outcome};
pub use source::{HistoryError, Place};
pub use value::Notation;

/// How a history is judged.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// How consumers come to their partitions; without it: `subscribe` if any operation does, else `assign`.
    pub sub_via: Option<SubVia>,
    /// Whether a sender comes after the sender of the value before its own.
    pub ww_deps: bool,
    /// What is allowed besides, and why.
    pub allowed: BTreeMap<Anomaly, String>,
}

/// Judges a history.
///
/// ```
/// use trial_scenarios::history::check::{Anomaly, Notation, Options, Outcome, judge};
///
/// let history = r"
///     {:type :invoke, :process 0, :f :send, :value [[:send 0 17]]}
///     {:type :ok, :process 0, :f :send, :value [[:send 0 [0 17]]]}
///     {:type :invoke, :process 1, :f :poll, :value [[:poll]]}
///     {:type :ok, :process 1, :f :poll, :value [[:poll {0 [[0 17] [1 17]]}]]}";
/// let judgement = judge(history.as_bytes(), Notation::Edn, &Options::default())?;
/// assert_eq!(judgement.outcome, Outcome::Violated);
/// assert_eq!(judgement.count(Anomaly::Duplicate), 1);
/// # Ok::<(), trial_scenarios::history::check::HistoryError>(())
/// ```
///
/// # Errors
///
/// What is no history of Jepsen's Kafka workload, with its place; what cannot be read.
pub fn judge(
    reader: impl Read,
    notation: Notation,
    options: &Options,
) -> Result<Judgement, HistoryError> {
    let analysis = analysis::analyse(reader, notation, options.ww_deps)?;
    Ok(Judgement::of(&analysis, options))
}
