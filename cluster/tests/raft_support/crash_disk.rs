//! A disk in memory that loses everything unsynced, at any call that a test chooses.
//!
//! Holds:      what programs see, and what a power failure would leave: contents as of each file's last sync, names
//!             as of each folder's last sync.
//! Invariants: CD-1 after the call at which it fails it fails for good, until `power_loss` brings it back.

use std::collections::BTreeMap;

use bytes::Bytes;
use trial_log::{Disk, DiskError, FileId};

/// Where a file's bytes are; a name that is renamed keeps it.
type Inode = usize;

#[derive(Debug, Clone, Default)]
pub struct CrashDisk {
    seen: BTreeMap<Inode, Vec<u8>>,
    durable: BTreeMap<Inode, Vec<u8>>,
    names: BTreeMap<String, Inode>,
    durable_names: BTreeMap<String, Inode>,
    next: Inode,
    /// Calls that change something, so far.
    pub calls: u64,
    /// The call at which the power fails.
    pub fails_at: Option<u64>,
    /// What the first call was about that failed.
    pub failed: Option<String>,
    /// A disk that answers syncs without doing anything.
    pub lies: bool,
}

impl CrashDisk {
    /// The power fails and comes back: nothing unsynced is left.
    pub fn power_loss(&mut self) {
        self.fails_at = None;
        self.names = self.durable_names.clone();
        let contents =
            |inode: &Inode| (*inode, self.durable.get(inode).cloned().unwrap_or_default());
        self.seen = self.names.values().map(contents).collect();
        self.durable = self.seen.clone();
    }

    /// A file as it is on the disk now.
    pub fn contents(&self, path: &str) -> Option<&[u8]> {
        self.seen.get(self.names.get(path)?).map(Vec::as_slice)
    }

    fn change(&mut self, path: &str) -> Result<(), DiskError> {
        self.calls += 1;
        if self.fails_at.is_none_or(|at| self.calls <= at) {
            return Ok(());
        }
        self.failed.get_or_insert(path.to_owned());
        Err(DiskError::Io)
    }

    fn change_file(&mut self, file: FileId) -> Result<(), DiskError> {
        let known = self.names.iter().find(|(_, inode)| **inode as u64 == file.0);
        let path = known.map_or_else(String::new, |(name, _)| name.clone());
        self.change(&path)
    }

    fn bytes(&mut self, file: FileId) -> Result<&mut Vec<u8>, DiskError> {
        let inode = usize::try_from(file.0).map_err(|_| DiskError::Stale)?;
        self.seen.get_mut(&inode).ok_or(DiskError::Stale)
    }
}

fn parent(path: &str) -> &str {
    path.rfind('/').map_or("", |at| &path[..at])
}

impl Disk for CrashDisk {
    fn open(&mut self, path: &str, create: bool) -> Result<FileId, DiskError> {
        if !self.names.contains_key(path) {
            if !create {
                return Err(DiskError::NotFound);
            }
            self.change(path)?;
            self.names.insert(path.to_owned(), self.next);
            self.seen.insert(self.next, Vec::new());
            self.next += 1;
        }
        Ok(FileId(self.names[path] as u64))
    }

    fn len(&mut self, file: FileId) -> Result<u64, DiskError> {
        Ok(self.bytes(file)?.len() as u64)
    }

    fn read(&mut self, file: FileId, offset: u64, length: usize) -> Result<Bytes, DiskError> {
        let bytes = self.bytes(file)?;
        let from = usize::try_from(offset).map_err(|_| DiskError::Io)?.min(bytes.len());
        let to = from.saturating_add(length).min(bytes.len());
        Ok(Bytes::copy_from_slice(&bytes[from..to]))
    }

    fn append(&mut self, file: FileId, bytes: Bytes) -> Result<u64, DiskError> {
        let at = self.len(file)?;
        self.write(file, at, bytes)?;
        Ok(at)
    }

    fn write(&mut self, file: FileId, offset: u64, bytes: Bytes) -> Result<(), DiskError> {
        self.change_file(file)?;
        let from = usize::try_from(offset).map_err(|_| DiskError::Io)?;
        let known = self.bytes(file)?;
        known.resize(known.len().max(from + bytes.len()), 0);
        known[from..from + bytes.len()].copy_from_slice(&bytes);
        Ok(())
    }

    fn truncate(&mut self, file: FileId, length: u64) -> Result<(), DiskError> {
        self.change_file(file)?;
        let length = usize::try_from(length).map_err(|_| DiskError::Io)?;
        self.bytes(file)?.resize(length, 0);
        Ok(())
    }

    fn sync(&mut self, file: FileId) -> Result<(), DiskError> {
        self.change_file(file)?;
        let bytes = self.bytes(file)?.clone();
        if !self.lies {
            self.durable.insert(usize::try_from(file.0).map_err(|_| DiskError::Stale)?, bytes);
        }
        Ok(())
    }

    fn sync_dir(&mut self, path: &str) -> Result<(), DiskError> {
        self.change(path)?;
        if !self.lies {
            self.durable_names.retain(|name, _| parent(name) != path);
            let inside = self.names.iter().filter(|(name, _)| parent(name) == path);
            self.durable_names.extend(inside.map(|(name, inode)| (name.clone(), *inode)));
        }
        Ok(())
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError> {
        self.change(to)?;
        let inode = self.names.remove(from).ok_or(DiskError::NotFound)?;
        self.names.insert(to.to_owned(), inode);
        Ok(())
    }

    fn remove(&mut self, path: &str) -> Result<(), DiskError> {
        self.change(path)?;
        self.names.remove(path).map(|_| ()).ok_or(DiskError::NotFound)
    }

    fn list(&mut self, path: &str) -> Result<Vec<String>, DiskError> {
        let inside = self.names.keys().filter(|name| parent(name) == path);
        let name = |full: &String| full.rsplit('/').next().unwrap_or(full).to_owned();
        Ok(inside.map(name).collect())
    }

    fn create_dir(&mut self, path: &str) -> Result<(), DiskError> {
        self.change(path)
    }
}
