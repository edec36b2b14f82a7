//! What an append asks and does, when a segment is rolled, and what a read finds.

mod support;

use bytes::Bytes;
use support::{Fixture, NOW, batch};
use trial_log::{
    AppendOrigin, BatchBuilder, BatchError, Batches, LeaderEpoch, LogConfig, LogError, LogEvent,
    Offset, RecordBatch, TimestampType,
};

#[test]
fn a_leader_gives_offsets_and_its_epoch() {
    let mut f = Fixture::with(LogConfig::default());
    f.append(3, 2);
    let info = f.append(4, 3);
    assert_eq!((info.first_offset, info.last_offset), (Offset(2), Offset(4)));
    let read: Vec<_> =
        f.batches().iter().map(|b| (b.base_offset().0, b.leader_epoch().0)).collect();
    assert_eq!((read, f.epochs()), (vec![(0, 3), (2, 4)], vec![(3, 0), (4, 2)]));
    let want = [
        LogEvent::EpochAssigned { leader_epoch: LeaderEpoch(4), start_offset: Offset(2) },
        LogEvent::BatchAppended {
            base_offset: Offset(2),
            last_offset: Offset(4),
            leader_epoch: LeaderEpoch(4),
            position: info.position.position,
            size: info.bytes,
        },
    ];
    assert_eq!(f.events[f.events.len() - 2..], want);
}

#[test]
fn a_new_leader_enters_its_epoch_before_it_writes() {
    let mut f = Fixture::with(LogConfig::default());
    f.append(1, 2);
    let Fixture { disk, log, events, .. } = &mut f;
    log.assign_epoch_at_end(disk, LeaderEpoch(5), events).expect("the disk is whole");
    assert_eq!(f.epochs(), [(1, 0), (5, 2)]);
    assert!(!f.truncate(2), "nothing to cut");
    assert_eq!(f.epochs(), [(1, 0)], "but the epoch without records goes (KAFKA-10706)");
}

#[test]
fn the_time_of_the_append_is_stamped_if_the_topic_wants_it() {
    let message_timestamp_type = TimestampType::LogAppendTime;
    let mut f = Fixture::with(LogConfig { message_timestamp_type, ..LogConfig::default() });
    let info = f.append(1, 2);
    assert_eq!((info.log_append_time_ms, info.max_timestamp), (Some(NOW), NOW));
    let batches = f.batches();
    assert!(batches[0].is_valid(), "with a checksum to match");
    assert_eq!(batches[0].timestamp_type(), TimestampType::LogAppendTime);
}

#[test]
fn a_replica_takes_batches_as_they_are() {
    let mut f = Fixture::with(LogConfig::default());
    let bytes =
        bytes_of(&[batch(Offset(0), LeaderEpoch(1), 2), batch(Offset(5), LeaderEpoch(2), 1)]);
    let piece = Bytes::from([&bytes[..], &bytes[..30]].concat());
    let info = f.follow(piece, 2).expect("they are in order").expect("and not empty");
    assert_eq!((info.bytes, info.last_offset), (bytes.len(), Offset(5)));
    assert_eq!(f.bytes(0, ".log"), bytes, "byte for byte, without the piece at the end");
    assert_eq!(f.epochs(), [(1, 0), (2, 5)]);
}

#[test]
fn a_replica_refuses_what_does_not_follow() {
    let mut f = Fixture::with(LogConfig::default());
    f.append(1, 4);
    let at = |offset, count| batch(Offset(offset), LeaderEpoch(1), count);
    let refused = |f: &mut Fixture, batches: &[RecordBatch]| {
        let outcome = f.follow(bytes_of(batches), 1);
        assert_eq!(f.log.log_end_offset(), Offset(4), "nothing was appended");
        outcome.expect_err("it was refused")
    };
    let want = LogError::UnexpectedOffset {
        log_end_offset: Offset(4),
        first_offset: Offset(3),
        last_offset: Offset(5),
    };
    assert_eq!(refused(&mut f, &[at(3, 3)]), want);
    let want = LogError::OffsetsOutOfOrder { after: Offset(5), got: Offset(5) };
    assert_eq!(refused(&mut f, &[at(4, 2), at(5, 1)]), want);
    let far = LogError::OffsetsOutOfOrder { after: Offset(4), got: Offset(1 << 33) };
    assert_eq!(refused(&mut f, &[at(4, 1), at(1 << 33, 1)]), far);
    let mut flipped = at(4, 2).as_bytes().to_vec();
    flipped[70] ^= 1;
    let error = f.follow(flipped.into(), 1).expect_err("the checksum is wrong");
    assert!(matches!(error, LogError::Batch(BatchError::Checksum { .. })), "{error:?}");
    assert!(!error.is_storage(), "and the log stays online");
    assert_eq!(f.append(1, 1).first_offset, Offset(4));
}

