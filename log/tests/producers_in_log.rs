//! Producers through a whole log: what is answered, when snapshots come and go, what a load makes of what is there.
//! The cases about producers of Kafka's `UnifiedLogTest` and `LogLoaderTest`.

mod support;

use support::producers::{DAY, abort, commit, name, snapshot_path};
use support::transactions::marker;
use support::{Fixture, NOW, batch};
use trial_log::{
    AppendInfo, AppendOrigin, AppendTerms, Disk, LeaderEpoch, LogConfig, LogError, LogEvent,
    LogStartReason, MemoryDisk, Offset, PowerLoss, ProducerError, TransactionVersion,
    VerificationGuard,
};

/// What was answered, in short.
fn answer(outcome: Result<AppendInfo, LogError>) -> String {
    match outcome {
        Ok(info) if info.is_duplicate => {
            format!("again {}-{}", info.first_offset, info.last_offset)
        }
        Ok(info) => format!("{}-{}", info.first_offset, info.last_offset),
        Err(LogError::Producer(error)) => name(Err(error)).to_owned(),
        Err(error) => panic!("{error}"),
    }
}

fn snapshots(f: &Fixture) -> Vec<i64> {
    f.snapshots().into_iter().map(|(offset, _)| offset).collect()
}

fn roll(f: &mut Fixture) {
    let Fixture { disk, log, events, now, .. } = f;
    log.roll(disk, *now, events).expect("the disk is whole");
}

fn flush(f: &mut Fixture) {
    let (end, Fixture { disk, log, events, .. }) = (f.log.log_end_offset(), f);
    log.flush(disk, end, events).expect("the disk is whole");
    log.mark_flushed(end, events);
}

fn large() -> Fixture {
    Fixture::with(LogConfig::default())
}

#[test]
fn a_batch_again_is_answered_as_the_first_time() {
    let mut f = large();
    for sequence in [0, 2, 4, 6, 8, 10] {
        f.produce((1, 0), sequence, 2).expect("in order");
        f.now += 1;
    }
    f.produce((2, 0), 0, 1).expect("somebody else");
    let (end, bytes) = (f.log.log_end_offset(), f.log.size_in_bytes());
    for (sequence, count, want) in [
        (10, 2, "again 10-11"),
        (8, 2, "again 8-9"),
        (2, 2, "again 2-3"),
        (0, 2, "out of order"),
        (2, 1, "out of order"),
        (3, 2, "out of order"),
        (2, 4, "out of order"),
    ] {
        assert_eq!(answer(f.produce((1, 0), sequence, count)), want, "{sequence}, {count}");
    }
    let info = f.produce((1, 0), 4, 2).expect("it is known");
    assert_eq!(info.log_append_time_ms, Some(NOW + 2), "the time of then");
    assert_eq!((info.bytes, info.flush_is_due), (0, false));
    assert_eq!((f.log.log_end_offset(), f.log.size_in_bytes()), (end, bytes), "nothing came");
    assert!(f.events.contains(&LogEvent::DuplicateBatch { base_offset: Offset(4) }));
    f.restart();
    assert_eq!(answer(f.produce((1, 0), 10, 2)), "again 10-11", "a snapshot knows the last one");
    assert_eq!(answer(f.produce((1, 0), 8, 2)), "out of order", "and none before");
    assert_eq!(answer(f.produce((1, 0), 12, 1)), "13-13");
}

#[test]
fn what_is_refused_may_have_begun_a_segment_and_an_epoch() {
    let mut f = Fixture::small();
    for sequence in 0..4 {
        f.produce((1, 0), sequence, 1).expect("in order");
    }
    let refused = [(3, 6, "again 3-3"), (7, 7, "out of order")];
    for (sequence, epoch, want) in refused {
        let mut g = Fixture { disk: f.disk.clone(), log: f.log.clone(), ..Fixture::small() };
        let records = support::transactions::sent((1, 0), sequence, 1, NOW).build().into_bytes();
        let terms = AppendTerms::new(LeaderEpoch(epoch), AppendOrigin::Client);
        assert_eq!(answer(g.append_as(records, &terms)), want);
        assert_eq!((g.segments(), g.log.log_end_offset()), (vec![0, 4], Offset(4)), "{want}");
        assert_eq!(g.epochs(), [(1, 0), (epoch, 4)], "{want}");
        assert_eq!(snapshots(&g), [4], "{want}");
        g.knows_its_producers(want);
    }
}

