//! A sweep counted: verdicts, invariants, probes, and failures in groups.
//!
//! Inputs:     the header, then rows in any order.
//! Invariants: TA-1 the order of the rows does not matter. TA-2 memory grows with kinds of failures, not with seeds.

use std::collections::{BTreeMap, BTreeSet};

use crate::document::Verdict;
use crate::swept::{SeedRow, SweepHeader};

/// Seeds that are named for one group or invariant.
const SEEDS_NAMED: usize = 8;

/// Everything that was counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    /// By scenario, in the order of the header.
    pub scenarios: Vec<ScenarioTally>,
}

/// One scenario's counts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ScenarioTally {
    /// Its name.
    pub name: String,
    /// Seeds that were played.
    pub played: u64,
    /// Seeds of them by what they came to.
    pub verdicts: BTreeMap<&'static str, u64>,
    /// Seeds that were played twice.
    pub twice: u64,
    /// Seeds with something excused.
    pub excused: u64,
    /// Seeds that did not come to what the scenario wants.
    pub unexpected: u64,
    /// By invariant: how many seeds broke it, and the first of them.
    pub invariants: BTreeMap<String, (u64, BTreeSet<u64>)>,
    /// By probe: how many seeds reached it. Every probe that is known is here.
    pub probes: BTreeMap<String, u64>,
    /// Failures, by the id of what they have in common.
    pub groups: BTreeMap<String, Group>,
    /// Events of all seeds.
    pub events: u64,
    /// Virtual milliseconds of all seeds.
    pub simulated_ms: u64,
}

/// Failures of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// How many seeds.
    pub count: u64,
    /// The first of them.
    pub seeds: BTreeSet<u64>,
    /// The one that failed soonest in its own time.
    pub fastest: SeedRow,
}

impl Group {
    /// When the fastest failed, and its seed: groups and their members are in this order.
    fn key(row: &SeedRow) -> (u64, u64) {
        (row.failure.as_ref().map_or(u64::MAX, |failure| failure.at_ms), row.seed)
    }
}

impl Tally {
    /// Nothing has been played yet.
    #[must_use]
    pub fn new(header: &SweepHeader) -> Self {
        let probes: BTreeMap<String, u64> =
            header.probes.iter().map(|name| (name.clone(), 0)).collect();
        let scenarios = header.scenarios.iter().map(|scenario| ScenarioTally {
            name: scenario.name.clone(),
            probes: probes.clone(),
            ..ScenarioTally::default()
        });
        Self { scenarios: scenarios.collect() }
    }

    /// One row more.
    pub fn add(&mut self, row: &SeedRow) {
        if let Some(tally) = self.scenarios.iter_mut().find(|tally| tally.name == row.scenario) {
            tally.add(row);
        }
    }

    /// Seeds that did not come to what their scenarios want.
    #[must_use]
    pub fn unexpected(&self) -> u64 {
        self.scenarios.iter().map(|tally| tally.unexpected).sum()
    }

    /// Kinds of failures.
    #[must_use]
    pub fn kinds(&self) -> usize {
        self.scenarios.iter().map(|tally| tally.groups.len()).sum()
    }

    /// How many probes are known, and how many of them some seed has reached.
    #[must_use]
    pub fn probes(&self) -> (usize, usize) {
        let reached: BTreeSet<&String> = self
            .scenarios
            .iter()
            .flat_map(|tally| tally.probes.iter().filter(|(_, runs)| **runs > 0))
            .map(|(name, _)| name)
            .collect();
        (self.scenarios.first().map_or(0, |tally| tally.probes.len()), reached.len())
    }

    /// What the process exits with: a fault of Trial before all, then differed, violated, stuck, unknown.
    #[must_use]
    pub fn exit_status(&self) -> u8 {
        let groups = || self.scenarios.iter().flat_map(|tally| tally.groups.values());
        let found: BTreeSet<u8> = groups().map(|group| status(&group.fastest)).collect();
        [70, 4, 1, 3, 5].into_iter().find(|status| found.contains(status)).unwrap_or(0)
    }
}

/// What a run like this row exits with.
fn status(row: &SeedRow) -> u8 {
    match row.verdict {
        None => 70,
        Some(Verdict::Holds) => Verdict::Unknown.exit_status(),
        // As its scenario expects, but for a probe that was missed or a fault without effect.
        Some(_) if row.failure.as_ref().is_some_and(|failure| failure.id.starts_with("no-")) => {
            Verdict::Unknown.exit_status()
        }
        Some(verdict) => verdict.exit_status(),
    }
}

impl ScenarioTally {
    fn add(&mut self, row: &SeedRow) {
        self.played += 1;
        *self.verdicts.entry(row.word()).or_default() += 1;
        self.twice += u64::from(row.twice);
        self.excused += u64::from(row.excused > 0);
        self.unexpected += u64::from(!row.as_expected);
        self.events += row.events;
        self.simulated_ms += row.simulated_ms;
        for violation in &row.violations {
            let (count, seeds) = self.invariants.entry(violation.invariant.clone()).or_default();
            *count += 1;
            name_seed(seeds, row.seed);
        }
        for name in row.probes.keys() {
            *self.probes.entry(name.clone()).or_default() += 1;
        }
        let Some(failure) = &row.failure else { return };
        let group = self.groups.entry(failure.id.clone()).or_insert_with(|| Group {
            count: 0,
            seeds: BTreeSet::new(),
            fastest: row.clone(),
        });
        group.count += 1;
        name_seed(&mut group.seeds, row.seed);
        if Group::key(row) < Group::key(&group.fastest) {
            group.fastest = row.clone();
        }
    }

    /// The kinds of failures, the fastest first.
    #[must_use]
    pub fn groups(&self) -> Vec<(&str, &Group)> {
        let mut groups: Vec<(&str, &Group)> =
            self.groups.iter().map(|(id, group)| (id.as_str(), group)).collect();
        groups.sort_by_key(|(_, group)| Group::key(&group.fastest));
        groups
    }
}

/// Keeps the smallest few: TA-1, TA-2.
fn name_seed(seeds: &mut BTreeSet<u64>, seed: u64) {
    seeds.insert(seed);
    if seeds.len() > SEEDS_NAMED {
        seeds.pop_last();
    }
}
