//! Plays one scenario under many seeds, on many threads, and counts what came of it.
//!
//! Holds:      the seeds, how many threads, what is kept of each run.
//! Invariants: SW-1 what a sweep answers does not depend on the number of threads: only its wall time does.
//!             SW-2 every fiftieth seed is played twice; two runs of one seed that differ are reported, with the first
//!             event in which they do.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use trial_reports::{Verdict, Violation};

use crate::play::{End, OurFault, guarded, play};
use crate::probe::Probe;
use crate::run::Run;
use crate::scenario::Scenario;
use crate::twice::{Twice, play_twice};

/// One seed in so many is played twice.
pub const TWICE_EVERY: u64 = 50;

/// `A..B`: seeds from A up to, but without, B.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeedRange {
    /// The first.
    pub first: u64,
    /// The one after the last.
    pub end: u64,
}

impl SeedRange {
    /// How many they are.
    #[must_use]
    pub const fn count(self) -> u64 {
        self.end - self.first
    }
}

impl From<Range<u64>> for SeedRange {
    fn from(range: Range<u64>) -> Self {
        Self { first: range.start, end: range.end.max(range.start) }
    }
}

impl fmt::Display for SeedRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.first, self.end)
    }
}

impl FromStr for SeedRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const FORM: &str = "the form is A..B, as in 0..1000; B itself is not played";
        let (first, end) = text.split_once("..").ok_or(FORM)?;
        let number = |text: &str| {
            text.trim().parse::<u64>().map_err(|_| format!("`{text}` is no whole number; {FORM}"))
        };
        let (first, end) = (number(first)?, number(end)?);
        if first >= end {
            return Err(format!("{first}..{end} holds no seed; {FORM}"));
        }
        // Every seed of a sweep leaves a row in memory.
        if end - first > 1_000_000_000 {
            return Err(format!("{first}..{end} is more than a billion seeds; {FORM}"));
        }
        Ok(Self { first, end })
    }
}

/// What one seed came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeedResult {
    /// The seed.
    pub seed: u64,
    /// Verdict, expectation, missed probes.
    pub end: End,
    /// The digest, in hexadecimal.
    pub digest: String,
    /// The digest of a second run, if there was one and it differs.
    pub differs: Option<String>,
    /// Where the two part, to be printed.
    pub difference: Option<String>,
    /// The first violation of each invariant, in the order of discovery.
    pub violations: Vec<Violation>,
    /// What no checker could decide, and what never became live again.
    pub open: Vec<String>,
    /// Losses and repetitions that the settings allow.
    pub excused: usize,
    /// How often each probe was reached that was, by name.
    pub probes: BTreeMap<&'static str, u64>,
    /// Kafka requests answered.
    pub requests: u64,
    /// Virtual milliseconds.
    pub simulated_ms: u64,
}

impl SeedResult {
    /// What a run came to that was played to its end.
    #[must_use]
    pub fn of(scenario: &Scenario, seed: u64, run: &mut Run) -> Self {
        let document = run.document(0, String::new());
        let mut violations: Vec<Violation> = Vec::new();
        for violation in document.violations {
            if violations.iter().all(|known| known.invariant != violation.invariant) {
                violations.push(violation);
            }
        }
        let mut open = document.unknown;
        open.extend(document.liveness.missing);
        Self {
            seed,
            end: End::of(run, scenario.expect),
            digest: document.digest,
            differs: None,
            difference: None,
            violations,
            open,
            excused: document.excused.len(),
            probes: run.judge().facts().probes.by_name(),
            requests: document.requests,
            simulated_ms: document.simulated_ms,
        }
    }

    /// The same of a seed that was played twice.
    #[must_use]
    pub fn of_two(scenario: &Scenario, seed: u64, mut twice: Twice) -> Self {
        let result = Self::of(scenario, seed, &mut twice.run);
        Self {
            differs: twice.differs().then(|| twice.second.to_string()),
            difference: twice.difference.map(|difference| difference.to_string()),
            ..result
        }
    }

    /// The verdict; `differed` if a second run was another one.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        if self.differs.is_some() { Verdict::Differed } else { self.end.verdict }
    }

    /// Whether it is what the scenario wants.
    #[must_use]
    pub fn is_as_expected(&self) -> bool {
        self.differs.is_none() && self.end.is_as_expected()
    }

    /// What the process would exit with.
    #[must_use]
    pub fn exit_status(&self) -> u8 {
        if self.differs.is_some() {
            Verdict::Differed.exit_status()
        } else {
            self.end.exit_status()
        }
    }
}

/// Everything that a sweep found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SweepReport {
    /// Every seed that could be played, in order.
    pub results: Vec<SeedResult>,
    /// Seeds at which Trial itself failed.
    pub our_faults: Vec<OurFault>,
}

