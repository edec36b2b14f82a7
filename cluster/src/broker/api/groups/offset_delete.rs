//! OffsetDelete: committed offsets of some partitions go.
//!
//! In Kafka: `KafkaApis.handleOffsetDeleteRequest`, `GroupCoordinatorService.deleteOffsets`, `OffsetDeleteResponse`.

use std::sync::Arc;

use super::super::super::request::Request;
use super::super::super::{Broker, Cx};
use super::{Answer, Handled, Part, Rest, for_clients, other};
use crate::error_code::ErrorCode;
use crate::group::{GroupRequest, GroupResponse};
use crate::wire::{
    OffsetDeleteRequest, OffsetDeleteResponse, offset_delete_request as asked,
    offset_delete_response as wire,
};

/// What is not there to be deleted.
#[derive(Debug, Clone, Default)]
pub(super) struct Deletion {
    refused: Vec<wire::Topic>,
}

pub(super) fn handle(broker: &mut Broker, request: &Arc<Request>, cx: &mut Cx<'_>) -> Handled {
    let mut message = request.message::<OffsetDeleteRequest>()?;
    let mut rest = Deletion::default();
    message.topics = known(broker, std::mem::take(&mut message.topics), &mut rest);
    if message.group_id.is_empty() {
        let answer = OffsetDeleteResponse {
            error_code: ErrorCode::InvalidGroupId.code(),
            ..Default::default()
        };
        rest.answer(broker, request, Ok(GroupResponse::OffsetDelete(answer)), cx);
        return Ok(());
    }
    let partition = broker.partition_of_group(&message.group_id);
    let part = Part::Request(GroupRequest::OffsetDelete(message));
    broker.ask_groups(request, Rest::OffsetDelete(Box::new(rest)), vec![(partition, part)], cx);
    Ok(())
}

/// The partitions that there are; the others are refused.
fn known(broker: &Broker, topics: Vec<asked::Topic>, rest: &mut Deletion) -> Vec<asked::Topic> {
    let mut known = Vec::new();
    for topic in topics {
        let found = broker.image().topics().topic_by_name(&topic.name);
        let exists = |partition: &asked::Partition| {
            found.is_some_and(|found| found.partitions.contains_key(&partition.partition_index))
        };
        let (there, missing): (Vec<_>, Vec<_>) = topic.partitions.into_iter().partition(exists);
        if !missing.is_empty() || found.is_none() {
            let partitions = missing.iter().map(|partition| wire::Partition {
                partition_index: partition.partition_index,
                error_code: ErrorCode::UnknownTopicOrPartition.code(),
            });
            add(&mut rest.refused, &topic.name, partitions.collect());
        }
        if !there.is_empty() {
            known.push(asked::Topic { name: topic.name, partitions: there });
        }
    }
    known
}

fn add(topics: &mut Vec<wire::Topic>, name: &str, partitions: Vec<wire::Partition>) {
    match topics.iter_mut().find(|topic| topic.name == name) {
        Some(topic) => topic.partitions.extend(partitions),
        None => topics.push(wire::Topic { name: name.to_owned(), partitions }),
    }
}

impl Deletion {
    pub(super) fn answer(
        self,
        broker: &mut Broker,
        request: &Request,
        answer: Answer,
        cx: &mut Cx<'_>,
    ) {
        let mut response = match answer {
            Ok(GroupResponse::OffsetDelete(response)) => response,
            Ok(response) => other(&response),
            Err(error) => OffsetDeleteResponse {
                error_code: for_clients(error).code.code(),
                ..Default::default()
            },
        };
        if response.error_code == 0 {
            let mut topics = self.refused;
            for topic in std::mem::take(&mut response.topics) {
                add(&mut topics, &topic.name, topic.partitions);
            }
            response.topics = topics;
        }
        broker.respond::<OffsetDeleteRequest>(request, &response, cx);
    }
}
