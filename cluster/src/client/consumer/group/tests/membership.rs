//! The consumer protocol. Names in brackets are those of Kafka's own tests.

use super::{Fixture, beat};
use crate::error_code::ErrorCode;
use crate::wire::{ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse};

const CONSUMER: (&str, &str) = ("group.protocol", "consumer");
/// So that the interval is not over in the middle of a test.
const SELDOM: (&str, &str) = ("auto.commit.interval.ms", "600000");
const NO_AUTO_COMMIT: (&str, &str) = ("enable.auto.commit", "false");

/// (`testFirstHeartbeatIncludesRequiredInfoToJoinGroupAndGetAssignments`, `testReconcileNewPartitionsAssigned...`)
#[test]
fn a_member_joins_reconciles_acknowledges_and_is_stable() {
    let mut it =
        Fixture::new(2, &[CONSUMER, ("client.rack", "r1"), ("group.remote.assignor", "range")]);
    it.find();
    let asked = it.expect("beat 0 topics [orders] owns []");
    let request: ConsumerGroupHeartbeatRequest = asked.decode();
    assert_eq!(request.member_id.len(), 22, "it names itself: {}", request.member_id);
    assert_eq!(request.rebalance_timeout_ms, 300_000);
    assert_eq!(request.rack_id.as_deref(), Some("r1"));
    assert_eq!(request.server_assignor.as_deref(), Some("range"));
    it.answer(&asked, &beat(1, Some(&[0, 1])));
    assert_eq!(it.events(), "assigned [0 1] in 1");
    let asked = it.take_beat("beat 1 owns [0 1]");
    let request: ConsumerGroupHeartbeatRequest = asked.decode();
    assert_eq!(request.rebalance_timeout_ms, -1, "it is not said twice");
    it.answer(&asked, &beat(1, None));
    it.start_at(3);
    it.serve_fetches(&[0, 1]);
    assert_eq!(it.poll(), "0:3,4 1:3,4");
    it.run_to(5_200);
    it.take_beat("beat 1");
}

/// (`testReconcilePartitionsRevokedWithSuccessfulAutoCommitNoCallbacks`, `testRevokePartitionsUsesTopicNames...`)
#[test]
fn what_is_revoked_is_committed_and_told_before_it_is_acknowledged() {
    let mut it = stable(&[SELDOM]);
    it.serve_fetches(&[0, 1]);
    assert_eq!(it.poll(), "0:0,1 1:0,1");
    it.poll();
    it.run_to(5_200);
    let asked = it.take_beat("beat 1");
    it.answer(&asked, &beat(1, Some(&[1])));
    let asked = it.expect("commit 0@2 1@2 in 1");
    it.serve_fetches(&[0, 1]);
    assert_eq!(it.poll(), "1:2,3", "GC-1: nothing of what is about to be revoked");
    it.answer_commit(&asked, ErrorCode::None);
    assert_eq!(it.events(), "Rebalance committed 0@2 1@2 in 1");
    assert_eq!(it.waiting(), "", "not acknowledged before the application knows");
    it.poll();
    assert_eq!(it.events(), "revoked [0] in 1, assigned [] in 1");
    it.take_beat("beat 1 owns [1]");
}

/// (`testAutoCommitBeforeRebalance...StaleMemberEpoch`, `testCommitSyncFailsWithCommitFailed...IfStale`)
#[test]
fn a_commit_with_an_old_epoch_is_made_again_with_the_new_one_before_a_rebalance_only() {
    let mut it = stable(&[SELDOM]);
    it.serve_fetches(&[0, 1]);
    it.poll();
    it.poll();
    it.run_to(5_200);
    let asked = it.take_beat("beat 1");
    it.answer(&asked, &beat(2, Some(&[1])));
    let asked = it.expect("commit 0@2 1@2 in 2");
    it.answer_commit(&asked, ErrorCode::StaleMemberEpoch);
    assert_eq!(it.events(), "", "it is not given up");
    it.run_to(5_400);
    let asked = it.expect("commit 0@2 1@2 in 2");
    it.answer_commit(&asked, ErrorCode::None);
    assert!(it.events().starts_with("Rebalance committed"), "it is through");
    let mut it = stable(&[NO_AUTO_COMMIT]);
    it.serve_fetches(&[0, 1]);
    it.poll();
    it.consumer.commit_sync(&mut it.cluster.wires);
    it.cluster.settle(&mut it.consumer);
    let asked = it.expect("commit 0@2 1@2 in 1");
    it.answer_commit(&asked, ErrorCode::StaleMemberEpoch);
    assert_eq!(it.events(), "Sync failed 0@2 1@2: CommitFailed", "the application decides");
}

