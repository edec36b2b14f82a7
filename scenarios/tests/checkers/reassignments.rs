//! Sets of replicas that change: R20, at the end L8, and what others make of them (R13, R15, S7).

use trial_cluster::ids::BrokerId;
use trial_cluster::image::PartitionRegistration;

use crate::check;
use crate::story::{B3, LOG, Story, nodes};

/// The controller registers these replicas, these in sync, and these on their way in and out.
fn registers(
    story: &mut Story,
    replicas: &[i32],
    isr: &[i32],
    (adding, removing): (&[i32], &[i32]),
) {
    story.registers(|it: &mut PartitionRegistration| {
        let leaves = it.replicas.iter().any(|id| !replicas.contains(&id.0));
        it.leader_epoch.0 += i32::from(leaves);
        it.replicas = nodes(replicas);
        it.isr = nodes(isr);
        it.adding_replicas = nodes(adding);
        it.removing_replicas = nodes(removing);
    });
}

#[test]
fn r20_who_is_added_is_in_sync_at_the_end() {
    let grows = |story: &mut Story| registers(story, &[1, 2, 3, 4], &[1, 2, 3], (&[4], &[3]));
    check(&["R20"], |story| {
        grows(story);
        registers(story, &[1, 2, 4], &[1, 2], (&[], &[]));
    });
    check(&[], |story| {
        grows(story);
        registers(story, &[1, 2, 4], &[1, 2, 4], (&[], &[]));
    });
    // It is called off: the one that was to go stays.
    check(&[], |story| {
        grows(story);
        registers(story, &[1, 2, 3], &[1, 2], (&[], &[]));
    });
    // As many come as go, and one that stays is not in sync (KAFKA-19975).
    check(&[], |story| {
        grows(story);
        registers(story, &[1, 2, 4], &[1, 4], (&[], &[]));
    });
}

#[test]
fn r20_at_the_end_of_a_move_to_fewer_everybody_is_in_sync() {
    let leaves = |story: &mut Story| registers(story, &[1, 2, 3], &[1, 3], (&[], &[3]));
    // KAFKA-15665.
    check(&["R20"], |story| {
        leaves(story);
        registers(story, &[1, 2], &[1], (&[], &[]));
    });
    check(&[], |story| {
        leaves(story);
        registers(story, &[1, 2], &[1, 2], (&[], &[]));
    });
    // In one step.
    check(&["R20"], |story| {
        story.registers(|it| it.isr = nodes(&[1, 3]));
        registers(story, &[1, 2], &[1], (&[], &[]));
    });
    check(&[], |story| registers(story, &[1, 2], &[1, 2], (&[], &[])));
    // Another order is no move.
    check(&[], |story| {
        story.registers(|it| it.isr = nodes(&[1]));
        registers(story, &[3, 2, 1], &[1], (&[], &[]));
    });
}

#[test]
fn r20_who_was_removed_does_not_lead() {
    let mut story = Story::with_three(crate::DURABLE);
    registers(&mut story, &[1, 2], &[1, 2], (&[], &[]));
    story.leads(B3, 1);
    assert!(story.end().contains(&"R20"), "{:?}", story.judge.violations());
}

#[test]
fn l8_a_reassignment_has_ended() {
    let under_way = |story: &Story| {
        let missing = story.judge.is_live().into_iter();
        missing.filter(|missing| missing.starts_with("L8")).collect::<Vec<_>>()
    };
    let mut story = Story::with_three(crate::DURABLE);
    assert_eq!(under_way(&story), [""; 0]);
    let is_under_way = ["L8: orders/0 is on its way to other replicas"];
    // Somebody comes, or somebody goes.
    registers(&mut story, &[1, 2, 3, 4], &[1, 2, 3], (&[4], &[]));
    assert_eq!(under_way(&story), is_under_way);
    registers(&mut story, &[1, 2, 3, 4], &[1, 2, 3], (&[], &[4]));
    assert_eq!(under_way(&story), is_under_way);
    registers(&mut story, &[1, 2, 3], &[1, 2, 3], (&[], &[]));
    assert_eq!(under_way(&story), [""; 0]);
}

#[test]
fn r13_who_was_eligible_and_is_taken_away_is_nobodys_concern() {
    let one_is_left = |story: &mut Story, elr: &[i32]| {
        story.registers(|it| {
            it.isr = nodes(&[1]);
            it.eligible_leader_replicas = nodes(&[2]);
        });
        story.registers(|it| {
            it.leader_epoch.0 += 1;
            it.replicas = nodes(&[1]);
            it.eligible_leader_replicas = nodes(elr);
        });
    };
    check(&[], |story| one_is_left(story, &[2]));
    check(&["R13"], |story| one_is_left(story, &[4]));
    // As soon as something changes under the new number of replicas, nobody is merely eligible.
    check(&["R13"], |story| {
        one_is_left(story, &[2]);
        story.registers(|it| it.leader = Some(BrokerId(1)));
        story.registers(|it| it.adding_replicas = nodes(&[]));
    });
}

#[test]
fn who_has_left_deletes_its_log_and_nobody_else_does() {
    check(&[], |story| {
        registers(story, &[1, 2], &[1, 2], (&[], &[]));
        story.removes(B3, LOG);
    });
    check(&["R15", "R6"], |story| story.removes(B3, LOG));
    // The next controller knows nothing of its leaving.
    check(&["R15", "R6"], |story| {
        registers(story, &[1, 2], &[1, 2], (&[], &[]));
        story.activates(crate::story::C2, 19);
        story.removes(B3, LOG);
    });
}
