//! Whom a high watermark waits for: R24.
//!
//! In Kafka:   `Partition.maybeIncrementLeaderHW` (KAFKA-15021).
//! Holds:      of each leader its in-sync set, by its word, and how far it knows its followers: who is handed a batch
//!             has all that lies before it.
//! Inputs:     roles, registrations, high watermarks, answers to followers.
//! Invariants: R24 with everybody else unable to join, a high watermark is not for long below what the whole in-sync
//!             set has.
//! Left out:   anything to say while a replica outside the in-sync set is unfenced, dead or not: a leader may be about
//!             to let it in.

use std::collections::BTreeMap;

use trial_cluster::ids::{BrokerId, PartitionEpoch, TopicPartition};
use trial_cluster::note::partition::PartitionEvent;
use trial_sim::{HostId, Span, Time};

use super::verdicts::{Breach, Verdicts};
use super::words;
use crate::facts::{Fact, Facts, Known, PartitionFacts};

/// A follower that has just fetched may be waited for until the next look.
const PATIENCE: Span = Span::from_secs(1);

/// What is known of one partition.
#[derive(Debug, Clone, Default)]
struct Waiting {
    leader: Option<Leading>,
    /// Who left the in-sync set, in which partition epoch.
    left: BTreeMap<BrokerId, Left>,
}

#[derive(Debug, Clone)]
struct Leading {
    host: HostId,
    partition_epoch: PartitionEpoch,
    isr: Vec<BrokerId>,
    high_watermark: i64,
    /// How far it knows each follower at least.
    ends: BTreeMap<HostId, i64>,
    /// Since when the high watermark could be further.
    behind: Option<Time>,
}

#[derive(Debug, Clone, Copy)]
struct Left {
    at: Time,
    partition_epoch: PartitionEpoch,
    fencing: Fencing,
}

/// What controllers say of who has left. That its process is gone is nothing that a leader learns of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fencing {
    /// The record of a fencing stands behind those of the partitions that it changes.
    NotYetSeen,
    /// It is fenced since it left, for the how-manieth time.
    Fenced(usize),
    /// It was seen unfenced since: a leader may be about to let it in, and learns of a later fencing late.
    Unfenced,
}

/// The checker.
#[derive(Debug, Clone, Default)]
pub struct HeldBack {
    partitions: BTreeMap<TopicPartition, Waiting>,
}

impl HeldBack {
    /// Something became known.
    pub fn on(&mut self, known: &Known, facts: &Facts, verdicts: &mut Verdicts) {
        let waiting = self.partitions.entry(known.partition).or_default();
        match &known.fact {
            Fact::Registered { old, new, .. } => {
                let old = old.as_ref().map_or(&[][..], |old| &old.isr);
                for id in old.iter().filter(|id| !new.isr.contains(id)) {
                    let partition_epoch = new.partition_epoch;
                    waiting.left.insert(
                        *id,
                        Left { at: known.at, partition_epoch, fencing: Fencing::NotYetSeen },
                    );
                }
                waiting.left.retain(|id, _| !new.isr.contains(id));
            }
            Fact::Noted { host, event } => waiting.on_note(*host, event),
            Fact::Fetched { host, by_consumer: false, reader, batches, .. } => {
                let Some(batch) = batches.first() else { return };
                let Some(partition) = facts.partition(known.partition) else { return };
                if waiting.leader.as_ref().is_none_or(|leader| leader.host != *host) {
                    return;
                }
                waiting.look(known.at, facts);
                let behind = waiting.on_served(known.at, *reader, batch.base, partition, facts);
                if let (Some(since), Some(leader)) = (behind, &waiting.leader)
                    && known.at.since(since) >= PATIENCE
                {
                    verdicts.always(&partition.name(), breach(known.at, leader, partition, facts));
                }
            }
            _ => {}
        }
    }
}

