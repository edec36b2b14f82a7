//! Joining a group for the first time.

use super::super::turn::NEW_MEMBER_JOIN_TIMEOUT_MS;
use super::*;

const NEW_MEMBER_MS: u64 = NEW_MEMBER_JOIN_TIMEOUT_MS as u64;

/// `testJoinGroupUnknownMemberNewGroup`, `testJoinGroupProtocolTypeIsNotProvidedWhenAnErrorOccurs`
#[test]
fn a_member_id_is_not_known_to_a_group_that_is_not_there() {
    let mut story = Story::new();
    for request in [join().by("m"), join().by("m").instance("i")] {
        let token = story.join(&request);
        assert_eq!(story.code(token), ErrorCode::UnknownMemberId);
        assert_eq!(story.answer(token).protocol_type, None);
        assert_eq!(story.answer(token).member_id, "m");
    }
    assert!(story.driven.coordinator.classic_group("g").is_none() && story.driven.log.is_empty());
}

/// `testGenerateRecordsOnNewClassicGroup`
#[test]
fn a_group_is_written_down_when_it_is_new() {
    let mut story = Story::new();
    let token = story.join(&join().version(4));
    assert_eq!(story.code(token), ErrorCode::MemberIdRequired);
    assert_eq!(story.driven.log, [story.group().empty_record()]);
    let GroupRecord::GroupMetadata(_, Some(value)) = &story.driven.log[0] else {
        panic!("a record")
    };
    assert_eq!(
        (&value.protocol, &value.leader),
        (&None, &None),
        "nobody leads, which is not an empty name"
    );
    let id = story.answer(token).member_id;
    let uuid = id.strip_prefix("client-id-").expect("the client id stands in front");
    let parts: Vec<usize> = uuid.split('-').map(str::len).collect();
    assert_eq!(parts, [8, 4, 4, 4, 12], "a UUID");
    assert!(uuid[14..].starts_with('4') && "89ab".contains(&uuid[19..20]), "a random one: {uuid}");
}

/// `testMemberIdGeneration` has it for consumer groups; here `ClassicGroup.generateMemberId`.
#[test]
fn the_id_of_a_static_member_begins_with_its_instance_id() {
    let mut story = Story::new();
    let token = story.join(&join().instance("i"));
    story.pass(INITIAL_DELAY_MS);
    assert!(story.joined(token).member_id.starts_with("i-"));
}

/// `GroupCoordinatorServiceTest.testJoinGroupInvalidGroupId`, `testJoinGroupWithInvalidSessionTimeout`
#[test]
fn a_session_has_bounds_and_a_group_a_name() {
    let mut story = Story::with(GroupSettings::default());
    for (session, code) in [
        (5_999, ErrorCode::InvalidSessionTimeout),
        (6_000, ErrorCode::MemberIdRequired),
        (1_800_000, ErrorCode::MemberIdRequired),
        (1_800_001, ErrorCode::InvalidSessionTimeout),
    ] {
        let token = story.join(&join().session(session).version(4));
        assert_eq!(story.code(token), code, "{session}");
    }
    let mut nowhere = join().by("m");
    nowhere.request.group_id.clear();
    let token = story.join(&nowhere);
    assert_eq!(story.code(token), ErrorCode::InvalidGroupId);
    assert_eq!(story.answer(token).member_id, "m");
}

/// `testClassicGroupJoinInconsistentProtocolType`, `testJoinGroupWithEmptyProtocolType`,
/// `testJoinGroupWithEmptyGroupProtocol`, `testJoinGroupInconsistentGroupProtocol`
#[test]
fn who_speaks_no_protocol_of_the_group_is_refused() {
    for request in [join().of_type(""), join().of_type("").instance("i"), join().knows(&[])] {
        let mut story = Story::new();
        let token = story.join(&request);
        assert_eq!(story.code(token), ErrorCode::InconsistentGroupProtocol);
    }
    let mut story = Story::new();
    let first = story.join(&join());
    let other = story.join(&join().knows(&["roundrobin"]));
    assert_eq!(story.code(other), ErrorCode::InconsistentGroupProtocol);
    story.pass(INITIAL_DELAY_MS);
    story.joined(first);
    let other = story.join(&join().of_type("connect"));
    assert_eq!(story.code(other), ErrorCode::InconsistentGroupProtocol);
}

/// `testJoinGroupSecondJoinInconsistentProtocol`
#[test]
fn the_second_round_is_looked_at_as_well() {
    let mut story = Story::new();
    let token = story.join(&join().version(4));
    let id = story.answer(token).member_id;
    let token = story.join(&join().by(&id).knows(&[]).version(4));
    assert_eq!(story.code(token), ErrorCode::InconsistentGroupProtocol);
    let token = story.join(&join().by(&id).version(4));
    assert!(story.waits(token));
    story.pass(INITIAL_DELAY_MS);
    story.joined(token);
}

