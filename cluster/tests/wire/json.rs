//! The JSON form of every message and record in every version.

use bytes::Bytes;
use trial_cluster::wire::json::{Json, find, from_json, shapes, to_json};
use trial_cluster::wire::{FetchRequest, Message, fetch_request};

use crate::generator::{Random, instance};

#[test]
fn bytes_to_json_text_and_back_are_the_same_bytes_for_all_272_names() {
    let mut names = std::collections::BTreeSet::new();
    for shape in shapes() {
        names.insert(&shape.name);
        for seed in 0..12 {
            let bytes = Bytes::from(instance(&shape.body, &mut Random(seed)));
            let what = format!("{} {}, seed {seed}", shape.name, shape.version);
            let value = to_json(&shape.name, shape.version, &bytes).expect(&what);
            let text = if seed % 2 == 0 { value.to_string() } else { format!("{value:#}") };
            let again = Json::parse(&text).expect(&what);
            assert_eq!(again, value, "{what}");
            assert_eq!(from_json(&shape.name, shape.version, &again), Ok(bytes), "{what}");
        }
    }
    assert_eq!((names.len(), shapes().len()), (272, 728));
}

#[test]
fn fields_stand_under_kafkas_names() {
    let partition =
        fetch_request::Partition { partition: 2, fetch_offset: 9, ..Default::default() };
    let topic = fetch_request::Topic {
        topic_id: trial_cluster::ids::Uuid(1),
        partitions: vec![partition],
        ..Default::default()
    };
    let replica_state = fetch_request::ReplicaState { replica_id: 5, replica_epoch: 6 };
    let request =
        FetchRequest { max_wait_ms: 1, topics: vec![topic], replica_state, ..Default::default() };
    let value = to_json("FetchRequest", 17, &request.to_bytes(17)).expect("JSON");
    let want = r#"{"maxWaitMs":1,"minBytes":0,"maxBytes":2147483647,"isolationLevel":0,"sessionId":0,
        "sessionEpoch":-1,"topics":[{"topicId":"AAAAAAAAAAAAAAAAAAAAAQ","partitions":[{"partition":2,
        "currentLeaderEpoch":-1,"fetchOffset":9,"lastFetchedEpoch":-1,"logStartOffset":-1,
        "partitionMaxBytes":0}]}],"forgottenTopicsData":[],"rackId":"",
        "replicaState":{"replicaId":5,"replicaEpoch":6}}"#;
    assert_eq!(Json::parse(want), Ok(value));
}

#[test]
fn what_is_left_out_has_its_default() {
    for name in ["FetchRequest", "MetadataRequest", "RegisterBrokerRecord", "ProduceResponse"] {
        let codec = trial_cluster::wire::CODECS.iter().find(|codec| codec.name == name);
        let codec = codec.expect("a typed message");
        for version in codec.versions.0..=codec.versions.1 {
            let bytes = from_json(name, version, &Json::Object(Vec::new()));
            assert_eq!(bytes, Ok((codec.default)(version)), "{name} {version}");
        }
    }
}

#[test]
fn what_does_not_fit_is_refused_with_its_path() {
    #[track_caller]
    fn check(name: &str, version: i16, text: &str, want: &str) {
        let value = Json::parse(text).expect("JSON");
        let error = from_json(name, version, &value).expect_err("refused");
        assert_eq!(error.to_string(), want);
    }
    check("Nonsense", 0, "{}", "Nonsense: no version 0");
    check("VoteRequest", 9, "{}", "VoteRequest: no version 9");
    check("VoteRequest", 0, "[]", "VoteRequest: a list stands where an object is wanted");
    check(
        "VoteRequest",
        0,
        r#"{"voterId":1}"#,
        "VoteRequest.voterId: this version has no such field",
    );
    check(
        "VoteRequest",
        1,
        r#"{"topics":[{},{"partitions":[{"replicaEpoch":3000000000}]}]}"#,
        "VoteRequest.topics[1].partitions[0].replicaEpoch: 3000000000 does not fit",
    );
    check(
        "VoteRequest",
        1,
        r#"{"topics":[{"topicName":null}]}"#,
        "VoteRequest.topics[0].topicName: null, which this version does not allow",
    );
    check(
        "TopicRecord",
        0,
        r#"{"topicId":"abc"}"#,
        "TopicRecord.topicId: a uuid is 22 letters of base64",
    );
}

#[test]
fn bytes_that_are_too_short_are_refused_with_their_path() {
    let shape = find("TopicRecord", 0).expect("a record");
    let bytes = Bytes::from(instance(&shape.body, &mut Random(3)));
    for length in 0..bytes.len() {
        let error = to_json("TopicRecord", 0, &bytes.slice(..length)).expect_err("refused");
        assert!(error.path.starts_with("TopicRecord"), "{error}");
        assert!(error.why.starts_with("at byte "), "{error}");
    }
}
