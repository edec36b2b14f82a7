//! `trial run`: one scenario under one seed, and its report.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use trial_reports::{RunDocument, Verdict, render_run};
use trial_scenarios::asked::{Asked, quoted};
use trial_scenarios::failure::Failure;
use trial_scenarios::play::{End, guarded, play};
use trial_scenarios::run::Run;
use trial_scenarios::scenario::Scenario;

use super::args::RunArgs;
use super::asking::asked;
use super::log::listening;
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
    let asked = asked(&args.scenario, &args.changes)?;
    let scenario = Arc::new(asked.scenario()?);
    let again = asked.replay_line(args.seed);
    let ours = |fault| Stop::OurFault(fault, again.clone());
    let played = listening(args.log, || timed(&scenario, args.seed));
    let (mut run, wall_ms) = played.map_err(ours)?;
    let document = guarded(&scenario, args.seed, || run.document(wall_ms, again.clone()));
    let mut document = document.map_err(ours)?;
    let mut status = End::of(&run, scenario.expect).exit_status();
    if args.twice {
        let (second, _) = timed(&scenario, args.seed).map_err(ours)?;
        let digest = second.digest().to_string();
        if digest != document.digest {
            document.verdict = Verdict::Differed;
            document.unknown.push(format!(
                "two runs of seed {} differed: digests {} and {digest}; this is a fault of Trial",
                args.seed, document.digest
            ));
            status = Verdict::Differed.exit_status();
        }
    }
    if status != 0
        && let Some(folder) = &args.out
    {
        let path = save(&asked, &document, folder)?;
        document.replay = format!("trial replay {}", quoted(&path));
    }
    report(&document, args.json.as_deref())?;
    if args.twice && document.verdict != Verdict::Differed && !to_stdout(args.json.as_deref()) {
        say("twice:   both runs have this digest\n");
    }
    tell_unexpected(&End::of(&run, scenario.expect), status);
    Ok(status)
}

fn to_stdout(json: Option<&Path>) -> bool {
    json == Some(Path::new("-"))
}

/// Plays to the end and takes the time.
fn timed(
    scenario: &Arc<Scenario>,
    seed: u64,
) -> Result<(Run, u64), trial_scenarios::play::OurFault> {
    let start = Instant::now();
    let run = play(scenario, seed)?;
    let wall_ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok((run, wall_ms))
}

/// The page, the JSON, or both.
pub(crate) fn report(document: &RunDocument, json: Option<&Path>) -> Result<(), Stop> {
    if !to_stdout(json) {
        say(render_run(document, palette()));
    }
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
fn save(asked: &Asked, document: &RunDocument, folder: &Path) -> Result<String, Stop> {
    let mut invariants: Vec<String> = Vec::new();
    for violation in &document.violations {
        if !invariants.contains(&violation.invariant) {
            invariants.push(violation.invariant.clone());
        }
    }
    let (digest, verdict) = (document.digest.clone(), document.verdict);
    let failure = Failure::new(asked.clone(), document.seed, digest, verdict, invariants);
    Ok(failure.save(folder)?.display().to_string())
}
