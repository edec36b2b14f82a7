//! Marks that the library's scenarios do not come to: each scenario of `rare/` demands some.

use std::collections::BTreeSet;
use std::sync::Arc;

use trial_scenarios::run::Run;
use trial_scenarios::scenario::Scenario;

#[track_caller]
fn check(file: &str) {
    trial_scenarios::check(format!("tests/rare/{file}.toml")).seeds(0..2).run();
}

#[test]
fn an_unclean_leader_makes_others_cut_below_their_high_watermarks() {
    check("an_unclean_leader");
}

/// A seed draws how far a replacement of segments has come when its broker is killed.
#[test]
fn loads_finish_and_give_up_what_a_cleaner_began() {
    let scenario = Scenario::open("a_cleaner_is_interrupted", &[]).expect("it comes with Trial");
    let scenario = Arc::new(scenario);
    let mut reached = BTreeSet::new();
    for seed in 0..6 {
        let mut run = Run::new(&scenario, seed);
        run.play();
        let probes = run.document(0, String::new()).probes;
        reached.extend(probes.into_iter().filter(|probe| probe.hits > 0).map(|probe| probe.name));
    }
    for name in ["swap_finished_by_load", "swap_abandoned_by_load"] {
        assert!(reached.contains(name), "{name}: {reached:?}");
    }
}

#[test]
fn a_dead_process_registers_late_and_somebody_starts_the_present_one_again() {
    check("a_late_registration");
}

#[test]
fn sends_expire_under_way_and_in_the_queue() {
    check("sends_expire");
}

#[test]
fn small_segments_are_rolled_and_cut_across() {
    check("segments_roll");
}

#[test]
fn a_follower_refuses_bytes_that_its_leader_misread() {
    check("wrong_bytes");
}
