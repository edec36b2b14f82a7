//! The quorum's messages as requests and responses of Kafka's protocol.
//!
//! In Kafka:   `RaftUtil`; Vote 2, BeginQuorumEpoch 1, EndQuorumEpoch 1, Fetch 17 and 18 for the one partition of
//!             `__cluster_metadata`, whose topic id is that of every cluster; DescribeQuorum.
//! Invariants: QW-1 what a message says reads back from its bytes. QW-2 a request for another topic or partition,
//!             or for several, becomes one that the replica calls invalid.

mod describe_quorum;

use std::sync::Arc;

pub use describe_quorum::{describe_response, read_describe_request};

use super::message::{
    Api, BeginQuorumEpoch, EndQuorumEpoch, Envelope, Fetch, Fetched, OffsetAndEpoch, Request,
    Response, ResponseBody, Vote,
};
use super::voters::{Endpoint, ReplicaKey};
use crate::error_code::ErrorCode;
use crate::ids::{BrokerId, LeaderEpoch, Offset, Uuid};
use crate::wire::{
    BeginQuorumEpochRequest, BeginQuorumEpochResponse, EndQuorumEpochRequest,
    EndQuorumEpochResponse, FetchRequest, FetchResponse, VoteRequest, VoteResponse,
    begin_quorum_epoch_request, begin_quorum_epoch_response, end_quorum_epoch_request,
    end_quorum_epoch_response, fetch_request, fetch_response, vote_request, vote_response,
};

/// The topic's name.
pub const TOPIC: &str = "__cluster_metadata";

/// The only element of a list; none of any other list.
fn only<T>(list: Vec<T>) -> Option<T> {
    let mut elements = list.into_iter();
    elements.next().filter(|_| elements.next().is_none())
}

fn name(id: Option<Arc<str>>) -> Option<String> {
    id.map(|id| id.to_string())
}

fn key_or_none(id: i32, directory: Uuid) -> Option<ReplicaKey> {
    (id >= 0).then(|| ReplicaKey::new(BrokerId(id), directory))
}

fn id_or_none(id: i32) -> Option<BrokerId> {
    (id >= 0).then_some(BrokerId(id))
}

fn envelope(api: Api, cluster_id: Option<String>, request: Option<Request>) -> Envelope {
    Envelope { cluster_id: cluster_id.map(Arc::from), request, api }
}

/// A `Vote` request.
#[must_use]
pub fn vote_request(cluster_id: Option<Arc<str>>, vote: &Vote) -> VoteRequest {
    let voter = vote.voter;
    let partition = vote_request::Partition {
        partition_index: 0,
        replica_epoch: vote.epoch.0,
        replica_id: vote.candidate.id.0,
        replica_directory_id: vote.candidate.directory_or_zero(),
        voter_directory_id: voter.map_or(Uuid::ZERO, ReplicaKey::directory_or_zero),
        last_offset_epoch: vote.log_end.epoch.0,
        last_offset: vote.log_end.offset.0,
        pre_vote: vote.pre_vote,
    };
    VoteRequest {
        cluster_id: name(cluster_id),
        voter_id: voter.map_or(-1, |voter| voter.id.0),
        topics: vec![vote_request::Topic {
            topic_name: TOPIC.to_owned(),
            partitions: vec![partition],
        }],
    }
}

/// What a `Vote` request says.
#[must_use]
pub fn read_vote_request(request: VoteRequest) -> Envelope {
    let voter_id = request.voter_id;
    let topic = only(request.topics).filter(|topic| topic.topic_name == TOPIC);
    let partition = topic.and_then(|topic| only(topic.partitions));
    let vote = partition.filter(|partition| partition.partition_index == 0).map(|partition| {
        Request::Vote(Vote {
            candidate: ReplicaKey::new(
                BrokerId(partition.replica_id),
                partition.replica_directory_id,
            ),
            epoch: LeaderEpoch(partition.replica_epoch),
            log_end: OffsetAndEpoch {
                epoch: LeaderEpoch(partition.last_offset_epoch),
                offset: Offset(partition.last_offset),
            },
            voter: key_or_none(voter_id, partition.voter_directory_id),
            pre_vote: partition.pre_vote,
        })
    });
    envelope(Api::Vote, request.cluster_id, vote)
}

