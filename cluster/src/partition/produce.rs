//! May a producer's batch be appended, and may it be acknowledged?
//!
//! In Kafka:   `Partition.{appendRecordsToLeader, checkEnoughReplicasReachOffset}`, `DelayedProduce`.
//! Inputs:     a batch with its acks; an offset that waits. Effects: the note that R12 is judged by.
//! Invariants: R12 acks=all is answered without error only when the high watermark has reached the batch's end
//!             and the maximal in-sync set has min(min.insync.replicas, replicas) members.

use trial_log::{LeaderEpoch, Offset};

use super::effect::Effect;
use super::high_watermark::small;
use super::hosted::Partition;
use crate::error_code::ErrorCode;
use crate::mark;
use crate::note::partition::PartitionEvent;

/// `acks=all` as requests carry it.
pub const ACKS_ALL: i16 = -1;

impl Partition {
    /// Whether a batch may be appended; answers the epoch to stamp it with.
    pub fn check_append(&self, acks: i16) -> Result<LeaderEpoch, ErrorCode> {
        let Some(leader) = self.leader() else {
            return Err(ErrorCode::NotLeaderOrFollower);
        };
        if acks == ACKS_ALL && leader.is_under_min_isr(&self.core) {
            return Err(ErrorCode::NotEnoughReplicas);
        }
        Ok(self.core.leader_epoch)
    }

    /// Whether a batch with acks=all that ends at `required` may be answered, and how; none: it has to wait.
    /// Whatever is answered is noted with the facts that it was decided on.
    pub fn check_produce(&self, required: Offset, effects: &mut Vec<Effect>) -> Option<ErrorCode> {
        let Some(leader) = self.leader() else {
            mark::reachable!(
                effects,
                "produce_outlives_leadership",
                "a produce waited for replicas while its broker lost the lead"
            );
            return Some(ErrorCode::NotLeaderOrFollower);
        };
        let high_watermark = self.core.offsets.high_watermark();
        let reached = high_watermark >= required;
        if !reached && self.core.rules.acks_after_replication() {
            return None;
        }
        let (maximal, min) = (leader.isr.maximal_count(), leader.effective_min_isr(&self.core));
        let error = if maximal < min && reached {
            ErrorCode::NotEnoughReplicasAfterAppend
        } else {
            ErrorCode::None
        };
        mark::sometimes!(
            effects,
            error == ErrorCode::NotEnoughReplicasAfterAppend,
            "under_min_isr_after_append",
            "a produce was committed and refused all the same (NOT_ENOUGH_REPLICAS_AFTER_APPEND)"
        );
        effects.push(Effect::Note(PartitionEvent::ProduceCompleted {
            required,
            high_watermark,
            maximal_isr: small(maximal),
            min_isr: small(min),
            leader_epoch: self.core.leader_epoch,
            error,
        }));
        Some(error)
    }
}
