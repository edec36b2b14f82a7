//! What the swarm is worth: it holds, it bites, and it finds the guards that are removed.
//!
//! Holds: the bars of the project, with samples of the seeds; `TRIAL_SWARM=2000` plays that many of each (release
//! builds take minutes for it).

use std::ops::Range;
use std::sync::Arc;

use trial_scenarios::asked::Asked;
use trial_scenarios::probe;
use trial_scenarios::sweep::{SweepReport, sweep};
use trial_scenarios::{check, play};

/// Every state that a swarm has to reach in at least this many of a thousand seeds.
const BITES_PER_MILLE: u64 = 50;
const BITES: [&str; 6] = [
    "lossy_leader_crash",
    "truncation",
    "unclean_restart",
    "isr_shrink",
    "leader_shrinks_isr",
    "two_epochs_in_ten_seconds",
];

/// The same of the swarm whose records go.
const OLD_RECORDS_BITE: [&str; 7] = [
    "retention_by_age",
    "retention_by_size",
    "retention_by_log_start",
    "tombstone_removed",
    "leader_starts_later",
    "lossy_leader_crash",
    "truncation",
];

fn seeds(sample: u64) -> u64 {
    let asked = std::env::var("TRIAL_SWARM").ok();
    asked.map_or(sample, |text| text.parse().expect("TRIAL_SWARM is a number of seeds"))
}

fn per_mille(report: &SweepReport, probe: &str) -> u64 {
    let probe = probe::named(probe).expect("the name of a mark");
    report.runs_with(probe) * 1_000 / report.results.len() as u64
}

#[track_caller]
fn holds_and_bites(scenario: &str, seeds: u64, bites: &[&str]) {
    let report = check(scenario).run_exactly((0..seeds).into());
    for probe in bites {
        let found = per_mille(&report, probe);
        println!("{probe}: {found} of 1,000 seeds");
        assert!(found >= BITES_PER_MILLE, "{probe}: {found} of 1,000 seeds do not bite");
    }
}

#[test]
fn everything_at_once_holds_and_bites() {
    holds_and_bites("everything_at_once", seeds(40), &BITES);
}

#[test]
fn old_records_go_holds_and_bites() {
    holds_and_bites("old_records_go", seeds(40), &OLD_RECORDS_BITE);
}

/// Plays seeds of the swarm without a guard until one of `ids` is violated; within `most` seeds it has to be.
#[track_caller]
fn is_noticed(switch: &str, most: u64, ids: &[&str]) {
    let mut asked = Asked::open("everything_at_once").expect("it comes with Trial");
    asked.switches = vec![switch.to_owned()];
    let scenario = Arc::new(asked.scenario().expect("it can be played"));
    for seed in 0..most {
        let run = play::play(&scenario, seed).unwrap_or_else(|fault| panic!("{fault}"));
        let found = run.judge().violations();
        if let Some(found) = found.iter().find(|found| ids.contains(&found.invariant)) {
            println!("{switch}: {} in seed {seed}", found.invariant);
            return;
        }
    }
    panic!("{switch}: none of {ids:?} within {most} seeds");
}

/// What can show that followers cut committed records away.
const CUT: [&str; 8] = ["R3", "R4", "R5", "R6", "R8", "R9", "R23", "lost-write"];

#[test]
fn acks_before_replication_are_noticed_within_50_seeds() {
    is_noticed("ack_before_replication", 50, &["R12", "R9", "lost-write", "C2"]);
}

#[test]
fn truncation_to_the_high_watermark_is_noticed_within_500_seeds() {
    is_noticed("trunc_to_hw_loss", 500, &CUT);
    is_noticed("trunc_to_hw_diverge", 500, &CUT);
}

/// What a switch does to a scenario that holds without it.
fn is_noticed_in(file: &str, switch: &str, seeds: Range<u64>, id: &str) {
    let path = format!("{}/tests/rare/{file}.toml", env!("CARGO_MANIFEST_DIR"));
    let mut asked = Asked::open(&path).expect("it is in the repository");
    let mut found = |switches: Vec<String>| {
        asked.switches = switches;
        let scenario = Arc::new(asked.scenario().expect("it can be played"));
        let report = sweep(&scenario, seeds.clone().into(), 2, &|_| {});
        report.by_invariant().into_keys().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(found(Vec::new()), [""; 0], "{file} holds");
    let noticed = found(vec![switch.to_owned()]);
    assert!(noticed.iter().any(|noticed| noticed == id), "{file} with {switch}: {noticed:?}");
}

/// As Kafka does it: a power loss brings back what was cut, beneath the epoch of what followed.
#[test]
fn a_truncation_that_is_not_synced_is_noticed() {
    is_noticed_in("a_cut_that_was_not_synced", "truncation_not_synced", 0..6, "R16");
}

/// As Kafka does it: a power loss takes the end of a closed segment and leaves the next one, and nobody looks.
#[test]
fn a_hole_that_a_recovery_leaves_is_noticed() {
    is_noticed_in("a_hole_between_segments", "recovery_leaves_hole", 10..20, "R4");
}

/// acks=1: the leader loses power with the only copy. The loss is told with all that explains it, and excused.
#[test]
fn an_ack_of_the_leader_alone_loses_records_and_says_why() {
    let report = check("what_an_ack_buys").run_exactly((0..seeds(6)).into());
    assert!(per_mille(&report, "excused_loss") > 0, "no seed lost anything");
    let scenario = Asked::open("what_an_ack_buys").and_then(|asked| asked.scenario());
    let scenario = Arc::new(scenario.expect("it comes with Trial"));
    let mut run = play::play(&scenario, 0).unwrap_or_else(|fault| panic!("{fault}"));
    let document = run.document(0, String::new());
    let loss = document.excused.iter().find(|found| !found.host.is_empty()).expect("a loss");
    let crash = "at 22s crash leader(orders/1) losing unsynced for 3s";
    assert_eq!((loss.setting.as_str(), loss.fault.as_str()), ("acks=1", crash));
    assert_eq!(loss.at_ms, 22_000, "the moment at which the power was gone");
}
