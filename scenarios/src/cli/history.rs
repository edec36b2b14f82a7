//! `--history FILE`: what clients did, for checkers of others. The seed is played once more with everything recorded.

use std::path::Path;
use std::sync::Arc;

use trial_scenarios::history::{Form, History};
use trial_scenarios::play::{OurFault, guarded};
use trial_scenarios::run::Run;
use trial_scenarios::scenario::{Scenario, ScenarioError};
use trial_sim::Time;

use super::args::HistoryArgs;
use super::print::{Stop, write_to};

/// Why there is no history.
pub(crate) enum NotWritten {
    /// The file cannot be written.
    Stop(Stop),
    /// Trial itself failed.
    OurFault(OurFault),
}

impl NotWritten {
    /// As a command tells it.
    pub(crate) fn told(self, again: &str) -> Stop {
        match self {
            Self::Stop(stop) => stop,
            Self::OurFault(fault) => Stop::OurFault(fault, again.to_owned()),
        }
    }
}

/// The notation, by the file's name.
#[derive(Clone, Copy)]
enum Notation {
    Edn,
    Json,
}

fn notation(file: &Path) -> Result<Notation, ScenarioError> {
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("edn") => Ok(Notation::Edn),
        Some("json") => Ok(Notation::Json),
        _ => {
            let what = format!("--history {}: what should be written there?", file.display());
            let help = "the name must end in .edn (a map a line) or .json (an array)";
            Err(ScenarioError::plain(what, Some(help.to_owned())))
        }
    }
}

/// Refuses a file whose name says nothing, before anything is played.
pub(crate) fn named_well(args: &HistoryArgs) -> Result<(), ScenarioError> {
    args.file.as_deref().map_or(Ok(()), |file| notation(file).map(|_| ()))
}

/// Writes the history of a run, if it was asked for.
pub(crate) fn write(
    args: &HistoryArgs,
    scenario: &Arc<Scenario>,
    seed: u64,
    until: Time,
) -> Result<(), NotWritten> {
    let Some(file) = args.file.as_deref() else { return Ok(()) };
    let notation = notation(file).map_err(|why| NotWritten::Stop(why.into()))?;
    let form = args.form.as_deref().and_then(|name| name.parse::<Form>().ok()).unwrap_or_default();
    let history = guarded(scenario, seed, || {
        let mut run = Run::new(scenario, seed);
        run.keep_record();
        if until == Time::MAX {
            run.play();
        } else {
            run.play_until(until);
        }
        History::of(&run, form)
    });
    let history = history.map_err(NotWritten::OurFault)?;
    let text = match notation {
        Notation::Edn => history.to_edn(),
        Notation::Json => history.to_json(),
    };
    write_to(file, &text).map_err(NotWritten::Stop)
}
