//! A slow disk is felt by producers, by exactly as much as the fault says.
//!
//! One partition, one connection from outside: 32 KiB batches with acks=1, each sent when the last one was answered.
//! The page cache takes 1 MiB, so nearly all of them wait for the device.

use trial_sim::Span;
use trial_sim::disk::DiskSettings;

use crate::support::Setup;

const PRODUCES: usize = 600;

/// The sum of all latencies, and the busy time that the fault added, if there is one.
fn play(slow: Option<u32>) -> (Span, Span) {
    let disk = DiskSettings {
        bytes_per_second: 20_000_000,
        dirty_limit_bytes: 1 << 20,
        ..DiskSettings::default()
    };
    let mut bench = Setup { disk, ..Setup::new(11) }.build();
    let fault = slow.map(|factor| bench.world.disk_slow(bench.b1, None, factor));
    let door = bench.connect();
    let mut sum = Span::ZERO;
    for _ in 0..PRODUCES {
        let sent = bench.world.now();
        sum += bench.produce(door, 32 * 1024).since(sent);
    }
    let added = fault.map_or(Span::ZERO, |fault| bench.world.effect(fault).disk_busy_added);
    (sum, added)
}

#[test]
fn a_slow_disk_adds_the_latency_to_produces_that_the_fault_says() {
    let (base, none) = play(None);
    assert_eq!(none, Span::ZERO);
    let (slow, added) = play(Some(10));
    let felt = slow - base;
    let error = felt.0.abs_diff(added.0);
    assert!(added > Span::from_secs(5), "the disk worked {added} longer");
    assert!(error * 20 <= added.0, "producers felt {felt}, the fault says {added}");
}
