//! DescribeGroups: classic groups with their members.
//!
//! In Kafka: `KafkaApis.handleDescribeGroupsRequest`, `GroupCoordinatorService.describeGroups`. The empty name is one.

use std::sync::Arc;

use super::super::super::request::Request;
use super::super::super::{Broker, Cx};
use super::{Answer, Handled, OPERATIONS_ON_GROUPS, Part, Rest, by_partition, for_clients, other};
use crate::group::{GroupQuestion, GroupResponse};
use crate::wire::{DescribeGroupsRequest, DescribeGroupsResponse, describe_groups_response};

/// From here on it may be asked what one may do.
const KNOWS_OPERATIONS: i16 = 3;

/// What each shard is asked for.
#[derive(Debug, Clone)]
pub(super) struct Described {
    asked: Vec<Vec<String>>,
    with_operations: bool,
}

pub(super) fn handle(broker: &mut Broker, request: &Arc<Request>, cx: &mut Cx<'_>) -> Handled {
    let message = request.message::<DescribeGroupsRequest>()?;
    let knows = request.header.request_api_version >= KNOWS_OPERATIONS;
    let with_operations = knows && message.include_authorized_operations;
    let mut described = Described { asked: Vec::new(), with_operations };
    let mut parts = Vec::new();
    for (partition, groups) in by_partition(broker, message.groups) {
        described.asked.push(groups.clone());
        parts.push((partition, Part::Question(GroupQuestion::DescribeGroups(groups))));
    }
    broker.ask_groups(request, Rest::DescribeGroups(described), parts, cx);
    Ok(())
}

impl Described {
    pub(super) fn answer(
        self,
        broker: &mut Broker,
        request: &Request,
        answers: Vec<Answer>,
        cx: &mut Cx<'_>,
    ) {
        let mut groups = Vec::new();
        for (answer, asked) in answers.into_iter().zip(self.asked) {
            match answer {
                Ok(GroupResponse::DescribeGroups(found)) => groups.extend(found),
                Ok(response) => other(&response),
                Err(error) => {
                    let error_code = for_clients(error).code.code();
                    groups.extend(asked.into_iter().map(|group_id| {
                        describe_groups_response::Group {
                            group_id,
                            error_code,
                            ..Default::default()
                        }
                    }));
                }
            }
        }
        for group in groups.iter_mut().filter(|group| group.error_code == 0) {
            if self.with_operations {
                group.authorized_operations = OPERATIONS_ON_GROUPS;
            }
        }
        let response = DescribeGroupsResponse { groups, ..Default::default() };
        broker.respond::<DescribeGroupsRequest>(request, &response, cx);
    }
}
