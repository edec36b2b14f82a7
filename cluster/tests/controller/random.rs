//! Whatever happens, in any order: R13, R14, R17, K14 to K17 hold, and a replay gives the same state.
//!
//! R13 is asserted by the controller itself after every operation; the rest is looked at here after every event.

use std::collections::BTreeMap;

use super::support::{Quorum, assigned, reassignment, registration};
use proptest::prelude::*;
use trial_cluster::controller::ControllerRequest;
use trial_cluster::error_code::ErrorCode;
use trial_cluster::ids::{BrokerEpoch, BrokerId, Offset, TopicPartition};
use trial_cluster::note::controller::ControllerNote;
use trial_cluster::rules::Profile;
use trial_cluster::wire::{BrokerHeartbeatRequest, CreateTopicsRequest, MetadataRecord};
use trial_sim::Span;

const BROKERS: i32 = 4;

/// Something that happens. Brokers are 0 to 3; a controller is 0 to 2.
#[derive(Debug, Clone)]
enum Event {
    /// A broker's process starts again, after a clean shutdown or not.
    Restart { broker: i32, clean: bool },
    /// The same process registers again.
    Register { broker: i32 },
    /// A heartbeat, with what it wants and whether the broker has read everything.
    Heartbeat { broker: i32, want_fence: bool, want_shut_down: bool, caught_up: bool },
    /// Everybody but one sends a heartbeat.
    HeartbeatOfAllBut { broker: i32 },
    /// Its only log directory fails.
    DirectoryFails { broker: i32 },
    /// Time passes.
    Pass { millis: u64 },
    /// A new topic on some brokers, each bit one.
    Create { replicas: u8, rotate: usize },
    /// The leader of a topic asks for a set, each bit a broker, with epochs that are late by so much.
    Alter { topic: usize, isr: u8, late: i32 },
    /// A topic is to move to some brokers, each bit one, or its move is called off.
    Reassign { topic: usize, to: Option<u8> },
    /// min.insync.replicas or unclean elections of a topic.
    Configure { topic: usize, min_isr: u8, unclean: bool },
    /// Commits come one by one from now on, or at once.
    HoldCommits { hold: bool },
    /// One append is committed.
    Commit,
    /// Another controller takes over; what is not committed is gone.
    Elect { controller: usize },
}

fn event() -> impl Strategy<Value = Event> {
    let broker = || 0..BROKERS;
    prop_oneof![
        2 => (broker(), any::<bool>()).prop_map(|(broker, clean)| Event::Restart { broker, clean }),
        1 => broker().prop_map(|broker| Event::Register { broker }),
        6 => (broker(), prop::bool::weighted(0.2), prop::bool::weighted(0.2), prop::bool::weighted(0.9))
            .prop_map(|(broker, want_fence, want_shut_down, caught_up)| Event::Heartbeat {
                broker, want_fence, want_shut_down, caught_up
            }),
        3 => broker().prop_map(|broker| Event::HeartbeatOfAllBut { broker }),
        1 => broker().prop_map(|broker| Event::DirectoryFails { broker }),
        3 => (1..6_000_u64).prop_map(|millis| Event::Pass { millis }),
        2 => (1..16_u8, 0..4_usize).prop_map(|(replicas, rotate)| Event::Create { replicas, rotate }),
        6 => (0..4_usize, 1..16_u8, prop_oneof![4 => Just(0), 1 => -1..2_i32])
            .prop_map(|(topic, isr, late)| Event::Alter { topic, isr, late }),
        2 => (0..4_usize, prop::option::weighted(0.8, 1..16_u8))
            .prop_map(|(topic, to)| Event::Reassign { topic, to }),
        1 => (0..4_usize, 1..4_u8, any::<bool>())
            .prop_map(|(topic, min_isr, unclean)| Event::Configure { topic, min_isr, unclean }),
        1 => any::<bool>().prop_map(|hold| Event::HoldCommits { hold }),
        2 => Just(Event::Commit),
        1 => (0..3_usize).prop_map(|controller| Event::Elect { controller }),
    ]
}

/// The driver, and what must never go back.
struct Run {
    quorum: Quorum,
    incarnations: BTreeMap<i32, u128>,
    topics: usize,
    /// Committed partition and leader epochs.
    epochs: BTreeMap<TopicPartition, (i32, i32)>,
    /// Committed broker epochs.
    brokers: BTreeMap<BrokerId, BrokerEpoch>,
    checked: usize,
}

