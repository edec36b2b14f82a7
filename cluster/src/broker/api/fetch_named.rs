//! What a fetch names, and which of it is there: by ids or by names, by the metadata and by what is hosted.
//!
//! In Kafka:   `FetchRequest.fetchData`, `KafkaApis.handleFetchRequest` (its `erroneous` and `interesting`),
//!             `ReplicaManager.getPartitionOrError`, `hasConsistentTopicId`; KIP-516.
//! Holds:      nothing.
//! Invariants: FN-1 what the metadata does not know when the request comes is an error for good: it is not read, not
//!             waited for, and told last. FN-2 what goes while a fetch waits is an error of its read.
//! Left out:   Kafka's hosted partitions stand by their names, so that a fetch by name may still read one whose topic
//!             has gone and come again; here that one is not hosted any more.

use std::sync::Arc;

use super::super::Broker;
use super::fetch::{NAMES_TOPICS_BY_ID, Part};
use crate::error_code::ErrorCode;
use crate::ids::{LeaderEpoch, Offset, TopicPartition, Uuid};
use crate::partition::FetchPartition;
use crate::partition::fetch_session::AskedPartition;
use crate::wire::{FetchRequest, fetch_request};

/// Where a partition is, or why not.
type Place = (TopicPartition, Result<u32, ErrorCode>);

impl Broker {
    /// The partitions that a request names.
    pub(super) fn named_partitions(
        &self,
        message: &FetchRequest,
        version: i16,
    ) -> Vec<(AskedPartition, FetchPartition)> {
        let mut named: Vec<(AskedPartition, FetchPartition)> = Vec::new();
        for topic in &message.topics {
            let (id, name) = self.asked_topic(&topic.topic, topic.topic_id, version);
            for asked in &topic.partitions {
                let (name, partition) = (name.clone(), asked.partition);
                let (key, fetch) = (AskedPartition { topic: id, name, partition }, wanted(asked));
                // Of a partition that is named twice the last word counts, at the first place.
                match named.iter_mut().find(|(other, _)| *other == key) {
                    Some((_, before)) => *before = fetch,
                    None => named.push((key, fetch)),
                }
            }
        }
        named
    }

    /// The partitions that its session shall forget.
    pub(super) fn forgotten_partitions(
        &self,
        message: &FetchRequest,
        version: i16,
    ) -> Vec<AskedPartition> {
        let mut forgotten = Vec::new();
        for topic in &message.forgotten_topics_data {
            let (id, name) = self.asked_topic(&topic.topic, topic.topic_id, version);
            forgotten.extend(topic.partitions.iter().map(|index| AskedPartition {
                topic: id,
                name: name.clone(),
                partition: *index,
            }));
        }
        forgotten
    }

    fn asked_topic(&self, name: &str, id: Uuid, version: i16) -> (Uuid, Option<Arc<str>>) {
        if version < NAMES_TOPICS_BY_ID {
            let topic = self.image().topics().topic_by_name(name);
            let name = topic.map_or_else(|| Arc::from(name), |topic| topic.name.clone());
            return (Uuid::ZERO, Some(name));
        }
        (id, self.image().topics().topic(id).map(|topic| topic.name.clone()))
    }

    /// FN-1: what is asked of a partition, when the request comes.
    pub(super) fn part(&self, asked: AskedPartition, fetch: FetchPartition) -> Part {
        let place = self.place(&asked);
        let unknown = [ErrorCode::UnknownTopicOrPartition, ErrorCode::UnknownTopicId];
        let is_missing = matches!(place.1, Err(error) if unknown.contains(&error));
        Part::new(asked, place, fetch, is_missing)
    }

    /// FN-2: the same of one that waited.
    pub(super) fn part_again(&self, part: &Part) -> Part {
        let place = match self.replicas.slot(part.id) {
            _ if part.is_missing => (part.id, Err(part.error)),
            Some(slot) => (part.id, Ok(slot)),
            None => self.place(&part.asked),
        };
        Part::new(part.asked.clone(), place, part.fetch, part.is_missing)
    }

    fn place(&self, asked: &AskedPartition) -> Place {
        let topics = self.image().topics();
        let of = |topic: Uuid| TopicPartition { topic, partition: asked.partition };
        let Some(name) = &asked.name else {
            return (of(asked.topic), Err(ErrorCode::UnknownTopicId));
        };
        // Most are there by their ids.
        let mine = of(asked.topic);
        let there = match topics.partition(mine) {
            Some(_) => Some(mine),
            None => topics.topic_by_name(name).map(|topic| of(topic.id)),
        };
        let Some(there) = there.filter(|there| topics.partition(*there).is_some()) else {
            return (mine, Err(ErrorCode::UnknownTopicOrPartition));
        };
        let mine = if asked.topic == Uuid::ZERO { there } else { mine };
        match (self.replicas.slot(mine), self.replicas.slot(there)) {
            (Some(slot), _) => (mine, Ok(slot)),
            // Another topic has that name by now.
            (None, Some(_)) => (there, Err(ErrorCode::InconsistentTopicId)),
            (None, None) => (there, Err(ErrorCode::NotLeaderOrFollower)),
        }
    }
}

fn wanted(asked: &fetch_request::Partition) -> FetchPartition {
    // A fetch takes every epoch below zero for none; other requests only -1.
    let epoch = |epoch: i32| (epoch >= 0).then_some(LeaderEpoch(epoch));
    FetchPartition {
        fetch_offset: Offset(asked.fetch_offset),
        log_start_offset: Offset(asked.log_start_offset),
        max_bytes: asked.partition_max_bytes,
        current_leader_epoch: epoch(asked.current_leader_epoch),
        last_fetched_epoch: epoch(asked.last_fetched_epoch),
    }
}
