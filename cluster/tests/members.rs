//! Members of a group in a whole cluster: they share a topic, hand over in good order, and take over from who dies.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use trial_cluster::client::{ClientKind, ClientSpec, CommitMode, Consumption, NewTopic, Workload};
use trial_cluster::config::{BrokerConfig, ClientSettings, ConsumerConfig, ProducerConfig};
use trial_cluster::ids::{BrokerId, TopicPartition};
use trial_cluster::node::{BROKER_PORT, ClusterSpec, NodeSpec, Roles};
use trial_cluster::note::Note;
use trial_cluster::note::client::{ClientNote, CommitCause, RecordId};
use trial_cluster::rules::Rules;
use trial_sim::{CrashKind, HostId, HostSpec, Seen, Span, Time, World, WorldSettings};

const PARTITIONS: i32 = 4;
const COOPERATIVE: (&str, &str) = (
    "partition.assignment.strategy",
    "org.apache.kafka.clients.consumer.CooperativeStickyAssignor",
);
const CONSUMER: (&str, &str) = ("group.protocol", "consumer");

fn nodes() -> Vec<NodeSpec> {
    let node = |id: i32, host: String, roles| NodeSpec {
        id: BrokerId(id),
        host: Arc::from(host),
        roles,
        rack: None,
        external: None,
    };
    let brokers = (1..=3).map(|id| node(id, format!("b{id}"), Roles::Broker));
    brokers.chain([node(101, "c1".to_owned(), Roles::Controller)]).collect()
}