#[test]
fn a_transaction_begins_with_a_guard_alone() {
    let mut f = large();
    let none = VerificationGuard::NONE;
    assert_eq!(answer(f.produce_with((1, 0), (0, 1), none)), "invalid txn state");
    let guard = f.ask((1, 0), 0, true).expect("it asks");
    assert_eq!(answer(f.produce((1, 0), 0, 1)), "0-0", "without a transaction none is needed");
    assert_eq!(answer(f.produce_with((1, 0), (1, 1), none)), "invalid txn state");
    // A higher sequence waits for the lowest that asked.
    assert_eq!(answer(f.produce_with((1, 0), (1, 1), guard)), "out of order");
    let guard = f.ask((2, 0), 0, true).expect("it asks");
    assert_eq!(answer(f.produce_with((2, 0), (0, 1), guard)), "1-1");
    assert_eq!(f.ask((2, 0), 1, true), Ok(none), "it is open here");
    assert_eq!(answer(f.produce_with((2, 0), (1, 1), none)), "2-2", "so none is needed");
    f.end_txn((2, 1), commit(0)).expect("it is open");
    // A batch that comes after the marker, with the guard of before.
    assert_eq!(answer(f.produce_with((2, 1), (0, 1), guard)), "invalid txn state");
    assert_eq!(answer(f.produce_with((2, 0), (2, 1), guard)), "invalid epoch");
    let refused = f.ask((2, 0), 2, true);
    assert!(
        matches!(refused, Err(LogError::Producer(ProducerError::InvalidProducerEpoch { .. }))),
        "{refused:?}"
    );
    assert_eq!(f.log.log_end_offset(), Offset(4), "nothing of it was written");
}

#[test]
fn a_marker_takes_the_guard_away_unless_it_is_for_the_next_transaction() {
    // (the epoch that asks, whether it rises with each transaction, the marker's epoch), and whether it holds.
    for (asks, bumps, ends, holds) in
        [(0, false, 0, false), (0, true, 1, false), (1, true, 1, true), (1, false, 1, false)]
    {
        let mut f = large();
        let guard = f.ask((1, asks), 0, bumps).expect("it asks");
        let records = marker((1, ends), abort(0), NOW).build().into_bytes();
        let terms = AppendTerms::new(LeaderEpoch(1), AppendOrigin::Coordinator);
        f.append_as(records, &terms.version(TransactionVersion::V1)).expect("it may end");
        let epoch = asks.max(ends);
        let got = answer(f.produce_with((1, epoch), (0, 1), guard));
        let want = if holds { "1-1" } else { "invalid txn state" };
        assert_eq!(got, want, "asked with {asks}, {bumps}, marker of {ends}");
    }
}

#[test]
fn without_verification_no_guard_is_needed() {
    let config = LogConfig { transaction_verification_enabled: false, ..LogConfig::default() };
    let mut f = Fixture::with(config);
    assert_eq!(answer(f.produce_with((1, 0), (0, 1), VerificationGuard::NONE)), "0-0");
    assert_eq!(f.first_unstable(), Some(0));
}

#[test]
fn a_replica_takes_many_producers_in_one_append() {
    let mut leader = large();
    for round in 0..3 {
        for id in 0..20 {
            leader.produce((id, 0), round, 1).expect("in order");
        }
        leader.produce_in_txn((30, round as i16), 0, 2).expect("in order");
        leader.end_txn((30, round as i16 + 1), abort(0)).expect("it is open");
    }
    let mut follower = large();
    follower.copy_from(&mut leader, usize::MAX);
    assert_eq!(follower.log.log_end_offset(), leader.log.log_end_offset(), "all at once");
    assert_eq!(follower.known(), leader.known(), "S11");
    assert_eq!(follower.aborted(0, 70), leader.aborted(0, 70));
    let windows = |f: &Fixture| {
        let producers = f.log.producers().active_producers();
        producers.map(|entry| entry.batches().to_vec()).collect::<Vec<_>>()
    };
    assert_eq!(windows(&follower), windows(&leader), "all five batches too");
    follower.knows_its_producers("the follower");
}

