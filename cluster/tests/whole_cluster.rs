//! A whole cluster, from first boot: controllers elect, brokers register, a topic is created, records flow.

use std::sync::Arc;

use trial_cluster::client::{ClientKind, ClientSpec, NewTopic, Workload};
use trial_cluster::config::{BrokerConfig, ClientSettings, ConsumerConfig, ProducerConfig};
use trial_cluster::ids::BrokerId;
use trial_cluster::node::{BROKER_PORT, ClusterSpec, NodeSpec, Roles};
use trial_cluster::note::Note;
use trial_cluster::note::client::ClientNote;
use trial_cluster::rules::Rules;
use trial_sim::{CrashKind, Digest, HostSpec, Seen, Span, Time, World, WorldSettings};

struct Played {
    sent: u64,
    acked: u64,
    failed: u64,
    read: u64,
    digest: Digest,
}

fn nodes(brokers: i32, controllers: i32) -> Vec<NodeSpec> {
    let node = |id: i32, host: String, roles| NodeSpec {
        id: BrokerId(id),
        host: Arc::from(host),
        roles,
        rack: None,
        external: None,
    };
    let roles = if controllers == 0 { Roles::Combined } else { Roles::Broker };
    let brokers = (1..=brokers).map(|id| node(id, format!("b{id}"), roles));
    let controllers =
        (1..=controllers).map(|id| node(100 + id, format!("c{id}"), Roles::Controller));
    brokers.chain(controllers).collect()
}

fn build(seed: u64, nodes: Vec<NodeSpec>) -> World<Note> {
    let mut world = World::new(seed, WorldSettings::default());
    let mut config = BrokerConfig::default();
    config.set("min.insync.replicas", "2").expect("it is Kafka's");
    let cluster = Arc::new(ClusterSpec {
        cluster_id: Arc::from("cluster"),
        salt: u128::from(seed),
        nodes,
        config: Arc::new(config),
        rules: Rules::default(),
        pace: trial_cluster::broker::Pace::default(),
    });
    let mut bootstrap = Vec::new();
    for (index, node) in cluster.nodes.iter().enumerate() {
        let host = world.add_host(&node.host, HostSpec::new(cluster.factory(index)));
        world.boot(host);
        if node.roles.is_broker() {
            bootstrap.push((node.host.to_string(), BROKER_PORT));
        }
    }
    let topic = NewTopic {
        name: Arc::from("orders"),
        partitions: 3,
        replicas: 3,
        configs: Vec::new(),
        assignment: None,
    };
    let admin =
        ClientKind::Admin { topics: vec![topic], config: Box::new(ClientSettings::default()) };
    let workload = Workload {
        start: Time::ZERO + Span::from_secs(3),
        end: Some(Time::ZERO + Span::from_secs(13)),
        ..Workload::at_rate(50, 100)
    };
    let producer = ClientKind::Producer {
        topic: Arc::from("orders"),
        config: Box::new(ProducerConfig::default()),
        workload,
    };
    let mut config = ConsumerConfig::default();
    config.set("auto.offset.reset", "earliest").expect("it is Kafka's");
    let consumer = ClientKind::Consumer {
        topic: Arc::from("orders"),
        config: Box::new(config),
        purge_interval: None,
    };
    for (number, (name, kind)) in
        [("admin", admin), ("p1", producer), ("r1", consumer)].into_iter().enumerate()
    {
        let number = u16::try_from(number).expect("three");
        let spec = ClientSpec { number, bootstrap: bootstrap.clone(), kind };
        let host = world.add_host(name, HostSpec::new(spec.factory()));
        world.boot(host);
    }
    world
}

fn play(world: &mut World<Note>, until: Span, played: &mut Played) {
    let mut seen = Vec::new();
    world.run_until(Time::ZERO + until);
    world.drain_seen(&mut seen);
    for one in seen {
        match one {
            Seen::Note { note: Note::Client(note), .. } => match note {
                ClientNote::Sent { .. } => played.sent += 1,
                ClientNote::Acked { .. } => played.acked += 1,
                ClientNote::Failed { .. } => played.failed += 1,
                ClientNote::Polled { records, .. } => played.read += records.len() as u64,
                _ => {}
            },
            Seen::Stopped { at, host, halt: Some(why) } => {
                panic!("{at}: {} halted: {why}", world.host_name(host));
            }
            _ => {}
        }
    }
    played.digest = world.digest();
}

fn fresh() -> Played {
    Played { sent: 0, acked: 0, failed: 0, read: 0, digest: Digest(0) }
}

#[test]
fn records_flow_through_a_cluster_without_faults() {
    for (brokers, controllers) in [(3, 3), (3, 0), (3, 1)] {
        let mut world = build(7, nodes(brokers, controllers));
        let mut played = fresh();
        play(&mut world, Span::from_secs(20), &mut played);
        let Played { sent, acked, failed, read, .. } = played;
        assert!(sent > 400, "{brokers}+{controllers}: only {sent} records were sent");
        assert_eq!((acked, failed, read), (sent, 0, sent), "{brokers}+{controllers}");
    }
}

#[test]
fn equal_seeds_play_to_equal_digests_and_a_clone_to_the_same() {
    let mut world = build(3, nodes(3, 3));
    let mut played = fresh();
    play(&mut world, Span::from_secs(6), &mut played);
    let mut copy = world.clone();
    play(&mut world, Span::from_secs(12), &mut played);
    let mut again = build(3, nodes(3, 3));
    for world in [&mut copy, &mut again] {
        let mut other = fresh();
        play(world, Span::from_secs(12), &mut other);
        assert_eq!(other.digest, played.digest);
    }
}

#[test]
fn a_broker_that_loses_power_comes_back_and_catches_up() {
    let mut world = build(5, nodes(3, 3));
    let mut played = fresh();
    play(&mut world, Span::from_secs(6), &mut played);
    let b1 = world.host("b1").expect("it was added");
    world.crash(b1, CrashKind::PowerLoss);
    play(&mut world, Span::from_secs(9), &mut played);
    world.restart(b1);
    play(&mut world, Span::from_secs(60), &mut played);
    let Played { sent, acked, failed, read, .. } = played;
    assert_eq!((acked, failed, read), (sent, 0, sent));
}
