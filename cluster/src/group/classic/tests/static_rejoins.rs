//! Static members that join again: with the id they had, with none, with somebody else's.

use super::*;

fn both() -> Join {
    join().knows(&["range", "roundrobin"])
}

/// `testStaticMemberRejoinWithKnownMemberId`
#[test]
fn with_its_own_id_it_is_told_the_generation() {
    let mut story = Story::new();
    let token = story.join(&join().instance("i"));
    story.pass(INITIAL_DELAY_MS);
    let id = story.joined(token).member_id;
    let token = story.join(&join().by(&id).instance("i"));
    assert_eq!(story.joined(token).members.len(), 1, "it leads");
    story.check(ClassicState::CompletingRebalance, 1, 1);
    let token = story.sync_as(Some("i"), &id, 1, &[]);
    story.synced(token);
}

/// `testStaticMemberRejoinWithLeaderIdAndUnknownMemberId`
#[test]
fn a_leader_that_comes_back_does_not_assign() {
    for version in [4, 9] {
        let mut story = Story::new();
        let pair = story.static_pair(10_000, 5_000);
        let token = story.join(&both().instance("leader").version(version));
        let answer = story.joined(token);
        let skips = version == 9;
        let leader = if skips { answer.member_id.clone() } else { pair.leader.clone() };
        assert_eq!((answer.leader, answer.skip_assignment), (leader, skips));
        assert_eq!((answer.generation_id, answer.members.len()), (1, if skips { 2 } else { 0 }));
        story.check(ClassicState::Stable, 1, 2);

        let old = story.join(&both().by(&pair.leader).instance("leader").version(version));
        assert_eq!(story.code(old), ErrorCode::FencedInstanceId);
        let old = story.sync_as(Some("leader"), &pair.leader, 1, &[]);
        assert_eq!(story.code(old), ErrorCode::FencedInstanceId);
        let old = story.sync(&pair.leader, 1, &[]);
        assert_eq!(story.code(old), ErrorCode::UnknownMemberId);
    }
}

/// `testStaticMemberRejoinWithLeaderIdAndKnownMemberId`
#[test]
fn a_leader_that_is_known_makes_a_rebalance() {
    let mut story = Story::new();
    let pair = story.static_pair(10_000, 5_000);
    let token = story.join(&join().by(&pair.leader).instance("leader"));
    story.pass(5_000);
    assert!(story.group().member(&pair.follower).is_none(), "its session is over");
    let answer = story.joined(token);
    assert_eq!((answer.leader, answer.generation_id), (pair.leader, 2));
    assert_eq!(answer.members.len(), 1);
}

/// `testStaticMemberRejoinWithFollowerIdAndChangeOfProtocol`
#[test]
fn a_follower_with_another_protocol_may_become_leader() {
    let mut story = Story::new();
    let pair = story.static_pair(10_000, 15_000);
    let follower = join().knows(&["roundrobin"]).by(&pair.follower).instance("follower");
    let token = story.join(&follower.session(15_000));
    assert!(story.waits(token));
    story.pass(10_000);
    let answer = story.joined(token);
    assert!(story.group().static_member("leader").is_some(), "its session is longer");
    assert_eq!((answer.leader, answer.generation_id), (pair.follower, 2));
    assert_eq!((answer.protocol_name.as_deref(), answer.members.len()), (Some("roundrobin"), 2));
}

/// `testStaticMemberRejoinWithUnknownMemberIdAndChangeOfProtocolWithSelectedProtocolChanged`
#[test]
fn a_follower_under_a_new_id_may_change_the_protocol() {
    let mut story = Story::new();
    let pair = story.static_pair(10_000, 15_000);
    assert_eq!(story.group().select_protocol().as_deref(), Some("range"));
    let token = story.join(&join().knows(&["roundrobin"]).instance("follower").session(15_000));
    assert!(story.waits(token));
    assert_eq!(story.group().select_protocol().as_deref(), Some("roundrobin"));
    story.pass(10_000);
    let answer = story.joined(token);
    assert_ne!(answer.member_id, pair.follower);
    assert_eq!((answer.leader, answer.members.len()), (answer.member_id, 2));
}

