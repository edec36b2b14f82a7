//! Producers that repeat, reorder, leave out, wrap and are fenced, with and without transactions, against a plain
//! model of what a partition may take; a follower that copies; crashes at every call.
//!
//! S3, S4 and S11 after each step; X1 no (producer, epoch, sequence) twice; X2 no batch of an older epoch.

mod cases;
mod support;

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use support::producers::{abort, commit};
use support::truth::{Known, Truth};
use support::{FOLDER, Fixture};
use trial_log::{
    AppendInfo, Disk, DiskError, Log, LogConfig, LogError, MemoryDisk, Offset, OpenLog, PowerLoss,
    ProducerError, RecordBatch,
};

/// What is done next. Producers 0 to 2 have no transactions, 3 to 5 do.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// The next batch of a producer.
    Next {
        id: i64,
        count: usize,
    },
    /// A batch of the past again: so many before the last one.
    Again {
        id: i64,
        back: usize,
    },
    /// A batch that leaves so many records out.
    Gap {
        id: i64,
        skipped: i32,
    },
    /// The producer starts again, with the next epoch.
    NewEpoch {
        id: i64,
    },
    /// A batch of the epoch before.
    Zombie {
        id: i64,
    },
    /// The transaction ends, and the epoch rises with it.
    End {
        id: i64,
        aborts: bool,
    },
    /// The marker again, by the same or an earlier coordinator.
    EndAgain {
        id: i64,
        coordinator: i32,
    },
    Roll,
    Truncate {
        back: i64,
    },
    HighWatermark {
        percent: i64,
    },
    Flush,
    Crash,
    Restart,
    /// The follower copies up to so many bytes, so many times.
    Copy {
        bytes: usize,
        times: usize,
    },
    FollowerCrash,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (0..6i64, 1..4usize).prop_map(|(id, count)| Step::Next { id, count }),
        5 => (0..6i64, 0..8usize).prop_map(|(id, back)| Step::Again { id, back }),
        2 => (0..6i64, 1..3i32).prop_map(|(id, skipped)| Step::Gap { id, skipped }),
        1 => (0..6i64).prop_map(|id| Step::NewEpoch { id }),
        1 => (0..6i64).prop_map(|id| Step::Zombie { id }),
        5 => (3..6i64, any::<bool>()).prop_map(|(id, aborts)| Step::End { id, aborts }),
        1 => (3..6i64, 0..3i32).prop_map(|(id, coordinator)| Step::EndAgain { id, coordinator }),
        2 => Just(Step::Roll),
        1 => (0..12i64).prop_map(|back| Step::Truncate { back }),
        2 => (0..=100i64).prop_map(|percent| Step::HighWatermark { percent }),
        1 => Just(Step::Flush),
        1 => Just(Step::Crash),
        1 => Just(Step::Restart),
        4 => (100..600usize, 1..4usize).prop_map(|(bytes, times)| Step::Copy { bytes, times }),
        1 => Just(Step::FollowerCrash),
    ]
}

/// A producer of the world outside: what it will send next.
#[derive(Debug, Clone, Copy)]
struct Sender {
    epoch: i16,
    /// Sequences begin near the end of their numbers, so that they wrap.
    next_sequence: i32,
}

/// One world: a leader, a follower, and the producers.
struct World {
    leader: Fixture,
    follower: Fixture,
    senders: BTreeMap<i64, Sender>,
    high_watermark: i64,
    /// Batches from here on were appended since the leader last learned its producers anew.
    known_since: i64,
    coordinator_epoch: i32,
}

fn small() -> LogConfig {
    LogConfig { segment_bytes: 700, index_interval_bytes: 100, ..LogConfig::default() }
}

impl World {
    fn new() -> Self {
        let sender = |id: i64| {
            let next_sequence = if id == 1 { i32::MAX - 4 } else { 0 };
            (id, Sender { epoch: 0, next_sequence })
        };
        Self {
            leader: Fixture::with(small()),
            follower: Fixture::with(small()),
            senders: (0..6).map(sender).collect(),
            high_watermark: 0,
            known_since: 0,
            coordinator_epoch: 1,
        }
    }

    fn sender(&mut self, id: i64) -> &mut Sender {
        self.senders.get_mut(&id).expect("there are six")
    }

