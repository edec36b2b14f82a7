//! A disk of real files in one folder: what a log writes on it Kafka can read, and the other way round.
//!
//! In Kafka:   `FileChannel`, `Files`, `Utils.flushDir`.
//! Holds:      the folder, which file each handle means, the few of them that are open, what was refused last.
//! Invariants: FD-1 no path leads out of the folder: neither by its words nor by a link. FD-2 a handle means the file
//!             and not its name, as long as this disk alone changes the folder. FD-3 a sync has reached the device.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use trial_log::{Disk, DiskError, FileId};

/// How many files are held open at most: a log has thousands, a process may have few.
const OPEN_MAX: usize = 64;

/// A [`Disk`] over the files of one folder.
///
/// ```
/// use bytes::Bytes;
/// use trial_log::Disk as _;
/// use trial_scenarios::FileDisk;
///
/// let folder = std::env::temp_dir().join(format!("trial-file-disk-{}", std::process::id()));
/// std::fs::create_dir_all(&folder)?;
/// let mut disk = FileDisk::open(&folder)?;
/// disk.create_dir("orders-0")?;
/// let file = disk.open("orders-0/greeting", true)?;
/// disk.append(file, Bytes::from_static(b"good morning"))?;
/// assert_eq!(std::fs::read(folder.join("orders-0/greeting"))?, b"good morning");
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct FileDisk {
    root: PathBuf,
    next: u64,
    handles: BTreeMap<String, FileId>,
    paths: BTreeMap<FileId, String>,
    open: BTreeMap<FileId, File>,
    last_refusal: Option<String>,
}

/// What stands at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    File,
    Folder,
}

impl FileDisk {
    /// The disk that is this folder, which must be there.
    ///
    /// # Errors
    /// If there is no such folder.
    pub fn open(folder: &Path) -> io::Result<Self> {
        let root = folder.canonicalize()?;
        if !root.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        Ok(Self {
            root,
            next: 0,
            handles: BTreeMap::new(),
            paths: BTreeMap::new(),
            open: BTreeMap::new(),
            last_refusal: None,
        })
    }

    /// What the last refused call was about, in the words of the operating system: [`DiskError`] has none.
    #[must_use]
    pub fn last_refusal(&self) -> Option<&str> {
        self.last_refusal.as_deref()
    }

    fn refuse<T>(&mut self, what: &str, path: &str, error: DiskError) -> Result<T, DiskError> {
        self.last_refusal = Some(format!("{what} {path:?}: {error}"));
        Err(error)
    }

    /// An answer of the operating system, as a disk gives it.
    fn answer<T>(&mut self, what: &str, path: &str, got: io::Result<T>) -> Result<T, DiskError> {
        got.map_err(|why| {
            self.last_refusal = Some(format!("{what} {path:?}: {why}"));
            refusal(&why)
        })
    }

    /// FD-1: where a path leads; nowhere out of the folder.
    fn place(&mut self, what: &str, path: &str) -> Result<PathBuf, DiskError> {
        let mut place = self.root.clone();
        if path.is_empty() {
            return Ok(place);
        }
        let mut words = path.split('/').peekable();
        while let Some(word) = words.next() {
            if matches!(word, "" | "." | "..") || word.contains(['\\', '\0']) {
                self.last_refusal = Some(format!("{what} {path:?}: it may lead out of the folder"));
                return Err(DiskError::NotFound);
            }
            place.push(word);
            let is_link = fs::symlink_metadata(&place).is_ok_and(|there| there.is_symlink());
            if is_link {
                self.last_refusal = Some(format!("{what} {path:?}: {word:?} is a link"));
                return Err(DiskError::WrongKind);
            }
            if words.peek().is_some() && place.is_file() {
                return self.refuse(what, path, DiskError::WrongKind);
            }
        }
        Ok(place)
    }

    /// What stands at a path, if anything does.
    fn kind(&mut self, what: &str, path: &str) -> Result<Option<Kind>, DiskError> {
        let place = match self.place(what, path) {
            Ok(place) => place,
            // Nothing stands below a file.
            Err(DiskError::WrongKind) if self.is_below_a_file(path) => return Ok(None),
            Err(error) => return Err(error),
        };
        match fs::symlink_metadata(&place) {
            Ok(there) if there.is_dir() => Ok(Some(Kind::Folder)),
            Ok(there) if there.is_file() => Ok(Some(Kind::File)),
            Ok(_) => self.refuse(what, path, DiskError::WrongKind),
            Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(why) => self.answer(what, path, Err(why)),
        }
    }

