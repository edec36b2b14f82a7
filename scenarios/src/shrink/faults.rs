//! Fewer and simpler faults.
//!
//! In words:   lines are left out in chunks that become smaller and smaller; what is left is made of simpler words (a
//!             bridge is a cut, a swizzle some isolations), hits fewer hosts and takes less from them.
//! Invariants: SF-1 a plan that was accepted is never longer than the one before it, or is one of simpler words.

use trial_sim::fault::{Effect, Fault, Group, HostExpr, Sides, When};
use trial_sim::{Plan as Draws, Span, Time};

use super::groups::{groups, with_groups};
use super::search::Search;
use crate::run::{SWIZZLE, swizzled};

/// More lines than these in the place of one are harder to read than the one.
const SIMPLER_LINES_MAX: usize = 2;

/// Leaves out what cannot have been part of it: faults that begin after the failure, and, all at once, those of `idle`.
pub(super) fn drop_idle(search: &mut Search<'_>, idle: &[String]) {
    search.enter("faults without effect");
    let shown = search.shown;
    let faults = search.best.faults();
    let before = |fault: &&Fault| begin(fault).is_none_or(|at| at <= shown.at);
    let kept: Vec<Fault> = faults.iter().filter(before).cloned().collect();
    let idle = |fault: &&Fault| !idle.contains(&fault.to_string());
    let both: Vec<Fault> = kept.iter().filter(idle).cloned().collect();
    let shorter = [both, kept].into_iter().filter(|plan| plan.len() < faults.len());
    search.take_first_plan(&shorter.collect::<Vec<_>>());
}

/// Leaves out lines, many at a time and then one by one, until none can go.
pub(super) fn drop_lines(search: &mut Search<'_>) {
    search.enter("faults");
    let mut chunk = search.best.faults().len();
    while chunk > 0 {
        let any = drop_chunks(search, chunk);
        if search.is_late {
            return;
        }
        // A line that was needed may not be, once others are gone.
        if chunk == 1 && !any {
            return;
        }
        chunk = if chunk == 1 { 1 } else { chunk.div_ceil(2) };
    }
}

/// One pass over the plan, last lines first; whether any chunk could go.
fn drop_chunks(search: &mut Search<'_>, chunk: usize) -> bool {
    let mut end = search.best.faults().len();
    let mut any = false;
    while end > 0 && !search.is_late {
        let faults = search.best.faults();
        // Every chunk that ends at `end` or before it, in this order.
        let ends: Vec<usize> = (1..=end).rev().step_by(chunk).collect();
        let plans: Vec<Vec<Fault>> = ends
            .iter()
            .map(|end| {
                let start = end.saturating_sub(chunk);
                [&faults[..start], &faults[*end..]].concat()
            })
            .collect();
        let Some(place) = search.take_first_plan(&plans) else { break };
        any = true;
        end = ends[place].saturating_sub(chunk);
    }
    any
}

/// Replaces what one line says by something simpler, as often as that can be.
pub(super) fn simplify(search: &mut Search<'_>, seed: u64) {
    search.enter("simpler faults");
    let mut line = 0;
    while line < search.best.faults().len() && !search.is_late {
        if !simplify_line(search, line, seed) {
            line += 1;
        }
    }
}

fn simplify_line(search: &mut Search<'_>, line: usize, seed: u64) -> bool {
    let faults = search.best.faults();
    let Some(fault) = faults.get(line) else { return false };
    let replaced = |by: &[Fault]| [&faults[..line], by, &faults[line + 1..]].concat();
    let plans: Vec<Vec<Fault>> =
        weaker(fault).iter().map(|other| replaced(std::slice::from_ref(other))).collect();
    if search.take_first_plan(&plans).is_some() {
        return true;
    }
    if let Effect::Swizzle { .. } | Effect::Ring { .. } = fault.effect {
        return take_apart(search, line, &parts(fault, seed));
    }
    if let When::Every(period) = fault.when {
        let times = (1..).map(|count| Time::ZERO + period * count);
        let times = times.take_while(|at| *at <= search.shown.at && period > Span::ZERO);
        let once = |at: Time| replaced(&[Fault { when: When::At(at), ..fault.clone() }]);
        let plans: Vec<Vec<Fault>> = times.map(once).collect();
        return search.take_first_plan(&plans).is_some();
    }
    fewer_hosts(search, line)
}

