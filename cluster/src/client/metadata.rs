//! What a client believes of the cluster: which nodes there are, who leads which partition in which epoch.
//!
//! In Kafka:   `Metadata`, `MetadataSnapshot`; KIP-320 (epochs), KIP-516 (topic ids), KIP-951 (leader hints).
//! Holds:      nodes, topics, the newest leader epoch seen of each partition; when to ask again.
//! Inputs:     metadata responses and failures, leader hints. Effects: none; its owner asks when it is due.
//! Invariants: MD-1 a partition's leader epoch never goes back, unless the topic was created again (KAFKA-12257).
//! Left out:   partial updates, topics that expire for want of use.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use trial_sim::{Span, Time};

use crate::error_code::ErrorCode;
use crate::ids::{BrokerId, LeaderEpoch, TopicId, Uuid};
use crate::net::{ExponentialBackoff, Wires};
use crate::wire::{MetadataResponse, metadata_request, metadata_response};

/// A partition as clients name it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
    is_internal: bool,
    partitions: BTreeMap<i32, PartitionState>,
}

#[derive(Debug, Clone, Default)]
struct PartitionState {
    leader: LeaderAndEpoch,
    /// The replicas that are not said to be offline.
    online: Arc<[BrokerId]>,
    /// All of them.
    replicas: Arc<[BrokerId]>,
}

