//! What was asked of a topic while it runs that decides what its partitions promise.
//!
//! In Kafka:   `min.insync.replicas`, `unclean.leader.election.enable`; KIP-226, KIP-966.
//! Holds:      what was asked, in order, for one topic or for all of a broker's or of all brokers'.
//! Invariants: PM-1 nothing is promised that settings have not promised all the time: who asks for fewer replicas in
//!             sync may have been heard already, who asks for more may not have been heard yet. So a change back is not
//!             seen.
//! Left out:   whether it was granted.

use std::collections::BTreeSet;

use trial_sim::HostId;

use super::Facts;
use super::partition::PartitionFacts;
use crate::tap::SettingAsked;

/// What was asked for.
#[derive(Debug, Clone, Default)]
pub(super) struct Promises {
    min_insync: Vec<(Option<String>, usize)>,
    unclean: Vec<Option<String>>,
}

impl Facts {
    /// Hosts that ended uncleanly, with or without loss, and have not been in sync since with all they hold.
    #[must_use]
    pub fn unclean(&self) -> BTreeSet<HostId> {
        self.partitions.values().flat_map(|partition| partition.unclean.iter().copied()).collect()
    }

    /// Whether a topic's settings allow, or may have allowed at some time, that a leader lacks committed records.
    #[must_use]
    pub fn allows_unclean_election(&self, topic: &str) -> bool {
        let planned = self.setup.topics.get(topic).is_some_and(|topic| topic.unclean);
        planned || self.promises.allow_unclean(topic)
    }
}

impl Promises {
    /// Somebody asks; whether it changes what is promised.
    pub(super) fn on_asked(&mut self, asked: &SettingAsked) -> bool {
        let SettingAsked { topic, name, value } = asked;
        match (name.as_str(), value) {
            ("min.insync.replicas", value) => {
                // What is taken back is whatever the others say, or one.
                let min = value.as_ref().map_or(Some(1), |value| value.trim().parse().ok());
                self.min_insync.extend(min.map(|min| (topic.clone(), min)));
                min.is_some()
            }
            ("unclean.leader.election.enable", Some(value)) if value.trim() == "true" => {
                self.unclean.push(topic.clone());
                true
            }
            _ => false,
        }
    }

    /// Whether a topic may have been told to elect whoever is there.
    pub(super) fn allow_unclean(&self, topic: &str) -> bool {
        self.unclean.iter().any(|of| of.as_ref().is_none_or(|of| of == topic))
    }

    /// PM-1.
    pub(super) fn loosen(&self, partition: &mut PartitionFacts) {
        for (topic, min) in &self.min_insync {
            if topic.as_ref().is_none_or(|topic| **topic == *partition.topic) {
                partition.min_insync = partition.min_insync.min(*min);
                partition.min_insync_set = partition.min_insync_set.max(*min);
            }
        }
    }
}
