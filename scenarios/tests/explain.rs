//! Explanations of the switches: what they read like, and that every sentence stands on the record of the run.

use std::sync::Arc;

use trial_scenarios::asked::Asked;
use trial_scenarios::explain::{EVENTS_MAX, Explanation, of, unsupported};
use trial_scenarios::run::Run;

/// The swarm and the cluster of `everything_at_once` as seed 377 met them.
const OLD: [&str; 7] = [
    r#"faults=["during 5s..60s swarm network crash disk clock pause"]"#,
    "cluster.brokers=3",
    "cluster.controllers=3",
    r#"cluster.config."num.io.threads"=8"#,
    "topics.orders.partitions=4",
    "lanes.scheduler=keyed",
    r#"cluster.config."replica.lag.time.max.ms"=30000"#,
];

/// A run with its record.
fn played(name: &str, seed: u64, switch: Option<&str>, settings: &[&str]) -> Run {
    let mut asked = Asked::open(name).expect("it comes with Trial");
    asked.settings = settings.iter().map(|text| (*text).to_owned()).collect();
    asked.switches.extend(switch.map(str::to_owned));
    let scenario = Arc::new(asked.scenario().expect("it can be played"));
    let mut run = Run::new(&scenario, seed);
    run.keep_record();
    run.play();
    run
}

/// The explanation of a run, every sentence of it looked up.
#[track_caller]
fn explained(run: &Run, invariant: Option<&str>) -> Explanation {
    let explanation = of(run, invariant).expect("something is wrong");
    assert_eq!(wrong(&explanation, run), Vec::<String>::new(), "{explanation}");
    assert!(explanation.events.len() <= EVENTS_MAX, "{explanation}");
    explanation
}

fn wrong(explanation: &Explanation, run: &Run) -> Vec<String> {
    unsupported(explanation, run.record().expect("it was kept"), run.judge().facts())
}

#[test]
fn a_follower_that_cuts_to_its_high_watermark() {
    let run = played("kill_the_leader", 0, Some("trunc_to_hw_loss"), &[]);
    insta::assert_snapshot!(explained(&run, None));
}

#[test]
fn two_logs_that_differ_below_the_high_watermark() {
    let run = played("everything_at_once", 5, Some("trunc_to_hw_diverge"), &[]);
    insta::assert_snapshot!(explained(&run, Some("R4")));
}

#[test]
fn an_answer_before_any_follower_has_the_record() {
    let run = played("departures", 0, Some("ack_before_replication"), &[]);
    insta::assert_snapshot!(explained(&run, None));
}

#[test]
fn a_record_that_was_answered_too_early_and_is_lost() {
    let run = played("what_an_ack_buys_all", 0, Some("ack_before_replication"), &[]);
    insta::assert_snapshot!(explained(&run, Some("lost-write")));
}

#[test]
fn a_cut_that_a_power_loss_takes_back() {
    let run = played("everything_at_once", 377, Some("truncation_not_synced"), &OLD);
    insta::assert_snapshot!(explained(&run, None));
}

/// Found by a stranger: a reset of a connection to a broker without a process was named, the last fault that listed it.
#[test]
fn the_fault_behind_an_election_is_what_ended_the_broker() {
    let run = played("everything_at_once", 15, Some("trunc_to_hw_loss"), &[]);
    let told = explained(&run, None).to_string();
    assert!(told.contains("`at 5944ms crash b4"), "{told}");
    assert!(!told.contains("reset b3 - b4"), "it did nothing: {told}");
}

/// Liveness is broken on purpose: nobody starts the brokers' disks again.
#[test]
fn what_was_said_last_when_a_cluster_is_stuck() {
    let text = r#"
        title = "a follower's disk dies"
        time = "20s"
        faults = ["at 6s disk b2 dies"]
        [cluster]
        config = { "min.insync.replicas" = 2 }
        [topics.orders]
        partitions = 1
        replicas = 3
        assignment = [[1, 2, 3]]
        [clients.shop]
        produce = "orders"
        rate = "20/s"
        config = { acks = "all" }
    "#;
    let mut asked = Asked::open("departures").expect("it comes with Trial");
    asked.text = text.to_owned();
    let mut run = Run::new(&Arc::new(asked.scenario().expect("it can be played")), 1);
    run.keep_record();
    run.play();
    insta::assert_snapshot!(explained(&run, None));
}

#[test]
fn a_state_that_was_never_reached_contradicts_nothing() {
    let run =
        played("kill_the_leader", 0, None, &[r#"must_happen=["under_min_isr"]"#, "faults=[]"]);
    let explanation = explained(&run, None);
    assert!(explanation.title.contains("never happened"), "{explanation}");
    assert!(explanation.contradiction.is_none(), "{explanation}");
}

#[test]
fn what_holds_needs_no_explanation() {
    let run = played("kill_the_leader", 1, None, &[]);
    assert!(of(&run, None).is_none(), "it holds");
}

/// A wrong time, host or number in any sentence is noticed: the witness reads what a reader reads.
#[test]
fn a_sentence_that_does_not_stand_on_the_record_is_noticed() {
    let run = played("kill_the_leader", 0, Some("trunc_to_hw_loss"), &[]);
    let explanation = explained(&run, None);
    let planted = |from: &str, to: &str| {
        let mut planted = explanation.clone();
        let event = planted.events.iter_mut().find(|event| event.text.contains(from));
        let event = event.unwrap_or_else(|| panic!("{from} is said: {explanation}"));
        event.text = event.text.replacen(from, to, 1);
        wrong(&planted, &run).len()
    };
    assert_eq!(planted("b3 copied B", "b1 copied B"), 1, "another host");
    assert_eq!(planted("a follower of b2", "a follower of b1"), 1, "another leader");
    assert_eq!(planted("leader epoch 1", "leader epoch 7"), 1, "another epoch");
    assert_eq!(planted("at 12470.987 ms", "at 12470.986 ms"), 1, "another time");
    assert_eq!(planted("from 19 to 20", "from 19 to 21"), 1, "another high watermark");
    assert_eq!(planted("at 12470.987 ms ", ""), 1, "no time");
}

/// Violations of every kind that the swarm's switches bring about: all sentences stand on the record.
#[test]
fn whatever_is_violated_every_sentence_stands_on_the_record() {
    let mut told = 0;
    for (seed, switch) in [(5, "trunc_to_hw_diverge"), (32, "trunc_to_hw_loss")] {
        let run = played("everything_at_once", seed, Some(switch), &[]);
        for violation in run.judge().violations() {
            let explanation = explained(&run, Some(violation.invariant));
            assert!(!explanation.events.is_empty(), "{explanation}");
            told += 1;
        }
    }
    assert!(told >= 12, "{told} violations");
}

#[test]
fn keeping_the_record_changes_nothing() {
    let kept = played("kill_the_leader", 3, None, &[]);
    let mut asked = Asked::open("kill_the_leader").expect("it comes with Trial");
    asked.settings.clear();
    let mut run = Run::new(&Arc::new(asked.scenario().expect("it can be played")), 3);
    run.play();
    assert_eq!(run.digest(), kept.digest());
    assert!(run.record().is_none() && !kept.record().expect("it was kept").entries().is_empty());
}