/// (`testFencingWhenStateIsStable`, `testHeartbeatResponseOnErrorHandling`)
#[test]
fn a_fenced_member_loses_everything_and_joins_again_as_itself() {
    for error in [ErrorCode::FencedMemberEpoch, ErrorCode::UnknownMemberId] {
        let mut it = stable(&[SELDOM]);
        let id = it.consumer.member_id();
        it.run_to(5_200);
        let asked = it.take_beat("beat 1");
        it.answer(&asked, &refused(error));
        assert_eq!(it.events(), "lost [0 1] in 0", "{error}");
        it.take_beat("beat 0 topics [orders] owns []");
        assert_eq!(it.consumer.member_id(), id, "{error}: its id is its own");
    }
}

/// (`testFencingWhenStateIsReconciling`, `testFencingWhileReconciliation...`)
#[test]
fn who_is_fenced_while_it_reconciles_does_not_acknowledge() {
    let mut it = Fixture::with_callbacks(1, &[CONSUMER, NO_AUTO_COMMIT], 8_000);
    it.find();
    let asked = it.take_beat("beat 0 topics [orders] owns []");
    it.answer(&asked, &beat(1, Some(&[0])));
    assert_eq!(it.events(), "assigned [0] in 1");
    it.run_to(5_200);
    let asked = it.take_beat("beat 1");
    it.answer(&asked, &refused(ErrorCode::FencedMemberEpoch));
    it.run_to(9_000);
    assert_eq!(it.events(), "lost [0] in 0", "when the callback is through");
    assert_eq!(it.waiting(), "", "RE-1: the application does not know yet");
    it.run_to(17_500);
    it.take_beat("beat 0 topics [orders] owns []");
}

/// (`testHeartbeatResponseOnErrorHandling`: the fatal ones)
#[test]
fn fatal_errors_are_told_and_end_the_membership() {
    for error in [
        ErrorCode::UnreleasedInstanceId,
        ErrorCode::FencedInstanceId,
        ErrorCode::UnsupportedAssignor,
        ErrorCode::GroupMaxSizeReached,
        ErrorCode::InvalidRequest,
        ErrorCode::GroupAuthorizationFailed,
        ErrorCode::InvalidRegularExpression,
    ] {
        let mut it = stable(&[("group.instance.id", "i"), SELDOM]);
        it.run_to(5_200);
        let asked = it.take_beat("beat 1");
        it.answer(&asked, &refused(error));
        assert_eq!(it.events(), format!("lost [0 1] in 0, poll failed: {error}"));
        it.run_to(20_000);
        assert_eq!(it.waiting(), "", "{error}: no heartbeats any more");
    }
}

/// (`testNotCoordinator...`, `testCoordinatorLoadInProgress...`, `testDisconnect`)
#[test]
fn other_errors_are_waited_out_and_everything_is_said_again() {
    for (error, want) in [
        (ErrorCode::CoordinatorLoadInProgress, "beat 1 topics [orders] owns [0 1]"),
        (ErrorCode::NotCoordinator, "find g"),
        (ErrorCode::CoordinatorNotAvailable, "find g"),
    ] {
        let mut it = stable(&[NO_AUTO_COMMIT]);
        it.run_to(5_200);
        let asked = it.take_beat("beat 1");
        it.answer(&asked, &refused(error));
        it.run_to(5_500);
        assert_eq!(it.waiting(), want, "{error}");
        assert_eq!(it.events(), "", "{error}");
    }
}

/// (`testLeaveGroupEpoch...`, `testStaticMemberLeaves...`)
#[test]
fn a_member_leaves_for_good_and_a_static_one_for_a_while() {
    for (settings, epoch) in [(&[][..], "beat -1"), (&[("group.instance.id", "i")][..], "beat -2")]
    {
        let mut it = stable(settings);
        it.serve_fetches(&[0, 1]);
        it.poll();
        it.consumer.close(&mut it.cluster.wires);
        it.cluster.settle(&mut it.consumer);
        let asked = it.expect("commit 0@2 1@2 in 1");
        it.answer_commit(&asked, ErrorCode::None);
        assert_eq!(it.events(), "Close committed 0@2 1@2 in 1, revoked [0 1] in 1");
        let (asked, words) = it.take();
        assert!(words.starts_with(epoch), "{words}");
        it.answer(&asked, &beat(-1, None));
        assert_eq!((it.events().as_str(), it.consumer.is_closed()), ("closed", true));
    }
}

