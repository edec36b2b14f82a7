//! A failure with one decisive fault.

use super::{Cause, Drawn, Effort, cause, page};
use crate::asked::Asked;

/// One crash, of a leader, right after it has committed what its followers do not know to be committed yet.
const ONE_CRASH: &str = r#"
title = "one crash decides"
switches = ["trunc_to_hw_loss"]
time = "3s"
faults = [
  "at 1s clock b3 ahead 1s for 500ms",
  "at 2s crash b4 for 100ms",
]
[cluster]
brokers = 4
controllers = 1
config = { "min.insync.replicas" = 2 }
[topics.orders]
replicas = 3
partitions = 3
[clients.p2]
produce = "orders"
rate = "1/s"
"#;

fn found(text: &str, seed: u64, jobs: usize) -> Cause {
    let mut asked = Asked::open("departures").expect("it comes with Trial");
    asked.scenario = "small".to_owned();
    asked.text = text.to_owned();
    let effort = Effort { moments: 12, futures: 12, jobs };
    cause(&asked, seed, None, effort, &|_| {}).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn the_fault_that_decides_is_named_and_the_number_of_threads_changes_nothing() {
    let one = found(ONE_CRASH, 15, 1);
    let page = page(&one, Drawn::Ascii);
    let crash = |event: &String| event.contains("hit b4: `at 2s crash b4 for 100ms`");
    let jumps = &one.spared.jumps;
    let decides = jumps.iter().find(|jump| jump.events.iter().any(crash));
    assert!(decides.is_some_and(|jump| jump.after > jump.before), "{page}");
    let clock = |event: &String| event.contains("clock b3");
    assert!(!jumps.iter().any(|jump| jump.events.iter().any(clock)), "it decides nothing: {page}");
    assert!(page.lines().all(|line| line.chars().count() <= 80), "{page}");
    assert_eq!(found(ONE_CRASH, 15, 3), one, "CA-1");
}

#[test]
fn what_no_fault_decides_is_inevitable_from_the_beginning() {
    let text = r#"
        title = "acks=all is answered too soon"
        switches = ["ack_before_replication"]
        time = "3s"
        [topics.orders]
        replicas = 3
        partitions = 1
        [clients.p]
        produce = "orders"
    "#;
    let found = found(text, 1, 2);
    assert_eq!(found.spared.inevitable_from_ms, Some(0.0), "{found:?}");
    assert!(found.spared.jumps.is_empty() && found.planned.jumps.is_empty(), "{found:?}");
    let text = page(&found, Drawn::Blocks);
    assert!(text.contains("inevitable from the beginning"), "{text}");
    assert!(text.contains(&"█".repeat(70)), "{text}");
}
