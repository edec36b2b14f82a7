//! One byte misleads a client: C2, lost-write, poll-skip, nonmonotonic-poll, inconsistent-offsets, duplicate, unseen.

use trial_sim::CrashKind;

use super::live::{BASE_OFFSET, LOG, Live, UNDER_CHECKSUM};

#[test]
fn c2_a_producer_is_told_another_offset_than_its_record_has() {
    let mut live = Live::half_way();
    let (leader, tower, topic) = (live.leader(), live.host("tower"), live.topic());
    live.flip_on_the_way(topic, |_, message| Some((message.answer(leader, tower)? + 2 + 7, 8)));
    live.run.play();
    live.noticed("C2");
}

#[test]
fn lost_write_a_record_that_was_told_safe_cannot_be_read_at_the_end() {
    let mut live = Live::half_way();
    live.play_for(6_000);
    let leader = live.leader();
    let batch = live.last_batch(leader, LOG);
    live.flip_on_disk(leader, LOG, batch + UNDER_CHECKSUM, 2);
    live.run.play();
    live.noticed("lost-write");
}

/// The next batch that the consumer gets has, by one bit, a higher base offset.
fn reads_elsewhere() -> Live {
    let mut live = Live::half_way();
    let (leader, board, topic) = (live.leader(), live.host("board"), live.topic());
    live.delay(leader, board, 200);
    live.flip_on_the_way(topic, |live, message| {
        message.larger(message.batch(leader, board)? + BASE_OFFSET, live.end(leader) - 1)
    });
    live
}

#[test]
fn poll_skip_and_lost_write_a_consumer_passes_over_what_it_was_told_lies_higher() {
    let mut live = reads_elsewhere();
    live.run.play();
    live.noticed("poll-skip");
    live.noticed("lost-write");
}

#[test]
fn inconsistent_offsets_and_duplicate_a_consumer_that_starts_again_reads_the_true_offsets() {
    let mut live = reads_elsewhere();
    live.play_for(1_000);
    let board = live.host("board");
    live.run.world_mut().crash(board, CrashKind::Process);
    live.run.world_mut().restart(board);
    live.run.play();
    live.noticed("inconsistent-offsets");
    let double = |setting: &str| setting == "enable.idempotence=false";
    let excused = live.run.judge().excused();
    assert!(excused.iter().any(|it| double(&it.setting)), "duplicate: {excused:#?}");
}

#[test]
fn nonmonotonic_poll_a_consumer_whose_offset_was_out_of_range_reads_from_the_start() {
    let mut live = Live::half_way();
    let (leader, board, topic) = (live.leader(), live.host("board"), live.topic());
    live.flip_on_the_way(topic, |_, message| Some((message.fetch_offset(board, leader)? + 2, 1)));
    live.play_for(1_000);
    live.noticed("nonmonotonic-poll");
}
