//! Commits and committed offsets, in the classic protocol. Names in brackets are those of Kafka's own tests.

use super::Fixture;
use crate::error_code::ErrorCode;

const NO_AUTO_COMMIT: (&str, &str) = ("enable.auto.commit", "false");

/// (`testAutoCommitDynamicAssignment`; KAFKA-18641)
#[test]
fn polls_commit_what_polls_before_have_returned_and_nothing_later() {
    let mut it = Fixture::joined(1, &[("auto.commit.interval.ms", "100")]);
    it.serve_fetches(&[0]);
    it.cluster.wires.now += trial_sim::Span::from_millis(500);
    assert_eq!(it.poll(), "0:0,1", "the interval is over");
    assert_eq!(it.waiting(), "commit 0@0 in 1", "not what this poll returns");
    it.serve_fetches(&[0]);
    it.run_to(700);
    assert_eq!(it.waiting(), "commit 0@0 in 1", "the application works");
    assert_eq!(it.poll(), "0:2,3");
    assert_eq!(it.waiting(), "commit 0@0 in 1; commit 0@2 in 1");
}

/// (`testAutoCommitRetryBackoff`)
#[test]
fn an_auto_commit_that_may_succeed_is_made_again_soon() {
    let settings = [("auto.commit.interval.ms", "1000"), ("retry.backoff.ms", "50")];
    let mut it = Fixture::joined(1, &settings);
    it.run_to(1_010);
    let asked = it.expect("commit 0@0 in 1");
    it.answer_commit(&asked, ErrorCode::CoordinatorLoadInProgress);
    assert_eq!(it.events(), "Interval failed 0@0: COORDINATOR_LOAD_IN_PROGRESS");
    it.run_to(1_070);
    assert_eq!(it.waiting(), "commit 0@0 in 1", "after retry.backoff.ms");
}

/// (`testCommitOffsetOnly`, `testCommitOffsetSyncNotCoordinator`, `...CoordinatorNotAvailable`,
/// `testCommitOffsetSyncCoordinatorDisconnected`)
#[test]
fn a_sync_commit_is_tried_until_it_succeeds() {
    for error in [
        ErrorCode::NotCoordinator,
        ErrorCode::CoordinatorNotAvailable,
        ErrorCode::RequestTimedOut,
        ErrorCode::CoordinatorLoadInProgress,
        ErrorCode::UnknownTopicOrPartition,
    ] {
        let mut it = consumed();
        it.consumer.commit_sync(&mut it.cluster.wires);
        it.cluster.settle(&mut it.consumer);
        let asked = it.expect("commit 0@2 in 1");
        it.answer_commit(&asked, error);
        assert!(it.consumer.is_committing(), "{error}: it waits");
        it.run_to(200);
        if it.waiting() == "find g" {
            it.find();
        }
        it.run_to(400);
        let asked = it.expect("commit 0@2 in 1");
        it.answer_commit(&asked, ErrorCode::None);
        assert_eq!(it.events(), "Sync committed 0@2 in 1", "{error}");
        assert!(!it.consumer.is_committing(), "{error}: it is through");
    }
}

/// (`testCommitOffsetMetadataTooLarge`, `testCommitOffsetIllegalGeneration`, `testCommitOffsetUnknownMemberId`,
/// `testCommitOffsetRebalanceInProgress`, `testCommitAsyncWithFencedInstanceId...`)
#[test]
fn other_errors_of_a_commit_are_told_and_say_what_becomes_of_the_member() {
    for (error, told, then) in [
        (ErrorCode::OffsetMetadataTooLarge, "OFFSET_METADATA_TOO_LARGE", ""),
        (ErrorCode::RebalanceInProgress, "REBALANCE_IN_PROGRESS", "join `m1` owning []"),
        (ErrorCode::IllegalGeneration, "CommitFailed", "join `m1` owning []"),
        (ErrorCode::UnknownMemberId, "CommitFailed", "join `` owning []"),
        (ErrorCode::FencedInstanceId, "FENCED_INSTANCE_ID", ""),
    ] {
        let mut it = consumed();
        it.consumer.commit_sync(&mut it.cluster.wires);
        it.cluster.settle(&mut it.consumer);
        let asked = it.expect("commit 0@2 in 1");
        it.answer_commit(&asked, error);
        assert_eq!(it.events(), format!("Sync failed 0@2: {told}"), "{error}");
        it.poll();
        assert_eq!(it.waiting(), then, "{error}");
    }
}