#[test]
fn a_replica_leaves_batches_of_a_later_epoch_than_its_own() {
    let mut f = Fixture::with(LogConfig::default());
    let bytes =
        bytes_of(&[batch(Offset(0), LeaderEpoch(3), 2), batch(Offset(2), LeaderEpoch(4), 2)]);
    f.follow(bytes.clone(), 3).expect("the first is of its epoch");
    assert_eq!(f.log.log_end_offset(), Offset(2));
    assert_eq!(f.follow(bytes.slice(bytes.len() / 2..), 3), Ok(None), "nothing of its epoch");
}

#[test]
fn the_quorums_leader_brings_offsets_and_epoch() {
    let mut f = Fixture::with(LogConfig::default());
    let origin = AppendOrigin::RaftLeader;
    let mut append = |records: Bytes, epoch| {
        let Fixture { disk, log, events, .. } = &mut f;
        log.append_as_leader(disk, records, LeaderEpoch(epoch), origin, NOW, events)
    };
    let bytes =
        bytes_of(&[batch(Offset(0), LeaderEpoch(3), 2), batch(Offset(2), LeaderEpoch(3), 1)]);
    append(bytes, 3).expect("the epochs agree");
    let other = append(batch(Offset(3), LeaderEpoch(3), 1).into_bytes(), 4);
    let (want, got) = (LeaderEpoch(4), LeaderEpoch(3));
    assert_eq!(other, Err(LogError::Batch(BatchError::LeaderEpochOfBatch { want, got })));
    assert_eq!(append(Bytes::new(), 4), Err(LogError::Batch(BatchError::NoBatch)));
}

#[test]
fn a_segment_rolls_by_size_time_index_and_offset() {
    let defaults = LogConfig::default();
    rolls("nothing", defaults.clone(), &[(0, 0), (1, 1), (2, 2)], &[0]);
    let two = LogConfig { segment_bytes: 160, ..defaults.clone() };
    rolls("size", two, &[(0, 0), (1, 0), (2, 0), (3, 0), (4, 0)], &[0, 2, 4]);
    let time = LogConfig { segment_ms: 100, ..defaults.clone() };
    rolls("time", time, &[(0, 0), (1, 100), (2, 101), (3, 150), (4, 202)], &[0, 2, 4]);
    let index_interval_bytes = 1;
    // The last entry of a time index (12 bytes each) is kept free for the roll; an offset index has no such thing.
    let index = LogConfig { segment_index_bytes: 24, index_interval_bytes, ..defaults.clone() };
    rolls("full index", index, &[(0, 0), (1, 1), (2, 2), (3, 3), (4, 4)], &[0, 2, 4]);
    let index = LogConfig { segment_index_bytes: 24, index_interval_bytes, ..defaults.clone() };
    rolls("one time", index, &[(0, 0), (1, 0), (2, 0), (3, 0), (4, 0)], &[0, 2, 4]);
    let index = LogConfig { segment_index_bytes: 36, index_interval_bytes, ..defaults.clone() };
    rolls("larger index", index, &[(0, 0), (1, 1), (2, 2), (3, 3), (4, 4)], &[0, 3]);
    let far = i64::from(i32::MAX);
    rolls("offset", defaults, &[(0, 0), (far, 0), (far + 1, 0)], &[0, far + 1]);
}

#[test]
fn a_batch_larger_than_a_segment_is_refused_after_its_epoch_was_entered() {
    let mut f = Fixture::with(LogConfig { segment_bytes: 100, ..LogConfig::default() });
    let error = f.try_append(7, 40).expect_err("it is larger");
    assert!(matches!(error, LogError::Batch(BatchError::LargerThanSegment { .. })), "{error:?}");
    assert_eq!((f.epochs(), f.log.log_end_offset()), (vec![(7, 0)], Offset(0)), "as in Kafka");
    let replica = batch(Offset(0), LeaderEpoch(7), 40).into_bytes();
    assert!(f.follow(replica, 7).is_ok(), "a replica takes what its leader took (KAFKA-17375)");
}

