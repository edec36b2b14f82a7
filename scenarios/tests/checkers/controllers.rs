//! What controllers decide and answer: R17, K15, K16, K17; what leaders wait for: L10.

use std::sync::Arc;

use trial_cluster::controller::election::ElectedFrom;
use trial_cluster::error_code::ErrorCode;
use trial_cluster::ids::{BrokerEpoch, BrokerId, LeaderEpoch, Offset, PartitionEpoch, Uuid};
use trial_cluster::image::LeaderRecoveryState;
use trial_cluster::note::Note;
use trial_cluster::note::controller::ControllerNote;
use trial_cluster::note::partition::PartitionEvent;
use trial_cluster::wire::{
    AlterPartitionRequest, AlterPartitionResponse, BrokerHeartbeatRequest, BrokerHeartbeatResponse,
    BrokerRegistrationRequest, BrokerRegistrationResponse, CreateTopicsRequest,
    CreateTopicsResponse, alter_partition_response, create_topics_response,
};
use trial_sim::HostId;

use crate::check;
use crate::quorum::commits_all_below;
use crate::story::{B1, B2, B3, C1, C2, DURABLE, ORDERS, P1, Story, nodes};

fn asks_for_b3(story: &mut Story) {
    let event = PartitionEvent::IsrExpandAsked {
        joining: BrokerId(3),
        follower_end: Offset(3),
        high_watermark: Offset(3),
        epoch_start_offset: Offset(0),
        partition_epoch: story.partition_epoch(),
    };
    story.partition(B1, event);
}

/// b3 has lost its last record, and is out of the in-sync set; the leader knows.
fn b3_lost_something(story: &mut Story) {
    story.loses_records(B3, 2);
    story.ends_at(B3, 2);
    story.registers(|it| it.isr = nodes(&[1, 2]));
    let (partition_epoch, isr) = (story.partition_epoch(), nodes(&[1, 2]));
    story.partition(B1, PartitionEvent::LeaderUpdated { partition_epoch, isr });
}

#[test]
fn r17_who_lost_bytes_has_no_place_once_its_restart_is_registered() {
    check(&["R17"], |story| {
        story.loses_records(B3, 2);
        story.registers_broker(3);
    });
    check(&["R17"], |story| {
        story.registers(|it| {
            it.isr = nodes(&[1]);
            it.eligible_leader_replicas = nodes(&[3]);
        });
        story.loses_records(B3, 2);
        story.registers_broker(3);
    });
    // Its disk is another one.
    check(&["R17"], |story| {
        story.wipes(B3);
        story.registers_broker(3);
    });
    check(&[], |story| {
        b3_lost_something(story);
        story.registers_broker(3);
    });
    // Nothing was lost: the page cache has lived on.
    check(&[], |story| {
        story.dies(B3);
        story.registers_broker(3);
    });
    // The registration was written by a controller that lost its office before anybody had copied it.
    check(&[], |story| {
        story.loses_records(B3, 2);
        story.registers(|it| it.isr = nodes(&[1, 2]));
        story.activates(C2, 19);
        story.activates(C1, 19);
    });
}

