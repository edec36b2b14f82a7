//! To whom leaders send consumers: R25, from the bytes on connections.
//!
//! In Kafka:   `ReplicaManager.findPreferredReadReplica` (KIP-392).
//! Holds:      of each broker the in-sync sets that it has reckoned with as a leader, lately.
//! Inputs:     roles, in-sync sets, answers to consumers.
//! Invariants: R25 who is named to a consumer is another broker, in the committed in-sync set that the leader knows.
//!             One that has been replaced a moment ago counts too: between the choice and the answer others go on.

use std::collections::BTreeMap;

use trial_cluster::ids::{BrokerId, TopicPartition};
use trial_cluster::note::partition::PartitionEvent;
use trial_sim::{HostId, Span, Time};

use super::verdicts::{Breach, Verdicts};
use super::words;
use crate::facts::{Fact, Facts, Known, PartitionFacts};

/// How long an answer may take to leave.
const PATIENCE: Span = Span::from_secs(1);

/// An in-sync set.
#[derive(Debug, Clone)]
struct Reckoned {
    isr: Vec<BrokerId>,
    /// When it was replaced.
    until: Option<Time>,
}

/// The checker.
#[derive(Debug, Clone, Default)]
pub struct SentElsewhere {
    sets: BTreeMap<(HostId, TopicPartition), Vec<Reckoned>>,
}

impl SentElsewhere {
    /// Something became known.
    pub fn on(&mut self, known: &Known, facts: &Facts, verdicts: &mut Verdicts) {
        match &known.fact {
            Fact::Noted { host, event } => {
                let isr = match event {
                    PartitionEvent::BecameLeader { isr, .. }
                    | PartitionEvent::LeaderUpdated { isr, .. }
                    | PartitionEvent::IsrCommitted { isr, .. } => Some(isr),
                    PartitionEvent::BecameFollower { .. } => None,
                    _ => return,
                };
                self.reckon(known.at, (*host, known.partition), isr);
            }
            Fact::Fetched { host, preferred: Some(named), .. } => {
                let Some(partition) = facts.partition(known.partition) else { return };
                let sets = self.sets.get(&(*host, known.partition)).map_or(&[][..], |it| it);
                let is_recent =
                    |set: &&Reckoned| set.until.is_none_or(|until| known.at <= until + PATIENCE);
                let is_itself = facts.setup.host_of(*named) == Some(*host);
                let is_in = sets.iter().filter(is_recent).any(|set| set.isr.contains(named));
                if is_itself || !is_in {
                    let breach = breach(known.at, *host, *named, sets.last(), partition, facts);
                    verdicts.always(&partition.name(), breach);
                }
            }
            _ => {}
        }
    }

    /// The process of `host` is gone, and what it reckoned with.
    pub fn on_down(&mut self, host: HostId) {
        self.sets.retain(|(leader, _), _| *leader != host);
    }

    fn reckon(&mut self, at: Time, of: (HostId, TopicPartition), isr: Option<&Vec<BrokerId>>) {
        let sets = self.sets.entry(of).or_default();
        sets.retain(|set| set.until.is_none_or(|until| at <= until + PATIENCE));
        if let Some(last) = sets.last_mut() {
            last.until.get_or_insert(at);
        }
        sets.extend(isr.map(|isr| Reckoned { isr: isr.clone(), until: None }));
    }
}

fn breach(
    at: Time,
    host: HostId,
    named: BrokerId,
    last: Option<&Reckoned>,
    partition: &PartitionFacts,
    facts: &Facts,
) -> Breach {
    let (name, broker) = (partition.name(), facts.setup.name(host));
    let named = words::node(facts, named);
    Breach {
        invariant: "R25",
        at,
        message: format!("{name}: {broker} sent a consumer to {named}, which it may not read from"),
        facts: [
            match last {
                Some(Reckoned { isr, until: None }) => {
                    format!("{broker} leads and reckons with {}", words::nodes(facts, isr))
                }
                Some(Reckoned { isr, until: Some(until) }) => {
                    let members = words::nodes(facts, isr);
                    format!("{broker} reckoned with {members} until {}", words::when(*until))
                }
                None => format!("{broker} does not lead"),
            },
            format!("{} named {named} to a consumer", words::who(facts, at, host)),
        ],
    }
}
