//! Facts of Kafka's `ReplicationControlManagerTest` and `ClusterControlManagerTest`, on the whole controller.

use super::support::{Quorum, assigned, at, ids, registration};
use trial_cluster::config::BrokerConfig;
use trial_cluster::controller::election::ElectedFrom;
use trial_cluster::controller::{ControllerRequest, ControllerResponse};
use trial_cluster::error_code::ErrorCode;
use trial_cluster::ids::BrokerId;
use trial_cluster::note::controller::{ChangeReason, ControllerNote};
use trial_cluster::rules::Profile;
use trial_cluster::wire::{
    AlterPartitionRequest, BrokerHeartbeatRequest, BrokerRegistrationRequest, ElectLeadersRequest,
    create_topics_request, elect_leaders_request,
};
use trial_sim::Span;

/// A quorum with these brokers, unfenced.
fn with_brokers(profile: Profile, brokers: &[i32]) -> Quorum {
    let mut quorum = Quorum::new(profile, 1);
    quorum.start(brokers);
    quorum
}

/// `foo`-0 on these brokers, in this order.
fn with_topic(profile: Profile, replicas: &[i32], min_isr: &str) -> Quorum {
    let mut quorum = with_brokers(profile, replicas);
    quorum.create_assigned("foo", &[replicas]);
    let done = quorum.configure(2, "foo", "min.insync.replicas", min_isr);
    assert_eq!(done, ErrorCode::None, "min.insync.replicas");
    quorum
}

/// Wants in-sync set, eligible, last known and leader (none: -1) of `foo`-0.
#[track_caller]
fn check(quorum: &Quorum, isr: &[i32], elr: &[i32], last: &[i32], leader: i32) {
    let got = quorum.partition("foo", 0);
    let want = (ids(isr), ids(elr), ids(last), (leader >= 0).then_some(BrokerId(leader)));
    let sets = got.isr.clone();
    let got = (sets, got.eligible_leader_replicas.clone(), got.last_known_elr.clone(), got.leader);
    assert_eq!(got, want, "in sync, eligible, last known, leader");
}

#[test]
fn new_topics_are_judged_as_in_kafka() {
    let mut quorum = Quorum::new(Profile::Kafka43, 1);
    let topic = |name: &str, partitions, factor| create_topics_request::Topic {
        name: name.to_owned(),
        num_partitions: partitions,
        replication_factor: factor,
        ..Default::default()
    };
    let config = |name: &str, value: Option<&str>| create_topics_request::Topic {
        configs: vec![create_topics_request::Config {
            name: name.to_owned(),
            value: value.map(str::to_owned),
        }],
        ..topic("foo", 1, 1)
    };
    let early = quorum.create(topic("foo", 1, 1));
    assert_eq!(ErrorCode::from_code(early.error_code), ErrorCode::InvalidReplicationFactor);
    quorum.start(&[0, 1, 2]);
    let both = create_topics_request::Topic { num_partitions: 1, ..assigned("foo", &[&[0]]) };
    let rows = [
        (topic("foo", 1, 4), ErrorCode::InvalidReplicationFactor),
        (topic("foo", 1, 0), ErrorCode::InvalidReplicationFactor),
        (topic("foo", 0, 1), ErrorCode::InvalidPartitions),
        (topic("foo", -2, 1), ErrorCode::InvalidPartitions),
        (topic("", 1, 1), ErrorCode::InvalidTopicException),
        (topic("a b", 1, 1), ErrorCode::InvalidTopicException),
        (topic("__cluster_metadata", 1, 1), ErrorCode::InvalidRequest),
        (config("min.insync.replicas", Some("x")), ErrorCode::InvalidConfig),
        (config("no.such.setting", Some("1")), ErrorCode::InvalidConfig),
        (config("min.insync.replicas", None), ErrorCode::InvalidConfig),
        (both, ErrorCode::InvalidRequest),
        (assigned("foo", &[&[0, 0]]), ErrorCode::InvalidReplicaAssignment),
        (assigned("foo", &[&[0, 9]]), ErrorCode::InvalidReplicaAssignment),
        (assigned("foo", &[&[]]), ErrorCode::InvalidReplicaAssignment),
        (assigned("foo", &[&[0, 1], &[2]]), ErrorCode::InvalidReplicaAssignment),
        (topic("foo.bar", 2, 3), ErrorCode::None),
        (topic("foo_bar", 2, 3), ErrorCode::InvalidTopicException),
        (topic("foo.bar", 2, 3), ErrorCode::TopicAlreadyExists),
        (topic("default", -1, -1), ErrorCode::None),
        (topic("huge", 10_001, 1), ErrorCode::PolicyViolation),
        (assigned("foo", &[&[2, 1, 0]]), ErrorCode::None),
    ];
    for (topic, want) in rows {
        let name = format!("{topic:?}");
        let got = quorum.create(topic);
        assert_eq!(ErrorCode::from_code(got.error_code), want, "{name} got {got:?}");
    }
    check(&quorum, &[2, 1, 0], &[], &[], 2);
    assert_eq!(quorum.partition("default", 0).replicas.len(), 1, "default.replication.factor");
    quorum.compare_with_replay();
}

