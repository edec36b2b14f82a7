//! Makes a failure smaller: fewer faults, hosts, topics, clients and records, and rounder times, as long as the same
//! violation shows. Read first `target.rs` (what counts as the same), then `search.rs`, then one file per kind of step.
//!
//! Inputs:     what was asked for, its seed, and the fingerprint of the failure.
//! Invariants: SH-1 what is answered shows the same fingerprint as the failure that it was made of.
//!             SH-2 the answer does not depend on the number of threads, unless time runs out.

mod carry;
mod draft;
mod faults;
mod groups;
mod page;
mod search;
mod target;
#[cfg(test)]
mod tests;
mod times;
mod told;
mod topology;

use std::num::NonZero;
use std::sync::Arc;
use std::time::{Duration, Instant};

use thiserror::Error;
use trial_reports::{FaultOutcome, RunDocument};

use crate::asked::Asked;
use crate::fingerprint::Fingerprint;
use crate::play::{End, OurFault, guarded, play};
use crate::run::Run;
use crate::scenario::{Scenario, ScenarioError};
pub use carry::carried;
use draft::Draft;
pub use page::{Extent, page};
use search::{Begin, Search};
pub(crate) use target::Shown;
pub(crate) use target::Target;

/// How long a search may take, unless told otherwise.
const WALL: Duration = Duration::from_secs(60);

/// How often all steps are taken, at most: one may make room for another.
const ROUNDS: usize = 3;

/// What a search may cost.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How long it may take in real time.
    pub wall: Duration,
    /// How many threads it may use.
    pub jobs: usize,
}

impl Default for Limits {
    fn default() -> Self {
        let jobs = std::thread::available_parallelism().map_or(1, NonZero::get);
        Self { wall: WALL, jobs }
    }
}

/// A smaller scenario that shows the same failure.
#[derive(Debug, Clone)]
pub struct Shrunk {
    /// The scenario's text.
    pub text: String,
    /// Under which seed it shows the failure.
    pub seed: u64,
    /// Which failure.
    pub fingerprint: Fingerprint,
    /// How large it was.
    pub from: Extent,
    /// How large it is.
    pub to: Extent,
    /// How many scenarios were played.
    pub runs: u64,
    /// How long that took.
    pub wall: Duration,
    /// Whether it stopped because time ran out: then more might go.
    pub is_late: bool,
    /// The small scenario's run, to its end; none if the failure is a panic of Trial's own.
    pub document: Option<RunDocument>,
}

/// Why there is nothing to shrink.
#[derive(Debug, Error)]
pub enum ShrinkError {
    /// The scenario cannot be played.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// It comes to another end than the failure.
    #[error("seed {seed} does not show {wanted}: {found}")]
    NotThere {
        /// The seed.
        seed: u64,
        /// The failure.
        wanted: Fingerprint,
        /// What it shows instead.
        found: String,
    },
    /// Nothing is wrong with the run.
    #[error("nothing is wrong with seed {seed}: {found}")]
    NothingWrong {
        /// The seed.
        seed: u64,
        /// What it came to.
        found: String,
    },
    /// Written without its swarm, it does not show the failure any more.
    #[error(
        "seed {seed} shows {wanted} only as it stands: with every draw written out it does not"
    )]
    NotPinned {
        /// The seed.
        seed: u64,
        /// The failure.
        wanted: Fingerprint,
    },
    /// What is left shows another failure: a fault of the search.
    #[error("what is left of seed {seed} does not show {wanted} any more: a fault of Trial itself")]
    Another {
        /// The seed.
        seed: u64,
        /// The failure.
        wanted: Fingerprint,
    },
    /// A fault of Trial's own that is not the failure that was to be shrunk.
    #[error(transparent)]
    OurFault(#[from] OurFault),
}

/// The failure of `asked` under `seed`, made smaller; `wanted` says which, without it the first that shows. `hears` is
/// told the step and the number of runs so far.
///
/// # Errors
/// If the scenario cannot be played, or does not show the failure.
pub fn shrink(
    asked: &Asked,
    seed: u64,
    wanted: Option<&Fingerprint>,
    limits: Limits,
    hears: &(dyn Fn(&str, u64) + Sync),
) -> Result<Shrunk, ShrinkError> {
    shrink_with(asked, seed, wanted, limits, hears, &Target::shown_by)
}