    fn send(
        &mut self,
        id: i64,
        epoch: i16,
        sequence: i32,
        count: usize,
    ) -> Result<AppendInfo, LogError> {
        self.leader.now += 1;
        if id < 3 {
            self.leader.produce((id, epoch), sequence, count)
        } else {
            self.leader.produce_in_txn((id, epoch), sequence, count)
        }
    }

    /// The batches of a producer's epoch that its records are in, in order.
    fn batches_of(&mut self, id: i64, epoch: i16) -> Vec<RecordBatch> {
        let mut batches = self.leader.batches();
        batches.retain(|batch| {
            batch.producer_id() == id && batch.producer_epoch() == epoch && !batch.is_control()
        });
        batches
    }

    fn known(&mut self, id: i64) -> Option<Known> {
        self.leader.truth().producers.get(&id).copied()
    }

    fn learned_anew(&mut self) {
        let end = self.leader.log.log_end_offset().0;
        self.known_since = end;
        self.high_watermark = self.high_watermark.min(end);
        self.leader.high_watermark(self.high_watermark);
        // The follower learns of it before it copies anything else. (A log that was cut within a batch ends with the
        // batch before it when it is opened again.)
        self.follower.truncate(end);
        // A client hears of nothing that is gone: it goes on where the log does, under an epoch of its own.
        for id in 0..6 {
            let known = self.known(id);
            let epoch = self.senders[&id].epoch;
            let stays = known.is_some_and(|known| {
                known.epoch == epoch
                    && after(known.last_sequence) == self.senders[&id].next_sequence
            });
            if !stays {
                *self.sender(id) = Sender { epoch: epoch + 1, next_sequence: 0 };
            }
        }
    }
}

fn after(sequence: i32) -> i32 {
    if sequence == i32::MAX { 0 } else { sequence + 1 }
}

fn plus(sequence: i32, count: usize) -> i32 {
    (0..count).fold(sequence, |sequence, _| after(sequence))
}

fn apply(w: &mut World, step: Step) -> Result<(), TestCaseError> {
    match step {
        Step::Next { id, count } => {
            let Sender { epoch, next_sequence } = w.senders[&id];
            let end = w.leader.log.log_end_offset();
            let info = w.send(id, epoch, next_sequence, count);
            let info = info.map_err(|error| TestCaseError::fail(format!("{step:?}: {error}")))?;
            prop_assert_eq!((info.first_offset, info.is_duplicate), (end, false));
            w.sender(id).next_sequence = plus(next_sequence, count);
        }
        Step::Again { id, back } => again(w, id, back)?,
        Step::Gap { id, skipped } => gap(w, id, skipped)?,
        Step::NewEpoch { id } => {
            // In a transaction the coordinator fences: it ends what is open under the next epoch.
            let sender = *w.sender(id);
            if id < 3 {
                *w.sender(id) = Sender { epoch: sender.epoch + 1, next_sequence: 0 };
            } else {
                end(w, id, true)?;
            }
        }
        Step::Zombie { id } => zombie(w, id)?,
        Step::End { id, aborts } => end(w, id, aborts)?,
        Step::EndAgain { id, coordinator } => end_again(w, id, coordinator)?,
        Step::Roll => {
            let Fixture { disk, log, events, now, .. } = &mut w.leader;
            log.roll(disk, *now, events).expect("the disk is whole");
        }
        Step::Truncate { back } => {
            let to = (w.leader.log.log_end_offset().0 - back).max(w.high_watermark);
            if w.leader.truncate(to) {
                w.learned_anew();
            }
        }
        Step::HighWatermark { percent } => {
            let end = w.leader.log.log_end_offset().0;
            w.high_watermark = w.high_watermark.max(end * percent / 100);
            w.leader.high_watermark(w.high_watermark);
        }
        Step::Flush => {
            let Fixture { disk, log, events, .. } = &mut w.leader;
            let end = log.log_end_offset();
            log.flush(disk, end, events).expect("the disk is whole");
            log.mark_flushed(end, events);
        }
        Step::Crash => {
            w.leader.crash();
            w.learned_anew();
        }
        Step::Restart => {
            w.leader.restart();
            w.learned_anew();
        }
        Step::Copy { bytes, times } => {
            for _ in 0..times {
                w.follower.copy_from(&mut w.leader, bytes);
            }
        }
        Step::FollowerCrash => w.follower.crash(),
    }
    Ok(())
}

