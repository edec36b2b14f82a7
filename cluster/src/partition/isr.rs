//! Who counts: the committed in-sync set, and the one change of it that may be under way.
//!
//! In Kafka:   `CommittedPartitionState`, `PendingExpandIsr`, `PendingShrinkIsr`;
//!             `Partition.{maybeExpandIsr, maybeShrinkIsr, prepareIsr*, handleAlterPartition*}` (KIP-497, KIP-841,
//!             KIP-903).
//! Holds:      what the controller has confirmed, and what was asked of it.
//! Inputs:     a follower's fetch, the shrink check, the controller's answer. Effects: `AlterPartition`.
//! Invariants: R7 the maximal set holds the committed one, the joining replica too, and keeps those that are
//!             to leave until the controller has agreed. One change at a time.

use super::effect::{Brokers, Effect, WallTime};
use super::hosted::Core;
use super::leader::Leader;
use super::replica::Replica;
use crate::broker::alter_partition::{IsrAnswer, IsrChange};
use crate::error_code::ErrorCode;
use crate::ids::{BrokerEpoch, BrokerId};
use crate::mark;
use crate::note::partition::PartitionEvent;

/// The in-sync set of a partition as its leader sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Isr {
    committed: Vec<BrokerId>,
    recovering: bool,
    pending: Option<Pending>,
}

/// A change that the controller was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Pending {
    /// Who joins; none: some leave.
    joining: Option<BrokerId>,
    sent: IsrChange,
}

impl Isr {
    /// The set that the controller has committed.
    #[must_use]
    pub(super) fn committed(members: Vec<BrokerId>, recovering: bool) -> Self {
        Self { committed: members, recovering, pending: None }
    }

    /// The committed members.
    #[must_use]
    pub fn members(&self) -> &[BrokerId] {
        &self.committed
    }

    /// How many members are committed.
    #[must_use]
    pub fn committed_count(&self) -> usize {
        self.committed.len()
    }

    /// How many members the maximal set has: the committed ones and whoever is joining.
    #[must_use]
    pub fn maximal_count(&self) -> usize {
        self.committed.len() + usize::from(self.joining().is_some())
    }

    /// Whether `broker` is committed.
    #[must_use]
    pub fn contains(&self, broker: BrokerId) -> bool {
        self.committed.contains(&broker)
    }

    /// Whether the high watermark has to wait for `broker`: it is committed, or on its way in.
    #[must_use]
    pub fn maximal_contains(&self, broker: BrokerId) -> bool {
        self.contains(broker) || self.joining() == Some(broker)
    }

    /// Whether the controller was asked for a change.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.pending.is_some()
    }

    fn joining(&self) -> Option<BrokerId> {
        self.pending.as_ref().and_then(|pending| pending.joining)
    }

    pub(super) fn invariants(&self) {
        if let Some(pending) = &self.pending {
            assert!(
                pending.joining.is_none_or(|joining| !self.contains(joining)),
                "R7: {:?} joins an in-sync set that has it: {:?}",
                pending.joining,
                self.committed
            );
        }
    }
}

impl Leader {
    /// After a follower's fetch: asks for its admission, if it holds everything committed, reaches into this
    /// leader's epoch, and the controller would take it.
    pub(super) fn maybe_expand_isr(
        &mut self,
        core: &Core,
        follower: usize,
        brokers: &dyn Brokers,
        effects: &mut Vec<Effect>,
    ) {
        let replica = &self.followers[follower];
        let (id, end) = (replica.id(), replica.log_end_offset());
        if self.isr.is_pending() || self.isr.contains(id) {
            return;
        }
        let high_watermark = core.offsets.high_watermark();
        // Records below the epoch's start may be committed although our high watermark does not say so yet:
        // without the second condition a replica that lacks them could join, and be elected.
        let reaches = end >= high_watermark && end >= self.epoch_start_offset;
        mark::sometimes!(
            effects,
            end >= high_watermark && !reaches,
            "joining_waits_for_epoch_start",
            "a follower has the high watermark, and may not join before it has the leader's epoch"
        );
        let is_eligible = reaches && replica.is_eligible(brokers, &core.rules);
        mark::sometimes!(
            effects,
            reaches && !is_eligible,
            "caught_up_but_ineligible",
            "a caught-up follower was not proposed: fenced, leaving or another incarnation (KIP-841)"
        );
        if !is_eligible {
            return;
        }
        mark::reachable!(
            effects,
            "leader_expands_isr",
            "a leader asked for an in-sync set with one more replica"
        );
        let members = self.isr.committed.iter().copied().chain([id]);
        let sent = self.isr_change(core, members, brokers);
        effects.push(Effect::Note(PartitionEvent::IsrExpandAsked {
            joining: id,
            follower_end: end,
            high_watermark,
            epoch_start_offset: self.epoch_start_offset,
            partition_epoch: core.partition_epoch,
        }));
        effects.push(Effect::AlterPartition(sent.clone()));
        self.isr.pending = Some(Pending { joining: Some(id), sent });
    }

