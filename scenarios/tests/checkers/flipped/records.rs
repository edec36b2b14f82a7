//! One byte of a batch is not what its leader wrote: R1, R2, R3, R4, R6, R9, R19, S1; one of the epochs: R16, R23.

use trial_sim::{CrashKind, HostId};

use super::live::{
    BASE_OFFSET, EPOCH, EPOCHS, HALF_WAY, LOG, Live, TOP_BIT, UNDER_CHECKSUM, check,
};

/// A byte of the next batch that `to` copies is changed on its way.
fn copied_otherwise(live: &mut Live, to: HostId, byte: usize, bits: u8) {
    let (leader, topic) = (live.leader(), live.topic());
    live.flip_on_the_way(topic, |_, message| {
        message.batch(leader, to).map(|batch| (batch + byte, bits))
    });
}

/// A byte of the leader's last batch is changed on its disk before anybody has copied it.
fn stored_otherwise(live: &mut Live, byte: usize, bits: u8) {
    let (leader, followers) = (live.leader(), live.followers());
    live.play_till(|live| followers.iter().all(|host| live.end(*host) < live.end(leader)));
    let batch = live.last_batch(leader, LOG);
    live.flip_on_disk(leader, LOG, batch + byte, bits);
}

#[test]
fn r1_a_follower_has_a_batch_that_its_leader_never_wrote() {
    check(HALF_WAY, &["R1"], |live| {
        let [heir, _] = live.followers();
        copied_otherwise(live, heir, BASE_OFFSET + 6, 1);
        live.play_for(500);
    });
}

#[test]
fn r2_the_epoch_of_a_batch_falls_on_its_way() {
    check(HALF_WAY, &["R2"], |live| {
        let [heir, _] = live.followers();
        copied_otherwise(live, heir, EPOCH, TOP_BIT);
        live.play_for(500);
    });
}

#[test]
fn r3_and_r6_a_replica_in_sync_has_another_epoch_than_what_was_committed() {
    check(HALF_WAY, &["R3", "R6"], |live| {
        let [heir, _] = live.followers();
        copied_otherwise(live, heir, EPOCH, TOP_BIT);
        live.play_for(500);
        let board = live.host("board");
        live.run.world_mut().crash(board, CrashKind::Process);
        live.play_for(500);
    });
}

#[test]
fn r4_the_next_leader_has_another_epoch_than_what_was_committed() {
    check(HALF_WAY, &["R4"], |live| {
        let (leader, [heir, _]) = (live.leader(), live.followers());
        copied_otherwise(live, heir, EPOCH, TOP_BIT);
        live.play_for(500);
        live.run.world_mut().stop(leader);
        live.play_till(|live| live.partition().terms.len() > 1);
    });
}

#[test]
fn r9_what_the_leader_wrote_is_on_no_disk_after_it_was_copied_otherwise() {
    check(HALF_WAY, &["R9"], |live| {
        let leader = live.leader();
        stored_otherwise(live, EPOCH, TOP_BIT);
        live.play_for(500);
        live.run.world_mut().crash(leader, CrashKind::Process);
        live.play_for(500);
    });
}

#[test]
fn r19_a_consumer_is_handed_another_epoch_than_what_was_committed() {
    check(HALF_WAY, &["R19"], |live| {
        stored_otherwise(live, EPOCH, TOP_BIT);
        live.play_for(500);
    });
}

#[test]
fn s1_a_bit_in_the_leaders_log_is_noticed_when_it_is_served() {
    check(HALF_WAY, &["S1"], |live| {
        stored_otherwise(live, UNDER_CHECKSUM, 2);
        live.play_for(500);
    });
}

#[test]
fn s1_a_bit_on_the_way_to_a_consumer_is_noticed_by_its_reader() {
    check(HALF_WAY, &["S1"], |live| {
        let board = live.host("board");
        copied_otherwise(live, board, UNDER_CHECKSUM, 2);
        live.play_for(500);
    });
}

#[test]
fn r16_and_r23_a_bit_in_the_memory_of_epochs_is_noticed_at_the_end() {
    check(HALF_WAY, &["R16", "R23"], |live| {
        let b2 = live.host("b2");
        let last = live.peek(b2, EPOCHS).len() - 2;
        live.flip_on_disk(b2, EPOCHS, last, 1);
        live.run.play();
    });
}
