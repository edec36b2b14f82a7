//! Learns again what is known of the producers: from the newest snapshot, and from the batches after it.
//!
//! In Kafka:   `UnifiedLog.rebuildProducerState`, `loadProducersFromRecords`, `LogSegment.updateProducerState`.
//! Inputs:     segments that are whole, where the log starts, up to where it counts.
//! Invariants: S4 what comes out is what all batches below say, modulo expiry and all but the last batch of those that
//!             are known from a snapshot alone. A crash on the way leaves snapshots that are each right.
//! Left out:   the log itself is not touched: loading uses this before there is one.

use crate::config::LogConfig;
use crate::disk::Disk;
use crate::error::LogError;
use crate::event::LogEvent;
use crate::mark;
use crate::producer_state::{ProducerError, ProducerStateManager};
use crate::scanner::Scanner;
use crate::segment::Segment;
use crate::transaction_index::AbortedTxn;
use crate::{AppendOrigin, Offset, RecordBatch};

/// A replay reads this much at a time.
const REPLAY_READ_AHEAD: usize = 1 << 20;

/// What producers are to be learned from.
pub(super) struct Rebuild<'a> {
    pub(super) segments: &'a [Segment],
    pub(super) log_start_offset: Offset,
    /// Up to where the log counts.
    pub(super) last_offset: Offset,
    /// Whether the last shutdown was clean, so that a log without any snapshot had no producer.
    pub(super) clean: bool,
    pub(super) config: &'a LogConfig,
    pub(super) now_ms: i64,
}

impl Rebuild<'_> {
    /// Makes `producers` reflect the log up to its end; takes snapshots where the last two segments begin and at the
    /// end.
    pub(super) fn run(
        &self,
        disk: &mut dyn Disk,
        producers: &mut ProducerStateManager,
        events: &mut Vec<LogEvent>,
    ) -> Result<(), LogError> {
        let last_two = self.segments.len().saturating_sub(2);
        let bases = self.segments[last_two..].iter().map(|segment| segment.base_offset);
        if self.clean && producers.snapshot_offsets().next().is_none() {
            // A release that knew no producers has written this log, or none ever came: nothing is scanned for it.
            mark::sometimes!(
                events,
                self.last_offset > self.log_start_offset,
                "producers_skipped_after_clean_shutdown",
                "a log with records and without a snapshot was taken to have no producers, after a clean shutdown"
            );
            for offset in bases.chain([self.last_offset]) {
                producers.update_map_end_offset(offset);
                producers.take_snapshot(disk, true, events)?;
            }
            return Ok(());
        }
        let had_none = producers.is_empty() && producers.map_end_offset() >= self.last_offset;
        let range = (self.log_start_offset, self.last_offset);
        let expires = (self.now_ms, self.config.producer_id_expiration_ms);
        producers.truncate_and_reload(disk, range, expires, events)?;
        if !had_none && producers.map_end_offset() < self.last_offset {
            let from = producers.map_end_offset();
            let first = self.segments.partition_point(|segment| segment.base_offset <= from);
            let segments = self.segments[first.saturating_sub(1)..].iter();
            for segment in segments.take_while(|segment| segment.base_offset < self.last_offset) {
                let known = producers.map_end_offset().max(self.log_start_offset);
                producers.update_map_end_offset(known.max(segment.base_offset));
                if bases.clone().any(|base| base == segment.base_offset) {
                    producers.take_snapshot(disk, true, events)?;
                }
                self.replay(disk, segment, producers, events)?;
            }
        }
        producers.update_map_end_offset(self.last_offset);
        producers.take_snapshot(disk, true, events)?;
        Ok(())
    }

    /// Learns from the batches of a segment that are not reflected yet.
    fn replay(
        &self,
        disk: &mut dyn Disk,
        segment: &Segment,
        producers: &mut ProducerStateManager,
        events: &mut Vec<LogEvent>,
    ) -> Result<(), LogError> {
        let Some(first) = segment.find(disk, producers.map_end_offset())? else {
            return Ok(());
        };
        mark::reachable!(
            events,
            "producers_replayed_from_log",
            "what is known of a log's producers was learned from its batches, for want of a snapshot"
        );
        let (from, to) = (first.position, segment.size);
        let mut scanner = Scanner::new(segment.file, from, to, REPLAY_READ_AHEAD);
        while let Some((_, batch)) =
            scanner.next_batch(disk).map_err(|error| segment.error(error))?
        {
            if batch.last_offset() >= self.last_offset {
                break;
            }
            replay_batch(producers, &batch, events)?;
        }
        Ok(())
    }
}

/// Learns from one batch of a log; answers the transaction that it aborts.
pub(super) fn replay_batch(
    producers: &mut ProducerStateManager,
    batch: &RecordBatch,
    events: &mut Vec<LogEvent>,
) -> Result<Option<AbortedTxn>, ProducerError> {
    let mut aborted = None;
    if batch.producer_id() >= 0 {
        let mut started = Vec::new();
        let mut info = producers.prepare_update(batch.producer_id(), AppendOrigin::Replication);
        let completed = info.append(batch, None, None, &mut started)?;
        producers.update(&info, &started);
        if let Some(completed) = completed {
            let last_stable_offset = producers.last_stable_offset(&completed);
            aborted = AbortedTxn::of_completed(&completed, last_stable_offset);
            producers.complete_txn(&completed, events);
        }
    }
    producers.update_map_end_offset(batch.next_offset());
    Ok(aborted)
}