#[test]
fn a_replica_leaves_the_beginning_of_a_batch_at_the_end() {
    let (first, second) =
        (batch(Offset(0), LeaderEpoch(1), 2), batch(Offset(2), LeaderEpoch(1), 3));
    let both = bytes_of(&[first.clone(), second.clone()]);
    let whole = first.as_bytes().len();
    for cut in 1..second.as_bytes().len() {
        let mut f = Fixture::with(LogConfig::default());
        f.follow(both.slice(..whole + cut), 1).expect("the first one is whole");
        assert_eq!(f.log.log_end_offset(), Offset(2), "with {cut} bytes of the second");
        assert_eq!(f.bytes(0, ".log"), first.as_bytes(), "with {cut} bytes of the second");
        f.follow(both.slice(whole..), 1).expect("it follows");
        assert_eq!(f.bytes(0, ".log"), both, "nothing lies between them");
    }
}

#[test]
fn a_read_finds_what_a_walk_over_the_files_finds() {
    let mut f = Fixture::small();
    for count in [1, 3, 2, 5, 1, 1, 4, 2, 6, 1, 3, 2, 2, 2, 1, 1, 1, 9, 1, 2, 3] {
        f.append(1, count);
    }
    let (all, end) = (f.offsets(), f.log.log_end_offset().0);
    assert!(f.segments().len() > 5 && all.len() == 21, "{:?}", f.segments());
    for from in 0..=end {
        for upper in 0..=end {
            for max_bytes in [0, 100, 140, 170, 200, 231, 10_000] {
                read_is_right(&mut f, &all, (from, upper, max_bytes));
            }
        }
    }
}

#[test]
fn a_read_outside_the_log_is_refused() {
    let mut f = Fixture::small();
    f.append(1, 4);
    f.append(1, 4);
    assert_eq!(f.start_at(2), Ok(true));
    for (from, good) in [(-1, false), (1, false), (2, true), (8, true), (9, false)] {
        let Fixture { disk, log, events, .. } = &mut f;
        let read = log.read(disk, Offset(from), 100, Offset(8), true, events);
        assert_eq!(read.is_ok(), good, "from {from}: {read:?}");
    }
}

#[test]
fn a_bit_that_rots_in_a_length_is_an_error_and_the_log_stays_online() {
    let mut f = Fixture::with(LogConfig { index_interval_bytes: 0, ..LogConfig::default() });
    for _ in 0..20 {
        f.append(1, 2);
    }
    let mut bytes = f.bytes(0, ".log");
    bytes[8..12].copy_from_slice(&[0; 4]);
    f.set_bytes(0, ".log", &bytes);
    let Fixture { disk, log, events, .. } = &mut f;
    let error = log.read(disk, Offset(0), 100, Offset(40), true, events).expect_err("no length");
    let want = BatchError::Length { length: 0 };
    let base_offset = Offset(0);
    assert_eq!(error, LogError::CorruptSegment { base_offset, position: 0, error: want });
    assert!(log.read(disk, Offset(38), 100, Offset(40), true, events).is_ok(), "the rest reads");
}

#[test]
fn timestamps_lead_to_the_first_record_that_is_not_earlier() {
    let mut f = Fixture::small();
    let times = [10, 20, 15, 40, 30, 30, 5, 60, 55, 70, 65, 61];
    for (offset, time) in (0..).zip(times) {
        let mut builder = BatchBuilder::new(Offset(offset)).leader_epoch(LeaderEpoch(2));
        builder.append(time, None, Some(&[0; 30]), &[]);
        f.follow(builder.build().into_bytes(), 2).expect("they are in order");
    }
    for restart in [false, true] {
        if restart {
            f.restart();
        }
        for target in 0..75 {
            let Fixture { disk, log, events, .. } = &mut f;
            let found = log.offset_for_timestamp(disk, target, events).expect("the disk is whole");
            let want = (0..).zip(times).find(|(_, time)| *time >= target);
            assert_eq!(
                found.map(|at| (at.offset.0, at.timestamp)),
                want,
                "time {target}, {restart}"
            );
        }
        let Fixture { disk, log, events, .. } = &mut f;
        let latest = log.offset_of_max_timestamp(disk, events).expect("the disk is whole");
        assert_eq!(latest.map(|at| (at.offset.0, at.timestamp)), Some((9, 70)));
    }
}

#[test]
fn dropped_segments_stay_for_a_while() {
    let mut f = Fixture::small();
    for _ in 0..12 {
        f.append(1, 2);
    }
    assert!(f.truncate(3), "four segments are cut to one");
    let doomed = |f: &Fixture| f.disk.paths().filter(|path| path.ends_with(".deleted")).count();
    // Three files each, and the snapshot of the producers that was taken where each begins.
    assert_eq!((doomed(&f), f.log.next_deletion_ms()), (3 * 4, Some(NOW + 60_000)));
    let Fixture { disk, log, events, .. } = &mut f;
    log.delete_due_files(disk, NOW + 59_999, events).expect("the disk is whole");
    log.delete_due_files(disk, NOW + 60_000, events).expect("the disk is whole");
    assert_eq!((doomed(&f), f.log.next_deletion_ms()), (0, None));
    f.log.clone().delete(&mut f.disk).expect("the disk is whole");
    assert_eq!(f.disk.paths().count(), 0, "and with the log all goes");
}

