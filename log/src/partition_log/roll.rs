//! Begins further segments: when an append asks for one, when retention does, when somebody says so.
//!
//! In Kafka:   `UnifiedLog.maybeRoll`, `roll`, `LocalLog.roll`, `LogSegment.shouldRoll`, `onBecomeInactiveSegment`.
//! Invariants: the segment that is closed ends its time index with its largest timestamp. What it holds is flushed in
//!             the background, by whoever runs the log, when it sees the event. RL-1 Where holes are refused a
//!             compacted log flushes it before anything comes behind it: no recovery can tell what a power loss took
//!             from what the cleaner took. (Kafka does not; see `load/recover.rs` for logs that are not compacted.)
//! Left out:   Kafka trims the index files, which it allocates whole; ours are as long as their entries.

use crate::Offset;
use crate::disk::Disk;
use crate::error::LogError;
use crate::event::LogEvent;
use crate::mark;
use crate::segment::{Roll, Segment};

use super::log::Log;

impl Log {
    /// Begins a further segment at the end of the log.
    pub fn roll(
        &mut self,
        disk: &mut dyn Disk,
        now_ms: i64,
        events: &mut Vec<LogEvent>,
    ) -> Result<(), LogError> {
        let at = self.log_end_offset;
        self.guarded(events, |log, events| log.roll_at(disk, at, now_ms, events))
    }

    /// Begins a further segment at `first_offset` if an append of `size` bytes from there to `last_offset`, with this
    /// largest timestamp, belongs into one.
    pub(super) fn roll_if_due(
        &mut self,
        disk: &mut dyn Disk,
        first_offset: Offset,
        (size, max_timestamp, last_offset): (u64, i64, Offset),
        now_ms: i64,
        events: &mut Vec<LogEvent>,
    ) -> Result<(), LogError> {
        let asks = (size, max_timestamp, last_offset);
        let active = self.segments.last_mut().expect("LOG-1: there is an active segment");
        if let Some(why) = active.should_roll(disk, &self.config, asks, now_ms)? {
            note_roll(why, events);
            self.roll_at(disk, first_offset, now_ms, events)?;
        }
        Ok(())
    }

    /// Begins a segment at `offset` or at the log's end, whichever is larger: a replica's first batch may lie
    /// beyond the end, and is appended next.
    pub(super) fn roll_at(
        &mut self,
        disk: &mut dyn Disk,
        offset: Offset,
        now_ms: i64,
        events: &mut Vec<LogEvent>,
    ) -> Result<(), LogError> {
        let base_offset = offset.max(self.log_end_offset);
        let recovery_point = self.recovery_point;
        let active = self.active_mut();
        if active.base_offset == base_offset {
            // An index without room for a single entry asks for a roll of an empty segment (KAFKA-6388). Kafka drops
            // its files and makes them again, which differs only in that a crash in between forgets where the log ends.
            assert!(active.size == 0, "LOG-3: a segment at the log's end is empty");
            mark::reachable!(
                events,
                "empty_segment_rolled",
                "a roll was asked of an empty segment, which then is the further segment itself (KAFKA-6388)"
            );
            active.opened_anew(now_ms);
            return self.snapshot_at_roll(disk, base_offset, events);
        }
        assert!(base_offset > active.base_offset, "LOG-3: segments rise");
        active.finish(disk)?;
        if recovery_point >= base_offset {
            // All its batches were flushed before: nobody will flush the entry that its time index has just got.
            active.sync(disk)?;
        } else if self.config.compacted && self.config.holes_refused {
            self.sync_below(disk, base_offset)?;
        }
        let segment = Segment::create(disk, &self.folder, base_offset, &self.config, now_ms)?;
        self.segments.push(segment);
        events.push(LogEvent::Rolled { base_offset });
        self.snapshot_at_roll(disk, base_offset, events)
    }

    /// Takes a snapshot of the producers where the new segment begins, which may lie beyond the log's end; the next
    /// flush syncs it.
    fn snapshot_at_roll(
        &mut self,
        disk: &mut dyn Disk,
        base_offset: Offset,
        events: &mut Vec<LogEvent>,
    ) -> Result<(), LogError> {
        self.producers.update_map_end_offset(base_offset);
        self.producers.take_snapshot(disk, false, events)?;
        Ok(())
    }
}

fn note_roll(why: Roll, events: &mut Vec<LogEvent>) {
    let is = |reason| why == reason;
    mark::sometimes!(
        events,
        is(Roll::Size),
        "segment_rolled_by_size",
        "a segment was closed because it was full"
    );
    mark::sometimes!(
        events,
        is(Roll::Index),
        "segment_rolled_by_index",
        "a segment was closed because an index of it was full"
    );
    mark::sometimes!(
        events,
        is(Roll::Overflow),
        "segment_rolled_by_overflow",
        "a segment was closed because the next offset was too far from its base"
    );
    mark::sometimes!(
        events,
        is(Roll::Age),
        "segment_rolled_by_age",
        "a segment was closed because its records span segment.ms"
    );
}