    fn is_below_a_file(&self, path: &str) -> bool {
        let above = path.match_indices('/').map(|(at, _)| self.root.join(&path[..at]));
        above.into_iter().any(|place| place.is_file())
    }

    /// The folder that something is put in must be there.
    fn parent_is_there(&mut self, what: &str, path: &str) -> Result<(), DiskError> {
        let parent = path.rfind('/').map_or("", |at| &path[..at]).to_owned();
        match self.kind(what, &parent)? {
            Some(Kind::Folder) => Ok(()),
            Some(Kind::File) => self.refuse(what, path, DiskError::WrongKind),
            None => self.refuse(what, path, DiskError::NotFound),
        }
    }

    fn handle(&mut self, path: &str) -> FileId {
        if let Some(&file) = self.handles.get(path) {
            return file;
        }
        let file = FileId(self.next);
        self.next += 1;
        self.handles.insert(path.to_owned(), file);
        self.paths.insert(file, path.to_owned());
        file
    }

    /// No name leads to the file any more: its handle is void.
    fn forget(&mut self, path: &str) {
        if let Some(file) = self.handles.remove(path) {
            self.paths.remove(&file);
            self.open.remove(&file);
        }
    }

    /// FD-2: what lay at or below `from` lies at or below `to` now.
    fn moved(&mut self, from: &str, to: &str) {
        let inside = format!("{from}/");
        let names = self.handles.keys().filter(|name| *name == from || name.starts_with(&inside));
        for name in names.cloned().collect::<Vec<_>>() {
            let Some(file) = self.handles.remove(&name) else { continue };
            let new = format!("{to}{}", &name[from.len()..]);
            self.paths.insert(file, new.clone());
            self.handles.insert(new, file);
        }
    }

    /// Does something with an open file.
    fn with<T>(
        &mut self,
        what: &str,
        file: FileId,
        work: impl FnOnce(&mut File) -> io::Result<T>,
    ) -> Result<T, DiskError> {
        let Some(path) = self.paths.get(&file).cloned() else {
            return self.refuse(what, &format!("file {}", file.0), DiskError::Stale);
        };
        if !self.open.contains_key(&file) {
            let place = self.place(what, &path)?;
            let opened = OpenOptions::new().read(true).write(true).open(place);
            let opened = self.answer(what, &path, opened)?;
            if self.open.len() >= OPEN_MAX {
                // What was opened first is closed: a log's active files were opened last.
                self.open.pop_first();
            }
            self.open.insert(file, opened);
        }
        let opened = self.open.get_mut(&file).ok_or(DiskError::Stale)?;
        let got = work(opened);
        self.answer(what, &path, got)
    }
}

fn refusal(why: &io::Error) -> DiskError {
    match why.kind() {
        io::ErrorKind::NotFound => DiskError::NotFound,
        io::ErrorKind::AlreadyExists => DiskError::AlreadyExists,
        io::ErrorKind::IsADirectory | io::ErrorKind::NotADirectory => DiskError::WrongKind,
        io::ErrorKind::DirectoryNotEmpty => DiskError::NotEmpty,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            DiskError::NoSpace
        }
        _ => DiskError::Io,
    }
}

impl Disk for FileDisk {
    fn open(&mut self, path: &str, create: bool) -> Result<FileId, DiskError> {
        match self.kind("open", path)? {
            Some(Kind::File) => Ok(self.handle(path)),
            Some(Kind::Folder) => self.refuse("open", path, DiskError::WrongKind),
            None if create => {
                self.parent_is_there("open", path)?;
                let place = self.place("open", path)?;
                let made = OpenOptions::new().write(true).create_new(true).open(place);
                self.answer("open", path, made)?;
                Ok(self.handle(path))
            }
            None => self.refuse("open", path, DiskError::NotFound),
        }
    }

    fn len(&mut self, file: FileId) -> Result<u64, DiskError> {
        self.with("measure", file, |file| Ok(file.metadata()?.len()))
    }

    fn read(&mut self, file: FileId, offset: u64, length: usize) -> Result<Bytes, DiskError> {
        self.with("read", file, |file| {
            // No more memory than there are bytes, whatever was asked for.
            let there = file.metadata()?.len().saturating_sub(offset);
            let length = usize::try_from(there).unwrap_or(usize::MAX).min(length);
            let mut bytes = Vec::with_capacity(length);
            file.seek(SeekFrom::Start(offset.min(i64::MAX as u64)))?;
            file.take(length as u64).read_to_end(&mut bytes)?;
            Ok(bytes.into())
        })
    }

