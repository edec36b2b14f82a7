//! Plays seeds on many threads.
//!
//! Holds:      which seed is next.
//! Invariants: SW-1 what a seed comes to does not depend on the number of threads: only the order of the answers does.
//!             SW-2 every fiftieth seed is played twice; two runs of one seed that differ are reported, with the first
//!             event in which they do.
//!             SW-3 seeds are begun in order, and what was begun is finished: whoever stops has played a beginning.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::{SeedRange, SeedResult, SweepReport, TWICE_EVERY};
use crate::play::{OurFault, guarded, play};
use crate::scenario::Scenario;
use crate::twice::play_twice;

/// Plays `scenario` under every seed of `seeds` on `jobs` threads. `on_result` hears of each as it ends, in any order.
#[must_use]
pub fn sweep(
    scenario: &Arc<Scenario>,
    seeds: SeedRange,
    jobs: usize,
    on_result: &(dyn Fn(&Result<SeedResult, OurFault>) + Sync),
) -> SweepReport {
    let all = Mutex::new(Vec::new());
    let units = (seeds.first..seeds.end).map(|seed| (Arc::clone(scenario), seed));
    play_each(units, jobs, &|_, seed, result| {
        on_result(&result);
        all.lock().unwrap_or_else(PoisonError::into_inner).push((seed, result));
        ControlFlow::Continue(())
    });
    let mut all = all.into_inner().unwrap_or_else(PoisonError::into_inner);
    all.sort_by_key(|(seed, _)| *seed);
    let mut report = SweepReport::default();
    for (_, result) in all {
        match result {
            Ok(result) => report.results.push(result),
            Err(fault) => report.our_faults.push(fault),
        }
    }
    report
}

/// What is told of each seed; `Break`: no other is begun.
type OnResult<'a> =
    dyn Fn(&Arc<Scenario>, u64, Result<SeedResult, OurFault>) -> ControlFlow<()> + Sync + 'a;

/// Plays scenarios under seeds, in this order, on `jobs` threads, until there is none left or `on_result` breaks off.
pub fn play_each(
    units: impl Iterator<Item = (Arc<Scenario>, u64)> + Send,
    jobs: usize,
    on_result: &OnResult<'_>,
) {
    let units = Mutex::new(units);
    let stopped = AtomicBool::new(false);
    let work = || {
        while !stopped.load(Ordering::Relaxed) {
            let next = units.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some((scenario, seed)) = next else { return };
            let result = guarded(&scenario, seed, || one(&scenario, seed)).flatten();
            if on_result(&scenario, seed, result).is_break() {
                stopped.store(true, Ordering::Relaxed);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(work);
        }
    });
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
    use super::{play_each, sweep};
    use crate::asked::Asked;
    use crate::sweep::{SeedRange, SeedResult, SweepReport};
    use crate::twice::tests::{short, twice};
    use std::ops::ControlFlow;
    use std::sync::{Arc, Mutex};

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
    fn whoever_stops_has_played_a_beginning() {
        let scenario = short();
        for jobs in [1, 3] {
            let played = Mutex::new(Vec::new());
            let units = (1..).map(|seed| (Arc::clone(&scenario), seed));
            play_each(units, jobs, &|_, seed, _| {
                let mut played = played.lock().expect("nobody panics");
                played.push(seed);
                if played.len() < 4 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            });
            let mut played = played.into_inner().expect("nobody panics");
            played.sort_unstable();
            let beginning: Vec<u64> = (1..).take(played.len()).collect();
            assert_eq!(played, beginning, "SW-3 with {jobs} threads");
            assert!((4..4 + jobs).contains(&played.len()), "{} with {jobs}", played.len());
        }
    }

    #[test]
    fn nothing_played_is_nothing_found() {
        assert_eq!(SweepReport::default().exit_status(), 0);
    }
}
