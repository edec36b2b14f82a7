//! Starts a check, plays it, and panics with the story of the first seed that fails.
//!
//! Invariants: TE-1 equal seeds give equal answers on every machine; `TRIAL_SEED`, `TRIAL_SEEDS` and `TRIAL_TIME` set
//!             them from outside. TE-2 a failure names the invariant, its two facts, and a line that replays it.

use std::fmt;
use std::num::NonZero;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::environment::Environment;
use super::story::story;
use crate::asked::Asked;
use crate::scenario::{Scenario, ScenarioError, Source};
use crate::sweep::{SeedRange, SweepReport, sweep};

/// How long one helping of seeds should take that are played against the clock.
const HELPING: Duration = Duration::from_secs(1);

/// Starts a check of the built-in scenario of this name, of the scenario file at this path, or of one that was
/// [built](crate::scenario()).
///
/// ```
/// trial_scenarios::check("what_an_ack_buys_all").set("time=12s").seeds(0..2).run();
/// ```
pub fn check(scenario: impl Into<Source>) -> Check {
    Check {
        scenario: scenario.into(),
        settings: Vec::new(),
        switches: Vec::new(),
        profile: None,
        seeds: SeedRange { first: 0, end: 100 },
    }
}

/// A scenario that is about to be played under many seeds.
#[derive(Debug, Clone)]
#[must_use = "nothing is played before `run`"]
pub struct Check {
    scenario: Source,
    settings: Vec<String>,
    switches: Vec<String>,
    profile: Option<String>,
    seeds: SeedRange,
}

/// A check that failed: what was played, and the story that `run` panics with.
#[derive(Debug, Clone)]
pub struct CheckFailure {
    /// Every seed that was played.
    pub report: SweepReport,
    story: String,
}

impl fmt::Display for CheckFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.story)
    }
}

impl std::error::Error for CheckFailure {}

impl Check {
    /// Which seeds, unless the environment says otherwise; without either 0 to 99.
    pub fn seeds(mut self, seeds: impl Into<SeedRange>) -> Self {
        self.seeds = seeds.into();
        self
    }

    /// Replaces one value of the scenario, as `--set` does: `cluster.brokers=5`.
    pub fn set(mut self, setting: &str) -> Self {
        self.settings.push(setting.to_owned());
        self
    }

    /// Removes one guard of Kafka, as `--switch` does.
    pub fn switch(mut self, bug: &str) -> Self {
        self.switches.push(bug.to_owned());
        self
    }

    /// Which Kafka, as `--profile` says.
    pub fn profile(mut self, profile: &str) -> Self {
        self.profile = Some(profile.to_owned());
        self
    }

    /// What every seed has to come to, instead of what the scenario expects: `holds`, `violated` or `stuck`.
    pub fn expect(self, verdict: &str) -> Self {
        self.set(&format!("expect={verdict:?}"))
    }

    /// Plays every seed on all cores, and answers what was found.
    ///
    /// In the environment, `TRIAL_SEED=7` plays that seed and nothing else, and `TRIAL_SEEDS=0..500` plays those.
    /// `TRIAL_TIME=10m` plays seeds in their order from the first on, whatever the range's end, until ten minutes of
    /// real time are over or some have failed; what has begun then is played to its end. `TRIAL_SAVE=DIR` writes a
    /// failing scenario that was built in Rust into that directory.
    ///
    /// # Panics
    /// If the scenario cannot be played, or a seed comes to another end than the scenario expects.
    #[track_caller]
    pub fn run(self) -> SweepReport {
        match self.try_run() {
            Ok(report) => report,
            Err(failure) => panic!("{failure}"),
        }
    }

    /// The same without a panic for seeds that fail.
    ///
    /// # Errors
    /// If a seed comes to another end than the scenario expects.
    ///
    /// # Panics
    /// If the scenario cannot be played, or the environment asks for what is no seed.
    #[track_caller]
    pub fn try_run(self) -> Result<SweepReport, CheckFailure> {
        let environment = Environment::read();
        let (asked, scenario) = self.opened();
        let seeds = environment.seeds.unwrap_or(self.seeds);
        let report = match environment.time {
            None => sweep(&scenario, seeds, jobs(), &|_| {}),
            Some(time) => against_the_clock(&scenario, seeds.first, time),
        };
        judged(&asked, &scenario, report, environment.save.as_deref())
    }

    /// The same as [`Check::run`], whatever the environment says.
    ///
    /// # Panics
    /// As [`Check::run`].
    #[track_caller]
    pub fn run_exactly(self, seeds: SeedRange) -> SweepReport {
        let (asked, scenario) = self.opened();
        let report = sweep(&scenario, seeds, jobs(), &|_| {});
        match judged(&asked, &scenario, report, None) {
            Ok(report) => report,
            Err(failure) => panic!("{failure}"),
        }
    }

    #[track_caller]
    fn opened(&self) -> (Asked, Arc<Scenario>) {
        let opened =
            opened(&self.scenario, &self.settings, &self.switches, self.profile.as_deref());
        opened.unwrap_or_else(|error| refused(&self.scenario, error))
    }
}

/// The scenario of a source with every change made.
pub(crate) fn opened(
    source: &Source,
    settings: &[String],
    switches: &[String],
    profile: Option<&str>,
) -> Result<(Asked, Arc<Scenario>), ScenarioError> {
    let mut asked = source.asked()?;
    asked.settings = settings.to_vec();
    asked.switches = switches.to_vec();
    asked.profile = profile.map(str::to_owned);
    let scenario = asked.scenario()?;
    Ok((asked, Arc::new(scenario)))
}

/// Says why a scenario cannot be played, at its place.
#[track_caller]
pub(crate) fn refused(source: &Source, error: ScenarioError) -> ! {
    let text = format!("{:?}", miette::Report::new(error));
    panic!("{} cannot be played:\n{text}", source.name())
}