#[test]
fn r17_it_comes_back_with_all_that_its_leader_has_committed() {
    check(&["R17", "R22"], |story| {
        b3_lost_something(story);
        story.unfences(3);
        asks_for_b3(story);
        story.registers(|it| it.isr = nodes(&[1, 2, 3]));
    });
    check(&[], |story| {
        b3_lost_something(story);
        story.unfences(3);
        story.writes(B3, 0, 2);
        asks_for_b3(story);
        story.registers(|it| it.isr = nodes(&[1, 2, 3]));
    });
    // With it a reassignment ends, and the partition has another leader from then on.
    let moves_to_b2_and_b3 = |story: &mut Story| {
        story.registers(|it| it.removing_replicas = nodes(&[1]));
        asks_for_b3(story);
        story.registers(|it| {
            it.replicas = nodes(&[2, 3]);
            it.removing_replicas.clear();
            it.isr = nodes(&[2, 3]);
            it.leader = Some(BrokerId(2));
            it.leader_epoch.0 += 1;
        });
    };
    check(&["R17", "R22"], |story| {
        b3_lost_something(story);
        story.unfences(3);
        moves_to_b2_and_b3(story);
    });
    check(&[], |story| {
        b3_lost_something(story);
        story.unfences(3);
        story.writes(B3, 0, 2);
        moves_to_b2_and_b3(story);
    });
    // Eligible without ever having been in sync.
    check(&["R17"], |story| {
        b3_lost_something(story);
        story.unfences(3);
        story.registers(|it| {
            it.isr = nodes(&[1]);
            it.eligible_leader_replicas = nodes(&[3]);
        });
    });
    // The controller does not know yet that b3 has died: it takes in what the leader has seen.
    check(&[], |story| {
        story.registers(|it| it.isr = nodes(&[1, 2]));
        let (partition_epoch, isr) = (story.partition_epoch(), nodes(&[1, 2]));
        story.partition(B1, PartitionEvent::LeaderUpdated { partition_epoch, isr });
        asks_for_b3(story);
        story.loses_records(B3, 2);
        story.registers(|it| it.isr = nodes(&[1, 2, 3]));
    });
    // Nobody else is left: what it has is the partition from now on.
    let mut story = Story::with_three(DURABLE);
    b3_lost_something(&mut story);
    story.unfences(3);
    story.registers(|it| it.leader_recovery_state = LeaderRecoveryState::Recovering);
    story.elects(3, &[3], ElectedFrom::LastKnownLeader);
    story.end();
    let found = story.judge.violations().iter().any(|it| it.invariant == "R17");
    assert!(!found, "{:?}", story.judge.violations());
}

fn registers(story: &mut Story, by: HostId, node: i32, epoch: i64, offset: i64) {
    let note = ControllerNote::BrokerRegistered {
        offset: Offset(offset),
        id: BrokerId(node),
        epoch: BrokerEpoch(epoch),
        incarnation: Uuid(9),
        previous: None,
        clean: true,
    };
    story.note(by, Note::Controller(note));
}

#[test]
fn k15_a_broker_epoch_is_newer_than_all_before_it() {
    check(&["K15"], |story| registers(story, C1, 3, 12, 40));
    check(&["K15"], |story| {
        registers(story, C1, 3, 40, 40);
        registers(story, C1, 2, 40, 41);
    });
    check(&[], |story| {
        registers(story, C1, 3, 40, 40);
        registers(story, C1, 2, 41, 41);
    });
    // What the first controller wrote at the end of its office is not on the next one's log.
    check(&[], |story| {
        registers(story, C1, 3, 40, 40);
        story.activates(C2, 41);
        registers(story, C2, 2, 40, 40);
    });
}

fn told_epoch(story: &mut Story, controller: HostId, epoch: i64) {
    let request = BrokerRegistrationRequest { broker_id: 3, ..Default::default() };
    story.requests((B3, controller), 4, &request);
    let response = BrokerRegistrationResponse { broker_epoch: epoch, ..Default::default() };
    story.responds::<BrokerRegistrationRequest>((B3, controller), 4, &response);
}

fn beats(story: &mut Story, controller: HostId, epoch: i64) {
    let request =
        BrokerHeartbeatRequest { broker_id: 3, broker_epoch: epoch, ..Default::default() };
    story.requests((B3, controller), 1, &request);
}

fn is_alive(story: &mut Story, controller: HostId, error: ErrorCode) {
    let response = BrokerHeartbeatResponse { error_code: error.code(), ..Default::default() };
    story.responds::<BrokerHeartbeatRequest>((B3, controller), 1, &response);
}

