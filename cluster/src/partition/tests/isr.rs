//! Who joins the in-sync set, who leaves it, and what each answer of the controller does.
//!
//! Holds: tables after Kafka's `PartitionTest` (KIP-497, KIP-841, KIP-903).

use super::leading::{Leading, fetched};
use crate::error_code::ErrorCode;
use crate::ids::{BrokerEpoch, BrokerId};
use crate::partition::effect::Registration;

/// Broker 1 leads 1 and 3; its epoch starts at 5, its high watermark is 3, its log ends at 8. Wants
/// whether follower 2 is asked for when it fetches at `end`.
#[track_caller]
fn check_joins(end: i64, broker_epoch: i64, change: impl FnOnce(&mut Registration), want: bool) {
    let mut leading = Leading::new(1, &[1, 3]);
    leading.append(5);
    leading.fetch(3, 3);
    assert_eq!(leading.high_watermark(), 3);
    // Re-elected: the new epoch starts at 5, and 3 still holds the high watermark at 3.
    leading.lead(1, 1, &[1, 3]);
    leading.append(8);
    leading.brokers = leading.brokers.change(2, change);
    let fetch = crate::partition::FollowerFetch {
        broker_epoch: BrokerEpoch(broker_epoch),
        ..fetched(&leading, 2, end)
    };
    leading.fetch_as(&fetch).expect("no newer incarnation is registered");
    let joins = leading.asked().first().is_some_and(|change| change.isr.len() == 3);
    assert_eq!(joins, want, "end {end}, broker epoch {broker_epoch}");
}

#[test]
fn a_follower_joins_once_it_reaches_into_the_leaders_epoch() {
    check_joins(2, 102, |_| {}, false);
    check_joins(4, 102, |_| {}, false);
    check_joins(5, 102, |_| {}, true);
    check_joins(8, 102, |_| {}, true);
}

#[test]
fn only_a_live_broker_of_the_registered_incarnation_joins() {
    check_joins(8, 102, |two| two.fenced = true, false);
    check_joins(8, 102, |two| two.in_controlled_shutdown = true, false);
    check_joins(8, 102, |two| two.epoch = BrokerEpoch(101), false);
    check_joins(8, -1, |_| {}, true);
}

#[test]
fn a_fetch_of_an_older_incarnation_is_refused() {
    let mut leading = Leading::new(1, &[1, 2]);
    leading.brokers = leading.brokers.change(2, |two| two.epoch = BrokerEpoch(500));
    let fetch = fetched(&leading, 2, 0);
    assert_eq!(leading.fetch_as(&fetch), Err(ErrorCode::NotLeaderOrFollower));
}

#[test]
fn the_request_names_members_with_the_epochs_that_they_fetched_in() {
    let mut leading = Leading::new(1, &[1, 3]);
    leading.fetch(2, 0);
    let isr = [(1, 101), (3, -1), (2, 102)].map(|(id, epoch)| (BrokerId(id), BrokerEpoch(epoch)));
    assert_eq!(leading.asked()[0].isr, isr, "3 has not fetched yet");
    assert!(!leading.asked()[0].recovering, "who leads has recovered");
}

/// Followers 2 and 3 are in sync. 2 fetches at each (milliseconds, offset, the leader's end then); wants who is
/// left in the request of a check at `check_at`; empty: none is sent.
#[track_caller]
fn check_shrinks(fetches: &[(i64, i64, i64)], check_at: i64, want: &[i32]) {
    let mut leading = Leading::new(1, &[1, 2, 3]);
    let start = leading.now.0;
    for (millis, offset, end) in fetches {
        leading.now.0 = start + millis;
        leading.append(*end);
        leading.fetch(2, *offset);
        leading.fetch(3, *end);
    }
    leading.now.0 = start + check_at;
    leading.shrink_check();
    let left = leading
        .asked()
        .first()
        .map_or(Vec::new(), |change| change.isr.iter().map(|(member, _)| member.0).collect());
    assert_eq!(left, want, "{fetches:?}, checked after {check_at} ms");
}

#[test]
fn a_follower_leaves_when_it_has_not_caught_up_for_the_lag_time() {
    check_shrinks(&[(0, 0, 5)], 30_000, &[]);
    check_shrinks(&[(0, 0, 5)], 30_001, &[1, 3]);
    // At the leader's end nobody is too late, however long ago it was.
    check_shrinks(&[(0, 5, 5)], 90_000, &[]);
}

