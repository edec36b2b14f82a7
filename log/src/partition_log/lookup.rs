//! Finds offsets by timestamps.
//!
//! In Kafka:   `UnifiedLog.fetchOffsetByTimestamp`, `LogSegment.findOffsetByTimestamp`; KIP-79, KIP-734.
//! Left out:   the offsets of the remote tier. The earliest and the latest offset need no look-up.

use crate::disk::Disk;
use crate::error::LogError;
use crate::event::LogEvent;
use crate::scanner::Scanner;
use crate::segment::Segment;
use crate::{LeaderEpoch, Offset};

use super::log::Log;

/// Timestamps are looked up by reading this much at a time.
const READ_AHEAD: usize = 1 << 16;

/// A record's offset by its timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimestampAndOffset {
    /// The record's timestamp.
    pub timestamp: i64,
    /// Its offset.
    pub offset: Offset,
    /// The epoch of the leader that wrote it.
    pub leader_epoch: Option<LeaderEpoch>,
}

impl Log {
    /// The first record whose timestamp is not earlier than this.
    pub fn offset_for_timestamp(
        &mut self,
        disk: &mut dyn Disk,
        timestamp: i64,
        events: &mut Vec<LogEvent>,
    ) -> Result<Option<TimestampAndOffset>, LogError> {
        self.guarded(events, |log, _| {
            let start = log.log_start_offset;
            let mut segments = log.segments.iter();
            let segment = segments.find(|segment| segment.largest_timestamp.timestamp >= timestamp);
            let Some(segment) = segment else {
                return Ok(None);
            };
            let from = segment.time_index.lookup(timestamp).offset.max(start);
            find_record(disk, segment, from, |at| at.timestamp >= timestamp && at.offset >= start)
        })
    }

    /// The first record with the largest timestamp.
    pub fn offset_of_max_timestamp(
        &mut self,
        disk: &mut dyn Disk,
        events: &mut Vec<LogEvent>,
    ) -> Result<Option<TimestampAndOffset>, LogError> {
        self.guarded(events, |log, _| {
            let mut latest = log.active();
            for segment in log.segments.iter().rev() {
                if segment.largest_timestamp.timestamp >= latest.largest_timestamp.timestamp {
                    latest = segment;
                }
            }
            let largest = latest.largest_timestamp;
            find_record(disk, latest, largest.offset, |at| at.timestamp == largest.timestamp)
        })
    }
}

/// The first record that fits, from the batch on that the index names for `from`.
fn find_record(
    disk: &mut dyn Disk,
    segment: &Segment,
    from: Offset,
    fits: impl Fn(&TimestampAndOffset) -> bool,
) -> Result<Option<TimestampAndOffset>, LogError> {
    let position = segment.index.lookup(from);
    let mut scanner = Scanner::new(segment.file, position, segment.size, READ_AHEAD);
    while let Some((position, batch)) =
        scanner.next_batch(disk).map_err(|error| segment.error(error))?
    {
        let leader_epoch = (batch.leader_epoch().0 >= 0).then(|| batch.leader_epoch());
        for record in batch.records() {
            let record = record.map_err(|error| LogError::CorruptSegment {
                base_offset: segment.base_offset,
                position,
                error,
            })?;
            let (timestamp, offset) = (record.timestamp, record.offset);
            let found = TimestampAndOffset { timestamp, offset, leader_epoch };
            if fits(&found) {
                return Ok(Some(found));
            }
        }
    }
    Ok(None)
}
