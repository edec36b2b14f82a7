//! A partition as one broker hosts it: what metadata makes of it, and who may tell it what.
//!
//! In Kafka:   `kafka.cluster.Partition`, the partition's state in `AbstractFetcherThread`.
//! Holds:      the published offsets, both epochs, and the state of a leader or of a follower. One owner, under
//!             one lock of the broker, from a job's start to its finish.
//! Inputs:     metadata; appends once they are published; fetches; answers of leader and controller.
//! Invariants: R14 epochs never go back. R7 metadata is applied only if its partition epoch is greater than the
//!             known one (Kafka's trunk takes an equal one too, and so may undo a pending expansion that the
//!             controller then commits). R10, see `offsets.rs`.
//! Left out:   future replicas (JBOD moves), remote storage, transactions.

use trial_log::{LeaderEpoch, LeaderEpochCache, Offset};
use trial_sim::Span;

use super::effect::{Brokers, Effect, WallTime};
use super::follower::{Follower, Phase};
use super::leader::{FollowerFetch, Leader};
use super::offsets::Offsets;
use crate::broker::alter_partition::{IsrAnswer, IsrChange};
use crate::error_code::ErrorCode;
use crate::ids::{BrokerId, PartitionEpoch, TopicPartition};
use crate::mark;
use crate::note::partition::PartitionEvent;
use crate::rules::Rules;

/// What a partition's registration says (`PartitionRegistration`), borrowed from the metadata image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionMetadata<'a> {
    /// The leader; `BrokerId::NONE` while there is none.
    pub leader: BrokerId,
    /// Its epoch.
    pub leader_epoch: LeaderEpoch,
    /// The version of the registration.
    pub partition_epoch: PartitionEpoch,
    /// All replicas in the order of the assignment.
    pub replicas: &'a [BrokerId],
    /// The in-sync set.
    pub isr: &'a [BrokerId],
    /// Whether the leader was elected uncleanly and has not said since that it has recovered.
    pub recovering: bool,
}

/// What the configuration says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionSettings {
    /// This broker.
    pub local: BrokerId,
    /// `replica.lag.time.max.ms`.
    pub replica_lag_time_max: Span,
    /// `replica.fetch.backoff.ms`.
    pub replica_fetch_backoff: Span,
    /// The topic's `min.insync.replicas`.
    pub min_insync_replicas: usize,
}

/// A partition on this broker.
#[derive(Debug, Clone)]
pub struct Partition {
    pub(super) core: Core,
    pub(super) role: Role,
}

/// What leaders and followers have in common.
#[derive(Debug, Clone)]
pub(super) struct Core {
    pub(super) id: TopicPartition,
    pub(super) settings: PartitionSettings,
    pub(super) rules: Rules,
    pub(super) offsets: Offsets,
    pub(super) leader: BrokerId,
    pub(super) leader_epoch: LeaderEpoch,
    pub(super) partition_epoch: PartitionEpoch,
}

#[derive(Debug, Clone)]
pub(super) enum Role {
    /// The log is loaded; metadata has not said anything yet.
    Waiting,
    Leader(Leader),
    Follower(Follower),
}

impl Core {
    pub(super) fn replica_lag_time_max_ms(&self) -> i64 {
        i64::try_from(self.settings.replica_lag_time_max.as_millis()).unwrap_or(i64::MAX)
    }
}

impl Partition {
    /// A partition whose log was loaded or created just now.
    #[must_use]
    pub fn new(
        id: TopicPartition,
        offsets: Offsets,
        settings: PartitionSettings,
        rules: Rules,
    ) -> Self {
        assert!(settings.min_insync_replicas > 0, "{id:?}: min.insync.replicas is at least 1");
        let core = Core {
            id,
            settings,
            rules,
            offsets,
            leader: BrokerId::NONE,
            leader_epoch: LeaderEpoch::NONE,
            // Kafka starts at 0 and lets an equal epoch pass; the first registration has epoch 0.
            partition_epoch: PartitionEpoch(-1),
        };
        Self { core, role: Role::Waiting }
    }

