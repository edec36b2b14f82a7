//! The checks once more, straight from their definitions: slow, simple, and with nothing of the fast one.
//!
//! Every question goes through the whole history. It counts; it tells no examples.

use std::collections::{BTreeMap, BTreeSet};

use trial_scenarios::history::check::Anomaly;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Invoke,
    Ok,
    Fail,
    Info,
}

/// Records with their offsets.
type Read = Vec<(Option<i64>, i64)>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Micro {
    Send(i64, Option<i64>, i64),
    Poll(Vec<(i64, Read)>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Op {
    pub(crate) process: i64,
    pub(crate) kind: Kind,
    pub(crate) f: &'static str,
    pub(crate) micros: Vec<Micro>,
    pub(crate) keys: Vec<i64>,
    pub(crate) rebalanced: Vec<i64>,
}

impl Op {
    fn carries(&self) -> bool {
        ["send", "poll", "txn"].contains(&self.f)
    }

    fn writes(&self, key: i64) -> Vec<i64> {
        let sent = self.micros.iter().filter_map(|micro| match micro {
            Micro::Send(of, _, value) if *of == key => Some(*value),
            _ => None,
        });
        if self.f == "poll" || !self.carries() { Vec::new() } else { sent.collect() }
    }

    /// None if the key was not polled at all.
    fn reads(&self, key: i64) -> Option<Vec<i64>> {
        if self.f == "send" || !self.carries() {
            return None;
        }
        let mut read = None;
        for micro in &self.micros {
            let Micro::Poll(keys) = micro else { continue };
            for (_, records) in keys.iter().filter(|(of, _)| *of == key) {
                let values = records.iter().map(|(_, value)| *value);
                read.get_or_insert_with(Vec::new).extend(values);
            }
        }
        read
    }

    fn all_reads(&self) -> Vec<(i64, i64)> {
        let of = |key: &i64| {
            let key = *key;
            self.reads(key).unwrap_or_default().into_iter().map(move |value| (key, value))
        };
        KEYS.iter().flat_map(of).collect()
    }

    fn all_writes(&self) -> Vec<(i64, i64)> {
        let of = |key: &i64| {
            let key = *key;
            self.writes(key).into_iter().map(move |value| (key, value))
        };
        KEYS.iter().flat_map(of).collect()
    }
}

pub(crate) const KEYS: [i64; 3] = [0, 1, 2];

/// What an empty poll has polled, as far as Jepsen is concerned. No history here has it.
const NOTHING: i64 = i64::MIN;

struct Story<'a> {
    ops: &'a [Op],
    ww_deps: bool,
}

impl Story<'_> {
    fn ended(&self) -> impl Iterator<Item = (usize, &Op)> {
        self.ops.iter().enumerate().filter(|(_, op)| op.kind != Kind::Invoke && op.carries())
    }

    fn was_read_ok(&self, key: i64, value: i64) -> bool {
        self.ops.iter().any(|op| op.kind == Kind::Ok && op.all_reads().contains(&(key, value)))
    }

    fn committed(&self, op: &Op) -> bool {
        match op.kind {
            Kind::Ok => true,
            Kind::Info => op.all_writes().iter().any(|(key, value)| self.was_read_ok(*key, *value)),
            _ => false,
        }
    }

    /// The values at each offset.
    fn log(&self, key: i64) -> BTreeMap<i64, BTreeSet<i64>> {
        let mut log: BTreeMap<i64, BTreeSet<i64>> = BTreeMap::new();
        for op in self.ops.iter().filter(|op| op.carries()) {
            let committed = self.committed(op);
            for micro in &op.micros {
                let pairs: Vec<(Option<i64>, i64)> = match micro {
                    Micro::Send(of, offset, value) if *of == key && committed => {
                        vec![(*offset, *value)]
                    }
                    Micro::Send(..) => Vec::new(),
                    Micro::Poll(keys) => keys
                        .iter()
                        .filter(|(of, _)| *of == key)
                        .flat_map(|(_, all)| all.clone())
                        .collect(),
                };
                for (offset, value) in pairs {
                    if let Some(offset) = offset.filter(|offset| *offset >= 0) {
                        log.entry(offset).or_default().insert(value);
                    }
                }
            }
        }
        log
    }

    /// The value that is chosen for each index: which stands at the fewest offsets, then the least.
    fn by_index(&self, key: i64) -> Vec<i64> {
        let log = self.log(key);
        let often = |value: &i64| log.values().filter(|here| here.contains(value)).count();
        let chosen = |here: &BTreeSet<i64>| {
            *here.iter().min_by_key(|value| (often(value), **value)).expect("a value is there")
        };
        log.values().map(chosen).collect()
    }

    fn index(&self, key: i64, value: i64) -> Option<i64> {
        let last = self.by_index(key).iter().rposition(|other| *other == value)?;
        Some(i64::try_from(last).expect("few"))
    }

    fn delta(&self, key: i64, from: i64, to: i64) -> i64 {
        match (self.index(key, from), self.index(key, to)) {
            (Some(from), Some(to)) => to - from,
            _ => 1,
        }
    }

    fn writer(&self, key: i64, value: i64) -> Option<usize> {
        let wrote = |(_, op): &(usize, &Op)| op.all_writes().contains(&(key, value));
        self.ended().filter(wrote).last().map(|(at, _)| at)
    }

    fn invocation(&self, at: usize) -> Option<usize> {
        let mine = |(_, op): &(usize, &Op)| op.process == self.ops[at].process;
        let before = self.ops[..at].iter().enumerate().rfind(mine);
        before.filter(|(_, op)| op.kind == Kind::Invoke).map(|(at, _)| at)
    }
}

