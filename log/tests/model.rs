//! A log against its model (see `story/`): random acts, some of them cut short by a crash of the process, of the disk
//! or of the power. S1, S2, S5, S7, S8 and S10 after each.

mod cases;
mod story;

use proptest::prelude::*;
use story::{Act, Batch, Crash, Model, NOW, Node, agrees, crash_and_check};
use trial_log::{DiskError, LogConfig, PowerLoss};

/// What is done, relative to the log.
#[derive(Debug, Clone)]
enum Step {
    /// So many records by the leader; the epoch rises first, or not.
    Append {
        records: usize,
        new_epoch: bool,
        later: i64,
    },
    /// Batches from a leader in one append, each after a gap.
    Follow {
        batches: usize,
        gap: i64,
        records: usize,
    },
    Truncate {
        back: i64,
    },
    StartAnew {
        ahead: i64,
    },
    DeleteRecords {
        percent: i64,
    },
    Retain {
        percent: i64,
        later: i64,
    },
    /// Closed segments into others, of whose batches one in so many stays.
    Clean {
        first: usize,
        count: usize,
        into: usize,
        every: usize,
    },
    Flush,
    FlushClosed,
    Checkpoint,
    Roll,
    RemoveFiles {
        later: i64,
    },
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let append = (1..5usize, prop::bool::weighted(0.2), -20..60i64);
    prop_oneof![
        9 => append.prop_map(|(records, new_epoch, later)| {
            Step::Append { records, new_epoch, later }
        }),
        3 => (1..4usize, 0..4i64, 1..4usize)
            .prop_map(|(batches, gap, records)| Step::Follow { batches, gap, records }),
        3 => (-2..20i64).prop_map(|back| Step::Truncate { back }),
        1 => (-5..9i64).prop_map(|ahead| Step::StartAnew { ahead }),
        1 => (0..=100i64).prop_map(|percent| Step::DeleteRecords { percent }),
        2 => (0..=150i64, 0..400i64).prop_map(|(percent, later)| Step::Retain { percent, later }),
        2 => (0..9usize, 1..4usize, 1..3usize, 1..4usize)
            .prop_map(|(first, count, into, every)| Step::Clean { first, count, into, every }),
        1 => Just(Step::Flush),
        2 => Just(Step::FlushClosed),
        2 => Just(Step::Checkpoint),
        1 => Just(Step::Roll),
        1 => (0..200i64).prop_map(|later| Step::RemoveFiles { later }),
        1 => Just(Step::Restart),
    ]
}

fn crash() -> impl Strategy<Value = Option<Crash>> {
    let power = (any::<u64>(), 0..3usize).prop_map(|(seed, size)| PowerLoss {
        seed,
        page_bytes: [64, 128, 4096][size],
        sector_bytes: [16, 64, 512][size],
    });
    let error = prop_oneof![Just(DiskError::Io), Just(DiskError::NoSpace)];
    let crash = (0..40u64, 0..120usize, prop::option::of(error), prop::option::of(power))
        .prop_map(|(calls, kept, error, power)| Crash { calls, kept, error, power });
    prop::option::weighted(0.15, crash)
}

impl Step {
    /// What it is here; none if there is nothing to do it to.
    fn act(&self, model: &Model, time: &mut i64) -> Option<Act> {
        let Model { end, start, epoch, .. } = *model;
        let mut times = |records: usize, later: i64| -> Vec<i64> {
            *time += 1;
            (0..records as i64).map(|record| NOW + *time + later - record % 3).collect()
        };
        Some(match *self {
            Self::Append { records, new_epoch, later } => {
                let epoch = epoch + i32::from(new_epoch);
                Act::Append { batch: Batch::new(end, epoch, &times(records, later)) }
            }
            Self::Follow { batches, gap, records } => {
                let base = |number: usize| end + gap + number as i64 * (gap + records as i64);
                let batch = |number| Batch::new(base(number), epoch, &times(records, 0));
                Act::Follow { batches: (0..batches).map(batch).collect() }
            }
            Self::Truncate { back } => Act::Truncate { to: (end - back).max(0) },
            Self::StartAnew { ahead } => Act::StartAnew { at: (end + ahead).max(0) },
            Self::DeleteRecords { percent } => {
                Act::DeleteRecords { to: start + (end - start) * percent / 100 }
            }
            Self::Retain { percent, later } => {
                let high_watermark = start + (end - start) * percent.min(100) / 100;
                Act::Retain { high_watermark, now: NOW + *time + later }
            }
            Self::Clean { first, count, into, every } => {
                let closed = model.segments.len() - 1;
                let old = model.segments[..closed].get(first..(first + count).min(closed))?;
                let base = old.first()?.0;
                let batches = old.iter().flat_map(|(_, batches)| batches);
                let kept: Vec<Batch> = batches.step_by(every).cloned().collect();
                let size = kept.len().div_ceil(into).max(1);
                let mut new: Vec<_> = kept.chunks(size).map(|b| (b[0].base, b.to_vec())).collect();
                match new.first_mut() {
                    Some(first) => first.0 = base,
                    None => new.push((base, Vec::new())),
                }
                Act::Replace { old: old.iter().map(|segment| segment.0).collect(), new }
            }
            Self::Flush => Act::Flush { to: end },
            Self::FlushClosed => Act::Flush { to: model.active().0.min(end) },
            Self::Checkpoint => Act::Checkpoint,
            Self::Roll => Act::Roll,
            Self::RemoveFiles { later } => Act::RemoveFiles { now: NOW + later },
            Self::Restart => Act::Restart,
        })
    }
}

/// A story: a log lives through all of it.
fn run(steps: &[(Step, Option<Crash>)]) {
    let mut node = Node::new(LogConfig {
        segment_bytes: 500,
        segment_ms: 200,
        index_interval_bytes: 100,
        retention_bytes: 1000,
        retention_ms: 300,
        file_delete_delay_ms: 100,
        ..LogConfig::default()
    });
    let (mut model, mut time) = (Model::new(), 0);
    for (step, crash) in steps {
        let Some(act) = step.act(&model, &mut time) else { continue };
        if let Some(crash) = crash {
            crash_and_check(&mut node, &mut model, &act, *crash, false);
            continue;
        }
        let (start, high_watermark) = (model.start, retained(&act));
        model = model.after(&act, &node.config);
        node.act(&act).expect("the disk is whole");
        agrees(&mut node, &model, &format!("after {act:?}"));
        if let Some(high_watermark) = high_watermark {
            let now = node.log().log_start_offset().0;
            assert!(now >= start && now <= high_watermark.max(start), "S7: {start} to {now}");
        }
    }
}

fn retained(act: &Act) -> Option<i64> {
    if let Act::Retain { high_watermark, .. } = act { Some(*high_watermark) } else { None }
}

proptest! {
    #![proptest_config(cases::property(4_000, "tests/failed/model.txt"))]
    #[test]
    fn a_log_does_what_its_model_does(steps in prop::collection::vec((step(), crash()), 1..60)) {
        run(&steps);
    }
}