pub(crate) fn jobs() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}

fn judged(
    asked: &Asked,
    scenario: &Arc<Scenario>,
    report: SweepReport,
    save: Option<&Path>,
) -> Result<SweepReport, CheckFailure> {
    match story(asked, scenario, &report, save) {
        None => Ok(report),
        Some(story) => Err(CheckFailure { report, story }),
    }
}

/// Plays on from `first` until `time` is over, or some have failed: in helpings of about a second.
fn against_the_clock(scenario: &Arc<Scenario>, first: u64, time: Duration) -> SweepReport {
    let began = Instant::now();
    let mut report = SweepReport::default();
    let (mut next, mut count) = (first, jobs() as u64);
    while next < u64::MAX && (next == first || began.elapsed() < time) {
        let helping = Instant::now();
        let seeds = SeedRange { first: next, end: next.saturating_add(count) };
        let played = sweep(scenario, seeds, jobs(), &|_| {});
        report.results.extend(played.results);
        report.our_faults.extend(played.our_faults);
        if report.unexpected().next().is_some() || !report.our_faults.is_empty() {
            break;
        }
        let left = time.saturating_sub(began.elapsed());
        if helping.elapsed() < HELPING.min(left) / 2 {
            count = count.saturating_mul(2).min(100_000);
        }
        next = seeds.end;
    }
    report
}

#[cfg(test)]
mod tests {
    use super::super::story::story;
    use super::{against_the_clock, check};
    use crate::asked::Asked;
    use crate::play::End;
    use crate::scenario::{scenario, topic};
    use crate::sweep::{SeedResult, SweepReport};
    use std::sync::Arc;
    use std::time::Duration;
    use trial_reports::{Verdict, Violation};

    fn violated(seed: u64) -> SeedResult {
        let verdict = Verdict::Violated;
        SeedResult {
            seed,
            end: End {
                verdict,
                expected: Verdict::Holds,
                missed: Vec::new(),
                without_effect: Vec::new(),
            },
            digest: "00ff".to_owned(),
            differs: None,
            difference: None,
            violations: vec![Violation {
                invariant: "R4".to_owned(),
                at_ms: 1_500,
                message: "offset 7 of orders/0 is gone".to_owned(),
                facts: vec!["b1 committed it".to_owned(), "b2 leads without it".to_owned()],
            }],
            open: Vec::new(),
            excused: 0,
            probes: std::collections::BTreeMap::new(),
            fingerprint: None,
            events: 1,
            requests: 1,
            simulated_ms: 1,
        }
    }

    #[test]
    fn a_failing_seed_is_told_with_its_two_facts_its_faults_and_lines_to_paste() {
        let asked = Asked::open("what_an_ack_buys_all").expect("it comes with Trial");
        let scenario = Arc::new(asked.scenario().expect("it can be played"));
        let results = vec![violated(3), violated(9)];
        let report = SweepReport { results, our_faults: Vec::new() };
        let text = story(&asked, &scenario, &report, None).expect("two seeds failed");
        insta::assert_snapshot!(text);
        assert_eq!(story(&asked, &scenario, &SweepReport::default(), None), None);
    }

    #[test]
    fn a_built_scenario_that_fails_is_saved_where_it_is_asked_for() {
        let built = scenario("nobody crashes").time("4s").topic(topic("orders").partitions(1));
        let asked = Asked::built(built.name(), built.to_toml().expect("it has a text"));
        let scenario = Arc::new(asked.scenario().expect("it can be played"));
        let report = SweepReport { results: vec![violated(3)], our_faults: Vec::new() };
        let text = story(&asked, &scenario, &report, None).expect("a seed failed");
        assert!(text.contains("TRIAL_SAVE=. before it"), "{text}");
        let folder = std::env::temp_dir().join(format!("trial-save-{}", std::process::id()));
        let text = story(&asked, &scenario, &report, Some(&folder)).expect("a seed failed");
        let path = folder.join("nobody_crashes.toml");
        let line = format!("or:      trial run {} --seed 3", path.display());
        assert!(text.ends_with(&line), "{text}");
        check(path.as_path()).run_exactly((3..4).into());
        std::fs::remove_dir_all(&folder).expect("it is ours");
    }

    #[test]
    fn a_check_that_expects_too_much_fails_without_a_panic() {
        let built = scenario("quiet").time("4s").topic("orders").expect("violated");
        let failure = check(&built).seeds(0..1).try_run().expect_err("nothing breaks");
        assert_eq!(failure.report.results.len(), 1);
        let text = failure.to_string();
        assert!(text.contains("the scenario expects `violated`"), "{text}");
        check(built).expect("holds").seeds(0..1).run();
    }

    #[test]
    fn against_the_clock_seeds_are_played_in_order_until_the_time_is_over() {
        let built = scenario("quiet").time("2s").brokers(1).controllers(0).topic("orders");
        let holds = Arc::new(built.build().expect("it can be played"));
        let some = against_the_clock(&holds, 5, Duration::from_millis(300));
        let seeds: Vec<u64> = some.results.iter().map(|result| result.seed).collect();
        assert_eq!(seeds, (5..5 + seeds.len() as u64).collect::<Vec<_>>(), "in their order");
        let fewest = against_the_clock(&holds, 5, Duration::from_nanos(1)).results.len();
        assert!(fewest >= 1 && seeds.len() > fewest, "{fewest}, then {}", seeds.len());
        let fails = Arc::new(built.expect("stuck").build().expect("it can be played"));
        let failed = against_the_clock(&fails, 5, Duration::from_secs(3_600));
        assert_eq!(failed.results.len(), super::jobs(), "it stops at the first helping that fails");
    }
}
