//! What a cleaning keeps and what it lets go, case by case.

mod support;

use support::cleaning::{HOW, How, Keyed, keyed};
use support::producers::{abort, commit};
use support::transactions::marker;
use support::{Fixture, NOW};
use trial_log::{
    AppendOrigin, AppendTerms, BatchError, CompressionType, LastBatchKept, LeaderEpoch, LogConfig,
    LogError, Offset, TransactionVersion,
};

const ALICE: (i64, i16) = (1, 0);

#[test]
fn of_each_key_the_last_record_stays_where_it_was() {
    let mut f = Fixture::compacted();
    f.put_each("a b a c");
    f.put(&[("d", Some("1")), ("a", Some("2")), ("d", Some("3"))]);
    f.roll();
    f.put_each("b");
    assert_eq!(f.clean(0), 7);
    assert_eq!(f.records(), "b=1@1 c=3@3 a=2@5 d=3@6 b=7@7");
    assert_eq!(f.shape(), "1:1 3:1 6:2 7:1", "a batch keeps its last offset");
    assert_eq!(f.segments(), [0, 7]);
    f.crash();
    assert_eq!(f.records(), "b=1@1 c=3@3 a=2@5 d=3@6 b=7@7");
    f.roll();
    assert_eq!(f.clean(7), 8);
    assert_eq!(f.records(), "c=3@3 a=2@5 d=3@6 b=7@7");
}

#[test]
fn a_record_without_a_key_goes() {
    let mut f = Fixture::compacted();
    f.config.compacted = false;
    f.log.set_config(f.config.clone());
    f.append(1, 2);
    f.put_each("a");
    f.append(1, 1);
    f.roll();
    let (end, stats) = f.try_clean(HOW).expect("the disk is whole");
    assert_eq!((end, stats.invalid_messages_read, f.keys()), (Some(4), 3, "a@2".to_owned()));
}

#[test]
fn a_tombstone_stays_for_delete_retention_ms_after_the_first_cleaning() {
    let mut f = Fixture::compacted();
    f.put_each("a b");
    f.put(&[("a", None), ("c", Some("1"))]);
    f.roll();
    f.clean(0);
    assert_eq!(f.records(), "b=1@1 a-@2 c=1@3");
    let horizons = |f: &mut Fixture| -> Vec<Option<i64>> {
        f.batches().iter().map(|batch| batch.delete_horizon_ms()).collect()
    };
    assert_eq!(horizons(&mut f), [None, Some(NOW + 1000)]);
    let times: Vec<i64> = f.batches()[1].records().map(|it| it.expect("whole").timestamp).collect();
    assert_eq!(times, [NOW, NOW], "the records keep their times");
    f.later(999);
    f.clean(0);
    assert_eq!(f.records(), "b=1@1 a-@2 c=1@3");
    f.later(1);
    f.clean(0);
    assert_eq!(f.records(), "b=1@1 c=1@3");
    assert_eq!(horizons(&mut f), [None, Some(NOW + 1000)], "the time stays with the batch");
    f.later(5000);
    f.put(&[("c", None)]);
    f.roll();
    f.clean(4);
    assert_eq!(f.records(), "b=1@1 c-@4", "a later tombstone has a time of its own");
}

#[test]
fn what_is_not_closed_or_not_cleanable_is_not_touched() {
    let mut f = Fixture::compacted();
    for _ in 0..3 {
        f.put_each("a b a");
        f.roll();
    }
    f.put_each("a a");
    assert_eq!(f.clean_as(How { to: Some(6), ..HOW }), 6);
    assert_eq!(f.keys(), "b@4 a@5 a@6 b@7 a@8 a@9 a@10");
    assert_eq!(f.clean(6), 9);
    assert_eq!(f.keys(), "b@7 a@8 a@9 a@10");
}

#[test]
fn a_full_map_leaves_the_rest_to_the_next_cleaning() {
    let mut f = Fixture::compacted();
    f.put_each("a b a c");
    f.put(&[("b", Some("x")), ("d", Some("x")), ("a", Some("x"))]);
    f.put_each("d");
    f.roll();
    let two = How { slots: 3, ..HOW };
    // A map that is full takes no record more, even of a key that it knows.
    assert_eq!(f.clean_as(two), 4);
    assert_eq!(f.keys(), "b@1 a@2 c@3 b@4 d@5 a@6 d@7");
    assert_eq!(f.clean_as(How { from: 4, ..two }), 7, "in the middle of a batch or behind it");
    assert_eq!(f.keys(), "c@3 b@4 d@5 a@6 d@7");
    assert_eq!(f.clean_as(How { from: 7, ..two }), 8);
    assert_eq!(f.keys(), "c@3 b@4 a@6 d@7");
}

