//! What was cut stays cut, though the process dies between the cut and its sync, and the power is lost later (LOG-6).

mod support;

use support::{FOLDER, Fixture, NOW};
use trial_log::{Disk, DiskError, LogError, MemoryDisk, Offset, PowerLoss, RecordBatch};

/// How many power losses are tried after each kill.
const SEEDS: u64 = 24;

/// Nine batches of two records of epoch 1 in the segments 0, 6 and 12, all of it durable; the log starts at `start`.
fn nine_durable_batches(start: i64) -> Fixture {
    let mut f = Fixture::on(MemoryDisk::with_cache(), Fixture::small_config());
    for _ in 0..9 {
        f.append(1, 2);
    }
    assert_eq!(f.segments(), [0, 6, 12], "what the tests rely on");
    f.start_at(start).expect("it lies within the log");
    let (end, Fixture { disk, log, events, .. }) = (Offset(18), &mut f);
    log.flush(disk, end, events).expect("the disk is whole");
    log.mark_flushed(end, events);
    for folder in ["", FOLDER] {
        disk.sync_dir(folder).expect("the disk is whole");
    }
    f
}

/// Base, last offset and leader epoch of each batch.
fn held(f: &mut Fixture) -> Vec<(i64, i64, i32)> {
    let of = |b: &RecordBatch| (b.base_offset().0, b.last_offset().0, b.leader_epoch().0);
    f.batches().iter().map(of).collect()
}

fn truncate_to(f: &mut Fixture, target: i64) -> Result<(), LogError> {
    let Fixture { disk, log, events, .. } = f;
    log.truncate_to(disk, Offset(target), NOW, events).map(|_| ())
}

fn start_anew_at(f: &mut Fixture, at: i64) -> Result<(), LogError> {
    let Fixture { disk, log, events, .. } = f;
    log.truncate_fully_and_start_at(disk, Offset(at), None, NOW, events)
}

#[test]
fn a_cut_that_a_killed_process_had_not_synced_is_not_undone_by_a_power_loss() {
    for target in [16, 12, 8, 2] {
        check(truncate_to, target, 0);
    }
    for at in [30, 5] {
        check(start_anew_at, at, 0);
    }
    // No snapshot of the producers and no epoch is written by the start that finds this, which would sync the folder.
    check(start_anew_at, 12, 12);
}

/// Kills a truncation at each of its calls, starts again, appends as a leader does whose batches are longer, and loses
/// the power: nothing comes back that the start had not found.
#[track_caller]
fn check(cut: fn(&mut Fixture, i64) -> Result<(), LogError>, target: i64, start: i64) {
    for epoch in [1, 2] {
        for calls in 0.. {
            let mut f = nine_durable_batches(start);
            f.disk.fail_after(calls, DiskError::Io);
            let done = cut(&mut f, target).is_ok();
            f.disk.repair();
            // No checkpoint of the directory was written in between.
            f.reopen(false, Offset(18), Offset(start)).expect("the disk is whole");
            f.append(epoch, 3);
            let what = format!("LOG-6: cut at {target}, killed at call {calls}, epoch {epoch}");
            lose_power(&mut f, start, &what);
            if done {
                assert!(calls > 8, "a cut at {target} makes more calls than {calls}");
                break;
            }
        }
    }
}

#[track_caller]
fn lose_power(f: &mut Fixture, start: i64, what: &str) {
    let (shown, recovery_point) = (held(f), f.log.recovery_point());
    for seed in 0..SEEDS {
        let mut after = Fixture { disk: f.disk.clone(), ..nine_durable_batches(0) };
        after.disk.lose_power(PowerLoss { seed, page_bytes: 64, sector_bytes: 16 });
        after.reopen(false, recovery_point, Offset(start)).expect("the disk is whole");
        let left = held(&mut after);
        assert!(shown.starts_with(&left), "{what}, seed {seed}: {shown:?} became {left:?}");
        for (base, _, epoch) in left {
            let entered = after.log.epochs().epoch_for_offset(Offset(base));
            assert_eq!(entered.map(|it| it.0), Some(epoch), "{what}, seed {seed}: at {base}");
        }
    }
}
