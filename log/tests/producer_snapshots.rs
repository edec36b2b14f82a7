//! The snapshots of producers: their bytes, which one is taken, which ones go.

mod cases;
mod support;

use std::collections::BTreeSet;

use proptest::prelude::*;
use support::producers::{DAY, Producers, V0, abort, commit, one, snapshot_path};
use support::{FOLDER, NOW};
use trial_log::{Offset, ProducerStateEntry, SnapshotFault, read_snapshot, write_snapshot};

#[test]
fn a_snapshot_has_46_bytes_for_each_producer() {
    let mut p = Producers::new();
    p.now = 123_456;
    p.ok(one(2, 7, 0));
    p.ok(one(2, 8, 1).transactional());
    p.end((11, 12), commit(13), 2, V0).expect("the first word of it");
    p.snapshot();
    let mut want = Vec::new();
    for (id, epoch, sequence, offset, delta, coordinator, txn) in
        [(1i64, 2i16, 8i32, 1i64, 0i32, -1i32, 1i64), (11, 12, -1, -1, 0, 13, -1)]
    {
        want.extend(id.to_be_bytes());
        want.extend(epoch.to_be_bytes());
        want.extend(sequence.to_be_bytes());
        want.extend(offset.to_be_bytes());
        want.extend(delta.to_be_bytes());
        want.extend(123_456i64.to_be_bytes());
        want.extend(coordinator.to_be_bytes());
        want.extend(txn.to_be_bytes());
    }
    let got = p.disk.contents(&snapshot_path(3)).expect("it was taken");
    assert_eq!(got.len(), 10 + 2 * 46);
    assert_eq!(got[..2], [0, 1], "the version");
    assert_eq!(got[2..6], crc32c::crc32c(&got[6..]).to_be_bytes(), "the checksum");
    assert_eq!(got[6..10], [0, 0, 0, 2], "the count");
    assert_eq!(got[10..], want);
}

#[test]
fn what_is_taken_is_read_again_save_for_all_but_the_last_batch() {
    let mut p = Producers::new();
    p.ok(one(0, 0, 0).transactional());
    p.ok(one(0, 1, 1).transactional());
    p.snapshot();
    let mut again = p.again();
    again.reload(0, 3);
    let entry = again.entry(1);
    assert_eq!((entry.first_sequence(), entry.last_sequence()), (1, 1), "one batch of two");
    assert_eq!((entry.first_data_offset(), entry.last_data_offset()), (Offset(1), Offset(1)));
    assert_eq!(entry.current_txn_first_offset(), Some(Offset(0)), "its transaction is open");
    assert_eq!((again.first_undecided(), again.manager.map_end_offset()), (Some(0), Offset(2)));
    again.ok(one(0, 2, 2).transactional());

    p.end((1, 0), abort(0), 2, V0).expect("it is open");
    p.snapshot();
    let mut again = p.again();
    again.reload(0, 3);
    let entry = again.entry(1);
    assert_eq!((entry.first_sequence(), entry.last_sequence()), (1, 1));
    assert_eq!((entry.current_txn_first_offset(), again.first_unstable()), (None, None));
}

#[test]
fn a_marker_alone_is_in_the_snapshot() {
    let mut p = Producers::new();
    p.end((1, 0), abort(0), 0, V0).expect("no transaction has to be open");
    p.snapshot();
    let mut again = p.again();
    again.reload(0, 1);
    assert_eq!((again.entry(1).last_timestamp(), again.entry(1).is_empty()), (NOW, true));
}

#[test]
fn a_snapshot_is_taken_where_something_is_new() {
    let mut p = Producers::new();
    assert_eq!(p.snapshot(), None, "nothing has come yet");
    p.ok(one(0, 0, 0));
    assert_eq!((p.snapshot(), p.snapshot()), (Some(1), None), "once for each end");
    p.ok(one(0, 1, 1));
    assert_eq!((p.snapshot(), p.snapshots()), (Some(2), vec![1, 2]));
    assert_eq!(p.files(), ["1.snapshot", "2.snapshot"]);
}

