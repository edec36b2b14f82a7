//! Which part of a log may be cleaned, which log is next, who waits for whom, and what the checkpoint says.

mod support;

use std::sync::Arc;

use support::cleaning::{HOW, How};
use support::producers::commit;
use support::{Fixture, NOW};
use trial_log::{
    CLEANER_OFFSET_CHECKPOINT, CleanerCandidate, CleanerConfig, Cleaning, CleaningStep, GrabError,
    LogCleanerManager, LogCleaningState, LogConfig, LogError, LogEvent, LogStartReason, LogToClean,
    MemoryDisk, Offset, OffsetsToClean, Pause, PreCleanStats, cleanable_offsets,
    max_compaction_delay_ms, read_offset_checkpoint, write_offset_checkpoint,
};

type Partition = (Arc<str>, i32);

fn orders(partition: i32) -> Partition {
    (Arc::from("orders"), partition)
}

/// Ten segments of one record each, 100 ms after each other, and an empty active one.
fn ten() -> Fixture {
    let mut f = Fixture::compacted();
    for _ in 0..10 {
        f.put_each("k");
        f.roll();
        f.later(100);
    }
    f
}

fn configure(f: &mut Fixture, change: impl FnOnce(&mut LogConfig)) {
    change(&mut f.config);
    f.log.set_config(f.config.clone());
}

fn offsets(f: &mut Fixture, last_clean: Option<i64>, high_watermark: i64) -> OffsetsToClean {
    let (last_clean, high_watermark) = (last_clean.map(Offset), Offset(high_watermark));
    cleanable_offsets(&f.log, last_clean, high_watermark, f.now, &mut f.events)
}

#[test]
fn what_may_be_cleaned_lies_between_the_checkpoint_and_the_first_of_several_bounds() {
    let mut f = ten();
    let mut check = |what: &str, last_clean, high_watermark, lag, want: (i64, i64, bool)| {
        configure(&mut f, |config| config.min_compaction_lag_ms = lag);
        let got = offsets(&mut f, last_clean, high_watermark);
        let got = (
            got.first_dirty_offset.0,
            got.first_uncleanable_dirty_offset.0,
            got.force_update_checkpoint,
        );
        assert_eq!(got, want, "{what}");
    };
    check("no checkpoint: all that is closed", None, 99, 0, (0, 10, false));
    check("a checkpoint", Some(3), 99, 0, (3, 10, false));
    check("the high watermark", Some(3), 7, 0, (3, 7, false));
    check("a checkpoint beyond the high watermark", Some(8), 7, 0, (8, 8, false));
    check("a checkpoint at the end", Some(10), 10, 0, (10, 10, false));
    check("a checkpoint beyond the end", Some(11), 10, 0, (0, 10, true));
    check("a checkpoint before the start", Some(-1), 10, 0, (0, 10, true));
    check("a negative lag", Some(3), 10, -5, (3, 10, false));
    check("the youngest is 100 ms old, the oldest 1000", None, 10, 50, (0, 10, false));
    check("what is as old as the lag may be cleaned", None, 10, 300, (0, 8, false));
    check("what is younger may not", None, 10, 301, (0, 7, false));
    check("all of it is too young", None, 10, 1001, (0, 0, false));
    check("only what is dirty is looked at", Some(9), 10, 1001, (9, 9, false));
}

#[test]
fn the_start_of_the_log_counts_where_it_moved_to() {
    let mut f = ten();
    f.start_at(4).expect("all of it is committed");
    for (checkpoint, want) in
        [(None, (4, false)), (Some(2), (4, true)), (Some(4), (4, false)), (Some(6), (6, false))]
    {
        let got = offsets(&mut f, checkpoint, 10);
        assert_eq!((got.first_dirty_offset.0, got.force_update_checkpoint), want, "{checkpoint:?}");
    }
    f.put_each("k");
    f.start_at(11).expect("all of it is committed");
    let got = offsets(&mut f, Some(0), 11);
    assert_eq!(
        (got.first_dirty_offset, got.first_uncleanable_dirty_offset),
        (Offset(11), Offset(11))
    );
    let to_clean = LogToClean::new(&f.log, Offset(11), Offset(11), false);
    assert_eq!(to_clean.cleanable_bytes, 0, "the start lies in the active segment");
}

