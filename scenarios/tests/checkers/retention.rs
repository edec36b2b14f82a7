//! What may leave the front of a log, and where logs may start: S7; and that what may go is missed by nobody.

use bytes::Bytes;
use trial_cluster::ids::Offset;
use trial_cluster::note::client::{ClientNote, ResetCause};
use trial_log::{LogEvent, LogStartReason};

use crate::ends;
use crate::story::{B1, B2, B3, DURABLE, ORDERS, R1, Story, batch};
use crate::talk::sets;

const BROKERS: [trial_sim::HostId; 3] = [B1, B2, B3];
const BY_AGE: &[(&str, &str)] = &[("retention.ms", "500")];

/// Plays a story that begins with the records 0 to 2 in one segment and 3 and 4 in the next one, all of them told safe
/// and committed, each of them 1000 ms old by its timestamp at a clock of 2000.
#[track_caller]
fn check(settings: &[(&str, &str)], want: &[&str], play: impl FnOnce(&mut Story)) -> Story {
    let mut story = Story::keeping(DURABLE, settings).filled();
    for number in 0..3 {
        story.produces(B1, number, i64::try_from(number).expect("small"), -1);
    }
    for broker in BROKERS {
        story.rolls(broker);
        story.writes(broker, 0, 3);
        story.writes(broker, 0, 4);
    }
    story.commits(B1, 0, 5);
    for broker in [B2, B3] {
        story.follows_to(broker, 0, 5);
    }
    play(&mut story);
    ends(story, want)
}

fn bytes_of(batches: usize) -> String {
    (batches * batch(0, 0, 0).len()).to_string()
}

/// All brokers drop the first segment, and say where their logs start.
fn all_drop(story: &mut Story) {
    for broker in BROKERS {
        story.drops(broker, 0);
        story.starts(broker, 0, 3, LogStartReason::SegmentDeletion);
    }
}

fn s7(story: &Story) -> &str {
    let found = story.judge.violations().iter().find(|found| found.invariant == "S7");
    &found.expect("S7 is violated").message
}

#[test]
fn what_is_old_enough_may_go_and_nobody_misses_it() {
    let story = check(BY_AGE, &[], |story| {
        story.clocks(1_501);
        all_drop(story);
        story.polls(&[(3, 3), (4, 4)]);
    });
    let counts = story.judge.facts().probes.by_name();
    assert_eq!(counts.get("acked_record_let_go"), Some(&3), "told safe, and let go");
}

#[test]
fn s7_what_is_too_young_may_not_go() {
    let story = check(BY_AGE, &["R3", "R6", "S7"], |story| {
        story.clocks(1_500);
        story.drops(B2, 0);
    });
    let want = "orders/0: b2 dropped the segment at 0 with offsets 0 to 2, at a high watermark of 5, and may not: \
                its log starts at 0, retention.bytes is -1, its newest record is 500 ms old and retention.ms is 500";
    assert_eq!(s7(&story), want);
    // On all disks it is a loss.
    check(BY_AGE, &["R3", "R4", "R6", "R9", "S7", "lost-write"], |story| {
        story.clocks(1_500);
        all_drop(story);
    });
}

#[test]
fn a_clock_that_steps_back_is_believed_what_it_said_before() {
    check(BY_AGE, &[], |story| {
        story.clocks(1_501);
        story.writes(B1, 0, 5);
        story.clocks(1_200);
        story.drops(B1, 0);
    });
}

#[test]
fn s7_what_is_not_committed_may_not_go() {
    let story = check(BY_AGE, &["R3", "R6", "S7"], |story| {
        story.clocks(9_000);
        story.follows_to(B3, 0, 2);
        story.drops(B3, 0);
        story.follows_to(B3, 0, 5);
    });
    assert!(s7(&story).ends_with("nothing at the high watermark or beyond may go"));
}