/// `testNewMemberJoinExpiration`
#[test]
fn a_new_member_does_not_wait_for_ever() {
    let mut story = Story::new();
    let patient = join().session(NEW_MEMBER_JOIN_TIMEOUT_MS + 5_000);
    let first = story.first_joins(&patient.rebalance(2 * NEW_MEMBER_JOIN_TIMEOUT_MS)).member_id;
    let token = story.sync(&first, 1, &[]);
    story.synced(token);
    let second = story.join(&join().rebalance(5_000));
    assert_eq!(story.group().members().filter(|member| member.is_new).count(), 1);
    story.pass(NEW_MEMBER_MS);
    assert_eq!(story.code(second), ErrorCode::UnknownMemberId);
    assert_eq!(story.group().member_ids(), [first.as_str().into()]);
}

/// `testStaticMemberJoinAsFirstMember`, `testStaticMemberRejoinWithExplicitUnknownMemberId`
#[test]
fn a_static_member_joins_first_and_its_instance_id_is_taken() {
    let mut story = Story::new();
    let token = story.join(&join().instance("i"));
    story.pass(INITIAL_DELAY_MS);
    story.joined(token);
    let other = story.join(&join().instance("i").by("other"));
    assert_eq!(story.code(other), ErrorCode::FencedInstanceId);
}

/// `testJoinGroupUnknownConsumerExistingGroup`
#[test]
fn an_unknown_member_id_is_refused() {
    let mut story = Story::new();
    story.first_joins(&join());
    let other = story.join(&join().by("other"));
    assert_eq!(story.code(other), ErrorCode::UnknownMemberId);
}

/// `testJoinGroupUnknownConsumerNewDeadGroup`, `testExistingMemberJoinDeadGroup`, `testHeartbeatDeadGroup`,
/// `testLeaveDeadGroup`, `testStaticMemberRejoinWithLeaderIdAndUnexpectedDeadGroup`
#[test]
fn a_dead_group_sends_everybody_elsewhere() {
    let mut story = Story::new();
    let pair = story.static_pair(10_000, 5_000);
    story.driven.step(|machine, step| machine.on_unloaded(step));
    let known = join().instance("leader").by(&pair.leader).knows(&["range"]);
    for request in [join(), join().by("m"), known.version(9)] {
        let token = story.join(&request);
        assert_eq!(story.code(token), ErrorCode::CoordinatorNotAvailable);
    }
    assert_eq!(story.heartbeat(&pair.leader, 1), ErrorCode::CoordinatorNotAvailable);
    let token = story.sync(&pair.leader, 1, &[]);
    assert_eq!(story.code(token), ErrorCode::CoordinatorNotAvailable);
    let token = story.send_leave(&[(&pair.leader, None)]);
    assert_eq!(story.code(token), ErrorCode::CoordinatorNotAvailable);
}

/// `testJoinGroupReturnsTheProtocolType`
#[test]
fn everybody_is_told_the_type_of_the_protocol() {
    let mut story = Story::new();
    let tokens = [story.join(&join().rebalance(3_000)), story.join(&join().rebalance(3_000))];
    story.pass(INITIAL_DELAY_MS);
    for token in tokens {
        assert_eq!(story.joined(token).protocol_type.as_deref(), Some("consumer"));
    }
}

/// `testDelayInitialRebalanceByGroupInitialRebalanceDelayOnEmptyGroup`
#[test]
fn the_first_rebalance_waits_for_more_members() {
    let mut story = Story::new();
    let token = story.join(&join());
    story.pass(INITIAL_DELAY_MS / 2);
    assert!(story.waits(token));
    story.pass(INITIAL_DELAY_MS / 2 + 1);
    story.joined(token);
}

/// `testResetRebalanceDelayWhenNewMemberJoinsGroupDuringInitialRebalance`
#[test]
fn the_delay_begins_anew_when_somebody_comes() {
    let mut story = Story::new();
    let patient = join().rebalance(9_000);
    let first = story.join(&patient);
    story.pass(INITIAL_DELAY_MS - 1);
    let second = story.join(&patient);
    story.pass(2);
    story.pass(INITIAL_DELAY_MS / 2 + 1);
    assert!(story.waits(first) && story.waits(second));
    story.pass(INITIAL_DELAY_MS / 2);
    story.joined(first);
    story.joined(second);
}