#[test]
fn a_batch_with_more_keys_than_there_is_room_for_is_cleaned_in_parts() {
    let mut f = Fixture::compacted();
    f.put(&[("a", Some("1")), ("b", Some("2")), ("c", Some("3")), ("a", Some("4"))]);
    f.roll();
    assert_eq!(f.clean_as(How { slots: 2, ..HOW }), 2);
    assert_eq!(f.keys(), "a@0 b@1 c@2 a@3");
    assert_eq!(f.clean_as(How { slots: 2, from: 2, ..HOW }), 4);
    assert_eq!(f.keys(), "b@1 c@2 a@3");
}

#[test]
fn a_tombstone_beyond_what_was_mapped_stays_however_old() {
    let mut f = Fixture::compacted();
    f.put_each("a b c");
    f.put(&[("a", None)]);
    f.roll();
    for later in [0, 2000, 2000] {
        f.later(later);
        assert_eq!(f.clean_as(How { slots: 3, ..HOW }), 3);
        assert_eq!(f.keys(), "a@0 b@1 c@2 a-@3", "what it deletes is there, {later} ms later");
    }
    f.clean(3);
    assert_eq!(f.keys(), "b@1 c@2", "its time was over before it was mapped");
}

#[test]
fn offsets_without_a_batch_count_as_read() {
    let mut f = Fixture::compacted();
    for base in [3, 9] {
        let mut batch = trial_log::BatchBuilder::new(Offset(base)).leader_epoch(LeaderEpoch(1));
        batch.append(NOW, Some(b"a"), Some(b"1"), &[]);
        f.follow(batch.build().into_bytes(), 1).expect("the batch is good");
        f.roll();
    }
    let mut batch = trial_log::BatchBuilder::new(Offset(40)).leader_epoch(LeaderEpoch(1));
    batch.append(NOW, Some(b"b"), Some(b"1"), &[]);
    f.follow(batch.build().into_bytes(), 1).expect("the batch is good");
    f.roll();
    assert_eq!(f.clean_as(How { to: Some(10), ..HOW }), 10);
    assert_eq!(f.keys(), "a@9 b@40");
    assert_eq!(f.clean(10), 41);
}

#[test]
fn the_last_batch_below_the_high_watermark_stays_without_its_records() {
    for (high_watermark, want) in [(0, "2:1"), (1, "0:0 2:1"), (2, "1:0 2:1"), (3, "2:1")] {
        let mut f = Fixture::compacted();
        f.put_each("a a a");
        f.roll();
        f.clean_as(How { high_watermark, ..HOW });
        assert_eq!(f.shape(), want, "the high watermark is {high_watermark}");
    }
}

#[test]
fn the_last_batch_of_each_cleaning_stays_in_kafka_4_3_0() {
    let mut f = Fixture::compacted();
    f.put_in_txn(ALICE, 0, "a");
    f.put_in_txn((2, 0), 0, "b");
    f.roll();
    f.end_txn((2, 1), abort(1)).expect("the marker is good");
    f.end_txn((1, 1), abort(1)).expect("the marker is good");
    f.roll();
    let how = How { last: LastBatchKept::OfCleaning, high_watermark: 4, ..HOW };
    f.clean_as(How { to: Some(2), ..how });
    assert_eq!(f.shape(), "1:0 2:1 3:1", "both were aborted, and the second is the last one");
    f.clean_as(how);
    assert_eq!(f.shape(), "2:1 3:1");
    assert_eq!(f.aborted(0, 9), [(2, 1, 2)], "an empty batch was met");
}