#[test]
fn s7_by_size_what_is_left_is_as_large_as_was_asked_for() {
    let keeps = |bytes: &str, want: &[&str]| {
        let settings = [("retention.ms", "-1"), ("retention.bytes", bytes)];
        check(&settings, want, |story| story.drops(B2, 0))
    };
    keeps(&bytes_of(2), &[]);
    let more = (2 * batch(0, 0, 0).len() + 1).to_string();
    let story = keeps(&more, &["R3", "R6", "S7"]);
    assert!(s7(&story).contains(" bytes are left and retention.bytes is "), "{}", s7(&story));
}

#[test]
fn s7_a_topic_that_does_not_delete_keeps_everything() {
    let settings = [("cleanup.policy", "compact"), ("retention.ms", "1")];
    // Nobody asks for its records by their keys: they have none.
    check(&settings, &["S7"], |story| {
        story.clocks(9_000);
        story.drops(B2, 0);
    });
}

#[test]
fn settings_may_be_loosened_while_it_runs() {
    let request = sets("retention.ms", "500");
    check(&[], &[], |story| {
        story.clocks(1_501);
        story.asks(B1, 1, &request);
        all_drop(story);
    });
}

/// A segment between others that goes leaves a hole, whatever its age.
#[test]
fn what_is_not_the_oldest_is_no_matter_of_retention() {
    check(BY_AGE, &["R15", "R3", "R6"], |story| {
        story.clocks(9_000);
        story.rolls(B2);
        story.writes(B1, 0, 5);
        story.writes(B2, 0, 5);
        story.drops(B2, 3);
    });
}

/// A client asks for a start at 4; the leader's log starts there, and then those of its followers.
fn deletes_records(story: &mut Story) {
    story.asks_to_delete(B1, 4);
    story.starts(B1, 0, 4, LogStartReason::ClientRecordDeletion);
    for broker in [B2, B3] {
        story.answers(B1, broker, (5, 4), Bytes::new());
        story.starts(broker, 0, 4, LogStartReason::LeaderOffsetIncremented);
    }
}

fn resets(story: &mut Story, to: i64) {
    let (partition, offset, cause) = (ORDERS, Offset(to), ResetCause::OutOfRange);
    story.client(R1, ClientNote::PositionReset { partition, offset, cause });
}

#[test]
fn what_a_client_deletes_is_gone_for_all_and_left_out_by_consumers() {
    check(&[], &[], |story| {
        story.polls(&[(0, 0)]);
        deletes_records(story);
        for broker in BROKERS {
            story.drops(broker, 0);
        }
        resets(story, 4);
        story.polls(&[(4, 4)]);
    });
    // It need not lie behind a segment to be gone.
    check(&[], &[], |story| {
        story.polls(&[(0, 0)]);
        deletes_records(story);
        resets(story, 4);
    });
}

#[test]
fn poll_skip_what_is_there_is_not_left_out_by_a_reset() {
    check(&[], &["poll-skip"], |story| {
        story.polls(&[(0, 0)]);
        resets(story, 2);
    });
    check(&[], &["poll-skip"], |story| {
        story.polls(&[(0, 0)]);
        deletes_records(story);
        resets(story, 5);
    });
}

#[test]
fn s7_a_log_starts_only_where_it_may() {
    let starts = |want: &str, play: fn(&mut Story)| {
        let story = check(&[], &["S7"], play);
        assert!(s7(&story).contains(want), "{} does not say {want}", s7(&story));
    };
    starts("(DeleteRecords), and may not: no client has asked for it", |story| {
        story.starts(B1, 0, 2, LogStartReason::ClientRecordDeletion);
    });
    starts("clients have asked for 1 at most", |story| {
        story.asks_to_delete(B1, 1);
        story.starts(B1, 0, 2, LogStartReason::ClientRecordDeletion);
    });
    starts("it lies beyond the high watermark 5", |story| {
        story.asks_to_delete(B1, -1);
        story.starts(B1, 0, 6, LogStartReason::ClientRecordDeletion);
    });
    starts("its leaders have told a start of 0 at most", |story| {
        story.starts(B2, 0, 2, LogStartReason::LeaderOffsetIncremented);
    });
    starts("the first segment that is left begins at 0", |story| {
        story.starts(B2, 0, 3, LogStartReason::SegmentDeletion);
    });
    starts("as long as a process runs a log's start only rises", |story| {
        deletes_records(story);
        story.starts(B1, 4, 2, LogStartReason::ClientRecordDeletion);
    });
    starts("(when it was opened), and may not: nothing had moved it there before", |story| {
        story.log(
            B1,
            LogEvent::Opened {
                clean: true,
                log_start_offset: Offset(2),
                log_end_offset: Offset(5),
            },
        );
    });
}

