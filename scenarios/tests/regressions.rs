//! Faults of our own that seeds have found, each with the smallest scenario that shows it again.

use std::sync::Arc;

use trial_reports::Verdict;
use trial_scenarios::asked::Asked;
use trial_scenarios::play::play;
use trial_scenarios::probe::named;
use trial_scenarios::run::Run;
use trial_scenarios::scenario::Scenario;

/// The seeds are of a time when no scenario set this.
const LAG: &str = r#"cluster.config."replica.lag.time.max.ms"=30000"#;
/// The swarm and the cluster of `everything_at_once` when it had three brokers and five families: by SW-1 and PI-1 each
/// of these draws what it drew then.
const OLD: [&str; 7] = [
    r#"faults=["during 5s..60s swarm network crash disk clock pause"]"#,
    "cluster.brokers=3",
    "cluster.controllers=3",
    r#"cluster.config."num.io.threads"=8"#,
    "topics.orders.partitions=4",
    "lanes.scheduler=keyed",
    "lanes.yields=none",
];

fn changes(name: &str, more: &[&str]) -> Vec<String> {
    let old: &[&str] = if name == "everything_at_once" { &OLD } else { &[] };
    old.iter().chain(more).map(|text| (*text).to_owned()).collect()
}

fn verdict(name: &str, seed: u64) -> (Verdict, Vec<String>) {
    let changes: Vec<_> =
        changes(name, &[LAG]).iter().map(|text| text.parse().expect("a change")).collect();
    let scenario = Arc::new(Scenario::open(name, &changes).expect("it comes with Trial"));
    let mut run = Run::new(&scenario, seed);
    run.play();
    let document = run.document(0, String::new());
    let said = document.violations.iter().map(|found| found.message.clone()).collect();
    (document.verdict, said)
}

/// R5, seed 40: the clean-shutdown marker was written although the logs had not been synced, and a power loss after
/// the stop left a hole that no recovery looked for. R3, seed 22: a leader that had been paused appended in its old
/// epoch, which Kafka allows. R1: a follower wrote late what all disks had lost, which Kafka allows with acks=1.
///
/// R16, R3 and R6, seeds 377 and 617: a power loss brought back a batch that had been cut away, under the epoch of the
/// one that followed it. K6, seed 646: a `quorum-state` file was renamed, and the sync before it taken back.
#[test]
fn seeds_that_once_were_violations_hold() {
    for (name, seed) in [
        ("everything_at_once", 40),
        ("everything_at_once", 22),
        ("everything_at_once", 66),
        ("everything_at_once", 377),
        ("everything_at_once", 617),
        ("everything_at_once", 646),
        ("what_an_ack_buys", 0),
        ("what_an_ack_buys_all", 0),
    ] {
        assert_eq!(verdict(name, seed), (Verdict::Holds, Vec::new()), "{name}, seed {seed}");
    }
}

/// A fetch answer that brought a question about one partition while others of it still waited: a fetcher then heard
/// what it had not asked, and Trial panicked.
#[test]
fn seeds_that_once_were_panics_are_played_to_their_end() {
    for seed in [390, 410] {
        let mut asked = Asked::open("everything_at_once").expect("it comes with Trial");
        asked.settings = changes("everything_at_once", &[LAG]);
        asked.switches = vec!["trunc_to_hw_loss".to_owned()];
        let scenario = Arc::new(asked.scenario().expect("it can be played"));
        assert!(play(&scenario, seed).is_ok(), "seed {seed}");
    }
}

/// R19, seed 19: metadata let the high watermark pass in the first half of a job, and the note of it came with the
/// second: a consumer read in between what was committed, and nobody knew yet.
#[test]
fn what_is_committed_is_noted_before_anybody_reads_it() {
    let text = r#"
        title = "both followers are gone for a while, with an ack pending"
        time = "40s"
        faults = ["at 5s crash b2 b3 for 12s"]
        [cluster]
        config = { "min.insync.replicas" = 2 }
        [topics.t]
        partitions = 4
        replicas = 3
        [clients.p]
        produce = "t"
        rate = "200/s"
        config = { acks = "all", "request.timeout.ms" = 30000 }
        [clients.c]
        consume = "t"
    "#;
    let scenario = Scenario::from_text("r12", text, None, &[]).expect("it can be played");
    let mut run = Run::new(&Arc::new(scenario), 19);
    run.play();
    assert_eq!(run.verdict(), Verdict::Holds, "{:?}", run.judge().violations());
}

/// R16, seed 941: the checkpoint of epochs kept what a truncation had cut. Stuck, seed 345: a power loss undid the
/// removal of the clean-shutdown marker, and a torn log was believed whole.
#[test]
fn seeds_with_shrinking_sets_that_once_failed_hold() {
    for seed in [345, 941] {
        let changes: Vec<_> = changes("everything_at_once", &[])
            .iter()
            .map(|text| text.parse().expect("a change"))
            .collect();
        let scenario = Scenario::open("everything_at_once", &changes).expect("it comes with Trial");
        let mut run = Run::new(&Arc::new(scenario), seed);
        run.play();
        assert_eq!(run.verdict(), Verdict::Holds, "seed {seed}: {:?}", run.judge().violations());
    }
}

