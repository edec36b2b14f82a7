//! What a crash in an act may leave.
//!
//! A process that dies leaves what its calls did: one of the few states on the way from before to after. A power loss
//! leaves of that what was synced, and of the rest a part, as far as a scan can tell that it is one (S5).

use trial_log::{DiskError, LogError, PowerLoss};

use super::act::Act;
use super::check::{bases, epochs, invariants};
use super::model::{Batch, Model, Segment, end_of};
use super::node::Node;

/// How an act ends early.
#[derive(Debug, Clone, Copy)]
pub struct Crash {
    /// How many calls it makes before.
    pub calls: u64,
    /// How many bytes the call does that is cut short, if it is a write.
    pub kept: usize,
    /// Whether the process lives on with a disk that refuses, before it ends.
    pub error: Option<DiskError>,
    /// Whether the power goes with the process.
    pub power: Option<PowerLoss>,
}

/// What became of an act that was to crash.
#[derive(Debug, Clone, Copy)]
pub struct Outcome {
    /// The act was done before the crash was due.
    pub done: bool,
    /// A closed segment has lost its end just where a batch ended: nobody can tell, and a hole is left (as in Kafka).
    pub hole: bool,
}

/// Does an act up to a crash, starts again, and checks what is left; the model becomes that. With `deep` the start is
/// crashed as well, at every call.
pub fn crash_and_check(
    node: &mut Node,
    model: &mut Model,
    act: &Act,
    crash: Crash,
    deep: bool,
) -> Outcome {
    let when = format!("{act:?} with {crash:?}");
    let before = model.clone();
    let after = before.after(act, &node.config);
    node.disk.tear_after(crash.calls, crash.error.unwrap_or(DiskError::Io), crash.kept);
    let done = node.act(act);
    if let Err(error) = &done {
        assert!(error.is_storage(), "{when}: {error}");
        if crash.error.is_some() {
            stays_offline(node, error, &when);
        }
    }
    node.log = None;
    node.disk.repair();
    if let Some(power) = crash.power {
        node.disk.lose_power(power);
    }
    let down = node.clone();
    let started = node.start();
    started.unwrap_or_else(|error| panic!("the next process cannot start, {when}: {error}"));
    let (from, power) = (if done.is_ok() { &after } else { &before }, crash.power.is_some());
    let hole = is_left(node, act, (from, &after), power, &when);
    *model = taken(node, (&before, &after), power);
    invariants(node, model, &when);
    let mut again = node.clone();
    again.start().unwrap_or_else(|error| panic!("it starts again, {when}: {error}"));
    let whole = model.epochs_from <= model.start;
    same(&again, (node, whole), &format!("a second recovery, {when}"));
    if deep {
        crash_every_call_of_the_start(&down, (node, whole), crash, &when);
    }
    node.background().unwrap_or_else(|error| panic!("the disk is whole, {when}: {error}"));
    Outcome { done: done.is_ok(), hole }
}

/// S5: whenever a start is cut short, the next one finds what the first one would have found.
fn crash_every_call_of_the_start(down: &Node, want: (&Node, bool), crash: Crash, when: &str) {
    for calls in 0.. {
        let mut node = down.clone();
        node.disk.tear_after(calls, DiskError::Io, crash.kept);
        if node.start().is_ok() {
            assert!(calls > 10, "a start makes more calls than {calls}");
            return;
        }
        node.log = None;
        node.disk.repair();
        if let Some(power) = crash.power {
            node.disk.lose_power(PowerLoss { seed: power.seed ^ (calls << 32), ..power });
        }
        let when = format!("a start that was cut short at call {calls}, {when}");
        node.start().unwrap_or_else(|error| panic!("{when}: {error}"));
        same(&node, want, &when);
    }
}

/// Two logs hold the same. The epochs of records that came back when the log start was lost are not `whole`: a scan
/// enters them, and a clean start does not look.
fn same(node: &Node, (want, whole): (&Node, bool), when: &str) {
    let seen = |node: &Node| {
        let log = node.log();
        // Of records below the start of an empty log a scan makes an entry that has no records.
        let end = log.log_end_offset().0;
        let of_records = epochs(log).into_iter().filter(|(_, start)| *start < end);
        let epochs: Vec<_> = of_records.filter(|_| whole).collect();
        (node.files(), epochs, log.log_start_offset(), log.log_end_offset())
    };
    assert_eq!(seen(node), seen(want), "{when}");
}

/// S10: a log whose disk has refused refuses for good.
fn stays_offline(node: &mut Node, error: &LogError, when: &str) {
    node.disk.repair();
    let Some(log) = &node.log else { return };
    if log.offline().is_none() {
        // Whoever writes the files of the directory takes its logs offline.
        assert!(node.failed_outside, "S10: the log goes on after an error of its own, {when}");
        let LogError::Disk(error) = error else { panic!("{when}: {error}") };
        node.log.as_mut().expect("it runs").take_offline(*error, &mut node.events);
    }
    let (at, files) = (node.log().log_end_offset().0, node.bytes());
    let batch = Batch::new(at, i32::MAX, &[1]);
    for act in
        [Act::Append { batch: batch.clone() }, Act::Follow { batches: vec![batch] }, Act::Roll]
    {
        assert_eq!(node.act(&act), Err(LogError::Offline), "S10: {when}");
    }
    assert_eq!(node.bytes(), files, "S10: and nothing is written, {when}");
}

