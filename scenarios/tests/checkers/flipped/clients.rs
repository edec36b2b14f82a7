//! One byte misleads a client: C2, lost-write, poll-skip, nonmonotonic-poll, inconsistent-offsets, duplicate.

use trial_sim::CrashKind;

use super::live::{BASE_OFFSET, HALF_WAY, LOG, Live, UNDER_CHECKSUM, check};

#[test]
fn c2_a_producer_is_told_another_offset_than_its_record_has() {
    check(HALF_WAY, &["C2"], |live| {
        let (leader, tower, topic) = (live.leader(), live.host("tower"), live.topic());
        live.flip_on_the_way(topic, |_, message| Some((message.answer(leader, tower)? + 2 + 7, 8)));
        live.run.play();
    });
}

#[test]
fn lost_write_a_record_that_was_told_safe_cannot_be_read_at_the_end() {
    check(HALF_WAY, &["lost-write"], |live| {
        live.play_for(6_000);
        let leader = live.leader();
        let batch = live.last_batch(leader, LOG);
        live.flip_on_disk(leader, LOG, batch + UNDER_CHECKSUM, 2);
        live.run.play();
    });
}

/// The next batch that the consumer gets has, by one bit, a higher base offset.
fn reads_elsewhere(live: &mut Live) {
    let (leader, board, topic) = (live.leader(), live.host("board"), live.topic());
    live.delay(leader, board, 200);
    live.flip_on_the_way(topic, |live, message| {
        message.larger(message.batch(leader, board)? + BASE_OFFSET, live.end(leader) - 1)
    });
}

#[test]
fn poll_skip_and_lost_write_a_consumer_passes_over_what_it_was_told_lies_higher() {
    check(HALF_WAY, &["poll-skip", "lost-write"], |live| {
        reads_elsewhere(live);
        live.run.play();
    });
}

#[test]
fn inconsistent_offsets_and_duplicate_a_consumer_that_starts_again_reads_the_true_offsets() {
    let [tampered, left_alone] = check(HALF_WAY, &["inconsistent-offsets"], |live| {
        reads_elsewhere(live);
        live.play_for(1_000);
        let board = live.host("board");
        live.run.world_mut().crash(board, CrashKind::Process);
        live.run.world_mut().restart(board);
        live.run.play();
    });
    let settings = |live: &Live| -> Vec<String> {
        live.run.judge().excused().iter().map(|excuse| excuse.setting.clone()).collect()
    };
    assert_eq!(settings(&tampered), ["enable.idempotence=false"], "duplicate");
    assert_eq!(settings(&left_alone), [""; 0]);
}

#[test]
fn nonmonotonic_poll_a_consumer_whose_offset_was_out_of_range_reads_from_the_start() {
    check(HALF_WAY, &["nonmonotonic-poll"], |live| {
        let (leader, board, topic) = (live.leader(), live.host("board"), live.topic());
        live.flip_on_the_way(topic, |_, message| {
            Some((message.fetch_offset(board, leader)? + 2, 1))
        });
        live.play_for(1_000);
    });
}
