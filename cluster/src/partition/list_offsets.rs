//! What a partition answers to ListOffsets.
//!
//! In Kafka:   `Partition.fetchOffsetForTimestamp`, `ReplicaManager.fetchOffset` (KIP-207, KIP-734).
//! Holds:      nothing.
//! Invariants: a new leader whose high watermark has not reached the start of its epoch does not name an end that
//!             is lower than what an earlier leader has named (KAFKA-2334): OFFSET_NOT_AVAILABLE.

use trial_log::{LeaderEpoch, Offset};

use super::hosted::Partition;
use super::read::Isolation;
use crate::error_code::ErrorCode;

/// The first version of ListOffsets that knows OFFSET_NOT_AVAILABLE.
const KNOWS_OFFSET_NOT_AVAILABLE: i16 = 5;

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OffsetQuery {
    /// A client's isolation level; none: a follower, or the debugging consumer, who see the log end.
    pub isolation: Option<Isolation>,
    /// The leader epoch that the caller believes in.
    pub current_leader_epoch: Option<LeaderEpoch>,
    /// False for the debugging consumer (replica -2).
    pub leader_only: bool,
    /// The version of the request.
    pub version: i16,
}

impl Partition {
    /// The latest offset (timestamp -1).
    pub fn latest_offset(&self, query: &OffsetQuery) -> Result<Offset, ErrorCode> {
        self.check_access(query.current_leader_epoch, query.leader_only)?;
        self.check_caught_up_with_epoch(query)?;
        Ok(self.last_fetchable(query))
    }

    /// The earliest offset (timestamp -2).
    pub fn earliest_offset(&self, query: &OffsetQuery) -> Result<Offset, ErrorCode> {
        self.check_access(query.current_leader_epoch, query.leader_only)?;
        Ok(self.core.offsets.log_start_offset())
    }

    /// What to answer when the log has found `found` for a timestamp: none is "no such record".
    pub fn offset_for_timestamp(
        &self,
        query: &OffsetQuery,
        found: Option<Offset>,
    ) -> Result<Option<Offset>, ErrorCode> {
        self.check_access(query.current_leader_epoch, query.leader_only)?;
        match found {
            Some(offset) if offset < self.last_fetchable(query) => Ok(Some(offset)),
            _ => self.check_caught_up_with_epoch(query).map(|()| None),
        }
    }

    fn last_fetchable(&self, query: &OffsetQuery) -> Offset {
        let offsets = &self.core.offsets;
        match query.isolation {
            Some(Isolation::ReadCommitted) => offsets.last_stable_offset(),
            Some(Isolation::ReadUncommitted) => offsets.high_watermark(),
            None => offsets.log_end_offset(),
        }
    }

    fn check_caught_up_with_epoch(&self, query: &OffsetQuery) -> Result<(), ErrorCode> {
        let lags = self.core.rules.hides_an_end_that_may_be_old()
            && query.isolation.is_some()
            && self.leader().is_some_and(|leader| {
                leader.epoch_start_offset() > self.core.offsets.high_watermark()
            });
        match lags {
            false => Ok(()),
            true if query.version >= KNOWS_OFFSET_NOT_AVAILABLE => {
                Err(ErrorCode::OffsetNotAvailable)
            }
            true => Err(ErrorCode::LeaderNotAvailable),
        }
    }
}