/// `LogConfig.validate`: what a topic does not say, the cluster's settings do.
#[test]
fn settings_of_a_topic_have_to_go_together_with_those_of_its_cluster() {
    let mut config = BrokerConfig::default();
    config.set("log.cleaner.min.compaction.lag.ms", "7").expect("it is Kafka's");
    let mut quorum = Quorum::told(&config, Profile::Kafka43, 1);
    quorum.start(&[0]);
    let mut with = |name: &str, most: &str| {
        let most = create_topics_request::Config {
            name: "max.compaction.lag.ms".into(),
            value: Some(most.into()),
        };
        let asked = assigned(name, &[&[0]]);
        let asked = create_topics_request::Topic { configs: vec![most], ..asked };
        ErrorCode::from_code(quorum.create(asked).error_code)
    };
    assert_eq!(with("foo", "6"), ErrorCode::InvalidConfig, "7 is more");
    assert_eq!(with("foo", "7"), ErrorCode::None);
    assert_eq!(quorum.configure(2, "foo", "max.compaction.lag.ms", "6"), ErrorCode::InvalidConfig);
    assert_eq!(quorum.configure(2, "foo", "min.compaction.lag.ms", "6"), ErrorCode::None);
    assert_eq!(quorum.configure(2, "foo", "max.compaction.lag.ms", "6"), ErrorCode::None);
}

#[test]
fn only_active_brokers_begin_in_sync() {
    let mut quorum = with_brokers(Profile::Kafka43, &[0, 1, 2]);
    quorum.create_assigned("pin", &[&[1, 0]]);
    quorum.fence(&[2]);
    let leave = BrokerHeartbeatRequest { want_shut_down: true, ..quorum.heartbeat(1) };
    let answer = quorum.beat(leave);
    assert!(!answer.should_shut_down && !answer.is_fenced, "it leads pin-0: {answer:?}");
    quorum.create_assigned("foo", &[&[1, 0, 2]]);
    check(&quorum, &[0], &[], &[], 0);
    let nobody = quorum.create(assigned("bar", &[&[1, 2]]));
    assert_eq!(ErrorCode::from_code(nobody.error_code), ErrorCode::InvalidReplicaAssignment);
}

