//! Kafka's `GroupMetadataManagerTest` on members with the classic protocol in a consumer group: JoinGroup, SyncGroup,
//! Heartbeat and LeaveGroup to it.

use bytes::{BufMut, Bytes, BytesMut};

use super::fixture::{Answer, Story};
use crate::config::group::{GroupSettings, MigrationPolicy, ServerAssignor, ServerAssignors};
use crate::error_code::ErrorCode;
use crate::group::consumer::embedded;
use crate::group::request::{GroupRequest, GroupResponse};
use crate::group::timer::TimerKey;
use crate::wire::consumer_protocol_subscription::OwnedPartition;
use crate::wire::join_group_request::Protocol;
use crate::wire::{
    ConsumerProtocolSubscription, HeartbeatRequest, JoinGroupRequest, JoinGroupResponse,
    LeaveGroupRequest, LeaveGroupResponse, Message, SyncGroupRequest, SyncGroupResponse,
    leave_group_request,
};

pub(super) fn range() -> GroupSettings {
    GroupSettings {
        consumer_assignment_interval_ms: 0,
        consumer_assignors: ServerAssignors(vec![ServerAssignor::Range]),
        ..GroupSettings::default()
    }
}

/// What a consumer says in its JoinGroup, in this version.
pub(super) fn subscription(version: i16, topics: &[&str], owned: &[(&str, &[i32])]) -> Bytes {
    let owned = owned.iter().map(|(topic, partitions)| OwnedPartition {
        topic: topic.to_string(),
        partitions: partitions.to_vec(),
    });
    let message = ConsumerProtocolSubscription {
        topics: topics.iter().map(ToString::to_string).collect(),
        owned_partitions: owned.collect(),
        generation_id: -1,
        ..Default::default()
    };
    let mut bytes = BytesMut::new();
    bytes.put_i16(version);
    message.encode(version, &mut bytes);
    bytes.freeze()
}

pub(super) fn join(member: &str, topics: &[&str], owned: &[(&str, &[i32])]) -> JoinGroupRequest {
    JoinGroupRequest {
        group_id: "g".into(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 5_000,
        member_id: member.into(),
        protocol_type: "consumer".into(),
        protocols: vec![Protocol {
            name: "range".into(),
            metadata: subscription(1, topics, owned),
        }],
        ..Default::default()
    }
}

pub(super) fn joined(answer: Answer) -> JoinGroupResponse {
    match answer {
        Ok(GroupResponse::JoinGroup(response)) => response,
        other => panic!("a JoinGroup is answered with {other:?}"),
    }
}

pub(super) fn heard(story: &mut Story, member: &str, generation: i32) -> Result<i16, ErrorCode> {
    let request = HeartbeatRequest {
        group_id: "g".into(),
        member_id: member.into(),
        generation_id: generation,
        ..Default::default()
    };
    match story.send(4, GroupRequest::Heartbeat(request)).0 {
        Ok(GroupResponse::Heartbeat(response)) => Ok(response.error_code),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error.code),
    }
}

fn sync_request(member: &str, generation: i32) -> SyncGroupRequest {
    SyncGroupRequest {
        group_id: "g".into(),
        member_id: member.into(),
        generation_id: generation,
        protocol_type: Some("consumer".into()),
        protocol_name: Some("range".into()),
        ..Default::default()
    }
}

fn sync(story: &mut Story, request: SyncGroupRequest) -> Result<SyncGroupResponse, ErrorCode> {
    match story.send(5, GroupRequest::SyncGroup(request)).0 {
        Ok(GroupResponse::SyncGroup(response)) => Ok(response),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error.code),
    }
}

/// What a SyncGroup assigns: `foo:0,1`.
pub(super) fn synced(story: &mut Story, member: &str, generation: i32) -> String {
    let response = sync(story, sync_request(member, generation)).expect("it has joined");
    let assignment = embedded::read_assignment(&response.assignment).expect("it is one");
    let of = assignment.assigned_partitions.iter();
    of.map(|of| format!("{}:{}", of.topic, super::fixture::numbers(&of.partitions)))
        .collect::<Vec<_>>()
        .join(" ")
}

