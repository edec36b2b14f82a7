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

/// What the arguments say is held against the record too, whatever kind of thing it is.
#[test]
fn an_argument_that_does_not_stand_on_the_record_is_noticed() {
    let run = played("kill_the_leader", 0, Some("trunc_to_hw_loss"), &[]);
    let explanation = explained(&run, None);
    let planted = |from: &str, to: &str| {
        let mut planted = explanation.clone();
        let argument = planted.arguments.iter_mut().find(|argument| argument.contains(from));
        let argument = argument.unwrap_or_else(|| panic!("`{from}` is said: {explanation}"));
        *argument = argument.replacen(from, to, 1);
        wrong(&planted, &run).len()
    };
    assert_eq!(planted("its leader b1 passed", "its leader b2 passed"), 1, "another leader");
    assert_eq!(planted("p1 relies", "reader relies"), 1, "another client");
    assert_eq!(planted("acks=1", "acks=all"), 1, "another promise");
    assert_eq!(planted("acks=1", "acks=0"), 1, "another number");
    assert_eq!(
        planted("However, b3, which had B", "However, b2, which had B"),
        1,
        "another replica"
    );
    assert_eq!(planted("its own high watermark", "where the leader's epochs and its own part"), 1);
    assert_eq!(planted("b3 did so", "b2 did so"), 1, "another follower");
    assert_eq!(planted("leader epoch 1", "leader epoch 2"), 1, "another epoch");
    assert_eq!(planted("had elected b2", "had elected b3"), 1, "another elected");
    assert_eq!(planted("what b1 sent to c1", "what b2 sent to c1"), 1, "another sender");
    assert_eq!(planted("what b1 sent to c1", "what b1 sent to p1"), 1, "another receiver");
    assert_eq!(planted("held back what b1 sent to c1", "had paused b1"), 1, "another deed");
    assert_eq!(planted("yet b3 is in the in-sync set", "yet b1 is in the in-sync set"), 1);
    assert_eq!(planted("b3 is in the in-sync set", "b3 leads"), 1, "another role");
    assert_eq!(planted("passed it (E5)", "passed it (E2)"), 1, "another event");
    assert_eq!(planted("passed it (E5)", "passed it (E11)"), 1, "an event that is not there");
    assert_eq!(planted("p1 relies", "at 4471.864 ms p1 relies"), 1, "a time: no form has one");
    assert_eq!(planted("p1 relies", "nobody relies"), 1, "no host");
}

/// The race that the switch lets in, step by step: the answer to the shrinking comes before the metadata with the same
/// partition epoch, and between the two the leader asks for the expansion.
const AN_EQUAL_EPOCH: &str = r#"
    title = "a leader forgets whom it has asked for"
    time = "24s"
    switches = ["equal_partition_epoch_applied"]
    faults = [
        "at 4s delay FetchResponse c1 > b1 by 1s for 19s",
        "at 4s delay AlterPartition b1 > c1 by 4s for 19s",
        "at 6s cut b3 | b1 for 6s",
    ]
    [cluster]
    brokers = 3
    controllers = 1
    config = { "min.insync.replicas" = 1, "replica.lag.time.max.ms" = 3000 }
    [topics.orders]
    replicas = 3
    assignment = [[1, 2, 3]]
    [clients.p1]
    produce = "orders"
    rate = "5/s"
    config = { acks = "all" }
"#;

#[test]
fn a_leader_that_forgets_whom_it_has_asked_for() {
    let mut asked = Asked::open("departures").expect("it comes with Trial");
    asked.text = AN_EQUAL_EPOCH.to_owned();
    let scenario = Arc::new(asked.scenario().expect("it can be played"));
    let explanations: Vec<Explanation> = (1..=3)
        .map(|seed| {
            let mut run = Run::new(&scenario, seed);
            run.keep_record();
            run.play();
            let explanation = explained(&run, Some("R7"));
            assert!(!explanation.is_generic, "{explanation}");
            let planted = |from: &str, to: &str| {
                let mut planted = explanation.clone();
                let mut arguments = planted.arguments.iter_mut();
                let argument = arguments.find(|argument| argument.contains(from));
                let argument = argument.unwrap_or_else(|| panic!("`{from}`: {explanation}"));
                *argument = argument.replacen(from, to, 1);
                wrong(&planted, &run).len()
            };
            assert_eq!(planted("partition epoch 1", "partition epoch 2"), 1, "another epoch");
            assert_eq!(planted("to take b3 in", "to take b2 in"), 1, "another member");
            assert_eq!(
                planted("b1 asked the controller", "b2 asked the controller"),
                1,
                "who asks"
            );
            assert_eq!(planted("what b1 commits", "what b2 commits"), 1, "another leader");
            explanation
        })
        .collect();
    insta::assert_snapshot!(explanations[0]);
}

/// So are the batches behind the letters, and the guard.
#[test]
fn a_name_that_does_not_stand_on_the_record_is_noticed() {
    let run = played("kill_the_leader", 0, Some("trunc_to_hw_loss"), &[]);
    let explanation = explained(&run, None);
    let planted = |from: &str, to: &str| {
        let mut planted = explanation.clone();
        assert!(planted.names[0].contains(from), "{explanation}");
        planted.names[0] = planted.names[0].replacen(from, to, 1);
        !wrong(&planted, &run).is_empty()
    };
    assert!(planted("offset 19", "offset 18"), "another offset");
    assert!(planted("offset 19", "offsets 19 to 20"), "another length");
    assert!(planted("leader epoch 0", "leader epoch 1"), "another epoch");
    assert!(planted("checksum 1", "checksum 2"), "another checksum");
    assert!(planted("sent by p1", "sent by b1"), "another sender");
    let mut other = explanation.clone();
    other.guard = other.guard.map(|guard| guard.replace("trunc_to_hw_loss", "no_such_switch"));
    assert_eq!(wrong(&other, &run).len(), 1, "another switch");
}

/// A broker that is fenced since it stood still: that is said. What also hit it, and could not have kept its word from
/// the controller, is not, although it came later.
#[test]
fn only_a_fault_that_the_record_links_is_blamed() {
    let faults = |second: &str| {
        format!(r#"faults=["when high_watermark(orders/0) >= 20 pause b1 for 24s", "{second}"]"#)
    };
    let clock = faults("at 8s clock b1 ahead 12ms for 10s");
    let run = played("kill_the_leader", 0, Some("trunc_to_hw_loss"), &[&clock]);
    let told = explained(&run, None).to_string();
    let told = told.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains("because a fault had paused b1"), "{told}");
    assert!(!told.contains("clock b1"), "{told}");
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
