//! What a log asks of a disk: a small synchronous interface, in the shape of a file system.
//!
//! Holds:      nothing; whoever runs a log lends it a disk for each call.
//! Invariants: a write is durable only after `sync`, a creation or rename only after `sync_dir` of its folder.
//! Left out:   memory maps (Kafka maps its indexes; ours are appended to), preallocation, links, permissions.

use std::fmt;

use bytes::Bytes;

/// An open file; valid on the disk that handed it out, until that disk's process ends.
///
/// It means the file, not its name: it survives a rename.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub u64);

/// Why a disk refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DiskError {
    /// There is no file or folder of that name.
    NotFound,
    /// There is a file or folder of that name already.
    AlreadyExists,
    /// The device failed (`EIO`).
    Io,
    /// The device is full (`ENOSPC`).
    NoSpace,
    /// The file was opened by an earlier process, or was removed.
    Stale,
    /// A folder stands where a file was meant, or the other way round.
    WrongKind,
    /// A folder to be removed or replaced has something in it.
    NotEmpty,
}

impl fmt::Display for DiskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotFound => "no such file or folder",
            Self::AlreadyExists => "the file or folder exists",
            Self::Io => "the device failed",
            Self::NoSpace => "no space left on the device",
            Self::Stale => "the file is not open any more",
            Self::WrongKind => "a folder instead of a file, or a file instead of a folder",
            Self::NotEmpty => "the folder is not empty",
        })
    }
}

impl std::error::Error for DiskError {}

/// One log directory: paths are relative to it and separated by `/`.
pub trait Disk {
    /// Opens a file for reading and writing; with `create`, makes an empty one if there is none.
    fn open(&mut self, path: &str, create: bool) -> Result<FileId, DiskError>;
    /// The file's length in bytes.
    fn len(&mut self, file: FileId) -> Result<u64, DiskError>;
    /// Up to `length` bytes from `offset`: fewer where the file ends, never more.
    fn read(&mut self, file: FileId, offset: u64, length: usize) -> Result<Bytes, DiskError>;
    /// Writes at the end; answers where the bytes begin.
    fn append(&mut self, file: FileId, bytes: Bytes) -> Result<u64, DiskError>;
    /// Writes at `offset`, over what is there; the file grows when the bytes reach past its end.
    fn write(&mut self, file: FileId, offset: u64, bytes: Bytes) -> Result<(), DiskError>;
    /// Cuts the file to `length`, or fills it up with zeros.
    fn truncate(&mut self, file: FileId, length: u64) -> Result<(), DiskError>;
    /// Makes the file's bytes and length durable.
    fn sync(&mut self, file: FileId) -> Result<(), DiskError>;
    /// Makes the creations, renames and removals of a folder durable; `""` is the root.
    fn sync_dir(&mut self, path: &str) -> Result<(), DiskError>;
    /// Renames a file or folder; a file in the way is replaced.
    fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError>;
    /// Removes a file, or a folder that is empty.
    fn remove(&mut self, path: &str) -> Result<(), DiskError>;
    /// The names in a folder, sorted; `""` is the root.
    fn list(&mut self, path: &str) -> Result<Vec<String>, DiskError>;
    /// Makes a folder; that it exists already is no error.
    fn create_dir(&mut self, path: &str) -> Result<(), DiskError>;
}

/// The folder that a path lies in; `""` is the root.
pub(crate) fn parent(path: &str) -> &str {
    path.rfind('/').map_or("", |at| &path[..at])
}

/// Reads a whole file by its name; none if there is no such file.
pub(crate) fn read_file(disk: &mut dyn Disk, path: &str) -> Result<Option<Bytes>, DiskError> {
    let file = match disk.open(path, false) {
        Ok(file) => file,
        Err(DiskError::NotFound) => return Ok(None),
        Err(error) => return Err(error),
    };
    let length = usize::try_from(disk.len(file)?).map_err(|_| DiskError::Io)?;
    disk.read(file, 0, length).map(Some)
}

/// Replaces a file as Kafka does: a `.tmp` beside it, synced, renamed over it, the folder synced.
pub(crate) fn replace_file(
    disk: &mut dyn Disk,
    path: &str,
    contents: Bytes,
) -> Result<(), DiskError> {
    let temporary = format!("{path}.tmp");
    let file = disk.open(&temporary, true)?;
    disk.truncate(file, 0)?;
    disk.append(file, contents)?;
    disk.sync(file)?;
    disk.rename(&temporary, path)?;
    disk.sync_dir(parent(path))
}
