//! Every fault that a scenario can write does something to a cluster, says what, and nothing when it is not there.

use std::sync::Arc;

use trial_reports::{FaultOutcome, RunDocument, Verdict};
use trial_scenarios::play::End;
use trial_scenarios::run::Run;
use trial_scenarios::scenario::Scenario;
use trial_sim::{Span, Time};

/// A cluster in three racks, one in another region, with one fault.
fn text(fault: &str, more: &str) -> String {
    format!(
        r#"
        title = "one fault"
        time = "30s"
        calm = "5s"
        faults = ["{fault}"]
        {more}
        [cluster]
        brokers = 3
        controllers = 3
        config = {{ "min.insync.replicas" = 2, "replica.lag.time.max.ms" = 3000 }}
        [racks.r1]
        hosts = ["b1", "c1", "p"]
        region = "eu"
        [racks.r2]
        hosts = ["b2", "c2"]
        region = "eu"
        [racks.r3]
        hosts = ["b3", "c3"]
        region = "us"
        [network]
        between_racks = "300us"
        between_regions = "20ms..30ms"
        [topics.t]
        partitions = 2
        replicas = 3
        assignment = [[1, 2, 3], [2, 3, 1]]
        [clients.p]
        produce = "t"
        rate = "50/s"
        config = {{ acks = "all" }}
        [clients.c]
        consume = "t"
        "#
    )
}

fn scenario(fault: &str, more: &str) -> Arc<Scenario> {
    let text = text(fault, more);
    Arc::new(Scenario::from_text("one_fault", &text, None, &[]).expect("it can be played"))
}

fn played(fault: &str) -> RunDocument {
    let mut run = Run::new(&scenario(fault, ""), 1);
    run.play();
    let document = run.document(0, String::new());
    assert_eq!(document.verdict, Verdict::Holds, "{fault}: {:?}", document.violations);
    document
}

fn number(outcome: &FaultOutcome, name: &str) -> u64 {
    outcome.effect.numbers.iter().find(|number| number.name == name).map_or(0, |found| found.value)
}

fn hits(document: &RunDocument, probe: &str) -> u64 {
    document.probes.iter().find(|known| known.name == probe).map_or(0, |found| found.hits)
}

/// The fault does something that is counted under this name.
#[track_caller]
fn counts(fault: &str, name: &str) -> RunDocument {
    let document = played(fault);
    let outcome = &document.faults[0];
    assert!(outcome.effect.happened, "{fault}: {}", outcome.effect.text);
    assert!(number(outcome, name) > 0, "{fault}: no {name} in {:?}", outcome.effect);
    document
}

#[test]
fn a_held_fetch_makes_the_leader_shrink_its_set_and_nothing_is_lost() {
    let held = counts("at 10s hold Fetch b2 > b1 for 8s", "frames_held");
    assert!(hits(&held, "leader_shrinks_isr") > 0, "b2 does not ask, so it lags");
    let produce = counts("at 10s hold Produce p > b1 b2 for 8s", "frames_held");
    assert_eq!(hits(&produce, "leader_shrinks_isr"), 0, "the followers go on");
    let answers = counts("at 10s hold FetchResponse b1 > b2 for 8s", "frames_held");
    assert!(hits(&answers, "leader_shrinks_isr") > 0, "b2 asks, and hears nothing");
}

#[test]
fn release_ends_the_holds_that_it_names() {
    let scenario = {
        let fault = "at 10s hold Fetch b2 b3 > b1\", \"at 14s release Fetch b2 > b1\", \"at 15s release Fetch b3 > b2";
        scenario(fault, "")
    };
    let mut run = Run::new(&scenario, 1);
    run.play();
    let document = run.document(0, String::new());
    let texts: Vec<&str> = document.faults.iter().map(|fault| &*fault.effect.text).collect();
    assert_eq!(texts[1], "let go", "that one");
    assert_eq!(texts[2], "nothing was held", "not of b3 towards b2");
    assert!(!document.faults[2].effect.happened, "and it says so");
}

#[test]
fn every_fault_of_the_network_counts_what_it_did() {
    counts("at 10s delay Fetch b2 > b1 by 5ms..50ms for 8s", "chunks_delayed");
    counts("at 10s delay b1 > b2 b3 by 20ms for 8s", "delayed_ms");
    counts("at 10s ring c1 c2 c3 for 8s", "chunks_held");
    counts("at 10s bridge b3 over b1 | b2 for 8s", "chunks_held");
    counts("at 10s swizzle b1 b2 b3 for 12s", "chunks_held");
    counts("at 10s isolate rack(r2) for 5s", "bytes_held");
    counts("at 10s cut region(us) > region(eu) for 5s", "bytes_held");
    counts("at 10s throttle rack(r1) > rack(r2) to 20KB/s for 8s", "delayed_ms");
}

#[test]
fn a_host_that_restarts_finds_its_connects_refused_or_without_an_answer() {
    for (word, name) in [("refuse", "connects_refused"), ("hang", "connects_held")] {
        // Only after nine seconds does the controller believe that the one who left is gone.
        let fault = format!("at 10s {word} b2 > b1 for 18s\", \"at 11s crash b2 for 1s");
        counts(&fault, name);
    }
}

