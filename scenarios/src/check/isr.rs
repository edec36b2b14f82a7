//! The in-sync set that a leader reckons with covers the one that counts: R7.
//!
//! In Kafka:   `ReplicationQuorumSuperset`; `Partition.{CommittedPartitionState, PendingExpandIsr}`, KIP-497.
//! Holds:      for each partition its newest leader's maximal in-sync set, by its notes.
//! Invariants: R7 a leader's committed set at a partition epoch is the controller's of that epoch; what the controller
//!             takes in was in the leader's maximal set before.

use std::collections::BTreeMap;

use trial_cluster::ids::{BrokerId, PartitionEpoch, TopicPartition};
use trial_cluster::image::PartitionRegistration;
use trial_cluster::note::partition::PartitionEvent;
use trial_sim::{HostId, Time};

use super::verdicts::{Breach, Verdicts};
use super::words;
use crate::facts::{Fact, Facts, Known, PartitionFacts};

/// What a leader reckons with.
#[derive(Debug, Clone)]
struct View {
    leader: HostId,
    leader_epoch: i32,
    partition_epoch: i32,
    committed: Vec<BrokerId>,
    at: Time,
}

/// Whom a leader asked the controller to take in, and the partition epoch that it built on.
#[derive(Debug, Clone, Copy)]
struct Asked {
    joining: BrokerId,
    partition_epoch: i32,
}

/// The checker.
#[derive(Debug, Clone, Default)]
pub struct InSyncSets {
    views: BTreeMap<TopicPartition, View>,
    asked: BTreeMap<(HostId, TopicPartition), Asked>,
}

impl InSyncSets {
    /// Something became known.
    pub fn on(&mut self, known: &Known, facts: &Facts, verdicts: &mut Verdicts) {
        let Some(partition) = facts.partition(known.partition) else { return };
        match &known.fact {
            Fact::Noted { host, event } => {
                self.on_event(known.at, *host, event, partition, facts, verdicts)
            }
            Fact::Registered { new, .. } => {
                self.on_registered(known.at, new, partition, facts, verdicts)
            }
            _ => {}
        }
    }

    /// The process of `host` is gone, and what it reckoned with.
    pub fn on_down(&mut self, host: HostId) {
        self.views.retain(|_, view| view.leader != host);
        self.asked.retain(|(leader, _), _| *leader != host);
    }

    fn on_event(
        &mut self,
        at: Time,
        host: HostId,
        event: &PartitionEvent,
        partition: &PartitionFacts,
        facts: &Facts,
        verdicts: &mut Verdicts,
    ) {
        let key = (host, partition.id);
        match event {
            PartitionEvent::BecameLeader { leader_epoch, partition_epoch, isr, .. } => {
                let newest = self.views.get(&partition.id).map(|view| view.leader_epoch);
                if newest.is_none_or(|newest| newest <= leader_epoch.0) {
                    let view = View {
                        leader: host,
                        leader_epoch: leader_epoch.0,
                        partition_epoch: partition_epoch.0,
                        committed: isr.clone(),
                        at,
                    };
                    self.views.insert(partition.id, view);
                }
                self.forget_older(key, partition_epoch.0);
                compare(at, host, *partition_epoch, isr, partition, facts, verdicts);
            }
            PartitionEvent::LeaderUpdated { partition_epoch, isr }
            | PartitionEvent::IsrCommitted { partition_epoch, isr } => {
                let view = self.views.get_mut(&partition.id).filter(|view| view.leader == host);
                if let Some(view) = view {
                    // An equal epoch is applied once more: whatever was asked for is forgotten.
                    if partition_epoch.0 == view.partition_epoch {
                        self.asked.remove(&key);
                    }
                    view.committed.clone_from(isr);
                    (view.partition_epoch, view.at) = (partition_epoch.0, at);
                }
                self.forget_older(key, partition_epoch.0);
                compare(at, host, *partition_epoch, isr, partition, facts, verdicts);
            }
            PartitionEvent::IsrExpandAsked { joining, partition_epoch, .. } => {
                let asked = Asked { joining: *joining, partition_epoch: partition_epoch.0 };
                self.asked.insert(key, asked);
            }
            PartitionEvent::IsrReverted { .. } => {
                self.asked.remove(&key);
            }
            _ => {}
        }
    }

    /// Metadata of an epoch undoes what was asked for before it. What builds on that very epoch was asked for after
    /// it, whatever the order of the notes: this one is written at the end of a job.
    fn forget_older(&mut self, key: (HostId, TopicPartition), partition_epoch: i32) {
        if self.asked.get(&key).is_some_and(|asked| asked.partition_epoch < partition_epoch) {
            self.asked.remove(&key);
        }
    }

    fn on_registered(
        &self,
        at: Time,
        new: &PartitionRegistration,
        partition: &PartitionFacts,
        facts: &Facts,
        verdicts: &mut Verdicts,
    ) {
        let Some(view) = self.views.get(&partition.id) else { return };
        let is_stale = new.leader.and_then(|id| facts.setup.host_of(id)) != Some(view.leader)
            || view.leader_epoch != new.leader_epoch.0
            || new.leader.is_some_and(|id| !facts.is_running(id));
        if is_stale || new.isr.len() < partition.min_insync {
            return;
        }
        let asked = self.asked.get(&(view.leader, partition.id));
        // Who builds on a newer epoch has taken it, though its note of that is still to come.
        let taken = asked
            .filter(|asked| asked.partition_epoch > view.partition_epoch)
            .and_then(|asked| partition.registrations.get(&asked.partition_epoch))
            .map_or(&view.committed, |found| &found.registration.isr);
        let unreckoned = new.isr.iter().find(|member| {
            !taken.contains(member) && asked.map(|asked| asked.joining) != Some(**member)
        });
        if let Some(member) = unreckoned {
            let (name, member) = (partition.name(), words::node(facts, *member));
            let leader = facts.setup.name(view.leader);
            let breach = Breach {
                invariant: "R7",
                at,
                message: format!(
                    "{name}: the controller took {member} in, whom its leader {leader} does not wait for"
                ),
                facts: [
                    format!(
                        "{} reckons with {}",
                        words::who(facts, view.at, view.leader),
                        words::nodes(facts, taken)
                    ),
                    format!(
                        "{} a controller registered {} as in sync at partition epoch {}",
                        words::when(at),
                        words::nodes(facts, &new.isr),
                        new.partition_epoch.0
                    ),
                ],
            };
            verdicts.always(&name, breach);
        }
    }
}

/// What a leader takes for committed at `epoch` is what a controller has registered then.
fn compare(
    at: Time,
    host: HostId,
    epoch: PartitionEpoch,
    isr: &[BrokerId],
    partition: &PartitionFacts,
    facts: &Facts,
    verdicts: &mut Verdicts,
) {
    let Some(found) = partition.registrations.get(&epoch.0) else { return };
    let registered = &found.registration.isr;
    let same =
        registered.len() == isr.len() && isr.iter().all(|member| registered.contains(member));
    if !same {
        let (name, leader) = (partition.name(), facts.setup.name(host));
        let breach = Breach {
            invariant: "R7",
            at,
            message: format!(
                "{name}: {leader} takes another in-sync set for committed than the controller"
            ),
            facts: [
                format!(
                    "a controller registered {} as in sync at partition epoch {}",
                    words::nodes(facts, registered),
                    epoch.0
                ),
                format!(
                    "{} takes {} for that at partition epoch {}",
                    words::who(facts, at, host),
                    words::nodes(facts, isr),
                    epoch.0
                ),
            ],
        };
        verdicts.always(&name, breach);
    }
}
