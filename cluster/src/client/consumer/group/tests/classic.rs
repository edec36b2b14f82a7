//! The classic protocol. Names in brackets are those of Kafka's own tests.

use super::{Fixture, found, leave_answered};
use crate::error_code::ErrorCode;
use crate::ids::Offset;
use crate::wire::{JoinGroupResponse, SyncGroupResponse};

const COOPERATIVE: (&str, &str) = (
    "partition.assignment.strategy",
    "org.apache.kafka.clients.consumer.CooperativeStickyAssignor",
);
const NO_AUTO_COMMIT: (&str, &str) = ("enable.auto.commit", "false");

/// (`testNormalJoinGroupLeader`, `testJoinGroupRequestWithMemberIdRequired`)
#[test]
fn the_leader_joins_twice_assigns_and_begins_where_the_group_is() {
    let mut it = Fixture::new(2, &[]);
    let asked = it.expect("find g");
    it.answer(&asked, &found(ErrorCode::None));
    let asked = it.expect("join `` owning []");
    assert_eq!(asked.node, 2, "the coordinator is asked");
    let response = JoinGroupResponse {
        error_code: ErrorCode::MemberIdRequired.code(),
        member_id: "m1".to_owned(),
        ..JoinGroupResponse::default()
    };
    it.answer(&asked, &response);
    assert_eq!(it.waiting(), "join `m1` owning []", "with the id that it was given");
    it.join_as("m1", 3, &["m1", "m2"]);
    assert_eq!(it.waiting(), "sync m1 in 3 [m1: 0, m2: 1]", "it leads, by range");
    it.sync_own();
    assert_eq!(it.events(), "assigned [0] in 3");
    let asked = it.expect("committed 0?");
    it.answer_committed(&asked, ErrorCode::None, 7);
    it.serve_fetches(&[0, 1]);
    assert_eq!(it.poll(), "0:7,8", "from where the group is");
    assert_eq!(it.events(), "0 begins at 7");
}

/// (`testNormalJoinGroupFollower`)
#[test]
fn a_follower_takes_what_it_is_given() {
    let mut it = Fixture::new(2, &[]);
    it.find();
    it.join_as("m2", 1, &["m1", "m2"]);
    assert_eq!(it.waiting(), "sync m2 in 1 []");
    it.sync_with(&[1]);
    assert_eq!(it.events(), "assigned [1] in 1");
    it.start_at(-1);
    let asked = it.expect("list");
    it.answer_offsets(&asked, 4);
    it.serve_fetches(&[1]);
    assert_eq!(it.poll(), "1:4,5", "nothing was committed: by the policy");
}

/// (`testCoordinatorNotAvailable`, `testLookupCoordinator`)
#[test]
fn the_coordinator_is_looked_for_until_it_is_found() {
    let mut it = Fixture::new(1, &[]);
    let asked = it.expect("find g");
    it.answer(&asked, &found(ErrorCode::CoordinatorNotAvailable));
    assert_eq!(it.waiting(), "", "it backs off");
    it.run_to(150);
    it.find();
    assert_eq!(it.waiting(), "join `` owning []");
    let mut it = Fixture::new(1, &[]);
    let asked = it.expect("find g");
    it.answer(&asked, &found(ErrorCode::GroupAuthorizationFailed));
    it.run_to(10);
    assert_eq!(it.events(), "poll failed: GROUP_AUTHORIZATION_FAILED", "nothing helps");
}

/// (`testCoordinatorDisconnect` of a join, `testJoinGroupRequestTimeout`)
#[test]
fn a_join_whose_coordinator_is_gone_is_tried_with_the_next() {
    let mut it = Fixture::new(1, &[]);
    it.find();
    let asked = it.expect("join `` owning []");
    it.cluster.close(asked.conn, &mut it.consumer);
    it.run_to(200);
    it.find();
    it.run_to(400);
    assert_eq!(it.waiting(), "join `` owning []", "again");
}