#[test]
fn what_is_undecided_is_not_cleaned() {
    let mut f = Fixture::compacted();
    f.put_each("a b");
    f.put_in_txn((1, 0), 0, "c");
    f.put_each("d");
    f.roll();
    assert_eq!(offsets(&mut f, None, 4).first_uncleanable_dirty_offset, Offset(2));
    f.end_txn((1, 1), commit(1)).expect("the marker is good");
    f.roll();
    assert_eq!(
        offsets(&mut f, None, 4).first_uncleanable_dirty_offset,
        Offset(2),
        "its marker is not committed"
    );
    f.high_watermark(5);
    assert_eq!(offsets(&mut f, None, 5).first_uncleanable_dirty_offset, Offset(5));
}

#[test]
fn a_log_is_dirty_by_bytes_of_whole_segments() {
    let f = ten();
    let one = f.bytes(0, ".log").len() as u64;
    for (dirty, uncleanable, want) in [
        (0, 10, (0, 10, 10)),
        (4, 10, (4, 6, 10)),
        (4, 7, (4, 3, 7)),
        (4, 4, (4, 0, 4)),
        (10, 10, (10, 0, 10)),
        (0, 99, (0, 10, 10)),
    ] {
        let got = LogToClean::new(&f.log, Offset(dirty), Offset(uncleanable), false);
        let (clean, cleanable, first_uncleanable) = want;
        assert_eq!(got.clean_bytes, clean * one, "{dirty} to {uncleanable}");
        assert_eq!(got.cleanable_bytes, cleanable * one, "{dirty} to {uncleanable}");
        assert_eq!(
            got.first_uncleanable_offset,
            Offset(first_uncleanable),
            "{dirty} to {uncleanable}"
        );
        assert_eq!(got.total_bytes(), (clean + cleanable) * one);
    }
    let half = LogToClean::new(&f.log, Offset(5), Offset(10), false);
    assert!(!half.is_dirtier_than(500_000) && half.is_dirtier_than(499_999));
    let more = LogToClean::new(&f.log, Offset(4), Offset(10), false);
    assert!(more.cmp_ratio(&half).is_gt() && half.cmp_ratio(&half).is_eq());
    let mut f = Fixture::compacted();
    f.put_each("a b");
    f.roll();
    let whole = LogToClean::new(&f.log, Offset(1), Offset(2), false);
    assert_eq!(
        whole.clean_bytes, whole.cleanable_bytes,
        "a segment that is dirty in part counts twice"
    );
    f.put_each("c d");
    f.roll();
    assert_eq!(
        LogToClean::new(&f.log, Offset(0), Offset(3), false).first_uncleanable_offset,
        Offset(2)
    );
}

#[test]
fn a_record_waits_for_max_compaction_lag_ms_at_most() {
    let mut f = ten();
    let delay = |f: &mut Fixture, dirty: i64, lag: i64| {
        configure(f, |config| config.max_compaction_lag_ms = lag);
        let Fixture { disk, log, events, now, .. } = f;
        max_compaction_delay_ms(log, disk, Offset(dirty), *now, events).expect("the disk is whole")
    };
    for (dirty, lag, want) in
        [(0, 1000, 0), (0, 999, 1), (3, 500, 200), (9, 0, 100), (10, 0, 0), (0, i64::MAX, 0)]
    {
        assert_eq!(delay(&mut f, dirty, lag), want, "dirty from {dirty}, {lag} ms");
    }
}