/// `testStaticMemberRejoinWithUnknownMemberIdAndChangeOfProtocolWhileSelectProtocolUnchanged`
#[test]
fn a_follower_may_know_less_if_the_protocol_stays() {
    let mut story = Story::new();
    let pair = story.static_pair(10_000, 5_000);
    let token = story.join(&join().instance("follower").version(9));
    let answer = story.joined(token);
    assert_eq!((&answer.leader, answer.skip_assignment), (&pair.leader, false));
    story.check(ClassicState::Stable, 1, 2);
    let old = story.join(&join().by(&pair.follower).instance("follower"));
    assert_eq!(story.code(old), ErrorCode::FencedInstanceId);
    let old = story.sync_as(Some("follower"), &pair.follower, 1, &[]);
    assert_eq!(story.code(old), ErrorCode::FencedInstanceId);
    let new = story.sync_as(Some("follower"), &answer.member_id, 1, &[]);
    assert_eq!(story.synced(new).assignment, &[2][..]);
}

/// `testStaticMemberRejoinWithKnownLeaderIdToTriggerRebalanceAndFollowerWithChangeOfProtocol`
#[test]
fn a_follower_leads_if_the_leader_is_silent() {
    let mut story = Story::new();
    let pair = story.static_pair(10_000, 5_000);
    let first = story.join(&both().by(&pair.leader).instance("leader").version(9));
    assert!(story.waits(first));
    let second = story.join(&both().by(&pair.follower).instance("follower").version(9));
    assert_eq!(
        (story.joined(first).leader, story.joined(second).leader),
        (pair.leader.clone(), pair.leader)
    );
    story.check(ClassicState::CompletingRebalance, 2, 2);
    let second = story.join(&join().by(&pair.follower).instance("follower").version(9));
    assert!(story.waits(second));
    story.check(ClassicState::PreparingRebalance, 2, 2);
    story.pass(5_000);
    let answer = story.joined(second);
    assert_eq!((answer.generation_id, answer.leader), (3, pair.follower));
    assert_eq!(answer.members.len(), 1);
}

/// `testStaticMemberRejoinAsFollowerWithUnknownMemberId`
#[test]
fn a_follower_that_comes_back_keeps_its_assignment() {
    let mut story = Story::new();
    let pair = story.static_pair(10_000, 5_000);
    let token = story.join(&both().instance("follower").version(9));
    let answer = story.joined(token);
    assert_ne!(answer.member_id, pair.follower);
    assert_eq!((answer.leader, answer.skip_assignment), (pair.leader, false));
    assert_eq!((answer.generation_id, answer.members.len()), (1, 0));
    let token = story.sync_as(Some("follower"), &answer.member_id, 1, &[]);
    assert_eq!(story.synced(token).assignment, &[2][..]);
}

/// `testStaticMemberRejoinAsFollowerWithKnownMemberIdAndNoProtocolChange`
#[test]
fn a_follower_with_nothing_new_changes_nothing() {
    let mut story = Story::new();
    let pair = story.static_pair(10_000, 5_000);
    let written = story.driven.log.len();
    let token = story.join(&both().by(&pair.follower).instance("follower").version(9));
    let answer = story.joined(token);
    assert_eq!((answer.generation_id, answer.members.len()), (1, 0));
    assert_eq!(story.driven.log.len(), written, "nothing is written");
    story.check(ClassicState::Stable, 1, 2);
}

