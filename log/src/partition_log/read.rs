//! Reads whole batches from an offset on.
//!
//! In Kafka:   `UnifiedLog.read`, `LocalLog.read`, `LogSegment.read`.
//! Invariants: what is answered are whole batches, from the one that holds the offset, all of them wholly below
//!             the upper bound.
//! Left out:   remote segments; what was aborted is asked for by itself (`producers.rs`). Kafka may answer the
//!             beginning of a further batch.

use bytes::Bytes;

use crate::batch::{BatchSummary, RECORD_BATCH_OVERHEAD, next_batch_size};
use crate::disk::{Disk, DiskError};
use crate::error::LogError;
use crate::event::LogEvent;
use crate::{Batches, Offset};

use super::log::{Log, LogOffsetMetadata};

/// What a read found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchedRecords {
    /// Whole batches; empty if there is nothing to read, or the first is too large.
    pub records: Bytes,
    /// Where the first of them begins, or would.
    pub start: LogOffsetMetadata,
    /// Whether there is a batch that was too large for `max_bytes`.
    pub first_entry_incomplete: bool,
}

impl FetchedRecords {
    /// The batches.
    #[must_use]
    pub fn batches(&self) -> Batches {
        Batches::new(self.records.clone())
    }

    fn nothing(start: LogOffsetMetadata) -> Self {
        Self { records: Bytes::new(), start, first_entry_incomplete: false }
    }
}

/// The batch that a read begins with.
struct Start {
    segment: usize,
    position: u64,
    base_offset: Offset,
    size: usize,
}

impl Log {
    /// Reads up to `max_bytes` of batches, from the one that holds `from`, below `upper_bound`: the end of the
    /// log as others may see it, the high watermark, or the last stable offset. With `min_one_message` the first
    /// batch comes even if it is larger.
    pub fn read(
        &mut self,
        disk: &mut dyn Disk,
        from: Offset,
        max_bytes: usize,
        upper_bound: Offset,
        min_one_message: bool,
        events: &mut Vec<LogEvent>,
    ) -> Result<FetchedRecords, LogError> {
        self.guarded(events, |log, _| {
            log.check_range(from)?;
            if from >= upper_bound {
                return Ok(FetchedRecords::nothing(log.locate(disk, from)?));
            }
            let Some(start) = log.find_start(disk, from)? else {
                return Ok(FetchedRecords::nothing(log.log_end_offset_metadata()));
            };
            log.read_from(disk, &start, max_bytes, upper_bound, min_one_message)
        })
    }

    /// Where the batch lies that holds `offset`, or comes next.
    pub fn offset_metadata(
        &mut self,
        disk: &mut dyn Disk,
        offset: Offset,
        events: &mut Vec<LogEvent>,
    ) -> Result<LogOffsetMetadata, LogError> {
        self.guarded(events, |log, _| {
            log.check_range(offset)?;
            log.locate(disk, offset)
        })
    }

    fn check_range(&self, offset: Offset) -> Result<(), LogError> {
        let (log_start_offset, log_end_offset) = (self.log_start_offset, self.log_end_offset);
        if offset < log_start_offset || offset > log_end_offset {
            let asked = offset;
            return Err(LogError::OffsetOutOfRange { asked, log_start_offset, log_end_offset });
        }
        Ok(())
    }

    fn locate(&self, disk: &mut dyn Disk, offset: Offset) -> Result<LogOffsetMetadata, LogError> {
        if offset == self.log_end_offset {
            return Ok(self.log_end_offset_metadata());
        }
        let start = self.find_start(disk, offset)?;
        Ok(start.map_or_else(|| self.log_end_offset_metadata(), |start| self.metadata_of(&start)))
    }

    fn metadata_of(&self, start: &Start) -> LogOffsetMetadata {
        LogOffsetMetadata {
            offset: start.base_offset,
            segment_base_offset: self.segments[start.segment].base_offset,
            position: start.position,
        }
    }

    /// The first batch that ends at `offset` or beyond; none at the end of the log.
    fn find_start(&self, disk: &mut dyn Disk, offset: Offset) -> Result<Option<Start>, LogError> {
        if let Some(batch) = self.tail.find(offset) {
            let segment =
                self.segments.binary_search_by_key(&batch.segment_base, |s| s.base_offset);
            return Ok(Some(Start {
                segment: segment.expect("what is asked for lies in a segment that is there"),
                position: batch.position,
                base_offset: batch.base_offset,
                size: batch.size,
            }));
        }
        // A segment may hold nothing from here on, when its last batches were compacted away.
        let first = self.segment_holding(offset).unwrap_or(0);
        for segment in first..self.segments.len() {
            if let Some(batch) = self.segments[segment].find(disk, offset)? {
                let (base_offset, size) = (batch.summary.base_offset, batch.summary.size);
                return Ok(Some(Start { segment, position: batch.position, base_offset, size }));
            }
        }
        Ok(None)
    }

    fn read_from(
        &self,
        disk: &mut dyn Disk,
        start: &Start,
        max_bytes: usize,
        upper_bound: Offset,
        min_one_message: bool,
    ) -> Result<FetchedRecords, LogError> {
        let segment = &self.segments[start.segment];
        let bound = self.tail.find(upper_bound);
        let bound = bound.filter(|batch| batch.segment_base == segment.base_offset);
        let end = bound.map_or(segment.size, |batch| batch.position);
        let left = usize::try_from(end.saturating_sub(start.position)).unwrap_or(usize::MAX);
        let wanted = if min_one_message { max_bytes.max(start.size) } else { max_bytes };
        let found = FetchedRecords::nothing(self.metadata_of(start));
        if wanted < start.size {
            return Ok(FetchedRecords { first_entry_incomplete: true, ..found });
        }
        let length = wanted.min(left);
        let bytes = disk.read(segment.file, start.position, length)?;
        if bytes.len() < length {
            return Err(LogError::Disk(DiskError::Io));
        }
        let whole = whole_batches_below(&bytes, upper_bound).map_err(|(at, error)| {
            let position = start.position + at as u64;
            LogError::CorruptSegment { base_offset: segment.base_offset, position, error }
        })?;
        Ok(FetchedRecords { records: bytes.slice(..whole), ..found })
    }
}

/// How many of these bytes are whole batches that end below `upper_bound`.
fn whole_batches_below(
    bytes: &[u8],
    upper_bound: Offset,
) -> Result<usize, (usize, crate::BatchError)> {
    let mut whole = 0;
    while let Some(size) = next_batch_size(&bytes[whole..]).map_err(|error| (whole, error))? {
        let Some(batch) = bytes[whole..].get(..size) else {
            break;
        };
        assert!(size >= RECORD_BATCH_OVERHEAD, "a size that was checked: {size}");
        if BatchSummary::of_header(batch, size).last_offset >= upper_bound {
            break;
        }
        whole += size;
    }
    Ok(whole)
}
