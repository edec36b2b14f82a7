//! What happens when a write fails.

use super::super::afterwards::told;
use super::*;

/// `testJoinGroupAppendErrorConversion`
#[test]
fn clients_are_told_where_to_look_for_the_coordinator() {
    for (failure, want) in [
        (ErrorCode::UnknownTopicOrPartition, ErrorCode::CoordinatorNotAvailable),
        (ErrorCode::NotEnoughReplicas, ErrorCode::CoordinatorNotAvailable),
        (ErrorCode::RequestTimedOut, ErrorCode::CoordinatorNotAvailable),
        (ErrorCode::NotLeaderOrFollower, ErrorCode::NotCoordinator),
        (ErrorCode::KafkaStorageError, ErrorCode::NotCoordinator),
        (ErrorCode::MessageTooLarge, ErrorCode::UnknownServerError),
        (ErrorCode::RecordListTooLarge, ErrorCode::UnknownServerError),
        (ErrorCode::InvalidFetchSize, ErrorCode::UnknownServerError),
        (ErrorCode::LeaderNotAvailable, ErrorCode::LeaderNotAvailable),
    ] {
        assert_eq!(told(failure), want, "{failure:?}");
    }
}

/// `testGenerateRecordsOnNewClassicGroupFailureTransformsError`
#[test]
fn a_group_that_cannot_be_written_is_not_there() {
    let mut story = Story::new();
    story.driven.commits = false;
    let first = story.join(&join().instance("i"));
    let second = story.join(&join());
    let round = story.join(&join().version(4));
    assert_eq!(story.code(round), ErrorCode::MemberIdRequired);
    story.driven.fail(ErrorCode::NotLeaderOrFollower);
    assert_eq!(story.code(first), ErrorCode::NotCoordinator);
    assert_eq!(story.code(second), ErrorCode::NotCoordinator, "it rests on the same batch");
    assert!(story.driven.coordinator.classic_group("g").is_none());
    // The timers of what is gone find another group, or none.
    story.pass(2_000);
    story.driven.commits = true;
    let other = story.join(&join());
    story.pass(2_000);
    assert!(story.waits(other), "its own delay");
    story.pass(1_000);
    story.joined(other);
    story.check(ClassicState::CompletingRebalance, 1, 1);
}

/// A write that is not committed in time: the group is there, and goes on with a member that was told otherwise.
#[test]
fn a_group_that_is_not_committed_in_time_goes_on() {
    let mut story = Story::new();
    story.driven.commits = false;
    let token = story.join(&join());
    story.driven.give_up_waiting(ErrorCode::RequestTimedOut);
    assert_eq!(story.code(token), ErrorCode::CoordinatorNotAvailable);
    assert_eq!(story.group().awaiting_join_count(), 1);
    story.driven.commits = true;
    story.pass(INITIAL_DELAY_MS);
    story.check(ClassicState::CompletingRebalance, 1, 1);
}

/// `testSyncGroupAsLeaderAppendFailureTransformsError`
#[test]
fn an_assignment_that_cannot_be_written_makes_a_rebalance() {
    let mut story = Story::new();
    let (leader, follower) = story.two_joined();
    let waiting = story.sync(&follower, 2, &[]);
    story.driven.commits = false;
    let token = story.sync(&leader, 2, &[(&leader, 1), (&follower, 2)]);
    assert!(story.waits(token));
    story.driven.fail(ErrorCode::NotLeaderOrFollower);
    for token in [token, waiting] {
        assert_eq!(story.code(token), ErrorCode::NotCoordinator);
    }
    story.check(ClassicState::PreparingRebalance, 2, 2);
    assert!(story.group().members().all(|member| member.assignment.is_empty()));
}

/// A rebalance begins while the assignment is on its way: it is written, and nobody gets it.
#[test]
fn an_assignment_may_come_too_late() {
    for failure in [None, Some(ErrorCode::NotEnoughReplicas)] {
        let mut story = Story::new();
        let (leader, follower) = story.two_joined();
        story.driven.commits = false;
        let token = story.sync(&leader, 2, &[(&follower, 2)]);
        let third = story.join(&join());
        assert_eq!(story.code(token), ErrorCode::RebalanceInProgress);
        match failure {
            None => story.driven.commit(),
            Some(code) => story.driven.fail(code),
        }
        story.check(ClassicState::PreparingRebalance, 2, 3);
        assert_eq!(story.waits(third), failure.is_none(), "it rests on what failed");
        assert!(story.group().members().all(|member| member.assignment.is_empty()));
    }
}

/// The timeline goes back behind a group that was deleted: it is the one that it was, with its generation.
#[test]
fn a_group_whose_deletion_failed_is_back() {
    let mut story = Story::new();
    let id = story.stable_single();
    story.leave(&[(&id, None)]);
    story.check(ClassicState::Empty, 2, 0);
    let before = story.driven.coordinator.state().clone();
    let tombstone = GroupRecord::GroupMetadata(story.group().key(), None);
    story.driven.coordinator.replay(crate::ids::Offset(9), &tombstone);
    story.driven.commits = false;
    story.join(&join());
    assert_eq!(story.group().generation(), 0, "another one");
    story.driven.coordinator.forget_classic_groups(&[&before]);
    story.driven.coordinator.revert(before);
    story.check(ClassicState::Empty, 2, 0);
}

/// Groups that no state names are forgotten, sooner or later.
#[test]
fn groups_that_are_gone_are_forgotten() {
    let mut story = Story::new();
    let key = |at: u32| crate::wire::GroupMetadataKey { group: format!("g{at}") };
    for at in 0..100 {
        let new =
            GroupRecord::GroupMetadata(key(at), Some(crate::wire::GroupMetadataValue::default()));
        story.driven.coordinator.replay(crate::ids::Offset(0), &new);
        let gone = GroupRecord::GroupMetadata(key(at), None);
        story.driven.coordinator.replay(crate::ids::Offset(0), &gone);
        story.driven.coordinator.forget_classic_groups(&[]);
    }
    assert!(story.driven.coordinator.classic.len() <= 16);
}