/// What a replica enters when a marker, the producer's next transaction and another's come in one append: where the
/// next one begins, else a reader that ends in between would not hear that it was aborted.
#[test]
fn a_search_finds_the_next_transaction_of_the_same_producer() {
    let mut leader = large();
    leader.produce_in_txn((2, 0), 0, 1).expect("0");
    leader.end_txn((2, 1), abort(1)).expect("1");
    leader.produce_in_txn((2, 1), 0, 8).expect("2 to 9");
    leader.produce_in_txn((3, 0), 0, 1).expect("10");
    let mut follower = large();
    follower.copy_from(&mut leader, 1);
    follower.copy_from(&mut leader, usize::MAX);
    leader.end_txn((2, 2), abort(1)).expect("11");
    follower.copy_from(&mut leader, usize::MAX);
    for f in [&leader, &follower] {
        assert_eq!(
            f.aborted(0, 5),
            [(2, 0, 1), (2, 2, 11)],
            "Kafka 4.3.0's replica: the first alone"
        );
        assert_eq!(f.aborted(0, 2), [(2, 0, 1)]);
    }
}

#[test]
fn a_snapshot_is_taken_at_each_roll_and_at_a_clean_shutdown() {
    let mut f = large();
    assert_eq!(snapshots(&f), [], "an empty log has none");
    f.produce((1, 0), 0, 1).expect("in order");
    roll(&mut f);
    assert_eq!((snapshots(&f), f.segments()), (vec![1], vec![0, 1]));
    f.append(1, 1);
    roll(&mut f);
    assert_eq!(snapshots(&f), [1, 2], "though no producer wrote");
    f.produce((1, 0), 1, 1).expect("in order");
    f.restart();
    assert_eq!(snapshots(&f), [1, 2, 3]);
    f.knows_its_producers("after a clean shutdown");
    f.restart();
    assert_eq!(snapshots(&f), [1, 2, 3], "nothing is new");
}

#[test]
fn a_roll_beyond_a_gap_takes_its_snapshot_there() {
    let mut f = Fixture::with(LogConfig { segment_bytes: 100, ..LogConfig::default() });
    f.follow(batch(Offset(0), LeaderEpoch(1), 1).into_bytes(), 1).expect("in order");
    f.follow(batch(Offset(7), LeaderEpoch(1), 1).into_bytes(), 1).expect("in order");
    assert_eq!((f.segments(), snapshots(&f)), (vec![0, 7], vec![7]));
    assert_eq!(f.log.producers().map_end_offset(), Offset(8));
}

#[test]
fn a_truncation_goes_back_to_the_snapshot_before() {
    let mut f = large();
    for sequence in 0..8 {
        f.produce((1, 0), sequence, 1).expect("in order");
        f.produce_in_txn((2, 0), sequence, 1).expect("in order");
        if sequence % 3 == 2 {
            roll(&mut f);
        }
    }
    f.end_txn((2, 1), abort(0)).expect("it is open");
    assert_eq!((snapshots(&f), f.first_unstable()), (vec![6, 12], Some(1)));
    for (to, left) in [(16, vec![6, 12, 16]), (13, vec![6, 12, 13]), (7, vec![6, 7]), (0, vec![])] {
        assert!(f.truncate(to), "to {to}");
        assert_eq!(snapshots(&f), left, "to {to}");
        f.knows_its_producers(&format!("truncated to {to}"));
        let next = (to + 1) / 2;
        assert_eq!(
            answer(f.produce((1, 0), next as i32 + 1, 1)) == "out of order",
            to > 0,
            "to {to}"
        );
        f.truncate(to);
    }
}

#[test]
fn a_snapshot_goes_with_its_segment() {
    let mut f = Fixture::small();
    for sequence in 0..12 {
        f.produce((1, 0), sequence, 1).expect("in order");
    }
    assert_eq!((f.segments(), snapshots(&f)), (vec![0, 4, 8], vec![4, 8]));
    f.start_at(9).expect("all is committed");
    let Fixture { disk, log, events, .. } = &mut f;
    let gone = log.delete_old_segments(disk, Offset(12), NOW, events).expect("the disk is whole");
    assert_eq!((gone, snapshots(&f)), (2, vec![8]), "those of the segments 0 and 4 are gone");
    assert_eq!(f.known()[&1].last_sequence, 11, "memory keeps them (KIP-360)");
    let doomed = f.disk.paths().filter(|path| path.ends_with(".snapshot.deleted")).count();
    assert_eq!(doomed, 1, "there was none where the log began");
    let Fixture { disk, log, events, .. } = &mut f;
    log.delete_due_files(disk, NOW + 60_000, events).expect("the disk is whole");
    assert_eq!(f.disk.paths().filter(|path| path.ends_with(".deleted")).count(), 0);
    f.restart();
    assert_eq!(answer(f.produce((1, 0), 12, 1)), "12-12");
}