/// A batch that leaves records out: refused, unless nothing is known of the producer.
fn gap(w: &mut World, id: i64, skipped: i32) -> Result<(), TestCaseError> {
    let Sender { epoch, next_sequence } = w.senders[&id];
    let is_known = w.known(id).is_some();
    let got = w.send(id, epoch, plus(next_sequence, skipped as usize), 1);
    if is_known || id >= 3 {
        let refused =
            matches!(got, Err(LogError::Producer(ProducerError::OutOfOrderSequence { .. })));
        prop_assert!(refused, "{:?}: {:?}", skipped, got);
    } else {
        prop_assert!(got.is_ok(), "nothing is known of it: {:?}", got);
        w.sender(id).next_sequence = plus(next_sequence, skipped as usize + 1);
    }
    Ok(())
}

/// X2: a batch of the epoch before is refused.
fn zombie(w: &mut World, id: i64) -> Result<(), TestCaseError> {
    let epoch = w.senders[&id].epoch;
    if w.known(id).is_some_and(|known| known.epoch == epoch && epoch > 0) {
        let sequence = w.senders[&id].next_sequence;
        let got = w.send(id, epoch - 1, sequence, 1);
        let refused =
            matches!(got, Err(LogError::Producer(ProducerError::InvalidProducerEpoch { .. })));
        prop_assert!(refused, "X2, {:?}: {:?}", epoch, got);
    }
    Ok(())
}

/// A batch that is in the log already: answered as the first time if it is among the last five, refused else.
fn again(w: &mut World, id: i64, back: usize) -> Result<(), TestCaseError> {
    let Sender { epoch, .. } = w.senders[&id];
    let batches = w.batches_of(id, epoch);
    let Some(slot) = batches.len().checked_sub(back + 1) else { return Ok(()) };
    let batch = &batches[slot];
    let (first, last) = (batch.base_offset(), batch.last_offset());
    // A batch of a transaction that has ended is of the epoch before, so these are all of the open one.
    let end = w.leader.log.log_end_offset();
    let got = w.send(id, epoch, batch.base_sequence(), batch.count() as usize);
    let must_know = back < 5 && (back == 0 || first.0 >= w.known_since);
    match got {
        Ok(info) => {
            prop_assert!(back < 5, "a window of five: {} batches back", back);
            prop_assert_eq!((info.first_offset, info.last_offset), (first, last), "X1");
            prop_assert!(info.is_duplicate && info.bytes == 0);
        }
        Err(LogError::Producer(ProducerError::OutOfOrderSequence { .. })) => {
            prop_assert!(!must_know, "{} batches back, known since {}", back, w.known_since);
        }
        Err(error) => return Err(TestCaseError::fail(format!("again: {error}"))),
    }
    prop_assert_eq!(w.leader.log.log_end_offset(), end, "nothing was written");
    Ok(())
}

fn end(w: &mut World, id: i64, aborts: bool) -> Result<(), TestCaseError> {
    let epoch = w.senders[&id].epoch + 1;
    let coordinator = w.coordinator_epoch;
    let what = if aborts { abort(coordinator) } else { commit(coordinator) };
    w.leader.now += 1;
    let info = w.leader.end_txn((id, epoch), what);
    info.map_err(|error| TestCaseError::fail(format!("end of {id}: {error}")))?;
    *w.sender(id) = Sender { epoch, next_sequence: 0 };
    Ok(())
}

fn end_again(w: &mut World, id: i64, coordinator: i32) -> Result<(), TestCaseError> {
    let Sender { epoch, .. } = w.senders[&id];
    let Some(known) = w.known(id) else { return Ok(()) };
    if known.epoch != epoch {
        return Ok(());
    }
    w.leader.now += 1;
    let got = w.leader.end_txn((id, epoch), commit(coordinator));
    match got {
        Err(LogError::Producer(ProducerError::InvalidProducerEpoch { .. })) => {
            prop_assert!(known.txn_first_offset.is_some(), "a marker needs a higher epoch");
        }
        Err(LogError::Producer(ProducerError::CoordinatorFenced { .. })) => {
            prop_assert!(coordinator < known.coordinator_epoch);
        }
        Ok(_) => {
            prop_assert!(
                known.txn_first_offset.is_none() && coordinator >= known.coordinator_epoch
            );
            w.coordinator_epoch = w.coordinator_epoch.max(coordinator);
        }
        Err(error) => return Err(TestCaseError::fail(format!("end again: {error}"))),
    }
    Ok(())
}