#[test]
fn a_compacted_log_closes_its_segments_in_time() {
    let mut f = Fixture::compacted();
    configure(&mut f, |config| config.max_compaction_lag_ms = 50);
    for later in [0, 50, 1] {
        f.later(later);
        f.put_each("a");
    }
    assert_eq!(f.segments(), [0, 2], "after max.compaction.lag.ms, not after segment.ms");
    configure(&mut f, |config| config.compacted = false);
    f.later(60);
    f.put_each("a");
    assert_eq!(f.segments(), [0, 2]);
}

/// Some logs in one directory, as a broker has them.
struct Logs {
    disk: MemoryDisk,
    logs: Vec<Fixture>,
    manager: LogCleanerManager,
    stats: PreCleanStats,
    events: Vec<LogEvent>,
    now: i64,
}

impl Logs {
    /// Logs of which so many segments of ten are dirty.
    fn dirty(parts: &[i64]) -> Self {
        let logs: Vec<Fixture> = parts.iter().map(|_| ten()).collect();
        let checkpoint = (0..).zip(parts).map(|(number, part)| (orders(number), Offset(10 - part)));
        let mut disk = MemoryDisk::new();
        write_offset_checkpoint(&mut disk, CLEANER_OFFSET_CHECKPOINT, &checkpoint.collect())
            .expect("the disk is whole");
        let manager = LogCleanerManager::default();
        Self {
            disk,
            logs,
            manager,
            stats: PreCleanStats::default(),
            events: Vec::new(),
            now: NOW + 1000,
        }
    }

    fn grab(&mut self) -> Result<Option<(i32, LogToClean)>, GrabError> {
        let Self { disk, logs, manager, stats, events, now } = self;
        *stats = PreCleanStats::default();
        let candidates = (0..).zip(logs).map(|(number, f)| CleanerCandidate {
            partition: orders(number),
            high_watermark: f.log.log_end_offset(),
            log: &mut f.log,
        });
        let found = manager.grab_filthiest_compacted_log(disk, candidates, *now, stats, events)?;
        Ok(found.map(|((_, number), to_clean)| (number, to_clean)))
    }

    fn next(&mut self) -> Option<i32> {
        self.grab().expect("the disk is whole").map(|(number, _)| number)
    }

    fn done(&mut self, number: i32, end: i64) -> bool {
        let done =
            self.manager.done_cleaning(&mut self.disk, &orders(number), Offset(end), |_| true);
        done.expect("the disk is whole")
    }

    fn state(&self, number: i32) -> Option<LogCleaningState> {
        self.manager.cleaning_state(&orders(number))
    }

    fn checkpoint(&mut self) -> Vec<(i32, i64)> {
        let found = read_offset_checkpoint(&mut self.disk, CLEANER_OFFSET_CHECKPOINT);
        let found = found.expect("the disk is whole");
        found.iter().map(|((_, number), offset)| (*number, offset.0)).collect()
    }
}

#[test]
fn the_dirtiest_log_is_next_if_it_is_dirty_enough() {
    let mut w = Logs::dirty(&[6, 9, 7, 9, 5]);
    let order: Vec<Option<i32>> = (0..5).map(|_| w.next()).collect();
    assert_eq!(
        order,
        [Some(1), Some(3), Some(2), Some(0), None],
        "five of ten is not more than half"
    );
    assert_eq!(w.stats.cleanable_partitions, 0);
    assert!(!w.done(3, 10));
    assert_eq!(w.checkpoint(), [(0, 4), (1, 1), (2, 3), (3, 10), (4, 5)]);
    assert_eq!(w.next(), None, "it is clean");
    w.manager.mark_partition_uncleanable(orders(1));
    assert!(!w.done(1, 1) && !w.done(2, 3));
    assert_eq!(w.next(), Some(2), "what could not be cleaned is left alone");
    w.manager.maintain_uncleanable_partitions(|partition| *partition != orders(1));
    assert_eq!(w.manager.uncleanable_partitions().count(), 0);
    assert_eq!(w.next(), Some(1), "until it is deleted");
}

