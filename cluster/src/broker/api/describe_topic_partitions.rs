//! DescribeTopicPartitions: topics with their partitions, page by page.
//!
//! In Kafka:   `DescribeTopicPartitionsRequestHandler`, `KRaftMetadataCache.describeTopicResponse`; KIP-966.
//! Invariants: DT-1 topics come in the order of their names; a page ends at its limit of partitions, and its cursor
//!             names the first one that is left.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::request::{Refused, Request};
use super::super::{Broker, Cx};
use super::authorized;
use super::metadata::{ids, leader_id, offline_replicas};
use crate::controller::topic_names;
use crate::error_code::ErrorCode;
use crate::image::{MetadataImage, TopicImage};
use crate::wire::{
    DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse,
    describe_topic_partitions_response as wire,
};

/// `max.request.partition.size.limit`.
const LIMIT: i32 = 2_000;

pub(super) fn handle(
    broker: &mut Broker,
    request: &Arc<Request>,
    cx: &mut Cx<'_>,
) -> Result<(), Refused> {
    let message = request.message::<DescribeTopicPartitionsRequest>()?;
    // The empty name is none of a resource: Kafka fails as a whole where it asks who may see it.
    let is_named = message.topics.iter().all(|topic| !topic.name.is_empty());
    let response = match (cursor_is_valid(&message), is_named) {
        (true, true) => answer(broker.image(), &message),
        (false, _) => refused(&message, ErrorCode::InvalidRequest),
        (true, false) => refused(&message, ErrorCode::UnknownServerError),
    };
    broker.respond::<DescribeTopicPartitionsRequest>(request, &response, cx);
    Ok(())
}

/// The cursor names a partition of one of the topics that are asked for.
fn cursor_is_valid(message: &DescribeTopicPartitionsRequest) -> bool {
    let Some(cursor) = &message.cursor else { return true };
    let names_it = message.topics.iter().any(|topic| topic.name == cursor.topic_name);
    cursor.partition_index >= 0 && (message.topics.is_empty() || names_it)
}

fn refused(
    message: &DescribeTopicPartitionsRequest,
    error: ErrorCode,
) -> DescribeTopicPartitionsResponse {
    let refused = message.topics.iter().map(|topic| wire::Topic {
        error_code: error.code(),
        name: Some(topic.name.clone()),
        ..Default::default()
    });
    DescribeTopicPartitionsResponse { topics: refused.collect(), ..Default::default() }
}

fn answer(
    image: &MetadataImage,
    message: &DescribeTopicPartitionsRequest,
) -> DescribeTopicPartitionsResponse {
    let (first, start) = match &message.cursor {
        Some(cursor) => (cursor.topic_name.as_str(), cursor.partition_index),
        None => ("", 0),
    };
    let all = message.topics.is_empty();
    let asked: BTreeSet<&str> = match all {
        true => image.topics().by_name().map(|topic| &*topic.name).collect(),
        false => message.topics.iter().map(|topic| topic.name.as_str()).collect(),
    };
    let mut response = DescribeTopicPartitionsResponse::default();
    let limit = message.response_partition_limit.clamp(1, LIMIT);
    let mut left = usize::try_from(limit).expect("at least one");
    for name in asked.into_iter().filter(|name| *name >= first) {
        let start = if name == first { usize::try_from(start).unwrap_or(0) } else { 0 };
        if left == 0 {
            response.next_cursor = Some(cursor(name, 0));
            break;
        }
        let Some(topic) = image.topics().topic_by_name(name) else {
            if !all {
                response.topics.push(unknown(name));
            }
            continue;
        };
        let end = topic.partitions.len().min(start.saturating_add(left));
        response.topics.push(described(image, topic, start..end));
        left -= end.saturating_sub(start);
        if end < topic.partitions.len() {
            response.next_cursor = Some(cursor(name, end));
            break;
        }
    }
    response
}

fn cursor(topic_name: &str, partition: usize) -> wire::NextCursor {
    let partition_index = i32::try_from(partition).expect("as many as a topic has");
    wire::NextCursor { topic_name: topic_name.to_owned(), partition_index }
}

fn unknown(name: &str) -> wire::Topic {
    let error = match topic_names::validate(name) {
        Ok(()) => ErrorCode::UnknownTopicOrPartition,
        Err(_) => ErrorCode::InvalidTopicException,
    };
    wire::Topic {
        error_code: error.code(),
        name: Some(name.to_owned()),
        is_internal: topic_names::is_internal(name),
        topic_authorized_operations: authorized::ON_TOPICS,
        ..Default::default()
    }
}

fn described(
    image: &MetadataImage,
    topic: &TopicImage,
    range: std::ops::Range<usize>,
) -> wire::Topic {
    let partitions = topic.partitions.iter().take(range.end).skip(range.start);
    let partitions = partitions.map(|(index, registration)| wire::Partition {
        partition_index: *index,
        leader_id: leader_id(image, registration),
        leader_epoch: registration.leader_epoch.0,
        replica_nodes: ids(&registration.replicas),
        isr_nodes: ids(&registration.isr),
        eligible_leader_replicas: Some(ids(&registration.eligible_leader_replicas)),
        last_known_elr: Some(ids(&registration.last_known_elr)),
        offline_replicas: offline_replicas(image, registration),
        ..Default::default()
    });
    wire::Topic {
        name: Some(topic.name.to_string()),
        topic_id: topic.id,
        is_internal: topic_names::is_internal(&topic.name),
        partitions: partitions.collect(),
        topic_authorized_operations: authorized::ON_TOPICS,
        ..Default::default()
    }
}
