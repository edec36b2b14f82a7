//! When a leader's high watermark moves, and when it rests.
//!
//! Holds: tables after Kafka's `PartitionTest` and `ReplicaManagerTest`.

use super::leading::{Leading, fetched};
use crate::error_code::ErrorCode;
use crate::ids::BrokerId;
use crate::partition::Effect;
use crate::rules::{Profile, Rules, Switch};
use trial_log::Offset;

/// Broker 1 leads, `isr` is in sync; plays (replica, end), replica 1 being its own append; wants the high
/// watermark after each.
#[track_caller]
fn check(min_isr: usize, isr: &[i32], ends: &[(i32, i64)], want: &[i64]) {
    let mut leading = Leading::new(min_isr, isr);
    // Long enough for whoever is not in sync to count as lagging.
    leading.now.0 += 60_000;
    let mut got = Vec::new();
    for (replica, end) in ends {
        match replica {
            1 => leading.append(*end),
            _ => leading.fetch(*replica, *end),
        };
        got.push(leading.high_watermark());
    }
    assert_eq!(got, want, "min {min_isr}, in sync {isr:?}: {ends:?}");
}

#[test]
fn the_slowest_in_sync_replica_holds_it_back() {
    check(1, &[1, 2, 3], &[(1, 9), (2, 4), (3, 7), (2, 8)], &[0, 0, 4, 7]);
    check(1, &[1, 2, 3], &[(1, 9), (3, 9), (2, 9)], &[0, 0, 9]);
}

#[test]
fn a_lone_leader_commits_by_its_append() {
    check(1, &[1], &[(1, 5), (1, 9)], &[5, 9]);
}

#[test]
fn it_rests_under_min_isr() {
    check(2, &[1], &[(1, 5), (1, 9)], &[0, 0]);
    // Kafka caps min.insync.replicas at the number of replicas.
    check(9, &[1, 2, 3], &[(1, 5), (2, 5), (3, 5)], &[0, 0, 5]);
}

#[test]
fn it_waits_for_a_replica_that_is_about_to_join_and_for_no_other() {
    let mut leading = Leading::new(1, &[1]);
    leading.append(5);
    leading.fetch(2, 5);
    assert_eq!(leading.high_watermark(), 5);
    assert_eq!(leading.asked().len(), 1, "2 is asked for");
    leading.append(8);
    assert_eq!(leading.high_watermark(), 5, "2 is in the maximal set");
    leading.refuse(ErrorCode::IneligibleReplica);
    leading.append(9);
    assert_eq!(leading.high_watermark(), 5, "2 had caught up lately, and may come again");
    leading.now.0 += 30_001;
    leading.append(10);
    assert_eq!(leading.high_watermark(), 10, "2 is too far behind");
}

#[test]
fn it_does_not_wait_for_a_caught_up_replica_that_may_not_join() {
    // KAFKA-15021: before, a broker in shutdown held it back for the whole lag time.
    let mut leading = Leading::new(1, &[1]);
    leading.brokers = leading.brokers.change(2, |two| two.in_controlled_shutdown = true);
    leading.append(5);
    leading.fetch(2, 3);
    leading.append(8);
    assert_eq!(leading.high_watermark(), 8);
}

#[test]
fn it_never_goes_back_on_a_leader() {
    let mut leading = Leading::new(1, &[1, 2]);
    leading.append(5);
    leading.fetch(2, 5);
    leading.fetch(2, 3);
    assert_eq!(leading.high_watermark(), 5);
}

#[test]
fn what_is_written_counts_only_once_it_is_published() {
    let mut leading = Leading::new(1, &[1, 2]);
    leading.append(5);
    assert_eq!(leading.partition.offsets().log_end_offset(), Offset(5));
    // A follower cannot be further than what was published: its fetch is out of range.
    let refused = leading.read(2, 6);
    assert_eq!(refused.map(|view| view.up_to), Err(ErrorCode::OffsetOutOfRange));
}

