//! A disk with a segment of one gibibyte that is not there: its index is, and batch headers are made as they are read.

use bytes::{BufMut, Bytes, BytesMut};
use trial_log::{
    BatchBuilder, Disk, DiskError, FileId, MemoryDisk, Offset, RECORD_BATCH_OVERHEAD,
    write_snapshot,
};

/// The size of each batch, so that each but the first has an index entry (`index.interval.bytes`).
const BATCH_BYTES: usize = 4_200;
const BATCHES: u64 = (1 << 30) / BATCH_BYTES as u64;

/// How large the segment is.
pub const SEGMENT_BYTES: u64 = BATCHES * BATCH_BYTES as u64;
/// How many entries its index has.
pub const ENTRIES: u64 = BATCHES - 1;

/// How many records the batches have.
#[derive(Debug, Clone, Copy)]
pub enum Flow {
    /// All the same.
    Even,
    /// Now more, now fewer, and about three times as many in the second half.
    Uneven,
}

impl Flow {
    /// The offset that a batch begins at.
    pub fn first_offset(self, batch: u64) -> i64 {
        let half = BATCHES / 2;
        let wobble = batch.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 61;
        let offset = match self {
            Self::Even => batch * 16,
            Self::Uneven => batch * 8 + batch.saturating_sub(half) * 16 + wobble,
        };
        offset as i64
    }

    fn last_offset(self, batch: u64) -> i64 {
        self.first_offset(batch + 1) - 1
    }

    /// The entries of the index: a relative offset and a position each.
    pub fn entries(self) -> impl Iterator<Item = (i32, i32)> {
        let position = |batch: u64| (batch * BATCH_BYTES as u64) as i32;
        (1..BATCHES).map(move |batch| (self.last_offset(batch) as i32, position(batch)))
    }
}

pub struct Sparse {
    inner: MemoryDisk,
    flow: Flow,
    log: FileId,
    header: Vec<u8>,
    /// How many headers were read.
    pub reads: u64,
}

impl Sparse {
    /// The disk, and where the log ends.
    pub fn new(folder: &str, flow: Flow) -> (Self, Offset) {
        let (mut index, mut inner) = (BytesMut::new(), MemoryDisk::new());
        for (offset, position) in flow.entries() {
            index.put_i32(offset);
            index.put_i32(position);
        }
        let end = Offset(flow.first_offset(BATCHES));
        let path = |base: i64, suffix: &str| format!("{folder}/{base:020}{suffix}");
        inner.create_dir(folder).expect("the disk is empty");
        inner.set_contents(&path(0, ".index"), &index);
        inner.set_contents(&path(0, ".timeindex"), b"");
        inner.set_contents(&path(end.0, ".snapshot"), &write_snapshot([].iter()));
        let log = inner.open(&path(0, ".log"), true).expect("the folder is there");
        let mut builder = BatchBuilder::new(Offset::ZERO);
        builder.append(-1, None, None, &[]);
        let mut header = builder.build().as_bytes()[..RECORD_BATCH_OVERHEAD].to_vec();
        header[8..12].copy_from_slice(&(BATCH_BYTES as i32 - 12).to_be_bytes());
        (Self { inner, flow, log, header, reads: 0 }, end)
    }

    /// The header of a batch.
    pub fn header(&mut self, batch: u64) -> Bytes {
        let (first, last) = (self.flow.first_offset(batch), self.flow.last_offset(batch));
        self.reads += 1;
        self.header[..8].copy_from_slice(&first.to_be_bytes());
        self.header[23..27].copy_from_slice(&((last - first) as i32).to_be_bytes());
        Bytes::copy_from_slice(&self.header)
    }
}

impl Disk for Sparse {
    fn open(&mut self, path: &str, create: bool) -> Result<FileId, DiskError> {
        self.inner.open(path, create)
    }

    fn len(&mut self, file: FileId) -> Result<u64, DiskError> {
        if file == self.log { Ok(SEGMENT_BYTES) } else { self.inner.len(file) }
    }

    /// Of the segment, the header alone, where one begins: nobody looks at more.
    fn read(&mut self, file: FileId, offset: u64, length: usize) -> Result<Bytes, DiskError> {
        if file != self.log {
            return self.inner.read(file, offset, length);
        }
        let (batch, within) = (offset / BATCH_BYTES as u64, offset % BATCH_BYTES as u64);
        if within == 0 { Ok(self.header(batch)) } else { Err(DiskError::Io) }
    }

    fn append(&mut self, file: FileId, bytes: Bytes) -> Result<u64, DiskError> {
        self.inner.append(file, bytes)
    }

    fn write(&mut self, file: FileId, offset: u64, bytes: Bytes) -> Result<(), DiskError> {
        self.inner.write(file, offset, bytes)
    }

    fn truncate(&mut self, file: FileId, length: u64) -> Result<(), DiskError> {
        self.inner.truncate(file, length)
    }

    fn sync(&mut self, file: FileId) -> Result<(), DiskError> {
        self.inner.sync(file)
    }

    fn sync_dir(&mut self, path: &str) -> Result<(), DiskError> {
        self.inner.sync_dir(path)
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError> {
        self.inner.rename(from, to)
    }

    fn remove(&mut self, path: &str) -> Result<(), DiskError> {
        self.inner.remove(path)
    }

    fn list(&mut self, path: &str) -> Result<Vec<String>, DiskError> {
        self.inner.list(path)
    }

    fn create_dir(&mut self, path: &str) -> Result<(), DiskError> {
        self.inner.create_dir(path)
    }
}
