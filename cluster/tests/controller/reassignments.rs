//! Facts of Kafka's `ReplicationControlManagerTest` about moves and more partitions, on the whole controller.

use super::support::{Quorum, assigned, ids, reassignment};
use trial_cluster::controller::{ControllerRequest, ControllerResponse};
use trial_cluster::error_code::ErrorCode;
use trial_cluster::ids::BrokerId;
use trial_cluster::note::controller::{ChangeReason, ControllerNote};
use trial_cluster::rules::{Profile, Rules, Switch};
use trial_cluster::wire::{
    CreatePartitionsRequest, ListPartitionReassignmentsRequest, create_partitions_request as more,
    list_partition_reassignments_request as listed,
    list_partition_reassignments_response as ongoing,
};

fn move_with(quorum: &mut Quorum, request: ControllerRequest) -> ErrorCode {
    match quorum.ask(request) {
        ControllerResponse::AlterPartitionReassignments(body) => {
            assert_eq!((body.error_code, body.error_message), (0, None), "of the whole");
            ErrorCode::from_code(body.responses[0].partitions[0].error_code)
        }
        other => panic!("not an answer to a reassignment: {other:?}"),
    }
}

/// Moves `foo`-0, or calls the move off.
fn moves(quorum: &mut Quorum, replicas: Option<&[i32]>) -> ErrorCode {
    move_with(quorum, reassignment("foo", 0, replicas, true))
}

/// `foo`-0 on the first so many of these brokers; all of them are there.
fn with_topic(brokers: &[i32], replicas: &[i32]) -> Quorum {
    let mut quorum = Quorum::new(Profile::Kafka43, 1);
    quorum.start(brokers);
    quorum.create_assigned("foo", &[replicas]);
    let set = quorum.configure(2, "foo", "min.insync.replicas", "2");
    assert_eq!(set, ErrorCode::None, "min.insync.replicas");
    quorum
}

/// Wants replicas, adding, removing, in-sync set, and the leader with its epoch of `foo`-0.
#[track_caller]
fn check(
    quorum: &Quorum,
    replicas: &[i32],
    (adding, removing): (&[i32], &[i32]),
    isr: &[i32],
    leader: (i32, i32),
) {
    let got = quorum.partition("foo", 0);
    let leads = got.leader.map_or(-1, |id| id.0);
    let seen = (&got.replicas, &got.adding_replicas, &got.removing_replicas, &got.isr);
    let want = (&ids(replicas), &ids(adding), &ids(removing), &ids(isr));
    assert_eq!(seen, want, "replicas, adding, removing, in sync");
    assert_eq!((leads, got.leader_epoch.0), leader, "leader and its epoch");
}

#[test]
fn a_partition_grows_catches_up_and_shrinks() {
    let mut quorum = with_topic(&[1, 2, 3, 4, 5], &[1, 2, 3]);
    assert_eq!(moves(&mut quorum, Some(&[4, 5, 3])), ErrorCode::None);
    check(&quorum, &[4, 5, 3, 1, 2], (&[4, 5], &[1, 2]), &[1, 2, 3], (1, 0));
    assert_eq!(quorum.alter(quorum.wish("foo", &[1, 2, 3, 4])), ErrorCode::None);
    check(&quorum, &[4, 5, 3, 1, 2], (&[4, 5], &[1, 2]), &[1, 2, 3, 4], (1, 0));
    // The last one joins, and in the same record the others leave, the leader among them.
    let last = quorum.alter(quorum.wish("foo", &[1, 2, 3, 4, 5]));
    assert_eq!(last, ErrorCode::NewLeaderElected);
    check(&quorum, &[4, 5, 3], (&[], &[]), &[3, 4, 5], (4, 1));
    let why = quorum.notes.iter().filter_map(|note| match note {
        ControllerNote::PartitionChanged { old: Some(_), why, .. } => Some(*why),
        _ => None,
    });
    let why: Vec<_> = why.collect();
    let asked = ChangeReason::AlterPartition(BrokerId(1));
    assert_eq!(why, [ChangeReason::Reassignment, asked, asked]);
    quorum.compare_with_replay();
}

#[test]
fn a_leader_that_stays_gets_another_epoch_when_somebody_leaves() {
    let mut quorum = with_topic(&[1, 2, 3], &[1, 2, 3]);
    assert_eq!(moves(&mut quorum, Some(&[1, 2])), ErrorCode::None);
    check(&quorum, &[1, 2], (&[], &[]), &[1, 2], (1, 1));
    // Another order is no move: nobody comes, nobody goes.
    assert_eq!(moves(&mut quorum, Some(&[2, 1])), ErrorCode::None);
    check(&quorum, &[2, 1], (&[], &[]), &[1, 2], (1, 1));
}

