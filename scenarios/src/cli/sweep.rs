//! `trial sweep`: scenarios under many seeds, counted; one saved failure of each kind.
//!
//! Invariants: SW-1 with `--out` a seed is reported once, in its folder, before it is counted: whoever is killed goes
//!             on with the same command, once a few of its rows were played again. SW-2 scenarios take turns, so that
//!             each gets its share of a bounded time.

use std::io::{IsTerminal as _, stderr};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use trial_reports::{SeedRow, SweepHeader, Tally, Unreached, render_sweep};
use trial_scenarios::asked::{Asked, quoted};
use trial_scenarios::scenario::{Scenario, ScenarioError, builtin};
use trial_scenarios::sweep::{
    GROUPS_FOLDER, Journal, JournalError, Samples, SeedRange, Shard, ShardArg, header, play_each,
    row, save_groups,
};
use trial_sim::fault::parse_span;

use super::args::{ReportArgs, SweepArgs};
use super::asking::asked;
use super::machines::{page, tell_sweep};
use super::outputs;
use super::print::{Stop, complain};

/// Where failures are saved if nobody says where.
const FAILURES: &str = "trial-failures";

/// What is played, in order.
type All = Vec<(Asked, Arc<Scenario>)>;

/// When a sweep ends before its seeds do.
struct Bounds {
    until: Option<Instant>,
    failures: Option<u64>,
}

/// What a sweep has come to so far.
struct Progress {
    tally: Tally,
    journal: Option<Journal>,
    trouble: Option<JournalError>,
    played: u64,
    simulated_ms: u64,
    stopped: Option<String>,
}

/// Sweeps over every scenario that was asked for; the worst decides the exit status.
pub(crate) fn sweep_all(args: &SweepArgs) -> Result<u8, Stop> {
    let all = opened(args)?;
    let shard = shard(args.shard)?;
    let bounds = bounds(args)?;
    let jobs = args.jobs.map_or_else(cores, usize::from);
    can_be_written(args, &all, shard)?;
    let header = header(&all, args.seeds, shard, args.out.is_some());
    let (mut tally, mut samples) = (Tally::new(&header), Samples::new(&header));
    let mut hear = |header: &SweepHeader, row: &SeedRow| {
        tally.add(row);
        samples.hear(header, row);
    };
    let journal = args.out.as_deref().map(|out| Journal::open(out, &header, &mut hear));
    let mut journal = journal.transpose()?;
    let known = journal.as_ref().map_or(0, Journal::rows);
    let is_whole = journal.as_ref().is_some_and(|journal| journal.missing().is_none());
    let enough = bounds.failures.filter(|most| tally.unexpected() >= *most && !is_whole);
    let mut again = 0;
    if let Some(journal) = journal.as_mut().filter(|_| !is_whole && enough.is_none()) {
        again = journal.recheck(all.iter().map(|(_, scenario)| scenario), &samples, jobs)?;
    }
    let (played, simulated_ms) = (0, 0);
    let stopped = enough.map(|_| {
        format!(
            "{} there already; with a larger --failures it goes on",
            failures(tally.unexpected())
        )
    });
    let mut progress = Progress { tally, journal, trouble: None, played, simulated_ms, stopped };
    let start = Instant::now();
    if enough.is_none() {
        progress = play(&all, &header, jobs, &bounds, progress);
    }
    let wall = start.elapsed();
    let Progress { tally, journal, trouble, played, simulated_ms, stopped } = progress;
    if let Some(trouble) = trouble {
        return Err(trouble.into());
    }
    let say = |text: &dyn std::fmt::Display| page(&args.reports, text);
    say(&render_sweep(&header, &tally, unreached(args.probes)));
    if played > 0 {
        say(&speed(played, simulated_ms, wall, jobs));
    }
    if known > 0 {
        say(&format_args!("{}\n", before(known, again)));
    }
    if let Some(why) = stopped {
        say(&format_args!("stopped: {why}\n"));
    }
    if let Some(journal) = journal.filter(|journal| journal.missing().is_none()) {
        journal.finish()?;
    }
    save(&saved_in(args, shard), &header, &tally, &args.reports)?;
    tell_sweep(&args.reports, &header, &tally)?;
    Ok(tally.exit_status())
}

