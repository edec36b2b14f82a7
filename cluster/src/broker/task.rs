//! What the lanes of a broker do: pools, locks, and the jobs that run on them.
//!
//! In Kafka:   `KafkaRequestHandlerPool`, `ReplicaFetcherThread`, `KafkaScheduler`, the metadata loader's event queue.
//! Holds:      the kinds of job. What a job needs between its two halves stands in it or in what it points at.
//! Invariants: TK-1 every job that appends to, cuts, cleans or re-roles a partition runs under that partition's lock.
//!             One that writes a checkpoint besides does so in its first half, where nothing comes between.

use std::sync::Arc;

use trial_sim::{LockId, PoolId, Span};

use super::api::ListOffsets;
use super::groups::{GroupPublication, LoadShard};
use super::request::Request;
use crate::ids::{BrokerId, Offset, TopicPartition};
use crate::image::PartitionRegistration;
use crate::partition::{Effect, FetchPartition, FetchedPartition, FollowerAppend};

/// Network lanes of the listener for brokers and for clients beside them.
pub const NETWORK: PoolId = PoolId(0);
/// Request handlers.
pub const HANDLERS: PoolId = PoolId(1);
/// Replica fetchers: one job at a time per leader, whatever the number of lanes.
pub const FETCHERS: PoolId = PoolId(2);
/// Applies metadata, one change after another.
pub const METADATA: PoolId = PoolId(3);
/// Loads logs, writes checkpoints, flushes, drops what is old.
pub const SCHEDULER: PoolId = PoolId(4);
/// Compacts logs (`log.cleaner.threads`).
pub const CLEANER: PoolId = PoolId(5);
/// Network lanes of the listener for clients from outside, if there is one.
pub const EXTERNAL_NETWORK: PoolId = PoolId(6);

/// Group coordinators (`group.coordinator.threads`).
pub const GROUPS: PoolId = PoolId(7);
/// Reads the logs of group coordinators: one after another.
pub const GROUP_LOADER: PoolId = PoolId(8);

/// The lock of the file of high watermarks (`CheckpointFile`'s own).
pub const HIGH_WATERMARKS_FILE: LockId = LockId(0);
/// The lock of the file of recovery points.
pub const RECOVERY_POINTS_FILE: LockId = LockId(1);

/// The lock of the file of log starts.
pub const LOG_STARTS_FILE: LockId = LockId(2);

/// The lock of a hosted partition.
#[must_use]
pub fn lock_of(slot: u32) -> LockId {
    LockId(slot + 3)
}

/// One job.
#[derive(Debug, Clone)]
pub enum Task {
    /// First look at a request.
    Handle(Arc<Request>),
    /// The next partition of a produce.
    Append(u32),
    /// The next partitions of a fetch.
    Read(u32),
    /// The rest of a fetch whose reads are done: what they tell about a follower, then an answer or a wait.
    RestOfRead(u32),
    /// A fetch whose answer is whole.
    AnswerFetch(u32),
    /// A produce that waits for nobody any more.
    AnswerProduce(u32),
    /// Whoever is parked on a partition is looked at.
    CheckParked(u32),
    /// A look-up of offsets.
    ListOffsets(Box<ListOffsets>),
    /// The next partition of a DeleteRecords.
    DeleteRecords(u32),
    /// What is read of the metadata log takes this long to reach the partitions.
    Lag(Span),
    /// A registration of a partition that this broker replicates.
    Assign(Box<Assign>),
    /// A partition that this broker does not replicate any more.
    Drop(TopicPartition),
    /// All of a publication was applied to partitions, up to this metadata offset: now it comes to the coordinators.
    Published(Offset, Box<GroupPublication>),
    /// The next event of a shard of the group coordinator.
    Coordinate(i32),
    /// The next piece of the log of a shard.
    LoadShard(Box<LoadShard>),
    /// One partition of a leader's answer.
    Replicate(Box<Replicate>),
    /// Something that a partition asked of its log outside any of the above.
    LogWork(u32, Box<Effect>),
    /// Read who this is, and how the last process ended.
    Open,
    /// Load all logs.
    Recover,
    /// Write the high watermarks down.
    CheckpointHighWatermarks,
    /// Write the recovery points down.
    CheckpointRecoveryPoints,
    /// Write the log starts down.
    CheckpointLogStarts,
    /// Drop the old segments of a log that is not compacted.
    Retain(u32),
    /// Remove the files of a log that were dropped a while ago.
    DeleteFiles(u32),
    /// Forget the producers of a log that have been idle for long.
    ExpireProducers(u32),
    /// Write down the epochs of a log, of which some have gone.
    CheckpointEpochs(u32),
    /// A cleaner looks for the log that is next.
    Grab(u16),
    /// A cleaner goes on with a log: the next piece.
    Clean(u16, u32),
    /// A cleaner has ended its work on a log: the checkpoint says so.
    Cleaned(u16),
    /// A cleaner drops the old segments of a log that is compacted.
    CleanerRetain(u16, u32),
    /// Flush what a roll has closed: up to where, once that is known.
    Flush(u32, Option<Offset>),
    /// Make a log durable for good, before the clean-shutdown marker may vouch for it.
    FlushLast(u32),
    /// Leave the clean-shutdown marker.
    CleanShutdown,
}

/// See [`Task::Assign`].
#[derive(Debug, Clone)]
pub struct Assign {
    /// The partition.
    pub id: TopicPartition,
    /// The topic's name.
    pub topic: Arc<str>,
    /// What the metadata says.
    pub registration: Arc<PartitionRegistration>,
    /// Effects to carry out in the second half.
    pub effects: Vec<Effect>,
    /// What the log did, in between.
    pub done: Option<LogDone>,
}

/// See [`Task::Replicate`].
#[derive(Debug, Clone)]
pub struct Replicate {
    /// Whose answer.
    pub leader: BrokerId,
    /// The partition's slot.
    pub slot: u32,
    /// What was asked.
    pub sent: FetchPartition,
    /// What was answered.
    pub answer: FetchedPartition,
    /// The batches.
    pub records: bytes::Bytes,
    /// Effects to carry out in the second half.
    pub effects: Vec<Effect>,
}

/// What a log did in the first half of a job.
#[derive(Debug, Clone, Copy)]
pub enum LogDone {
    /// It appended as a follower.
    Appended(FollowerAppend),
    /// It was cut.
    Truncated(Offset),
    /// It was dropped and starts again.
    Restarted(Offset),
    /// It failed.
    Failed,
}
