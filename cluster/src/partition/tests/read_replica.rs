//! Which follower a consumer is sent to.
//!
//! Holds: tables after Kafka's `ReplicaSelectorTest` and the follower fetching of `ReplicaManagerTest`.

use trial_log::{LeaderEpoch, Offset};

use super::leading::{Leading, at};
use crate::error_code::ErrorCode;
use crate::ids::BrokerId;
use crate::partition::{FetchPartition, WallTime};

/// Broker 1 leads, all are in sync. Broker 2 has everything below 8, broker 3 below 10, where the log ends.
fn leading() -> Leading {
    let mut leading = Leading::new(1, &[1, 2, 3]);
    leading.append(10);
    leading.fetch(2, 8);
    leading.fetch(3, 10);
    leading
}

/// A consumer at `offset` has these brokers in its rack.
#[track_caller]
fn check(leading: &Leading, offset: i64, near: &[i32], want: Option<i32>) {
    let chosen = leading.partition.nearest_replica(Offset(offset), |id| near.contains(&id.0));
    assert_eq!(chosen, want.map(BrokerId), "at {offset}, near are {near:?}");
}

#[test]
fn a_replica_in_the_consumers_rack_is_named_but_never_the_leader() {
    let leading = leading();
    check(&leading, 5, &[2], Some(2));
    check(&leading, 5, &[3], Some(3));
    // `testSameRackSelector`: the leader, if it stands there too.
    check(&leading, 5, &[1, 2, 3], None);
    check(&leading, 5, &[1], None);
    // `testNoReplicasInRack`
    check(&leading, 5, &[], None);
    check(&leading, 5, &[7], None);
}

#[test]
fn of_several_the_one_that_has_most_then_that_caught_up_last_then_the_highest() {
    let mut leading = leading();
    check(&leading, 5, &[2, 3], Some(3));
    leading.fetch(2, 10);
    check(&leading, 5, &[2, 3], Some(3));
    leading.now = WallTime(1_000_100);
    leading.fetch(2, 10);
    check(&leading, 5, &[2, 3], Some(2));
}

#[test]
fn a_replica_must_have_the_offset_or_end_there() {
    let mut leading = leading();
    check(&leading, 8, &[2], Some(2));
    check(&leading, 9, &[2], None);
    check(&leading, 9, &[2, 3], Some(3));
    check(&leading, 11, &[2, 3], None);
    leading.partition.on_log_start(Offset(4));
    check(&leading, 3, &[2], Some(2));
    leading.fetch(2, 8);
    check(&leading, -1, &[2], None);
}

#[test]
fn only_committed_members_of_the_in_sync_set_are_named() {
    let mut leading = Leading::new(1, &[1, 2]);
    leading.append(10);
    leading.fetch(2, 10);
    leading.fetch(3, 10);
    assert_eq!(leading.asked().len(), 1, "broker 3 wants to join");
    check(&leading, 5, &[3], None);
    leading.agree(1);
    check(&leading, 5, &[3], Some(3));
    // It is to leave, and has not left yet.
    leading.append(20);
    leading.fetch(3, 20);
    leading.now = WallTime(1_040_000);
    leading.fetch(3, 20);
    leading.shrink_check();
    assert_eq!(leading.asked().len(), 1, "broker 2 lags");
    check(&leading, 5, &[2], Some(2));
    leading.agree(2);
    check(&leading, 5, &[2], None);
}

#[test]
fn a_new_leader_names_nobody_before_it_has_heard_from_him() {
    let mut leading = leading();
    leading.follow(BrokerId(2), 1, 1);
    check(&leading, 5, &[3], None);
    leading.lead(2, 2, &[1, 2, 3]);
    check(&leading, 0, &[2, 3], None);
    leading.fetch(3, 10);
    check(&leading, 0, &[2, 3], Some(3));
}

#[test]
fn who_is_sent_elsewhere_is_told_the_leaders_offsets_in_its_epoch() {
    let leading = leading();
    let view = leading.partition.offsets_without_records(&at(5)).expect("in any epoch");
    let told = [view.log_start_offset, view.high_watermark, view.last_stable_offset];
    assert_eq!(told, [0, 8, 8].map(Offset));
    let epoch = Some(LeaderEpoch(1));
    let newer = FetchPartition { current_leader_epoch: epoch, ..at(5) };
    let refused = leading.partition.offsets_without_records(&newer);
    assert_eq!(refused, Err(ErrorCode::UnknownLeaderEpoch), "`testFetchUnknownEpoch`");
}
