//! From `cargo test`: one call plays a scenario under many seeds and panics with the story of the first that fails.
//!
//! Invariants: TE-1 equal seeds give equal answers on every machine; `TRIAL_SEED` and `TRIAL_SEEDS` set them from
//!             outside. TE-2 the panic names the invariant, its two facts, and one line that replays it.

use std::fmt::Write as _;
use std::num::NonZero;
use std::sync::Arc;

use crate::asked::Asked;
use crate::scenario::Scenario;
use crate::sweep::{SeedRange, SeedResult, SweepReport, sweep};

/// Seeds that are told in the panic besides the first.
const SEEDS_SHOWN: usize = 8;

/// Starts a check of the built-in scenario of this name, or of the scenario file at this path.
///
/// ```
/// trial_scenarios::check("what_an_ack_buys_all").set("time=12s").seeds(0..2).run();
/// ```
#[must_use = "nothing is played before `run`"]
pub fn check(scenario: &str) -> Check {
    Check {
        scenario: scenario.to_owned(),
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
    scenario: String,
    settings: Vec<String>,
    switches: Vec<String>,
    profile: Option<String>,
    seeds: SeedRange,
}

impl Check {
    /// Which seeds, unless `TRIAL_SEED=N` or `TRIAL_SEEDS=A..B` says otherwise; without either 0 to 99.
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

    /// Plays every seed on all cores, and answers what was found.
    ///
    /// # Panics
    /// If the scenario cannot be played, or a seed comes to another end than the scenario expects.
    pub fn run(self) -> SweepReport {
        let seeds = seeds_from(|name| std::env::var(name).ok()).unwrap_or(self.seeds);
        self.run_exactly(seeds)
    }

    /// The same, whatever the environment says.
    ///
    /// # Panics
    /// As [`Check::run`].
    pub fn run_exactly(self, seeds: SeedRange) -> SweepReport {
        let (asked, scenario) = self.opened();
        let jobs = std::thread::available_parallelism().map_or(1, NonZero::get);
        let report = sweep(&scenario, seeds, jobs, &|_| {});
        if let Some(story) = story(&asked, &report) {
            panic!("{story}");
        }
        report
    }

    fn opened(self) -> (Asked, Arc<Scenario>) {
        let opened = Asked::open(&self.scenario).and_then(|mut asked| {
            asked.settings = self.settings;
            asked.switches = self.switches;
            asked.profile = self.profile;
            let scenario = asked.scenario()?;
            Ok((asked, Arc::new(scenario)))
        });
        opened.unwrap_or_else(|error| {
            let text = format!("{:?}", miette::Report::new(error));
            panic!("{} cannot be played:\n{text}", self.scenario)
        })
    }
}

/// The seeds that the environment asks for.
///
/// # Panics
/// If it asks for what is no seed: a typo must not pass as a test that was run.
fn seeds_from(variable: impl Fn(&str) -> Option<String>) -> Option<SeedRange> {
    if let Some(text) = variable("TRIAL_SEED") {
        let seed: u64 = text.parse().ok().filter(|seed| *seed < u64::MAX).unwrap_or_else(|| {
            panic!("TRIAL_SEED={text} is no seed; the form is a whole number, as in 7")
        });
        return Some(SeedRange { first: seed, end: seed + 1 });
    }
    let text = variable("TRIAL_SEEDS")?;
    Some(text.parse().unwrap_or_else(|why| panic!("TRIAL_SEEDS={text}: {why}")))
}

/// What is wrong, with everything that is needed to see it again; none if nothing is.
fn story(asked: &Asked, report: &SweepReport) -> Option<String> {
    if let Some(fault) = report.our_faults.first() {
        return Some(format!("{fault}\nagain: {}", asked.replay_line(fault.seed)));
    }
    let failed: Vec<&SeedResult> = report.unexpected().collect();
    let first = failed.first()?;
    let played = report.results.len();
    let mut text =
        format!("{}: {} of {played} seeds are not as expected\n", asked.shown(), failed.len());
    let seeds: Vec<String> =
        failed.iter().take(SEEDS_SHOWN).map(|result| result.seed.to_string()).collect();
    let more = if failed.len() > SEEDS_SHOWN { ", …" } else { "" };
    line(&mut text, format_args!("seeds: {}{more}", seeds.join(", ")));
    line(&mut text, format_args!("seed {}: {}", first.seed, first.verdict().word()));
    if let Some(why) = first.end.complaint() {
        line(&mut text, format_args!("  {why}"));
    }
    if let Some(other) = &first.differs {
        line(&mut text, format_args!("  two runs: digests {} and {other}", first.digest));
    }
    if let Some(difference) = &first.difference {
        text.push_str(difference);
    }
    for found in &first.violations {
        line(
            &mut text,
            format_args!("  {} at {} ms: {}", found.invariant, found.at_ms, found.message),
        );
        for fact in &found.facts {
            line(&mut text, format_args!("    {fact}"));
        }
    }
    for open in &first.open {
        line(&mut text, format_args!("  {open}"));
    }
    line(&mut text, format_args!("again: {}", asked.replay_line(first.seed)));
    Some(text)
}

fn line(text: &mut String, what: std::fmt::Arguments<'_>) {
    writeln!(text, "{what}").expect("a String takes any text");
}

#[cfg(test)]
mod tests {
    use super::{seeds_from, story};
    use crate::asked::Asked;
    use crate::play::End;
    use crate::sweep::{SeedRange, SeedResult, SweepReport};
    use std::collections::BTreeMap;
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
            probes: BTreeMap::new(),
            requests: 1,
            simulated_ms: 1,
        }
    }

    #[test]
    fn a_failing_seed_is_told_with_its_two_facts_and_its_replay_line() {
        let asked = Asked::open("departures").expect("it comes with Trial");
        let results = vec![violated(3), violated(9)];
        let report = SweepReport { results, our_faults: Vec::new() };
        let text = story(&asked, &report).expect("two seeds failed");
        assert_eq!(
            text,
            "departures: 2 of 2 seeds are not as expected\n\
             seeds: 3, 9\n\
             seed 3: violated\n\
             \x20 the verdict is `violated`, the scenario expects `holds`\n\
             \x20 R4 at 1500 ms: offset 7 of orders/0 is gone\n\
             \x20   b1 committed it\n\
             \x20   b2 leads without it\n\
             again: trial run departures --seed 3\n"
        );
        assert_eq!(story(&asked, &SweepReport::default()), None);
    }

    #[test]
    fn the_environment_sets_the_seeds() {
        let with = |name: &'static str, value: &'static str| {
            seeds_from(move |asked| (asked == name).then(|| value.to_owned()))
        };
        assert_eq!(with("TRIAL_SEED", "7"), Some(SeedRange { first: 7, end: 8 }));
        assert_eq!(with("TRIAL_SEEDS", "3..9"), Some(SeedRange { first: 3, end: 9 }));
        assert_eq!(with("OTHER", "3"), None);
    }

    #[test]
    #[should_panic(expected = "no seed")]
    fn a_seed_that_is_none_fails_the_test() {
        let _ = seeds_from(|_| Some("seven".to_owned()));
    }
}
