//! Who of two producers comes first: with one handler the one whose request arrives first, with eight either.

use trial_cluster::config::BrokerConfig;
use trial_cluster::ids::Offset;
use trial_sim::{Chunking, Distribution, NetworkSettings, Span, WorldSettings};

use crate::support::Setup;

const SEEDS: u64 = 30;

/// Two producers, the second one microsecond behind the first; the offsets of their records.
fn offsets(seed: u64, num_io_threads: &str) -> (Offset, Offset) {
    // No jitter: both requests travel equally long, so that the first to be sent is the first to arrive.
    let network = NetworkSettings {
        latency: Distribution::Constant(Span::from_micros(100)),
        chunking: Chunking::Whole,
        ..NetworkSettings::default()
    };
    let mut config = BrokerConfig::default();
    config.set("num.io.threads", num_io_threads).expect("it is Kafka's");
    let world = WorldSettings { network, ..WorldSettings::default() };
    let mut bench = Setup { world, config, ..Setup::new(seed) }.build();
    let (first, second) = (bench.connect(), bench.connect());
    bench.run_for(Span::from_millis(10));
    bench.send_produce(first, 0, 100);
    bench.run_for(Span::from_micros(1));
    bench.send_produce(second, 0, 100);
    (bench.wait_for_produced(first).1, bench.wait_for_produced(second).1)
}

#[test]
fn one_handler_keeps_the_order_of_arrival_and_eight_vary_it_by_seed() {
    let in_order = (Offset(0), Offset(1));
    let overtaken = (Offset(1), Offset(0));
    let mut count = 0;
    for seed in 0..SEEDS {
        assert_eq!(offsets(seed, "1"), in_order, "seed {seed}");
        let eight = offsets(seed, "8");
        assert!(eight == in_order || eight == overtaken, "seed {seed}: {eight:?}");
        assert_eq!(eight, offsets(seed, "8"), "seed {seed} twice");
        count += u64::from(eight == overtaken);
    }
    assert!((3..SEEDS - 3).contains(&count), "overtaken in {count} of {SEEDS} seeds");
}
