//! Which part of a log may be cleaned now.
//!
//! In Kafka:   `LogCleanerManager.cleanableOffsets`, `calculateCleanableBytes`.
//! Inputs:     a log, its checkpoint, the high watermark, the time.
//! Invariants: CL-1. A checkpoint outside the log is not believed: the log is dirty from its start on. CL-6 it is set
//!             to where the segment begins in which the log starts, which is clean as far as anybody knows. (Kafka sets
//!             it to the start, which may lie in the midst of the active segment. If that loses its end, and the start
//!             goes back since nobody had written it down, what is appended there passes for clean: an older record of
//!             its key stays for good, also when it is a tombstone and goes itself.)

use crate::partition_log::Log;
use crate::segment::Segment;
use crate::{LogEvent, Offset, mark};

/// Where cleaning begins and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OffsetsToClean {
    /// Below, every key has one record.
    pub first_dirty_offset: Offset,
    /// Up to where may be cleaned; at or above the former.
    pub first_uncleanable_dirty_offset: Offset,
    /// The checkpoint was outside the log, and is to be set to where the segment begins in which the log starts.
    pub force_update_checkpoint: bool,
}

/// Which part of a log may be cleaned; `last_clean_offset` is that of the checkpoint.
pub fn cleanable_offsets(
    log: &Log,
    last_clean_offset: Option<Offset>,
    high_watermark: Offset,
    now_ms: i64,
    events: &mut Vec<LogEvent>,
) -> OffsetsToClean {
    let (start, end) = (log.log_start_offset(), log.log_end_offset());
    let checkpointed = last_clean_offset.unwrap_or(start);
    let is_outside = checkpointed < base_of_start(log) || checkpointed > end;
    mark::sometimes!(
        events,
        is_outside,
        "cleaner_checkpoint_outside_log",
        "the cleaner's checkpoint lay before a log's start or beyond its end, and was set to the start"
    );
    let first_dirty_offset = if is_outside { start } else { checkpointed.max(start) };
    let lag_ms = log.config().min_compaction_lag_ms.max(0);
    let too_young = if lag_ms == 0 {
        None
    } else {
        let old_enough = now_ms.saturating_sub(lag_ms);
        let young = |segment: &&Segment| segment.largest_timestamp.timestamp > old_enough;
        closed_from(log, first_dirty_offset).iter().find(young).map(|it| it.base_offset)
    };
    mark::sometimes!(
        events,
        too_young.is_some(),
        "compaction_lag_keeps_a_segment",
        "a closed segment was not cleaned because min.compaction.lag.ms had not passed"
    );
    let bounds = [log.last_stable_offset(high_watermark), active(log).base_offset];
    let bound = bounds.into_iter().chain(too_young).min().expect("there are two at least");
    OffsetsToClean {
        first_dirty_offset,
        first_uncleanable_dirty_offset: first_dirty_offset.max(bound),
        force_update_checkpoint: is_outside,
    }
}

/// Where the segment begins in which the log starts.
pub(super) fn base_of_start(log: &Log) -> Offset {
    let (start, segments) = (log.log_start_offset(), log.segments());
    let after = segments.partition_point(|it| it.base_offset <= start);
    segments[after.saturating_sub(1)].base_offset
}

/// The segment that the log appends to.
pub(super) fn active(log: &Log) -> &Segment {
    log.segments().last().expect("LOG-1: there is an active segment")
}

/// The segments with offsets from `from` up to `to`; the first one may begin before `from`.
pub(super) fn segments_between(log: &Log, from: Offset, to: Offset) -> &[Segment] {
    if from >= to {
        return &[];
    }
    let segments = log.segments();
    let first = segments.partition_point(|it| it.base_offset <= from).saturating_sub(1);
    let end = segments.partition_point(|it| it.base_offset < to);
    &segments[first.min(end)..end]
}

/// The closed segments with offsets from `from` on.
pub(super) fn closed_from(log: &Log, from: Offset) -> &[Segment] {
    segments_between(log, from, active(log).base_offset)
}

/// Where the segment begins that must not be cleaned whole, and how many bytes may be before it.
pub(super) fn cleanable_bytes(
    log: &Log,
    first_dirty_offset: Offset,
    uncleanable_offset: Offset,
) -> (Offset, u64) {
    let closed = closed_from(log, uncleanable_offset).first();
    let first_uncleanable = closed.unwrap_or(active(log)).base_offset;
    let from = first_dirty_offset.min(first_uncleanable);
    let bytes = segments_between(log, from, first_uncleanable).iter().map(|it| it.size).sum();
    (first_uncleanable, bytes)
}
