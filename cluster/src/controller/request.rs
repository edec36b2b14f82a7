//! What a controller is asked and what it answers, typed; the node reads and writes the bytes.
//!
//! In Kafka:   `ControllerApis`, `Controller`.
//! Holds:      one variant for each API; the version is kept where the answer depends on it.
//! Invariants: RQ-1 a refusal of a whole request has the shape that Kafka's `getErrorResponse` gives it.

use crate::error_code::ErrorCode;
use crate::wire::{
    AllocateProducerIdsRequest, AllocateProducerIdsResponse, AlterConfigsRequest,
    AlterConfigsResponse, AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse,
    AlterPartitionRequest, AlterPartitionResponse, BrokerHeartbeatRequest, BrokerHeartbeatResponse,
    BrokerRegistrationRequest, BrokerRegistrationResponse, ControllerRegistrationRequest,
    ControllerRegistrationResponse, CreatePartitionsRequest, CreatePartitionsResponse,
    CreateTopicsRequest, CreateTopicsResponse, DeleteTopicsRequest, DeleteTopicsResponse,
    ElectLeadersRequest, ElectLeadersResponse, IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse, ListPartitionReassignmentsRequest,
    ListPartitionReassignmentsResponse, alter_configs_request, alter_configs_response,
    alter_partition_reassignments_response, create_partitions_response, create_topics_request,
    create_topics_response, delete_topics_response, elect_leaders_response,
    incremental_alter_configs_request, incremental_alter_configs_response,
    list_partition_reassignments_response,
};

/// A request for the active controller.
#[derive(Debug, Clone, PartialEq)]
pub enum ControllerRequest {
    /// A broker introduces itself; the version tells whether clean shutdowns are detected (3 on).
    BrokerRegistration(i16, BrokerRegistrationRequest),
    /// A broker lives.
    BrokerHeartbeat(BrokerHeartbeatRequest),
    /// A controller introduces itself.
    ControllerRegistration(ControllerRegistrationRequest),
    /// A leader wants another in-sync set; the version tells where the set stands (with epochs from 3 on).
    AlterPartition(i16, AlterPartitionRequest),
    /// New topics.
    CreateTopics(CreateTopicsRequest),
    /// Topics go.
    DeleteTopics(DeleteTopicsRequest),
    /// Elections on demand.
    ElectLeaders(ElectLeadersRequest),
    /// Settings change.
    IncrementalAlterConfigs(IncrementalAlterConfigsRequest),
    /// All settings of resources.
    AlterConfigs(AlterConfigsRequest),
    /// A broker wants producer ids to hand out.
    AllocateProducerIds(AllocateProducerIdsRequest),
    /// More partitions for topics that are there.
    CreatePartitions(CreatePartitionsRequest),
    /// Partitions move to other brokers.
    AlterPartitionReassignments(AlterPartitionReassignmentsRequest),
    /// Somebody wants to know which partitions move.
    ListPartitionReassignments(ListPartitionReassignmentsRequest),
}

/// The answer to the request of the same name.
#[derive(Debug, Clone, PartialEq)]
pub enum ControllerResponse {
    /// To a broker's registration.
    BrokerRegistration(BrokerRegistrationResponse),
    /// To a heartbeat.
    BrokerHeartbeat(BrokerHeartbeatResponse),
    /// To a controller's registration.
    ControllerRegistration(ControllerRegistrationResponse),
    /// To a change of in-sync sets.
    AlterPartition(AlterPartitionResponse),
    /// To new topics.
    CreateTopics(CreateTopicsResponse),
    /// To topics that go.
    DeleteTopics(DeleteTopicsResponse),
    /// To elections.
    ElectLeaders(ElectLeadersResponse),
    /// To settings.
    IncrementalAlterConfigs(IncrementalAlterConfigsResponse),
    /// To all settings.
    AlterConfigs(AlterConfigsResponse),
    /// Producer ids.
    AllocateProducerIds(AllocateProducerIdsResponse),
    /// To more partitions.
    CreatePartitions(CreatePartitionsResponse),
    /// To moves.
    AlterPartitionReassignments(AlterPartitionReassignmentsResponse),
    /// Which partitions move.
    ListPartitionReassignments(ListPartitionReassignmentsResponse),
}