/// Who does not reach whom at 11 s, of the six nodes, as `from>to`.
fn cuts(fault: &str) -> std::collections::BTreeSet<String> {
    let mut run = Run::new(&scenario(fault, ""), 1);
    run.play_until(trial_sim::Time(11_000_000_000));
    let world = run.world();
    let names = ["b1", "b2", "b3", "c1", "c2", "c3"];
    let host = |name: &str| world.host(name).expect("a node");
    let pairs = names.iter().flat_map(|from| names.iter().map(move |to| (*from, *to)));
    let cut = pairs.filter(|(from, to)| from != to && world.is_cut(host(from), host(to)));
    cut.map(|(from, to)| format!("{from}>{to}")).collect()
}

#[test]
fn every_shape_of_a_cut_cuts_what_it_says_and_nothing_else() {
    let all = |text: &str| text.split(' ').map(str::to_owned).collect();
    assert_eq!(cuts("at 10s cut b1 > b2 b3"), all("b1>b2 b1>b3"), "one way");
    assert_eq!(cuts("at 10s cut b1 | c1"), all("b1>c1 c1>b1"), "both ways");
    let isolated = all("b1>c2 b2>c2 b3>c2 c1>c2 c3>c2 c2>b1 c2>b2 c2>b3 c2>c1 c2>c3");
    assert_eq!(cuts("at 10s isolate c2"), isolated, "from everybody, both ways");
    assert_eq!(
        cuts("at 10s bridge b3 over b1 | b2 c1"),
        all("b1>b2 b1>c1 b2>b1 c1>b1"),
        "not from b3"
    );
    // Of three each hears itself and the next: b1 hears b2, b2 hears b3, b3 hears b1.
    assert_eq!(
        cuts("at 10s ring b1 b2 b3"),
        all("b3>b1 b1>b2 b2>b3"),
        "a majority each, none the same"
    );
    assert_eq!(cuts("at 12s isolate c2"), Default::default(), "not before its time");
}

#[test]
fn a_restart_with_other_settings_obeys_them_from_then_on() {
    let handlers = |fault: &str| {
        let mut run = Run::new(&scenario(fault, ""), 1);
        run.play_until(trial_sim::Time(13_000_000_000));
        let of = |name: &str| name.starts_with("tie lane b2/request-handler@2/");
        run.world().streams().into_iter().filter(|stream| of(&stream.name)).count()
    };
    let crash = "at 10s crash b2\", \"at 12s restart b2";
    assert_eq!(handlers(crash), 8, "Kafka's default");
    assert_eq!(handlers(&format!("{crash} with num.io.threads=1")), 1, "as told");
    let running = "at 9s restart b2 with num.io.threads=3\", \"at 10s crash b2 for 1s";
    assert_eq!(handlers(running), 3, "whoever runs changes at the next boot");
}

#[test]
fn a_whole_rack_loses_its_power_and_comes_back() {
    let document = counts("at 10s crash rack(r2) losing unsynced for 4s", "connections_lost");
    let text = &document.faults[0].effect.text;
    assert!(text.starts_with("b2 c2: "), "it names whom it hit: {text}");
}

/// The leader of the partition of `__consumer_offsets` that the group's name hashes to: `"crew".hashCode() % 50`.
#[test]
fn the_coordinator_of_a_group_is_found_by_its_name() {
    let member = "[clients.m]\nconsume = \"t\"\ngroup = \"crew\"";
    let mut run =
        Run::new(&scenario("at 20s crash coordinator(crew) losing unsynced for 6s", member), 1);
    run.play_until(Time::ZERO + Span::from_secs(20));
    let facts = run.judge().facts();
    let home = facts.partition_named("__consumer_offsets/13").expect("somebody asked for it");
    let leader = home.leader().and_then(|id| facts.setup.host_of(id)).expect("it has one");
    let name = facts.setup.name(leader).to_owned();
    run.play();
    let document = run.document(0, String::new());
    assert_eq!(document.verdict, Verdict::Holds, "{:?}", document.violations);
    let text = &document.faults[0].effect.text;
    assert!(text.starts_with(&format!("{name}: ")), "{name} leads it: {text}");
}

#[test]
fn a_node_comes_back_as_another_version_with_other_settings() {
    let fault = "at 10s crash b2 c1\", \"at 12s restart b2 c1 as 4.3-no-elr with num.io.threads=1";
    let document = played(fault);
    assert_eq!(document.faults[1].effect.text, "started", "both");
    assert!(document.faults[1].effect.happened, "it did something");
}

#[test]
fn a_region_is_far_away() {
    // acks=all waits for b3 beyond the sea: a round trip of 40 to 60 ms for each fetch.
    let near = played("at 29s reset b1 - b2");
    assert!(near.records.acked > 1_000, "{:?}", near.records);
    let scenario = scenario("at 29s reset b1 - b2", "");
    let place = &scenario.places["b3"];
    assert_eq!(place.region.as_deref(), Some("us"), "as written");
}

