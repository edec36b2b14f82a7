//! `trial sweep`: scenarios under many seeds, counted; one saved failure for each invariant that broke.

use std::fmt::Write as _;
use std::io::{IsTerminal as _, stderr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use trial_reports::Verdict;
use trial_scenarios::asked::{Asked, quoted};
use trial_scenarios::failure::Failure;
use trial_scenarios::probe;
use trial_scenarios::scenario::{Scenario, builtin};
use trial_scenarios::sweep::{SeedRange, SeedResult, SweepReport, TWICE_EVERY, sweep};

use super::args::SweepArgs;
use super::asking::asked;
use super::print::{Stop, complain, say};

/// Failing seeds that are named for one invariant.
const SEEDS_SHOWN: usize = 5;

/// Sweeps over every scenario that was asked for; the worst decides the exit status.
pub(crate) fn sweep_all(args: &SweepArgs) -> Result<u8, Stop> {
    let names: Vec<String> = if args.scenarios.is_empty() {
        builtin::names().into_iter().map(str::to_owned).collect()
    } else {
        args.scenarios.clone()
    };
    // All of them first: a wrong name must not come to light after an hour.
    let mut all = Vec::new();
    for name in &names {
        let asked = asked(name, &args.changes)?;
        let scenario = Arc::new(asked.scenario()?);
        all.push((asked, scenario));
    }
    let jobs = args.jobs.map_or_else(cores, usize::from);
    let mut statuses = Vec::new();
    for (asked, scenario) in &all {
        statuses.push(one(asked, scenario, args.seeds, jobs, &args.out)?);
    }
    let worst = [70, 4, 1, 3, 5].into_iter().find(|status| statuses.contains(status));
    Ok(worst.unwrap_or(0))
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

fn one(
    asked: &Asked,
    scenario: &Arc<Scenario>,
    seeds: SeedRange,
    jobs: usize,
    out: &Path,
) -> Result<u8, Stop> {
    let bar = bar(&scenario.name, seeds);
    let start = Instant::now();
    let report = sweep(scenario, seeds, jobs, &|_| bar.inc(1));
    let wall = start.elapsed();
    bar.finish_and_clear();
    say(counts(&scenario.name, seeds, &report));
    say(speed(&report, wall, jobs));
    for (first, what) in failures(&report) {
        let failure = Failure::new(
            asked.clone(),
            first.seed,
            first.digest.clone(),
            first.verdict(),
            first.violations.iter().map(|violation| violation.invariant.clone()).collect(),
        );
        let path = failure.save_as(out, &what)?;
        say(format_args!("  again: trial replay {}\n", quoted(&path.display().to_string())));
        say(story(first, &what));
    }
    for fault in &report.our_faults {
        complain(format_args!("{fault}\n  again: {}", asked.replay_line(fault.seed)));
    }
    say("\n");
    Ok(report.exit_status())
}

fn bar(name: &str, seeds: SeedRange) -> ProgressBar {
    if !stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {per_sec} {eta}");
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(seeds.count()).with_style(style).with_message(name.to_owned())
}

/// The verdicts, the invariants with their first seeds, the probes: nothing that depends on the machine.
fn counts(name: &str, seeds: SeedRange, report: &SweepReport) -> String {
    let mut page = String::new();
    let verdicts: Vec<String> =
        report.verdicts().iter().map(|(word, count)| format!("{count} {word}")).collect();
    let twice = report.results.iter().filter(|result| result.seed.is_multiple_of(TWICE_EVERY));
    let excused = report.results.iter().filter(|result| result.excused > 0).count();
    line(&mut page, format_args!("{name}: seeds {seeds}: {}", verdicts.join(", ")));
    line(
        &mut page,
        format_args!(
            "  {} played twice, {excused} with something excused, {} not as expected, {} faults of Trial",
            twice.count(),
            report.unexpected().count(),
            report.our_faults.len()
        ),
    );
    for (invariant, results) in report.by_invariant() {
        let seeds: Vec<String> =
            results.iter().take(SEEDS_SHOWN).map(|result| result.seed.to_string()).collect();
        let more = if results.len() > SEEDS_SHOWN { ", …" } else { "" };
        line(
            &mut page,
            format_args!("  {invariant}: {} seeds: {}{more}", results.len(), seeds.join(", ")),
        );
    }
    let played = report.results.len() as u64;
    let (reached, never): (Vec<_>, Vec<_>) = probe::wanted()
        .into_iter()
        .map(|probe| (probe, report.runs_with(probe)))
        .partition(|(_, runs)| *runs > 0);
    let reached: Vec<String> = reached
        .iter()
        .map(|(probe, runs)| format!("{probe} {}", runs * 1_000 / played.max(1)))
        .collect();
    if !reached.is_empty() {
        line(&mut page, format_args!("  runs of 1,000 that reached: {}", reached.join(", ")));
        let never: Vec<&str> = never.iter().map(|(probe, _)| probe.name).collect();
        line(&mut page, format_args!("  never reached: {}", never.join(", ")));
    }
    page
}

fn speed(report: &SweepReport, wall: Duration, jobs: usize) -> String {
    let seconds = wall.as_secs_f64().max(0.001);
    let simulated: u64 = report.results.iter().map(|result| result.simulated_ms).sum();
    format!(
        "  {:.1} seeds/s, {:.0} times real time, {jobs} threads, {seconds:.1} s\n",
        report.results.len() as f64 / seconds,
        simulated as f64 / 1_000.0 / seconds
    )
}

/// The first unexpected seed for each invariant, and for each verdict that names none.
fn failures(report: &SweepReport) -> Vec<(&SeedResult, String)> {
    let mut found: Vec<(&SeedResult, String)> = Vec::new();
    for result in report.unexpected() {
        let mut whats: Vec<String> = match result.verdict() {
            Verdict::Violated => {
                result.violations.iter().map(|violation| violation.invariant.clone()).collect()
            }
            verdict => vec![verdict.word().to_owned()],
        };
        if !result.end.missed.is_empty() && result.end.verdict == result.end.expected {
            whats = result.end.missed.iter().map(|probe| format!("no-{probe}")).collect();
        }
        for what in whats {
            if found.iter().all(|(_, known)| *known != what) {
                found.push((result, what));
            }
        }
    }
    found
}

/// What happened in the seed, with its two facts.
fn story(result: &SeedResult, what: &str) -> String {
    let mut page = String::new();
    line(&mut page, format_args!("    seed {}: {}", result.seed, result.verdict().word()));
    for violation in result.violations.iter().filter(|violation| violation.invariant == what) {
        line(
            &mut page,
            format_args!("    {} at {} ms: {}", what, violation.at_ms, violation.message),
        );
        for fact in &violation.facts {
            line(&mut page, format_args!("      {fact}"));
        }
    }
    if let Some(other) = &result.differs {
        line(&mut page, format_args!("    digests {} and {other}", result.digest));
    }
    if let Some(difference) = &result.difference {
        page.push_str(difference);
    }
    for open in &result.open {
        line(&mut page, format_args!("    {open}"));
    }
    if let (true, Some(why)) = (result.violations.is_empty(), result.end.complaint()) {
        line(&mut page, format_args!("    {why}"));
    }
    page
}

fn line(page: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(page, "{text}").expect("a String takes any text");
}
