//! Generates the typed messages of `wire` from `shapes-4.3.0.txt`.
//!
//! In Kafka:      the `generator` module, which turns the JSON files of messages into Java classes.
//! Inputs:        the shapes, and the list of fields that must not be dropped (`shapes-4.3.0-mandatory.txt`).
//! Effects:       three files in `$OUT_DIR`, included by `wire/{message,api_key,metadata_record}.rs`. `build/merge.rs`
//!                makes one struct of all versions of a message, `build/emit.rs` writes it as Rust.
//! Left out:      the messages that nothing here sends yet: name them below and they exist.

#[path = "build/emit.rs"]
mod emit;
#[path = "build/merge.rs"]
mod merge;
#[path = "src/wire/shape.rs"]
mod shape;
#[path = "build/versions.rs"]
mod versions;

use std::collections::{BTreeMap, BTreeSet};

/// The APIs whose requests and responses exist as types.
const APIS: &[&str] = &[
    "AllocateProducerIds",
    "AlterConfigs",
    "AlterPartition",
    "AlterPartitionReassignments",
    "ApiVersions",
    "AssignReplicasToDirs",
    "BeginQuorumEpoch",
    "BrokerHeartbeat",
    "BrokerRegistration",
    "ConsumerGroupDescribe",
    "ConsumerGroupHeartbeat",
    "ControllerRegistration",
    "CreatePartitions",
    "CreateTopics",
    "DeleteGroups",
    "DeleteRecords",
    "DeleteTopics",
    "DescribeCluster",
    "DescribeConfigs",
    "DescribeGroups",
    "DescribeProducers",
    "DescribeQuorum",
    "DescribeTopicPartitions",
    "ElectLeaders",
    "EndQuorumEpoch",
    "Envelope",
    "Fetch",
    "FetchSnapshot",
    "FindCoordinator",
    "Heartbeat",
    "IncrementalAlterConfigs",
    "InitProducerId",
    "JoinGroup",
    "LeaveGroup",
    "ListGroups",
    "ListOffsets",
    "ListPartitionReassignments",
    "Metadata",
    "OffsetCommit",
    "OffsetDelete",
    "OffsetFetch",
    "OffsetForLeaderEpoch",
    "Produce",
    "SyncGroup",
    "UnregisterBroker",
    "UpdateFeatures",
    "Vote",
];

/// The records of the metadata log: those of `MetadataRecordType`.
const METADATA_RECORDS: &[&str] = &[
    "RegisterBrokerRecord",
    "UnregisterBrokerRecord",
    "TopicRecord",
    "PartitionRecord",
    "ConfigRecord",
    "PartitionChangeRecord",
    "FenceBrokerRecord",
    "UnfenceBrokerRecord",
    "RemoveTopicRecord",
    "DelegationTokenRecord",
    "UserScramCredentialRecord",
    "FeatureLevelRecord",
    "ClientQuotaRecord",
    "ProducerIdsRecord",
    "BrokerRegistrationChangeRecord",
    "AccessControlEntryRecord",
    "RemoveAccessControlEntryRecord",
    "NoOpRecord",
    "ZkMigrationStateRecord",
    "RemoveUserScramCredentialRecord",
    "BeginTransactionRecord",
    "EndTransactionRecord",
    "AbortTransactionRecord",
    "RemoveDelegationTokenRecord",
    "RegisterControllerRecord",
    "ClearElrRecord",
];

/// The records of `__consumer_offsets`: each is a key and a value (`CoordinatorRecordType`).
const GROUP_RECORDS: &[&str] = &[
    "LegacyOffsetCommit",
    "OffsetCommit",
    "GroupMetadata",
    "ConsumerGroupMetadata",
    "ConsumerGroupPartitionMetadata",
    "ConsumerGroupMemberMetadata",
    "ConsumerGroupTargetAssignmentMetadata",
    "ConsumerGroupTargetAssignmentMember",
    "ConsumerGroupCurrentMemberAssignment",
    "ConsumerGroupRegularExpression",
];

/// Headers, control records, the file of the quorum's state, and what consumers tell each other in their groups.
const OTHERS: &[&str] = &[
    "RequestHeader",
    "ResponseHeader",
    "LeaderChangeMessage",
    "SnapshotHeaderRecord",
    "SnapshotFooterRecord",
    "KRaftVersionRecord",
    "VotersRecord",
    "EndTxnMarker",
    "QuorumState",
    "ConsumerProtocolAssignment",
    "ConsumerProtocolSubscription",
];

#[expect(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "a build script writes files and talks to cargo by its output"
)]
fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    for path in ["build", "src/wire/shape.rs", "shapes-4.3.0.txt", "shapes-4.3.0-mandatory.txt"] {
        println!("cargo:rerun-if-changed={path}");
    }
    let shapes = shape::parse(include_str!("shapes-4.3.0.txt")).expect("the shapes parse");
    let mandatory: BTreeSet<&str> = include_str!("shapes-4.3.0-mandatory.txt").lines().collect();
    let mut by_name: BTreeMap<&str, Vec<&shape::Shape>> = BTreeMap::new();
    for shape in &shapes {
        by_name.entry(&shape.name).or_default().push(shape);
    }
    let sides = ["Request", "Response"];
    let both = APIS.iter().flat_map(|api| sides.map(|side| format!("{api}{side}")));
    let halves = ["Key", "Value"];
    let of_groups =
        GROUP_RECORDS.iter().flat_map(|name| halves.map(|half| format!("{name}{half}")));
    let plain = METADATA_RECORDS.iter().chain(OTHERS).map(|name| (*name).to_owned());
    let names: Vec<String> = both.chain(of_groups).chain(plain).collect();

    let mut out = String::new();
    for name in &names {
        let versions = by_name.get(name.as_str()).unwrap_or_else(|| panic!("no shape of {name}"));
        emit::message(&mut out, &merge::merge(versions, &mandatory));
    }
    emit::requests(&mut out, APIS);
    emit::codecs(&mut out, &names);
    let directory = std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR");
    let directory = std::path::Path::new(&directory);
    let files = [
        ("messages.rs", out),
        ("api_keys.rs", emit::api_keys(&by_name)),
        ("metadata_records.rs", emit::metadata_records(METADATA_RECORDS)),
    ];
    for (name, text) in files {
        std::fs::write(directory.join(name), text).expect("cargo's OUT_DIR can be written");
    }
}
