//! New segments in the place of old ones, and what loading makes of a swap that a crash interrupted.

mod support;

use support::{FOLDER, Fixture, NOW, batch};
use trial_log::{AbortedTxn, Disk, DiskError, LeaderEpoch, LogConfig, LogError, LogEvent, Offset};

#[test]
fn new_segments_take_the_place_of_old_ones_and_those_go_after_their_delay() {
    let mut f = nine_batches();
    let events = std::mem::take(&mut f.events);
    assert!(!events.is_empty(), "appends were told");
    // The batches 0 and 8 in one segment, where there were 0 to 11 in two.
    replace(&mut f, &[0, 6], &[(0, &[0, 8])]);
    assert_eq!(f.segments(), [0, 12]);
    assert_eq!(f.offsets(), [(0, 1), (8, 9), (12, 13), (14, 15), (16, 17)]);
    assert!(f.events.contains(&LogEvent::SegmentsReplaced {
        base_offset: Offset(0),
        old: 2,
        new: 1
    }));
    let deleted = |f: &Fixture| f.disk.paths().filter(|path| path.ends_with(".deleted")).count();
    assert_eq!(deleted(&f), 7, "three files each, and the snapshot where nothing begins any more");
    f.log.delete_due_files(&mut f.disk, NOW + 60_000, &mut f.events).expect("the disk is whole");
    assert_eq!(deleted(&f), 0);
    f.crash();
    assert_eq!(f.offsets(), [(0, 1), (8, 9), (12, 13), (14, 15), (16, 17)]);
    assert_eq!(f.append(3, 1).first_offset, Offset(18), "and it goes on");
}

#[test]
fn an_interrupted_swap_is_finished_or_dropped_by_what_is_left_of_it() {
    let (old, new) = (&[0, 2, 4, 6, 8, 10][..], &[0, 8][..]);
    left("nothing was renamed", &[".cleaned", ".cleaned"], old);
    left("the upper one is a swap, the lower one is not", &[".cleaned", ".swap"], old);
    left("both are swaps", &[".swap", ".swap"], new);
    left("the lower one has its name", &["", ".swap"], new);
    left("both have their names, the old ones are gone", &["", ""], new);
}

#[test]
fn one_swap_for_two_segments_drops_both() {
    let mut f = nine_batches();
    let both = [one_of(0), one_of(8)].concat();
    f.disk.set_contents(&format!("{}.swap", Fixture::path(0, ".log")), &both);
    f.crash();
    assert_eq!(f.segments(), [0, 12]);
    assert_eq!(bases_of(&mut f), [0, 8, 12, 14, 16]);
}

#[test]
fn two_swaps_drop_what_lies_between_them() {
    let mut f = nine_batches();
    for (base, batches) in [(0, one_of(0)), (8, [one_of(8), one_of(10)].concat())] {
        f.disk.set_contents(&format!("{}.swap", Fixture::path(base, ".log")), &batches);
    }
    f.crash();
    assert_eq!(f.segments(), [0, 8, 12], "neither of them has the name of the segment 6");
    assert_eq!(bases_of(&mut f), [0, 8, 10, 12, 14, 16]);
}

/// An index that is lost on the way would be made again by a scan, at the cost of one, and without what no scan finds:
/// here, a transaction of which the marker is gone.
#[test]
fn a_kill_at_any_call_of_a_load_that_finishes_a_swap_loses_no_index() {
    let (mut finished, mut kills) = (0, 0);
    for calls in 0.. {
        let mut f = nine_batches();
        f.disk.fail_after(calls, DiskError::Io);
        let replaced = swap_with_indexes(&mut f).is_ok();
        f.disk.repair();
        let killed = f.disk.clone();
        let opened = |f: &mut Fixture| f.reopen(false, Offset(18), Offset::ZERO);
        opened(&mut f).expect("the disk is whole");
        let mut want = files(&f);
        finished += usize::from(f.disk.contents(&Fixture::path(0, ".txnindex")).is_some());
        for calls_of_load in 0.. {
            let mut again = Fixture { disk: killed.clone(), ..nine_batches() };
            again.disk.fail_after(calls_of_load, DiskError::Io);
            let done = opened(&mut again).is_ok();
            again.disk.repair();
            opened(&mut again).expect("the disk is whole");
            let got = files(&again);
            assert_eq!(got, want, "swap killed at {calls}, its load at {calls_of_load}");
            want = got;
            if done {
                break;
            }
            kills += 1;
        }
        if replaced {
            break;
        }
    }
    assert!(finished > 10 && kills > 500, "{finished} swaps were finished, {kills} kills");
}