/// The same with somebody else who decides whether a scenario shows the failure.
fn shrink_with(
    asked: &Asked,
    seed: u64,
    wanted: Option<&Fingerprint>,
    limits: Limits,
    hears: &(dyn Fn(&str, u64) + Sync),
    decides: &(dyn Fn(&Target, &Arc<Scenario>) -> Option<Shown> + Sync),
) -> Result<Shrunk, ShrinkError> {
    let start = Instant::now();
    let scenario = Arc::new(asked.scenario()?);
    let original = original(&scenario, seed, wanted)?;
    let target = Target {
        seed,
        fingerprint: original.fingerprint.clone(),
        within_budget: original.within_budget,
    };
    let judge = |scenario: &Arc<Scenario>| decides(&target, scenario);
    let draft = Draft::parse(&original.pinned);
    let search = draft.and_then(|draft| {
        Search::begin(Begin {
            name: asked.scenario.clone(),
            path: asked.path.clone(),
            draft,
            judge: &judge,
            hears,
            jobs: limits.jobs,
            deadline: start + limits.wall,
        })
    });
    let wanted = target.fingerprint.clone();
    let Some(mut search) = search else { return Err(ShrinkError::NotPinned { seed, wanted }) };
    every_step(&mut search, &original.idle, seed);
    let asked_for = told::About { asked, seed, fingerprint: &wanted };
    let (text, document) = told::finish(&search, &asked_for)?;
    let small = Scenario::from_text(&asked.scenario, &text, asked.path.as_deref(), &[])?;
    Ok(Shrunk {
        text,
        seed,
        from: original.extent,
        to: Extent::of(&small, document.as_ref()),
        fingerprint: wanted,
        // The failure itself, and the small one to its end.
        runs: search.runs + 2,
        wall: start.elapsed(),
        is_late: search.is_late,
        document,
    })
}

/// The failure as it was handed in.
struct Original {
    fingerprint: Fingerprint,
    pinned: String,
    /// Lines that were tried and did nothing.
    idle: Vec<String>,
    within_budget: bool,
    extent: Extent,
}

fn original(
    scenario: &Arc<Scenario>,
    seed: u64,
    wanted: Option<&Fingerprint>,
) -> Result<Original, ShrinkError> {
    let mut run = match play(scenario, seed) {
        Ok(run) => run,
        Err(fault) => return panicked(scenario, fault, wanted),
    };
    let end = End::of(&run, scenario.expect);
    let document = guarded(scenario, seed, || run.document(0, String::new()))?;
    let all = Fingerprint::all(&document, &end);
    let fingerprint = which(seed, wanted, &all, &document)?;
    let nothing = |fault: &&FaultOutcome| fault.at_ms.is_some() && !fault.effect.happened;
    Ok(Original {
        fingerprint,
        pinned: run.pinned()?,
        idle: document.faults.iter().filter(nothing).map(|fault| fault.text.clone()).collect(),
        within_budget: run.beyond_budget().is_none() && !run.is_over_budget(),
        extent: Extent {
            faults: run.faults_as_played().len(),
            ..Extent::of(run.scenario(), Some(&document))
        },
    })
}

/// The failure that is meant: the wanted one if the run shows it, the first if none is named.
pub(crate) fn which(
    seed: u64,
    wanted: Option<&Fingerprint>,
    all: &[Fingerprint],
    document: &RunDocument,
) -> Result<Fingerprint, ShrinkError> {
    let found = |first: Option<&Fingerprint>| {
        let as_expected = || format!("it {} as expected", document.verdict.word());
        first.map_or_else(as_expected, Fingerprint::to_string)
    };
    match (wanted, all.first()) {
        (Some(wanted), _) if all.contains(wanted) => Ok(wanted.clone()),
        (Some(wanted), first) => {
            Err(ShrinkError::NotThere { seed, wanted: wanted.clone(), found: found(first) })
        }
        (None, Some(first)) => Ok(first.clone()),
        (None, None) => Err(ShrinkError::NothingWrong { seed, found: found(None) }),
    }
}

/// The failure is a fault of Trial's own: what its swarm drew is written as if the budget had allowed everything.
fn panicked(
    scenario: &Arc<Scenario>,
    fault: OurFault,
    wanted: Option<&Fingerprint>,
) -> Result<Original, ShrinkError> {
    let fingerprint = Fingerprint::of_fault(&fault);
    if wanted.is_some_and(|wanted| *wanted != fingerprint) {
        return Err(fault.into());
    }
    let run = Run::new(scenario, fault.seed);
    let faults = run.faults_as_played().len();
    let extent = Extent { faults, ..Extent::of(run.scenario(), None) };
    let (pinned, idle) = (run.pinned()?, Vec::new());
    Ok(Original { fingerprint, pinned, idle, within_budget: false, extent })
}

/// Every kind of step, in the order of what a reader would rather do without.
fn every_step(search: &mut Search<'_>, idle: &[String], seed: u64) {
    faults::drop_idle(search, idle);
    times::end_soon(search);
    faults::drop_lines(search);
    times::begin_soon(search);
    for _ in 0..ROUNDS {
        let before = search.best.text();
        faults::simplify(search, seed);
        faults::drop_lines(search);
        topology::fewer_hosts(search);
        topology::fewer_topics(search);
        topology::fewer_clients(search);
        topology::fewer_records(search);
        topology::fewer_settings(search);
        times::begin_soon(search);
        times::round(search);
        times::end_soon(search);
        if search.is_late || search.best.text() == before {
            return;
        }
    }
}