/// `testDelayRebalanceUptoRebalanceTimeout`
#[test]
fn the_delay_is_not_longer_than_the_rebalance_timeout() {
    let mut story = Story::new();
    let request = join().rebalance(6_000);
    let mut tokens = vec![story.join(&request), story.join(&request)];
    story.pass(INITIAL_DELAY_MS + 1);
    tokens.push(story.join(&request));
    story.pass(INITIAL_DELAY_MS - 2);
    assert!(tokens.iter().all(|token| story.waits(*token)));
    story.pass(1);
    for token in tokens {
        story.joined(token);
    }
}

/// `testHeartbeatExpirationShouldRemovePendingMember`
#[test]
fn an_id_that_nobody_uses_is_forgotten() {
    let mut story = Story::new();
    let token = story.join(&join().session(1_000).version(4));
    let id = story.answer(token).member_id;
    assert_eq!((story.group().member_count(), story.group().pending_join_count()), (0, 1));
    assert!(!story.group().is_simple(), "somebody is about to join");
    story.pass(1_000);
    assert_eq!(story.group().pending_join_count(), 0);
    let late = story.join(&join().by(&id).version(4));
    assert_eq!(story.code(late), ErrorCode::UnknownMemberId);
}

/// `testHeartbeatExpirationShouldRemoveMember`
#[test]
fn a_group_whose_only_new_member_went_is_empty() {
    let long = GroupSettings { initial_rebalance_delay_ms: 600_000, ..settings() };
    let mut story = Story::with(long);
    let token = story.join(&join());
    let id = story.group().leader().cloned().expect("the first one");
    let fired = story.pass(NEW_MEMBER_MS);
    let record = story.group().record_as_it_is();
    assert_eq!(fired, [(TimerKey::ClassicHeartbeat("g".into(), id), vec![record])]);
    assert_eq!(story.code(token), ErrorCode::UnknownMemberId);
    story.check(ClassicState::Empty, 1, 0);
}

/// `testJoinGroupExistingPendingMemberWithGroupInstanceIdThrowsException`
#[test]
fn a_pending_member_does_not_become_static() {
    let mut story = Story::new();
    let token = story.join(&join().version(4));
    let id = story.answer(token).member_id;
    let token = story.join(&join().by(&id).instance("i"));
    assert_eq!(story.code(token), ErrorCode::UnknownServerError);
}

/// `testNewMemberTimeoutCompletion`
#[test]
fn once_joined_a_member_is_watched_by_its_session() {
    let mut story = Story::new();
    let id = story.first_joins(&join().session(NEW_MEMBER_JOIN_TIMEOUT_MS + 5_000)).member_id;
    assert!(story.group().members().all(|member| !member.is_new));
    let token = story.sync(&id, 1, &[]);
    story.synced(token);
    story.pass(NEW_MEMBER_MS);
    story.check(ClassicState::Stable, 1, 1);
    let fired = story.pass(5_000);
    let record = story.group().record_as_it_is();
    assert_eq!(fired, [(TimerKey::ClassicHeartbeat("g".into(), id.into()), vec![record])]);
    story.check(ClassicState::Empty, 2, 0);
}

/// `testNewMemberFailureAfterJoinGroupCompletion`
#[test]
fn sessions_of_new_members_end_as_others_do() {
    let mut story = Story::new();
    let (first, second) = story.two_joined();
    let mut fired = story.pass(5_000);
    let (key, records) = fired.pop().expect("both sessions end");
    assert!(matches!(&key, TimerKey::ClassicHeartbeat(_, id) if **id == *first || **id == *second));
    assert_eq!(records, [story.group().record_as_it_is()]);
    assert_eq!(fired.len(), 1);
    assert!(fired[0].1.is_empty(), "one is left then, who is waited for");
    story.check(ClassicState::Empty, 3, 0);
}

/// `testJoinGroupCompletionWhenPendingMemberJoins`, `testJoinGroupCompletionWhenPendingMemberTimesOut`
#[test]
fn a_rebalance_waits_for_whoever_has_an_id() {
    let mut story = Story::new();
    let (_, _, pending) = story.with_pending();
    let token = story.join(&join().by(&pending));
    story.joined(token);
    story.check(ClassicState::CompletingRebalance, 3, 3);

    let mut story = Story::new();
    story.with_pending();
    story.pass(3_000);
    story.check(ClassicState::CompletingRebalance, 3, 2);
    assert_eq!(story.group().pending_join_count(), 0);
}

/// `JoinGroupRequest.maybeOverrideRebalanceTimeout`
#[test]
fn version_0_has_the_session_for_a_rebalance_timeout() {
    let mut story = Story::new();
    story.join(&join().rebalance(-1).session(7_000).version(0));
    let timeouts: Vec<_> =
        story.group().members().map(|member| member.rebalance_timeout_ms).collect();
    assert_eq!(timeouts, [7_000]);
}