#[test]
fn a_log_that_is_late_is_cleaned_however_little_is_dirty() {
    let mut w = Logs::dirty(&[3, 4, 0]);
    for f in [0, 2] {
        configure(&mut w.logs[f], |config| config.max_compaction_lag_ms = 250);
    }
    let found = w.grab().expect("the disk is whole");
    assert_eq!(found.map(|(number, it)| (number, it.need_compaction_now)), Some((0, true)));
    let want = PreCleanStats {
        max_compaction_delay_ms: 50,
        delayed_partitions: 1,
        cleanable_partitions: 1,
    };
    assert_eq!(w.stats, want);
    assert_eq!(w.next(), None);
    configure(&mut w.logs[1], |config| config.min_cleanable_dirty_millionths = 0);
    configure(&mut w.logs[2], |config| config.min_cleanable_dirty_millionths = 0);
    assert_eq!((w.next(), w.next()), (Some(1), None), "what is clean is not dirtier than nothing");
}

#[test]
fn logs_that_are_not_compacted_are_for_retention() {
    let mut w = Logs::dirty(&[9, 9, 9]);
    configure(&mut w.logs[0], |config| (config.compacted, config.deletes) = (false, true));
    configure(&mut w.logs[1], |config| config.deletes = true);
    let keyed = |logs: &[Fixture]| -> Vec<(Partition, trial_log::Log)> {
        (0..).zip(logs).map(|(number, f)| (orders(number), f.log.clone())).collect()
    };
    let all = keyed(&w.logs);
    let all = || all.iter().map(|(partition, log)| (partition.clone(), log));
    assert_eq!(w.next(), Some(1));
    assert_eq!(w.manager.deletable_logs(all()), [orders(2)], "compacted, and not in progress");
    assert_eq!(w.manager.pause_cleaning_for_non_compacted_partitions(all()), [orders(0)]);
    assert_eq!(w.next(), None);
    let paused = LogCleaningState::Paused(1);
    assert_eq!((w.state(0), w.state(2)), (Some(paused), Some(LogCleaningState::InProgress)));
    // It becomes compacted while retention has it.
    configure(&mut w.logs[0], |config| config.compacted = true);
    assert_eq!(w.next(), None, "KAFKA-7322");
    w.manager.resume_cleaning(&orders(0));
    assert!(!w.manager.done_deleting(&orders(2)));
    assert_eq!((w.next(), w.next()), (Some(0), Some(2)));
}

#[test]
fn a_pause_ends_a_cleaning_and_lasts_until_it_is_resumed_as_often() {
    let mut w = Logs::dirty(&[9]);
    let it = orders(0);
    assert_eq!(w.manager.abort_and_pause_cleaning(&it), Pause::Paused);
    assert_eq!(w.manager.abort_and_pause_cleaning(&it), Pause::Paused);
    assert_eq!((w.state(0), w.next()), (Some(LogCleaningState::Paused(2)), None));
    w.manager.resume_cleaning(&it);
    assert_eq!((w.state(0), w.next()), (Some(LogCleaningState::Paused(1)), None));
    w.manager.resume_cleaning(&it);
    assert_eq!(w.next(), Some(0));
    assert!(!w.manager.is_aborted(&it));
    assert_eq!(w.manager.abort_and_pause_cleaning(&it), Pause::Aborting);
    assert!(w.manager.is_aborted(&it));
    assert!(w.done(0, 10), "somebody waited");
    assert_eq!(w.state(0), Some(LogCleaningState::Paused(1)));
    assert_eq!(w.checkpoint(), [(0, 1)], "MG-2: an aborted cleaning says nothing");
    w.manager.resume_cleaning(&it);
    assert_eq!(w.manager.deletable_logs([(it.clone(), &w.logs[0].log)]).len(), 1);
    assert_eq!(w.manager.abort_and_pause_cleaning(&it), Pause::Aborting);
    assert!(w.manager.done_deleting(&it));
    assert_eq!(w.state(0), Some(LogCleaningState::Paused(1)));
}

#[test]
#[should_panic(expected = "was not paused")]
fn what_is_not_paused_is_not_resumed() {
    LogCleanerManager::default().resume_cleaning(&orders(0));
}

