//! What a log makes of the bytes that a crash left.

mod support;

use std::collections::BTreeSet;

use support::{FOLDER, Fixture, batch};
use trial_log::{
    BatchError, Disk, DiskError, LeaderEpoch, LogConfig, LogError, LogEvent, MemoryDisk, Offset,
    PowerLoss,
};

/// What was done to the disk before the log is opened again.
type Damage = fn(&mut Fixture);

#[test]
fn recovery_keeps_what_is_whole_and_nothing_after_the_first_fault() {
    // Seven batches of two records: segments 0 (0-5), 6 (6-11), 12 (12-13), epochs 1 from 0 and 2 from 8.
    check("nothing", |_| {}, 14, &[0, 6, 12], &[(1, 0), (2, 8)]);
    check("the last byte is gone", |f| cut(f, 12, 1), 12, &[0, 6, 12], &[(1, 0), (2, 8)]);
    check("zeros at the end", |f| extend(f, 12, &[0; 100]), 14, &[0, 6, 12], &[(1, 0), (2, 8)]);
    check("noise at the end", |f| extend(f, 12, &[7; 100]), 14, &[0, 6, 12], &[(1, 0), (2, 8)]);
    check("a bit of the second batch of 6", |f| flip(f, 6, 130), 8, &[0, 6], &[(1, 0)]);
    check("a bit of the first batch", |f| flip(f, 0, 60), 0, &[0], &[]);
    check("an old magic", |f| flip(f, 6, 16), 6, &[0, 6], &[(1, 0)]);
    check("the index is gone", |f| remove(f, 6, ".index"), 14, &[0, 6, 12], &[(1, 0), (2, 8)]);
    check(
        "noise in the index",
        |f| f.set_bytes(6, ".index", &[9; 21]),
        14,
        &[0, 6, 12],
        &[(1, 0), (2, 8)],
    );
    check("the epochs are gone", remove_epochs, 14, &[0, 6, 12], &[(1, 0), (2, 8)]);
    check("the last segment is gone", |f| remove(f, 12, ".log"), 12, &[0, 6], &[(1, 0), (2, 8)]);
    check(
        "a dropped file is left over",
        |f| f.set_bytes(3, ".log.deleted", b"x"),
        14,
        &[0, 6, 12],
        &[(1, 0), (2, 8)],
    );
    check("an offset falls back", fall_back, 8, &[0, 6], &[(1, 0)]);
    // The checksum does not cover it: without more, the log would end at 2.
    check("a base offset is lost", lose_base_offset, 12, &[0, 6, 12], &[(1, 0), (2, 8)]);
}

#[test]
fn a_segment_that_ends_early_with_a_batch_ends_the_log_unless_compaction_may_have_left_the_hole() {
    let open = |refused, compacted, recovery_point| {
        let mut f = seven_batches();
        let one = f.bytes(6, ".log").len() / 3;
        cut(&mut f, 6, one);
        f.config = LogConfig { holes_refused: refused, compacted, ..f.config };
        f.reopen(false, recovery_point, Offset::ZERO).expect("the disk is whole");
        assert_eq!(f.epochs(), [(1, 0), (2, 8)]);
        f
    };
    let whole = [(0, 1), (2, 3), (4, 5), (6, 7), (8, 9), (12, 13)];
    // As Kafka, and where a compaction might have left the hole; and where it was flushed, so nobody looks.
    let believed = [
        open(false, false, Offset::ZERO),
        open(true, true, Offset::ZERO),
        open(true, false, Offset(12)),
    ];
    for mut f in believed {
        assert_eq!((f.offsets(), f.log.log_end_offset()), (whole.to_vec(), Offset(14)));
    }
    let mut f = open(true, false, Offset::ZERO);
    assert_eq!((f.offsets(), f.log.log_end_offset()), (whole[..5].to_vec(), Offset(10)));
    assert_eq!(f.segments(), [0, 6], "the one behind the hole is gone");
}

