//! A disk with a segment of one gibibyte that is not there: its index is, and batch headers are made as they are read.

use bytes::{BufMut, Bytes, BytesMut};
use trial_log::{
    BatchBuilder, Disk, DiskError, FileId, MemoryDisk, Offset, RECORD_BATCH_OVERHEAD,
    write_snapshot,
};

/// The size of each batch, so that each but the first has an index entry (`index.interval.bytes`).
const BATCH_BYTES: usize = 4_200;
/// The records of each.
const RECORDS: i64 = 10;
const BATCHES: u64 = (1 << 30) / BATCH_BYTES as u64;

/// How large the segment is.
pub const SEGMENT_BYTES: u64 = BATCHES * BATCH_BYTES as u64;
/// How many entries its index has.
pub const ENTRIES: u64 = BATCHES - 1;

pub struct Sparse {
    inner: MemoryDisk,
    log: FileId,
    header: Vec<u8>,
    /// How many headers were read.
    pub reads: u64,
}

/// The entries of the index: a relative offset and a position each.
pub fn entries() -> impl Iterator<Item = (i32, i32)> {
    let entry = |batch: u64| {
        let offset = (batch as i64 + 1) * RECORDS - 1;
        (offset as i32, (batch * BATCH_BYTES as u64) as i32)
    };
    (1..BATCHES).map(entry)
}

impl Sparse {
    /// The disk, and where the log ends.
    pub fn new(folder: &str) -> (Self, Offset) {
        let (mut index, mut inner) = (BytesMut::new(), MemoryDisk::new());
        for (offset, position) in entries() {
            index.put_i32(offset);
            index.put_i32(position);
        }
        let end = Offset(BATCHES as i64 * RECORDS);
        let path = |base: i64, suffix: &str| format!("{folder}/{base:020}{suffix}");
        inner.create_dir(folder).expect("the disk is empty");
        inner.set_contents(&path(0, ".index"), &index);
        inner.set_contents(&path(0, ".timeindex"), b"");
        inner.set_contents(&path(end.0, ".snapshot"), &write_snapshot([].iter()));
        let log = inner.open(&path(0, ".log"), true).expect("the folder is there");
        let mut builder = BatchBuilder::new(Offset::ZERO);
        (0..RECORDS).for_each(|_| builder.append(-1, None, None, &[]));
        let mut header = builder.build().as_bytes()[..RECORD_BATCH_OVERHEAD].to_vec();
        header[8..12].copy_from_slice(&(BATCH_BYTES as i32 - 12).to_be_bytes());
        (Self { inner, log, header, reads: 0 }, end)
    }

    /// The header of a batch.
    pub fn header(&mut self, batch: u64) -> Bytes {
        let offset = batch as i64 * RECORDS;
        self.reads += 1;
        self.header[..8].copy_from_slice(&offset.to_be_bytes());
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
