//! One byte in the quorum of controllers: K1 to K7; one in a broker's metadata log: K14.

use trial_cluster::ids::Uuid;
use trial_sim::{CrashKind, HostId};

use super::live::{EPOCH, HALF_WAY, Live, METADATA, TOP_BIT, check};

const TOPIC: Uuid = Uuid(1);
const STATE: &str = "__cluster_metadata-0/quorum-state";

/// The controllers that do not lead.
fn others(live: &Live) -> [HostId; 2] {
    let active = live.active_controller();
    let all = ["c1", "c2", "c3"].map(|name| live.host(name));
    let others: Vec<_> = all.into_iter().filter(|host| *host != active).collect();
    others.try_into().expect("three controllers")
}

/// The epoch of the next batch that a controller copies is changed on its way.
fn copied_otherwise(live: &mut Live, to: HostId) {
    let active = live.active_controller();
    live.flip_on_the_way(TOPIC, |_, message| {
        message.batch(active, to).map(|batch| (batch + EPOCH, TOP_BIT))
    });
}

/// Flips a bit of the digit that follows a name in `quorum-state`.
fn flip_digit(live: &mut Live, host: HostId, name: &str, bit: u8) {
    let text = live.peek(host, STATE);
    let name = format!("\"{name}\":");
    let at = text.windows(name.len()).position(|window| window == name.as_bytes());
    let mut last = at.expect("it is there") + name.len();
    while text[last + 1].is_ascii_digit() {
        last += 1;
    }
    live.flip_on_disk(host, STATE, last, 1 << bit);
}

#[test]
fn k1_a_controller_starts_with_another_leader_of_its_epoch() {
    check(HALF_WAY, &["K1"], |live| {
        let [one, _] = others(live);
        live.run.world_mut().crash(one, CrashKind::Process);
        flip_digit(live, one, "leaderId", 1);
        live.run.world_mut().restart(one);
        live.play_for(1_000);
    });
}

#[test]
fn k2_a_controller_has_another_epoch_than_what_was_committed() {
    check(HALF_WAY, &["K2"], |live| {
        let [one, _] = others(live);
        copied_otherwise(live, one);
        live.play_for(1_000);
    });
}

#[test]
fn k3_a_controller_leads_that_has_another_epoch_than_what_was_committed() {
    check(HALF_WAY, &["K3"], |live| {
        let (active, [one, other]) = (live.active_controller(), others(live));
        copied_otherwise(live, one);
        live.play_for(100);
        live.run.world_mut().crash(active, CrashKind::Process);
        // So that it votes, and does not stand for election.
        live.run.world_mut().crash(other, CrashKind::Process);
        live.play_for(4_000);
        live.run.world_mut().restart(other);
        live.play_for(4_000);
    });
}

#[test]
fn k4_a_bit_in_synced_metadata_is_noticed_at_a_crash() {
    check(HALF_WAY, &["K4"], |live| {
        let c2 = live.host("c2");
        let middle = live.peek(c2, METADATA).len() / 2;
        live.flip_on_disk(c2, METADATA, middle, 8);
        live.run.world_mut().crash(c2, CrashKind::Process);
        live.play_for(1_000);
    });
}

#[test]
fn k4_and_k5_a_controller_commits_what_another_claims_to_have() {
    check(HALF_WAY, &["K4", "K5"], |live| {
        let (active, [one, other]) = (live.active_controller(), others(live));
        live.delay(active, one, 700);
        live.delay(active, other, 700);
        live.flip_on_the_way(TOPIC, |live, message| {
            message.larger(message.fetch_offset(one, active)?, live.end_on_disk(active, METADATA))
        });
        live.play_for(1_000);
    });
}

#[test]
fn k14_another_topic_name_in_a_brokers_metadata_log_is_noticed_when_it_reads_it() {
    check(HALF_WAY, &["K14"], |live| {
        let b2 = live.host("b2");
        let log = live.peek(b2, METADATA);
        let name = log.windows(10).position(|window| window == b"departures");
        live.run.world_mut().crash(b2, CrashKind::Process);
        live.flip_mended(b2, METADATA, name.expect("the topic is there"), 1);
        live.run.world_mut().restart(b2);
        live.play_for(1_000);
    });
}

#[test]
fn k6_an_older_epoch_on_a_controllers_disk_is_noticed_at_a_crash() {
    check(HALF_WAY, &["K6"], |live| {
        let [one, _] = others(live);
        flip_digit(live, one, "leaderEpoch", 0);
        live.run.world_mut().crash(one, CrashKind::Process);
        live.play_for(1_000);
    });
}

#[test]
fn k7_another_vote_on_a_controllers_disk_is_noticed_at_a_crash() {
    check(HALF_WAY, &["K7"], |live| {
        let [one, _] = others(live);
        flip_digit(live, one, "votedId", 1);
        live.run.world_mut().crash(one, CrashKind::Process);
        live.play_for(1_000);
    });
}