/// Whether the files are one of the states that may be left; answers whether there is a hole.
fn is_left(
    node: &mut Node,
    act: &Act,
    (before, after): (&Model, &Model),
    power: bool,
    when: &str,
) -> bool {
    let files = node.files();
    assert_eq!(bases(node.log()), files.iter().map(|s| s.0).collect::<Vec<_>>(), "{when}");
    let start = node.checkpointed_start();
    let log = node.log();
    let (log_start, log_end) = (log.log_start_offset().0, log.log_end_offset().0);
    assert_eq!(log_start, start.max(files[0].0), "the log starts by its checkpoint, {when}");
    assert_eq!(Some(log_end), end_of(&files), "and ends with its last batch, {when}");
    let states = states(act, before, after);
    let anew = vec![(start, Vec::new())];
    if !power {
        let fits = |state: &Vec<Segment>| {
            *state == files || (end_of(state).is_none_or(|end| end < start) && files == anew)
        };
        assert!(states.iter().any(fits), "S5: {files:#?} is none of {states:#?}, {when}");
        return false;
    }
    let durable = before.recovery_point.min(after.recovery_point);
    let mut lines = states.iter().map(|state| {
        let dropped = before.dropped.iter().chain(&after.dropped).cloned();
        let mut line: Vec<Segment> = state.iter().cloned().chain(dropped).collect();
        line.sort_by_key(|(base, _)| *base);
        line.dedup_by_key(|(base, _)| *base);
        part_of(&files, &line, |base, batch| {
            batch.last < durable && state.iter().any(|segment| segment.0 == base)
        })
    });
    // Whatever was durable lies below the start, which makes an end of a log that has lost the rest.
    let below_start = |state: &Vec<Segment>| {
        let mut batches = state.iter().flat_map(|(_, batches)| batches);
        !batches.any(|batch| batch.last < durable && batch.last >= start)
    };
    if files == anew && states.iter().any(below_start) {
        return false;
    }
    let best = lines.clone().flatten().min();
    assert!(
        best.is_some(),
        "S5: {files:#?} is no part of {states:#?} with {:?} dropped before, durable below {durable}, {when}",
        before.dropped,
    );
    lines.all(|hole| hole != Some(false))
}

/// Whether files hold a part of these segments that a power loss may leave: batches from some segment on, in their
/// order, without those at its end; answers whether a segment lacks its end though there is another behind it.
fn part_of(
    files: &[Segment],
    line: &[Segment],
    is_durable: impl Fn(i64, &Batch) -> bool,
) -> Option<bool> {
    let first = files.first()?.0;
    let mut hole = false;
    let line: Vec<&Segment> = line.iter().filter(|(base, _)| *base >= first).collect();
    if line.first().is_none_or(|(base, _)| *base != first) {
        return None;
    }
    for (number, (base, batches)) in files.iter().enumerate() {
        let (of, all) = line.get(number)?;
        let whole = of == base && all.starts_with(batches);
        let lost = all.get(batches.len());
        // What was flushed is there.
        if !whole || lost.is_some_and(|lost| is_durable(*base, lost)) {
            return None;
        }
        hole |= lost.is_some() && number + 1 < files.len();
    }
    let mut rest = line[files.len()..].iter();
    let kept = rest.all(|(base, batches)| batches.iter().all(|batch| !is_durable(*base, batch)));
    kept.then_some(hole)
}

/// All states of the files between before an act and after it.
fn states(act: &Act, before: &Model, after: &Model) -> Vec<Vec<Segment>> {
    let (from, to) = (&before.segments, &after.segments);
    let mut states = vec![from.clone(), to.clone()];
    match act {
        Act::Append { .. } | Act::Follow { .. } => {
            // Rolled, and then some of the batches.
            let mut less = to.clone();
            while less.len() >= from.len() && less != *from {
                states.push(less.clone());
                let (_, held) = less.last_mut().expect("there is one");
                if held.pop().is_none() {
                    less.pop();
                }
            }
        }
        Act::Truncate { .. } | Act::StartAnew { .. } => {
            states.extend((0..=from.len()).map(|left| from[..left].to_vec()));
        }
        Act::Retain { .. } => {
            let mut rolled = from.clone();
            rolled.extend(
                to.last().filter(|last| from.last().is_some_and(|f| f.0 < last.0)).cloned(),
            );
            states.extend((0..rolled.len()).map(|gone| rolled[gone..].to_vec()));
            states.extend((0..from.len()).map(|gone| from[gone..].to_vec()));
        }
        Act::Replace { old, .. } => {
            // An empty segment may stand for the last one that went.
            let last = old.iter().copied().max().expect("something is replaced");
            let mut stands_in = to.clone();
            stands_in.push((last, Vec::new()));
            stands_in.sort_by_key(|(base, _)| *base);
            states.push(stands_in);
        }
        Act::DeleteRecords { .. }
        | Act::Flush { .. }
        | Act::Checkpoint
        | Act::Roll
        | Act::RemoveFiles { .. }
        | Act::Restart => {}
    }
    states
}

/// The model of what the log now is.
fn taken(node: &Node, (before, after): (&Model, &Model), power: bool) -> Model {
    let (files, known) = (node.files(), before.start.max(before.epochs_from));
    let dropped = if power { Vec::new() } else { after.dropped.clone() };
    let is_gone = |base: i64| files.iter().all(|segment| segment.0 != base);
    let dropped = dropped.into_iter().filter(|segment| is_gone(segment.0)).collect();
    let log = node.log();
    Model {
        segments: files,
        epochs: epochs(log),
        start: log.log_start_offset().0,
        end: log.log_end_offset().0,
        recovery_point: log.recovery_point().0,
        epoch: after.epoch,
        epochs_from: known.max(after.start).max(after.epochs_from),
        dropped,
    }
}
