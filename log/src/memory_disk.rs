//! A disk in memory: keeps every byte, loses nothing, and fails when a test asks it to.
//!
//! Holds:    files by number, folders and names.
//! Left out: caches, durability and time; the simulated disk has those.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use crate::disk::{Disk, DiskError, FileId, parent};

/// A [`Disk`] in memory.
///
/// ```
/// use bytes::Bytes;
/// use trial_log::{Disk, MemoryDisk};
///
/// let mut disk = MemoryDisk::new();
/// let file = disk.open("greeting", true)?;
/// disk.append(file, Bytes::from_static(b"good morning"))?;
/// assert_eq!(disk.read(file, 5, 100)?, Bytes::from_static(b"morning"));
/// # Ok::<(), trial_log::DiskError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct MemoryDisk {
    files: BTreeMap<FileId, Vec<u8>>,
    names: BTreeMap<String, FileId>,
    folders: BTreeSet<String>,
    next_file: u64,
    calls: u64,
    fails_from: Option<(u64, DiskError)>,
}

impl MemoryDisk {
    /// An empty disk.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many calls it has served or refused.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.calls
    }

    /// Lets `calls` more calls through and fails all after them: the process dies there, or the device does.
    pub fn fail_after(&mut self, calls: u64, error: DiskError) {
        self.fails_from = Some((self.calls + calls, error));
    }

    /// Ends the failures: the next process starts on what is there.
    pub fn repair(&mut self) {
        self.fails_from = None;
    }

    /// The bytes of a file, behind the log's back.
    #[must_use]
    pub fn contents(&self, path: &str) -> Option<&[u8]> {
        self.names.get(path).map(|file| self.files[file].as_slice())
    }

    /// Replaces the bytes of a file, behind the log's back; makes it if there is none.
    pub fn set_contents(&mut self, path: &str, contents: &[u8]) {
        let file = self.file_named(path);
        self.files.insert(file, contents.to_vec());
    }

    /// All files by name.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.names.keys().map(String::as_str)
    }

    fn file_named(&mut self, path: &str) -> FileId {
        if let Some(&file) = self.names.get(path) {
            return file;
        }
        let file = FileId(self.next_file);
        self.next_file += 1;
        self.files.insert(file, Vec::new());
        self.names.insert(path.to_owned(), file);
        file
    }

    fn called(&mut self) -> Result<(), DiskError> {
        self.calls += 1;
        match self.fails_from {
            Some((from, error)) if self.calls > from => Err(error),
            _ => Ok(()),
        }
    }

    fn bytes_of(&mut self, file: FileId) -> Result<&mut Vec<u8>, DiskError> {
        self.files.get_mut(&file).ok_or(DiskError::Stale)
    }

    fn is_folder(&self, path: &str) -> bool {
        path.is_empty() || self.folders.contains(path)
    }
}

impl Disk for MemoryDisk {
    fn open(&mut self, path: &str, create: bool) -> Result<FileId, DiskError> {
        self.called()?;
        if self.is_folder(path) {
            return Err(DiskError::WrongKind);
        }
        match self.names.get(path) {
            Some(&file) => Ok(file),
            None if create && self.is_folder(parent(path)) => Ok(self.file_named(path)),
            None => Err(DiskError::NotFound),
        }
    }

    fn len(&mut self, file: FileId) -> Result<u64, DiskError> {
        self.called()?;
        Ok(self.bytes_of(file)?.len() as u64)
    }

    fn read(&mut self, file: FileId, offset: u64, length: usize) -> Result<Bytes, DiskError> {
        self.called()?;
        let bytes = self.bytes_of(file)?;
        let from = usize::try_from(offset).map_or(bytes.len(), |from| from.min(bytes.len()));
        let to = from.saturating_add(length).min(bytes.len());
        Ok(Bytes::copy_from_slice(&bytes[from..to]))
    }

    fn append(&mut self, file: FileId, bytes: Bytes) -> Result<u64, DiskError> {
        self.called()?;
        let contents = self.bytes_of(file)?;
        let at = contents.len() as u64;
        contents.extend_from_slice(&bytes);
        Ok(at)
    }

    fn write(&mut self, file: FileId, offset: u64, bytes: Bytes) -> Result<(), DiskError> {
        self.called()?;
        let contents = self.bytes_of(file)?;
        let from = usize::try_from(offset).map_err(|_| DiskError::NoSpace)?;
        let to = from.checked_add(bytes.len()).ok_or(DiskError::NoSpace)?;
        if contents.len() < to {
            contents.resize(to, 0);
        }
        contents[from..to].copy_from_slice(&bytes);
        Ok(())
    }

    fn truncate(&mut self, file: FileId, length: u64) -> Result<(), DiskError> {
        self.called()?;
        let length = usize::try_from(length).map_err(|_| DiskError::NoSpace)?;
        self.bytes_of(file)?.resize(length, 0);
        Ok(())
    }

    fn sync(&mut self, file: FileId) -> Result<(), DiskError> {
        self.called()?;
        self.bytes_of(file).map(|_| ())
    }

    fn sync_dir(&mut self, path: &str) -> Result<(), DiskError> {
        self.called()?;
        if self.is_folder(path) { Ok(()) } else { Err(DiskError::NotFound) }
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError> {
        self.called()?;
        if self.folders.remove(from) {
            self.folders.insert(to.to_owned());
            let inside = format!("{from}/");
            let moved: Vec<_> =
                self.names.keys().filter(|name| name.starts_with(&inside)).cloned().collect();
            for name in moved {
                let file = self.names.remove(&name).ok_or(DiskError::NotFound)?;
                self.names.insert(format!("{to}/{}", &name[inside.len()..]), file);
            }
            return Ok(());
        }
        let file = self.names.remove(from).ok_or(DiskError::NotFound)?;
        if let Some(replaced) = self.names.insert(to.to_owned(), file) {
            self.files.remove(&replaced);
        }
        Ok(())
    }

    fn remove(&mut self, path: &str) -> Result<(), DiskError> {
        self.called()?;
        if self.folders.contains(path) {
            let inside = format!("{path}/");
            if self.names.keys().any(|name| name.starts_with(&inside)) {
                return Err(DiskError::NotEmpty);
            }
            self.folders.remove(path);
            return Ok(());
        }
        let file = self.names.remove(path).ok_or(DiskError::NotFound)?;
        self.files.remove(&file);
        Ok(())
    }

    fn list(&mut self, path: &str) -> Result<Vec<String>, DiskError> {
        self.called()?;
        if !self.is_folder(path) {
            return Err(DiskError::NotFound);
        }
        let children = self.names.keys().chain(&self.folders);
        let mut names: Vec<String> = children
            .filter(|name| parent(name) == path)
            .map(|name| name[name.rfind('/').map_or(0, |at| at + 1)..].to_owned())
            .collect();
        names.sort_unstable();
        Ok(names)
    }

    fn create_dir(&mut self, path: &str) -> Result<(), DiskError> {
        self.called()?;
        if self.names.contains_key(path) {
            return Err(DiskError::AlreadyExists);
        }
        if !self.is_folder(path) {
            self.folders.insert(path.to_owned());
        }
        Ok(())
    }
}