/// (`testPollTimerExpiration`, `testMaybeRejoinStaleMember`, `testStaleMemberRejoinsWhenTimerResets`)
#[test]
fn who_does_not_poll_is_stale_and_joins_again_when_it_polls() {
    let mut it = stable(&[("max.poll.interval.ms", "7000"), NO_AUTO_COMMIT]);
    it.serve_fetches(&[0, 1]);
    assert_eq!(it.poll(), "0:0,1 1:0,1", "and the application goes to work");
    it.run_to(5_200);
    let asked = it.take_beat("beat 1");
    it.answer(&asked, &beat(1, None));
    it.run_to(7_400);
    let asked = it.take_beat("beat -1 owns []");
    it.answer(&asked, &beat(-1, None));
    it.run_to(30_000);
    assert_eq!((it.waiting().as_str(), it.events().as_str()), ("", ""), "it is away");
    assert_eq!(it.poll(), "");
    assert_eq!(it.events(), "lost [0 1] in -1");
    it.take_beat("beat 0 topics [orders] owns []");
}

/// (`testDelayedMetadataUsedToCompleteAssignment`)
#[test]
fn a_topic_whose_name_is_not_known_yet_waits_for_metadata() {
    let mut it = Fixture::new(1, &[CONSUMER, NO_AUTO_COMMIT]);
    it.find();
    let asked = it.take_beat("beat 0 topics [orders] owns []");
    let mut answer = beat(1, Some(&[0]));
    let unknown = crate::wire::consumer_group_heartbeat_response::TopicPartition {
        topic_id: crate::ids::Uuid(99),
        partitions: vec![0],
    };
    answer.assignment.as_mut().expect("it has one").topic_partitions.push(unknown);
    let before = it.cluster.metadata_requests;
    it.answer(&asked, &answer);
    assert_eq!(it.events(), "assigned [0] in 1", "what it knows");
    let asked = it.take_beat("beat 1 owns [0]");
    it.answer(&asked, &beat(1, None));
    it.run_to(3_000);
    assert!(it.cluster.metadata_requests > before, "it asks for the other");
    assert!(!it.waiting().contains("beat"), "the same is not acknowledged again and again");
}

/// Kafka applies an answer when it comes, to whoever waits then (`OffsetsRequestManager.refreshOffsets`). Ours once
/// kept it until the partition came back, half a minute and many commits of others later (groups_at_once, seed 635).
#[test]
fn what_was_committed_is_asked_anew_for_a_partition_that_comes_back() {
    let mut it = Fixture::new(1, &[CONSUMER, NO_AUTO_COMMIT]);
    it.find();
    let asked = it.take_beat("beat 0 topics [orders] owns []");
    it.answer(&asked, &beat(1, Some(&[0])));
    let asked = it.take_beat("beat 1 owns [0]");
    let early = it.expect("committed 0?");
    it.events();
    // Both answers are there before the application polls again.
    it.answer(&asked, &beat(2, Some(&[])));
    it.answer_committed(&early, ErrorCode::None, 3);
    it.poll();
    assert_eq!(it.events(), "revoked [0] in 2, assigned [] in 2");
    let asked = it.take_beat("beat 2 owns []");
    it.answer(&asked, &beat(3, Some(&[0])));
    it.poll();
    assert_eq!(it.events(), "assigned [0] in 3");
    let asked = it.take_beat("beat 3 owns [0]");
    it.answer(&asked, &beat(3, None));
    it.start_at(64);
    it.poll();
    assert_eq!(it.events(), "0 begins at 64");
}

impl Fixture {
    /// Takes the oldest heartbeat.
    #[track_caller]
    fn take_beat(&mut self, want: &str) -> crate::client::test_cluster::Asked {
        let is_beat = |it: &crate::client::test_cluster::Asked| {
            it.api == crate::wire::ApiKey::ConsumerGroupHeartbeat
        };
        let place = self.cluster.asked.iter().position(is_beat);
        let asked = self.cluster.asked.remove(place.expect("no heartbeat waits"));
        assert_eq!(super::words_of(&asked), want, "the heartbeat");
        asked
    }
}

/// A member in epoch 1 with both partitions at 0, whose heartbeats are answered.
fn stable(settings: &[(&str, &str)]) -> Fixture {
    let settings: Vec<(&str, &str)> =
        [CONSUMER].into_iter().chain(settings.iter().copied()).collect();
    let mut it = Fixture::new(2, &settings);
    it.find();
    let asked = it.take_beat("beat 0 topics [orders] owns []");
    it.answer(&asked, &beat(1, Some(&[0, 1])));
    let asked = it.take_beat("beat 1 owns [0 1]");
    it.answer(&asked, &beat(1, None));
    it.start_at(0);
    it.events();
    it
}

fn refused(error: ErrorCode) -> ConsumerGroupHeartbeatResponse {
    ConsumerGroupHeartbeatResponse {
        error_code: error.code(),
        ..ConsumerGroupHeartbeatResponse::default()
    }
}
