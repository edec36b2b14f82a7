//! Consumers that are sent to the replica in their rack (KIP-392): who hands them their records, by the bytes.

use std::sync::Arc;

use trial_reports::{RunDocument, Verdict};
use trial_scenarios::explain::What;
use trial_scenarios::facts::Fact;
use trial_scenarios::run::Run;
use trial_scenarios::scenario::{Override, Scenario};
use trial_sim::{Span, Time};

/// The consumer `near` is in the rack of b2; b1 leads.
const TEXT: &str = r#"
    title = "a consumer in the rack of a follower"
    time = "30s"
    calm = "5s"
    [cluster]
    brokers = 3
    controllers = 1
    [cluster.config]
    "min.insync.replicas" = 2
    "replica.lag.time.max.ms" = 3000
    "replica.selector.class" = "org.apache.kafka.common.replica.RackAwareReplicaSelector"
    [racks.r1]
    hosts = ["b1", "c1", "p"]
    [racks.r2]
    hosts = ["b2", "near"]
    [racks.r3]
    hosts = ["b3"]
    [topics.t]
    partitions = 1
    replicas = 3
    assignment = [[1, 2, 3]]
    [clients.p]
    produce = "t"
    rate = "20/s"
    config = { acks = "all" }
    [clients.near]
    consume = "t"
    config = { "auto.offset.reset" = "earliest", "request.timeout.ms" = 5000 }
"#;

/// What was handed to the consumer, when, and by whom: the number of the broker.
struct Told {
    batches: Vec<(Time, u32)>,
    document: RunDocument,
}

fn played(changes: &[&str], seed: u64) -> Told {
    let parsed = changes.iter().map(|change| change.parse().expect("a change"));
    let parsed: Vec<Override> = parsed.collect();
    let scenario = Scenario::from_text("near", TEXT, None, &parsed).expect("it can be played");
    let mut run = Run::new(&Arc::new(scenario), seed);
    run.keep_record();
    run.play();
    let facts = run.judge().facts();
    let mut batches = Vec::new();
    for entry in run.record().expect("it is kept").entries() {
        let What::Known(_, Fact::Fetched { host, by_consumer: true, batches: handed, .. }) =
            &entry.what
        else {
            continue;
        };
        let number = facts.setup.name(*host)[1..].parse().expect("b1, b2, b3");
        batches.extend(handed.iter().map(|_| (entry.at, number)));
    }
    let document = run.document(0, String::new());
    assert_eq!(document.verdict, Verdict::Holds, "{changes:?}: {:?}", document.violations);
    assert_eq!(document.records.read, document.records.sent, "all was read, seed {seed}");
    Told { batches, document }
}

impl Told {
    /// How many batches a broker handed out between these seconds.
    fn by(&self, broker: u32, from: u64, to: u64) -> usize {
        let second = |second| Time::ZERO + Span::from_secs(second);
        let within = second(from)..second(to);
        self.batches.iter().filter(|(at, by)| *by == broker && within.contains(at)).count()
    }

    fn hits(&self, probe: &str) -> u64 {
        let found = self.document.probes.iter().find(|known| known.name == probe);
        found.map_or(0, |found| found.hits)
    }
}

#[test]
fn a_consumer_reads_from_the_follower_in_its_rack_and_not_from_the_leader() {
    for seed in 0..5 {
        let told = played(&[], seed);
        assert!(told.by(2, 5, 40) > 100, "seed {seed}: {}", told.by(2, 5, 40));
        assert_eq!((told.by(1, 5, 40), told.by(3, 0, 40)), (0, 0), "seed {seed}: nobody else");
        assert!(told.hits("follower_answers_consumer") > 0, "the broker says so too");
    }
}

