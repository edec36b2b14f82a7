//! The APIs that a controller's listener serves, and the way between their bytes and the controller's types.
//!
//! In Kafka: `ControllerApis`; which APIs a controller listener has is `ApiMessageType.ListenerType.CONTROLLER`.

use std::ops::RangeInclusive;

use bytes::Bytes;

use crate::broker::request::Request;
use crate::controller::request::{ControllerRequest, ControllerResponse};
use crate::error_code::ErrorCode;
use crate::raft::message::{Api, Envelope, Response};
use crate::raft::wire as raft;
use crate::wire::{
    AllocateProducerIdsRequest, AlterConfigsRequest, AlterPartitionReassignmentsRequest,
    AlterPartitionRequest, ApiKey, BeginQuorumEpochRequest, BrokerHeartbeatRequest,
    BrokerRegistrationRequest, ControllerRegistrationRequest, CreatePartitionsRequest,
    CreateTopicsRequest, DeleteTopicsRequest, DescribeQuorumRequest, ElectLeadersRequest,
    EndQuorumEpochRequest, FetchRequest, IncrementalAlterConfigsRequest,
    ListPartitionReassignmentsRequest, VoteRequest,
};

/// All of them.
pub const SERVED: &[(ApiKey, RangeInclusive<i16>)] = &[
    (ApiKey::Fetch, 17..=18),
    (ApiKey::ApiVersions, 0..=4),
    (ApiKey::CreateTopics, 2..=7),
    (ApiKey::DeleteTopics, 1..=6),
    (ApiKey::CreatePartitions, 0..=3),
    (ApiKey::ElectLeaders, 0..=2),
    (ApiKey::IncrementalAlterConfigs, 0..=1),
    (ApiKey::AlterConfigs, 0..=2),
    (ApiKey::AlterPartitionReassignments, 0..=1),
    (ApiKey::ListPartitionReassignments, 0..=0),
    (ApiKey::Vote, 2..=2),
    (ApiKey::BeginQuorumEpoch, 1..=1),
    (ApiKey::EndQuorumEpoch, 1..=1),
    (ApiKey::DescribeQuorum, 0..=2),
    (ApiKey::AlterPartition, 2..=3),
    (ApiKey::Envelope, 0..=0),
    (ApiKey::BrokerRegistration, 0..=4),
    (ApiKey::BrokerHeartbeat, 0..=2),
    (ApiKey::AllocateProducerIds, 0..=0),
    (ApiKey::ControllerRegistration, 0..=0),
];

/// Whether a controller serves this request in its version.
#[must_use]
pub fn is_served(request: &Request) -> bool {
    let version = request.header.request_api_version;
    SERVED.iter().any(|(api, versions)| *api == request.api && versions.contains(&version))
}

/// A request to the quorum; none if it is another one, or unreadable.
#[must_use]
pub fn raft_request(request: &Request) -> Option<Envelope> {
    match request.api {
        ApiKey::Vote => Some(raft::read_vote_request(request.message::<VoteRequest>().ok()?)),
        ApiKey::BeginQuorumEpoch => {
            Some(raft::read_begin_request(request.message::<BeginQuorumEpochRequest>().ok()?))
        }
        ApiKey::EndQuorumEpoch => {
            Some(raft::read_end_request(request.message::<EndQuorumEpochRequest>().ok()?))
        }
        ApiKey::Fetch => Some(raft::read_fetch_request(request.message::<FetchRequest>().ok()?)),
        ApiKey::DescribeQuorum => {
            Some(raft::read_describe_request(&request.message::<DescribeQuorumRequest>().ok()?))
        }
        _ => None,
    }
}

/// The quorum's answer, laid out.
#[must_use]
pub fn raft_response(request: &Request, response: &Response) -> Bytes {
    match request.api {
        ApiKey::Vote => request.response::<VoteRequest>(&raft::vote_response(response)),
        ApiKey::BeginQuorumEpoch => {
            request.response::<BeginQuorumEpochRequest>(&raft::begin_response(response))
        }
        ApiKey::EndQuorumEpoch => {
            request.response::<EndQuorumEpochRequest>(&raft::end_response(response))
        }
        ApiKey::Fetch => request.response::<FetchRequest>(&raft::fetch_response(response)),
        ApiKey::DescribeQuorum => {
            let asked = request.message::<DescribeQuorumRequest>();
            let asked = asked.expect("it was read before it was answered");
            let version = request.header.request_api_version;
            let body = raft::describe_response(&asked, response, version);
            request.response::<DescribeQuorumRequest>(&body)
        }
        other => unreachable!("the quorum is not asked {other}"),
    }
}

