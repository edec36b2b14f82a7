//! A slow disk is felt by producers, by exactly as much as the fault says.
//!
//! One node, one partition, one connection from outside: 32 KiB batches with acks=1, each sent when the last one was
//! answered. The page cache takes 1 MiB, so nearly all of them wait for the device.

use std::sync::Arc;

use bytes::Bytes;
use trial_cluster::client::{ClientKind, ClientSpec, NewTopic};
use trial_cluster::config::{BrokerConfig, ClientSettings};
use trial_cluster::ids::{BrokerId, Offset};
use trial_cluster::net::{FrameReader, frames};
use trial_cluster::node::{BROKER_PORT, ClusterSpec, NodeSpec, Roles};
use trial_cluster::note::Note;
use trial_cluster::rules::Rules;
use trial_cluster::wire::{ApiKey, Message, ProduceRequest, ProduceResponse, produce_request};
use trial_log::BatchBuilder;
use trial_sim::disk::DiskSettings;
use trial_sim::{HostSpec, OutsideEvent, OutsideId, Span, Time, World, WorldSettings};

const PRODUCES: i32 = 600;
const VERSION: i16 = 9;

fn build() -> World<Note> {
    let mut world = World::new(11, WorldSettings::default());
    let node =
        NodeSpec { id: BrokerId(1), host: Arc::from("b1"), roles: Roles::Combined, rack: None };
    let cluster = Arc::new(ClusterSpec {
        cluster_id: Arc::from("cluster"),
        salt: 11,
        nodes: vec![node],
        config: Arc::new(BrokerConfig::default()),
        rules: Rules::default(),
    });
    let disk = DiskSettings {
        bytes_per_second: 20_000_000,
        dirty_limit_bytes: 1 << 20,
        ..DiskSettings::default()
    };
    let b1 = world.add_host("b1", HostSpec::new(cluster.factory(0)).with_disks(vec![disk]));
    let topic = NewTopic {
        name: Arc::from("orders"),
        partitions: 1,
        replicas: 1,
        configs: Vec::new(),
        assignment: None,
    };
    let kind =
        ClientKind::Admin { topics: vec![topic], config: Box::new(ClientSettings::default()) };
    let bootstrap = vec![("b1".to_owned(), BROKER_PORT)];
    let admin = ClientSpec { number: 0, bootstrap, kind };
    let admin = world.add_host("admin", HostSpec::new(admin.factory()));
    world.boot(b1);
    world.boot(admin);
    world.run_until(Time::ZERO + Span::from_secs(6));
    world.drain_outputs();
    world
}

fn request(correlation: i32) -> Bytes {
    let mut batch = BatchBuilder::new(Offset(0));
    let value = vec![b'x'; 32 * 1024];
    batch.append(1_767_225_600_000, None, Some(&value), &[]);
    let records = batch.build().into_bytes();
    let request = ProduceRequest {
        acks: 1,
        timeout_ms: 30_000,
        topic_data: vec![produce_request::TopicData {
            name: "orders".to_owned(),
            partition_data: vec![produce_request::PartitionData {
                index: 0,
                records: Some(records),
            }],
            ..Default::default()
        }],
        ..Default::default()
    };
    let frame = frames::request_frame(ApiKey::Produce, VERSION, correlation, "test", |body| {
        request.encode(VERSION, body);
    });
    frame.freeze()
}

/// Sends one produce and waits for its answer; how long that took.
fn produce(world: &mut World<Note>, door: OutsideId, correlation: i32) -> Span {
    let sent = world.now();
    let mut frames_in = FrameReader::default();
    world.outside_write(door, request(correlation));
    loop {
        assert!(world.step(), "the World has nothing to do, and the answer is missing");
        for output in world.drain_outputs() {
            let OutsideEvent::Bytes(_, bytes) = output else { continue };
            frames_in.push(bytes);
            let Some(frame) = frames_in.next_frame().expect("a frame") else { continue };
            let (_, body) = frames::split_response(&frame, ApiKey::Produce, VERSION)
                .expect("an answer to a produce");
            let answer = ProduceResponse::from_bytes(VERSION, &body).expect("of this version");
            let code = answer.responses[0].partition_responses[0].error_code;
            assert_eq!(code, 0, "the leader refused the batch");
            return world.now().since(sent);
        }
    }
}

/// The sum of all latencies, and the busy time that the fault added, if there is one.
fn play(slow: Option<u32>) -> (Span, Span) {
    let mut world = build();
    let b1 = world.host("b1").expect("it was added");
    let fault = slow.map(|factor| world.disk_slow(b1, factor));
    let door = world.outside_connect("b1", BROKER_PORT);
    let mut sum = Span::ZERO;
    for correlation in 0..PRODUCES {
        sum += produce(&mut world, door, correlation);
    }
    let added = fault.map_or(Span::ZERO, |fault| world.effect(fault).disk_busy_added);
    (sum, added)
}

#[test]
fn a_slow_disk_adds_the_latency_to_produces_that_the_fault_says() {
    let (base, none) = play(None);
    assert_eq!(none, Span::ZERO);
    let (slow, added) = play(Some(10));
    let felt = slow - base;
    let error = felt.0.abs_diff(added.0);
    assert!(added > Span::from_secs(5), "the disk worked {added} longer");
    assert!(error * 20 <= added.0, "producers felt {felt}, the fault says {added}");
}
