//! What a failing check prints: the verdict, the two facts, the faults as they were played, the lines to paste.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use trial_reports::{FaultOutcome, Violation};

use super::again;
use crate::asked::Asked;
use crate::play::play;
use crate::scenario::Scenario;
use crate::shrink::{Limits, shrink};
use crate::sweep::{SeedResult, SweepReport};

/// How long a failing test looks for a smaller plan: long enough for most, short enough to wait for.
const SHRINK_WALL: Duration = Duration::from_secs(5);
/// Seeds that are told besides the first.
const SEEDS_SHOWN: usize = 8;
/// Faults that are told.
const FAULTS_SHOWN: usize = 24;

/// What is wrong, with everything that is needed to see it again; none if nothing is.
pub(super) fn story(
    asked: &Asked,
    scenario: &Arc<Scenario>,
    report: &SweepReport,
    save: Option<&Path>,
) -> Option<String> {
    if let Some(fault) = report.our_faults.first() {
        let again = again::lines(asked, fault.seed, save);
        return Some(format!("{fault}\n{}", again.join("\n")));
    }
    let failed: Vec<&SeedResult> = report.unexpected().collect();
    let first = failed.first()?;
    let mut lines = vec![headline(asked, report.results.len(), &failed)];
    lines.extend(of_seed(first));
    lines.extend(as_played(scenario, first.seed));
    lines.extend(smaller(asked, first));
    lines.push(String::new());
    lines.extend(again::lines(asked, first.seed, save));
    Some(lines.join("\n"))
}

/// The plan that still fails when everything that need not be there is gone, in lines to be printed; none if the search
/// finds nothing in the time that a failing test may take.
fn smaller(asked: &Asked, first: &SeedResult) -> Vec<String> {
    let Some(fingerprint) = first.fingerprint.as_ref().filter(|_| first.differs.is_none()) else {
        return Vec::new();
    };
    let limits = Limits { wall: SHRINK_WALL, ..Limits::default() };
    let Ok(small) = shrink(asked, first.seed, Some(fingerprint), limits, &|_, _| {}) else {
        return Vec::new();
    };
    // How many runs it took depends on the threads: it is not told.
    let late = if small.is_late { ", as far as five seconds allowed" } else { "" };
    let mut lines = vec![format!("\n  smaller, and it still fails in this way{late}")];
    lines.extend(small.text.lines().map(|line| format!("    {line}").trim_end().to_owned()));
    lines
}

fn headline(asked: &Asked, played: usize, failed: &[&SeedResult]) -> String {
    let name = &asked.scenario;
    if played == 1 {
        return format!("{name}: the seed is not as expected");
    }
    let seeds: Vec<String> =
        failed.iter().take(SEEDS_SHOWN).map(|result| result.seed.to_string()).collect();
    let more = if failed.len() > SEEDS_SHOWN { ", …" } else { "" };
    let count = failed.len();
    format!("{name}: {count} of {played} seeds not as expected: {}{more}", seeds.join(", "))
}

fn of_seed(first: &SeedResult) -> Vec<String> {
    let mut lines = vec![format!("\nseed {}: {}", first.seed, first.verdict().word())];
    lines.extend(first.end.complaint().map(|why| format!("  {why}")));
    if let Some(other) = &first.differs {
        lines.push(format!("  two runs: digests {} and {other}", first.digest));
    }
    lines.extend(first.difference.clone());
    lines.extend(violations(&first.violations));
    lines.extend(first.open.iter().map(|open| format!("  {open}")));
    lines
}

/// Each invariant with the two facts that contradict each other.
pub(crate) fn violations(found: &[Violation]) -> Vec<String> {
    let mut lines = Vec::new();
    for found in found {
        lines.push(format!(
            "\n  {} is violated at {}: {}",
            found.invariant,
            seconds(found.at_ms),
            found.message
        ));
        lines.extend(found.facts.iter().map(|fact| format!("    {fact}")));
    }
    lines
}

fn as_played(scenario: &Arc<Scenario>, seed: u64) -> Vec<String> {
    // What was played once is played again to the same end.
    let Ok(mut run) = play(scenario, seed) else { return Vec::new() };
    faults(&run.fault_outcomes())
}

/// Faults with the time at which they began, and what they did.
pub(crate) fn faults(outcomes: &[FaultOutcome]) -> Vec<String> {
    let mut begun: Vec<_> =
        outcomes.iter().filter_map(|fault| Some((fault.at_ms?, fault))).collect();
    if begun.is_empty() {
        return Vec::new();
    }
    begun.sort_by_key(|(at, _)| *at);
    let mut lines = vec!["\n  faults as played".to_owned()];
    for (at, fault) in begun.iter().take(FAULTS_SHOWN) {
        lines.push(format!("  {:>8}  {}: {}", seconds(*at), fault.text, fault.effect.text));
    }
    if begun.len() > FAULTS_SHOWN {
        lines.push(format!("  and {} more", begun.len() - FAULTS_SHOWN));
    }
    lines
}

pub(crate) fn seconds(millis: u64) -> String {
    format!("{}.{:03}s", millis / 1_000, millis % 1_000)
}