#[test]
fn the_last_batch_of_a_producer_stays_and_answers_its_repetition() {
    let mut f = Fixture::compacted();
    f.put_as(ALICE, 0, &[("a", Some("1")), ("b", Some("1"))]);
    f.put_as(ALICE, 2, &[("c", Some("1"))]);
    f.put_each("a b c");
    f.roll();
    f.clean(0);
    assert_eq!(f.shape(), "2:0 3:1 4:1 5:1", "the first batch is gone, the second is empty");
    let batch = f.batches()[0].clone();
    assert_eq!((batch.base_sequence(), batch.last_sequence(), batch.is_valid()), (2, 2, true));
    for restart in [Fixture::restart as fn(&mut Fixture), Fixture::crash] {
        restart(&mut f);
        let again = f.put_as(ALICE, 2, &[("c", Some("1"))]);
        assert_eq!((again.is_duplicate, again.first_offset), (true, Offset(2)));
    }
    f.put_as(ALICE, 3, &[("d", Some("1"))]);
    f.roll();
    f.clean(6);
    assert_eq!(f.shape(), "3:1 4:1 5:1 6:1", "another batch says it now");
}

#[test]
fn a_commit_marker_goes_once_its_records_are_gone_and_its_time_is_over() {
    let mut f = Fixture::compacted();
    f.put_in_txn(ALICE, 0, "a b");
    f.end_txn((1, 1), commit(1)).expect("the marker is good");
    f.put_in_txn((1, 1), 0, "b c");
    f.end_txn((1, 2), commit(1)).expect("the marker is good");
    f.roll();
    f.clean_twice(0);
    assert_eq!((f.keys().as_str(), f.shape().as_str()), ("a@0 b@3 c@4", "1:1 2:1 4:2 5:1"));
    f.put_each("a");
    f.put_in_txn((1, 2), 0, "d");
    f.end_txn((1, 3), commit(1)).expect("the marker is good");
    f.roll();
    f.clean(6);
    assert_eq!(f.shape(), "2:1 4:2 5:1 6:1 7:1 8:1", "the records went just now");
    f.clean(6);
    assert_eq!(f.shape(), "2:1 4:2 5:1 6:1 7:1 8:1", "now it gets its time");
    f.later(999);
    f.clean(6);
    assert_eq!(f.shape(), "2:1 4:2 5:1 6:1 7:1 8:1");
    f.later(1);
    f.clean(6);
    assert_eq!(f.shape(), "4:2 5:1 6:1 7:1 8:1");
}

#[test]
fn aborted_records_go_and_the_marker_and_its_entry_stay_while_a_batch_does() {
    let mut f = Fixture::compacted();
    f.put_each("a");
    f.put_in_txn(ALICE, 0, "a b");
    f.end_txn(ALICE, abort(1)).expect_err("under version 2 the epoch rises");
    f.end_txn((1, 1), abort(1)).expect("the marker is good");
    f.roll();
    // The producer's batches are of the epoch before: nothing but the marker says what its epoch is.
    assert_eq!(f.clean(0), 4);
    assert_eq!((f.keys().as_str(), f.shape().as_str()), ("a@0", "0:1 3:1"));
    assert_eq!(f.aborted(0, 10), [(1, 1, 3)], "a batch was met");
    f.clean_twice(0);
    assert_eq!(f.shape(), "0:1 3:0", "its epoch is remembered");
    assert_eq!(f.aborted(0, 10), []);
    f.put_in_txn((1, 1), 0, "c");
    f.end_txn((1, 2), commit(1)).expect("the marker is good");
    f.roll();
    f.clean(4);
    assert_eq!(f.shape(), "0:1 4:1 5:1");
}

/// Markers of `transaction.version` 0 keep the epoch, and so the batches of the producer.
fn end_v0(f: &mut Fixture, aborts: bool) {
    let what = if aborts { abort(1) } else { commit(1) };
    let records = marker(ALICE, what, f.now).build().into_bytes();
    let terms = AppendTerms::new(LeaderEpoch(1), AppendOrigin::Coordinator);
    f.append_as(records, &terms.version(TransactionVersion::V0)).expect("the marker is good");
}

#[test]
fn an_empty_batch_of_an_aborted_transaction_keeps_its_marker() {
    let mut f = Fixture::compacted();
    f.put_in_txn(ALICE, 0, "a b");
    end_v0(&mut f, true);
    f.roll();
    f.clean(0);
    assert_eq!((f.shape().as_str(), f.aborted(0, 9)), ("1:0 2:1", vec![(1, 0, 2)]));
    f.clean_twice(0);
    assert_eq!((f.shape().as_str(), f.aborted(0, 9)), ("1:0 2:1", vec![(1, 0, 2)]));
    f.put_in_txn(ALICE, 2, "c");
    f.roll();
    // Not stable yet, so not cleaned; but it has the last sequence now.
    f.clean_as(How { to: Some(3), ..HOW });
    assert_eq!((f.shape().as_str(), f.aborted(0, 9)), ("2:1 3:1", vec![(1, 0, 2)]), "it was met");
    f.clean_as(How { to: Some(3), ..HOW });
    assert_eq!((f.shape().as_str(), f.aborted(0, 9)), ("2:1 3:1", vec![]));
    f.later(1000);
    f.clean_as(How { to: Some(3), ..HOW });
    assert_eq!(f.shape(), "3:1");
}

