//! Tries smaller scenarios, several at a time, and keeps the first that still shows the failure.
//!
//! Holds:      the smallest so far, what was tried already, how many runs it took, and when it has to stop.
//! Invariants: SE-1 of several candidates the first in their order is taken, however many threads there are.
//!             SE-2 no text is played twice. SE-3 after the deadline nothing more is played.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use trial_sim::fault::Fault;

use super::draft::Draft;
use super::target::Shown;
use crate::scenario::Scenario;

/// Decides whether a scenario shows the failure, and when.
pub(super) type Judge<'a> = dyn Fn(&Arc<Scenario>) -> Option<Shown> + Sync + 'a;

/// What a candidate came to; none before it was played.
type Tried = Option<Option<Shown>>;

/// The search for a smaller scenario.
pub(super) struct Search<'a> {
    name: String,
    path: Option<PathBuf>,
    judge: &'a Judge<'a>,
    jobs: usize,
    deadline: Instant,
    tried: BTreeMap<String, Option<Shown>>,
    hears: &'a (dyn Fn(&str, u64) + Sync),
    step: &'static str,
    /// The smallest so far.
    pub(super) best: Draft,
    /// When it shows the failure.
    pub(super) shown: Shown,
    /// Scenarios that were played.
    pub(super) runs: u64,
    /// Whether the deadline was reached.
    pub(super) is_late: bool,
}

/// From where a search begins.
pub(super) struct Begin<'a> {
    /// The scenario's name.
    pub(super) name: String,
    /// Beside which file its records lie.
    pub(super) path: Option<PathBuf>,
    /// What is to become smaller.
    pub(super) draft: Draft,
    /// Who decides.
    pub(super) judge: &'a Judge<'a>,
    /// Who hears the step and the number of runs.
    pub(super) hears: &'a (dyn Fn(&str, u64) + Sync),
    /// Threads.
    pub(super) jobs: usize,
    /// When to stop.
    pub(super) deadline: Instant,
}

impl<'a> Search<'a> {
    /// A search that begins here; none if what it begins with does not show the failure.
    pub(super) fn begin(begin: Begin<'a>) -> Option<Self> {
        let Begin { name, path, draft, judge, hears, jobs, deadline } = begin;
        let scenario = Scenario::from_text(&name, &draft.text(), path.as_deref(), &[]).ok()?;
        let shown = judge(&Arc::new(scenario))?;
        Some(Self {
            name,
            path,
            judge,
            jobs: jobs.max(1),
            deadline,
            tried: BTreeMap::new(),
            hears,
            step: "",
            best: draft,
            shown,
            runs: 1,
            is_late: false,
        })
    }

    /// What is done from here on, for whoever watches.
    pub(super) fn enter(&mut self, step: &'static str) {
        self.step = step;
        (self.hears)(step, self.runs);
    }

    /// The scenario that the smallest text holds.
    pub(super) fn scenario(&self) -> Option<Scenario> {
        self.read(&self.best.text())
    }

    fn read(&self, text: &str) -> Option<Scenario> {
        Scenario::from_text(&self.name, text, self.path.as_deref(), &[]).ok()
    }

    /// Takes the first of these that shows the failure; answers its place.
    pub(super) fn take_first(&mut self, drafts: Vec<Draft>) -> Option<usize> {
        let texts: Vec<String> = drafts.iter().map(Draft::text).collect();
        let known: Vec<Tried> = texts.iter().map(|text| self.tried.get(text).copied()).collect();
        let found = self.try_all(&texts, &known);
        let mut taken = None;
        for (place, (text, tried)) in texts.into_iter().zip(found).enumerate() {
            if let (None, Some(shown)) = (taken, tried.flatten()) {
                taken = Some((place, shown));
            }
            if let Some(shown) = tried {
                self.tried.insert(text, shown);
            }
        }
        let (place, shown) = taken?;
        self.best = drafts.into_iter().nth(place)?;
        self.shown = shown;
        Some(place)
    }

    /// Whether this one shows the failure: then it is taken.
    pub(super) fn take(&mut self, draft: Draft) -> bool {
        self.take_first(vec![draft]).is_some()
    }

    /// Takes the same with the first of these plans that shows the failure; answers its place.
    pub(super) fn take_first_plan(&mut self, plans: &[Vec<Fault>]) -> Option<usize> {
        self.take_first(plans.iter().map(|plan| self.best.with_faults(plan)).collect())
    }

    /// What each text came to, up to the first that shows the failure; some after it may have been tried as well.
    fn try_all(&mut self, texts: &[String], known: &[Tried]) -> Vec<Tried> {
        let first_known = known.iter().position(|tried| tried.is_some_and(|shown| shown.is_some()));
        let success = AtomicUsize::new(first_known.unwrap_or(texts.len()));
        let (next, played, is_late) =
            (AtomicUsize::new(0), AtomicUsize::new(0), AtomicBool::new(false));
        let results: Vec<Mutex<Tried>> = known.iter().map(|tried| Mutex::new(*tried)).collect();
        let work = || {
            loop {
                let place = next.fetch_add(1, Ordering::Relaxed);
                // SE-1: whatever comes after a success is not needed, whatever comes before it is.
                if place >= success.load(Ordering::Relaxed) || place >= texts.len() {
                    return;
                }
                if known[place].is_some() {
                    continue;
                }
                let Some(scenario) = self.read(&texts[place]) else {
                    set(&results[place], None);
                    continue;
                };
                if Instant::now() >= self.deadline {
                    is_late.store(true, Ordering::Relaxed);
                    return;
                }
                let shown = (self.judge)(&Arc::new(scenario));
                let count = played.fetch_add(1, Ordering::Relaxed) as u64 + 1;
                (self.hears)(self.step, self.runs + count);
                set(&results[place], shown);
                if shown.is_some() {
                    success.fetch_min(place, Ordering::Relaxed);
                }
            }
        };
        if self.jobs == 1 || texts.len() == 1 {
            work();
        } else {
            std::thread::scope(|threads| {
                for _ in 0..self.jobs.min(texts.len()) {
                    threads.spawn(work);
                }
            });
        }
        self.runs += played.into_inner() as u64;
        self.is_late |= is_late.into_inner();
        results.into_iter().map(|tried| tried.into_inner().unwrap_or(None)).collect()
    }
}

/// A judge that panics does so with a fault of its own: the lock is never left half-way.
fn set(place: &Mutex<Tried>, shown: Option<Shown>) {
    if let Ok(mut tried) = place.lock() {
        *tried = Some(shown);
    }
}
