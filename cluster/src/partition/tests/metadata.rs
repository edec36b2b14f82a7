//! What metadata makes of a partition: whole lists of effects.
//!
//! Holds: tables after Kafka's `PartitionTest` (makeLeader, makeFollower) and KAFKA-13790.

use trial_log::{LeaderEpoch, Offset};

use super::leading::Leading;
use crate::ids::{BrokerId, PartitionEpoch};
use crate::note::partition::PartitionEvent;
use crate::partition::Effect;
use crate::partition::replica::UNKNOWN_OFFSET;
use crate::rules::{Profile, Rules, Switch};

fn one_two_three() -> Vec<BrokerId> {
    vec![BrokerId(1), BrokerId(2), BrokerId(3)]
}

#[test]
fn a_new_leader_writes_its_epoch_before_anything_else() {
    let mut leading = Leading::new(1, &[1, 2, 3]);
    leading.append(5);
    leading.follow(BrokerId(2), 1, 1);
    let effects = leading.lead(2, 2, &[1, 2, 3]);
    let became = PartitionEvent::BecameLeader {
        leader_epoch: LeaderEpoch(2),
        partition_epoch: PartitionEpoch(2),
        epoch_start_offset: Offset(5),
        high_watermark: Offset(0),
        isr: one_two_three(),
        was_leader: false,
    };
    let want = [
        Effect::StopFetching,
        Effect::AssignEpoch { epoch: LeaderEpoch(2), start: Offset(5) },
        Effect::Note(became),
    ];
    assert_eq!(effects, want);
}

#[test]
fn a_leader_without_followers_in_sync_commits_its_log_at_once() {
    let mut leading = Leading::new(1, &[1, 2]);
    leading.append(5);
    leading.now.0 += 60_000;
    leading.lead(1, 1, &[1]);
    assert_eq!(leading.high_watermark(), 5);
}

#[test]
fn followers_are_forgotten_by_a_new_leader_and_remembered_by_a_re_elected_one() {
    let end = |leading: &Leading| {
        let leader = leading.partition.leader().expect("it leads");
        leader.follower(BrokerId(2)).expect("it is assigned").log_end_offset()
    };
    let mut leading = Leading::new(1, &[1, 2, 3]);
    leading.append(5);
    leading.fetch(2, 4);
    leading.lead(1, 1, &[1, 2, 3]);
    assert_eq!(end(&leading), Offset(4));
    leading.follow(BrokerId(2), 2, 2);
    leading.lead(3, 3, &[1, 2, 3]);
    assert_eq!(end(&leading), UNKNOWN_OFFSET);
}

#[test]
fn older_and_equal_partition_epochs_are_ignored() {
    let mut leading = Leading::new(1, &[1]);
    leading.lead(0, 3, &[1]);
    leading.fetch(2, 0);
    for old in [2, 3] {
        let effects = leading.lead(0, old, &[1]);
        let ignored = PartitionEvent::MetadataIgnored {
            partition_epoch: PartitionEpoch(old),
            known: PartitionEpoch(3),
        };
        assert_eq!(effects, [Effect::Note(ignored)]);
    }
    assert!(leading.partition.leader().is_some_and(|leader| leader.isr().is_pending()), "R7");
}

#[test]
fn with_its_switch_an_equal_partition_epoch_undoes_a_pending_expansion() {
    let rules = Rules::new(Profile::Kafka43, [Switch::EqualPartitionEpochApplied]);
    let mut leading = Leading::with_rules(1, &[1], rules);
    leading.fetch(2, 0);
    leading.lead(0, 0, &[1]);
    assert!(leading.partition.leader().is_some_and(|leader| !leader.isr().is_pending()), "R7");
}

#[test]
fn a_deposed_leader_lets_go_of_everything_and_follows() {
    let mut leading = Leading::new(1, &[1, 2, 3]);
    leading.append(5);
    let effects = leading.follow(BrokerId(2), 1, 1);
    let became = PartitionEvent::BecameFollower {
        leader: BrokerId(2),
        leader_epoch: LeaderEpoch(1),
        partition_epoch: PartitionEpoch(1),
        log_end_offset: Offset(5),
        high_watermark: Offset(0),
    };
    let want = [
        Effect::Note(became),
        Effect::StopFetching,
        Effect::LeadershipChanged,
        Effect::FetchFrom { leader: BrokerId(2), leader_epoch: LeaderEpoch(1) },
    ];
    assert_eq!(effects, want);
}

#[test]
fn a_follower_goes_on_fetching_through_a_change_that_keeps_the_leader_epoch() {
    let mut leading = Leading::new(1, &[1, 2, 3]);
    leading.follow(BrokerId(2), 1, 1);
    assert_eq!(leading.follow(BrokerId(2), 1, 2), []);
    assert_eq!(leading.partition.partition_epoch(), PartitionEpoch(2));
}

#[test]
fn without_a_leader_nobody_is_asked() {
    let mut leading = Leading::new(1, &[1, 2, 3]);
    let effects = leading.follow(BrokerId::NONE, 1, 1);
    assert!(
        !effects.iter().any(|effect| matches!(effect, Effect::FetchFrom { .. })),
        "{effects:?}"
    );
    let partition = &leading.partition;
    assert_eq!(partition.to_fetch(trial_sim::Time::ZERO, 1), None);
}