#[test]
fn an_empty_batch_of_a_committed_transaction_keeps_its_marker() {
    let mut f = Fixture::compacted();
    f.put_in_txn(ALICE, 0, "a");
    end_v0(&mut f, false);
    f.put_each("a");
    f.roll();
    f.clean_twice(0);
    f.clean_twice(0);
    assert_eq!(f.shape(), "0:0 1:1 2:1");
    f.put_as(ALICE, 1, &[("b", Some("1"))]);
    f.roll();
    f.clean(3);
    assert_eq!(f.shape(), "1:1 2:1 3:1");
    f.clean_twice(3);
    assert_eq!(f.shape(), "2:1 3:1");
}

#[test]
fn transactions_are_followed_across_groups_and_beyond_what_was_mapped() {
    let mut f = Fixture::compacted();
    f.put_in_txn(ALICE, 0, "a b");
    f.roll();
    f.put_in_txn((2, 0), 0, "c");
    f.put_in_txn(ALICE, 2, "c d");
    f.roll();
    f.end_txn((1, 1), abort(1)).expect("the marker is good");
    f.put_each("e");
    f.end_txn((2, 1), commit(1)).expect("the marker is good");
    f.roll();
    // One group for each segment, since none may be larger than it is.
    f.config.segment_bytes = 100;
    f.log.set_config(f.config.clone());
    for slots in [1, 10_000] {
        let mut f = Fixture {
            log: f.log.clone(),
            disk: f.disk.clone(),
            config: f.config.clone(),
            events: Vec::new(),
            now: f.now,
        };
        f.clean_as(How { slots, ..HOW });
        assert_eq!(
            (f.keys().as_str(), f.segments()),
            ("c@2 e@6", vec![0, 2, 5, 8]),
            "{slots} slots"
        );
        assert_eq!(f.aborted(0, 9), [(1, 0, 5)], "{slots} slots");
        assert_eq!(f.shape(), "2:1 5:1 6:1 7:1", "{slots} slots");
        f.clean(0);
        assert_eq!(f.aborted(0, 9), []);
    }
}

#[test]
fn a_key_that_looks_like_a_markers_is_a_key() {
    let mut f = Fixture::compacted();
    let key = String::from_utf8(vec![0, 0, 0, 1]).expect("a commit marker's key");
    f.put_in_txn(ALICE, 0, "a");
    f.end_txn((1, 1), commit(1)).expect("the marker is good");
    f.put(&[(&key, Some("1"))]);
    f.put_in_txn((1, 1), 0, "b");
    f.end_txn((1, 2), commit(1)).expect("the marker is good");
    f.roll();
    f.clean_twice(0);
    assert_eq!(f.shape(), "0:1 1:1 2:1 3:1 4:1", "nothing is superseded by another's key");
}

#[test]
fn segments_are_joined_as_long_as_they_fit_into_one() {
    let mut f = Fixture::compacted();
    for key in "a b c d e f g".split(' ') {
        f.put(&[(key, Some("0123456789"))]);
        f.roll();
    }
    let one = f.bytes(0, ".log").len() as u64;
    for (segments, want) in [
        (1, vec![0, 1, 2, 3, 4, 5, 6, 7]),
        (2, vec![0, 2, 4, 6, 7]),
        (3, vec![0, 3, 6, 7]),
        (7, vec![0, 7]),
    ] {
        let mut f = Fixture {
            log: f.log.clone(),
            disk: f.disk.clone(),
            config: f.config.clone(),
            events: Vec::new(),
            now: f.now,
        };
        f.config.segment_bytes = segments * one;
        f.log.set_config(f.config.clone());
        f.clean(0);
        assert_eq!(f.segments(), want, "{segments} at a time");
        assert_eq!(f.keys(), "a@0 b@1 c@2 d@3 e@4 f@5 g@6");
    }
    f.config.segment_index_bytes = 0;
    f.log.set_config(f.config.clone());
    f.clean(0);
    assert_eq!(f.segments(), [0, 1, 2, 3, 4, 5, 6, 7], "nor may their indexes be larger");
}

