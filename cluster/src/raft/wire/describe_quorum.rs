//! DescribeQuorum, which clients send: 0 to 2.
//!
//! In Kafka:   `DescribeQuorumRequest.getPartitionLevelErrorResponse`, `RaftUtil.singletonDescribeQuorumResponse`.

use super::super::message::{Api, DescribedReplica, Envelope, Request, Response, ResponseBody};
use super::super::voters::Endpoint;
use super::{TOPIC, envelope};
use crate::error_code::ErrorCode;
use crate::ids::Uuid;
use crate::wire::{
    DescribeQuorumRequest, DescribeQuorumResponse, describe_quorum_response as wire,
};

/// From this version on directories and listeners are told.
const DIRECTORIES: i16 = 2;

/// What a `DescribeQuorum` request says: it is about the one partition, or about something else.
#[must_use]
pub fn read_describe_request(request: &DescribeQuorumRequest) -> Envelope {
    let is_ours = match request.topics.as_slice() {
        [topic] if topic.topic_name == TOPIC => {
            matches!(topic.partitions.as_slice(), [partition] if partition.partition_index == 0)
        }
        _ => false,
    };
    envelope(Api::DescribeQuorum, None, is_ours.then_some(Request::DescribeQuorum))
}

/// A `DescribeQuorum` response in `version`.
#[must_use]
pub fn describe_response(
    request: &DescribeQuorumRequest,
    response: &Response,
    version: i16,
) -> DescribeQuorumResponse {
    if response.top_level_error != ErrorCode::None {
        return DescribeQuorumResponse {
            error_code: response.top_level_error.code(),
            error_message: Some(response.top_level_error.name().to_owned()),
            ..DescribeQuorumResponse::default()
        };
    }
    let ResponseBody::DescribeQuorum(high_watermark, described) = &response.body else {
        unreachable!("a DescribeQuorum is answered by one")
    };
    if response.error != ErrorCode::None {
        let topics = request.topics.iter().map(|topic| {
            let partitions = topic.partitions.iter().map(|partition| wire::Partition {
                partition_index: partition.partition_index,
                error_code: response.error.code(),
                error_message: Some(response.error.name().to_owned()),
                ..wire::Partition::default()
            });
            let topic_name = topic.topic_name.clone();
            wire::Topic { topic_name, partitions: partitions.collect() }
        });
        return DescribeQuorumResponse { topics: topics.collect(), ..Default::default() };
    }
    let directory = |replica: &DescribedReplica| match version {
        DIRECTORIES.. => replica.key.directory_or_zero(),
        _ => Uuid::ZERO,
    };
    let voter = |replica: &DescribedReplica| wire::CurrentVoter {
        replica_id: replica.key.id.0,
        replica_directory_id: directory(replica),
        log_end_offset: replica.end.map_or(-1, |end| end.0),
        last_fetch_timestamp: replica.fetched_ms,
        last_caught_up_timestamp: replica.caught_up_ms,
    };
    let observer = |replica: &DescribedReplica| wire::Observer {
        replica_id: replica.key.id.0,
        replica_directory_id: directory(replica),
        log_end_offset: replica.end.map_or(-1, |end| end.0),
        last_fetch_timestamp: replica.fetched_ms,
        last_caught_up_timestamp: replica.caught_up_ms,
    };
    let listener = |endpoint: &Endpoint| wire::Listener {
        name: endpoint.listener.to_string(),
        host: endpoint.host.to_string(),
        port: endpoint.port,
    };
    let nodes = described.nodes.iter().map(|(id, endpoints)| wire::Node {
        node_id: id.0,
        listeners: endpoints.iter().map(listener).collect(),
    });
    let partition = wire::Partition {
        partition_index: 0,
        leader_id: response.leader.map_or(-1, |leader| leader.0),
        leader_epoch: response.epoch.0,
        high_watermark: high_watermark.map_or(-1, |offset| offset.0),
        current_voters: described.voters.iter().map(voter).collect(),
        observers: described.observers.iter().map(observer).collect(),
        ..wire::Partition::default()
    };
    DescribeQuorumResponse {
        topics: vec![wire::Topic { topic_name: TOPIC.to_owned(), partitions: vec![partition] }],
        nodes: if version >= DIRECTORIES { nodes.collect() } else { Vec::new() },
        ..DescribeQuorumResponse::default()
    }
}