/// A follower tells of its start when its job ends. Its leader's word may have come between (seed 1034 of
/// `old_records_go`).
#[test]
fn s7_a_segment_is_judged_by_the_high_watermark_at_which_it_went() {
    check(BY_AGE, &[], |story| {
        story.clocks(1_501);
        story.drops(B2, 0);
        story.follows_to(B2, 0, 2);
        story.starts(B2, 0, 3, LogStartReason::SegmentDeletion);
        story.follows_to(B2, 0, 5);
    });
    let story = check(BY_AGE, &["S7"], |story| {
        story.follows_to(B2, 0, 2);
        story.starts(B2, 0, 3, LogStartReason::SegmentDeletion);
        story.follows_to(B2, 0, 5);
    });
    assert!(s7(&story).ends_with("it lies beyond the high watermark 2"), "{}", s7(&story));
    // What another process knew is no excuse.
    let story = check(BY_AGE, &["S7"], |story| {
        story.clocks(1_501);
        story.drops(B2, 0);
        story.dies(B2);
        story.follows_to(B2, 0, 2);
        story.starts(B2, 0, 3, LogStartReason::SegmentDeletion);
        story.follows_to(B2, 0, 5);
    });
    assert!(s7(&story).ends_with("it lies beyond the high watermark 2"), "{}", s7(&story));
}

#[test]
fn a_retention_that_a_crash_interrupts_is_legal_or_a_loss() {
    check(BY_AGE, &[], |story| {
        story.clocks(1_501);
        story.unseen(B2, |story| story.drops(B2, 0));
        story.dies(B2);
    });
    check(BY_AGE, &["R3"], |story| {
        story.clocks(1_500);
        story.unseen(B2, |story| story.drops(B2, 0));
        story.dies(B2);
        story.follows_to(B2, 0, 5);
    });
}

/// A power loss may bring back what was dropped, since its new name was not synced.
#[test]
fn what_comes_back_after_a_power_loss_is_no_breach() {
    check(BY_AGE, &[], |story| {
        story.clocks(1_501);
        story.drops(B2, 0);
        story.starts(B2, 0, 3, LogStartReason::SegmentDeletion);
        story.unseen(B2, |story| {
            let path = "orders-0/00000000000000000000.log";
            story.renames(B2, &format!("{path}.deleted"), path);
        });
        story.dies(B2);
        story.log(
            B2,
            LogEvent::Opened {
                clean: false,
                log_start_offset: Offset(0),
                log_end_offset: Offset(5),
            },
        );
        story.follows_to(B2, 0, 5);
    });
}

/// A fetch was answered before the last copies went: its bytes are no new record.
#[test]
fn a_copy_of_what_was_let_go_is_no_new_record() {
    // It is written where it does not belong, but not by a second leader (R1).
    check(BY_AGE, &["R16", "R2", "R3", "R6"], |story| {
        story.clocks(1_501);
        for broker in BROKERS {
            story.drops(broker, 0);
        }
        story.writes_at(B2, 2, 0, 2);
    });
}

/// A follower that is further behind than its leader's log begins anew there.
#[test]
fn a_follower_begins_anew_where_its_leaders_log_starts() {
    check(BY_AGE, &[], |story| {
        story.clocks(1_501);
        story.registers(|it| it.isr = crate::story::nodes(&[1, 2]));
        story.follows_to(B3, 0, 2);
        story.drops(B3, 3);
        story.ends_at(B3, 3);
        for broker in [B1, B2] {
            story.drops(broker, 0);
            story.starts(broker, 0, 3, LogStartReason::SegmentDeletion);
        }
        story.drops(B3, 0);
        story.rolls(B3);
        story.starts(B3, 0, 3, LogStartReason::Truncation);
        story.writes(B3, 0, 3);
    });
}
