//! What a cluster still lacks before it is live: L1, L3, L4, L5. L2 and L10 are in `controllers.rs`.

use trial_cluster::controller::election::ElectedFrom;
use trial_cluster::ids::{LeaderEpoch, Offset};
use trial_cluster::note::client::ClientNote;
use trial_cluster::note::controller::ControllerNote;

use crate::story::{B1, B2, B3, C1, C2, DURABLE, P1, R1, Story, nodes};

const BROKERS: [trial_sim::HostId; 3] = [B1, B2, B3];

/// Three records are committed everywhere; the producer has been told of all its sends, the consumer has read all.
fn live() -> Story {
    lives(Story::with_three(DURABLE))
}

fn lives(mut story: Story) -> Story {
    story.client(P1, ClientNote::WorkloadDone);
    story.polls(&[(0, 0), (1, 1), (2, 2)]);
    check(&story, &[]);
    story
}

/// Wants exactly this to be missing.
#[track_caller]
fn check(story: &Story, want: &[&str]) {
    assert_eq!(story.judge.is_live(), want, "what is missing");
}

#[test]
fn l1_a_controller_is_active() {
    let mut story = live();
    let (epoch, reverted_to) = (LeaderEpoch(1), Offset(10));
    story.controller(ControllerNote::Renounced { epoch, reverted_to });
    check(&story, &["L1: no controller is active"]);
    story.activates(C2, 100);
    check(&story, &[]);
    // One that only follows may die.
    story.dies(C1);
    check(&story, &[]);
    story.dies(C2);
    check(&story, &["L1: no controller is active"]);
}

#[test]
fn l3_a_partition_has_a_leader() {
    let mut story = live();
    story.registers(|it| it.leader = None);
    check(&story, &["L3: orders/0 has no leader"]);
    story.elects(1, &[1, 2, 3], ElectedFrom::Isr);
    check(&story, &[]);
}

#[test]
fn l4_everybody_is_in_sync() {
    let mut story = live();
    story.registers(|it| it.isr = nodes(&[1, 2]));
    check(&story, &["L4: b3 not in sync in orders/0"]);
    story.registers(|it| it.isr = nodes(&[1]));
    check(&story, &["L4: b2, b3 not in sync in orders/0"]);
    story.registers(|it| it.isr = nodes(&[1, 2, 3]));
    check(&story, &[]);
}

#[test]
fn l4_everybody_has_caught_up() {
    let mut story = live();
    for broker in [B1, B2] {
        story.writes(broker, 0, 3);
    }
    story.commits(B1, 0, 4);
    story.polls(&[(3, 3)]);
    check(&story, &["L4: b3 has 3 of 4 in orders/0"]);
    story.writes(B3, 0, 3);
    check(&story, &[]);
    // What a leader does not have is not more.
    story.writes(B2, 0, 4);
    check(&story, &["L4: b2 has 5 of 4 in orders/0"]);
}

/// A leader begins with what it knows, and that may be less than its predecessor told.
#[test]
fn l4_everything_is_committed() {
    let mut story = live();
    story.elects(2, &[1, 2, 3], ElectedFrom::Isr);
    story.leads(B2, 1);
    story.commits(B2, 1, 2);
    check(&story, &["L4: orders/0 is committed up to 2 of 3"]);
    story.commits(B2, 1, 3);
    check(&story, &[]);
}

#[test]
fn l4_who_stays_down_is_not_waited_for() {
    let mut story = lives(Story::leaving_down(&[B3]).filled());
    story.dies(B3);
    story.fences(3);
    story.registers(|it| it.isr = nodes(&[1, 2]));
    for broker in [B1, B2] {
        story.writes(broker, 0, 3);
    }
    story.commits(B1, 0, 4);
    story.polls(&[(3, 3)]);
    check(&story, &[]);
    story.registers(|it| it.isr = nodes(&[1]));
    check(&story, &["L4: b2 not in sync in orders/0"]);
}

#[test]
fn l5_a_producer_is_told_of_all_its_sends() {
    let mut story = Story::with_three(DURABLE);
    story.polls(&[(0, 0), (1, 1), (2, 2)]);
    story.sends(3);
    check(&story, &["L5: p1 has not been told of all its sends"]);
    for broker in BROKERS {
        story.writes(broker, 0, 3);
    }
    story.commits(B1, 0, 4);
    story.polls(&[(3, 3)]);
    story.is_told(3, Some(3));
    story.client(P1, ClientNote::WorkloadDone);
    check(&story, &[]);
    // Its next process has a workload of its own.
    story.dies(P1);
    check(&story, &["L5: p1 has not been told of all its sends"]);
}

#[test]
fn l5_a_consumer_reads_to_the_end() {
    let mut story = Story::with_three(DURABLE);
    story.client(P1, ClientNote::WorkloadDone);
    check(&story, &["L5: r1 has read 0 of 3 in orders/0"]);
    story.polls(&[(0, 0), (1, 1)]);
    check(&story, &["L5: r1 has read 2 of 3 in orders/0"]);
    story.polls(&[(2, 2)]);
    check(&story, &[]);
    story.dies(R1);
    check(&story, &["L5: r1 has read 0 of 3 in orders/0"]);
}
