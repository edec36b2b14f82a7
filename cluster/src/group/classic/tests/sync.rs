//! Handing in and fetching assignments.

use super::*;

/// `testSyncGroupReturnsAnErrorWhenProtocolTypeIsInconsistent`,
/// `testSyncGroupReturnsAnErrorWhenProtocolNameIsInconsistent`,
/// `testSyncGroupSucceedWhenProtocolTypeAndNameAreNotProvided`,
/// `testSyncGroupSucceedWhenProtocolTypeAndNameAreConsistent`
#[test]
fn a_protocol_that_is_named_must_be_the_groups() {
    let fits = (ErrorCode::None, Some("consumer"), Some("range"));
    let not = (ErrorCode::InconsistentGroupProtocol, None, None);
    for (protocol_type, name, want) in [
        (Some("other"), None, not),
        (None, Some("other"), not),
        (None, None, fits),
        (Some("consumer"), Some("range"), fits),
    ] {
        let mut story = Story::new();
        let (leader, follower) = story.two_joined();
        for member in [leader, follower] {
            let request = SyncGroupRequest {
                group_id: "g".to_owned(),
                generation_id: 2,
                member_id: member,
                protocol_type: protocol_type.map(str::to_owned),
                protocol_name: name.map(str::to_owned),
                ..SyncGroupRequest::default()
            };
            let token = story.driven.send(5, GroupRequest::SyncGroup(request));
            let Ok(GroupResponse::SyncGroup(response)) = &story.driven.answers[&token] else {
                panic!("it is answered");
            };
            let code = ErrorCode::from_code(response.error_code);
            let told = (code, response.protocol_type.as_deref(), response.protocol_name.as_deref());
            assert_eq!(told, want);
        }
    }
}

/// `testSyncGroupFromUnknownGroup`, `testSyncGroupFromUnknownMember`, `testSyncGroupFromIllegalGeneration`
#[test]
fn who_does_not_belong_to_the_generation_gets_nothing() {
    let mut story = Story::new();
    let token = story.sync("m", 1, &[]);
    assert_eq!(story.code(token), ErrorCode::UnknownMemberId, "no group");
    let id = story.stable_single();
    let token = story.sync("m", 1, &[]);
    assert_eq!(story.code(token), ErrorCode::UnknownMemberId, "no member");
    let token = story.sync(&id, 2, &[]);
    assert_eq!(story.code(token), ErrorCode::IllegalGeneration);
    assert_eq!(story.leave(&[(&id, None)]), [ErrorCode::None]);
    let token = story.sync(&id, 2, &[]);
    assert_eq!(story.code(token), ErrorCode::UnknownMemberId, "an empty group");
}

/// `testSyncGroupFollowerAfterLeader`
#[test]
fn a_follower_fetches_what_the_leader_assigned() {
    let mut story = Story::new();
    let (leader, follower) = story.two_joined();
    let token = story.sync(&leader, 2, &[(&leader, 0), (&follower, 1)]);
    assert_eq!(story.synced(token).assignment, &[0][..]);
    let token = story.sync(&follower, 2, &[]);
    assert_eq!(story.synced(token).assignment, &[1][..]);
    story.check(ClassicState::Stable, 2, 2);
}

/// `testSyncGroupLeaderAfterFollower`, `testSyncGroupEmptyAssignment`
#[test]
fn a_follower_waits_for_the_leader_and_the_log() {
    let mut story = Story::new();
    let (leader, follower) = story.two_joined();
    let waiting = story.sync(&follower, 2, &[]);
    assert!(story.waits(waiting));
    story.driven.commits = false;
    let token = story.sync(&leader, 2, &[(&leader, 7), ("nobody", 8)]);
    assert!(story.waits(token) && story.waits(waiting), "CG-10");
    let GroupRecord::GroupMetadata(_, Some(value)) = &story.driven.uncommitted()[0] else {
        panic!("a record of the generation");
    };
    let assigned: Vec<_> = value.members.iter().map(|member| member.assignment.len()).collect();
    assert_eq!(assigned.iter().sum::<usize>(), 1, "who is not named gets nothing");
    story.check(ClassicState::CompletingRebalance, 2, 2);
    story.driven.commit();
    assert_eq!(story.synced(token).assignment, &[7][..]);
    assert!(story.synced(waiting).assignment.is_empty());
    story.check(ClassicState::Stable, 2, 2);
}

/// `testLeaderFailureInSyncGroup`
#[test]
fn followers_join_again_if_the_leader_does_not_sync() {
    let mut story = Story::new();
    let (_, follower) = story.two_joined();
    let waiting = story.sync(&follower, 2, &[]);
    let fired = story.pass(9_999);
    assert!(fired.iter().all(|(_, records)| records.is_empty()));
    assert_eq!(story.code(waiting), ErrorCode::RebalanceInProgress);
    story.check(ClassicState::PreparingRebalance, 2, 1);
    assert!(story.group().member(&follower).is_some(), "its session began anew");
}