/// A `BeginQuorumEpoch` request.
#[must_use]
pub fn begin_request(
    cluster_id: Option<Arc<str>>,
    begin: &BeginQuorumEpoch,
) -> BeginQuorumEpochRequest {
    let voter = begin.voter;
    let partition = begin_quorum_epoch_request::Partition {
        partition_index: 0,
        voter_directory_id: voter.map_or(Uuid::ZERO, ReplicaKey::directory_or_zero),
        leader_id: begin.leader.0,
        leader_epoch: begin.epoch.0,
    };
    let endpoint = |endpoint: &Endpoint| begin_quorum_epoch_request::LeaderEndpoint {
        name: endpoint.listener.to_string(),
        host: endpoint.host.to_string(),
        port: endpoint.port,
    };
    BeginQuorumEpochRequest {
        cluster_id: name(cluster_id),
        voter_id: voter.map_or(-1, |voter| voter.id.0),
        topics: vec![begin_quorum_epoch_request::Topic {
            topic_name: TOPIC.to_owned(),
            partitions: vec![partition],
        }],
        leader_endpoints: begin.leader_endpoint.iter().map(endpoint).collect(),
    }
}

/// What a `BeginQuorumEpoch` request says.
#[must_use]
pub fn read_begin_request(request: BeginQuorumEpochRequest) -> Envelope {
    let voter_id = request.voter_id;
    let endpoint = request.leader_endpoints.into_iter().next();
    let leader_endpoint = endpoint.map(|endpoint| Endpoint {
        listener: endpoint.name.into(),
        host: endpoint.host.into(),
        port: endpoint.port,
    });
    let topic = only(request.topics).filter(|topic| topic.topic_name == TOPIC);
    let partition = topic.and_then(|topic| only(topic.partitions));
    let begin = partition.filter(|partition| partition.partition_index == 0).map(|partition| {
        Request::BeginQuorumEpoch(BeginQuorumEpoch {
            leader: BrokerId(partition.leader_id),
            epoch: LeaderEpoch(partition.leader_epoch),
            leader_endpoint,
            voter: key_or_none(voter_id, partition.voter_directory_id),
        })
    });
    envelope(Api::BeginQuorumEpoch, request.cluster_id, begin)
}

/// An `EndQuorumEpoch` request.
#[must_use]
pub fn end_request(cluster_id: Option<Arc<str>>, end: &EndQuorumEpoch) -> EndQuorumEpochRequest {
    let candidate = |key: &ReplicaKey| end_quorum_epoch_request::PreferredCandidate {
        candidate_id: key.id.0,
        candidate_directory_id: key.directory_or_zero(),
    };
    let partition = end_quorum_epoch_request::Partition {
        partition_index: 0,
        leader_id: end.leader.0,
        leader_epoch: end.epoch.0,
        preferred_successors: Vec::new(),
        preferred_candidates: end.preferred_candidates.iter().map(candidate).collect(),
    };
    let endpoint = |endpoint: &Endpoint| end_quorum_epoch_request::LeaderEndpoint {
        name: endpoint.listener.to_string(),
        host: endpoint.host.to_string(),
        port: endpoint.port,
    };
    EndQuorumEpochRequest {
        cluster_id: name(cluster_id),
        topics: vec![end_quorum_epoch_request::Topic {
            topic_name: TOPIC.to_owned(),
            partitions: vec![partition],
        }],
        leader_endpoints: end.leader_endpoint.iter().map(endpoint).collect(),
    }
}

