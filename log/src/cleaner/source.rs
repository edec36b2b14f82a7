//! A segment that is read by a cleaning, which has to be there still at each step.
//!
//! In Kafka:   a `LogSegment` that the cleaner holds on to. There whoever cuts or drops segments waits until a cleaning
//!             has ended; here a step finds that they are not what they were.
//! Invariants: a closed segment changes only by being cut, dropped or replaced: then it was cut more often, or its file
//!             is another.

use crate::disk::{Disk, FileId};
use crate::partition_log::Log;
use crate::scanner::{ScanError, Scanner};
use crate::segment::Segment;
use crate::{BatchError, LogError, Offset, RecordBatch};

/// A closed segment, as it was when a cleaning chose it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) base_offset: Offset,
    /// Where the next segment begins: no batch reaches there.
    pub(super) end_offset: Offset,
    file: FileId,
    size: u64,
    cuts: u32,
}

/// How far a source was read: where its next batch begins, and which offset that has at least.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    position: u64,
    next_offset: Offset,
}

impl Source {
    /// The segment, which ends where the next one begins.
    pub(super) fn of(segment: &Segment, end_offset: Offset) -> Self {
        let Segment { base_offset, file, size, cuts, .. } = *segment;
        Self { base_offset, end_offset, file, size, cuts }
    }

    /// The segment, if it is what it was.
    pub(super) fn in_log<'a>(&self, log: &'a Log) -> Option<&'a Segment> {
        let segments = log.segments();
        let at = segments.binary_search_by_key(&self.base_offset, |it| it.base_offset).ok()?;
        Some(&segments[at]).filter(|segment| Self::of(segment, self.end_offset) == *self)
    }

    /// The place of a batch that the index knows.
    pub(super) fn place(&self, position: u64) -> Place {
        Place { position, next_offset: self.base_offset }
    }

    /// Whether all was read.
    pub(super) fn is_at_end(&self, place: Place) -> bool {
        place.position >= self.size
    }

    /// Reads batches from a place on, whole and with good checksums, about so many bytes; answers where the next one
    /// begins. Ends where `take` says that it goes no further.
    ///
    /// Kafka's cleaner looks at no checksum: what it writes anew has a good one, whatever the disk made of the old.
    pub(super) fn read(
        &self,
        disk: &mut dyn Disk,
        place: Place,
        bytes: usize,
        mut take: impl FnMut(RecordBatch) -> Result<bool, BatchError>,
    ) -> Result<Place, LogError> {
        let Place { position: from, mut next_offset } = place;
        let mut scanner = Scanner::new(self.file, from, self.size, bytes);
        loop {
            let position = scanner.position();
            if position - from >= bytes as u64 {
                return Ok(Place { position, next_offset });
            }
            let batch = scanner.next_batch(disk).map_err(|error| match error {
                ScanError::Disk(error) => LogError::Disk(error),
                ScanError::Corrupt { position, error } => self.corrupt(position, error),
            })?;
            let Some((_, batch)) = batch else {
                if position == self.size {
                    return Ok(Place { position, next_offset });
                }
                // A closed segment ends with a whole batch.
                return Err(self.corrupt(position, BatchError::NoBatch));
            };
            let (base_offset, after) = (batch.base_offset(), batch.next_offset());
            let lies_here = base_offset >= next_offset && after <= self.end_offset;
            let is_good = if lies_here && after > base_offset {
                batch.ensure_valid()
            } else {
                Err(BatchError::BaseOffset { base_offset })
            };
            let goes_on = is_good.and_then(|()| take(batch));
            next_offset = after;
            if !goes_on.map_err(|error| self.corrupt(position, error))? {
                return Ok(Place { position, next_offset });
            }
        }
    }

    fn corrupt(&self, position: u64, error: BatchError) -> LogError {
        LogError::CorruptSegment { base_offset: self.base_offset, position, error }
    }
}
