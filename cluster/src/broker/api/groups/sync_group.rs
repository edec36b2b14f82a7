//! SyncGroup: the leader of a classic group hands in assignments, and every member is given its own.
//!
//! In Kafka: `KafkaApis.handleSyncGroupRequest`, `GroupCoordinatorService.syncGroup`, `SyncGroupRequest`.

use std::sync::Arc;

use super::super::super::request::Request;
use super::super::super::{Broker, Cx};
use super::{Answer, Handled, Part, Rest, for_clients, other};
use crate::error_code::ErrorCode;
use crate::group::{GroupRequest, GroupResponse};
use crate::wire::{SyncGroupRequest, SyncGroupResponse};

/// From here on a member has to name the protocol and its type.
const NAMES_PROTOCOL: i16 = 5;

pub(super) fn handle(broker: &mut Broker, request: &Arc<Request>, cx: &mut Cx<'_>) -> Handled {
    let message = request.message::<SyncGroupRequest>()?;
    let names_both = message.protocol_type.is_some() && message.protocol_name.is_some();
    let error = if request.header.request_api_version >= NAMES_PROTOCOL && !names_both {
        ErrorCode::InconsistentGroupProtocol
    } else if message.group_id.is_empty() {
        ErrorCode::InvalidGroupId
    } else {
        let partition = broker.partition_of_group(&message.group_id);
        let part = Part::Request(GroupRequest::SyncGroup(message));
        broker.ask_groups(request, Rest::SyncGroup, vec![(partition, part)], cx);
        return Ok(());
    };
    broker.respond::<SyncGroupRequest>(request, &refused(error), cx);
    Ok(())
}

fn refused(error: ErrorCode) -> SyncGroupResponse {
    SyncGroupResponse { error_code: error.code(), ..Default::default() }
}

pub(super) fn answer(broker: &mut Broker, request: &Request, answer: Answer, cx: &mut Cx<'_>) {
    let response = match answer {
        Ok(GroupResponse::SyncGroup(response)) => response,
        Ok(response) => other(&response),
        Err(error) => refused(for_clients(error).code),
    };
    broker.respond::<SyncGroupRequest>(request, &response, cx);
}
