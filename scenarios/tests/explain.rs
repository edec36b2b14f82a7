//! Explanations of the switches: what they read like, and that every sentence stands on the record of the run.

use std::sync::Arc;

use trial_scenarios::asked::Asked;
use trial_scenarios::explain::{EVENTS_MAX, Explanation, of, unsupported};
use trial_scenarios::run::Run;

/// A run with its record.
fn played(name: &str, seed: u64, switch: Option<&str>, settings: &[&str]) -> Run {
    let mut asked = Asked::open(name).expect("it comes with Trial");
    asked.settings = settings.iter().map(|text| (*text).to_owned()).collect();
    asked.switches.extend(switch.map(str::to_owned));
    recorded(&asked, seed)
}

/// A run of a scenario that is written here, with its record.
fn written(text: &str, seed: u64) -> Run {
    let mut asked = Asked::open("departures").expect("it comes with Trial");
    asked.text = text.to_owned();
    recorded(&asked, seed)
}

fn recorded(asked: &Asked, seed: u64) -> Run {
    let mut run = Run::new(&Arc::new(asked.scenario().expect("it can be played")), seed);
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

/// How many sentences are refused if one argument says something else.
#[track_caller]
fn argued(explanation: &Explanation, run: &Run, from: &str, to: &str) -> usize {
    let mut planted = explanation.clone();
    let argument = planted.arguments.iter_mut().find(|argument| argument.contains(from));
    let argument = argument.unwrap_or_else(|| panic!("`{from}` is said: {explanation}"));
    *argument = argument.replacen(from, to, 1);
    wrong(&planted, run).len()
}

#[test]
fn a_follower_that_cuts_to_its_high_watermark() {
    let run = played("kill_the_leader", 0, Some("trunc_to_hw_loss"), &[]);
    insta::assert_snapshot!(explained(&run, None));
}

#[test]
fn two_logs_that_differ_below_the_high_watermark() {
    let run = played("everything_at_once", 32, Some("trunc_to_hw_diverge"), &["lanes.yields=none"]);
    insta::assert_snapshot!(explained(&run, Some("R4")));
}

#[test]
fn a_partition_that_two_members_have() {
    let run = played("coop_double_ownership", 2, Some("coop_double_ownership"), &[]);
    insta::assert_snapshot!(explained(&run, Some("G2")));
}

#[test]
fn an_offset_that_expires_while_its_reader_joins() {
    let run = played("expire_while_rebalancing", 0, Some("expire_while_rebalancing"), &[]);
    insta::assert_snapshot!(explained(&run, None));
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
    let run = played("truncation_not_synced", 1, Some("truncation_not_synced"), &[]);
    insta::assert_snapshot!(explained(&run, None));
}

/// As it was kept (`failures/`): the leader loses the end of a segment that it has just closed.
const A_HOLE: &str = r#"
    title = "log: a power loss takes the end of a closed segment and leaves the next one"
    time = "6s"
    switches = ["recovery_leaves_hole"]
    faults = ["at 5s crash leader(orders/0) losing unsynced for 100ms"]
    [cluster]
    brokers = 2
    config = { "min.insync.replicas" = 2, "leader.imbalance.check.interval.seconds" = 5 }
    [topics.orders]
    partitions = 1
    replicas = 2
    config = { "segment.index.bytes" = 48, "index.interval.bytes" = 0 }
    [clients.shop]
    produce = "orders"
    rate = "10/s"
    config = { "enable.idempotence" = false }
    [clients.audit]
    consume = "orders"
    config = { "auto.offset.reset" = "earliest" }
"#;

#[test]
fn a_recovery_that_leaves_a_hole() {
    let run = written(A_HOLE, 261);
    for violation in run.judge().violations() {
        let explanation = explained(&run, Some(violation.invariant));
        assert!(!explanation.is_generic && explanation.arguments.len() >= 5, "{explanation}");
        let planted = |from: &str, to: &str| argued(&explanation, &run, from, to);
        assert_eq!(
            planted("However, b2, which had B", "However, b1, which had B"),
            1,
            "who lost it"
        );
        assert_eq!(planted("When b2 started again", "When b1 started again"), 1, "whose recovery");
        assert_eq!(
            planted("segment that begins at offset 5", "segment that begins at offset 0"),
            1
        );
        assert_eq!(planted("it, which begins at offset 9", "it, which begins at offset 5"), 1);
        assert_eq!(
            planted("of b2 ended at offset 9", "of b2 ended at offset 10"),
            1,
            "another end"
        );
        assert_eq!(planted("of b2 ended at offset 9", "of b1 ended at offset 9"), 1, "another log");
        assert_eq!(planted("And yet b2 leads", "And yet b1 leads"), 1, "another leader");
        let nowhere = "And yet B was promised to stay, and no disk has it: a contradiction!";
        let mut planted = explanation.clone();
        *planted.arguments.last_mut().expect("there are arguments") = nowhere.to_owned();
        assert_eq!(wrong(&planted, &run).len(), 1, "b1 has it: {explanation}");
    }
    insta::assert_snapshot!(explained(&run, Some("R4")));
}

/// The power fails before the broker has told that it has closed the segment.
#[test]
fn a_hole_that_begins_with_a_roll_of_which_nobody_heard() {
    let text = r#"
        title = "log: a power loss takes the end of a closed segment and leaves the next one"
        time = "12s"
        switches = ["recovery_leaves_hole"]
        faults = [
            "at 4s disk b1 slow by 100 for 4s",
            "at 7s crash b1 losing unsynced for 1s",
        ]
        [cluster]
        brokers = 3
        config = { "min.insync.replicas" = 2, "leader.imbalance.check.interval.seconds" = 5 }
        [topics.orders]
        partitions = 1
        replicas = 3
        assignment = [[1, 2, 3]]
        config = { "segment.index.bytes" = 48, "index.interval.bytes" = 0 }
        [clients.shop]
        produce = "orders"
        rate = "40/s"
        config = { "linger.ms" = 0, "enable.idempotence" = false }
        [clients.audit]
        consume = "orders"
        config = { "auto.offset.reset" = "earliest" }
    "#;
    let told = explained(&written(text, 16), Some("R4")).to_string();
    let told = told.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains("b1, which had B (E1), lost power and B with it"), "{told}");
    assert!(told.contains("left a hole in which B is missing"), "{told}");
    assert!(!told.contains("had closed"), "{told}");
    assert!(told.contains("whose absence is seen above"), "{told}");
}

