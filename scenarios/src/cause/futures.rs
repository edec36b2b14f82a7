//! One moment of a run, and many futures of it.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use trial_sim::Time;

use crate::run::{Run, Timeline};
use crate::shrink::Target;

/// What is still to come in a fork.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ToCome {
    /// No further fault.
    Nothing,
    /// The faults of the plan.
    ThePlan,
}

/// Forks a run at any moment up to its failure.
pub(super) struct Forks<'a> {
    target: &'a Target,
    timeline: Timeline,
    /// Of each moment.
    pub(super) futures: u32,
    jobs: usize,
    hears: &'a (dyn Fn(u64) + Sync),
    /// Forks that were played.
    pub(super) runs: u64,
}

impl<'a> Forks<'a> {
    /// Of this run, which is played until `end`.
    pub(super) fn new(
        run: Run,
        end: Time,
        target: &'a Target,
        (futures, jobs): (u32, usize),
        hears: &'a (dyn Fn(u64) + Sync),
    ) -> Self {
        let mut timeline = Timeline::new(run);
        timeline.play_until(end);
        Self { target, timeline, futures, jobs: jobs.max(1), hears, runs: 0 }
    }

    /// How many futures of this moment come to the failure.
    pub(super) fn count(&mut self, at: Time, to_come: ToCome) -> u32 {
        let mut base = self.timeline.at(at);
        if to_come == ToCome::Nothing {
            base.spare_the_future();
        }
        let forks: Vec<Mutex<Option<(u64, Run)>>> = (1..=u64::from(self.futures))
            .map(|salt| Mutex::new(Some((salt, base.clone()))))
            .collect();
        let (next, hits) = (AtomicU32::new(0), AtomicU32::new(0));
        let work = || {
            loop {
                let place = next.fetch_add(1, Ordering::Relaxed) as usize;
                let Some(slot) = forks.get(place) else { return };
                let fork = slot.lock().ok().and_then(|mut fork| fork.take());
                let Some((salt, mut fork)) = fork else { continue };
                fork.rekey(salt);
                let shown = self.target.play_on(&mut fork, Time::MAX);
                hits.fetch_add(u32::from(shown.is_some()), Ordering::Relaxed);
            }
        };
        std::thread::scope(|threads| {
            let others = 1..self.jobs.min(forks.len());
            others.for_each(|_| drop(threads.spawn(work)));
            work();
        });
        self.runs += u64::from(self.futures);
        (self.hears)(self.runs);
        hits.into_inner()
    }
}
