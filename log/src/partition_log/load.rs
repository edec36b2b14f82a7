//! Opens a log: takes what the disk holds, and after an unclean shutdown only what is whole.
//!
//! In Kafka:   `LogLoader`, `LogSegment.recover`.
//! Invariants: what is cut off is the first bad batch and all after it, in its segment and in the next ones. A crash
//!             on the way changes nothing: the next load finds the same. The recovery point rises only after a clean
//!             shutdown.
//! Left out:   `.swap` files, splitting of segments whose offsets overflow (such a batch counts as bad), the last
//!             bits that no checksum covers: a base offset that rotted is believed, as in Kafka.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::config::LogConfig;
use crate::disk::{Disk, DiskError};
use crate::error::LogError;
use crate::event::LogEvent;
use crate::leader_epoch_cache::LeaderEpochCache;
use crate::mark;
use crate::offset_index::OffsetEntries;
use crate::scanner::{ScanError, Scanner};
use crate::segment::{
    CLEANED_SUFFIX, DELETED_SUFFIX, INDEX_SUFFIX, LOG_SUFFIX, Segment, TIME_INDEX_SUFFIX,
    offset_in_name,
};
use crate::tail::Tail;
use crate::time_index::TimeEntries;
use crate::{Offset, RecordBatch};

use super::log::{Log, remove_if_there};

/// A recovery reads this much at a time.
const RECOVERY_READ_AHEAD: usize = 1 << 20;

/// What to open, and what its directory says about it.
#[derive(Debug, Clone)]
pub struct OpenLog<'a> {
    /// The folder, within the log directory; made if there is none.
    pub folder: &'a str,
    /// The settings.
    pub config: LogConfig,
    /// Whether the last shutdown was clean, so that nothing is scanned.
    pub clean: bool,
    /// The first offset that may not be durable, from its checkpoint.
    pub recovery_point: Offset,
    /// Where the log starts, from its checkpoint.
    pub log_start_offset: Offset,
}

impl<'a> OpenLog<'a> {
    /// A log that no checkpoint knows, after an unclean shutdown: everything is scanned.
    #[must_use]
    pub fn new(folder: &'a str) -> Self {
        Self {
            folder,
            config: LogConfig::default(),
            clean: false,
            recovery_point: Offset::ZERO,
            log_start_offset: Offset::ZERO,
        }
    }
}

impl Log {
    /// Opens the log in a folder, or makes one.
    pub fn open(
        disk: &mut dyn Disk,
        open: OpenLog<'_>,
        now_ms: i64,
        events: &mut Vec<LogEvent>,
    ) -> Result<Self, LogError> {
        disk.create_dir(open.folder)?;
        let bases = tidy(disk, open.folder)?;
        let mut log = Self {
            folder: open.folder.into(),
            config: Arc::new(open.config),
            segments: Vec::with_capacity(bases.len()),
            epochs: LeaderEpochCache::load(disk, open.folder)?,
            log_start_offset: open.log_start_offset,
            log_end_offset: open.log_start_offset,
            recovery_point: open.recovery_point,
            tail: Tail::default(),
            doomed: VecDeque::new(),
            offline: None,
        };
        let mut found = Vec::with_capacity(bases.len());
        for base_offset in bases {
            found.push(Segment::open(disk, &log.folder, base_offset, &log.config, now_ms)?);
        }
        log.recover(disk, found, open.clean, now_ms, events)?;
        log.find_ends(disk, open.clean, now_ms, events)?;
        let (log_start_offset, log_end_offset) = (log.log_start_offset, log.log_end_offset);
        events.push(LogEvent::Opened { clean: open.clean, log_start_offset, log_end_offset });
        log.invariants();
        Ok(log)
    }

