//! One cleaning of one log, step by step: each step is one critical section, and anything may come between two.
//!
//! In Kafka:   `Cleaner.doClean`; a step is what lies between two calls of `checkDone`.
//! Holds:      what was learned of the keys (shared between clones), how far the segments were read, the new segments.
//! Inputs:     the log and its disk, the high watermark, the time; at each step anew.
//! Invariants: a cleaning ends early, and leaves the log whole, when a segment that it has to read or replace is not
//!             what it was: cut, dropped or replaced; and when a transaction in it is open again, since its marker was
//!             cut. Then, and after an error, its files are removed. (In Kafka only cuts that reach below the active
//!             segment end a cleaning.)

use std::sync::Arc;

use crate::disk::Disk;
use crate::{Log, LogError, LogEvent, Offset, mark};

use super::copy::{Copying, StepContext};
use super::dirty_log::LogToClean;
use super::map_keys::MapKeys;
use super::offset_map::OffsetMap;
use super::settings::{CleanerConfig, LastBatchKept};
use super::stats::CleanerStats;

/// One cleaning of one log.
#[derive(Debug, Clone)]
pub struct Cleaning {
    to_clean: LogToClean,
    config: CleanerConfig,
    began_ms: i64,
    map: Arc<OffsetMap>,
    phase: Phase,
    stats: CleanerStats,
}

#[derive(Debug, Clone)]
enum Phase {
    MapKeys(MapKeys),
    Copy(Copying),
    Over,
}

/// What a step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CleaningStep {
    /// There is more to do.
    More,
    /// All is done: up to this offset the log is clean, and that belongs into the checkpoint.
    Done {
        /// The first offset that is dirty now.
        end_offset: Offset,
    },
    /// The log was changed in between: nothing more is done, and the checkpoint stays.
    Stopped,
}

impl Cleaning {
    /// Begins a cleaning; nothing is read yet.
    ///
    /// # Panics
    ///
    /// If there is no room for a single key.
    #[must_use]
    pub fn new(log: &Log, to_clean: LogToClean, config: CleanerConfig, now_ms: i64) -> Self {
        let map = OffsetMap::new(config.dedupe_buffer_bytes);
        assert!(map.slots() > 0, "{} bytes have room for no key", config.dedupe_buffer_bytes);
        let phase = match MapKeys::begin(log, &to_clean) {
            Some(keys) => Phase::MapKeys(keys),
            None => Phase::Over,
        };
        let stats = CleanerStats { slots: map.slots(), ..CleanerStats::default() };
        Self { to_clean, config, began_ms: now_ms, map: Arc::new(map), phase, stats }
    }

    /// What it set out to clean.
    #[must_use]
    pub fn to_clean(&self) -> &LogToClean {
        &self.to_clean
    }

    /// What it has read and written so far.
    #[must_use]
    pub fn stats(&self) -> CleanerStats {
        self.stats
    }

    /// Does the next piece of work: reads a piece to learn keys, copies one, or puts a group of segments in its place.
    ///
    /// After [`LogError::CorruptSegment`] the log is not cleanable; any other error has taken it offline.
    pub fn step(
        &mut self,
        log: &mut Log,
        disk: &mut dyn Disk,
        high_watermark: Offset,
        now_ms: i64,
        events: &mut Vec<LogEvent>,
    ) -> Result<CleaningStep, LogError> {
        let first_uncleanable = self.to_clean.first_uncleanable_offset;
        let is_stable = log.first_unstable_offset().is_none_or(|first| first >= first_uncleanable);
        let is_there = match &self.phase {
            Phase::MapKeys(keys) => keys.is_there(log),
            Phase::Copy(copying) => copying.is_there(log),
            Phase::Over => true,
        };
        if !is_there || !is_stable {
            mark::reachable!(
                events,
                "cleaning_stopped_by_change",
                "what was being cleaned was cut or dropped, or a marker that decided it, and the cleaning ended"
            );
            self.abandon(log, disk, events)?;
            return Ok(CleaningStep::Stopped);
        }
        let outcome = self.go_on(log, disk, (high_watermark, now_ms), events);
        if let Err(LogError::CorruptSegment { .. }) = outcome {
            mark::reachable!(
                events,
                "cleaning_found_corruption",
                "the cleaner met a batch that is none, or has another checksum, and gave the log up"
            );
            self.abandon(log, disk, events)?;
        }
        outcome
    }

    /// Does all steps, one after the other; answers up to where the log is clean, or none if somebody has changed it.
    pub fn run(
        &mut self,
        log: &mut Log,
        disk: &mut dyn Disk,
        high_watermark: Offset,
        now_ms: i64,
        events: &mut Vec<LogEvent>,
    ) -> Result<Option<Offset>, LogError> {
        loop {
            match self.step(log, disk, high_watermark, now_ms, events)? {
                CleaningStep::More => {}
                CleaningStep::Done { end_offset } => return Ok(Some(end_offset)),
                CleaningStep::Stopped => return Ok(None),
            }
        }
    }

    /// Ends it, since somebody asked for that: what it has written for nobody is removed.
    pub fn abandon(
        &mut self,
        log: &mut Log,
        disk: &mut dyn Disk,
        events: &mut Vec<LogEvent>,
    ) -> Result<(), LogError> {
        match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Copy(copying) => log.remove_cleaned_segments(disk, copying.unfinished(), events),
            Phase::MapKeys(_) | Phase::Over => Ok(()),
        }
    }

    fn go_on(
        &mut self,
        log: &mut Log,
        disk: &mut dyn Disk,
        (high_watermark, now_ms): (Offset, i64),
        events: &mut Vec<LogEvent>,
    ) -> Result<CleaningStep, LogError> {
        match &mut self.phase {
            Phase::MapKeys(keys) => {
                let map = Arc::make_mut(&mut self.map);
                let (config, stats) = (&self.config, &mut self.stats);
                let is_last =
                    log.guarded(events, |_, events| keys.step(disk, config, (map, stats), events))?;
                self.stats.keys = self.map.len();
                if is_last {
                    let latest = self.map.latest_offset();
                    let first_dirty = self.to_clean.first_dirty_offset;
                    let end = latest.map_or(first_dirty, Offset::next);
                    self.phase = Phase::Copy(Copying::begin(log, &self.to_clean, end));
                }
                Ok(CleaningStep::More)
            }
            Phase::Copy(copying) => {
                let last_kept = match self.config.last_batch_kept {
                    LastBatchKept::OfCleaning => self.to_clean.first_uncleanable_offset,
                    LastBatchKept::BelowHighWatermark => high_watermark,
                };
                let mut context = StepContext {
                    map: &self.map,
                    config: &self.config,
                    last_kept,
                    began_ms: self.began_ms,
                    now_ms,
                    stats: &mut self.stats,
                };
                let end_offset = copying.end_offset;
                let is_last = copying.step(log, disk, &mut context, events)?;
                if is_last {
                    self.phase = Phase::Over;
                    return Ok(CleaningStep::Done { end_offset });
                }
                Ok(CleaningStep::More)
            }
            Phase::Over => Ok(CleaningStep::Done { end_offset: self.to_clean.first_dirty_offset }),
        }
    }
}
