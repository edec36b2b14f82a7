//! A Lab: what a script asks happens once, in order, is digested, and is judged like everything else.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

use trial_scenarios::{Lab, ScenarioBuilder, SendError, consumer, lab, producer, scenario, topic};

fn orders() -> ScenarioBuilder {
    scenario("orders by hand")
        .config("min.insync.replicas", 2)
        .topic(topic("orders").partitions(2).replicas(3))
        .client(producer("shop", "orders").by_hand().config("acks", "all"))
        .client(consumer("audit", "orders").config("auto.offset.reset", "earliest"))
}

/// What a panic says.
fn said(of: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(of)).expect_err("it panics");
    panic.downcast_ref::<String>().expect("it has a message").clone()
}

#[test]
fn what_is_produced_is_read_with_its_key_offset_and_epoch() {
    let mut lab = Lab::start(orders(), 1);
    let first = lab.produce_to("shop", "orders/1", "anna", "apples").expect("all is well");
    let second = lab.produce_to("shop", "orders/1", (), b"\x00\xff").expect("all is well");
    assert_eq!((&*first.partition, first.offset), ("orders/1", 0));
    assert_eq!((&*second.partition, second.offset), ("orders/1", 1));
    let read = lab.consume("audit", 2);
    assert_eq!((read[0].key_text(), read[0].value_text()), ("anna".into(), "apples".into()));
    assert_eq!((&read[1].key, read[1].value.as_deref()), (&None, Some(&b"\x00\xff"[..])));
    assert_eq!((read[1].offset, read[1].leader_epoch), (1, lab.epoch("orders/1")));
    assert!(lab.poll("audit").is_empty(), "it was polled");
    lab.produce("shop", "anna", None::<&str>).expect("a tombstone");
    assert_eq!(lab.consume("audit", 1)[0].value, None);
    assert_eq!(lab.consumed("audit").len(), 3, "all that it has read");
    let document = lab.finish();
    assert_eq!((document.records.sent, document.records.acked), (3, 3), "LC-1");
    assert_eq!(document.records.read, 3, "LC-1");
}

#[test]
fn equal_scripts_have_equal_digests_and_others_do_not() {
    let play = |seed, value: &str, wait: &str| {
        let mut lab = Lab::start(orders(), seed);
        let sent = lab.send("shop", "anna", value);
        lab.run_for(wait);
        lab.isolate("follower(orders/0)");
        lab.run_for("1s");
        lab.wait_for(sent).expect("all is well, or two of three are enough");
        let before = lab.digest();
        lab.finish();
        before
    };
    let once = play(3, "apples", "2s");
    assert_eq!(once, play(3, "apples", "2s"), "LB-1");
    assert_ne!(once, play(4, "apples", "2s"), "another seed");
    assert_ne!(once, play(3, "pears!", "2s"), "another value");
    assert_ne!(once, play(3, "apples", "3s"), "another time");
}

#[test]
fn a_clone_goes_its_own_way_and_to_the_same_end_if_it_is_left_alone() {
    let mut lab = Lab::start(orders(), 5);
    let sent = lab.send("shop", "anna", "apples");
    let (mut same, mut other) = (lab.clone(), lab.clone());
    let mut rekeyed = lab.clone();
    rekeyed.rekey(1);
    for one in [&mut lab, &mut same, &mut rekeyed] {
        one.wait_for(sent).expect("all is well");
        one.run_for("2s");
    }
    other.pause("leader(orders/0) leader(orders/1)");
    other.run_for("2s");
    assert_eq!(lab.digest(), same.digest(), "LB-3");
    assert_ne!(lab.digest(), rekeyed.digest(), "chance was another");
    assert_eq!(other.outcome(sent), None, "nobody answers here");
    for lab in [lab, same, other, rekeyed] {
        lab.finish();
    }
}

#[test]
fn a_fault_lasts_until_it_is_ended() {
    let mut lab = Lab::start(orders(), 2);
    let crash = lab.crash("b1 b2");
    assert!(!lab.is_up("b1") && !lab.is_up("b2") && lab.is_up("b3"), "{lab}");
    lab.end(&crash);
    lab.wait_until("both to boot", |lab| lab.is_up("b1") && lab.is_up("b2"));
    let short = lab.fault("crash b3 for 2s");
    lab.run_for("1s");
    assert!(!lab.is_up("b3"), "{lab}");
    lab.run_for("1500ms");
    assert!(lab.is_up("b3"), "{lab}");
    assert!(lab.what_it_did(&short).contains("lost"), "{}", lab.what_it_did(&short));
    lab.crash("b1");
    lab.restart("b1");
    lab.run_for("1ms");
    assert!(lab.is_up("b1"), "{lab}");
    lab.stop("b1");
    lab.wait_until("b1 to go", |lab| !lab.is_up("b1"));
    lab.run_for("5s");
    assert!(!lab.is_up("b1"), "what was restarted before is not restarted by that now");
    lab.heal_all();
    lab.wait_until("all to be in sync", |lab| lab.isr("orders/0").len() == 3);
    lab.finish();
}

