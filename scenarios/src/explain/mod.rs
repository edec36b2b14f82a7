//! Why a run failed: the causal chain backwards from the contradiction, in sentences that stand on a record of the run.
//!
//! Read first `record.rs` and `deeds.rs` (what is kept, only when asked for: what happened, and what faults did), then
//! `chain.rs` (how a chain is put together), `behind.rs` (which fault may be blamed), the rules (`missing.rs`, `hole.rs`,
//! `answered.rs`, `diverged.rs`, `in_sync.rs`, `quorum.rs`, `slice.rs`, `stuck.rs`), `sentence.rs` (what an entry of
//! the record reads like), and `explanation.rs` (the page). `witness/` looks every sentence up in the record again.
//! `story.rs` tells a whole record.

mod answered;
mod behind;
mod chain;
mod deeds;
mod diverged;
mod explanation;
mod hole;
mod in_sync;
mod missing;
mod quorum;
mod record;
mod sentence;
mod slice;
mod story;
mod stuck;
mod subject;
mod witness;

use std::sync::Arc;

pub use deeds::{Deed, Deeds, On};
pub use explanation::{EVENTS_MAX, Event, Explanation};
pub use record::{Entry, Record, What};
pub use witness::unsupported;

pub(crate) use deeds::EVERY;
pub(crate) use explanation::wrapped;
pub(crate) use story::{Told, story};

use crate::check::{Judge, Violation};
use crate::play::{End, OurFault, guarded};
use crate::run::Run;
use crate::scenario::Scenario;
use chain::Chain;
use subject::Subject;

/// Plays `scenario` under `seed` once more with a recorder, and explains what went wrong; none if nothing did.
///
/// `invariant` chooses among several violations; without it the first is explained.
///
/// # Errors
/// If Trial itself panics.
pub fn explain(
    scenario: &Arc<Scenario>,
    seed: u64,
    invariant: Option<&str>,
) -> Result<Option<Explanation>, OurFault> {
    guarded(scenario, seed, || {
        let mut run = Run::new(scenario, seed);
        run.keep_record();
        run.play();
        of(&run, invariant)
    })
}

/// Explains a run that was played with its record kept ([`Run::keep_record`]); none if nothing went wrong.
#[must_use]
pub fn of(run: &Run, invariant: Option<&str>) -> Option<Explanation> {
    let record = run.record()?;
    of_violation(record, run.judge(), invariant)
        .or_else(|| stuck::explained(run, record, &End::of(run, run.expected())))
}

/// Explains the first violation that a judge has found, or the first of `invariant`; none if there is none.
#[must_use]
pub fn of_violation(
    record: &Record,
    judge: &Judge,
    invariant: Option<&str>,
) -> Option<Explanation> {
    let violations = judge.violations();
    let wanted = |found: &Violation| invariant.is_none_or(|it| it == found.invariant);
    let place = violations.iter().position(wanted)?;
    let violation = &violations[place];
    let facts = judge.facts();
    let subject = Subject::of(violation, facts);
    let chain = Chain::new(record, facts, record.until(place), subject);
    let mut explanation = by_rule(chain, violation);
    let others = violations.iter().enumerate().filter(|(other, _)| *other != place);
    explanation.others = others
        .map(|(_, other)| format!("{} at {} ms", other.invariant, other.at.as_millis()))
        .collect();
    Some(explanation)
}

/// The rule of the invariant's family; if it does not find what it needs, the slice.
fn by_rule(chain: Chain<'_>, violation: &Violation) -> Explanation {
    let rule: fn(&mut Chain<'_>, &Violation) -> bool = match violation.invariant {
        "R3" | "R4" | "R6" if violation.message.contains(" different ") => diverged::tell,
        "R16" | "R23" | "inconsistent-offsets" => diverged::tell,
        "R3" | "R4" | "R5" | "R6" | "R8" | "R9" | "R15" | "R22" | "lost-write" | "unseen" => {
            missing::tell
        }
        "R7" => in_sync::tell,
        "R12" => answered::tell,
        id if id.starts_with('K') => quorum::tell,
        _ => slice::tell,
    };
    let mut told = chain.clone();
    if rule(&mut told, violation) {
        return told.finish(violation);
    }
    let mut slice = chain;
    slice::tell(&mut slice, violation);
    slice.finish(violation)
}
