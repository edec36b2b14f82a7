//! How dirty a log is, and whether it has to be cleaned.
//!
//! In Kafka:   `LogToClean`, `LogCleanerManager.maxCompactionDelay`; KIP-354.
//! Invariants: ratios are compared as fractions of integers: they are the same on every machine.

use std::cmp::Ordering;

use crate::disk::Disk;
use crate::partition_log::Log;
use crate::{LogError, LogEvent, Offset};

use super::cleanable::{active, cleanable_bytes};

/// A log that may be cleaned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogToClean {
    /// Below, every key has one record.
    pub first_dirty_offset: Offset,
    /// Where the first segment begins that is not touched.
    pub first_uncleanable_offset: Offset,
    /// How large the segments are that begin below the first dirty offset.
    pub clean_bytes: u64,
    /// How large the segments are that are to be cleaned for the first time, at least in part.
    pub cleanable_bytes: u64,
    /// Whether `max.compaction.lag.ms` has passed for one of them.
    pub need_compaction_now: bool,
}

impl LogToClean {
    /// Looks at a log that is dirty from an offset on, and may be cleaned up to another.
    #[must_use]
    pub fn new(
        log: &Log,
        first_dirty_offset: Offset,
        uncleanable_offset: Offset,
        need_compaction_now: bool,
    ) -> Self {
        let clean = log.segments().iter().filter(|it| it.base_offset < first_dirty_offset);
        let (first_uncleanable_offset, cleanable_bytes) =
            cleanable_bytes(log, first_dirty_offset, uncleanable_offset);
        Self {
            first_dirty_offset,
            first_uncleanable_offset,
            clean_bytes: clean.map(|it| it.size).sum(),
            cleanable_bytes,
            need_compaction_now,
        }
    }

    /// All bytes that a cleaning reads or passes over.
    #[must_use]
    pub fn total_bytes(&self) -> u64 {
        self.clean_bytes + self.cleanable_bytes
    }

    /// Compares the parts of two logs that are dirty.
    #[must_use]
    pub fn cmp_ratio(&self, other: &Self) -> Ordering {
        let product = |one: u64, other: u64| u128::from(one) * u128::from(other);
        product(self.cleanable_bytes, other.total_bytes())
            .cmp(&product(other.cleanable_bytes, self.total_bytes()))
    }

    /// Whether more than so many millionths are dirty.
    #[must_use]
    pub fn is_dirtier_than(&self, millionths: u32) -> bool {
        let (dirty, total) = (u128::from(self.cleanable_bytes), u128::from(self.total_bytes()));
        dirty * 1_000_000 > total * u128::from(millionths)
    }
}

/// By how much the oldest dirty record of a closed segment is older than `max.compaction.lag.ms`, in milliseconds;
/// zero if it is not.
pub fn max_compaction_delay_ms(
    log: &mut Log,
    disk: &mut dyn Disk,
    first_dirty_offset: Offset,
    now_ms: i64,
    events: &mut Vec<LogEvent>,
) -> Result<i64, LogError> {
    let until = now_ms.saturating_sub(log.config().max_compaction_lag_ms.max(0));
    log.guarded(events, |log, _| {
        let active = active(log).base_offset;
        let segments = log.segments_mut();
        let first = segments.partition_point(|it| it.base_offset <= first_dirty_offset);
        let mut earliest = i64::MAX;
        if first_dirty_offset < active {
            for segment in &mut segments[first.saturating_sub(1)..] {
                if segment.base_offset < active {
                    let timestamp = segment.first_timestamp(disk)?;
                    earliest = if timestamp > 0 { earliest.min(timestamp) } else { earliest };
                }
            }
        }
        Ok(if earliest < until { until.saturating_sub(earliest) } else { 0 })
    })
}