fn build(
    seed: u64,
    settings: &[(&str, &str)],
    commit: CommitMode,
    members: &[&str],
) -> World<Note> {
    let mut world = World::new(seed, WorldSettings::default());
    let mut config = BrokerConfig::default();
    for (name, value) in
        [("group.initial.rebalance.delay.ms", "500"), ("offsets.topic.num.partitions", "3")]
    {
        config.set(name, value).expect("it is Kafka's");
    }
    let cluster = Arc::new(ClusterSpec {
        cluster_id: Arc::from("cluster"),
        salt: u128::from(seed),
        nodes: nodes(),
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
        partitions: PARTITIONS,
        replicas: 3,
        configs: Vec::new(),
        assignment: None,
    };
    let admin =
        ClientKind::Admin { topics: vec![topic], config: Box::new(ClientSettings::default()) };
    let workload = Workload {
        start: Time::ZERO + Span::from_secs(3),
        end: Some(Time::ZERO + Span::from_secs(43)),
        ..Workload::at_rate(50, 100)
    };
    let producer = ClientKind::Producer {
        topic: Arc::from("orders"),
        config: Box::new(ProducerConfig::default()),
        workload,
    };
    let mut kinds = vec![("admin", admin), ("p1", producer)];
    for name in members {
        let mut config = ConsumerConfig::default();
        for (name, value) in [("group.id", "g"), ("auto.offset.reset", "earliest")] {
            config.set(name, value).expect("it is Kafka's");
        }
        for (name, value) in settings {
            config.set(name, value).expect("it is Kafka's");
        }
        let consumption = Consumption {
            commit,
            per_record: Span::from_millis(1),
            callback: Span::from_millis(20),
            ..Consumption::of(&["orders"])
        };
        kinds.push((name, ClientKind::Member { config: Box::new(config), consumption }));
    }
    for (number, (name, kind)) in kinds.into_iter().enumerate() {
        let number = u16::try_from(number).expect("few");
        let spec = ClientSpec { number, bootstrap: bootstrap.clone(), kind };
        let host = world.add_host(name, HostSpec::new(spec.factory()));
        world.boot(host);
    }
    world
}

/// What was seen of the clients.
#[derive(Default)]
struct Watch {
    acked: BTreeSet<RecordId>,
    read: BTreeSet<RecordId>,
    owned: BTreeMap<HostId, BTreeSet<TopicPartition>>,
    committed: BTreeMap<TopicPartition, i64>,
    causes: BTreeSet<CommitCause>,
    generation: i32,
    closed: usize,
    /// Who has died, and may be succeeded without a word.
    dead: BTreeSet<HostId>,
}

impl Watch {
    fn play(&mut self, world: &mut World<Note>, until: u64) {
        let mut seen = Vec::new();
        world.run_until(Time::ZERO + Span::from_secs(until));
        world.drain_seen(&mut seen);
        for one in seen {
            match one {
                Seen::Note { at, host, note: Note::Client(note), .. } => {
                    self.on_note(at, host, note)
                }
                Seen::Crashed { host, .. } => {
                    self.dead.insert(host);
                    self.owned.remove(&host);
                }
                Seen::Stopped { host, halt: None, .. } => {
                    self.owned.remove(&host);
                }
                Seen::Stopped { at, host, halt: Some(why) } => {
                    panic!("{at}: {} halted: {why}", world.host_name(host));
                }
                _ => {}
            }
        }
    }

    fn on_note(&mut self, at: Time, host: HostId, note: ClientNote) {
        match note {
            ClientNote::Acked { id, .. } => {
                self.acked.insert(id);
            }
            ClientNote::Polled { partition, records, .. } => {
                let owns = self.owned.get(&host).is_some_and(|owned| owned.contains(&partition));
                assert!(owns, "{at}: {host:?} polled {partition:?}, which it does not own");
                self.read.extend(records.iter().filter_map(|record| record.id));
            }
            ClientNote::GroupAssigned { added, owned, generation, .. } => {
                for (other, theirs) in &self.owned {
                    let both = added.iter().find(|it| *other != host && theirs.contains(it));
                    assert!(
                        both.is_none(),
                        "{at}: {both:?} is given to {host:?}, and {other:?} has it"
                    );
                }
                self.generation = self.generation.max(generation);
                self.owned.insert(host, owned.into_iter().collect());
            }
            ClientNote::GroupRevoked { partitions, .. }
            | ClientNote::GroupLost { partitions, .. } => {
                // A callback begins: they are its own until it ends, and nothing is polled meanwhile.
                let owned = self.owned.entry(host).or_default();
                owned.retain(|it| !partitions.contains(it));
            }
            ClientNote::OffsetsCommitted { offsets, cause, .. } => {
                self.causes.insert(cause);
                for offset in offsets {
                    let known = self.committed.entry(offset.partition).or_default();
                    *known = (*known).max(offset.offset.0);
                }
            }
            ClientNote::PollFailed { error } => panic!("{at}: {host:?} was thrown {error}"),
            ClientNote::MemberClosed => self.closed += 1,
            _ => {}
        }
    }

    fn shares(&self) -> Vec<usize> {
        self.owned.values().map(BTreeSet::len).filter(|count| *count > 0).collect()
    }
}

#[test]
fn two_members_share_a_topic_and_hand_it_over() {
    for (name, settings, commit) in [
        ("eager", &[][..], CommitMode::Auto),
        ("cooperative", &[COOPERATIVE][..], CommitMode::Auto),
        ("consumer", &[CONSUMER][..], CommitMode::Auto),
        ("sync", &[COOPERATIVE, ("enable.auto.commit", "false")][..], CommitMode::Sync),
        ("async", &[CONSUMER, ("enable.auto.commit", "false")][..], CommitMode::Async),
    ] {
        let mut world = build(11, settings, commit, &["m1", "m2"]);
        let mut watch = Watch::default();
        watch.play(&mut world, 20);
        assert_eq!(watch.shares(), [2, 2], "{name}: evenly");
        // One leaves in good order: the other has everything soon after.
        let m1 = world.host("m1").expect("it was added");
        world.stop(m1);
        watch.play(&mut world, 30);
        assert_eq!((watch.shares().as_slice(), watch.closed), (&[4][..], 1), "{name}: the other");
        world.restart(m1);
        watch.play(&mut world, 60);
        assert_eq!(watch.shares(), [2, 2], "{name}: evenly again");
        assert!(watch.acked.len() > 1_900, "{name}: {} were sent", watch.acked.len());
        assert!(watch.acked.is_subset(&watch.read), "{name}: every record was read");
        let ends: i64 = watch.committed.values().sum();
        assert_eq!(
            ends,
            i64::try_from(watch.acked.len()).expect("few"),
            "{name}: all is committed"
        );
    }
}

#[test]
fn a_member_that_dies_is_succeeded_when_its_session_is_over() {
    for (name, settings) in [
        ("eager", &[("session.timeout.ms", "6000")][..]),
        ("cooperative", &[COOPERATIVE, ("session.timeout.ms", "6000")][..]),
        ("consumer", &[CONSUMER][..]),
    ] {
        let mut world = build(12, settings, CommitMode::Auto, &["m1", "m2"]);
        let mut watch = Watch::default();
        watch.play(&mut world, 15);
        assert_eq!(watch.shares(), [2, 2], "{name}: evenly");
        let m1 = world.host("m1").expect("it was added");
        world.crash(m1, CrashKind::Process);
        watch.play(&mut world, 80);
        assert_eq!(watch.shares(), [4], "{name}: the other has everything");
        assert!(watch.acked.is_subset(&watch.read), "{name}: every record was read");
    }
}

#[test]
fn a_crash_of_the_coordinator_is_survived() {
    for (name, settings) in
        [("eager", &[][..]), ("cooperative", &[COOPERATIVE][..]), ("consumer", &[CONSUMER][..])]
    {
        for broker in ["b1", "b2", "b3"] {
            let mut world = build(13, settings, CommitMode::Auto, &["m1", "m2"]);
            let mut watch = Watch::default();
            watch.play(&mut world, 15);
            let host = world.host(broker).expect("it was added");
            world.crash(host, CrashKind::Process);
            watch.play(&mut world, 30);
            world.restart(host);
            watch.play(&mut world, 90);
            assert_eq!(watch.shares(), [2, 2], "{name}, {broker}: evenly");
            assert!(watch.acked.is_subset(&watch.read), "{name}, {broker}: every record was read");
        }
    }
}
