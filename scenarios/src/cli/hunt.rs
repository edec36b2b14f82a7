//! `trial hunt`: guards are removed, one at a time: does Trial notice, and how soon?
//!
//! Effects:    two tables; with `--json` and `--table` the same for programs and for the repository.

use std::io::{IsTerminal as _, stderr};
use std::path::Path;

use comfy_table::{CellAlignment, ColumnConstraint, Table, presets};
use indicatif::{ProgressBar, ProgressStyle};
use trial_cluster::rules::Switch;
use trial_scenarios::hunt::{Effort, Hunt, Quarry, Swarmed, hunt as play, markdown};

use super::args::{EVERY_BUG, HuntArgs};
use super::outputs;
use super::print::{Stop, complain, say, write_to};

/// A bug was not caught, or not by what it must break.
const EXIT_NOT_CAUGHT: u8 = 5;
/// Something broke although the guard was there.
const EXIT_NOT_CLEAN: u8 = 1;

pub(crate) fn hunt(args: &HuntArgs) -> Result<u8, Stop> {
    outputs::check(
        &[("--json", args.json.as_deref()), ("--table", args.table.as_deref())],
        &[],
        &[],
    )?;
    let wanted = |bug: &Switch| args.bug == EVERY_BUG || bug.name() == args.bug;
    let bugs = Switch::ALL.iter().copied().filter(wanted);
    let quarries = bugs.map(Quarry::of).collect::<Result<Vec<_>, _>>()?;
    let effort = Effort {
        hunts: args.hunts,
        swarm_seeds: args.swarm,
        jobs: args.jobs.map_or_else(cores, usize::from),
    };
    let bar = bar(quarries.len() as u64 * (effort.hunts + u64::from(effort.swarm_seeds > 0)));
    let hunts = play(&quarries, effort, &|bug| {
        bar.set_message(bug.name());
        bar.inc(1);
    });
    bar.finish_and_clear();
    let hunts = hunts.map_err(|(bug, fault)| {
        let again = format!("trial run {} --seed {} --switch {bug}", fault.scenario, fault.seed);
        Stop::OurFault(fault, again)
    })?;
    if args.json.as_deref() != Some(Path::new("-")) {
        say(page(&hunts));
    }
    if let Some(path) = &args.json {
        let mut text = serde_json::to_string_pretty(&hunts).expect("hunts are plain JSON");
        text.push('\n');
        write_to(path, &text)?;
    }
    if let Some(path) = &args.table {
        write_to(path, &markdown(&hunts))?;
    }
    Ok(status(&hunts))
}

fn status(hunts: &[Hunt]) -> u8 {
    if !hunts.iter().all(Hunt::is_clean_without) {
        EXIT_NOT_CLEAN
    } else if !hunts.iter().all(Hunt::is_caught) {
        EXIT_NOT_CAUGHT
    } else {
        0
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

fn bar(chases: u64) -> ProgressBar {
    if !stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{wide_bar} {pos}/{len}, {msg}, {elapsed}");
    ProgressBar::new(chases).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn page(hunts: &[Hunt]) -> String {
    let mut text = String::new();
    let mut own =
        table(&["bug", "must break", "noticed by", "seeds", "simulated s", "clean without"]);
    for hunt in hunts {
        let noticed = match (hunt.is_caught(), hunt.invariants().join(", ")) {
            (_, found) if found.is_empty() => "nothing".to_owned(),
            (true, found) => found,
            (false, found) => format!("{found} (not its own)"),
        };
        own.add_row([
            hunt.bug.name().to_owned(),
            hunt.bug.breaks().join(", "),
            noticed,
            hunt.seeds_median().to_string(),
            format!("{:.1}", hunt.simulated_ms_median() as f64 / 1_000.0),
            if hunt.is_clean_without() { "yes".to_owned() } else { "no".to_owned() },
        ]);
    }
    text.push_str(&shown(own));
    let swarmed: Vec<(&Hunt, &Swarmed)> =
        hunts.iter().filter_map(|hunt| hunt.swarm.as_ref().map(|swarm| (hunt, swarm))).collect();
    if !swarmed.is_empty() {
        text.push_str("\nwhat a swarm finds, which is not told where to look:\n");
        let mut rows = table(&["bug", "noticed by", "seeds", "simulated s"]);
        for (hunt, Swarmed(chase)) in swarmed {
            let found = chase.found.as_ref();
            rows.add_row([
                hunt.bug.name().to_owned(),
                found.map_or_else(|| "nothing".to_owned(), |found| found.invariant.clone()),
                chase.seeds.to_string(),
                (chase.simulated.as_millis() / 1_000).to_string(),
            ]);
        }
        text.push_str(&shown(rows));
    }
    text.push_str(&told(hunts));
    text
}

/// What is to be said of those that were not caught, and the sum.
fn told(hunts: &[Hunt]) -> String {
    let mut text = "\n".to_owned();
    for hunt in hunts {
        for (seed, verdict) in hunt.chases.iter().flat_map(|chase| &chase.unclean) {
            text.push_str(&format!(
                "{} with its guard in place is {}: trial run {0} --seed {seed}\n",
                hunt.bug,
                verdict.word(),
            ));
        }
        let strange = hunt.chases.iter().filter_map(|chase| chase.found.as_ref());
        for found in strange.filter(|found| !found.is_expected) {
            text.push_str(&format!(
                "{} broke {}, which it need not: trial run {0} --seed {} --switch {0}\n",
                hunt.bug, found.invariant, found.seed
            ));
        }
    }
    let caught = hunts.iter().filter(|hunt| hunt.is_caught()).count();
    let core: f64 = hunts.iter().map(|hunt| hunt.core().as_secs_f64()).sum();
    text.push_str(&format!("{caught} of {} caught, in {core:.1} s of one core\n", hunts.len()));
    if let [hunt] = hunts
        && let Some(found) = hunt.chases.iter().find_map(|chase| chase.found.as_ref())
    {
        let bug = hunt.bug;
        text.push_str(&format!(
            "see it: trial run {bug} --seed {} --switch {bug} (the same with explain)\n",
            found.seed
        ));
    }
    if cfg!(debug_assertions) {
        complain("this is a development build: a release build hunts ten times as fast");
    }
    text
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(header);
    if let Some(names) = table.column_mut(0) {
        names.set_constraint(ColumnConstraint::ContentWidth);
    }
    for column in table.column_iter_mut().skip(header.len() - 3) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn shown(table: Table) -> String {
    table.to_string().lines().map(|line| format!("{}\n", line.trim_end())).collect()
}
