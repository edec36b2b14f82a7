//! Heartbeats and sessions.

use super::*;

/// `testHeartbeatUnknownGroup`, `testHeartbeatUnknownMemberExistingGroup`, `testHeartbeatIllegalGeneration`,
/// `testValidHeartbeat`
#[test]
fn a_heartbeat_is_from_a_member_of_the_generation() {
    let mut story = Story::new();
    assert_eq!(story.heartbeat("m", -1), ErrorCode::UnknownMemberId);
    let id = story.stable_single();
    assert_eq!(story.heartbeat("m", 1), ErrorCode::UnknownMemberId);
    assert_eq!(story.heartbeat(&id, 2), ErrorCode::IllegalGeneration);
    assert_eq!(story.heartbeat(&id, 1), ErrorCode::None);
}

/// `testStaticMemberHeartbeatLeaderWithInvalidMemberId`
#[test]
fn a_heartbeat_in_the_name_of_a_static_member_is_fenced() {
    let mut story = Story::new();
    let pair = story.static_pair(10_000, 5_000);
    let token = story.sync_as(Some("leader"), &pair.leader, 1, &[]);
    story.synced(token);
    assert_eq!(story.heartbeat(&pair.leader, 1), ErrorCode::None);
    assert_eq!(story.heartbeat_as(Some("leader"), "m", 1), ErrorCode::FencedInstanceId);
    assert_eq!(story.heartbeat_as(Some("nobody"), &pair.leader, 1), ErrorCode::UnknownMemberId);
}

/// `testHeartbeatDuringPreparingRebalance`, `testHeartbeatDuringCompletingRebalance`,
/// `testHeartbeatDuringRebalanceCausesRebalanceInProgress`
#[test]
fn a_heartbeat_says_whether_to_join_again() {
    let mut story = Story::new();
    let round = story.join(&join().version(4));
    let id = story.answer(round).member_id;
    story.join(&join().by(&id));
    assert_eq!(story.heartbeat(&id, 0), ErrorCode::RebalanceInProgress, "preparing");
    story.pass(INITIAL_DELAY_MS);
    story.check(ClassicState::CompletingRebalance, 1, 1);
    assert_eq!(story.heartbeat(&id, 1), ErrorCode::None, "completing");
    let other = story.join(&join());
    assert!(story.waits(other));
    assert_eq!(story.heartbeat(&id, 1), ErrorCode::RebalanceInProgress);
}

/// `testHeartbeatEmptyGroup`: its member is one that Kafka's test puts there.
#[test]
fn nobody_belongs_to_an_empty_group() {
    let mut story = Story::new();
    let id = story.stable_single();
    story.leave(&[(&id, None)]);
    assert_eq!(story.heartbeat(&id, 2), ErrorCode::UnknownMemberId);
}

/// `testClassicGroupMemberSessionTimeout`
#[test]
fn a_silent_member_is_out() {
    let mut story = Story::new();
    let id = story.stable_single();
    let fired = story.pass(5_000);
    let record = story.group().record_as_it_is();
    let key = TimerKey::ClassicHeartbeat("g".into(), id.as_str().into());
    assert_eq!(fired, [(key, vec![record])]);
    story.check(ClassicState::Empty, 2, 0);
    assert_eq!(story.heartbeat(&id, 1), ErrorCode::UnknownMemberId);
}

/// `testClassicGroupMemberHeartbeatMaintainsSession`
#[test]
fn a_heartbeat_begins_the_session_anew() {
    let mut story = Story::new();
    let id = story.stable_single();
    for _ in 0..5 {
        assert!(story.pass(2_500).is_empty());
        assert_eq!(story.heartbeat(&id, 1), ErrorCode::None);
    }
}

