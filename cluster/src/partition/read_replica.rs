//! Which follower a consumer may be sent to, so that it reads nearby.
//!
//! In Kafka:   `ReplicaManager.findPreferredReadReplica`, `RackAwareReplicaSelector`, `ReplicaView.comparator`,
//!             `Partition.fetchOffsetSnapshot`; KIP-392, KAFKA-15390.
//! Holds:      nothing: what the leader knows of its followers.
//! Invariants: RR-1 who is named is in the committed in-sync set and had, at its last fetch, a log in which the offset
//!             lies or at which it ends. RR-2 a leader never names itself.

use trial_log::Offset;

use super::hosted::Partition;
use super::read::{FetchPartition, ReadView};
use crate::error_code::ErrorCode;
use crate::ids::BrokerId;

impl Partition {
    /// The replica that a consumer shall read from instead, if this broker leads: of those that are near (in its rack,
    /// and alive) the one that has most, then the one that caught up last, then the highest id. None if the leader is
    /// near itself, or nobody is.
    pub fn nearest_replica(
        &self,
        offset: Offset,
        is_near: impl Fn(BrokerId) -> bool,
    ) -> Option<BrokerId> {
        let leader = self.leader()?;
        if is_near(self.core.settings.local) {
            return None;
        }
        let has_it = |id: BrokerId| leader.isr().contains(id);
        let candidates = leader.followers().iter().filter(|replica| {
            has_it(replica.id())
                && (replica.log_start_offset()..=replica.log_end_offset()).contains(&offset)
                && is_near(replica.id())
        });
        let most = candidates.max_by_key(|replica| {
            (replica.log_end_offset(), replica.last_caught_up(), replica.id())
        })?;
        assert!(
            most.id() != self.core.settings.local && has_it(most.id()),
            "RR-1, RR-2: {:?} of {:?} was chosen",
            most,
            leader.isr()
        );
        Some(most.id())
    }

    /// What a consumer is told that is sent elsewhere: nothing is read for it, but it has to be in the leader's epoch.
    ///
    /// # Errors
    /// As for any fetch: an older epoch is fenced, a newer one is not known.
    pub fn offsets_without_records(&self, fetch: &FetchPartition) -> Result<ReadView, ErrorCode> {
        self.check_access(fetch.current_leader_epoch, false)?;
        let offsets = &self.core.offsets;
        Ok(ReadView {
            leader_epoch: self.core.leader_epoch,
            log_start_offset: offsets.log_start_offset(),
            high_watermark: offsets.high_watermark(),
            last_stable_offset: offsets.last_stable_offset(),
            log_end_offset: offsets.log_end_offset(),
            up_to: Offset::ZERO,
            diverging_epoch: None,
        })
    }
}
