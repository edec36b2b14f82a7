//! The registration of one partition: replicas, in-sync set, eligible leader replicas, leader, epochs.
//!
//! In Kafka:   `org.apache.kafka.metadata.{PartitionRegistration, LeaderRecoveryState}`, KIP-497, KIP-704
//!             (recovery state), KIP-858 (directories), KIP-966 (eligible leader replicas).
//! Holds:      one value per partition; only `merge` makes the next one.
//! Invariants: R14 a change of the leader bumps the leader epoch by one, and every change the partition epoch.

use crate::ids::{BrokerId, DirectoryId, LeaderEpoch, PartitionEpoch};

/// Whether the leader came from an election that could lose data and has not yet said that it recovered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum LeaderRecoveryState {
    /// The leader was elected cleanly, or it has recovered since.
    #[default]
    Recovered,
    /// The leader was elected uncleanly.
    Recovering,
}

impl LeaderRecoveryState {
    /// The number on the wire.
    #[must_use]
    pub const fn code(self) -> i8 {
        match self {
            Self::Recovered => 0,
            Self::Recovering => 1,
        }
    }

    /// The state that `code` stands for; none for "no change" and for what Kafka does not know.
    #[must_use]
    pub const fn from_code(code: i8) -> Option<Self> {
        match code {
            0 => Some(Self::Recovered),
            1 => Some(Self::Recovering),
            _ => None,
        }
    }
}

/// All that the cluster knows of one partition.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct PartitionRegistration {
    /// The assigned brokers; the first one is the preferred leader.
    pub replicas: Vec<BrokerId>,
    /// The log directory of each replica, in the order of `replicas`.
    pub directories: Vec<DirectoryId>,
    /// The in-sync replicas, in the order in which they were written.
    pub isr: Vec<BrokerId>,
    /// Replicas that a reassignment takes away.
    pub removing_replicas: Vec<BrokerId>,
    /// Replicas that a reassignment brings in.
    pub adding_replicas: Vec<BrokerId>,
    /// Out of sync, and yet they hold everything committed (KIP-966).
    pub eligible_leader_replicas: Vec<BrokerId>,
    /// With the default recovery: the last leader, once there is none.
    pub last_known_elr: Vec<BrokerId>,
    /// Who leads; nobody while the partition is offline.
    pub leader: Option<BrokerId>,
    /// Whether the leader still recovers from an unclean election.
    pub leader_recovery_state: LeaderRecoveryState,
    /// Bumped when the leader changes.
    pub leader_epoch: LeaderEpoch,
    /// Bumped at every change.
    pub partition_epoch: PartitionEpoch,
}

/// What happens to the leader in a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LeaderChange {
    /// Leader and leader epoch stay (-2 on the wire).
    #[default]
    Unchanged,
    /// The leader epoch is bumped and this is the leader, possibly the same one again.
    To(Option<BrokerId>),
}

/// What one change record says; a field that is none keeps its value.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PartitionChange {
    /// The new in-sync set.
    pub isr: Option<Vec<BrokerId>>,
    /// The new leader.
    pub leader: LeaderChange,
    /// The new replicas.
    pub replicas: Option<Vec<BrokerId>>,
    /// The new list of those being removed.
    pub removing_replicas: Option<Vec<BrokerId>>,
    /// The new list of those being added.
    pub adding_replicas: Option<Vec<BrokerId>>,
    /// The new recovery state.
    pub leader_recovery_state: Option<LeaderRecoveryState>,
    /// The new eligible leader replicas.
    pub eligible_leader_replicas: Option<Vec<BrokerId>>,
    /// The new last known ones.
    pub last_known_elr: Option<Vec<BrokerId>>,
    /// The new directories.
    pub directories: Option<Vec<DirectoryId>>,
}

impl PartitionChange {
    /// Whether it would change nothing but the partition epoch, so that nobody needs to write it.
    #[must_use]
    pub fn is_no_op(&self) -> bool {
        *self == Self::default()
    }
}

