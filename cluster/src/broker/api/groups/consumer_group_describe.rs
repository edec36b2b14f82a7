//! ConsumerGroupDescribe: consumer groups with their members and assignments.
//!
//! In Kafka: `KafkaApis.handleConsumerGroupDescribe`, `GroupCoordinatorService.consumerGroupDescribe`.

use std::sync::Arc;

use super::super::super::request::Request;
use super::super::super::{Broker, Cx};
use super::{Answer, Handled, OPERATIONS_ON_GROUPS, Part, Rest, by_partition, for_clients, other};
use crate::error_code::ErrorCode;
use crate::group::{GroupQuestion, GroupResponse};
use crate::wire::{
    ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, consumer_group_describe_response,
};

type Group = consumer_group_describe_response::Group;

/// What is known before shards are asked, and what each is asked for.
#[derive(Debug, Clone)]
pub(super) struct Described {
    groups: Vec<Group>,
    asked: Vec<Vec<String>>,
    with_operations: bool,
}

pub(super) fn handle(broker: &mut Broker, request: &Arc<Request>, cx: &mut Cx<'_>) -> Handled {
    let message = request.message::<ConsumerGroupDescribeRequest>()?;
    if !broker.serves_consumer_groups() {
        let refused = message.group_ids.into_iter();
        let groups = refused.map(|group| refuse(group, ErrorCode::UnsupportedVersion)).collect();
        let response = ConsumerGroupDescribeResponse { groups, ..Default::default() };
        broker.respond::<ConsumerGroupDescribeRequest>(request, &response, cx);
        return Ok(());
    }
    let (nameless, named): (Vec<String>, Vec<String>) =
        message.group_ids.into_iter().partition(String::is_empty);
    let nameless = nameless.into_iter().map(|group| refuse(group, ErrorCode::InvalidGroupId));
    let mut described = Described {
        groups: nameless.collect(),
        asked: Vec::new(),
        with_operations: message.include_authorized_operations,
    };
    let mut parts = Vec::new();
    for (partition, groups) in by_partition(broker, named) {
        described.asked.push(groups.clone());
        parts.push((partition, Part::Question(GroupQuestion::ConsumerGroupDescribe(groups))));
    }
    broker.ask_groups(request, Rest::ConsumerGroupDescribe(described), parts, cx);
    Ok(())
}

fn refuse(group_id: String, error: ErrorCode) -> Group {
    Group { group_id, error_code: error.code(), ..Default::default() }
}

impl Described {
    pub(super) fn answer(
        self,
        broker: &mut Broker,
        request: &Request,
        answers: Vec<Answer>,
        cx: &mut Cx<'_>,
    ) {
        let mut groups = self.groups;
        for (answer, asked) in answers.into_iter().zip(self.asked) {
            match answer {
                Ok(GroupResponse::ConsumerGroupDescribe(found)) => groups.extend(found),
                Ok(response) => other(&response),
                Err(error) => {
                    let code = for_clients(error).code;
                    groups.extend(asked.into_iter().map(|group| refuse(group, code)));
                }
            }
        }
        for group in groups.iter_mut().filter(|group| group.error_code == 0) {
            if self.with_operations {
                group.authorized_operations = OPERATIONS_ON_GROUPS;
            }
        }
        let response = ConsumerGroupDescribeResponse { groups, ..Default::default() };
        broker.respond::<ConsumerGroupDescribeRequest>(request, &response, cx);
    }
}
