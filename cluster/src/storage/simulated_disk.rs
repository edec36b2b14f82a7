//! A disk of the simulated host, as the storage engine wants it.
//!
//! Holds:      the access that a job was lent; every call adds to what the job has to pay.
//! Invariants: none of its own: what is durable, and what a crash takes, the simulator decides.

use bytes::Bytes;
use trial_log::{Disk, DiskError, FileId};
use trial_sim::disk::{self, DiskAccess};

/// Lends a job's disk to a log: `log.read(&mut SimulatedDisk::new(cx.disk(id)), ..)`.
#[derive(Debug)]
pub struct SimulatedDisk<'a> {
    access: DiskAccess<'a>,
}

impl<'a> SimulatedDisk<'a> {
    /// Takes the access that a job was lent.
    #[must_use]
    pub fn new(access: DiskAccess<'a>) -> Self {
        Self { access }
    }
}

impl Disk for SimulatedDisk<'_> {
    fn open(&mut self, path: &str, create: bool) -> Result<FileId, DiskError> {
        self.access.open(path, create).map(of_sim).map_err(refusal)
    }

    fn len(&mut self, file: FileId) -> Result<u64, DiskError> {
        self.access.len(to_sim(file)).map_err(refusal_of_handle)
    }

    fn read(&mut self, file: FileId, offset: u64, length: usize) -> Result<Bytes, DiskError> {
        self.access.read(to_sim(file), offset, length as u64).map_err(refusal_of_handle)
    }

    fn append(&mut self, file: FileId, bytes: Bytes) -> Result<u64, DiskError> {
        self.access.append(to_sim(file), bytes).map_err(refusal_of_handle)
    }

    fn write(&mut self, file: FileId, offset: u64, bytes: Bytes) -> Result<(), DiskError> {
        self.access.write(to_sim(file), offset, bytes).map_err(refusal_of_handle)
    }

    fn truncate(&mut self, file: FileId, length: u64) -> Result<(), DiskError> {
        self.access.truncate(to_sim(file), length).map_err(refusal_of_handle)
    }

    fn sync(&mut self, file: FileId) -> Result<(), DiskError> {
        self.access.sync(to_sim(file)).map_err(refusal_of_handle)
    }

    fn sync_dir(&mut self, path: &str) -> Result<(), DiskError> {
        self.access.sync_dir(path).map_err(refusal)
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError> {
        self.access.rename(from, to).map_err(refusal)
    }

    fn remove(&mut self, path: &str) -> Result<(), DiskError> {
        self.access.remove(path).map_err(refusal)
    }

    fn list(&mut self, path: &str) -> Result<Vec<String>, DiskError> {
        self.access.list(path).map_err(refusal)
    }

    fn create_dir(&mut self, path: &str) -> Result<(), DiskError> {
        match self.access.create_dir(path) {
            Err(disk::DiskError::AlreadyExists) if self.access.is_directory(path) => Ok(()),
            outcome => outcome.map_err(refusal),
        }
    }
}

fn of_sim(file: disk::FileId) -> FileId {
    FileId(u64::from(file.0))
}

fn to_sim(file: FileId) -> disk::FileId {
    disk::FileId(u32::try_from(file.0).expect("the number came from the simulated disk"))
}

/// A call on an open file: one that is not there was removed.
fn refusal_of_handle(error: disk::DiskError) -> DiskError {
    match error {
        disk::DiskError::NotFound => DiskError::Stale,
        other => refusal(other),
    }
}

fn refusal(error: disk::DiskError) -> DiskError {
    match error {
        disk::DiskError::NotFound => DiskError::NotFound,
        disk::DiskError::AlreadyExists => DiskError::AlreadyExists,
        disk::DiskError::NotADirectory | disk::DiskError::IsADirectory => DiskError::WrongKind,
        disk::DiskError::NotEmpty => DiskError::NotEmpty,
        disk::DiskError::Full => DiskError::NoSpace,
        disk::DiskError::Io | disk::DiskError::Dead => DiskError::Io,
    }
}