    fn append(&mut self, file: FileId, bytes: Bytes) -> Result<u64, DiskError> {
        self.with("append to", file, |file| {
            let at = file.seek(SeekFrom::End(0))?;
            file.write_all(&bytes)?;
            Ok(at)
        })
    }

    fn write(&mut self, file: FileId, offset: u64, bytes: Bytes) -> Result<(), DiskError> {
        self.with("write", file, |file| {
            file.seek(SeekFrom::Start(offset))?;
            file.write_all(&bytes)
        })
    }

    fn truncate(&mut self, file: FileId, length: u64) -> Result<(), DiskError> {
        self.with("truncate", file, |file| file.set_len(length))
    }

    fn sync(&mut self, file: FileId) -> Result<(), DiskError> {
        self.with("sync", file, |file| file.sync_all())
    }

    fn sync_dir(&mut self, path: &str) -> Result<(), DiskError> {
        let place = self.folder("sync", path)?;
        let synced = File::open(place).and_then(|folder| folder.sync_all());
        self.answer("sync", path, synced)
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError> {
        let Some(kind) = self.kind("rename", from)? else {
            return self.refuse("rename", from, DiskError::NotFound);
        };
        self.parent_is_there("rename", to)?;
        if from == to {
            return Ok(());
        }
        let in_the_way = self.kind("rename", to)?;
        match (kind, in_the_way) {
            (Kind::File, Some(Kind::Folder)) | (Kind::Folder, Some(Kind::File)) => {
                return self.refuse("rename", to, DiskError::WrongKind);
            }
            (Kind::Folder, Some(Kind::Folder)) => {
                return self.refuse("rename", to, DiskError::NotEmpty);
            }
            (Kind::Folder, None) if from.is_empty() => {
                return self.refuse("rename", from, DiskError::NotFound);
            }
            (Kind::Folder, None) if to.starts_with(&format!("{from}/")) => {
                return self.refuse("rename", to, DiskError::NotEmpty);
            }
            (Kind::File, Some(Kind::File) | None) | (Kind::Folder, None) => {}
        }
        let (source, target) = (self.place("rename", from)?, self.place("rename", to)?);
        let renamed = fs::rename(source, target);
        self.answer("rename", from, renamed)?;
        self.forget(to);
        self.moved(from, to);
        Ok(())
    }

    fn remove(&mut self, path: &str) -> Result<(), DiskError> {
        let removed = match self.kind("remove", path)? {
            Some(Kind::File) => fs::remove_file(self.place("remove", path)?),
            Some(Kind::Folder) if !path.is_empty() => fs::remove_dir(self.place("remove", path)?),
            _ => return self.refuse("remove", path, DiskError::NotFound),
        };
        self.answer("remove", path, removed)?;
        self.forget(path);
        Ok(())
    }

    fn list(&mut self, path: &str) -> Result<Vec<String>, DiskError> {
        let place = self.folder("list", path)?;
        let names = fs::read_dir(place).and_then(|entries| {
            // A name that is not UTF-8 is nobody's here, and no path leads to it.
            entries.map(|entry| Ok(entry?.file_name().into_string().ok())).collect()
        });
        let names: Vec<Option<String>> = self.answer("list", path, names)?;
        let mut names: Vec<String> = names.into_iter().flatten().collect();
        names.sort_unstable();
        Ok(names)
    }

    fn create_dir(&mut self, path: &str) -> Result<(), DiskError> {
        match self.kind("make", path)? {
            Some(Kind::Folder) => Ok(()),
            Some(Kind::File) => self.refuse("make", path, DiskError::AlreadyExists),
            None => {
                self.parent_is_there("make", path)?;
                let made = fs::create_dir(self.place("make", path)?);
                self.answer("make", path, made)
            }
        }
    }
}

impl FileDisk {
    /// Where a folder lies that must be there.
    fn folder(&mut self, what: &str, path: &str) -> Result<PathBuf, DiskError> {
        match self.kind(what, path)? {
            Some(Kind::Folder) => self.place(what, path),
            Some(Kind::File) => self.refuse(what, path, DiskError::WrongKind),
            None => self.refuse(what, path, DiskError::NotFound),
        }
    }
}
