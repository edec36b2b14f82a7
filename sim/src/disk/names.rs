//! The directories of a disk: which path leads to which file, and which changes may be undone.
//!
//! In Kafka:   `Utils.flushDir`, `Utils.atomicMoveWithFallback`: it syncs directories itself.
//! Holds:      the present names, and every change that is not durable yet, in order.
//! Invariants: NM-1 changes of one directory survive in their order: if one is undone, so are all
//!             later ones of the directories it touched; if one is made durable, so are all earlier.
//! Left out:   links, permissions, a file's other metadata.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::ops::Bound;
use std::sync::Arc;

use super::model::FileId;
use super::scope::is_within;
use crate::random::Stream;
use crate::time::Time;

/// A change of the names on a disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NameChange {
    /// A file appeared.
    Created {
        /// Its path.
        path: Arc<str>,
        /// The new file.
        file: FileId,
    },
    /// A file's name vanished.
    Removed {
        /// Its path.
        path: Arc<str>,
        /// The file that it led to.
        file: FileId,
    },
    /// A file has another name.
    Renamed {
        /// The old path.
        from: Arc<str>,
        /// The new path.
        to: Arc<str>,
        /// The file.
        file: FileId,
        /// The file that the new path led to before.
        replaced: Option<FileId>,
    },
    /// A directory appeared.
    DirectoryCreated {
        /// Its path.
        path: Arc<str>,
    },
    /// An empty directory vanished.
    DirectoryRemoved {
        /// Its path.
        path: Arc<str>,
    },
    /// A directory has another name, with all that is in it.
    DirectoryRenamed {
        /// The old path.
        from: Arc<str>,
        /// The new path.
        to: Arc<str>,
    },
}

impl fmt::Display for NameChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Created { path, .. } => write!(f, "create {path}"),
            Self::Removed { path, .. } => write!(f, "remove {path}"),
            Self::Renamed { from, to, .. } => write!(f, "rename {from} to {to}"),
            Self::DirectoryCreated { path } => write!(f, "create directory {path}"),
            Self::DirectoryRemoved { path } => write!(f, "remove directory {path}"),
            Self::DirectoryRenamed { from, to } => write!(f, "rename directory {from} to {to}"),
        }
    }
}

impl NameChange {
    fn paths(&self) -> [&str; 2] {
        match self {
            Self::Created { path, .. }
            | Self::Removed { path, .. }
            | Self::DirectoryCreated { path }
            | Self::DirectoryRemoved { path } => [path, path],
            Self::Renamed { from, to, .. } | Self::DirectoryRenamed { from, to } => [from, to],
        }
    }

    /// Whether the two are about the same names, or one about what lies in the other's.
    fn builds_on(&self, earlier: &Self) -> bool {
        let related = |one: &str, other: &str| is_within(one, other) || is_within(other, one);
        self.paths().iter().any(|one| earlier.paths().iter().any(|other| related(one, other)))
    }

    /// The file that nobody can reach any more once this change is durable.
    pub(super) fn orphan(&self) -> Option<FileId> {
        match self {
            Self::Removed { file, .. } => Some(*file),
            Self::Renamed { replaced, .. } => *replaced,
            _ => None,
        }
    }
}

/// A change that a power loss may still undo.
#[derive(Debug, Clone)]
struct Pending {
    order: u64,
    due: Time,
    directories: Vec<Arc<str>>,
    change: NameChange,
}

#[derive(Debug, Clone, Default)]
struct Tree {
    files: BTreeMap<Arc<str>, FileId>,
    directories: BTreeSet<Arc<str>>,
}

/// All names of a disk.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    tree: Arc<Tree>,
    pending: VecDeque<Pending>,
}

/// The directory that holds `path`; the root is the empty path.
pub(super) fn parent(path: &str) -> &str {
    path.rfind('/').map_or("", |slash| &path[..slash])
}

impl Names {
    /// The file that `path` leads to.
    pub fn file(&self, path: &str) -> Option<FileId> {
        self.tree.files.get(path).copied()
    }

    /// Whether `path` is a directory.
    pub fn is_directory(&self, path: &str) -> bool {
        path.is_empty() || self.tree.directories.contains(path)
    }

