//! The promise that shrinking stands on: one item less leaves every other item, and every stream, as it was.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use trial_sim::fault::{Effect, Fault, Sides};
use trial_sim::{Plan as Draws, Time};

use super::plan::{Plan, Planned};
use super::player::Player;
use super::trial_run::Run;
use crate::asked::Asked;
use crate::scenario::Scenario;

/// Seeds whose plans are compared; drawing one costs next to nothing.
const PLANS: u64 = 100;
/// Seeds that are played once for every item.
const PLAYED: usize = 2;
/// How often the streams are looked at: connections come and go.
const LOOKS: u64 = 12;

/// The swarm, with four brokers so that one can go, and little time.
fn swarm(seconds: u64) -> Scenario {
    let mut asked = Asked::open("everything_at_once").expect("it comes with Trial");
    asked.settings = vec!["cluster.brokers=4".to_owned(), format!("time={seconds}s")];
    let mut scenario = asked.scenario().expect("it can be played");
    scenario.picks.clear();
    let line =
        format!("during 1s..{seconds}s swarm network mesh connect crash disk io clock pause");
    scenario.faults = vec![line.parse().expect("a fault")];
    scenario
}

/// The lines of a plan, in order; the sides of a split of all hosts are sorted, without `gone`.
fn lines(plan: &Plan, gone: &str) -> BTreeSet<(Time, String)> {
    let line = |(at, planned): &(Time, Planned)| {
        let text = match &planned.fault {
            Fault { effect: Effect::Cut { sides: Sides::Both(one, other) }, lasting, .. }
                if one.0.len() + other.0.len() > 2 =>
            {
                let side = |hosts: &[trial_sim::fault::HostExpr]| {
                    let names = hosts.iter().map(ToString::to_string);
                    names.filter(|name| name != gone).collect::<Vec<_>>()
                };
                let (one, other) = (side(&one.0), side(&other.0));
                if one.is_empty() || other.is_empty() {
                    return None;
                }
                format!("split {one:?} {other:?} {lasting:?}")
            }
            Fault {
                effect: Effect::Ring { hosts } | Effect::Swizzle { hosts }, lasting, ..
            } => {
                let names = hosts.0.iter().map(ToString::to_string);
                let others: Vec<_> = names.filter(|name| name != gone).collect();
                format!("all of {others:?} {lasting:?}")
            }
            // It is about everybody, and who stands between may be the one that is gone.
            Fault { effect: Effect::Bridge { .. }, .. } => return None,
            fault => fault.to_string(),
        };
        let mut words = text.split(|letter: char| !letter.is_alphanumeric());
        let names_it = words.any(|word| word == gone);
        (!names_it).then_some((*at, text))
    };
    plan.timed.iter().filter_map(line).collect()
}

#[test]
fn a_plan_without_a_broker_or_a_controller_is_the_same_plan_but_for_it() {
    let full = swarm(60);
    let (mut compared, mut lost) = (0, 0);
    for seed in 0..PLANS {
        let plan = Plan::draw(&full, seed);
        for gone in ["b4", "c3"] {
            let mut less = full.clone();
            match gone {
                "b4" => less.cluster.brokers -= 1,
                _ => less.cluster.controllers -= 1,
            }
            let (want, found) = (lines(&plan, gone), lines(&Plan::draw(&less, seed), gone));
            assert_eq!(found, want, "PL-1: seed {seed} without {gone}");
            compared += want.len();
            lost += plan.timed.len() - want.len();
        }
    }
    assert!(compared > 500 && lost > 100, "{compared} compared, {lost} lost");
}

#[test]
fn a_plan_without_a_client_or_a_line_is_the_same_plan_but_for_it() {
    let mut full = swarm(60);
    for line in ["at 2s cut b1 | b2 b3 for 3s", "every 7s pause b2 for 100ms"] {
        full.faults.push(line.parse().expect("a fault"));
    }
    for seed in 0..PLANS {
        let plan = Plan::draw(&full, seed);
        for client in full.clients.keys() {
            let mut less = full.clone();
            less.clients.remove(client);
            assert_eq!(Plan::draw(&less, seed), plan, "PL-1: seed {seed} without {client}");
        }
        let alone: Vec<Plan> = (0..full.faults.len())
            .map(|line| {
                let mut less = full.clone();
                less.faults = vec![full.faults[line].clone()];
                Plan::draw(&less, seed)
            })
            .collect();
        for line in 0..full.faults.len() {
            let mut less = full.clone();
            less.faults.remove(line);
            let others = alone.iter().enumerate().filter(|(other, _)| *other != line);
            let want: BTreeSet<_> = others.flat_map(|(_, plan)| lines(plan, "nobody")).collect();
            let found = Plan::draw(&less, seed);
            assert_eq!(lines(&found, "nobody"), want, "PL-1: seed {seed} without line {line}");
        }
    }
}

/// Every stream that there ever was, as seen at several times: its name and its identity.
fn streams(scenario: &Scenario, seed: u64, plan: Plan) -> BTreeMap<String, u64> {
    let mut run = Run::new(&Arc::new(scenario.clone()), seed);
    run.player = Player::new(plan, Draws::new(seed), run.player.programs());
    let mut all = BTreeMap::new();
    for look in 1..=LOOKS {
        run.play_until(Time::ZERO + scenario.time * look / LOOKS);
        let mut names = BTreeSet::new();
        for stream in run.world().streams() {
            assert!(names.insert(stream.name.clone()), "two streams are named {}", stream.name);
            let known = *all.entry(stream.name.clone()).or_insert(stream.identity);
            assert_eq!(known, stream.identity, "{} has become another", stream.name);
        }
    }
    all
}

/// How many streams both runs have; each has to be the same stream.
#[track_caller]
fn compare(what: &str, with: &BTreeMap<String, u64>, without: &BTreeMap<String, u64>) -> usize {
    let common: Vec<&String> = with.keys().filter(|name| without.contains_key(*name)).collect();
    for name in &common {
        assert_eq!(with[*name], without[*name], "ST-1: {name} without {what}");
    }
    common.len()
}

#[test]
fn a_run_without_any_one_item_draws_the_same_from_every_stream_that_it_still_has() {
    let full = swarm(6);
    let worth = |seed: &u64| (2..=6).contains(&Plan::draw(&full, *seed).timed.len());
    for seed in (0..PLANS).filter(worth).take(PLAYED) {
        let plan = Plan::draw(&full, seed);
        let with = streams(&full, seed, plan.clone());
        let all = with.len();
        let enough = |what: &str, scenario: &Scenario, plan: Plan| {
            let common = compare(what, &with, &streams(scenario, seed, plan));
            assert!(common * 3 > all, "{what}: only {common} of {all} are there to be compared");
        };
        for fault in 0..plan.timed.len() {
            let mut less = plan.clone();
            let (_, gone) = less.timed.remove(fault);
            enough(&gone.fault.to_string(), &full, less);
        }
        for client in full.clients.keys() {
            let mut less = full.clone();
            less.clients.remove(client);
            enough(client, &less, plan.clone());
        }
        for gone in ["b4", "c3"] {
            let mut less = full.clone();
            match gone {
                "b4" => less.cluster.brokers -= 1,
                _ => less.cluster.controllers -= 1,
            }
            enough(gone, &less, Plan::draw(&less, seed));
        }
    }
}
