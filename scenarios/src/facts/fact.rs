//! Something that became known: what checkers are handed, one after another.

use std::sync::Arc;

use trial_cluster::ids::TopicPartition;
use trial_cluster::image::PartitionRegistration;
use trial_cluster::note::partition::PartitionEvent;
use trial_sim::{HostId, Time};

use super::partition::Acked;
use super::replica_log::Stored;
use crate::tap::BatchFault;

/// A batch in an answer to a fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Served {
    /// The batch; its position means nothing.
    pub batch: Stored,
}

/// A fact, with its time and partition beside it (`Known`).
#[derive(Debug, Clone)]
pub enum Fact {
    /// A batch was written to a replica's disk.
    Written {
        /// Whose.
        host: HostId,
        /// Which.
        batch: Stored,
        /// Where the log ended before.
        end_before: i64,
        /// The epoch of the batch before.
        epoch_before: i32,
        /// Whether no other disk holds it, or held it and has lost it.
        first: bool,
    },
    /// Batches left a replica's log.
    Removed {
        /// Whose.
        host: HostId,
        /// From which offset on.
        from: i64,
        /// Up to which offset: the last of the last of them.
        to: i64,
        /// By a crash, or cut by its own broker.
        by_crash: bool,
    },
    /// Bytes that are no batches were written or sent.
    BadBytes {
        /// By whom.
        host: HostId,
        /// Where.
        place: &'static str,
        /// What is wrong.
        fault: BatchFault,
    },
    /// A broker noted something about the partition.
    Noted {
        /// Who.
        host: HostId,
        /// What.
        event: PartitionEvent,
    },
    /// A controller wrote a record that changes the partition.
    Registered {
        /// Which controller.
        host: HostId,
        /// Before.
        old: Option<Arc<PartitionRegistration>>,
        /// After.
        new: Arc<PartitionRegistration>,
    },
    /// A broker answered a producer: the batch is safe.
    Acked {
        /// What was told.
        ack: Acked,
        /// What stood at that offset on the broker's disk.
        on_disk: Option<Stored>,
    },
    /// A broker answered a fetch.
    Fetched {
        /// Who.
        host: HostId,
        /// Whether a consumer asked.
        by_consumer: bool,
        /// The high watermark that it told.
        high_watermark: i64,
        /// Where its log starts, as told.
        log_start: i64,
        /// What it handed out.
        batches: Vec<Stored>,
    },
}

/// A fact with its circumstances.
#[derive(Debug, Clone)]
pub struct Known {
    /// When.
    pub at: Time,
    /// Which partition.
    pub partition: TopicPartition,
    /// What.
    pub fact: Fact,
}