/// Stuck, seed 107: two checkpoints of one file were under way in a crash, and what stayed was torn. Stuck, seed 555: a
/// read that failed took a log offline, and the broker ended only with the next append. K3 and K2, seed 1107: a lone
/// controller lost power before it had synced what it had committed, which Kafka does too.
#[test]
fn seeds_with_failing_disks_that_once_failed_hold() {
    for seed in [107, 555, 1_107] {
        let scenario = Scenario::open("everything_at_once", &[]).expect("it comes with Trial");
        let mut run = Run::new(&Arc::new(scenario), seed);
        run.play();
        assert_eq!(run.verdict(), Verdict::Holds, "seed {seed}: {:?}", run.judge().violations());
    }
}

/// lost-write and unseen, found by a stranger: a consumer that starts at the end, as Kafka's does without
/// `auto.offset.reset`, need not read what came while it was away.
#[test]
fn a_consumer_that_starts_at_the_end_need_not_read_what_came_before() {
    for fault in
        ["at 6s stop audit for 1s", "at 6s crash audit for 1s", "at 1s isolate audit for 8s"]
    {
        let text = format!(
            r#"
            title = "a consumer is away"
            time = "15s"
            faults = ["{fault}"]
            [cluster]
            config = {{ "min.insync.replicas" = 2 }}
            [topics.orders]
            partitions = 2
            replicas = 3
            [clients.shop]
            produce = "orders"
            rate = "25/s"
            config = {{ acks = "all" }}
            [clients.audit]
            consume = "orders"
            "#
        );
        let scenario = Scenario::from_text("latest", &text, None, &[]).expect("it can be played");
        let mut run = Run::new(&Arc::new(scenario), 1);
        run.play();
        assert_eq!(run.verdict(), Verdict::Holds, "{fault}: {:?}", run.judge().violations());
    }
}

/// A panic, seed 3: a disk gave back other bytes than a committed metadata record has. The node ends, and the report
/// says that this was beyond every promise.
#[test]
fn metadata_that_cannot_be_read_ends_the_node_and_not_the_run() {
    let text = r#"
        title = "a disk that misreads"
        time = "4s"
        faults = ["every 1s disk b1 misread"]
        exceeds_budget = true
        [cluster]
        config = { "min.insync.replicas" = 2, "replica.lag.time.max.ms" = 3000 }
        [topics.t]
        partitions = 2
        replicas = 3
        assignment = [[1, 2, 3], [2, 3, 1]]
        [clients.p]
        produce = "t"
        rate = "50/s"
        config = { acks = "all", "enable.idempotence" = false }
        [clients.c]
        consume = "t"
    "#;
    let scenario = Arc::new(Scenario::from_text("misread", text, None, &[]).expect("playable"));
    let run = play(&scenario, 3).unwrap_or_else(|fault| panic!("{fault}"));
    assert_eq!(run.judge().beyond().map(|beyond| &*beyond.host), Some("b1"), "told");
    let unclean_restart = trial_scenarios::probe::named("unclean_restart").expect("a mark");
    let halted = run.judge().facts().probes.count(unclean_restart);
    assert!(halted > 0, "b1 ended, and came back when the faults were over");
}

/// A controller that is deposed and does not know it tells a leader that is ahead of it so, for one partition. The
/// broker looks for another one then, as Kafka's does; it asked the same one again, as fast as the network answered.
#[test]
fn a_leader_asks_a_deposed_controller_once() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/bugs/alter_partition_zombie_controller.toml");
    let scenario = Scenario::open(path, &[]).expect("it can be played");
    for seed in 0..3 {
        let mut run = Run::new(&Arc::new(scenario.clone()), seed);
        run.play();
        assert_eq!(run.verdict(), Verdict::Holds, "seed {seed}: {:?}", run.judge().violations());
        let ahead = named("alter_partition_ahead_of_controller").expect("it is a mark");
        let asked = run.judge().facts().probes.count(ahead);
        assert!((1..=2).contains(&asked), "seed {seed}: {asked} times");
    }
}

/// Seed 381: a job of a broker came up when the broker had ended and the controller of the same node had not. Seed 158
/// was a false alarm of K13: a leader whose disk had hung handled the fetch that it had waited for, and wrote.
#[test]
fn seeds_of_any_cluster_that_once_failed_hold() {
    for seed in [381, 158] {
        let scenario = Arc::new(Scenario::open("any_cluster", &[]).expect("it comes with Trial"));
        let run = play(&scenario, seed).unwrap_or_else(|fault| panic!("{fault}"));
        assert_eq!(run.verdict(), Verdict::Holds, "seed {seed}: {:?}", run.judge().violations());
    }
}

/// Seed 2372 was a false alarm of S6: a replacement that two processes left unfinished was judged twice. In seed 3502 a
/// broker whose timers stood still for a minute was not registered in time and ended, and nobody started it again.
#[test]
fn seeds_of_old_records_go_that_once_failed_hold() {
    for seed in [2372, 3502] {
        let scenario =
            Arc::new(Scenario::open("old_records_go", &[]).expect("it comes with Trial"));
        let run = play(&scenario, seed).unwrap_or_else(|fault| panic!("{fault}"));
        assert_eq!(run.verdict(), Verdict::Holds, "seed {seed}: {:?}", run.judge().violations());
    }
}
