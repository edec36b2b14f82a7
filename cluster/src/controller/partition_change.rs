//! Builds the change record of one partition: in-sync set, eligible leader replicas, leader, reassignment.
//!
//! In Kafka:   `PartitionChangeBuilder`, KIP-455, KIP-497, KIP-966.
//! Holds:      the registration as it stands and the targets; `build` compares them.
//! Invariants: R13 a target in-sync set of at least min.insync.replicas clears the eligible leader replicas,
//!             a smaller one adds who left it, except who shut down uncleanly; without eligible leader replicas
//!             the last in-sync member is never removed.
//!             R14 the leader epoch moves when the leader does, or when a replica is taken away.
//! Left out:   metadata versions before 4.0 (a bump of the leader epoch on every shrink).

use std::collections::BTreeSet;

use super::election::{Candidates, ElectedFrom, Election};
use super::reassignment::Reassignment;
use crate::ids::{BrokerId, DirectoryId};
use crate::image::partition::{
    LeaderChange, LeaderRecoveryState, PartitionChange, PartitionRegistration,
};

/// What the builder must know of the cluster.
#[derive(Clone, Copy)]
pub struct ChangeContext<'a> {
    /// Whether a replica may lead: its broker is active and its log directory online.
    pub is_acceptable_leader: &'a dyn Fn(BrokerId) -> bool,
    /// The directory of a replica that has none yet.
    pub default_directory: &'a dyn Fn(BrokerId) -> DirectoryId,
    /// `min.insync.replicas` of the topic, capped by its replication factor.
    pub min_isr: usize,
    /// Whether a reassignment to fewer replicas waits until all who stay are in sync (KAFKA-15665).
    pub waits_for_targets: bool,
    /// Whether the cluster keeps eligible leader replicas.
    pub keeps_eligible_leader_replicas: bool,
}

/// What has to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltChange {
    /// The change itself.
    pub change: PartitionChange,
    /// From where the new leader came, if somebody was elected.
    pub elected: Option<ElectedFrom>,
}

/// A change of one partition in the making.
#[derive(Clone)]
pub struct PartitionChangeBuilder<'a> {
    partition: &'a PartitionRegistration,
    context: ChangeContext<'a>,
    election: Election,
    target_isr: Vec<BrokerId>,
    target_replicas: Vec<BrokerId>,
    target_removing: Vec<BrokerId>,
    target_adding: Vec<BrokerId>,
    target_elr: Vec<BrokerId>,
    target_last_known_elr: Vec<BrokerId>,
    target_leader_recovery_state: LeaderRecoveryState,
    target_directories: Vec<(BrokerId, DirectoryId)>,
    unclean_shutdown: Option<BrokerId>,
    uses_last_known_leader: bool,
}

impl<'a> PartitionChangeBuilder<'a> {
    /// Begins with every target as it stands.
    #[must_use]
    pub fn new(partition: &'a PartitionRegistration, context: ChangeContext<'a>) -> Self {
        let directories = partition.directories.iter().copied();
        Self {
            partition,
            context,
            election: Election::Online,
            target_isr: partition.isr.clone(),
            target_replicas: partition.replicas.clone(),
            target_removing: partition.removing_replicas.clone(),
            target_adding: partition.adding_replicas.clone(),
            target_elr: partition.eligible_leader_replicas.clone(),
            target_last_known_elr: partition.last_known_elr.clone(),
            target_leader_recovery_state: partition.leader_recovery_state,
            target_directories: partition.replicas.iter().copied().zip(directories).collect(),
            unclean_shutdown: None,
            uses_last_known_leader: true,
        }
    }

    /// Which election to hold.
    #[must_use]
    pub fn election(mut self, election: Election) -> Self {
        self.election = election;
        self
    }

    /// The in-sync set that is wanted.
    #[must_use]
    pub fn target_isr(mut self, isr: Vec<BrokerId>) -> Self {
        self.target_isr = isr;
        self
    }