#[test]
fn records_that_are_deleted_leave_their_producers_in_memory() {
    let mut f = large();
    f.produce((1, 0), 0, 5).expect("in order");
    f.produce_in_txn((2, 0), 0, 1).expect("in order");
    f.append(1, 4);
    let why = LogStartReason::ClientRecordDeletion;
    f.log.increment_log_start_offset(Offset(8), Offset(10), why, &mut f.events).expect("committed");
    assert_eq!(f.first_unstable(), Some(8), "the open transaction begins below the log's start");
    assert_eq!(f.log.first_unstable_metadata(), None, "where nothing can be found any more");
    assert_eq!(answer(f.produce((1, 0), 5, 1)), "10-10", "who wrote what is gone goes on");
    assert_eq!(answer(f.produce((1, 0), 5, 1)), "again 10-10");
    f.crash();
    assert_eq!((f.known().len(), f.first_unstable()), (2, Some(8)), "a scan reads what is there");
}

/// Whoever moves the start: what lies below it waits for no high watermark.
#[test]
fn a_transaction_that_ended_below_the_log_start_is_waited_for_no_longer() {
    let by_hand = |f: &mut Fixture| f.start_at(2).expect("all is committed");
    let by_retention = |f: &mut Fixture| {
        let kept = f.bytes(2, ".log").len();
        let retention_bytes = i64::try_from(kept).expect("it is small");
        f.log.set_config(LogConfig { retention_bytes, ..LogConfig::default() });
        let Fixture { disk, log, events, .. } = f;
        log.delete_old_segments(disk, Offset(5), NOW, events) == Ok(1)
    };
    let moves: [fn(&mut Fixture) -> bool; 2] = [by_hand, by_retention];
    for (number, moves) in moves.into_iter().enumerate() {
        let mut f = large();
        f.produce_in_txn((3, 0), 0, 1).expect("0");
        f.end_txn((3, 1), commit(0)).expect("1");
        roll(&mut f);
        f.append(1, 1);
        f.produce_in_txn((4, 0), 0, 1).expect("3");
        f.end_txn((4, 1), abort(0)).expect("4");
        assert_eq!(f.first_unstable(), Some(0), "no high watermark was told, {number}");
        assert!(moves(&mut f) && f.log.log_start_offset() == Offset(2), "{number}");
        assert_eq!(f.first_unstable(), Some(3), "LSO-1: the one that is left, {number}");
        assert_eq!(f.log.last_stable_offset(Offset(5)), Offset(3), "{number}");
    }
}

#[test]
fn a_log_that_begins_anew_knows_nobody() {
    let mut f = large();
    f.produce_in_txn((2, 0), 0, 1).expect("in order");
    roll(&mut f);
    let Fixture { disk, log, events, .. } = &mut f;
    log.truncate_fully_and_start_at(disk, Offset(50), None, NOW, events)
        .expect("the disk is whole");
    assert_eq!((snapshots(&f), f.known().len(), f.first_unstable()), (vec![], 0, None));
    assert_eq!(f.log.producers().map_end_offset(), Offset(50));
    assert_eq!(answer(f.produce((2, 0), 9, 1)), "50-50");
}

#[test]
fn which_snapshots_a_load_believes() {
    type Damage = fn(&mut Fixture);
    // What was done to the disk, whether the shutdown was clean, and the snapshots that are left. The log has segments
    // at 0, 4 and 8 and ends at 11, as a clean shutdown leaves it.
    let cases: [(&str, Damage, bool, &[i64]); 9] = [
        ("nothing", |_| {}, true, &[4, 8, 11]),
        ("nothing, but unclean", |_| {}, false, &[4, 8, 11]),
        ("the last is gone", |f| remove(f, 11), true, &[4, 8, 11]),
        ("the last is torn", |f| tear(f, 11), true, &[4, 8, 11]),
        (
            "the last two are torn",
            |f| [8, 11].into_iter().for_each(|at| tear(f, at)),
            true,
            &[4, 8, 11],
        ),
        ("all are torn", |f| [4, 8, 11].into_iter().for_each(|at| tear(f, at)), true, &[4, 8, 11]),
        (
            "all are gone, unclean",
            |f| [4, 8, 11].into_iter().for_each(|at| remove(f, at)),
            false,
            &[4, 8, 11],
        ),
        ("a stray", |f| f.disk.set_contents(&snapshot_path(6), b"x"), true, &[4, 8, 11]),
        ("one ahead of the log", ahead, false, &[4, 8, 11]),
    ];
    for (what, damage, clean, left) in cases {
        let mut f = three_segments();
        f.restart();
        damage(&mut f);
        f.reopen(clean, Offset::ZERO, Offset::ZERO).expect("the disk is whole");
        assert_eq!(snapshots(&f), left, "{what}");
        f.knows_its_producers(what);
    }
}