#[test]
fn an_index_without_its_segment_is_removed_and_a_log_without_segments_begins_anew() {
    let mut f = seven_batches();
    for base in [0, 6, 12] {
        remove(&mut f, base, ".log");
    }
    f.reopen(false, Offset(9), Offset(4)).expect("the disk is whole");
    assert_eq!((f.segments(), f.log.log_end_offset()), (vec![4], Offset(4)));
    assert_eq!(f.epochs(), [], "without a record there is no lineage");
    let left: Vec<_> = f.disk.paths().filter(|path| path.ends_with("index")).collect();
    let want = [Fixture::path(4, ".index"), Fixture::path(4, ".timeindex")];
    assert_eq!(left, want, "those of the new segment");
}

#[test]
fn a_recovery_point_beyond_the_end_is_lowered_and_one_that_is_behind_costs_a_scan() {
    let mut f = seven_batches();
    f.reopen(false, Offset(99), Offset::ZERO).expect("the disk is whole");
    let got: Vec<_> = f.events.iter().filter_map(scanned).collect();
    assert_eq!((got, f.log.recovery_point()), (vec![12], Offset(14)), "the last one at least");
    f.reopen(true, Offset(99), Offset::ZERO).expect("the disk is whole");
    assert_eq!(f.log.recovery_point(), Offset(14), "after a clean shutdown too");
    f.reopen(false, Offset(3), Offset::ZERO).expect("the disk is whole");
    let got: Vec<_> = f.events.iter().filter_map(scanned).collect();
    assert_eq!((got, f.log.recovery_point()), (vec![0, 6, 12], Offset(3)), "it does not rise");
}

#[test]
fn a_log_start_before_the_first_segment_is_that_segments() {
    let mut f = seven_batches();
    for suffix in [".log", ".index", ".timeindex"] {
        remove(&mut f, 0, suffix);
    }
    f.reopen(false, Offset::ZERO, Offset(2)).expect("the disk is whole");
    assert_eq!((f.log.log_start_offset(), f.log.log_end_offset()), (Offset(6), Offset(14)));
    assert_eq!(f.epochs(), [(1, 6), (2, 8)], "the epochs begin there");
}

#[test]
fn an_epoch_that_began_beyond_the_end_is_entered_again_where_its_records_are() {
    let mut f = seven_batches();
    // Records up to 12 were deleted, and the epochs trimmed; then the log start was lost, and the last batch.
    f.disk.set_contents("orders-0/leader-epoch-checkpoint", b"0\n1\n2 12\n");
    cut(&mut f, 12, 1);
    f.reopen(false, Offset::ZERO, Offset::ZERO).expect("the disk is whole");
    assert_eq!((f.log.log_end_offset(), f.epochs()), (Offset(12), vec![(1, 0), (2, 8)]));
    f.crash();
    assert_eq!(f.epochs(), [(1, 0), (2, 8)], "and the next load finds the same");
}

/// Seed 159 of `old_records_go` (R16): a DeleteRecords, its epochs written down, and a power loss that took the end.
#[test]
fn an_epoch_that_began_beyond_the_end_is_entered_again_where_nothing_is_scanned() {
    let mut f = seven_batches();
    f.disk.set_contents("orders-0/leader-epoch-checkpoint", b"0\n1\n2 12\n");
    cut(&mut f, 12, 1);
    f.reopen(false, Offset(12), Offset::ZERO).expect("the disk is whole");
    assert_eq!((f.log.log_end_offset(), f.epochs()), (Offset(12), vec![(1, 0), (2, 8)]));
}

#[test]
fn segments_below_the_recovery_point_are_believed() {
    let mut f = seven_batches();
    flip(&mut f, 0, 60);
    f.reopen(false, Offset(6), Offset::ZERO).expect("the disk is whole");
    let scanned: Vec<_> = f.events.iter().filter_map(scanned).collect();
    assert_eq!((f.log.log_end_offset(), scanned), (Offset(14), vec![6, 12]));
    f.reopen(false, Offset(5), Offset::ZERO).expect("the disk is whole");
    assert_eq!(f.log.log_end_offset(), Offset(0), "the recovery point lies in the first segment");
}

