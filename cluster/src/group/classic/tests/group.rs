//! A classic group by itself.
//!
//! In Kafka: `ClassicGroupTest`.

use super::super::member::ClassicMember;
use super::*;
use crate::group::group::{Committer, ExpiryBase, Group};

fn group() -> ClassicGroup {
    ClassicGroup::new("g".into(), 5)
}

fn member(id: &str, instance: Option<&str>, knows: &[&str]) -> ClassicMember {
    ClassicMember {
        id: id.into(),
        instance_id: instance.map(Into::into),
        client_id: "client".into(),
        client_host: "host".into(),
        rebalance_timeout_ms: 60_000,
        session_timeout_ms: 10_000,
        protocol_type: "consumer".into(),
        protocols: protocols(knows),
        assignment: Bytes::new(),
        awaiting_join: None,
        awaiting_sync: None,
        is_new: false,
    }
}

fn of_type(kind: &str, mut member: ClassicMember) -> ClassicMember {
    member.protocol_type = kind.into();
    member
}

/// The group goes through these states, each from the one before it.
fn through(group: &mut ClassicGroup, states: &[ClassicState]) {
    for state in states {
        group.enter(*state, 9);
    }
}

/// `testCanRebalanceWhenStable` and the three beside it, and the seventeen tests of transitions
#[test]
fn states_follow_each_other() {
    use ClassicState::{CompletingRebalance, Dead, Empty, PreparingRebalance, Stable};
    let legal = [
        (Empty, PreparingRebalance),
        (PreparingRebalance, Empty),
        (PreparingRebalance, CompletingRebalance),
        (CompletingRebalance, PreparingRebalance),
        (CompletingRebalance, Stable),
        (Stable, PreparingRebalance),
    ];
    for from in ClassicState::ALL {
        for to in ClassicState::ALL {
            let want = to == Dead || legal.contains(&(from, to));
            assert_eq!(to.follows(from), want, "CG-1 from {from:?} to {to:?}");
        }
    }
}

/// `testSelectProtocol`, `testSelectProtocolChoosesCompatibleProtocol`, `testSelectProtocolRaisesIfNoMembers`
#[test]
fn most_votes_win() {
    #[track_caller]
    fn check(members: &[&[&str]], want: Option<&str>) {
        let mut group = group();
        for (at, knows) in members.iter().enumerate() {
            group.add(member(&format!("m{at}"), None, knows));
        }
        assert_eq!(group.select_protocol().as_deref(), want);
    }
    let (one, other): (&[&str], &[&str]) = (&["range", "roundrobin"], &["roundrobin", "range"]);
    check(&[], None);
    check(&[one, other], Some("range"));
    check(&[other, one], Some("range"));
    check(&[one, other, other], Some("roundrobin"));
    check(&[one, one, other], Some("range"));
    check(&[one, &["roundrobin", "foo"]], Some("roundrobin"));
    check(&[&["foo"], &["bar"]], None);
}

/// `testSupportsProtocols`
#[test]
fn an_empty_group_takes_any_protocol() {
    let mut group = group();
    assert!(group.supports("consumer", &protocols(&["range", "roundrobin"])));
    group.add(member("m", None, &["range", "roundrobin"]));
    group.enter(ClassicState::PreparingRebalance, 9);
    assert!(group.supports("consumer", &protocols(&["roundrobin", "foo"])));
    assert!(group.supports("consumer", &protocols(&["range", "bar"])));
    assert!(!group.supports("consumer", &protocols(&["foo", "bar"])));
    assert!(!group.supports("connect", &protocols(&["range"])));
}