impl PartitionRegistration {
    /// The registration after `change`.
    #[must_use]
    pub fn merge(&self, change: &PartitionChange) -> Self {
        let keep = |new: &Option<Vec<BrokerId>>, old: &Vec<BrokerId>| {
            new.clone().unwrap_or_else(|| old.clone())
        };
        let (leader, leader_epoch) = match change.leader {
            LeaderChange::Unchanged => (self.leader, self.leader_epoch),
            LeaderChange::To(leader) => (leader, LeaderEpoch(self.leader_epoch.0 + 1)),
        };
        let next = Self {
            replicas: keep(&change.replicas, &self.replicas),
            directories: change.directories.clone().unwrap_or_else(|| self.directories.clone()),
            isr: keep(&change.isr, &self.isr),
            removing_replicas: keep(&change.removing_replicas, &self.removing_replicas),
            adding_replicas: keep(&change.adding_replicas, &self.adding_replicas),
            eligible_leader_replicas: keep(
                &change.eligible_leader_replicas,
                &self.eligible_leader_replicas,
            ),
            last_known_elr: keep(&change.last_known_elr, &self.last_known_elr),
            leader,
            leader_recovery_state: change
                .leader_recovery_state
                .unwrap_or(self.leader_recovery_state),
            leader_epoch,
            partition_epoch: PartitionEpoch(self.partition_epoch.0 + 1),
        };
        next.assert_shape();
        next
    }

    /// The replica that leads when it can: the first of the assignment.
    #[must_use]
    pub fn preferred_replica(&self) -> Option<BrokerId> {
        self.replicas.first().copied()
    }

    /// Whether the preferred replica leads.
    #[must_use]
    pub fn has_preferred_leader(&self) -> bool {
        self.leader.is_some() && self.leader == self.preferred_replica()
    }

    /// The log directory of `replica`; none if it is not assigned.
    #[must_use]
    pub fn directory(&self, replica: BrokerId) -> Option<DirectoryId> {
        let place = self.replicas.iter().position(|&id| id == replica)?;
        Some(self.directories[place])
    }

    /// Whether replicas are being added or removed.
    #[must_use]
    pub fn is_reassignment_in_progress(&self) -> bool {
        !self.removing_replicas.is_empty() || !self.adding_replicas.is_empty()
    }

    /// Whether a reassignment waits for what it takes away itself: a replica stands among those that are added and
    /// among those that are removed, and nobody is both in sync and gone. It ends only if it is called off. In Kafka
    /// 4.3.0 too: the lists are set where they are not empty (`changePartitionReassignment`), so that turning a move
    /// back by another one leaves the first one's additions.
    #[must_use]
    pub fn waits_for_whom_it_removes(&self) -> bool {
        self.adding_replicas.iter().any(|id| self.removing_replicas.contains(id))
    }

    /// Asserts what holds of every registration, whoever wrote it.
    pub fn assert_shape(&self) {
        assert!(
            self.directories.len() == self.replicas.len(),
            "{} directories for {} replicas: {self:?}",
            self.directories.len(),
            self.replicas.len()
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_replicas() -> PartitionRegistration {
        PartitionRegistration {
            replicas: vec![BrokerId(1), BrokerId(2)],
            directories: vec![DirectoryId::UNASSIGNED_DIRECTORY; 2],
            isr: vec![BrokerId(1), BrokerId(2)],
            leader: Some(BrokerId(1)),
            leader_epoch: LeaderEpoch(7),
            partition_epoch: PartitionEpoch(9),
            ..PartitionRegistration::default()
        }
    }

    #[test]
    fn a_change_of_the_leader_bumps_both_epochs_and_any_other_one() {
        let shrink = PartitionChange { isr: Some(vec![BrokerId(1)]), ..PartitionChange::default() };
        let same_leader = PartitionChange {
            leader: LeaderChange::To(Some(BrokerId(1))),
            ..PartitionChange::default()
        };
        let rows = [(shrink, 7, 10), (same_leader, 8, 10), (PartitionChange::default(), 7, 10)];
        for (change, leader_epoch, partition_epoch) in rows {
            let next = two_replicas().merge(&change);
            let got = (next.leader_epoch.0, next.partition_epoch.0);
            assert_eq!(got, (leader_epoch, partition_epoch), "after {change:?}");
        }
    }

    #[test]
    fn an_empty_change_is_no_op_and_every_single_field_is_one_no_longer() {
        assert!(PartitionChange::default().is_no_op(), "the empty change changes nothing");
        let none = PartitionChange::default;
        let rows = [
            PartitionChange { isr: Some(vec![]), ..none() },
            PartitionChange { leader: LeaderChange::To(None), ..none() },
            PartitionChange { replicas: Some(vec![]), ..none() },
            PartitionChange { removing_replicas: Some(vec![]), ..none() },
            PartitionChange { adding_replicas: Some(vec![]), ..none() },
            PartitionChange {
                leader_recovery_state: Some(LeaderRecoveryState::Recovered),
                ..none()
            },
            PartitionChange { eligible_leader_replicas: Some(vec![]), ..none() },
            PartitionChange { last_known_elr: Some(vec![]), ..none() },
            PartitionChange { directories: Some(vec![]), ..none() },
        ];
        for change in rows {
            assert!(!change.is_no_op(), "{change:?} changes something");
        }
    }
}