/// In Kafka too: what is thrown is no `IOException`, so that no directory goes offline and the broker does not start.
#[test]
fn a_corrupt_segment_that_is_not_scanned_fails_the_load_where_it_has_to_be_read() {
    let corrupt = |base: i64, position: u64| LogError::CorruptSegment {
        base_offset: Offset(base),
        position,
        error: BatchError::UnknownMagic { magic: 3 },
    };
    // After a clean shutdown the last batches are read, for the log's end.
    let mut f = seven_batches();
    f.restart();
    flip(&mut f, 12, 16);
    for _ in 0..2 {
        let opened = f.reopen(true, Offset(14), Offset::ZERO);
        assert_eq!(opened, Err(corrupt(12, 0)), "and nothing has changed for the next one");
    }
    f.reopen(false, Offset(14), Offset::ZERO).expect("the last segment is scanned");
    assert_eq!(f.log.log_end_offset(), Offset(12), "and cut");

    // After any other one, below the recovery point, what producers are learned from.
    let mut f = seven_batches();
    let one = f.bytes(6, ".log").len() / 3;
    flip(&mut f, 6, one + 16);
    f.reopen(false, Offset(12), Offset::ZERO).expect("their snapshot lies behind it");
    assert_eq!(f.log.log_end_offset(), Offset(14), "it is believed");
    for base in [12, 14] {
        remove(&mut f, base, ".snapshot");
    }
    for _ in 0..2 {
        let opened = f.reopen(false, Offset(12), Offset::ZERO);
        assert_eq!(opened, Err(corrupt(6, one as u64)), "from the snapshot at 6 on");
        assert!(opened.is_err_and(|error| !error.is_storage()), "its directory is well");
    }
    f.reopen(false, Offset(6), Offset::ZERO).expect("it is scanned");
    assert_eq!(f.log.log_end_offset(), Offset(8), "and cut");
}

#[test]
fn a_clean_shutdown_is_believed_whole() {
    let mut f = seven_batches();
    f.restart();
    assert_eq!(f.events.iter().filter_map(scanned).count(), 0, "nothing was scanned");
    assert_eq!((f.log.log_end_offset(), f.log.recovery_point()), (Offset(14), Offset(14)));
    assert_eq!(f.epochs(), [(1, 0), (2, 8)]);
    assert_eq!(f.append(2, 1).first_offset, Offset(14), "and it goes on");
}

#[test]
fn a_clean_log_without_an_index_is_scanned_where_it_lacks() {
    let mut f = seven_batches();
    remove(&mut f, 6, ".index");
    f.reopen(true, Offset(14), Offset::ZERO).expect("the disk is whole");
    assert_eq!(f.events.iter().filter_map(scanned).collect::<Vec<_>>(), [6]);
    assert_eq!(f.offsets().len(), 7);
}

#[test]
fn a_log_that_would_end_before_it_starts_begins_anew() {
    let mut f = seven_batches();
    f.reopen(false, Offset::ZERO, Offset(20)).expect("the disk is whole");
    assert_eq!((f.log.log_start_offset(), f.log.log_end_offset()), (Offset(20), Offset(20)));
    assert_eq!((f.segments(), f.epochs()), (vec![20], vec![]));
}

#[test]
fn epochs_beyond_the_end_are_trimmed_and_those_before_the_start_too() {
    let mut f = seven_batches();
    f.disk.set_contents("orders-0/leader-epoch-checkpoint", b"0\n3\n1 0\n2 8\n5 14\n");
    f.reopen(false, Offset::ZERO, Offset(9)).expect("the disk is whole");
    assert_eq!(f.epochs(), [(2, 9)]);
    assert_eq!(f.log.log_start_offset(), Offset(9));
}

#[test]
fn torn_at_every_byte_the_log_ends_with_a_whole_batch() {
    let whole = seven_batches();
    let bytes = whole.bytes(6, ".log");
    let one = bytes.len() / 3;
    for length in 0..=bytes.len() {
        let mut f = seven_batches();
        f.set_bytes(6, ".log", &bytes[..length]);
        f.reopen(false, Offset::ZERO, Offset::ZERO).expect("the disk is whole");
        let kept = length / one;
        let end = if kept == 3 { 14 } else { 6 + 2 * kept as i64 };
        // A segment that ends with a whole batch looks whole: that it is shorter than it was nobody can tell.
        let end = if length % one == 0 { 14 } else { end };
        assert_eq!(f.log.log_end_offset(), Offset(end), "torn at byte {length}");
        assert_eq!(f.bytes(6, ".log").len(), kept * one, "torn at byte {length}");
    }
}