#[test]
fn a_truncation_takes_what_is_outside_the_log() {
    let mut p = five_snapshots();
    p.reload(1, 3);
    assert_eq!(
        (p.snapshots(), p.files()),
        (vec![2, 3], vec!["2.snapshot".into(), "3.snapshot".into()])
    );
    assert_eq!((p.entry(1).last_sequence(), p.manager.map_end_offset()), (2, Offset(3)));
    p.ok(one(0, 3, 3));
    p.snapshot();
    p.reload(3, 4);
    assert_eq!(p.snapshots(), [4], "at the log's start there is nothing to tell");
    assert_eq!(p.entry(1).last_sequence(), 3, "memory keeps what begins below it (KIP-360)");
}

#[test]
fn full_truncation_takes_all() {
    let mut p = five_snapshots();
    let Producers { disk, manager, .. } = &mut p;
    manager.truncate_fully_and_start_at(disk, Offset::ZERO).expect("the disk is whole");
    assert_eq!((p.snapshots(), p.files().len()), (vec![], 0));
    p.ok(one(0, 0, 0));
    assert_eq!((p.snapshot(), p.files()), (Some(1), vec!["1.snapshot".to_owned()]));
}

#[test]
fn old_snapshots_go() {
    let mut p = five_snapshots();
    for (before, left) in [(1, 5), (3, 3), (4, 2), (6, 0)] {
        let Producers { disk, manager, .. } = &mut p;
        manager.delete_snapshots_before(disk, Offset(before)).expect("the disk is whole");
        assert_eq!((p.snapshots().len(), p.files().len()), (left, left), "before {before}");
    }
}

#[test]
fn a_snapshot_that_goes_with_its_segment_is_forgotten_first() {
    let mut p = five_snapshots();
    assert_eq!(p.manager.remove_for_deletion(Offset(3)), Some(snapshot_path(3)));
    assert_eq!(p.manager.remove_for_deletion(Offset(3)), None, "it is known no more");
    assert_eq!((p.snapshots(), p.files().len()), (vec![1, 2, 4, 5], 5), "its file is still there");
}

#[test]
fn which_snapshots_are_strays() {
    // The files, the segments, and what is left.
    let cases: [(&[i64], &[i64], &[i64]); 6] = [
        (&[2, 5, 42], &[5], &[5, 42]),
        (&[2, 5, 42], &[42], &[42]),
        (&[2, 5, 42, 43], &[0, 5], &[5, 43]),
        (&[2, 5, 42], &[0, 5, 60], &[5]),
        (&[], &[0], &[]),
        (&[2, 3], &[], &[3]),
    ];
    for (files, bases, left) in cases {
        let mut p = Producers::new();
        for &offset in files {
            p.disk.set_contents(&snapshot_path(offset), b"");
        }
        let bases: BTreeSet<Offset> = bases.iter().map(|&base| Offset(base)).collect();
        let Producers { disk, manager, .. } = &mut p;
        manager.remove_stray_snapshots(disk, FOLDER, &bases).expect("the disk is whole");
        assert_eq!(p.snapshots(), left, "{files:?} with segments {bases:?}");
        assert_eq!(p.files().len(), left.len(), "{files:?} with segments {bases:?}");
    }
}

#[test]
fn a_snapshot_that_cannot_be_read_is_dropped_for_the_one_before() {
    type Damage = fn(&mut Vec<u8>);
    let damages: [(&str, Damage); 7] = [
        ("nothing is left", |bytes| bytes.clear()),
        ("half of it", |bytes| bytes.truncate(bytes.len() / 2)),
        ("all but a byte", |bytes| bytes.truncate(bytes.len() - 1)),
        ("zeros from the start", |bytes| bytes[..37].fill(0)),
        ("a bit of the last byte", |bytes| *bytes.last_mut().unwrap() ^= 1),
        ("another version", |bytes| bytes[1] = 2),
        ("something behind it", |bytes| bytes.extend([0; 3])),
    ];
    for (what, damage) in damages {
        let mut p = Producers::new();
        p.ok(one(0, 0, 0));
        p.snapshot();
        p.ok(one(0, 1, 1));
        p.snapshot();
        let mut bytes = p.disk.contents(&snapshot_path(2)).expect("it was taken").to_vec();
        damage(&mut bytes);
        p.disk.set_contents(&snapshot_path(2), &bytes);
        let mut again = p.again();
        again.reload(0, 20);
        assert_eq!((again.snapshots(), again.files().len()), (vec![1], 1), "{what}");
        assert_eq!(again.entry(1).last_data_offset(), Offset(0), "{what}");
        assert_eq!(again.manager.map_end_offset(), Offset(1), "{what}: the rest is replayed");
    }
}