/// (`testCoordinatorLoadInProgress`, `testJoinGroupRequestWithRebalanceInProgress`,
/// `testJoinGroupUnknownMemberResponse`, `testJoinGroupRequestMaxSize`, ...)
#[test]
fn each_error_of_a_join_means_something_else() {
    for (error, at_once, later) in [
        (ErrorCode::CoordinatorLoadInProgress, "", "join `m1` owning []"),
        (ErrorCode::RebalanceInProgress, "join `m1` owning []", "join `m1` owning []"),
        (ErrorCode::UnknownMemberId, "join `` owning []", "join `` owning []"),
        (ErrorCode::NotCoordinator, "find g", "find g"),
    ] {
        let mut it = Fixture::new(1, &[]);
        it.find();
        it.answer_join_error_with_id(ErrorCode::MemberIdRequired);
        it.answer_join_error(error);
        assert_eq!(it.waiting(), at_once, "{error} at once");
        it.run_to(140);
        assert_eq!(it.waiting(), later, "{error} later");
        assert_eq!(it.events(), "", "{error} is not the application's business");
    }
    for error in [
        ErrorCode::GroupMaxSizeReached,
        ErrorCode::InvalidSessionTimeout,
        ErrorCode::InconsistentGroupProtocol,
        ErrorCode::FencedInstanceId,
        ErrorCode::GroupAuthorizationFailed,
    ] {
        let mut it = Fixture::new(1, &[]);
        it.find();
        it.answer_join_error(error);
        it.run_to(1);
        assert_eq!(it.events(), format!("poll failed: {error}"), "it is told");
        assert_eq!(it.waiting(), "", "{error} is not tried again while it does not poll");
    }
}

/// (`testUnknownMemberIdOnSyncGroup`, `testIllegalGenerationOnSyncGroup`, `testRebalanceInProgressOnSyncGroup`,
/// `testSyncGroupIllegalGenerationWithNewGeneration`)
#[test]
fn each_error_of_a_sync_means_something_else() {
    for (error, want) in [
        (ErrorCode::UnknownMemberId, "join `` owning []"),
        (ErrorCode::IllegalGeneration, "join `m1` owning []"),
        (ErrorCode::RebalanceInProgress, "join `m1` owning []"),
        (ErrorCode::NotCoordinator, "find g"),
    ] {
        let mut it = Fixture::new(1, &[]);
        it.find();
        it.join_as("m1", 1, &["m1"]);
        it.answer_sync_error(error);
        it.run_to(140);
        assert_eq!(it.waiting(), want, "{error}");
    }
}

/// (`testHeartbeatRebalanceInProgress...`, `testUnresponsiveCoordinator...`)
#[test]
fn a_rebalance_is_learned_from_heartbeats_and_what_was_returned_is_committed_first() {
    let mut it = Fixture::joined(2, &[]);
    it.serve_fetches(&[0, 1]);
    assert_eq!(it.poll(), "0:0,1 1:0,1", "both");
    it.poll();
    it.run_to(3_000);
    it.answer_heartbeat(ErrorCode::RebalanceInProgress);
    let asked = it.expect("commit 0@2 1@2 in 1");
    it.serve_fetches(&[0, 1]);
    assert_eq!(it.poll(), "", "GC-1: what is about to be revoked is not polled");
    assert_eq!(it.events(), "", "nothing is given up before it is committed");
    it.answer_commit(&asked, ErrorCode::None);
    assert_eq!(it.events(), "Rebalance committed 0@2 1@2 in 1, revoked [0 1] in 1");
    assert_eq!(it.waiting(), "join `m1` owning []", "eagerly: it has nothing");
    it.join_as("m1", 2, &["m1"]);
    it.sync_with(&[1]);
    assert_eq!(it.events(), "assigned [1] in 2");
    it.start_at(2);
    it.serve_fetches(&[0, 1]);
    assert_eq!(it.poll(), "1:2,3", "and only its own");
}