#[test]
fn segments_with_offsets_too_far_apart_are_not_joined_unless_empty() {
    const FAR: i64 = i32::MAX as i64;
    let mut f = Fixture::compacted();
    let mut bases = vec![0];
    for base in [0, 5, FAR, FAR + 1, 2 * FAR] {
        let mut batch = trial_log::BatchBuilder::new(Offset(base)).leader_epoch(LeaderEpoch(1));
        batch.append(NOW, Some(&base.to_be_bytes()), Some(b"1"), &[]);
        f.follow(batch.build().into_bytes(), 1).expect("the batch is good");
        f.roll();
        bases.push(base + 1);
    }
    // A replica's batch beyond a gap begins a segment where it lies only if the one before cannot hold it.
    let before = f.segments();
    f.clean(0);
    let after = f.segments();
    assert!(after.len() < before.len() && after.len() > 2, "{before:?} became {after:?}");
    for pair in after.windows(2) {
        let last = f.batches().iter().map(|b| b.last_offset().0).filter(|&o| o < pair[1]).max();
        assert!(last.is_none_or(|last| last - pair[0] <= FAR), "{after:?}");
    }
    assert_eq!(f.batches().len(), 5);
}

#[test]
fn what_does_not_fit_begins_another_segment() {
    let mut f = Fixture::compacted();
    f.put_in_txn(ALICE, 0, "x");
    f.put_each("a b a c d");
    f.end_txn((1, 1), abort(1)).expect("the marker is good");
    f.put_each("e");
    f.roll();
    for read_bytes in [1, 200, 1 << 20] {
        let mut f = Fixture {
            log: f.log.clone(),
            disk: f.disk.clone(),
            config: f.config.clone(),
            events: Vec::new(),
            now: f.now,
        };
        f.clean_as(How { max_segment_bytes: 150, read_bytes, ..HOW });
        assert_eq!((f.keys().as_str(), f.segments()), ("b@2 a@3 c@4 d@5 e@7", vec![0, 4, 6, 8]));
        assert_eq!(f.shape(), "2:1 3:1 4:1 5:1 6:1 7:1");
        assert_eq!(f.aborted(0, 9), [(1, 0, 6)]);
        assert!(f.disk.contents(&Fixture::path(6, ".txnindex")).is_some_and(|it| it.len() == 34));
        f.restart();
        assert_eq!(f.aborted(0, 9), [(1, 0, 6)]);
        f.reopen(false, Offset::ZERO, Offset::ZERO).expect("the disk is whole");
        assert_eq!(f.aborted(0, 9), [], "a scan finds no record that would be aborted");
    }
}

#[test]
fn batches_keep_their_codec_and_what_is_not_touched_its_bytes() {
    for codec in CompressionType::ALL {
        let mut f = Fixture::compacted();
        let words = "abcdefghij".repeat(20);
        for records in
            [[("a", Some("1")), ("b", Some(words.as_str()))], [("c", None), ("a", Some("2"))]]
        {
            let batch = keyed(None, &records, f.now).compression(codec.into()).build().into_bytes();
            let terms = AppendTerms::new(LeaderEpoch(4), AppendOrigin::Client);
            f.append_as(batch, &terms).expect("the batch is good");
        }
        f.put(&[("z", Some("1"))]);
        f.roll();
        let untouched = f.batches()[2].clone();
        f.clean(0);
        assert_eq!(f.records(), format!("b={words}@1 c-@2 a=2@3 z=1@4"), "{codec}");
        let batches = f.batches();
        for batch in &batches[..2] {
            assert_eq!(batch.compression_type(), Ok(codec));
            assert_eq!((batch.leader_epoch(), batch.is_valid()), (LeaderEpoch(4), true));
        }
        assert_eq!((batches[0].base_offset(), batches[2].clone()), (Offset(0), untouched));
    }
}