#[test]
fn k15_who_comes_with_an_epoch_that_is_over_is_refused() {
    check(&["K15"], |story| {
        commits_all_below(story, 50);
        told_epoch(story, C1, 40);
        beats(story, C1, 14);
        is_alive(story, C1, ErrorCode::None);
    });
    check(&["K15"], |story| {
        commits_all_below(story, 50);
        told_epoch(story, C1, 40);
        let request =
            AlterPartitionRequest { broker_id: 3, broker_epoch: 14, ..Default::default() };
        story.requests((B3, C1), 3, &request);
        let response = AlterPartitionResponse::default();
        story.responds::<AlterPartitionRequest>((B3, C1), 3, &response);
    });
    check(&[], |story| {
        commits_all_below(story, 50);
        // What was sent before may be answered late.
        beats(story, C2, 14);
        told_epoch(story, C1, 40);
        is_alive(story, C2, ErrorCode::None);
        beats(story, C1, 14);
        is_alive(story, C1, ErrorCode::StaleBrokerEpoch);
        beats(story, C1, 40);
        is_alive(story, C1, ErrorCode::None);
        // Who is no controller any more goes by what it knows.
        beats(story, C2, 14);
        is_alive(story, C2, ErrorCode::None);
    });
}

/// The answer to an AlterPartition: the partition has this epoch.
fn tells_partition_epoch(story: &mut Story, epoch: PartitionEpoch) {
    story.requests((B1, C1), 3, &AlterPartitionRequest { broker_id: 1, ..Default::default() });
    let partition = alter_partition_response::Partition {
        partition_index: ORDERS.partition,
        partition_epoch: epoch.0,
        ..Default::default()
    };
    let topic =
        alter_partition_response::Topic { topic_id: ORDERS.topic, partitions: vec![partition] };
    let response = AlterPartitionResponse { topics: vec![topic], ..Default::default() };
    story.responds::<AlterPartitionRequest>((B1, C1), 3, &response);
}

fn tells_of_topic(story: &mut Story) {
    story.requests((P1, B2), 7, &CreateTopicsRequest::default());
    let topic = create_topics_response::Topic {
        name: "orders".to_owned(),
        topic_id: ORDERS.topic,
        ..Default::default()
    };
    let response = CreateTopicsResponse { topics: vec![topic], ..Default::default() };
    story.responds::<CreateTopicsRequest>((P1, B2), 7, &response);
}

#[test]
fn k16_what_is_told_is_committed() {
    // The topic was made at offset 16, its partition at 17.
    check(&["K16"], |story| {
        commits_all_below(story, 16);
        tells_of_topic(story);
    });
    check(&["K16"], |story| {
        commits_all_below(story, 17);
        tells_partition_epoch(story, PartitionEpoch(0));
    });
    check(&["K16"], |story| {
        commits_all_below(story, 40);
        told_epoch(story, C1, 40);
    });
    check(&[], |story| {
        commits_all_below(story, 41);
        tells_of_topic(story);
        tells_partition_epoch(story, PartitionEpoch(0));
        told_epoch(story, C1, 40);
    });
}

fn creates(story: &mut Story, by: HostId, id: u128, name: &str, offset: i64) {
    let (offset, id, name) = (Offset(offset), Uuid(id), Arc::from(name));
    story.note(by, Note::Controller(ControllerNote::TopicCreated { offset, id, name }));
}

fn deletes(story: &mut Story, by: HostId, id: u128, offset: i64) {
    let (offset, id) = (Offset(offset), Uuid(id));
    story.note(by, Note::Controller(ControllerNote::TopicDeleted { offset, id }));
}

#[test]
fn k17_a_topic_id_is_given_once() {
    check(&["K17"], |story| creates(story, C1, 7, "others", 40));
    check(&["K17"], |story| {
        creates(story, C1, 8, "others", 40);
        deletes(story, C1, 8, 41);
        creates(story, C1, 8, "others", 42);
    });
    check(&["K17"], |story| creates(story, C1, 0, "others", 40));
    check(&[], |story| {
        creates(story, C1, 8, "others", 40);
        deletes(story, C1, 8, 41);
        creates(story, C1, 9, "others", 42);
    });
    // The first one has never come to be.
    check(&[], |story| {
        creates(story, C1, 8, "others", 40);
        story.activates(C2, 41);
        creates(story, C2, 8, "others", 41);
    });
}

