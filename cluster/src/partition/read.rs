//! May this fetch be answered, does its log diverge, and how far may it read?
//!
//! In Kafka:   `Partition.{fetchRecords, readRecords, lastOffsetForLeaderEpoch}`, `DelayedFetch.tryComplete`,
//!             `LocalLog.read` (KIP-320, KIP-392, KAFKA-9807).
//! Holds:      nothing: one look at the published offsets, taken once for the whole answer.
//! Invariants: R19 a consumer reads below the high watermark of the broker that answers. An offset above it and
//!             not above the log end reads nothing; it is not an error.
//! Left out:   remote storage.

use trial_log::{EpochEndOffset, LeaderEpoch, LeaderEpochCache, Offset};

use super::hosted::{Partition, Role};
use crate::error_code::ErrorCode;
use crate::ids::{BrokerEpoch, BrokerId};

/// One partition of a fetch request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FetchPartition {
    /// Where to read.
    pub fetch_offset: Offset,
    /// A follower's log start; -1 from consumers.
    pub log_start_offset: Offset,
    /// How many bytes at most.
    pub max_bytes: i32,
    /// The leader epoch that the reader believes in.
    pub current_leader_epoch: Option<LeaderEpoch>,
    /// The epoch of the last batch that a follower holds.
    pub last_fetched_epoch: Option<LeaderEpoch>,
}

/// How far a consumer reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isolation {
    /// Below the high watermark.
    ReadUncommitted,
    /// Below the last stable offset.
    ReadCommitted,
}

/// Who reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// A follower: up to the log end, from the leader only.
    Follower {
        /// Which.
        id: BrokerId,
        /// The broker epoch in its request.
        epoch: BrokerEpoch,
    },
    /// A consumer.
    Consumer {
        /// How far it reads.
        isolation: Isolation,
        /// Whether only a leader may answer: requests older than version 11, which know no racks.
        leader_only: bool,
    },
}

impl Reader {
    /// Whether it reads nothing of transactions that are not committed.
    #[must_use]
    pub fn reads_committed(&self) -> bool {
        matches!(self, Self::Consumer { isolation: Isolation::ReadCommitted, .. })
    }
}

/// What one fetch of one partition may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadView {
    /// The leader epoch of this replica.
    pub leader_epoch: LeaderEpoch,
    /// Its log start.
    pub log_start_offset: Offset,
    /// Its high watermark.
    pub high_watermark: Offset,
    /// Its last stable offset.
    pub last_stable_offset: Offset,
    /// Its published log end.
    pub log_end_offset: Offset,
    /// Batches that start below this may be read; nothing if it is not above the fetch offset.
    pub up_to: Offset,
    /// Set if the follower's log diverges: no records then, and the follower's progress is not to be recorded.
    pub diverging_epoch: Option<EpochEndOffset>,
}

/// How a parked fetch stands with one of its partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FetchProgress {
    /// It has to be answered now: an error, a divergence, or an offset beyond what may be read.
    Answer,
    /// What lies between its offset and this one counts towards its minimum of bytes.
    Readable {
        /// The bound, exclusive.
        up_to: Offset,
    },
    /// Nothing new.
    Nothing,
}

impl Reader {
    fn leader_only(&self) -> bool {
        match self {
            Self::Follower { .. } => true,
            Self::Consumer { leader_only, .. } => *leader_only,
        }
    }
}

impl Partition {
    /// What `reader` may read, or why it may not.
    pub fn read(
        &self,
        reader: &Reader,
        fetch: &FetchPartition,
        epochs: &LeaderEpochCache,
    ) -> Result<ReadView, ErrorCode> {
        self.check_access(fetch.current_leader_epoch, reader.leader_only())?;
        if let Reader::Follower { id, .. } = reader
            && self.leader().is_none_or(|leader| leader.follower(*id).is_none())
        {
            // A replica that our metadata does not have yet, perhaps: it shall try again.
            return Err(match fetch.current_leader_epoch {
                Some(_) => ErrorCode::UnknownLeaderEpoch,
                None => ErrorCode::NotLeaderOrFollower,
            });
        }
        let diverging_epoch = self.find_divergence(fetch, epochs)?;
        let offsets = &self.core.offsets;
        let out_of_range = fetch.fetch_offset < offsets.log_start_offset()
            || fetch.fetch_offset > offsets.log_end_offset();
        if diverging_epoch.is_none() && out_of_range {
            return Err(ErrorCode::OffsetOutOfRange);
        }
        let view = ReadView {
            leader_epoch: self.core.leader_epoch,
            log_start_offset: offsets.log_start_offset(),
            high_watermark: offsets.high_watermark(),
            last_stable_offset: offsets.last_stable_offset(),
            log_end_offset: offsets.log_end_offset(),
            up_to: self.bound(reader),
            diverging_epoch,
        };
        assert!(
            matches!(reader, Reader::Follower { .. }) || view.up_to <= view.high_watermark,
            "R19: a consumer would read up to {} > high watermark {}",
            view.up_to,
            view.high_watermark
        );
        Ok(view)
    }

