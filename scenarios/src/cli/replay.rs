//! `trial replay`: a saved failure once more, and whether it is the same run.

use std::sync::Arc;
use std::time::Instant;

use trial_reports::Verdict;
use trial_scenarios::asked::quoted;
use trial_scenarios::failure::{Again, Failure, RecordError, play_again};
use trial_scenarios::play::{guarded, play_until};
use trial_scenarios::run::Phase;
use trial_sim::Time;

use super::args::ReplayArgs;
use super::asking::{comes_to, moment};
use super::history;
use super::log::listening;
use super::outputs;
use super::print::{Stop, complain, say};
use super::run::{millis_since, report, tell_unexpected};

/// Plays what the file holds.
pub(crate) fn replay(args: &ReplayArgs) -> Result<u8, Stop> {
    let failure = Failure::load(&args.file)?;
    history::named_well(&args.history)?;
    outputs::check(&[("--history", args.history.file.as_deref())], &[&args.file], &[])?;
    let again = format!("trial replay {}", quoted(&args.file.display().to_string()));
    match &args.until {
        None => whole(args, &failure, &again),
        Some(text) => part(args, &failure, text, &again),
    }
}

/// To the end, and compared with what was saved.
fn whole(args: &ReplayArgs, failure: &Failure, line: &str) -> Result<u8, Stop> {
    let start = Instant::now();
    let played = listening(args.log, || play_again(failure));
    let (again, mut document, end) = played.map_err(|why| match why {
        RecordError::Scenario(error) => Stop::from(error),
        RecordError::OurFault(fault) => Stop::OurFault(fault, line.to_owned()),
    })?;
    document.wall_ms = millis_since(start);
    line.clone_into(&mut document.replay);
    let scenario = Arc::new(failure.asked.scenario()?);
    history::write(&args.history, &scenario, failure.seed, Time::MAX)
        .map_err(|why| why.told(line))?;
    report(&document, None)?;
    if again == Again::Same {
        say(format_args!("same:    digest {}, as saved\n", failure.digest));
        tell_unexpected(&end, end.exit_status());
        return Ok(end.exit_status());
    }
    complain(format_args!(
        "not the run that was saved (digest {}, {}): {again}",
        failure.digest, failure.fingerprint
    ));
    Ok(Verdict::Differed.exit_status())
}

/// Up to a time, to look at how things stand.
fn part(args: &ReplayArgs, failure: &Failure, text: &str, line: &str) -> Result<u8, Stop> {
    let until = moment("--until", text)?;
    let scenario = Arc::new(failure.asked.scenario()?);
    let ours = |fault| Stop::OurFault(fault, line.to_owned());
    let start = Instant::now();
    let played = listening(args.log, || play_until(&scenario, failure.seed, until));
    let mut run = played.map_err(ours)?;
    comes_to("--until", text, until, &run)?;
    let again = format!("{line} --until {}", quoted(text));
    let document = guarded(&scenario, failure.seed, || run.document(millis_since(start), again));
    let mut document = document.map_err(ours)?;
    history::write(&args.history, &scenario, failure.seed, until).map_err(|why| why.told(line))?;
    if !matches!(run.phase(), Phase::Over { .. }) {
        // A part of a run is never passed off as a whole one.
        document.unknown.push(format!("the run was stopped at {} ms", run.now().as_millis()));
        if document.verdict == Verdict::Holds {
            document.verdict = Verdict::Unknown;
        }
    }
    report(&document, None)?;
    Ok(document.verdict.exit_status())
}