#[test]
fn a_fault_may_wait_for_its_time_or_its_condition() {
    let mut lab = Lab::start(orders(), 2);
    let when = lab.fault("when high_watermark(orders/0) >= 1 crash leader(orders/0) for 1s");
    let late = lab.fault("at 1h crash b1");
    lab.run_for("2s");
    assert_eq!(lab.what_it_did(&when), "its time never came");
    let leader = lab.leader("orders/0").expect("it has one");
    let _ = lab.produce_to("shop", "orders/0", (), "apples").expect("another leads");
    assert!(!lab.is_up(&leader) || lab.leader("orders/0") != Some(leader), "{lab}");
    assert_eq!(lab.what_it_did(&late), "its time never came");
    lab.finish();
}

#[test]
fn a_fault_may_come_a_while_after_its_condition() {
    let mut lab = Lab::start(orders(), 2);
    let shrink = lab.fault("when high_watermark(orders/0) >= 1 after 3s stop b3");
    lab.produce_to("shop", "orders/0", (), "apples").expect("nothing is wrong yet");
    lab.run_for("2900ms");
    assert_eq!(lab.what_it_did(&shrink), "its time never came");
    lab.run_for("200ms");
    assert_eq!(lab.what_it_did(&shrink), "b3: asked to stop in good order");
    lab.finish();
}

#[test]
fn an_isolated_leader_acknowledges_nothing() {
    let impatient = producer("shop", "orders")
        .by_hand()
        .config("linger.ms", 0)
        .config("request.timeout.ms", 1_000)
        .config("delivery.timeout.ms", 3_000);
    let orders = scenario("an impatient shop")
        .config("min.insync.replicas", 2)
        .topic(topic("orders").replicas(3))
        .client(impatient);
    let mut lab = Lab::start(orders, 4);
    let leader = lab.leader("orders/0").expect("it has one");
    let others = ["b1", "b2", "b3"].into_iter().filter(|broker| *broker != leader);
    let others = others.collect::<Vec<_>>().join(" ");
    lab.cut(&leader, &others);
    let refused = lab.produce("shop", "anna", "apples").expect_err("a leader alone");
    assert!(matches!(refused, SendError::Failed { maybe_written: true, .. }), "{refused}");
    assert_eq!(refused.kafka().map(|error| error.name()), Some("REQUEST_TIMED_OUT"));
    assert!(lab.log_end(&leader, "orders/0") >= 1, "it has the record, and perhaps retries: {lab}");
    assert_eq!(lab.acked("orders/0"), 0, "{lab}");
    lab.finish();
}

#[test]
fn a_producer_that_goes_down_is_told_nothing() {
    let mut lab = Lab::start(orders(), 4);
    let sent = lab.send("shop", "anna", "apples");
    lab.crash("shop");
    assert_eq!(lab.wait_for(sent), Err(SendError::ProducerDown));
    assert_eq!(lab.produce("shop", "anna", "pears"), Err(SendError::ProducerDown));
    lab.heal_all();
    lab.wait_until("the shop to open", |lab| lab.is_up("shop"));
    assert_eq!(lab.outcome(sent), Some(Err(SendError::ProducerDown)), "it was another life");
    lab.produce("shop", "anna", "plums").expect("all is well");
    lab.finish();
}

#[test]
fn a_workload_of_the_scenario_goes_on_until_the_script_ends_it() {
    let busy = orders().time("1s").calm("3s").client(producer("crowd", "orders").rate("50/s"));
    let mut lab = Lab::start(busy, 4);
    lab.run_for("10s");
    let before = lab.acked("orders/0") + lab.acked("orders/1");
    assert!(before > 450, "{before} in ten seconds");
    let document = lab.finish();
    let all = document.records.acked;
    assert!((before + 120..before + 250).contains(&all), "three seconds of calm: {before}, {all}");
}

