//! When did it become inevitable? A run is forked at many moments, each fork gets another future, and counted is how
//! many of them come to the same failure: with the faults that are still to come, and without. Read first `futures.rs`
//! (one moment), then `curve.rs` (which moments).
//!
//! Inputs:     a failure that shows again; how many moments and futures.
//! Invariants: CA-1 equal numbers of moments and futures give an equal curve, on any number of threads. CA-2 a jump is
//!             told only where the counts before and after it differ by more than chance explains.

mod curve;
mod futures;
mod page;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use trial_sim::Time;

use crate::asked::Asked;
use crate::explain::{Told, story};
use crate::fingerprint::Fingerprint;
use crate::play::{End, guarded, play};
use crate::run::Run;
use crate::scenario::Scenario;
use crate::shrink::{ShrinkError, Target, which};
pub use page::{Drawn, page};

/// How much is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effort {
    /// Moments that lie evenly between the beginning and the failure.
    pub moments: u32,
    /// Futures of each.
    pub futures: u32,
    /// Threads.
    pub jobs: usize,
}

/// How likely the failure is as time goes on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cause {
    /// The seed of the run.
    pub seed: u64,
    /// The failure.
    pub fingerprint: Fingerprint,
    /// When it shows in the run itself.
    pub shown_ms: f64,
    /// Futures of each moment.
    pub futures: u32,
    /// If no further fault begins.
    pub spared: Curve,
    /// If the faults that are still to come do come.
    pub planned: Curve,
    /// Forks that were played.
    pub runs: u64,
}

/// How likely the failure is at each moment, under one idea of what is still to come.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// The moments, in order.
    pub points: Vec<Point>,
    /// Where the probability changes at once, in order.
    pub jumps: Vec<Jump>,
    /// From when on every future of every moment came to the failure; none if some did not to the last.
    pub inevitable_from_ms: Option<f64>,
}

/// One moment: how many futures of it come to the failure.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// When the fork was taken: everything up to here has happened.
    pub at_ms: f64,
    /// How many futures came to the failure.
    pub hits: u32,
    /// Of how many.
    pub of: u32,
}

/// The probability changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Jump {
    /// The last moment before it.
    pub from_ms: f64,
    /// The first moment after it.
    pub to_ms: f64,
    /// Futures that came to the failure before.
    pub before: u32,
    /// And after.
    pub after: u32,
    /// At how many moments something happened in between: if at several, no single one of them decides.
    pub moments: u32,
    /// What happened in between, in words, the latest last.
    pub events: Vec<String>,
    /// What had happened last before it: of use where nothing happened in between.
    pub last: Option<(f64, String)>,
}

/// A failure, ready to be forked.
struct Failed {
    scenario: Arc<Scenario>,
    target: Target,
    shown: Time,
    events: Vec<Told>,
}

/// Why the failure of `asked` under `seed` came to be; `wanted` says which, without it the first that shows.
///
/// # Errors
/// If the scenario cannot be played, or does not show the failure.
pub fn cause(
    asked: &Asked,
    seed: u64,
    wanted: Option<&Fingerprint>,
    effort: Effort,
    hears: &(dyn Fn(u64) + Sync),
) -> Result<Cause, ShrinkError> {
    let scenario = Arc::new(asked.scenario()?);
    let failed = failed(scenario, seed, wanted)?;
    Ok(guarded(&Arc::clone(&failed.scenario), seed, || curve::draw(&failed, effort, hears))?)
}

fn failed(
    scenario: Arc<Scenario>,
    seed: u64,
    wanted: Option<&Fingerprint>,
) -> Result<Failed, ShrinkError> {
    let mut run = play(&scenario, seed)?;
    let end = End::of(&run, scenario.expect);
    let document = guarded(&scenario, seed, || run.document(0, String::new()))?;
    let fingerprint = which(seed, wanted, &Fingerprint::all(&document, &end), &document)?;
    let target = Target { seed, fingerprint, within_budget: false };
    let mut again = Run::new(&scenario, seed);
    again.keep_record();
    let shown = target.play_on(&mut again, Time::MAX).map_or(again.now(), |shown| shown.at);
    let record = again.record().expect("it was asked for");
    let events = story(record, again.judge().facts(), shown);
    Ok(Failed { scenario, target, shown, events })
}
