//! One byte of what is said about an idempotent producer: S4, X1, X2.

use trial_sim::HostId;

use super::live::{IDEMPOTENT, Live, TOP_BIT, check};

/// Within a batch: the producer's epoch and the last byte of the first sequence.
const PRODUCER_EPOCH: usize = 51;
const BASE_SEQUENCE: usize = 56;
/// Within a snapshot: the last byte of the last sequence of its first producer.
const LAST_SEQUENCE: usize = 23;

/// A byte of the next batch that a follower copies is changed on its way, and its checksum mended.
fn copied_otherwise(live: &mut Live, byte: usize, bits: u8) {
    let (leader, topic) = (live.leader(), live.topic());
    let [heir, _] = live.followers();
    live.flip_mended_on_the_way(topic, (byte, bits), |_, message| message.batch(leader, heir));
    live.play_for(500);
}

#[test]
fn x1_a_sequence_that_was_changed_on_its_way_does_not_go_on() {
    check(IDEMPOTENT, &["X1"], |live| copied_otherwise(live, BASE_SEQUENCE, 1));
}

#[test]
fn x2_an_epoch_of_a_producer_that_was_changed_on_its_way_is_older() {
    check(IDEMPOTENT, &["X2"], |live| copied_otherwise(live, PRODUCER_EPOCH, TOP_BIT));
}

/// The newest snapshot of a host.
fn snapshot(live: &Live, host: HostId) -> String {
    let disk = live.run.world().disk(host, trial_sim::DiskId(0));
    let files = disk.files().map(|(path, _)| path.to_string());
    let found =
        files.filter(|path| path.starts_with("departures-0/") && path.ends_with(".snapshot"));
    found.max().expect("a clean stop takes one")
}

#[test]
fn s4_another_last_sequence_in_a_snapshot_is_noticed_when_it_is_loaded() {
    check(IDEMPOTENT, &["S4"], |live| {
        let [heir, _] = live.followers();
        live.run.world_mut().stop(heir);
        live.play_till(|live| live.run.judge().facts().down.contains(&heir));
        let path = snapshot(live, heir);
        live.flip_snapshot(heir, &path, LAST_SEQUENCE, 1);
        live.run.world_mut().restart(heir);
        // It opens its logs once it is registered, which the session of its last process holds up.
        live.play_for(11_000);
    });
}
