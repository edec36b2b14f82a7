//! ListGroups: the groups that this broker coordinates.
//!
//! In Kafka: `KafkaApis.handleListGroupsRequest`, `GroupCoordinatorService.listGroups`. A shard that goes meanwhile has
//!           no groups; one that is still loading fails the whole.

use std::sync::Arc;

use super::super::super::groups::hash_order::in_hash_order;
use super::super::super::request::Request;
use super::super::super::{Broker, Cx};
use super::{Answer, Handled, Part, Rest, for_clients, other};
use crate::error_code::ErrorCode;
use crate::group::{GroupQuestion, GroupResponse};
use crate::wire::{ListGroupsRequest, ListGroupsResponse};

pub(super) fn handle(broker: &mut Broker, request: &Arc<Request>, cx: &mut Cx<'_>) -> Handled {
    let message = request.message::<ListGroupsRequest>()?;
    let lower = |words: Vec<String>| words.iter().map(|word| word.to_lowercase()).collect();
    let (states, types) = (lower(message.states_filter), lower(message.types_filter));
    let question: GroupQuestion = GroupQuestion::ListGroups { states, types };
    let shards = in_hash_order(broker.groups.hosted(), true).into_iter();
    let parts = shards.map(|partition| (partition, Part::Question(question.clone()))).collect();
    broker.ask_groups(request, Rest::ListGroups, parts, cx);
    Ok(())
}

pub(super) fn answer(
    broker: &mut Broker,
    request: &Request,
    answers: Vec<Answer>,
    cx: &mut Cx<'_>,
) {
    let mut response = ListGroupsResponse::default();
    for answer in answers {
        match answer {
            Ok(GroupResponse::ListGroups(groups)) => response.groups.extend(groups),
            Ok(response) => other(&response),
            Err(error) if error.code == ErrorCode::NotCoordinator => {}
            Err(error) if response.error_code == 0 => {
                response.error_code = for_clients(error).code.code();
            }
            Err(_) => {}
        }
    }
    if response.error_code != 0 {
        response.groups.clear();
    }
    broker.respond::<ListGroupsRequest>(request, &response, cx);
}
