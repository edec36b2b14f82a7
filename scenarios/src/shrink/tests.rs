//! Small failures, made smaller.

use std::sync::Arc;
use std::time::Duration;

use super::{Limits, ShrinkError, Shrunk, Target, shrink, shrink_with};
use crate::asked::Asked;
use crate::fingerprint::Fingerprint;
use crate::run::{Phase, Run};
use crate::scenario::Scenario;

/// Two crashes lose what was committed, since followers cut their logs to what they know to be committed; the other
/// faults have no part in it.
const TWO_OF_SEVEN: &str = r#"
title = "two of these are needed"
switches = ["trunc_to_hw_loss"]
time = "6s"
faults = [
  "at 1500ms delay b1 > c1 by 5ms for 1s",
  "at 1700ms clock b2 ahead 2s for 2s",
  "at 2s crash b2 for 130ms",
  "at 2500ms slow b1 by 2 for 1s",
  "at 3s crash b3 for 130ms",
  "every 2s disk b1 slow by 2 for 100ms",
  "at 5s reset b1 - b2",
]
[cluster]
brokers = 3
controllers = 1
config = { "min.insync.replicas" = 2 }
[topics.orders]
replicas = 3
partitions = 1
[topics.other]
replicas = 1
partitions = 1
[clients.p2]
produce = "orders"
rate = "2/s"
[clients.other]
produce = "other"
rate = "2/s"
"#;
const SEED: u64 = 32;

fn asked(text: &str) -> Asked {
    let mut asked = Asked::open("departures").expect("it comes with Trial");
    asked.scenario = "small".to_owned();
    asked.text = text.to_owned();
    asked
}

fn limits(jobs: usize) -> Limits {
    Limits { wall: Duration::from_secs(600), jobs }
}

#[track_caller]
fn shrunk(asked: &Asked, seed: u64, jobs: usize) -> Shrunk {
    shrink(asked, seed, None, limits(jobs), &|_, _| {}).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn only_what_is_needed_is_left_and_the_number_of_threads_changes_nothing() {
    let asked = asked(TWO_OF_SEVEN);
    let small = shrunk(&asked, SEED, 1);
    assert_eq!((small.from.faults, small.from.topics), (7, 2));
    assert!(small.to.faults <= 2, "{}", small.text);
    assert_eq!((small.to.topics, small.to.producers), (1, 1), "{}", small.text);
    let document = small.document.as_ref().expect("it was played");
    let shows = |found: &trial_reports::Violation| {
        Fingerprint::new(&found.invariant, &found.message) == small.fingerprint
    };
    assert!(document.violations.iter().any(shows), "SH-1: {:?}", document.violations);
    assert_eq!(document.beyond_budget, None, "TA-2");
    let again = shrunk(&asked, SEED, 3);
    assert_eq!(again.text, small.text, "SH-2");
}

#[test]
fn a_swarm_that_breaks_with_a_guard_removed_is_told_in_a_few_lines() {
    let mut asked = Asked::open("everything_at_once").expect("it comes with Trial");
    asked.switches = vec!["ack_before_replication".to_owned()];
    let small = shrunk(&asked, 37, 2);
    assert!(small.from.faults > 5 && small.to.faults <= 5, "{}", small.text);
    assert_eq!(small.fingerprint.what, "R12");
}

/// A judge that takes any failure for the one that is looked for.
#[test]
fn another_failure_is_never_passed_off_as_the_same() {
    let both = r#"switches = ["ack_before_replication", "trunc_to_hw_loss"]"#;
    let text = TWO_OF_SEVEN.replace(r#"switches = ["trunc_to_hw_loss"]"#, both);
    let asked = asked(&text);
    let all = |text: &str| -> Vec<Fingerprint> {
        let scenario = Scenario::from_text("small", text, None, &[]).expect("it can be played");
        let mut run = Run::new(&Arc::new(scenario), SEED);
        run.play();
        let found = run.judge().violations();
        found.iter().map(|found| Fingerprint::new(found.invariant, &found.message)).collect()
    };
    let found = all(&text);
    let lost = found.iter().find(|found| found.what == "R5").expect("what was committed is gone");
    assert_ne!(found.first(), Some(lost), "acks that come too soon are found before: {found:?}");
    let any = |_: &Target, scenario: &Arc<Scenario>| {
        let mut run = Run::new(scenario, SEED);
        run.play();
        let is_over = matches!(run.phase(), Phase::Over { .. });
        let at = run.judge().violations().first().filter(|_| is_over)?.at;
        Some(super::target::Shown { at, amid_faults: false })
    };
    let careless = shrink_with(&asked, SEED, Some(lost), limits(2), &|_, _| {}, &any);
    assert!(matches!(careless, Err(ShrinkError::Another { .. })), "SH-1: {careless:?}");
    let careful = shrink(&asked, SEED, Some(lost), limits(2), &|_, _| {});
    let careful = careful.unwrap_or_else(|error| panic!("{error}"));
    assert!(all(&careful.text).contains(lost), "SH-1: {}", careful.text);
}

#[test]
fn a_run_without_a_failure_is_refused_with_what_it_came_to() {
    let asked = asked(&TWO_OF_SEVEN.replace("switches = [\"trunc_to_hw_loss\"]", ""));
    let refused = shrink(&asked, SEED, None, limits(1), &|_, _| {});
    let Err(error @ ShrinkError::NothingWrong { .. }) = refused else { panic!("{refused:?}") };
    assert!(error.to_string().contains("holds as expected"), "{error}");
    let wanted = Fingerprint::new("R1", "no such thing");
    let refused = shrink(&self::asked(TWO_OF_SEVEN), SEED, Some(&wanted), limits(1), &|_, _| {});
    assert!(matches!(refused, Err(ShrinkError::NotThere { .. })), "{refused:?}");
}