/// A consumer group of a, with the consumer protocol, and b, with the classic one; both have two of four partitions.
fn mixed() -> Story {
    let mut story = Story::with(range());
    story.topic("foo", 4);
    story.join("a", &["foo"]);
    let (answer, _) = story.send(4, GroupRequest::JoinGroup(join("b", &["foo"], &[])));
    assert_eq!(joined(answer).generation_id, 3);
    story.keep("a", 2, None);
    story.keep("a", 2, Some("foo:0,1"));
    assert_eq!(heard(&mut story, "b", 3), Ok(ErrorCode::RebalanceInProgress.code()));
    let (answer, _) = story.send(4, GroupRequest::JoinGroup(join("b", &["foo"], &[])));
    assert_eq!(joined(answer).generation_id, 3);
    assert_eq!(synced(&mut story, "b", 3), "foo:2,3");
    assert_eq!(story.state(), "Stable 3/3");
    story
}

/// `testJoiningConsumerGroupWithNewDynamicMember`.
#[test]
fn a_classic_member_joins_in_two_rounds() {
    let mut story = Story::with(range());
    story.topic("foo", 2);
    story.join("a", &["foo"]);
    let (answer, records) = story.send(4, GroupRequest::JoinGroup(join("", &["foo"], &[])));
    let first = joined(answer);
    assert_eq!(first.error_code, ErrorCode::MemberIdRequired.code());
    assert!(records.is_empty() && first.member_id.len() == 22);
    let id = first.member_id.as_str();
    let (answer, records) = story.send(4, GroupRequest::JoinGroup(join(id, &["foo"], &[])));
    let response = joined(answer);
    assert_eq!((response.member_id.as_str(), response.generation_id), (id, 3));
    assert_eq!(
        (response.protocol_type.as_deref(), response.protocol_name.as_deref()),
        (Some("consumer"), Some("range"))
    );
    assert!(response.leader.is_empty() && response.members.is_empty());
    assert_eq!(records[..2], [format!("member {id} [foo] classic"), "group 3".into()]);
    assert!(records.iter().any(|record| record == "targets 3"));
    let scheduled = |kind: fn(_, _) -> TimerKey| {
        story.coordinator.timers().is_scheduled(&kind("g".into(), id.into()))
    };
    assert!(scheduled(TimerKey::ConsumerSession) && scheduled(TimerKey::ConsumerSync));
    // Before version 4 the id comes with the first answer.
    let (answer, _) = story.send(3, GroupRequest::JoinGroup(join("", &["foo"], &[])));
    assert_eq!(joined(answer).error_code, 0);
}

/// `testJoiningConsumerGroupThrowsExceptionIfGroupOverMaxSize`,
/// `testJoiningConsumerGroupThrowsExceptionIfProtocolIsNotSupported`,
/// `testStaticMemberJoiningConsumerGroupWithUnknownInstanceId`,
/// `testStaticMemberJoiningConsumerGroupWithUnmatchedMemberId`. 4.3.0 lets classic members join whatever the policy is
/// (KAFKA-20640 came later).
#[test]
fn not_every_classic_member_may_join() {
    let mut story = Story::with(GroupSettings {
        consumer_max_size: 3,
        consumer_migration_policy: MigrationPolicy::Disabled,
        ..range()
    });
    story.topic("foo", 4);
    story.join("a", &["foo"]);
    let code = |story: &mut Story, request: JoinGroupRequest| {
        story.send(4, GroupRequest::JoinGroup(request)).0.map(|_| ()).map_err(|error| error.code)
    };
    let fine = JoinGroupRequest { group_instance_id: Some("i".into()), ..join("", &["foo"], &[]) };
    assert_eq!(code(&mut story, fine.clone()), Ok(()));
    let connect = JoinGroupRequest { protocol_type: "connect".into(), ..join("b", &["foo"], &[]) };
    assert_eq!(code(&mut story, connect), Err(ErrorCode::InconsistentGroupProtocol));
    let mut other = join("b", &["foo"], &[]);
    other.protocols[0].name = "sticky".into();
    assert_eq!(code(&mut story, other), Err(ErrorCode::InconsistentGroupProtocol));
    let unmatched = JoinGroupRequest { member_id: "x".into(), ..fine.clone() };
    assert_eq!(code(&mut story, unmatched), Err(ErrorCode::FencedInstanceId));
    let unknown =
        JoinGroupRequest { member_id: "x".into(), group_instance_id: Some("j".into()), ..fine };
    assert_eq!(code(&mut story, unknown), Err(ErrorCode::UnknownMemberId));
    assert_eq!(code(&mut story, join("c", &["foo"], &[])), Ok(()));
    assert_eq!(code(&mut story, join("d", &["foo"], &[])), Err(ErrorCode::GroupMaxSizeReached));
    let mut malformed = join("c", &["foo"], &[]);
    malformed.protocols[0].metadata = Bytes::from_static(b"\0");
    assert_eq!(code(&mut story, malformed), Err(ErrorCode::UnknownServerError), "KAFKA-20662");
}

