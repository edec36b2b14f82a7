//! Groups that are read from the log, and given up.

use super::*;
use crate::group::Group;
use crate::ids::Offset;
use crate::wire::{GroupMetadataKey, GroupMetadataValue, group_metadata_value};

fn two_members(rebalance_timeout: i32) -> GroupRecord {
    let member = |at: u8| group_metadata_value::Member {
        member_id: format!("member-{at}"),
        group_instance_id: Some(format!("instance-{at}")),
        client_id: format!("client-{at}"),
        client_host: format!("host-{at}"),
        rebalance_timeout,
        session_timeout: 4_000,
        subscription: subscription(&["foo"]),
        assignment: Bytes::copy_from_slice(&[2]),
    };
    let value = GroupMetadataValue {
        protocol_type: "consumer".to_owned(),
        generation: 1,
        protocol: Some("range".to_owned()),
        leader: Some("member-0".to_owned()),
        current_state_timestamp: 777,
        members: vec![member(0), member(1)],
    };
    GroupRecord::GroupMetadata(GroupMetadataKey { group: "g".to_owned() }, Some(value))
}

fn loaded(settings: GroupSettings, records: &[GroupRecord]) -> Story {
    let mut story = Story::with(settings);
    for record in records {
        story.driven.coordinator.replay(Offset(0), record);
    }
    story.driven.step(|machine, step| machine.on_loaded(step));
    story
}

/// `testReplayGroupMetadataRecords`
#[test]
fn a_record_says_what_the_group_was() {
    for (rebalance_timeout, want) in [(9_000, 9_000), (-1, 4_000)] {
        let story = loaded(settings(), &[two_members(rebalance_timeout)]);
        let group = story.group();
        story.check(ClassicState::Stable, 1, 2);
        assert_eq!(
            (group.protocol_type(), group.protocol_name()),
            (Some("consumer"), Some("range"))
        );
        assert!(group.is_leader("member-0") && group.state_since == Some(777));
        assert!(group.is_subscribed_to("foo") && !group.is_subscribed_to("bar"));
        let member = group.member("member-1").expect("it was read");
        assert_eq!((member.rebalance_timeout_ms, member.session_timeout_ms), (want, 4_000));
        assert_eq!(group.static_member("instance-1").map(|id| &**id), Some("member-1"));
        if rebalance_timeout != -1 {
            // Walked as Java's map has them: the second falls into an earlier bucket.
            let (
                GroupRecord::GroupMetadata(_, Some(mut live)),
                GroupRecord::GroupMetadata(_, said),
            ) = (group.record_as_it_is(), two_members(9_000))
            else {
                panic!("records of a group");
            };
            live.members.reverse();
            assert_eq!(Some(live), said, "G9");
        }
    }
}

/// `testOnLoadedExceedGroupMaxSizeTriggersRebalance`
#[test]
fn a_group_that_is_too_large_rebalances() {
    let story = loaded(GroupSettings { max_size: 1, ..settings() }, &[two_members(9_000)]);
    story.check(ClassicState::PreparingRebalance, 1, 2);
}

/// `testOnLoadedSchedulesClassicGroupMemberHeartbeats`
#[test]
fn sessions_begin_when_the_group_is_loaded() {
    let mut story = loaded(settings(), &[two_members(9_000)]);
    assert!(story.pass(3_999).is_empty());
    let fired = story.pass(1);
    assert_eq!(fired.len(), 2);
    story.check(ClassicState::Empty, 2, 0);
}

/// `testClassicGroupDelete`, `testClassicGroupMaybeDelete`
#[test]
fn a_tombstone_takes_the_group_away() {
    let mut story = Story::new();
    let id = story.stable_single();
    assert!(story.group().validate_delete().is_err());
    story.leave(&[(&id, None)]);
    assert!(story.group().validate_delete().is_ok() && story.group().is_empty());
    let mut records = Vec::new();
    story.group().tombstones(&mut records);
    let key = GroupMetadataKey { group: "g".to_owned() };
    assert_eq!(records, [GroupRecord::GroupMetadata(key, None)]);
    story.driven.coordinator.replay(Offset(9), &records[0]);
    assert!(story.driven.coordinator.classic_group("g").is_none());
}

/// What the cleaner leaves of a log: the last record of a group, after a tombstone or not, or the tombstone alone.
#[test]
fn a_log_that_is_half_compacted_gives_the_same_groups() {
    let mut story = Story::new();
    let id = story.stable_single();
    let other = story.join(&join());
    story.join(&join().by(&id));
    story.joined(other);
    let token = story.sync(&id, 2, &[(&id, 5)]);
    story.synced(token);
    let whole = story.driven.log.clone();
    let last = whole.last().expect("the last generation").clone();
    let tombstone = GroupRecord::GroupMetadata(story.group().key(), None);
    let want = story.group().record_as_it_is();
    let logs =
        [whole.clone(), vec![last.clone()], vec![tombstone.clone(), last], whole[1..].to_vec()];
    for log in &logs {
        let GroupRecord::GroupMetadata(_, Some(mut read)) =
            loaded(settings(), log).group().record_as_it_is()
        else {
            panic!("a record");
        };
        let GroupRecord::GroupMetadata(_, Some(live)) = &want else { panic!("a record") };
        read.current_state_timestamp = live.current_state_timestamp;
        assert_eq!(&read, live, "G9 but for when it became stable");
    }
    let gone = loaded(settings(), &[tombstone]);
    assert!(gone.driven.coordinator.classic_group("g").is_none());
}

/// `testClassicGroupOnUnloadedEmptyAndPreparingRebalance`
#[test]
fn whoever_joins_a_group_that_is_given_up_is_told() {
    let mut story = Story::new();
    let tokens = [story.join(&join()), story.join(&join())];
    story.driven.step(|machine, step| machine.on_unloaded(step));
    for token in tokens {
        let answer = story.answer(token);
        let want = JoinGroupResponse {
            member_id: answer.member_id.clone(),
            error_code: ErrorCode::NotCoordinator.code(),
            ..JoinGroupResponse::default()
        };
        assert_eq!(answer, want);
        assert!(!answer.member_id.is_empty());
    }
    assert_eq!(story.group().state(), ClassicState::Dead);
}

/// `testClassicGroupOnUnloadedCompletingRebalance`
#[test]
fn whoever_syncs_with_a_group_that_is_given_up_is_told() {
    let mut story = Story::new();
    let (_, follower, pending) = story.with_pending();
    let token = story.join(&join().by(&pending));
    story.joined(token);
    let tokens = [story.sync(&follower, 3, &[]), story.sync(&pending, 3, &[])];
    assert!(tokens.iter().all(|token| story.waits(*token)));
    story.driven.step(|machine, step| machine.on_unloaded(step));
    for token in tokens {
        assert_eq!(story.code(token), ErrorCode::NotCoordinator);
    }
}
