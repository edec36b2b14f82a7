//! A Lab: start a cluster, produce, crash the leader, wait, assert. No async, no real time.

use trial_scenarios::{Lab, consumer, producer, scenario};

pub(crate) fn main() {
    let orders = scenario("a leader crashes between two orders")
        .config("min.insync.replicas", 2)
        .topic("orders")
        .client(producer("shop", "orders").by_hand().config("acks", "all"))
        .client(consumer("audit", "orders").config("auto.offset.reset", "earliest"));
    let mut lab = Lab::start(orders, 7);
    let (old, epoch) = (lab.leader("orders/0"), lab.epoch("orders/0"));

    lab.produce("shop", "anna", "apples").expect("all is well");
    lab.lose_power("leader(orders/0)");
    lab.wait_until("another leader", |lab| lab.epoch("orders/0") > epoch);
    assert_ne!(lab.leader("orders/0"), old, "its replica was in sync");

    let second = lab.produce("shop", "anna", "pears").expect("two of three are enough");
    assert_eq!(second.offset, 1, "the first is still there");
    let read = lab.consume("audit", 2);
    let values: Vec<String> = read.iter().map(|record| record.value_text()).collect();
    assert_eq!(values, ["apples", "pears"], "both, in their order");
    assert!(read[1].leader_epoch > read[0].leader_epoch, "written by two leaders");

    println!("{lab}");
    lab.finish();
}