/// S11, the last stable offset, X1, and what a reader of committed records leaves out.
fn check(w: &mut World, step: Step) -> Result<(), TestCaseError> {
    w.leader.knows_its_producers(&format!("leader after {step:?}"));
    w.follower.knows_its_producers(&format!("follower after {step:?}"));
    let (end, copied) = (w.leader.log.log_end_offset(), w.follower.log.log_end_offset());
    if end == copied {
        prop_assert_eq!(w.leader.offsets(), w.follower.offsets());
        prop_assert_eq!(w.leader.known(), w.follower.known(), "S11 after {:?}", step);
    }
    let batches = w.leader.batches();
    let truth = Truth::of(&batches, end.0);
    let unreplicated = || truth.ended.iter().filter(|ended| ended.marker >= w.high_watermark);
    let must =
        unreplicated().filter(|ended| ended.marker >= w.known_since).map(|ended| ended.first);
    let must = must.chain(truth.first_open()).min();
    let may: Vec<i64> = unreplicated().map(|ended| ended.first).chain(truth.first_open()).collect();
    let got = w.leader.first_unstable();
    prop_assert!(
        must.is_none() || got.is_some_and(|got| Some(got) <= must),
        "{:?} {:?}",
        got,
        must
    );
    prop_assert!(
        got.is_none_or(|got| may.contains(&got)),
        "{:?} of {:?} after {:?}",
        got,
        may,
        step
    );
    let stable = w.leader.log.last_stable_offset(Offset(w.high_watermark)).0;
    prop_assert_eq!(stable, got.map_or(w.high_watermark, |got| got.min(w.high_watermark)));
    for (from, upper) in
        [(0, end.0 / 2), (end.0 / 3, end.0), (end.0 / 2, end.0 * 3 / 4), (end.0 / 2, stable)]
    {
        let overlaps =
            truth.aborted.iter().filter(|t| t.last_offset.0 >= from && t.first_offset.0 < upper);
        let want: Vec<_> =
            overlaps.map(|t| (t.producer_id, t.first_offset.0, t.last_offset.0)).collect();
        // The segments before the one that holds `from` end below it.
        prop_assert_eq!(
            w.leader.aborted(from, upper),
            want,
            "S3, {}..{} after {:?}",
            from,
            upper,
            step
        );
    }
    let mut seen: BTreeMap<(i64, i16), i32> = BTreeMap::new();
    for batch in batches.iter().filter(|batch| !batch.is_control()) {
        let next = after(batch.last_sequence());
        let key = (batch.producer_id(), batch.producer_epoch());
        if let Some(want) = seen.insert(key, next) {
            prop_assert_eq!(batch.base_sequence(), want, "X1, {:?} after {:?}", key, step);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(cases::property(4_000, "tests/failed/producer_model.txt"))]
    #[test]
    fn producers_are_served_as_the_model_says(steps in prop::collection::vec(step(), 1..70)) {
        let mut w = World::new();
        for step in steps {
            apply(&mut w, step)?;
            check(&mut w, step)?;
        }
    }
}

/// A workload that rolls, ends transactions both ways, truncates and copies.
const WORKLOAD: [Step; 24] = [
    Step::Next { id: 0, count: 3 },
    Step::Next { id: 3, count: 2 },
    Step::Next { id: 4, count: 1 },
    Step::Again { id: 0, back: 0 },
    Step::End { id: 3, aborts: true },
    Step::Next { id: 0, count: 2 },
    Step::Roll,
    Step::Next { id: 3, count: 2 },
    Step::Next { id: 1, count: 3 },
    Step::Next { id: 1, count: 3 },
    Step::End { id: 4, aborts: true },
    Step::Flush,
    Step::Next { id: 5, count: 1 },
    Step::End { id: 3, aborts: false },
    Step::Next { id: 0, count: 1 },
    Step::Roll,
    Step::Next { id: 3, count: 1 },
    Step::End { id: 5, aborts: true },
    Step::Truncate { back: 2 },
    Step::Next { id: 2, count: 1 },
    Step::End { id: 3, aborts: true },
    Step::Truncate { back: 9 },
    Step::Next { id: 0, count: 2 },
    Step::Restart,
];

/// Runs the workload up to a call that fails; none if it came to its end.
fn cut_short(disk: MemoryDisk, calls: u64, kept: usize) -> Option<World> {
    let mut w = World::new();
    let open = OpenLog { config: small(), ..OpenLog::new(FOLDER) };
    w.leader.disk = disk;
    let Fixture { disk, log, events, now, .. } = &mut w.leader;
    *log = Log::open(disk, open, *now, events).expect("the disk is whole");
    disk.sync_dir("").expect("the disk is whole");
    disk.sync_dir(FOLDER).expect("the disk is whole");
    disk.tear_after(calls, DiskError::Io, kept);
    // Nothing is checked on the way: the first error ends the process.
    let done = WORKLOAD.iter().try_for_each(|step| run_quietly(&mut w, *step));
    done.is_none().then_some(w)
}

#[test]
fn a_crash_at_any_call_leaves_what_a_replay_gives() {
    let mut crashes = 0;
    for kept in [0, 7, 70] {
        let cuts = (0..).map_while(|calls| cut_short(MemoryDisk::new(), calls, kept));
        for (mut w, calls) in cuts.zip(0..) {
            w.leader.disk.repair();
            w.leader.crash();
            w.leader.knows_its_producers(&format!("crash at call {calls}"));
            w.leader.restart();
            w.leader.knows_its_producers(&format!("crash at call {calls}, and a clean restart"));
            crashes += 1;
        }
    }
    assert!(crashes > 300, "the workload makes more calls than {crashes}");
}

#[test]
fn a_power_loss_at_any_call_leaves_what_a_replay_gives() {
    let mut ends = BTreeSet::new();
    for seed in 0..12 {
        let cuts = (0..).map_while(|calls| cut_short(MemoryDisk::with_cache(), calls, 7));
        for (mut w, calls) in cuts.zip(0..) {
            let how = PowerLoss { seed: seed * 1000 + calls, page_bytes: 64, sector_bytes: 16 };
            w.leader.disk.lose_power(how);
            w.leader.crash();
            w.leader.knows_its_producers(&format!("power lost at call {calls}, {seed}"));
            ends.insert((calls, w.leader.log.log_end_offset()));
            w.leader.produce((77, 0), 0, 1).expect("and it goes on");
            w.leader.crash();
            w.leader.knows_its_producers(&format!("and a crash after it, {calls}, {seed}"));
        }
    }
    assert!(ends.len() > 200, "the power loss takes now less and now more: {}", ends.len());
}

/// The steps of the workload, without a word on how they went; none if the disk refused.
fn run_quietly(w: &mut World, step: Step) -> Option<()> {
    let Sender { epoch, next_sequence } = match step {
        Step::Next { id, .. } | Step::Again { id, .. } | Step::End { id, .. } => w.senders[&id],
        _ => Sender { epoch: 0, next_sequence: 0 },
    };
    let Fixture { disk, log, events, now, .. } = &mut w.leader;
    let outcome = match step {
        Step::Next { id, count } => {
            w.sender(id).next_sequence = plus(next_sequence, count);
            w.send(id, epoch, next_sequence, count).map(|_| ())
        }
        Step::Again { id, .. } => w.send(id, epoch, 0, 3).map(|_| ()),
        Step::End { id, aborts } => {
            *w.sender(id) = Sender { epoch: epoch + 1, next_sequence: 0 };
            let what = if aborts { abort(1) } else { commit(1) };
            w.leader.end_txn((id, epoch + 1), what).map(|_| ())
        }
        Step::Roll => log.roll(disk, *now, events),
        Step::Flush => {
            let end = log.log_end_offset();
            let flushed = log.flush(disk, end, events);
            if flushed.is_ok() {
                log.mark_flushed(end, events);
            }
            flushed
        }
        Step::Truncate { back } => {
            let to = log.log_end_offset().0 - back;
            log.truncate_to(disk, Offset(to), *now, events).map(|_| ())
        }
        Step::Restart => log.close(disk, events),
        _ => unreachable!("no such step in the workload: {step:?}"),
    };
    // What a truncation took is refused then: that is not what is looked at here.
    match outcome {
        Err(LogError::Disk(_) | LogError::Offline) => None,
        Ok(()) | Err(_) => Some(()),
    }
}
