//! A fetch that finds nothing and parks is woken by the append that was being paid meanwhile.
//!
//! The host computes slowly, so that the read of a fetch takes half a millisecond. A fetch is sent at every moment
//! around the end of the append: some park long before, some find the batch, and those between look while it is not
//! published, and park when it is. Nothing would ever wake those, if they did not look once more (FE-1).

use trial_cluster::ids::Offset;
use trial_cluster::wire::{FetchRequest, fetch_request};
use trial_sim::disk::DiskSettings;
use trial_sim::{Span, Time};

use crate::support::{Bench, Door, LOG_FILE, Setup};

const MAX_WAIT: Span = Span::from_secs(20);
const STEP: Span = Span::from_micros(50);

/// Asks for what is being appended; answers when it had it.
fn poll(bench: &Bench, reader: Door, at: Time) -> Time {
    let mut bench = bench.clone();
    bench.run_until(at);
    bench.send_fetch(reader, Offset(0), MAX_WAIT);
    let fetched = bench.wait_for_fetched(reader);
    assert_eq!(fetched.batches.len(), 1, "FE-1: sent at {at}, and answered with {fetched:?}");
    fetched.at
}

#[test]
fn a_long_poll_that_parks_while_an_append_is_paid_is_woken_by_it() {
    let disk = DiskSettings {
        bytes_per_second: 200_000,
        dirty_limit_bytes: 4096,
        ..DiskSettings::default()
    };
    let mut bench = Setup { disk, ..Setup::new(5) }.build();
    let (writer, reader) = (bench.connect(), bench.connect());
    bench.run_for(Span::from_millis(10));
    bench.send_produce(writer, 0, 20_000);
    bench.run_until_written(LOG_FILE);
    bench.world.slow(bench.b1, 100);
    let written = bench.world.now();
    let (answered, _) = bench.clone().wait_for_produced(writer);
    assert!(answered > written + Span::from_millis(50), "the append takes a while");

    let early = poll(&bench, reader, written + Span::from_millis(10));
    let soon = Span::from_millis(20);
    assert!(early < answered + soon, "a fetch that has parked is woken, not at {early}");
    let mut sent = Time(answered.0 - Span::from_millis(4).0);
    let mut waits = Vec::new();
    while sent < answered + Span::from_millis(1) {
        let had = poll(&bench, reader, sent);
        let wait = had.since(sent);
        assert!(wait < soon, "FE-1: sent {} before the answer: {wait}", answered.since(sent));
        waits.push(wait);
        sent += STEP;
    }
    // The first has parked, the last has not: the moment between lies in the sweep.
    let (first, last) = (waits[0], waits[waits.len() - 1]);
    assert!(first > last + Span::from_millis(2), "the first waits {first}, the last {last}");
}

/// By names: the last version that has them.
const BY_NAMES: i16 = 12;

fn named(topics: &[&str]) -> FetchRequest {
    let topic = |name: &&str| fetch_request::Topic {
        topic: (*name).to_owned(),
        partitions: vec![fetch_request::Partition {
            partition_max_bytes: 1 << 20,
            ..Default::default()
        }],
        ..Default::default()
    };
    FetchRequest {
        max_wait_ms: 20_000,
        min_bytes: 1,
        max_bytes: 1 << 20,
        topics: topics.iter().map(topic).collect(),
        ..Default::default()
    }
}

/// As `KafkaApis.handleFetchRequest` has it: only what is there is read and waited for.
#[test]
fn what_is_not_there_ends_no_wait_for_the_rest_and_is_told_last() {
    let mut bench = Setup::new(6).build();
    let (writer, reader) = (bench.connect(), bench.connect());
    bench.run_for(Span::from_millis(10));
    bench.send(reader, BY_NAMES, &named(&["absent", "orders"]));
    bench.run_for(Span::from_secs(1));
    assert!(!bench.is_answered(reader), "FN-1: it waits for what is there");
    bench.produce(writer, 100);
    let answer = bench.wait_for::<FetchRequest>(reader, BY_NAMES);
    let told = answer.responses.iter().map(|it| (it.topic.as_str(), it.partitions[0].error_code));
    assert_eq!(told.collect::<Vec<_>>(), [("orders", 0), ("absent", 3)]);
    let asked = bench.world.now();
    bench.ask(reader, BY_NAMES, &named(&["absent"]));
    let wait = bench.world.now().since(asked);
    assert!(wait < Span::from_secs(1), "there is nothing to wait for: {wait}");
}
