//! Where a fault of a disk acts, and on which calls; and where its harm was done.

use std::sync::Arc;

use crate::ids::DiskId;

/// A part of a host's disks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DiskScope {
    /// One disk; none: every disk of the host.
    pub disk: Option<DiskId>,
    /// One file, or everything below one directory (and the directory); none: everything.
    pub path: Option<Arc<str>>,
}

impl DiskScope {
    /// Everything on every disk of a host.
    pub const ALL: Self = Self { disk: None, path: None };

    /// Everything on one disk.
    #[must_use]
    pub const fn on(disk: DiskId) -> Self {
        Self { disk: Some(disk), path: None }
    }

    /// One file, or everything below one directory, on whichever disk.
    #[must_use]
    pub fn at(path: &str) -> Self {
        Self { disk: None, path: Some(Arc::from(path)) }
    }
}

/// Whether `path` is `of`, or lies below it.
pub(super) fn is_within(path: &str, of: &str) -> bool {
    of.is_empty()
        || path.strip_prefix(of).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A kind of calls that move bytes. Calls that only change or list names are none of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DiskCall {
    /// All of them.
    Any,
    /// Reads.
    Read,
    /// Writes, appends, and cutting or extending a file.
    Write,
    /// Syncs of files and of directories.
    Sync,
}

impl DiskCall {
    /// Whether a call of this kind is meant.
    pub(super) fn covers(self, call: Self) -> bool {
        self == Self::Any || self == call
    }
}

/// A flipped bit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BitFlip {
    /// The file it was in.
    pub path: Arc<str>,
    /// The byte.
    pub offset: u64,
    /// The bit of this byte, 0 to 7.
    pub bit: u8,
}

/// What a fault did to bytes, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DiskHarm {
    /// A bit rotted, in the cache and on the device.
    Rotted(BitFlip),
    /// A read answered a wrong bit; what lies on the disk is whole.
    Misread(BitFlip),
    /// A write reached the device at another place than its own.
    Misdirected {
        /// The file it was meant for.
        path: Arc<str>,
        /// Where in this file.
        offset: u64,
        /// How many bytes it had.
        length: u64,
        /// The file, and the first byte in it, where its pages went; none: it was lost.
        went: Option<(Arc<str>, u64)>,
    },
}