/// How often each anomaly is there.
pub(crate) fn counts(ops: &[Op], ww_deps: bool) -> BTreeMap<Anomaly, u64> {
    let story = Story { ops, ww_deps };
    let mut counts = BTreeMap::new();
    let mut add = |anomaly, count: usize| {
        if count > 0 {
            *counts.entry(anomaly).or_insert(0) += count as u64;
        }
    };
    for key in KEYS {
        values(&story, key, &mut add);
    }
    for op in ops {
        operation(&story, op, &mut add);
    }
    let processes: BTreeSet<i64> = ops.iter().map(|op| op.process).collect();
    for process in processes {
        for key in KEYS {
            polls_of_process(&story, process, key, &mut add);
            sends_of_process(&story, process, key, &mut add);
        }
    }
    circles(&story, &mut add);
    counts
}

type Add<'a> = dyn FnMut(Anomaly, usize) + 'a;

fn values(story: &Story<'_>, key: i64, add: &mut Add<'_>) {
    let log = story.log(key);
    add(Anomaly::InconsistentOffsets, log.values().filter(|here| here.len() > 1).count());
    let all: BTreeSet<i64> = log.values().flatten().copied().collect();
    let places = |value: i64| {
        let here = log.values().enumerate().filter(move |(_, here)| here.contains(&value));
        here.map(|(index, _)| index).collect::<Vec<_>>()
    };
    add(Anomaly::Duplicate, all.iter().filter(|value| places(**value).len() > 1).count());
    let read = all.iter().filter(|value| story.was_read_ok(key, **value));
    if let Some(bound) = read.map(|value| places(*value)[0]).max() {
        let lost = all.iter().filter(|value| {
            *places(**value).last().expect("it has a place") <= bound
                && !story.was_read_ok(key, **value)
                && story.writer(key, **value).is_some_and(|at| story.committed(&story.ops[at]))
        });
        add(Anomaly::LostWrite, lost.count());
    }
    let ok = story.ops.iter().filter(|op| op.kind == Kind::Ok);
    let acked: BTreeSet<i64> = ok.flat_map(|op| op.writes(key)).collect();
    add(Anomaly::Unseen, acked.iter().filter(|value| !story.was_read_ok(key, **value)).count());
}

fn operation(story: &Story<'_>, op: &Op, add: &mut Add<'_>) {
    for (key, value) in op.all_reads() {
        let mut failed = story.ops.iter().filter(|op| op.kind == Kind::Fail);
        if op.kind == Kind::Ok && failed.any(|op| op.all_writes().contains(&(key, value))) {
            add(Anomaly::G1a, 1);
        }
        if op.kind != Kind::Invoke && story.writer(key, value).is_none() {
            add(Anomaly::NoWriterOfValue, 1);
        }
    }
    if op.all_writes().iter().any(|written| op.all_reads().contains(written)) {
        add(Anomaly::PrecommittedRead, 1);
    }
    for key in KEYS {
        let mut steps = |all: &[i64], skip, back| {
            for pair in all.windows(2) {
                match story.delta(key, pair[0], pair[1]) {
                    1 => {}
                    more if more > 1 => add(skip, 1),
                    _ => add(back, 1),
                }
            }
        };
        if !op.rebalanced.contains(&key) {
            let read = op.reads(key).unwrap_or_default();
            steps(&read, Anomaly::IntPollSkip, Anomaly::IntNonmonotonicPoll);
        }
        if op.kind != Kind::Invoke {
            steps(&op.writes(key), Anomaly::IntSendSkip, Anomaly::IntNonmonotonicSend);
        }
    }
}

fn polls_of_process(story: &Story<'_>, process: i64, key: i64, add: &mut Add<'_>) {
    let mut last: Option<i64> = None;
    for op in story.ops.iter().filter(|op| op.process == process) {
        if !op.carries() {
            if matches!(op.kind, Kind::Ok | Kind::Info) && !op.keys.contains(&key) {
                last = None;
            }
            continue;
        }
        let Some(read) = op.reads(key) else { continue };
        if let Some(last) = last {
            match story.delta(key, last, read.first().copied().unwrap_or(NOTHING)) {
                1 => {}
                more if more > 1 => add(Anomaly::PollSkip, 1),
                _ => add(Anomaly::NonmonotonicPoll, 1),
            }
        }
        if op.kind == Kind::Ok {
            last = Some(read.last().copied().unwrap_or(NOTHING));
        }
    }
}

