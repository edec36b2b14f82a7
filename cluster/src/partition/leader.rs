//! A partition of which this broker is the leader.
//!
//! In Kafka:   `Partition.{makeLeader, updateFollowerFetchState}`, `remoteReplicasMap`, `leaderEpochStartOffsetOpt`.
//! Holds:      the followers' progress, the in-sync set, where this leader's epoch starts.
//! Inputs:     metadata, own appends, followers' fetches. Effects: see `isr.rs` and `high_watermark.rs`.
//! Invariants: R1 one leader term has one epoch. R13 every follower is an assigned replica, this broker is not.

use trial_log::{LeaderEpoch, Offset};

use super::effect::{Brokers, Effect, WallTime};
use super::hosted::{Core, PartitionMetadata};
use super::isr::Isr;
use super::replica::Replica;
use crate::error_code::ErrorCode;
use crate::ids::{BrokerEpoch, BrokerId};

/// What the leader does with a follower's fetch after it has read for it. Fetches that diverged, and reads out of
/// the purgatory, tell nothing about the follower and are not handed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FollowerFetch {
    /// Who fetches.
    pub replica: BrokerId,
    /// The broker epoch in its request; -1 in old ones.
    pub broker_epoch: BrokerEpoch,
    /// Where it wants to go on: it holds everything below.
    pub fetch_offset: Offset,
    /// Where its log starts.
    pub log_start_offset: Offset,
    /// The leader's published end when it read (`ReadView::log_end_offset`): later appends do not count.
    pub leader_end_at_read: Offset,
    /// The leader epoch in which it read (`ReadView::leader_epoch`).
    pub leader_epoch: LeaderEpoch,
}

/// The state that only a leader has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leader {
    pub(super) epoch_start_offset: Offset,
    pub(super) followers: Vec<Replica>,
    pub(super) isr: Isr,
}

impl Leader {
    /// A leader that knows nothing of its followers yet.
    pub(super) fn new() -> Self {
        Self {
            epoch_start_offset: Offset::ZERO,
            followers: Vec::new(),
            isr: Isr::committed(Vec::new(), false),
        }
    }

    /// Takes the assignment and the in-sync set from metadata, dropping whatever change was pending; whoever
    /// leads has recovered, whatever the metadata says.
    pub(super) fn update_assignment(&mut self, core: &Core, metadata: &PartitionMetadata<'_>) {
        let mut known = std::mem::take(&mut self.followers);
        let assigned = metadata.replicas.iter().filter(|id| **id != core.settings.local);
        self.followers = assigned
            .map(|id| match known.iter().position(|replica| replica.id() == *id) {
                Some(index) => known.swap_remove(index),
                None => Replica::new(*id),
            })
            .collect();
        self.isr = Isr::committed(metadata.isr.to_vec(), false);
    }

    /// A new epoch starts at the end of the log.
    pub(super) fn start_epoch(&mut self, core: &Core, now: WallTime, is_new_leader: bool) {
        self.epoch_start_offset = core.offsets.log_end_offset();
        for replica in &mut self.followers {
            let in_isr = self.isr.contains(replica.id());
            replica.reset(now, self.epoch_start_offset, is_new_leader, in_isr);
        }
    }

    /// A follower has fetched.
    pub(super) fn on_follower_fetch(
        &mut self,
        core: &mut Core,
        now: WallTime,
        fetch: &FollowerFetch,
        brokers: &dyn Brokers,
        effects: &mut Vec<Effect>,
    ) -> Result<(), ErrorCode> {
        let Some(index) = self.followers.iter().position(|replica| replica.id() == fetch.replica)
        else {
            // It was taken from the assignment between the read and now.
            return Ok(());
        };
        let previous_end = self.followers[index].log_end_offset();
        self.followers[index].on_fetch(now, fetch, brokers)?;
        self.maybe_expand_isr(core, index, brokers, effects);
        if self.followers[index].log_end_offset() != previous_end {
            self.maybe_advance_high_watermark(core, now, brokers, effects);
        }
        Ok(())
    }

    /// What is known of `broker`, if it is an assigned follower.
    #[must_use]
    pub fn follower(&self, broker: BrokerId) -> Option<&Replica> {
        self.followers.iter().find(|replica| replica.id() == broker)
    }

    /// The followers in the order of the assignment.
    #[must_use]
    pub fn followers(&self) -> &[Replica] {
        &self.followers
    }

    /// The in-sync set.
    #[must_use]
    pub fn isr(&self) -> &Isr {
        &self.isr
    }

    /// Where this leader's epoch starts.
    #[must_use]
    pub fn epoch_start_offset(&self) -> Offset {
        self.epoch_start_offset
    }

    /// The smallest log start among the live replicas: what DeleteRecords waits for.
    #[must_use]
    pub(super) fn low_watermark(&self, log_start_offset: Offset, brokers: &dyn Brokers) -> Offset {
        let is_alive =
            |id: BrokerId| brokers.registration(id).is_some_and(|registered| !registered.fenced);
        let live = self.followers.iter().filter(|replica| is_alive(replica.id()));
        live.map(Replica::log_start_offset).fold(log_start_offset, Offset::min)
    }

    pub(super) fn invariants(&self, core: &Core) {
        self.isr.invariants();
        assert!(
            self.epoch_start_offset <= core.offsets.log_end_offset(),
            "R1: epoch {} starts at {} > log end {}",
            core.leader_epoch,
            self.epoch_start_offset,
            core.offsets.log_end_offset()
        );
    }
}