#[test]
fn a_scenario_can_demand_that_its_faults_do_something() {
    // The admin and the consumer have no connection of their own to c1.
    let idle = "at 29s cut c > c1 for 500ms";
    for (more, fault, status) in [
        ("", idle, 0),
        ("require_effect = true", idle, 5),
        ("require_effect = true", "at 10s cut b1 | b2 for 2s", 0),
    ] {
        let mut run = Run::new(&scenario(fault, more), 1);
        run.play();
        let end = End::of(&run, Verdict::Holds);
        assert_eq!(end.exit_status(), status, "{more}: {fault}: {end:?}");
        let told = end.complaint().unwrap_or_default();
        assert_eq!(told.contains(fault), status == 5, "it names the fault: {told}");
        assert_eq!(
            run.document(0, String::new()).faults[0].effect.happened,
            fault != idle,
            "{fault}"
        );
    }
}

#[test]
fn each_seed_picks_from_what_the_scenario_offers_and_says_what() {
    let picks = r#"
        picks = { "cluster.controllers" = [3, 5], "topics.t.config.\"segment.bytes\"" = [1048576, 1073741824] }
    "#;
    let scenario = scenario("during 5s..30s swarm network crash", picks);
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..12 {
        let picked = scenario.for_seed(seed);
        assert_eq!(picked.picked, scenario.for_seed(seed).picked, "seed {seed}: always the same");
        seen.insert((picked.cluster.controllers, picked.topics["t"].settings[0].1.clone()));
    }
    assert_eq!(seen.len(), 4, "every combination: {seen:?}");
    let mut run = Run::new(&scenario, 3);
    run.play_until(trial_sim::Time(1));
    let told = run.document(0, String::new()).picks;
    let paths: Vec<&str> = told.iter().map(|pick| &*pick.path).collect();
    let want = ["cluster.controllers", "topics.t.config.\"segment.bytes\"", "swarm"];
    assert_eq!(paths, want, "the document says what was picked");
}

#[test]
fn what_is_set_is_not_picked() {
    let text = text("at 10s reset b1 - b2", "picks = { \"cluster.controllers\" = [1, 3] }");
    let set = "cluster.controllers=3".parse().expect("a change");
    let scenario = Scenario::from_text("set", &text, None, &[set]).expect("it can be played");
    assert!(scenario.picks.is_empty(), "nothing is left to pick");
    assert_eq!(scenario.cluster.controllers, 3, "as set");
}

#[test]
fn a_fault_of_a_disk_counts_what_it_did_and_acts_below_its_path_only() {
    counts("at 10s disk b2 hangs for 3s", "calls_hung");
    counts("at 10s disk b2 throttle to 10KB/s for 10s", "disk_busy_added_ms");
    counts("at 10s disk b1 eio once write in t-0", "disk_errors");
    counts("at 10s disk b2 eio once sync", "pages_forgotten");
    let elsewhere = played("at 10s disk b2 eio once sync in no-such-topic-0");
    assert!(!elsewhere.faults[0].effect.happened, "{:?}", elsewhere.faults[0].effect);
    let full = counts("at 10s disk b2 full for 5s", "disk_errors");
    assert!(hits(&full, "unclean_restart") > 0, "a broker whose log directory fails ends");
}

fn with_budget(fault: &str, exceeds: bool) -> RunDocument {
    let more = if exceeds { "exceeds_budget = true" } else { "" };
    let mut run = Run::new(&scenario(fault, more), 1);
    run.play();
    run.document(0, String::new())
}

#[test]
fn a_disk_that_answers_with_other_bytes_is_beyond_every_promise() {
    // What a leader reads it serves, without a look at the checksum, as Kafka does.
    let fault = "at 10s disk b1 misread in t-0";
    let silent = with_budget(fault, false);
    assert_eq!(silent.verdict, Verdict::Violated, "{:?}", silent.violations);
    assert_eq!(silent.violations[0].invariant, "S1", "a batch with a wrong checksum was served");
    let beyond = silent.beyond_budget.expect("it says so");
    assert!(beyond.contains(fault) && beyond.contains("b1"), "and names the fault: {beyond}");
    let said = with_budget(fault, true);
    assert_eq!(said.verdict, Verdict::Holds, "{:?}", said.violations);
    let excuse = said.excused.iter().find(|excuse| excuse.what.starts_with("S1")).expect("told");
    assert_eq!((&*excuse.fault, &*excuse.host), (fault, "b1"), "with the fault that explains it");
    assert_eq!(excuse.setting, "exceeds_budget=true", "and what allows it");
}

#[test]
fn a_broker_does_not_start_on_another_brokers_disk() {
    let swapped =
        with_budget("at 10s crash b2 b3\", \"at 11s swap b2 - b3\", \"at 12s restart b2 b3", true);
    assert_eq!(swapped.faults[1].effect.text, "2 disks exchanged", "both were down");
    assert_eq!(swapped.verdict, Verdict::Stuck, "as in Kafka: node.id in meta.properties differs");
    let missing = swapped.liveness.missing.join("; ");
    assert!(missing.contains("b2") && missing.contains("b3"), "{missing}");
}