impl Waiting {
    fn on_note(&mut self, host: HostId, event: &PartitionEvent) {
        match event {
            PartitionEvent::BecameLeader { partition_epoch, isr, high_watermark, .. } => {
                self.leader = Some(Leading {
                    host,
                    partition_epoch: *partition_epoch,
                    isr: isr.clone(),
                    high_watermark: high_watermark.0,
                    ends: BTreeMap::new(),
                    behind: None,
                });
            }
            PartitionEvent::BecameFollower { .. } => {
                self.leader.take_if(|leader| leader.host == host);
            }
            PartitionEvent::LeaderUpdated { partition_epoch, isr } => {
                if let Some(leader) = self.leader.as_mut().filter(|leader| leader.host == host) {
                    leader.partition_epoch = *partition_epoch;
                    leader.isr.clone_from(isr);
                    leader.behind = None;
                }
            }
            PartitionEvent::LeaderHighWatermarkMoved { to, .. } => {
                if let Some(leader) = self.leader.as_mut().filter(|leader| leader.host == host) {
                    leader.high_watermark = to.0;
                    leader.behind = None;
                }
            }
            _ => {}
        }
    }

    fn look(&mut self, at: Time, facts: &Facts) {
        for (id, left) in self.left.iter_mut().filter(|(_, left)| left.at < at) {
            let now = facts.fenced_after(*id).map_or(Fencing::Unfenced, Fencing::Fenced);
            if left.fencing == Fencing::NotYetSeen {
                left.fencing = now;
            } else if left.fencing != now {
                left.fencing = Fencing::Unfenced;
            }
        }
    }

    /// A follower was handed a batch that begins at `base`. Answers since when the leader is behind, if it is.
    fn on_served(
        &mut self,
        at: Time,
        reader: HostId,
        base: i64,
        partition: &PartitionFacts,
        facts: &Facts,
    ) -> Option<Time> {
        let leader = self.leader.as_mut()?;
        leader.ends.insert(reader, base);
        let registration = partition.registration.as_ref()?;
        let knows = registration.partition_epoch == leader.partition_epoch
            && registration.isr == leader.isr
            && leader.isr.len() >= partition.min_insync.max(2);
        let cannot_join = |id: &BrokerId| {
            self.left.get(id).is_some_and(|left| {
                matches!(left.fencing, Fencing::Fenced(_))
                    && left.partition_epoch <= leader.partition_epoch
            })
        };
        let mut others = registration.replicas.iter().filter(|id| !leader.isr.contains(id));
        let has_all = lowest(leader, facts).is_some_and(|end| end > leader.high_watermark);
        if knows && has_all && others.all(cannot_join) {
            leader.behind = leader.behind.or(Some(at));
        } else {
            leader.behind = None;
        }
        leader.behind
    }
}

/// How far the leader knows all of its followers in sync.
fn lowest(leader: &Leading, facts: &Facts) -> Option<i64> {
    let hosts = leader.isr.iter().map(|id| facts.setup.host_of(*id));
    let followers = hosts.filter(|host| *host != Some(leader.host));
    let ends: Option<Vec<i64>> =
        followers.map(|host| host.and_then(|host| leader.ends.get(&host).copied())).collect();
    ends?.into_iter().min()
}

fn breach(at: Time, leader: &Leading, partition: &PartitionFacts, facts: &Facts) -> Breach {
    let name = partition.name();
    let broker = facts.setup.name(leader.host);
    let end = lowest(leader, facts).unwrap_or_default();
    Breach {
        invariant: "R24",
        at,
        message: format!(
            "{name}: the high watermark of {broker} rests at {}, and all in sync have what lies before {end}",
            leader.high_watermark
        ),
        facts: [
            format!(
                "{} reckons with {}, and nobody else may join",
                broker,
                words::nodes(facts, &leader.isr)
            ),
            format!(
                "{} has served each of them behind {end} since, at a high watermark of {}",
                words::who(facts, at, leader.host),
                leader.high_watermark
            ),
        ],
    }
}
