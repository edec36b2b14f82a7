//! What may be lost: each excuse names its fault, its setting, and where the last copy vanished; without a fault there
//! is no excuse.

use trial_cluster::controller::election::ElectedFrom;
use trial_cluster::ids::BrokerId;
use trial_cluster::image::LeaderRecoveryState;

use crate::story::{B1, B2, B3, DURABLE, Promises, Story, nodes};

const CRASH: &str = "at 1s crash b1 losing unsynced for 2s";

/// The ids of violations, and the excuses as fault, setting, host.
#[track_caller]
fn check(
    promises: Promises,
    want: &[&str],
    excuses: &[(&str, &str, &str)],
    play: impl FnOnce(&mut Story),
) {
    let mut story = Story::with_three(promises);
    play(&mut story);
    let found = story.end();
    assert_eq!(found, want, "{:#?}", story.judge.violations());
    let told = story.judge.excused().iter();
    let told: Vec<_> = told.map(|it| (&*it.fault, &*it.setting, &*it.host)).collect();
    assert_eq!(told, excuses, "fault, setting and host of each excuse");
}

const ONE: Promises = Promises { acks: 1, min_insync: 2, exceeds_budget: false, idempotent: false };

/// b1 alone has record 3, and has told so.
fn acked_by_b1_alone(story: &mut Story) {
    story.writes(B1, 0, 3);
    story.produces(B1, 3, 3, 1);
}

fn b2_leads_and_goes_on(story: &mut Story) {
    story.elects(2, &[2, 3], ElectedFrom::Isr);
    story.leads(B2, 1);
}

#[test]
fn acks_1_lost_in_the_leaders_crash_is_excused() {
    check(ONE, &[], &[(CRASH, "acks=1", "b1")], |story| {
        acked_by_b1_alone(story);
        story.fault(CRASH, &[B1]);
        story.loses_records(B1, 3);
        b2_leads_and_goes_on(story);
    });
}

#[test]
fn acks_1_cut_away_behind_another_leader_is_excused_by_what_hit_the_old_one() {
    let cut = "at 1s cut b1 | b2 b3 for 2s";
    check(ONE, &[], &[(cut, "acks=1", "b1")], |story| {
        acked_by_b1_alone(story);
        story.fault(cut, &[B1, B2, B3]);
        b2_leads_and_goes_on(story);
        story.cuts(B1, 3);
    });
}

#[test]
fn a_broker_that_drops_an_acked_record_without_a_fault_is_not_excused() {
    check(ONE, &["lost-write"], &[], |story| {
        acked_by_b1_alone(story);
        story.cuts(B1, 3);
    });
    // A fault that hit nobody with a part in it is none.
    check(ONE, &["lost-write"], &[], |story| {
        acked_by_b1_alone(story);
        story.fault("at 1s pause b3 for 1s", &[B3]);
        b2_leads_and_goes_on(story);
        story.cuts(B1, 3);
    });
    // Neither is one that came later, or after which b1 led on.
    check(ONE, &["lost-write"], &[], |story| {
        acked_by_b1_alone(story);
        story.cuts(B1, 3);
        story.waits(trial_sim::Span::from_secs(1));
        story.fault("at 1s pause b1 for 1s", &[B1]);
    });
    check(ONE, &["lost-write"], &[], |story| {
        acked_by_b1_alone(story);
        story.fault("at 1s pause b1 for 1s", &[B1]);
        story.cuts(B1, 3);
    });
}

#[test]
fn what_is_committed_is_not_excused_by_acks_1() {
    check(ONE, &["R15", "R4", "R6", "R9", "lost-write"], &[], |story| {
        story.produces(B1, 2, 2, 1);
        story.fault(CRASH, &[B1]);
        for broker in [B3, B2, B1] {
            story.cuts(broker, 2);
        }
    });
}

/// Everybody loses record 2, which was committed.
fn all_lose_power(story: &mut Story) {
    story.produces(B1, 2, 2, -1);
    story.fault("at 1s crash b1 b2 b3 losing unsynced for 2s", &[B1, B2, B3]);
    for broker in [B3, B2, B1] {
        story.loses_records(broker, 2);
    }
    // The controller trusts none of them, and then has nobody else.
    story.registers(|it| {
        (it.isr, it.leader) = (Vec::new(), None);
        it.leader_epoch.0 += 1;
    });
    for node in 1..=3 {
        story.unfences(node);
    }
    story.registers(|it| {
        (it.isr, it.leader) = (nodes(&[1]), Some(BrokerId(1)));
        it.leader_recovery_state = LeaderRecoveryState::Recovering;
        it.leader_epoch.0 += 1;
    });
}

#[test]
fn acks_all_lost_beyond_the_budget_is_excused_and_within_it_not() {
    let fault = "at 1s crash b1 b2 b3 losing unsynced for 2s";
    let beyond = Promises { exceeds_budget: true, ..DURABLE };
    check(beyond, &[], &[(fault, "exceeds_budget=true", "b1")], all_lose_power);
    let alone = Promises { min_insync: 1, ..DURABLE };
    check(alone, &[], &[(fault, "min.insync.replicas=1", "b1")], all_lose_power);
    check(DURABLE, &["R9", "lost-write"], &[], all_lose_power);
}

#[test]
fn with_min_insync_1_a_loss_without_any_fault_is_a_violation() {
    let alone = Promises { min_insync: 1, ..DURABLE };
    check(alone, &["R15", "R4", "R6", "R9", "lost-write"], &[], |story| {
        story.produces(B1, 2, 2, -1);
        for broker in [B3, B2, B1] {
            story.cuts(broker, 2);
        }
    });
}

#[test]
fn acks_0_is_excused_by_any_fault_before() {
    let zero = Promises { acks: 0, ..ONE };
    check(zero, &["lost-write"], &[], |story| {
        story.sends(3);
        story.is_told(3, None);
    });
    check(zero, &[], &[(CRASH, "acks=0", "p1")], |story| {
        story.fault(CRASH, &[B1]);
        story.sends(3);
        story.is_told(3, None);
    });
}

#[test]
fn without_a_leader_at_the_end_nobody_can_say() {
    let mut story = Story::with_three(DURABLE);
    story.produces(B1, 2, 2, -1);
    story.registers(|it| {
        it.leader = None;
        it.leader_epoch.0 += 1;
    });
    assert_eq!(story.end(), [""; 0]);
    let [unknown] = story.judge.unknown() else { panic!("{:?}", story.judge.unknown()) };
    assert!(unknown.contains("orders/0 has no leader at the end"), "{unknown}");
}
