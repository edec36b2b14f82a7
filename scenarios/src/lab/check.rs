//! One script under many seeds, on all cores.
//!
//! Invariants: LK-1 the failing seed that is told is the smallest of the range that fails, on any number of cores.
//!             LK-2 every fiftieth seed is played twice, as in a sweep: a script that does not do the same fails.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::lab::Lab;
use crate::asked::Asked;
use crate::scenario::{Scenario, Source};
use crate::sweep::{SeedRange, TWICE_EVERY};
use crate::testing::checking::{jobs, opened, refused};
use crate::testing::environment::Environment;
use crate::testing::quiet::caught;
use crate::testing::{again, story};

/// Starts a check of one script under many seeds.
///
/// ```
/// use trial_scenarios::{lab, producer, scenario};
///
/// let orders = scenario("one order").topic("orders").client(producer("shop", "orders").by_hand());
/// lab(orders).seeds(0..3).run(|lab| {
///     lab.crash("leader(orders/0)");
///     let stored = lab.produce("shop", "customer 1", "three apples").expect("another leads");
///     assert_eq!(stored.offset, 0);
/// });
/// ```
pub fn lab(scenario: impl Into<Source>) -> LabCheck {
    LabCheck {
        scenario: scenario.into(),
        settings: Vec::new(),
        switches: Vec::new(),
        profile: None,
        seeds: SeedRange { first: 0, end: 20 },
    }
}

/// A script that is about to be played under many seeds.
#[derive(Debug, Clone)]
#[must_use = "nothing is played before `run`"]
pub struct LabCheck {
    scenario: Source,
    settings: Vec<String>,
    switches: Vec<String>,
    profile: Option<String>,
    seeds: SeedRange,
}

/// What the threads of a check share.
struct Shared<'a> {
    seeds: SeedRange,
    /// When no seed begins any more, if it is played against the clock.
    until: Option<(Instant, Duration)>,
    next: AtomicU64,
    failed: Mutex<Option<(u64, String)>>,
    play: &'a (dyn Fn(u64) -> Result<(), String> + Sync),
}

impl LabCheck {
    /// Which seeds, unless the environment says otherwise; without either 0 to 19.
    pub fn seeds(mut self, seeds: impl Into<SeedRange>) -> Self {
        self.seeds = seeds.into();
        self
    }

    /// Replaces one value of the scenario, as `--set` does.
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

    /// Plays the script once for each seed, on a cluster that is ready ([`Lab::start`]), and
    /// [finishes](Lab::finish) it. `TRIAL_SEED`, `TRIAL_SEEDS` and `TRIAL_TIME` say other seeds, as for
    /// [`Check::run`](crate::Check::run).
    ///
    /// # Panics
    /// If a seed fails, by the script or by a checker: with the smallest that does, and how to see it again.
    #[track_caller]
    pub fn run(self, script: impl Fn(&mut Lab) + Sync) {
        if let Err(story) = self.try_run(script) {
            panic!("{story}");
        }
    }

    /// The same without a panic for seeds that fail.
    ///
    /// # Errors
    /// If a seed fails: what `run` would panic with.
    ///
    /// # Panics
    /// If the scenario cannot be played, or the environment asks for what is no seed.
    #[track_caller]
    pub fn try_run(self, script: impl Fn(&mut Lab) + Sync) -> Result<(), String> {
        let environment = Environment::read();
        let found = opened(&self.scenario, &self.settings, &self.switches, self.profile.as_deref());
        let (asked, scenario) = found.unwrap_or_else(|error| refused(&self.scenario, error));
        let play = |seed: u64| {
            let first = play(&asked, &scenario, seed, &script)?;
            if seed.is_multiple_of(TWICE_EVERY) {
                let second = play(&asked, &scenario, seed, &script)?;
                if first != second {
                    return Err(differs(&first, &second));
                }
            }
            Ok(())
        };
        let shared = Shared {
            seeds: match environment.time {
                None => environment.seeds.unwrap_or(self.seeds),
                Some(_) => {
                    let first = environment.seeds.unwrap_or(self.seeds).first;
                    SeedRange { first, end: u64::MAX }
                }
            },
            until: environment.time.map(|time| (Instant::now(), time)),
            next: AtomicU64::new(0),
            failed: Mutex::new(None),
            play: &play,
        };
        std::thread::scope(|scope| {
            for _ in 0..jobs().min(usize::try_from(shared.seeds.count()).unwrap_or(usize::MAX)) {
                scope.spawn(|| shared.work());
            }
        });
        let failed = shared.failed.into_inner().unwrap_or_else(PoisonError::into_inner);
        let Some((seed, what)) = failed else { return Ok(()) };
        let mut lines = vec![format!("{}: seed {seed} fails, {what}\n", asked.scenario)];
        lines.push(format!("again:   {}", again::test_line(Some(seed))));
        Err(lines.join("\n"))
    }
}

