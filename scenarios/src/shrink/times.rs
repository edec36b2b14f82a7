//! Rounder and shorter times: a plan that begins soon, faults that end soon, a run that is over soon.
//!
//! Invariants: TI-1 a time that was accepted is rounder than the one before it, or earlier; a length is shorter or
//!             rounder.

use trial_sim::fault::{Fault, When};
use trial_sim::{Span, Time};

use super::draft::Draft;
use super::faults::begin;
use super::search::Search;

const SECOND: u64 = 1_000_000_000;
/// Lengths that are easy to read, in milliseconds.
const LENGTHS_MS: [u64; 14] = [
    100, 200, 500, 1_000, 2_000, 3_000, 4_000, 5_000, 6_000, 8_000, 10_000, 12_000, 15_000, 20_000,
];
/// How long a run may be, in seconds.
const RUNS_S: [u64; 12] = [3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 45];
/// When the first fault might begin, in seconds: the topics are there by then.
const FIRST_S: [u64; 4] = [2, 3, 5, 10];

/// Ends the run soon after the failure, or as soon as it still shows.
pub(super) fn end_soon(search: &mut Search<'_>) {
    search.enter("the length of the run");
    let Some(scenario) = search.scenario() else { return };
    let now = scenario.time;
    let mut spans: Vec<Span> = RUNS_S.iter().map(|seconds| Span::from_secs(*seconds)).collect();
    if search.shown.amid_faults {
        // Whatever comes after it has no part in it.
        let least = Span(search.shown.at.0.div_ceil(SECOND) * SECOND);
        spans.retain(|span| *span < least);
        spans.push(least);
    }
    let last = search.best.faults().iter().filter_map(begin).max().unwrap_or(Time::ZERO);
    spans.retain(|span| *span < now && Time::ZERO + *span > last);
    let with = |span: &Span| search.best.with(&["time"], span.to_string());
    search.take_first(spans.iter().map(with).collect());
}

/// Moves the whole plan to an early begin.
pub(super) fn begin_soon(search: &mut Search<'_>) {
    search.enter("an early begin");
    let faults = search.best.faults();
    let Some(first) = faults.iter().filter_map(begin).min() else { return };
    let Some(scenario) = search.scenario() else { return };
    let earlier = FIRST_S.map(|seconds| Time::ZERO + Span::from_secs(seconds));
    let moved = |begins: &Time| -> Draft {
        let by = first.since(*begins);
        let plan: Vec<Fault> = faults.iter().map(|fault| moved(fault, by)).collect();
        let draft = search.best.with_faults(&plan);
        let time = Span((scenario.time.0 - by.0).div_ceil(SECOND) * SECOND);
        draft.with(&["time"], time.to_string())
    };
    let drafts: Vec<Draft> = earlier.iter().filter(|begins| **begins < first).map(moved).collect();
    search.take_first(drafts);
}

fn moved(fault: &Fault, by: Span) -> Fault {
    let earlier = |time: Time| Time(time.0.saturating_sub(by.0));
    let when = match &fault.when {
        When::At(at) => When::At(earlier(*at)),
        When::During { from, to } => When::During { from: earlier(*from), to: earlier(*to) },
        other @ (When::Every(_) | When::When { .. }) => other.clone(),
    };
    Fault { when, ..fault.clone() }
}

/// Shorter and rounder lengths, rounder begins, line by line.
pub(super) fn round(search: &mut Search<'_>) {
    search.enter("times");
    for line in 0..search.best.faults().len() {
        try_line(search, line, shorter);
        try_line(search, line, rounder);
    }
}

fn try_line(search: &mut Search<'_>, line: usize, others: fn(&Fault) -> Vec<Fault>) {
    let faults = search.best.faults();
    let Some(fault) = faults.get(line) else { return };
    let replaced = |other: Fault| {
        let mut plan = faults.clone();
        plan[line] = other;
        plan
    };
    let plans: Vec<Vec<Fault>> = others(fault).into_iter().map(replaced).collect();
    search.take_first_plan(&plans);
}

/// The same fault for a shorter time, the shortest first; else for a rounder one.
fn shorter(fault: &Fault) -> Vec<Fault> {
    let lasts = match (&fault.when, fault.lasting) {
        (When::During { from, to }, _) => to.since(*from),
        (_, Some(lasting)) => lasting,
        (_, None) => return Vec::new(),
    };
    let mut spans: Vec<Span> = LENGTHS_MS.iter().map(|ms| Span::from_millis(*ms)).collect();
    spans.retain(|span| *span < lasts);
    spans.extend(round_values(lasts.0).into_iter().map(Span));
    let with = |span: Span| match fault.when {
        When::During { from, .. } => {
            Fault { when: When::During { from, to: from + span }, ..fault.clone() }
        }
        _ => Fault { lasting: Some(span), ..fault.clone() },
    };
    spans.into_iter().filter(|span| *span > Span::ZERO).map(with).collect()
}

/// The same fault at a round time nearby.
fn rounder(fault: &Fault) -> Vec<Fault> {
    match &fault.when {
        When::At(at) => {
            let with = |nanos: u64| Fault { when: When::At(Time(nanos)), ..fault.clone() };
            round_values(at.0).into_iter().map(with).collect()
        }
        When::During { from, to } => {
            let lasts = to.since(*from);
            let with = |nanos: u64| {
                let (from, to) = (Time(nanos), Time(nanos) + lasts);
                Fault { when: When::During { from, to }, ..fault.clone() }
            };
            round_values(from.0).into_iter().map(with).collect()
        }
        When::Every(_) | When::When { .. } => Vec::new(),
    }
}

/// Whole seconds and tenths beside `nanos`, the roundest first; nothing if it is as round as that.
fn round_values(nanos: u64) -> Vec<u64> {
    let mut values: Vec<u64> = Vec::new();
    for unit in [SECOND, SECOND / 2, SECOND / 10, SECOND / 100, SECOND / 1_000] {
        if nanos.is_multiple_of(unit) {
            break;
        }
        let below = nanos / unit * unit;
        let near =
            if nanos - below <= unit / 2 { [below, below + unit] } else { [below + unit, below] };
        values.extend(near.into_iter().filter(|value| *value > 0));
    }
    let mut seen = Vec::new();
    values.retain(|value| {
        !seen.contains(value) && {
            seen.push(*value);
            true
        }
    });
    values
}

#[cfg(test)]
mod tests {
    use super::{round_values, rounder, shorter};
    use trial_sim::fault::Fault;

    fn texts(faults: &[Fault]) -> Vec<String> {
        faults.iter().map(Fault::to_string).collect()
    }

    #[test]
    fn round_times_come_first_and_a_round_time_stays() {
        let fault: Fault = "at 12345ms crash b1 for 3s".parse().expect("a fault");
        let found = texts(&rounder(&fault));
        assert_eq!(
            found[..3],
            [
                "at 12s crash b1 for 3s".to_owned(),
                "at 13s crash b1 for 3s".to_owned(),
                "at 12500ms crash b1 for 3s".to_owned(),
            ]
        );
        assert!(round_values(12_000_000_000).is_empty(), "TI-1");
    }

    #[test]
    fn the_shortest_length_comes_first() {
        let fault: Fault = "at 2s crash b1 for 1234ms".parse().expect("a fault");
        let found = texts(&shorter(&fault));
        assert_eq!(found[0], "at 2s crash b1 for 100ms");
        assert!(found.contains(&"at 2s crash b1 for 1s".to_owned()), "{found:?}");
        assert!(!found.contains(&fault.to_string()), "TI-1");
    }
}
