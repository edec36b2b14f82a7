//! `trial replay`: a saved failure once more, and whether it is the same run.

use std::sync::Arc;
use std::time::Instant;

use trial_reports::Verdict;
use trial_scenarios::asked::quoted;
use trial_scenarios::failure::Failure;
use trial_scenarios::play::{End, guarded, play_until};
use trial_scenarios::run::Phase;
use trial_scenarios::scenario::ScenarioError;
use trial_sim::Time;
use trial_sim::fault::parse_span;

use super::args::ReplayArgs;
use super::history;
use super::log::listening;
use super::print::{Stop, complain, say};
use super::run::{report, tell_unexpected};

/// Plays what the file holds.
pub(crate) fn replay(args: &ReplayArgs) -> Result<u8, Stop> {
    let failure = Failure::load(&args.file)?;
    let until = match &args.until {
        None => Time::MAX,
        Some(text) => Time::ZERO + parse_span(text).map_err(|error| no_time(text, &error.what))?,
    };
    history::can_be_written(&args.history)?;
    let scenario = Arc::new(failure.asked.scenario()?);
    let again = format!("trial replay {}", quoted(&args.file.display().to_string()));
    let ours = |fault| Stop::OurFault(fault, again.clone());
    let start = Instant::now();
    let played = listening(args.log, || play_until(&scenario, failure.seed, until));
    let mut run = played.map_err(ours)?;
    let wall_ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
    let document = guarded(&scenario, failure.seed, || run.document(wall_ms, again.clone()));
    let mut document = document.map_err(ours)?;
    history::write(&args.history, &scenario, failure.seed, until)
        .map_err(|why| why.told(&again))?;
    let end = End::of(&run, scenario.expect);
    if !matches!(run.phase(), Phase::Over { .. }) {
        // A part of a run is never passed off as a whole one.
        document.unknown.push(format!("the run was stopped at {} ms", run.now().as_millis()));
        if document.verdict == Verdict::Holds {
            document.verdict = Verdict::Unknown;
        }
        report(&document, None)?;
        return Ok(document.verdict.exit_status());
    }
    report(&document, None)?;
    if document.digest == failure.digest {
        say(format_args!("same:    digest {}, as saved\n", failure.digest));
        tell_unexpected(&end, end.exit_status());
        return Ok(end.exit_status());
    }
    let verdict = failure.verdict.word();
    complain(format_args!(
        "not the same run: the file was saved with digest {} and verdict {verdict}; {}",
        failure.digest,
        why_other(&failure)
    ));
    Ok(Verdict::Differed.exit_status())
}

fn no_time(text: &str, what: &str) -> ScenarioError {
    let help = "a time since the start, such as 12s, 12.5s or 800ms";
    ScenarioError::plain(format!("--until {text}: {what}"), Some(help.to_owned()))
}

/// Why a run can be another one than the file says.
fn why_other(failure: &Failure) -> String {
    let ours = env!("CARGO_PKG_VERSION");
    if failure.version == ours {
        let records = "a record file that the scenario names has changed";
        return format!(
            "both are version {ours}, so {records}, or one of the two was built from changed sources"
        );
    }
    format!(
        "it was played by version {}, this is {ours}: another version may take other steps for the same seed",
        failure.version
    )
}
