//! Registrations make sense, and epochs only rise: R13, R14.
//!
//! In Kafka:   `PartitionRegistration`, `PartitionChangeBuilder`; KIP-841 (no fenced member), KIP-966 (eligible ones).
//! Holds:      the newest epochs that each process of a broker has noted.
//! Invariants: R13 in-sync and eligible replicas are replicas and differ; the leader is in sync; enough in sync means
//!             nobody is merely eligible; nobody is taken in or elected while fenced. R14 epochs rise.
//! Left out:   the mark of a controlled shutdown: a broker that a late heartbeat unfences keeps it, and may lead.

use std::collections::BTreeMap;

use trial_cluster::ids::{BrokerId, TopicPartition};
use trial_cluster::image::PartitionRegistration;
use trial_cluster::note::partition::PartitionEvent;
use trial_sim::{HostId, Time};

use super::verdicts::{Breach, Verdicts};
use super::words;
use crate::facts::{Fact, Facts, Known, PartitionFacts};

/// The checker.
#[derive(Debug, Clone, Default)]
pub struct Registrations {
    /// Leader epoch and partition epoch that a broker noted last, and when.
    noted: BTreeMap<(HostId, TopicPartition), (i32, i32, Time)>,
}

impl Registrations {
    /// Something became known.
    pub fn on(&mut self, known: &Known, facts: &Facts, verdicts: &mut Verdicts) {
        let Some(partition) = facts.partition(known.partition) else { return };
        match &known.fact {
            Fact::Registered { old, new, .. } => {
                let old = old.as_deref();
                let judged = Judged { at: known.at, old, new, partition, facts };
                judged.shape(verdicts);
                judged.fenced(verdicts);
                judged.epochs(verdicts);
            }
            Fact::Noted { host, event } => {
                let epochs = match event {
                    PartitionEvent::BecameLeader { leader_epoch, partition_epoch, .. }
                    | PartitionEvent::BecameFollower { leader_epoch, partition_epoch, .. } => {
                        (Some(leader_epoch.0), partition_epoch.0)
                    }
                    // What the controller answers is noted by another job, perhaps ahead of older metadata.
                    PartitionEvent::LeaderUpdated { partition_epoch, .. } => {
                        (None, partition_epoch.0)
                    }
                    _ => return,
                };
                self.on_epochs(known.at, *host, epochs, partition, facts, verdicts);
            }
            _ => {}
        }
    }

    /// The process of `host` is gone; the next one reads the metadata from where it has a copy.
    pub fn on_down(&mut self, host: HostId) {
        self.noted.retain(|(known, _), _| *known != host);
    }

    fn on_epochs(
        &mut self,
        at: Time,
        host: HostId,
        (leader_epoch, partition_epoch): (Option<i32>, i32),
        partition: &PartitionFacts,
        facts: &Facts,
        verdicts: &mut Verdicts,
    ) {
        let before = self.noted.get(&(host, partition.id)).copied();
        let leader_epoch = leader_epoch.or(before.map(|(epoch, ..)| epoch)).unwrap_or(-1);
        self.noted.insert((host, partition.id), (leader_epoch, partition_epoch, at));
        let Some((known_leader, known_partition, since)) = before else { return };
        if leader_epoch < known_leader || partition_epoch < known_partition {
            let (name, broker) = (partition.name(), facts.setup.name(host));
            let breach = Breach {
                invariant: "R14",
                at,
                message: format!("{name}: {broker} went back from an epoch that it knew"),
                facts: [
                    format!(
                        "{} knew leader epoch {known_leader}, partition epoch {known_partition}",
                        words::who(facts, since, host)
                    ),
                    format!(
                        "{} took leader epoch {leader_epoch}, partition epoch {partition_epoch}",
                        words::who(facts, at, host)
                    ),
                ],
            };
            verdicts.always(&format!("{name} {broker}"), breach);
        }
    }
}

/// A registration under judgement.
struct Judged<'a> {
    at: Time,
    old: Option<&'a PartitionRegistration>,
    new: &'a PartitionRegistration,
    partition: &'a PartitionFacts,
    facts: &'a Facts,
}

