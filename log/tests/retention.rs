//! What retention drops, and where a log may start.

mod support;

use support::{Fixture, NOW};
use trial_log::{
    AppendOrigin, BatchBuilder, DiskError, LeaderEpoch, LogConfig, LogError, LogEvent,
    LogStartReason, Offset,
};

const HOUR: i64 = 3_600_000;

#[test]
fn segments_go_by_age_once_it_is_strictly_greater() {
    let keep = LogConfig { retention_ms: HOUR, ..one_batch_each() };
    // One segment for each batch of two records: 0 at the time 0, 2 at 100, 4 at 50, 6 at 200.
    let times = [0, 100, 50, 200];
    retained("just as old", keep.clone(), &times, 8, HOUR, &[0, 2, 4, 6]);
    retained("older by one", keep.clone(), &times, 8, HOUR + 1, &[2, 4, 6]);
    retained("the second one is not", keep.clone(), &times, 8, HOUR + 100, &[2, 4, 6]);
    retained("and takes the third along", keep.clone(), &times, 8, HOUR + 101, &[6]);
    retained("all, the active one too", keep.clone(), &times, 8, HOUR + 201, &[8]);
    retained("from the future", keep.clone(), &[HOUR * 9, 0], 4, HOUR * 2, &[0, 2]);
    let never = LogConfig { retention_ms: -1, ..keep.clone() };
    retained("never", never, &times, 8, HOUR * 999, &[0, 2, 4, 6]);
    let at_once = LogConfig { retention_ms: 0, ..keep.clone() };
    retained("at once, but not in the same millisecond", at_once.clone(), &times, 8, 200, &[6]);
    retained("at once", at_once, &times, 8, 201, &[8]);
    let compacted = LogConfig { deletes: false, ..keep };
    retained("the policy is another", compacted, &times, 8, HOUR * 9, &[0, 2, 4, 6]);
}

#[test]
fn segments_go_by_size_as_long_as_what_is_left_is_large_enough() {
    let size = |retention_bytes| LogConfig { retention_bytes, ..one_batch_each() };
    let (times, one) = ([0, 1, 2, 3], batch_bytes());
    retained("no limit", size(-1), &times, 8, 9, &[0, 2, 4, 6]);
    retained("less than the limit", size(4 * one + 1), &times, 8, 9, &[0, 2, 4, 6]);
    retained("as much as the limit", size(4 * one), &times, 8, 9, &[0, 2, 4, 6]);
    retained("one would leave too little", size(3 * one + 1), &times, 8, 9, &[0, 2, 4, 6]);
    retained("one leaves just enough", size(3 * one), &times, 8, 9, &[2, 4, 6]);
    retained("two", size(one + 1), &times, 8, 9, &[4, 6]);
    retained("nothing is to be kept", size(0), &times, 8, 9, &[8]);
}

#[test]
fn nothing_goes_that_is_not_below_the_high_watermark() {
    let all = LogConfig { retention_bytes: 0, ..one_batch_each() };
    let times = [0, 1, 2, 3];
    for (high_watermark, want) in
        [(0, &[0, 2, 4, 6][..]), (1, &[0, 2, 4, 6]), (2, &[2, 4, 6]), (7, &[6]), (8, &[8])]
    {
        let what = format!("the high watermark is {high_watermark}");
        retained(&what, all.clone(), &times, high_watermark, 9, want);
    }
}

#[test]
fn an_empty_active_segment_stays_and_the_log_starts_where_it_does() {
    let mut f = batches(LogConfig { retention_bytes: 0, ..one_batch_each() }, &[0, 1]);
    assert_eq!(delete(&mut f, 4, 9), Ok(2));
    let now = (f.segments(), f.log.log_start_offset(), f.log.log_end_offset());
    assert_eq!(now, (vec![4], Offset(4), Offset(4)), "closed, and a new one begun, then dropped");
    assert!(f.events.contains(&LogEvent::Rolled { base_offset: Offset(4) }));
    let why = LogStartReason::SegmentDeletion;
    assert!(f.events.contains(&LogEvent::LogStartMoved { from: Offset(0), to: Offset(4), why }));
    assert_eq!(delete(&mut f, 4, 9), Ok(0), "there is nothing in it");
    assert_eq!(f.append(1, 2).first_offset, Offset(4));
    f.crash();
    assert_eq!((f.log.log_start_offset(), f.offsets()), (Offset(4), vec![(4, 5)]));
}

#[test]
fn segments_below_the_log_start_go_whatever_the_policy() {
    for deletes in [true, false] {
        let mut f = batches(LogConfig { deletes, ..one_batch_each() }, &[0, 1, 2, 3]);
        assert_eq!(f.start_at(5), Ok(true));
        assert_eq!(f.log.log_start_to_checkpoint(), Some(Offset(5)), "the first segment is 0");
        assert_eq!(delete(&mut f, 8, 9), Ok(2));
        assert_eq!((f.segments(), f.log.log_start_offset()), (vec![4, 6], Offset(5)));
        assert_eq!(f.start_at(6), Ok(true));
        assert_eq!(delete(&mut f, 8, 9), Ok(1));
        assert_eq!(f.log.log_start_to_checkpoint(), None, "the first segment says it");
        assert_eq!(f.start_at(8), Ok(true), "the end");
        assert_eq!(delete(&mut f, 8, 9), Ok(0), "the active segment stays");
    }
}