#[test]
fn a_clean_log_without_any_snapshot_has_no_producers() {
    let mut f = three_segments();
    f.restart();
    [4, 8, 11].into_iter().for_each(|at| remove(&mut f, at));
    f.reopen(true, Offset(11), Offset::ZERO).expect("the disk is whole");
    assert_eq!(f.known().len(), 0, "an older release, which knew none, has written it");
    assert_eq!(snapshots(&f), [4, 8, 11], "so that nothing is scanned the next time");
    assert_eq!(f.log.producers().map_end_offset(), Offset(11));
}

/// PS-3: the shutdown takes no other one if nothing has come since, and syncs no folder if all is durable. Where cuts
/// are synced, every unclean start syncs the folder; in Kafka's way nobody else does.
#[test]
fn a_snapshot_that_a_recovery_took_outlives_the_power_that_goes_after_a_clean_shutdown() {
    for seed in 0..100 {
        let truncation_synced = seed % 2 == 0;
        let config = LogConfig { truncation_synced, ..LogConfig::default() };
        let mut f = Fixture::on(MemoryDisk::with_cache(), config);
        f.disk.sync_dir("").expect("the disk is whole");
        f.produce((1, 0), 0, 1).expect("in order");
        flush(&mut f);
        f.crash();
        assert_eq!((snapshots(&f), f.log.recovery_point()), (vec![1], Offset(1)), "it took one");
        flush(&mut f);
        let Fixture { disk, log, events, .. } = &mut f;
        log.close(disk, events).expect("the disk is whole");
        disk.lose_power(PowerLoss { seed, page_bytes: 64, sector_bytes: 16 });
        f.reopen(true, Offset(1), Offset::ZERO).expect("the disk is whole");
        assert_eq!(f.known().len(), 1, "seed {seed}");
    }
}

#[test]
fn a_torn_log_is_not_ahead_of_itself() {
    // The last segment is cut at every byte: what is known is what is left.
    let whole = three_segments().bytes(8, ".log");
    for length in 0..=whole.len() {
        let mut f = three_segments();
        f.restart();
        f.set_bytes(8, ".log", &whole[..length]);
        f.reopen(false, Offset(8), Offset::ZERO).expect("the disk is whole");
        f.knows_its_producers(&format!("cut to {length} bytes"));
    }
}

#[test]
fn an_index_of_aborted_transactions_is_made_again() {
    type Damage = fn(&mut Fixture);
    let damages: [(&str, Damage, bool); 4] = [
        ("it is gone, unclean", |f| remove_file(f, 4, ".txnindex"), false),
        ("noise, unclean", |f| f.set_bytes(4, ".txnindex", &[7; 40]), false),
        ("another version", |f| f.set_bytes(4, ".txnindex", &[7; 40]), true),
        ("markers before the segment", |f| f.set_bytes(4, ".txnindex", &[0; 34]), true),
    ];
    for (what, damage, clean) in damages {
        let mut f = three_segments();
        let want = f.bytes(4, ".txnindex");
        f.restart();
        damage(&mut f);
        f.reopen(clean, Offset::ZERO, Offset::ZERO).expect("the disk is whole");
        assert_eq!(f.bytes(4, ".txnindex"), want, "{what}");
        f.knows_its_producers(what);
    }
}

#[test]
fn an_index_without_its_segment_goes() {
    let mut f = three_segments();
    f.set_bytes(7, ".txnindex", &[0; 34]);
    f.crash();
    assert_eq!(f.disk.contents(&Fixture::path(7, ".txnindex")), None);
}

