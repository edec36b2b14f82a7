//! Failures that are kept: what `shrink` has left of each removed guard, played again.
//!
//! Holds: a file for each guard whose absence a swarm's seed has shown; they await that they fail as they did.

use trial_cluster::rules::Switch;
use trial_scenarios::failure::Failure;
use trial_scenarios::kept;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/failures");

#[test]
fn the_guards_that_can_be_removed_are_missed_in_the_same_way() {
    assert_eq!(kept(FOLDER).run(), 6);
}

#[test]
fn each_is_small_enough_to_be_read() {
    let entries = std::fs::read_dir(FOLDER).expect("the folder is there");
    let mut guards = Vec::new();
    for entry in entries {
        let failure = Failure::load(&entry.expect("an entry").path()).expect("a failure");
        let scenario = failure.asked.scenario().expect("it can be played");
        let lines = scenario.faults.len();
        assert!(lines <= 5, "{}: {lines} lines of faults", failure.asked.scenario);
        guards.extend(scenario.rules.switches());
    }
    guards.sort();
    guards.dedup();
    // The others have scenarios of their own (`tests/hunt.rs`). The two cuts to the high watermark are one guard under
    // two names; both are here.
    assert_eq!(guards.len(), 6, "{guards:?} of {}", Switch::ALL.len());
}
