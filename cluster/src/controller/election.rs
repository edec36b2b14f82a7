//! Decides who leads a partition: KIP-966's table.
//!
//! In Kafka:   `PartitionChangeBuilder.electLeader`, KIP-966, KIP-460 (election types).
//! Holds:      nothing; a pure function of the registration, the target sets and who may lead.
//! Invariants: EL-1 a clean election takes a member of the in-sync set, or of the eligible leader replicas
//!             when that set is empty; EL-2 the last known leader is asked only when both are empty.
//! Lesson:     course L4, the election by the order of the assignment.

use crate::ids::BrokerId;
use crate::image::partition::PartitionRegistration;

/// What kind of election is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Election {
    /// Move the lead to the first replica of the assignment if it may lead.
    Preferred,
    /// Keep the partition online from replicas that lose nothing.
    #[default]
    Online,
    /// Keep it online even with a replica that may have missed records.
    Unclean,
}

/// From which set a new leader came: the notes say it, and how much can be lost follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ElectedFrom {
    /// The in-sync replicas.
    Isr,
    /// The eligible leader replicas.
    EligibleLeaderReplicas,
    /// Nobody else was left: the one that led last (KIP-966, balanced recovery).
    LastKnownLeader,
    /// Any live replica.
    Unclean,
}

impl ElectedFrom {
    /// Whether the election can lose acknowledged records.
    #[must_use]
    pub const fn is_unclean(self) -> bool {
        matches!(self, Self::LastKnownLeader | Self::Unclean)
    }
}

/// Everything that an election looks at.
#[derive(Clone, Copy)]
pub struct Candidates<'a> {
    /// The registration as it stands.
    pub partition: &'a PartitionRegistration,
    /// The replicas after the change.
    pub replicas: &'a [BrokerId],
    /// The in-sync set after the change.
    pub isr: &'a [BrokerId],
    /// The eligible leader replicas after the change.
    pub eligible_leader_replicas: &'a [BrokerId],
    /// Whether a broker is active and its log directory online.
    pub is_acceptable: &'a dyn Fn(BrokerId) -> bool,
    /// Whether the last known leader may be taken when nobody else is left.
    pub takes_last_known_leader: bool,
}

impl Candidates<'_> {
    /// The leader after the change; nobody if the partition has to go offline.
    #[must_use]
    pub fn elect(&self, election: Election) -> Option<(BrokerId, ElectedFrom)> {
        let preferred = self.replicas.first().copied();
        let current = self.partition.leader;
        let by_assignment = self.replicas.iter().copied().find(|&id| self.is_valid(id));
        let clean = match election {
            Election::Preferred => preferred
                .filter(|&id| self.is_valid(id))
                .or(current.filter(|&id| self.is_valid(id))),
            Election::Online | Election::Unclean => current.filter(|&id| self.is_valid(id)),
        };
        if let Some(leader) = clean.or(by_assignment) {
            let from = if self.isr.contains(&leader) {
                ElectedFrom::Isr
            } else {
                ElectedFrom::EligibleLeaderReplicas
            };
            return Some((leader, from));
        }
        if let Some(leader) = self.last_known_leader() {
            return Some((leader, ElectedFrom::LastKnownLeader));
        }
        if election != Election::Unclean {
            return None;
        }
        let live = self.replicas.iter().copied().find(|&id| (self.is_acceptable)(id));
        live.map(|leader| (leader, ElectedFrom::Unclean))
    }

    /// EL-1: in sync, or eligible while nobody is in sync; and alive.
    fn is_valid(&self, replica: BrokerId) -> bool {
        let holds_everything = self.isr.contains(&replica)
            || (self.isr.is_empty() && self.eligible_leader_replicas.contains(&replica));
        holds_everything && (self.is_acceptable)(replica)
    }

    /// EL-2. More than one name in the field is a list of members, not a leader.
    fn last_known_leader(&self) -> Option<BrokerId> {
        let nobody_left = self.isr.is_empty() && self.eligible_leader_replicas.is_empty();
        if !self.takes_last_known_leader || !nobody_left {
            return None;
        }
        match self.partition.last_known_elr[..] {
            [leader] if (self.is_acceptable)(leader) => Some(leader),
            _ => None,
        }
    }
}