#[test]
#[should_panic(expected = "was not in progress")]
fn what_is_not_in_progress_is_not_done() {
    LogCleanerManager::default().done_deleting(&orders(0));
}

#[test]
fn a_checkpoint_outside_its_log_is_set_to_the_start_chosen_or_not() {
    let mut w = Logs::dirty(&[9, 0, 0]);
    for f in &mut w.logs {
        configure(f, |config| config.min_cleanable_dirty_millionths = 1_000_000);
    }
    w.logs[0].start_at(3).expect("all of it is committed");
    w.logs[2].truncate(7);
    assert_eq!(w.next(), None);
    assert_eq!(w.checkpoint(), [(0, 3), (1, 10), (2, 0)]);
}

/// CL-6: the log starts in its active segment, which loses its end with the power; so does the start.
#[test]
fn what_is_appended_after_a_crash_does_not_pass_for_clean() {
    let mut w = Logs::dirty(&[9]);
    w.logs[0].put_each("k k k");
    w.logs[0].start_at(12).expect("all of it is committed");
    assert_eq!(w.next(), None, "what is closed was deleted");
    assert_eq!(w.checkpoint(), [(0, 10)], "not 12: what is appended may come to lie below");
    assert_eq!(w.next(), None);
    assert_eq!(w.checkpoint(), [(0, 10)], "and there it stays");
    let f = &mut w.logs[0];
    f.set_bytes(10, ".log", &[]);
    f.reopen(false, Offset(10), Offset::ZERO).expect("the disk is whole");
    assert_eq!((f.log.log_start_offset(), f.log.log_end_offset()), (Offset(0), Offset(10)));
    f.put(&[("k", None)]);
    f.put_each("x y z");
    f.roll();
    configure(f, |config| config.min_cleanable_dirty_millionths = 0);
    let (_, to_clean) = w.grab().expect("the disk is whole").expect("it is dirty");
    assert_eq!(to_clean.first_dirty_offset, Offset(10), "from the tombstone on");
}

#[test]
fn a_cut_sets_the_checkpoint_back_and_a_deleted_log_loses_its_entry() {
    let mut w = Logs::dirty(&[5, 2, 0]);
    let set_back = |w: &mut Logs, number: i32, offset: i64| {
        let it = orders(number);
        let log = &w.logs[number as usize].log;
        w.manager
            .maybe_truncate_checkpoint(&mut w.disk, (&it, log), Offset(offset))
            .expect("the disk is whole");
        w.checkpoint()
    };
    assert_eq!(set_back(&mut w, 0, 6), [(0, 5), (1, 8), (2, 10)], "it lies before the cut");
    assert_eq!(set_back(&mut w, 0, 4), [(0, 4), (1, 8), (2, 10)]);
    configure(&mut w.logs[1], |config| config.compacted = false);
    assert_eq!(set_back(&mut w, 1, 4), [(0, 4), (1, 8), (2, 10)], "it is not compacted");
    let log = &w.logs[2].log;
    let stops: Vec<bool> =
        [9, 10, 11].map(|to| LogCleanerManager::stops_cleaner(log, Offset(to))).into();
    assert_eq!(
        stops,
        [true, false, false],
        "a cut of the active segment is not the cleaner's matter"
    );
    let one = orders(1);
    w.manager
        .update_checkpoints(&mut w.disk, None, Some(&one), |_| true)
        .expect("the disk is whole");
    assert_eq!(w.checkpoint(), [(0, 4), (2, 10)]);
    w.manager
        .update_checkpoints(&mut w.disk, Some((&one, Offset(1))), None, |it| it.1 != 0)
        .expect("the disk is whole");
    assert_eq!(
        w.checkpoint(),
        [(1, 1), (2, 10)],
        "nor is there an entry of a log that is not there"
    );
}

