//! LeaveGroup: members leave a group, each for itself or many at an administrator's wish.
//!
//! In Kafka: `KafkaApis.handleLeaveGroupRequest`, `GroupCoordinatorService.leaveGroup`, `LeaveGroupRequest`,
//!           `LeaveGroupResponse`; KIP-345 (several members).

use std::sync::Arc;

use super::super::super::request::Request;
use super::super::super::{Broker, Cx};
use super::{Answer, Handled, Part, Rest, for_clients, other};
use crate::error_code::ErrorCode;
use crate::group::{GroupRequest, GroupResponse};
use crate::wire::{
    LeaveGroupRequest, LeaveGroupResponse, leave_group_request, leave_group_response,
};

/// From here on a request names several members.
const NAMES_SEVERAL: i16 = 3;

/// Who leaves.
#[derive(Debug, Clone)]
pub(super) struct Leaving(Vec<leave_group_request::Member>);

pub(super) fn handle(broker: &mut Broker, request: &Arc<Request>, cx: &mut Cx<'_>) -> Handled {
    let mut message = request.message::<LeaveGroupRequest>()?;
    if request.header.request_api_version < NAMES_SEVERAL {
        let member_id = std::mem::take(&mut message.member_id);
        message.members = vec![leave_group_request::Member { member_id, ..Default::default() }];
    }
    if message.group_id.is_empty() {
        let response = refused(ErrorCode::InvalidGroupId);
        broker.respond::<LeaveGroupRequest>(request, &response, cx);
        return Ok(());
    }
    let rest = Rest::LeaveGroup(Leaving(message.members.clone()));
    let partition = broker.partition_of_group(&message.group_id);
    let part = Part::Request(GroupRequest::LeaveGroup(message));
    broker.ask_groups(request, rest, vec![(partition, part)], cx);
    Ok(())
}

fn refused(error: ErrorCode) -> LeaveGroupResponse {
    LeaveGroupResponse { error_code: error.code(), ..Default::default() }
}

impl Leaving {
    pub(super) fn answer(
        self,
        broker: &mut Broker,
        request: &Request,
        answer: Answer,
        cx: &mut Cx<'_>,
    ) {
        let response = match answer {
            Ok(GroupResponse::LeaveGroup(response)) => response,
            Ok(response) => other(&response),
            Err(error) => match for_clients(error).code {
                ErrorCode::UnknownMemberId => self.all_unknown(),
                code => refused(code),
            },
        };
        let response = match request.header.request_api_version {
            NAMES_SEVERAL.. => response,
            _ => of_one(&response),
        };
        broker.respond::<LeaveGroupRequest>(request, &response, cx);
    }

    /// There is no such group.
    fn all_unknown(self) -> LeaveGroupResponse {
        let members = self.0.into_iter().map(|member| leave_group_response::Member {
            member_id: member.member_id,
            group_instance_id: member.group_instance_id,
            error_code: ErrorCode::UnknownMemberId.code(),
        });
        LeaveGroupResponse { members: members.collect(), ..Default::default() }
    }
}

/// The answer to a request that names one member: its error is the whole.
fn of_one(response: &LeaveGroupResponse) -> LeaveGroupResponse {
    let of_member = response.members.first().map_or(0, |member| member.error_code);
    let error_code = if response.error_code == 0 { of_member } else { response.error_code };
    LeaveGroupResponse { error_code, ..Default::default() }
}
