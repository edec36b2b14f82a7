//! Reads batches from an offset on, up to so many bytes.
//!
//! In Kafka:   `UnifiedLog.read`, `LocalLog.read`, `LogSegment.read`, `FileRecords.slice`.
//! Invariants: RE-1 what is answered begins with the batch that holds the offset, and all of it lies wholly below the
//!             upper bound, and in one segment. RE-2 the first batch is whole; behind the others there may be the
//!             beginning of one more, where the limit of bytes cuts it: a reader leaves it.
//! Left out:   remote segments; what was aborted is asked for by itself (`producers.rs`).

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
    /// A whole batch and what follows, perhaps with the beginning of another at the end (RE-2); empty if there is
    /// nothing to read, or the first is too large.
    pub records: Bytes,
    /// Where the first of them begins, or would.
    pub start: LogOffsetMetadata,
    /// Whether there is a batch that was too large for `max_bytes`.
    pub first_entry_incomplete: bool,
}

impl FetchedRecords {
    /// The whole batches.
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
    /// batch comes even if it is larger. The limit may cut the last one.
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
        let is_bound_known = bound.is_some() || upper_bound >= self.log_end_offset;
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
        let is_all_below = match whole {
            Below::All(_) => true,
            Below::Some(_) => false,
            Below::Cut(at) => {
                is_bound_known || self.is_below(disk, start, at as u64, upper_bound)?
            }
        };
        let kept = if is_all_below { length } else { whole.bytes() };
        Ok(FetchedRecords { records: bytes.slice(..kept), ..found })
    }

    /// Whether the batch so many bytes behind the start, of which the limit has left a part, ends below `upper_bound`.
    fn is_below(
        &self,
        disk: &mut dyn Disk,
        start: &Start,
        behind: u64,
        upper_bound: Offset,
    ) -> Result<bool, LogError> {
        let segment = &self.segments[start.segment];
        let position = start.position + behind;
        let header = disk.read(segment.file, position, RECORD_BATCH_OVERHEAD)?;
        if header.len() < RECORD_BATCH_OVERHEAD {
            return Err(LogError::Disk(DiskError::Io));
        }
        let base_offset = segment.base_offset;
        let corrupt = |error| LogError::CorruptSegment { base_offset, position, error };
        let size = next_batch_size(&header).map_err(corrupt)?;
        let size = size.expect("a whole header says how large its batch is");
        Ok(BatchSummary::of_header(&header, size).last_offset < upper_bound)
    }
}

/// What of some bytes of a log lies below a bound.
#[derive(Debug, Clone, Copy)]
enum Below {
    /// All of them: they are whole batches.
    All(usize),
    /// So many: the batch that follows reaches to the bound or beyond.
    Some(usize),
    /// So many, and behind them begins a batch of which the end is not here.
    Cut(usize),
}

impl Below {
    /// How many bytes are whole batches below it.
    const fn bytes(self) -> usize {
        match self {
            Self::All(bytes) | Self::Some(bytes) | Self::Cut(bytes) => bytes,
        }
    }
}

/// What of these bytes are whole batches that end below `upper_bound`.
fn whole_batches_below(
    bytes: &[u8],
    upper_bound: Offset,
) -> Result<Below, (usize, crate::BatchError)> {
    let mut whole = 0;
    while let Some(size) = next_batch_size(&bytes[whole..]).map_err(|error| (whole, error))? {
        let Some(batch) = bytes[whole..].get(..size) else {
            return Ok(Below::Cut(whole));
        };
        assert!(size >= RECORD_BATCH_OVERHEAD, "a size that was checked: {size}");
        if BatchSummary::of_header(batch, size).last_offset >= upper_bound {
            return Ok(Below::Some(whole));
        }
        whole += size;
    }
    Ok(if whole == bytes.len() { Below::All(whole) } else { Below::Cut(whole) })
}