    /// A newer registration was published (`makeLeader`, `makeFollower`); one that is not newer is ignored.
    pub fn on_metadata(
        &mut self,
        now: WallTime,
        metadata: &PartitionMetadata<'_>,
        brokers: &dyn Brokers,
        epochs: &LeaderEpochCache,
        effects: &mut Vec<Effect>,
    ) {
        let known = self.core.partition_epoch;
        let applies = metadata.partition_epoch > known
            || metadata.partition_epoch == known && self.core.rules.applies_equal_partition_epoch();
        if !applies {
            mark::reachable!(
                effects,
                "metadata_not_newer",
                "a partition ignored a registration that was not newer than the one it knew"
            );
            effects.push(Effect::Note(PartitionEvent::MetadataIgnored {
                partition_epoch: metadata.partition_epoch,
                known,
            }));
            return;
        }
        assert!(
            metadata.leader_epoch >= self.core.leader_epoch,
            "R14: {:?}: leader epoch {} after {}",
            self.core.id,
            metadata.leader_epoch,
            self.core.leader_epoch
        );
        if metadata.leader == self.core.settings.local {
            self.make_leader(now, metadata, brokers, effects);
        } else {
            self.make_follower(metadata, epochs, effects);
        }
        self.invariants();
    }

    fn make_leader(
        &mut self,
        now: WallTime,
        metadata: &PartitionMetadata<'_>,
        brokers: &dyn Brokers,
        effects: &mut Vec<Effect>,
    ) {
        let core = &mut self.core;
        let is_new_epoch = metadata.leader_epoch > core.leader_epoch;
        let is_new_leader = !matches!(self.role, Role::Leader(_));
        assert!(
            is_new_epoch || !is_new_leader,
            "R1: {:?}: became leader in the known epoch {}",
            core.id,
            core.leader_epoch
        );
        if is_new_leader {
            effects.push(Effect::StopFetching);
            self.role = Role::Leader(Leader::new());
        }
        let Role::Leader(leader) = &mut self.role else { unreachable!("it was set just now") };
        leader.update_assignment(core, metadata);
        core.leader = metadata.leader;
        core.partition_epoch = metadata.partition_epoch;
        if is_new_epoch {
            mark::sometimes!(
                effects,
                !is_new_leader,
                "leader_succeeds_itself",
                "a leader was elected again without a pause, and keeps what it knows of its followers"
            );
            core.leader_epoch = metadata.leader_epoch;
            leader.start_epoch(core, now, is_new_leader);
            let start = leader.epoch_start_offset;
            if core.rules.enters_epoch_on_election() {
                effects.push(Effect::AssignEpoch { epoch: metadata.leader_epoch, start });
            }
            effects.push(Effect::Note(PartitionEvent::BecameLeader {
                leader_epoch: metadata.leader_epoch,
                partition_epoch: metadata.partition_epoch,
                epoch_start_offset: start,
                high_watermark: core.offsets.high_watermark(),
                isr: metadata.isr.to_vec(),
                was_leader: !is_new_leader,
            }));
        } else {
            effects.push(Effect::Note(PartitionEvent::LeaderUpdated {
                partition_epoch: metadata.partition_epoch,
                isr: metadata.isr.to_vec(),
            }));
        }
        leader.maybe_advance_high_watermark(core, now, brokers, effects);
    }

    fn make_follower(
        &mut self,
        metadata: &PartitionMetadata<'_>,
        epochs: &LeaderEpochCache,
        effects: &mut Vec<Effect>,
    ) {
        let core = &mut self.core;
        let is_new_epoch = metadata.leader_epoch > core.leader_epoch;
        mark::sometimes!(
            effects,
            is_new_epoch && matches!(self.role, Role::Leader(_)),
            "leader_deposed",
            "a leader learned that another leads, or nobody"
        );
        mark::sometimes!(
            effects,
            metadata.leader == BrokerId::NONE,
            "replica_without_leader",
            "a replica learned that nobody leads its partition"
        );
        core.leader = metadata.leader;
        core.leader_epoch = metadata.leader_epoch;
        core.partition_epoch = metadata.partition_epoch;
        if matches!(self.role, Role::Follower(_)) && !is_new_epoch {
            return;
        }
        effects.push(Effect::Note(PartitionEvent::BecameFollower {
            leader: metadata.leader,
            leader_epoch: metadata.leader_epoch,
            partition_epoch: metadata.partition_epoch,
            log_end_offset: core.offsets.log_end_offset(),
            high_watermark: core.offsets.high_watermark(),
        }));
        // The order is Kafka's: fetchers stop before the position is read from the log.
        effects.push(Effect::StopFetching);
        effects.push(Effect::LeadershipChanged);
        self.role = Role::Follower(Follower::start(core, epochs, effects));
    }

    /// What an append of the leader wrote is published: in a job's finish.
    pub fn on_published(
        &mut self,
        now: WallTime,
        end: Offset,
        brokers: &dyn Brokers,
        effects: &mut Vec<Effect>,
    ) {
        self.core.offsets.publish(end);
        if let Role::Leader(leader) = &self.role {
            // The in-sync set may be this broker alone.
            leader.maybe_advance_high_watermark(&mut self.core, now, brokers, effects);
        }
        self.invariants();
    }

