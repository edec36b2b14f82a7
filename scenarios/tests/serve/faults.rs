//! Faults that somebody types, and what becomes of clients and verdict.

use std::io::Read as _;

use trial_reports::Verdict;
use trial_scenarios::asked::Asked;

use super::guest::Guest;
use super::served::{Served, quick};

#[test]
fn a_bad_line_is_told_and_changes_nothing() {
    let mut served = Served::quick();
    served.type_line("crsh b1");
    assert!(served.wait_for("refused").contains("did you mean `crash`?"), "{:#?}", served.lines);
    served.type_line("crash b9");
    assert!(served.wait_for("refused").contains("there is no host `b9`"), "{:#?}", served.lines);
    served.type_line("crash leader(orders/0)");
    let line = served.wait_for("refused");
    assert!(line.contains("there is no partition `orders/0`"), "{line}");
    assert!(line.contains("there are none") && !line.contains("allowed:"), "{line}");
    served.type_line(&format!("crash b1 {}", "x".repeat(100_000)));
    let line = served.wait_for("refused");
    assert!(line.contains("a line of 100009 characters is no fault: `crash b1"), "{line}");
    assert!(line.len() < 600, "not all of it: {}", line.len());
    served.type_line("pause outside");
    assert!(served.wait_for("refused").contains("nothing of Trial's runs outside"));
    served.type_line("help");
    served.wait_for("ends every fault");
    served.type_line("status");
    served.wait_for("down: nobody");
    assert_eq!(served.guest(1).create("orders", 1), 0);
    served.type_line("when isr(orders/0) == 3 cut b1 | b2 for 1s");
    served.wait_for("cut b1 | b2");
    served.holds();
}

#[test]
fn a_status_goes_by_name_and_counts_what_it_leaves_out() {
    let mut served = Served::quick();
    let mut guest = served.guest(1);
    for (topic, partitions) in [("b", 3), ("c", 40), ("a", 2)] {
        assert_eq!(guest.create(topic, partitions), 0);
        served.wait_for(&format!("topic {topic}: "));
    }
    served.type_line("status");
    let status = served.wait_for("down: nobody");
    let lines: Vec<&str> = status.lines().skip(1).collect();
    let names: Vec<&str> =
        lines.iter().filter_map(|line| line.split_once(':')).map(|it| it.0).collect();
    let a_and_b = ["a/0", "a/1", "b/0", "b/1", "b/2", "c/0", "c/1", "c/2", "c/3"];
    assert_eq!(names[..9], a_and_b, "{status}");
    assert_eq!((names.len(), names[39]), (40, "c/34"), "{status}");
    assert_eq!(lines[40..], ["and 5 more partitions, from c/35 on, by name"], "{status}");
    served.holds();
}

#[test]
fn a_broker_that_is_down_ends_connections_and_takes_none() {
    let mut served = Served::quick();
    let mut before = served.connect(2);
    let mut guest = Guest::new(before.try_clone().expect("a descriptor more"));
    assert_eq!(guest.metadata(None).brokers.len(), 3, "it is connected all the way");
    served.type_line("crash b2");
    served.wait_for("b2 is down");
    assert_eq!(before.read(&mut [0; 8]).ok(), Some(0), "a process that dies closes its sockets");
    let mut after = served.connect(2);
    assert!(after.read(&mut [0; 8]).is_err(), "refused: here a reset, since Trial itself listens");
    served.type_line("heal");
    served.wait_for("b2 is unfenced");
    assert!(served.guest(2).metadata(None).brokers.len() >= 2, "it serves again");
    served.holds();
}

#[test]
fn a_cut_between_a_client_and_a_broker_holds_their_bytes() {
    let mut served = Served::quick();
    let mut guest = served.guest(3);
    served.type_line("cut outside | b3 for 1s");
    served.wait_for("cut outside | b3");
    let start = std::time::Instant::now();
    assert_eq!(guest.metadata(None).brokers.len(), 3, "it is late, not lost");
    let waited = start.elapsed();
    assert!(waited.as_millis() > 500, "{waited:?}");
    served.holds();
}

#[test]
fn a_removed_guard_is_noticed_by_what_clients_from_outside_were_told() {
    let asked = Asked { switches: vec!["ack_before_replication".to_owned()], ..quick() };
    let mut served = Served::start(&asked);
    assert_eq!(served.guest(1).create("orders", 1), 0);
    let mut producer = served.guest_of_leader("orders", 0);
    for number in 0..50 {
        let said = producer.produce("orders", 0, format!("{number}").as_bytes());
        assert_eq!(said.map(|(error, _)| error), Some(0));
    }
    served.wait_for("R12 is violated");
    assert_eq!(served.quit().verdict(), Verdict::Violated);
}
