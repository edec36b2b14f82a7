//! A reassignment ends when it may, and who has left stays away: R20.
//!
//! In Kafka:   `PartitionReassignmentReplicas.maybeCompleteReassignment`; KIP-455, KAFKA-15665, KAFKA-19975.
//! Inputs:     what controllers register; a broker's word that it leads.
//! Invariants: R20 at its end all who were added are in sync and, if fewer were added than removed, all replicas are.
//!             Nobody leads by a registration of which it is no replica.
//! Left out:   one that an unclean election ends: its in-sync set is the new leader alone.

use std::collections::BTreeSet;

use trial_cluster::ids::BrokerId;
use trial_cluster::image::{LeaderRecoveryState, PartitionRegistration};
use trial_cluster::note::partition::PartitionEvent;

use super::verdicts::{Breach, Verdicts};
use super::words;
use crate::facts::{Fact, Facts, Known, PartitionFacts};

/// The checker.
#[derive(Debug, Clone, Copy, Default)]
pub struct Reassignments;

impl Reassignments {
    /// Something became known.
    pub fn on(&mut self, known: &Known, facts: &Facts, verdicts: &mut Verdicts) {
        let Some(partition) = facts.partition(known.partition) else { return };
        match &known.fact {
            Fact::Registered { old: Some(old), new, .. } => {
                if let Some(early) = ends_early(old, new) {
                    let breach = told(known, (old, new), partition, facts, early);
                    verdicts.always(&partition.name(), breach);
                }
            }
            Fact::Noted { host, event: PartitionEvent::BecameLeader { partition_epoch, .. } } => {
                let found = partition.registrations.get(&partition_epoch.0);
                let node = facts.setup.node_of(*host);
                let (Some(found), Some(node)) = (found, node) else { return };
                let registered = &found.registration;
                if !registered.replicas.contains(&node) {
                    let (name, broker) = (partition.name(), facts.setup.name(*host));
                    let breach = Breach {
                        invariant: "R20",
                        at: known.at,
                        message: format!("{name}: {broker} leads, and is no replica any more"),
                        facts: [
                            format!(
                                "a controller registered the replicas {} at partition epoch {}",
                                words::nodes(facts, &registered.replicas),
                                partition_epoch.0
                            ),
                            format!("{} became leader by it", words::who(facts, known.at, *host)),
                        ],
                    };
                    verdicts.always(&name, breach);
                }
            }
            _ => {}
        }
    }
}

fn set(of: &[BrokerId]) -> BTreeSet<BrokerId> {
    of.iter().copied().collect()
}

/// Who should have been in sync, if this change ends a reassignment before it may.
fn ends_early(old: &PartitionRegistration, new: &PartitionRegistration) -> Option<Vec<BrokerId>> {
    if new.is_reassignment_in_progress() {
        return None;
    }
    let before: BTreeSet<_> =
        set(&old.replicas).difference(&set(&old.adding_replicas)).copied().collect();
    let after = set(&new.replicas);
    // The same as before: it was cancelled, or they stand in another order.
    if before == after {
        return None;
    }
    let unclean = new.leader_recovery_state == LeaderRecoveryState::Recovering;
    if unclean && new.isr.len() == 1 {
        return None;
    }
    let added: Vec<_> = after.difference(&before).copied().collect();
    let shrinks = added.len() < before.difference(&after).count();
    let needed = if shrinks { new.replicas.clone() } else { added };
    let absent: Vec<_> = needed.into_iter().filter(|id| !new.isr.contains(id)).collect();
    (!absent.is_empty()).then_some(absent)
}

fn told(
    known: &Known,
    (old, new): (&PartitionRegistration, &PartitionRegistration),
    partition: &PartitionFacts,
    facts: &Facts,
    absent: Vec<BrokerId>,
) -> Breach {
    let nodes = |ids: &[BrokerId]| words::nodes(facts, ids);
    Breach {
        invariant: "R20",
        at: known.at,
        message: format!(
            "{}: a reassignment ended, and {} not in sync",
            partition.name(),
            match absent.len() {
                1 => format!("{} is", nodes(&absent)),
                _ => format!("{} are", nodes(&absent)),
            }
        ),
        facts: [
            format!(
                "before: replicas {}, in sync {}, to be added {}, to be removed {}",
                nodes(&old.replicas),
                nodes(&old.isr),
                nodes(&old.adding_replicas),
                nodes(&old.removing_replicas)
            ),
            format!(
                "{} a controller registered the replicas {}, in sync {}",
                words::when(known.at),
                nodes(&new.replicas),
                nodes(&new.isr)
            ),
        ],
    }
}
