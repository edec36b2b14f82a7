//! A crash after every single call of a workload, and at every call of the recovery from it.

#[expect(dead_code, reason = "each test takes what it needs")]
mod cases;
mod story;

use cases::cases;
use story::{Act, Batch, Crash, Model, NOW, Node, Outcome, Segment, agrees, crash_and_check};
use trial_log::{DiskError, LogConfig, PowerLoss};

/// How many power losses are tried at each call, unless `TRIAL_LOG_CASES` says how many hundreds.
const SEEDS: u32 = 4;

/// The power losses of each call.
fn seeds() -> u64 {
    u64::from(cases(100 * SEEDS) / 100).max(1)
}

fn config() -> LogConfig {
    LogConfig {
        segment_bytes: 300,
        index_interval_bytes: 60,
        retention_bytes: 700,
        retention_ms: 10_000,
        file_delete_delay_ms: 50,
        ..LogConfig::default()
    }
}

/// A log, its model, and what was done to them: an act at a time.
struct Workload {
    node: Node,
    model: Model,
    /// Each act, and log and model before it.
    steps: Vec<(Act, Node, Model)>,
    time: i64,
}

impl Workload {
    fn act(&mut self, act: Act) {
        self.steps.push((act.clone(), self.node.clone(), self.model.clone()));
        self.model = self.model.after(&act, &self.node.config);
        self.node.act(&act).expect("the disk is whole");
        agrees(&mut self.node, &self.model, &format!("after {act:?}"));
    }

    fn append(&mut self, epoch: i32, records: i64) {
        self.time += 10;
        // The largest timestamp is not that of the last record.
        let times: Vec<i64> = (0..records).map(|n| NOW + self.time - (n % 2) * 15).collect();
        self.act(Act::Append { batch: Batch::new(self.model.end, epoch, &times) });
    }

    /// The cleaner's work on the closed segments from one to another: every other batch goes.
    fn clean(&mut self, segments: std::ops::Range<usize>, into: usize) {
        let old: Vec<Segment> = self.model.segments[segments].to_vec();
        let kept: Vec<Batch> =
            old.iter().flat_map(|(_, batches)| batches).step_by(2).cloned().collect();
        let mut new: Vec<Segment> = kept
            .chunks(kept.len().div_ceil(into))
            .map(|batches| (batches[0].base, batches.to_vec()))
            .collect();
        new[0].0 = old[0].0;
        self.act(Act::Replace { old: old.iter().map(|segment| segment.0).collect(), new });
    }
}

/// Everything that can be done to a log, once at least.
fn workload() -> Vec<(Act, Node, Model)> {
    let (node, model) = (Node::new(config()), Model::new());
    let mut w = Workload { node, model, steps: Vec::new(), time: 0 };
    for number in 0..7 {
        w.append(1 + i32::from(number > 3), 2);
    }
    let active = w.model.active().0;
    w.act(Act::Flush { to: active });
    w.act(Act::Checkpoint);
    let (end, epoch) = (w.model.end, w.model.epoch);
    let batches = [end + 3, end + 9].map(|base| Batch::new(base, epoch, &[NOW + 90, NOW + 70]));
    w.act(Act::Follow { batches: batches.to_vec() });
    for _ in 0..4 {
        w.append(3, 1);
    }
    w.act(Act::DeleteRecords { to: 7 });
    w.act(Act::Checkpoint);
    let to = w.model.end - 12;
    w.act(Act::Truncate { to });
    w.append(4, 3);
    w.append(4, 2);
    w.act(Act::Roll);
    for _ in 0..4 {
        w.append(5, 2);
    }
    w.clean(1..3, 1);
    let closed = w.model.segments.len() - 1;
    w.clean(closed - 2..closed, 2);
    let end = w.model.end;
    w.act(Act::Flush { to: end });
    w.act(Act::Truncate { to: end - 2 });
    w.append(5, 4);
    w.act(Act::Retain { high_watermark: w.model.end, now: NOW });
    w.append(6, 1);
    w.act(Act::RemoveFiles { now: NOW + 50 });
    w.act(Act::Restart);
    w.append(6, 3);
    w.act(Act::Retain { high_watermark: w.model.end, now: NOW + 100_000 });
    assert_eq!(w.model.batches().count(), 0, "all of it was old");
    w.append(7, 2);
    let at = w.model.end + 20;
    w.act(Act::StartAnew { at });
    w.append(8, 1);
    w.act(Act::StartAnew { at: 5 });
    w.append(9, 1);
    w.steps
}