    /// Takes the segments in order and scans those that may not be durable or lack their index; the first bad
    /// batch ends the log. The segments after it go before it is cut off, and for good: else a crash in between
    /// would leave a log with a hole, in which nothing is bad any more. (Kafka cuts first.)
    fn recover(
        &mut self,
        disk: &mut dyn Disk,
        found: Vec<(Segment, bool)>,
        clean: bool,
        now_ms: i64,
        events: &mut Vec<LogEvent>,
    ) -> Result<(), LogError> {
        let unflushed = found.partition_point(|(s, _)| s.base_offset <= self.recovery_point);
        let unflushed = if clean { found.len() } else { unflushed.saturating_sub(1) };
        let mut rest = found.into_iter().enumerate();
        while let Some((number, (mut segment, index_missing))) = rest.next() {
            if number < unflushed && !index_missing {
                self.segments.push(segment);
                continue;
            }
            mark::sometimes!(
                events,
                index_missing,
                "segment_index_missing",
                "a segment was scanned because its offset index was not there"
            );
            let scan = self.scan_segment(disk, &mut segment, events)?;
            let is_bad = scan.valid_bytes < segment.size;
            if is_bad && rest.len() > 0 {
                mark::reachable!(
                    events,
                    "recovery_drops_segments",
                    "recovery found a bad batch and dropped the segments after it"
                );
                for (_, (later, _)) in rest.by_ref() {
                    self.doom(disk, &later, now_ms, events)?;
                }
                disk.sync_dir(&self.folder)?;
            }
            scan.apply(disk, &mut segment, events)?;
            if is_bad && self.config.truncation_synced {
                // LOG-6: pages of what was cut must not come back behind what will stand there.
                segment.sync(disk)?;
            }
            self.segments.push(segment);
        }
        Ok(())
    }

    /// Walks over one segment up to the first bad batch; enters the epochs that it finds.
    fn scan_segment(
        &mut self,
        disk: &mut dyn Disk,
        segment: &mut Segment,
        events: &mut Vec<LogEvent>,
    ) -> Result<Scan, LogError> {
        segment.begin_scan();
        let mut scan = Scan::default();
        let mut scanner = Scanner::new(segment.file, 0, segment.size, RECOVERY_READ_AHEAD);
        let mut next_offset = segment.base_offset;
        loop {
            let batch = match scanner.next_batch(disk) {
                Ok(Some((_, batch))) => batch,
                Ok(None) | Err(ScanError::Corrupt { .. }) => return Ok(scan),
                Err(ScanError::Disk(error)) => return Err(LogError::Disk(error)),
            };
            if !batch.is_valid() || !segment.index.can_hold(batch.last_offset()) {
                return Ok(scan);
            }
            // The checksum does not cover the base offset: a power failure that takes the sector before it leaves a
            // batch that is valid and begins at zero. (Kafka believes it, and the log ends there.)
            if batch.base_offset() < next_offset {
                mark::reachable!(
                    events,
                    "recovery_stops_at_base_offset",
                    "recovery stopped at a batch with a good checksum whose base offset falls back"
                );
                return Ok(scan);
            }
            next_offset = batch.next_offset();
            if !scan.index(segment, &batch, self.config.index_interval_bytes) {
                // Offsets that fall back: Kafka drops the whole segment.
                mark::unreachable!(
                    events,
                    "scan_offsets_fall_back",
                    "each batch of a scan begins behind the one before, and ends where it begins or later"
                );
                segment.begin_scan();
                return Ok(Scan::default());
            }
            let epoch = batch.leader_epoch();
            if epoch.0 >= 0 && self.epochs.latest_epoch() < Some(epoch) {
                self.assign_epoch(disk, epoch, batch.base_offset(), events)?;
            }
        }
    }

