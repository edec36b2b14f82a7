//! ConsumerGroupHeartbeat: all that a member of a consumer group says, and all that it is told (KIP-848).
//!
//! In Kafka: `KafkaApis.handleConsumerGroupHeartbeat`,
//!           `GroupCoordinatorService.throwIfConsumerGroupHeartbeatRequestIsInvalid`.

use std::sync::Arc;

use super::super::super::request::Request;
use super::super::super::{Broker, Cx};
use super::{Answer, Handled, Part, Rest, for_clients, other};
use crate::error_code::ErrorCode;
use crate::group::consumer::check_heartbeat;
use crate::group::{GroupError, GroupRequest, GroupResponse};
use crate::wire::{ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse};

pub(super) fn handle(broker: &mut Broker, request: &Arc<Request>, cx: &mut Cx<'_>) -> Handled {
    let message = request.message::<ConsumerGroupHeartbeatRequest>()?;
    let version = request.header.request_api_version;
    let checked = match broker.serves_consumer_groups() {
        true => check_heartbeat(&message, version, &broker.config.group),
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
