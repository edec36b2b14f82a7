//! S8: a crash at any call of a cleaning, and of the load after it, leaves of each group the old segments or the new
//! ones, and a checkpoint that is not ahead of them.

mod support;

use std::collections::BTreeSet;
use std::sync::Arc;

use support::cleaning::{HOW, How};
use support::producers::{abort, commit};
use support::{FOLDER, Fixture};
use trial_log::{
    CLEANER_OFFSET_CHECKPOINT, CleanerCandidate, CleaningStep, Disk, DiskError, LogCleanerManager,
    LogConfig, LogError, MemoryDisk, Offset, PowerLoss, PreCleanStats, read_offset_checkpoint,
};

const END: i64 = 17;

fn orders() -> (Arc<str>, i32) {
    (Arc::from("orders"), 0)
}

/// A log of several groups, durable: keys, tombstones, transactions that end both ways, a group of which nothing stays.
fn dirty() -> Fixture {
    let config = LogConfig {
        compacted: true,
        segment_bytes: 330,
        index_interval_bytes: 100,
        delete_retention_ms: 1000,
        min_cleanable_dirty_millionths: 0,
        ..LogConfig::default()
    };
    let mut f = Fixture::on(MemoryDisk::with_cache(), config);
    f.put_each("a b c");
    f.roll();
    f.put_in_txn((1, 0), 0, "a b");
    f.put_as((2, 0), 0, &[("c", None), ("d", Some("1"))]);
    f.roll();
    f.put_in_txn((3, 0), 0, "d e");
    f.end_txn((1, 1), abort(1)).expect("the marker is good");
    f.roll();
    f.end_txn((3, 1), commit(1)).expect("the marker is good");
    f.put_each("x");
    f.roll();
    f.put_each("x y");
    f.roll();
    f.put_each("x y z");
    f.roll();
    assert_eq!(f.log.log_end_offset(), Offset(END), "END is where it ends");
    f.high_watermark(END);
    let Fixture { disk, log, events, .. } = &mut f;
    disk.sync_dir("").expect("the disk is whole");
    log.flush(disk, Offset(END), events).expect("the disk is whole");
    disk.sync_dir(FOLDER).expect("the disk is whole");
    log.mark_flushed(Offset(END), events);
    f
}

fn copy(f: &Fixture) -> Fixture {
    let (disk, log, config) = (f.disk.clone(), f.log.clone(), f.config.clone());
    Fixture { disk, log, config, events: Vec::new(), now: f.now }
}

/// Cleans, writes the checkpoint; `seen` is shown the log after each step.
fn clean(f: &mut Fixture, mut seen: impl FnMut(&mut Fixture)) -> Result<(), LogError> {
    let mut manager = LogCleanerManager::default();
    let Fixture { disk, log, events, now, .. } = f;
    let candidates = [CleanerCandidate { partition: orders(), log, high_watermark: Offset(END) }];
    let stats = &mut PreCleanStats::default();
    let grabbed = manager.grab_filthiest_compacted_log(disk, candidates, *now, stats, events);
    let Ok(Some((_, to_clean))) = grabbed else { return Err(LogError::Offline) };
    let from = to_clean.first_dirty_offset.0;
    let how = How { from, read_bytes: 200, max_segment_bytes: 250, high_watermark: END, ..HOW };
    let mut cleaning = f.cleaning(how);
    loop {
        let Fixture { disk, log, events, now, .. } = f;
        match cleaning.step(log, disk, Offset(END), *now, events)? {
            CleaningStep::More => seen(f),
            CleaningStep::Done { end_offset } => {
                assert_eq!(end_offset, Offset(END), "there is room for all keys");
                manager.done_cleaning(disk, &orders(), end_offset, |_| true)?;
                seen(f);
                return Ok(());
            }
            CleaningStep::Stopped => panic!("nobody came between"),
        }
    }
}

/// What a reader finds, and the segments.
fn found(f: &mut Fixture) -> (Vec<Vec<u8>>, Vec<i64>) {
    (f.batches().iter().map(|batch| batch.as_bytes().to_vec()).collect(), f.segments())
}

fn checkpoint(f: &mut Fixture) -> Option<i64> {
    let found = read_offset_checkpoint(&mut f.disk, CLEANER_OFFSET_CHECKPOINT);
    found.expect("the disk is whole").values().next().map(|offset| offset.0)
}

/// The states on the way, and the last one; checks that a clean log is reached from where a crash has left it.
struct Way {
    states: Vec<(Vec<Vec<u8>>, Vec<i64>)>,
    records: String,
}

impl Way {
    fn find() -> Self {
        let mut f = dirty();
        let mut states = vec![found(&mut f)];
        clean(&mut f, |f| {
            let state = found(f);
            if states.last() != Some(&state) {
                states.push(state);
            }
        })
        .expect("the disk is whole");
        let want = "a=0@0 b=1@1 c-@5 d=v@7 e=v@8 x=14@14 y=15@15 z=16@16";
        assert_eq!(f.records(), want, "what a cleaning leaves");
        assert!(states.len() > 3, "{} groups", states.len() - 1);
        Self { states, records: f.records() }
    }

