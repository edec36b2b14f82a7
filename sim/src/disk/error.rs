//! What a disk answers when a call fails.

use std::fmt;

/// Why a call on a disk failed; named for the culprit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DiskError {
    /// No such file or directory, or the file behind this handle was removed.
    NotFound,
    /// A directory is to be created where something stands already.
    AlreadyExists,
    /// The path names a file where a directory is needed.
    NotADirectory,
    /// The path names a directory where a file is needed.
    IsADirectory,
    /// A directory that is to be removed or replaced still has entries.
    NotEmpty,
    /// The device failed this call (EIO).
    Io,
    /// No space is left on the device (ENOSPC).
    Full,
    /// The device is gone; every call fails from now on.
    Dead,
}

impl fmt::Display for DiskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotFound => "no such file or directory",
            Self::AlreadyExists => "already exists",
            Self::NotADirectory => "not a directory",
            Self::IsADirectory => "is a directory",
            Self::NotEmpty => "directory not empty",
            Self::Io => "input/output error",
            Self::Full => "no space left on device",
            Self::Dead => "device is gone",
        })
    }
}

impl std::error::Error for DiskError {}
