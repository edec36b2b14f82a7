//! OffsetCommit: how far a group has come.
//!
//! In Kafka: `KafkaApis.handleOffsetCommitRequest`, `GroupCoordinatorService.commitOffsets`, `OffsetCommitResponse`;
//!           KIP-848 (topics by id, from version 10). The empty group is one.

use std::sync::Arc;

use super::super::super::request::Request;
use super::super::super::{Broker, Cx};
use super::{Answer, Handled, Part, Rest, for_clients, other};
use crate::error_code::ErrorCode;
use crate::group::{GroupRequest, GroupResponse};
use crate::ids::{TopicId, Uuid};
use crate::wire::{
    OffsetCommitRequest, OffsetCommitResponse, offset_commit_request as asked,
    offset_commit_response as wire,
};

/// From here on topics are named by id.
const NAMES_TOPICS_BY_ID: i16 = 10;

/// What is refused, and what a shard is asked for.
#[derive(Debug, Clone)]
pub(super) struct Commit {
    by_id: bool,
    refused: Vec<wire::Topic>,
    asked: Vec<asked::Topic>,
}

pub(super) fn handle(broker: &mut Broker, request: &Arc<Request>, cx: &mut Cx<'_>) -> Handled {
    let mut message = request.message::<OffsetCommitRequest>()?;
    let by_id = request.header.request_api_version >= NAMES_TOPICS_BY_ID;
    let mut commit = Commit { by_id, refused: Vec::new(), asked: Vec::new() };
    for topic in std::mem::take(&mut message.topics) {
        commit.take(broker, topic);
    }
    if commit.asked.is_empty() {
        commit.answer(broker, request, None, cx);
        return Ok(());
    }
    message.topics.clone_from(&commit.asked);
    let partition = broker.partition_of_group(&message.group_id);
    let part = Part::Request(GroupRequest::OffsetCommit(message));
    broker.ask_groups(request, Rest::OffsetCommit(Box::new(commit)), vec![(partition, part)], cx);
    Ok(())
}

impl Commit {
    /// Sorts out which partitions of a topic there are.
    fn take(&mut self, broker: &Broker, mut topic: asked::Topic) {
        let topics = broker.image().topics();
        let found = match self.by_id {
            true => topics.topic(topic.topic_id),
            false => topics.topic_by_name(&topic.name),
        };
        let Some(found) = found else {
            let (id, error) = match self.by_id {
                true => (topic.topic_id, ErrorCode::UnknownTopicId),
                false => (Uuid::ZERO, ErrorCode::UnknownTopicOrPartition),
            };
            let partitions = refuse_all(&topic.partitions, error);
            self.add(id, &topic.name, partitions);
            return;
        };
        (topic.topic_id, topic.name) = (found.id, found.name.to_string());
        let exists = |partition: &asked::Partition| {
            found.partitions.contains_key(&partition.partition_index)
        };
        let (there, missing): (Vec<_>, Vec<_>) = topic.partitions.into_iter().partition(exists);
        if !missing.is_empty() {
            let partitions = refuse_all(&missing, ErrorCode::UnknownTopicOrPartition);
            self.add(topic.topic_id, &topic.name, partitions);
        }
        if !there.is_empty() {
            self.asked.push(asked::Topic { partitions: there, ..topic });
        }
    }

    /// Adds to an answer by what topics are named by.
    fn add(&mut self, topic_id: TopicId, name: &str, partitions: Vec<wire::Partition>) {
        let same = |topic: &&mut wire::Topic| match self.by_id {
            true => topic.topic_id == topic_id,
            false => topic.name == name,
        };
        match self.refused.iter_mut().find(same) {
            Some(topic) => topic.partitions.extend(partitions),
            None => {
                self.refused.push(wire::Topic { name: name.to_owned(), topic_id, partitions });
            }
        }
    }

    pub(super) fn answer(
        mut self,
        broker: &mut Broker,
        request: &Request,
        answer: Option<Answer>,
        cx: &mut Cx<'_>,
    ) {
        let answered = match answer {
            None => Vec::new(),
            Some(Ok(GroupResponse::OffsetCommit(response))) => response.topics,
            Some(Ok(response)) => other(&response),
            Some(Err(error)) => {
                let code = for_clients(error).code;
                let asked = std::mem::take(&mut self.asked).into_iter();
                let refused = asked.map(|topic| wire::Topic {
                    partitions: refuse_all(&topic.partitions, code),
                    name: topic.name,
                    topic_id: topic.topic_id,
                });
                refused.collect()
            }
        };
        // Topics that are named twice are told twice, unless there is something to add them to.
        if self.refused.is_empty() {
            self.refused = answered;
        } else {
            for topic in answered {
                self.add(topic.topic_id, &topic.name, topic.partitions);
            }
        }
        let response = OffsetCommitResponse { topics: self.refused, ..Default::default() };
        broker.respond::<OffsetCommitRequest>(request, &response, cx);
    }
}

fn refuse_all(partitions: &[asked::Partition], error: ErrorCode) -> Vec<wire::Partition> {
    let refused = partitions.iter().map(|partition| wire::Partition {
        partition_index: partition.partition_index,
        error_code: error.code(),
    });
    refused.collect()
}