/// What an `EndQuorumEpoch` request says.
#[must_use]
pub fn read_end_request(request: EndQuorumEpochRequest) -> Envelope {
    let endpoint = request.leader_endpoints.into_iter().next();
    let leader_endpoint = endpoint.map(|endpoint| Endpoint {
        listener: endpoint.name.into(),
        host: endpoint.host.into(),
        port: endpoint.port,
    });
    let topic = only(request.topics).filter(|topic| topic.topic_name == TOPIC);
    let partition = topic.and_then(|topic| only(topic.partitions));
    let end = partition.filter(|partition| partition.partition_index == 0).map(|partition| {
        let candidates = partition.preferred_candidates.into_iter();
        let key = |candidate: end_quorum_epoch_request::PreferredCandidate| {
            ReplicaKey::new(BrokerId(candidate.candidate_id), candidate.candidate_directory_id)
        };
        Request::EndQuorumEpoch(EndQuorumEpoch {
            leader: BrokerId(partition.leader_id),
            epoch: LeaderEpoch(partition.leader_epoch),
            leader_endpoint,
            preferred_candidates: candidates.map(key).collect(),
        })
    });
    envelope(Api::EndQuorumEpoch, request.cluster_id, end)
}

/// A `Fetch` request.
#[must_use]
pub fn fetch_request(cluster_id: Option<Arc<str>>, fetch: &Fetch) -> FetchRequest {
    let partition = fetch_request::Partition {
        partition: 0,
        current_leader_epoch: fetch.current_leader_epoch.0,
        fetch_offset: fetch.position.offset.0,
        last_fetched_epoch: fetch.position.epoch.0,
        partition_max_bytes: 0,
        replica_directory_id: fetch.replica.directory_or_zero(),
        high_watermark: fetch.high_watermark.map_or(-1, |offset| offset.0),
        ..fetch_request::Partition::default()
    };
    FetchRequest {
        cluster_id: name(cluster_id),
        max_wait_ms: fetch.max_wait_ms,
        max_bytes: fetch.max_bytes,
        topics: vec![fetch_request::Topic {
            topic_id: Uuid::METADATA_TOPIC,
            partitions: vec![partition],
            ..fetch_request::Topic::default()
        }],
        replica_state: fetch_request::ReplicaState {
            replica_id: fetch.replica.id.0,
            ..fetch_request::ReplicaState::default()
        },
        ..FetchRequest::default()
    }
}

/// What a `Fetch` request says.
#[must_use]
pub fn read_fetch_request(request: FetchRequest) -> Envelope {
    let replica = BrokerId(request.replica_state.replica_id);
    let (max_wait_ms, max_bytes) = (request.max_wait_ms, request.max_bytes);
    let topic = only(request.topics).filter(|topic| topic.topic_id == Uuid::METADATA_TOPIC);
    let partition = topic.and_then(|topic| only(topic.partitions));
    let fetch = partition.filter(|partition| partition.partition == 0).map(|partition| {
        let shown = Offset(partition.high_watermark);
        Request::Fetch(Fetch {
            replica: ReplicaKey::new(replica, partition.replica_directory_id),
            current_leader_epoch: LeaderEpoch(partition.current_leader_epoch),
            position: OffsetAndEpoch {
                epoch: LeaderEpoch(partition.last_fetched_epoch),
                offset: Offset(partition.fetch_offset),
            },
            high_watermark: (shown.0 >= 0).then_some(shown),
            max_wait_ms,
            max_bytes,
        })
    });
    envelope(Api::Fetch, request.cluster_id, fetch)
}

/// Whom the leader of a response names, and where that one listens: what every response has.
fn head(response: &Response) -> (i16, i32, i32, Option<(i32, String, u16)>) {
    let leader = response.leader.unwrap_or(BrokerId::NONE).0;
    let endpoint = response.leader_endpoint.as_ref().filter(|_| leader >= 0);
    let endpoint = endpoint.map(|endpoint| (leader, endpoint.host.to_string(), endpoint.port));
    (response.error.code(), leader, response.epoch.0, endpoint)
}

fn of_head(
    top_level_error: i16,
    error: i16,
    leader: (i32, i32),
    endpoint: Option<(String, u16)>,
    body: ResponseBody,
) -> Response {
    Response {
        top_level_error: ErrorCode::from_code(top_level_error),
        error: ErrorCode::from_code(error),
        leader: id_or_none(leader.0),
        epoch: LeaderEpoch(leader.1),
        leader_endpoint: endpoint.map(|(host, port)| Endpoint::controller(&host, port)),
        body,
    }
}

