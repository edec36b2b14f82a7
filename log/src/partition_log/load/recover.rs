//! Scans the segments that may not be durable, or lack an index, up to the first bad batch.
//!
//! In Kafka:   `LogLoader.recoverLog`, `recoverSegment`, `LogSegment.recover`.
//! Invariants: LD-1 where holes are refused, there is none between two segments of which none is known to be durable,
//!             unless compaction may have left it: a power loss can take the whole end of the first and leave the
//!             second. Kafka looks for bad batches, not for missing ones: the replica is believed, leads, and lacks
//!             what was committed. LD-2 what is cut off is the first bad batch and all after it, in its segment and
//!             in the next ones. The segments after it go before it is cut, the last one first, and for good: else a
//!             crash in between would leave a log with a hole, in which nothing is bad any more. (Kafka cuts first.)
//! Left out:   the last bits that no checksum covers: a base offset that rotted is believed, as in Kafka.

use crate::disk::Disk;
use crate::error::LogError;
use crate::event::LogEvent;
use crate::found_segment::{FoundSegment, Scan};
use crate::index_file::relative;
use crate::leader_epoch_cache::EpochEntry;
use crate::mark;
use crate::producer_state::{ProducerError, ProducerStateManager};
use crate::scanner::{ScanError, Scanner};
use crate::{LeaderEpoch, Offset, RecordBatch};

use super::super::log::Log;
use super::super::rebuild::{Rebuild, replay_batch};

/// A recovery reads this much at a time.
const RECOVERY_READ_AHEAD: usize = 1 << 20;

/// How the scan of a segment ended.
enum Scanned {
    /// At its end, or at the first batch that is bad.
    Up(Scan),
    /// At a good batch whose offset is too far from the segment's base (KAFKA-6264).
    Overflow,
}

impl Log {
    /// Takes the segments in order; none of them if one has to be split first, which is answered. The epochs that a
    /// scan meets, and where it does first, are added to `met`.
    pub(super) fn recover(
        &mut self,
        disk: &mut dyn Disk,
        (found, met): (Vec<FoundSegment>, &mut Vec<EpochEntry>),
        clean: bool,
        now_ms: i64,
        events: &mut Vec<LogEvent>,
    ) -> Result<Option<FoundSegment>, LogError> {
        let unflushed = found.partition_point(|s| s.base_offset <= self.recovery_point);
        let unflushed = if clean { found.len() } else { unflushed.saturating_sub(1) };
        let bases: Vec<Offset> = found.iter().map(|segment| segment.base_offset).collect();
        let mut rest = found.into_iter().enumerate();
        while let Some((number, segment)) = rest.next() {
            let will_be_flushed = number >= unflushed;
            let has_indexes = segment.has_indexes();
            if !will_be_flushed && has_indexes {
                self.segments.push(segment.believe());
                continue;
            }
            mark::sometimes!(
                events,
                !has_indexes,
                "segment_index_missing",
                "a segment was scanned because an index of it was missing or wrong"
            );
            let mut producers = self.producers_at(disk, segment.base_offset, now_ms, events)?;
            let learned = (&mut *met, &mut producers);
            let Scanned::Up(scan) = self.scan_segment(disk, &segment, learned, events)? else {
                self.segments.clear();
                return Ok(Some(segment));
            };
            let (base_offset, size) = (segment.base_offset, segment.size);
            let (bytes_kept, bytes_dropped) = (scan.valid_bytes(), size - scan.valid_bytes());
            // LD-1
            let next_base = bases.get(number + 1).filter(|_| will_be_flushed);
            let hole = next_base.is_some_and(|next| scan.next_offset() < *next)
                && self.config.holes_refused
                && !self.config.compacted;
            mark::sometimes!(
                events,
                hole,
                "recovery_ends_at_hole",
                "recovery found that a power loss had taken the whole end of a segment but not the next one"
            );
            if (bytes_dropped > 0 || hole) && rest.len() > 0 {
                mark::reachable!(
                    events,
                    "recovery_drops_segments",
                    "recovery found a bad batch and dropped the segments after it"
                );
                for (_, later) in rest.by_ref().rev() {
                    self.doom(disk, (later.base_offset, later.size), now_ms, events)?;
                }
                disk.sync_dir(&self.folder)?;
            }
            let segment = segment.recover(disk, &self.folder, &self.config, scan)?;
            mark::sometimes!(
                events,
                bytes_dropped > 0,
                "torn_batch",
                "recovery dropped the torn end of a log"
            );
            events.push(LogEvent::SegmentRecovered { base_offset, bytes_kept, bytes_dropped });
            // So that nothing is read twice: the next segment begins with it.
            producers.take_snapshot(disk, true, events)?;
            if !will_be_flushed {
                // Nobody flushes what lies below the recovery point again.
                segment.sync(disk)?;
                disk.sync_dir(&self.folder)?;
            } else if bytes_dropped > 0 && self.config.truncation_synced {
                // LOG-6: pages of what was cut must not come back behind what will stand there. No test misses this
                // line: `open.rs` syncs the segment again before anything is appended, and a power loss between the two
                // brings back what was bad, to be cut again.
                segment.sync(disk)?;
            }
            self.segments.push(segment);
        }
        Ok(None)
    }

