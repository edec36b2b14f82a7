//! Brokers that learn of the metadata late: they answer by what they know, and nobody takes them for more than that.

use std::sync::Arc;

use trial_scenarios::facts::{Facts, PartitionFacts};
use trial_scenarios::run::{Phase, Run};
use trial_scenarios::scenario::Scenario;
use trial_sim::{HostId, Span, Time};

/// One partition of the default scenario, one producer, with these faults.
fn run(faults: &str, seed: u64) -> Run {
    let faults = format!("faults=[{faults}]");
    let changes = [faults.as_str(), "must_happen=[]", "topics.departures.partitions=1"];
    let changes: Vec<_> = changes.iter().map(|text| text.parse().expect("a change")).collect();
    let scenario = Arc::new(Scenario::open("departures", &changes).expect("it comes with Trial"));
    Run::new(&scenario, seed)
}

fn at(millis: u64) -> Time {
    Time::ZERO + Span::from_millis(millis)
}

fn partition(run: &Run) -> &PartitionFacts {
    run.judge().facts().partition_named("departures/0").expect("it is there")
}

fn leader(run: &Run) -> HostId {
    let leader = partition(run).leader().expect("somebody leads");
    run.judge().facts().setup.host_of(leader).expect("it has a host")
}

/// Plays to the end; nothing was broken, and every fault did something.
fn ends_well(run: &mut Run) {
    run.play();
    assert!(matches!(run.phase(), Phase::Over { live_at: Some(_), .. }), "{:?}", run.missing());
    let found = run.judge().violations();
    assert!(found.is_empty(), "{found:#?}");
    let document = run.document(0, String::new());
    for fault in &document.faults {
        assert!(fault.effect.happened, "{fault:?}");
    }
}

#[test]
fn a_leader_that_has_not_heard_of_the_next_one_acknowledges_nothing_more() {
    for seed in 1..=3 {
        let faults = concat!(
            r#""at 4500ms crash leader(departures/0) for 1s","#,
            r#""at 16s lag leader(departures/0) for 3s","#,
            r#""at 16500ms elect departures/0""#
        );
        let mut run = run(faults, seed);
        run.play_until(at(16_400));
        let stale = leader(&run);
        run.play_until(at(18_900));
        assert_ne!(leader(&run), stale, "another one leads");
        // It takes what producers send that have not heard either, in its own epoch, and commits nothing of it.
        let partition = partition(&run);
        let epoch = partition.registration.as_ref().expect("it is registered").leader_epoch.0;
        let start = partition.terms[&epoch].start;
        let log = &partition.logs[&stale];
        let (end, committed) = (log.end(), log.high_watermark);
        let last = log.at(end - 1).expect("its log has an end");
        assert!(last.epoch < epoch && end > start, "seed {seed}: it goes on in epoch {epoch}");
        assert!(committed <= start, "seed {seed}: {committed}, and the next epoch is from {start}");
        ends_well(&mut run);
    }
}

#[test]
fn a_broker_is_unfenced_once_its_image_has_reached_its_registration() {
    // Its old session is over after nine seconds: without the lag it would be there again soon after.
    let mut run = run(r#""at 3s crash b2 for 1s", "at 3s lag b2 for 16s""#, 1);
    let is_running = |facts: &Facts| {
        let b2 = facts.setup.hosts.iter().position(|host| host.name == "b2").expect("it is there");
        let b2 = HostId(u16::try_from(b2).expect("few hosts"));
        facts.is_running(facts.setup.node_of(b2).expect("a broker"))
    };
    run.play_until(at(2_900));
    assert!(is_running(run.judge().facts()));
    run.play_until(at(18_900));
    assert!(!is_running(run.judge().facts()), "it is up, registered, and knows of nothing");
    run.play_until(at(21_000));
    assert!(is_running(run.judge().facts()));
    ends_well(&mut run);
}

#[test]
fn a_broker_that_is_late_by_a_little_is_late_all_the_time() {
    let mut run = run(
        r#""at 3s lag b1 b2 b3 by 400ms for 16s", "at 6s crash leader(departures/0) for 11s""#,
        2,
    );
    run.play_until(at(18_900));
    let partition = partition(&run);
    let epoch = partition.registration.as_ref().expect("it is registered").leader_epoch.0;
    assert!(epoch > 0, "another one was elected");
    let (elected, leads) =
        (partition.epoch_changed_at.expect("by then"), partition.terms[&epoch].at);
    assert!(leads >= elected + Span::from_millis(400), "elected at {elected}, leads from {leads}");
    ends_well(&mut run);
}
