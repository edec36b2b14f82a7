//! What followers make of answers that come late: R18.
//!
//! In Kafka:   `AbstractFetcherThread.processFetchRequest` (KAFKA-18991).
//! Holds:      the leader epoch of each replica, by its own word.
//! Inputs:     roles that replicas took, and cuts. Invariants: R18 a follower cuts its log for an answer only in the
//!             leader epoch in which it had asked.

use std::collections::BTreeMap;

use trial_cluster::ids::{LeaderEpoch, TopicPartition};
use trial_cluster::note::partition::PartitionEvent;
use trial_sim::HostId;

use super::verdicts::{Breach, Verdicts};
use super::words;
use crate::facts::{Fact, Facts, Known};

/// The checker.
#[derive(Debug, Clone, Default)]
pub struct StaleAnswers {
    epochs: BTreeMap<(HostId, TopicPartition), LeaderEpoch>,
}

impl StaleAnswers {
    /// Something became known.
    pub fn on(&mut self, known: &Known, facts: &Facts, verdicts: &mut Verdicts) {
        let Fact::Noted { host, event } = &known.fact else { return };
        match event {
            PartitionEvent::BecameLeader { leader_epoch, .. }
            | PartitionEvent::BecameFollower { leader_epoch, .. } => {
                self.epochs.insert((*host, known.partition), *leader_epoch);
            }
            PartitionEvent::Truncated { from, to, asked_in, .. }
                if *asked_in != LeaderEpoch::NONE =>
            {
                let own = self.epochs.get(&(*host, known.partition));
                let Some(own) = own.filter(|own| *own != asked_in) else { return };
                let Some(partition) = facts.partition(known.partition) else { return };
                let (name, broker) = (partition.name(), facts.setup.name(*host));
                let breach = Breach {
                    invariant: "R18",
                    at: known.at,
                    message: format!(
                        "{name}: {broker} cut its log from {from} to {to} for an answer of epoch {asked_in}, in epoch {own}"
                    ),
                    facts: [
                        format!("{broker} follows in epoch {own}"),
                        format!(
                            "{} cut its log for what it had asked in epoch {asked_in}",
                            words::who(facts, known.at, *host)
                        ),
                    ],
                };
                verdicts.always(&format!("{name} {broker}"), breach);
            }
            _ => {}
        }
    }
}