/// `testStaticMemberRejoinAsFollowerWithMismatchedInstanceId`,
/// `testStaticMemberRejoinAsLeaderWithMismatchedInstanceId`,
/// `testStaticMemberSyncAsLeaderWithInvalidMemberId`, `testStaticMemberJoinWithUnknownInstanceIdAndKnownMemberId`
#[test]
fn instance_and_member_id_go_together() {
    let mut story = Story::new();
    let pair = story.static_pair(10_000, 5_000);
    for (instance, member, code) in [
        ("leader", &pair.follower, ErrorCode::FencedInstanceId),
        ("follower", &pair.leader, ErrorCode::FencedInstanceId),
        ("nobody", &pair.leader, ErrorCode::UnknownMemberId),
    ] {
        let token = story.join(&both().by(member).instance(instance).version(9));
        assert_eq!(story.code(token), code);
        let token = story.sync_as(Some(instance), member, 1, &[]);
        assert_eq!(story.code(token), code);
    }
    let token = story.sync_as(Some("follower"), "m", 1, &[]);
    assert_eq!(story.code(token), ErrorCode::FencedInstanceId);
}

/// `testGetDifferentStaticMemberIdAfterEachRejoin`
#[test]
fn it_gets_another_id_each_time() {
    let mut story = Story::new();
    let mut ids = vec![story.static_pair(10_000, 5_000).leader];
    for _ in 0..5 {
        let token = story.join(&both().instance("leader").version(9));
        let id = story.joined(token).member_id;
        assert_eq!(story.group().static_member("leader").map(|id| &**id), Some(&*id));
        assert!(!ids.contains(&id), "{id} was given before");
        ids.push(id);
    }
}

/// `testStaticMemberFollowerFailToRejoinBeforeRebalanceTimeout`
#[test]
fn a_follower_that_is_late_stays() {
    let mut story = Story::new();
    let pair = story.static_pair(10_000, 15_000);
    let new = story.join(&both().instance("new").session(15_000).version(9));
    let first = story.join(&both().by(&pair.leader).instance("leader").session(15_000).version(9));
    assert!(story.waits(new) && story.waits(first));
    story.pass(10_000);
    assert_eq!((story.joined(first).members.len(), story.joined(new).members.len()), (3, 0));
    assert_eq!(story.joined(new).leader, pair.leader);
    story.check(ClassicState::CompletingRebalance, 2, 3);
}

/// `testStaticMemberLeaderFailToRejoinBeforeRebalanceTimeout`
#[test]
fn a_leader_that_is_late_stays_and_leads_no_more() {
    let mut story = Story::new();
    let pair = story.static_pair(10_000, 15_000);
    let new = story.join(&both().instance("new").session(15_000).version(9));
    let second = story.join(&both().by(&pair.follower).instance("follower").session(15_000));
    assert!(story.waits(new) && story.waits(second));
    story.pass(10_000);
    let answers = [story.joined(new), story.joined(second)];
    let leaders: Vec<_> =
        answers.iter().filter(|answer| answer.leader == answer.member_id).collect();
    assert_eq!(leaders.len(), 1, "one of the two");
    assert_eq!(leaders[0].members.len(), 3);
    assert!(story.group().member(&pair.leader).is_some());
    story.check(ClassicState::CompletingRebalance, 2, 3);
}

/// `testGroupStuckInRebalanceTimeoutDueToNonjoinedStaticMember`
#[test]
fn a_static_member_that_does_not_join_holds_the_group_up() {
    let mut story = Story::new();
    let pair = story.static_pair(5_000, 10_000);
    let new = story.join(&both().rebalance(5_000).session(10_000));
    story.pass(5_000);
    let answer = story.joined(new);
    assert_eq!((answer.leader, answer.members.len()), (answer.member_id, 3));
    story.check(ClassicState::CompletingRebalance, 2, 3);
    assert_eq!(story.leave(&[(&pair.follower, Some("follower"))]), [ErrorCode::None]);
    story.check(ClassicState::PreparingRebalance, 2, 2);
    story.pass(5_000);
    assert_eq!(story.group().member_ids(), [pair.leader.as_str().into()]);
    story.check(ClassicState::PreparingRebalance, 2, 1);
}
