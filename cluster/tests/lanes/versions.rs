//! Every API in every version that is advertised: a request is answered, and the answer can be read.

use bytes::Bytes;
use trial_cluster::broker::api::served;
use trial_cluster::wire::{
    self, AlterConfigsRequest, AlterPartitionReassignmentsRequest, ApiKey, ApiVersionsRequest,
    CreatePartitionsRequest, CreateTopicsRequest, DeleteRecordsRequest, DeleteTopicsRequest,
    DescribeClusterRequest, DescribeConfigsRequest, DescribeProducersRequest,
    DescribeQuorumRequest, DescribeTopicPartitionsRequest, ElectLeadersRequest, FetchRequest,
    IncrementalAlterConfigsRequest, InitProducerIdRequest, ListOffsetsRequest,
    ListPartitionReassignmentsRequest, Message as _, MetadataRequest, OffsetForLeaderEpochRequest,
    ProduceRequest, create_topics_request, delete_records_request, fetch_request,
    list_offsets_request, metadata_request, offset_for_leader_epoch_request, produce_request,
};
use trial_log::BatchBuilder;

use crate::support::{Bench, Door, Setup};

/// From here on requests name topics by id alone.
const BY_ID: i16 = 13;

fn versions(api: ApiKey) -> std::ops::RangeInclusive<i16> {
    let served = served().find(|served| served.api == api).expect("it is served");
    served.versions.clone()
}

fn records() -> Bytes {
    let mut batch = BatchBuilder::new(trial_cluster::ids::Offset(0));
    batch.append(1_767_225_600_000, Some(b"key"), Some(b"value"), &[]);
    batch.build().into_bytes()
}

/// Whether a request that is no more than its default is answered in this version of each API.
#[track_caller]
fn answers_the_default(bench: &mut Bench, door: Door, api: ApiKey, version: i16) {
    macro_rules! ask {
        ($($api:ident: $request:ty),* $(,)?) => {
            match api {
                $(ApiKey::$api => drop(bench.ask(door, version, &<$request>::default())),)*
                other => panic!("{other} is served: ask for it here"),
            }
        };
    }
    ask!(
        ApiVersions: ApiVersionsRequest, CreateTopics: CreateTopicsRequest, DeleteRecords: DeleteRecordsRequest,
        Fetch: FetchRequest, InitProducerId: InitProducerIdRequest, ListOffsets: ListOffsetsRequest,
        Metadata: MetadataRequest, OffsetForLeaderEpoch: OffsetForLeaderEpochRequest,
        DeleteTopics: DeleteTopicsRequest, ElectLeaders: ElectLeadersRequest,
        IncrementalAlterConfigs: IncrementalAlterConfigsRequest, DescribeCluster: DescribeClusterRequest,
        DescribeTopicPartitions: DescribeTopicPartitionsRequest, CreatePartitions: CreatePartitionsRequest,
        AlterPartitionReassignments: AlterPartitionReassignmentsRequest,
        ListPartitionReassignments: ListPartitionReassignmentsRequest,
        DescribeConfigs: DescribeConfigsRequest, AlterConfigs: AlterConfigsRequest,
        DescribeProducers: DescribeProducersRequest, DescribeQuorum: DescribeQuorumRequest,
        ConsumerGroupDescribe: wire::ConsumerGroupDescribeRequest,
        ConsumerGroupHeartbeat: wire::ConsumerGroupHeartbeatRequest,
        DeleteGroups: wire::DeleteGroupsRequest,
        DescribeGroups: wire::DescribeGroupsRequest,
        Heartbeat: wire::HeartbeatRequest,
        JoinGroup: wire::JoinGroupRequest,
        LeaveGroup: wire::LeaveGroupRequest,
        ListGroups: wire::ListGroupsRequest,
        OffsetCommit: wire::OffsetCommitRequest,
        OffsetDelete: wire::OffsetDeleteRequest,
        OffsetFetch: wire::OffsetFetchRequest,
        SyncGroup: wire::SyncGroupRequest,
        FindCoordinator: wire::FindCoordinatorRequest,
    );
}

