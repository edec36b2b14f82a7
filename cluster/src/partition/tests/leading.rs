//! Broker 1 leads replicas 1 to 3; the controller and the followers are whoever writes the test.
//!
//! Holds: the machine, the metadata about brokers, a clock, and what the machine has asked for.

use trial_log::{LeaderEpoch, LeaderEpochCache, Offset};

use crate::broker::alter_partition::{IsrAnswer, IsrChange};
use crate::error_code::ErrorCode;
use crate::ids::{BrokerEpoch, BrokerId, PartitionEpoch};
use crate::note::partition::PartitionEvent;
use crate::partition::fixture::{Cluster, epochs, id, settings};
use crate::partition::{
    Effect, FetchPartition, FollowerFetch, Offsets, Partition, PartitionMetadata, ReadView, Reader,
    WallTime,
};
use crate::rules::Rules;

pub(super) struct Leading {
    pub(super) partition: Partition,
    pub(super) brokers: Cluster,
    pub(super) now: WallTime,
    pub(super) epochs: LeaderEpochCache,
    asked: Vec<IsrChange>,
}

impl Leading {
    /// In leader epoch 0 and partition epoch 0.
    pub(super) fn new(min_isr: usize, isr: &[i32]) -> Self {
        Self::with_rules(min_isr, isr, Rules::default())
    }

    pub(super) fn with_rules(min_isr: usize, isr: &[i32], rules: Rules) -> Self {
        let offsets = Offsets::new(Offset(0), Offset(0), Offset(0));
        let mut leading = Self {
            partition: Partition::new(id(), offsets, settings(1, min_isr), rules),
            brokers: Cluster::of_three(),
            now: WallTime(1_000_000),
            epochs: epochs(&[(0, 0)]),
            asked: Vec::new(),
        };
        leading.lead(0, 0, isr);
        leading
    }

    /// Metadata makes it the leader.
    pub(super) fn lead(&mut self, epoch: i32, partition_epoch: i32, isr: &[i32]) -> Vec<Effect> {
        self.hear(BrokerId(1), epoch, partition_epoch, isr)
    }

    /// Metadata makes it a follower.
    pub(super) fn follow(
        &mut self,
        leader: BrokerId,
        epoch: i32,
        partition_epoch: i32,
    ) -> Vec<Effect> {
        self.hear(leader, epoch, partition_epoch, &[2, 3])
    }

    fn hear(
        &mut self,
        leader: BrokerId,
        epoch: i32,
        partition_epoch: i32,
        isr: &[i32],
    ) -> Vec<Effect> {
        let isr: Vec<BrokerId> = isr.iter().map(|member| BrokerId(*member)).collect();
        let metadata = PartitionMetadata {
            leader,
            leader_epoch: LeaderEpoch(epoch),
            partition_epoch: PartitionEpoch(partition_epoch),
            replicas: &[BrokerId(1), BrokerId(2), BrokerId(3)],
            isr: &isr,
            recovering: true,
        };
        let mut effects = Vec::new();
        let (now, epochs) = (self.now, &self.epochs);
        self.partition.on_metadata(now, &metadata, &self.brokers, epochs, &mut effects);
        self.keep(effects)
    }

    /// Its own append is published.
    pub(super) fn append(&mut self, end: i64) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.partition.on_published(self.now, Offset(end), &self.brokers, &mut effects);
        self.keep(effects)
    }

    /// A follower fetches at `end`, in its registered incarnation.
    pub(super) fn fetch(&mut self, replica: i32, end: i64) -> Vec<Effect> {
        let fetch = fetched(self, replica, end);
        self.fetch_as(&fetch).expect("it is the registered incarnation")
    }

    pub(super) fn fetch_as(&mut self, fetch: &FollowerFetch) -> Result<Vec<Effect>, ErrorCode> {
        let mut effects = Vec::new();
        self.partition.on_follower_fetch(self.now, fetch, &self.brokers, &mut effects)?;
        Ok(self.keep(effects))
    }

    /// A follower's fetch is looked at.
    pub(super) fn read(&self, replica: i32, offset: i64) -> Result<ReadView, ErrorCode> {
        let reader = Reader::Follower { id: BrokerId(replica), epoch: BrokerEpoch::NONE };
        self.partition.read(&reader, &at(offset), &self.epochs)
    }

    pub(super) fn shrink_check(&mut self) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.partition.on_shrink_check(self.now, &self.brokers, &mut effects);
        self.keep(effects)
    }

    /// The controller commits what was asked for last.
    pub(super) fn agree(&mut self, partition_epoch: i32) -> Vec<Effect> {
        let change = self.asked.pop().expect("something was asked for");
        let answer = IsrAnswer {
            leader: BrokerId(1),
            leader_epoch: change.leader_epoch,
            isr: change.isr.iter().map(|(member, _)| *member).collect(),
            recovering: false,
            partition_epoch: PartitionEpoch(partition_epoch),
        };
        self.answer(&change, Ok(answer))
    }

    /// The controller refuses what was asked for last.
    pub(super) fn refuse(&mut self, error: ErrorCode) -> Vec<Effect> {
        let change = self.asked.pop().expect("something was asked for");
        self.answer(&change, Err(error))
    }

    pub(super) fn answer(
        &mut self,
        change: &IsrChange,
        answer: Result<IsrAnswer, ErrorCode>,
    ) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.partition.on_isr_answer(self.now, change, answer, &self.brokers, &mut effects);
        self.keep(effects)
    }

    fn keep(&mut self, effects: Vec<Effect>) -> Vec<Effect> {
        for effect in &effects {
            if let Effect::AlterPartition(change) = effect {
                self.asked.push(change.clone());
            }
        }
        steps(effects)
    }

    /// The changes that were asked for and not answered yet.
    pub(super) fn asked(&self) -> &[IsrChange] {
        &self.asked
    }

    pub(super) fn high_watermark(&self) -> i64 {
        self.partition.offsets().high_watermark().0
    }

    /// The committed in-sync set.
    pub(super) fn isr(&self) -> Vec<i32> {
        let leader = self.partition.leader().expect("it leads");
        leader.isr().members().iter().map(|member| member.0).collect()
    }
}

/// What a machine does, without the marks that it comes to: `marks.rs` looks at those.
pub(super) fn steps(mut effects: Vec<Effect>) -> Vec<Effect> {
    effects.retain(|effect| !matches!(effect, Effect::Note(PartitionEvent::Reached(_))));
    effects
}

/// The fetch of a follower that stands at `end`.
pub(super) fn fetched(leading: &Leading, replica: i32, end: i64) -> FollowerFetch {
    FollowerFetch {
        replica: BrokerId(replica),
        broker_epoch: BrokerEpoch(100 + i64::from(replica)),
        fetch_offset: Offset(end),
        log_start_offset: Offset(0),
        leader_end_at_read: leading.partition.offsets().log_end_offset(),
        leader_epoch: leading.partition.leader_epoch(),
    }
}

/// A fetch at `offset` that knows no epochs.
pub(super) fn at(offset: i64) -> FetchPartition {
    FetchPartition {
        fetch_offset: Offset(offset),
        log_start_offset: Offset(0),
        max_bytes: 1_000,
        current_leader_epoch: None,
        last_fetched_epoch: None,
    }
}