/// The batches 0, 6 and 8 in the segments 0 and 6, where there were 0 to 11; each with its indexes.
fn swap_with_indexes(f: &mut Fixture) -> Result<(), LogError> {
    let Fixture { disk, log, events, .. } = f;
    let mut written = Vec::new();
    for (base, batches) in [(0, &[0][..]), (6, &[6, 8])] {
        let mut cleaned = log.create_cleaned_segment(disk, Offset(base), NOW, events)?;
        for &batch in batches {
            let bytes = one_of(batch).into();
            log.append_to_cleaned_segment(disk, &mut cleaned, bytes, NOW, events)?;
        }
        let (first_offset, last_offset) = (Offset(base), Offset(base + 1));
        let last_stable_offset = Offset(base + 2);
        let aborted = AbortedTxn { producer_id: 1, first_offset, last_offset, last_stable_offset };
        log.abort_in_cleaned_segment(disk, &mut cleaned, aborted, events)?;
        written.push(cleaned);
    }
    log.replace_segments(disk, written, &[Offset(0), Offset(6)], NOW, events)
}

fn files(f: &Fixture) -> Vec<(String, Vec<u8>)> {
    let contents = |path: &str| f.disk.contents(path).expect("it was listed").to_vec();
    f.disk.paths().map(|path| (path.to_owned(), contents(path))).collect()
}

#[test]
fn a_swap_of_an_index_alone_belongs_to_a_segment_that_has_its_name() {
    let mut f = nine_batches();
    let index = f.bytes(6, ".index");
    rename(&mut f, "00000000000000000006.index", "00000000000000000006.index.swap");
    f.crash();
    assert_eq!((f.bytes(6, ".index"), f.offsets().len()), (index, 9));
    assert!(!f.disk.paths().any(|path| path.ends_with(".swap")));
}

#[test]
fn what_is_to_be_deleted_goes_and_a_snapshot_of_the_metadata_log_stays() {
    let mut f = nine_batches();
    for name in ["00000000000000000003.log.deleted", "00000000000000000003.txnindex.deleted"] {
        f.disk.set_contents(&format!("{FOLDER}/{name}"), b"x");
    }
    let snapshot = format!("{FOLDER}/00000000000000000003-0000000001.checkpoint.deleted");
    f.disk.set_contents(&snapshot, b"x");
    f.crash();
    let left: Vec<_> = f.disk.paths().filter(|path| path.ends_with(".deleted")).collect();
    assert_eq!(left, [snapshot]);
}

#[test]
fn a_segment_whose_offsets_overflow_is_split() {
    for (what, tail, kept) in [("whole", &[][..], 6), ("with a torn end", &[1, 2, 3][..], 5)] {
        let (mut f, bases) = overflowed(tail);
        f.reopen(false, Offset::ZERO, Offset::ZERO).expect("the disk is whole");
        assert_eq!(bases_of(&mut f), bases[..kept], "{what}");
        let mut segments = vec![5, FAR + 6, 2 * FAR + 900, 3 * FAR];
        segments.truncate(kept - 2);
        assert_eq!(f.segments(), segments, "{what}");
        f.crash();
        assert_eq!(bases_of(&mut f), bases[..kept], "{what}: and is whole");
    }
}

#[test]
fn a_crash_at_any_call_of_a_split_leaves_the_one_or_the_others() {
    let (damaged, bases) = overflowed(&[]);
    let mut crashes = 0;
    for calls in 0.. {
        let (mut f, _) = overflowed(&[]);
        f.disk = damaged.disk.clone();
        f.disk.tear_after(calls, DiskError::Io, 10);
        let opened = f.reopen(false, Offset::ZERO, Offset::ZERO).is_ok();
        f.disk.repair();
        f.reopen(false, Offset::ZERO, Offset::ZERO).expect("the disk is whole");
        assert_eq!(bases_of(&mut f), bases, "crash at call {calls}");
        assert_eq!(f.segments(), [5, FAR + 6, 2 * FAR + 900, 3 * FAR], "crash at call {calls}");
        if opened {
            break;
        }
        crashes += 1;
    }
    assert!(crashes > 80, "a split makes more calls than {crashes}");
}

