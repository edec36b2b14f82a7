//! The checkers are judged: each has a history that it must reject and one that it must accept.

mod clients;
mod commits;
mod compaction;
mod controllers;
mod deletions;
mod disks;
mod excuses;
mod explained;
mod flipped;
mod groups;
mod images;
mod liveness;
mod marks;
mod quorum;
mod real_logs;
mod reassignments;
mod registrations;
mod retention;
mod sequences;
mod snapshots;
mod story;
mod talk;

use story::{DURABLE, Story};

/// Plays a story that begins with three committed records; wants these violations and no others.
#[track_caller]
fn check(want: &[&str], play: impl FnOnce(&mut Story)) {
    let mut story = Story::with_three(DURABLE);
    play(&mut story);
    ends(story, want);
}

/// Wants these violations and no others, each of which can be explained, and nothing that nobody could read.
#[track_caller]
fn ends(mut story: Story, want: &[&str]) -> Story {
    let found = story.end();
    assert_eq!(found, want, "{:#?}", story.judge.violations());
    for violation in story.judge.violations() {
        explained::stands_on_the_record(&story, violation.invariant);
    }
    let unknown = story.judge.unknown();
    assert!(unknown.is_empty(), "{unknown:?}");
    story
}