#[test]
fn what_cannot_be_looked_at_is_uncleanable() {
    let mut w = Logs::dirty(&[9, 9]);
    w.logs[0].reopen(false, Offset(10), Offset(0)).expect("the disk is whole");
    // Its first timestamps are not known to this process, and there is nothing on this disk.
    configure(&mut w.logs[0], |config| config.max_compaction_lag_ms = 1);
    let got = w.grab();
    assert!(matches!(got, Err(GrabError::Log((_, 0), LogError::Disk(_)))), "{got:?}");
    assert_eq!(w.next(), Some(1));
    w.disk.set_contents(CLEANER_OFFSET_CHECKPOINT, b"0\n1\norders zero 0\n");
    assert!(matches!(w.grab(), Err(GrabError::Checkpoint(LogError::CorruptFile { .. }))));
}

/// Two groups, of which the second has the last record of a key in the first, step by step.
fn in_steps() -> (Fixture, Cleaning) {
    let mut f = Fixture::compacted();
    for keys in ["a b c", "a d e", "b d f"] {
        f.put_each(keys);
        f.roll();
    }
    f.put_each("z");
    configure(&mut f, |config| config.segment_bytes = 215);
    let cleaning = f.cleaning(How { read_bytes: 1, ..HOW });
    (f, cleaning)
}

fn step(f: &mut Fixture, cleaning: &mut Cleaning) -> CleaningStep {
    let Fixture { disk, log, events, now, .. } = f;
    cleaning.step(log, disk, Offset::ZERO, *now, events).expect("the disk is whole")
}

#[test]
fn a_cut_between_two_steps_stops_a_cleaning_and_nothing_is_lost() {
    let mut stopped = 0;
    let steps = steps_of_all();
    for at in 0..steps {
        for to in [9, 7, 5, 3, 1] {
            let (mut f, mut cleaning) = in_steps();
            (0..at).for_each(|_| assert_eq!(step(&mut f, &mut cleaning), CleaningStep::More));
            let before = f.records();
            f.truncate(to);
            // As long again as it was, and closed: nothing but the cut tells.
            while f.log.log_end_offset().0 < 9 {
                f.put_each("y");
            }
            f.roll();
            let mut last = CleaningStep::More;
            while last == CleaningStep::More {
                last = step(&mut f, &mut cleaning);
            }
            stopped += usize::from(last == CleaningStep::Stopped);
            let left = f.records();
            assert!(!f.disk.paths().any(|path| path.ends_with(".cleaned")), "cut to {to} at {at}");
            // Of each key the last record below the cut is there, if it was just before.
            for (key, offsets) in
                [("a", &[0, 3][..]), ("b", &[1, 6]), ("c", &[2]), ("d", &[4, 7]), ("e", &[5])]
            {
                if let Some(last) = offsets.iter().rfind(|&&offset| offset < to) {
                    let record = format!("{key}={last}@{last}");
                    let is_kept = left.contains(&record) || !before.contains(&record);
                    assert!(is_kept, "{record}, cut to {to} at {at}: {left}");
                }
            }
        }
    }
    assert!(stopped > steps, "{stopped} of {steps} times five");
}

fn steps_of_all() -> usize {
    let (mut f, mut cleaning) = in_steps();
    let steps = (1..).find(|_| step(&mut f, &mut cleaning) != CleaningStep::More);
    assert_eq!(f.keys(), "c@2 a@3 e@5 b@6 d@7 f@8 z@9", "what a cleaning leaves");
    steps.expect("it ends")
}

#[test]
fn appends_rolls_and_a_start_that_moves_do_not_stop_a_cleaning() {
    for at in 0..steps_of_all() {
        let (mut f, mut cleaning) = in_steps();
        (0..at).for_each(|_| assert_eq!(step(&mut f, &mut cleaning), CleaningStep::More));
        f.put_each("a");
        f.roll();
        f.start_at(4).expect("all of it is committed");
        let mut last = CleaningStep::More;
        while last == CleaningStep::More {
            last = step(&mut f, &mut cleaning);
        }
        assert_eq!(last, CleaningStep::Done { end_offset: Offset(9) }, "at {at}");
        assert!(
            f.records().ends_with("b=6@6 d=7@7 f=8@8 z=9@9 a=10@10"),
            "at {at}: {}",
            f.records()
        );
    }
}