impl ControllerRequest {
    /// The answer that refuses all of it with `error` (RQ-1).
    #[must_use]
    pub fn refusal(&self, error: ErrorCode, message: Option<&str>) -> ControllerResponse {
        let error_code = error.code();
        let error_message = message.map(str::to_owned);
        match self {
            Self::BrokerRegistration(..) => {
                ControllerResponse::BrokerRegistration(BrokerRegistrationResponse {
                    error_code,
                    broker_epoch: -1,
                    ..Default::default()
                })
            }
            Self::BrokerHeartbeat(_) => {
                ControllerResponse::BrokerHeartbeat(BrokerHeartbeatResponse {
                    error_code,
                    is_fenced: true,
                    ..Default::default()
                })
            }
            Self::ControllerRegistration(_) => {
                ControllerResponse::ControllerRegistration(ControllerRegistrationResponse {
                    error_code,
                    error_message,
                    ..Default::default()
                })
            }
            Self::AlterPartition(..) => {
                ControllerResponse::AlterPartition(AlterPartitionResponse {
                    error_code,
                    ..Default::default()
                })
            }
            Self::CreateTopics(request) => ControllerResponse::CreateTopics(refused_creation(
                request,
                error_code,
                &error_message,
            )),
            Self::DeleteTopics(request) => ControllerResponse::DeleteTopics(refused_deletion(
                request,
                error_code,
                &error_message,
            )),
            Self::ElectLeaders(request) => ControllerResponse::ElectLeaders(refused_elections(
                request,
                error_code,
                &error_message,
            )),
            Self::IncrementalAlterConfigs(request) => ControllerResponse::IncrementalAlterConfigs(
                refused_settings(request, error_code, &error_message),
            ),
            Self::AlterConfigs(request) => ControllerResponse::AlterConfigs(refused_replacement(
                request,
                error_code,
                &error_message,
            )),
            Self::AllocateProducerIds(_) => {
                ControllerResponse::AllocateProducerIds(AllocateProducerIdsResponse {
                    error_code,
                    ..Default::default()
                })
            }
            Self::CreatePartitions(request) => ControllerResponse::CreatePartitions(
                refused_partitions(request, error_code, &error_message),
            ),
            Self::AlterPartitionReassignments(request) => {
                ControllerResponse::AlterPartitionReassignments(refused_reassignments(
                    request,
                    error_code,
                    error_message,
                ))
            }
            Self::ListPartitionReassignments(request) => {
                ControllerResponse::ListPartitionReassignments(refused_listing(
                    request,
                    error_code,
                    error_message,
                ))
            }
        }
    }
}

fn refused_partitions(
    request: &CreatePartitionsRequest,
    error_code: i16,
    error_message: &Option<String>,
) -> CreatePartitionsResponse {
    let results = request.topics.iter().map(|topic| {
        create_partitions_response::CreatePartitionsResponseResult {
            name: topic.name.clone(),
            error_code,
            error_message: error_message.clone(),
        }
    });
    CreatePartitionsResponse { results: results.collect(), ..Default::default() }
}

fn refused_elections(
    request: &ElectLeadersRequest,
    error_code: i16,
    error_message: &Option<String>,
) -> ElectLeadersResponse {
    let results = request.topic_partitions.iter().flatten().map(|topic| {
        let partitions = topic.partitions.iter();
        let refused = partitions.map(|partition_id| elect_leaders_response::PartitionResult {
            partition_id: *partition_id,
            error_code,
            error_message: error_message.clone(),
        });
        elect_leaders_response::ReplicaElectionResult {
            topic: topic.topic.clone(),
            partition_result: refused.collect(),
        }
    });
    let replica_election_results = results.collect();
    ElectLeadersResponse { error_code, replica_election_results, ..Default::default() }
}