/// (`testCommitOffsetSyncWithoutCoordinator...`, `testCommitOffsetSyncTimeout`)
#[test]
fn a_sync_commit_without_a_coordinator_times_out() {
    let mut it = consumed();
    it.consumer.commit_sync(&mut it.cluster.wires);
    it.cluster.settle(&mut it.consumer);
    let asked = it.expect("commit 0@2 in 1");
    it.cluster.down.insert(2);
    it.cluster.close(asked.conn, &mut it.consumer);
    it.run_to(70_000);
    assert_eq!(it.events(), "Sync failed 0@2: TimedOut", "default.api.timeout.ms");
}

/// (`testCommitOffsetAsyncWithoutCoordinator...`)
#[test]
fn a_commit_of_somebody_without_a_generation_fails_at_once() {
    let mut it = consumed();
    it.run_to(3_000);
    it.answer_heartbeat(ErrorCode::UnknownMemberId);
    it.consumer.commit_async(&mut it.cluster.wires);
    assert_eq!(it.events(), "Async failed 0@2: CommitFailed");
    it.consumer.commit_sync(&mut it.cluster.wires);
    assert_eq!(it.events(), "Sync failed 0@2: CommitFailed");
}

/// (`testRefreshOffset`, `testRefreshOffsetLoadInProgress`, `testRefreshOffsetNotCoordinatorForConsumer`,
/// `testFetchCommittedOffsets...`)
#[test]
fn committed_offsets_are_asked_for_until_they_are_there() {
    for error in [
        ErrorCode::CoordinatorLoadInProgress,
        ErrorCode::NotCoordinator,
        ErrorCode::CoordinatorNotAvailable,
        ErrorCode::RequestTimedOut,
    ] {
        let mut it = assigned();
        let asked = it.expect("committed 0?");
        it.answer_committed(&asked, error, 0);
        it.run_to(250);
        if it.waiting() == "find g" {
            it.find();
        }
        it.run_to(500);
        it.start_at(5);
        assert!(it.events().ends_with("0 begins at 5"), "{error}");
    }
    let mut it = assigned();
    let asked = it.expect("committed 0?");
    it.answer_committed(&asked, ErrorCode::GroupAuthorizationFailed, 0);
    it.run_to(1);
    assert!(it.events().ends_with("poll failed: GROUP_AUTHORIZATION_FAILED"), "it is told");
}

/// (`testNoCoordinatorDiscoveryIfPositionsKnown`, `testRefreshOffsetNotFound...`)
#[test]
fn without_a_committed_offset_and_a_policy_the_partition_stands_still() {
    let mut it = assigned();
    it.consumer.fetch.config.consumer.auto_offset_reset = crate::config::OffsetReset::None;
    it.start_at(-1);
    assert!(it.events().ends_with("Stuck { parti"), "the application decides");
    it.run_to(2_000);
    assert_eq!(it.waiting(), "", "nothing is asked");
}

fn assigned() -> Fixture {
    let mut it = Fixture::new(1, &[NO_AUTO_COMMIT]);
    it.find();
    it.join_as("m1", 1, &["m1"]);
    it.sync_own();
    it
}

/// A member that has been returned offsets 0 and 1, and works on them.
fn consumed() -> Fixture {
    let mut it = Fixture::joined(1, &[NO_AUTO_COMMIT]);
    it.serve_fetches(&[0]);
    assert_eq!(it.poll(), "0:0,1");
    it
}