/// All of them first: a wrong name must not come to light after an hour.
fn opened(args: &SweepArgs) -> Result<All, Stop> {
    let names: Vec<String> = if args.scenarios.is_empty() {
        builtin::names().into_iter().map(str::to_owned).collect()
    } else {
        args.scenarios.clone()
    };
    let mut all: All = Vec::new();
    for name in &names {
        let asked = asked(name, &args.changes)?;
        if let Some((known, _)) = all.iter().find(|(known, _)| known.scenario == asked.scenario) {
            let message =
                format!("{} and {name} are both called {}", known.shown(), asked.scenario);
            let help =
                "name each scenario once; the name of a file is that of its scenario".to_owned();
            return Err(ScenarioError::plain(message, Some(help)).into());
        }
        let scenario = Arc::new(asked.scenario()?);
        all.push((asked, scenario));
    }
    Ok(all)
}

fn shard(given: Option<ShardArg>) -> Result<Shard, Stop> {
    match given {
        None => Ok(Shard::WHOLE),
        Some(ShardArg::Is(shard)) => Ok(shard),
        Some(ShardArg::Auto(count)) => {
            let found = Shard::from_environment(count, |name| std::env::var(name).ok());
            found.map_err(|why| ScenarioError::plain(format!("--shard auto: {why}"), None).into())
        }
    }
}

/// The folder of saved failures.
fn saved_in(args: &SweepArgs, shard: Shard) -> PathBuf {
    let out = args.out.as_deref().map(|out| shard.folder(out).join(GROUPS_FOLDER));
    out.unwrap_or_else(|| PathBuf::from(FAILURES))
}

/// All that will be written at the end. The file of rows is opened before anything is played in any case.
fn can_be_written(args: &SweepArgs, all: &All, shard: Shard) -> Result<(), Stop> {
    let read: Vec<&Path> = all.iter().filter_map(|(asked, _)| asked.path.as_deref()).collect();
    let saved = saved_in(args, shard);
    let sweeps: Vec<&Path> = args.out.iter().map(PathBuf::as_path).collect();
    outputs::check(&[("--junit", args.reports.junit.as_deref())], &read, &sweeps)?;
    if args.out.is_some() { outputs::check_folder(&saved) } else { Ok(()) }
}

fn failures(count: u64) -> String {
    if count == 1 { "1 failure is".to_owned() } else { format!("{count} failures are") }
}

/// What was there when it began, and how many of it were played once more.
fn before(known: u64, again: usize) -> String {
    let seeds = if known == 1 { "1 seed".to_owned() } else { format!("{known} seeds") };
    match again {
        0 => format!("{seeds} had been played before"),
        _ => format!(
            "{seeds} had been played before; {again} of them again now, which came to the same"
        ),
    }
}

/// How a page shows the probes that nobody reached.
pub(crate) fn unreached(named: bool) -> Unreached {
    if named { Unreached::Named } else { Unreached::Counted }
}

fn bounds(args: &SweepArgs) -> Result<Bounds, Stop> {
    refuse_part_of_a_shard(args)?;
    let mut until = None;
    if let Some(text) = &args.time {
        let span = parse_span(text).map_err(|error| {
            let help = "a duration such as 90s, 10m or 8h".to_owned();
            ScenarioError::plain(format!("--for {text}: {}", error.what), Some(help))
        })?;
        until = Some(Instant::now() + Duration::from_nanos(span.as_nanos()));
    }
    if args.seeds.is_open() && until.is_none() && args.failures.is_none() {
        let message =
            format!("--seeds {} has no end, and nothing else would end the sweep", args.seeds);
        let help = "give --for TIME or --failures N, or the last seed".to_owned();
        return Err(ScenarioError::plain(message, Some(help)).into());
    }
    Ok(Bounds { until, failures: args.failures })
}