#[test]
fn a_look_up_by_time_finds_what_is_left() {
    let mut f = Fixture::compacted();
    for (key, time) in [("a", 50), ("b", 20), ("a", 30), ("c", 40), ("b", 35)] {
        f.now = NOW + time;
        f.put(&[(key, Some("1"))]);
    }
    f.roll();
    f.clean(0);
    assert_eq!(f.keys(), "a@2 c@3 b@4");
    for (time, want) in [(0, Some(2)), (30, Some(2)), (31, Some(3)), (40, Some(3)), (41, None)] {
        let Fixture { disk, log, events, .. } = &mut f;
        let found = log.offset_for_timestamp(disk, NOW + time, events).expect("the disk is whole");
        assert_eq!(found.map(|found| found.offset.0), want, "at {time}");
    }
}

type IsIt = fn(&BatchError) -> bool;

#[test]
fn a_log_with_a_bad_batch_is_left_as_it_is() {
    let records: [Keyed<'_>; 2] = [("a", Some("0123456789")), ("b", Some("1"))];
    let cases: [(&str, usize, u8, IsIt); 4] = [
        ("a bit of a value", 80, 0x10, |it| matches!(it, BatchError::Checksum { .. })),
        ("the magic", 16, 0xff, |it| matches!(it, BatchError::UnknownMagic { .. })),
        ("the base offset", 0, 0x40, |it| matches!(it, BatchError::BaseOffset { .. })),
        ("the length", 10, 0x7f, |it| matches!(it, BatchError::NoBatch)),
    ];
    for (what, at, bits, is_it) in cases {
        for second in [false, true] {
            let mut f = Fixture::compacted();
            f.put(&records);
            f.put(&records);
            f.roll();
            let mut bytes = f.bytes(0, ".log");
            let size = bytes.len() / 2;
            bytes[at + size * usize::from(second)] ^= bits;
            f.set_bytes(0, ".log", &bytes);
            let before: Vec<String> = f.disk.paths().map(str::to_owned).collect();
            for (from, read_bytes) in [(0, 1 << 20), (0, 1), (4, 1)] {
                // Whether the fault is met by learning keys or, in what is clean, by copying.
                f.put_each("c");
                f.roll();
                let got = f.try_clean(How { from, read_bytes, ..HOW });
                let Err(LogError::CorruptSegment { base_offset: Offset(0), position, error }) = got
                else {
                    panic!("{what}: {got:?}")
                };
                assert_eq!(
                    (position, is_it(&error)),
                    (if second { size as u64 } else { 0 }, true),
                    "{what}: {error}"
                );
                assert_eq!(f.log.offline(), None, "{what}: a bad batch is not a bad disk");
            }
            assert_eq!(f.bytes(0, ".log"), bytes, "{what}");
            let gone = before.iter().find(|path| f.disk.contents(path).is_none());
            assert_eq!(gone, None, "{what}");
            assert!(!f.disk.paths().any(|path| path.ends_with(".cleaned")), "{what}");
        }
    }
}

#[test]
fn a_cleaned_segment_that_becomes_active_again_has_its_indexes() {
    let mut f = Fixture::compacted();
    f.put_each("a b a");
    f.roll();
    f.put_each("c");
    f.clean(0);
    f.truncate(3);
    f.truncate(2);
    assert_eq!((f.segments(), f.keys()), (vec![0], "b@1".to_owned()));
    f.put_in_txn(ALICE, 0, "d");
    f.end_txn((1, 1), abort(1)).expect("the marker is good");
    assert_eq!(f.aborted(0, 9), [(1, 2, 3)]);
    assert_eq!(f.bytes(0, ".txnindex").len(), 34, "by its own name");
    f.restart();
    assert_eq!(f.aborted(0, 9), [(1, 2, 3)]);
}

#[test]
fn a_segment_without_timestamps_is_as_old_as_what_it_was_made_of() {
    let mut f = Fixture::with(LogConfig {
        compacted: true,
        retention_ms: 100,
        message_timestamp_before_max_ms: i64::MAX,
        ..LogConfig::default()
    });
    let mut batch = trial_log::BatchBuilder::new(Offset::ZERO);
    batch.append(-1, Some(b"a"), Some(b"1"), &[]);
    let terms = AppendTerms::new(LeaderEpoch(1), AppendOrigin::Client);
    f.append_as(batch.build().into_bytes(), &terms).expect("the batch is good");
    f.roll();
    f.later(90);
    f.clean(0);
    let Fixture { disk, log, events, .. } = &mut f;
    for (later, dropped) in [(100, 0), (101, 1)] {
        let count = log.delete_old_segments(disk, Offset(1), NOW + later, events);
        assert_eq!(count, Ok(dropped), "at {later}");
    }
}
