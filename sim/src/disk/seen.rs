//! What an observer sees of a disk: every change, whole, at the moment of the call.
//!
//! Invariants: the observer sees a write before it is published (its job may still be torn by a
//! crash, which the crash's report tells), and a sync only once it holds.

use std::sync::Arc;

use bytes::Bytes;

/// One change of a disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DiskSeen {
    /// Bytes were appended or written.
    Wrote {
        /// The file's path.
        path: Arc<str>,
        /// Where the first byte went.
        offset: u64,
        /// What was written.
        bytes: Bytes,
    },
    /// A file was cut or extended.
    Truncated {
        /// The file's path.
        path: Arc<str>,
        /// Its length now.
        len: u64,
    },
    /// A file or directory has another name.
    Renamed {
        /// The old path.
        from: Arc<str>,
        /// The new path; what stood there is gone.
        to: Arc<str>,
    },
    /// A file or directory appeared.
    Created {
        /// Its path.
        path: Arc<str>,
    },
    /// A file or directory vanished.
    Removed {
        /// Its path.
        path: Arc<str>,
    },
    /// What a sync of this file or directory covers is durable now.
    Synced {
        /// Its path.
        path: Arc<str>,
    },
    /// The whole disk was wiped.
    Wiped,
}
