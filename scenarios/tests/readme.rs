//! The README's tests and what a failing one prints: they are here too, and the two are the same.

use std::sync::Arc;

use trial_scenarios::ScenarioBuilder;
use trial_scenarios::play::{End, play};
use trial_scenarios::scenario::Scenario;

mod first {
    use trial_scenarios::{consumer, producer, scenario};

    #[test]
    fn orders_survive_a_leader_that_loses_power() {
        scenario("orders survive a leader that loses power")
            .time("20s")
            .config("min.insync.replicas", 2)
            .topic("orders")
            .client(producer("shop", "orders").rate("25/s").config("acks", "all"))
            .client(consumer("audit", "orders").config("auto.offset.reset", "earliest"))
            .fault("at 8s crash leader(orders/0) losing unsynced for 4s")
            .must_happen("lossy_leader_crash")
            .check()
            .seeds(0..20)
            .run();
    }
}

mod by_hand {
    use trial_scenarios::{consumer, lab, producer, scenario};

    #[test]
    fn an_order_outlives_its_leader() {
        let orders = scenario("a leader crashes between two orders")
            .config("min.insync.replicas", 2)
            .topic("orders")
            .client(producer("shop", "orders").by_hand())
            .client(consumer("audit", "orders").config("auto.offset.reset", "earliest"));

        lab(orders).seeds(0..20).run(|lab| {
            let epoch = lab.epoch("orders/0");
            lab.produce("shop", "anna", "apples").expect("all is well");
            lab.lose_power("leader(orders/0)");
            lab.wait_until("another leader", |lab| lab.epoch("orders/0") > epoch);
            lab.produce("shop", "anna", "pears").expect("two of three are enough");
            assert_eq!(lab.consume("audit", 2)[0].value_text(), "apples");
        });
    }
}

const README: &str = include_str!("../../README.md");

/// Code without what a formatter or a reader adds.
fn bare(code: &str) -> String {
    let lines = code.lines().map(|line| line.split("//").next().unwrap_or_default());
    lines.flat_map(str::chars).filter(|letter| !letter.is_whitespace()).collect()
}

#[test]
fn the_readme_shows_the_tests_of_this_file() {
    let here = bare(include_str!("readme.rs"));
    let blocks: Vec<&str> =
        README.split("```rust\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert_eq!(blocks.len(), 2, "README.md holds two tests");
    for block in blocks {
        assert!(here.contains(&bare(block)), "README.md shows another test:\n{block}");
    }
}

#[test]
fn the_scenarios_that_the_readme_shows_come_to_what_they_expect() {
    let blocks: Vec<&str> =
        README.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    let scenarios: Vec<&str> =
        blocks.into_iter().filter(|block| block.starts_with("title")).collect();
    assert_eq!(scenarios.len(), 2, "README.md shows two scenarios");
    for text in scenarios {
        let scenario =
            Arc::new(Scenario::from_text("readme", text, None, &[]).expect("it can be played"));
        for seed in 0..3 {
            let run = play(&scenario, seed).unwrap_or_else(|fault| panic!("{fault}"));
            let complaint = End::of(&run, scenario.expect).complaint();
            assert_eq!(complaint, None, "{} with seed {seed}", scenario.title);
        }
    }
}

/// The first test of this file, as it stands there.
fn orders() -> ScenarioBuilder {
    use trial_scenarios::{consumer, producer, scenario};
    scenario("orders survive a leader that loses power")
        .time("20s")
        .config("min.insync.replicas", 2)
        .topic("orders")
        .client(producer("shop", "orders").rate("25/s").config("acks", "all"))
        .client(consumer("audit", "orders").config("auto.offset.reset", "earliest"))
        .fault("at 8s crash leader(orders/0) losing unsynced for 4s")
        .must_happen("lossy_leader_crash")
}

#[test]
fn the_readme_shows_what_a_failing_test_prints() {
    let shown = README.split("<!-- failure -->\n```\n").nth(1);
    let shown = shown.and_then(|rest| rest.split("```").next()).expect("README.md has it");
    let broken = orders().switch("ack_before_replication").check().seeds(0..20);
    let failure = broken.try_run().expect_err("a guard is gone").to_string();
    let own = "the_readme_shows_what_a_failing_test_prints";
    let failure = failure.replace(own, "orders_survive_a_leader_that_loses_power");
    assert_eq!(shown.trim_end(), failure);
}
