//! Group coordinators, seen from outside: who they are, and what becomes of the topic that they write to.

use trial_cluster::config::BrokerConfig;
use trial_cluster::error_code::ErrorCode;
use trial_cluster::note::Note;
use trial_cluster::note::group::{GroupEvent, GroupNote};
use trial_cluster::wire::{
    ConsumerGroupDescribeRequest, ConsumerGroupHeartbeatRequest, DeleteGroupsRequest,
    DescribeGroupsRequest, FindCoordinatorRequest, HeartbeatRequest, JoinGroupRequest,
    LeaveGroupRequest, ListGroupsRequest, MetadataRequest, OffsetCommitRequest,
    OffsetDeleteRequest, OffsetFetchRequest, ProduceRequest, SyncGroupRequest,
    find_coordinator_response, leave_group_request, metadata_request, metadata_response,
    offset_commit_request, offset_delete_request, offset_fetch_request, produce_request,
};
use trial_log::BatchBuilder;
use trial_sim::{CrashKind, HostId, Seen, Span};

use crate::support::{Bench, Door, Setup};

const TOPIC: &str = "__consumer_offsets";
const PARTITIONS: i32 = 5;
const SHARE: i8 = 2;

fn config(copies: i32) -> BrokerConfig {
    let mut config = BrokerConfig::default();
    config.group.offsets_topic_num_partitions = PARTITIONS;
    config.group.offsets_topic_replication_factor = copies;
    config
}

fn bench(followers: i32) -> Bench {
    Setup { config: config(1 + followers), followers, ..Setup::new(7) }.build()
}

/// Looks for the coordinator of a group.
fn find(bench: &mut Bench, door: Door, group: &str) -> find_coordinator_response::Coordinator {
    let coordinator_keys = vec![group.to_owned()];
    let request = FindCoordinatorRequest { coordinator_keys, ..Default::default() };
    let mut answer = bench.ask(door, 6, &request);
    answer.coordinators.remove(0)
}

/// Looks until there is one.
fn found(bench: &mut Bench, door: Door, group: &str) -> find_coordinator_response::Coordinator {
    for _ in 0..50 {
        let answer = find(bench, door, group);
        if answer.error_code == 0 {
            return answer;
        }
        let error = ErrorCode::from_code(answer.error_code);
        assert_eq!(error, ErrorCode::CoordinatorNotAvailable, "it comes to be");
        assert_eq!((answer.node_id, answer.port), (-1, -1), "nobody is named before");
        bench.run_for(Span::from_millis(100));
    }
    panic!("there is no coordinator");
}

fn metadata(bench: &mut Bench, door: Door, name: &str) -> metadata_response::Topic {
    let named = metadata_request::Topic { name: Some(name.to_owned()), ..Default::default() };
    let request = MetadataRequest { topics: Some(vec![named]), ..Default::default() };
    let mut answer = bench.ask(door, 12, &request);
    answer.topics.remove(0)
}

/// What the shards of a host note from now on, for a while.
fn noted(bench: &mut Bench, host: HostId, span: Span) -> Vec<GroupNote> {
    let limit = bench.world.now() + span;
    let mut notes = Vec::new();
    while bench.step_until(limit) {
        notes.extend(bench.seen.iter().filter_map(|seen| match seen {
            Seen::Note { host: by, note: Note::Group(note), .. } if *by == host => {
                Some(note.clone())
            }
            _ => None,
        }));
    }
    notes
}

fn partitions(notes: &[GroupNote], is_one: impl Fn(&GroupEvent) -> bool) -> Vec<i32> {
    let chosen = notes.iter().filter(|note| is_one(&note.event));
    let mut chosen: Vec<i32> = chosen.map(|note| note.partition).collect();
    chosen.sort_unstable();
    chosen
}

const fn is_loaded(event: &GroupEvent) -> bool {
    matches!(event, GroupEvent::Loaded { .. })
}

