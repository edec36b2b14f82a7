//! Knows which transactions were aborted whose markers lie in one segment: what a reader of committed records leaves
//! out.
//!
//! In Kafka:   `TransactionIndex`, `AbortedTxn` (version 0), `TxnIndexSearchResult`; KIP-98.
//! Holds:      the entries, shared between clones of a log until one of them writes; the file, once there is one.
//! Invariants: TI-1 the markers' offsets rise. TI-2 the file is made with the first entry, as in Kafka. TI-3 no entry
//!             says that a reader could come further than to where the log was cut since.
//! Left out:   Kafka reads the file at every look-up. An entry of an unknown version stops Kafka's start; here it
//!             makes the segment be scanned, as any other fault of the file does.

use std::sync::Arc;

use bytes::{BufMut, BytesMut};

use crate::Offset;
use crate::disk::{Disk, DiskError, FileId};
use crate::producer_state::CompletedTxn;
use crate::segment::segment_file;

/// The aborted transactions.
pub(crate) const TXN_INDEX_SUFFIX: &str = ".txnindex";

const VERSION: i16 = 0;
const ENTRY_SIZE: usize = 34;

/// A transaction that was aborted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AbortedTxn {
    /// Whose it was.
    pub producer_id: i64,
    /// The offset of its first record.
    pub first_offset: Offset,
    /// The offset of its end marker.
    pub last_offset: Offset,
    /// Up to where a reader of committed records could come, once it was aborted.
    pub last_stable_offset: Offset,
}

impl AbortedTxn {
    /// The entry of a transaction that was completed, if it was aborted.
    #[must_use]
    pub fn of_completed(completed: &CompletedTxn, last_stable_offset: Offset) -> Option<Self> {
        let CompletedTxn { producer_id, first_offset, last_offset, is_aborted } = *completed;
        let entry = Self { producer_id, first_offset, last_offset, last_stable_offset };
        is_aborted.then_some(entry)
    }

    fn put(&self, into: &mut BytesMut) {
        into.put_i16(VERSION);
        into.put_i64(self.producer_id);
        into.put_i64(self.first_offset.0);
        into.put_i64(self.last_offset.0);
        into.put_i64(self.last_stable_offset.0);
    }

    /// Reads an entry from exactly its bytes; none if its version is unknown.
    fn of(bytes: &[u8]) -> Option<Self> {
        let number = |at: usize| bytes.get(at..at + 8)?.try_into().ok().map(i64::from_be_bytes);
        if bytes.get(..2)? != VERSION.to_be_bytes() {
            return None;
        }
        Some(Self {
            producer_id: number(2)?,
            first_offset: Offset(number(10)?),
            last_offset: Offset(number(18)?),
            last_stable_offset: Offset(number(26)?),
        })
    }
}

/// The aborted transactions of one segment.
#[derive(Debug, Clone)]
pub struct TransactionIndex {
    base_offset: Offset,
    /// What its file's name has after the suffix, while its segment is not in its place.
    more: &'static str,
    file: Option<FileId>,
    entries: Arc<Vec<AbortedTxn>>,
    /// Whether the file holds an entry that cannot be read.
    unreadable: bool,
    /// The last marker that was entered since the index was opened or cut.
    appended: Option<Offset>,
    /// Whether the file was made since its folder was last synced.
    is_new: bool,
}

impl TransactionIndex {
    /// An index without a file.
    #[must_use]
    pub fn empty(base_offset: Offset) -> Self {
        Self::named(base_offset, "")
    }

    /// An index without a file, whose name will have a suffix more.
    pub(crate) fn named(base_offset: Offset, more: &'static str) -> Self {
        Self {
            base_offset,
            more,
            file: None,
            entries: Arc::default(),
            unreadable: false,
            appended: None,
            is_new: false,
        }
    }

    /// Opens the index of a segment; empty if there is no file. Bytes that are no whole entry are ignored.
    pub fn open(disk: &mut dyn Disk, folder: &str, base_offset: Offset) -> Result<Self, DiskError> {
        let mut index = Self::empty(base_offset);
        let file = match disk.open(&segment_file(folder, base_offset, TXN_INDEX_SUFFIX), false) {
            Ok(file) => file,
            Err(DiskError::NotFound) => return Ok(index),
            Err(error) => return Err(error),
        };
        let length = usize::try_from(disk.len(file)?).map_err(|_| DiskError::Io)?;
        let contents = disk.read(file, 0, length)?;
        let entries: Option<Vec<_>> =
            contents.chunks_exact(ENTRY_SIZE).map(AbortedTxn::of).collect();
        index.unreadable = entries.is_none();
        index.entries = Arc::new(entries.unwrap_or_default());
        index.file = Some(file);
        Ok(index)
    }

    /// Whether every entry can be read, markers rise, and none lies before the segment; else the segment is scanned.
    #[must_use]
    pub fn is_sane(&self) -> bool {
        let before = |entry: &AbortedTxn| entry.last_offset < self.base_offset;
        let rise = self.entries.is_sorted_by(|one, next| one.last_offset < next.last_offset);
        !self.unreadable && rise && !self.entries.iter().any(before)
    }

    /// All entries, in the order of their markers.
    #[must_use]
    pub fn entries(&self) -> &[AbortedTxn] {
        &self.entries
    }

