//! The history of truncation: each older rule breaks what its specification says, and today's does not.
//!
//! In Kafka: the specifications of Jason Gustafson (`KafkaTruncateToHighWatermark`, `Kip101`, `Kip279`,
//!           `Kip320FirstTry`, `Kip320`), of which the last alone claims all of its properties.
//! Holds:    one scenario for each rule, played under its own, the next one and today's. StrongIsr (what lies below the
//!           high watermark of whoever presumes to lead is on every member of the true in-sync set) is what R3, R4, R5,
//!           R6, R8 and R23 judge, and R15 at the moment in which a member cuts it off; WeakIsr says the same of the
//!           in-sync set as the leader knows it, and is R8; LeaderInIsr is R13; TypeOk is what the machines assert.

use trial_cluster::rules::{Switch, Truncation};
use trial_reports::Verdict;
use trial_scenarios::hunt::Pair;
use trial_scenarios::play::play;

const STRONG_ISR: [&str; 7] = ["R3", "R4", "R5", "R6", "R8", "R15", "R23"];
const LEADER_IN_ISR: &str = "R13";
const SEEDS: u64 = 3;

/// The older rules, in the order of their history, each with the switch that gives it.
const HISTORY: [(Truncation, Switch); 4] = [
    (Truncation::ToHighWatermark, Switch::TruncToHwDiverge),
    (Truncation::Kip101, Switch::FastFailoverDiverge),
    (Truncation::Kip279, Switch::ZombieReplicaUnfencedFetch),
    (Truncation::Kip320FirstTry, Switch::FetchWithoutLeaderEpoch),
];

/// The schedule that is made for one rule, played under another; none is today's. What breaks, in its order.
fn played(made_for: Switch, under: Option<Switch>, seed: u64) -> (Verdict, Vec<&'static str>) {
    let pair = Pair::of(made_for.name(), under.unwrap_or(made_for)).expect("it comes with Trial");
    let scenario = if under.is_some() { pair.with } else { pair.without };
    let run = play(&scenario, seed).expect("Trial plays it");
    let broken = run.judge().violations().iter().map(|violation| violation.invariant).collect();
    (run.verdict(), broken)
}

#[test]
fn each_older_rule_breaks_strong_isr_in_its_own_schedule() {
    for (truncation, switch) in HISTORY {
        let pair = Pair::of(switch.name(), switch).expect("it comes with Trial");
        assert_eq!(pair.with.rules.truncation(), truncation);
        assert_eq!(pair.without.rules.truncation(), Truncation::Kip320);
        for seed in 0..SEEDS {
            let (_, broken) = played(switch, Some(switch), seed);
            let first = broken.first().copied().unwrap_or_default();
            assert!(STRONG_ISR.contains(&first), "{truncation:?} {seed}: {broken:?}");
            assert!(!broken.contains(&LEADER_IN_ISR), "{truncation:?} {seed}: {broken:?}");
        }
    }
}

#[test]
fn each_rule_holds_where_the_one_before_did_not_and_todays_everywhere() {
    let next = HISTORY.iter().skip(1).map(|(_, switch)| Some(*switch)).chain([None]);
    for ((_, made_for), next) in HISTORY.iter().zip(next) {
        for seed in 0..SEEDS {
            for under in [next, None] {
                let found = played(*made_for, under, seed);
                assert_eq!(found, (Verdict::Holds, vec![]), "{made_for} under {under:?}, {seed}");
            }
        }
    }
}