#[test]
fn alter_partition_checks_in_kafkas_order() {
    type Change = fn(&mut AlterPartitionRequest);
    let rows: [(Change, ErrorCode); 15] = [
        (|wish| wish.broker_epoch -= 1, ErrorCode::StaleBrokerEpoch),
        (|wish| wish.broker_id = 77, ErrorCode::StaleBrokerEpoch),
        (|wish| wish.topics[0].topic_id.0 ^= 1, ErrorCode::UnknownTopicId),
        (
            |wish| wish.topics[0].partitions[0].partition_index = 9,
            ErrorCode::UnknownTopicOrPartition,
        ),
        (|wish| wish.topics[0].partitions[0].leader_epoch = 500, ErrorCode::NotController),
        (|wish| wish.topics[0].partitions[0].partition_epoch = 500, ErrorCode::NotController),
        (|wish| wish.topics[0].partitions[0].leader_epoch = -1, ErrorCode::FencedLeaderEpoch),
        (|wish| wish.topics[0].partitions[0].partition_epoch = -1, ErrorCode::InvalidUpdateVersion),
        (
            // Ahead in one epoch weighs more than behind in the other.
            |wish| {
                wish.topics[0].partitions[0].leader_epoch = -1;
                wish.topics[0].partitions[0].partition_epoch = 500;
            },
            ErrorCode::NotController,
        ),
        (
            |wish| wish.topics[0].partitions[0].new_isr_with_epochs[1].broker_id = 3,
            ErrorCode::InvalidRequest,
        ),
        (
            |wish| wish.topics[0].partitions[0].new_isr_with_epochs[1].broker_id = 0,
            ErrorCode::InvalidRequest,
        ),
        (
            |wish| {
                wish.topics[0].partitions[0].new_isr_with_epochs.remove(0);
            },
            ErrorCode::InvalidRequest,
        ),
        (|wish| wish.topics[0].partitions[0].leader_recovery_state = 1, ErrorCode::InvalidRequest),
        (
            |wish| wish.topics[0].partitions[0].new_isr_with_epochs[1].broker_epoch -= 1,
            ErrorCode::IneligibleReplica,
        ),
        (
            |wish| wish.topics[0].partitions[0].new_isr_with_epochs[1].broker_epoch = -1,
            ErrorCode::None,
        ),
    ];
    for (row, (change, want)) in rows.into_iter().enumerate() {
        let mut quorum = with_brokers(Profile::Kafka43, &[0, 1, 2, 3]);
        quorum.create_assigned("foo", &[&[0, 1, 2]]);
        let mut wish = quorum.wish("foo", &[0, 1]);
        change(&mut wish);
        assert_eq!(quorum.alter(wish), want, "row {row}");
        let refused = quorum.notes.iter().any(|note| {
            matches!(note, ControllerNote::AlterPartitionRefused { error, .. } if *error == want)
        });
        assert_eq!(refused, want != ErrorCode::None, "the note of row {row}");
    }
    let mut quorum = with_brokers(Profile::Kafka43, &[0, 1]);
    quorum.create_assigned("foo", &[&[0, 1]]);
    let mut wish = quorum.wish("foo", &[0, 1]);
    (wish.broker_id, wish.broker_epoch) = (1, quorum.epoch_of(1));
    assert_eq!(quorum.alter(wish), ErrorCode::InvalidRequest, "not the leader");
}

#[test]
fn who_is_fenced_leaving_or_born_again_does_not_join() {
    let mut quorum = with_topic(Profile::Kafka43, &[1, 2, 3, 4], "1");
    let (before, epoch) = (quorum.wish("foo", &[1, 2, 3, 4]), quorum.epoch_of(3));
    quorum.fence(&[3]);
    check(&quorum, &[1, 2, 4], &[], &[], 1);
    assert_eq!(quorum.alter(before), ErrorCode::InvalidUpdateVersion);
    assert_eq!(quorum.alter(quorum.wish("foo", &[1, 2, 3, 4])), ErrorCode::IneligibleReplica);
    quorum.unfence(&[3]);
    assert_eq!(quorum.alter(quorum.wish("foo", &[1, 2, 3, 4])), ErrorCode::None);
    check(&quorum, &[1, 2, 3, 4], &[], &[], 1);
    // Broker 3 dies without a word and comes back as another process: the leader still speaks of the old one.
    quorum.pass(Span::from_secs(5));
    quorum.unfence(&[1, 2, 4]);
    quorum.pass(Span::from_secs(6));
    check(&quorum, &[1, 2, 4], &[], &[], 1);
    assert_eq!(quorum.register(registration(3, 2, epoch)), ErrorCode::None);
    quorum.unfence(&[3]);
    let mut late = quorum.wish("foo", &[1, 2, 3, 4]);
    late.topics[0].partitions[0].new_isr_with_epochs[2].broker_epoch = epoch;
    assert_eq!(quorum.alter(late), ErrorCode::IneligibleReplica);
    assert_eq!(quorum.alter(quorum.wish("foo", &[1, 2, 3, 4])), ErrorCode::None);
    quorum.compare_with_replay();
}