#[test]
fn the_active_segment_torn_at_every_byte_is_a_prefix() {
    let mut f = Fixture::with(LogConfig::default());
    for _ in 0..4 {
        f.append(3, 2);
    }
    let bytes = f.bytes(0, ".log");
    let one = bytes.len() / 4;
    for length in 0..=bytes.len() {
        f.set_bytes(0, ".log", &bytes[..length]);
        f.reopen(false, Offset::ZERO, Offset::ZERO).expect("the disk is whole");
        let kept = length / one;
        assert_eq!(f.log.log_end_offset(), Offset(2 * kept as i64), "torn at byte {length}");
        assert_eq!(f.bytes(0, ".log"), bytes[..kept * one], "torn at byte {length}");
    }
}

#[test]
fn a_crash_at_any_call_of_a_recovery_changes_nothing() {
    let damages: [Damage; 4] =
        [|f| flip(f, 6, 130), |f| cut(f, 12, 1), remove_epochs, |f| remove(f, 0, ".index")];
    for (number, damage) in damages.into_iter().enumerate() {
        let mut damaged = seven_batches();
        damage(&mut damaged);
        let mut straight = Fixture { disk: damaged.disk.clone(), ..seven_batches() };
        straight.reopen(false, Offset::ZERO, Offset::ZERO).expect("the disk is whole");
        let want = (straight.offsets(), straight.epochs(), straight.segments());
        let mut crashes = 0;
        for calls in 0.. {
            let mut f = Fixture { disk: damaged.disk.clone(), ..seven_batches() };
            f.disk.fail_after(calls, DiskError::Io);
            match f.reopen(false, Offset::ZERO, Offset::ZERO) {
                Ok(()) => break,
                Err(error) => assert_eq!(error, LogError::Disk(DiskError::Io)),
            }
            f.disk.repair();
            f.reopen(false, Offset::ZERO, Offset::ZERO).expect("the disk is whole");
            let got = (f.offsets(), f.epochs(), f.segments());
            assert_eq!(got, want, "damage {number}, crash at call {calls}");
            crashes += 1;
        }
        assert!(crashes > 20, "damage {number}: a recovery makes more calls than {crashes}");
    }
}

/// LD-2, on the disk: a crash in between leaves a row of segments, of which only the last one is cut, and for good.
#[test]
fn what_a_recovery_drops_goes_from_the_last_segment_on_before_the_cut() {
    let whole = [(vec![0], false), (vec![0, 6], false), (vec![0, 6, 12], false)];
    left_by_crashes("a hole", |f| cut(f, 0, f.bytes(0, ".log").len() / 3), &whole);
    let with_cut = [&whole[..], &[(vec![0], true)]].concat();
    left_by_crashes("a bad batch", |f| flip(f, 0, 130), &with_cut);
}

/// Crashes a recovery at each of its calls, with and without a power loss: which segments are there, and whether the
/// first one is cut.
#[track_caller]
fn left_by_crashes(what: &str, damage: Damage, want: &[(Vec<i64>, bool)]) {
    let (mut killed, mut without_power) = (BTreeSet::new(), BTreeSet::new());
    for calls in 0.. {
        let mut f = seven_batches_on(MemoryDisk::with_cache());
        f.config.holes_refused = true;
        damage(&mut f);
        for folder in ["", FOLDER] {
            f.disk.sync_dir(folder).expect("the disk is whole");
        }
        let size = f.bytes(0, ".log").len();
        f.disk.fail_after(calls, DiskError::Io);
        let done = f.reopen(false, Offset::ZERO, Offset::ZERO).is_ok();
        killed.insert(left_on(&f.disk, size));
        for seed in 0..20 {
            let mut disk = f.disk.clone();
            disk.lose_power(PowerLoss { seed, page_bytes: 64, sector_bytes: 16 });
            without_power.insert(left_on(&disk, size));
        }
        if done {
            break;
        }
    }
    let want: BTreeSet<_> = want.iter().cloned().collect();
    assert_eq!(killed, want, "LD-2: {what}, killed");
    assert_eq!(without_power, want, "LD-2: {what}, without power");
}

