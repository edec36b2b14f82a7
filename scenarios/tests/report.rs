//! What a report says of records that are not there any more, and of those that never came to be there.

use std::sync::Arc;

use trial_reports::{FailedRecords, Palette, PartitionOutcome, RunDocument, Verdict, render_run};
use trial_scenarios::play::play;
use trial_scenarios::{ScenarioBuilder, consumer, member, producer, scenario, topic};

/// Plays seed 1.
fn played(built: &ScenarioBuilder) -> RunDocument {
    let document = played_somehow(built);
    assert_eq!(document.verdict, Verdict::Holds, "{}", render_run(&document, Palette::Plain));
    document
}

/// The same, whatever comes of it.
fn played_somehow(built: &ScenarioBuilder) -> RunDocument {
    let scenario = Arc::new(built.build().expect("it can be played"));
    let mut run = play(&scenario, 1).unwrap_or_else(|fault| panic!("{fault}"));
    run.document(0, String::new())
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

#[test]
fn a_group_whose_members_have_all_ended_is_missed() {
    let reader = |name: &str, session: i64| {
        member(name, "readers", ["orders"]).config("session.timeout.ms", session)
    };
    let with = |one: i64, other: i64| {
        let built = small().topic(topic("orders")).client(producer("p1", "orders"));
        played_somehow(&built.client(reader("m1", one)).client(reader("m2", other)))
    };
    // Brokers take half an hour at most (`group.max.session.timeout.ms`).
    let (good, bad) = (10_000, 1_900_000);
    let all = with(bad, bad);
    assert_eq!(all.verdict, Verdict::Stuck);
    let page = render_run(&all, Palette::Plain);
    let missed =
        "L7: nobody is left in group readers: the poll of m1 threw INVALID_SESSION_TIMEOUT";
    assert!(page.contains(missed), "{page}");
    let one = with(good, bad);
    assert_eq!(one.verdict, Verdict::Holds);
    let [group] = &one.groups[..] else { panic!("one group") };
    let ended: Vec<_> = group.ended.iter().map(|it| (&*it.member, &*it.error)).collect();
    assert_eq!(ended, [("m2", "INVALID_SESSION_TIMEOUT")]);
}
