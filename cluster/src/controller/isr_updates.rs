//! Moves leaders and in-sync sets when a broker comes, goes or comes back without its data.
//!
//! In Kafka:   `ReplicationControlManager.generateLeaderAndIsrUpdates`, `BrokersToIsrs`, `BrokersToElrs`.
//! Inputs:     what happened to a broker, and the partitions that it touches. Effects: change records.
//! Left out:   Kafka's index from brokers to partitions: these are scans, in the order of topic ids.

use super::decision::Draft;
use super::election::Election;
use super::machine::Controller;
use super::partition_change::PartitionChangeBuilder;
use crate::ids::{BrokerId, DirectoryId, TopicPartition};
use crate::image::PartitionRegistration;

/// What happened to a broker, as far as leadership goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LeadershipCause {
    /// It may lead from now on, although the registration still shows it fenced.
    Added(BrokerId),
    /// It may not lead from now on, although the registration still shows it active.
    Removed(BrokerId),
    /// It came back and may lack what it had: neither leader, nor in sync, nor eligible.
    UncleanShutdown(BrokerId),
}

impl LeadershipCause {
    fn allows(self, id: BrokerId, active: bool) -> bool {
        match self {
            Self::Added(added) => id == added || active,
            Self::Removed(gone) | Self::UncleanShutdown(gone) => id != gone && active,
        }
    }

    /// Who has to leave the in-sync set.
    fn leaves(self) -> Option<BrokerId> {
        match self {
            Self::Added(_) => None,
            Self::Removed(gone) | Self::UncleanShutdown(gone) => Some(gone),
        }
    }

    fn unclean(self) -> Option<BrokerId> {
        match self {
            Self::UncleanShutdown(gone) => Some(gone),
            Self::Added(_) | Self::Removed(_) => None,
        }
    }
}

impl Controller {
    /// Drafts the changes that `cause` brings to `partitions`.
    pub(super) fn draft_leader_updates(
        &self,
        cause: LeadershipCause,
        partitions: Vec<TopicPartition>,
        draft: &mut Draft,
    ) {
        let image = self.state.image();
        let may_lead = |id: BrokerId| cause.allows(id, image.cluster().is_active(id));
        for of in partitions {
            let topic = image.topics().topic(of.topic).expect("it was found in the image");
            let partition = &topic.partitions[&of.partition];
            let built = self.with_change_context(topic, partition, &may_lead, |context| {
                let election = if self.allows_unclean_election(&topic.name) {
                    Election::Unclean
                } else {
                    Election::Online
                };
                let stays = |id: &BrokerId| Some(*id) != cause.leaves();
                let isr = partition.isr.iter().copied().filter(stays).collect();
                PartitionChangeBuilder::new(partition, context)
                    .election(election)
                    .unclean_shutdown(cause.unclean())
                    .target_isr(isr)
                    .build()
            });
            if let Some(built) = built {
                draft.push_change(of, &built);
            }
        }
    }

    fn partitions_where(
        &self,
        wanted: impl Fn(&PartitionRegistration) -> bool,
    ) -> Vec<TopicPartition> {
        let all = self.state.image().topics().partitions();
        all.filter(|(_, _, partition)| wanted(partition)).map(|(of, _, _)| of).collect()
    }

    /// Partitions in whose in-sync set the broker is.
    pub(super) fn partitions_with_isr(&self, id: BrokerId) -> Vec<TopicPartition> {
        self.partitions_where(|partition| partition.isr.contains(&id))
    }

    /// Partitions that the broker is eligible to lead.
    pub(super) fn partitions_with_elr(&self, id: BrokerId) -> Vec<TopicPartition> {
        self.partitions_where(|partition| partition.eligible_leader_replicas.contains(&id))
    }

    /// Partitions that nobody leads.
    pub(super) fn partitions_without_leader(&self) -> Vec<TopicPartition> {
        self.partitions_where(|partition| partition.leader.is_none())
    }

    /// Partitions that somebody else than the preferred replica leads, or nobody.
    pub(super) fn partitions_out_of_balance(&self) -> Vec<TopicPartition> {
        self.partitions_where(|partition| !partition.has_preferred_leader())
    }

    /// Partitions of which the broker has a replica in this directory.
    pub(super) fn partitions_in_directory(
        &self,
        id: BrokerId,
        directory: DirectoryId,
    ) -> Vec<TopicPartition> {
        self.partitions_where(|partition| partition.directory(id) == Some(directory))
    }

    /// Whether nobody else is in sync.
    pub(super) fn is_last_in_sync(&self, of: TopicPartition) -> bool {
        self.state.image().topics().partition(of).is_some_and(|found| found.isr.len() == 1)
    }

    /// Whether the broker leads anything.
    pub(super) fn has_leaderships(&self, id: BrokerId) -> bool {
        let mut all = self.state.image().topics().partitions();
        all.any(|(_, _, partition)| partition.leader == Some(id))
    }
}
