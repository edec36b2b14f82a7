//! Heartbeat: a member of a classic group is alive, and hears whether it has to join again.
//!
//! In Kafka: `KafkaApis.handleHeartbeatRequest`, `GroupCoordinatorService.heartbeat`. A coordinator that is still
//!           loading says that all is well: it cannot know better.

use std::sync::Arc;

use super::super::super::request::Request;
use super::super::super::{Broker, Cx};
use super::{Answer, Handled, Part, Rest, for_clients, other};
use crate::error_code::ErrorCode;
use crate::group::{GroupRequest, GroupResponse};
use crate::wire::{HeartbeatRequest, HeartbeatResponse};

pub(super) fn handle(broker: &mut Broker, request: &Arc<Request>, cx: &mut Cx<'_>) -> Handled {
    let message = request.message::<HeartbeatRequest>()?;
    if message.group_id.is_empty() {
        broker.respond::<HeartbeatRequest>(request, &told(ErrorCode::InvalidGroupId), cx);
        return Ok(());
    }
    let partition = broker.partition_of_group(&message.group_id);
    let part = Part::Request(GroupRequest::Heartbeat(message));
    broker.ask_groups(request, Rest::Heartbeat, vec![(partition, part)], cx);
    Ok(())
}

fn told(code: ErrorCode) -> HeartbeatResponse {
    HeartbeatResponse { error_code: code.code(), ..Default::default() }
}

pub(super) fn answer(broker: &mut Broker, request: &Request, answer: Answer, cx: &mut Cx<'_>) {
    let response = match answer {
        Ok(GroupResponse::Heartbeat(response)) => response,
        Ok(response) => other(&response),
        Err(error) => match for_clients(error).code {
            ErrorCode::CoordinatorLoadInProgress => told(ErrorCode::None),
            code => told(code),
        },
    };
    broker.respond::<HeartbeatRequest>(request, &response, cx);
}