#[test]
fn records_of_a_script_are_judged_and_the_step_that_breaks_something_panics() {
    let said = said(|| {
        lab(orders()).switch("ack_before_replication").seeds(0..20).run(|lab| {
            let cut = lab.isolate("follower(orders/0)");
            lab.produce_to("shop", "orders/0", "anna", "apples").expect("the leader says so");
            lab.lose_power("leader(orders/0)");
            lab.end(&cut);
            lab.run_for("20s");
        });
    });
    assert!(said.contains("is violated at"), "{said}");
    assert!(said.contains("faults as played"), "{said}");
    assert!(said.contains("scenarios/tests/lab.rs:") || said.contains("tests/lab.rs:"), "{said}");
    let name = "records_of_a_script_are_judged_and_the_step_that_breaks_something_panics";
    assert!(said.contains(&format!(" cargo test {name} -- --exact")), "{said}");
}

#[test]
fn a_violation_that_is_expected_does_not_stop_the_script() {
    let broken = orders().switch("ack_before_replication").expect("violated").exceeds_budget();
    let mut seeds = (0..20).map(|seed| {
        let mut lab = Lab::start(&broken, seed);
        lab.produce_to("shop", "orders/0", "anna", "apples").expect("the leader says so");
        lab.lose_power("leader(orders/0)");
        lab.run_for("20s");
        let known = lab.violations().len();
        (known, lab.try_finish().is_ok())
    });
    assert!(seeds.any(|(known, as_expected)| known > 0 && as_expected), "LB-2");
}

#[test]
fn what_is_waited_for_in_vain_says_how_things_stand() {
    let said = said(|| {
        let mut lab = Lab::start(orders(), 1);
        lab.crash("b1 b2 b3");
        lab.wait_at_most("5s", "an order", |lab| lab.high_watermark("orders/0") > 0);
    });
    assert!(said.starts_with("waited 5s for an order, from "), "{said}");
    assert!(said.contains("down b1 b2 b3"), "{said}");
    assert!(said.contains("orders/0: leader "), "{said}");
}

#[test]
fn a_name_that_is_not_there_is_told_with_those_that_are() {
    let with = |script: fn(&mut Lab)| said(|| script(&mut Lab::start(orders(), 1)));
    let check = |script: fn(&mut Lab), want: &str| {
        let said = with(script);
        assert!(said.contains(want), "{said} does not say {want}");
    };
    check(|lab| _ = lab.send("audit", (), "v"), "there is no producer `audit`; there is shop");
    check(|lab| drop(lab.poll("shop")), "there is no consumer `shop`; there is audit");
    check(|lab| drop(lab.leader("orders/2")), "there is orders/0 to orders/1");
    check(|lab| _ = lab.log_end("b4", "orders/0"), "there is no host `b4`; there are b1, b2");
    check(|lab| drop(lab.fault("crsh b1")), "did you mean `crash`?");
    check(|lab| drop(lab.crash("b4")), "there is no host `b4`");
    check(|lab| lab.run_for("soon"), "the form is 500ms, 2s or 1m");
}

#[test]
fn a_fault_that_hits_nobody_is_an_error_of_the_script() {
    let said = said(|| {
        let mut lab = Lab::cold(orders(), 1);
        lab.crash("leader(orders/0)");
    });
    assert!(said.starts_with("`crash leader(orders/0)` found nobody"), "{said}");
}

#[test]
fn a_script_that_does_not_do_the_same_twice_fails() {
    let calls = AtomicU64::new(0);
    let story = lab(orders()).seeds(0..1).try_run(|lab| {
        let call = calls.fetch_add(1, Ordering::Relaxed);
        lab.produce("shop", "anna", format!("order {call}")).expect("all is well");
    });
    let story = story.expect_err("it counts");
    assert!(story.contains("two runs of it differ"), "LK-2: {story}");
    assert_eq!(calls.into_inner(), 2, "twice");
    lab(orders()).seeds(0..1).run(|lab| _ = lab.produce("shop", "anna", "apples"));
}

#[test]
fn a_script_that_fails_is_told_with_its_place_and_how_things_stood() {
    let story = lab(orders()).seeds(3..6).try_run(|lab| {
        lab.pause("b1");
        lab.run_for("1s");
        assert_eq!(lab.high_watermark("orders/0"), 7, "the customers are waiting");
    });
    let story = story.expect_err("nobody ordered anything");
    let (first, rest) = story.split_once('\n').expect("many lines");
    assert!(first.starts_with("orders_by_hand: seed 3 fails, at "), "{story}");
    assert!(first.contains("tests/lab.rs:"), "the place of the assertion: {story}");
    for part in ["the customers are waiting", "pause b1: ", "orders/0: leader ", "again:   "] {
        assert!(rest.contains(part), "no {part} in {story}");
    }
}
