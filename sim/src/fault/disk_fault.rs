//! What can be wrong with a host's disks.
//!
//! Invariants: DF-1 a path is the disk's own, without a leading slash; a directory stands for all below it.

use std::fmt;

use super::quantity::{Factor, Rate};

/// What is wrong with a disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DiskFault {
    /// Everything takes so many times as long.
    Slow(Factor),
    /// The device moves so many bytes a second.
    ///
    /// ```
    /// # use trial_sim::fault::Fault;
    /// let text = "at 3s disk b2 throttle to 1MB/s for 5s";
    /// assert_eq!(text.parse::<Fault>().expect("a fault").to_string(), text);
    /// ```
    Throttle(Rate),
    /// Calls that move bytes fail: one, or all of them.
    ///
    /// ```
    /// # use trial_sim::fault::Fault;
    /// let text = "at 3s disk b2 eio once sync in orders-0";
    /// assert_eq!(text.parse::<Fault>().expect("a fault").to_string(), text);
    /// ```
    Eio {
        /// Whether only the next one fails.
        once: bool,
        /// Which calls; any if none is named.
        calls: Option<DiskCalls>,
        /// In this file, or below this directory; anywhere if none is named.
        path: Option<String>,
    },
    /// No room is left.
    ///
    /// ```
    /// # use trial_sim::fault::Fault;
    /// let text = "at 3s disk b2 full for 5s";
    /// assert_eq!(text.parse::<Fault>().expect("a fault").to_string(), text);
    /// ```
    Full,
    /// One bit flips where it lies.
    ///
    /// ```
    /// # use trial_sim::fault::Fault;
    /// let text = "at 3s disk b2 rot in orders-0/00000000000000000000.log";
    /// assert_eq!(text.parse::<Fault>().expect("a fault").to_string(), text);
    /// ```
    Rot {
        /// In this file, or below this directory; anywhere if none is named.
        path: Option<String>,
    },
    /// The next read comes back with one bit flipped; what lies on the disk is whole.
    ///
    /// ```
    /// # use trial_sim::fault::Fault;
    /// let text = "at 3s disk b2 misread in orders-0";
    /// assert_eq!(text.parse::<Fault>().expect("a fault").to_string(), text);
    /// ```
    Misread {
        /// In this file, or below this directory; anywhere if none is named.
        path: Option<String>,
    },
    /// The next write reaches the device at a wrong place; the page cache does not know.
    ///
    /// ```
    /// # use trial_sim::fault::Fault;
    /// let text = "at 3s disk b2 misdirect in orders-0";
    /// assert_eq!(text.parse::<Fault>().expect("a fault").to_string(), text);
    /// ```
    Misdirect {
        /// In this file, or below this directory; anywhere if none is named.
        path: Option<String>,
    },
    /// Calls that need the device do not return.
    ///
    /// ```
    /// # use trial_sim::fault::Fault;
    /// let text = "at 3s disk b2 hangs for 20s";
    /// assert_eq!(text.parse::<Fault>().expect("a fault").to_string(), text);
    /// ```
    Hangs,
    /// Every call fails, for good.
    ///
    /// ```
    /// # use trial_sim::fault::Fault;
    /// let text = "at 3s disk 1 of b2 dies";
    /// assert_eq!(text.parse::<Fault>().expect("a fault").to_string(), text);
    /// ```
    Dies,
}

/// A kind of calls on a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DiskCalls {
    /// Reads of bytes.
    Read,
    /// Writes, appends and truncations.
    Write,
    /// Syncs, of files and directories.
    Sync,
}

impl DiskCalls {
    /// Every kind with its word.
    pub const ALL: [(&'static str, Self); 3] =
        [("read", Self::Read), ("write", Self::Write), ("sync", Self::Sync)];
}

impl DiskFault {
    /// Whether it may last; otherwise it happens at once and is over.
    pub(super) fn can_last(&self) -> bool {
        match self {
            Self::Eio { once, .. } => !once,
            Self::Slow(_) | Self::Throttle(_) | Self::Full | Self::Hangs => true,
            Self::Rot { .. } | Self::Misread { .. } | Self::Misdirect { .. } | Self::Dies => false,
        }
    }
}

impl fmt::Display for DiskCalls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = Self::ALL.iter().find(|(_, calls)| calls == self).map(|(word, _)| *word);
        f.write_str(word.expect("every kind has a word"))
    }
}

impl fmt::Display for DiskFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = match self {
            Self::Slow(factor) => return write!(f, "slow by {factor}"),
            Self::Throttle(rate) => return write!(f, "throttle to {rate}"),
            Self::Full => return f.write_str("full"),
            Self::Hangs => return f.write_str("hangs"),
            Self::Dies => return f.write_str("dies"),
            Self::Eio { once, calls, path } => {
                f.write_str(if *once { "eio once" } else { "eio" })?;
                calls.iter().try_for_each(|calls| write!(f, " {calls}"))?;
                path
            }
            Self::Rot { path } => {
                f.write_str("rot")?;
                path
            }
            Self::Misread { path } => {
                f.write_str("misread")?;
                path
            }
            Self::Misdirect { path } => {
                f.write_str("misdirect")?;
                path
            }
        };
        path.iter().try_for_each(|path| write!(f, " in {path}"))
    }
}