/// `testSubscribedTopics`, `testSubscribedTopicsNonConsumerGroup`, `testIsSubscribedToTopic`
#[test]
fn topics_are_known_if_members_are_understood() {
    #[track_caller]
    fn check(kind: &str, said: Option<&[u8]>, want: Option<&[&str]>, reads_foo: bool) {
        let mut group = group();
        assert!(group.subscribed_topics.is_none() && !group.is_subscribed_to("foo"));
        group.enter(ClassicState::PreparingRebalance, 9);
        let mut one = of_type(kind, member("m", None, &["range"]));
        if let Some(said) = said {
            one.protocols[0].metadata = Bytes::copy_from_slice(said);
        }
        group.add(one);
        group.begin_next_generation(9).expect("it has a protocol");
        let want = want.map(|topics| topics.iter().map(|topic| (*topic).to_owned()).collect());
        assert_eq!(group.subscribed_topics, want);
        assert_eq!(group.is_subscribed_to("foo"), reads_foo);
    }
    check("consumer", None, Some(&["foo"]), true);
    check("consumer", Some(&[]), None, true);
    check("consumer", Some(&[0, 1, 0, 0, 0]), None, true);
    check("My Protocol", None, None, false);

    let mut group = group();
    group.add(member("m", None, &["range"]));
    group.enter(ClassicState::PreparingRebalance, 9);
    group.remove("m", &mut Vec::new());
    group.begin_next_generation(9).expect("it may be empty");
    assert_eq!(group.subscribed_topics, Some(Default::default()));
    assert!(!group.is_subscribed_to("foo"));
}

/// What 4.3.0 says of the bytes of `testComputeSubscribedTopicsHandlesMalformedMemberMetadata`, of a later Kafka.
#[test]
fn a_malformed_subscription_begins_no_generation() {
    for said in
        [&[0, 1, 0xff, 0xff, 0xff, 0xff][..], &[0, 1, 0, 0, 0, 9], &[0, 0, 0, 0, 0, 1, 0xff, 0xff]]
    {
        let mut group = group();
        group.enter(ClassicState::PreparingRebalance, 9);
        let mut poison = member("m", None, &["range"]);
        poison.protocols[0].metadata = Bytes::copy_from_slice(said);
        group.add(poison);
        let error = group.begin_next_generation(9).expect_err("it is malformed");
        assert_eq!(error.code, ErrorCode::UnknownServerError);
        assert_eq!((group.state(), group.generation()), (ClassicState::PreparingRebalance, 1));
    }
}

/// `testInitNextGeneration`, `testInitNextGenerationEmptyGroup`, `testNewGenerationClearsPendingSyncMembers`
#[test]
fn a_generation_has_a_protocol_if_it_has_members() {
    let mut one = group();
    one.add(member("m", None, &["roundrobin"]));
    one.enter(ClassicState::PreparingRebalance, 9);
    one.begin_sync("m");
    assert_eq!((one.generation(), one.protocol_name()), (0, None));
    one.begin_next_generation(9).expect("it has a protocol");
    assert_eq!((one.generation(), one.protocol_name()), (1, Some("roundrobin")));
    assert!(one.pending_sync.is_empty());

    let mut none = group();
    none.enter(ClassicState::PreparingRebalance, 9);
    none.begin_next_generation(9).expect("it may be empty");
    assert_eq!(
        (none.state(), none.generation(), none.protocol_name()),
        (ClassicState::Empty, 1, None)
    );
}

/// `testUpdateMember`, `testCompleteJoinFuture`, `testNotCompleteJoinFuture`, `testCompleteSyncFuture`,
/// `testNotCompleteSyncFuture`
#[test]
fn requests_are_kept_and_answered_once() {
    let (mut group, mut effects) = (group(), Vec::new());
    group.add(member("m", None, &["range", "roundrobin"]));
    let said = super::super::group::Rejoined {
        protocols: protocols(&["roundrobin"]),
        rebalance_timeout_ms: 20_000,
        session_timeout_ms: 20_000,
    };
    group.update_member("m", said, Some(3), &mut effects);
    let changed = group.member("m").expect("it is there");
    assert_eq!((changed.rebalance_timeout_ms, changed.session_timeout_ms), (20_000, 20_000));
    assert_eq!(changed.protocols, protocols(&["roundrobin"]));
    assert_eq!(
        (group.awaiting_join_count(), group.select_protocol().as_deref()),
        (1, Some("roundrobin"))
    );

    assert!(group.complete_join("m", &JoinGroupResponse::default(), &mut effects));
    assert!(!group.complete_join("m", &JoinGroupResponse::default(), &mut effects));
    assert_eq!(group.awaiting_join_count(), 0, "CG-2");
    group.await_sync("m", 4, &mut effects);
    assert!(group.complete_sync("m", &SyncGroupResponse::default(), &mut effects));
    assert!(!group.complete_sync("m", &SyncGroupResponse::default(), &mut effects));
    let tokens: Vec<_> = effects
        .iter()
        .map(|effect| match effect {
            crate::group::step::GroupEffect::Reply { token, .. } => *token,
            other => panic!("answers, not {other:?}"),
        })
        .collect();
    assert_eq!(tokens, [3, 4], "CG-4");
}