#[test]
fn the_topic_is_made_for_who_looks_first_and_every_partition_gets_its_coordinator() {
    let mut bench = bench(0);
    let door = bench.connect();
    let missing = metadata(&mut bench, door, TOPIC);
    assert!(missing.is_internal && missing.error_code != 0, "{missing:?}");
    let first = find(&mut bench, door, "g");
    assert_eq!(first.error_code, ErrorCode::CoordinatorNotAvailable.code());
    let b1 = bench.b1;
    let notes = noted(&mut bench, b1, Span::from_secs(3));
    assert_eq!(partitions(&notes, is_loaded), [0, 1, 2, 3, 4]);
    let coordinator = found(&mut bench, door, "g");
    assert_eq!((coordinator.node_id, coordinator.host.as_str()), (1, "b1"));
    assert_eq!(coordinator.error_message.as_deref(), Some(""));
    let topic = metadata(&mut bench, door, TOPIC);
    assert_eq!((topic.is_internal, topic.partitions.len()), (true, 5));
    let plain = metadata(&mut bench, door, "orders");
    assert!(!plain.is_internal);
}

#[test]
fn every_version_is_answered_and_other_coordinators_are_not_there() {
    let mut bench = bench(0);
    let door = bench.connect();
    found(&mut bench, door, "g");
    for version in 0..=3 {
        let request = FindCoordinatorRequest { key: "g".to_owned(), ..Default::default() };
        let answer = bench.ask(door, version, &request);
        assert_eq!((answer.error_code, answer.node_id, answer.host.as_str()), (0, 1, "b1"));
    }
    for version in 4..=6 {
        let coordinator_keys = vec!["g".to_owned(), "h".to_owned()];
        let request = FindCoordinatorRequest { coordinator_keys, ..Default::default() };
        let answer = bench.ask(door, version, &request);
        let keys: Vec<&str> = answer.coordinators.iter().map(|it| it.key.as_str()).collect();
        assert_eq!(keys, ["g", "h"]);
    }
    let mut ask = |version: i16, key_type: i8, key: &str| {
        let coordinator_keys = vec![key.to_owned()];
        let request = FindCoordinatorRequest { key_type, coordinator_keys, ..Default::default() };
        ErrorCode::from_code(bench.ask(door, version, &request).coordinators[0].error_code)
    };
    let share = "g:AAAAAAAAAAAAAAAAAAAAAQ:0";
    assert_eq!(ask(6, 1, "t"), ErrorCode::CoordinatorNotAvailable);
    assert_eq!(ask(5, SHARE, share), ErrorCode::InvalidRequest);
    assert_eq!(ask(6, SHARE, "g"), ErrorCode::InvalidRequest);
    assert_eq!(ask(6, SHARE, share), ErrorCode::CoordinatorNotAvailable);
    assert_eq!(ask(6, 9, "g"), ErrorCode::InvalidRequest);
}

#[test]
fn nobody_but_an_admin_client_writes_to_the_topic() {
    let mut bench = bench(0);
    let door = bench.connect();
    found(&mut bench, door, "g");
    let mut batch = BatchBuilder::new(trial_cluster::ids::Offset(0));
    batch.append(1_767_225_600_000, Some(b"k"), Some(b"v"), &[]);
    let partition =
        produce_request::PartitionData { index: 0, records: Some(batch.build().into_bytes()) };
    let topic = produce_request::TopicData {
        name: TOPIC.to_owned(),
        partition_data: vec![partition],
        ..Default::default()
    };
    let request = ProduceRequest {
        acks: 1,
        timeout_ms: 5_000,
        topic_data: vec![topic],
        ..Default::default()
    };
    let answer = bench.ask(door, 9, &request);
    let code = answer.responses[0].partition_responses[0].error_code;
    assert_eq!(ErrorCode::from_code(code), ErrorCode::InvalidTopicException);
}

