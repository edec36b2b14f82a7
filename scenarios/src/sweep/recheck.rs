//! Whether this build plays what lies in a sweep's file: a few of its rows are played again before others are added.
//!
//! Holds:      by scenario, who failed in which way, and who reached which probe.
//! Invariants: RE-1 whole rows are compared: a build that takes other steps has other digests, one that judges them
//!             otherwise has other rows. RE-2 which seeds are taken depends on the rows alone: the first, the middle
//!             one and the last, one of each of the first kinds of failure, and those that reached the rarest probes,
//!             since two builds that differ where few runs come differ there. RE-3 nine seeds of a scenario at most.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use trial_reports::{SeedRow, SweepHeader};

use super::journal::{Journal, JournalError, Key, shown};
use super::{play_each, row};
use crate::scenario::Scenario;

/// Kinds of failures that are looked at, and rare probes.
const OF_EACH: usize = 3;

/// What is known of the rows from which some are taken.
#[derive(Debug)]
pub struct Samples(Vec<Seen>);

#[derive(Debug, Default)]
struct Seen {
    /// By kind of failure: the smallest seed.
    failed: BTreeMap<String, u64>,
    /// By probe: how many seeds reached it, and the smallest of them.
    reached: BTreeMap<String, (u64, u64)>,
}

impl Samples {
    /// Nothing was heard yet.
    #[must_use]
    pub fn new(header: &SweepHeader) -> Self {
        Self(header.scenarios.iter().map(|_| Seen::default()).collect())
    }

    /// One row more, of this header's sweep.
    pub fn hear(&mut self, header: &SweepHeader, row: &SeedRow) {
        let place = header.scenarios.iter().position(|known| known.name == row.scenario);
        let Some(seen) = place.and_then(|place| self.0.get_mut(place)) else { return };
        if let Some(failure) = &row.failure {
            let seed = seen.failed.entry(failure.id.clone()).or_insert(row.seed);
            *seed = row.seed.min(*seed);
        }
        for probe in row.probes.keys() {
            let (count, seed) = seen.reached.entry(probe.clone()).or_insert((0, row.seed));
            (*count, *seed) = (*count + 1, row.seed.min(*seed));
        }
    }

    /// RE-2.
    fn of(&self, place: usize, seeds: &BTreeSet<u64>) -> BTreeSet<u64> {
        let middle = seeds.iter().nth(seeds.len() / 2);
        let mut taken: BTreeSet<u64> =
            [seeds.first(), middle, seeds.last()].into_iter().flatten().copied().collect();
        let Some(seen) = self.0.get(place) else { return taken };
        let mut failed: Vec<u64> = seen.failed.values().copied().collect();
        failed.sort_unstable();
        taken.extend(failed.into_iter().take(OF_EACH));
        let mut rare: Vec<(u64, u64)> = seen.reached.values().copied().collect();
        rare.sort_unstable();
        let most = taken.len() + OF_EACH;
        for (_, seed) in rare {
            if taken.len() < most {
                taken.insert(seed);
            }
        }
        taken
    }
}

impl Journal {
    /// Plays a few of its rows again, on `jobs` threads; answers how many. `all`: the scenarios of the header.
    ///
    /// # Errors
    /// If one comes to another row here.
    pub fn recheck<'a>(
        &mut self,
        all: impl Iterator<Item = &'a Arc<Scenario>>,
        samples: &Samples,
        jobs: usize,
    ) -> Result<usize, JournalError> {
        let mut saved: BTreeMap<(String, u64), (Key, SeedRow)> = BTreeMap::new();
        let mut units = Vec::new();
        for (place, scenario) in all.enumerate() {
            for seed in samples.of(place, &self.seeds(place)) {
                let row = self.row((place, seed))?;
                // A fault of Trial, or two runs that differed, need not come again.
                if row.verdict.is_some() && row.differs.is_none() {
                    saved.insert((row.scenario.clone(), seed), ((place, seed), row));
                    units.push((Arc::clone(scenario), seed));
                }
            }
        }
        let count = units.len();
        let other: Mutex<BTreeMap<Key, String>> = Mutex::new(BTreeMap::new());
        play_each(units.into_iter(), jobs, &|scenario, seed, result| {
            let now = row(&scenario.name, seed, &result);
            if let Some((key, was)) = saved.get(&(scenario.name.clone(), seed))
                && let Some(what) = difference(was, &now)
            {
                other.lock().unwrap_or_else(PoisonError::into_inner).insert(*key, what);
            }
            ControlFlow::Continue(())
        });
        let other = other.into_inner().unwrap_or_else(PoisonError::into_inner);
        match other.into_values().next() {
            Some(what) => {
                let what = format!("it was played by another build: {what}");
                Err(JournalError::Other { path: shown(&self.path), what })
            }
            None => Ok(count),
        }
    }
}

/// RE-1, in words.
fn difference(was: &SeedRow, now: &SeedRow) -> Option<String> {
    let who = format!("{} seed {}", was.scenario, was.seed);
    if was.digest != now.digest {
        return Some(format!("{who} has the digest {} there, and {} here", was.digest, now.digest));
    }
    (was != now).then(|| {
        let (was, now) = (told(was), told(now));
        format!("{who} is the same run and is judged otherwise, {was} there and {now} here")
    })
}

fn told(row: &SeedRow) -> String {
    let failure = row.failure.as_ref().map(|failure| format!(" ({})", failure.id));
    format!("{}{}", row.word(), failure.unwrap_or_default())
}
