//! Every topic with its partitions, by id and by name.
//!
//! In Kafka:   `TopicsImage`, `TopicImage`; KIP-516 (topic ids).
//! Holds:      shared maps: a clone costs a few reference counts, a write copies the path to what it changes.
//! Invariants: K17 a name has one id and an id one name at any offset.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::partition::PartitionRegistration;
use crate::ids::{TopicId, TopicPartition};

/// One topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicImage {
    /// Its name.
    pub name: Arc<str>,
    /// Its id.
    pub id: TopicId,
    /// Its partitions, by index.
    pub partitions: BTreeMap<i32, Arc<PartitionRegistration>>,
}

/// All topics.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TopicsImage {
    by_id: BTreeMap<TopicId, Arc<TopicImage>>,
    by_name: BTreeMap<Arc<str>, TopicId>,
}

impl TopicsImage {
    /// The topic of this id.
    #[must_use]
    pub fn topic(&self, id: TopicId) -> Option<&Arc<TopicImage>> {
        self.by_id.get(&id)
    }

    /// The topic of this name.
    #[must_use]
    pub fn topic_by_name(&self, name: &str) -> Option<&Arc<TopicImage>> {
        self.by_name.get(name).and_then(|id| self.by_id.get(id))
    }

    /// Every topic, by name.
    pub fn by_name(&self) -> impl Iterator<Item = &Arc<TopicImage>> {
        self.by_name.values().filter_map(|id| self.by_id.get(id))
    }

    /// One partition.
    #[must_use]
    pub fn partition(&self, of: TopicPartition) -> Option<&Arc<PartitionRegistration>> {
        self.by_id.get(&of.topic).and_then(|topic| topic.partitions.get(&of.partition))
    }

    /// Every partition, by topic id and index.
    pub fn partitions(
        &self,
    ) -> impl Iterator<Item = (TopicPartition, &Arc<TopicImage>, &Arc<PartitionRegistration>)> {
        self.by_id.values().flat_map(|topic| {
            topic.partitions.iter().map(move |(&partition, registration)| {
                (TopicPartition { topic: topic.id, partition }, topic, registration)
            })
        })
    }

    pub(super) fn create(&mut self, name: &str, id: TopicId) {
        let name: Arc<str> = name.into();
        let topic = TopicImage { name: name.clone(), id, partitions: BTreeMap::new() };
        let same_id = self.by_id.insert(id, Arc::new(topic));
        assert!(same_id.is_none(), "K17: topic id {id} is used again, for `{name}`");
        let same_name = self.by_name.insert(name.clone(), id);
        assert!(same_name.is_none(), "K17: `{name}` has two ids, {same_name:?} and {id}");
    }

    pub(super) fn remove(&mut self, id: TopicId) -> Arc<TopicImage> {
        let topic = self.by_id.remove(&id);
        let topic = topic.unwrap_or_else(|| panic!("K17: there is no topic {id} to remove"));
        self.by_name.remove(&topic.name);
        topic
    }

    /// Replaces one partition, or adds it.
    pub(super) fn put(&mut self, of: TopicPartition, registration: PartitionRegistration) {
        let topic = self.by_id.get_mut(&of.topic);
        let topic = topic.unwrap_or_else(|| panic!("K17: there is no topic {}", of.topic));
        Arc::make_mut(topic).partitions.insert(of.partition, Arc::new(registration));
    }
}