/// `testReconciliationInJoiningConsumerGroupWithCooperativeProtocol`, `...WithEagerProtocol`,
/// `testClassicGroupHeartbeatToConsumerGroupRebalanceInProgress`.
#[test]
fn classic_members_give_back_and_take() {
    let mut story = mixed();
    story.join("c", &["foo"]);
    assert_eq!(story.state(), "Reconciling 4/4");
    assert_eq!(heard(&mut story, "b", 3), Ok(ErrorCode::RebalanceInProgress.code()));
    // Cooperative: it says what it owns, is told what it may keep, gives back and joins again.
    let request = join("b", &["foo"], &[("foo", &[2, 3])]);
    let (answer, records) = story.send(4, GroupRequest::JoinGroup(request));
    assert_eq!(joined(answer).generation_id, 3);
    assert_eq!(
        records.last().map(String::as_str),
        Some("current b 3<3 unrevoked foo:2@3 revokes foo:3@3")
    );
    assert_eq!(synced(&mut story, "b", 3), "foo:2");
    assert_eq!(heard(&mut story, "b", 3), Ok(ErrorCode::RebalanceInProgress.code()));
    let request = join("b", &["foo"], &[("foo", &[2])]);
    let (answer, _) = story.send(4, GroupRequest::JoinGroup(request));
    assert_eq!(joined(answer).generation_id, 4);
    assert_eq!(synced(&mut story, "b", 4), "foo:2");
    assert_eq!(heard(&mut story, "b", 4), Ok(0));
    assert_eq!(story.keep("c", 4, None).told(&story), "4 [foo:3]");
    story.keep("a", 3, None);
    assert_eq!(story.state(), "Stable 4/4");
}

/// `testClassicGroupSyncToConsumerGroup...`: `WithUnknownMemberId`, `WithFencedInstanceId`,
/// `WithInconsistentGroupProtocol`, `WithIllegalGeneration`, `RebalanceInProgress`, `DuringAssignmentDelay`,
/// `WithAllConsumerProtocolVersions`.
#[test]
fn a_sync_is_of_a_classic_member_in_its_generation() {
    let mut story = mixed();
    let code = |story: &mut Story, request: SyncGroupRequest| sync(story, request).map(|_| ());
    let good = sync_request("b", 3);
    assert_eq!(code(&mut story, good.clone()), Ok(()));
    assert_eq!(code(&mut story, sync_request("x", 3)), Err(ErrorCode::UnknownMemberId));
    assert_eq!(
        code(&mut story, sync_request("a", 3)),
        Err(ErrorCode::UnknownMemberId),
        "not classic"
    );
    assert_eq!(code(&mut story, sync_request("b", 2)), Err(ErrorCode::IllegalGeneration));
    let kind = SyncGroupRequest { protocol_type: Some("connect".into()), ..good.clone() };
    assert_eq!(code(&mut story, kind), Err(ErrorCode::InconsistentGroupProtocol));
    let name = SyncGroupRequest { protocol_name: Some("sticky".into()), ..good.clone() };
    assert_eq!(code(&mut story, name), Err(ErrorCode::InconsistentGroupProtocol));
    let instance = SyncGroupRequest { group_instance_id: Some("i".into()), ..good.clone() };
    assert_eq!(code(&mut story, instance), Err(ErrorCode::UnknownMemberId));
    for version in 0..=3 {
        let mut request = join("b", &["foo"], &[("foo", &[2, 3])]);
        request.protocols[0].metadata = subscription(version, &["foo"], &[("foo", &[2, 3])]);
        joined(story.send(4, GroupRequest::JoinGroup(request)).0);
        let assignment = sync(&mut story, good.clone()).expect("it has joined").assignment;
        assert_eq!(embedded::version_of(&assignment), Ok(version));
    }
    story.join("c", &["foo"]);
    assert_eq!(code(&mut story, good), Err(ErrorCode::RebalanceInProgress));
}

