//! Which moments are forked: evenly at first, then between events wherever the probability jumps.
//!
//! Invariants: CU-1 a jump is narrowed down until a single moment with events lies in it, or none, or until what
//!             changes before and after a further moment is no more than chance: then no single event decides.

use std::collections::BTreeMap;

use trial_sim::{Span, Time};

use super::futures::{Forks, ToCome};
use super::{Cause, Curve, Effort, Failed, Jump, Point};
use crate::explain::Told;
use crate::run::Run;

/// Jumps that are told, the highest.
const JUMPS_MAX: usize = 5;
/// A difference that is worth telling: so many of a hundred.
const WORTH: u32 = 20;
/// Between two events a jump is not narrowed down any further than this.
const NARROW: Span = Span::from_millis(10);

/// Both curves of a failure.
pub(super) fn draw(failed: &Failed, effort: Effort, hears: &(dyn Fn(u64) + Sync)) -> Cause {
    let target = &failed.target;
    let run = Run::new(&failed.scenario, target.seed);
    // What is forked last must not have shown the failure already.
    let end = Time(failed.shown.0.saturating_sub(1));
    let mut forks = Forks::new(run, end, target, (effort.futures, effort.jobs), hears);
    let mut drawn = [ToCome::Nothing, ToCome::ThePlan].map(|to_come| {
        let mut drawing = Drawing { forks: &mut forks, to_come, counts: BTreeMap::new() };
        drawing.curve(failed, end, effort)
    });
    let [spared, planned] = &mut drawn;
    Cause {
        seed: target.seed,
        fingerprint: target.fingerprint.clone(),
        shown_ms: millis(failed.shown),
        futures: effort.futures,
        spared: std::mem::take(spared),
        planned: std::mem::take(planned),
        runs: forks.runs,
    }
}

fn events_times(failed: &Failed) -> Vec<Time> {
    let mut times: Vec<Time> = failed.events.iter().map(|told| told.at).collect();
    times.dedup();
    times
}

/// One curve while it is drawn.
struct Drawing<'a, 'f> {
    forks: &'a mut Forks<'f>,
    to_come: ToCome,
    counts: BTreeMap<Time, u32>,
}

impl Drawing<'_, '_> {
    fn curve(&mut self, failed: &Failed, end: Time, effort: Effort) -> Curve {
        let moments = u64::from(effort.moments.max(2));
        for moment in 0..moments {
            let share = u128::from(end.0) * u128::from(moment) / u128::from(moments - 1);
            self.count(Time(u64::try_from(share).expect("at most the end")));
        }
        let times = events_times(failed);
        let steep = self.steep().into_iter().take(JUMPS_MAX);
        let mut jumps: Vec<(Time, Time)> =
            steep.map(|(from, to)| self.narrow(from, to, &times)).collect();
        jumps.sort_unstable();
        jumps.dedup();
        jumps.retain(|(from, to)| self.differs(*from, *to));
        Curve {
            jumps: jumps.iter().map(|(from, to)| self.jump(failed, *from, *to)).collect(),
            inevitable_from_ms: self.inevitable_from().map(millis),
            points: self.points(),
        }
    }

    fn count(&mut self, at: Time) -> u32 {
        if let Some(count) = self.counts.get(&at) {
            return *count;
        }
        let count = self.forks.count(at, self.to_come);
        self.counts.insert(at, count);
        count
    }

    fn points(&self) -> Vec<Point> {
        let point = |(at, hits): (&Time, &u32)| Point {
            at_ms: millis(*at),
            hits: *hits,
            of: self.forks.futures,
        };
        self.counts.iter().map(point).collect()
    }

    /// Neighbours between which the probability changes by more than chance, the highest step first.
    fn steep(&self) -> Vec<(Time, Time)> {
        let times: Vec<Time> = self.counts.keys().copied().collect();
        let pairs = times.windows(2).map(|pair| (pair[0], pair[1]));
        let mut steep: Vec<(Time, Time)> =
            pairs.filter(|(from, to)| self.differs(*from, *to)).collect();
        steep.sort_by_key(|(from, to)| (std::cmp::Reverse(self.step(*from, *to)), *from));
        steep
    }

    fn step(&self, from: Time, to: Time) -> u32 {
        let count = |at: Time| self.counts.get(&at).copied().unwrap_or(0);
        count(from).abs_diff(count(to))
    }

    /// CA-2: by two standard deviations of a difference of two counts, and by enough to be worth telling.
    fn differs(&self, from: Time, to: Time) -> bool {
        let count = |at: Time| f64::from(self.counts.get(&at).copied().unwrap_or(0));
        let futures = f64::from(self.forks.futures.max(1));
        let share = f64::midpoint(count(from), count(to)) / futures;
        let chance = 2.0 * (share * (1.0 - share) * 2.0 * futures).sqrt();
        let step = self.step(from, to);
        f64::from(step) > chance && step * 100 >= WORTH * self.forks.futures
    }

    /// CU-1: halves the events between two moments, and goes on with the half in which more changes.
    fn narrow(&mut self, from: Time, to: Time, times: &[Time]) -> (Time, Time) {
        let (mut from, mut to) = (from, to);
        // The narrowest of those between which more than chance lies.
        let mut kept = (from, to);
        loop {
            if self.differs(from, to) {
                kept = (from, to);
            }
            let within: Vec<Time> =
                times.iter().copied().filter(|at| from < *at && *at <= to).collect();
            let middle = match within.as_slice() {
                [] if to.since(from) > NARROW => from + Span(to.since(from).0 / 2),
                [] => return kept,
                // Just before the only event that is left, then at it.
                [only] if Time(only.0 - 1) > from => Time(only.0 - 1),
                [only] if *only < to => *only,
                [_] => return kept,
                many => many[many.len() / 2 - 1],
            };
            self.count(middle);
            if self.step(from, middle) >= self.step(middle, to) {
                to = middle;
            } else {
                from = middle;
            }
        }
    }

    fn jump(&self, failed: &Failed, from: Time, to: Time) -> Jump {
        let count = |at: Time| self.counts.get(&at).copied().unwrap_or(0);
        let between: Vec<&Told> =
            failed.events.iter().filter(|told| from < told.at && told.at <= to).collect();
        let mut moments: Vec<Time> = between.iter().map(|told| told.at).collect();
        moments.dedup();
        let last = failed.events.iter().rev().find(|told| told.at <= from);
        Jump {
            from_ms: millis(from),
            to_ms: millis(to),
            before: count(from),
            after: count(to),
            moments: u32::try_from(moments.len()).unwrap_or(u32::MAX),
            events: between.iter().map(|told| told.text.clone()).collect(),
            last: last.map(|told| (millis(told.at), told.text.clone())),
        }
    }

    fn inevitable_from(&self) -> Option<Time> {
        let certain = |(_, hits): &(&Time, &u32)| **hits == self.forks.futures;
        self.counts.iter().rev().take_while(certain).last().map(|(at, _)| *at)
    }
}

fn millis(at: Time) -> f64 {
    at.0 as f64 / 1_000_000.0
}
