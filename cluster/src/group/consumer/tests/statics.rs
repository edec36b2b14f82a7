//! Kafka's `GroupMetadataManagerTest` on static members (KIP-345) of consumer groups.

use super::fixture::{Beat, Story, beating, joining};
use crate::config::group::{GroupSettings, ServerAssignor, ServerAssignors};
use crate::error_code::ErrorCode;
use crate::group::step::GroupError;
use crate::group::timer::TimerKey;
use crate::wire::ConsumerGroupHeartbeatRequest;

fn range() -> GroupSettings {
    GroupSettings {
        consumer_assignment_interval_ms: 0,
        consumer_assignors: ServerAssignors(vec![ServerAssignor::Range]),
        ..GroupSettings::default()
    }
}

fn of(instance: &str, request: ConsumerGroupHeartbeatRequest) -> ConsumerGroupHeartbeatRequest {
    ConsumerGroupHeartbeatRequest { instance_id: Some(instance.into()), ..request }
}

fn send(story: &mut Story, instance: &str, member: &str, epoch: i32) -> Result<Beat, GroupError> {
    let request = if epoch == 0 { joining(member, &["foo"]) } else { beating(member, epoch) };
    story.beat(&of(instance, request))
}

#[track_caller]
fn refused(got: Result<Beat, GroupError>, code: ErrorCode, why: &str) {
    let error = got.expect_err("it is refused");
    assert_eq!((error.code, error.message.as_deref()), (code, Some(why)));
}

fn two() -> Story {
    let mut story = Story::with(range());
    story.topic("foo", 4);
    send(&mut story, "i1", "a", 0).expect("it joins");
    send(&mut story, "i2", "b", 0).expect("it joins");
    send(&mut story, "i1", "a", 2).expect("it is told to give back");
    story
        .beat(&of(
            "i1",
            ConsumerGroupHeartbeatRequest {
                topic_partitions: Some(story.owned("foo:0,1")),
                ..beating("a", 2)
            },
        ))
        .expect("it has");
    let beat = send(&mut story, "i2", "b", 3).expect("it gets the rest");
    assert_eq!(beat.told(&story), "3 [foo:2,3]");
    story
}

/// `testStaticMemberGetsBackAssignmentUponRejoin`, `testNoGroupEpochBumpWhenStaticMemberTemporarilyLeaves`,
/// `testGroupEpochBumpWhenNewStaticMemberJoins`.
#[test]
fn who_comes_back_gets_what_it_had() {
    let mut story = two();
    let gone = send(&mut story, "i2", "b", -2).expect("it goes for a while");
    assert_eq!(gone.told(&story), "-2");
    // Commits under the old id are fenced: what it has counts as assigned in epoch 0 (KIP-1251).
    assert_eq!(gone.records, ["current b -2<3 stable foo:2@0,3@0"]);
    assert_eq!(story.state(), "Reconciling 3/3");
    let back = send(&mut story, "i2", "c", 0).expect("it is back");
    assert_eq!(back.told(&story), "3 [foo:2,3]");
    let want = [
        "current b -",
        "target b -",
        "member b -",
        "member c [foo]",
        "target c foo:2,3",
        "current c 0<0 stable foo:2@0,3@0",
        "current c 3<0 stable foo:2@0,3@0",
    ];
    assert_eq!(back.records, want);
    assert_eq!(story.state(), "Stable 3/3");
    let next = send(&mut story, "i3", "d", 0).expect("a new one");
    assert_eq!(next.records[..2], ["member d [foo]", "group 4"]);
}

/// `testStaticMemberRejoinsWithNewSubscribedTopics`.
#[test]
fn who_comes_back_with_another_subscription_starts_a_rebalance() {
    let mut story = two();
    story.topic("bar", 1);
    send(&mut story, "i2", "b", -2).expect("it goes for a while");
    let back = story.beat(&of("i2", joining("c", &["foo", "bar"]))).expect("it is back");
    assert_eq!(back.told(&story), "4 [foo:2,3 bar:0]");
    let want = [
        "current b -",
        "target b -",
        "member b -",
        "member c [foo]",
        "target c foo:2,3",
        "current c 0<0 stable foo:2@0,3@0",
        "member c [bar foo]",
        "group 4",
        "target c foo:2,3 bar:0",
        "targets 4",
        "current c 4<0 stable foo:2@0,3@0 bar:0@4",
    ];
    assert_eq!(back.records, want);
}

/// `testLeavingStaticMemberBumpsGroupEpoch`, `testSessionTimeoutExpirationStaticMember`.
#[test]
fn who_does_not_come_back_is_removed() {
    let mut story = two();
    let gone = send(&mut story, "i2", "b", -1).expect("it goes for good");
    assert_eq!(gone.records, ["current b -", "target b -", "member b -", "group 4"]);
    send(&mut story, "i1", "a", -2).expect("it goes for a while");
    let fired = story.pass(45_000);
    let session = TimerKey::ConsumerSession("g".into(), "a".into());
    assert_eq!((fired.len(), &fired[0].0), (1, &session));
    assert_eq!(fired[0].1, ["current a -", "target a -", "member a -", "group 5"]);
}

/// `testShouldThrownUnreleasedInstanceIdExceptionWhenNewMemberJoinsWithInUseInstanceId`,
/// `testShouldThrownUnknownMemberIdExceptionWhenUnknownStaticMemberJoins`,
/// `testShouldThrowFencedInstanceIdExceptionWhenStaticMemberWithDifferentMemberIdJoins`,
/// `testConsumerGroupMemberEpochValidationForStaticMember`,
/// `testShouldThrowUnknownMemberIdExceptionWhenUnknownStaticMemberLeaves`,
/// `testShouldThrowFencedInstanceIdExceptionWhenStaticMemberWithDifferentMemberIdLeaves`.
#[test]
fn an_instance_has_one_member() {
    let mut story = two();
    let unreleased = "Static member x with instance id i1 cannot join the group because the instance id is owned by \
                      a member.";
    let fenced = "Static member x with instance id i1 was fenced by member a.";
    let unknown = "Instance id i9 is unknown.";
    refused(send(&mut story, "i1", "x", 0), ErrorCode::UnreleasedInstanceId, unreleased);
    refused(send(&mut story, "i9", "x", 3), ErrorCode::UnknownMemberId, unknown);
    for epoch in [3, -1, -2] {
        refused(send(&mut story, "i1", "x", epoch), ErrorCode::FencedInstanceId, fenced);
    }
    for epoch in [-1, -2] {
        refused(send(&mut story, "i9", "x", epoch), ErrorCode::UnknownMemberId, unknown);
    }
    let greater = "The consumer group member has a greater member epoch (9) than the one known by the group \
                   coordinator (3). The member must abandon all its partitions and rejoin.";
    refused(send(&mut story, "i1", "a", 9), ErrorCode::FencedMemberEpoch, greater);
    assert_eq!(story.group().static_member(Some("i1")).expect("G10").member_id, "a".into());
}
