//! What a client believes of the cluster: which nodes there are, who leads which partition in which epoch.
//!
//! In Kafka:   `Metadata`, `MetadataSnapshot`; KIP-320 (epochs), KIP-516 (topic ids), KIP-951 (leader hints).
//! Holds:      nodes, topics, the newest leader epoch seen of each partition; when to ask again.
//! Inputs:     metadata responses and failures, leader hints. Effects: none; its owner asks when it is due.
//! Invariants: MD-1 a partition's leader epoch never goes back, unless the topic was created again (KAFKA-12257).
//! Left out:   partial updates, topics that expire for want of use, rack ids, follower replicas.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use trial_sim::{Span, Time};

use crate::error_code::ErrorCode;
use crate::ids::{BrokerId, LeaderEpoch, TopicId, Uuid};
use crate::net::{ExponentialBackoff, Wires};
use crate::wire::{MetadataResponse, metadata_response};

/// A partition as clients name it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NamedPartition {
    /// The topic's name.
    pub topic: Arc<str>,
    /// The partition's index, from zero.
    pub partition: i32,
}

/// Where a node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Its host's name.
    pub host: String,
    /// Its port.
    pub port: u16,
}

/// Who leads a partition, as far as is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LeaderAndEpoch {
    /// The leader, if there is one whose address is known.
    pub leader: Option<BrokerId>,
    /// Its epoch.
    pub epoch: Option<LeaderEpoch>,
}

#[derive(Debug, Clone, Default)]
struct TopicState {
    id: TopicId,
    partitions: BTreeMap<i32, LeaderAndEpoch>,
}

/// Whether an error says that what the client believes is out of date (Kafka's `InvalidMetadataException`).
#[must_use]
pub const fn is_invalid_metadata(error: ErrorCode) -> bool {
    matches!(
        error,
        ErrorCode::NotLeaderOrFollower
            | ErrorCode::LeaderNotAvailable
            | ErrorCode::ReplicaNotAvailable
            | ErrorCode::UnknownTopicOrPartition
            | ErrorCode::UnknownTopicId
            | ErrorCode::InconsistentTopicId
            | ErrorCode::FencedLeaderEpoch
            | ErrorCode::KafkaStorageError
            | ErrorCode::ListenerNotFound
            | ErrorCode::NetworkException
    )
}

/// A client's view of the cluster.
#[derive(Debug, Clone)]
pub struct Metadata {
    wanted: BTreeSet<Arc<str>>,
    nodes: BTreeMap<BrokerId, Endpoint>,
    topics: BTreeMap<Arc<str>, TopicState>,
    last_seen_epochs: BTreeMap<NamedPartition, LeaderEpoch>,
    update_requested: bool,
    last_success: Option<Time>,
    allowed_at: Time,
    failures: u32,
    /// Answers in a row that brought nothing new: they slow the asking down.
    equivalent_responses: u32,
    version: u64,
    max_age: Span,
    backoff: ExponentialBackoff,
}

impl Metadata {
    /// Knows nothing yet and wants to be updated.
    #[must_use]
    pub const fn new(max_age: Span, backoff: ExponentialBackoff) -> Self {
        Self {
            wanted: BTreeSet::new(),
            nodes: BTreeMap::new(),
            topics: BTreeMap::new(),
            last_seen_epochs: BTreeMap::new(),
            update_requested: true,
            last_success: None,
            allowed_at: Time::ZERO,
            failures: 0,
            equivalent_responses: 0,
            version: 0,
            max_age,
            backoff,
        }
    }

    /// Wants to know of a topic, at once if it is a new one.
    pub fn want(&mut self, topic: &Arc<str>) {
        if self.wanted.insert(topic.clone()) {
            self.update_requested = true;
            self.allowed_at = Time::ZERO;
            self.equivalent_responses = 0;
        }
    }

    /// The topics that it wants to know of.
    pub fn wanted(&self) -> impl Iterator<Item = &Arc<str>> {
        self.wanted.iter()
    }