    /// Whether `reader` may still be answered, in this epoch.
    #[must_use]
    pub fn answers_in(&self, reader: &Reader, epoch: LeaderEpoch) -> bool {
        epoch == self.core.leader_epoch && self.check_access(None, reader.leader_only()).is_ok()
    }

    /// Looks at a parked fetch again.
    #[must_use]
    pub fn poll_fetch(
        &self,
        reader: &Reader,
        fetch: &FetchPartition,
        epochs: &LeaderEpochCache,
    ) -> FetchProgress {
        if self.check_access(fetch.current_leader_epoch, reader.leader_only()).is_err() {
            return FetchProgress::Answer;
        }
        let up_to = self.bound(reader);
        if fetch.fetch_offset > up_to {
            return FetchProgress::Answer;
        }
        match self.find_divergence(fetch, epochs) {
            Err(_) | Ok(Some(_)) => FetchProgress::Answer,
            Ok(None) if fetch.fetch_offset < up_to => FetchProgress::Readable { up_to },
            Ok(None) => FetchProgress::Nothing,
        }
    }

    /// Where the largest epoch up to `epoch` ends (OffsetsForLeaderEpoch).
    pub fn epoch_end(
        &self,
        current_leader_epoch: Option<LeaderEpoch>,
        epoch: LeaderEpoch,
        leader_only: bool,
        epochs: &LeaderEpochCache,
    ) -> Result<Option<EpochEndOffset>, ErrorCode> {
        self.check_access(current_leader_epoch, leader_only)?;
        Ok(epochs.end_offset_for(epoch, self.core.offsets.log_end_offset()))
    }

    /// Whether reader and replica are in the same leader epoch, and the replica may answer.
    pub(super) fn check_access(
        &self,
        current_leader_epoch: Option<LeaderEpoch>,
        leader_only: bool,
    ) -> Result<(), ErrorCode> {
        match current_leader_epoch {
            Some(epoch) if epoch < self.core.leader_epoch => Err(ErrorCode::FencedLeaderEpoch),
            Some(epoch) if epoch > self.core.leader_epoch => Err(ErrorCode::UnknownLeaderEpoch),
            _ if leader_only && self.leader().is_none() => Err(ErrorCode::NotLeaderOrFollower),
            _ if matches!(self.role, Role::Waiting) => Err(ErrorCode::NotLeaderOrFollower),
            _ => Ok(()),
        }
    }

    fn find_divergence(
        &self,
        fetch: &FetchPartition,
        epochs: &LeaderEpochCache,
    ) -> Result<Option<EpochEndOffset>, ErrorCode> {
        let Some(theirs) = fetch.last_fetched_epoch else { return Ok(None) };
        let offsets = &self.core.offsets;
        let Some(ours) = epochs.end_offset_for(theirs, offsets.log_end_offset()) else {
            return Err(ErrorCode::OffsetOutOfRange);
        };
        if fetch.fetch_offset < offsets.log_start_offset() {
            return Err(ErrorCode::OffsetOutOfRange);
        }
        let diverges = ours.leader_epoch < theirs || ours.end_offset < fetch.fetch_offset;
        Ok(diverges.then_some(ours))
    }

    fn bound(&self, reader: &Reader) -> Offset {
        let offsets = &self.core.offsets;
        match reader {
            Reader::Follower { .. } => offsets.log_end_offset(),
            Reader::Consumer { isolation: Isolation::ReadUncommitted, .. } => {
                offsets.high_watermark()
            }
            Reader::Consumer { isolation: Isolation::ReadCommitted, .. } => {
                offsets.last_stable_offset()
            }
        }
    }
}
