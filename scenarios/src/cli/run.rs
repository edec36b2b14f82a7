//! `trial run`: one scenario under one seed, and its report.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use trial_reports::{RunDocument, render_run};
use trial_scenarios::asked::{Asked, quoted};
use trial_scenarios::failure::{Failure, RecordError};
use trial_scenarios::play::{End, OurFault, guarded, play};
use trial_scenarios::run::Run;
use trial_scenarios::scenario::Scenario;
use trial_scenarios::twice::{Twice, play_twice};
use trial_sim::Time;

use super::args::RunArgs;
use super::asking::asked;
use super::history;
use super::log::listening;
use super::machines::{check, tell_fault, tell_run, to_stdout};
use super::outputs;
use super::print::{Stop, complain, palette, say, write_to};

/// `trial` alone: plays the default and says how to see the rest.
pub(crate) fn run_default(args: &RunArgs) -> Result<u8, Stop> {
    let status = run(args)?;
    say(
        "more:    trial list (scenarios, faults, bugs), trial sweep --seeds 0..100, trial --help\n",
    );
    Ok(status)
}

/// Plays and reports.
pub(crate) fn run(args: &RunArgs) -> Result<u8, Stop> {
    check(&args.reports, args.json.as_deref())?;
    let asked = asked(&args.scenario, &args.changes)?;
    let scenario = Arc::new(asked.scenario()?);
    history::named_well(&args.history)?;
    let outputs = [
        ("--json", args.json.as_deref()),
        ("--junit", args.reports.junit.as_deref()),
        ("--history", args.history.file.as_deref()),
    ];
    outputs::check(&outputs, &asked.path.iter().map(PathBuf::as_path).collect::<Vec<_>>(), &[])?;
    args.out.as_deref().map_or(Ok(()), outputs::check_folder)?;
    let again = asked.replay_line(args.seed);
    let ours = |fault| {
        tell_fault(&args.reports, &asked, &fault, &again);
        Stop::OurFault(fault, again.clone())
    };
    let (twice, mut run, wall_ms);
    if args.twice {
        let (played, first_ms) = both(&scenario, args).map_err(ours)?;
        (run, wall_ms) = (played.run.clone(), first_ms);
        twice = Some(played);
    } else {
        let played = listening(args.log, || timed(&scenario, args.seed));
        (run, wall_ms) = played.map_err(ours)?;
        twice = None;
    }
    let document = guarded(&scenario, args.seed, || run.document(wall_ms, again.clone()));
    let mut document = document.map_err(ours)?;
    let mut status = End::of(&run, scenario.expect).exit_status();
    if let Some(twice) = twice.as_ref().filter(|twice| twice.differs()) {
        twice.tell(&mut document);
        status = document.verdict.exit_status();
    }
    if status != 0
        && let Some(folder) = &args.out
    {
        let path = save(&asked, args.seed, folder, &again)?;
        document.replay = format!("trial replay {}", quoted(&path));
    }
    history::write(&args.history, &scenario, args.seed, Time::MAX)
        .map_err(|why| why.told(&again))?;
    let taken = to_stdout(args.json.as_deref()) || to_stdout(args.reports.junit.as_deref());
    if taken {
        write_json(&document, args.json.as_deref())?;
    } else {
        report(&document, args.json.as_deref())?;
    }
    tell_run(&args.reports, &asked, &document)?;
    match &twice {
        Some(Twice { difference: Some(difference), .. }) => complain(difference),
        Some(twice) if !twice.differs() && !taken => {
            say("twice:   both runs have this digest\n");
        }
        _ => {}
    }
    tell_unexpected(&End::of(&run, scenario.expect), status);
    Ok(status)
}

/// Plays to the end and takes the time.
fn timed(scenario: &Arc<Scenario>, seed: u64) -> Result<(Run, u64), OurFault> {
    let start = Instant::now();
    let run = play(scenario, seed)?;
    Ok((run, millis_since(start)))
}

/// Plays twice and takes the time of the first, which is the one that is heard.
fn both(scenario: &Arc<Scenario>, args: &RunArgs) -> Result<(Twice, u64), OurFault> {
    let mut wall_ms = 0;
    let twice = play_twice(scenario, args.seed, |run, second| {
        if second {
            return run.play();
        }
        let start = Instant::now();
        listening(args.log, || run.play());
        wall_ms = millis_since(start);
    })?;
    Ok((twice, wall_ms))
}

pub(crate) fn millis_since(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// The page, and the JSON if somebody wants it in a file.
pub(crate) fn report(document: &RunDocument, json: Option<&Path>) -> Result<(), Stop> {
    say(render_run(document, palette()));
    write_json(document, json)
}

/// The JSON alone.
fn write_json(document: &RunDocument, json: Option<&Path>) -> Result<(), Stop> {
    let Some(path) = json else { return Ok(()) };
    let mut text = serde_json::to_string_pretty(document).expect("a document is plain JSON");
    text.push('\n');
    write_to(path, &text)
}

/// Says on the standard error why the exit status is not 0.
pub(crate) fn tell_unexpected(end: &End, status: u8) {
    if status != 0
        && let Some(why) = end.complaint()
    {
        complain(format_args!("{why}; exit status {status}"));
    }
}

/// Saves a failed run; answers its path.
fn save(asked: &Asked, seed: u64, folder: &Path, again: &str) -> Result<String, Stop> {
    let failure = Failure::record(asked, seed).map_err(|why| match why {
        RecordError::Scenario(error) => error.into(),
        RecordError::OurFault(fault) => Stop::OurFault(fault, again.to_owned()),
    })?;
    Ok(failure.save(folder)?.display().to_string())
}