#[test]
fn a_process_that_dies_at_any_call_leaves_a_state_on_the_way() {
    let mut crashes = 0;
    for (kept, deep) in [(0, true), (1, false), (30, false), (usize::MAX, false)] {
        let crash = |calls| Crash { calls, kept, error: None, power: None };
        crashes += every_call(crash, deep, |_| {});
    }
    assert!(crashes > 1500, "a workload makes more calls than {crashes}");
}

#[test]
fn a_disk_that_refuses_at_any_call_takes_the_log_offline() {
    let mut crashes = 0;
    for (error, kept) in [(DiskError::Io, 0), (DiskError::NoSpace, 7)] {
        let error = Some(error);
        crashes += every_call(|calls| Crash { calls, kept, error, power: None }, false, |_| {});
    }
    assert!(crashes > 700, "a workload makes more calls than {crashes}");
}

#[test]
fn a_power_loss_at_any_call_leaves_what_was_synced_and_no_mix() {
    let (mut crashes, mut holes) = (0, 0);
    for seed in 0..seeds() {
        let power =
            |calls| PowerLoss { seed: seed << 48 | calls, page_bytes: 128, sector_bytes: 32 };
        let crash = |calls| Crash { calls, kept: 20, error: None, power: Some(power(calls)) };
        // Each start is crashed at every call for one seed, or else at none.
        crashes += every_call(crash, seed == 0, |outcome| {
            holes += usize::from(outcome.hole);
        });
    }
    assert!(crashes as u64 > 400 * seeds(), "a workload makes more calls than {crashes}");
    assert!(
        holes * 10 < crashes,
        "a hole, which Kafka leaves as well, is rare: {holes} of {crashes}"
    );
}

/// LOG-6: no power loss brings back what the next process has found cut, though who cut it died before the sync.
#[test]
fn a_power_loss_after_a_kill_at_any_call_brings_nothing_back() {
    let mut kills = 0;
    for (act, node, model) in workload() {
        for calls in 0.. {
            let (mut node, mut model) = (node.clone(), model.clone());
            let kill = Crash { calls, kept: 0, error: None, power: None };
            let done = crash_and_check(&mut node, &mut model, &act, kill, false).done;
            let batch = Batch::new(model.end, model.epoch + 1, &[NOW, NOW + 1, NOW + 2]);
            let appended = Act::Append { batch };
            for seed in 0..seeds() {
                let (mut node, mut model) = (node.clone(), model.clone());
                let power = Some(PowerLoss { seed, page_bytes: 128, sector_bytes: 32 });
                let loss = Crash { calls: 1_000, kept: 0, error: None, power };
                assert!(crash_and_check(&mut node, &mut model, &appended, loss, false).done);
            }
            if done {
                break;
            }
            kills += 1;
        }
    }
    assert!(kills > 400, "a workload makes more calls than {kills}");
}

/// Crashes at every call of every act, and with `deep` at every call of the start after it; answers how often.
fn every_call(crash: impl Fn(u64) -> Crash, deep: bool, mut seen: impl FnMut(Outcome)) -> usize {
    let mut crashes = 0;
    for (act, node, model) in workload() {
        for calls in 0.. {
            let (mut node, mut model) = (node.clone(), model.clone());
            let outcome = crash_and_check(&mut node, &mut model, &act, crash(calls), deep);
            seen(outcome);
            if outcome.done {
                break;
            }
            crashes += 1;
        }
    }
    crashes
}
