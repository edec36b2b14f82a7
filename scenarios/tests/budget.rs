//! Faults beyond what acks=all promises to survive: told as such, and excused only where the scenario means it.

use std::sync::Arc;

use trial_reports::{RunDocument, Verdict};
use trial_scenarios::run::Run;
use trial_scenarios::scenario::Scenario;

fn played(first: &str) -> RunDocument {
    let text = format!(
        r#"
        title = "all brokers lose power at once"
        time = "20s"
        {first}
        faults = ["at 5s crash b1 b2 b3 losing unsynced for 4s"]
        [cluster]
        config = {{ "min.insync.replicas" = 2 }}
        [topics.orders]
        partitions = 2
        [clients.shop]
        produce = "orders"
        rate = "200/s"
        "#
    );
    let scenario = Scenario::from_text("beyond", &text, None, &[]).expect("it can be played");
    let mut run = Run::new(&Arc::new(scenario), 1);
    run.play();
    run.document(0, String::new())
}

#[test]
fn a_violation_beyond_the_budget_says_so_and_how_to_mean_it() {
    let document = played("");
    assert_eq!(document.verdict, Verdict::Violated, "{:?}", document.violations);
    let beyond = document.beyond_budget.expect("three of three have lost something");
    assert!(beyond.contains("survives 1") && beyond.contains("exceeds_budget = true"), "{beyond}");
}

#[test]
fn a_loss_that_is_meant_is_excused() {
    let document = played("exceeds_budget = true");
    assert_eq!(document.verdict, Verdict::Holds, "{:?}", document.violations);
    assert!(document.excused.iter().any(|loss| !loss.host.is_empty()), "{:?}", document.excused);
    assert_eq!(document.beyond_budget, None);
}

#[test]
fn producers_go_on_for_as_long_as_the_calm_lasts() {
    let sent =
        |calm: &str| played(&format!("calm = \"{calm}\"\nexceeds_budget = true")).records.sent;
    let more = sent("7s") - sent("2s");
    assert!((900..=1_000).contains(&more), "five seconds at 200/s: {more}");
}