const FAR: i64 = i32::MAX as i64;

/// A log that no process is to write: a segment whose third batch lies 2^31 from its base, and the fifth as far from
/// the third; and a segment after it, which goes if the one before is torn. Answers the offsets of all batches too.
fn overflowed(tail: &[u8]) -> (Fixture, [i64; 6]) {
    let bases = [5, 6, FAR + 6, FAR + 900, 2 * FAR + 900, 3 * FAR];
    let mut f = Fixture::with(LogConfig::default());
    let old: Vec<String> = f.disk.paths().map(str::to_owned).collect();
    old.iter().for_each(|path| f.disk.remove(path).expect("it was listed"));
    let bytes: Vec<u8> = bases[..5].iter().flat_map(|&base| one(base)).collect();
    f.disk.set_contents(&Fixture::path(5, ".log"), &[&bytes[..], tail].concat());
    f.disk.set_contents(&Fixture::path(3 * FAR, ".log"), &one(3 * FAR));
    (f, bases)
}

fn bases_of(f: &mut Fixture) -> Vec<i64> {
    f.offsets().iter().map(|offsets| offsets.0).collect()
}

/// Opens a log in which two segments, of the batches 0 and 8, are to replace those at 0 and 6, and were left with these
/// suffixes; checks the batches below the active segment.
#[track_caller]
fn left(what: &str, suffixes: &[&str; 2], want: &[i64]) {
    let mut f = nine_batches();
    for base in [0, 6] {
        for suffix in [".log", ".index", ".timeindex"] {
            let path = Fixture::path(base, suffix);
            // In the order of the renames the old ones go once both are swaps.
            if suffixes[0].is_empty() {
                f.disk.remove(&path).expect("it was there");
            }
        }
    }
    for ((base, name), suffix) in [(0, 0), (8, 6)].into_iter().zip(suffixes) {
        f.disk.set_contents(&format!("{}{suffix}", Fixture::path(name, ".log")), &one_of(base));
        for index in [".index", ".timeindex"] {
            f.disk.set_contents(&format!("{}{suffix}", Fixture::path(name, index)), &[]);
        }
    }
    f.crash();
    let got: Vec<i64> = f.offsets().iter().map(|offsets| offsets.0).filter(|&o| o < 12).collect();
    assert_eq!(got, want, "{what}");
    assert_eq!(f.offsets().len(), want.len() + 3, "{what}: what lies above is there");
    let temporary = |path: &&str| path.ends_with(".swap") || path.ends_with(".cleaned");
    assert_eq!(f.disk.paths().find(temporary), None, "{what}: nothing is left over");
}

fn replace(f: &mut Fixture, old: &[i64], new: &[(i64, &[i64])]) {
    let Fixture { disk, log, events, .. } = f;
    let mut written = Vec::new();
    for (base, batches) in new {
        let cleaned = log.create_cleaned_segment(disk, Offset(*base), NOW, events);
        let mut cleaned = cleaned.expect("the disk is whole");
        for &base in *batches {
            let bytes = one_of(base).into();
            let appended = log.append_to_cleaned_segment(disk, &mut cleaned, bytes, NOW, events);
            appended.expect("the disk is whole");
        }
        written.push(cleaned);
    }
    let old: Vec<Offset> = old.iter().copied().map(Offset).collect();
    log.replace_segments(disk, written, &old, NOW, events).expect("the disk is whole");
}

/// Nine batches of two records in the segments 0, 6 and 12.
fn nine_batches() -> Fixture {
    let mut f = Fixture::small();
    for _ in 0..9 {
        f.append(1, 2);
    }
    assert_eq!(f.segments(), [0, 6, 12], "what the tests rely on");
    f
}

fn one(base: i64) -> Vec<u8> {
    batch(Offset(base), LeaderEpoch(1), 1).into_bytes().to_vec()
}

fn one_of(base: i64) -> Vec<u8> {
    batch(Offset(base), LeaderEpoch(1), 2).into_bytes().to_vec()
}

fn rename(f: &mut Fixture, from: &str, to: &str) {
    let path = |name: &str| format!("{FOLDER}/{name}");
    f.disk.rename(&path(from), &path(to)).expect("it was there");
}
