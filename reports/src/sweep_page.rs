//! The page of a sweep: what was counted, for people.
//!
//! Invariants: SP-1 nothing on it depends on the machine, or on how many workers there were.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::number::{grouped, seconds};
use crate::swept::{SeedRow, SweepHeader, SweptScenario};
use crate::tally::{Group, ScenarioTally, Tally};

/// Columns that names of probes may take.
const WIDTH: usize = 96;

/// Probes that no seed reached are named in any case if they are so few.
const FEW: usize = 8;

/// How the probes that no seed reached are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreached {
    /// Their number; their names only if they are few.
    Counted,
    /// All of their names.
    Named,
}

/// The counts of every scenario, with its failures, the fastest first.
#[must_use]
pub fn render_sweep(header: &SweepHeader, tally: &Tally, unreached: Unreached) -> String {
    let mut page = String::new();
    for (scenario, tally) in header.scenarios.iter().zip(&tally.scenarios) {
        counts(&mut page, header, tally);
        probes(&mut page, scenario, tally, unreached);
        for (id, group) in tally.groups() {
            page.push('\n');
            page.push_str(&failure_story(scenario, id, group, tally.played));
        }
        page.push('\n');
    }
    page
}

fn counts(page: &mut String, header: &SweepHeader, tally: &ScenarioTally) {
    let verdicts: Vec<String> =
        tally.verdicts.iter().map(|(word, count)| format!("{} {word}", grouped(*count))).collect();
    let came = if verdicts.is_empty() { "none played".to_owned() } else { verdicts.join(", ") };
    let part = match header.shards {
        1 => String::new(),
        shards => format!(" (shard {}/{shards})", header.shard),
    };
    line(page, format_args!("{}: {}{part}: {came}", tally.name, seeds(tally.played)));
    line(
        page,
        format_args!(
            "  {} not as expected, {} with something excused; {} played twice",
            grouped(tally.unexpected),
            grouped(tally.excused),
            grouped(tally.twice)
        ),
    );
}

/// How many of 1,000 runs reached each probe; those that none has.
fn probes(page: &mut String, asked: &SweptScenario, tally: &ScenarioTally, unreached: Unreached) {
    if tally.played == 0 {
        return;
    }
    let mut reached: Vec<(&String, u64)> = tally
        .probes
        .iter()
        .filter(|(_, runs)| **runs > 0)
        .map(|(name, runs)| (name, *runs))
        .collect();
    reached.sort_by_key(|(name, runs)| (std::cmp::Reverse(*runs), *name));
    let reached =
        reached.iter().map(|(name, runs)| format!("{name} {}", per_mille(*runs, tally.played)));
    list(page, "probes, runs of 1,000 that reached them:", reached);
    let never: BTreeSet<&String> =
        tally.probes.iter().filter(|(_, runs)| **runs == 0).map(|(name, _)| name).collect();
    let count = format!("never reached: {} of {} probes", never.len(), tally.probes.len());
    if unreached == Unreached::Named || never.len() <= FEW {
        list(page, &format!("{count}:"), never.iter().map(|name| (*name).clone()));
    } else {
        line(page, format_args!("  {count}; `--probes` names them"));
    }
    let missed = asked.must_happen.iter().filter(|name| !tally.probes.contains_key(*name));
    list(page, "demanded, and unknown:", missed.cloned());
}

/// One kind of failure: how often, and its fastest seed with what happened in it.
#[must_use]
pub fn failure_story(asked: &SweptScenario, id: &str, group: &Group, played: u64) -> String {
    let mut text = String::new();
    let row = &group.fastest;
    let failure = row.failure.as_ref();
    let seeds: Vec<String> = group.seeds.iter().map(u64::to_string).collect();
    let more = if group.count > group.seeds.len() as u64 { ", …" } else { "" };
    line(
        &mut text,
        format_args!(
            "  {id}  in {} of {} seeds: {}{more}",
            grouped(group.count),
            grouped(played),
            seeds.join(", ")
        ),
    );
    let at = failure.map_or(0, |failure| failure.at_ms);
    line(
        &mut text,
        format_args!("    soonest in seed {}, at {}: {}", row.seed, seconds(at), row.word()),
    );
    facts(&mut text, row);
    let again = asked.replay.replace("{seed}", &row.seed.to_string());
    line(&mut text, format_args!("    again: {again}"));
    text
}

fn facts(text: &mut String, row: &SeedRow) {
    let (first, others) = match row.violations.split_first() {
        Some((first, others)) => (Some(first), others),
        None => (None, &[][..]),
    };
    if let Some(first) = first {
        line(text, format_args!("    {}: {}", first.invariant, first.message));
        for fact in &first.facts {
            line(text, format_args!("      {fact}"));
        }
    }
    if !others.is_empty() {
        let ids: BTreeSet<&str> =
            others.iter().map(|violation| violation.invariant.as_str()).collect();
        let ids: Vec<&str> = ids.into_iter().collect();
        line(text, format_args!("    and then {}", ids.join(", ")));
    }
    if let Some(other) = &row.differs {
        line(
            text,
            format_args!("    two runs of this seed have the digests {} and {other}", row.digest),
        );
    }
    for open in &row.open {
        line(text, format_args!("    {open}"));
    }
}

/// `title` and what there is, in lines of bounded length.
fn list(page: &mut String, title: &str, items: impl Iterator<Item = String>) {
    let mut items = items.peekable();
    if items.peek().is_none() {
        return;
    }
    line(page, format_args!("  {title}"));
    let mut row = String::new();
    for item in items {
        if !row.is_empty() && row.len() + item.len() + 2 > WIDTH {
            line(page, format_args!("    {row},"));
            row.clear();
        }
        if !row.is_empty() {
            row.push_str(", ");
        }
        row.push_str(&item);
    }
    line(page, format_args!("    {row}"));
}

fn seeds(count: u64) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} seed{plural}", grouped(count))
}

/// Per mille; something that happened at all is never nought.
fn per_mille(runs: u64, of: u64) -> u64 {
    (runs * 1_000 / of).max(u64::from(runs > 0))
}

fn line(page: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(page, "{text}").expect("a String takes any text");
}