#[test]
fn eligible_leader_replicas_come_and_go_as_in_kip_966() {
    let mut quorum = with_topic(Profile::Kafka43, &[0, 1, 2, 3], "3");
    quorum.fence(&[2, 3]);
    check(&quorum, &[0, 1], &[3], &[], 0);
    quorum.fence(&[1]);
    check(&quorum, &[0], &[1, 3], &[], 0);
    quorum.unfence(&[1, 2, 3]);
    check(&quorum, &[0], &[1, 3], &[], 0);
    assert_eq!(quorum.alter(quorum.wish("foo", &[0, 1])), ErrorCode::None);
    check(&quorum, &[0, 1], &[3], &[], 0);
    assert_eq!(quorum.alter(quorum.wish("foo", &[0, 1, 2])), ErrorCode::None);
    check(&quorum, &[0, 1, 2], &[], &[], 0);
}

#[test]
fn an_eligible_replica_takes_over_and_an_unclean_one_does_not() {
    let mut quorum = with_topic(Profile::Kafka43, &[0, 1, 2, 3], "3");
    quorum.fence(&[1, 2, 3]);
    check(&quorum, &[0], &[2, 3], &[], 0);
    quorum.unfence(&[2]);
    quorum.fence(&[0]);
    check(&quorum, &[2], &[0, 3], &[], 2);
    let from = quorum.notes.iter().rev().find_map(|note| match note {
        ControllerNote::PartitionChanged { why, elected, .. } => Some((*why, *elected)),
        _ => None,
    });
    let want = (ChangeReason::Fenced(BrokerId(0)), Some(ElectedFrom::EligibleLeaderReplicas));
    assert_eq!(from, Some(want));
    // Without a clean shutdown broker 3 is eligible no more (R17); with one, broker 0 stays so.
    assert_eq!(quorum.register(registration(3, 2, -1)), ErrorCode::DuplicateBrokerRegistration);
    quorum.pass(Span::from_secs(8));
    quorum.unfence(&[2]);
    quorum.pass(Span::from_secs(4));
    assert_eq!(quorum.register(registration(3, 2, -1)), ErrorCode::None);
    check(&quorum, &[2], &[0], &[], 2);
    assert_eq!(quorum.register(registration(0, 2, quorum.epoch_of(0))), ErrorCode::None);
    check(&quorum, &[2], &[0], &[], 2);
    assert_eq!(quorum.register(registration(0, 3, 7)), ErrorCode::None);
    check(&quorum, &[2], &[], &[], 2);
}

#[test]
fn the_last_replica_is_remembered_or_kept_by_profile() {
    let mut quorum = with_topic(Profile::Kafka43, &[0, 1, 2], "3");
    quorum.fence(&[1, 2, 0]);
    check(&quorum, &[], &[0, 1, 2], &[0], -1);
    quorum.unfence(&[1]);
    check(&quorum, &[1], &[0, 2], &[], 1);
    let mut quorum = with_topic(Profile::Kafka43WithoutElr, &[0, 1, 2], "3");
    quorum.fence(&[1, 2, 0]);
    check(&quorum, &[0], &[], &[], -1);
    quorum.unfence(&[1]);
    check(&quorum, &[0], &[], &[], -1);
    quorum.unfence(&[0]);
    check(&quorum, &[0], &[], &[], 0);
}

#[test]
fn the_last_known_leader_comes_back_when_nobody_is_eligible() {
    let mut quorum = with_topic(Profile::Kafka43, &[0], "1");
    quorum.pass(Span::from_secs(12));
    check(&quorum, &[], &[0], &[0], -1);
    assert_eq!(quorum.register(registration(0, 2, -1)), ErrorCode::None);
    check(&quorum, &[], &[], &[0], -1);
    quorum.unfence(&[0]);
    check(&quorum, &[0], &[], &[], 0);
    assert_eq!(quorum.partition("foo", 0).leader_recovery_state.code(), 1, "recovering");
    assert_eq!(quorum.alter(quorum.wish("foo", &[0])), ErrorCode::None);
    assert_eq!(quorum.partition("foo", 0).leader_recovery_state.code(), 0, "recovered");
}