    /// The replicas that are wanted.
    #[must_use]
    pub fn target_replicas(mut self, replicas: Vec<BrokerId>) -> Self {
        self.target_replicas = replicas;
        self
    }

    /// Who is to be removed and who added by a reassignment.
    #[must_use]
    pub fn target_reassignment(mut self, removing: Vec<BrokerId>, adding: Vec<BrokerId>) -> Self {
        self.target_removing = removing;
        self.target_adding = adding;
        self
    }

    /// The recovery state that the leader reports.
    #[must_use]
    pub fn target_leader_recovery_state(mut self, state: LeaderRecoveryState) -> Self {
        self.target_leader_recovery_state = state;
        self
    }

    /// The directory in which `replica` is from now on.
    #[must_use]
    pub fn directory(mut self, replica: BrokerId, directory: DirectoryId) -> Self {
        self.target_directories.retain(|&(id, _)| id != replica);
        self.target_directories.push((replica, directory));
        self
    }

    /// A replica whose broker came back without what it had: it cannot become eligible.
    #[must_use]
    pub fn unclean_shutdown(mut self, replica: Option<BrokerId>) -> Self {
        self.unclean_shutdown = replica;
        self
    }

    /// Whether the last known field holds the last leader (Kafka's default) or members that were lost.
    #[must_use]
    pub fn uses_last_known_leader(mut self, uses: bool) -> Self {
        self.uses_last_known_leader = uses;
        self
    }

    /// Holds the election alone; for who wants to look before it leaps.
    #[must_use]
    pub fn elect(&self) -> Option<(BrokerId, ElectedFrom)> {
        let candidates = Candidates {
            partition: self.partition,
            replicas: &self.target_replicas,
            isr: &self.target_isr,
            eligible_leader_replicas: &self.target_elr,
            is_acceptable: self.context.is_acceptable_leader,
            takes_last_known_leader: self.keeps_elr() && self.uses_last_known_leader,
        };
        candidates.elect(self.election)
    }

    /// The change that leads from what stands to the targets; none if nothing is to be written.
    #[must_use]
    pub fn build(mut self) -> Option<BuiltChange> {
        let mut change = PartitionChange::default();
        self.complete_reassignment();
        self.populate_target_elr();
        let elected = self.hold_election(&mut change);
        self.bump_leader_epoch_for_reassignment(&mut change);
        self.write_elr(&mut change);
        let isr_may_change = !self.target_isr.is_empty() || self.keeps_elr();
        if change.isr.is_none() && isr_may_change && self.target_isr != self.partition.isr {
            change.isr = Some(self.target_isr.clone());
        }
        self.write_last_known_leader(&mut change);
        self.write_assignment(&mut change);
        if self.target_leader_recovery_state != self.partition.leader_recovery_state {
            change.leader_recovery_state = Some(self.target_leader_recovery_state);
        }
        (!change.is_no_op()).then_some(BuiltChange { change, elected })
    }

    fn keeps_elr(&self) -> bool {
        self.context.keeps_eligible_leader_replicas
    }

    /// R20.
    fn complete_reassignment(&mut self) {
        let way = Reassignment {
            removing: self.target_removing.clone(),
            adding: self.target_adding.clone(),
            replicas: self.target_replicas.clone(),
        };
        let completed = way.completed(&self.target_isr, self.context.waits_for_targets);
        let Some((replicas, isr)) = completed else { return };
        (self.target_replicas, self.target_isr) = (replicas, isr);
        self.target_removing.clear();
        self.target_adding.clear();
    }