/// `testReplaceGroupInstance`
#[test]
fn a_static_member_goes_on_under_another_id() {
    let (mut group, mut effects) = (group(), Vec::new());
    let mut one = member("m", Some("i"), &["range"]);
    one.awaiting_join = Some(group.keep(1));
    group.add(one);
    assert!(group.is_leader("m"));
    group.await_sync("m", 2, &mut effects);
    group.replace_static_member(&"m".into(), &"n".into(), &mut effects);
    assert!(group.is_leader("n") && group.member("m").is_none());
    assert_eq!(group.static_member("i").map(|id| &**id), Some("n"));
    assert_eq!((effects.len(), group.awaiting_join_count()), (2, 0), "both are fenced");
}

/// `testCannotAddPendingMemberIfStable`, `testRemovalFromPendingAfterMemberIsStable`,
/// `testRemovalFromPendingWhenMemberIsRemoved`, `testCanAddAndRemovePendingSyncMember`,
/// `testRemovalFromPendingSyncWhenMemberIsRemoved`
#[test]
fn nobody_is_waited_for_who_is_there_or_gone() {
    let mut group = group();
    group.expect_to_join("m".into());
    assert!(group.is_pending("m") && !group.is_pending("n"));
    group.add(member("m", None, &["range"]));
    assert!(!group.is_pending("m"), "it has joined");
    group.expect_to_join("n".into());
    group.remove("n", &mut Vec::new());
    assert_eq!(group.pending_join_count(), 0);
    group.begin_sync("m");
    assert_eq!(group.pending_sync.len(), 1);
    group.remove("m", &mut Vec::new());
    assert!(group.pending_sync.is_empty() && group.leader().is_none());
}

/// `testElectNewJoinedLeader`, `testMaybeElectNewJoinedLeaderChooseExisting`
#[test]
fn who_has_joined_leads() {
    for leader_joins in [false, true] {
        let mut group = group();
        for (id, joins) in [("leader", leader_joins), ("new-leader", true), ("new-member", false)] {
            let mut one = member(id, None, &["roundrobin"]);
            one.awaiting_join = joins.then(|| group.keep(1));
            if leader_joins && id == "new-leader" {
                one.awaiting_join = None;
            }
            group.add(one);
        }
        assert!(group.is_leader("leader"));
        assert!(group.elect_joined_leader());
        assert!(group.is_leader(if leader_joins { "leader" } else { "new-leader" }));
    }
    assert!(!group().elect_joined_leader(), "there is nobody");
}

#[track_caller]
fn commit(
    group: &ClassicGroup,
    id: &str,
    instance: Option<&str>,
    generation: i32,
    want: ErrorCode,
) {
    let who = Committer {
        member_id: id,
        instance_id: instance,
        generation_or_epoch: generation,
        is_transactional: false,
        version: 9,
    };
    let code = group.validate_offset_commit(&who).map(|_| ()).map_err(|error| error.code);
    assert_eq!(code.err().unwrap_or(ErrorCode::None), want, "{who:?}");
}

/// `testValidateOffsetCommit`
#[test]
fn commits_come_from_members_of_the_generation() {
    let (mut group, unknown) = (group(), ErrorCode::UnknownMemberId);
    commit(&group, "", Some(""), -1, ErrorCode::None);
    commit(&group, "m", None, 0, unknown);
    group.add(member("m", Some("i"), &["roundrobin"]));
    group.enter(ClassicState::PreparingRebalance, 9);
    commit(&group, "m", Some("i"), 0, ErrorCode::None);
    group.begin_next_generation(9).expect("it has a protocol");
    commit(&group, "", Some(""), -1, unknown);
    commit(&group, "", None, -1, unknown);
    let who = Committer {
        member_id: "",
        instance_id: None,
        generation_or_epoch: -1,
        is_transactional: true,
        version: 3,
    };
    assert!(group.validate_offset_commit(&who).is_ok(), "older versions name nobody");
    commit(&group, "unknown", Some("unknown"), -1, unknown);
    commit(&group, "m", Some("unknown"), -1, unknown);
    commit(&group, "m", Some("i"), 0, ErrorCode::IllegalGeneration);
    commit(&group, "m", Some("i"), 1, ErrorCode::RebalanceInProgress);
    group.enter(ClassicState::Stable, 9);
    commit(&group, "m", Some("i"), 1, ErrorCode::None);
    group.replace_static_member(&"m".into(), &"n".into(), &mut Vec::new());
    commit(&group, "m", Some("i"), 1, ErrorCode::FencedInstanceId);
    group.enter(ClassicState::Dead, 9);
    commit(&group, "m", Some("i"), 1, ErrorCode::CoordinatorNotAvailable);
    assert!(group.validate_offset_fetch(None, -1).is_err());
}