/// `testClassicGroupMemberSessionTimeoutDuringRebalance`
#[test]
fn sessions_end_during_a_rebalance() {
    let mut story = Story::new();
    let id = story.stable_single();
    let other = story.join(&join());
    story.pass(2_500);
    assert_eq!(story.heartbeat(&id, 1), ErrorCode::RebalanceInProgress);
    story.pass(5_000);
    assert_eq!(story.heartbeat(&id, 1), ErrorCode::UnknownMemberId);
    story.joined(other);
    story.check(ClassicState::CompletingRebalance, 2, 1);
}

/// `testRebalanceCompletesBeforeMemberJoins`
#[test]
fn a_static_member_stays_when_a_rebalance_ends_without_it() {
    let mut story = Story::new();
    let token = story.join(&join().instance("leader"));
    story.pass(INITIAL_DELAY_MS);
    let first = story.joined(token).member_id;
    let token = story.sync(&first, 1, &[]);
    story.synced(token);
    let second = story.join(&join().session(2_500));
    for _ in 0..2 {
        story.pass(2_500);
        assert_eq!(story.heartbeat(&first, 1), ErrorCode::RebalanceInProgress);
    }
    story.pass(5_000);
    let second = story.joined(second).member_id;
    story.check(ClassicState::CompletingRebalance, 2, 2);
    let token = story.sync(&second, 2, &[]);
    story.synced(token);
    assert_eq!(story.heartbeat(&first, 1), ErrorCode::IllegalGeneration);
    let (well, again) = (ErrorCode::None, ErrorCode::RebalanceInProgress);
    for want in [well, well, again] {
        story.pass(2_000);
        assert_eq!(story.heartbeat(&second, 2), want, "the session of the first one runs");
    }
    story.check(ClassicState::PreparingRebalance, 2, 1);
}

/// `testRebalanceCompletesBeforeMemberJoins`, and then a session that is longer than the rebalance.
#[test]
fn a_static_member_that_did_not_join_again_has_its_session_left() {
    let mut story = Story::new();
    let token = story.join(&join().instance("leader").session(12_000));
    story.pass(INITIAL_DELAY_MS);
    let first = story.joined(token).member_id;
    let token = story.sync(&first, 1, &[]);
    story.synced(token);
    let second = story.join(&join().session(2_500));
    story.pass(10_000);
    let second = story.joined(second).member_id;
    story.check(ClassicState::CompletingRebalance, 2, 2);
    assert!(story.group().is_leader(&second), "the old leader did not join again");
    let token = story.sync(&second, 2, &[]);
    story.synced(token);
    story.check(ClassicState::Stable, 2, 2);
    assert_eq!(story.heartbeat(&first, 1), ErrorCode::IllegalGeneration);
    // It was not heard of for a whole session since the generation began.
    for want in [ErrorCode::None, ErrorCode::None, ErrorCode::None, ErrorCode::None] {
        story.pass(2_000);
        assert_eq!(story.heartbeat(&second, 2), want);
    }
    story.pass(2_000);
    assert_eq!(
        story.heartbeat(&second, 2),
        ErrorCode::RebalanceInProgress,
        "the first did not sync"
    );
    let token = story.join(&join().by(&second).session(2_500));
    assert_eq!(story.joined(token).generation_id, 3);
    let token = story.sync(&second, 3, &[]);
    story.synced(token);
    for _ in 0..20 {
        story.pass(2_000);
        assert_eq!(story.heartbeat(&second, 3), ErrorCode::None);
    }
}

/// `testSecondMemberPartiallyJoinAndTimeout`
#[test]
fn an_id_that_was_asked_for_disturbs_nobody() {
    let mut story = Story::new();
    let first = story.stable_single();
    let round = story.join(&join().version(9));
    assert_eq!(story.code(round), ErrorCode::MemberIdRequired);
    story.check(ClassicState::Stable, 1, 1);
    for _ in 0..2 {
        story.pass(2_500);
        assert_eq!(story.heartbeat(&first, 1), ErrorCode::None);
    }
    assert_eq!(story.group().pending_join_count(), 0);
    story.check(ClassicState::Stable, 1, 1);
}