/// Three members in generation 1, the leader first (`joinWithNMembers`).
fn three(story: &mut Story) -> Vec<String> {
    let request = join().rebalance(5_000).session(5_000);
    let rounds: Vec<_> = (0..3).map(|_| story.join(&request.clone().version(4))).collect();
    let ids: Vec<_> = rounds.iter().map(|token| story.answer(*token).member_id).collect();
    let tokens: Vec<_> = ids.iter().map(|id| story.join(&request.clone().by(id))).collect();
    story.pass(INITIAL_DELAY_MS);
    story.pass(INITIAL_DELAY_MS);
    for token in tokens {
        story.joined(token);
    }
    story.check(ClassicState::CompletingRebalance, 1, 3);
    ids
}

/// Half the time to sync has passed, and everybody is alive. The timer has run for `spent_ms` since the answers.
fn half_way(story: &mut Story, ids: &[String]) {
    story.pass(1_000);
    for id in ids {
        assert_eq!(story.heartbeat(id, 1), ErrorCode::None);
    }
}

/// `testRebalanceTimesOutWhenSyncRequestIsNotReceived`
#[test]
fn if_nobody_syncs_the_group_is_empty() {
    let mut story = Story::new();
    let ids = three(&mut story);
    half_way(&mut story, &ids);
    let fired = story.pass(4_999);
    let record = story.group().record_as_it_is();
    assert_eq!(fired, [(TimerKey::ClassicSync("g".into()), vec![record])]);
    for id in &ids {
        assert_eq!(story.heartbeat(id, 1), ErrorCode::UnknownMemberId);
    }
    story.check(ClassicState::Empty, 2, 0);
}

/// `testRebalanceTimesOutWhenSyncRequestIsNotReceivedFromFollowers`
#[test]
fn followers_that_do_not_sync_are_out() {
    let mut story = Story::new();
    let ids = three(&mut story);
    half_way(&mut story, &ids);
    let token = story.sync(&ids[0], 1, &[]);
    story.synced(token);
    story.check(ClassicState::Stable, 1, 3);
    let fired = story.pass(4_999);
    assert_eq!(fired, [(TimerKey::ClassicSync("g".into()), Vec::new())]);
    let codes: Vec<_> = ids.iter().map(|id| story.heartbeat(id, 1)).collect();
    let unknown = ErrorCode::UnknownMemberId;
    assert_eq!(codes, [ErrorCode::RebalanceInProgress, unknown, unknown]);
    story.check(ClassicState::PreparingRebalance, 1, 1);
}

/// `testRebalanceTimesOutWhenSyncRequestIsNotReceivedFromLeaders`
#[test]
fn a_leader_that_does_not_sync_is_out() {
    let mut story = Story::new();
    let ids = three(&mut story);
    half_way(&mut story, &ids);
    let waiting: Vec<_> = ids[1..].iter().map(|id| story.sync(id, 1, &[])).collect();
    let fired = story.pass(4_999);
    assert_eq!(fired, [(TimerKey::ClassicSync("g".into()), Vec::new())]);
    for token in waiting {
        assert_eq!(story.code(token), ErrorCode::RebalanceInProgress);
    }
    let codes: Vec<_> = ids.iter().map(|id| story.heartbeat(id, 1)).collect();
    let again = ErrorCode::RebalanceInProgress;
    assert_eq!(codes, [ErrorCode::UnknownMemberId, again, again]);
    story.check(ClassicState::PreparingRebalance, 1, 2);
}

/// `testRebalanceDoesNotTimeOutWhenAllSyncAreReceived`
#[test]
fn if_all_sync_nothing_runs_out() {
    let mut story = Story::new();
    let ids = three(&mut story);
    half_way(&mut story, &ids);
    for id in &ids {
        let token = story.sync(id, 1, &[]);
        story.synced(token);
    }
    for _ in 0..2 {
        assert!(story.pass(2_500).is_empty());
        for id in &ids {
            assert_eq!(story.heartbeat(id, 1), ErrorCode::None);
        }
    }
    story.check(ClassicState::Stable, 1, 3);
}

/// A member that is removed while it syncs: Kafka never answers it.
#[test]
fn a_sync_of_a_member_that_was_sent_away_is_forgotten() {
    let mut story = Story::new();
    let pair = story.static_pair(10_000, 5_000);
    let both = join().knows(&["range", "roundrobin"]);
    let first = story.join(&both.clone().by(&pair.leader).instance("leader"));
    let second = story.join(&both.by(&pair.follower).instance("follower"));
    story.joined(first);
    story.joined(second);
    let waiting = story.sync(&pair.follower, 2, &[]);
    assert_eq!(story.leave(&[("", Some("follower"))]), [ErrorCode::None]);
    assert_eq!(story.driven.forgotten, [waiting]);
    story.check(ClassicState::PreparingRebalance, 2, 1);
}
