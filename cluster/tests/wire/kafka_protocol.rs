//! The crate kafka-protocol as a second opinion: it reads what we read, and writes the same bytes.
//!
//! Left out: what it does not know: the records of the metadata log, and the versions beyond Kafka 4.1.

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages as theirs;
use kafka_protocol::protocol::{Decodable, Encodable, Message as TheirMessage};
use trial_cluster::wire::{CODECS, json};

use crate::generator::{Random, instance};

/// One of their messages without its type.
struct Peer {
    name: &'static str,
    versions: (i16, i16),
    again: fn(i16, &Bytes) -> Result<Bytes, String>,
    default: fn(i16) -> Result<Bytes, String>,
}

fn encode<M: Encodable>(message: &M, version: i16) -> Result<Bytes, String> {
    let mut into = BytesMut::new();
    message.encode(&mut into, version).map_err(|error| error.to_string())?;
    Ok(into.freeze())
}

const fn peer<M: TheirMessage + Encodable + Decodable + Default>(name: &'static str) -> Peer {
    Peer {
        name,
        versions: (M::VERSIONS.min, M::VERSIONS.max),
        again: |version, bytes| {
            let mut from = bytes.clone();
            let message = M::decode(&mut from, version).map_err(|error| error.to_string())?;
            if !from.is_empty() {
                return Err(format!("{} bytes are left", from.len()));
            }
            encode(&message, version)
        },
        default: |version| encode(&M::default(), version),
    }
}

macro_rules! peers {
    ($($name:ident)*) => { &[$(peer::<theirs::$name>(stringify!($name)),)*] };
}

const PEERS: &[Peer] = peers! {
    AllocateProducerIdsRequest AllocateProducerIdsResponse AlterConfigsRequest AlterConfigsResponse
    AlterPartitionReassignmentsRequest
    AlterPartitionReassignmentsResponse AlterPartitionRequest AlterPartitionResponse
    CreatePartitionsRequest CreatePartitionsResponse ListPartitionReassignmentsRequest
    ListPartitionReassignmentsResponse
    ApiVersionsRequest ApiVersionsResponse AssignReplicasToDirsRequest AssignReplicasToDirsResponse
    BeginQuorumEpochRequest BeginQuorumEpochResponse BrokerHeartbeatRequest BrokerHeartbeatResponse
    BrokerRegistrationRequest BrokerRegistrationResponse ControllerRegistrationRequest
    ControllerRegistrationResponse CreateTopicsRequest CreateTopicsResponse DeleteRecordsRequest
    DeleteRecordsResponse DeleteTopicsRequest DeleteTopicsResponse DescribeClusterRequest
    DescribeClusterResponse DescribeConfigsRequest
    DescribeConfigsResponse DescribeProducersRequest DescribeProducersResponse
    DescribeQuorumRequest DescribeQuorumResponse DescribeTopicPartitionsRequest
    DescribeTopicPartitionsResponse ElectLeadersRequest ElectLeadersResponse EndQuorumEpochRequest
    EndQuorumEpochResponse EnvelopeRequest EnvelopeResponse FetchRequest FetchResponse
    FetchSnapshotRequest FetchSnapshotResponse FindCoordinatorRequest FindCoordinatorResponse
    IncrementalAlterConfigsRequest IncrementalAlterConfigsResponse InitProducerIdRequest
    InitProducerIdResponse ListOffsetsRequest ListOffsetsResponse MetadataRequest MetadataResponse
    OffsetForLeaderEpochRequest OffsetForLeaderEpochResponse ProduceRequest ProduceResponse
    UnregisterBrokerRequest UnregisterBrokerResponse UpdateFeaturesRequest UpdateFeaturesResponse
    VoteRequest VoteResponse RequestHeader ResponseHeader LeaderChangeMessage SnapshotHeaderRecord
    SnapshotFooterRecord KRaftVersionRecord VotersRecord EndTxnMarker
    ConsumerProtocolAssignment ConsumerProtocolSubscription
    ConsumerGroupDescribeRequest ConsumerGroupDescribeResponse
    ConsumerGroupHeartbeatRequest ConsumerGroupHeartbeatResponse
    DeleteGroupsRequest DeleteGroupsResponse
    DescribeGroupsRequest DescribeGroupsResponse
    HeartbeatRequest HeartbeatResponse
    JoinGroupRequest JoinGroupResponse
    LeaveGroupRequest LeaveGroupResponse
    ListGroupsRequest ListGroupsResponse
    OffsetCommitRequest OffsetCommitResponse
    OffsetDeleteRequest OffsetDeleteResponse
    OffsetFetchRequest OffsetFetchResponse
    SyncGroupRequest SyncGroupResponse
};

/// The versions that both know, as (peer, version).
fn shared() -> Vec<(&'static Peer, i16)> {
    let mut out = Vec::new();
    for peer in PEERS {
        let ours = CODECS.iter().find(|codec| codec.name == peer.name).expect(peer.name);
        let low = peer.versions.0.max(ours.versions.0);
        let high = peer.versions.1.min(ours.versions.1);
        assert!(low <= high, "{} shares no version", peer.name);
        out.extend((low..=high).map(|version| (peer, version)));
    }
    out
}

#[test]
fn every_typed_message_has_a_peer_but_for_the_records_of_kafkas_own_topics() {
    for codec in CODECS {
        let known = PEERS.iter().any(|peer| peer.name == codec.name);
        let shape = json::find(codec.name, codec.versions.1).expect("a shape");
        let halves = ["Record", "Key", "Value"];
        let is_record = shape.key >= 0 && halves.iter().any(|half| codec.name.ends_with(half));
        assert!(known != (is_record || codec.name == "QuorumState"), "{}", codec.name);
    }
}

#[test]
fn the_same_random_instances_come_back_from_both() {
    let mut compared = 0;
    for (peer, version) in shared() {
        let shape = json::find(peer.name, version).expect("a shape");
        for seed in 0..40 {
            let mut bytes = instance(&shape.body, &mut Random(seed ^ 0x5eed));
            // Their reader takes a field called `version` for the version of what follows it.
            if shape.body.fields.first().is_some_and(|field| field.name == "version") {
                bytes[..2].copy_from_slice(&version.to_be_bytes());
            }
            let bytes = Bytes::from(bytes);
            let what = format!("{} {version}, seed {seed}", peer.name);
            let ours = CODECS.iter().find(|codec| codec.name == peer.name).expect(&what);
            let ours = (ours.again)(version, &bytes).expect(&what);
            // What we wrote goes to them, and what they wrote comes to us.
            let theirs = (peer.again)(version, &ours);
            assert_eq!(theirs, Ok(bytes), "{what}");
            compared += 1;
        }
    }
    assert!(compared > 8_000, "only {compared} instances were compared");
}

#[test]
fn defaults_are_the_same_bytes() {
    for (peer, version) in shared() {
        let ours = CODECS.iter().find(|codec| codec.name == peer.name).expect(peer.name);
        let ours = (ours.default)(version);
        assert_eq!((peer.default)(version), Ok(ours), "{} {version}", peer.name);
    }
}
