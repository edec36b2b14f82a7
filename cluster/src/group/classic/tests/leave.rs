//! Leaving.

use super::*;

/// `testPendingMembersLeaveGroup`
#[test]
fn who_has_an_id_and_leaves_is_not_waited_for() {
    let mut story = Story::new();
    let (_, _, pending) = story.with_pending();
    assert_eq!(story.leave(&[(&pending, None)]), [ErrorCode::None]);
    story.check(ClassicState::CompletingRebalance, 3, 2);
    assert_eq!(story.group().pending_join_count(), 0);
}

/// `testLeaveGroupInvalidGroup`, `testLeaveGroupUnknownGroup`, `testStaticMembersLeaveUnknownGroup`,
/// `testLeaveGroupUnknownMemberIdExistingGroup`
#[test]
fn who_is_no_member_cannot_leave() {
    let mut story = Story::new();
    let unknown = ErrorCode::UnknownMemberId;
    assert_eq!(story.leave(&[("m", None), ("", Some("i"))]), [unknown, unknown]);
    story.first_joins(&join());
    let written = story.driven.log.len();
    assert_eq!(story.leave(&[("m", None)]), [unknown]);
    assert_eq!(story.driven.log.len(), written);
    story.check(ClassicState::CompletingRebalance, 1, 1);
}

/// `testValidLeaveGroup`
#[test]
fn the_last_one_leaves_an_empty_group_behind() {
    let mut story = Story::new();
    let id = story.first_joins(&join()).member_id;
    story.driven.commits = false;
    let token = story.send_leave(&[(&id, None)]);
    assert!(story.waits(token), "until it is committed");
    assert_eq!(story.driven.uncommitted(), [story.group().record_as_it_is()]);
    story.driven.commit();
    assert_eq!(story.code(token), ErrorCode::None);
    story.check(ClassicState::Empty, 2, 0);
}

/// A write that fails: the answer is an error, and the group is empty all the same.
#[test]
fn the_group_is_empty_even_if_that_is_not_written() {
    let mut story = Story::new();
    let id = story.stable_single();
    story.driven.commits = false;
    let token = story.send_leave(&[(&id, None)]);
    story.driven.fail(ErrorCode::NotLeaderOrFollower);
    assert_eq!(story.code(token), ErrorCode::NotLeaderOrFollower, "the broker makes the answer");
    story.check(ClassicState::Empty, 2, 0);
}

/// `testLeaveGroupWithFencedInstanceId`, `testLeaveGroupStaticMemberWithUnknownMemberId`
#[test]
fn an_instance_id_alone_is_enough() {
    let mut story = Story::new();
    let token = story.join(&join().instance("i"));
    story.pass(INITIAL_DELAY_MS);
    story.joined(token);
    assert_eq!(story.leave(&[("other", Some("i"))]), [ErrorCode::FencedInstanceId]);
    assert_eq!(story.leave(&[("", Some("i"))]), [ErrorCode::None]);
    story.check(ClassicState::Empty, 2, 0);
}

/// `testStaticMembersValidBatchLeaveGroup`, `testStaticMembersFencedInstanceBatchLeaveGroup`,
/// `testStaticMembersUnknownInstanceBatchLeaveGroup`
#[test]
fn several_leave_at_once() {
    let (gone, fenced, unknown) =
        (ErrorCode::None, ErrorCode::FencedInstanceId, ErrorCode::UnknownMemberId);
    for (members, want, left) in [
        ([("", Some("leader")), ("", Some("follower"))], [gone, gone], 0),
        ([("", Some("leader")), ("m", Some("follower"))], [gone, fenced], 1),
        ([("", Some("nobody")), ("", Some("follower"))], [unknown, gone], 1),
    ] {
        let mut story = Story::new();
        story.static_pair(10_000, 5_000);
        assert_eq!(story.leave(&members), want);
        assert_eq!(story.group().member_count(), left);
    }
}

/// `testPendingMemberBatchLeaveGroup`, `testJoinedMemberPendingMemberBatchLeaveGroup`,
/// `testJoinedMemberPendingMemberBatchLeaveGroupWithUnknownMember`
#[test]
fn whoever_is_known_leaves_and_the_rest_is_told() {
    let mut story = Story::new();
    let (_, _, pending) = story.with_pending();
    let told = story.leave(&[("", Some("nobody")), (&pending, None)]);
    assert_eq!(told, [ErrorCode::UnknownMemberId, ErrorCode::None]);

    let mut story = Story::new();
    let (leader, follower, pending) = story.with_pending();
    let told = story.leave(&[(&leader, None), (&follower, None), (&pending, None), ("m", None)]);
    let none = ErrorCode::None;
    assert_eq!(told, [none, none, none, ErrorCode::UnknownMemberId]);
    story.check(ClassicState::Empty, 3, 0);
    let refused = story
        .driven
        .answers
        .values()
        .filter(|answer| {
            matches!(answer, Ok(GroupResponse::JoinGroup(response))
                if response.error_code == ErrorCode::UnknownMemberId.code())
        })
        .count();
    assert_eq!(refused, 2, "both of those who waited");
}
