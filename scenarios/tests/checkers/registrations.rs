//! What controllers register and leaders reckon with: R7, R13, R14.

use trial_cluster::controller::election::ElectedFrom;
use trial_cluster::error_code::ErrorCode;
use trial_cluster::ids::{BrokerId, LeaderEpoch, Offset, PartitionEpoch};
use trial_cluster::note::partition::PartitionEvent;

use crate::check;
use crate::story::{B1, B2, C2, Story, nodes};
use crate::talk::sets;

fn asks_for(story: &mut Story, joining: i32) {
    let event = PartitionEvent::IsrExpandAsked {
        joining: BrokerId(joining),
        follower_end: Offset(3),
        high_watermark: Offset(3),
        epoch_start_offset: Offset(0),
        partition_epoch: story.partition_epoch(),
    };
    story.partition(B1, event);
}

fn updates(story: &mut Story, isr: &[i32]) {
    let (partition_epoch, isr) = (story.partition_epoch(), nodes(isr));
    story.partition(B1, PartitionEvent::LeaderUpdated { partition_epoch, isr });
}

/// b3 has left the in-sync set, and the leader knows.
fn without_b3(story: &mut Story) {
    story.registers(|it| it.isr = nodes(&[1, 2]));
    updates(story, &[1, 2]);
}

#[test]
fn r7_the_leader_waits_for_whom_the_controller_takes_in() {
    let joins = |story: &mut Story| story.registers(|it| it.isr = nodes(&[1, 2, 3]));
    check(&["R7"], |story| {
        without_b3(story);
        joins(story);
    });
    check(&[], |story| {
        without_b3(story);
        asks_for(story, 3);
        joins(story);
    });
    // b3 has left and is asked for by a leader whose note of the former comes last.
    check(&[], |story| {
        story.registers(|it| it.isr = nodes(&[1, 2]));
        asks_for(story, 3);
        joins(story);
    });
    // Kafka's trunk: metadata of an equal epoch drops what was asked for, and the controller takes b3 in all the same.
    check(&["R7"], |story| {
        without_b3(story);
        asks_for(story, 3);
        updates(story, &[1, 2]);
        joins(story);
    });
    check(&["R7"], |story| {
        without_b3(story);
        asks_for(story, 3);
        let error = ErrorCode::IneligibleReplica;
        story.partition(B1, PartitionEvent::IsrReverted { error });
        joins(story);
    });
}

#[test]
fn r7_a_committed_set_is_the_registered_one() {
    check(&["R7"], |story| {
        story.registers(|it| it.isr = nodes(&[1, 2]));
        updates(story, &[1, 2, 3]);
    });
    check(&[], without_b3);
}

#[test]
fn r7_what_a_deposed_controller_wrote_does_not_count() {
    check(&[], |story| {
        without_b3(story);
        asks_for(story, 3);
        // The next controller does not have that record, and drops b2 at the same partition epoch.
        story.registers(|it| it.isr = nodes(&[1, 2, 3]));
        story.activates(C2, 20);
        story.registers(|it| it.isr = nodes(&[1, 3]));
        let partition_epoch = PartitionEpoch(1);
        story.partition(B1, PartitionEvent::LeaderUpdated { partition_epoch, isr: nodes(&[1, 2]) });
    });
}

#[test]
fn r13_a_registration_makes_sense() {
    let wrong: [fn(&mut trial_cluster::image::PartitionRegistration); 5] = [
        |it| it.isr = nodes(&[1, 2, 4]),
        |it| it.leader = Some(BrokerId(9)),
        |it| {
            it.isr = nodes(&[1]);
            it.eligible_leader_replicas = nodes(&[1]);
        },
        |it| {
            it.isr = nodes(&[1]);
            it.eligible_leader_replicas = nodes(&[4]);
        },
        |it| {
            it.isr = nodes(&[1, 2]);
            it.eligible_leader_replicas = nodes(&[3]);
        },
    ];
    for change in wrong {
        let change = |it: &mut trial_cluster::image::PartitionRegistration| {
            it.leader_epoch.0 += 1;
            change(it);
        };
        let mut story = Story::with_three(crate::DURABLE);
        story.registers(change);
        assert!(story.end().contains(&"R13"), "{:?}", story.judge.violations());
    }
    check(&[], |story| {
        story.registers(|it| {
            it.isr = nodes(&[1]);
            it.eligible_leader_replicas = nodes(&[3]);
        });
    });
}

/// Who is eligible beside two in sync is one too many, unless somebody has asked for three.
#[test]
fn r13_min_insync_replicas_may_be_raised_while_it_runs() {
    let stays_eligible = |story: &mut Story| {
        story.registers(|it| {
            it.leader_epoch.0 += 1;
            it.isr = nodes(&[1, 2]);
            it.eligible_leader_replicas = nodes(&[3]);
        });
    };
    check(&["R13"], stays_eligible);
    check(&[], |story| {
        story.asks(B1, 1, &sets("min.insync.replicas", "3"));
        stays_eligible(story);
    });
    check(&["R13"], |story| {
        story.asks(B1, 1, &sets("min.insync.replicas", "2"));
        stays_eligible(story);
    });
}

#[test]
fn r13_nobody_is_elected_or_taken_in_while_fenced() {
    check(&["R13"], |story| {
        story.fences(2);
        story.elects(2, &[1, 2, 3], ElectedFrom::Isr);
    });
    check(&["R13"], |story| {
        without_b3(story);
        story.fences(3);
        asks_for(story, 3);
        story.registers(|it| it.isr = nodes(&[1, 2, 3]));
    });
    // The fencing was written by a controller that lost its office before anybody had copied it.
    check(&[], |story| {
        story.fences(2);
        story.activates(C2, 19);
        story.activates(crate::story::C1, 20);
        story.elects(2, &[1, 2, 3], ElectedFrom::Isr);
    });
}

#[test]
fn r14_epochs_rise() {
    check(&["R14"], |story| story.registers(|it| it.partition_epoch.0 -= 1));
    check(&["R14"], |story| story.registers(|it| it.leader = Some(BrokerId(2))));
    let follows = |leader_epoch, partition_epoch| PartitionEvent::BecameFollower {
        leader: BrokerId(1),
        leader_epoch: LeaderEpoch(leader_epoch),
        partition_epoch: PartitionEpoch(partition_epoch),
        log_end_offset: Offset(3),
        high_watermark: Offset(3),
    };
    check(&["R14"], |story| {
        story.partition(B2, follows(1, 1));
        story.partition(B2, follows(0, 2));
    });
    check(&["R14"], |story| {
        story.partition(B2, follows(1, 3));
        story.partition(B2, follows(1, 2));
    });
    // A new process reads the metadata again from where it has a copy.
    check(&[], |story| {
        story.partition(B2, follows(1, 3));
        story.dies(B2);
        story.partition(B2, follows(0, 0));
    });
}

/// A request to register was sent twice, and the second one came late (seed 861 of `old_records_go`).
#[test]
fn r13_a_broker_that_registers_again_stays_what_it_is() {
    let joins = |story: &mut Story| {
        without_b3(story);
        story.registers_again(3);
        asks_for(story, 3);
        story.registers(|it| it.isr = nodes(&[1, 2, 3]));
    };
    check(&[], joins);
    check(&["R13"], |story| {
        story.fences(3);
        joins(story);
    });
}