#[test]
fn whatever_is_advertised_is_answered_even_if_it_asks_for_nothing() {
    let mut bench = Setup::new(1).build();
    for served in served() {
        for version in served.versions.clone() {
            let door = bench.connect();
            match served.api {
                // By default it wants no answer.
                ApiKey::Produce => {
                    let request = ProduceRequest { acks: 1, ..Default::default() };
                    bench.ask(door, version, &request);
                }
                api => answers_the_default(&mut bench, door, api, version),
            }
        }
    }
}

#[test]
fn metadata_is_told_in_every_version() {
    let mut bench = Setup::new(1).build();
    for version in versions(ApiKey::Metadata) {
        let door = bench.connect();
        let named = |name: &str| metadata_request::Topic {
            name: Some(name.to_owned()),
            ..Default::default()
        };
        let topics = Some(vec![named("orders"), named("no.such.topic")]);
        let request = MetadataRequest { topics, ..Default::default() };
        let answer = bench.ask(door, version, &request);
        assert_eq!(answer.brokers.len(), 1, "version {version}");
        let errors: Vec<_> = answer.topics.iter().map(|topic| topic.error_code).collect();
        assert_eq!(errors, [0, 3], "version {version}: one is there, one is unknown");
    }
}

#[test]
fn offsets_are_told_in_every_version_and_what_a_version_does_not_know_is_refused() {
    let mut bench = Setup::new(1).build();
    let door = bench.connect();
    bench.produce(door, 100);
    let asked = |timestamp| list_offsets_request::Partition { timestamp, ..Default::default() };
    for version in versions(ApiKey::ListOffsets) {
        let mut error_of = |partitions: Vec<list_offsets_request::Partition>| {
            let topic = list_offsets_request::Topic { name: "orders".to_owned(), partitions };
            let topics = vec![topic];
            let request = ListOffsetsRequest { replica_id: -1, topics, ..Default::default() };
            let answer = bench.ask(door, version, &request);
            let partition = &answer.topics[0].partitions[0];
            (partition.error_code, partition.offset, partition.leader_epoch)
        };
        let epoch = if version < 4 { -1 } else { 0 };
        assert_eq!(error_of(vec![asked(-1)]), (0, 1, epoch), "version {version}: the end");
        assert_eq!(error_of(vec![asked(-2)]), (0, 0, epoch), "version {version}: the start");
        assert_eq!(error_of(vec![asked(0)]), (0, 0, epoch), "version {version}: by time");
        for (timestamp, since) in [(-3, 7), (-4, 8), (-5, 9), (-6, 11), (-7, i16::MAX)] {
            let (error, offset, _) = error_of(vec![asked(timestamp)]);
            assert!(offset == -1 || timestamp > -5, "nothing is in remote storage: {offset}");
            let want = if version < since { 35 } else { 0 };
            assert_eq!(error, want, "version {version}: {timestamp} is known since {since}");
        }
        let twice = error_of(vec![asked(-1), asked(-1)]);
        assert_eq!(twice, (42, -1, -1), "version {version}: INVALID_REQUEST");
    }
}

