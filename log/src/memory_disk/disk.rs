//! The disk itself: files by number, and what of them is durable if it has a cache to lose.
//!
//! Holds:      the bytes of every file, and those that its last sync left; the names, and those that are durable.
//! Invariants: without a cache nothing is lost but what a call did not do.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::disk::{Disk, DiskError, FileId, parent};

use super::names::{NameChange, Names};
use super::power_loss::{Draws, PowerLoss, survives};

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
    files: BTreeMap<FileId, File>,
    names: Names,
    cache: Option<Cache>,
    next_file: u64,
    calls: u64,
    failure: Option<Failure>,
}

#[derive(Debug, Clone, Default)]
struct File {
    bytes: Vec<u8>,
    /// What the last sync left; none if nothing was written since.
    synced: Option<Vec<u8>>,
    /// No name leads to it: only a power loss may bring it back.
    unlinked: bool,
}

/// What is not durable yet.
#[derive(Debug, Clone, Default)]
struct Cache {
    durable: Names,
    changes: Vec<NameChange>,
}

impl Cache {
    /// The changes of a folder, and those that led to it: that it is there itself.
    fn take_changes_of(&mut self, folder: &str) -> Vec<NameChange> {
        let mut reached = vec![folder.to_owned()];
        let (mut taken, mut left) = (Vec::new(), Vec::new());
        for change in std::mem::take(&mut self.changes).into_iter().rev() {
            let is_itself =
                |path: &String| matches!(&change, NameChange::CreateFolder(made) if made == path);
            if reached.iter().any(|path| change.folder() == path || is_itself(path)) {
                reached.push(change.folder().to_owned());
                taken.push(change);
            } else {
                left.push(change);
            }
        }
        taken.reverse();
        left.reverse();
        self.changes = left;
        taken
    }
}

#[derive(Debug, Clone, Copy)]
struct Failure {
    /// The first call that fails.
    from: u64,
    error: DiskError,
    /// How much of a write that call does all the same.
    kept: usize,
}

impl MemoryDisk {
    /// An empty disk; what is written is durable.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty disk that can lose what was not synced.
    #[must_use]
    pub fn with_cache() -> Self {
        Self { cache: Some(Cache::default()), ..Self::default() }
    }

    /// How many calls it has served or refused.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.calls
    }

    /// Lets `calls` more calls through and fails all after them: the process dies there, or the device does.
    pub fn fail_after(&mut self, calls: u64, error: DiskError) {
        self.tear_after(calls, error, 0);
    }

    /// The same, but if the first call that fails is a write, so many bytes of it are written.
    pub fn tear_after(&mut self, calls: u64, error: DiskError, kept: usize) {
        self.failure = Some(Failure { from: self.calls + calls, error, kept });
    }

    /// Ends the failures: the next process starts on what is there.
    pub fn repair(&mut self) {
        self.failure = None;
    }

    /// Loses what was not synced, some of it; ends the failures. Nothing is lost without a cache.
    pub fn lose_power(&mut self, how: PowerLoss) {
        self.repair();
        let Some(cache) = &mut self.cache else { return };
        let mut draws = Draws::new(how.seed);
        // In each folder the first few of its changes are left.
        let mut left: BTreeMap<&str, usize> = BTreeMap::new();
        for change in &cache.changes {
            *left.entry(change.folder()).or_default() += 1;
        }
        for count in left.values_mut() {
            *count = draws.below(*count + 1);
        }
        let mut names = cache.durable.clone();
        for change in &cache.changes {
            let left = left.get_mut(change.folder()).expect("each was counted");
            if *left > 0 {
                *left -= 1;
                names.apply(change);
            }
        }
        names.forget_orphans();
        *cache = Cache { durable: names.clone(), changes: Vec::new() };
        self.names = names;
        let named: Vec<FileId> = self.names.files.values().copied().collect();
        self.files.retain(|file, _| named.contains(file));
        for file in self.files.values_mut() {
            file.unlinked = false;
            if let Some(synced) = file.synced.take() {
                file.bytes = survives(&synced, &file.bytes, how, &mut draws);
            }
        }
    }

    /// The bytes of a file, behind the log's back.
    #[must_use]
    pub fn contents(&self, path: &str) -> Option<&[u8]> {
        self.names.files.get(path).map(|file| self.files[file].bytes.as_slice())
    }

    /// Replaces the bytes of a file, behind the log's back; makes it if there is none.
    pub fn set_contents(&mut self, path: &str, contents: &[u8]) {
        let file = self.file_named(path);
        self.files.insert(file, File { bytes: contents.to_vec(), ..File::default() });
    }

    /// All files by name.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.names.files.keys().map(String::as_str)
    }

    fn file_named(&mut self, path: &str) -> FileId {
        if let Some(&file) = self.names.files.get(path) {
            return file;
        }
        let file = FileId(self.next_file);
        self.next_file += 1;
        let synced = self.cache.is_some().then(Vec::new);
        self.files.insert(file, File { synced, ..File::default() });
        self.change(NameChange::Create(path.to_owned(), file));
        file
    }

    /// Changes the names; a file that no name leads to is gone, once that is durable.
    fn change(&mut self, change: NameChange) {
        let unlinked = self.names.apply(&change);
        if let Some(cache) = &mut self.cache {
            cache.changes.push(change);
        }
        let Some(unlinked) = unlinked else { return };
        if self.cache.is_none() {
            self.files.remove(&unlinked);
        } else if let Some(file) = self.files.get_mut(&unlinked) {
            file.unlinked = true;
        }
    }

    fn called(&mut self) -> Result<(), DiskError> {
        self.calls += 1;
        match self.failure {
            Some(failure) if self.calls > failure.from => Err(failure.error),
            _ => Ok(()),
        }
    }

    /// How much of a write of so many bytes is done, and what is answered then.
    fn write_called(&mut self, size: usize) -> (usize, Result<(), DiskError>) {
        let answer = self.called();
        let kept = match self.failure {
            Some(failure) if answer.is_err() && self.calls == failure.from + 1 => failure.kept,
            _ if answer.is_err() => 0,
            _ => size,
        };
        (kept.min(size), answer)
    }

    fn file(&self, file: FileId) -> Result<&File, DiskError> {
        self.files.get(&file).filter(|file| !file.unlinked).ok_or(DiskError::Stale)
    }

    /// The bytes of a file that are about to change.
    fn bytes_of(&mut self, file: FileId) -> Result<&mut Vec<u8>, DiskError> {
        self.file(file)?;
        let file = self.files.get_mut(&file).ok_or(DiskError::Stale)?;
        if self.cache.is_some() && file.synced.is_none() {
            file.synced = Some(file.bytes.clone());
        }
        Ok(&mut file.bytes)
    }
}

