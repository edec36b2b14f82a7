//! What ends a replica's process.
//!
//! In Kafka:   an exception that leaves `KafkaRaftClientDriver.doWork` goes to the fatal fault handler.

use trial_log::DiskError;

use crate::ids::{LeaderEpoch, Offset};

/// What is said when a disk refuses something.
pub(super) const DISK_ERRORS: [(DiskError, &str); 7] = [
    (DiskError::NotFound, "raft: a file is gone"),
    (DiskError::AlreadyExists, "raft: a file is in the way"),
    (DiskError::NotEmpty, "raft: a folder is not empty"),
    (DiskError::Io, "raft: input/output error"),
    (DiskError::NoSpace, "raft: no space left on the device"),
    (DiskError::Stale, "raft: a file is not open any more"),
    (DiskError::WrongKind, "raft: a folder where a file should be"),
];

/// Why a replica cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RaftFault {
    /// The disk refused, or gave back something else than was written.
    Disk(&'static str),
    /// The file `quorum-state` cannot be read.
    QuorumStateUnreadable,
    /// The bootstrap checkpoint cannot be read.
    BootstrapUnreadable,
    /// Two leaders of one epoch (K1).
    InconsistentLeader {
        /// The epoch.
        epoch: LeaderEpoch,
    },
    /// A leader asks to cut what is committed (K9).
    TruncationBelowHighWatermark {
        /// Where it asks to cut.
        to: Offset,
        /// What is committed.
        high_watermark: Offset,
    },
    /// A leader shows a smaller high watermark than before (K5).
    HighWatermarkFell {
        /// What was known.
        from: Offset,
        /// What it shows.
        to: Offset,
    },
    /// Another replica called a request of this one invalid.
    RequestCalledInvalid,
}

impl RaftFault {
    /// Whether it is by a failing device that a replica ended for this reason: no copy of it is at fault.
    #[must_use]
    pub fn is_of_device(why: &str) -> bool {
        let of_device = [DiskError::Io, DiskError::NoSpace];
        DISK_ERRORS.iter().any(|(error, told)| of_device.contains(error) && *told == why)
    }

    /// The fault in a few words.
    #[must_use]
    pub fn why(&self) -> &'static str {
        match self {
            Self::Disk(why) => why,
            Self::QuorumStateUnreadable => "raft: the quorum-state file cannot be read",
            Self::BootstrapUnreadable => "raft: the bootstrap checkpoint cannot be read",
            Self::InconsistentLeader { .. } => "raft: two leaders of one epoch",
            Self::TruncationBelowHighWatermark { .. } => {
                "raft: truncation below the high watermark"
            }
            Self::HighWatermarkFell { .. } => "raft: a leader's high watermark fell",
            Self::RequestCalledInvalid => "raft: a request of ours was called invalid",
        }
    }
}