/// Which topics are asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Asked {
    /// Those that are wanted, by name.
    Names,
    /// All that there are: somebody looks for names that match.
    All,
    /// Those with these ids: a coordinator has assigned them, whatever their names.
    Ids(BTreeSet<TopicId>),
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
    asked: Asked,
    nodes: BTreeMap<BrokerId, Endpoint>,
    racks: BTreeMap<BrokerId, Arc<str>>,
    topics: BTreeMap<Arc<str>, TopicState>,
    /// The last id of every topic that was known once.
    last_ids: BTreeMap<Arc<str>, TopicId>,
    last_seen_epochs: BTreeMap<NamedPartition, LeaderEpoch>,
    update_requested: bool,
    /// Topics are wanted that the request under way does not ask about.
    wanted_since: bool,
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
            asked: Asked::Names,
            nodes: BTreeMap::new(),
            racks: BTreeMap::new(),
            topics: BTreeMap::new(),
            last_ids: BTreeMap::new(),
            last_seen_epochs: BTreeMap::new(),
            update_requested: true,
            wanted_since: false,
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

    /// Wants to know of these topics and no others. True if one of them is new, and asked about at once.
    pub fn want_only(&mut self, topics: &BTreeSet<Arc<str>>) -> bool {
        let is_news = self.asked == Asked::Names && !topics.is_subset(&self.wanted);
        self.wanted.clone_from(topics);
        if is_news {
            self.request_update_for_new_topics();
        }
        is_news
    }

    /// Asks about all topics from now on.
    pub fn want_all(&mut self) {
        if self.asked != Asked::All {
            self.asked = Asked::All;
            self.request_update_for_new_topics();
        }
    }

    /// Asks about the topics with these ids from now on.
    pub fn want_ids(&mut self, ids: &BTreeSet<TopicId>) {
        if !matches!(&self.asked, Asked::Ids(asked) if asked == ids) {
            self.asked = Asked::Ids(ids.clone());
            self.request_update_for_new_topics();
        }
    }

    /// Asks for an update at once (`requestUpdateForNewTopics`).
    pub const fn request_update_for_new_topics(&mut self) {
        self.update_requested = true;
        self.allowed_at = Time::ZERO;
        self.equivalent_responses = 0;
        self.wanted_since = true;
    }

    /// A request is about to leave: what is wanted from now on is not in it.
    pub const fn on_request(&mut self) {
        self.wanted_since = false;
    }

    /// The topics of a request; none for all that there are.
    #[must_use]
    pub fn to_ask(&self) -> Option<Vec<metadata_request::Topic>> {
        let by_id = |id: &TopicId| metadata_request::Topic { topic_id: *id, name: None };
        let by_name = |name: &Arc<str>| metadata_request::Topic {
            name: Some(name.to_string()),
            ..metadata_request::Topic::default()
        };
        match &self.asked {
            Asked::Names => Some(self.wanted.iter().map(by_name).collect()),
            Asked::All => None,
            Asked::Ids(ids) => Some(ids.iter().map(by_id).collect()),
        }
    }

    /// Whether an update was asked for and has not come.
    #[must_use]
    pub const fn is_update_requested(&self) -> bool {
        self.update_requested
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

    /// The id that a topic had when it was last known: of records that were fetched before it was forgotten.
    #[must_use]
    pub fn last_id_of(&self, topic: &str) -> Option<TopicId> {
        self.topic_id(topic).or_else(|| self.last_ids.get(topic).copied())
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

    /// The topics that are known, and whether each is one of Kafka's own.
    pub fn topics(&self) -> impl Iterator<Item = (&Arc<str>, bool)> {
        self.topics.iter().map(|(name, topic)| (name, topic.is_internal))
    }

    /// The racks of each partition of a topic, from partition 0 on (KIP-881): of all replicas whose brokers are known
    /// and have one. Nothing if the topic is not known.
    #[must_use]
    pub fn racks(&self, topic: &str) -> Vec<BTreeSet<Arc<str>>> {
        let Some(topic) = self.topics.get(topic) else {
            return Vec::new();
        };
        let of = |partition: &PartitionState| {
            partition.replicas.iter().filter_map(|id| self.racks.get(id).cloned()).collect()
        };
        topic.partitions.values().map(of).collect()
    }

    /// The partitions of a topic, with their leaders.
    pub fn partitions(&self, topic: &str) -> impl Iterator<Item = (i32, LeaderAndEpoch)> {
        let topic = self.topics.get(topic);
        let known = topic.into_iter().flat_map(|topic| &topic.partitions);
        known.map(|(index, known)| (*index, known.leader))
    }

    /// Who leads a partition. Of metadata that is older than an epoch seen elsewhere only the epoch counts.
    #[must_use]
    pub fn leader(&self, partition: &NamedPartition) -> LeaderAndEpoch {
        let seen = self.last_seen_epochs.get(partition).copied();
        let known = self.topics.get(&partition.topic);
        let Some(known) = known.and_then(|topic| topic.partitions.get(&partition.partition)) else {
            return LeaderAndEpoch { leader: None, epoch: seen };
        };
        let known = known.leader;
        if seen.is_some() && seen != known.epoch {
            return LeaderAndEpoch { leader: None, epoch: seen };
        }
        let leader = known.leader.filter(|leader| self.nodes.contains_key(leader));
        LeaderAndEpoch { leader, epoch: known.epoch }
    }

    /// Whether a node can be read from instead of a partition's leader (`Cluster.nodeIfOnline`).
    #[must_use]
    pub fn is_online(&self, partition: &NamedPartition, replica: BrokerId) -> bool {
        let known = self.topics.get(&partition.topic);
        let known = known.and_then(|topic| topic.partitions.get(&partition.partition));
        self.nodes.contains_key(&replica) && known.is_some_and(|it| it.online.contains(&replica))
    }

    /// Takes a response, and says whether it was one that says something.
    pub fn on_response(
        &mut self,
        response: &MetadataResponse,
        stream: &'static str,
        wires: &mut dyn Wires,
    ) {
        let now = wires.now();
        self.update_requested = self.wanted_since;
        self.last_success = Some(now);
        self.failures = 0;
        self.version += 1;
        self.equivalent_responses = self.equivalent_responses.saturating_add(1);
        self.nodes = response.brokers.iter().filter_map(endpoint_of_broker).collect();
        self.racks = response.brokers.iter().filter_map(rack_of_broker).collect();
        let mut topics = BTreeMap::new();
        for topic in &response.topics {
            if let Some((name, state)) = self.on_topic(topic) {
                topics.insert(name, state);
            }
        }
        self.topics = topics;
        let known = self.topics.iter().filter(|(_, topic)| topic.id != Uuid::ZERO);
        self.last_ids.extend(known.map(|(name, topic)| (Arc::clone(name), topic.id)));
        self.back_off(now, stream, wires);
        if self.wanted_since {
            self.allowed_at = Time::ZERO;
        }
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
        entry.leader = LeaderAndEpoch { leader: Some(leader), epoch: Some(epoch) };
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

    /// The name of a topic that was asked about; none for any other.
    fn name_of(&self, name: &str) -> Option<Arc<str>> {
        let known =
            self.wanted.get(name).or_else(|| self.topics.get_key_value(name).map(|it| it.0));
        match &self.asked {
            Asked::Names => self.wanted.get(name).cloned(),
            Asked::All | Asked::Ids(_) => Some(known.cloned().unwrap_or_else(|| Arc::from(name))),
        }
    }

    fn on_topic(&mut self, topic: &metadata_response::Topic) -> Option<(Arc<str>, TopicState)> {
        let name = self.name_of(topic.name.as_deref()?)?;
        let error = ErrorCode::from_code(topic.error_code);
        self.update_requested |= is_invalid_metadata(error);
        if !error.is_ok() {
            return None;
        }
        let created_again = self.topics.get(&name).is_none_or(|old| old.id != topic.topic_id);
        let mut state = TopicState {
            id: topic.topic_id,
            is_internal: topic.is_internal,
            partitions: BTreeMap::new(),
        };
        for partition in &topic.partitions {
            let error = ErrorCode::from_code(partition.error_code);
            self.update_requested |= is_invalid_metadata(error);
            let at = NamedPartition { topic: name.clone(), partition: partition.partition_index };
            if let Some(known) = self.on_partition(&at, partition, created_again) {
                state.partitions.insert(partition.partition_index, known);
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
    ) -> Option<PartitionState> {
        let leader = Some(BrokerId(partition.leader_id)).filter(|leader| leader.0 >= 0);
        let replicas = partition.replica_nodes.iter();
        let online = replicas.filter(|id| !partition.offline_replicas.contains(id));
        let online = online.map(|id| BrokerId(*id)).collect();
        let replicas = partition.replica_nodes.iter().map(|id| BrokerId(*id)).collect();
        if partition.leader_epoch < 0 {
            self.last_seen_epochs.remove(at);
            self.equivalent_responses = 0;
            return Some(PartitionState {
                leader: LeaderAndEpoch { leader, epoch: None },
                online,
                replicas,
            });
        }
        let epoch = LeaderEpoch(partition.leader_epoch);
        match self.last_seen_epochs.get(at) {
            Some(seen) if !created_again && epoch < *seen => {
                let old = self.topics.get(&at.topic)?;
                return old.partitions.get(&at.partition).cloned();
            }
            Some(seen) if !created_again && epoch == *seen => {}
            _ => self.equivalent_responses = 0,
        }
        let before = self.last_seen_epochs.insert(at.clone(), epoch);
        assert!(
            created_again || before <= Some(epoch),
            "MD-1: {at:?} from {before:?} to {epoch:?}"
        );
        Some(PartitionState {
            leader: LeaderAndEpoch { leader, epoch: Some(epoch) },
            online,
            replicas,
        })
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

fn rack_of_broker(broker: &metadata_response::Broker) -> Option<(BrokerId, Arc<str>)> {
    Some((BrokerId(broker.node_id), Arc::from(broker.rack.as_deref()?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::tests::FakeWires;

    const STREAM: &str = "test";

    struct Fixture {
        metadata: Metadata,
        wires: FakeWires,
        at: NamedPartition,
    }

    impl Fixture {
        fn new() -> Self {
            let backoff = ExponentialBackoff::new(Span::from_millis(100), Span::from_secs(1));
            let mut metadata = Metadata::new(Span::from_secs(300), backoff);
            metadata.want(&"t".into());
            let at = NamedPartition { topic: "t".into(), partition: 0 };
            Self { metadata, wires: FakeWires::default(), at }
        }

        /// Metadata says that `leader` leads in `epoch` of the topic of this id; who leads then, as the client sees it.
        fn learn(&mut self, id: u128, leader: i32, epoch: i32) -> (Option<i32>, Option<i32>) {
            let broker = |node_id| metadata_response::Broker {
                node_id,
                host: format!("b{node_id}"),
                port: 9092,
                rack: None,
            };
            let partition = metadata_response::Partition {
                leader_id: leader,
                leader_epoch: epoch,
                ..metadata_response::Partition::default()
            };
            let topic = metadata_response::Topic {
                name: Some("t".to_owned()),
                topic_id: Uuid(id),
                partitions: vec![partition],
                ..metadata_response::Topic::default()
            };
            let response = MetadataResponse {
                brokers: vec![broker(1), broker(2)],
                topics: vec![topic],
                ..MetadataResponse::default()
            };
            self.metadata.on_response(&response, STREAM, &mut self.wires);
            self.leader()
        }

        fn leader(&self) -> (Option<i32>, Option<i32>) {
            let known = self.metadata.leader(&self.at);
            (known.leader.map(|id| id.0), known.epoch.map(|epoch| epoch.0))
        }

        fn hint(&mut self, leader: i32, epoch: i32) -> bool {
            let nodes = BTreeMap::new();
            self.metadata.on_leader_hint(&self.at, BrokerId(leader), LeaderEpoch(epoch), &nodes)
        }
    }

    #[test]
    fn an_older_epoch_is_ignored_unless_the_topic_was_created_again() {
        let mut it = Fixture::new();
        assert_eq!(it.learn(7, 1, 5), (Some(1), Some(5)), "the first");
        assert_eq!(it.learn(7, 2, 4), (Some(1), Some(5)), "MD-1: from a broker that lags");
        assert_eq!(it.learn(7, 2, 5), (Some(2), Some(5)), "an equal epoch is taken");
        assert_eq!(it.learn(8, 1, 0), (Some(1), Some(0)), "another topic of that name");
    }

    #[test]
    fn a_hint_counts_if_it_is_newer_and_its_node_is_known() {
        let mut it = Fixture::new();
        it.learn(7, 1, 5);
        assert!(!it.hint(2, 5), "not newer");
        assert!(!it.hint(3, 6), "nobody said where b3 is");
        assert_eq!((it.hint(2, 6), it.leader()), (true, (Some(2), Some(6))), "news");
        assert_eq!(it.learn(7, 1, 5), (Some(2), Some(6)), "older metadata does not undo it");
    }

    #[test]
    fn a_newer_epoch_seen_elsewhere_makes_metadata_stale() {
        let mut it = Fixture::new();
        it.learn(7, 1, 5);
        it.metadata.on_epoch_seen(&it.at.clone(), LeaderEpoch(6));
        assert_eq!(it.leader(), (None, Some(6)), "whoever leads in epoch 6, it is not known");
        assert_eq!(it.learn(7, 2, 6), (Some(2), Some(6)), "until metadata catches up");
    }

    #[test]
    fn asking_slows_down_while_nothing_new_comes() {
        let mut it = Fixture::new();
        for wait in [100, 100, 200, 400, 800, 1_000, 1_000] {
            it.learn(7, 1, 5);
            it.metadata.request_update();
            let due = it.metadata.next_update().since(it.wires.now);
            assert_eq!(due, Span::from_millis(wait), "with the jitter in the middle");
            it.wires.now = it.metadata.next_update();
        }
        it.learn(7, 1, 6);
        it.metadata.request_update();
        let due = it.metadata.next_update().since(it.wires.now);
        assert_eq!(due, Span::from_millis(100), "news: as at first");
    }

    #[test]
    fn metadata_is_refreshed_when_it_is_old() {
        let mut it = Fixture::new();
        assert_eq!(it.metadata.next_update(), Time::ZERO, "at once, at first");
        it.learn(7, 1, 5);
        let due = it.metadata.next_update();
        assert_eq!(due, Time::ZERO + Span::from_secs(300), "metadata.max.age.ms");
    }
}
