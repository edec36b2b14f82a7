//! One segment: a file of batches with its three indexes.
//!
//! In Kafka:   `LogSegment`, `FileRecords`.
//! Holds:      the open files, the size, the largest timestamp, when to roll.
//! Invariants: offsets lie within 2^31 of the base; the file holds whole batches up to `size`.
//! Left out:   producer snapshots, preallocation.

use bytes::Bytes;

use crate::batch::BatchSummary;
use crate::config::LogConfig;
use crate::disk::{Disk, DiskError, FileId};
use crate::error::{BatchError, LogError};
use crate::offset_index::OffsetIndex;
use crate::scanner::{BatchAt, ScanError, Scanner};
use crate::time_index::{TimeIndex, TimestampOffset};
use crate::transaction_index::{TXN_INDEX_SUFFIX, TransactionIndex};
use crate::{NO_TIMESTAMP, Offset};

/// The batches.
pub(crate) const LOG_SUFFIX: &str = ".log";
/// Offsets to positions.
pub(crate) const INDEX_SUFFIX: &str = ".index";
/// Timestamps to offsets.
pub(crate) const TIME_INDEX_SUFFIX: &str = ".timeindex";
/// What a file that will go gets appended to its name.
pub(crate) const DELETED_SUFFIX: &str = ".deleted";
/// What a file gets appended while the cleaner writes it.
pub(crate) const CLEANED_SUFFIX: &str = ".cleaned";
/// What a file gets appended that is whole and will take the place of others.
pub(crate) const SWAP_SUFFIX: &str = ".swap";
/// The files of a segment, its batches first: in this order they are renamed and removed. There may be no last one.
pub(crate) const SEGMENT_SUFFIXES: [&str; 4] =
    [LOG_SUFFIX, INDEX_SUFFIX, TIME_INDEX_SUFFIX, TXN_INDEX_SUFFIX];

/// A look-up reads this much at a time: the stretch between two index entries, and a bit.
const LOOKUP_READ_AHEAD: usize = 8192;

/// The path of a segment's file: the base offset in twenty digits.
pub(crate) fn segment_file(folder: &str, base_offset: Offset, suffix: &str) -> String {
    format!("{folder}/{:020}{suffix}", base_offset.0)
}

/// The base offset in a file's name, if that ends in `suffix`.
pub(crate) fn offset_in_name(name: &str, suffix: &str) -> Option<Offset> {
    let digits = name.strip_suffix(suffix)?;
    let numeric = digits.len() == 20 && digits.bytes().all(|digit| digit.is_ascii_digit());
    numeric.then(|| digits.parse().ok().map(Offset))?
}

/// Why an append belongs into a further segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Roll {
    /// `segment.bytes`.
    Size,
    /// An index is full.
    Index,
    /// The offset lies too far from the base.
    Overflow,
    /// `segment.ms`.
    Age,
}

#[derive(Debug, Clone)]
pub(crate) struct Segment {
    pub(crate) base_offset: Offset,
    pub(crate) size: u64,
    pub(crate) index: OffsetIndex,
    pub(crate) time_index: TimeIndex,
    pub(crate) txn_index: TransactionIndex,
    pub(crate) largest_timestamp: TimestampOffset,
    pub(crate) file: FileId,
    /// How often its end was cut off: what was appended since is not what was there.
    pub(crate) cuts: u32,
    bytes_since_index_entry: u64,
    /// The largest timestamp of the first batch, once known.
    first_timestamp: Option<i64>,
    created_ms: i64,
    modified_ms: i64,
}

impl Segment {
    /// Makes an empty segment; whatever bears its name already is removed.
    pub(crate) fn create(
        disk: &mut dyn Disk,
        folder: &str,
        base_offset: Offset,
        config: &LogConfig,
        now_ms: i64,
    ) -> Result<Self, DiskError> {
        Self::create_named(disk, folder, (base_offset, ""), config, now_ms)
    }

