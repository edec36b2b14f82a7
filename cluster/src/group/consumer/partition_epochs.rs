//! Which epoch holds each partition of a group: a member may take one only when nobody holds it.
//!
//! In Kafka:   `ConsumerGroup.currentPartitionEpoch`, `addPartitionEpochs`, `removePartitionEpochs`.
//! Invariants: PE-1 the epoch of a partition is that of the member who has it or still has to give it back
//!             (ValidPartitionEpoch); PE-2 nobody takes it in an epoch that is not later.

use std::collections::BTreeMap;

use super::member::{Assigned, ConsumerGroupMember};
use crate::ids::TopicId;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PartitionEpochs(BTreeMap<TopicId, BTreeMap<i32, i32>>);

impl PartitionEpochs {
    /// The epoch of a partition; -1: nobody has it.
    #[must_use]
    pub fn of(&self, topic: TopicId, partition: i32) -> i32 {
        self.0.get(&topic).and_then(|of| of.get(&partition)).copied().unwrap_or(-1)
    }

    /// A member comes, changes or goes.
    pub(super) fn on_member(
        &mut self,
        old: Option<&ConsumerGroupMember>,
        new: Option<&ConsumerGroupMember>,
    ) {
        if let Some(old) = old {
            self.remove(&old.assigned, old.member_epoch);
            self.remove(&old.pending_revocation, old.member_epoch);
        }
        if let Some(new) = new {
            self.add(&new.assigned, new.member_epoch);
            self.add(&new.pending_revocation, new.member_epoch);
        }
    }

    /// In a log that is half compacted somebody else may have taken a partition before it was given back: it stays his.
    pub(super) fn remove(&mut self, partitions: &Assigned, epoch: i32) {
        for (topic, of) in partitions {
            let Some(epochs) = self.0.get_mut(topic) else { continue };
            for partition in of.keys() {
                if epochs.get(partition) == Some(&epoch) {
                    epochs.remove(partition);
                }
            }
            if epochs.is_empty() {
                self.0.remove(topic);
            }
        }
    }

    pub(super) fn add(&mut self, partitions: &Assigned, epoch: i32) {
        for (&topic, of) in partitions.iter().filter(|(_, of)| !of.is_empty()) {
            let epochs = self.0.entry(topic).or_default();
            for &partition in of.keys() {
                let before = epochs.insert(partition, epoch);
                assert!(
                    before.is_none_or(|before| before < epoch),
                    "PE-2: {topic}-{partition} is taken in epoch {epoch}, and is still held at {before:?}"
                );
            }
        }
    }
}