#[test]
fn shards_follow_the_leaders_of_their_partitions() {
    let mut bench = bench(1);
    let door = bench.connect();
    found(&mut bench, door, "g");
    bench.run_for(Span::from_secs(3));
    let topic = metadata(&mut bench, door, TOPIC);
    let led_by = |topic: &metadata_response::Topic, id: i32| {
        let led = topic.partitions.iter().filter(|partition| partition.leader_id == id);
        let mut led: Vec<i32> = led.map(|partition| partition.partition_index).collect();
        led.sort_unstable();
        led
    };
    let of_b2 = led_by(&topic, 2);
    assert!(!of_b2.is_empty(), "both lead some");
    let (b1, b2) = (bench.b1, bench.host("b2"));
    bench.world.crash(b2, CrashKind::Process);
    let notes = noted(&mut bench, b1, Span::from_secs(20));
    assert_eq!(partitions(&notes, is_loaded), of_b2, "b1 takes over what b2 has led");
    let topic = metadata(&mut bench, door, TOPIC);
    assert_eq!(led_by(&topic, 1).len(), 5);
    for group in ["a", "b", "c", "d", "e", "f"] {
        assert_eq!(found(&mut bench, door, group).node_id, 1);
    }
}

#[test]
fn a_broker_without_shards_lists_no_groups() {
    let mut bench = bench(0);
    let door = bench.connect();
    let answer = bench.ask(door, 5, &ListGroupsRequest::default());
    assert_eq!((answer.error_code, answer.groups.len()), (0, 0));
}

/// A commit of one offset, by nobody in particular.
fn commit_of(bench: &Bench, version: i16, group: &str, offset: i64) -> OffsetCommitRequest {
    let partition = offset_commit_request::Partition {
        partition_index: 0,
        committed_offset: offset,
        ..Default::default()
    };
    let by_id = version >= 10;
    let topic = offset_commit_request::Topic {
        name: if by_id { String::new() } else { "orders".to_owned() },
        topic_id: if by_id { bench.topic_id("orders") } else { Default::default() },
        partitions: vec![partition],
    };
    OffsetCommitRequest {
        group_id: group.to_owned(),
        generation_id_or_member_epoch: -1,
        topics: vec![topic],
        ..Default::default()
    }
}

fn commit(bench: &mut Bench, door: Door, version: i16, group: &str, offset: i64) -> ErrorCode {
    let request = commit_of(bench, version, group, offset);
    let answer = bench.ask(door, version, &request);
    ErrorCode::from_code(answer.topics[0].partitions[0].error_code)
}

/// The committed offset of a group, or why it is not told.
fn committed(
    bench: &mut Bench,
    door: Door,
    version: i16,
    group: &str,
    require_stable: bool,
) -> Result<i64, ErrorCode> {
    let mut request = OffsetFetchRequest { require_stable, ..Default::default() };
    let partition_indexes = vec![0];
    if version < 8 {
        let name = "orders".to_owned();
        request.group_id = group.to_owned();
        request.topics = Some(vec![offset_fetch_request::Topic { name, partition_indexes }]);
    } else {
        let by_id = version >= 10;
        let topic = offset_fetch_request::GroupTopic {
            name: if by_id { String::new() } else { "orders".to_owned() },
            topic_id: if by_id { bench.topic_id("orders") } else { Default::default() },
            partition_indexes,
        };
        request.groups = vec![offset_fetch_request::Group {
            group_id: group.to_owned(),
            topics: Some(vec![topic]),
            ..Default::default()
        }];
    }
    let answer = bench.ask(door, version, &request);
    let (code, offset) = match answer.groups.first() {
        Some(group) if group.error_code != 0 => (group.error_code, -1),
        Some(group) => {
            let partition = &group.topics[0].partitions[0];
            (partition.error_code, partition.committed_offset)
        }
        None if answer.error_code != 0 => (answer.error_code, -1),
        None => {
            let partition = &answer.topics[0].partitions[0];
            (partition.error_code, partition.committed_offset)
        }
    };
    match ErrorCode::from_code(code) {
        ErrorCode::None => Ok(offset),
        error => Err(error),
    }
}

/// Asks until the coordinator serves.
fn commit_at_last(bench: &mut Bench, door: Door, group: &str, offset: i64) {
    found(bench, door, group);
    for _ in 0..50 {
        match commit(bench, door, 9, group, offset) {
            ErrorCode::None => return,
            ErrorCode::NotCoordinator | ErrorCode::CoordinatorLoadInProgress => {}
            other => panic!("{other}"),
        }
        bench.run_for(Span::from_millis(100));
    }
    panic!("no coordinator takes it");
}