#[test]
fn retention_between_two_steps_stops_a_cleaning() {
    let mut stopped = 0;
    for at in 0..steps_of_all() {
        let (mut f, mut cleaning) = in_steps();
        (0..at).for_each(|_| assert_eq!(step(&mut f, &mut cleaning), CleaningStep::More));
        let Fixture { disk, log, events, now, .. } = &mut f;
        let why = LogStartReason::LeaderOffsetIncremented;
        log.increment_log_start_offset(Offset(6), Offset(10), why, events)
            .expect("it is committed");
        let count =
            log.delete_old_segments(disk, Offset(10), *now, events).expect("the disk is whole");
        assert_eq!(count, 2);
        log.delete_due_files(disk, *now + 60_000, events).expect("the disk is whole");
        let mut last = CleaningStep::More;
        while last == CleaningStep::More {
            last = step(&mut f, &mut cleaning);
        }
        stopped += usize::from(last == CleaningStep::Stopped);
        assert_eq!((f.segments(), f.keys().as_str()), (vec![6, 9], "b@6 d@7 f@8 z@9"), "at {at}");
    }
    assert!(stopped > 5, "{stopped}");
}

/// CP-4: a cut takes all that a producer has written since a marker, in the same epoch or in a later one.
#[test]
fn a_marker_that_is_a_producers_last_record_again_stays() {
    for epoch in [1, 2] {
        a_marker_stays_after_records_of(epoch);
    }
}

fn a_marker_stays_after_records_of(epoch: i16) {
    let (mut stopped, mut last) = (0, CleaningStep::More);
    for at in 0.. {
        let mut f = Fixture::compacted();
        f.end_txn((1, 1), commit(1)).expect("the marker is good");
        f.put_each("a");
        f.roll();
        f.clean(0);
        f.later(1001);
        f.put_as((1, epoch), 0, &[("b", Some("1"))]);
        let mut cleaning = f.cleaning(How { read_bytes: 1, ..HOW });
        for _ in 0..at {
            last = step(&mut f, &mut cleaning);
        }
        let is_gone = !f.shape().starts_with("0:");
        f.truncate(2);
        if last != CleaningStep::More {
            assert!(is_gone && stopped > 0, "the marker was to go, {stopped} times it did not");
            return;
        }
        while last == CleaningStep::More {
            last = step(&mut f, &mut cleaning);
        }
        stopped += usize::from(last == CleaningStep::Stopped);
        assert!(
            is_gone || f.shape().starts_with("0:"),
            "epoch {epoch}, cut after step {at}: {}",
            f.shape()
        );
        last = CleaningStep::More;
    }
}

#[test]
fn a_cleaning_goes_on_in_a_clone_to_the_same_end() {
    let (mut f, mut cleaning) = in_steps();
    for at in 0..steps_of_all() - 1 {
        step(&mut f, &mut cleaning);
        let mut other = Fixture {
            log: f.log.clone(),
            disk: f.disk.clone(),
            config: f.config.clone(),
            events: Vec::new(),
            now: f.now,
        };
        let mut again = cleaning.clone();
        while step(&mut other, &mut again) == CleaningStep::More {}
        assert_eq!(other.keys(), "c@2 a@3 e@5 b@6 d@7 f@8 z@9", "from step {at} on");
    }
}

#[test]
fn a_cleaning_of_nothing_is_done_at_once() {
    let mut f = ten();
    let to_clean = LogToClean::new(&f.log, Offset(4), Offset(4), false);
    let mut cleaning = Cleaning::new(&f.log, to_clean, CleanerConfig::default(), f.now);
    assert_eq!(step(&mut f, &mut cleaning), CleaningStep::Done { end_offset: Offset(4) });
    assert_eq!(cleaning.stats().bytes_read, 0);
}
