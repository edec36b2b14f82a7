//! Places that nobody may reach, and the counting of those that somebody should.

use trial_cluster::note::Note;
use trial_cluster::note::controller::ControllerNote;
use trial_cluster::note::partition::PartitionEvent;
use trial_cluster::note::raft::RaftNote;
use trial_log::LogEvent;
use trial_scenarios::probe::{self, Probe};

use crate::check;
use crate::story::{B1, B2, C1, DURABLE, ORDERS, Story};

fn mark(name: &str) -> Probe {
    probe::named(name).unwrap_or_else(|| panic!("no mark is called {name}"))
}

#[test]
fn who_comes_to_an_unreachable_place_is_told_once_with_its_reason() {
    let impossible = mark("response_out_of_order");
    check(&["unreachable"], |story| story.note(B1, Note::Reached(impossible)));
    check(&["unreachable"], |story| {
        story.note(B1, Note::Reached(impossible));
        story.note(B2, Note::Reached(impossible));
    });
    check(&["unreachable"], |story| {
        story.controller(ControllerNote::Reached(mark("alter_partition_by_another")));
    });
    check(&[], |story| story.note(B1, Note::Reached(mark("request_times_out"))));

    let mut story = Story::new(DURABLE);
    story.note(B1, Note::Reached(impossible));
    let violation = &story.judge.violations()[0];
    assert_eq!(violation.message, "b1 came to response_out_of_order");
    assert!(violation.facts[0].ends_with(impossible.about), "{:?}", violation.facts);
    let place = format!("{}:{}", impossible.file, impossible.line);
    assert!(violation.facts[1].ends_with(&place), "{:?}", violation.facts);
}

#[test]
fn a_mark_counts_whoever_notes_it() {
    let mut story = Story::new(DURABLE);
    let stale = mark("stale_fetch_response");
    story.note(B1, Note::Reached(stale));
    story.partition(B1, PartitionEvent::Reached(stale));
    story.note(B1, Note::Log { partition: ORDERS, event: LogEvent::Reached(stale) });
    story.note(C1, Note::Raft(RaftNote::Reached(stale)));
    story.controller(ControllerNote::Reached(stale));
    assert_eq!(story.judge.facts().probes.count(stale), 5);
}