#[test]
fn what_is_committed_is_told_in_every_version_and_outlives_the_coordinator() {
    let mut bench = bench(0);
    let door = bench.connect();
    commit_at_last(&mut bench, door, "g", 1);
    for version in 2..=10 {
        let offset = i64::from(version);
        assert_eq!(commit(&mut bench, door, version, "g", offset), ErrorCode::None, "v{version}");
        assert_eq!(committed(&mut bench, door, 9, "g", true), Ok(offset));
    }
    for version in 1..=10 {
        assert_eq!(committed(&mut bench, door, version, "g", false), Ok(10), "v{version}");
        assert_eq!(committed(&mut bench, door, version, "other", version >= 7), Ok(-1));
    }
    let b1 = bench.b1;
    bench.world.crash(b1, CrashKind::Process);
    bench.world.boot(b1);
    let notes = noted(&mut bench, b1, Span::from_secs(15));
    let records = notes.iter().filter_map(|note| match note.event {
        GroupEvent::Loaded { records, .. } => Some(records),
        _ => None,
    });
    assert_eq!(records.sum::<u64>(), 10, "one for each commit");
    let door = bench.connect();
    assert_eq!(committed(&mut bench, door, 9, "g", true), Ok(10));
}

#[test]
fn a_commit_that_no_follower_copies_is_not_answered_in_time_and_stays() {
    let mut bench = bench(1);
    let door = bench.connect();
    let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let of_b1 = |bench: &mut Bench, name: &&&str| found(bench, door, name).node_id == 1;
    let group = *names.iter().find(|name| of_b1(&mut bench, name)).expect("b1 leads some");
    commit_at_last(&mut bench, door, group, 1);
    let b2 = bench.host("b2");
    bench.world.crash(b2, CrashKind::Process);
    let begun = bench.world.now();
    let refused = commit(&mut bench, door, 9, group, 2);
    assert_eq!(refused, ErrorCode::CoordinatorNotAvailable);
    assert!(bench.world.now().since(begun) >= Span::from_secs(5), "offsets.commit.timeout.ms");
    assert_eq!(committed(&mut bench, door, 9, group, false), Ok(1), "G13");
    assert_eq!(committed(&mut bench, door, 9, group, true), Ok(2), "once b2 is out of the set");
}

#[test]
fn groups_are_listed_and_go_with_their_offsets() {
    let mut bench = bench(0);
    let door = bench.connect();
    for (group, offset) in [("a", 1), ("b", 2), ("c", 3)] {
        commit_at_last(&mut bench, door, group, offset);
    }
    let listed = |bench: &mut Bench| {
        let answer = bench.ask(door, 5, &ListGroupsRequest::default());
        let mut names: Vec<String> =
            answer.groups.into_iter().map(|group| group.group_id).collect();
        names.sort();
        names
    };
    assert_eq!(listed(&mut bench), ["a", "b", "c"]);
    let groups_names = ["a", "a", "missing"].map(str::to_owned).into();
    let answer = bench.ask(door, 2, &DeleteGroupsRequest { groups_names });
    let mut results: Vec<(String, ErrorCode)> = answer
        .results
        .into_iter()
        .map(|result| (result.group_id, ErrorCode::from_code(result.error_code)))
        .collect();
    results.sort();
    let want = [("a", ErrorCode::None), ("missing", ErrorCode::GroupIdNotFound)];
    assert_eq!(results, want.map(|(group, error)| (group.to_owned(), error)));
    assert_eq!(listed(&mut bench), ["b", "c"]);
    assert_eq!(committed(&mut bench, door, 9, "a", true), Ok(-1));
    let partitions =
        [0, 9].map(|partition_index| offset_delete_request::Partition { partition_index });
    let topic =
        offset_delete_request::Topic { name: "orders".to_owned(), partitions: partitions.into() };
    let request = OffsetDeleteRequest { group_id: "b".to_owned(), topics: vec![topic] };
    let answer = bench.ask(door, 0, &request);
    let codes: Vec<(i32, i16)> = answer.topics[0]
        .partitions
        .iter()
        .map(|partition| (partition.partition_index, partition.error_code))
        .collect();
    assert_eq!(codes, [(9, ErrorCode::UnknownTopicOrPartition.code()), (0, 0)]);
    assert_eq!(committed(&mut bench, door, 9, "b", true), Ok(-1));
}

