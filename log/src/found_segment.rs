//! A segment that was found on the disk: believed as it is, or scanned, with its indexes written again.
//!
//! In Kafka:   `LogSegment.open`, `sanityCheck`, `recover`.
//! Invariants: an offset index is there only if all indexes are whole: one that is missing or wrong is removed, and
//!             made last of all, so that a crash on the way leaves it missing.
//!             Kafka looks no further than whether there is an offset index (KAFKA-7283, since a check would map every
//!             one), and fills in for a time index by the time of the file's last change, which no disk of ours keeps.

use crate::batch::BatchSummary;
use crate::config::LogConfig;
use crate::disk::{Disk, DiskError, FileId};
use crate::error::LogError;
use crate::offset_index::{OffsetEntries, OffsetIndex};
use crate::scanner::{ScanError, Scanner};
use crate::segment::{INDEX_SUFFIX, LOG_SUFFIX, Segment, TIME_INDEX_SUFFIX, segment_file};
use crate::time_index::{TimeEntries, TimeIndex, TimestampOffset};
use crate::transaction_index::{AbortedTxn, TransactionIndex};
use crate::{NO_TIMESTAMP, Offset};

/// The headers of a file without an index are read so much at a time.
const HEADERS_READ_AHEAD: usize = 1 << 16;

/// A segment that was found on the disk.
#[derive(Debug)]
pub(crate) struct FoundSegment {
    pub(crate) base_offset: Offset,
    pub(crate) file: FileId,
    /// The size of its file, whatever is in it.
    pub(crate) size: u64,
    indexes: Option<(OffsetIndex, TimeIndex)>,
    txn_index: TransactionIndex,
    created_ms: i64,
}