/// Found by a stranger: a reset of a connection to a broker without a process was named, the last fault that listed it.
#[test]
fn the_fault_behind_an_election_is_what_ended_the_broker() {
    let run = played("everything_at_once", 15, Some("trunc_to_hw_loss"), &["lanes.yields=none"]);
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
    insta::assert_snapshot!(explained(&written(text, 1), None));
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
    assert_eq!(planted("at 12471.252 ms", "at 12471.251 ms"), 1, "another time");
    assert_eq!(planted("from 19 to 20", "from 19 to 21"), 1, "another high watermark");
    assert_eq!(planted("at 12471.252 ms ", ""), 1, "no time");
}

/// What the arguments say is held against the record too, whatever kind of thing it is.
#[test]
fn an_argument_that_does_not_stand_on_the_record_is_noticed() {
    let run = played("kill_the_leader", 0, Some("trunc_to_hw_loss"), &[]);
    let explanation = explained(&run, None);
    let planted = |from: &str, to: &str| argued(&explanation, &run, from, to);
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
    let explanations: Vec<Explanation> = (1..=3)
        .map(|seed| {
            let run = written(AN_EQUAL_EPOCH, seed);
            let explanation = explained(&run, Some("R7"));
            assert!(!explanation.is_generic, "{explanation}");
            let planted = |from: &str, to: &str| argued(&explanation, &run, from, to);
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
        let run = played("everything_at_once", seed, Some(switch), &["lanes.yields=none"]);
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