#[test]
fn a_flush_is_durable_only_once_it_was_paid() {
    let mut f = Fixture::small();
    for _ in 0..7 {
        f.append(1, 2);
    }
    let Fixture { disk, log, events, .. } = &mut f;
    log.flush(disk, Offset(12), events).expect("the disk is whole");
    assert_eq!(log.recovery_point(), Offset(0), "not paid yet");
    log.mark_flushed(Offset(12), events);
    assert_eq!(log.recovery_point(), Offset(12));
    let mut calls = |to| {
        let before = disk.calls();
        log.flush(disk, Offset(to), events).expect("the disk is whole");
        log.mark_flushed(Offset(to), events);
        disk.calls() - before
    };
    assert_eq!(calls(12), 0, "nothing is left to flush");
    assert_eq!(calls(13), 4, "the third segment's files, and the folder, since it is new");
    assert_eq!(calls(14), 3, "the folder knows it by now");
    f.truncate(5);
    assert_eq!(f.log.recovery_point(), Offset(5), "what was cut is not durable");
}

/// Appends a record at each (offset, timestamp) as a replica; wants the segments.
#[track_caller]
fn rolls(what: &str, config: LogConfig, records: &[(i64, i64)], want: &[i64]) {
    let mut f = Fixture::with(config);
    for &(offset, time) in records {
        let mut builder = BatchBuilder::new(Offset(offset)).leader_epoch(LeaderEpoch(1));
        builder.append(NOW + time, None, Some(b"12345678"), &[]);
        f.follow(builder.build().into_bytes(), 1).expect("they are in order");
    }
    assert_eq!(f.segments(), want, "{what}");
    let rolled = f.events.iter().filter(|event| matches!(event, LogEvent::Rolled { .. })).count();
    assert_eq!(rolled + 1, want.len(), "{what}: each roll is told");
}

#[track_caller]
fn read_is_right(f: &mut Fixture, all: &[(i64, i64)], (from, upper, max_bytes): (i64, i64, usize)) {
    let Fixture { disk, log, events, .. } = f;
    let read = log.read(disk, Offset(from), max_bytes, Offset(upper), true, events);
    let read = read.expect("the offset is in the log");
    let got: Vec<_> = read
        .batches()
        .map(|batch| batch.map(|batch| (batch.base_offset().0, batch.last_offset().0)))
        .collect::<Result<_, _>>()
        .expect("batches are whole");
    let mut want: Vec<_> = all.iter().copied().filter(|(_, last)| *last >= from).collect();
    want.truncate(want.iter().take_while(|(_, last)| *last < upper).count());
    let case = (from, upper, max_bytes);
    assert!(want.starts_with(&got), "{case:?}: {got:?} against {want:?}");
    assert_eq!(got.is_empty(), want.is_empty() || from >= upper, "{case:?}: at least one");
    assert_eq!(read.records, bytes_to_read(f, from, upper, max_bytes), "{case:?}: RE-2");
    let first = all.iter().find(|(_, last)| *last >= from);
    let place = first.map_or(f.log.log_end_offset().0, |(base, _)| *base);
    assert_eq!(read.start.offset, Offset(place), "{case:?}: where it begins");
}

/// What is to be read, from the segments as their files have them: of the segment with the first batch all below the
/// bound, cut at the limit, but not within the first batch.
fn bytes_to_read(f: &Fixture, from: i64, upper: i64, max_bytes: usize) -> Bytes {
    for base in f.segments() {
        let bytes = Bytes::from(f.bytes(base, ".log"));
        let (mut at, mut found) = (0, None);
        for batch in Batches::new(bytes.clone()) {
            let batch = batch.expect("a segment has whole batches");
            if batch.last_offset() >= Offset(upper) {
                break;
            }
            let size = batch.as_bytes().len();
            if found.is_none() && batch.last_offset() >= Offset(from) {
                found = Some((at, size));
            }
            at += size;
        }
        if let Some((start, first)) = found.filter(|_| from < upper) {
            return bytes.slice(start..at.min(start + max_bytes.max(first)));
        }
    }
    Bytes::new()
}

fn bytes_of(batches: &[RecordBatch]) -> Bytes {
    batches.iter().map(RecordBatch::as_bytes).collect::<Vec<_>>().concat().into()
}