fn sends_of_process(story: &Story<'_>, process: i64, key: i64, add: &mut Add<'_>) {
    let mut last: Option<i64> = None;
    let mine = story.ops.iter().filter(|op| op.process == process);
    for op in mine.filter(|op| matches!(op.kind, Kind::Ok | Kind::Info)) {
        if !op.carries() {
            last = last.filter(|_| op.keys.contains(&key));
            continue;
        }
        let sent = op.writes(key);
        let Some(first) = sent.first() else { continue };
        if last.is_some_and(|last| story.delta(key, last, *first) < 1) {
            add(Anomaly::NonmonotonicSend, 1);
        }
        last = sent.last().copied();
    }
}

/// Which operations can be come to from which, by all paths.
fn closure(edges: &BTreeSet<(usize, usize)>, count: usize) -> Vec<Vec<bool>> {
    let mut to = vec![vec![false; count]; count];
    for (from, target) in edges {
        to[*from][*target] = true;
    }
    for middle in 0..count {
        for from in 0..count {
            for target in 0..count {
                to[from][target] |= to[from][middle] && to[middle][target];
            }
        }
    }
    to
}

/// Operations that lie on one circle, as parts.
fn parts(to: &[Vec<bool>]) -> BTreeSet<Vec<usize>> {
    let part = |at: usize| (0..to.len()).filter(|other| to[at][*other] && to[*other][at]).collect();
    (0..to.len()).map(part).filter(|part: &Vec<usize>| part.len() > 1).collect()
}

fn circles(story: &Story<'_>, add: &mut Add<'_>) {
    let count = story.ops.len();
    let (mut wr, mut ww, mut rt) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for (at, op) in story.ended() {
        for (key, value) in op.all_reads() {
            if let Some(writer) = story.writer(key, value).filter(|writer| *writer != at) {
                wr.insert((writer, at));
            }
        }
        for (before, other) in story.ended() {
            let begun = story.invocation(at);
            if other.kind == Kind::Ok && begun.is_some_and(|begun| before < begun) {
                rt.insert((before, at));
            }
        }
    }
    for key in KEYS.into_iter().filter(|_| story.ww_deps) {
        let order = story.by_index(key);
        for (place, pair) in order.windows(2).enumerate() {
            let is_its_index = order.iter().rposition(|value| *value == pair[1]) == Some(place + 1);
            let (from, to) = (story.writer(key, pair[0]), story.writer(key, pair[1]));
            if let (Some(from), Some(to), true) = (from, to, is_its_index)
                && from != to
            {
                ww.insert((from, to));
            }
        }
    }
    if wr.is_empty() && ww.is_empty() && rt.is_empty() {
        add(Anomaly::EmptyTransactionGraph, 1);
    }
    let data: BTreeSet<(usize, usize)> = wr.union(&ww).copied().collect();
    let (by_ww, by_data) = (closure(&ww, count), closure(&data, count));
    let (g0, all) = (parts(&by_ww), parts(&by_data));
    add(Anomaly::G0, g0.len());
    let polled =
        |part: &&Vec<usize>| wr.iter().any(|(from, to)| part.contains(from) && part.contains(to));
    add(Anomaly::G1c, all.iter().filter(polled).count());
    let on = |parts: &BTreeSet<Vec<usize>>, at| parts.iter().any(|part| part.contains(&at));
    let closes = |to: &[Vec<bool>], at: usize| {
        let heard =
            (0..count).filter(|from| to[*from][at]).filter_map(|from| story.invocation(from));
        story.ops[at].kind == Kind::Ok && heard.max().is_some_and(|heard| at < heard)
    };
    let (mut g0_realtime, mut g1c_realtime) = (0, 0);
    for (at, _) in story.ended() {
        if closes(&by_ww, at) && !on(&g0, at) {
            g0_realtime += 1;
        } else if closes(&by_data, at) && !on(&all, at) {
            g1c_realtime += 1;
        }
    }
    add(Anomaly::G0Realtime, g0_realtime);
    add(Anomaly::G1cRealtime, g1c_realtime);
    // CY-1: there is a circle with real time if and only if one of these was found.
    let whole: BTreeSet<(usize, usize)> = data.union(&rt).copied().collect();
    let is_circle = !parts(&closure(&whole, count)).is_empty();
    let is_found = !g0.is_empty() || !all.is_empty() || g0_realtime + g1c_realtime > 0;
    assert_eq!(is_circle, is_found, "{:?}", story.ops);
}
