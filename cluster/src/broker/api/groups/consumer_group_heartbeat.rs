//! ConsumerGroupHeartbeat: all that a member of a consumer group says, and all that it is told (KIP-848).
//!
//! In Kafka: `KafkaApis.handleConsumerGroupHeartbeat`,
//!           `GroupCoordinatorService.throwIfConsumerGroupHeartbeatRequestIsInvalid`.

use std::sync::Arc;

use super::super::super::request::Request;
use super::super::super::{Broker, Cx};
use super::{Answer, Handled, Part, Rest, for_clients, other};
use crate::error_code::ErrorCode;
use crate::group::{GroupError, GroupRequest, GroupResponse, GroupSettings};
use crate::wire::{ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse};

/// From here on members choose their ids themselves.
const CHOOSES_MEMBER_ID: i16 = 1;
/// The epoch of who leaves.
const LEAVES: i32 = -1;
/// The epoch of a static member that leaves and will come back.
const LEAVES_FOR_A_WHILE: i32 = -2;

pub(super) fn handle(broker: &mut Broker, request: &Arc<Request>, cx: &mut Cx<'_>) -> Handled {
    let message = request.message::<ConsumerGroupHeartbeatRequest>()?;
    let version = request.header.request_api_version;
    let checked = match broker.serves_consumer_groups() {
        true => check(&message, version, &broker.config.group),
        false => Err(ErrorCode::UnsupportedVersion.into()),
    };
    match checked {
        Ok(()) => {
            let partition = broker.partition_of_group(&message.group_id);
            let part = Part::Request(GroupRequest::ConsumerGroupHeartbeat(message));
            broker.ask_groups(request, Rest::ConsumerGroupHeartbeat, vec![(partition, part)], cx);
        }
        Err(error) => {
            broker.respond::<ConsumerGroupHeartbeatRequest>(request, &refused(error), cx);
        }
    }
    Ok(())
}

fn check(
    message: &ConsumerGroupHeartbeatRequest,
    version: i16,
    settings: &GroupSettings,
) -> Result<(), GroupError> {
    let invalid = |why: &str| Err(GroupError::because(ErrorCode::InvalidRequest, why));
    let is_blank = |text: Option<&str>| text.is_some_and(|text| text.trim().is_empty());
    let epoch = message.member_epoch;
    let has_id = version >= CHOOSES_MEMBER_ID || epoch > 0 || epoch == LEAVES;
    if has_id && is_blank(Some(&message.member_id)) {
        return invalid("a member says who it is");
    }
    if is_blank(Some(&message.group_id)) {
        return invalid("a group has a name");
    }
    if is_blank(message.instance_id.as_deref()) {
        return invalid("the id of an instance is not empty");
    }
    if is_blank(message.rack_id.as_deref()) {
        return invalid("the name of a rack is not empty");
    }
    if epoch == 0 {
        if message.rebalance_timeout_ms == -1 {
            return invalid("who joins says how long it may take to give partitions back");
        }
        if message.topic_partitions.as_ref().is_none_or(|owned| !owned.is_empty()) {
            return invalid("who joins has no partitions");
        }
        if message.subscribed_topic_names.is_none() && message.subscribed_topic_regex.is_none() {
            return invalid("who joins names topics, or an expression for them");
        }
    } else if epoch == LEAVES_FOR_A_WHILE {
        if message.instance_id.is_none() {
            return invalid("only a static member comes back");
        }
    } else if epoch < LEAVES_FOR_A_WHILE {
        return invalid("there is no such member epoch");
    }
    let known = |name: &str| settings.consumer_assignors.0.iter().any(|it| it.name() == name);
    if let Some(name) = message.server_assignor.as_deref().filter(|name| !known(name)) {
        let why = format!("there is no assignor {name} here");
        return Err(GroupError::because(ErrorCode::UnsupportedAssignor, why));
    }
    Ok(())
}

fn refused(error: GroupError) -> ConsumerGroupHeartbeatResponse {
    ConsumerGroupHeartbeatResponse {
        error_code: error.code.code(),
        error_message: error.message,
        ..Default::default()
    }
}

pub(super) fn answer(broker: &mut Broker, request: &Request, answer: Answer, cx: &mut Cx<'_>) {
    let response = match answer {
        Ok(GroupResponse::ConsumerGroupHeartbeat(response)) => response,
        Ok(response) => other(&response),
        Err(error) => refused(for_clients(error)),
    };
    broker.respond::<ConsumerGroupHeartbeatRequest>(request, &response, cx);
}