impl Disk for MemoryDisk {
    fn open(&mut self, path: &str, create: bool) -> Result<FileId, DiskError> {
        self.called()?;
        if self.names.is_folder(path) {
            return Err(DiskError::WrongKind);
        }
        match self.names.files.get(path) {
            Some(&file) => Ok(file),
            None if create => {
                self.names.folder_is_there(parent(path))?;
                Ok(self.file_named(path))
            }
            None => Err(DiskError::NotFound),
        }
    }

    fn len(&mut self, file: FileId) -> Result<u64, DiskError> {
        self.called()?;
        Ok(self.file(file)?.bytes.len() as u64)
    }

    fn read(&mut self, file: FileId, offset: u64, length: usize) -> Result<Bytes, DiskError> {
        self.called()?;
        let bytes = &self.file(file)?.bytes;
        let from = usize::try_from(offset).map_or(bytes.len(), |from| from.min(bytes.len()));
        let to = from.saturating_add(length).min(bytes.len());
        Ok(Bytes::copy_from_slice(&bytes[from..to]))
    }

    fn append(&mut self, file: FileId, bytes: Bytes) -> Result<u64, DiskError> {
        let (kept, answer) = self.write_called(bytes.len());
        let contents = self.bytes_of(file)?;
        let at = contents.len() as u64;
        contents.extend_from_slice(&bytes[..kept]);
        answer.map(|()| at)
    }

    fn write(&mut self, file: FileId, offset: u64, bytes: Bytes) -> Result<(), DiskError> {
        let (kept, answer) = self.write_called(bytes.len());
        let contents = self.bytes_of(file)?;
        let from = usize::try_from(offset).map_err(|_| DiskError::NoSpace)?;
        let to = from.checked_add(kept).ok_or(DiskError::NoSpace)?;
        if kept > 0 && contents.len() < to {
            contents.resize(to, 0);
        }
        if kept > 0 {
            contents[from..to].copy_from_slice(&bytes[..kept]);
        }
        answer
    }

    fn truncate(&mut self, file: FileId, length: u64) -> Result<(), DiskError> {
        self.called()?;
        let length = usize::try_from(length).map_err(|_| DiskError::NoSpace)?;
        self.bytes_of(file)?.resize(length, 0);
        Ok(())
    }

    fn sync(&mut self, file: FileId) -> Result<(), DiskError> {
        self.called()?;
        self.file(file)?;
        self.files.entry(file).and_modify(|file| file.synced = None);
        Ok(())
    }

    fn sync_dir(&mut self, path: &str) -> Result<(), DiskError> {
        self.called()?;
        self.names.folder_is_there(path)?;
        if let Some(cache) = &mut self.cache {
            let durable = cache.take_changes_of(path);
            for change in durable {
                cache.durable.apply(&change);
            }
        }
        Ok(())
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError> {
        self.called()?;
        self.names.may_rename(from, to)?;
        if from == to {
            return Ok(());
        }
        self.change(NameChange::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn remove(&mut self, path: &str) -> Result<(), DiskError> {
        self.called()?;
        if self.names.folders.contains(path) && self.names.has_children(path) {
            return Err(DiskError::NotEmpty);
        }
        if !self.names.folders.contains(path) && !self.names.files.contains_key(path) {
            return Err(DiskError::NotFound);
        }
        self.change(NameChange::Remove(path.to_owned()));
        Ok(())
    }

    fn list(&mut self, path: &str) -> Result<Vec<String>, DiskError> {
        self.called()?;
        self.names.folder_is_there(path)?;
        let children = self.names.files.keys().chain(&self.names.folders);
        let mut names: Vec<String> = children
            .filter(|name| parent(name) == path)
            .map(|name| name[name.rfind('/').map_or(0, |at| at + 1)..].to_owned())
            .collect();
        names.sort_unstable();
        Ok(names)
    }

    fn create_dir(&mut self, path: &str) -> Result<(), DiskError> {
        self.called()?;
        if self.names.files.contains_key(path) {
            return Err(DiskError::AlreadyExists);
        }
        if !self.names.is_folder(path) {
            self.names.folder_is_there(parent(path))?;
            self.change(NameChange::CreateFolder(path.to_owned()));
        }
        Ok(())
    }
}