impl Run {
    fn new(profile: Profile, seed: u64) -> Self {
        let mut quorum = Quorum::new(profile, seed);
        quorum.start(&[0, 1, 2, 3]);
        let incarnations = (0..BROKERS).map(|id| (id, 1)).collect();
        let (epochs, brokers) = (BTreeMap::new(), BTreeMap::new());
        Self { quorum, incarnations, topics: 0, epochs, brokers, checked: 0 }
    }

    fn on(&mut self, event: &Event) {
        let quorum = &mut self.quorum;
        match *event {
            Event::Restart { broker, clean } => {
                let incarnation = self.incarnations[&broker] + 1;
                let previous = if clean { quorum.epoch_of(broker) } else { -1 };
                let body = registration(broker, incarnation, previous);
                if quorum.register(body) == ErrorCode::None {
                    self.incarnations.insert(broker, incarnation);
                    self.check_unclean_exclusion(broker, clean);
                }
            }
            Event::Register { broker } => {
                quorum.register(registration(broker, self.incarnations[&broker], -1));
            }
            Event::Heartbeat { broker, want_fence, want_shut_down, caught_up } => {
                let mut body = quorum.heartbeat(broker);
                (body.want_fence, body.want_shut_down) = (want_fence, want_shut_down);
                body.current_metadata_offset *= i64::from(caught_up);
                quorum.send(ControllerRequest::BrokerHeartbeat(body));
            }
            Event::HeartbeatOfAllBut { broker } => {
                for id in (0..BROKERS).filter(|&id| id != broker) {
                    quorum.send(ControllerRequest::BrokerHeartbeat(quorum.heartbeat(id)));
                }
            }
            Event::DirectoryFails { broker } => {
                let body = quorum.heartbeat(broker);
                let registered = quorum.image().cluster().broker(BrokerId(broker));
                let offline_log_dirs = registered.expect("it is").directories.clone();
                // It has not caught up, and stays fenced if it is. Who is unfenced by the very heartbeat that tells of
                // a failed directory gets a partition in one record and leaves its in-sync set in the next, which was
                // made without the first: a leader of nobody, in Kafka too (`processBrokerHeartbeat`).
                let current_metadata_offset = 0;
                let body =
                    BrokerHeartbeatRequest { offline_log_dirs, current_metadata_offset, ..body };
                quorum.send(ControllerRequest::BrokerHeartbeat(body));
            }
            Event::Pass { millis } => quorum.pass(Span::from_millis(millis)),
            Event::Create { replicas, rotate } if self.topics < 4 => {
                let mut replicas = brokers(replicas);
                let turns = rotate % replicas.len();
                replicas.rotate_left(turns);
                let topic = assigned(&format!("t{}", self.topics), &[&replicas]);
                let body = CreateTopicsRequest { topics: vec![topic], ..Default::default() };
                quorum.send(ControllerRequest::CreateTopics(body));
            }
            Event::Alter { topic, isr, late } => {
                if let Some(name) = topic_name(quorum, topic) {
                    let mut wish = quorum.wish(&name, &brokers(isr));
                    wish.topics[0].partitions[0].partition_epoch += late;
                    quorum.send(ControllerRequest::AlterPartition(3, wish));
                }
            }
            Event::Reassign { topic, to } => {
                if let Some(name) = topic_name(quorum, topic) {
                    quorum.send(reassignment(&name, 0, to.map(brokers).as_deref(), true));
                }
            }
            Event::Configure { topic, min_isr, unclean } => {
                if let Some(name) = topic_name(quorum, topic) {
                    let unclean = unclean.to_string();
                    quorum.configure(2, &name, "unclean.leader.election.enable", &unclean);
                    quorum.configure(2, &name, "min.insync.replicas", &min_isr.to_string());
                }
            }
            Event::HoldCommits { hold } => quorum.commits_by_itself = !hold,
            Event::Commit => quorum.commit_one(),
            Event::Elect { controller } => quorum.elect(controller),
            Event::Create { .. } => {}
        }
        self.topics = self.quorum.image().topics().by_name().count();
        self.check_committed();
    }

