//! What opens a log: the four passes, the scan, and where the log then starts and ends.
//!
//! In Kafka:   `LogLoader.load`, `loadSegmentFiles`.
//! Invariants: the log that is answered is whole; a crash on the way changes nothing that the next load finds.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::Offset;
use crate::config::LogConfig;
use crate::disk::Disk;
use crate::error::LogError;
use crate::event::LogEvent;
use crate::found_segment::FoundSegment;
use crate::leader_epoch_cache::LeaderEpochCache;
use crate::producer_state::{ProducerStateManager, ProducerUpdates};
use crate::tail::Tail;

use super::super::log::Log;
use super::temporary;

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
    ///
    /// [`LogError::CorruptSegment`] says that batches cannot be read which nothing scans: the last ones after a clean
    /// shutdown, or those below the recovery point that producers have to be learned from. The next attempt finds the
    /// same. In Kafka the directory stays online, and the broker does not start.
    pub fn open(
        disk: &mut dyn Disk,
        open: OpenLog<'_>,
        now_ms: i64,
        events: &mut Vec<LogEvent>,
    ) -> Result<Self, LogError> {
        disk.create_dir(open.folder)?;
        let is_old = temporary::finish_swaps(disk, open.folder, events)?;
        let mut log = Self {
            folder: open.folder.into(),
            config: Arc::new(open.config),
            segments: Vec::new(),
            epochs: LeaderEpochCache::load(disk, open.folder)?,
            log_start_offset: open.log_start_offset,
            log_end_offset: open.log_start_offset,
            recovery_point: open.recovery_point,
            producers: ProducerStateManager::open(disk, open.folder)?,
            updates: ProducerUpdates::default(),
            summaries: Vec::new(),
            tail: Tail::default(),
            doomed: VecDeque::new(),
            offline: None,
        };
        let mut met = Vec::new();
        let mut found = (log.find_segments(disk, now_ms)?, &mut met);
        while let Some(overflowed) = log.recover(disk, found, open.clean, now_ms, events)? {
            log.split_overflowed_segment(disk, &overflowed, now_ms, events)?;
            met.clear();
            found = (log.find_segments(disk, now_ms)?, &mut met);
        }
        log.find_ends(disk, (open.clean, &met), now_ms, events)?;
        if is_old && !open.clean && log.config.truncation_synced {
            // LOG-6: the process before may have ended between a truncation and its sync.
            log.active().sync(disk)?;
            disk.sync_dir(&log.folder)?;
        }
        log.find_producers(disk, open.clean, now_ms, events)?;
        let (log_start_offset, log_end_offset) = (log.log_start_offset, log.log_end_offset);
        events.push(LogEvent::Opened { clean: open.clean, log_start_offset, log_end_offset });
        log.invariants();
        Ok(log)
    }

    /// Learns the producers of the log that was found. The scan has left snapshots that are right, and they alone are
    /// beyond the segments that it scanned.
    fn find_producers(
        &mut self,
        disk: &mut dyn Disk,
        clean: bool,
        now_ms: i64,
        events: &mut Vec<LogEvent>,
    ) -> Result<(), LogError> {
        let bases = self.segments.iter().map(|segment| segment.base_offset).collect();
        self.producers.remove_stray_snapshots(disk, &self.folder, &bases)?;
        self.rebuild_producers(disk, self.log_end_offset, clean, now_ms, events)
    }

    /// The fourth pass: the segments that are there, in order; an index without its segment goes.
    fn find_segments(
        &self,
        disk: &mut dyn Disk,
        now_ms: i64,
    ) -> Result<Vec<FoundSegment>, LogError> {
        let bases = temporary::segments_of(disk, &self.folder)?;
        let mut found = Vec::with_capacity(bases.len());
        for base_offset in bases {
            found.push(FoundSegment::open(disk, &self.folder, base_offset, &self.config, now_ms)?);
        }
        Ok(found)
    }
}
