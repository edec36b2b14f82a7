//! Live runs in which one bit on a disk is turned behind everybody's back: the checkers that read bytes notice.

use std::sync::Arc;

use trial_scenarios::run::Run;
use trial_scenarios::scenario::Scenario;
use trial_sim::{CrashKind, DiskId, HostId, Span, Time};

const METADATA: &str = "__cluster_metadata-0/00000000000000000000.log";
const LOG: &str = "departures-0/00000000000000000000.log";

fn at(millis: u64) -> Time {
    Time::ZERO + Span::from_millis(millis)
}

/// The default scenario without its faults, half-way.
fn half_way() -> Run {
    let changes = ["faults=[]", "must_happen=[]"].map(|text| text.parse().expect("a change"));
    let scenario = Arc::new(Scenario::open("departures", &changes).expect("it comes with Trial"));
    let mut run = Run::new(&scenario, 1);
    run.play_until(at(8_000));
    run
}

fn ids(run: &Run) -> Vec<&'static str> {
    run.judge().violations().iter().map(|found| found.invariant).collect()
}

fn length(run: &Run, host: HostId, path: &str) -> u64 {
    run.world().disk(host, DiskId(0)).peek_len(path).expect("the file is there")
}

#[test]
fn nobody_turns_a_bit_and_nothing_is_noticed() {
    let mut run = half_way();
    run.play();
    assert_eq!(ids(&run), [""; 0]);
}

#[test]
fn s1_a_bit_in_the_leaders_log_is_noticed_when_it_is_served() {
    let mut run = half_way();
    for step in 0..200_000 {
        run.play_until(at(8_000) + Span::from_micros(20 * step));
        let facts = run.judge().facts();
        let partition = facts.partition_named("departures/0").expect("it is there");
        let leader = partition.leader().and_then(|id| facts.setup.host_of(id)).expect("one leads");
        let end = partition.logs[&leader].end();
        // Nobody has copied the leader's last batch yet.
        if partition.logs.values().filter(|log| log.end() == end).count() == 1 {
            let last = length(&run, leader, LOG) - 1;
            assert!(run.world_mut().flip_page(leader, LOG, last, 1), "it is there");
            run.play_until(run.now() + Span::from_secs(5));
            assert!(ids(&run).contains(&"S1"), "{:?}", run.judge().violations());
            return;
        }
    }
    panic!("the leader was never ahead");
}

#[test]
fn r16_a_bit_in_the_memory_of_epochs_is_noticed_at_the_end() {
    let mut run = half_way();
    let b2 = run.world().host("b2").expect("a broker");
    let path = "departures-0/leader-epoch-checkpoint";
    let last = length(&run, b2, path) - 2;
    assert!(run.world_mut().flip_page(b2, path, last, 0), "it is there");
    run.play();
    assert!(ids(&run).contains(&"R16"), "{:?}", run.judge().violations());
}

#[test]
fn k4_a_bit_in_synced_metadata_is_noticed_at_a_crash() {
    let mut run = half_way();
    let c2 = run.world().host("c2").expect("a controller");
    let middle = length(&run, c2, METADATA) / 2;
    assert!(run.world_mut().flip_page(c2, METADATA, middle, 3), "it is there");
    run.world_mut().crash(c2, CrashKind::Process);
    run.play_until(at(9_000));
    assert!(ids(&run).contains(&"K4"), "{:?}", run.judge().violations());
}