/// `testClassicGroupHeartbeatToConsumerWithUnknownMember`, `...WithFencedInstanceId`, `...WithIllegalGenerationId`,
/// `...WithMemberNotUsingClassicProtocol`, `testClassicGroupHeartbeatToConsumerGroupMaintainsSession`,
/// `testConsumerGroupMemberUsingClassicProtocolFencedWhenSessionTimeout`, `...WhenJoinTimeout`.
#[test]
fn classic_members_are_heard_of_or_removed() {
    let mut story = mixed();
    assert_eq!(heard(&mut story, "x", 3), Err(ErrorCode::UnknownMemberId));
    assert_eq!(heard(&mut story, "a", 3), Err(ErrorCode::UnknownMemberId));
    assert_eq!(heard(&mut story, "b", 2), Err(ErrorCode::IllegalGeneration));
    for _ in 0..3 {
        story.pass(9_999);
        assert_eq!(heard(&mut story, "b", 3), Ok(0), "its session is that of its JoinGroup");
    }
    let fired = story.pass(10_000);
    let session = TimerKey::ConsumerSession("g".into(), "b".into());
    assert_eq!((fired.len(), &fired[0].0), (1, &session));
    let mut story = mixed();
    story.join("c", &["foo"]);
    heard(&mut story, "b", 3).expect("it is told to join");
    let keys: Vec<TimerKey> = story.pass(5_000).into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, [TimerKey::ConsumerJoin("g".into(), "b".into())], "CM-2");
}

/// `testJoiningConsumerGroupFailingToPersistRecords`: nothing is scheduled, and the member is told.
#[test]
fn a_join_that_is_lost_sets_no_timer() {
    let mut story = Story::with(range());
    story.topic("foo", 2);
    story.join("a", &["foo"]);
    story.loses_writes = true;
    let (answer, _) = story.send(4, GroupRequest::JoinGroup(join("b", &["foo"], &[])));
    assert_eq!(answer.map(|_| ()).map_err(|error| error.code), Err(ErrorCode::NotCoordinator));
    let sync = TimerKey::ConsumerSync("g".into(), "b".into());
    assert!(!story.coordinator.timers().is_scheduled(&sync));
    assert_eq!(story.group().members().len(), 1);
}

/// `testConsumerGroupMemberUsingClassicProtocolBatchLeaveGroup`,
/// `testClassicGroupLeaveToConsumerGroupWithoutValidLeaveGroupMember`,
/// `testResolvedRegularExpressionsRemovedWhenConsumerMembersRemovedByAdminApi`.
#[test]
fn members_leave_several_at_once() {
    let mut story = mixed();
    let leave = |story: &mut Story, who: &[(&str, Option<&str>)]| {
        let members = who
            .iter()
            .map(|(id, instance)| leave_group_request::Member {
                member_id: id.to_string(),
                group_instance_id: instance.map(String::from),
                ..Default::default()
            })
            .collect();
        let request = LeaveGroupRequest { group_id: "g".into(), members, ..Default::default() };
        match story.send(5, GroupRequest::LeaveGroup(request)) {
            (Ok(GroupResponse::LeaveGroup(LeaveGroupResponse { members, .. })), records) => {
                (members.iter().map(|member| member.error_code).collect::<Vec<_>>(), records)
            }
            other => panic!("{other:?}"),
        }
    };
    let unknown = ErrorCode::UnknownMemberId.code();
    let (codes, records) = leave(&mut story, &[("x", None), ("", Some("i"))]);
    assert_eq!((codes, records), (vec![unknown, unknown], Vec::new()));
    let (codes, records) = leave(&mut story, &[("a", None), ("b", None), ("x", None)]);
    assert_eq!(codes, [0, 0, unknown]);
    let want = [
        "current a -",
        "target a -",
        "member a -",
        "current b -",
        "target b -",
        "member b -",
        "group 4",
    ];
    assert_eq!(records, want);
    assert_eq!(story.state(), "Empty 4/3");
}
