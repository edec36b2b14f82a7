//! No leader waits for ever for a change of its in-sync set: L10.
//!
//! In Kafka:   `AlterPartitionEpochEventuallyReachedOrZero` of the specification; KAFKA-14154,
//!             `Partition.handleAlterPartitionError`.
//! Holds:      what each leader has asked for and not been told of, by its notes.
//! Inputs:     notes of brokers. Effects: what is missing before the cluster is live.
//! Invariants: L10 a change that a leader asked for is confirmed, taken back, or overtaken by newer metadata.

use std::collections::BTreeMap;

use trial_cluster::ids::TopicPartition;
use trial_cluster::note::partition::PartitionEvent;
use trial_sim::{HostId, Time};

use super::words;
use crate::facts::{Fact, Facts, Known};

/// A change that was asked for.
#[derive(Debug, Clone, Copy)]
struct Asked {
    since: Time,
    /// The partition epoch that it builds on.
    partition_epoch: i32,
}

/// The checker.
#[derive(Debug, Clone, Default)]
pub struct PendingChanges {
    asked: BTreeMap<(HostId, TopicPartition), Asked>,
}

impl PendingChanges {
    /// Something became known.
    pub fn on(&mut self, known: &Known) {
        let Fact::Noted { host, event } = &known.fact else { return };
        let key = (*host, known.partition);
        match event {
            PartitionEvent::IsrExpandAsked { partition_epoch, .. }
            | PartitionEvent::IsrShrinkAsked { partition_epoch, .. } => {
                let asked = Asked { since: known.at, partition_epoch: partition_epoch.0 };
                self.asked.insert(key, asked);
            }
            PartitionEvent::IsrCommitted { .. } | PartitionEvent::IsrReverted { .. } => {
                self.asked.remove(&key);
            }
            PartitionEvent::BecameLeader { partition_epoch, .. }
            | PartitionEvent::LeaderUpdated { partition_epoch, .. }
            | PartitionEvent::BecameFollower { partition_epoch, .. } => {
                // What builds on that very epoch was asked for after it, whatever the order of the notes.
                let asked = self.asked.get(&key);
                if asked.is_some_and(|asked| asked.partition_epoch < partition_epoch.0) {
                    self.asked.remove(&key);
                }
            }
            _ => {}
        }
    }

    /// The process of `host` is gone, and what it has asked for.
    pub fn on_down(&mut self, host: HostId) {
        self.asked.retain(|(leader, _), _| *leader != host);
    }

    /// Adds whoever still waits, and leads.
    pub fn missing(&self, facts: &Facts, missing: &mut Vec<String>) {
        for ((host, id), asked) in &self.asked {
            let Some(partition) = facts.partition(*id) else { continue };
            let leads = partition.leader().and_then(|id| facts.setup.host_of(id)) == Some(*host);
            if leads {
                missing.push(format!(
                    "L10: {} has waited since {} for the controller to change the in-sync set of {}, from partition epoch {} on",
                    facts.setup.name(*host),
                    words::when(asked.since).trim_start_matches("at "),
                    partition.name(),
                    asked.partition_epoch
                ));
            }
        }
    }
}
