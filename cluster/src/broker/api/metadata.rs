//! Metadata: who the brokers are, and who leads which partition, as this broker's image has it.
//!
//! In Kafka: `KafkaApis.handleTopicMetadataRequest`, `KRaftMetadataCache.getTopicMetadata`.
//! Left out: authorizations.

use std::sync::Arc;

use super::super::request::{Refused, Request};
use super::super::{Broker, Cx};
use super::authorized;
use crate::controller::topic_names;
use crate::error_code::ErrorCode;
use crate::ids::{BrokerId, Uuid};
use crate::image::{MetadataImage, PartitionRegistration, TopicImage};
use crate::wire::{MetadataRequest, MetadataResponse, metadata_request, metadata_response as wire};

/// From here on a request names topics by id too.
const KNOWS_TOPIC_IDS: i16 = 10;
/// And from here on they may be asked for.
const TAKES_TOPIC_IDS: i16 = 12;
/// From here on a client says whether a topic is to be made.
const SAYS_WHETHER_TO_CREATE: i16 = 4;

pub(super) fn handle(
    broker: &mut Broker,
    request: &Arc<Request>,
    cx: &mut Cx<'_>,
) -> Result<(), Refused> {
    let message = request.message::<MetadataRequest>()?;
    let version = request.header.request_api_version;
    let named = message.topics.as_deref().unwrap_or_default();
    if let Some(error) = refusal(named, version) {
        let response = MetadataResponse {
            error_code: error.code(),
            controller_id: BrokerId::NONE.0,
            topics: named.iter().map(|topic| refused(topic, error)).collect(),
            ..Default::default()
        };
        broker.respond::<MetadataRequest>(request, &response, cx);
        return Ok(());
    }
    let image = broker.image();
    let topics = match &message.topics {
        None => image.topics().by_name().map(|topic| describe(image, topic)).collect(),
        // Version 0 knows no null: there, none named means all.
        Some(named) if named.is_empty() && version == 0 => {
            image.topics().by_name().map(|topic| describe(image, topic)).collect()
        }
        Some(named) => find_all(image, named, version),
    };
    let operations = |asked: bool, all: i32| if asked { all } else { authorized::NOT_ASKED };
    let on_topics = operations(message.include_topic_authorized_operations, authorized::ON_TOPICS);
    let with_operations = |mut topic: wire::Topic| {
        if topic.error_code != ErrorCode::UnknownTopicId.code() {
            topic.topic_authorized_operations = on_topics;
        }
        topic
    };
    let topics: Vec<wire::Topic> = topics;
    let missing = missing(broker.image(), &message, version);
    let response = MetadataResponse {
        brokers: brokers(image, broker.listener_of(request.conn)),
        cluster_id: Some(broker.identity().cluster_id.to_string()),
        controller_id: random_alive_broker(broker, cx),
        topics: topics.into_iter().map(with_operations).collect(),
        cluster_authorized_operations: operations(
            message.include_cluster_authorized_operations,
            authorized::ON_THE_CLUSTER,
        ),
        ..Default::default()
    };
    broker.respond::<MetadataRequest>(request, &response, cx);
    if broker.config().node.auto_create_topics_enable {
        broker.auto_create(request, &missing, cx);
    }
    Ok(())
}

/// The names without a topic that a client wants to be made. Who asks by ids wants none.
fn missing(image: &MetadataImage, message: &MetadataRequest, version: i16) -> Vec<String> {
    // Before that nobody could say so, and everybody wanted it.
    let wants = message.allow_auto_topic_creation || version < SAYS_WHETHER_TO_CREATE;
    let named = message.topics.as_deref().unwrap_or_default();
    if !wants || named.iter().any(|topic| topic.topic_id != Uuid::ZERO) {
        return Vec::new();
    }
    let names = named.iter().filter_map(|topic| topic.name.as_ref());
    names.filter(|name| image.topics().topic_by_name(name).is_none()).cloned().collect()
}

/// The brokers that are not fenced, by where whoever uses this listener reaches them.
fn brokers(image: &MetadataImage, listener: &str) -> Vec<wire::Broker> {
    let alive = image.cluster().brokers().filter(|broker| !broker.fenced);
    alive
        .filter_map(|broker| {
            let endpoint = broker.endpoint(listener)?;
            Some(wire::Broker {
                node_id: broker.id.0,
                host: endpoint.host.to_string(),
                port: i32::from(endpoint.port),
                rack: broker.rack.as_deref().map(str::to_owned),
            })
        })
        .collect()
}

/// Clients cannot reach the controller: Kafka names a random live broker, which forwards.
pub(super) fn random_alive_broker(broker: &Broker, cx: &mut Cx<'_>) -> i32 {
    let alive: Vec<BrokerId> = broker
        .image()
        .cluster()
        .brokers()
        .filter(|broker| !broker.fenced)
        .map(|broker| broker.id)
        .collect();
    if alive.is_empty() {
        return BrokerId::NONE.0;
    }
    let index = cx.random("metadata.controller").below(alive.len() as u64);
    alive[usize::try_from(index).expect("below their number")].0
}