    /// Whether a transaction's marker lies beyond the last one that was entered.
    pub(crate) fn can_append(&self, entry: &AbortedTxn) -> bool {
        self.appended < Some(entry.last_offset)
    }

    /// Enters a transaction, whose marker lies beyond the last one; makes the file if there is none.
    pub fn append(
        &mut self,
        disk: &mut dyn Disk,
        folder: &str,
        entry: AbortedTxn,
    ) -> Result<(), DiskError> {
        let last = self.appended;
        assert!(last < Some(entry.last_offset), "TI-1: markers rise: {entry:?} after {last:?}");
        let mut bytes = BytesMut::with_capacity(ENTRY_SIZE);
        entry.put(&mut bytes);
        let file = self.file_or_new(disk, folder)?;
        disk.write(file, (self.entries.len() * ENTRY_SIZE) as u64, bytes.freeze())?;
        self.appended = Some(entry.last_offset);
        Arc::make_mut(&mut self.entries).push(entry);
        Ok(())
    }

    /// The transactions that overlap with `from..upper_bound` are added to `found`; answers whether no later segment
    /// can have one.
    pub fn collect(&self, from: Offset, upper_bound: Offset, found: &mut Vec<AbortedTxn>) -> bool {
        for entry in self.entries() {
            if entry.last_offset >= from && entry.first_offset < upper_bound {
                found.push(*entry);
            }
            if entry.last_stable_offset >= upper_bound {
                return true;
            }
        }
        false
    }

    /// Forgets the transactions whose marker lies at `offset` or beyond.
    pub fn truncate_to(&mut self, disk: &mut dyn Disk, offset: Offset) -> Result<(), DiskError> {
        let kept = self.entries.iter().position(|entry| entry.last_offset >= offset);
        if let (Some(file), Some(kept)) = (self.file, kept) {
            disk.truncate(file, (kept * ENTRY_SIZE) as u64)?;
            Arc::make_mut(&mut self.entries).truncate(kept);
            self.appended = None;
        }
        Ok(())
    }

    /// The log is about to be cut at `end`: no entry says any more that a reader could come further. Where the next
    /// open transaction began when a marker was entered, another log may have one that begins earlier; a search that
    /// believed the entry would end there. (Kafka leaves the entry.) Answers whether anything was written.
    pub(crate) fn lower_stable_offsets(
        &mut self,
        disk: &mut dyn Disk,
        end: Offset,
    ) -> Result<bool, DiskError> {
        let first = self.entries.iter().position(|entry| entry.last_stable_offset > end);
        let (Some(file), Some(first)) = (self.file, first) else { return Ok(false) };
        let mut bytes = BytesMut::with_capacity((self.entries.len() - first) * ENTRY_SIZE);
        for entry in &mut Arc::make_mut(&mut self.entries)[first..] {
            entry.last_stable_offset = entry.last_stable_offset.min(end);
            entry.put(&mut bytes);
        }
        disk.write(file, (first * ENTRY_SIZE) as u64, bytes.freeze())?;
        Ok(true)
    }

    /// Forgets all transactions.
    pub fn reset(&mut self, disk: &mut dyn Disk) -> Result<(), DiskError> {
        if let Some(file) = self.file {
            disk.truncate(file, 0)?;
        }
        self.entries = Arc::default();
        (self.unreadable, self.appended) = (false, None);
        Ok(())
    }

    /// Replaces all entries by what a scan of the segment found.
    pub(crate) fn replace(
        &mut self,
        disk: &mut dyn Disk,
        folder: &str,
        entries: Vec<AbortedTxn>,
    ) -> Result<(), DiskError> {
        self.reset(disk)?;
        if entries.is_empty() {
            return Ok(());
        }
        let mut bytes = BytesMut::with_capacity(entries.len() * ENTRY_SIZE);
        for entry in &entries {
            entry.put(&mut bytes);
        }
        let file = self.file_or_new(disk, folder)?;
        disk.write(file, 0, bytes.freeze())?;
        self.appended = entries.last().map(|entry| entry.last_offset);
        self.entries = Arc::new(entries);
        Ok(())
    }

    /// Its segment has its place, and its file its name.
    pub(crate) fn in_place(&mut self) {
        self.more = "";
    }

    /// Makes the entries durable.
    pub(crate) fn sync(&self, disk: &mut dyn Disk) -> Result<(), DiskError> {
        self.file.map_or(Ok(()), |file| disk.sync(file))
    }

    /// Whether the file was made since this was last asked: then its folder is to be synced. (Kafka syncs it with a new
    /// segment alone: a power loss may take the index that came later, and with it what is to be left out.)
    pub(crate) fn take_is_new(&mut self) -> bool {
        std::mem::take(&mut self.is_new)
    }

    fn file_or_new(&mut self, disk: &mut dyn Disk, folder: &str) -> Result<FileId, DiskError> {
        if let Some(file) = self.file {
            return Ok(file);
        }
        let path = segment_file(folder, self.base_offset, TXN_INDEX_SUFFIX);
        let file = disk.open(&format!("{path}{}", self.more), true)?;
        self.file = Some(file);
        self.is_new = true;
        Ok(file)
    }
}
