//! Which names lead to which files, and the changes of them that are not durable yet.
//!
//! In Kafka:   nothing; a file system with an ordered journal (ext4, XFS).
//! Holds:      files and folders by path.
//! Invariants: changes of one folder survive a power loss in their order: if one is lost, so are all after it.
//!             A folder that is synced is there itself.

use std::collections::{BTreeMap, BTreeSet};

use crate::disk::{DiskError, FileId, parent};

/// A change of names.
#[derive(Debug, Clone)]
pub(super) enum NameChange {
    Create(String, FileId),
    Remove(String),
    Rename(String, String),
    CreateFolder(String),
}

impl NameChange {
    /// The folder that has to be synced for it to be durable.
    pub(super) fn folder(&self) -> &str {
        match self {
            Self::Create(path, _) | Self::Remove(path) | Self::CreateFolder(path) => parent(path),
            Self::Rename(from, _) => parent(from),
        }
    }
}

/// The names of a disk.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    pub(super) files: BTreeMap<String, FileId>,
    pub(super) folders: BTreeSet<String>,
}

impl Names {
    pub(super) fn is_folder(&self, path: &str) -> bool {
        path.is_empty() || self.folders.contains(path)
    }

    /// Whether a folder is there, and why not.
    pub(super) fn folder_is_there(&self, path: &str) -> Result<(), DiskError> {
        match self.is_folder(path) {
            true => Ok(()),
            false if self.files.contains_key(path) => Err(DiskError::WrongKind),
            false => Err(DiskError::NotFound),
        }
    }

    /// Whether something may be renamed so: a file may replace a file, a folder nothing.
    pub(super) fn may_rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        let is_file = self.files.contains_key(from);
        if !is_file && !self.folders.contains(from) {
            return Err(DiskError::NotFound);
        }
        self.folder_is_there(parent(to))?;
        let (onto_file, onto_folder) = (self.files.contains_key(to), self.is_folder(to));
        match is_file {
            _ if from == to => Ok(()),
            true if onto_folder => Err(DiskError::WrongKind),
            true => Ok(()),
            false if onto_file => Err(DiskError::WrongKind),
            false if onto_folder || to.starts_with(&format!("{from}/")) => Err(DiskError::NotEmpty),
            false => Ok(()),
        }
    }

    pub(super) fn has_children(&self, folder: &str) -> bool {
        let inside = format!("{folder}/");
        self.files.keys().chain(&self.folders).any(|name| name.starts_with(&inside))
    }

    /// Does a change; answers the file that no name leads to any more. A change of what is not there does nothing.
    pub(super) fn apply(&mut self, change: &NameChange) -> Option<FileId> {
        match change {
            NameChange::Create(path, file) => self.files.insert(path.clone(), *file),
            NameChange::CreateFolder(path) => {
                self.folders.insert(path.clone());
                None
            }
            NameChange::Remove(path) => {
                self.folders.remove(path);
                self.files.remove(path)
            }
            NameChange::Rename(from, to) => self.rename(from, to),
        }
    }

    /// Forgets what lies in a folder that is not there.
    pub(super) fn forget_orphans(&mut self) {
        let folders = self.folders.clone();
        let reachable = |path: &str| parent(path).is_empty() || folders.contains(parent(path));
        self.files.retain(|path, _| reachable(path));
        self.folders.retain(|path| reachable(path));
    }

    fn rename(&mut self, from: &str, to: &str) -> Option<FileId> {
        if self.folders.remove(from) {
            self.folders.insert(to.to_owned());
            let inside = format!("{from}/");
            let moved: Vec<String> =
                self.files.keys().filter(|name| name.starts_with(&inside)).cloned().collect();
            for name in moved {
                let file = self.files.remove(&name)?;
                self.files.insert(format!("{to}/{}", &name[inside.len()..]), file);
            }
            let folders = std::mem::take(&mut self.folders).into_iter();
            let moved = |name: String| match name.strip_prefix(&inside) {
                Some(rest) => format!("{to}/{rest}"),
                None => name,
            };
            self.folders = folders.map(moved).collect();
            return None;
        }
        let file = self.files.remove(from)?;
        self.files.insert(to.to_owned(), file)
    }
}
