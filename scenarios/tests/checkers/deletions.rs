//! What is gone everywhere when DeleteRecords says so, and what a leader cannot know: R26.

use bytes::Bytes;
use trial_cluster::controller::election::ElectedFrom;
use trial_cluster::ids::Offset;
use trial_log::{LogEvent, LogStartReason};
use trial_sim::{HostId, Seen};

use crate::ends;
use crate::story::{B1, B2, B3, Story, nodes};

/// Plays a story that begins with three records, committed everywhere, and a leader that has heard both followers.
#[track_caller]
fn check(want: &[&str], play: impl FnOnce(&mut Story)) -> Story {
    let mut story = Story::with_three(crate::DURABLE);
    for broker in [B2, B3] {
        story.answers(B1, broker, (3, 0), Bytes::new());
    }
    play(&mut story);
    ends(story, want)
}

/// A client asks for a start at 2, and the leader's log starts there.
fn asks(story: &mut Story) {
    story.asks_to_delete(B1, 2);
    story.starts(B1, 0, 2, LogStartReason::ClientRecordDeletion);
}

/// The follower's log starts where its leader's does.
fn follows(story: &mut Story, broker: HostId) {
    story.answers(B1, broker, (3, 2), Bytes::new());
    story.starts(broker, 0, 2, LogStartReason::LeaderOffsetIncremented);
}

/// It comes back from a crash with the start that was written down last.
fn forgets(story: &mut Story, broker: HostId) {
    story.dies(broker);
    story.boots(broker);
    let (log_start_offset, log_end_offset) = (Offset(0), Offset(3));
    story.log(broker, LogEvent::Opened { clean: false, log_start_offset, log_end_offset });
}

#[test]
fn r26_it_is_told_when_everybody_has_followed() {
    let story = check(&["R26"], |story| {
        asks(story);
        follows(story, B2);
        story.says_deleted(B1, 2, 0);
    });
    let want = "orders/0: b1 told that every log starts at 2 or later, and that of b3, which is in sync, starts at 0";
    assert_eq!(story.judge.violations()[0].message, want);
    check(&[], |story| {
        asks(story);
        follows(story, B2);
        follows(story, B3);
        story.says_deleted(B1, 2, 0);
    });
    // It gave up waiting.
    check(&[], |story| {
        asks(story);
        story.says_deleted(B1, 0, trial_cluster::error_code::ErrorCode::RequestTimedOut.code());
    });
    // The leader itself has to start there.
    check(&["R26"], |story| {
        story.asks_to_delete(B1, 2);
        story.registers(|it| it.isr = nodes(&[1]));
        story.says_deleted(B1, 2, 0);
    });
}

#[test]
fn nobody_waits_for_who_is_not_in_sync_or_does_not_run() {
    check(&[], |story| {
        story.registers(|it| it.isr = nodes(&[1, 2]));
        asks(story);
        follows(story, B2);
        story.says_deleted(B1, 2, 0);
    });
    check(&[], |story| {
        asks(story);
        follows(story, B2);
        story.dies(B3);
        story.says_deleted(B1, 2, 0);
    });
}

/// It was fenced when the leader looked. The answer may have waited for other partitions since.
#[test]
fn who_joins_after_the_question_was_not_waited_for() {
    check(&[], |story| {
        story.registers(|it| it.isr = nodes(&[1, 2]));
        asks(story);
        follows(story, B2);
        story.registers(|it| it.isr = nodes(&[1, 2, 3]));
        story.says_deleted(B1, 2, 0);
    });
    // It was away for a moment.
    check(&[], |story| {
        asks(story);
        follows(story, B2);
        story.registers(|it| it.isr = nodes(&[1, 2]));
        story.registers(|it| it.isr = nodes(&[1, 2, 3]));
        story.says_deleted(B1, 2, 0);
    });
    check(&["R26"], |story| {
        story.registers(|it| it.isr = nodes(&[1, 2]));
        story.registers(|it| it.isr = nodes(&[1, 2, 3]));
        asks(story);
        follows(story, B2);
        story.says_deleted(B1, 2, 0);
    });
}

/// Starts are written down once a minute. What the leader heard of the process before it goes by until it hears more.
#[test]
fn a_crash_takes_a_start_back_to_its_checkpoint() {
    let follow_and_forget = |story: &mut Story| {
        asks(story);
        follows(story, B2);
        follows(story, B3);
        forgets(story, B3);
    };
    check(&[], |story| {
        follow_and_forget(story);
        story.says_deleted(B1, 2, 0);
    });
    // Nor was it heard when this was asked.
    check(&[], |story| {
        follow_and_forget(story);
        story.says_deleted(B1, 2, 0);
        story.asks_to_delete(B1, 1);
        story.answers(B1, B3, (3, 2), Bytes::new());
        story.says_deleted(B1, 2, 0);
    });
    check(&["R26"], |story| {
        follow_and_forget(story);
        story.says_deleted(B1, 2, 0);
        story.answers(B1, B3, (3, 2), Bytes::new());
        story.asks_to_delete(B1, 1);
        story.says_deleted(B1, 2, 0);
    });
    // A fetch that is told where the logs part says nothing to the leader.
    check(&[], |story| {
        follow_and_forget(story);
        story.says_deleted(B1, 2, 0);
        story.answers_diverging(B1, B3, (0, 3));
        story.asks_to_delete(B1, 1);
        story.says_deleted(B1, 2, 0);
    });
    // Who leaves in good order writes it down.
    check(&["R26"], |story| {
        asks(story);
        follows(story, B2);
        let host = B3;
        story.see(|at| Seen::Stopped { at, host, halt: None });
        story.boots(B3);
        story.says_deleted(B1, 2, 0);
    });
}

#[test]
fn a_leader_answers_for_the_epoch_that_it_knows() {
    // Another one leads already.
    check(&[], |story| {
        asks(story);
        follows(story, B2);
        story.elects(2, &[2, 3], ElectedFrom::Isr);
        story.says_deleted(B1, 2, 0);
    });
    // Its metadata is old: it is to lead in an epoch of which it does not know.
    check(&[], |story| {
        story.elects(1, &[1, 2, 3], ElectedFrom::Isr);
        asks(story);
        follows(story, B2);
        story.says_deleted(B1, 2, 0);
        story.leads(B1, 1);
    });
    // A new leader has to hear everybody first.
    check(&["R26"], |story| {
        story.elects(2, &[1, 2, 3], ElectedFrom::Isr);
        story.leads(B2, 1);
        story.asks_to_delete(B2, 2);
        story.starts(B2, 0, 2, LogStartReason::ClientRecordDeletion);
        story.says_deleted(B2, 2, 0);
    });
}

/// It never stopped to lead, and keeps what it knew of those who have followed another one since.
#[test]
fn a_leader_that_is_elected_again_goes_by_what_it_knew() {
    let again = |story: &mut Story| {
        story.elects(1, &[1, 2, 3], ElectedFrom::Isr);
        story.leads_on(B1, 1);
        asks(story);
        follows(story, B2);
    };
    check(&[], |story| {
        again(story);
        story.says_deleted(B1, 2, 0);
    });
    check(&["R26"], |story| {
        again(story);
        story.says_deleted(B1, 2, 0);
        story.answers(B1, B3, (3, 2), Bytes::new());
        story.asks_to_delete(B1, 1);
        story.says_deleted(B1, 2, 0);
    });
}