/// A shard that ends before its seeds do is never finished, and cannot be joined.
fn refuse_part_of_a_shard(args: &SweepArgs) -> Result<(), Stop> {
    if args.shard.is_none() {
        return Ok(());
    }
    let other = match (&args.time, args.failures) {
        _ if args.seeds.is_open() => format!("--seeds {}", args.seeds),
        (Some(time), _) => format!("--for {time}"),
        (None, Some(most)) => format!("--failures {most}"),
        (None, None) => return Ok(()),
    };
    let message = format!("{other} and --shard do not go together: such a shard is never finished");
    let help = "a shard has seeds A..B or COMMIT:N and plays all of them, for `trial merge`; --for, --failures and A.. \
                are for a sweep in one piece"
        .to_owned();
    Err(ScenarioError::plain(message, Some(help)).into())
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Plays what has not been played yet.
fn play(
    all: &All,
    header: &SweepHeader,
    jobs: usize,
    bounds: &Bounds,
    progress: Progress,
) -> Progress {
    let seeds = SeedRange { first: header.first, end: header.end };
    let shard = Shard { index: header.shard, of: header.shards };
    let held: Vec<std::collections::BTreeSet<u64>> = (0..all.len())
        .map(|place| {
            progress.journal.as_ref().map_or_else(Default::default, |rows| rows.seeds(place))
        })
        .collect();
    let bar = bar(all, seeds, shard, &progress);
    let units = shard.seeds(seeds).flat_map(|seed| {
        let todo = all.iter().zip(&held).filter(move |(_, held)| !held.contains(&seed));
        todo.map(move |((_, scenario), _)| (Arc::clone(scenario), seed))
    });
    let progress = Mutex::new(progress);
    play_each(units, jobs, &|scenario, seed, result| {
        let row = row(&scenario.name, seed, &result);
        let mut progress = progress.lock().unwrap_or_else(PoisonError::into_inner);
        let go_on = progress.take(&row, bounds);
        bar.set_message(progress.line());
        bar.inc(1);
        go_on
    });
    bar.finish_and_clear();
    progress.into_inner().unwrap_or_else(PoisonError::into_inner)
}

impl Progress {
    /// One row more: kept, then counted.
    fn take(&mut self, row: &SeedRow, bounds: &Bounds) -> ControlFlow<()> {
        if self.trouble.is_some() {
            return ControlFlow::Break(());
        }
        if let Some(journal) = &mut self.journal
            && let Err(trouble) = journal.append(row)
        {
            self.trouble.get_or_insert(trouble);
            return ControlFlow::Break(());
        }
        self.tally.add(row);
        self.played += 1;
        self.simulated_ms += row.simulated_ms;
        if bounds.failures.is_some_and(|most| self.tally.unexpected() >= most) {
            let on = "with a larger --failures it goes on";
            self.stopped = Some(format!("so many failures were found; {on}"));
        } else if bounds.until.is_some_and(|until| Instant::now() >= until) {
            let on = if self.journal.is_some() { "; the same command goes on" } else { "" };
            self.stopped = Some(format!("the time is over{on}"));
        }
        if self.stopped.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn line(&self) -> String {
        let (known, reached) = self.tally.probes();
        let failed = match (self.tally.unexpected(), self.tally.kinds()) {
            (0, _) => "no failure".to_owned(),
            (seeds, kinds) => format!("{seeds} failures of {kinds} kinds"),
        };
        format!("{failed}, {reached} of {known} probes")
    }
}

/// The live line, on a terminal.
fn bar(all: &All, seeds: SeedRange, shard: Shard, progress: &Progress) -> ProgressBar {
    if !stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let (bar, form) = if seeds.is_open() {
        (ProgressBar::new_spinner(), "{spinner} {pos} seeds, {per_sec}, {msg}, {elapsed}")
    } else {
        let known = progress.journal.as_ref().map_or(0, Journal::rows);
        let count = shard.count(seeds) * all.len() as u64;
        let form = "{wide_bar} {pos}/{len}, {per_sec}, {msg}, {eta}";
        (ProgressBar::new(count.saturating_sub(known)), form)
    };
    let style = ProgressStyle::with_template(form);
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn speed(played: u64, simulated_ms: u64, wall: Duration, jobs: usize) -> String {
    let seconds = wall.as_secs_f64().max(0.001);
    format!(
        "{:.1} seeds/s, {:.0} times real time, {jobs} threads, {seconds:.1} s\n",
        played as f64 / seconds,
        simulated_ms as f64 / 1_000.0 / seconds
    )
}

/// Saves one failure of each kind and says where.
pub(crate) fn save(
    folder: &Path,
    header: &SweepHeader,
    tally: &Tally,
    reports: &ReportArgs,
) -> Result<(), Stop> {
    let saved = save_groups(folder, header, tally)?;
    for group in &saved {
        if let Some(path) = &group.file {
            let path = quoted(&path.display().to_string());
            page(reports, format_args!("saved: trial replay {path}\n"));
        }
        if let Some(trouble) = &group.trouble {
            complain(format_args!("{}: {trouble}", group.name));
        }
    }
    if saved.iter().any(|group| group.file.is_some()) {
        page(reports, "       the same with `shrink` and `explain`: smaller, and why\n");
    }
    Ok(())
}