#[test]
fn without_a_selector_without_a_rack_and_in_the_leaders_rack_it_reads_from_the_leader() {
    for change in [
        r#"cluster.config={ "min.insync.replicas" = 2 }"#,
        r#"clients.near.config."client.rack"="""#,
        r#"clients.near.config."client.rack"="r1""#,
        r#"clients.near.config."client.rack"="r9""#,
    ] {
        let told = played(&[change], 1);
        assert!(told.by(1, 5, 40) > 100, "{change}: {}", told.by(1, 5, 40));
        assert_eq!((told.by(2, 0, 40), told.by(3, 0, 40)), (0, 0), "{change}");
        assert_eq!(told.hits("consumer_sent_to_follower"), 0, "{change}");
    }
}

#[test]
fn a_setting_of_its_own_counts_more_than_where_it_stands() {
    let told = played(&[r#"clients.near.config."client.rack"="r3""#], 1);
    assert!(told.by(3, 5, 40) > 100 && told.by(2, 0, 40) == 0, "{:?}", told.batches.len());
}

#[test]
fn when_its_follower_is_gone_it_reads_from_the_leader_until_that_is_back() {
    for seed in 0..5 {
        let told = played(&[r#"faults=["at 8s crash b2 for 10s"]"#], seed);
        assert!(told.by(2, 4, 8) > 10, "seed {seed}: at first");
        assert!(told.by(1, 8, 19) > 10, "seed {seed}: as soon as the leader names it no more");
        assert_eq!(told.by(2, 9, 18), 0, "seed {seed}: it is down");
        assert!(told.by(2, 25, 40) > 50, "seed {seed}: it is in sync again");
        assert_eq!(told.by(1, 25, 40), 0, "seed {seed}: and is read from");
        assert!(told.hits("preferred_replica_unreachable") > 0, "seed {seed}");
    }
}

#[test]
fn a_follower_that_falls_behind_is_read_from_late_until_the_lease_is_over() {
    // It is cut off from its leader, not from its consumer: there is nothing new, and nothing wrong, until the lease
    // ends; by then the leader has taken it out of the set, and answers itself.
    let lease = r#"clients.near.config."metadata.max.age.ms"=6000"#;
    let told = played(&[lease, r#"faults=["at 8s stall b2 > b1 for 14s"]"#], 2);
    let quiet = told.by(1, 9, 11) + told.by(2, 9, 11);
    assert_eq!(quiet, 0, "it has nothing, and nobody else is asked");
    assert!(told.by(1, 17, 22) > 50, "the leader answers: {}", told.by(1, 17, 22));
    assert!(told.by(2, 29, 40) > 20, "and sends it back at last: {}", told.by(2, 29, 40));
}

#[test]
fn another_leader_sends_it_to_the_same_follower() {
    let told = played(&[r#"faults=["at 8s crash b1 for 15s"]"#], 3);
    assert!(told.by(2, 20, 30) > 50, "b2 leads, or b3 sends it there");
}

#[test]
fn what_a_follower_has_dropped_is_read_from_the_leader_and_nothing_is_reset() {
    // Replicas look for old segments by clocks of their own: b1 at about 25 s, b2, which has begun anew, at 28.5 s. The
    // consumer is held up from 23.5 s on, and comes to b2 with an offset that is not there any more.
    for seed in 1..4 {
        let told = played(
            &[
                r#"cluster.config."log.initial.task.delay.ms"=1000"#,
                r#"cluster.config."log.retention.check.interval.ms"=12000"#,
                r#"topics.t.config={ "retention.ms" = 3000, "segment.ms" = 1000 }"#,
                r#"clients.near.config."request.timeout.ms"=30000"#,
                r#"faults=["at 6500ms stop b2 for 1s", "at 23500ms stall near > b2 for 6s"]"#,
            ],
            seed,
        );
        assert!(told.by(2, 20, 23) > 10, "seed {seed}: b2 is read from");
        assert_eq!(told.by(2, 24, 29), 0, "seed {seed}: held up");
        let refused = told.hits("preferred_replica_out_of_range");
        assert!(refused > 0, "seed {seed}: b2 does not have it any more");
        assert_eq!(told.hits("consumer_out_of_range"), 0, "seed {seed}: which resets nothing");
        assert!(told.by(1, 29, 31) > 0, "seed {seed}: the leader has it");
        assert!(told.by(2, 31, 40) > 20, "seed {seed}: and sends it back");
    }
}