    /// Asks for an update as soon as the back-off allows it.
    pub const fn request_update(&mut self) {
        self.update_requested = true;
    }

    /// When to ask next.
    #[must_use]
    pub fn next_update(&self) -> Time {
        match self.last_success {
            Some(last) if !self.update_requested => self.allowed_at.max(last + self.max_age),
            _ => self.allowed_at,
        }
    }

    /// Grows with every update.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// The nodes that are known.
    #[must_use]
    pub const fn nodes(&self) -> &BTreeMap<BrokerId, Endpoint> {
        &self.nodes
    }

    /// The id of a topic; none if it is not known.
    #[must_use]
    pub fn topic_id(&self, topic: &str) -> Option<TopicId> {
        self.topics.get(topic).map(|topic| topic.id).filter(|id| *id != Uuid::ZERO)
    }

    /// The name of a topic.
    #[must_use]
    pub fn topic_name(&self, id: TopicId) -> Option<&Arc<str>> {
        self.topics.iter().find(|(_, topic)| topic.id == id).map(|(name, _)| name)
    }

    /// How many partitions a topic has; none if it is not known.
    #[must_use]
    pub fn partition_count(&self, topic: &str) -> Option<usize> {
        self.topics.get(topic).map(|topic| topic.partitions.len()).filter(|count| *count > 0)
    }

    /// The partitions of a topic, with their leaders.
    pub fn partitions(&self, topic: &str) -> impl Iterator<Item = (i32, LeaderAndEpoch)> {
        let topic = self.topics.get(topic);
        topic.into_iter().flat_map(|topic| &topic.partitions).map(|(index, known)| (*index, *known))
    }

    /// Who leads a partition. Of metadata that is older than an epoch seen elsewhere only the epoch counts.
    #[must_use]
    pub fn leader(&self, partition: &NamedPartition) -> LeaderAndEpoch {
        let seen = self.last_seen_epochs.get(partition).copied();
        let known = self.topics.get(&partition.topic);
        let Some(known) = known.and_then(|topic| topic.partitions.get(&partition.partition)) else {
            return LeaderAndEpoch { leader: None, epoch: seen };
        };
        if seen.is_some() && seen != known.epoch {
            return LeaderAndEpoch { leader: None, epoch: seen };
        }
        let leader = known.leader.filter(|leader| self.nodes.contains_key(leader));
        LeaderAndEpoch { leader, epoch: known.epoch }
    }

    /// Takes a response, and says whether it was one that says something.
    pub fn on_response(
        &mut self,
        response: &MetadataResponse,
        stream: &'static str,
        wires: &mut dyn Wires,
    ) {
        let now = wires.now();
        self.update_requested = false;
        self.last_success = Some(now);
        self.failures = 0;
        self.version += 1;
        self.equivalent_responses = self.equivalent_responses.saturating_add(1);
        self.nodes = response.brokers.iter().filter_map(endpoint_of_broker).collect();
        let mut topics = BTreeMap::new();
        for topic in &response.topics {
            if let Some((name, state)) = self.on_topic(topic) {
                topics.insert(name, state);
            }
        }
        self.topics = topics;
        self.back_off(now, stream, wires);
    }

    /// The request failed or could not be sent.
    pub fn on_failure(&mut self, stream: &'static str, wires: &mut dyn Wires) {
        self.failures = self.failures.saturating_add(1);
        self.equivalent_responses = 0;
        self.back_off(wires.now(), stream, wires);
    }

    /// Starts again from the bootstrap addresses: no node that is known can be reached (KIP-899).
    pub fn rebootstrap(&mut self) {
        self.nodes.clear();
        self.topics.clear();
        self.update_requested = true;
        self.version += 1;
    }

