//! Every record that Apache Kafka 4.3.0 wrote into two metadata logs, read and written again (`tests/data/README.md`).

use std::collections::BTreeMap;

use bytes::Bytes;
use trial_cluster::raft::election_state::ElectionState;
use trial_cluster::wire::json::{Json, from_json, to_json};
use trial_cluster::wire::{ControlRecord, MetadataRecord, json};
use trial_log::Batches;

/// One file of batches: how many records of each name it holds.
fn read(file: &'static [u8]) -> BTreeMap<String, usize> {
    let mut names = BTreeMap::new();
    for batch in Batches::new(Bytes::from_static(file)) {
        let batch = batch.expect("Kafka's batches can be read");
        assert!(batch.is_valid(), "the checksum of the batch at {}", batch.base_offset());
        for record in batch.records() {
            let record = record.expect("Kafka's records can be read");
            let value = Bytes::copy_from_slice(record.value().expect("no tombstones here"));
            let name = if batch.is_control() {
                control_record(record.key().expect("a control record has a key"), &value)
            } else {
                assert_eq!(record.key(), None, "metadata records have no key");
                metadata_record(&value)
            };
            *names.entry(name).or_default() += 1;
        }
    }
    names
}

fn control_record(key: &[u8], value: &Bytes) -> String {
    let key = Bytes::copy_from_slice(key);
    let record = ControlRecord::from_bytes(&key, value).expect("a control record");
    assert_eq!((record.key(), record.value()), (key, value.clone()), "{record:?}");
    let text = format!("{record:?}");
    text.split('(').next().expect("a name").to_owned()
}

fn metadata_record(value: &Bytes) -> String {
    let (record, version) = MetadataRecord::from_bytes(value).expect("a metadata record");
    assert_eq!(record.to_bytes(version), *value, "{record:?}");
    // The interpreter reads the same bytes behind the three of the frame.
    let body = value.slice(3..);
    let form = to_json(record.name(), version, &body).expect("JSON");
    assert_eq!(from_json(record.name(), version, &form), Ok(body), "{form}");
    format!("{} {version}", record.name())
}

#[track_caller]
fn check(file: &'static [u8], want: &[(&str, usize)]) {
    let found = read(file);
    for (name, least) in want {
        let count = found.get(*name).copied().unwrap_or(0);
        assert!(count >= *least, "{count} of {name}, not {least}: {found:#?}");
    }
}

#[test]
fn every_record_of_one_nodes_metadata_log_comes_back_byte_for_byte() {
    check(
        include_bytes!("../data/one-node/00000000000000000000.log"),
        &[
            ("LeaderChange", 1),
            ("RegisterBrokerRecord 4", 1),
            ("RegisterControllerRecord 0", 1),
            ("BrokerRegistrationChangeRecord 0", 1),
            ("TopicRecord 0", 3),
            ("PartitionRecord 2", 5),
            ("ConfigRecord 0", 4),
            ("RemoveTopicRecord 0", 1),
            ("FeatureLevelRecord 0", 5),
            ("ProducerIdsRecord 0", 1),
            ("ClientQuotaRecord 0", 1),
            ("UserScramCredentialRecord 0", 1),
            ("RemoveUserScramCredentialRecord 0", 1),
            ("NoOpRecord 0", 1),
        ],
    );
}

#[test]
fn every_record_of_three_nodes_metadata_log_comes_back_byte_for_byte() {
    check(
        include_bytes!("../data/three-nodes/00000000000000000000.log"),
        &[
            ("LeaderChange", 4),
            ("KRaftVersion", 2),
            ("Voters", 2),
            ("BrokerRegistrationChangeRecord 0", 4),
            ("BrokerRegistrationChangeRecord 1", 2),
            ("BrokerRegistrationChangeRecord 3", 4),
            ("BeginTransactionRecord 0", 1),
            ("EndTransactionRecord 0", 1),
            ("ClearElrRecord 0", 1),
            ("RegisterBrokerRecord 4", 4),
            ("PartitionRecord 2", 5),
            ("PartitionChangeRecord 2", 16),
        ],
    );
}

#[test]
fn snapshots_and_the_bootstrap_file_come_back_byte_for_byte() {
    let voters = [("SnapshotHeader", 1), ("KRaftVersion", 1), ("Voters", 1), ("SnapshotFooter", 1)];
    check(include_bytes!("../data/one-node/00000000000000000000-0000000000.checkpoint"), &voters);
    check(
        include_bytes!("../data/three-nodes/00000000000000000000-0000000000.checkpoint"),
        &voters,
    );
    let features = [("SnapshotHeader", 1), ("FeatureLevelRecord 0", 5), ("SnapshotFooter", 1)];
    check(include_bytes!("../data/one-node/bootstrap.checkpoint"), &features);
    check(include_bytes!("../data/three-nodes/bootstrap.checkpoint"), &features);
}

#[test]
fn the_file_of_the_quorums_state_comes_back_as_text() {
    let files = [
        include_str!("../data/one-node/quorum-state"),
        include_str!("../data/three-nodes/quorum-state"),
    ];
    for file in files {
        let state = ElectionState::from_json(file).expect("Kafka's file");
        assert_eq!(state.to_json(), file);
        // It is the JSON form of the message, and the version behind it.
        let Ok(Json::Object(mut fields)) = Json::parse(file) else { panic!("not JSON: {file}") };
        let version = fields.pop().expect("the version");
        assert_eq!(version, ("data_version".into(), Json::Int(1)));
        let bytes = from_json("QuorumState", 1, &Json::Object(fields.clone())).expect("a state");
        assert_eq!(json::to_json("QuorumState", 1, &bytes), Ok(Json::Object(fields)));
    }
}
