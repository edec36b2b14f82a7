//! Who may lead, and who may be in sync: R5, R6, R22.
//!
//! In Kafka:   `LeaderCompleteness`, `StrongIsr` of the specifications; KIP-966, KIP-903 (KAFKA-14139), KAFKA-13916.
//! Inputs:     a broker that becomes leader, a registration that takes somebody in; audits.
//! Invariants: R5 a leader has everything committed. R6 so has every running member of the in-sync set and every
//!             eligible leader replica. R22 who is taken in reaches the high watermark and the start of the epoch.
//! Left out:   replicas that lost bytes and whose registration the controller has not handled yet.

use trial_cluster::ids::BrokerId;
use trial_cluster::image::PartitionRegistration;
use trial_cluster::note::partition::PartitionEvent;
use trial_sim::{HostId, Time};

use super::committed::{differs, first_difference};
use super::verdicts::{Breach, Verdicts};
use super::words;
use crate::facts::{Fact, Facts, Known, PartitionFacts, ReplicaLog};

/// The checker.
#[derive(Debug, Clone, Copy, Default)]
pub struct Elections;

impl Elections {
    /// Something became known.
    pub fn on(&mut self, known: &Known, facts: &Facts, verdicts: &mut Verdicts) {
        let Some(partition) = facts.partition(known.partition) else { return };
        match &known.fact {
            Fact::Noted { host, event: PartitionEvent::BecameLeader { leader_epoch, .. } } => {
                on_leader(known.at, *host, leader_epoch.0, partition, facts, verdicts);
            }
            Fact::Registered { old: Some(old), new, .. }
                if new.leader_epoch == old.leader_epoch || ends_reassignment(old, new) =>
            {
                for member in new.isr.iter().filter(|member| !old.isr.contains(member)) {
                    on_joined(known.at, *member, old, partition, facts, verdicts);
                }
            }
            _ => {}
        }
    }

    /// Looks at every member of the in-sync set and every eligible leader replica.
    pub fn audit(
        &self,
        at: Time,
        partition: &PartitionFacts,
        facts: &Facts,
        verdicts: &mut Verdicts,
    ) {
        let Some(registration) = &partition.registration else { return };
        // Who a reassignment took away while it was eligible stays so for a while, and nobody can elect it.
        let elr = registration.eligible_leader_replicas.iter();
        let elr = elr.filter(|id| registration.replicas.contains(id));
        let members = registration.isr.iter().chain(elr);
        for member in members.filter(|member| facts.is_running(**member)) {
            let Some(host) = facts.setup.host_of(*member) else { continue };
            if partition.lossy.contains(&host) || facts.down.contains(&host) {
                continue;
            }
            if let Some(breach) = incomplete("R6", at, host, partition, facts) {
                verdicts.durable(facts, partition, breach);
            }
        }
    }
}

/// Whether those that were added stay and those that were removed go. It is the last of them that joins in this record,
/// and the leader who took it in may be among those that go.
fn ends_reassignment(old: &PartitionRegistration, new: &PartitionRegistration) -> bool {
    let stay = old.replicas.iter().filter(|id| !old.removing_replicas.contains(id));
    old.is_reassignment_in_progress()
        && !new.is_reassignment_in_progress()
        && stay.eq(new.replicas.iter())
}

fn on_leader(
    at: Time,
    host: HostId,
    epoch: i32,
    partition: &PartitionFacts,
    facts: &Facts,
    verdicts: &mut Verdicts,
) {
    let newest = partition.registration.as_ref().map(|found| found.leader_epoch.0);
    // Somebody else was elected meanwhile: this one only does not know yet.
    if newest != Some(epoch) || partition.is_excluded(host) {
        return;
    }
    if let Some(breach) = incomplete("R5", at, host, partition, facts) {
        verdicts.durable(facts, partition, breach);
    }
}

/// What `host` lacks of what was committed; what it has otherwise is R4's.
fn incomplete(
    invariant: &'static str,
    at: Time,
    host: HostId,
    partition: &PartitionFacts,
    facts: &Facts,
) -> Option<Breach> {
    let log = partition.logs.get(&host);
    let end = log.map_or(0, ReplicaLog::end);
    if end < partition.committed_end {
        let name = partition.name();
        let entry = partition.committed_at(end).or_else(|| partition.ledger.last())?;
        let role = if invariant == "R5" { "its leader" } else { "which is in sync or eligible" };
        return Some(Breach {
            invariant,
            at,
            message: format!(
                "{name} is committed up to {}, and {}, {role}, ends at {end}",
                partition.committed_end,
                facts.setup.name(host)
            ),
            facts: [
                words::committed(facts, entry),
                format!("{} has a log that ends at {end}", words::who(facts, at, host)),
            ],
        });
    }
    let (entry, found) = first_difference(partition, log?, partition.committed_end)?;
    let id = if invariant == "R5" { "R4" } else { invariant };
    Some(differs(id, at, host, entry, found, partition, facts))
}

/// `registration` is the one before: its leader let `member` in.
fn on_joined(
    at: Time,
    member: BrokerId,
    registration: &PartitionRegistration,
    partition: &PartitionFacts,
    facts: &Facts,
    verdicts: &mut Verdicts,
) {
    let Some(host) = facts.setup.host_of(member) else { return };
    if partition.is_excluded(host) || facts.down.contains(&host) {
        return;
    }
    let Some(leader) = registration.leader.and_then(|id| facts.setup.host_of(id)) else { return };
    let Some(term) = partition.terms.get(&registration.leader_epoch.0) else { return };
    let high_watermark = partition.logs.get(&leader).map_or(0, |log| log.high_watermark);
    let needed = high_watermark.max(term.start);
    let end = partition.logs.get(&host).map_or(0, ReplicaLog::end);
    if end < needed {
        let (name, broker) = (partition.name(), facts.setup.name(host));
        let breach = Breach {
            invariant: "R22",
            at,
            message: format!(
                "{name} took {broker} into its in-sync set, whose log ends at {end}, below {needed}"
            ),
            facts: [
                format!(
                    "{} began epoch {} at {}; its high watermark is {high_watermark}",
                    words::who(facts, term.at, leader),
                    registration.leader_epoch,
                    term.start
                ),
                format!(
                    "{} a controller registered {broker} as in sync, whose log ends at {end}",
                    words::when(at)
                ),
            ],
        };
        verdicts.durable(facts, partition, breach);
    }
}
