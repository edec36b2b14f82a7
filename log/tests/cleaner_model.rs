//! S6 against random logs: keyed batches with tombstones, producers, transactions that commit and abort, several
//! cleanings as the clock goes on, with cuts, appends, deletions of records and crashes between their steps and at
//! their disk's calls; and retention between cleanings.

mod cases;
mod cleaner_story;
mod support;

use cleaner_story::{Seen, Step, World, step};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

/// A log lives through a story, as its policy is `compact` or `compact,delete`.
fn run(deletes: bool, steps: &[Step]) -> Seen {
    let mut w = World::new(deletes);
    for step in steps {
        w.apply(step);
    }
    assert!(w.history.len() >= w.f.batches().len(), "nothing is there that was not appended");
    w.seen
}

proptest! {
    #![proptest_config(cases::property(2_000, "tests/failed/cleaner_model.txt"))]
    #[test]
    fn a_cleaning_keeps_what_s6_says(
        deletes: bool,
        steps in prop::collection::vec(step(), 40..150),
    ) {
        run(deletes, &steps);
    }
}

#[test]
fn the_stories_clean_and_are_stopped_and_lose_batches() {
    let mut runner = TestRunner::deterministic();
    let stories = prop::collection::vec(step(), 40..150);
    let mut all = Seen::default();
    for number in 0..400 {
        let story = stories.new_tree(&mut runner).expect("nothing is filtered").current();
        let of_this = run(number % 2 == 0, &story);
        all.done += of_this.done;
        all.stopped += of_this.stopped;
        all.gone += of_this.gone;
        all.started_later += of_this.started_later;
        all.started_earlier += of_this.started_earlier;
        all.dropped += of_this.dropped;
        all.came_back += of_this.came_back;
    }
    assert!(all.done > 300 && all.stopped > 5 && all.gone > 1000, "cleanings: {all:?}");
    assert!(all.started_later > 100 && all.started_earlier > 5, "starts: {all:?}");
    assert!(all.dropped > 100 && all.came_back > 0, "segments: {all:?}");
}
