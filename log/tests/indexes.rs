//! What loading makes of indexes that are missing or wrong, in a log that is believed otherwise.

mod support;

use support::{Fixture, NOW};
use trial_log::{Disk, DiskError, LogEvent, MemoryDisk, Offset, PowerLoss};

const INDEX: &str = ".index";
const TIME_INDEX: &str = ".timeindex";

/// What was done to the files of the segment 6 before the log is opened again.
type Damage = fn(&mut Fixture);

#[test]
fn an_index_that_is_missing_or_cannot_be_right_is_made_again() {
    made_again("nothing", |_| {}, &[]);
    made_again("no offset index", |f| remove(f, INDEX), &[6]);
    made_again("no time index", |f| remove(f, TIME_INDEX), &[6]);
    made_again(
        "neither",
        |f| [INDEX, TIME_INDEX].iter().for_each(|suffix| remove(f, suffix)),
        &[6],
    );
    made_again("three bytes too few", |f| cut(f, INDEX, 3), &[6]);
    made_again("three bytes too many", |f| extend(f, INDEX, &[0; 3]), &[6]);
    made_again("a time too short", |f| cut(f, TIME_INDEX, 1), &[6]);
    made_again("zeros, as Kafka allocates them", |f| extend(f, INDEX, &[0; 16]), &[6]);
    made_again("zeros in the time index", |f| extend(f, TIME_INDEX, &[0; 24]), &[6]);
    made_again("an entry twice", |f| extend(f, INDEX, &bytes(f, INDEX)), &[6]);
    made_again("beyond the file", |f| f.set_bytes(6, INDEX, &entry(1, 10_000)), &[6]);
    made_again("before the segment", |f| f.set_bytes(6, INDEX, &entry(-1, 0)), &[6]);
    made_again("before the file", |f| f.set_bytes(6, INDEX, &entry(1, -5)), &[6]);
    made_again(
        "the positions fall",
        |f| {
            f.set_bytes(6, INDEX, &[entry(1, 90), entry(3, 80)].concat());
        },
        &[6],
    );
    // An empty one is slow and right: the walk begins at the segment's start.
    made_again("an empty offset index", |f| f.set_bytes(6, INDEX, &[]), &[]);
}

#[test]
fn below_the_recovery_point_a_new_index_is_synced_since_nobody_flushes_there_again() {
    for seed in 0..40 {
        let mut f = flushed_on(MemoryDisk::with_cache());
        let want = [INDEX, TIME_INDEX].map(|suffix| bytes(&f, suffix));
        remove(&mut f, if seed % 2 == 0 { INDEX } else { TIME_INDEX });
        f.reopen(false, Offset(14), Offset::ZERO).expect("the disk is whole");
        f.disk.lose_power(PowerLoss { seed, page_bytes: 4096, sector_bytes: 512 });
        let got = [INDEX, TIME_INDEX].map(|suffix| bytes(&f, suffix));
        assert_eq!(got, want, "after a power loss, seed {seed}");
    }
}

#[test]
fn a_crash_while_an_index_is_made_again_leaves_it_to_the_next_start() {
    for suffix in [INDEX, TIME_INDEX] {
        let mut damaged = flushed();
        remove(&mut damaged, suffix);
        let mut crashes = 0;
        for calls in 0.. {
            let mut f = flushed();
            f.disk = damaged.disk.clone();
            f.disk.fail_after(calls, DiskError::Io);
            let opened = f.reopen(true, Offset(14), Offset::ZERO).is_ok();
            f.disk.repair();
            f.reopen(true, Offset(14), Offset::ZERO).expect("the disk is whole");
            looked_up(&mut f, &format!("{suffix} is gone, crash at call {calls}"));
            if opened {
                break;
            }
            crashes += 1;
        }
        assert!(crashes > 15, "{suffix}: a start makes more calls than {crashes}");
    }
}

#[track_caller]
fn made_again(what: &str, damage: Damage, scanned: &[i64]) {
    let mut f = flushed();
    let want = [INDEX, TIME_INDEX].map(|suffix| bytes(&f, suffix));
    damage(&mut f);
    f.reopen(true, Offset(14), Offset::ZERO).expect("the disk is whole");
    let got: Vec<i64> = f.events.iter().filter_map(recovered).collect();
    assert_eq!(got, scanned, "{what}: the segments that were scanned");
    if !scanned.is_empty() {
        assert_eq!([INDEX, TIME_INDEX].map(|suffix| bytes(&f, suffix)), want, "{what}: as it was");
    }
    looked_up(&mut f, what);
}

/// Seven batches of two records in the segments 0, 6 and 12, shut down in good order.
fn flushed() -> Fixture {
    flushed_on(MemoryDisk::new())
}

fn flushed_on(disk: MemoryDisk) -> Fixture {
    let mut f = Fixture::on(disk, Fixture::small_config());
    for number in 0..7 {
        f.append(if number < 4 { 1 } else { 2 }, 2);
    }
    f.restart();
    assert_eq!(
        (f.segments(), bytes(&f, INDEX).len()),
        (vec![0, 6, 12], 16),
        "what the tests rely on"
    );
    f
}

/// Look-ups by offset and by time find what a walk finds.
#[track_caller]
fn looked_up(f: &mut Fixture, what: &str) {
    let end = Offset(14);
    for offset in 0..14 {
        let Fixture { disk, log, events, .. } = &mut *f;
        let read = log.read(disk, Offset(offset), 1, end, true, events).expect("the log is whole");
        let first = read.batches().next().expect("there is one").expect("it is whole");
        assert_eq!(first.base_offset().0, offset / 2 * 2, "{what}: a read at {offset}");
        // Each batch was sent with records 0 and 1 of its own time.
        let found = log.offset_for_timestamp(disk, NOW + 1, events).expect("the log is whole");
        assert_eq!(found.map(|found| found.offset.0), Some(1), "{what}: a look-up by time");
    }
    let largest = f.log.offset_of_max_timestamp(&mut f.disk, &mut f.events).expect("it is whole");
    assert_eq!(largest.map(|found| found.timestamp), Some(NOW + 1), "{what}: the largest time");
}

fn recovered(event: &LogEvent) -> Option<i64> {
    match event {
        LogEvent::SegmentRecovered { base_offset, .. } => Some(base_offset.0),
        _ => None,
    }
}

fn entry(relative_offset: i32, position: i32) -> Vec<u8> {
    [relative_offset.to_be_bytes(), position.to_be_bytes()].concat()
}

fn bytes(f: &Fixture, suffix: &str) -> Vec<u8> {
    f.bytes(6, suffix)
}

fn remove(f: &mut Fixture, suffix: &str) {
    f.disk.remove(&Fixture::path(6, suffix)).expect("it was there");
}

fn cut(f: &mut Fixture, suffix: &str, count: usize) {
    let whole = bytes(f, suffix);
    f.set_bytes(6, suffix, &whole[..whole.len() - count]);
}

fn extend(f: &mut Fixture, suffix: &str, more: &[u8]) {
    let whole = bytes(f, suffix);
    f.set_bytes(6, suffix, &[&whole[..], more].concat());
}
