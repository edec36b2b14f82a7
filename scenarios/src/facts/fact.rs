//! Something that became known: what checkers are handed, one after another.

use std::sync::Arc;

use trial_cluster::ids::{BrokerId, TopicPartition};
use trial_cluster::image::PartitionRegistration;
use trial_cluster::note::partition::PartitionEvent;
use trial_log::LogStartReason;
use trial_sim::{HostId, Time};

use super::partition::{Acked, EndTold};
use super::record_print::RecordPrint;
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
    /// A broker that is no replica any more deleted a segment of its log, with batches in it.
    Deleted {
        /// Whose.
        host: HostId,
    },
    /// A broker dropped the oldest segment of a log, and others are left (S7).
    Dropped {
        /// Whose.
        host: HostId,
        /// The segment, by its first offset.
        segment: i64,
        /// The offset of its first batch.
        from: i64,
        /// The last offset of its last batch.
        to: i64,
        /// The broker's high watermark, as it noted it.
        high_watermark: i64,
        /// The rule that forbids it; none if it is legal.
        refused: Option<Arc<str>>,
    },
    /// A log starts elsewhere, by its owner's word (S7).
    LogStartMoved {
        /// Whose.
        host: HostId,
        /// Where it began before.
        from: i64,
        /// Where it begins.
        to: i64,
        /// What for; none when it was opened.
        why: Option<LogStartReason>,
        /// The rule that forbids it; none if it is legal.
        refused: Option<Arc<str>>,
    },
    /// A broker put new segments in the place of old ones, of a topic that is compacted (S6).
    Cleaned {
        /// Whose.
        host: HostId,
        /// The first offset that the segments stand for.
        from: i64,
        /// The last one.
        to: i64,
        /// The furthest high watermark that the broker has noted.
        high_watermark: i64,
        /// The rule that it breaks; none if it is legal.
        refused: Option<Arc<str>>,
    },
    /// The end of a process left of a cleaning neither the old segments nor the new ones (S8).
    Mixed {
        /// Whose.
        host: HostId,
        /// An offset that is wrong.
        offset: i64,
        /// What is wrong with it.
        what: &'static str,
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
    /// A broker told a consumer where a log ends.
    EndTold {
        /// What was told.
        told: EndTold,
        /// A later end that had been told before this one was asked for, in no later epoch.
        before: Option<EndTold>,
    },
    /// A broker told who had asked for records to be deleted how far they are, everywhere (R26).
    LowWatermarkTold {
        /// Who.
        host: HostId,
        /// The earliest start among the logs of the replicas that are alive.
        low_watermark: i64,
        /// When it was asked.
        asked: Time,
    },
    /// A broker answered a fetch.
    Fetched {
        /// Who.
        host: HostId,
        /// Whom.
        reader: HostId,
        /// When it was asked.
        asked: Time,
        /// Whether it told instead where the reader's log parts from its own: it learns nothing of the reader then.
        diverges: bool,
        /// Whether a consumer asked.
        by_consumer: bool,
        /// The high watermark that it told.
        high_watermark: i64,
        /// Where its log starts, as told.
        log_start: i64,
        /// Who shall be asked instead.
        preferred: Option<BrokerId>,
        /// What it handed out.
        batches: Vec<Stored>,
        /// The records in that, if a consumer asked and the topic is compacted.
        records: Vec<RecordPrint>,
    },
}

impl Fact {
    /// What left a replica's log: whose, and from which offset to which.
    #[must_use]
    pub fn left(&self) -> Option<(HostId, i64, i64)> {
        match self {
            Self::Removed { host, from, to, .. } | Self::Dropped { host, from, to, .. } => {
                Some((*host, *from, *to))
            }
            _ => None,
        }
    }
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