/// Why all of it is refused: a version that knows ids and cannot ask by them yet (KAFKA-13701); neither name nor id.
fn refusal(named: &[metadata_request::Topic], version: i16) -> Option<ErrorCode> {
    let has_id = |topic: &metadata_request::Topic| topic.topic_id != Uuid::ZERO;
    match version {
        TAKES_TOPIC_IDS.. => named
            .iter()
            .any(|topic| topic.name.is_none() && !has_id(topic))
            .then_some(ErrorCode::UnknownServerError),
        KNOWS_TOPIC_IDS.. => named
            .iter()
            .any(|topic| topic.name.is_none() || has_id(topic))
            .then_some(ErrorCode::InvalidRequest),
        _ => None,
    }
}

fn refused(named: &metadata_request::Topic, error: ErrorCode) -> wire::Topic {
    wire::Topic {
        error_code: error.code(),
        name: Some(named.name.clone().unwrap_or_default()),
        topic_id: named.topic_id,
        ..Default::default()
    }
}

/// What is there, then what is not; nothing twice. Where one topic is asked for by its id, names do not count.
fn find_all(
    image: &MetadataImage,
    named: &[metadata_request::Topic],
    version: i16,
) -> Vec<wire::Topic> {
    let by_id = named.iter().any(|topic| topic.topic_id != Uuid::ZERO);
    let mut asked: Vec<&metadata_request::Topic> = Vec::new();
    for topic in named.iter().filter(|topic| !by_id || topic.topic_id != Uuid::ZERO) {
        let same = |other: &&metadata_request::Topic| match by_id {
            true => other.topic_id == topic.topic_id,
            false => other.name == topic.name,
        };
        if !asked.iter().any(same) {
            asked.push(topic);
        }
    }
    let mut found: Vec<_> = asked.into_iter().map(|topic| find(image, topic, version)).collect();
    found.sort_by_key(|topic| topic.error_code != ErrorCode::None.code());
    found
}

fn find(image: &MetadataImage, named: &metadata_request::Topic, version: i16) -> wire::Topic {
    let by_id = version >= KNOWS_TOPIC_IDS && named.topic_id != Uuid::ZERO;
    let found = if by_id {
        image.topics().topic(named.topic_id)
    } else {
        named.name.as_deref().and_then(|name| image.topics().topic_by_name(name))
    };
    match found {
        Some(topic) => describe(image, topic),
        None => wire::Topic {
            error_code: match &named.name {
                _ if by_id => ErrorCode::UnknownTopicId.code(),
                Some(name) if topic_names::validate(name).is_err() => {
                    ErrorCode::InvalidTopicException.code()
                }
                _ => ErrorCode::UnknownTopicOrPartition.code(),
            },
            is_internal: !by_id && named.name.as_deref().is_some_and(topic_names::is_internal),
            name: named.name.clone().or_else(|| (version < 12).then(String::new)),
            topic_id: named.topic_id,
            ..Default::default()
        },
    }
}

fn describe(image: &MetadataImage, topic: &TopicImage) -> wire::Topic {
    let partitions = topic
        .partitions
        .iter()
        .map(|(index, registration)| partition(image, *index, registration))
        .collect();
    wire::Topic {
        name: Some(topic.name.to_string()),
        topic_id: topic.id,
        is_internal: topic_names::is_internal(&topic.name),
        partitions,
        ..Default::default()
    }
}

fn partition(
    image: &MetadataImage,
    index: i32,
    registration: &PartitionRegistration,
) -> wire::Partition {
    let leader_id = leader_id(image, registration);
    let error = match leader_id == BrokerId::NONE.0 {
        false => ErrorCode::None,
        true => ErrorCode::LeaderNotAvailable,
    };
    wire::Partition {
        error_code: error.code(),
        partition_index: index,
        leader_id,
        leader_epoch: registration.leader_epoch.0,
        replica_nodes: ids(&registration.replicas),
        isr_nodes: ids(&registration.isr),
        offline_replicas: offline_replicas(image, registration),
    }
}

pub(super) fn ids(members: &[BrokerId]) -> Vec<i32> {
    members.iter().map(|id| id.0).collect()
}

/// Who leads, if it is there; else nobody.
pub(super) fn leader_id(image: &MetadataImage, registration: &PartitionRegistration) -> i32 {
    let alive = registration.leader.filter(|id| image.cluster().is_unfenced(*id));
    alive.unwrap_or(BrokerId::NONE).0
}

pub(super) fn offline_replicas(
    image: &MetadataImage,
    registration: &PartitionRegistration,
) -> Vec<i32> {
    let replicas = registration.replicas.iter().filter(|id| !image.cluster().is_unfenced(**id));
    replicas.map(|id| id.0).collect()
}
