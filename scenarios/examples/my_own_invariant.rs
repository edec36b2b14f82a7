//! An invariant of your own, over many seeds: what one customer orders is read in the order in which it was sent,
//! whoever leads, and nothing that was acknowledged is missing.

use std::collections::BTreeSet;

use trial_scenarios::{consumer, lab, producer, scenario, topic};

pub(crate) fn main() {
    let orders = scenario("customers see their orders in their order")
        .config("min.insync.replicas", 2)
        .topic(topic("orders").partitions(3))
        .client(
            producer("shop", "orders")
                .by_hand()
                .config("acks", "all")
                .config("max.in.flight.requests.per.connection", 1),
        )
        .client(consumer("kitchen", "orders").config("auto.offset.reset", "earliest"));

    lab(orders).seeds(0..10).run(|lab| {
        let mut acked = BTreeSet::new();
        for round in 0..20 {
            if round == 8 {
                lab.fault("crash leader(orders/0) losing unsynced for 3s");
            }
            for customer in ["anna", "bert", "carla"] {
                let order = format!("{customer} {round:02}");
                lab.produce("shop", customer, &order).expect("two of three are enough");
                acked.insert(order);
            }
        }
        let read = lab.consume("kitchen", acked.len());
        for customer in ["anna", "bert", "carla"] {
            let mut own: Vec<String> = read
                .iter()
                .filter(|record| record.key_text() == customer)
                .map(|record| record.value_text())
                .collect();
            // A retry may write an order twice: without idempotence Kafka allows that.
            own.dedup();
            assert!(own.is_sorted(), "{customer} sees {own:?}");
        }
        let seen: BTreeSet<String> = read.iter().map(|record| record.value_text()).collect();
        assert_eq!(seen, acked, "what was acknowledged is read");
    });
}
