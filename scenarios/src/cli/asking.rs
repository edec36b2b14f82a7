//! From arguments to a scenario, or to a failure.

use std::num::NonZero;
use std::path::{Path, PathBuf};

use trial_scenarios::asked::Asked;
use trial_scenarios::failure::Failure;
use trial_scenarios::run::{Phase, Run};
use trial_scenarios::scenario::ScenarioError;
use trial_sim::Time;
use trial_sim::fault::parse_span;

use super::args::{ChangeArgs, FailureArgs};
use super::print::Stop;

/// The scenario of this name with the changes of the command line.
pub(crate) fn asked(name: &str, changes: &ChangeArgs) -> Result<Asked, ScenarioError> {
    Ok(changed(Asked::open(name)?, changes))
}

/// A scenario with the changes of the command line.
pub(crate) fn changed(mut asked: Asked, changes: &ChangeArgs) -> Asked {
    asked.settings.clone_from(&changes.settings);
    asked.switches.clone_from(&changes.switches);
    asked.profile.clone_from(&changes.profile);
    asked
}

/// A time of the run that somebody named with this option.
pub(crate) fn moment(option: &str, text: &str) -> Result<Time, ScenarioError> {
    let span = parse_span(text).map_err(|error| {
        let help = "a time since the start, such as 12s, 12.5s or 800ms";
        ScenarioError::plain(format!("{option} {text}: {}", error.what), Some(help.to_owned()))
    })?;
    Ok(Time::ZERO + span)
}

/// Refuses a time at which there is nothing to see any more.
pub(crate) fn comes_to(
    option: &str,
    text: &str,
    until: Time,
    run: &Run,
) -> Result<(), ScenarioError> {
    let end = run.now();
    if until <= end || !matches!(run.phase(), Phase::Over { .. }) {
        return Ok(());
    }
    let what = format!("{option} {text}: the run is over at {end}");
    let help = format!("a time until then; without {option}: how things stand when it is over");
    Err(ScenarioError::plain(what, Some(help)))
}

/// A failure that somebody named.
pub(crate) struct Given {
    /// What was played.
    pub(crate) asked: Asked,
    /// Under which seed.
    pub(crate) seed: u64,
    /// The file that says so, if there is one.
    pub(crate) saved: Option<(PathBuf, Failure)>,
    /// Threads.
    pub(crate) jobs: usize,
}

/// The failure that a file holds, or that a scenario shows under a seed.
pub(crate) fn failure(args: &FailureArgs) -> Result<Given, Stop> {
    let jobs = args.jobs.map_or_else(cores, usize::from);
    let path = Path::new(&args.what);
    let refuse = |message: &str, help: &str| {
        Err(ScenarioError::plain(message, Some(help.to_owned())).into())
    };
    if path.extension().is_none_or(|extension| extension != "json") {
        let Some(seed) = args.seed else {
            let help = "say which seed fails with --seed N; `trial sweep` finds one";
            return refuse("a scenario is no failure without its seed", help);
        };
        return Ok(Given { asked: asked(&args.what, &args.changes)?, seed, saved: None, jobs });
    }
    let changes = &args.changes;
    let changed = !changes.settings.is_empty() || !changes.switches.is_empty();
    if changed || changes.profile.is_some() || args.seed.is_some() {
        let help = "name its scenario instead, with --seed and what is to be changed";
        return refuse("a saved failure is taken as it is", help);
    }
    let failure = Failure::load(path)?;
    let (asked, seed) = (failure.asked.clone(), failure.seed);
    Ok(Given { asked, seed, saved: Some((path.to_owned(), failure)), jobs })
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}
