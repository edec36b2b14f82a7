//! Static members that come back under a new member id.

use super::*;

/// One static member, stable in generation 1.
fn stable_static(story: &mut Story, request: &Join) -> String {
    let token = story.join(request);
    story.pass(INITIAL_DELAY_MS);
    let id = story.joined(token).member_id;
    let token = story.sync(&id, 1, &[(&id, 9)]);
    story.synced(token);
    id
}

/// `testJoinGroupReplaceStaticMember`
#[test]
fn its_former_self_is_fenced_while_both_join() {
    let mut story = Story::new();
    let old = story.join(&join().instance("i"));
    assert_eq!((story.group().awaiting_join_count(), story.group().member_count()), (1, 1));
    let new = story.join(&join().instance("i"));
    assert_eq!(story.code(old), ErrorCode::FencedInstanceId);
    assert_eq!((story.group().awaiting_join_count(), story.group().member_count()), (1, 1));
    story.pass(INITIAL_DELAY_MS);
    story.joined(new);
    assert_eq!(story.group().awaiting_join_count(), 0);
}

/// `testReplaceStaticMemberInStableStateNoError`, `testReplaceStaticMemberInStableStateSucceeds`
#[test]
fn a_stable_group_writes_it_down_and_does_not_rebalance() {
    for version in [4, 9] {
        let mut story = Story::new();
        let old = stable_static(&mut story, &join().instance("i").version(version));
        story.driven.commits = false;
        let back = join().instance("i").knows(&["range", "roundrobin"]).rebalance(7_000);
        let token = story.join(&back.session(4_500).version(version));
        assert_eq!(story.driven.uncommitted(), [story.group().record_as_it_is()]);
        assert!(story.waits(token));
        story.driven.commit();
        let answer = story.joined(token);
        let new = story.group().static_member("i").expect("it is back").to_string();
        assert_ne!(new, old);
        assert_eq!((&*answer.member_id, answer.generation_id), (&*new, 1));
        let skips = version >= 9;
        assert_eq!(answer.skip_assignment, skips);
        assert_eq!(answer.leader, if skips { new.clone() } else { old });
        assert_eq!(answer.members.len(), usize::from(skips));
        let member = story.group().member(&new).expect("it is back");
        assert_eq!((member.rebalance_timeout_ms, member.session_timeout_ms), (7_000, 4_500));
        assert_eq!(member.protocols, protocols(&["range", "roundrobin"]));
        story.check(ClassicState::Stable, 1, 1);
        let token = story.sync(&new, 1, &[]);
        assert_eq!(story.synced(token).assignment, &[9][..], "it keeps its assignment");
    }
}

/// `testReplaceStaticMemberInStableStateWithUpdatedProtocolTriggersRebalance`
#[test]
fn a_group_whose_protocol_changes_with_it_rebalances() {
    let mut story = Story::new();
    stable_static(&mut story, &join().instance("i").knows(&["range", "roundrobin"]));
    let token = story.join(&join().instance("i").knows(&["roundrobin"]));
    assert_eq!(story.joined(token).generation_id, 2);
    story.check(ClassicState::CompletingRebalance, 2, 1);
}

/// `testReplaceStaticMemberInStableStateErrors`
#[test]
fn if_it_cannot_be_written_down_it_is_who_it_was() {
    let mut story = Story::new();
    let first = join().instance("i").rebalance(4_000).session(3_000);
    let old = stable_static(&mut story, &first);
    story.driven.commits = false;
    let back = join().instance("i").knows(&["range", "roundrobin"]);
    let token = story.join(&back.rebalance(7_000).session(6_000));
    assert!(story.waits(token));
    story.driven.fail(ErrorCode::UnknownTopicOrPartition);
    let answer = story.answer(token);
    let want = JoinGroupResponse {
        error_code: ErrorCode::CoordinatorNotAvailable.code(),
        generation_id: 1,
        protocol_type: Some("consumer".to_owned()),
        protocol_name: Some("range".to_owned()),
        leader: old.clone(),
        ..JoinGroupResponse::default()
    };
    assert_eq!(answer, want);
    let member = story.group().member(&old).expect("it is who it was");
    assert_eq!((member.rebalance_timeout_ms, member.session_timeout_ms), (4_000, 3_000));
    assert_eq!(member.protocols, protocols(&["range"]));
    assert_eq!(story.group().awaiting_join_count(), 0, "CG-2");
    story.check(ClassicState::Stable, 1, 1);
    story.driven.commits = true;
    assert_eq!(story.heartbeat(&old, 1), ErrorCode::None);
}

/// `testReplaceStaticMemberInCompletingRebalanceStateTriggersRebalance`
#[test]
fn a_group_that_syncs_rebalances_for_it() {
    let mut story = Story::new();
    let token = story.join(&join().instance("i"));
    story.pass(INITIAL_DELAY_MS);
    story.joined(token);
    let token = story.join(&join().instance("i"));
    assert_eq!(story.joined(token).generation_id, 2);
    story.check(ClassicState::CompletingRebalance, 2, 1);
}

/// `testStaticMemberFenceDuplicateRejoinedFollower`
#[test]
fn a_follower_that_waits_is_fenced() {
    let mut story = Story::new();
    let pair = story.static_pair(10_000, 5_000);
    story.join(&join());
    let old = story.join(&join().by(&pair.follower).instance("follower"));
    assert!(story.waits(old));
    story.join(&join().instance("follower"));
    assert_eq!(story.code(old), ErrorCode::FencedInstanceId);
    let answer = story.answer(old);
    assert_eq!((answer.member_id, answer.generation_id), (pair.follower, -1));
    assert_eq!((answer.protocol_type, answer.members.len()), (None, 0));
}

