//! A scenario file, checked as it stands and with one value of it changed.
//!
//! The same file is for the command line: `trial run scenarios/examples/orders.toml`.

use trial_scenarios::check;

const ORDERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/orders.toml");

pub(crate) fn main() {
    check(ORDERS).seeds(0..5).run();
    // Five brokers, and an older Kafka: the promise is the same.
    check(ORDERS).set("cluster.brokers=5").profile("4.3-no-elr").seeds(0..5).run();
}
