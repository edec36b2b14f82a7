//! One past, two futures: a cluster is cloned in the middle of a send, and its leader crashes in one of the two.

use trial_scenarios::{Lab, producer, scenario};

pub(crate) fn main() {
    let orders = scenario("an order is under way")
        .config("min.insync.replicas", 2)
        .topic("orders")
        .client(producer("shop", "orders").by_hand());
    let mut lab = Lab::start(orders, 3);
    let order = lab.send("shop", "anna", "apples");
    lab.wait_until("the order to be in the leader's log", |lab| {
        lab.leader("orders/0").is_some_and(|leader| lab.log_end(&leader, "orders/0") == 1)
    });

    let mut calm = lab.clone();
    let mut stormy = lab;
    stormy.lose_power("leader(orders/0)");

    calm.wait_for(order).expect("nothing happens here");
    stormy.wait_for(order).expect("the producer tries again");
    assert_eq!(calm.epoch("orders/0"), 0, "the same leader as ever");
    assert!(stormy.epoch("orders/0") > 0, "another one");
    assert!(calm.now() < stormy.now(), "an election takes its time");

    println!("calm:   {calm}\nstormy: {stormy}");
    calm.finish();
    stormy.finish();
}
