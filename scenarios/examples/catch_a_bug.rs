//! A guard of Kafka's is removed on purpose: a leader acknowledges before its followers have the record. See how soon
//! the checkers notice, and what a failing test prints.
//!
//! `trial list bugs` names the guards that can be removed.

use trial_scenarios::{consumer, producer, scenario};

pub(crate) fn main() {
    let failure = scenario("a leader says yes too early")
        .time("20s")
        .config("min.insync.replicas", 2)
        .topic("orders")
        .client(producer("shop", "orders").rate("25/s").config("acks", "all"))
        .client(consumer("audit", "orders").config("auto.offset.reset", "earliest"))
        .fault("at 8s crash leader(orders/0) losing unsynced for 4s")
        .switch("ack_before_replication")
        .check()
        .seeds(0..10)
        .try_run()
        .expect_err("somebody has to notice");
    println!("{failure}");
    assert!(failure.to_string().contains("R12 is violated at"), "the invariant has a name");
}
