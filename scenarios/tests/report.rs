//! What a report says of records that are not there any more, and of those that never came to be there.

use std::sync::Arc;

use trial_reports::{FailedRecords, Palette, PartitionOutcome, RunDocument, Verdict, render_run};
use trial_scenarios::play::play;
use trial_scenarios::{ScenarioBuilder, consumer, producer, scenario, topic};

/// Plays seed 1.
fn played(built: &ScenarioBuilder) -> RunDocument {
    let scenario = Arc::new(built.build().expect("it can be played"));
    let mut run = play(&scenario, 1).unwrap_or_else(|fault| panic!("{fault}"));
    let document = run.document(0, String::new());
    assert_eq!(document.verdict, Verdict::Holds, "{}", render_run(&document, Palette::Plain));
    document
}

fn orders(document: &RunDocument) -> &PartitionOutcome {
    let [orders] = &document.partitions[..] else { panic!("one partition") };
    orders
}

fn small() -> ScenarioBuilder {
    scenario("t")
        .time("8s")
        .config("log.initial.task.delay.ms", 500)
        .config("log.cleaner.backoff.ms", 100)
}

#[test]
fn a_log_that_was_compacted_holds_fewer_records_than_it_has_offsets() {
    let accounts = topic("orders")
        .config("cleanup.policy", "compact")
        .config("min.cleanable.dirty.ratio", "0.01")
        .config("internal.segment.bytes", 2_000);
    let document = played(&small().topic(accounts).client(producer("p1", "orders").keys(3)));
    let orders = orders(&document);
    assert_eq!(orders.log_start, 0, "a cleaner deletes nothing at the front");
    assert_eq!(orders.acked, orders.high_watermark.unsigned_abs());
    assert!(orders.held < orders.acked / 2, "{orders:?}");
    // Of each key one, and what stands in the active segment.
    assert!(orders.held >= 3, "{orders:?}");
}

#[test]
fn a_log_whose_front_was_deleted_holds_what_is_left() {
    let purger = consumer("r1", "orders").purge("1s").config("auto.offset.reset", "earliest");
    let built = small().topic("orders").client(producer("p1", "orders")).client(purger);
    let document = played(&built);
    let orders = orders(&document);
    assert!(orders.log_start > 0, "{orders:?}");
    assert_eq!(orders.held, (orders.log_end - orders.log_start).unsigned_abs());
    assert_eq!(orders.acked, orders.log_end.unsigned_abs(), "nothing failed");
}

/// Kafka takes these settings, and no record. So nothing can be violated, and the report has to say why.
#[test]
fn a_producer_that_is_never_told_that_a_record_is_safe_is_told_why() {
    for (setting, error) in [
        ("max.message.bytes", "MESSAGE_TOO_LARGE"),
        ("internal.segment.bytes", "RECORD_LIST_TOO_LARGE"),
    ] {
        let tiny = topic("orders").config(setting, 1);
        let document = played(&small().topic(tiny).client(producer("p1", "orders")));
        let [told] = &document.producers[..] else { panic!("one producer") };
        assert_eq!((told.producer.as_str(), told.acked), ("p1", 0), "{setting}");
        let failed = FailedRecords { error: error.into(), records: told.sent };
        assert_eq!(told.failed, [failed], "{setting}");
        let page = render_run(&document, Palette::Plain);
        assert!(page.contains("HOLDS, but of p1 no record was acknowledged"), "{page}");
    }
}
