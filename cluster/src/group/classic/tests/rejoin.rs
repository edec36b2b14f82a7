//! Joining again.

use super::*;

/// `testJoinGroupExistingMemberUpdatedMetadataTriggersRebalance`
#[test]
fn who_says_something_new_while_others_sync_makes_a_rebalance() {
    let mut story = Story::new();
    let id = story.first_joins(&join()).member_id;
    story.check(ClassicState::CompletingRebalance, 1, 1);
    let token = story.join(&join().by(&id).knows(&["range", "roundrobin"]));
    story.joined(token);
    story.check(ClassicState::CompletingRebalance, 2, 1);
    let known = story.group().member(&id).map(|member| member.protocols.clone());
    assert_eq!(known, Some(protocols(&["range", "roundrobin"])));
}

/// `testJoinGroupAsExistingLeaderTriggersRebalanceInStableState`,
/// `testJoinGroupFromUnchangedLeaderShouldRebalance`, `testGenerationIdIncrementsOnRebalance`
#[test]
fn a_leader_that_joins_again_makes_a_rebalance() {
    let mut story = Story::new();
    let id = story.stable_single();
    let token = story.join(&join().by(&id));
    assert_eq!(story.joined(token).generation_id, 2);
    story.check(ClassicState::CompletingRebalance, 2, 1);
}

/// `testJoinGroupAsExistingMemberWithUpdatedMetadataTriggersRebalanceInStableState`,
/// `testJoinGroupExistingMemberDoesNotTriggerRebalanceInStableState`,
/// `testJoinGroupFromUnchangedFollowerDoesNotRebalance`
#[test]
fn a_follower_makes_a_rebalance_only_with_news() {
    let mut story = Story::new();
    let (leader, follower) = story.two_joined();
    let token = story.join(&join().by(&follower));
    let again = story.joined(token);
    assert_eq!((again.generation_id, again.members.len()), (2, 0), "while others sync");

    let token = story.sync(&leader, 2, &[]);
    story.synced(token);
    let token = story.join(&join().by(&follower));
    assert_eq!(story.joined(token).generation_id, 2);
    story.check(ClassicState::Stable, 2, 2);

    let news = story.join(&join().by(&follower).knows(&["range", "roundrobin"]));
    assert!(story.waits(news));
    let token = story.join(&join().by(&leader));
    story.joined(token);
    story.joined(news);
    story.check(ClassicState::CompletingRebalance, 3, 2);
}

/// `testJoinGroupExistingMemberInEmptyState`, `testStaticMemberRejoinWithLeaderIdAndUnexpectedEmptyGroup`: here the
/// members have gone, as in a real group that is empty.
#[test]
fn a_member_of_an_empty_group_is_unknown() {
    let mut story = Story::new();
    let id = story.first_joins(&join()).member_id;
    assert_eq!(story.leave(&[(&id, None)]), [ErrorCode::None]);
    story.check(ClassicState::Empty, 2, 0);
    let token = story.join(&join().by(&id));
    assert_eq!(story.code(token), ErrorCode::UnknownMemberId);
    assert_eq!(story.answer(token).generation_id, -1);
}

/// `testCompleteJoinRemoveNotYetRejoinedDynamicMembers`
#[test]
fn who_does_not_join_again_in_time_is_out() {
    let mut story = Story::new();
    let quick = join().rebalance(1_000).session(10_000);
    let first = story.first_joins(&quick).member_id;
    let second = story.join(&quick);
    story.check(ClassicState::PreparingRebalance, 1, 2);
    story.pass(1_000);
    let second = story.joined(second).member_id;
    story.check(ClassicState::CompletingRebalance, 2, 1);
    assert!(story.group().member(&first).is_none() && story.group().is_leader(&second));
    assert_eq!(story.heartbeat(&first, 1), ErrorCode::UnknownMemberId);
}

/// `testCompleteJoinPhaseInEmptyStateSkipsRebalance`
#[test]
fn a_timer_of_a_dead_group_does_nothing() {
    let mut story = Story::new();
    let token = story.join(&join());
    story.driven.step(|machine, step| machine.on_unloaded(step));
    assert_eq!(story.code(token), ErrorCode::NotCoordinator);
    story.pass(INITIAL_DELAY_MS);
    assert_eq!((story.group().state(), story.group().generation()), (ClassicState::Dead, 0));
}

/// `testCompleteJoinPhaseNoMembersRejoinedExtendsJoinPhase`
#[test]
fn static_members_that_are_all_late_are_waited_for() {
    let mut story = Story::new();
    let pair = story.static_pair(10_000, 60_000);
    let name = story.driven.coordinator.classic_ref("g").expect("it is there");
    story
        .driven
        .step(|machine, step| machine.classic_turn(step, name).prepare_rebalance())
        .expect("it may");
    for _ in 0..2 {
        let fired = story.pass(10_000);
        assert_eq!(fired, [(TimerKey::ClassicJoin("g".into()), Vec::new())]);
    }
    story.check(ClassicState::PreparingRebalance, 1, 2);
    let both = join().knows(&["range", "roundrobin"]);
    let first = story.join(&both.clone().by(&pair.leader).instance("leader"));
    assert!(story.waits(first));
    let second = story.join(&both.by(&pair.follower).instance("follower"));
    story.joined(first);
    story.joined(second);
    story.check(ClassicState::CompletingRebalance, 2, 2);
}

/// A second JoinGroup of a member that waits takes the place of the first one, which Kafka never answers.
#[test]
fn a_request_that_is_asked_again_is_forgotten() {
    let mut story = Story::new();
    let token = story.join(&join().version(4));
    let id = story.answer(token).member_id;
    let first = story.join(&join().by(&id));
    let second = story.join(&join().by(&id));
    assert_eq!(story.driven.forgotten, [first]);
    story.pass(INITIAL_DELAY_MS);
    story.joined(second);
    assert_eq!(story.group().awaiting_join_count(), 0, "CG-2");
}

/// A member that lists a protocol twice counts twice, and nothing is known to all. Kafka's operation ends with an
/// exception.
#[test]
fn a_protocol_that_is_listed_twice_is_known_to_nobody() {
    let mut story = Story::new();
    let token = story.join(&join().knows(&["range", "range"]));
    story.pass(INITIAL_DELAY_MS);
    assert!(story.waits(token));
    story.check(ClassicState::PreparingRebalance, 1, 1);
    story.pass(300_000);
    assert_eq!(story.code(token), ErrorCode::UnknownMemberId);
    story.check(ClassicState::Empty, 2, 0);
}