    /// A broker that does not lead a partition said who does (KIP-951). True if that was news.
    pub fn on_leader_hint(
        &mut self,
        partition: &NamedPartition,
        leader: BrokerId,
        epoch: LeaderEpoch,
        endpoints: &BTreeMap<BrokerId, Endpoint>,
    ) -> bool {
        let known = self.leader(partition).epoch;
        let address = endpoints.get(&leader).or_else(|| self.nodes.get(&leader)).cloned();
        let (Some(address), true) = (address, known.is_none_or(|known| epoch > known)) else {
            return false;
        };
        let topic = self.topics.get_mut(&partition.topic);
        let Some(entry) = topic.and_then(|topic| topic.partitions.get_mut(&partition.partition))
        else {
            return false;
        };
        *entry = LeaderAndEpoch { leader: Some(leader), epoch: Some(epoch) };
        self.last_seen_epochs.insert(partition.clone(), epoch);
        self.nodes.insert(leader, address);
        self.version += 1;
        true
    }

    /// A response carried this epoch: if it is newer than what is known, metadata is out of date.
    pub fn on_epoch_seen(&mut self, partition: &NamedPartition, epoch: LeaderEpoch) {
        let newer = self.last_seen_epochs.get_mut(partition).filter(|seen| epoch > **seen);
        if let Some(seen) = newer {
            *seen = epoch;
            self.update_requested = true;
        }
    }

    fn on_topic(&mut self, topic: &metadata_response::Topic) -> Option<(Arc<str>, TopicState)> {
        let name = self.wanted.get(topic.name.as_deref()?)?.clone();
        let error = ErrorCode::from_code(topic.error_code);
        self.update_requested |= is_invalid_metadata(error);
        if !error.is_ok() {
            return None;
        }
        let created_again = self.topics.get(&name).is_none_or(|old| old.id != topic.topic_id);
        let mut state = TopicState { id: topic.topic_id, partitions: BTreeMap::new() };
        for partition in &topic.partitions {
            let error = ErrorCode::from_code(partition.error_code);
            self.update_requested |= is_invalid_metadata(error);
            let at = NamedPartition { topic: name.clone(), partition: partition.partition_index };
            if let Some(leader) = self.on_partition(&at, partition, created_again) {
                state.partitions.insert(partition.partition_index, leader);
            }
        }
        Some((name, state))
    }

    /// What is believed of a partition after this; none if it is older than what was seen and nothing else is known.
    fn on_partition(
        &mut self,
        at: &NamedPartition,
        partition: &metadata_response::Partition,
        created_again: bool,
    ) -> Option<LeaderAndEpoch> {
        let leader = Some(BrokerId(partition.leader_id)).filter(|leader| leader.0 >= 0);
        if partition.leader_epoch < 0 {
            self.last_seen_epochs.remove(at);
            self.equivalent_responses = 0;
            return Some(LeaderAndEpoch { leader, epoch: None });
        }
        let epoch = LeaderEpoch(partition.leader_epoch);
        match self.last_seen_epochs.get(at) {
            Some(seen) if !created_again && epoch < *seen => {
                let old = self.topics.get(&at.topic)?;
                return old.partitions.get(&at.partition).copied();
            }
            Some(seen) if !created_again && epoch == *seen => {}
            _ => self.equivalent_responses = 0,
        }
        let before = self.last_seen_epochs.insert(at.clone(), epoch);
        assert!(
            created_again || before <= Some(epoch),
            "MD-1: {at:?} from {before:?} to {epoch:?}"
        );
        Some(LeaderAndEpoch { leader, epoch: Some(epoch) })
    }

    fn back_off(&mut self, now: Time, stream: &'static str, wires: &mut dyn Wires) {
        let attempts = self.failures.max(self.equivalent_responses).saturating_sub(1);
        self.allowed_at = now + self.backoff.wait(attempts, stream, wires);
    }
}

fn endpoint_of_broker(broker: &metadata_response::Broker) -> Option<(BrokerId, Endpoint)> {
    let port = u16::try_from(broker.port).ok()?;
    Some((BrokerId(broker.node_id), Endpoint { host: broker.host.clone(), port }))
}
