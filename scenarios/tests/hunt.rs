//! Every guard that can be removed is missed: by an invariant of its own, in a scenario that holds with it.
//!
//! Holds: one hunt for each of `trial list bugs`; `TRIAL_HUNTS=5` plays as many as `trial hunt` does.

use std::collections::BTreeSet;
use std::path::Path;

use trial_cluster::rules::{Switch, UNBUILT};
use trial_scenarios::hunt::{Effort, Hunt, Quarry, hunt};
use trial_scenarios::invariants::INVARIANTS;
use trial_scenarios::scenario::builtin;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/bugs");

#[test]
fn every_bug_is_caught_by_what_it_breaks_and_by_nothing_else_first() {
    let hunts = std::env::var("TRIAL_HUNTS").ok();
    let hunts = hunts.map_or(1, |text| text.parse().expect("TRIAL_HUNTS is a number of hunts"));
    let quarries: Vec<Quarry> = Switch::ALL
        .iter()
        .map(|bug| Quarry::of(*bug).unwrap_or_else(|why| panic!("{bug}: {why}")))
        .collect();
    let effort = Effort { hunts, swarm_seeds: 0, jobs: 2 };
    let found =
        hunt(&quarries, effort, &|_| {}).unwrap_or_else(|(bug, why)| panic!("{bug}: {why}"));
    let failed: Vec<&Hunt> =
        found.iter().filter(|hunt| !(hunt.is_caught() && hunt.is_clean_without())).collect();
    assert!(failed.is_empty(), "{failed:#?}");
}

#[test]
fn every_bug_has_its_scenario_and_every_scenario_its_bug() {
    let bugs: Vec<&str> = Switch::ALL.iter().map(|bug| bug.name()).collect();
    assert_eq!(builtin::bugs(), bugs, "in the order of the table");
    let mut files = BTreeSet::new();
    for entry in std::fs::read_dir(FOLDER).expect("the folder is there") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            files.insert(path.file_stem().unwrap_or_default().to_string_lossy().into_owned());
        }
    }
    let listed: BTreeSet<String> = bugs.iter().map(|bug| (*bug).to_owned()).collect();
    assert_eq!(files, listed);
}

#[test]
fn a_bug_names_invariants_and_a_place_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for bug in Switch::ALL {
        assert!(!bug.breaks().is_empty(), "{bug} breaks nothing");
        for id in bug.breaks() {
            assert!(INVARIANTS.iter().any(|known| known.id == *id), "{bug}: {id} is no invariant");
        }
        for guard in bug.guard().split(", ") {
            let places = [root.join("cluster/src").join(guard), root.join(guard)];
            assert!(places.iter().any(|place| place.exists()), "{bug}: {guard} is not there");
        }
    }
    for unbuilt in UNBUILT {
        assert!(unbuilt.name.parse::<Switch>().is_err(), "{} is built", unbuilt.name);
    }
}

#[test]
fn the_scenarios_of_bugs_are_short() {
    for bug in Switch::ALL {
        let pair = Quarry::of(*bug).unwrap_or_else(|why| panic!("{bug}: {why}")).own;
        assert!(pair.without.time.as_millis() <= 10_000, "{bug}: {} of faults", pair.without.time);
        assert!(pair.without.rules.switches().next().is_none(), "{bug} throws a switch by itself");
    }
}

/// The page is written by `trial hunt all --table`; whether it is up to date is seen by its rows.
#[test]
fn the_table_in_the_repository_has_every_bug() {
    let page = include_str!("../bugs/README.md");
    for bug in Switch::ALL {
        let row = format!("| `{bug}` | {} | {} |", bug.issue(), bug.fixed_in());
        assert!(page.contains(&row), "{bug}: write it again with trial hunt all --table");
    }
    assert!(!page.contains("**"), "something was not caught");
}
