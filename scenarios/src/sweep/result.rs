//! What seeds came to: one of them, and a whole sweep.
//!
//! Holds:      what is kept of each run.

use std::collections::BTreeMap;
use std::sync::Arc;

use trial_reports::{
    FailureShape, SWEEP_SCHEMA_VERSION, SeedRow, SweepHeader, SweptScenario, Verdict, Violation,
};

use super::{SeedRange, Shard, TWICE_EVERY};
use crate::asked::Asked;
use crate::fingerprint::Fingerprint;
use crate::play::{EXIT_OUR_FAULT, End, OurFault, play};
use crate::probe::{self, Probe};
use crate::run::Run;
use crate::scenario::Scenario;
use crate::twice::Twice;

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
    /// What failed; none if the run is as expected.
    pub fingerprint: Option<Fingerprint>,
    /// Events handled.
    pub events: u64,
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
        let end = End::of(run, scenario.expect);
        let failed = !end.is_as_expected();
        let fingerprint = failed.then(|| Fingerprint::of(&document, &end)).flatten();
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
            end,
            fingerprint,
            events: document.events,
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
        let differs = twice.differs();
        Self {
            fingerprint: if differs {
                Some(Fingerprint::new("differed", ""))
            } else {
                result.fingerprint
            },
            differs: differs.then(|| twice.second.to_string()),
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
            return EXIT_OUR_FAULT;
        }
        let found: Vec<u8> = self.unexpected().map(SeedResult::exit_status).collect();
        [4, 1, 3, 5].into_iter().find(|status| found.contains(status)).unwrap_or(0)
    }
}

/// The line of a sweep's file for what a seed came to.
#[must_use]
pub fn row(scenario: &str, seed: u64, result: &Result<SeedResult, OurFault>) -> SeedRow {
    match result {
        Ok(result) => row_of(scenario, result),
        Err(fault) => row_of_fault(scenario, seed, fault),
    }
}

fn row_of(scenario: &str, result: &SeedResult) -> SeedRow {
    let mut open = result.open.clone();
    open.extend(result.end.complaint().filter(|_| result.violations.is_empty()));
    let noticed = result.violations.first().map_or(result.simulated_ms, |first| first.at_ms);
    let failure = result.fingerprint.as_ref().map(|fingerprint| FailureShape {
        id: fingerprint.id(),
        shape: fingerprint.to_string(),
        at_ms: noticed,
    });
    SeedRow {
        scenario: scenario.to_owned(),
        seed: result.seed,
        verdict: Some(result.verdict()),
        as_expected: result.is_as_expected(),
        digest: result.digest.clone(),
        failure,
        violations: result.violations.clone(),
        open,
        differs: result.differs.clone(),
        twice: result.seed.is_multiple_of(TWICE_EVERY),
        excused: result.excused as u64,
        probes: result.probes.iter().map(|(name, hits)| ((*name).to_owned(), *hits)).collect(),
        events: result.events,
        requests: result.requests,
        simulated_ms: result.simulated_ms,
    }
}

fn row_of_fault(scenario: &str, seed: u64, fault: &OurFault) -> SeedRow {
    let fingerprint = Fingerprint::of_fault(fault);
    let (id, shape) = (fingerprint.id(), fingerprint.to_string());
    SeedRow {
        scenario: scenario.to_owned(),
        seed,
        verdict: None,
        as_expected: false,
        digest: String::new(),
        failure: Some(FailureShape { id, shape, at_ms: 0 }),
        violations: Vec::new(),
        open: vec![fault.what.clone()],
        differs: None,
        twice: false,
        excused: 0,
        probes: BTreeMap::new(),
        events: 0,
        requests: 0,
        simulated_ms: 0,
    }
}

/// The header of a sweep: what is played, and by which build. `reference`: also the digest of each first seed, for
/// which it is played, so that another build is noticed.
#[must_use]
pub fn header(
    all: &[(Asked, Arc<Scenario>)],
    seeds: SeedRange,
    shard: Shard,
    reference: bool,
) -> SweepHeader {
    let scenario = |(asked, scenario): &(Asked, Arc<Scenario>)| {
        let digest = |run: Run| run.digest().to_string();
        let first =
            reference.then(|| play(scenario, seeds.first).map_or_else(|_| String::new(), digest));
        SweptScenario {
            name: asked.scenario.clone(),
            expected: scenario.expect,
            asked: serde_json::to_value(asked).expect("plain data is JSON"),
            first_digest: first.unwrap_or_default(),
            replay: asked.replay_form(),
            must_happen: scenario.must_happen.iter().map(|probe| probe.name.to_owned()).collect(),
        }
    };
    SweepHeader {
        schema: SWEEP_SCHEMA_VERSION,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        scenarios: all.iter().map(scenario).collect(),
        first: seeds.first,
        end: seeds.end,
        shard: shard.index,
        shards: shard.of,
        probes: probe::wanted().iter().map(|probe| probe.name.to_owned()).collect(),
    }
}