/// (`testHeartbeatIllegalGenerationResponseWithOldGeneration`, `testHeartbeatUnknownMemberResponse...`,
/// `testResetGenerationIdAfterSyncGroupFailedWithRebalanceInProgress`; KAFKA-12984, KAFKA-13406)
#[test]
fn a_lost_generation_loses_the_partitions_and_keeps_the_member_id_if_it_may_be_valid() {
    for (error, join) in [
        (ErrorCode::IllegalGeneration, "join `m1` owning []"),
        (ErrorCode::UnknownMemberId, "join `` owning []"),
    ] {
        let mut it = Fixture::joined(2, &[NO_AUTO_COMMIT]);
        it.run_to(3_000);
        it.answer_heartbeat(error);
        assert_eq!(it.events(), "lost [0 1] in -1", "{error}");
        assert_eq!(it.waiting(), join, "{error}");
    }
}

/// (`testLostPartitionsOnRebalanceWith...`)
#[test]
fn an_auto_commit_of_a_lost_generation_fails_and_holds_nothing_up() {
    let mut it = Fixture::joined(1, &[]);
    it.serve_fetches(&[0]);
    it.poll();
    it.poll();
    it.run_to(3_000);
    it.answer_heartbeat(ErrorCode::UnknownMemberId);
    let want = "Rebalance failed 0@2: CommitFailed, lost [0] in -1";
    assert_eq!(it.events(), want, "there is nobody to commit as");
    assert_eq!(it.waiting(), "join `` owning []");
}

/// (`testFencedInstanceIdException...` of heartbeats)
#[test]
fn a_static_member_whose_place_is_taken_is_told_and_does_not_leave() {
    let mut it = Fixture::new(1, &[("group.instance.id", "i"), NO_AUTO_COMMIT]);
    it.find();
    assert_eq!(it.waiting(), "join `/i` owning []");
    it.join_as("m1", 1, &["m1"]);
    it.sync_own();
    it.start_at(0);
    it.run_to(3_000);
    it.events();
    it.answer_heartbeat(ErrorCode::FencedInstanceId);
    it.run_to(3_100);
    assert_eq!(it.events(), "poll failed: FENCED_INSTANCE_ID");
    it.consumer.close(&mut it.cluster.wires);
    it.cluster.settle(&mut it.consumer);
    assert_eq!((it.events().as_str(), it.waiting().as_str()), ("lost [0] in -1, closed", ""));
}

/// (`testHeartbeatSentWhenCompletingRebalance`, `testSessionTimeout...`)
#[test]
fn heartbeats_go_on_while_the_application_is_away_and_a_silent_coordinator_is_given_up() {
    let mut it = Fixture::joined(1, &[("session.timeout.ms", "10000"), NO_AUTO_COMMIT]);
    it.serve_fetches(&[0]);
    assert_eq!(it.poll(), "0:0,1");
    it.run_to(3_000);
    it.answer_heartbeat(ErrorCode::None);
    for at in [6_000, 9_000, 12_000] {
        it.run_to(at);
        it.expect("heartbeat m1 in 1");
    }
    it.run_to(13_500);
    assert_eq!(it.waiting(), "find g", "the session is over");
}

/// (`testPollTimeoutExpiry`, `testMaxPollIntervalMs...`)
#[test]
fn who_does_not_poll_leaves_and_joins_again_when_it_polls() {
    let mut it = Fixture::joined(1, &[("max.poll.interval.ms", "5000"), NO_AUTO_COMMIT]);
    it.serve_fetches(&[0]);
    assert_eq!(it.poll(), "0:0,1");
    it.run_to(3_000);
    it.answer_heartbeat(ErrorCode::None);
    it.run_to(5_100);
    leave_answered(&mut it);
    it.run_to(20_000);
    assert_eq!((it.waiting().as_str(), it.events().as_str()), ("", ""), "nothing until it polls");
    assert_eq!(it.poll(), "", "and then it has lost its partitions");
    assert_eq!(
        (it.events().as_str(), it.waiting().as_str()),
        ("lost [0] in -1", "join `` owning []")
    );
}