#[test]
fn a_move_that_is_called_off_leaves_who_was_there() {
    let mut quorum = with_topic(&[1, 2, 3, 4], &[1, 2, 3]);
    assert_eq!(moves(&mut quorum, None), ErrorCode::NoReassignmentInProgress);
    assert_eq!(moves(&mut quorum, Some(&[4, 2, 3])), ErrorCode::None);
    assert_eq!(moves(&mut quorum, None), ErrorCode::None);
    check(&quorum, &[2, 3, 1], (&[], &[]), &[1, 2, 3], (1, 1));
    assert_eq!(moves(&mut quorum, None), ErrorCode::NoReassignmentInProgress);
    quorum.compare_with_replay();
}

#[test]
fn a_move_cannot_be_called_off_when_only_those_who_come_are_in_sync() {
    let mut quorum = with_topic(&[1, 2, 3, 4], &[1, 2]);
    assert_eq!(moves(&mut quorum, Some(&[3, 4])), ErrorCode::None);
    assert_eq!(quorum.alter(quorum.wish("foo", &[1, 2, 3])), ErrorCode::None);
    quorum.fence(&[1, 2]);
    check(&quorum, &[3, 4, 1, 2], (&[3, 4], &[1, 2]), &[3], (3, 1));
    assert_eq!(moves(&mut quorum, None), ErrorCode::InvalidReplicaAssignment);
    let set = quorum.configure(2, "foo", "unclean.leader.election.enable", "true");
    assert_eq!(set, ErrorCode::None, "unclean.leader.election.enable");
    quorum.unfence(&[2]);
    assert_eq!(moves(&mut quorum, None), ErrorCode::None);
    let got = quorum.partition("foo", 0);
    assert_eq!((&got.replicas, &got.isr), (&ids(&[1, 2]), &ids(&[2])));
    quorum.compare_with_replay();
}

/// KAFKA-15665, and that what was done about it is not too much (KAFKA-19975).
#[test]
fn a_move_to_fewer_waits_for_all_who_stay() {
    let ends = |rules: Rules| {
        let mut quorum = Quorum::with_rules(&rules, 1);
        quorum.start(&[0, 1, 2, 3, 4, 5]);
        quorum.create_assigned("foo", &[&[0, 1, 2, 3, 4]]);
        quorum.fence(&[2, 3, 4]);
        assert_eq!(moves(&mut quorum, Some(&[2, 3, 4, 5])), ErrorCode::None);
        quorum.alter(quorum.wish("foo", &[0, 1, 5]));
        quorum.partition("foo", 0).isr.clone()
    };
    assert_eq!(ends(Rules::new(Profile::Kafka43, [])), ids(&[0, 1, 5]));
    let early = Rules::new(Profile::Kafka43, [Switch::ReassignCompletesEarly]);
    assert_eq!(ends(early), ids(&[5]), "KAFKA-15665");

    let mut quorum = with_topic(&[1, 2, 3, 4], &[1, 2, 3]);
    quorum.fence(&[3]);
    assert_eq!(moves(&mut quorum, Some(&[1, 4, 3])), ErrorCode::None);
    assert_eq!(quorum.alter(quorum.wish("foo", &[1, 2, 4])), ErrorCode::None);
    check(&quorum, &[1, 4, 3], (&[], &[]), &[1, 4], (1, 1));
}

#[test]
fn fewer_replicas_than_min_insync_leave_nobody_behind_who_could_be_elected() {
    let mut quorum = with_topic(&[1, 2, 3], &[1, 2, 3]);
    assert_eq!(moves(&mut quorum, Some(&[1])), ErrorCode::None);
    check(&quorum, &[1], (&[], &[]), &[1], (1, 1));
    quorum.fence(&[1]);
    let got = quorum.partition("foo", 0);
    assert_eq!((got.leader, &got.isr), (None, &Vec::new()));
    quorum.unfence(&[1]);
    assert_eq!(quorum.partition("foo", 0).leader, Some(BrokerId(1)));
    quorum.compare_with_replay();
}

#[test]
fn a_move_is_judged_as_in_kafka() {
    let mut quorum = with_topic(&[1, 2, 3], &[1, 2]);
    type Row<'a> = (&'a str, i32, Option<&'a [i32]>, bool, ErrorCode);
    let rows: [Row<'_>; 9] = [
        ("bar", 0, Some(&[1]), true, ErrorCode::UnknownTopicOrPartition),
        ("foo", 1, Some(&[1]), true, ErrorCode::UnknownTopicOrPartition),
        ("foo", 0, None, true, ErrorCode::NoReassignmentInProgress),
        ("foo", 0, Some(&[]), true, ErrorCode::InvalidReplicaAssignment),
        ("foo", 0, Some(&[1, 1]), true, ErrorCode::InvalidReplicaAssignment),
        ("foo", 0, Some(&[1, 9]), true, ErrorCode::InvalidReplicaAssignment),
        ("foo", 0, Some(&[1, 2, 3]), false, ErrorCode::InvalidReplicationFactor),
        ("foo", 0, Some(&[1, 3]), false, ErrorCode::None),
        // It counts what the move leads to, not the three that there are meanwhile.
        ("foo", 0, Some(&[1, 2, 3]), false, ErrorCode::InvalidReplicationFactor),
    ];
    for (topic, partition, replicas, may_resize, want) in rows {
        let got = move_with(&mut quorum, reassignment(topic, partition, replicas, may_resize));
        assert_eq!(got, want, "{topic}-{partition} to {replicas:?}, {may_resize}");
    }
    check(&quorum, &[1, 3, 2], (&[3], &[2]), &[1, 2], (1, 0));
}