fn left_on(disk: &MemoryDisk, size: usize) -> (Vec<i64>, bool) {
    let digits = disk.paths().filter_map(|path| path.strip_suffix(".log"));
    let base = |path: &str| path.rsplit('/').next().and_then(|digits| digits.parse().ok());
    let first = disk.contents(&Fixture::path(0, ".log")).expect("it stays");
    (digits.map(|path| base(path).expect("an offset")).collect(), first.len() < size)
}

#[test]
fn after_the_disk_has_refused_the_log_is_offline() {
    let mut f = seven_batches();
    f.disk.fail_after(0, DiskError::NoSpace);
    assert_eq!(f.try_append(2, 1), Err(LogError::Disk(DiskError::NoSpace)));
    f.disk.repair();
    assert_eq!(f.try_append(2, 1), Err(LogError::Offline), "though the disk is well again");
    assert_eq!(f.log.offline(), Some(DiskError::NoSpace));
    assert!(f.events.contains(&LogEvent::WentOffline { error: DiskError::NoSpace }));
    assert_eq!(f.log.log_end_offset(), Offset(14), "nothing was appended");
}

#[track_caller]
fn check(what: &str, damage: Damage, end: i64, segments: &[i64], epochs: &[(i32, i64)]) {
    let mut f = seven_batches();
    damage(&mut f);
    f.reopen(false, Offset::ZERO, Offset::ZERO).expect("the disk is whole");
    let got = (f.log.log_end_offset().0, f.segments(), f.epochs());
    assert_eq!(got, (end, segments.to_vec(), epochs.to_vec()), "{what}");
    let want: Vec<_> = (0..end / 2).map(|batch| (2 * batch, 2 * batch + 1)).collect();
    assert_eq!(f.offsets(), want, "{what}: the batches that are left");
    assert_eq!(f.append(9, 2).first_offset, Offset(end), "{what}: and it goes on");
    f.crash();
    assert_eq!(f.log.log_end_offset(), Offset(end + 2), "{what}: and is whole");
}

fn seven_batches() -> Fixture {
    seven_batches_on(MemoryDisk::new())
}

fn seven_batches_on(disk: MemoryDisk) -> Fixture {
    let mut f = Fixture::on(disk, Fixture::small_config());
    for number in 0..7 {
        f.append(if number < 4 { 1 } else { 2 }, 2);
    }
    let got = (f.segments(), f.epochs());
    assert_eq!(got, (vec![0, 6, 12], vec![(1, 0), (2, 8)]), "what the tests rely on");
    f
}

fn scanned(event: &LogEvent) -> Option<i64> {
    match event {
        LogEvent::SegmentRecovered { base_offset, .. } => Some(base_offset.0),
        _ => None,
    }
}

fn cut(f: &mut Fixture, base_offset: i64, bytes: usize) {
    let whole = f.bytes(base_offset, ".log");
    f.set_bytes(base_offset, ".log", &whole[..whole.len() - bytes]);
}

fn extend(f: &mut Fixture, base_offset: i64, bytes: &[u8]) {
    let whole = f.bytes(base_offset, ".log");
    f.set_bytes(base_offset, ".log", &[&whole[..], bytes].concat());
}

fn flip(f: &mut Fixture, base_offset: i64, at: usize) {
    let mut bytes = f.bytes(base_offset, ".log");
    bytes[at] ^= 1;
    f.set_bytes(base_offset, ".log", &bytes);
}

/// As a power failure does that takes the sector in which a batch begins, and not the one after.
fn lose_base_offset(f: &mut Fixture) {
    let mut bytes = f.bytes(12, ".log");
    bytes[..8].fill(0);
    f.set_bytes(12, ".log", &bytes);
}

fn fall_back(f: &mut Fixture) {
    let again = batch(Offset(6), LeaderEpoch(1), 2).into_bytes();
    let doubled = again.repeat(4);
    f.set_bytes(6, ".log", &doubled);
}

fn remove(f: &mut Fixture, base_offset: i64, suffix: &str) {
    f.disk.remove(&Fixture::path(base_offset, suffix)).expect("it was there");
}

fn remove_epochs(f: &mut Fixture) {
    f.disk.remove("orders-0/leader-epoch-checkpoint").expect("it was there");
}
