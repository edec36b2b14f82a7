//! JoinGroup: a member asks to be in a classic group.
//!
//! In Kafka: `KafkaApis.handleJoinGroupRequest`, `GroupCoordinatorService.joinGroup`, `JoinGroupRequest`,
//!           `JoinGroupResponse`.

use std::sync::Arc;

use super::super::super::request::Request;
use super::super::super::{Broker, Cx};
use super::{Answer, Handled, Part, Rest, for_clients, other};
use crate::error_code::ErrorCode;
use crate::group::{GroupRequest, GroupResponse};
use crate::wire::{JoinGroupRequest, JoinGroupResponse};

/// From here on there may be no protocol; before, its name is empty then.
const KNOWS_NO_PROTOCOL: i16 = 7;

pub(super) fn handle(broker: &mut Broker, request: &Arc<Request>, cx: &mut Cx<'_>) -> Handled {
    let mut message = request.message::<JoinGroupRequest>()?;
    if request.header.request_api_version == 0 {
        message.rebalance_timeout_ms = message.session_timeout_ms;
    }
    let settings = &broker.config.group;
    let sessions = settings.min_session_timeout_ms..=settings.max_session_timeout_ms;
    let error = if message.group_id.is_empty() {
        ErrorCode::InvalidGroupId
    } else if !sessions.contains(&message.session_timeout_ms) {
        ErrorCode::InvalidSessionTimeout
    } else {
        let partition = broker.partition_of_group(&message.group_id);
        let part = Part::Request(GroupRequest::JoinGroup(message));
        broker.ask_groups(request, Rest::JoinGroup, vec![(partition, part)], cx);
        return Ok(());
    };
    let member_id = message.member_id;
    let response = JoinGroupResponse { error_code: error.code(), member_id, ..Default::default() };
    respond(broker, request, response, cx);
    Ok(())
}

pub(super) fn answer(broker: &mut Broker, request: &Request, answer: Answer, cx: &mut Cx<'_>) {
    let response = match answer {
        Ok(GroupResponse::JoinGroup(response)) => response,
        Ok(response) => other(&response),
        Err(error) => {
            JoinGroupResponse { error_code: for_clients(error).code.code(), ..Default::default() }
        }
    };
    respond(broker, request, response, cx);
}

fn respond(
    broker: &mut Broker,
    request: &Request,
    mut response: JoinGroupResponse,
    cx: &mut Cx<'_>,
) {
    let name = response.protocol_name.take().unwrap_or_default();
    let may_lack = request.header.request_api_version >= KNOWS_NO_PROTOCOL;
    response.protocol_name = if may_lack && name.is_empty() { None } else { Some(name) };
    broker.respond::<JoinGroupRequest>(request, &response, cx);
}