    /// Decides where the log starts and ends; a log that would end before it starts is dropped.
    fn find_ends(
        &mut self,
        disk: &mut dyn Disk,
        clean: bool,
        now_ms: i64,
        events: &mut Vec<LogEvent>,
    ) -> Result<(), LogError> {
        let start = self.log_start_offset;
        let mut found = match self.segments.last() {
            Some(last) => Some(last.next_offset(disk)?),
            None => None,
        };
        if found.is_some_and(|end| end < start) {
            mark::reachable!(
                events,
                "log_ends_before_its_start",
                "a log was dropped whole, since it ended before the start that its checkpoint knew"
            );
            for segment in std::mem::take(&mut self.segments) {
                self.doom(disk, &segment, now_ms, events)?;
            }
            self.epochs.clear(disk)?;
            found = None;
        }
        if self.segments.is_empty() {
            self.segments.push(Segment::create(disk, &self.folder, start, &self.config, now_ms)?);
        }
        self.log_end_offset = found.unwrap_or(start);
        mark::sometimes!(
            events,
            self.recovery_point > self.log_end_offset,
            "recovery_point_beyond_log_end",
            "the checkpoint of recovery points knew a log to be longer than it was"
        );
        mark::sometimes!(
            events,
            self.epochs.entries().any(|entry| entry.start_offset > self.log_end_offset),
            "epoch_checkpoint_beyond_log_end",
            "the checkpoint of leader epochs knew an epoch of which the log had lost every record"
        );
        self.recovery_point = match found {
            Some(end) if clean => end,
            _ => self.recovery_point.min(self.log_end_offset),
        };
        self.trim_epochs_to(disk, self.log_end_offset, events)?;
        let removed = self.epochs.truncate_from_start(start);
        if removed > 0 {
            events.push(LogEvent::EpochsTruncated { removed });
        }
        self.log_start_offset = start.max(self.segments[0].base_offset);
        Ok(())
    }
}

/// What a scan of a segment has gathered.
#[derive(Default)]
struct Scan {
    valid_bytes: u64,
    last_index_entry: u64,
    offsets: OffsetEntries,
    times: TimeEntries,
}

impl Scan {
    /// Takes a good batch; false if an index cannot take it, since its offset falls back.
    fn index(&mut self, segment: &mut Segment, batch: &RecordBatch, interval: u64) -> bool {
        segment.scanned(&batch.summary());
        if self.valid_bytes - self.last_index_entry > interval {
            let (offset, position) = (batch.last_offset(), self.valid_bytes);
            if !segment.index.collect(&mut self.offsets, offset, position) {
                return false;
            }
            segment.time_index.collect(&mut self.times, segment.largest_timestamp);
            self.last_index_entry = self.valid_bytes;
        }
        self.valid_bytes += batch.size_in_bytes() as u64;
        true
    }

    /// Cuts the segment to what is good and writes its indexes again.
    fn apply(
        self,
        disk: &mut dyn Disk,
        segment: &mut Segment,
        events: &mut Vec<LogEvent>,
    ) -> Result<(), DiskError> {
        let (bytes_kept, bytes_dropped) = (self.valid_bytes, segment.size - self.valid_bytes);
        segment.cut(disk, bytes_kept)?;
        segment.index.replace(disk, self.offsets)?;
        segment.time_index.replace(disk, self.times)?;
        segment.finish(disk)?;
        let base_offset = segment.base_offset;
        mark::sometimes!(
            events,
            bytes_dropped > 0,
            "torn_batch",
            "recovery dropped the torn end of a log"
        );
        events.push(LogEvent::SegmentRecovered { base_offset, bytes_kept, bytes_dropped });
        Ok(())
    }
}

/// Removes what an earlier process left unfinished; answers the segments that are there, in order.
fn tidy(disk: &mut dyn Disk, folder: &str) -> Result<Vec<Offset>, DiskError> {
    let names = disk.list(folder)?;
    let mut bases: Vec<Offset> =
        names.iter().filter_map(|name| offset_in_name(name, LOG_SUFFIX)).collect();
    bases.sort_unstable();
    for name in &names {
        let unfinished = name.ends_with(DELETED_SUFFIX) || name.ends_with(CLEANED_SUFFIX);
        let index = offset_in_name(name, INDEX_SUFFIX);
        let index = index.or_else(|| offset_in_name(name, TIME_INDEX_SUFFIX));
        let orphaned = index.is_some_and(|base| bases.binary_search(&base).is_err());
        if unfinished || orphaned {
            remove_if_there(disk, &format!("{folder}/{name}"))?;
        }
    }
    Ok(bases)
}
