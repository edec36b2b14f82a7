//! OffsetFetch: how far groups have come, each in a part of its own.
//!
//! In Kafka:   `KafkaApis.handleOffsetFetchRequest`, `GroupCoordinatorService.fetchOffsets`, `OffsetFetchResponse`;
//!             KIP-709 (several groups), KIP-848 (topics by id, from version 10).
//! Holds:      for each group what was asked, and which of its topics are unknown.
//! Invariants: OF-1 what has to be stable waits for what was written before it (KIP-447); its errors are told in words
//!             that old consumers understand.

use std::sync::Arc;

use super::super::super::request::Request;
use super::super::super::{Broker, Cx};
use super::{Answer, Handled, Part, Rest, for_clients, other};
use crate::error_code::ErrorCode;
use crate::group::{GroupError, GroupQuestion, GroupRequest, GroupResponse};
use crate::ids::Uuid;
use crate::wire::{
    OffsetFetchRequest, OffsetFetchResponse, offset_fetch_request as asked,
    offset_fetch_response as wire,
};

/// From here on an answer has an error of its own.
const HAS_ERROR: i16 = 2;
/// From here on a request has several groups.
const HAS_SEVERAL_GROUPS: i16 = 8;
/// From here on topics are named by id.
const NAMES_TOPICS_BY_ID: i16 = 10;
/// There is no offset.
const NONE: i64 = -1;

/// A request for the offsets of groups.
#[derive(Debug, Clone)]
pub(super) struct OffsetFetch {
    groups: Vec<Fetched>,
    is_stable: bool,
}

#[derive(Debug, Clone)]
struct Fetched {
    asked: asked::Group,
    unknown: Vec<wire::GroupTopic>,
}

pub(super) fn handle(broker: &mut Broker, request: &Arc<Request>, cx: &mut Cx<'_>) -> Handled {
    let message = request.message::<OffsetFetchRequest>()?;
    let version = request.header.request_api_version;
    let is_stable = message.require_stable;
    let groups = if version >= HAS_SEVERAL_GROUPS { message.groups } else { vec![single(message)] };
    let mut fetch = OffsetFetch { groups: Vec::new(), is_stable };
    let mut parts = Vec::new();
    for mut group in groups {
        let unknown = match version >= NAMES_TOPICS_BY_ID {
            true => resolve(broker, &mut group),
            false => Vec::new(),
        };
        let partition = broker.partition_of_group(&group.group_id);
        let mut question = group.clone();
        if let Some(topics) = &mut question.topics {
            topics.retain(|topic| version < NAMES_TOPICS_BY_ID || !topic.name.is_empty());
        }
        let part = match is_stable {
            true => Part::Request(GroupRequest::FetchStableOffsets(question)),
            false => Part::Question(GroupQuestion::OffsetFetch(question)),
        };
        parts.push((partition, part));
        fetch.groups.push(Fetched { asked: group, unknown });
    }
    broker.ask_groups(request, Rest::OffsetFetch(Box::new(fetch)), parts, cx);
    Ok(())
}

/// The one group of an older request.
fn single(message: OffsetFetchRequest) -> asked::Group {
    let of_group = |topic: asked::Topic| asked::GroupTopic {
        name: topic.name,
        topic_id: Uuid::ZERO,
        partition_indexes: topic.partition_indexes,
    };
    let topics = message.topics.map(|topics| topics.into_iter().map(of_group).collect());
    asked::Group { group_id: message.group_id, topics, ..Default::default() }
}

/// Names the topics of a group; answers those that nobody knows.
fn resolve(broker: &Broker, group: &mut asked::Group) -> Vec<wire::GroupTopic> {
    let mut unknown = Vec::new();
    for topic in group.topics.iter_mut().flatten() {
        match broker.image().topics().topic(topic.topic_id) {
            Some(found) => topic.name = found.name.to_string(),
            None => unknown.push(refused(topic, ErrorCode::UnknownTopicId)),
        }
    }
    unknown
}

fn refused(topic: &asked::GroupTopic, error: ErrorCode) -> wire::GroupTopic {
    let partitions = topic.partition_indexes.iter().map(|index| wire::GroupTopicPartition {
        partition_index: *index,
        committed_offset: NONE,
        error_code: error.code(),
        ..Default::default()
    });
    wire::GroupTopic {
        name: topic.name.clone(),
        topic_id: topic.topic_id,
        partitions: partitions.collect(),
    }
}

/// A group that is refused (`OffsetFetchResponse.groupError`).
fn refuse(group: &asked::Group, error: ErrorCode, version: i16) -> wire::Group {
    let group_id = group.group_id.clone();
    if version >= HAS_ERROR {
        return wire::Group { group_id, error_code: error.code(), ..Default::default() };
    }
    let topics = group.topics.iter().flatten().map(|topic| refused(topic, error));
    wire::Group { group_id, topics: topics.collect(), ..Default::default() }
}

impl OffsetFetch {
    pub(super) fn answer(
        self,
        broker: &mut Broker,
        request: &Request,
        answers: Vec<Answer>,
        cx: &mut Cx<'_>,
    ) {
        let version = request.header.request_api_version;
        let by_id = version >= NAMES_TOPICS_BY_ID;
        let mut groups = Vec::new();
        for (answer, fetched) in answers.into_iter().zip(self.groups) {
            let mut group = match answer {
                Ok(GroupResponse::OffsetFetch(group)) => group,
                Ok(response) => other(&response),
                Err(error) => {
                    let code = if self.is_stable { of_stable(error) } else { error.code };
                    groups.push(refuse(&fetched.asked, code, version));
                    continue;
                }
            };
            if group.error_code == 0 && by_id {
                identify(broker, &mut group);
                group.topics.extend(fetched.unknown);
            }
            groups.push(group);
        }
        let response = match version {
            HAS_SEVERAL_GROUPS.. => OffsetFetchResponse { groups, ..Default::default() },
            _ => of_one(groups),
        };
        broker.respond::<OffsetFetchRequest>(request, &response, cx);
    }
}

/// Topics without an id get it; what has none cannot be told.
fn identify(broker: &Broker, group: &mut wire::Group) {
    for topic in group.topics.iter_mut().filter(|topic| topic.topic_id == Uuid::ZERO) {
        if let Some(found) = broker.image().topics().topic_by_name(&topic.name) {
            topic.topic_id = found.id;
        }
    }
    group.topics.retain(|topic| topic.topic_id != Uuid::ZERO);
}

/// OF-1 (`GroupCoordinatorService.handleOffsetFetchException`).
fn of_stable(error: GroupError) -> ErrorCode {
    match error.code {
        ErrorCode::UnknownTopicOrPartition
        | ErrorCode::NotEnoughReplicas
        | ErrorCode::RequestTimedOut => ErrorCode::NotCoordinator,
        _ => for_clients(error).code,
    }
}

/// The answer to a request for one group.
fn of_one(groups: Vec<wire::Group>) -> OffsetFetchResponse {
    let group = groups.into_iter().next().expect("there is one");
    let of_partition = |partition: wire::GroupTopicPartition| wire::Partition {
        partition_index: partition.partition_index,
        committed_offset: partition.committed_offset,
        committed_leader_epoch: partition.committed_leader_epoch,
        metadata: partition.metadata,
        error_code: partition.error_code,
    };
    let topics = group.topics.into_iter().map(|topic| wire::Topic {
        name: topic.name,
        partitions: topic.partitions.into_iter().map(of_partition).collect(),
    });
    OffsetFetchResponse {
        topics: topics.collect(),
        error_code: group.error_code,
        ..Default::default()
    }
}
