//! Jobs of brokers end where Kafka lets go of a lock, if the scenario says so, and nothing breaks by it.

use std::sync::Arc;

use trial_reports::{RunDocument, Verdict};
use trial_scenarios::play::play;
use trial_scenarios::scenario::Scenario;

/// Every yield point, in the order of the letters.
const POINTS: [&str; 10] = [
    "answer and append",
    "append and purgatory",
    "bound and slice",
    "divergence and cut",
    "high watermark and purgatory",
    "purgatory and answer",
    "read and answer",
    "role and purgatory",
    "slice and progress",
    "verify and append",
];

fn played(name: &str, seed: u64, changes: &[&str]) -> RunDocument {
    let changes: Vec<_> = changes.iter().map(|text| text.parse().expect("a change")).collect();
    let scenario = Arc::new(Scenario::open(name, &changes).expect("it comes with Trial"));
    let mut run = play(&scenario, seed).unwrap_or_else(|fault| panic!("{fault}"));
    let document = run.document(0, String::new());
    assert_eq!(document.verdict, Verdict::Holds, "{name} {seed}: {:?}", document.violations);
    document
}

/// The points that a run met, each with its chance.
fn points(document: &RunDocument) -> Vec<String> {
    let picked = document.picks.iter().find(|pick| pick.path == "yields");
    picked.map_or_else(Vec::new, |pick| pick.value.split(", ").map(str::to_owned).collect())
}

#[test]
fn a_run_in_which_every_job_ends_half_way_holds_and_meets_every_point() {
    for seed in 0..4 {
        let document = played("kill_the_leader", seed, &["lanes.yields=100%"]);
        let mut met = points(&document);
        met.sort();
        assert_eq!(met, POINTS.map(|point| format!("{point} 100%")), "seed {seed}");
    }
}

#[test]
fn each_seed_draws_the_chance_of_each_point_and_without_them_nothing_is_another() {
    let drawn: Vec<_> = (0..8)
        .map(|seed| points(&played("kill_the_leader", seed, &["lanes.yields=drawn"])))
        .collect();
    for chance in ["1%", "10%", "50%"] {
        let has = |point: &String| point.ends_with(&format!(" {chance}"));
        assert!(drawn.iter().flatten().any(has), "{chance}: {drawn:?}");
    }
    assert!(drawn.iter().any(|points| points.len() < POINTS.len()), "some never do: {drawn:?}");
    let digest = |changes: &[&str]| played("kill_the_leader", 1, changes).digest;
    assert_eq!(digest(&["lanes.yields=none"]), digest(&[]), "off by default");
    assert_eq!(digest(&["lanes.yields=0%"]), digest(&[]), "no draw moves another");
    assert_ne!(digest(&["lanes.yields=100%"]), digest(&[]));
}