/// Tries the parts of a line in its place: if one or two of them will do, they are easier to read.
fn take_apart(search: &mut Search<'_>, line: usize, parts: &[Fault]) -> bool {
    let faults = search.best.faults();
    let replaced = |by: &[Fault]| [&faults[..line], by, &faults[line + 1..]].concat();
    let mut plans: Vec<Vec<Fault>> =
        parts.iter().map(|part| replaced(std::slice::from_ref(part))).collect();
    if SIMPLER_LINES_MAX > 1 && parts.len() <= 8 {
        for (place, one) in parts.iter().enumerate() {
            for other in &parts[place + 1..] {
                plans.push(replaced(&[one.clone(), other.clone()]));
            }
        }
    }
    search.take_first_plan(&plans).is_some() || fewer_hosts(search, line)
}

/// Hits one host less.
fn fewer_hosts(search: &mut Search<'_>, line: usize) -> bool {
    let faults = search.best.faults();
    let fault = &faults[line];
    let mut plans = Vec::new();
    let sides = groups(&fault.effect);
    for (side, group) in sides.iter().enumerate() {
        if group.0.len() < 2 {
            continue;
        }
        for gone in 0..group.0.len() {
            let mut left: Vec<Group> = sides.clone();
            left[side].0.remove(gone);
            let Some(effect) = with_groups(&fault.effect, left) else { continue };
            let mut plan = faults.clone();
            plan[line] = Fault { effect, ..fault.clone() };
            plans.push(plan);
        }
    }
    search.take_first_plan(&plans).is_some()
}

/// The same fault in simpler words, or one that takes less.
fn weaker(fault: &Fault) -> Vec<Fault> {
    let effect = match &fault.effect {
        Effect::Crash { hosts, losing_unsynced: true } => {
            Effect::Crash { hosts: hosts.clone(), losing_unsynced: false }
        }
        Effect::Bridge { one, other, .. } => {
            Effect::Cut { sides: Sides::Both(one.clone(), other.clone()) }
        }
        _ => return Vec::new(),
    };
    vec![Fault { effect, ..fault.clone() }]
}

/// What a swizzle or a ring is made of.
fn parts(fault: &Fault, seed: u64) -> Vec<Fault> {
    match (&fault.effect, &fault.when) {
        (Effect::Swizzle { hosts }, When::At(at)) => {
            let lasting = fault.lasting.unwrap_or(SWIZZLE);
            let names = hosts.0.iter().filter_map(|host| match host {
                HostExpr::Name(name) => Some(name),
                HostExpr::Call { .. } => None,
            });
            let isolated = |name: &String| {
                let (begins, ends) = swizzled(Draws::new(seed), name, *at, lasting);
                let hosts = Group::from(HostExpr::Name(name.clone()));
                let effect = Effect::Isolate { hosts };
                Fault { when: When::At(begins), effect, lasting: Some(ends.since(begins)) }
            };
            names.map(isolated).collect()
        }
        (Effect::Ring { hosts }, _) => {
            let ring = &hosts.0;
            let heard = ring.len() / 2 + 1;
            let deaf = |place: usize| {
                let others =
                    (heard..ring.len()).map(move |away| &ring[(place + away) % ring.len()]);
                let from = Group(others.cloned().collect());
                let sides = Sides::OneWay(from, Group::from(ring[place].clone()));
                Fault { effect: Effect::Cut { sides }, ..fault.clone() }
            };
            (0..ring.len()).map(deaf).collect()
        }
        _ => Vec::new(),
    }
}

/// When a fault begins; none if that depends on what happens.
pub(super) fn begin(fault: &Fault) -> Option<Time> {
    match &fault.when {
        When::At(at) | When::During { from: at, .. } => Some(*at),
        When::Every(period) => Some(Time::ZERO + *period),
        When::When { .. } => None,
    }
}