/// A response for another partition than the one that was asked for is none at all.
fn stray(api: Api, top_level_error: i16) -> Response {
    let error = ErrorCode::from_code(top_level_error);
    let is_said = error != ErrorCode::None;
    Response::failed(api, if is_said { error } else { ErrorCode::UnknownServerError })
}

/// A `Vote` response.
#[must_use]
pub fn vote_response(response: &Response) -> VoteResponse {
    if response.top_level_error != ErrorCode::None {
        let error_code = response.top_level_error.code();
        return VoteResponse { error_code, ..VoteResponse::default() };
    }
    let (error_code, leader_id, leader_epoch, endpoint) = head(response);
    let vote_granted = response.body == ResponseBody::Vote { granted: true };
    let node = |(node_id, host, port)| vote_response::NodeEndpoint { node_id, host, port };
    VoteResponse {
        error_code: 0,
        topics: vec![vote_response::Topic {
            topic_name: TOPIC.to_owned(),
            partitions: vec![vote_response::Partition {
                partition_index: 0,
                error_code,
                leader_id,
                leader_epoch,
                vote_granted,
            }],
        }],
        node_endpoints: endpoint.into_iter().map(node).collect(),
    }
}

/// What a `Vote` response says.
#[must_use]
pub fn read_vote_response(response: VoteResponse) -> Response {
    let partition = only(response.topics).and_then(|topic| only(topic.partitions));
    let Some(partition) = partition else { return stray(Api::Vote, response.error_code) };
    let leader = (partition.leader_id, partition.leader_epoch);
    let mut nodes = response.node_endpoints.into_iter();
    let endpoint = nodes.find(|node| node.node_id == leader.0).map(|node| (node.host, node.port));
    let body = ResponseBody::Vote { granted: partition.vote_granted };
    of_head(response.error_code, partition.error_code, leader, endpoint, body)
}

/// A `BeginQuorumEpoch` response.
#[must_use]
pub fn begin_response(response: &Response) -> BeginQuorumEpochResponse {
    if response.top_level_error != ErrorCode::None {
        let error_code = response.top_level_error.code();
        return BeginQuorumEpochResponse { error_code, ..BeginQuorumEpochResponse::default() };
    }
    let (error_code, leader_id, leader_epoch, endpoint) = head(response);
    let node =
        |(node_id, host, port)| begin_quorum_epoch_response::NodeEndpoint { node_id, host, port };
    BeginQuorumEpochResponse {
        error_code: 0,
        topics: vec![begin_quorum_epoch_response::Topic {
            topic_name: TOPIC.to_owned(),
            partitions: vec![begin_quorum_epoch_response::Partition {
                partition_index: 0,
                error_code,
                leader_id,
                leader_epoch,
            }],
        }],
        node_endpoints: endpoint.into_iter().map(node).collect(),
    }
}

/// What a `BeginQuorumEpoch` response says.
#[must_use]
pub fn read_begin_response(response: BeginQuorumEpochResponse) -> Response {
    let partition = only(response.topics).and_then(|topic| only(topic.partitions));
    let Some(partition) = partition else {
        return stray(Api::BeginQuorumEpoch, response.error_code);
    };
    let leader = (partition.leader_id, partition.leader_epoch);
    let mut nodes = response.node_endpoints.into_iter();
    let endpoint = nodes.find(|node| node.node_id == leader.0).map(|node| (node.host, node.port));
    let body = ResponseBody::BeginQuorumEpoch;
    of_head(response.error_code, partition.error_code, leader, endpoint, body)
}

/// An `EndQuorumEpoch` response.
#[must_use]
pub fn end_response(response: &Response) -> EndQuorumEpochResponse {
    if response.top_level_error != ErrorCode::None {
        let error_code = response.top_level_error.code();
        return EndQuorumEpochResponse { error_code, ..EndQuorumEpochResponse::default() };
    }
    let (error_code, leader_id, leader_epoch, endpoint) = head(response);
    let node =
        |(node_id, host, port)| end_quorum_epoch_response::NodeEndpoint { node_id, host, port };
    EndQuorumEpochResponse {
        error_code: 0,
        topics: vec![end_quorum_epoch_response::Topic {
            topic_name: TOPIC.to_owned(),
            partitions: vec![end_quorum_epoch_response::Partition {
                partition_index: 0,
                error_code,
                leader_id,
                leader_epoch,
            }],
        }],
        node_endpoints: endpoint.into_iter().map(node).collect(),
    }
}

