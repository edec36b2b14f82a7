//! One byte makes a broker believe in offsets that are not there: R5, R6, R8, R10, R12, R15, R22.

use trial_sim::{CrashKind, HostId};

use super::live::{HALF_WAY, LOG, Live, ONE_AT_A_TIME, TWO_PRODUCERS, UNDER_CHECKSUM, check};

/// A follower's fetch says, by one bit, that it has more than it has, and not more than the leader has.
fn claims_more(live: &mut Live, follower: HostId) {
    let (leader, topic) = (live.leader(), live.topic());
    live.delay(leader, follower, 100);
    live.flip_on_the_way(topic, |live, message| {
        message.larger(message.fetch_offset(follower, leader)?, live.end(leader))
    });
}

#[test]
fn r8_a_high_watermark_passes_a_follower_that_claims_more_than_it_has() {
    check(TWO_PRODUCERS, &["R8"], |live| {
        let [heir, _] = live.followers();
        claims_more(live, heir);
        live.play_for(500);
    });
}

#[test]
fn r12_acks_all_is_answered_by_what_a_follower_claims() {
    check(TWO_PRODUCERS, &["R12"], |live| {
        let [heir, other] = live.followers();
        live.run.world_mut().stop(other);
        live.play_for(3_000);
        claims_more(live, heir);
        live.play_for(500);
    });
}

#[test]
fn r15_a_follower_cuts_below_its_high_watermark_if_it_asks_with_an_older_epoch() {
    check(HALF_WAY, &["R15"], |live| {
        let leader = live.leader();
        live.run.world_mut().stop(leader);
        live.play_till(|live| live.partition().terms.len() > 1);
        live.play_for(1_000);
        let (leader, topic) = (live.leader(), live.topic());
        let [heir, other] = live.followers();
        live.flip_on_the_way(topic, |live, message| {
            let from = if message.from == heir { heir } else { other };
            let at = message.fetch_offset(from, leader)?;
            (message.bytes[at + 11] == 1 && live.end(from) > 0).then_some((at + 11, 1))
        });
        live.play_for(1_000);
    });
}

/// A follower stops in good order before it has heard that its last batch is committed; that batch is bad on its disk,
/// and it does not look when it starts again. Nothing is produced meanwhile.
fn returns_with_less(live: &mut Live) {
    let (leader, [heir, _], tower) = (live.leader(), live.followers(), live.host("tower"));
    let late = live.delay(leader, heir, 500);
    live.play_for(1_000);
    live.run.world_mut().crash(tower, CrashKind::Process);
    live.play_for(50);
    live.play_till(|live| {
        let (own, theirs) = (&live.partition().logs[&heir], &live.partition().logs[&leader]);
        own.end() == theirs.end() && own.high_watermark < own.end()
    });
    let cuts = live.cut(leader, heir);
    let batch = live.last_batch(heir, LOG);
    live.flip_on_disk(heir, LOG, batch + UNDER_CHECKSUM, 2);
    live.run.world_mut().stop(heir);
    live.play_for(2_000);
    cuts.into_iter().chain([late]).for_each(|fault| live.run.world_mut().heal(fault));
    live.run.world_mut().restart(heir);
    live.play_till(|live| live.partition().registration.as_ref().is_some_and(|r| r.isr.len() == 3));
    live.play_for(500);
}

#[test]
fn r10_and_r22_a_follower_joins_whose_disk_ends_below_the_high_watermark() {
    check(ONE_AT_A_TIME, &["R10", "R22"], returns_with_less);
}

#[test]
fn r5_and_r6_who_is_elected_has_less_on_its_disk_than_what_was_committed() {
    check(ONE_AT_A_TIME, &["R5", "R6"], |live| {
        returns_with_less(live);
        let leader = live.leader();
        live.run.world_mut().stop(leader);
        live.play_for(2_000);
    });
}
