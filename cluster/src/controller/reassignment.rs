//! What a reassignment makes of a partition's replicas: who comes, who goes, when it is over, how it is undone.
//!
//! In Kafka:   `PartitionReassignmentReplicas`, `PartitionReassignmentRevert`; KIP-455.
//! Holds:      nothing; pure functions of lists of brokers.
//! Invariants: R20 a reassignment is over when all who are added are in sync and, if more go than come, all who stay.

use crate::ids::BrokerId;
use crate::image::PartitionRegistration;

/// A reassignment that begins, or goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reassignment {
    /// Who is a replica now and is not to be one, in the order of ids.
    pub removing: Vec<BrokerId>,
    /// Who is to be a replica and is none, in the order of ids.
    pub adding: Vec<BrokerId>,
    /// The replicas meanwhile: those that are wanted, in their order, then those that go.
    pub replicas: Vec<BrokerId>,
}

impl Reassignment {
    /// The way from the replicas as they are, those of an unfinished reassignment among them, to those of `target`.
    #[must_use]
    pub fn towards(current: &[BrokerId], target: &[BrokerId]) -> Self {
        let difference = |of: &[BrokerId], other: &[BrokerId]| {
            let mut rest: Vec<_> = of.iter().copied().filter(|id| !other.contains(id)).collect();
            rest.sort_unstable();
            rest
        };
        let removing = difference(current, target);
        let replicas = target.iter().chain(&removing).copied().collect();
        Self { adding: difference(target, current), removing, replicas }
    }

    /// Replicas and in-sync set after the last step, once `isr` lets it be taken; none before.
    ///
    /// `waits_for_targets` is the guard of KAFKA-15665: if more replicas go than come, all that stay have to be in
    /// sync, else the in-sync set would shrink to less than it is. That it counts only then is KAFKA-19975.
    #[must_use]
    pub fn completed(
        &self,
        isr: &[BrokerId],
        waits_for_targets: bool,
    ) -> Option<(Vec<BrokerId>, Vec<BrokerId>)> {
        if self.removing.is_empty() && self.adding.is_empty() {
            return None;
        }
        let stays = |id: &BrokerId| !self.removing.contains(id);
        let isr: Vec<_> = isr.iter().copied().filter(stays).collect();
        let replicas: Vec<_> = self.replicas.iter().copied().filter(stays).collect();
        if !self.removing.is_empty() && (isr.is_empty() || replicas.is_empty()) {
            return None;
        }
        let added = self.adding.iter().all(|id| isr.contains(id));
        let shrinks = self.adding.len() < self.removing.len();
        let waits = waits_for_targets && shrinks && !replicas.iter().all(|id| isr.contains(id));
        (added && !waits).then_some((replicas, isr))
    }
}

/// What cancelling an unfinished reassignment leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revert {
    /// The replicas without those that were being added.
    pub replicas: Vec<BrokerId>,
    /// The in-sync set without them.
    pub isr: Vec<BrokerId>,
    /// Nobody who stays is in sync: the first replica counts as if it were, which may lose records.
    pub unclean: bool,
}

impl Revert {
    /// The way back from where `partition` stands; none if every replica is one that is being added.
    #[must_use]
    pub fn of(partition: &PartitionRegistration) -> Option<Self> {
        let stays = |id: &BrokerId| !partition.adding_replicas.contains(id);
        let replicas: Vec<_> = partition.replicas.iter().copied().filter(stays).collect();
        let isr: Vec<_> = partition.isr.iter().copied().filter(stays).collect();
        let first = replicas.first().copied();
        Some(match (isr.is_empty(), first) {
            (false, _) => Self { replicas, isr, unclean: false },
            (true, Some(first)) => Self { replicas, isr: vec![first], unclean: true },
            (true, None) => return None,
        })
    }
}

#[cfg(test)]
#[path = "reassignment_tests.rs"]
mod tests;