#[test]
fn a_new_min_insync_replicas_clears_who_was_eligible() {
    for (kind, resource) in [(2, "foo"), (4, "")] {
        let mut quorum = with_topic(Profile::Kafka43, &[0, 1, 2], "3");
        quorum.fence(&[1, 2]);
        check(&quorum, &[0], &[1, 2], &[], 0);
        let epoch = quorum.partition("foo", 0).partition_epoch;
        let set = |quorum: &mut Quorum, value| {
            quorum.configure(kind, resource, "min.insync.replicas", value)
        };
        assert_eq!(set(&mut quorum, "2"), ErrorCode::None);
        check(&quorum, &[0], &[], &[], 0);
        let after = quorum.partition("foo", 0).partition_epoch;
        assert_eq!(after.0, epoch.0 + 1, "the partition epoch moves");
        assert_eq!(set(&mut quorum, "3"), ErrorCode::None);
        assert_eq!(quorum.partition("foo", 0).partition_epoch, after, "nobody was eligible");
    }
    let mut quorum = with_topic(Profile::Kafka43, &[0], "1");
    let broker = quorum.configure(4, "0", "min.insync.replicas", "2");
    assert_eq!(broker, ErrorCode::InvalidConfig, "the cluster has one");
}

#[test]
fn a_graceful_shutdown_moves_leaders_first() {
    let mut quorum = with_topic(Profile::Kafka43, &[0, 1, 2], "1");
    quorum.unfence(&[1, 2]);
    let leave = BrokerHeartbeatRequest { want_shut_down: true, ..quorum.heartbeat(0) };
    let first = quorum.beat(leave.clone());
    assert!(!first.should_shut_down && !first.is_fenced, "others have not seen it: {first:?}");
    check(&quorum, &[1, 2], &[], &[], 1);
    assert!(!quorum.beat(leave.clone()).should_shut_down, "1 and 2 are behind");
    quorum.unfence(&[1, 2]);
    let last = quorum.beat(leave);
    assert!(last.should_shut_down && last.is_fenced, "{last:?}");
    assert_eq!(quorum.epoch_of(0), quorum.heartbeat(0).broker_epoch, "it stays registered");
    quorum.fence(&[2]);
    let leave = BrokerHeartbeatRequest { want_shut_down: true, ..quorum.heartbeat(2) };
    assert!(quorum.beat(leave).should_shut_down, "a fenced broker goes at once");
}

#[test]
fn registrations_are_judged_as_in_kafka() {
    type Change = fn(&mut BrokerRegistrationRequest);
    let rows: [(Change, ErrorCode); 9] = [
        (|body| body.cluster_id = "other".to_owned(), ErrorCode::InconsistentClusterId),
        (|body| body.is_migrating_zk_broker = true, ErrorCode::BrokerIdNotRegistered),
        (|body| body.log_dirs.clear(), ErrorCode::InvalidRegistration),
        (|body| body.log_dirs[0].0 = 1, ErrorCode::InvalidRegistration),
        (|body| body.log_dirs.push(body.log_dirs[0]), ErrorCode::InvalidRegistration),
        (|body| body.log_dirs[0].0 = 1_007, ErrorCode::InvalidRegistration),
        (
            |body| body.features.retain(|it| it.name != "metadata.version"),
            ErrorCode::InvalidRegistration,
        ),
        (
            |body| body.features.retain(|it| it.name != "transaction.version"),
            ErrorCode::UnsupportedVersion,
        ),
        (
            |body| body.features.iter_mut().for_each(|it| it.max_supported_version = 0),
            ErrorCode::UnsupportedVersion,
        ),
    ];
    let mut quorum = with_brokers(Profile::Kafka43, &[7]);
    for (row, (change, want)) in rows.into_iter().enumerate() {
        let mut body = registration(1, 1, -1);
        change(&mut body);
        assert_eq!(quorum.register(body), want, "row {row}");
    }
    let before = quorum.epoch_of(7);
    assert_eq!(quorum.register(registration(7, 1, -1)), ErrorCode::None);
    assert_eq!(quorum.epoch_of(7), before, "the same incarnation keeps its epoch");
    assert_eq!(quorum.register(registration(7, 2, before)), ErrorCode::DuplicateBrokerRegistration);
    quorum.pass(Span::from_secs(12));
    assert_eq!(quorum.register(registration(7, 2, before)), ErrorCode::None);
    assert!(quorum.epoch_of(7) > before, "K15: another incarnation gets another epoch");
    let stale = BrokerHeartbeatRequest { broker_epoch: before, ..quorum.heartbeat(7) };
    let answer = quorum.beat(stale);
    assert_eq!(ErrorCode::from_code(answer.error_code), ErrorCode::StaleBrokerEpoch, "K15");
}