/// What an `EndQuorumEpoch` response says.
#[must_use]
pub fn read_end_response(response: EndQuorumEpochResponse) -> Response {
    let partition = only(response.topics).and_then(|topic| only(topic.partitions));
    let Some(partition) = partition else {
        return stray(Api::EndQuorumEpoch, response.error_code);
    };
    let leader = (partition.leader_id, partition.leader_epoch);
    let mut nodes = response.node_endpoints.into_iter();
    let endpoint = nodes.find(|node| node.node_id == leader.0).map(|node| (node.host, node.port));
    let body = ResponseBody::EndQuorumEpoch;
    of_head(response.error_code, partition.error_code, leader, endpoint, body)
}

/// A `Fetch` response.
#[must_use]
pub fn fetch_response(response: &Response) -> FetchResponse {
    if response.top_level_error != ErrorCode::None {
        let error_code = response.top_level_error.code();
        return FetchResponse { error_code, ..FetchResponse::default() };
    }
    let (error_code, leader_id, leader_epoch, endpoint) = head(response);
    let ResponseBody::Fetch(fetched) = &response.body else {
        panic!("QW-1: {:?} answers a fetch", response.body);
    };
    let offset = |offset: Option<Offset>| offset.map_or(-1, |offset| offset.0);
    let diverging = fetched.diverging.map_or_else(Default::default, |end| {
        fetch_response::DivergingEpoch { epoch: end.epoch.0, end_offset: end.offset.0 }
    });
    let node = |(node_id, host, port): (i32, String, u16)| fetch_response::NodeEndpoint {
        node_id,
        host,
        port: i32::from(port),
        rack: None,
    };
    FetchResponse {
        responses: vec![fetch_response::Response {
            topic_id: Uuid::METADATA_TOPIC,
            partitions: vec![fetch_response::Partition {
                partition_index: 0,
                error_code,
                high_watermark: offset(fetched.high_watermark),
                log_start_offset: offset(fetched.log_start_offset),
                records: Some(fetched.records.clone()),
                diverging_epoch: diverging,
                current_leader: fetch_response::CurrentLeader { leader_id, leader_epoch },
                ..fetch_response::Partition::default()
            }],
            ..fetch_response::Response::default()
        }],
        node_endpoints: endpoint.into_iter().map(node).collect(),
        ..FetchResponse::default()
    }
}

/// What a `Fetch` response says.
#[must_use]
pub fn read_fetch_response(response: FetchResponse) -> Response {
    let topic = only(response.responses).filter(|topic| topic.topic_id == Uuid::METADATA_TOPIC);
    let partition = topic.and_then(|topic| only(topic.partitions));
    let Some(partition) = partition else { return stray(Api::Fetch, response.error_code) };
    let leader = (partition.current_leader.leader_id, partition.current_leader.leader_epoch);
    let node = response.node_endpoints.into_iter().find(|node| node.node_id == leader.0);
    let endpoint = node.and_then(|node| Some((node.host, u16::try_from(node.port).ok()?)));
    let offset = |offset: i64| (offset >= 0).then_some(Offset(offset));
    let diverging = partition.diverging_epoch;
    let body = ResponseBody::Fetch(Fetched {
        records: partition.records.unwrap_or_default(),
        high_watermark: offset(partition.high_watermark),
        log_start_offset: offset(partition.log_start_offset),
        diverging: (diverging.epoch >= 0).then_some(OffsetAndEpoch {
            epoch: LeaderEpoch(diverging.epoch),
            offset: Offset(diverging.end_offset),
        }),
    });
    of_head(response.error_code, partition.error_code, leader, endpoint, body)
}

#[cfg(test)]
mod tests;