#[test]
fn requests_that_no_shard_needs_to_see_are_refused_at_once() {
    let mut bench = bench(0);
    let door = bench.connect();
    let code = |code: i16| ErrorCode::from_code(code);
    let nameless = HeartbeatRequest::default();
    assert_eq!(code(bench.ask(door, 4, &nameless).error_code), ErrorCode::InvalidGroupId);
    for version in 0..=5 {
        let member = leave_group_request::Member::default();
        let members = if version >= 3 { vec![member] } else { Vec::new() };
        let nameless = LeaveGroupRequest { members, ..Default::default() };
        assert_eq!(code(bench.ask(door, version, &nameless).error_code), ErrorCode::InvalidGroupId);
    }
    for version in 0..=9 {
        let session_timeout_ms = 10_000;
        let nameless = JoinGroupRequest { session_timeout_ms, ..Default::default() };
        let answer = bench.ask(door, version, &nameless);
        assert_eq!(code(answer.error_code), ErrorCode::InvalidGroupId);
        assert_eq!(answer.protocol_name.is_none(), version >= 7);
        let group_id = "g".to_owned();
        let short = JoinGroupRequest { session_timeout_ms: 1, group_id, ..Default::default() };
        let answer = bench.ask(door, version, &short);
        assert_eq!(code(answer.error_code), ErrorCode::InvalidSessionTimeout);
    }
    let group_id = "g".to_owned();
    let typeless = SyncGroupRequest { group_id, ..Default::default() };
    let answer = bench.ask(door, 5, &typeless);
    assert_eq!(code(answer.error_code), ErrorCode::InconsistentGroupProtocol);
    let nameless =
        ConsumerGroupHeartbeatRequest { member_id: "m".to_owned(), ..Default::default() };
    let answer = bench.ask(door, 1, &nameless);
    assert_eq!(code(answer.error_code), ErrorCode::InvalidRequest);
    assert!(answer.error_message.is_some());
    let group_ids = vec![String::new()];
    let nameless = ConsumerGroupDescribeRequest { group_ids, ..Default::default() };
    let answer = bench.ask(door, 1, &nameless);
    assert_eq!(code(answer.groups[0].error_code), ErrorCode::InvalidGroupId);
}

#[test]
fn who_is_no_coordinator_says_so_in_every_version() {
    let mut bench = bench(0);
    let door = bench.connect();
    let not = ErrorCode::NotCoordinator.code();
    for version in 0..=4 {
        let request = HeartbeatRequest { group_id: "g".to_owned(), ..Default::default() };
        assert_eq!(bench.ask(door, version, &request).error_code, not);
    }
    for version in 0..=4 {
        let request = SyncGroupRequest { group_id: "g".to_owned(), ..Default::default() };
        assert_eq!(bench.ask(door, version, &request).error_code, not);
    }
    for version in 0..=6 {
        let request = DescribeGroupsRequest { groups: vec!["g".to_owned()], ..Default::default() };
        assert_eq!(bench.ask(door, version, &request).groups[0].error_code, not);
    }
    for version in 0..=5 {
        assert_eq!(bench.ask(door, version, &ListGroupsRequest::default()).error_code, 0);
    }
    for version in 2..=10 {
        assert_eq!(commit(&mut bench, door, version, "g", 1), ErrorCode::NotCoordinator);
    }
    for version in 1..=10 {
        let asked = committed(&mut bench, door, version, "g", version >= 7);
        assert_eq!(asked, Err(ErrorCode::NotCoordinator), "v{version}");
    }
}