#[test]
fn silent_brokers_are_fenced_and_a_new_controller_gives_them_time() {
    let mut quorum = with_topic(Profile::Kafka43, &[0, 1], "1");
    quorum.pass(Span::from_secs(8));
    quorum.elect(1);
    quorum.pass(Span::from_secs(8));
    check(&quorum, &[0, 1], &[], &[], 0);
    quorum.unfence(&[1]);
    quorum.pass(Span::from_millis(2_200));
    check(&quorum, &[1], &[], &[], 1);
    quorum.pass(Span::from_secs(12));
    check(&quorum, &[], &[1], &[1], -1);
    quorum.compare_with_replay();
}

#[test]
fn preferred_leaders_get_the_lead_back() {
    let mut quorum = with_topic(Profile::Kafka43, &[0, 1, 2], "1");
    quorum.fence(&[0]);
    quorum.unfence(&[0]);
    let ask = |quorum: &mut Quorum, topic: &str, kind| {
        let partitions = vec![0];
        let topics =
            vec![elect_leaders_request::TopicPartition { topic: topic.into(), partitions }];
        let request = ElectLeadersRequest {
            election_type: kind,
            topic_partitions: Some(topics),
            timeout_ms: 0,
        };
        match quorum.ask(ControllerRequest::ElectLeaders(request)) {
            ControllerResponse::ElectLeaders(body) => ErrorCode::from_code(
                body.replica_election_results[0].partition_result[0].error_code,
            ),
            other => panic!("not an answer to an election: {other:?}"),
        }
    };
    assert_eq!(ask(&mut quorum, "foo", 0), ErrorCode::PreferredLeaderNotAvailable);
    assert_eq!(ask(&mut quorum, "foo", 1), ErrorCode::ElectionNotNeeded);
    assert_eq!(ask(&mut quorum, "bar", 0), ErrorCode::UnknownTopicOrPartition);
    assert_eq!(quorum.alter(quorum.wish("foo", &[1, 2, 0])), ErrorCode::None);
    assert_eq!(ask(&mut quorum, "foo", 0), ErrorCode::None);
    check(&quorum, &[1, 2, 0], &[], &[], 0);
    quorum.fence(&[0]);
    quorum.unfence(&[0]);
    assert_eq!(quorum.alter(quorum.wish("foo", &[1, 2, 0])), ErrorCode::None);
    for _ in 0..100 {
        quorum.pass(Span::from_secs(3));
        quorum.unfence(&[0, 1, 2]);
    }
    check(&quorum, &[1, 2, 0], &[], &[], 0);
}

#[test]
fn answers_wait_for_the_commit_and_a_lost_lead_undoes_what_was_not() {
    let mut quorum = with_topic(Profile::Kafka43, &[0, 1], "1");
    let before = quorum.partition("foo", 0);
    quorum.commits_by_itself = false;
    let wish = quorum.wish("foo", &[0]);
    let token = quorum.send(ControllerRequest::AlterPartition(3, wish));
    check(&quorum, &[0], &[], &[], 0);
    assert!(!quorum.replies.contains_key(&token), "K16: nothing is committed");
    let read = quorum.send(ControllerRequest::BrokerHeartbeat(quorum.heartbeat(1)));
    assert!(!quorum.replies.contains_key(&read), "K16: it may rest on what is not committed");
    let controllers = quorum.active;
    quorum.elect(2);
    assert_eq!(quorum.partition("foo", 0), before, "another controller never heard of it");
    let undone = quorum.controllers[controllers].image().topics();
    let partition = undone.partition(at(quorum.topic_id("foo"), 0)).cloned();
    assert_eq!(partition, Some(before), "and the old one forgets it");
    match &quorum.replies[&token] {
        ControllerResponse::AlterPartition(body) => {
            assert_eq!(ErrorCode::from_code(body.error_code), ErrorCode::NotController);
        }
        other => panic!("not an answer to a change of the in-sync set: {other:?}"),
    }
    quorum.compare_with_replay();
}