#[test]
fn k17_a_name_has_one_id_at_a_time() {
    check(&["K17"], |story| creates(story, C1, 8, "orders", 40));
    check(&["K17"], |story| deletes(story, C1, 8, 40));
    check(&["K17"], |story| {
        creates(story, C1, 8, "others", 40);
        deletes(story, C1, 8, 41);
        deletes(story, C1, 8, 42);
    });
    // The deletion has never come to be: the name is still taken.
    check(&["K17"], |story| {
        creates(story, C1, 8, "others", 40);
        deletes(story, C1, 8, 50);
        story.activates(C2, 45);
        creates(story, C2, 9, "others", 46);
    });
}

/// What leaders wait for, after this story.
fn waits(play: impl FnOnce(&mut Story)) -> Vec<String> {
    let mut story = Story::with_three(DURABLE);
    play(&mut story);
    story.judge.is_live().into_iter().filter(|missing| missing.starts_with("L10")).collect()
}

#[test]
fn l10_no_change_of_an_in_sync_set_is_pending_for_ever() {
    let asks = |story: &mut Story| {
        story.registers(|it| it.isr = nodes(&[1, 2]));
        asks_for_b3(story);
    };
    let committed = |story: &mut Story, up: i32| {
        let partition_epoch = PartitionEpoch(story.partition_epoch().0 + up);
        let isr = nodes(&[1, 2, 3]);
        story.partition(B1, PartitionEvent::IsrCommitted { isr, partition_epoch });
    };
    let metadata = |story: &mut Story, up: i32| {
        let partition_epoch = PartitionEpoch(story.partition_epoch().0 + up);
        let isr = nodes(&[1, 2]);
        story.partition(B1, PartitionEvent::LeaderUpdated { partition_epoch, isr });
    };
    let pending = |story: &mut Story| {
        let error = ErrorCode::FencedLeaderEpoch;
        story.partition(B1, PartitionEvent::IsrLeftPending { error });
    };
    let found = waits(|story| {
        asks(story);
        pending(story);
    });
    assert!(
        found.len() == 1 && found[0].contains("b1") && found[0].contains("orders/0"),
        "{found:?}"
    );
    // What it built on is no news: the note of it comes at the end of a job.
    let older = waits(|story| {
        asks(story);
        metadata(story, 0);
    });
    assert_eq!(older.len(), 1, "{older:?}");
    let ends: [&dyn Fn(&mut Story); 5] = [
        &|story| committed(story, 1),
        &|story| {
            let error = ErrorCode::IneligibleReplica;
            story.partition(B1, PartitionEvent::IsrReverted { error });
        },
        &|story| metadata(story, 1),
        &|story| story.dies(B1),
        &|story| {
            let event = PartitionEvent::BecameFollower {
                leader: BrokerId(2),
                leader_epoch: LeaderEpoch(1),
                partition_epoch: PartitionEpoch(story.partition_epoch().0 + 1),
                log_end_offset: Offset(3),
                high_watermark: Offset(3),
            };
            story.partition(B1, event);
        },
    ];
    for (row, end) in ends.into_iter().enumerate() {
        let found = waits(|story| {
            asks(story);
            pending(story);
            end(story);
        });
        assert_eq!(found, Vec::<String>::new(), "row {row}");
    }
}

#[test]
fn l2_and_l3_who_stays_down_is_fenced_and_leads_nothing() {
    let missing = |story: &Story| {
        let all = story.judge.is_live().into_iter();
        all.filter(|it| it.starts_with("L2") || it.starts_with("L3")).collect::<Vec<_>>()
    };
    let mut story = Story::leaving_down(&[B1]).filled();
    assert_eq!(missing(&story), Vec::<String>::new(), "b1 runs");
    story.dies(B1);
    let found = missing(&story).join("; ");
    assert!(found.contains("L2: b1 is down") && found.contains("led by b1"), "{found}");
    story.fences(1);
    story.elects(2, &[2, 3], ElectedFrom::Isr);
    assert_eq!(missing(&story), Vec::<String>::new(), "the others do without it");
    let absent = story.judge.is_live().into_iter().filter(|it| it.contains("not in sync"));
    assert_eq!(absent.count(), 0, "L4 is about the others");
}
