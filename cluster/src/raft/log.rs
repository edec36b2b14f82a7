//! What the quorum needs of a disk: its log and its `quorum-state` file.
//!
//! In Kafka:   `RaftLog` (`KafkaRaftLog`), `QuorumStateStore`.
//! Holds:      the interface, and the two decisions of log reconciliation that need nothing else.
//! Invariants: LG-1 an election state is on disk when `write_election_state` returns.
//! Left out:   snapshots other than the bootstrap one; the log always starts at zero.

use bytes::Bytes;

use super::accumulator::PendingBatch;
use super::control::ControlRecord;
use super::election_state::ElectionState;
use super::fault::RaftFault;
use super::message::OffsetAndEpoch;
use crate::ids::{LeaderEpoch, Offset};

/// A batch as it lies in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogBatch {
    /// Its first offset.
    pub base_offset: Offset,
    /// Its last offset.
    pub last_offset: Offset,
    /// The epoch of the leader that wrote it.
    pub epoch: LeaderEpoch,
    /// When it was written, by the leader's wall clock.
    pub timestamp_ms: i64,
    /// Its checksum, which tells batches apart.
    pub crc: u32,
    /// What is in it.
    pub content: BatchContent,
}

/// The records of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BatchContent {
    /// The values of its records.
    Records(Vec<Bytes>),
    /// What the quorum wrote for itself.
    Control(Vec<ControlRecord>),
}

/// The log of the quorum and the file beside it, on a disk that is at hand.
pub trait RaftLog {
    /// The first offset.
    fn start_offset(&self) -> Offset;
    /// Beyond the last offset.
    fn end_offset(&self) -> Offset;
    /// The last epoch that is known to have started; zero if none.
    fn last_epoch(&self) -> LeaderEpoch;
    /// The largest epoch up to `epoch` in this log, and where it ends here.
    fn end_for_epoch(&self, epoch: LeaderEpoch) -> OffsetAndEpoch;
    /// A leader's epoch starts at the end of the log.
    fn start_epoch(&mut self, epoch: LeaderEpoch) -> Result<(), RaftFault>;
    /// Writes a batch at the end of the log.
    fn append_as_leader(&mut self, batch: &PendingBatch) -> Result<LogBatch, RaftFault>;
    /// Writes batches as the leader sent them, up to the first that is broken.
    fn append_as_follower(
        &mut self,
        records: &Bytes,
        epoch: LeaderEpoch,
    ) -> Result<Vec<LogBatch>, RaftFault>;
    /// Syncs the whole log.
    fn flush(&mut self) -> Result<(), RaftFault>;
    /// Cuts everything from `offset` on.
    fn truncate_to(&mut self, offset: Offset) -> Result<(), RaftFault>;
    /// Whole batches from `from` on, at least one if there is one.
    fn read(&mut self, from: Offset, max_bytes: usize) -> Result<Bytes, RaftFault>;
    /// The batches from `from` that end below `end`.
    fn read_batches(&mut self, from: Offset, end: Offset) -> Result<Vec<LogBatch>, RaftFault>;
    /// Replaces the `quorum-state` file (LG-1).
    fn write_election_state(&mut self, state: &ElectionState) -> Result<(), RaftFault>;

    /// The end of the log with its last epoch.
    fn end(&self) -> OffsetAndEpoch {
        OffsetAndEpoch { epoch: self.last_epoch(), offset: self.end_offset() }
    }
}

/// Where a follower at `position` has left this log, if it has (`RaftLog.validateOffsetAndEpoch`).
#[must_use]
pub fn divergence(log: &dyn RaftLog, position: OffsetAndEpoch) -> Option<OffsetAndEpoch> {
    if position.offset == Offset::ZERO && log.start_offset() == Offset::ZERO {
        return None;
    }
    let end = log.end_for_epoch(position.epoch);
    (end.epoch != position.epoch || end.offset < position.offset).then_some(end)
}

/// How far a follower keeps its log when the leader says where it diverges
/// (`RaftLog.truncateToEndOffset`): one round may not be enough.
#[must_use]
pub fn truncation_offset(log: &dyn RaftLog, diverging: OffsetAndEpoch) -> Offset {
    if diverging.epoch == LeaderEpoch(0) {
        return diverging.offset.min(log.end_offset());
    }
    let local = log.end_for_epoch(diverging.epoch);
    if local.epoch == diverging.epoch { local.offset.min(diverging.offset) } else { local.offset }
}