/// GC-3: nobody looks at the network between the polls of a member that has not joined.
#[test]
fn the_answer_to_a_join_waits_for_the_next_poll() {
    let mut it = Fixture::joined(2, &[COOPERATIVE, NO_AUTO_COMMIT]);
    it.run_to(3_000);
    it.answer_heartbeat(ErrorCode::RebalanceInProgress);
    assert_eq!(it.waiting(), "join `m1` owning [0 1]", "cooperatively: it keeps what it has");
    it.serve_fetches(&[0, 1]);
    assert_eq!(it.poll(), "0:0,1 1:0,1", "and reads on meanwhile");
    it.join_as("m1", 2, &["m2", "m1"]);
    assert_eq!(it.waiting(), "", "the application works");
    it.poll();
    assert_eq!(it.waiting(), "sync m1 in 2 []", "now it polls");
}

/// (`testOnJoinPrepareWithOffsetCommit...`, `testRevokeExceptionThrownFirst...` of the cooperative protocol)
#[test]
fn what_is_taken_away_cooperatively_is_revoked_and_joined_for_again() {
    let mut it = Fixture::joined(2, &[COOPERATIVE, NO_AUTO_COMMIT]);
    it.run_to(3_000);
    it.answer_heartbeat(ErrorCode::RebalanceInProgress);
    it.join_as("m1", 2, &["m2", "m1"]);
    it.sync_with(&[1]);
    assert_eq!(it.events(), "revoked [0] in 2, assigned [] in 2");
    assert_eq!(it.waiting(), "join `m1` owning [1]", "so that another may have it");
    it.join_as("m1", 3, &["m2", "m1"]);
    it.sync_with(&[1]);
    assert_eq!(it.events(), "assigned [] in 3");
    assert_eq!(it.waiting(), "", "it is through");
    it.serve_fetches(&[0, 1]);
    assert_eq!(it.poll(), "1:0,1", "GC-1: what was fetched of the other is not returned");
}

/// (`testMetadataChangeTriggersRebalance`)
#[test]
fn the_leader_joins_again_when_a_topic_grows() {
    let mut it = Fixture::joined(1, &[("metadata.max.age.ms", "1000"), NO_AUTO_COMMIT]);
    it.cluster.leaders.insert(1, (1, 1));
    it.run_to(1_100);
    it.serve_fetches(&[]); // metadata waits behind it
    assert_eq!(it.events(), "revoked [0] in 1");
    it.join_as("m1", 2, &["m1"]);
    assert_eq!(it.waiting(), "sync m1 in 2 [m1: 0 1]");
}

/// (`testMetadataTopicsDuringSubscriptionChange`, of followers)
#[test]
fn a_follower_leaves_it_to_the_leader() {
    let mut it = Fixture::new(1, &[("metadata.max.age.ms", "1000"), NO_AUTO_COMMIT]);
    it.find();
    it.join_as("m2", 1, &["m1", "m2"]);
    it.sync_with(&[0]);
    it.start_at(0);
    it.cluster.leaders.insert(1, (1, 1));
    it.run_to(1_500);
    it.serve_fetches(&[]);
    it.run_to(2_500);
    assert_eq!(it.consumer.metadata().partition_count(super::TOPIC), Some(2), "it knows");
    assert_eq!(
        (it.events().as_str(), it.waiting().as_str()),
        ("assigned [0] in 1, 0 begins at 0", "")
    );
}

/// (`testCallbackWithSlowListener`: KIP-62)
#[test]
fn a_slow_callback_holds_the_join_up_and_not_the_heartbeats() {
    let mut it = Fixture::with_callbacks(1, &[NO_AUTO_COMMIT], 4_000);
    it.find();
    it.join_as("m1", 1, &["m1"]);
    it.sync_own();
    it.run_to(3_500);
    it.answer_heartbeat(ErrorCode::None);
    assert_eq!(it.waiting(), "", "it is still in onPartitionsAssigned");
    it.run_to(4_000);
    it.start_at(0);
    it.run_to(6_500);
    it.answer_heartbeat(ErrorCode::RebalanceInProgress);
    it.events();
    it.run_to(8_900);
    assert_eq!(it.waiting(), "", "in onPartitionsRevoked");
    it.run_to(9_600);
    it.answer_heartbeat(ErrorCode::RebalanceInProgress);
    it.run_to(10_600);
    assert_eq!(it.waiting(), "join `m1` owning []");
}