    /// Every file with its path, in the order of paths.
    pub fn files(&self) -> impl Iterator<Item = (&Arc<str>, FileId)> {
        self.tree.files.iter().map(|(path, file)| (path, *file))
    }

    /// Every directory, in the order of paths.
    pub fn directories(&self) -> impl Iterator<Item = &Arc<str>> {
        self.tree.directories.iter()
    }

    /// Every file below a directory.
    pub fn files_below(&self, directory: &str) -> Vec<(Arc<str>, FileId)> {
        let prefix = prefix_of(directory);
        below(&prefix, self.tree.files.range::<str, _>(from(&prefix)), |entry| entry.0)
            .map(|(path, file)| (Arc::clone(path), *file))
            .collect()
    }

    /// The names in a directory, sorted; not those in directories within.
    pub fn list(&self, directory: &str) -> Vec<String> {
        let prefix = prefix_of(directory);
        let files = below(&prefix, self.tree.files.range::<str, _>(from(&prefix)), |entry| entry.0)
            .map(|(path, _)| path);
        let directories =
            below(&prefix, self.tree.directories.range::<str, _>(from(&prefix)), |path| *path);
        let mut names: Vec<String> = files
            .chain(directories)
            .map(|path| &path[prefix.len()..])
            .filter(|name| !name.contains('/'))
            .map(str::to_owned)
            .collect();
        names.sort_unstable();
        names
    }

    /// Makes a change, which becomes durable by itself at `due`, or with those before it.
    pub fn apply(&mut self, change: NameChange, order: u64, due: Time) {
        let directories = self.directories_of(&change);
        self.perform(&change);
        let due = self.pending.back().map_or(due, |last| last.due.max(due));
        self.pending.push_back(Pending { order, due, directories, change });
    }

    fn directories_of(&self, change: &NameChange) -> Vec<Arc<str>> {
        let of = |path: &Arc<str>| Arc::from(parent(path));
        match change {
            NameChange::Created { path, .. } | NameChange::Removed { path, .. } => vec![of(path)],
            NameChange::Renamed { from, to, .. } => vec![of(from), of(to)],
            NameChange::DirectoryCreated { path } | NameChange::DirectoryRemoved { path } => {
                vec![of(path), Arc::clone(path)]
            }
            NameChange::DirectoryRenamed { from, to } => {
                let mut all = vec![of(from), of(to), Arc::clone(from), Arc::clone(to)];
                let prefix = prefix_of(from);
                for within in self.tree.directories.iter().filter(|path| path.starts_with(&prefix))
                {
                    all.push(moved(within, from, to));
                    all.push(Arc::clone(within));
                }
                all
            }
        }
    }

    fn perform(&mut self, change: &NameChange) {
        let tree = Arc::make_mut(&mut self.tree);
        match change {
            NameChange::Created { path, file } => {
                tree.files.insert(Arc::clone(path), *file);
            }
            NameChange::Removed { path, .. } => {
                tree.files.remove(path);
            }
            NameChange::Renamed { from, to, file, .. } => {
                tree.files.remove(from);
                tree.files.insert(Arc::clone(to), *file);
            }
            NameChange::DirectoryCreated { path } => {
                tree.directories.insert(Arc::clone(path));
            }
            NameChange::DirectoryRemoved { path } => {
                tree.directories.remove(path);
            }
            NameChange::DirectoryRenamed { from, to } => tree.move_directory(from, to),
        }
    }

    fn revert(&mut self, change: &NameChange) {
        let tree = Arc::make_mut(&mut self.tree);
        match change {
            NameChange::Created { path, .. } => {
                tree.files.remove(path);
            }
            NameChange::Removed { path, file } => {
                tree.files.insert(Arc::clone(path), *file);
            }
            NameChange::Renamed { from, to, file, replaced } => {
                tree.files.remove(to);
                tree.files.insert(Arc::clone(from), *file);
                if let Some(replaced) = replaced {
                    tree.files.insert(Arc::clone(to), *replaced);
                }
            }
            NameChange::DirectoryCreated { path } => {
                tree.directories.remove(path);
            }
            NameChange::DirectoryRemoved { path } => {
                tree.directories.insert(Arc::clone(path));
            }
            NameChange::DirectoryRenamed { from, to } => tree.move_directory(to, from),
        }
    }

