//! What a configuration promises, and which fault explains a loss that it allows.
//!
//! In Kafka:   `acks`, `min.insync.replicas`, `unclean.leader.election.enable`, KIP-966.
//! Invariants: PR-1 without a weakness everything that was committed stays, whatever happens within the budget.
//!             PR-2 a loss is excused only by a fault that was there before it and hit somebody who had a part in it.

use std::fmt;
use std::sync::Arc;

use trial_sim::{HostId, Time};

use crate::facts::{Acked, Facts, Gone, PartitionFacts, Role, Vanished};

/// A fault that was carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultSeen {
    /// When.
    pub at: Time,
    /// As a scenario would write it.
    pub text: Arc<str>,
    /// Whom it hit.
    pub hosts: Vec<HostId>,
    /// Whether it ended their processes.
    pub ends_processes: bool,
}

impl FaultSeen {
    /// Whether it hit one of these.
    #[must_use]
    pub fn hits_any(&self, hosts: &[HostId]) -> bool {
        self.hosts.iter().any(|host| hosts.contains(host))
    }
}

/// Why committed records may be lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weakness {
    /// One replica in sync is enough.
    MinInsync,
    /// A leader was elected that may lack committed records.
    UncleanElection {
        /// Whether the topic allows it; otherwise it was the last known leader that nobody else could replace.
        allowed: bool,
    },
    /// The scenario loses more than the protocol promises to survive.
    ExceedsBudget,
    /// Eligible leader replicas are not kept: the last member of an in-sync set leads again whatever it lost.
    NoEligibleLeaderReplicas,
}

impl Weakness {
    /// The weakness of a partition; none if it keeps what is committed.
    #[must_use]
    pub fn of(facts: &Facts, partition: &PartitionFacts) -> Option<Self> {
        let setup = &facts.setup;
        if partition.min_insync < 2 {
            Some(Self::MinInsync)
        } else if partition.unclean_election.is_some() {
            let allowed = facts.allows_unclean_election(&partition.topic);
            Some(Self::UncleanElection { allowed })
        } else if setup.exceeds_budget {
            Some(Self::ExceedsBudget)
        } else if !setup.rules.promises_eligible_leader_replicas() {
            Some(Self::NoEligibleLeaderReplicas)
        } else {
            None
        }
    }
}

impl fmt::Display for Weakness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MinInsync => "min.insync.replicas=1",
            Self::UncleanElection { allowed: true } => "unclean.leader.election.enable=true",
            Self::UncleanElection { allowed: false } => {
                "eligible.leader.replicas.version=1 (with nobody left, the last known leader leads again)"
            }
            Self::ExceedsBudget => "exceeds_budget=true",
            Self::NoEligibleLeaderReplicas => "eligible.leader.replicas.version=0",
        })
    }
}

/// The fault that explains why the last copy of an acknowledged batch vanished; none if nothing does.
///
/// By a crash: the last fault that hit the host. By a cut: somebody else led in the meantime, and a fault had hit the
/// host, one of the leaders, or a controller.
#[must_use]
pub fn explanation<'a>(
    facts: &Facts,
    faults: &'a [FaultSeen],
    partition: &PartitionFacts,
    ack: &Acked,
    vanished: &Vanished,
) -> Option<&'a FaultSeen> {
    let before = || faults.iter().rev().filter(|fault| fault.at <= vanished.at);
    if vanished.how == Gone::Crash {
        return before().find(|fault| fault.hosts.contains(&vanished.host));
    }
    let epoch = vanished.batch.epoch;
    let later = partition.terms.range(epoch + 1..).filter(|(_, term)| term.at <= vanished.at);
    let leaders: Vec<HostId> = later.map(|(_, term)| term.leader).collect();
    if leaders.is_empty() {
        return None;
    }
    // The leader that was told most: what hit it comes first.
    let hit = before().find(|fault| fault.hosts.contains(&ack.by));
    hit.or_else(|| before().find(|fault| fault.hosts.contains(&vanished.host)))
        .or_else(|| before().find(|fault| fault.hits_any(&leaders)))
        .or_else(|| {
            before().find(|fault| fault.hosts.iter().any(|host| is_controller(facts, *host)))
        })
}

/// The fault that explains why a committed batch vanished: bytes were lost on a replica, and this took them.
#[must_use]
pub fn explanation_of_committed<'a>(
    facts: &Facts,
    faults: &'a [FaultSeen],
    replicas: &[HostId],
    partition: &PartitionFacts,
    vanished: &Vanished,
) -> Option<&'a FaultSeen> {
    let mut before = faults.iter().rev().filter(|fault| fault.at <= vanished.at);
    if vanished.how == Gone::Crash {
        return before.find(|fault| fault.hosts.contains(&vanished.host));
    }
    let lossy = facts
        .crashes
        .iter()
        .rev()
        .find(|crash| crash.lossy && crash.at <= vanished.at && replicas.contains(&crash.host));
    match lossy {
        Some(crash) => {
            before.find(|fault| fault.at <= crash.at && fault.hosts.contains(&crash.host))
        }
        // An unclean election takes what the others have, without any loss of bytes before.
        None if partition.unclean_election.is_some() => {
            before.find(|fault| fault.hits_any(replicas))
        }
        None => None,
    }
}

fn is_controller(facts: &Facts, host: HostId) -> bool {
    matches!(
        facts.setup.role(host),
        Some(Role::Controller { .. } | Role::Broker { controller: true, .. })
    )
}