    /// Walks over one segment up to the first bad batch; enters the epochs that it finds.
    fn scan_segment(
        &mut self,
        disk: &mut dyn Disk,
        segment: &FoundSegment,
        (met, producers): (&mut Vec<EpochEntry>, &mut ProducerStateManager),
        events: &mut Vec<LogEvent>,
    ) -> Result<Scanned, LogError> {
        let base_offset = segment.base_offset;
        let mut scan = Scan::new(base_offset);
        let mut scanner = Scanner::new(segment.file, 0, segment.size, RECOVERY_READ_AHEAD);
        let mut next_offset = base_offset;
        loop {
            let batch = match scanner.next_batch(disk) {
                Ok(Some((_, batch))) => batch,
                Ok(None) | Err(ScanError::Corrupt { .. }) => return Ok(Scanned::Up(scan)),
                Err(ScanError::Disk(error)) => return Err(LogError::Disk(error)),
            };
            if !batch.is_valid() || batch.last_offset_delta() < 0 {
                return Ok(Scanned::Up(scan));
            }
            // The checksum does not cover the base offset: a power failure that takes the sector before it leaves a
            // batch that is valid and begins at zero. (Kafka believes it, and the log ends there.)
            if batch.base_offset() < next_offset || batch.last_offset() == Offset::END {
                mark::reachable!(
                    events,
                    "recovery_stops_at_base_offset",
                    "recovery stopped at a batch with a good checksum whose base offset falls back"
                );
                return Ok(Scanned::Up(scan));
            }
            if relative(base_offset, batch.last_offset()).is_none() {
                return Ok(Scanned::Overflow);
            }
            next_offset = batch.next_offset();
            match replay_batch(producers, &batch, events) {
                Ok(aborted) => scan.aborts(aborted),
                Err(ProducerError::NotAnEndMarker { .. }) => return Ok(Scanned::Up(scan)),
                Err(error) => return Err(error.into()),
            }
            if !scan.took(&batch.summary(), self.config.index_interval_bytes) {
                // Offsets that fall back: Kafka drops the whole segment.
                mark::unreachable!(
                    events,
                    "scan_offsets_fall_back",
                    "each batch of a scan begins behind the one before, and ends where it begins or later"
                );
                return Ok(Scanned::Up(Scan::new(base_offset)));
            }
            self.recovered(disk, (&batch, met), events)?;
        }
    }

    /// What is known of the producers where a segment begins, from what comes before it. The snapshots beyond go: they
    /// were taken of batches that may be lost.
    fn producers_at(
        &self,
        disk: &mut dyn Disk,
        base_offset: Offset,
        now_ms: i64,
        events: &mut Vec<LogEvent>,
    ) -> Result<ProducerStateManager, LogError> {
        let mut producers = ProducerStateManager::open(disk, &self.folder)?;
        let rebuild = Rebuild {
            segments: &self.segments,
            log_start_offset: self.log_start_offset,
            last_offset: base_offset,
            clean: false,
            config: &self.config,
            now_ms,
        };
        rebuild.run(disk, &mut producers, events)?;
        Ok(producers)
    }

    /// Learns from a batch that a scan found to be good.
    fn recovered(
        &mut self,
        disk: &mut dyn Disk,
        (batch, met): (&RecordBatch, &mut Vec<EpochEntry>),
        events: &mut Vec<LogEvent>,
    ) -> Result<(), LogError> {
        let (leader_epoch, start_offset) = (batch.leader_epoch(), batch.base_offset());
        if leader_epoch.0 >= 0 && met.last().is_none_or(|last| last.leader_epoch < leader_epoch) {
            met.push(EpochEntry { leader_epoch, start_offset });
            self.enter_later_epoch(disk, leader_epoch, start_offset, events)?;
        }
        Ok(())
    }

    /// Enters an epoch if it is later than all that are known.
    pub(super) fn enter_later_epoch(
        &mut self,
        disk: &mut dyn Disk,
        leader_epoch: LeaderEpoch,
        start_offset: Offset,
        events: &mut Vec<LogEvent>,
    ) -> Result<(), LogError> {
        if self.epochs.latest_epoch() < Some(leader_epoch) {
            self.assign_epoch(disk, leader_epoch, start_offset, events)?;
        }
        Ok(())
    }
}
