//! Walks over the batches of a segment's file, reading ahead.
//!
//! In Kafka:   `FileLogInputStream`, `FileRecords`.
//! Holds:      one piece of the file and where in it the next batch begins.
//! Invariants: nothing is read past the end that was given; a batch that is not whole there ends the walk.

use bytes::{Buf, Bytes};

use crate::batch::{
    BATCH_START, BatchSummary, RECORD_BATCH_OVERHEAD, RecordBatch, next_batch_size,
};
use crate::disk::{Disk, DiskError, FileId};
use crate::error::BatchError;

/// Why a walk ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ScanError {
    Disk(DiskError),
    Corrupt { position: u64, error: BatchError },
}

impl From<DiskError> for ScanError {
    fn from(error: DiskError) -> Self {
        Self::Disk(error)
    }
}

/// A batch and where it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BatchAt {
    pub(crate) position: u64,
    pub(crate) summary: BatchSummary,
}

#[derive(Debug)]
pub(crate) struct Scanner {
    file: FileId,
    position: u64,
    end: u64,
    /// The piece that was read last, from `position` on.
    piece: Bytes,
    read_ahead: usize,
}

impl Scanner {
    /// Begins at `position` and ends at `end`, reading `read_ahead` bytes at a time.
    pub(crate) fn new(file: FileId, position: u64, end: u64, read_ahead: usize) -> Self {
        Self { file, position, end, piece: Bytes::new(), read_ahead }
    }

    /// The next batch's header; its records need not be read.
    pub(crate) fn next_header(
        &mut self,
        disk: &mut dyn Disk,
    ) -> Result<Option<BatchAt>, ScanError> {
        let Some(size) = self.next_size(disk)? else {
            return Ok(None);
        };
        self.fill(disk, RECORD_BATCH_OVERHEAD)?;
        let summary = BatchSummary::of_header(&self.piece, size);
        let found = BatchAt { position: self.position, summary };
        self.advance(size);
        Ok(Some(found))
    }

    /// The next batch, whole; the checksum is not looked at.
    pub(crate) fn next_batch(
        &mut self,
        disk: &mut dyn Disk,
    ) -> Result<Option<(u64, RecordBatch)>, ScanError> {
        let Some(size) = self.next_size(disk)? else {
            return Ok(None);
        };
        self.fill(disk, size)?;
        let position = self.position;
        let batch = RecordBatch::new(self.piece.slice(..size));
        let batch = batch.map_err(|error| ScanError::Corrupt { position, error })?;
        self.advance(size);
        Ok(Some((position, batch)))
    }

    /// Where the next batch begins.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    fn next_size(&mut self, disk: &mut dyn Disk) -> Result<Option<usize>, ScanError> {
        let left = self.end.saturating_sub(self.position);
        if left < BATCH_START as u64 {
            return Ok(None);
        }
        self.fill(disk, BATCH_START)?;
        let size = next_batch_size(&self.piece);
        let size = size.map_err(|error| ScanError::Corrupt { position: self.position, error })?;
        Ok(size.filter(|&size| size as u64 <= left))
    }

    fn advance(&mut self, size: usize) {
        self.position += size as u64;
        self.piece.advance(size.min(self.piece.len()));
    }

    /// Sees to it that the piece holds `needed` bytes, which lie before the end.
    fn fill(&mut self, disk: &mut dyn Disk, needed: usize) -> Result<(), ScanError> {
        if self.piece.len() >= needed {
            return Ok(());
        }
        let left = usize::try_from(self.end - self.position).unwrap_or(usize::MAX);
        self.piece = disk.read(self.file, self.position, needed.max(self.read_ahead).min(left))?;
        // The file is shorter than the log believes: somebody cut it behind our back.
        if self.piece.len() < needed { Err(ScanError::Disk(DiskError::Io)) } else { Ok(()) }
    }
}