fn codes(group: &ClassicGroup) -> (ErrorCode, ErrorCode) {
    let code = |result: Result<(), crate::group::step::GroupError>| {
        result.err().map_or(ErrorCode::None, |error| error.code)
    };
    (code(group.validate_offset_delete()), code(group.validate_delete()))
}

/// `testValidateOffsetDelete`, `testValidateDeleteGroup`
#[test]
fn offsets_of_consumers_may_be_deleted_while_they_run() {
    use ClassicState::{CompletingRebalance, Dead, Empty, PreparingRebalance, Stable};
    let (none, busy, gone) =
        (ErrorCode::None, ErrorCode::NonEmptyGroup, ErrorCode::GroupIdNotFound);
    for (kind, while_it_runs) in [("consumer", none), ("other", busy)] {
        let mut group = group();
        assert_eq!(codes(&group), (none, none));
        group.add(of_type(kind, member("m", None, &["range"])));
        for state in [PreparingRebalance, CompletingRebalance, Stable] {
            group.enter(state, 9);
            assert_eq!(codes(&group), (while_it_runs, busy), "{kind} {state:?}");
        }
        through(&mut group, &[PreparingRebalance, Empty]);
        assert_eq!(codes(&group), (none, none));
        through(&mut group, &[Dead]);
        assert_eq!(codes(&group), (gone, gone));
    }
}

/// `testOffsetExpirationCondition`
#[test]
fn offsets_expire_from_the_commit_or_from_when_everybody_left() {
    use ClassicState::{PreparingRebalance, Stable};
    let mut group = group();
    assert_eq!(group.expires_from(), Some(ExpiryBase::Commit), "a simple group");
    group.add(of_type("My Protocol", member("m", None, &["range"])));
    assert_eq!(group.expires_from(), Some(ExpiryBase::StateSince(Some(5))), "an empty one");
    group.enter(PreparingRebalance, 9);
    assert_eq!(group.expires_from(), None, "G8");
    group.remove("m", &mut Vec::new());
    group.add(member("n", None, &["range"]));
    group.begin_next_generation(9).expect("it has a protocol");
    assert_eq!(group.expires_from(), None);
    group.enter(Stable, 9);
    assert_eq!(group.expires_from(), Some(ExpiryBase::Commit));
    group.enter(PreparingRebalance, 9);
    assert_eq!(group.expires_from(), None, "KAFKA-13636");
}

/// `testCompleteAllJoinFutures`, `testCompleteAllSyncFutures`
#[test]
fn everybody_is_refused_at_once() {
    let (mut group, mut effects) = (group(), Vec::new());
    for (id, waits) in [("a", true), ("b", true), ("c", false)] {
        let mut one = member(id, None, &["range"]);
        one.awaiting_join = waits.then(|| group.keep(1));
        one.awaiting_sync = waits.then(|| group.keep(2));
        group.add(one);
    }
    group.refuse_all_joins(ErrorCode::RebalanceInProgress, &mut effects);
    assert_eq!((effects.len(), group.awaiting_join_count()), (2, 0));
    group.refuse_all_syncs(ErrorCode::RebalanceInProgress, &mut effects);
    assert_eq!(effects.len(), 4);
}

/// `ClassicGroupMemberTest.testHasSatisfiedHeartbeat`
#[test]
fn who_waits_need_not_be_heard_of() {
    let mut group = group();
    let mut one = member("m", None, &["range"]);
    assert!(!one.has_satisfied_heartbeat());
    one.awaiting_join = Some(group.keep(1));
    assert!(one.has_satisfied_heartbeat());
    one.is_new = true;
    assert!(!one.has_satisfied_heartbeat(), "it does not know its id");
    one.is_new = false;
    one.awaiting_sync = one.awaiting_join.take();
    assert!(one.has_satisfied_heartbeat());
}