    fn populate_target_elr(&mut self) {
        if !self.keeps_elr() {
            return;
        }
        if self.target_isr.len() >= self.context.min_isr {
            self.target_elr.clear();
            self.target_last_known_elr.clear();
            return;
        }
        let mut candidates: BTreeSet<_> = self.target_elr.iter().copied().collect();
        candidates.extend(self.partition.isr.iter().copied());
        let out_of_sync = |id: &BrokerId| !self.target_isr.contains(id);
        let elr: Vec<_> = candidates
            .iter()
            .copied()
            .filter(|id| out_of_sync(id) && self.unclean_shutdown != Some(*id))
            .collect();
        candidates.extend(self.target_last_known_elr.iter().copied());
        let lost = candidates.iter().copied().filter(|id| out_of_sync(id) && !elr.contains(id));
        self.target_last_known_elr = lost.collect();
        self.target_elr = elr;
    }

    fn hold_election(&mut self, change: &mut PartitionChange) -> Option<ElectedFrom> {
        let result = self.elect();
        let leader = result.map(|(leader, _)| leader);
        if leader == self.partition.leader {
            return None;
        }
        change.leader = LeaderChange::To(leader);
        let (leader, from) = result?;
        if self.target_elr.contains(&leader) {
            self.target_isr = vec![leader];
            self.target_elr.retain(|&id| id != leader);
        }
        if from.is_unclean() {
            // Whoever else was in sync may hold what this leader does not: it starts alone.
            change.isr = Some(vec![leader]);
            if self.partition.leader_recovery_state != LeaderRecoveryState::Recovering {
                change.leader_recovery_state = Some(LeaderRecoveryState::Recovering);
            }
        }
        Some(from)
    }

    fn bump_leader_epoch_for_reassignment(&self, change: &mut PartitionChange) {
        let all_stay = self.partition.replicas.iter().all(|id| self.target_replicas.contains(id));
        if change.leader == LeaderChange::Unchanged && !all_stay {
            change.leader = LeaderChange::To(self.partition.leader);
        }
    }

    fn write_elr(&mut self, change: &mut PartitionChange) {
        // Only an unclean election has set the in-sync set by now.
        if change.isr.is_some() || !self.keeps_elr() {
            self.target_elr.clear();
            self.target_last_known_elr.clear();
        }
        if self.target_elr != self.partition.eligible_leader_replicas {
            change.eligible_leader_replicas = Some(self.target_elr.clone());
        }
        let keeps_last_leader = self.uses_last_known_leader;
        if !keeps_last_leader && self.target_last_known_elr != self.partition.last_known_elr {
            change.last_known_elr = Some(self.target_last_known_elr.clone());
        }
    }

    fn write_last_known_leader(&self, change: &mut PartitionChange) {
        if !self.uses_last_known_leader || !self.keeps_elr() {
            return;
        }
        let known = !self.partition.last_known_elr.is_empty();
        match change.leader {
            // Only the first time that the partition goes without a leader.
            LeaderChange::To(None) if !known => {
                change.last_known_elr = self.partition.leader.map(|leader| vec![leader]);
            }
            LeaderChange::To(Some(_)) if known => change.last_known_elr = Some(Vec::new()),
            _ => {}
        }
    }

    fn write_assignment(&self, change: &mut PartitionChange) {
        let differs =
            |target: &Vec<BrokerId>, now: &Vec<BrokerId>| (target != now).then(|| target.clone());
        if !self.target_replicas.is_empty() {
            let known = |id| self.target_directories.iter().find(|&&(of, _)| of == id);
            let directory = |&id: &BrokerId| match known(id) {
                Some(&(_, directory)) => directory,
                None => (self.context.default_directory)(id),
            };
            let directories: Vec<_> = self.target_replicas.iter().map(directory).collect();
            if directories != self.partition.directories {
                change.directories = Some(directories);
            }
            change.replicas = differs(&self.target_replicas, &self.partition.replicas);
        }
        change.removing_replicas =
            differs(&self.target_removing, &self.partition.removing_replicas);
        change.adding_replicas = differs(&self.target_adding, &self.partition.adding_replicas);
    }
}

#[cfg(test)]
#[path = "partition_change_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "partition_change_kafka_tests.rs"]
mod kafka_tests;