    fn check(&self, f: &mut Fixture, when: &str) -> usize {
        let left: Vec<_> = f
            .disk
            .paths()
            .filter(|path| [".cleaned", ".swap", ".deleted"].iter().any(|end| path.ends_with(end)))
            .collect();
        assert!(left.is_empty(), "{left:?}, {when}");
        let state = found(f);
        // An empty segment may stand for the last one that went, until a cleaning takes it in.
        let is_it = |other: &&(Vec<Vec<u8>>, Vec<i64>)| {
            other.0 == state.0 && other.1.iter().all(|base| state.1.contains(base))
        };
        let at = self.states.iter().position(|other| is_it(&other));
        let at = at.unwrap_or_else(|| panic!("S8: a mix of old and new, {when}: {:?}", f.shape()));
        if let Some(clean) = checkpoint(f) {
            assert_eq!((clean, at), (END, self.states.len() - 1), "CL-5, {when}");
        }
        at
    }
}

/// Cleans with a disk that ends after so many calls; answers whether it was done, with the disk as it was left.
fn cut_short(f: &Fixture, calls: u64, kept: usize) -> (bool, Fixture) {
    let mut f = copy(f);
    f.disk.tear_after(calls, DiskError::Io, kept);
    let done = clean(&mut f, |_| {});
    let is_done = done.is_ok();
    let is_disks = matches!(done, Err(LogError::Disk(_) | LogError::Offline));
    assert!(is_done || is_disks, "{done:?}");
    f.disk.repair();
    (is_done, f)
}

#[test]
fn a_crash_at_any_call_leaves_old_or_new_segments() {
    let (way, f) = (Way::find(), dirty());
    let (mut crashes, mut reached) = (0, BTreeSet::new());
    for power in [None, Some(1u64), Some(2), Some(3), Some(4), Some(5)] {
        for kept in if power.is_none() { vec![0, 1, 50] } else { vec![20] } {
            for calls in 0.. {
                let (is_done, mut f) = cut_short(&f, calls, kept);
                let when = format!("crash at call {calls}, {kept} bytes kept, power {power:?}");
                if let Some(seed) = power {
                    let seed = seed << 32 | calls;
                    f.disk.lose_power(PowerLoss { seed, page_bytes: 64, sector_bytes: 16 });
                }
                let down = copy(&f);
                f.crash();
                let at = way.check(&mut f, &when);
                reached.insert(at);
                crash_the_load(&way, &down, at, calls, &when);
                f.high_watermark(END);
                if !is_done {
                    assert_eq!(checkpoint(&mut f).filter(|_| at + 1 < way.states.len()), None);
                }
                if checkpoint(&mut f).is_none() {
                    clean(&mut f, |_| {}).expect("the disk is whole");
                }
                assert_eq!(f.records(), way.records, "{when}, and cleaned again");
                if is_done {
                    break;
                }
                crashes += 1;
            }
        }
    }
    assert!(crashes > 600, "a cleaning makes more calls than {crashes}");
    assert_eq!(reached.len(), way.states.len(), "each state is left by some crash");
}

/// S5: the load that follows may be cut short as well; every seventh crash shows it.
fn crash_the_load(way: &Way, down: &Fixture, at: usize, calls: u64, when: &str) {
    if !calls.is_multiple_of(7) {
        return;
    }
    for calls in 0.. {
        let mut f = copy(down);
        f.disk.tear_after(calls, DiskError::Io, 10);
        let (recovery_point, start) = (f.log.recovery_point(), f.log.log_start_offset());
        let opened = f.reopen(false, recovery_point, start).is_ok();
        f.disk.repair();
        f.reopen(false, recovery_point, start).expect("the disk is whole");
        let when = format!("a load cut short at call {calls}, {when}");
        assert_eq!(way.check(&mut f, &when), at, "{when}");
        if opened {
            return;
        }
    }
}

#[test]
fn a_disk_that_refuses_takes_the_log_offline() {
    let f = dirty();
    for calls in 1.. {
        let mut f = copy(&f);
        f.disk.fail_after(calls, DiskError::NoSpace);
        let done = clean(&mut f, |_| {});
        f.disk.repair();
        if done.is_ok() {
            assert!(calls > 100, "a cleaning makes more calls than {calls}");
            return;
        }
        if f.log.offline().is_none() {
            // The checkpoint is its directory's.
            assert!(matches!(done, Err(LogError::Disk(_))), "S10: {done:?}");
            f.log.take_offline(DiskError::NoSpace, &mut f.events);
        }
        let files: Vec<_> = f.disk.paths().map(str::to_owned).collect();
        assert_eq!(f.try_clean(HOW).map(|_| ()), Err(LogError::Offline), "S10: at {calls}");
        assert_eq!(f.disk.paths().collect::<Vec<_>>(), files, "S10: nothing is touched");
    }
}
