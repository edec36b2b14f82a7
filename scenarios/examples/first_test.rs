//! Your first fault-injection test: a scenario built in Rust, checked under twenty seeds.
//!
//! In a test of your own this is the body of a `#[test]`. `cargo run --example first_test` plays it here.

use trial_scenarios::{consumer, producer, scenario};

pub(crate) fn main() {
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
