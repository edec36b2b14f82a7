//! What a shard is told, what it is lent, and what it wants to be done.
//!
//! In Kafka:   `CoordinatorRuntime`'s events: `CoordinatorWriteEvent`, `CoordinatorReadEvent`,
//!             `CoordinatorInternalEvent`; `PartitionWriter`, `PartitionWriter.Listener`.
//! Holds:      nothing.

use std::sync::Arc;

use trial_log::RecordBatch;
use trial_sim::{Stream, Time};

use super::loader::{LoadFault, LoadStats};
use crate::error_code::ErrorCode;
use crate::group::request::{Asker, GroupQuestion, GroupRequest};
use crate::group::step::{GroupEffect, Token};
use crate::group::timer::TimerKey;
use crate::ids::{LeaderEpoch, Offset, TopicId};
use crate::image::{MetadataDelta, MetadataImage};
use crate::mark::Mark;
use crate::note::group::GroupEvent;

/// What waits in the queue of a shard.
#[derive(Debug, Clone)]
pub enum ShardEvent {
    /// This broker leads the partition (`scheduleLoadOperation`).
    Load {
        /// In which epoch.
        epoch: LeaderEpoch,
    },
    /// It leads it no longer; without an epoch the partition is gone (`scheduleUnloadOperation`).
    Unload {
        /// The epoch of the next leader.
        epoch: Option<LeaderEpoch>,
    },
    /// The log was read to its end, or could not be.
    Loaded {
        /// Which loading.
        load: u64,
        /// What was read.
        outcome: Result<LoadStats, LoadFault>,
    },
    /// Something that may write.
    Request {
        /// Whose answer.
        token: Token,
        /// Who asks.
        asker: Asker,
        /// What.
        request: Box<GroupRequest>,
    },
    /// Something that only reads.
    Question {
        /// Whose answer.
        token: Token,
        /// Who asks.
        asker: Asker,
        /// What.
        question: Box<GroupQuestion>,
    },
    /// Topics are gone.
    TopicsDeleted(Arc<[(TopicId, Arc<str>)]>),
    /// There is a newer image of the cluster.
    Metadata {
        /// It.
        image: MetadataImage,
        /// What changed.
        changed: Arc<MetadataDelta>,
    },
    /// The high watermark has moved.
    HighWatermark,
    /// The batch of this number is to be written, if it is not yet.
    Flush {
        /// Its number.
        batch: u64,
    },
    /// A timer has run out.
    Timer {
        /// Which.
        key: TimerKey,
        /// Which setting of it.
        serial: u64,
    },
    /// An operation has waited too long (`OperationTimeout`).
    TimedOut(u64),
}

/// What a shard wants to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum ShardEffect {
    /// What its coordinator wants.
    Group(GroupEffect),
    /// Read the log from its start on, and tell the shard with this number.
    Load(u64),
    /// Write it down.
    Note(GroupEvent),
}

impl From<&'static Mark> for ShardEffect {
    fn from(mark: &'static Mark) -> Self {
        Self::Group(GroupEffect::Reached(mark))
    }
}

/// The log of a shard, as its leader writes it (`CoordinatorPartitionWriter`).
pub trait PartitionWriter {
    /// The largest batch that its topic takes, in bytes.
    ///
    /// # Errors
    /// There is no such log here.
    fn max_batch_size(&self) -> Result<usize, ErrorCode>;

    /// Appends a batch as the leader, and waits for no replica; answers where the log ends then.
    ///
    /// # Errors
    /// As a producer with `acks=1` would be told.
    fn append(&mut self, batch: RecordBatch) -> Result<Offset, ErrorCode>;
}

/// What one event is lent.
pub struct ShardStep<'a> {
    /// The time by which timers run.
    pub now: Time,
    /// What the wall clock of the host shows, in milliseconds.
    pub wall_ms: i64,
    /// Draws for member ids.
    pub random: &'a mut Stream,
    /// The newest image of the cluster that all coordinators of the broker were told of.
    pub image: &'a MetadataImage,
    /// The log.
    pub log: &'a mut dyn PartitionWriter,
    /// What is to be done.
    pub effects: &'a mut Vec<ShardEffect>,
}
