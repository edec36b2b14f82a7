//! Nothing but scenario and seed decides a run: not the threads, a record, or other runs before it.
//! That nobody need listen, `readable_log.rs` shows.

use std::sync::Arc;

use trial_scenarios::asked::Asked;
use trial_scenarios::run::Run;
use trial_scenarios::scenario::Scenario;
use trial_scenarios::sweep::{SeedRange, sweep};
use trial_sim::{Digest, Span, Time};

/// Where runs are compared: the faults have ended, the cluster heals.
const END: Time = Time(6_000_000_000);

/// Four seconds of the swarm, which begins at once.
fn scenario() -> Arc<Scenario> {
    let mut asked = Asked::open("everything_at_once").expect("it comes with Trial");
    asked.settings = vec!["time=4s".to_owned()];
    let mut scenario = asked.scenario().expect("it can be played");
    let swarm = "during 1s..4s swarm network crash disk clock pause";
    scenario.faults = vec![swarm.parse().expect("a fault")];
    Arc::new(scenario)
}

fn played(scenario: &Arc<Scenario>, seed: u64) -> (Digest, u64) {
    let mut run = Run::new(scenario, seed);
    run.play_until(END);
    (run.digest(), run.world().events())
}

#[test]
fn two_runs_in_one_process_and_one_on_another_thread_are_the_same() {
    let scenario = scenario();
    for seed in 0..3 {
        let first = played(&scenario, seed);
        assert_eq!(played(&scenario, seed), first, "seed {seed}");
        let elsewhere = Arc::clone(&scenario);
        let thread = std::thread::spawn(move || played(&elsewhere, seed));
        assert_eq!(thread.join().expect("it plays"), first, "seed {seed}");
        assert_ne!(played(&scenario, seed + 100), first, "another seed is another run");
    }
}

#[test]
fn one_thread_and_eight_sweep_to_the_same_digests() {
    let scenario = scenario();
    let digests = |jobs| {
        let report = sweep(&scenario, SeedRange { first: 97, end: 105 }, jobs, &|_| {});
        assert!(report.our_faults.is_empty(), "{:?}", report.our_faults);
        let results = report.results.iter();
        results.map(|result| (result.seed, result.digest.clone())).collect::<Vec<_>>()
    };
    let alone = digests(1);
    assert_eq!(alone.len(), 8, "every seed leaves a row");
    assert_eq!(digests(8), alone, "SW-1");
}

#[test]
fn a_record_changes_nothing() {
    let scenario = scenario();
    for seed in 0..3 {
        let mut run = Run::new(&scenario, seed);
        run.world_mut().record();
        run.play_until(END);
        let (digest, events) = (run.digest(), run.world().events());
        assert_eq!((digest, events), played(&scenario, seed), "RC-1: seed {seed}");
        let record = run.world_mut().take_recording().expect("it was asked for");
        assert_eq!(record.len() as u64, events, "every event has an entry");
        let each = record.size() / record.len();
        assert!(each < 400, "{each} bytes for each of {events} events");
        println!("{each} bytes for each of {events} events");
    }
}

#[test]
fn other_runs_before_it_in_the_same_process_change_nothing() {
    let scenario = scenario();
    let first = played(&scenario, 5);
    for seed in 1_000..1_030 {
        let mut other = Run::new(&scenario, seed);
        other.play_until(Time::ZERO + Span::from_millis(500));
    }
    assert_eq!(played(&scenario, 5), first, "nothing is left of them");
}