/// `testStaticMemberFenceDuplicateSyncingFollowerAfterMemberIdChanged`
#[test]
fn a_follower_that_syncs_is_fenced() {
    let mut story = Story::new();
    let pair = story.static_pair(10_000, 5_000);
    let both = join().knows(&["range", "roundrobin"]);
    let first = story.join(&both.clone().by(&pair.leader).instance("leader"));
    let second = story.join(&both.clone().by(&pair.follower).instance("follower"));
    assert_eq!(story.joined(first).members.len(), 2);
    assert_eq!(story.joined(second).leader, pair.leader);
    let syncing = story.sync_as(Some("follower"), &pair.follower, 2, &[]);
    assert!(story.waits(syncing));
    let other = story.join(&both.instance("follower"));
    assert_eq!(story.code(syncing), ErrorCode::FencedInstanceId);
    story.check(ClassicState::PreparingRebalance, 2, 2);
    let fired = story.pass(5_000);
    assert!(
        fired.iter().all(|(_, records)| records.is_empty()),
        "the session of the leader is over"
    );
    let answer = story.joined(other);
    assert_eq!(answer.leader, answer.member_id);
    story.check(ClassicState::CompletingRebalance, 3, 1);
}

/// `testStaticMemberFenceDuplicateRejoiningFollowerAfterMemberIdChanged`
#[test]
fn who_comes_late_under_the_old_id_is_fenced() {
    let mut story = Story::new();
    let pair = story.static_pair(10_000, 5_000);
    let first = story.join(&join().by(&pair.leader).instance("leader"));
    let new = story.join(&join().instance("follower"));
    let old = story.join(&join().by(&pair.follower).instance("follower"));
    assert_eq!(story.code(old), ErrorCode::FencedInstanceId);
    assert_eq!(
        (story.joined(first).leader, story.joined(new).leader),
        (pair.leader.clone(), pair.leader)
    );
    story.check(ClassicState::CompletingRebalance, 2, 2);
}

/// `testStaticMemberRejoinWithUnknownMemberIdAndChangeOfProtocolWhileSelectProtocolUnchangedPersistenceFailure`
#[test]
fn a_follower_goes_on_under_its_old_id_if_the_write_fails() {
    let mut story = Story::new();
    let pair = story.static_pair(10_000, 5_000);
    story.driven.commits = false;
    let token = story.join(&join().instance("follower").version(9));
    story.driven.fail(ErrorCode::MessageTooLarge);
    let answer = story.answer(token);
    assert_eq!(ErrorCode::from_code(answer.error_code), ErrorCode::UnknownServerError);
    assert_eq!((answer.member_id, answer.leader), (String::new(), pair.leader.clone()));
    story.driven.commits = true;
    let second = story.join(&join().by(&pair.follower).instance("follower"));
    let first = story.join(&join().by(&pair.leader).instance("leader"));
    story.joined(first);
    story.joined(second);
    let token = story.sync_as(Some("leader"), &pair.leader, 2, &[]);
    story.synced(token);
    let token = story.sync_as(Some("follower"), &pair.follower, 2, &[]);
    story.synced(token);
    story.check(ClassicState::Stable, 2, 2);
}

/// What Kafka does in the window between the write and its commit: a rebalance that begins there takes the request as
/// one of its own.
#[test]
fn a_rebalance_may_begin_before_the_new_id_is_committed() {
    for version in [4, 9] {
        let mut story = Story::new();
        let pair = story.static_pair(10_000, 5_000);
        story.driven.commits = false;
        let both = join().knows(&["range", "roundrobin"]);
        let token = story.join(&both.clone().instance("leader").version(version));
        let new = story.group().static_member("leader").expect("it is back").to_string();
        let other = story.join(&both.clone());
        story.check(ClassicState::PreparingRebalance, 1, 3);
        story.driven.commit();
        assert_eq!(story.waits(token), version == 9, "its members cannot be listed");
        story.driven.commits = true;
        if version == 4 {
            assert_eq!(story.joined(token).generation_id, 1);
            story.join(&both.clone().by(&new).instance("leader"));
        }
        story.join(&both.by(&pair.follower).instance("follower"));
        assert_eq!(story.joined(other).leader, new);
        story.check(ClassicState::CompletingRebalance, 2, 3);
    }
}

/// A follower that comes back before it has synced: Kafka waits for the id that is gone, and rebalances for nothing.
#[test]
fn an_id_that_is_gone_is_waited_for_to_sync() {
    let mut story = Story::new();
    let pair = story.static_pair(10_000, 30_000);
    let both = join().knows(&["range", "roundrobin"]).session(30_000);
    story.join(&both.clone().by(&pair.leader).instance("leader"));
    story.join(&both.clone().by(&pair.follower).instance("follower"));
    let token = story.sync(&pair.leader, 2, &[]);
    story.synced(token);
    let token = story.join(&both.instance("follower"));
    let new = story.joined(token).member_id;
    let token = story.sync(&new, 2, &[]);
    story.synced(token);
    story.check(ClassicState::Stable, 2, 2);
    let fired = story.pass(10_000);
    assert_eq!(fired, [(TimerKey::ClassicSync("g".into()), Vec::new())]);
    story.check(ClassicState::PreparingRebalance, 2, 2);
}
