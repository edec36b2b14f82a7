//! Whether a log is what its model says, and whether it holds its invariants by itself (S1, S2, S5).

use trial_log::{LeaderEpoch, Log, LogEvent, MemoryDisk, Offset};

use super::model::{Batch, Model, Segment, largest_time};
use super::node::Node;

/// Everything that can be seen agrees: segments, ends, epochs, what is read.
pub fn agrees(node: &mut Node, model: &Model, when: &str) {
    let log = node.log();
    let ends = (log.log_start_offset().0, log.log_end_offset().0, log.recovery_point().0);
    assert_eq!(ends, (model.start, model.end, model.recovery_point), "the ends, {when}");
    assert_eq!(epochs(log), model.epochs, "the epochs, {when}");
    assert_eq!(bases(log), model.segments.iter().map(|s| s.0).collect::<Vec<_>>(), "{when}");
    assert_eq!(node.files(), model.segments, "the files, {when}");
    invariants(node, model, when);
}

/// What holds of any log over these segments, whatever befell it.
pub fn invariants(node: &mut Node, model: &Model, when: &str) {
    let segments = &model.segments;
    let Node { disk, log, events, .. } = node;
    let log = log.as_mut().expect("the process runs");
    let (start, end) = (log.log_start_offset(), log.log_end_offset());
    let visible: Vec<&Batch> = segments
        .iter()
        .flat_map(|(_, batches)| batches)
        .filter(|batch| batch.last >= start.0)
        .collect();
    let rising = visible.windows(2).all(|pair| pair[0].last < pair[1].base);
    assert!(rising, "LOG-5: offsets rise, {when}");
    for batch in &visible {
        let epoch = log.epochs().epoch_for_offset(Offset(batch.base.max(start.0)));
        if epoch.is_none() && batch.base < model.epochs_from {
            continue;
        }
        assert_eq!(epoch, Some(LeaderEpoch(batch.epoch)), "the epoch of {}, {when}", batch.base);
    }
    for entry in log.epochs().entries() {
        let at = entry.start_offset;
        assert!(
            at >= start && (at < end || at == start || is_new(log, at)),
            "{at} is not trimmed, {when}"
        );
    }
    offsets_are_found((disk, log, events), &visible, when);
    times_are_found((disk, log, events), segments, when);
}

/// The entry of a leader that has not appended anything yet.
fn is_new(log: &Log, at: Offset) -> bool {
    at == log.log_end_offset()
        && log.epochs().latest_entry().is_some_and(|latest| latest.start_offset == at)
}

/// S1, S2: a read from any offset begins with the batch that a walk finds.
fn offsets_are_found(
    (disk, log, events): (&mut MemoryDisk, &mut Log, &mut Vec<LogEvent>),
    visible: &[&Batch],
    when: &str,
) {
    let (start, end) = (log.log_start_offset().0, log.log_end_offset().0);
    for from in start..=end {
        let read = log.read(disk, Offset(from), 1, Offset(end), true, events);
        let read = read.unwrap_or_else(|error| panic!("a read at {from}, {when}: {error}"));
        let first = read.batches().next().map(|batch| batch.expect("S1: it is whole"));
        assert!(first.as_ref().is_none_or(trial_log::RecordBatch::is_valid), "S1: {when}");
        let want = visible.iter().find(|batch| batch.last >= from);
        let got = first.as_ref().map(Batch::of);
        assert_eq!(got.as_ref(), want.copied(), "S2: what lies at {from}, {when}");
    }
}

/// S2: a look-up by time finds what a walk finds: in the first segment that reaches to the timestamp, the first record.
fn times_are_found(
    (disk, log, events): (&mut MemoryDisk, &mut Log, &mut Vec<LogEvent>),
    segments: &[Segment],
    when: &str,
) {
    let start = log.log_start_offset().0;
    let times = segments.iter().flat_map(|(_, batches)| batches).map(Batch::max_time);
    let asked: Vec<i64> = times.flat_map(|time| [time - 1, time, time + 1]).collect();
    for time in asked {
        let segment = segments.iter().find(|segment| largest_time(segment) >= time);
        let batches = segment.map_or(&[][..], |(_, batches)| batches);
        let mut records = batches.iter().flat_map(|batch| (batch.base..).zip(&batch.times));
        let want = records.find(|(offset, of)| **of >= time && *offset >= start);
        let got = log.offset_for_timestamp(disk, time, events).expect("the log is whole");
        let got = got.map(|found| (found.offset.0, found.timestamp));
        assert_eq!(
            got,
            want.map(|(offset, of)| (offset, *of)),
            "S2: what lies at time {time}, {when}"
        );
    }
}

pub fn epochs(log: &Log) -> Vec<(i32, i64)> {
    log.epochs().entries().map(|e| (e.leader_epoch.0, e.start_offset.0)).collect()
}

pub fn bases(log: &Log) -> Vec<i64> {
    log.segment_base_offsets().map(|offset| offset.0).collect()
}