    /// Changes whose time has come are durable; answers the files that nothing leads to any more.
    pub fn retire(&mut self, now: Time, orphans: &mut Vec<FileId>) {
        while self.pending.front().is_some_and(|first| first.due <= now) {
            let first = self.pending.pop_front().expect("a first one was just seen");
            orphans.extend(first.change.orphan());
        }
    }

    /// Makes durable what happened in `directory` up to `order`, and that it exists.
    pub fn sync(&mut self, directory: &str, order: u64, orphans: &mut Vec<FileId>) {
        let mut reached: BTreeSet<Arc<str>> = BTreeSet::from([Arc::from(directory)]);
        let mut at = self.pending.len();
        while at > 0 {
            at -= 1;
            let pending = &self.pending[at];
            if pending.order <= order && pending.directories.iter().any(|d| reached.contains(d)) {
                let pending = self.pending.remove(at).expect("the index is within");
                reached.extend(pending.directories);
                orphans.extend(pending.change.orphan());
            }
        }
    }

    /// Undoes one change, as if the call had never been made; none if it is durable already, or if
    /// a later change built on it: then it must have happened.
    pub fn undo(&mut self, order: u64) -> Option<NameChange> {
        let at = self.pending.iter().position(|pending| pending.order == order)?;
        let change = &self.pending[at].change;
        if self.pending.range(at + 1..).any(|later| later.change.builds_on(change)) {
            return None;
        }
        let pending = self.pending.remove(at)?;
        self.revert(&pending.change);
        Some(pending.change)
    }

    /// The power is gone: changes that are not durable yet may be undone, per directory from the
    /// last one backwards. Answers what was undone, the latest first.
    pub fn power_loss(&mut self, now: Time, draws: &mut Stream) -> (Vec<NameChange>, Vec<FileId>) {
        let mut orphans = Vec::new();
        self.retire(now, &mut orphans);
        let mut hit: BTreeSet<Arc<str>> = BTreeSet::new();
        let mut undone = Vec::new();
        for pending in std::mem::take(&mut self.pending) {
            let dragged = pending.directories.iter().any(|d| hit.contains(d));
            if dragged || draws.below(3) == 0 {
                hit.extend(pending.directories.iter().cloned());
                undone.push(pending.change);
            } else {
                orphans.extend(pending.change.orphan());
            }
        }
        undone.reverse();
        for change in &undone {
            self.revert(change);
        }
        (undone, orphans)
    }
}

impl Tree {
    fn move_directory(&mut self, from: &str, to: &str) {
        let prefix = prefix_of(from);
        let directories: Vec<_> = self
            .directories
            .iter()
            .filter(|path| path.starts_with(&prefix) || &***path == from)
            .cloned()
            .collect();
        for path in directories {
            self.directories.remove(&path);
            self.directories.insert(moved(&path, from, to));
        }
        let files: Vec<_> =
            self.files.keys().filter(|path| path.starts_with(&prefix)).cloned().collect();
        for path in files {
            if let Some(file) = self.files.remove(&path) {
                self.files.insert(moved(&path, from, to), file);
            }
        }
    }
}

fn moved(path: &str, from: &str, to: &str) -> Arc<str> {
    Arc::from(format!("{to}{}", &path[from.len()..]))
}

fn prefix_of(directory: &str) -> String {
    if directory.is_empty() { String::new() } else { format!("{directory}/") }
}

fn from(prefix: &str) -> (Bound<&str>, Bound<&str>) {
    (Bound::Included(prefix), Bound::Unbounded)
}

fn below<'a, T: 'a>(
    prefix: &'a str,
    entries: impl Iterator<Item = T> + 'a,
    path: impl Fn(&T) -> &Arc<str> + 'a,
) -> impl Iterator<Item = T> + 'a {
    entries.take_while(move |entry| path(entry).starts_with(prefix))
}