    /// Every half of `replica.lag.time.max.ms`: asks to drop the members that have not caught up for that long.
    pub(super) fn maybe_shrink_isr(
        &mut self,
        core: &Core,
        now: WallTime,
        brokers: &dyn Brokers,
        effects: &mut Vec<Effect>,
    ) {
        if self.isr.is_pending() {
            mark::reachable!(
                effects,
                "shrink_check_waits_for_controller",
                "a leader did not look for laggards, since the controller owed it an answer"
            );
            return;
        }
        let end = core.offsets.log_end_offset();
        let stays = |member: &BrokerId| {
            *member == core.settings.local
                || self.follower(*member).is_some_and(|replica| {
                    replica.is_caught_up(now, end, core.replica_lag_time_max_ms())
                })
        };
        let staying: Vec<BrokerId> = self.isr.committed.iter().copied().filter(stays).collect();
        if staying.len() == self.isr.committed.len() {
            return;
        }
        mark::reachable!(
            effects,
            "leader_shrinks_isr",
            "a leader asked for an in-sync set without a replica that lags"
        );
        mark::sometimes!(
            effects,
            staying.len() < self.effective_min_isr(core),
            "leader_shrinks_below_min_isr",
            "a leader asked for an in-sync set smaller than min.insync.replicas"
        );
        let sent = self.isr_change(core, staying.iter().copied(), brokers);
        effects.push(Effect::Note(PartitionEvent::IsrShrinkAsked {
            staying,
            partition_epoch: core.partition_epoch,
            log_end_offset: end,
        }));
        effects.push(Effect::AlterPartition(sent.clone()));
        self.isr.pending = Some(Pending { joining: None, sent });
    }

    fn isr_change(
        &self,
        core: &Core,
        members: impl Iterator<Item = BrokerId>,
        brokers: &dyn Brokers,
    ) -> IsrChange {
        let with_epoch = |member: BrokerId| {
            let epoch = if member == core.settings.local {
                brokers.local_epoch()
            } else {
                // -1 for a member that has not fetched from this leader yet: the controller drops it from the set
                // when it crashes, and then the partition epoch fences this request.
                self.follower(member).and_then(Replica::broker_epoch).unwrap_or(BrokerEpoch::NONE)
            };
            (member, epoch)
        };
        IsrChange {
            leader_epoch: core.leader_epoch,
            partition_epoch: core.partition_epoch,
            isr: members.map(with_epoch).collect(),
            recovering: self.isr.recovering,
        }
    }

    /// The controller's answer to `change`. One to a change that is no longer pending is ignored: metadata has
    /// overtaken it. Answers whether the in-sync set was committed anew.
    pub(super) fn on_isr_answer(
        &mut self,
        core: &mut Core,
        change: &IsrChange,
        answer: Result<IsrAnswer, ErrorCode>,
        effects: &mut Vec<Effect>,
    ) -> bool {
        let Some(pending) = self.isr.pending.as_ref().filter(|pending| pending.sent == *change)
        else {
            mark::reachable!(
                effects,
                "isr_answer_overtaken",
                "metadata had overtaken the controller's answer to a change of the in-sync set"
            );
            effects.push(Effect::Note(PartitionEvent::IsrAnswerIgnored));
            return false;
        };
        match answer {
            Ok(found)
                if found.leader_epoch != core.leader_epoch
                    || found.partition_epoch < core.partition_epoch =>
            {
                effects.push(Effect::Note(PartitionEvent::IsrAnswerIgnored));
                false
            }
            Ok(found) => {
                core.partition_epoch = found.partition_epoch;
                self.isr = Isr::committed(found.isr.clone(), found.recovering);
                effects.push(Effect::Note(PartitionEvent::IsrCommitted {
                    isr: found.isr,
                    partition_epoch: found.partition_epoch,
                }));
                true
            }
            // The controller says that it knows this partition epoch and did not apply the change.
            Err(error @ (ErrorCode::OperationNotAttempted | ErrorCode::IneligibleReplica)) => {
                mark::sometimes!(
                    effects,
                    error == ErrorCode::IneligibleReplica,
                    "isr_change_reverted",
                    "a leader took its change back, since the controller finds a replica ineligible"
                );
                mark::sometimes!(
                    effects,
                    error == ErrorCode::OperationNotAttempted,
                    "isr_change_not_attempted",
                    "a leader took its change back, since an older one is still on its way"
                );
                self.isr.pending = None;
                effects.push(Effect::Note(PartitionEvent::IsrReverted { error }));
                false
            }
            Err(error) if leaves_pending(error) => {
                mark::reachable!(
                    effects,
                    "isr_change_left_pending",
                    "a leader cannot know what became of its change, and waits for newer metadata"
                );
                effects.push(Effect::Note(PartitionEvent::IsrLeftPending { error }));
                false
            }
            Err(error) => {
                mark::reachable!(
                    effects,
                    "isr_change_retried",
                    "a leader sent its change of the in-sync set again"
                );
                let sent = pending.sent.clone();
                effects.push(Effect::Note(PartitionEvent::IsrRetried { error }));
                effects.push(Effect::AlterPartition(sent));
                false
            }
        }
    }
}

/// After these nobody knows what was applied: only newer metadata can tell, and it is on its way.
fn leaves_pending(error: ErrorCode) -> bool {
    matches!(
        error,
        ErrorCode::UnknownTopicOrPartition
            | ErrorCode::UnknownTopicId
            | ErrorCode::FencedLeaderEpoch
            | ErrorCode::InvalidUpdateVersion
            | ErrorCode::InvalidRequest
            | ErrorCode::NewLeaderElected
    )
}