#[test]
fn under_steady_load_the_end_at_the_fetch_before_counts() {
    // Never at the leader's end, but each time where that stood at the fetch before.
    check_shrinks(&[(0, 0, 5), (20_000, 5, 9), (40_000, 9, 12), (50_000, 12, 20)], 69_000, &[]);
    check_shrinks(&[(0, 0, 5), (20_000, 4, 9), (40_000, 8, 12), (50_000, 11, 20)], 69_000, &[1, 3]);
}

/// Who reaches that end had caught up when it fetched before, not now (`Replica.updateFetchStateOrThrow`).
#[test]
fn who_reaches_the_end_of_the_fetch_before_had_caught_up_then() {
    let fetches = [(0, 0, 5), (20_000, 5, 9), (40_000, 9, 12), (50_000, 12, 20)];
    check_shrinks(&fetches, 70_000, &[]);
    check_shrinks(&fetches, 70_001, &[1, 3]);
}

#[test]
fn one_change_at_a_time() {
    let mut leading = Leading::new(1, &[1, 3]);
    leading.fetch(2, 0);
    assert_eq!(leading.asked().len(), 1);
    leading.append(5);
    leading.now.0 += 60_000;
    leading.shrink_check();
    leading.fetch(2, 5);
    assert_eq!(leading.asked().len(), 1, "nothing new while the controller is asked");
    leading.agree(1);
    assert_eq!(leading.isr(), [1, 3, 2]);
    leading.shrink_check();
    assert_eq!(leading.asked().len(), 1, "3 never came");
}

#[test]
fn those_that_are_to_leave_count_until_the_controller_agrees() {
    let mut leading = Leading::new(1, &[1, 2]);
    leading.append(5);
    leading.now.0 += 60_000;
    leading.shrink_check();
    leading.append(6);
    assert_eq!((leading.high_watermark(), leading.isr()), (0, vec![1, 2]));
    leading.agree(1);
    assert_eq!((leading.high_watermark(), leading.isr()), (6, vec![1]));
}

/// Follower 2 is asked for, the controller answers `error`; wants whether the change is still pending, and whether
/// it was sent again.
#[track_caller]
fn check_answer(error: ErrorCode, is_pending: bool, is_sent_again: bool) {
    let mut leading = Leading::new(1, &[1]);
    leading.fetch(2, 0);
    leading.refuse(error);
    let leader = leading.partition.leader().expect("it leads");
    let got = (leader.isr().is_pending(), leading.asked().len() == 1);
    assert_eq!(got, (is_pending, is_sent_again), "{error}");
}

#[test]
fn each_answer_of_the_controller_has_its_own_end() {
    for error in [ErrorCode::OperationNotAttempted, ErrorCode::IneligibleReplica] {
        check_answer(error, false, false);
    }
    for error in [
        ErrorCode::UnknownTopicOrPartition,
        ErrorCode::UnknownTopicId,
        ErrorCode::FencedLeaderEpoch,
        ErrorCode::InvalidUpdateVersion,
        ErrorCode::InvalidRequest,
        ErrorCode::NewLeaderElected,
    ] {
        check_answer(error, true, false);
    }
    for error in
        [ErrorCode::NotController, ErrorCode::UnknownServerError, ErrorCode::RequestTimedOut]
    {
        check_answer(error, true, true);
    }
}

#[test]
fn an_answer_that_metadata_has_overtaken_is_ignored() {
    let mut leading = Leading::new(1, &[1]);
    leading.fetch(2, 0);
    leading.lead(0, 2, &[1, 3]);
    leading.agree(1);
    assert_eq!(leading.isr(), [1, 3]);
    assert_eq!(leading.partition.partition_epoch().0, 2);
}

#[test]
fn an_answer_of_another_leader_epoch_leaves_the_change_pending() {
    let mut leading = Leading::new(1, &[1]);
    leading.fetch(2, 0);
    let change = leading.asked()[0].clone();
    let answer = crate::broker::alter_partition::IsrAnswer {
        leader: BrokerId(3),
        leader_epoch: trial_log::LeaderEpoch(1),
        isr: vec![BrokerId(3)],
        recovering: false,
        partition_epoch: crate::ids::PartitionEpoch(1),
    };
    leading.answer(&change, Ok(answer));
    assert_eq!(leading.isr(), [1]);
    assert!(leading.partition.leader().is_some_and(|leader| leader.isr().is_pending()), "R7");
}