#[test]
fn a_fetch_from_another_leader_epoch_moves_nothing() {
    let mut leading = Leading::new(1, &[1, 2]);
    leading.append(5);
    let mut effects = Vec::new();
    let late = fetched(&leading, 2, 5);
    leading.lead(1, 1, &[1, 2]);
    let now = leading.now;
    let answer = leading.partition.on_follower_fetch(now, &late, &leading.brokers, &mut effects);
    assert_eq!((answer, effects), (Ok(()), Vec::new()));
}

/// A batch up to 5 with acks=all while `isr` is in sync and `reached` is the end of follower 2.
#[track_caller]
fn check_acks(
    min_isr: usize,
    isr: &[i32],
    reached: i64,
    want: (Result<(), ErrorCode>, Option<ErrorCode>),
) {
    let mut leading = Leading::new(min_isr, isr);
    leading.now.0 += 60_000;
    let may_append = leading.partition.check_append(-1).map(drop);
    leading.append(5);
    leading.fetch(2, reached);
    let answer = leading.partition.check_produce(Offset(5), &mut Vec::new());
    assert_eq!((may_append, answer), want, "min {min_isr}, in sync {isr:?}, follower at {reached}");
}

#[test]
fn acks_all_waits_for_the_high_watermark_and_min_isr() {
    let (few, done) = (Err(ErrorCode::NotEnoughReplicas), Some(ErrorCode::None));
    check_acks(2, &[1, 2], 4, (Ok(()), None));
    check_acks(2, &[1, 2], 5, (Ok(()), done));
    check_acks(2, &[1], 0, (few, None));
    check_acks(1, &[1], 0, (Ok(()), done));
}

#[test]
fn a_set_that_shrank_after_the_append_fails_the_batch() {
    let mut leading = Leading::new(2, &[1, 2]);
    leading.append(5);
    leading.fetch(2, 5);
    leading.lead(0, 1, &[1]);
    let answer = leading.partition.check_produce(Offset(5), &mut Vec::new());
    assert_eq!(answer, Some(ErrorCode::NotEnoughReplicasAfterAppend));
    assert_eq!(leading.partition.check_append(1).map(drop), Ok(()), "acks=1 is still taken");
}

#[test]
fn an_expansion_under_way_counts_for_the_answer_but_not_for_the_next_append() {
    let mut leading = Leading::new(2, &[1, 2]);
    leading.append(5);
    leading.fetch(2, 5);
    leading.lead(0, 1, &[1]);
    leading.fetch(2, 5);
    assert_eq!(leading.asked().len(), 1, "2 is asked for");
    let answer = leading.partition.check_produce(Offset(5), &mut Vec::new());
    assert_eq!(answer, Some(ErrorCode::None), "the maximal set has two");
    let next = leading.partition.check_append(-1).map(drop);
    assert_eq!(next, Err(ErrorCode::NotEnoughReplicas), "the committed set has one");
}

#[test]
fn with_its_switch_acks_all_is_answered_before_anybody_has_the_record() {
    let rules = Rules::new(Profile::Kafka43, [Switch::AckBeforeReplication]);
    let mut leading = Leading::with_rules(2, &[1, 2], rules);
    leading.append(5);
    let mut effects = Vec::new();
    let answer = leading.partition.check_produce(Offset(5), &mut effects);
    assert_eq!(answer, Some(ErrorCode::None));
    assert_eq!(leading.high_watermark(), 0);
    assert!(matches!(effects[..], [Effect::Note(_)]), "the note gives it away: {effects:?}");
}

#[test]
fn a_follower_acknowledges_nothing() {
    let mut leading = Leading::new(1, &[1, 2]);
    leading.append(5);
    leading.follow(BrokerId(2), 1, 1);
    let partition = &leading.partition;
    assert_eq!(partition.check_append(1), Err(ErrorCode::NotLeaderOrFollower));
    let answer = partition.check_produce(Offset(5), &mut Vec::new());
    assert_eq!(answer, Some(ErrorCode::NotLeaderOrFollower));
}