impl SweepReport {
    /// How many seeds came to each verdict, by its word.
    #[must_use]
    pub fn verdicts(&self) -> BTreeMap<&'static str, u64> {
        let mut counts = BTreeMap::new();
        for result in &self.results {
            *counts.entry(result.verdict().word()).or_default() += 1;
        }
        counts
    }

    /// In how many runs a probe was reached.
    #[must_use]
    pub fn runs_with(&self, probe: Probe) -> u64 {
        let reached = |result: &&SeedResult| result.probes.contains_key(probe.name);
        self.results.iter().filter(reached).count() as u64
    }

    /// The seeds that broke each invariant, in order.
    #[must_use]
    pub fn by_invariant(&self) -> BTreeMap<&str, Vec<&SeedResult>> {
        let mut found: BTreeMap<&str, Vec<&SeedResult>> = BTreeMap::new();
        for result in &self.results {
            for violation in &result.violations {
                found.entry(&violation.invariant).or_default().push(result);
            }
        }
        found
    }

    /// The seeds that did not come to what the scenario wants, in order.
    pub fn unexpected(&self) -> impl Iterator<Item = &SeedResult> {
        self.results.iter().filter(|result| !result.is_as_expected())
    }

    /// What the process exits with: our own fault before all, then differed, violated, stuck, unknown.
    #[must_use]
    pub fn exit_status(&self) -> u8 {
        if !self.our_faults.is_empty() {
            return crate::play::EXIT_OUR_FAULT;
        }
        let found: Vec<u8> = self.unexpected().map(SeedResult::exit_status).collect();
        [4, 1, 3, 5].into_iter().find(|status| found.contains(status)).unwrap_or(0)
    }
}

/// Plays `scenario` under every seed of `seeds` on `jobs` threads. `on_result` hears of each as it ends, in any order.
#[must_use]
pub fn sweep(
    scenario: &Arc<Scenario>,
    seeds: SeedRange,
    jobs: usize,
    on_result: &(dyn Fn(&Result<SeedResult, OurFault>) + Sync),
) -> SweepReport {
    let next = AtomicUsize::new(0);
    let count = usize::try_from(seeds.count()).expect("bounded when it was read");
    let work = || {
        let mut done = Vec::new();
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            if place >= count {
                return done;
            }
            let seed = seeds.first + place as u64;
            let result = guarded(scenario, seed, || one(scenario, seed)).flatten();
            on_result(&result);
            done.push((place, result));
        }
    };
    let mut all: Vec<(usize, Result<SeedResult, OurFault>)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..jobs.clamp(1, count.max(1))).map(|_| scope.spawn(work)).collect();
        let joined = threads.into_iter().map(|thread| thread.join().expect("panics are caught"));
        joined.flatten().collect()
    });
    all.sort_by_key(|(place, _)| *place);
    let mut report = SweepReport::default();
    for (_, result) in all {
        match result {
            Ok(result) => report.results.push(result),
            Err(fault) => report.our_faults.push(fault),
        }
    }
    report
}

/// One seed; every fiftieth twice.
fn one(scenario: &Arc<Scenario>, seed: u64) -> Result<SeedResult, OurFault> {
    if seed.is_multiple_of(TWICE_EVERY) {
        let twice = play_twice(scenario, seed, |run, _| run.play())?;
        return Ok(SeedResult::of_two(scenario, seed, twice));
    }
    Ok(SeedResult::of(scenario, seed, &mut play(scenario, seed)?))
}

#[cfg(test)]
mod tests {
    use super::{SeedRange, SeedResult, SweepReport, sweep};
    use crate::asked::Asked;
    use crate::twice::tests::{short, twice};
    use std::sync::Arc;

    #[test]
    fn seeds_are_a_range_without_its_end() {
        assert_eq!("3..5".parse(), Ok(SeedRange { first: 3, end: 5 }));
        assert_eq!(SeedRange { first: 3, end: 5 }.to_string(), "3..5");
        for bad in ["3", "5..3", "3..3", "a..b", "..", "-1..2", "0..99999999999"] {
            let error = bad.parse::<SeedRange>().expect_err("no range");
            assert!(error.contains("A..B"), "{bad}: {error}");
        }
    }

    #[test]
    fn the_number_of_threads_changes_nothing() {
        let mut asked = Asked::open("what_an_ack_buys").expect("it comes with Trial");
        asked.settings = vec!["time=10s".to_owned()];
        let scenario = Arc::new(asked.scenario().expect("it can be played"));
        let played = |jobs| sweep(&scenario, SeedRange { first: 48, end: 52 }, jobs, &|_| {});
        let alone = played(1);
        assert_eq!(alone.results.len() + alone.our_faults.len(), 4, "every seed leaves a row");
        assert_eq!(alone, played(3));
    }

    #[test]
    fn a_seed_whose_two_runs_differ_ends_the_sweep_with_4_and_shows_where() {
        let of = |tampered| {
            let results = vec![SeedResult::of_two(&short(), 50, twice(tampered))];
            SweepReport { results, our_faults: Vec::new() }
        };
        let (honest, report) = (of(false), of(true));
        let result = &report.results[0];
        assert_eq!((report.exit_status(), result.exit_status()), (4, 4), "SW-2");
        assert_eq!(report.verdicts().into_keys().collect::<Vec<_>>(), ["differed"], "its word");
        let shown = result.difference.as_deref().expect("it is to be printed");
        assert!(shown.contains("they differ first in event "), "{shown}");
        assert!(shown.contains("then one:") && shown.contains("then the other:"), "{shown}");
        let honest = &honest.results[0];
        assert_eq!((&honest.differs, &honest.difference), (&None, &None), "the same twice");
    }

    #[test]
    fn nothing_played_is_nothing_found() {
        assert_eq!(SweepReport::default().exit_status(), 0);
    }
}