#[test]
fn a_flush_makes_snapshots_and_indexes_durable() {
    let mut f = large();
    f.produce_in_txn((1, 0), 0, 1).expect("in order");
    roll(&mut f);
    let calls = |f: &mut Fixture| {
        let before = f.disk.calls();
        flush(f);
        f.disk.calls() - before
    };
    assert_eq!(calls(&mut f), 2 + 1 + 3 + 1, "the snapshot, its folder, the segment, its folder");
    assert_eq!(calls(&mut f), 0, "all is durable");
    f.append(1, 1);
    assert_eq!(calls(&mut f), 3 + 1, "the second segment, its folder");
    f.end_txn((1, 1), abort(0)).expect("it is open");
    assert_eq!(calls(&mut f), 4 + 1, "with an index that is new in the folder");
    f.append(1, 1);
    assert_eq!(calls(&mut f), 4, "and no more");
}

#[test]
fn who_was_idle_for_a_day_is_forgotten() {
    let mut f = large();
    f.produce((1, 0), 0, 1).expect("in order");
    f.produce_in_txn((2, 0), 0, 1).expect("in order");
    assert_eq!(f.log.remove_expired_producers(NOW + DAY - 1, &mut f.events), 0);
    assert_eq!(f.log.remove_expired_producers(NOW + DAY, &mut f.events), 1);
    assert!(f.events.contains(&LogEvent::ProducersExpired { count: 1 }), "and it is told");
    assert_eq!((f.known().len(), f.first_unstable()), (1, Some(1)), "the open one stays");
    assert_eq!(answer(f.produce((1, 0), 5, 1)), "2-2", "who was forgotten may go on as it likes");
    assert!(!f.log.has_late_transaction(NOW + 20 * 60_000), "not yet");
    assert!(f.log.has_late_transaction(NOW + 20 * 60_000 + 1), "longer than any may be");
}

#[test]
fn a_control_batch_that_is_no_marker_is_refused() {
    use trial_log::{BatchBuilder, ControlRecordType, Producer};
    let producer = Producer { id: 1, epoch: 0, base_sequence: -1 };
    let values: [(ControlRecordType, &[u8]); 4] = [
        (ControlRecordType::LeaderChange, &[0; 6]),
        (ControlRecordType::Unknown(9), &[0; 6]),
        (ControlRecordType::Abort, &[0; 5]),
        (ControlRecordType::Commit, &[255, 255, 0, 0, 0, 1]),
    ];
    for (kind, value) in values {
        let mut f = large();
        let mut builder =
            BatchBuilder::new(Offset::ZERO).producer(producer).control().transactional();
        builder.append_control(NOW, kind, value);
        let terms = AppendTerms::new(LeaderEpoch(1), AppendOrigin::Coordinator);
        let terms = terms.version(TransactionVersion::V2);
        let got = f.append_as(builder.build().into_bytes(), &terms);
        assert_eq!(answer(got), "no end marker", "{kind:?} {value:?}");
        assert_eq!(f.log.log_end_offset(), Offset::ZERO);
    }
}

/// Segments at 0, 4 and 8, the end at 11: producers 1 and 2, a transaction of 3 that is aborted at 6, one of 4 that is
/// open from 9 on.
fn three_segments() -> Fixture {
    let mut f = large();
    f.produce((1, 0), 0, 2).expect("0 and 1");
    f.produce((2, 0), 0, 1).expect("2");
    f.produce_in_txn((3, 0), 0, 1).expect("3");
    roll(&mut f);
    f.produce((1, 0), 2, 2).expect("4 and 5");
    f.end_txn((3, 1), abort(0)).expect("6");
    f.produce((2, 0), 1, 1).expect("7");
    roll(&mut f);
    f.produce((1, 0), 4, 1).expect("8");
    f.produce_in_txn((4, 0), 0, 1).expect("9");
    f.produce((1, 0), 5, 1).expect("10");
    f
}

fn remove(f: &mut Fixture, at: i64) {
    remove_file(f, at, ".snapshot");
}

fn remove_file(f: &mut Fixture, base: i64, suffix: &str) {
    f.disk.remove(&Fixture::path(base, suffix)).expect("it was there");
}

fn tear(f: &mut Fixture, at: i64) {
    let bytes = f.bytes(at, ".snapshot");
    f.set_bytes(at, ".snapshot", &bytes[..bytes.len() / 2]);
}

/// A snapshot beyond the log's end that can be read, as if the log had lost what it tells of.
fn ahead(f: &mut Fixture) {
    let mut other = three_segments();
    other.produce((1, 0), 6, 9).expect("11 to 19");
    other.restart();
    let bytes = other.bytes(20, ".snapshot");
    f.set_bytes(20, ".snapshot", &bytes);
}