#[test]
fn a_log_starts_no_later_than_what_is_committed() {
    let mut f = batches(one_batch_each(), &[0, 1, 2, 3]);
    let why = LogStartReason::ClientRecordDeletion;
    let mut start_at = |to, high_watermark| {
        let high_watermark = Offset(high_watermark);
        f.log.increment_log_start_offset(Offset(to), high_watermark, why, &mut f.events)
    };
    let refused = |asked, high_watermark| {
        Err(LogError::AboveHighWatermark {
            asked: Offset(asked),
            high_watermark: Offset(high_watermark),
        })
    };
    assert_eq!(start_at(4, 3), refused(4, 3));
    assert_eq!(start_at(3, 3), Ok(true));
    assert_eq!(start_at(3, 3), Ok(false), "it starts there");
    assert_eq!(start_at(1, 3), Ok(false), "and never earlier");
    assert_eq!(start_at(1, 0), refused(1, 0), "though it would not move");
    let moved = LogEvent::LogStartMoved { from: Offset(0), to: Offset(3), why };
    let moves: Vec<_> =
        f.events.iter().filter(|e| matches!(e, LogEvent::LogStartMoved { .. })).collect();
    assert_eq!(moves, [&moved]);
}

#[test]
fn the_epochs_begin_where_the_log_does() {
    let mut f = Fixture::with(one_batch_each());
    for epoch in [1, 1, 2, 4] {
        f.append(epoch, 2);
    }
    assert_eq!(f.epochs(), [(1, 0), (2, 4), (4, 6)]);
    assert_eq!(f.start_at(3), Ok(true));
    assert_eq!(f.epochs(), [(1, 3), (2, 4), (4, 6)]);
    f.log.set_config(LogConfig { retention_bytes: 2 * batch_bytes(), ..one_batch_each() });
    assert_eq!(delete(&mut f, 8, 9), Ok(2));
    assert_eq!(f.epochs(), [(2, 4), (4, 6)]);
    // The checkpoint of epochs is written in the background: a crash before leaves what was trimmed to the next load.
    f.reopen(false, Offset::ZERO, Offset::ZERO).expect("the disk is whole");
    assert_eq!(f.epochs(), [(2, 4), (4, 6)]);
}

#[test]
fn a_log_that_is_offline_drops_nothing_and_starts_nowhere_else() {
    let mut f = batches(LogConfig { retention_bytes: 0, ..one_batch_each() }, &[0, 1, 2]);
    f.disk.fail_after(2, DiskError::Io);
    assert_eq!(delete(&mut f, 6, 9), Err(LogError::Disk(DiskError::Io)));
    f.disk.repair();
    assert_eq!(delete(&mut f, 6, 9), Err(LogError::Offline));
    assert_eq!(f.start_at(6), Err(LogError::Offline));
}

#[track_caller]
fn retained(
    what: &str,
    config: LogConfig,
    times: &[i64],
    high_watermark: i64,
    now: i64,
    want: &[i64],
) {
    let mut f = batches(config, times);
    let before = f.segments().len();
    let dropped = delete(&mut f, high_watermark, now).expect("the disk is whole");
    assert_eq!(f.segments(), want, "{what}");
    let rolled = usize::from(want == [2 * before as i64]);
    assert_eq!(dropped, before + rolled - want.len(), "{what}: how many went");
    assert_eq!(f.log.log_start_offset(), Offset(want[0]), "{what}: the start");
    f.crash();
    assert_eq!(f.segments(), want, "{what}: after a crash");
}

fn delete(f: &mut Fixture, high_watermark: i64, now: i64) -> Result<usize, LogError> {
    let Fixture { disk, log, events, .. } = f;
    log.delete_old_segments(disk, Offset(high_watermark), NOW + now, events)
}

/// A batch of two records for each of these times, from [`NOW`] on.
fn batches(config: LogConfig, times: &[i64]) -> Fixture {
    let mut f = Fixture::with(config);
    for &time in times {
        let mut batch = BatchBuilder::new(Offset::ZERO);
        batch.append(NOW + time, None, Some(b"value"), &[]);
        batch.append(NOW + time, None, Some(b"value"), &[]);
        let (bytes, origin) = (batch.build().into_bytes(), AppendOrigin::Client);
        let Fixture { disk, log, events, .. } = &mut f;
        log.append_as_leader(disk, bytes, LeaderEpoch(1), origin, NOW + time, events)
            .expect("the batch is good and the disk is whole");
    }
    f
}

fn one_batch_each() -> LogConfig {
    let (segment_bytes, message_timestamp_after_max_ms) = (100, i64::MAX);
    LogConfig { segment_bytes, message_timestamp_after_max_ms, ..LogConfig::default() }
}

fn batch_bytes() -> i64 {
    let f = batches(one_batch_each(), &[0]);
    i64::try_from(f.log.size_in_bytes()).expect("it is small")
}