    /// R17 with eligible leader replicas: who lost something is in no set.
    fn check_unclean_exclusion(&self, broker: i32, clean: bool) {
        if clean || !self.quorum.active().controller().keeps_elr() {
            return;
        }
        let id = BrokerId(broker);
        for (of, _, partition) in self.quorum.image().topics().partitions() {
            let within =
                partition.isr.contains(&id) || partition.eligible_leader_replicas.contains(&id);
            assert!(!within, "R17: {of:?} still trusts {id}: {partition:?}");
        }
    }

    /// R14 and K15 along the committed log, K17 by the image's own assertions.
    fn check_committed(&mut self) {
        let log = &self.quorum.log;
        let fresh = (0..).map(Offset).zip(log).skip(self.checked);
        for (offset, record) in fresh {
            if let MetadataRecord::RegisterBroker(record) = record {
                let (id, epoch) = (BrokerId(record.broker_id), BrokerEpoch(record.broker_epoch));
                let before = self.brokers.insert(id, epoch);
                assert!(before <= Some(epoch), "K15: {id} went back from {before:?} at {offset}");
            }
        }
        self.checked = log.len();
        let committed = self.quorum.active().committed_state();
        for (of, _, partition) in committed.image().topics().partitions() {
            let now = (partition.partition_epoch.0, partition.leader_epoch.0);
            let before = self.epochs.insert(of, now).unwrap_or((-1, -1));
            assert!(before.0 <= now.0 && before.1 <= now.1, "R14: {of:?} {before:?} to {now:?}");
            assert!(before.1 == now.1 || before.0 < now.0, "R14: {of:?} {before:?} to {now:?}");
        }
    }
}

fn brokers(bits: u8) -> Vec<i32> {
    (0..BROKERS).filter(|id| bits & (1 << id) != 0).collect()
}

fn topic_name(quorum: &Quorum, index: usize) -> Option<String> {
    quorum.image().topics().by_name().nth(index).map(|topic| topic.name.to_string())
}

fn play(profile: Profile, seed: u64, events: &[Event]) -> Run {
    let mut run = Run::new(profile, seed);
    for event in events {
        run.on(event);
    }
    run.quorum.commit_all();
    run.check_committed();
    run.quorum.active().controller().audit();
    run.quorum.compare_with_replay();
    run
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn invariants_hold_with_eligible_leader_replicas(
        seed in any::<u64>(),
        events in prop::collection::vec(event(), 1..150),
    ) {
        play(Profile::Kafka43, seed, &events);
    }

    #[test]
    fn invariants_hold_without_them(
        seed in any::<u64>(),
        events in prop::collection::vec(event(), 1..150),
    ) {
        play(Profile::Kafka43WithoutElr, seed, &events);
    }

    #[test]
    fn equal_seeds_and_events_give_equal_logs_and_notes(
        seed in any::<u64>(),
        events in prop::collection::vec(event(), 1..60),
    ) {
        let [one, two] = [0, 1].map(|_| play(Profile::Kafka43, seed, &events).quorum);
        prop_assert_eq!(one.log, two.log);
        prop_assert_eq!(one.notes, two.notes);
    }
}

#[test]
fn random_sequences_reach_what_they_are_for() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    use trial_cluster::controller::election::ElectedFrom;
    let mut runner = TestRunner::deterministic();
    let mut elected = BTreeMap::new();
    let (mut refused, mut unclean, mut renounced) = (0, 0, 0);
    for seed in 0..300 {
        let events = prop::collection::vec(event(), 150..151).new_tree(&mut runner);
        let events = events.expect("no filter").current();
        for note in play(Profile::Kafka43, seed, &events).quorum.notes {
            match note {
                ControllerNote::PartitionChanged { elected: Some(from), .. } => {
                    *elected.entry(from).or_insert(0) += 1;
                }
                ControllerNote::AlterPartitionRefused { .. } => refused += 1,
                ControllerNote::BrokerRegistered { clean: false, .. } => unclean += 1,
                ControllerNote::Renounced { .. } => renounced += 1,
                _ => {}
            }
        }
    }
    let all = [
        ElectedFrom::Isr,
        ElectedFrom::EligibleLeaderReplicas,
        ElectedFrom::LastKnownLeader,
        ElectedFrom::Unclean,
    ];
    for from in all {
        assert!(elected.get(&from).is_some_and(|&count| count > 5), "{from:?} among {elected:?}");
    }
    assert!(refused > 300 && unclean > 100 && renounced > 100, "{refused} {unclean} {renounced}");
}