impl Shared<'_> {
    fn work(&self) {
        loop {
            let place = self.next.fetch_add(1, Ordering::Relaxed);
            let is_late = self.until.is_some_and(|(began, time)| began.elapsed() >= time);
            if place >= self.seeds.count() || (is_late && place > 0) {
                return;
            }
            let seed = self.seeds.first + place;
            // LK-1: smaller seeds were begun before, by this thread or another.
            if self.failed().as_ref().is_some_and(|(known, _)| *known < seed) {
                return;
            }
            if let Err(what) = (self.play)(seed) {
                let mut failed = self.failed();
                if failed.as_ref().is_none_or(|(known, _)| seed < *known) {
                    *failed = Some((seed, what));
                }
            }
        }
    }

    fn failed(&self) -> std::sync::MutexGuard<'_, Option<(u64, String)>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// LK-2.
fn differs(first: &str, second: &str) -> String {
    format!(
        "two runs of it differ: digests {first} and {second}\n\
         the script does not do the same each time: does it count in a static, ask the clock, go through a hash map?"
    )
}

/// One seed; the digest of its end.
fn play(
    asked: &Asked,
    scenario: &Arc<Scenario>,
    seed: u64,
    script: &(impl Fn(&mut Lab) + Sync),
) -> Result<String, String> {
    let mut lab = Lab::of(asked.clone(), scenario, seed);
    let scripted = caught(|| {
        lab.make_ready();
        script(&mut lab);
    });
    if let Err(said) = scripted {
        let (place, what) = said.split_once('\n').unwrap_or(("", &said));
        let mut lines = vec![format!("at {place}:\n{what}")];
        // What was violated or waited for in vain says all of this itself.
        if !what.contains("faults as played") {
            lines.extend(story::faults(&lab.run.fault_outcomes()));
        }
        if !what.contains(&lab.status()) {
            lines.push(format!("\n{lab}"));
        }
        return Err(lines.join("\n"));
    }
    match caught(|| lab.try_finish()) {
        Ok(Ok(document)) => Ok(document.digest),
        Ok(Err(story)) => Err(format!("at the end:\n{story}")),
        Err(said) => Err(format!("at the end:\n{said}")),
    }
}

#[cfg(test)]
mod tests {
    use super::{SeedRange, Shared};
    use std::sync::Mutex;
    use std::sync::atomic::AtomicU64;
    use std::time::{Duration, Instant};

    #[test]
    fn the_smallest_failing_seed_is_told_whoever_comes_first() {
        for _ in 0..20 {
            let play = |seed: u64| {
                // The first one fails last.
                std::thread::sleep(Duration::from_micros(if seed == 13 { 2_000 } else { 20 }));
                if seed >= 13 { Err(seed.to_string()) } else { Ok(()) }
            };
            let shared = Shared {
                seeds: SeedRange { first: 10, end: 40 },
                until: None,
                next: AtomicU64::new(0),
                failed: Mutex::new(None),
                play: &play,
            };
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| shared.work());
                }
            });
            let failed = shared.failed.into_inner().expect("nobody panics");
            assert_eq!(failed, Some((13, "13".to_owned())), "LK-1");
        }
    }

    #[test]
    fn against_the_clock_at_least_one_seed_is_played() {
        let played = AtomicU64::new(0);
        let play = |_| {
            played.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            Ok(())
        };
        let shared = Shared {
            seeds: SeedRange { first: 10, end: u64::MAX },
            until: Some((Instant::now(), Duration::ZERO)),
            next: AtomicU64::new(0),
            failed: Mutex::new(None),
            play: &play,
        };
        shared.work();
        assert_eq!(played.into_inner(), 1);
    }
}
