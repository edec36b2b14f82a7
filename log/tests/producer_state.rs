//! What may be appended after what, and what is remembered of it: the cases of Kafka's `ProducerStateManagerTest`.

mod support;

use support::NOW;
use support::producers::{DAY, One, Producers, V0, V2, abort, commit, name, one};
use trial_log::{
    AppendOrigin, BATCHES_TO_RETAIN, DataBatch, LogOffsetMetadata, NO_SEQUENCE, Offset, OutOfOrder,
    ProducerAppendInfo, ProducerError, ProducerStateEntry, TransactionVersion, TxnMetadata,
    VerificationGuard,
};

const VERSIONS: [TransactionVersion; 3] =
    [TransactionVersion::V0, TransactionVersion::V1, TransactionVersion::V2];
const FIFTEEN_MINUTES: i64 = 15 * 60_000;

/// The epoch of a marker that ends a transaction of this epoch.
fn marker_epoch(epoch: i16, version: TransactionVersion) -> i16 {
    if version.bumps_epoch() { epoch + 1 } else { epoch }
}

#[test]
fn a_batch_follows_the_one_before_and_an_epoch_begins_at_zero() {
    // What was appended before, as (epoch, sequence), what comes, and what is said to it.
    type Case = (&'static str, &'static [(i16, i32)], (i16, i32), &'static str);
    let cases: &[Case] = &[
        ("the first", &[], (0, 0), "ok"),
        ("the first need not begin at zero", &[], (3, 17), "ok"),
        ("the next", &[(0, 0)], (0, 1), "ok"),
        ("again", &[(0, 0), (0, 1)], (0, 1), "out of order"),
        ("an earlier one", &[(0, 0), (0, 1)], (0, 0), "out of order"),
        ("one too far", &[(0, 0)], (0, 2), "out of order"),
        ("a new epoch", &[(0, 0), (0, 1)], (1, 0), "ok"),
        ("a new epoch, and not at zero", &[(0, 0)], (1, 1), "out of order"),
        ("an old epoch", &[(0, 0), (1, 0)], (0, 1), "invalid epoch"),
        ("an old epoch from zero", &[(0, 0), (1, 0)], (0, 0), "invalid epoch"),
        ("around the end of the numbers", &[(15, i32::MAX)], (15, 0), "ok"),
        ("around the end, one too far", &[(15, i32::MAX)], (15, 1), "out of order"),
        ("the last number", &[(15, i32::MAX - 1)], (15, i32::MAX), "ok"),
    ];
    for (what, before, (epoch, sequence), want) in cases {
        let mut p = Producers::new();
        for ((epoch, sequence), offset) in before.iter().zip(0..) {
            p.replica(one(*epoch, *sequence, offset));
        }
        let entry = p.manager.last_entry(1).copied();
        let got = name(p.client(one(*epoch, *sequence, 100)));
        assert_eq!(got, *want, "{what}");
        if *want != "ok" {
            assert_eq!(p.manager.last_entry(1).copied(), entry, "{what}: nothing changed");
        }
    }
}

#[test]
fn a_replica_takes_what_a_leader_would_refuse() {
    let mut p = Producers::new();
    p.ok(one(4, 0, 0));
    for (epoch, sequence, offset) in [(4, 3, 1), (6, 7, 2), (5, 0, 3)] {
        assert_ne!(name(p.client(one(epoch, sequence, offset))), "ok", "{epoch} {sequence}");
        p.replica(one(epoch, sequence, offset));
        let entry = p.entry(1);
        assert_eq!((entry.producer_epoch(), entry.last_sequence()), (epoch, sequence));
    }
}

#[test]
fn a_batch_may_wrap_around_within_itself() {
    let mut p = Producers::new();
    let mut info = p.manager.prepare_update(1, AppendOrigin::Replication);
    let data = DataBatch {
        producer_epoch: 15,
        first_sequence: i32::MAX - 10,
        last_sequence: 9,
        max_timestamp: NOW,
        first_offset: Offset(2000),
        last_offset: Offset(2020),
        position: None,
        is_transactional: false,
    };
    info.append_data_batch(&data, &mut Vec::new()).expect("a replica takes it");
    assert_eq!(p.manager.last_entry(1), None, "nothing changes before the update");
    p.manager.update(&info, &[]);
    let entry = p.entry(1);
    assert_eq!((entry.first_sequence(), entry.last_sequence()), (i32::MAX - 10, 9));
    let offsets = (entry.first_data_offset(), entry.last_data_offset());
    assert_eq!(offsets, (Offset(2000), Offset(2020)));
    assert!(entry.find_duplicate(15, i32::MAX - 10, 9).is_some(), "and is known again");
    p.ok(one(15, 10, 2021));
}

#[test]
fn the_last_five_batches_are_known_again_and_no_sixth() {
    let mut p = Producers::new();
    for sequence in 0..7 {
        p.ok(one(2, sequence, 10 + i64::from(sequence)));
    }
    let entry = p.entry(1);
    assert_eq!(entry.batches().len(), BATCHES_TO_RETAIN);
    for sequence in 0..8 {
        let found = entry.find_duplicate(2, sequence, sequence);
        let want = (2..7).contains(&sequence).then(|| Offset(10 + i64::from(sequence)));
        assert_eq!(found.map(|batch| batch.first_offset()), want, "sequence {sequence}");
    }
    assert_eq!(entry.find_duplicate(2, 3, 4), None, "the sequences are to be exactly those");
    assert_eq!(entry.find_duplicate(1, 3, 3), None, "under the same epoch");
    p.ok(one(3, 0, 17));
    assert_eq!(p.entry(1).batches().len(), 1, "a new epoch forgets the batches of the old");
    assert_eq!(p.entry(1).find_duplicate(2, 6, 6), None);
}

#[test]
fn a_marker_alone_keeps_the_epoch() {
    let mut p = Producers::new();
    assert_eq!(p.end((1, 2), commit(0), 27, V0), Ok(None), "no transaction was open");
    assert_eq!((p.entry(1).producer_epoch(), p.entry(1).last_sequence()), (2, NO_SEQUENCE));
    assert_eq!(name(p.client(one(0, 0, 28))), "invalid epoch");
    assert_eq!(name(p.client(one(2, 17, 28))), "out of order");
    p.ok(one(2, 0, 39));
    assert_eq!(p.entry(1).last_sequence(), 0);
}

#[test]
fn a_marker_of_a_later_epoch_begins_the_sequences_anew() {
    let mut p = Producers::new();
    p.ok(one(0, 0, 0).transactional());
    p.ok(one(0, 1, 1).transactional());
    p.end((1, 1), abort(0), 2, V2).expect("the epoch rises with the transaction");
    let entry = p.entry(1);
    assert_eq!((entry.producer_epoch(), entry.current_txn_first_offset()), (1, None));
    assert_eq!((entry.first_sequence(), entry.last_sequence()), (NO_SEQUENCE, NO_SEQUENCE));
    assert_eq!((entry.first_data_offset(), entry.last_data_offset()), (Offset(-1), Offset(-1)));
    assert_eq!(name(p.client(one(1, 2, 3).transactional())), "out of order");
    assert_eq!(name(p.client(one(2, 2, 3).transactional())), "out of order");
    p.ok(one(1, 0, 3).transactional());
    p.now += 1;
    assert_eq!(p.manager.remove_expired_producers(p.now, DAY), 0, "the fence stays");
}

#[test]
fn a_marker_of_the_same_epoch_keeps_the_sequences() {
    let mut p = Producers::new();
    p.ok(one(4, 0, 0).transactional());
    p.end((1, 4), commit(0), 1, V0).expect("an old marker has the epoch of its records");
    assert_eq!(p.entry(1).last_sequence(), 0);
    assert_eq!(name(p.client(one(4, 0, 2).transactional())), "out of order");
    p.ok(one(4, 1, 2).transactional());
}

#[test]
fn which_marker_may_follow_which_records() {
    // The epoch of the records is 5. Open or ended, the marker's epoch, and what each version says.
    let cases = [
        (true, 3, ["invalid epoch", "invalid epoch", "invalid epoch"]),
        (true, 5, ["ok", "ok", "invalid epoch"]),
        (true, 6, ["ok", "ok", "ok"]),
        (false, 3, ["invalid epoch", "invalid epoch", "invalid epoch"]),
        // The same marker again: its answer was lost (KAFKA-19999).
        (false, 5, ["ok", "ok", "ok"]),
        (false, 6, ["ok", "ok", "ok"]),
    ];
    for (is_open, epoch, wants) in cases {
        for (version, want) in VERSIONS.into_iter().zip(wants) {
            let mut p = Producers::new();
            let records = one(5, 0, 99);
            p.ok(if is_open { records.transactional() } else { records });
            let ended = p.end((1, epoch), commit(0), 100, version);
            let what = format!("open: {is_open}, epoch {epoch}, {version:?}");
            assert_eq!(name(ended.map(|_| ())), want, "{what}");
            let is_completed = p.first_undecided().is_none();
            assert_eq!(is_completed, !is_open || want == "ok", "{what}");
        }
    }
}

#[test]
fn an_epoch_that_cannot_rise_any_more_may_end_its_transaction() {
    let mut p = Producers::new();
    p.ok(one(i16::MAX, 0, 0).transactional());
    p.end((1, i16::MAX), abort(0), 1, V2).expect("else it would stay open for good");
    assert_eq!(p.first_undecided(), None);
}

#[test]
fn a_marker_of_an_earlier_coordinator_is_refused() {
    for version in VERSIONS {
        let mut p = Producers::new();
        p.ok(one(5, 0, 99).transactional());
        let mut epoch = 5;
        for (coordinator_epoch, offset) in [(1, 100), (1, 101), (2, 102)] {
            epoch = marker_epoch(epoch, version);
            p.end((1, epoch), commit(coordinator_epoch), offset, version).expect("not earlier");
            assert_eq!(p.entry(1).coordinator_epoch(), coordinator_epoch);
        }
        epoch = marker_epoch(epoch, version);
        let late = p.end((1, epoch), commit(1), 103, version).map(|_| ());
        assert_eq!(name(late), "coordinator fenced", "{version:?}");
        p.snapshot();
        let mut again = p.again();
        again.reload(0, 103);
        let late = again.end((1, epoch), commit(1), 103, version).map(|_| ());
        assert_eq!(name(late), "coordinator fenced", "{version:?}: nor after a restart");
    }
}

#[test]
fn a_transaction_runs_through_several_batches() {
    let mut p = Producers::new();
    p.ok(one(0, 0, 9));
    let mut info = p.manager.prepare_update(1, AppendOrigin::Client);
    let mut started = Vec::new();
    let batch = |first_sequence, last_sequence, first_offset, last_offset| DataBatch {
        producer_epoch: 0,
        first_sequence,
        last_sequence,
        max_timestamp: NOW,
        first_offset: Offset(first_offset),
        last_offset: Offset(last_offset),
        position: None,
        is_transactional: true,
    };
    info.append_data_batch(&batch(1, 5, 16, 20), &mut started).expect("in order");
    info.append_data_batch(&batch(6, 10, 26, 30), &mut started).expect("in order");
    let updated = *info.updated();
    assert_eq!((updated.first_sequence(), updated.last_sequence()), (1, 10));
    assert_eq!(updated.current_txn_first_offset(), Some(Offset(16)));
    let (position, last_offset) = (None, None);
    let txn = TxnMetadata { producer_id: 1, first_offset: Offset(16), position, last_offset };
    assert_eq!(started, [txn]);
    let ended = info.append_end_marker(&commit(15), 0, Offset(40), NOW, Some(V0));
    let ended = ended.expect("the epoch is right").expect("one was open");
    assert_eq!((ended.first_offset, ended.last_offset), (Offset(16), Offset(40)));
    assert!(!ended.is_aborted, "it was committed");
    assert_eq!(info.updated().batches(), updated.batches(), "a marker leaves the batches alone");
    assert_eq!(info.updated().current_txn_first_offset(), None);
    assert_eq!(p.entry(1).last_sequence(), 0, "nothing changed before the update");
}

#[test]
fn a_batch_outside_the_open_transaction_is_refused() {
    let mut p = Producers::new();
    p.ok(one(0, 0, 0).transactional());
    assert_eq!(name(p.client(one(0, 1, 1))), "invalid txn state");
    p.ok(one(0, 1, 1).transactional());
}

#[test]
fn a_coordinators_batches_have_no_sequence() {
    let mut p = Producers::new();
    for offset in 99..102 {
        let batch = one(0, NO_SEQUENCE, offset).transactional();
        p.append(batch, AppendOrigin::Coordinator).expect("offsets in a transaction");
    }
    assert_eq!(p.first_unstable(), Some(99));
}

#[test]
fn where_a_transaction_begins_is_remembered_with_its_place() {
    let mut p = Producers::new();
    let place = LogOffsetMetadata {
        offset: Offset(992_342),
        segment_base_offset: Offset(990_000),
        position: 234_224,
    };
    let mut info = p.manager.prepare_update(1, AppendOrigin::Client);
    let data = DataBatch {
        producer_epoch: 0,
        first_sequence: 0,
        last_sequence: 0,
        max_timestamp: NOW,
        first_offset: place.offset,
        last_offset: place.offset,
        position: Some(place),
        is_transactional: true,
    };
    let mut started = Vec::new();
    info.append_data_batch(&data, &mut started).expect("the first batch");
    p.manager.update(&info, &started);
    assert_eq!(p.manager.first_unstable().and_then(|txn| txn.position), Some(place));
}

#[test]
fn a_reader_of_committed_records_waits_for_the_marker_and_for_the_high_watermark() {
    for version in VERSIONS {
        let mut p = Producers::new();
        let epoch = marker_epoch(5, version);
        let seen = |what: &str, p: &Producers, undecided, unstable| {
            let got = (p.first_undecided(), p.first_unstable());
            assert_eq!(got, (undecided, unstable), "{version:?}, {what}");
        };
        seen("nothing", &p, None, None);
        p.ok(one(5, 0, 99).transactional());
        seen("one is open", &p, Some(99), Some(99));
        p.ok(one(5, 0, 105).of(2).transactional());
        seen("two are", &p, Some(99), Some(99));
        p.end((1, epoch), commit(0), 109, version).expect("it was open");
        seen("the first was committed", &p, Some(105), Some(99));
        p.high_watermark(100);
        seen("the marker is not replicated", &p, Some(105), Some(99));
        p.high_watermark(109);
        seen("nor is it below the high watermark", &p, Some(105), Some(99));
        p.high_watermark(110);
        seen("it is", &p, Some(105), Some(105));
        p.end((2, epoch), abort(0), 112, version).expect("it was open");
        seen("the second was aborted", &p, None, Some(105));
        p.high_watermark(113);
        seen("all is decided and replicated", &p, None, None);
    }
}

#[test]
fn the_last_stable_offset_is_the_next_open_transaction_of_somebody_else() {
    let mut p = Producers::new();
    let starts = [992_342, 992_367, 992_399];
    for (start, id) in starts.into_iter().zip(1..) {
        p.ok(one(0, 0, start).of(id).transactional());
    }
    // Whose ends, where, the last stable offset then, and what is unstable once it is replicated.
    let ends = [
        (1, 992_414, starts[1], Some(starts[1])),
        (3, 992_434, starts[1], Some(starts[1])),
        (2, 992_512, 992_513, None),
    ];
    for (id, last, stable, unstable) in ends {
        let mut info = p.manager.prepare_update(id, AppendOrigin::Coordinator);
        let ended = info.append_end_marker(&commit(0), 0, Offset(last), NOW, Some(V0));
        let ended = ended.expect("the epoch is right").expect("it was open");
        assert_eq!(p.manager.last_stable_offset(&ended), Offset(stable), "producer {id}");
        p.manager.update(&info, &[]);
        p.manager.complete_txn(&ended, &mut p.events);
        p.high_watermark(last + 1);
        assert_eq!(p.first_unstable(), unstable, "producer {id}");
    }
}

#[test]
fn one_append_may_end_a_transaction_and_begin_others() {
    let mut p = Producers::new();
    p.ok(one(0, 0, 16).transactional());
    p.high_watermark(17);
    let mut info = p.manager.prepare_update(1, AppendOrigin::Replication);
    let (mut started, mut ended) = (Vec::new(), Vec::new());
    let mut sequence = 1;
    for (offset, marker) in [
        (21, Some(commit(0))),
        (22, Some(commit(0))),
        (23, Some(abort(0))),
        (24, None),
        (28, Some(abort(0))),
        (29, Some(abort(0))),
        (30, None),
    ] {
        if let Some(marker) = marker {
            let done = info.append_end_marker(&marker, 0, Offset(offset), NOW, None);
            ended.extend(done.expect("a replica takes it"));
            continue;
        }
        let data = DataBatch {
            producer_epoch: 0,
            first_sequence: sequence,
            last_sequence: sequence,
            max_timestamp: NOW,
            first_offset: Offset(offset),
            last_offset: Offset(offset),
            position: None,
            is_transactional: true,
        };
        info.append_data_batch(&data, &mut started).expect("a replica takes it");
        sequence += 1;
    }
    let spans: Vec<_> = ended.iter().map(|t| (t.first_offset.0, t.last_offset.0)).collect();
    assert_eq!(spans, [(16, 21), (24, 28)], "markers without a transaction end none");
    assert_eq!(started.iter().map(|txn| txn.first_offset.0).collect::<Vec<_>>(), [24, 30]);
    p.manager.update(&info, &started);
    for txn in &ended {
        p.manager.complete_txn(txn, &mut p.events);
    }
    p.high_watermark(32);
    assert_eq!(p.first_unstable(), Some(30));
}

#[test]
fn who_is_idle_is_forgotten_but_never_with_an_open_transaction() {
    let mut p = Producers::new();
    p.ok(one(5, 0, 1));
    p.ok(one(5, 0, 2).of(2).transactional());
    p.now += DAY - 1;
    assert_eq!(p.manager.remove_expired_producers(p.now, DAY), 0, "not yet");
    p.now += 1;
    assert_eq!(p.manager.remove_expired_producers(p.now, DAY), 1, "a day has passed");
    assert_eq!(p.manager.last_entry(1), None);
    assert_eq!(p.first_undecided(), Some(2), "the other one's transaction is open");
    p.now += 10 * DAY;
    assert_eq!(p.manager.remove_expired_producers(p.now, DAY), 0, "and stays so");
    assert!(p.manager.last_entry(2).is_some(), "however long");
    p.ok(one(5, 1, 3));
    assert_eq!(p.entry(1).last_sequence(), 1, "who was forgotten may go on as it likes");
    p.end((2, 5), abort(0), 4, V0).expect("it is open still");
    p.now += DAY;
    assert_eq!(p.manager.remove_expired_producers(p.now, DAY), 2, "a marker counts as a sign");
}

#[test]
fn a_transaction_that_is_open_too_long_is_late() {
    for version in VERSIONS {
        let mut p = Producers::new();
        let is_late = |p: &Producers| p.manager.has_late_transaction(p.now, FIFTEEN_MINUTES);
        p.ok(one(2, 0, 100).of(39).transactional());
        p.now += 500;
        p.ok(one(9, 0, 150).of(57).transactional());
        p.now += FIFTEEN_MINUTES + 5 * 60_000 - 500;
        assert!(!is_late(&p), "a moment before");
        p.now += 1;
        assert!(is_late(&p), "the first is late");
        p.snapshot();
        let mut again = p.again();
        again.reload(0, 151);
        assert!(is_late(&again), "after a restart too");
        p.now += 500;
        p.end((39, marker_epoch(2, version)), commit(0), 200, version).expect("it is open");
        assert!(is_late(&p), "the second is");
        p.end((57, marker_epoch(9, version)), commit(0), 250, version).expect("it is open");
        assert!(!is_late(&p), "none is open");
    }
}

#[test]
fn a_truncation_forgets_what_was_open_behind_it() {
    let mut p = Producers::new();
    p.ok(one(2, 0, 100).transactional());
    p.reload(0, 80);
    assert_eq!((p.first_undecided(), p.manager.last_entry(1)), (None, None));
    p.ok(one(2, 0, 100).transactional());
    let Producers { disk, manager, .. } = &mut p;
    manager.truncate_fully_and_start_at(disk, Offset(150)).expect("the disk is whole");
    assert_eq!((p.first_undecided(), p.manager.map_end_offset()), (None, Offset(150)));
}

#[test]
fn a_guard_is_for_one_verification() {
    let mut p = Producers::new();
    let asks = |p: &mut Producers, sequence, epoch| {
        p.manager.maybe_create_verification_state_entry(1, (sequence, epoch), true, NOW)
    };
    let first = asks(&mut p, 1, 0);
    assert!(first.guard.verifies(first.guard), "it is its own");
    assert!(!first.guard.verifies(VerificationGuard::NONE), "none verifies nothing");
    assert!(!VerificationGuard::NONE.verifies(VerificationGuard::NONE), "not even none");
    // (sequence, epoch) that asks next, and the lowest sequence and epoch then.
    for (asked, want) in [((1, 0), (1, 0)), ((0, 0), (0, 0)), ((2, 1), (2, 1)), ((0, 0), (2, 1))] {
        let entry = asks(&mut p, asked.0, asked.1);
        assert_eq!(entry.guard, first.guard, "{asked:?}: the same verification");
        assert_eq!((entry.lowest_sequence, entry.epoch), want, "{asked:?}");
    }
    p.manager.clear_verification_state_entry(1);
    assert_eq!(p.manager.verification_state_entry(1), None);
    let second = asks(&mut p, 0, 0);
    assert_ne!(second.guard, first.guard, "a late answer to the first opens nothing");
    p.manager.remove_expired_producers(NOW + DAY - 1, DAY);
    assert_eq!(p.manager.verification_state_entry(1), Some(&second));
    p.manager.remove_expired_producers(NOW + DAY, DAY);
    assert_eq!(p.manager.verification_state_entry(1), None, "who never got an answer");
}

#[test]
fn while_one_asks_no_higher_sequence_comes_first() {
    // (bumps its epoch, lowest sequence that asked, what is known), the sequence that comes, what is said.
    let known = {
        let mut p = Producers::new();
        p.ok(one(0, 0, 0));
        *p.entry(1)
    };
    let unknown = ProducerStateEntry::empty(1);
    let cases = [
        (true, 0, unknown, 0, None),
        (true, 0, unknown, 4, Some(OutOfOrder::NoState)),
        (true, 5, unknown, 5, Some(OutOfOrder::NoState)),
        (false, 5, unknown, 5, None),
        (false, 5, unknown, 6, Some(OutOfOrder::LowerOneAsked)),
        (true, 1, known, 1, None),
        (true, 1, known, 2, Some(OutOfOrder::LowerOneAsked)),
    ];
    for (bumps, lowest, entry, sequence, want) in cases {
        let mut p = Producers::new();
        let asks = p.manager.maybe_create_verification_state_entry(1, (lowest, 0), bumps, NOW);
        let mut info = ProducerAppendInfo::new(entry, AppendOrigin::Client, Some(asks));
        let One { epoch, offset, .. } = one(0, sequence, 10);
        let data = DataBatch {
            producer_epoch: epoch,
            first_sequence: sequence,
            last_sequence: sequence,
            max_timestamp: NOW,
            first_offset: Offset(offset),
            last_offset: Offset(offset),
            position: None,
            is_transactional: true,
        };
        let got = match info.append_data_batch(&data, &mut Vec::new()) {
            Ok(()) => None,
            Err(ProducerError::OutOfOrderSequence { why, .. }) => Some(why),
            Err(other) => panic!("{other:?}"),
        };
        assert_eq!(got, want, "bumps: {bumps}, lowest {lowest}, {entry:?}, {sequence}");
    }
}

#[test]
fn a_marker_again_changes_nothing_but_its_coordinator() {
    let mut p = Producers::new();
    p.ok(one(0, 0, 99).transactional());
    assert!(p.end((1, 1), commit(0), 100, V2).expect("it is open").is_some());
    assert_eq!(p.end((1, 1), commit(3), 101, V2), Ok(None), "KAFKA-19999");
    let entry = p.entry(1);
    assert_eq!((entry.producer_epoch(), entry.coordinator_epoch()), (1, 3));
    assert_eq!(entry.current_txn_first_offset(), None);
}