    /// Makes an empty segment whose files have a suffix more.
    pub(crate) fn create_named(
        disk: &mut dyn Disk,
        folder: &str,
        (base_offset, more): (Offset, &'static str),
        config: &LogConfig,
        now_ms: i64,
    ) -> Result<Self, DiskError> {
        let path = |suffix| format!("{}{more}", segment_file(folder, base_offset, suffix));
        for suffix in SEGMENT_SUFFIXES {
            match disk.remove(&path(suffix)) {
                Ok(()) | Err(DiskError::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        let mut empty = |suffix| disk.open(&path(suffix), true);
        let (file, index, time_index) =
            (empty(LOG_SUFFIX)?, empty(INDEX_SUFFIX)?, empty(TIME_INDEX_SUFFIX)?);
        Ok(Self {
            base_offset,
            size: 0,
            index: OffsetIndex::empty(index, base_offset, config.segment_index_bytes),
            time_index: TimeIndex::empty(time_index, base_offset, config.segment_index_bytes),
            txn_index: TransactionIndex::named(base_offset, more),
            largest_timestamp: nothing_since(base_offset),
            file,
            cuts: 0,
            bytes_since_index_entry: 0,
            first_timestamp: None,
            created_ms: now_ms,
            modified_ms: now_ms,
        })
    }

    /// A segment over open files.
    pub(crate) fn of_file(
        base_offset: Offset,
        (file, size): (FileId, u64),
        (index, time_index, txn_index): (OffsetIndex, TimeIndex, TransactionIndex),
        largest_timestamp: TimestampOffset,
    ) -> Self {
        Self {
            base_offset,
            size,
            index,
            time_index,
            txn_index,
            largest_timestamp,
            file,
            cuts: 0,
            bytes_since_index_entry: 0,
            first_timestamp: None,
            created_ms: 0,
            modified_ms: 0,
        }
    }

    /// Says since when it is open.
    pub(crate) fn created(self, created_ms: i64) -> Self {
        Self { created_ms, modified_ms: created_ms, ..self }
    }

    /// Begins to count its age again, since it is empty.
    pub(crate) fn opened_anew(&mut self, now_ms: i64) {
        self.created_ms = now_ms;
        self.first_timestamp = None;
    }

    /// Its largest timestamp; if no batch has one, when it was last written, as far as this process knows.
    pub(crate) fn largest_timestamp_or_modified_ms(&self) -> i64 {
        let largest = self.largest_timestamp.timestamp;
        if largest >= 0 { largest } else { self.modified_ms }
    }

    /// Counts as written when the other one was, whose records it has taken over.
    pub(crate) fn modified_as(&mut self, other: &Self) {
        self.modified_ms = other.modified_ms;
    }

    /// Whether an append of `size` bytes up to `last_offset` belongs into a further segment, and why.
    pub(crate) fn should_roll(
        &mut self,
        disk: &mut dyn Disk,
        config: &LogConfig,
        (size, max_timestamp, last_offset): (u64, i64, Offset),
        now_ms: i64,
    ) -> Result<Option<Roll>, LogError> {
        if self.size > config.segment_bytes.saturating_sub(size) {
            return Ok(Some(Roll::Size));
        }
        if self.index.is_full() || self.time_index.is_full() {
            return Ok(Some(Roll::Index));
        }
        if !self.index.can_hold(last_offset) {
            return Ok(Some(Roll::Overflow));
        }
        if self.size == 0 {
            return Ok(None);
        }
        // By the records' own clock if they have one, so that a log that is copied rolls where the first one did.
        let waited = match self.first_timestamp(disk)? {
            first if first >= 0 => max_timestamp.saturating_sub(first),
            _ => now_ms.saturating_sub(self.created_ms),
        };
        let is_old = waited > config.max_segment_ms().saturating_sub(config.segment_jitter_ms);
        Ok(is_old.then_some(Roll::Age))
    }

    /// The largest timestamp of its first batch; below zero if there is none.
    pub(crate) fn first_timestamp(&mut self, disk: &mut dyn Disk) -> Result<i64, LogError> {
        if let Some(first) = self.first_timestamp {
            return Ok(first);
        }
        let mut scanner = Scanner::new(self.file, 0, self.size, 0);
        let first = scanner.next_header(disk).map_err(|error| self.error(error))?;
        let first = first.map_or(NO_TIMESTAMP, |batch| batch.summary.max_timestamp);
        self.first_timestamp = Some(first);
        Ok(first)
    }

    /// Writes batches at the end; answers where they begin.
    pub(crate) fn append(
        &mut self,
        disk: &mut dyn Disk,
        records: Bytes,
        batches: &[BatchSummary],
        config: &LogConfig,
        now_ms: i64,
    ) -> Result<u64, DiskError> {
        let start = self.size;
        self.modified_ms = now_ms;
        let at = disk.append(self.file, records)?;
        assert!(at == start, "the file ends where the segment does: {at} against {start}");
        for batch in batches {
            self.first_timestamp.get_or_insert(batch.max_timestamp);
            self.saw_timestamp(batch);
            if self.bytes_since_index_entry > config.index_interval_bytes {
                self.index.append(disk, batch.last_offset, self.size)?;
                self.time_index.append(disk, self.largest_timestamp)?;
                self.bytes_since_index_entry = 0;
            }
            self.size += batch.size as u64;
            self.bytes_since_index_entry += batch.size as u64;
        }
        Ok(start)
    }

    fn saw_timestamp(&mut self, batch: &BatchSummary) {
        if batch.max_timestamp > self.largest_timestamp.timestamp {
            let (timestamp, offset) = (batch.max_timestamp, batch.last_offset);
            self.largest_timestamp = TimestampOffset { timestamp, offset };
        }
    }

    /// The first batch that ends at `offset` or beyond.
    pub(crate) fn find(
        &self,
        disk: &mut dyn Disk,
        offset: Offset,
    ) -> Result<Option<BatchAt>, LogError> {
        let from = self.index.lookup(offset);
        let mut scanner = Scanner::new(self.file, from, self.size, LOOKUP_READ_AHEAD);
        loop {
            match scanner.next_header(disk).map_err(|error| self.error(error))? {
                Some(batch) if batch.summary.last_offset < offset => {}
                found => return Ok(found),
            }
        }
    }

    /// The offset after its last batch, of those that its index has not passed.
    pub(crate) fn next_offset(&self, disk: &mut dyn Disk) -> Result<Offset, LogError> {
        let from = self.index.lookup(self.index.last_offset());
        let mut scanner = Scanner::new(self.file, from, self.size, LOOKUP_READ_AHEAD);
        let mut next = self.base_offset;
        while let Some(batch) = scanner.next_header(disk).map_err(|error| self.error(error))? {
            let BatchAt { position, summary: BatchSummary { base_offset, last_offset, .. } } =
                batch;
            next = last_offset.next();
            if next <= self.base_offset || next == Offset::END {
                // Rotten where no checksum looks. (Kafka believes it, and ends the log before its last segment.)
                let error = BatchError::BaseOffset { base_offset };
                return Err(self.error(ScanError::Corrupt { position, error }));
            }
        }
        if next == self.base_offset && self.size > 0 {
            let (position, error) = (scanner.position(), BatchError::NoBatch);
            return Err(self.error(ScanError::Corrupt { position, error }));
        }
        Ok(next)
    }

    /// Cuts off the batch that holds `offset`, and all after it.
    pub(crate) fn truncate_to(
        &mut self,
        disk: &mut dyn Disk,
        offset: Offset,
        now_ms: i64,
    ) -> Result<(), LogError> {
        let found = self.find(disk, offset)?;
        self.cuts += 1;
        self.index.truncate_to(disk, offset)?;
        self.time_index.truncate_to(disk, offset)?;
        self.txn_index.truncate_to(disk, offset)?;
        if let Some(batch) = found {
            disk.truncate(self.file, batch.position)?;
            self.size = batch.position;
        }
        if self.size == 0 {
            self.opened_anew(now_ms);
        }
        self.bytes_since_index_entry = 0;
        self.find_largest_timestamp(disk)
    }

    /// The largest timestamp is in the last entry of the time index, or in a batch after that.
    fn find_largest_timestamp(&mut self, disk: &mut dyn Disk) -> Result<(), LogError> {
        self.largest_timestamp = self.time_index.last();
        let from = self.index.lookup(self.largest_timestamp.offset);
        let mut scanner = Scanner::new(self.file, from, self.size, LOOKUP_READ_AHEAD);
        while let Some(batch) = scanner.next_header(disk).map_err(|error| self.error(error))? {
            self.saw_timestamp(&batch.summary);
        }
        Ok(())
    }

    /// Ends its time index with the largest timestamp, since no more batches will come.
    pub(crate) fn finish(&mut self, disk: &mut dyn Disk) -> Result<(), DiskError> {
        self.time_index.append(disk, self.largest_timestamp)
    }

    /// Makes everything in it durable.
    pub(crate) fn sync(&self, disk: &mut dyn Disk) -> Result<(), DiskError> {
        disk.sync(self.file)?;
        self.index.sync(disk)?;
        self.time_index.sync(disk)?;
        self.txn_index.sync(disk)
    }

    /// What a walk over this segment says to the caller.
    pub(crate) fn error(&self, error: ScanError) -> LogError {
        match error {
            ScanError::Disk(error) => LogError::Disk(error),
            ScanError::Corrupt { position, error } => {
                LogError::CorruptSegment { base_offset: self.base_offset, position, error }
            }
        }
    }
}

fn nothing_since(base_offset: Offset) -> TimestampOffset {
    TimestampOffset { timestamp: NO_TIMESTAMP, offset: base_offset }
}
