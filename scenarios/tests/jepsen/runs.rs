//! The histories that our scenarios write, judged: nothing is found that the run's settings and faults do not excuse;
//! and what a removed guard breaks is found in the history alone.

use std::sync::Arc;

use trial_scenarios::asked::Asked;
use trial_scenarios::history::check::{Anomaly, Condition, Judgement, conditions_of, judge_run};
use trial_scenarios::run::Run;

fn played(name: &str, seed: u64, switch: Option<&str>) -> Run {
    let mut asked = Asked::open(name).expect("it comes with Trial");
    asked.switches.extend(switch.map(str::to_owned));
    let scenario = Arc::new(asked.scenario().expect("it can be played"));
    let mut run = Run::new(&scenario, seed);
    run.keep_record();
    run.play();
    run
}

fn judged(run: &Run) -> Judgement {
    judge_run(run).expect("what we write is a history")
}

#[test]
fn what_our_scenarios_write_holds() {
    for name in [
        "departures",
        "everything_at_once",
        "kill_the_leader",
        "what_an_ack_buys_all",
        "a_slow_follower",
        "the_nearest_copy",
        "moving_house",
        "any_cluster",
        "four_ways_to_rebalance",
        "groups_at_once",
    ] {
        for seed in 0..4 {
            let run = played(name, seed, None);
            let judgement = judged(&run);
            let conditions: Vec<Condition> = conditions_of(run.judge().facts()).collect();
            assert_eq!(judgement.errors().count(), 0, "{name} {seed} {conditions:?}: {judgement}");
            assert!(judgement.records > 0, "{name} {seed}: somebody polled something");
        }
    }
}

/// Without conditions that would allow it.
#[test]
fn where_everything_is_promised_nothing_is_excused() {
    for seed in 0..4 {
        let run = played("what_an_ack_buys_all", seed, None);
        let judgement = judged(&run);
        assert_eq!(judgement.findings, [], "{seed}: {judgement}");
    }
}

#[test]
fn what_acks_1_loses_is_found_and_allowed_and_the_setting_is_told() {
    let run = played("what_an_ack_buys", 0, None);
    let judgement = judged(&run);
    let lost = judgement.finding(Anomaly::LostWrite).expect("acks=1 loses records here");
    assert_eq!(lost.allowed.as_deref(), Some(Condition::LeaderAcks.text()), "{judgement}");
}

#[test]
fn what_a_removed_guard_loses_is_an_error_of_the_history() {
    let run = played("what_an_ack_buys_all", 0, Some("ack_before_replication"));
    let judgement = judged(&run);
    let mut errors = judgement.errors().map(|finding| finding.anomaly);
    assert!(errors.any(|anomaly| anomaly == Anomaly::LostWrite), "{judgement}");
}