    /// A follower has fetched, and its fetch did not diverge. A refusal is the answer to its fetch.
    pub fn on_follower_fetch(
        &mut self,
        now: WallTime,
        fetch: &FollowerFetch,
        brokers: &dyn Brokers,
        effects: &mut Vec<Effect>,
    ) -> Result<(), ErrorCode> {
        let Role::Leader(leader) = &mut self.role else { return Ok(()) };
        if fetch.leader_epoch != self.core.leader_epoch {
            return Ok(());
        }
        leader.on_follower_fetch(&mut self.core, now, fetch, brokers, effects)?;
        self.invariants();
        Ok(())
    }

    /// Half of `replica.lag.time.max.ms` has passed since the last look.
    pub fn on_shrink_check(
        &mut self,
        now: WallTime,
        brokers: &dyn Brokers,
        effects: &mut Vec<Effect>,
    ) {
        if let Role::Leader(leader) = &mut self.role {
            leader.maybe_shrink_isr(&self.core, now, brokers, effects);
            self.invariants();
        }
    }

    /// The answer to `change`, from the controller or from the `AlterPartitionManager` that refused it.
    pub fn on_isr_answer(
        &mut self,
        now: WallTime,
        change: &IsrChange,
        answer: Result<IsrAnswer, ErrorCode>,
        brokers: &dyn Brokers,
        effects: &mut Vec<Effect>,
    ) {
        let Role::Leader(leader) = &mut self.role else {
            effects.push(Effect::Note(PartitionEvent::IsrAnswerIgnored));
            return;
        };
        if leader.on_isr_answer(&mut self.core, change, answer, effects) {
            leader.maybe_advance_high_watermark(&mut self.core, now, brokers, effects);
        }
        self.invariants();
    }

    /// The topic's `min.insync.replicas` was changed.
    pub fn set_min_insync_replicas(&mut self, count: usize) {
        assert!(count > 0, "{:?}: min.insync.replicas is at least 1", self.core.id);
        self.core.settings.min_insync_replicas = count;
    }

    /// The log starts later, by retention or DeleteRecords. A follower's high watermark may have gone back meanwhile:
    /// it does not lie below the start (`UnifiedLog.updateLogStartOffset`).
    pub fn on_log_start(&mut self, to: Offset) {
        self.core.offsets.publish_log_start(to);
        self.invariants();
    }

    /// The topic and the number.
    #[must_use]
    pub fn id(&self) -> TopicPartition {
        self.core.id
    }

    /// The published offsets.
    #[must_use]
    pub fn offsets(&self) -> &Offsets {
        &self.core.offsets
    }

    /// The leader's epoch, `LeaderEpoch::NONE` before the first metadata.
    #[must_use]
    pub fn leader_epoch(&self) -> LeaderEpoch {
        self.core.leader_epoch
    }

    /// The version of the registration that was applied last.
    #[must_use]
    pub fn partition_epoch(&self) -> PartitionEpoch {
        self.core.partition_epoch
    }

    /// Who leads; `BrokerId::NONE` if nobody does.
    #[must_use]
    pub fn leader_id(&self) -> BrokerId {
        self.core.leader
    }

    /// The leader's state, if this broker leads.
    #[must_use]
    pub fn leader(&self) -> Option<&Leader> {
        match &self.role {
            Role::Leader(leader) => Some(leader),
            Role::Waiting | Role::Follower(_) => None,
        }
    }

    /// Whether it follows and waits for its log to be cut.
    #[must_use]
    pub fn is_to_be_cut(&self) -> bool {
        matches!(self.follower().map(Follower::phase), Some(Phase::Truncating { .. }))
    }

    /// The follower's state, if this broker follows.
    #[must_use]
    pub fn follower(&self) -> Option<&Follower> {
        match &self.role {
            Role::Follower(follower) => Some(follower),
            Role::Waiting | Role::Leader(_) => None,
        }
    }

    /// The smallest log start among live replicas, if this broker leads.
    #[must_use]
    pub fn low_watermark(&self, brokers: &dyn Brokers) -> Option<Offset> {
        let leader = self.leader()?;
        Some(leader.low_watermark(self.core.offsets.log_start_offset(), brokers))
    }

    pub(super) fn invariants(&self) {
        self.core.offsets.invariants();
        match &self.role {
            Role::Waiting => {}
            Role::Leader(leader) => leader.invariants(&self.core),
            Role::Follower(follower) => follower.invariants(&self.core),
        }
    }
}