#[test]
fn records_go_in_and_out_in_every_version() {
    let mut bench = Setup::new(1).build();
    let door = bench.connect();
    let topic_id = bench.topic_id("orders");
    let mut written = 0;
    for version in versions(ApiKey::Produce) {
        let by_id = version >= BY_ID;
        let mut send = |partition: i32, records: Bytes| {
            let partition =
                produce_request::PartitionData { index: partition, records: Some(records) };
            let topic = produce_request::TopicData {
                name: if by_id { String::new() } else { "orders".to_owned() },
                topic_id: if by_id { topic_id } else { Default::default() },
                partition_data: vec![partition],
            };
            let request = ProduceRequest {
                acks: -1,
                timeout_ms: 1_000,
                topic_data: vec![topic],
                ..Default::default()
            };
            let answer = bench.ask(door, version, &request);
            let partition = &answer.responses[0].partition_responses[0];
            (partition.error_code, partition.base_offset)
        };
        assert_eq!(send(0, records()), (0, written), "version {version}");
        written += 1;
        let (error, _) = send(99, records());
        assert_eq!(error, 3, "version {version}: there is no such partition");
        let mut torn = records().to_vec();
        *torn.last_mut().expect("a batch") ^= 1;
        assert_eq!(send(0, Bytes::from(torn)).0, 2, "version {version}: CORRUPT_MESSAGE");
    }
    for version in versions(ApiKey::Fetch) {
        let by_id = version >= BY_ID;
        let mut fetch = |fetch_offset: i64| {
            let partition = fetch_request::Partition {
                fetch_offset,
                partition_max_bytes: 1 << 20,
                ..Default::default()
            };
            let topic = fetch_request::Topic {
                topic: if by_id { String::new() } else { "orders".to_owned() },
                topic_id: if by_id { topic_id } else { Default::default() },
                partitions: vec![partition],
            };
            let request = FetchRequest {
                replica_id: -1,
                max_bytes: 1 << 20,
                session_epoch: -1,
                topics: vec![topic],
                ..Default::default()
            };
            let answer = bench.ask(door, version, &request);
            let partition = &answer.responses[0].partitions[0];
            let bytes = partition.records.as_ref().map_or(0, Bytes::len);
            (partition.error_code, partition.high_watermark, bytes > 0)
        };
        assert_eq!(fetch(0), (0, written, true), "version {version}");
        assert_eq!(fetch(1_000).0, 1, "version {version}: OFFSET_OUT_OF_RANGE");
    }
}

#[test]
fn topics_are_made_and_cut_in_every_version() {
    let mut bench = Setup::new(1).build();
    let door = bench.connect();
    bench.produce(door, 100);
    for version in versions(ApiKey::CreateTopics) {
        let topic = |name: String, replication_factor| create_topics_request::Topic {
            name,
            num_partitions: 2,
            replication_factor,
            ..Default::default()
        };
        let topics = vec![topic(format!("made-{version}"), 1), topic(format!("bad-{version}"), 3)];
        let request = CreateTopicsRequest { topics, timeout_ms: 1_000, ..Default::default() };
        let answer = bench.ask(door, version, &request);
        let mut errors: Vec<_> = answer.topics.iter().map(|topic| topic.error_code).collect();
        errors.sort_unstable();
        assert_eq!(errors, [0, 38], "version {version}: one of them wants too many replicas");
    }
    for version in versions(ApiKey::DeleteRecords) {
        let partitions = vec![delete_records_request::Partition { partition_index: 0, offset: -1 }];
        let topics = vec![delete_records_request::Topic { name: "orders".to_owned(), partitions }];
        let request = DeleteRecordsRequest { topics, timeout_ms: 1_000 };
        let answer = bench.ask(door, version, &request);
        let partition = &answer.topics[0].partitions[0];
        assert_eq!((partition.error_code, partition.low_watermark), (0, 1), "version {version}");
    }
    for version in versions(ApiKey::OffsetForLeaderEpoch) {
        let partitions = vec![offset_for_leader_epoch_request::Partition::default()];
        let topics =
            vec![offset_for_leader_epoch_request::Topic { topic: "orders".to_owned(), partitions }];
        let request = OffsetForLeaderEpochRequest { topics, ..Default::default() };
        let answer = bench.ask(door, version, &request);
        let partition = &answer.topics[0].partitions[0];
        assert_eq!((partition.error_code, partition.end_offset), (0, 1), "version {version}");
    }
}

#[test]
fn bytes_behind_a_request_are_not_looked_at() {
    let mut bench = Setup::new(1).build();
    let door = bench.connect();
    let request = MetadataRequest { topics: None, ..Default::default() };
    let answer = bench.ask_with(door, ApiKey::Metadata, 13, |body| {
        request.encode(13, body);
        body.extend_from_slice(&[1, 0, 0]);
    });
    assert!(answer.is_some(), "librdkafka 2.16 sends these three bytes: Kafka does not mind");
}