/// (`testRejoinWhenGenerationLostWhileAssigning`)
#[test]
fn an_assignment_whose_generation_was_lost_before_the_poll_looked_is_not_taken() {
    let mut it = Fixture::joined(1, &[COOPERATIVE, NO_AUTO_COMMIT]);
    it.run_to(3_000);
    it.answer_heartbeat(ErrorCode::RebalanceInProgress);
    it.join_as("m1", 2, &["m2", "m1"]);
    it.serve_fetches(&[0]);
    assert_eq!(it.poll(), "0:0,1", "the application goes to work");
    it.sync_with(&[0]);
    it.run_to(6_000);
    it.answer_heartbeat(ErrorCode::UnknownMemberId);
    assert_eq!(it.events(), "", "it is still away");
    it.poll();
    assert_eq!(it.events(), "lost [0] in -1");
    assert_eq!(it.waiting(), "join `` owning []");
}

/// (`testSubscriptionMismatch...`: an assignment of something else)
#[test]
fn an_assignment_that_cannot_be_read_is_an_error() {
    let mut it = Fixture::new(1, &[]);
    it.find();
    it.join_as("m2", 1, &["m1", "m2"]);
    let (asked, _) = it.take();
    it.answer(&asked, &SyncGroupResponse::default());
    assert_eq!(it.events(), "poll failed: UNKNOWN_SERVER_ERROR", "the leader forgot this member");
}

/// (`testCloseDynamicAssignment`, `testLeaveGroupOnClose`, `testCloseManualAssignment`)
#[test]
fn a_dynamic_member_commits_tells_and_leaves_when_it_is_closed() {
    let mut it = Fixture::joined(1, &[]);
    it.serve_fetches(&[0]);
    assert_eq!(it.poll(), "0:0,1");
    it.consumer.close(&mut it.cluster.wires);
    it.cluster.settle(&mut it.consumer);
    let asked = it.expect("commit 0@2 in 1");
    it.answer_commit(&asked, ErrorCode::None);
    assert_eq!(it.events(), "Close committed 0@2 in 1, revoked [0] in 1");
    assert!(!it.consumer.is_closed(), "not before the coordinator knows");
    leave_answered(&mut it);
    assert_eq!((it.events().as_str(), it.consumer.is_closed()), ("closed", true));
}

/// (`testCloseCoordinatorUnavailable`)
#[test]
fn closing_takes_thirty_seconds_at_most() {
    let mut it = Fixture::joined(1, &[]);
    it.serve_fetches(&[0]);
    it.poll();
    it.consumer.close(&mut it.cluster.wires);
    it.run_to(31_000);
    assert!(it.consumer.is_closed(), "nobody answered");
    assert!(it.events().ends_with("closed"), "it is told");
}

/// (`testSeek...`, `testPauseAndResume...`)
#[test]
fn what_is_paused_is_kept_and_what_was_sought_is_read_from_there() {
    let mut it = Fixture::joined(2, &[NO_AUTO_COMMIT]);
    let at = |partition| crate::client::NamedPartition { topic: super::TOPIC.into(), partition };
    it.serve_fetches(&[0, 1]);
    assert!(it.consumer.pause(&at(0)), "it is assigned");
    assert_eq!(it.poll(), "1:0,1", "GC-1: nothing of what is paused");
    it.serve_fetches(&[]);
    it.consumer.resume(&at(0));
    assert_eq!(it.poll(), "0:0,1", "what had come");
    assert!(it.consumer.seek(&at(1), Offset(40)), "it is assigned");
    it.poll();
    it.run_to(300);
    // What was asked before comes first, and is dropped.
    let mut polled = String::new();
    for _ in 0..4 {
        it.serve_fetches(&[1]);
        polled += &it.poll();
    }
    assert!(polled.starts_with("1:40,41"), "from there: {polled}");
    assert!(!it.consumer.seek(&at(7), Offset(0)), "that one is somebody else's");
}