impl Judged<'_> {
    fn shape(&self, verdicts: &mut Verdicts) {
        let new = self.new;
        let stranger = |members: &[BrokerId]| members.iter().any(|id| !new.replicas.contains(id));
        let elr = &new.eligible_leader_replicas;
        // A reassignment to fewer replicas than min.insync.replicas is decided with what held before it.
        let leaves = |id: &BrokerId| {
            let of = |old: &PartitionRegistration| {
                old.replicas.contains(id) || old.eligible_leader_replicas.contains(id)
            };
            self.old.is_some_and(of)
        };
        let broken = if stranger(&new.isr) {
            "a member of the in-sync set is no replica"
        } else if elr.iter().any(|id| !new.replicas.contains(id) && !leaves(id)) {
            "an eligible leader replica is no replica"
        } else if elr.iter().any(|id| new.isr.contains(id)) {
            "somebody is in sync and merely eligible at once"
        } else if new.leader.is_some_and(|leader| !new.isr.contains(&leader)) {
            "the leader is not in sync"
        } else if new.isr.len() >= self.min_insync() && !elr.is_empty() {
            "enough replicas are in sync, and still some are merely eligible"
        } else {
            return;
        };
        self.tell(broken, verdicts);
    }

    /// What the controller reckoned with: `min.insync.replicas`, at most as many as the topic's first partition had
    /// replicas before the change.
    fn min_insync(&self) -> usize {
        let first = TopicPartition { partition: 0, ..self.partition.id };
        let first = self.facts.partition(first).and_then(|it| it.registration.as_ref());
        let widths = [Some(self.new), self.old, first.map(|it| &**it)];
        let most = widths.into_iter().flatten().map(|it| it.replicas.len()).max().unwrap_or(0);
        self.partition.min_insync_set.min(most)
    }

    fn fenced(&self, verdicts: &mut Verdicts) {
        let Some(old) = self.old.filter(|old| !PartitionFacts::is_stranded(old, self.new)) else {
            return;
        };
        let is_fenced = |id: &BrokerId| self.facts.unfenced.get(id) == Some(&false);
        let joined = self.new.isr.iter().find(|id| !old.isr.contains(id) && is_fenced(id));
        let elected = self.new.leader.filter(|_| self.new.leader_epoch != old.leader_epoch);
        if joined.is_some() {
            self.tell("a fenced broker was taken into the in-sync set", verdicts);
        } else if elected.is_some_and(|leader| is_fenced(&leader)) {
            self.tell("a fenced broker was elected", verdicts);
        }
    }

    fn tell(&self, broken: &str, verdicts: &mut Verdicts) {
        let name = self.partition.name();
        let facts = self.facts;
        let before = self.old.map_or_else(
            || "the partition is new".to_owned(),
            |old| format!("before: {}", described(facts, old)),
        );
        let breach = Breach {
            invariant: "R13",
            at: self.at,
            message: format!("{name}: {broken}"),
            facts: [
                before,
                format!(
                    "{} a controller registered {}",
                    words::when(self.at),
                    described(facts, self.new)
                ),
            ],
        };
        verdicts.always(&format!("{name} {broken}"), breach);
    }

    fn epochs(&self, verdicts: &mut Verdicts) {
        let (Some(old), new) = (self.old, self.new) else { return };
        let rises =
            new.partition_epoch > old.partition_epoch && new.leader_epoch >= old.leader_epoch;
        let moved = new.leader != old.leader && new.leader_epoch == old.leader_epoch;
        if rises && !moved {
            return;
        }
        let name = self.partition.name();
        let why =
            if moved { "another leader in the same epoch" } else { "an epoch that does not rise" };
        let breach = Breach {
            invariant: "R14",
            at: self.at,
            message: format!("{name}: a controller registered {why}"),
            facts: [
                format!("before: {}", described(self.facts, old)),
                format!(
                    "{} a controller registered {}",
                    words::when(self.at),
                    described(self.facts, new)
                ),
            ],
        };
        verdicts.always(&name, breach);
    }
}

fn described(facts: &Facts, registration: &PartitionRegistration) -> String {
    let leader =
        registration.leader.map_or_else(|| "nobody".to_owned(), |id| words::node(facts, id));
    format!(
        "leader {leader} in epoch {}, in sync {}, eligible {}, partition epoch {}",
        registration.leader_epoch,
        words::nodes(facts, &registration.isr),
        words::nodes(facts, &registration.eligible_leader_replicas),
        registration.partition_epoch.0
    )
}