/// Whether a broker can pass a request on; not if it is unreadable.
#[must_use]
pub fn is_forwardable(request: &Request) -> bool {
    match request.api {
        ApiKey::DescribeQuorum => raft_request(request).is_some(),
        _ => controller_request(request).is_some(),
    }
}

/// What a broker answers that got no answer itself; none to a request that cannot be passed on.
#[must_use]
pub fn timed_out(request: &Request) -> Option<Bytes> {
    let error = ErrorCode::RequestTimedOut;
    if request.api == ApiKey::DescribeQuorum {
        let response = Response::failed(Api::DescribeQuorum, error);
        return raft_request(request).map(|_| raft_response(request, &response));
    }
    let refusal = controller_request(request)?.refusal(error, None);
    Some(controller_response(request, &refusal))
}

/// A request to the controller; none if it is another one, or unreadable.
#[must_use]
pub fn controller_request(request: &Request) -> Option<ControllerRequest> {
    let version = request.header.request_api_version;
    let read = match request.api {
        ApiKey::BrokerRegistration => ControllerRequest::BrokerRegistration(
            version,
            request.message::<BrokerRegistrationRequest>().ok()?,
        ),
        ApiKey::BrokerHeartbeat => ControllerRequest::BrokerHeartbeat(request.message().ok()?),
        ApiKey::ControllerRegistration => {
            ControllerRequest::ControllerRegistration(request.message().ok()?)
        }
        ApiKey::AlterPartition => {
            ControllerRequest::AlterPartition(version, request.message().ok()?)
        }
        ApiKey::CreateTopics => ControllerRequest::CreateTopics(request.message().ok()?),
        ApiKey::DeleteTopics => ControllerRequest::DeleteTopics(request.message().ok()?),
        ApiKey::ElectLeaders => ControllerRequest::ElectLeaders(request.message().ok()?),
        ApiKey::IncrementalAlterConfigs => {
            ControllerRequest::IncrementalAlterConfigs(request.message().ok()?)
        }
        ApiKey::AlterConfigs => ControllerRequest::AlterConfigs(request.message().ok()?),
        ApiKey::AllocateProducerIds => {
            ControllerRequest::AllocateProducerIds(request.message().ok()?)
        }
        ApiKey::CreatePartitions => ControllerRequest::CreatePartitions(request.message().ok()?),
        ApiKey::AlterPartitionReassignments => {
            ControllerRequest::AlterPartitionReassignments(request.message().ok()?)
        }
        ApiKey::ListPartitionReassignments => {
            ControllerRequest::ListPartitionReassignments(request.message().ok()?)
        }
        _ => return None,
    };
    Some(read)
}

/// The controller's answer, laid out.
#[must_use]
pub fn controller_response(request: &Request, response: &ControllerResponse) -> Bytes {
    match response {
        ControllerResponse::BrokerRegistration(body) => {
            request.response::<BrokerRegistrationRequest>(body)
        }
        ControllerResponse::BrokerHeartbeat(body) => {
            request.response::<BrokerHeartbeatRequest>(body)
        }
        ControllerResponse::ControllerRegistration(body) => {
            request.response::<ControllerRegistrationRequest>(body)
        }
        ControllerResponse::AlterPartition(body) => request.response::<AlterPartitionRequest>(body),
        ControllerResponse::CreateTopics(body) => request.response::<CreateTopicsRequest>(body),
        ControllerResponse::DeleteTopics(body) => request.response::<DeleteTopicsRequest>(body),
        ControllerResponse::ElectLeaders(body) => request.response::<ElectLeadersRequest>(body),
        ControllerResponse::IncrementalAlterConfigs(body) => {
            request.response::<IncrementalAlterConfigsRequest>(body)
        }
        ControllerResponse::AlterConfigs(body) => request.response::<AlterConfigsRequest>(body),
        ControllerResponse::AllocateProducerIds(body) => {
            request.response::<AllocateProducerIdsRequest>(body)
        }
        ControllerResponse::CreatePartitions(body) => {
            request.response::<CreatePartitionsRequest>(body)
        }
        ControllerResponse::AlterPartitionReassignments(body) => {
            request.response::<AlterPartitionReassignmentsRequest>(body)
        }
        ControllerResponse::ListPartitionReassignments(body) => {
            request.response::<ListPartitionReassignmentsRequest>(body)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::SERVED;

    #[test]
    fn nothing_is_served_in_versions_that_kafka_does_not_have() {
        for (api, versions) in SERVED {
            let known = api.versions();
            assert!(known.start() <= versions.start() && versions.end() <= known.end(), "{api}");
        }
    }
}