impl FoundSegment {
    /// Opens a segment that is on the disk; removes its offset index if one of the three is wrong.
    pub(crate) fn open(
        disk: &mut dyn Disk,
        folder: &str,
        base_offset: Offset,
        config: &LogConfig,
        now_ms: i64,
    ) -> Result<Self, DiskError> {
        let file = disk.open(&segment_file(folder, base_offset, LOG_SUFFIX), false)?;
        let size = disk.len(file)?;
        let max_bytes = config.segment_index_bytes;
        let path = segment_file(folder, base_offset, INDEX_SUFFIX);
        let offsets = match open_if_there(disk, &path)? {
            Some(index) => OffsetIndex::open(disk, index, base_offset, max_bytes, size)?,
            None => None,
        };
        let time_path = segment_file(folder, base_offset, TIME_INDEX_SUFFIX);
        let times = match open_if_there(disk, &time_path)? {
            Some(index) => TimeIndex::open(disk, index, base_offset, max_bytes)?,
            None => None,
        };
        let txn_index = TransactionIndex::open(disk, folder, base_offset)?;
        let indexes = offsets.zip(times).filter(|_| txn_index.is_sane());
        if indexes.is_none() {
            match disk.remove(&path) {
                Ok(()) | Err(DiskError::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Self { base_offset, file, size, indexes, txn_index, created_ms: now_ms })
    }

    /// Whether its indexes are there and make sense.
    pub(crate) fn has_indexes(&self) -> bool {
        self.indexes.is_some()
    }

    /// Takes it as it is.
    pub(crate) fn believe(self) -> Segment {
        let (index, time_index) = self.indexes.expect("who has no indexes is scanned");
        let largest = time_index.last();
        let indexes = (index, time_index, self.txn_index);
        Segment::of_file(self.base_offset, (self.file, self.size), indexes, largest)
            .created(self.created_ms)
    }

    /// Cuts it to what a scan found good, and writes its indexes again.
    pub(crate) fn recover(
        self,
        disk: &mut dyn Disk,
        folder: &str,
        config: &LogConfig,
        scan: Scan,
    ) -> Result<Segment, DiskError> {
        let (base_offset, max_bytes) = (self.base_offset, config.segment_index_bytes);
        if scan.valid_bytes < self.size {
            disk.truncate(self.file, scan.valid_bytes)?;
        }
        let (mut offsets, mut times) = match self.indexes {
            Some((offsets, times)) => (Some(offsets), times),
            None => {
                let path = segment_file(folder, base_offset, TIME_INDEX_SUFFIX);
                let file = disk.open(&path, true)?;
                (None, TimeIndex::empty(file, base_offset, max_bytes))
            }
        };
        let mut txn_index = self.txn_index;
        txn_index.replace(disk, folder, scan.aborted)?;
        times.replace(disk, scan.times)?;
        times.append(disk, scan.largest_timestamp)?;
        let index = match offsets.take() {
            Some(index) => index,
            None => {
                let path = segment_file(folder, base_offset, INDEX_SUFFIX);
                OffsetIndex::empty(disk.open(&path, true)?, base_offset, max_bytes)
            }
        };
        let mut index = index;
        index.replace(disk, scan.offsets)?;
        let file = (self.file, scan.valid_bytes);
        let indexes = (index, times, txn_index);
        Ok(Segment::of_file(base_offset, file, indexes, scan.largest_timestamp)
            .created(self.created_ms))
    }
}

/// What a scan of a segment has gathered: what its indexes should hold, and how much of its file is good.
#[derive(Debug)]
pub(crate) struct Scan {
    base_offset: Offset,
    next_offset: Offset,
    valid_bytes: u64,
    last_index_entry: u64,
    offsets: OffsetEntries,
    times: TimeEntries,
    largest_timestamp: TimestampOffset,
    /// The transactions that its markers abort.
    aborted: Vec<AbortedTxn>,
}

impl Scan {
    /// Begins at a segment's start.
    pub(crate) fn new(base_offset: Offset) -> Self {
        Self {
            base_offset,
            next_offset: base_offset,
            valid_bytes: 0,
            last_index_entry: 0,
            offsets: OffsetEntries::default(),
            times: TimeEntries::default(),
            largest_timestamp: TimestampOffset { timestamp: NO_TIMESTAMP, offset: base_offset },
            aborted: Vec::new(),
        }
    }

    /// Takes a transaction that a marker aborts.
    pub(crate) fn aborts(&mut self, aborted: Option<AbortedTxn>) {
        self.aborted.extend(aborted);
    }

    /// How many bytes were found good.
    pub(crate) fn valid_bytes(&self) -> u64 {
        self.valid_bytes
    }

    /// The offset after the last good batch.
    pub(crate) fn next_offset(&self) -> Offset {
        self.next_offset
    }

    /// Takes a good batch; false if an index cannot take it, since its offset falls back.
    pub(crate) fn took(&mut self, batch: &BatchSummary, interval: u64) -> bool {
        if batch.max_timestamp > self.largest_timestamp.timestamp {
            let (timestamp, offset) = (batch.max_timestamp, batch.last_offset);
            self.largest_timestamp = TimestampOffset { timestamp, offset };
        }
        if self.valid_bytes - self.last_index_entry > interval {
            let position = self.valid_bytes;
            if !self.offsets.collect(self.base_offset, batch.last_offset, position) {
                return false;
            }
            self.times.collect(self.base_offset, self.largest_timestamp);
            self.last_index_entry = self.valid_bytes;
        }
        self.valid_bytes += batch.size as u64;
        self.next_offset = batch.last_offset.next();
        true
    }
}

/// The offset after the last batch of a file that has no index yet.
pub(crate) fn next_offset_of_file(
    disk: &mut dyn Disk,
    path: &str,
    base_offset: Offset,
) -> Result<Offset, LogError> {
    let file = disk.open(path, false)?;
    let size = disk.len(file)?;
    let mut scanner = Scanner::new(file, 0, size, HEADERS_READ_AHEAD);
    let mut next = base_offset;
    loop {
        match scanner.next_header(disk) {
            Ok(Some(batch)) => next = batch.summary.last_offset.next(),
            Ok(None) => return Ok(next),
            Err(ScanError::Disk(error)) => return Err(LogError::Disk(error)),
            Err(ScanError::Corrupt { position, error }) => {
                return Err(LogError::CorruptSegment { base_offset, position, error });
            }
        }
    }
}

fn open_if_there(disk: &mut dyn Disk, path: &str) -> Result<Option<FileId>, DiskError> {
    match disk.open(path, false) {
        Ok(file) => Ok(Some(file)),
        Err(DiskError::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}
