//! Group coordinators, seen from outside: who they are, and what becomes of the topic that they write to.

use trial_cluster::config::BrokerConfig;
use trial_cluster::error_code::ErrorCode;
use trial_cluster::note::Note;
use trial_cluster::note::group::{GroupEvent, GroupNote};
use trial_cluster::wire::{
    FindCoordinatorRequest, ListGroupsRequest, MetadataRequest, ProduceRequest,
    find_coordinator_response, metadata_request, metadata_response, produce_request,
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
        assert_eq!(answer.error_code, ErrorCode::CoordinatorNotAvailable.code());
        assert_eq!((answer.node_id, answer.port), (-1, -1));
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
            Seen::Note { host: by, note: Note::Group(note), .. } if *by == host => Some(*note),
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
    assert_eq!(ask(6, 9, "g"), ErrorCode::UnknownServerError);
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
