//! What changed between two images: who publishes looks only at that.
//!
//! In Kafka:   `MetadataDelta` and its parts.
//! Holds:      names of what changed. The old and the new value are in the two images.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::configs::ConfigResource;
use super::topics::TopicImage;
use crate::ids::{BrokerId, TopicId, TopicPartition};

/// What some records changed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MetadataDelta {
    /// Whether a feature level did.
    pub features: bool,
    /// Brokers that registered, changed or left.
    pub brokers: BTreeSet<BrokerId>,
    /// Controllers that registered or left.
    pub controllers: BTreeSet<BrokerId>,
    /// Topics that came.
    pub created_topics: BTreeSet<TopicId>,
    /// Topics that were there before and went, as they were.
    pub deleted_topics: BTreeMap<TopicId, Arc<TopicImage>>,
    /// Partitions that came or changed and are still there.
    pub partitions: BTreeSet<TopicPartition>,
    /// Resources of which a setting changed.
    pub configs: BTreeSet<ConfigResource>,
}

impl MetadataDelta {
    /// Whether nothing changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Adds what changed after it.
    pub fn merge(&mut self, later: Self) {
        self.features |= later.features;
        self.brokers.extend(later.brokers);
        self.controllers.extend(later.controllers);
        for topic in later.deleted_topics.into_values() {
            self.on_topic_removed(topic);
        }
        self.created_topics.extend(later.created_topics);
        self.partitions.extend(later.partitions);
        self.configs.extend(later.configs);
    }

    pub(super) fn on_topic_removed(&mut self, topic: Arc<TopicImage>) {
        let id = topic.id;
        self.partitions.retain(|partition| partition.topic != id);
        if !self.created_topics.remove(&id) {
            self.deleted_topics.insert(id, topic);
        }
    }
}
