//! SyncGroup: brings the leader's assignments to the coordinator, and everybody's own back.
//!
//! In Kafka:   `AbstractCoordinator.sendSyncGroupRequest`, `SyncGroupResponseHandler`.

use bytes::Bytes;

use super::super::coordinator::net_error;
use super::super::group_consumer::{GroupConsumer, Pending};
use super::member::{Generation, Join, MemberState};
use crate::client::consumer::assignor::protocol;
use crate::error_code::ErrorCode;
use crate::net::{Completed, NetError, Wires};
use crate::wire::{SyncGroupRequest, SyncGroupResponse, sync_group_request};

impl GroupConsumer {
    /// Asks for its assignment; the leader brings those of all.
    pub(super) fn send_sync(
        &mut self,
        assignments: Vec<sync_group_request::Assignment>,
        wires: &mut dyn Wires,
    ) {
        let generation = self.classic.generation.clone();
        let request = SyncGroupRequest {
            group_id: self.group_id.clone(),
            generation_id: generation.id,
            member_id: generation.member.to_string(),
            group_instance_id: self.instance_id(),
            protocol_type: Some(protocol::PROTOCOL_TYPE.to_owned()),
            protocol_name: generation.protocol.as_deref().map(str::to_owned),
            assignments,
        };
        let pending = Pending::Sync { generation };
        let is_sent = self.ask_coordinator(5..=5, |_| request, pending, wires);
        self.classic.join = match is_sent {
            true => Join::Asked,
            false => Join::Done(Err(ErrorCode::CoordinatorNotAvailable)),
        };
    }

    pub(in super::super) fn on_sync_answered(
        &mut self,
        sent: &Generation,
        completed: &Completed,
        wires: &mut dyn Wires,
    ) {
        let outcome = match completed.response::<SyncGroupRequest>() {
            Err(error) => {
                if error != NetError::UnsupportedVersion {
                    self.mark_coordinator_unknown(true, wires);
                }
                Err(net_error(error))
            }
            Ok(response) => match ErrorCode::from_code(response.error_code) {
                ErrorCode::None => self.on_synced(response),
                error => Err(self.on_sync_refused(error, sent, wires)),
            },
        };
        self.classic.join = Join::Done(outcome);
    }

    fn on_synced(&mut self, response: SyncGroupResponse) -> Result<Bytes, ErrorCode> {
        let classic = &mut self.classic;
        let kind = response.protocol_type.as_deref();
        if kind.is_some_and(|kind| kind != protocol::PROTOCOL_TYPE) {
            return Err(ErrorCode::InconsistentGroupProtocol);
        }
        if classic.generation.is_reset() || classic.state != MemberState::CompletingRebalance {
            // The heartbeats have lost the generation meanwhile: at once again.
            return Err(ErrorCode::IllegalGeneration);
        }
        let name = response.protocol_name.as_deref();
        if name.is_some_and(|name| Some(name) != classic.generation.protocol.as_deref()) {
            return Err(ErrorCode::InconsistentGroupProtocol);
        }
        classic.state = MemberState::Stable;
        classic.rejoin_reason.clear();
        classic.rejoin_needed = false;
        Ok(response.assignment)
    }

    /// What an error does to the member; the error itself decides what follows.
    fn on_sync_refused(
        &mut self,
        error: ErrorCode,
        sent: &Generation,
        wires: &mut dyn Wires,
    ) -> ErrorCode {
        match error {
            ErrorCode::UnknownMemberId | ErrorCode::IllegalGeneration => {
                if self.classic.generation == *sent {
                    let reason = format!("encountered {error} from SYNC_GROUP response");
                    let forgets_id = error != ErrorCode::IllegalGeneration;
                    self.classic.reset_and_rejoin(&reason, forgets_id);
                }
            }
            ErrorCode::CoordinatorNotAvailable | ErrorCode::NotCoordinator => {
                self.mark_coordinator_unknown(false, wires);
            }
            ErrorCode::GroupAuthorizationFailed
            | ErrorCode::RebalanceInProgress
            | ErrorCode::FencedInstanceId => {}
            // Anything else is a `KafkaException`, which nobody tries again.
            _ => return ErrorCode::UnknownServerError,
        }
        error
    }
}
