//! What a coordinator is asked, and what it answers.
//!
//! In Kafka:   the parameters of `GroupCoordinatorShard`'s methods; `GroupCoordinatorService` hands requests that name
//!             several groups to several shards, a part each.
//! Holds:      messages as they travel, so that every version of an API has its own defaults.

use std::sync::Arc;

use crate::wire::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, HeartbeatRequest,
    HeartbeatResponse, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, LeaveGroupResponse,
    OffsetCommitRequest, OffsetCommitResponse, OffsetDeleteRequest, OffsetDeleteResponse,
    SyncGroupRequest, SyncGroupResponse, consumer_group_describe_response, delete_groups_response,
    describe_groups_response, list_groups_response, offset_fetch_request, offset_fetch_response,
};

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asker {
    /// `client.id`, as the header of the request has it; empty if it has none.
    pub client_id: Arc<str>,
    /// Where the connection comes from, as Kafka writes it: `/` and an address.
    pub client_host: Arc<str>,
    /// The version of the request.
    pub version: i16,
}

/// What may write.
#[derive(Debug, Clone, PartialEq)]
pub enum GroupRequest {
    /// JoinGroup.
    JoinGroup(JoinGroupRequest),
    /// SyncGroup.
    SyncGroup(SyncGroupRequest),
    /// Heartbeat.
    Heartbeat(HeartbeatRequest),
    /// LeaveGroup, in the form of its later versions: `members` has whoever leaves.
    LeaveGroup(LeaveGroupRequest),
    /// OffsetCommit.
    OffsetCommit(OffsetCommitRequest),
    /// One group of an OffsetFetch that asks for stable offsets: Kafka orders it among the writes.
    FetchStableOffsets(offset_fetch_request::Group),
    /// OffsetDelete.
    OffsetDelete(OffsetDeleteRequest),
    /// Those groups of a DeleteGroups that are here.
    DeleteGroups(Vec<String>),
    /// ConsumerGroupHeartbeat.
    ConsumerGroupHeartbeat(ConsumerGroupHeartbeatRequest),
}

/// What only reads, and reads what is committed (G13).
#[derive(Debug, Clone, PartialEq)]
pub enum GroupQuestion {
    /// One group of an OffsetFetch that does not ask for stable offsets.
    OffsetFetch(offset_fetch_request::Group),
    /// Those groups of a DescribeGroups that are here.
    DescribeGroups(Vec<String>),
    /// Those groups of a ConsumerGroupDescribe that are here.
    ConsumerGroupDescribe(Vec<String>),
    /// The groups of this shard: states and types that are asked for, in lower case; none: all.
    ListGroups {
        /// States.
        states: Vec<String>,
        /// Types.
        types: Vec<String>,
    },
}

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub enum GroupResponse {
    /// JoinGroup.
    JoinGroup(JoinGroupResponse),
    /// SyncGroup.
    SyncGroup(SyncGroupResponse),
    /// Heartbeat.
    Heartbeat(HeartbeatResponse),
    /// LeaveGroup.
    LeaveGroup(LeaveGroupResponse),
    /// OffsetCommit.
    OffsetCommit(OffsetCommitResponse),
    /// OffsetDelete.
    OffsetDelete(OffsetDeleteResponse),
    /// DeleteGroups.
    DeleteGroups(Vec<delete_groups_response::DeleteGroupsResponseResult>),
    /// ConsumerGroupHeartbeat.
    ConsumerGroupHeartbeat(ConsumerGroupHeartbeatResponse),
    /// One group of an OffsetFetch.
    OffsetFetch(offset_fetch_response::Group),
    /// Some groups of a DescribeGroups.
    DescribeGroups(Vec<describe_groups_response::Group>),
    /// Some groups of a ConsumerGroupDescribe.
    ConsumerGroupDescribe(Vec<consumer_group_describe_response::Group>),
    /// The groups of one shard.
    ListGroups(Vec<list_groups_response::Group>),
}