#[test]
fn without_a_snapshot_all_is_to_be_replayed() {
    let mut p = Producers::new();
    p.ok(one(0, 0, 7));
    p.reload(4, 6);
    assert_eq!((p.manager.map_end_offset(), p.manager.last_entry(1)), (Offset(4), None));
}

#[test]
fn who_was_idle_for_a_day_is_left_in_the_file() {
    let mut p = Producers::new();
    p.ok(one(0, 0, 0));
    p.ok(one(0, 0, 1).of(2).transactional());
    p.now += 1;
    p.ok(one(0, 0, 2).of(3));
    p.snapshot();
    let mut again = p.again();
    again.now = NOW + DAY;
    again.reload(0, 3);
    let known: Vec<_> =
        again.manager.active_producers().map(ProducerStateEntry::producer_id).collect();
    assert_eq!(known, [2, 3], "the first is forgotten, the second has an open transaction");
    again.ok(one(0, 9, 3));
    assert_eq!(again.entry(1).last_sequence(), 9, "who was forgotten may go on as it likes");
}

#[test]
fn a_torn_write_of_a_snapshot_leaves_the_one_before() {
    use trial_log::DiskError;
    for calls in 0.. {
        let mut p = five_snapshots();
        p.ok(one(0, 5, 5));
        p.disk.fail_after(calls, DiskError::Io);
        let Producers { disk, manager, events, .. } = &mut p;
        let taken = manager.take_snapshot(disk, true, events);
        p.disk.repair();
        let mut again = p.again();
        again.reload(0, 6);
        let known = again.entry(1).last_sequence();
        let reflected = again.manager.map_end_offset();
        assert!(known == 4 || known == 5, "crash at call {calls}: {known}");
        assert_eq!(reflected, Offset(i64::from(known) + 1), "crash at call {calls}");
        if taken.is_ok() {
            assert!(calls > 3 && known == 5, "a snapshot takes more calls than {calls}");
            return;
        }
    }
}

fn five_snapshots() -> Producers {
    let mut p = Producers::new();
    for sequence in 0..5 {
        p.ok(one(0, sequence, i64::from(sequence)));
        p.snapshot();
    }
    p
}

proptest! {
    #![proptest_config(cases::property(4_000, "tests/failed/producer_snapshots.txt"))]

    #[test]
    fn any_producers_are_read_as_they_were_written(
        fields in prop::collection::vec((any::<i64>(), any::<i16>(), any::<i32>(), any::<i64>(), -1i64..9), 0..9),
    ) {
        let producers: Vec<_> = fields
            .iter()
            .map(|&(id, epoch, coordinator, timestamp, txn)| {
                let txn = (txn >= 0).then_some(Offset(txn));
                ProducerStateEntry::new(id, epoch, coordinator, timestamp, txn)
            })
            .collect();
        let bytes = write_snapshot(producers.iter());
        prop_assert_eq!(read_snapshot(&bytes), Ok(producers));
    }

    #[test]
    fn no_bytes_are_too_bad_to_be_refused(mut bytes in prop::collection::vec(any::<u8>(), 0..200), is_sealed: bool) {
        if is_sealed && bytes.len() >= 10 {
            bytes[..2].copy_from_slice(&[0, 1]);
            let checksum = crc32c::crc32c(&bytes[6..]);
            bytes[2..6].copy_from_slice(&checksum.to_be_bytes());
        }
        match read_snapshot(&bytes) {
            Ok(producers) => prop_assert!(10 + 46 * producers.len() <= bytes.len()),
            Err(SnapshotFault::Short { length }) => prop_assert_eq!(length, bytes.len()),
            Err(_) => {}
        }
    }
}
