//! A log against a model of it: a list of batches and a list of epochs.

mod support;

use proptest::prelude::*;
use support::{Fixture, batch};
use trial_log::{LeaderEpoch, LogConfig, Offset};

#[derive(Debug, Clone)]
enum Step {
    /// So many records by the leader; the epoch rises first, or not.
    Append {
        records: usize,
        new_epoch: bool,
    },
    /// Two batches from a leader in one append, after a gap.
    Follow {
        gap: i64,
        records: usize,
    },
    Truncate {
        back: i64,
    },
    StartAnew {
        ahead: i64,
    },
    AdvanceStart {
        percent: i64,
    },
    Flush,
    Crash,
    Restart,
    Roll,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (1..5usize, prop::bool::weighted(0.2))
            .prop_map(|(records, new_epoch)| Step::Append { records, new_epoch }),
        3 => (0..4i64, 1..4usize).prop_map(|(gap, records)| Step::Follow { gap, records }),
        3 => (-2..20i64).prop_map(|back| Step::Truncate { back }),
        1 => (-5..9i64).prop_map(|ahead| Step::StartAnew { ahead }),
        1 => (0..=100i64).prop_map(|percent| Step::AdvanceStart { percent }),
        1 => Just(Step::Flush),
        2 => Just(Step::Crash),
        1 => Just(Step::Restart),
        1 => Just(Step::Roll),
    ]
}

#[derive(Debug, Default)]
struct Model {
    /// First offset, last offset and epoch of each batch.
    batches: Vec<(i64, i64, i32)>,
    /// Epochs and where they begin.
    epochs: Vec<(i32, i64)>,
    start: i64,
    end: i64,
    epoch: i32,
}

impl Model {
    fn append(&mut self, base: i64, records: usize) {
        let last = base + records as i64 - 1;
        self.batches.push((base, last, self.epoch));
        self.end = last + 1;
        self.enter(self.epoch, base);
    }

    /// A later epoch is entered, and an earlier one goes that has no records left before it.
    fn enter(&mut self, epoch: i32, base: i64) {
        if self.epochs.last().is_none_or(|(latest, _)| *latest < epoch) {
            self.epochs.retain(|(_, start)| *start < base);
            self.epochs.push((epoch, base));
        }
    }

    fn truncate(&mut self, to: i64) {
        if to < self.end {
            self.batches.retain(|(_, last, _)| *last < to);
            self.end = to;
            self.start = self.start.min(to);
        }
        self.epochs.retain(|(_, start)| *start < to.min(self.end));
    }

    fn start_anew(&mut self, at: i64) {
        *self = Self { start: at, end: at, epoch: self.epoch, ..Self::default() };
    }

    fn advance_start(&mut self, to: i64) {
        self.start = to;
        // The epoch that the start lies in begins there; those before it are forgotten.
        let below = self.epochs.iter().rposition(|(_, start)| *start <= to);
        self.epochs.drain(..below.unwrap_or(0));
        if below.is_some() {
            self.epochs[0].1 = to;
        }
    }

    /// A scan enters the epochs of the batches that it meets, even if they lie below the start of the log.
    fn scan(&mut self, from: i64) {
        for (base, _, epoch) in self.batches.clone() {
            if base >= from {
                self.enter(epoch, base);
            }
        }
    }

    /// Reopened, a log ends with its last batch or where its last segment begins, though it was cut further on.
    fn reopened(&mut self, last_segment: i64) {
        let end =
            self.batches.last().map_or(last_segment, |(_, last, _)| last_segment.max(last + 1));
        if end < self.start {
            let start = self.start;
            self.start_anew(start);
        } else {
            self.end = end;
            self.epochs.retain(|(_, start)| *start < end);
            self.advance_start(self.start);
        }
    }
}

fn run(steps: &[Step]) -> Result<(), TestCaseError> {
    let mut f = Fixture::with(LogConfig {
        segment_bytes: 500,
        index_interval_bytes: 100,
        ..LogConfig::default()
    });
    let mut model = Model::default();
    for step in steps {
        apply(&mut f, &mut model, step)?;
        // What the background does after a truncation; `recovery.rs` has the checkpoints that were left too long.
        f.log.write_epoch_checkpoint(&mut f.disk, &mut f.events).expect("the disk is whole");
        prop_assert_eq!(f.log.log_end_offset(), Offset(model.end), "the end after {:?}", step);
        prop_assert_eq!(
            f.log.log_start_offset(),
            Offset(model.start),
            "the start after {:?}",
            step
        );
        prop_assert_eq!(&f.epochs(), &model.epochs, "the epochs after {:?}", step);
        let read: Vec<_> = f
            .batches()
            .iter()
            .map(|b| (b.base_offset().0, b.last_offset().0, b.leader_epoch().0))
            .collect();
        let visible = model.batches.iter().filter(|(_, last, _)| *last >= model.start);
        prop_assert_eq!(read, visible.copied().collect::<Vec<_>>(), "the batches after {:?}", step);
    }
    Ok(())
}

fn apply(f: &mut Fixture, model: &mut Model, step: &Step) -> Result<(), TestCaseError> {
    let end = model.end;
    let last_segment = f.segments().last().copied().unwrap_or(0);
    match *step {
        Step::Append { records, new_epoch } => {
            model.epoch += i32::from(new_epoch);
            let info = f.append(model.epoch, records);
            prop_assert_eq!(info.first_offset, Offset(end));
            model.append(end, records);
        }
        Step::Follow { gap, records } => {
            let (first, second) = (end + gap, end + 2 * gap + records as i64);
            let epoch = LeaderEpoch(model.epoch);
            let bytes =
                [first, second].map(|base| batch(Offset(base), epoch, records).into_bytes());
            let info = f.follow(bytes.concat().into(), model.epoch).expect("they are in order");
            prop_assert_eq!(info.map(|info| info.bytes), Some(bytes[0].len() + bytes[1].len()));
            model.append(first, records);
            model.append(second, records);
        }
        Step::Truncate { back } => {
            let (to, first) = ((end - back).max(0), f.segments()[0]);
            prop_assert_eq!(f.truncate(to), to < end);
            if to < first { model.start_anew(to) } else { model.truncate(to) }
        }
        Step::StartAnew { ahead } => {
            let at = (end + ahead).max(0);
            let Fixture { disk, log, events, .. } = f;
            log.truncate_fully_and_start_at(disk, Offset(at), None, support::NOW, events)
                .expect("the disk is whole");
            model.start_anew(at);
        }
        Step::AdvanceStart { percent } => {
            let to = model.start + (end - model.start) * percent / 100;
            let moved = f.start_at(to) == Ok(true);
            prop_assert_eq!(moved, to > model.start);
            if moved {
                model.advance_start(to);
            }
        }
        Step::Flush => {
            let Fixture { disk, log, events, .. } = f;
            log.flush(disk, Offset(end), events).expect("the disk is whole");
            log.mark_flushed(Offset(end), events);
        }
        Step::Crash => {
            let recovery_point = f.log.recovery_point().0;
            let scanned_from = f.segments().into_iter().rfind(|base| *base <= recovery_point);
            f.crash();
            model.scan(scanned_from.unwrap_or(0));
            model.reopened(last_segment);
        }
        Step::Restart => {
            f.restart();
            model.reopened(last_segment);
        }
        Step::Roll => {
            let Fixture { disk, log, events, .. } = f;
            log.roll(disk, support::NOW, events).expect("the disk is whole");
            prop_assert_eq!(f.segments().last().copied(), Some(end));
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn a_log_does_what_its_model_does(steps in prop::collection::vec(step(), 1..60)) {
        run(&steps)?;
    }
}