#[test]
fn what_moves_is_listed_once_it_is_committed() {
    let mut quorum = with_topic(&[1, 2, 3], &[1, 2]);
    let list = |quorum: &mut Quorum, topics: Option<Vec<listed::Topic>>| {
        let body = ListPartitionReassignmentsRequest { topics, ..Default::default() };
        let token = quorum.send(ControllerRequest::ListPartitionReassignments(body));
        match quorum.replies.remove(&token) {
            Some(ControllerResponse::ListPartitionReassignments(body)) => body.topics,
            other => panic!("a question is answered at once: {other:?}"),
        }
    };
    let named = |name: &str, partition_indexes: &[i32]| {
        let (name, partition_indexes) = (name.to_owned(), partition_indexes.to_vec());
        Some(vec![listed::Topic { name, partition_indexes }])
    };
    quorum.commits_by_itself = false;
    let token = quorum.send(reassignment("foo", 0, Some(&[1, 3]), true));
    assert_eq!(list(&mut quorum, None), [], "it is not committed");
    let moving = ongoing::Topic {
        name: "foo".to_owned(),
        partitions: vec![ongoing::Partition {
            partition_index: 0,
            replicas: vec![1, 3, 2],
            adding_replicas: vec![3],
            removing_replicas: vec![2],
        }],
    };
    // A name is looked up in what is committed, and the partition in what is not: so does Kafka.
    let moving = vec![moving];
    assert_eq!(list(&mut quorum, named("foo", &[0])), moving);
    quorum.commit_all();
    assert!(quorum.replies.remove(&token).is_some(), "K16: it is committed");
    assert_eq!(list(&mut quorum, None), moving);
    assert_eq!(list(&mut quorum, named("foo", &[0, 7])), moving);
    assert_eq!(list(&mut quorum, named("bar", &[0])), []);
}

#[test]
fn partitions_are_added_as_in_kafka() {
    let mut quorum = Quorum::new(Profile::Kafka43, 1);
    quorum.start(&[1, 2, 3]);
    quorum.create_assigned("foo", &[&[1, 2]]);
    let by_hand = |lists: &[&[i32]]| {
        let one = |ids: &&[i32]| more::Assignment { broker_ids: ids.to_vec() };
        Some(lists.iter().map(one).collect::<Vec<_>>())
    };
    let rows = [
        ("bar", 2, None, false, ErrorCode::UnknownTopicOrPartition),
        ("foo", 1, None, false, ErrorCode::InvalidPartitions),
        ("foo", 0, None, false, ErrorCode::InvalidPartitions),
        ("foo", 3, by_hand(&[&[1, 2]]), false, ErrorCode::InvalidReplicaAssignment),
        ("foo", 2, by_hand(&[&[1]]), false, ErrorCode::InvalidReplicaAssignment),
        ("foo", 2, by_hand(&[&[1, 9]]), false, ErrorCode::InvalidReplicaAssignment),
        ("foo", 2, by_hand(&[&[3, 3]]), false, ErrorCode::InvalidReplicaAssignment),
        ("foo", 20_000, None, false, ErrorCode::UnknownServerError),
        ("foo", 4, None, true, ErrorCode::None),
        ("foo", 2, by_hand(&[&[3, 1]]), false, ErrorCode::None),
        ("foo", 4, None, false, ErrorCode::None),
    ];
    for (name, count, assignments, validate_only, want) in rows {
        let what = format!("{name} to {count} by {assignments:?}");
        let topics = vec![more::Topic { name: name.to_owned(), count, assignments }];
        let body = CreatePartitionsRequest { topics, validate_only, ..Default::default() };
        let got = match quorum.ask(ControllerRequest::CreatePartitions(body)) {
            ControllerResponse::CreatePartitions(body) => body.results[0].error_code,
            other => panic!("not an answer to more partitions: {other:?}"),
        };
        assert_eq!(ErrorCode::from_code(got), want, "{what}");
    }
    let second = quorum.partition("foo", 1);
    assert_eq!((&second.replicas, second.leader), (&ids(&[3, 1]), Some(BrokerId(3))));
    assert_eq!(quorum.partition("foo", 3).replicas.len(), 2, "as many as the first one has");
    let extra = quorum.create(assigned("bar", &[&[1]]));
    assert_eq!(extra.error_code, 0, "others go on");
    quorum.compare_with_replay();
}