fn refused_reassignments(
    request: &AlterPartitionReassignmentsRequest,
    error_code: i16,
    error_message: Option<String>,
) -> AlterPartitionReassignmentsResponse {
    let responses = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|partition| {
            alter_partition_reassignments_response::Partition {
                partition_index: partition.partition_index,
                error_code,
                error_message: error_message.clone(),
            }
        });
        let (name, partitions) = (topic.name.clone(), partitions.collect());
        alter_partition_reassignments_response::Response { name, partitions }
    });
    let responses = responses.collect();
    AlterPartitionReassignmentsResponse {
        error_code,
        error_message,
        responses,
        ..Default::default()
    }
}

fn refused_listing(
    request: &ListPartitionReassignmentsRequest,
    error_code: i16,
    error_message: Option<String>,
) -> ListPartitionReassignmentsResponse {
    let topics = request.topics.iter().flatten().map(|topic| {
        let partitions = topic.partition_indexes.iter().map(|&partition_index| {
            list_partition_reassignments_response::Partition {
                partition_index,
                ..Default::default()
            }
        });
        let (name, partitions) = (topic.name.clone(), partitions.collect());
        list_partition_reassignments_response::Topic { name, partitions }
    });
    let topics = topics.collect();
    ListPartitionReassignmentsResponse { error_code, error_message, topics, ..Default::default() }
}

fn refused_creation(
    request: &CreateTopicsRequest,
    error_code: i16,
    error_message: &Option<String>,
) -> CreateTopicsResponse {
    let refused = |topic: &create_topics_request::Topic| create_topics_response::Topic {
        name: topic.name.clone(),
        error_code,
        error_message: error_message.clone(),
        ..Default::default()
    };
    let topics = request.topics.iter().map(refused).collect();
    CreateTopicsResponse { topics, ..Default::default() }
}

fn refused_deletion(
    request: &DeleteTopicsRequest,
    error_code: i16,
    error_message: &Option<String>,
) -> DeleteTopicsResponse {
    let refused = |name: Option<String>, topic_id| delete_topics_response::Response {
        name,
        topic_id,
        error_code,
        error_message: error_message.clone(),
    };
    let by_name = request.topic_names.iter();
    let by_name = by_name.map(|name| refused(Some(name.clone()), Default::default()));
    let by_id = request.topics.iter();
    let by_id = by_id.map(|topic| refused(topic.name.clone(), topic.topic_id));
    let responses = by_name.chain(by_id).collect();
    DeleteTopicsResponse { responses, ..Default::default() }
}

fn refused_replacement(
    request: &AlterConfigsRequest,
    error_code: i16,
    error_message: &Option<String>,
) -> AlterConfigsResponse {
    let refused = |resource: &alter_configs_request::Resource| alter_configs_response::Response {
        error_code,
        error_message: error_message.clone(),
        resource_type: resource.resource_type,
        resource_name: resource.resource_name.clone(),
    };
    let responses = request.resources.iter().map(refused).collect();
    AlterConfigsResponse { responses, ..Default::default() }
}

fn refused_settings(
    request: &IncrementalAlterConfigsRequest,
    error_code: i16,
    error_message: &Option<String>,
) -> IncrementalAlterConfigsResponse {
    let refused = |resource: &incremental_alter_configs_request::Resource| {
        incremental_alter_configs_response::Response {
            error_code,
            error_message: error_message.clone(),
            resource_type: resource.resource_type,
            resource_name: resource.resource_name.clone(),
        }
    };
    let responses = request.resources.iter().map(refused).collect();
    IncrementalAlterConfigsResponse { responses, ..Default::default() }
}
