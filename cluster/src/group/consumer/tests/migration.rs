//! Kafka's `GroupMetadataManagerTest` on groups that go from one protocol to the other, in place.

use bytes::{BufMut, Bytes, BytesMut};

use super::classic_members::{heard, join, joined, range, subscription, synced};
use super::fixture::{Story, beating, joining};
use crate::config::group::{GroupSettings, MigrationPolicy};
use crate::error_code::ErrorCode;
use crate::group::classic::ClassicState;
use crate::group::record::GroupRecord;
use crate::group::request::GroupRequest;
use crate::group::timer::TimerKey;
use crate::wire::consumer_protocol_assignment::AssignedPartition;
use crate::wire::{
    ConsumerGroupHeartbeatRequest, ConsumerProtocolAssignment, GroupMetadataKey,
    GroupMetadataValue, JoinGroupRequest, Message, group_metadata_value,
};

fn assignment(of: &[(&str, &[i32])], user_data: Option<Bytes>) -> Bytes {
    let of = of.iter().map(|(topic, partitions)| AssignedPartition {
        topic: topic.to_string(),
        partitions: partitions.to_vec(),
    });
    let message = ConsumerProtocolAssignment { assigned_partitions: of.collect(), user_data };
    let mut bytes = BytesMut::new();
    bytes.put_i16(1);
    message.encode(1, &mut bytes);
    bytes.freeze()
}

fn member(id: &str, instance: Option<&str>, assignment: Bytes) -> group_metadata_value::Member {
    group_metadata_value::Member {
        member_id: id.into(),
        group_instance_id: instance.map(String::from),
        client_id: "client".into(),
        client_host: "/127.0.0.1".into(),
        rebalance_timeout: 5_000,
        session_timeout: 10_000,
        subscription: subscription(1, &["foo"], &[]),
        assignment,
    }
}

/// A stable classic group in generation 10.
fn classic(settings: GroupSettings, members: Vec<group_metadata_value::Member>) -> Story {
    let mut story = Story::with(settings);
    story.topic("foo", 4);
    let value = GroupMetadataValue {
        protocol_type: if members.is_empty() { "" } else { "consumer" }.into(),
        generation: 10,
        protocol: (!members.is_empty()).then(|| "range".into()),
        leader: members.first().map(|member| member.member_id.clone()),
        current_state_timestamp: 1,
        members,
    };
    story.log.push(GroupRecord::GroupMetadata(GroupMetadataKey { group: "g".into() }, Some(value)));
    story.reload();
    story
}

fn two() -> Vec<group_metadata_value::Member> {
    vec![
        member("a", None, assignment(&[("foo", &[0, 1])], None)),
        member("b", None, assignment(&[("foo", &[2, 3])], None)),
    ]
}

/// `testConsumerGroupHeartbeatWithStableClassicGroup`,
/// `testConsumerGroupHeartbeatToClassicGroupWithEmptyAssignmentMember`, `testFromClassicGroup`.
#[test]
fn a_classic_group_becomes_a_consumer_group() {
    let mut members = two();
    members.push(member("late", None, Bytes::new()));
    let mut story = classic(range(), members);
    let beat = story.join("c", &["foo"]);
    assert_eq!(beat.told(&story), "11 []");
    let of = |prefix: &str| -> Vec<&String> {
        beat.records.iter().filter(|record| record.starts_with(prefix)).collect()
    };
    assert_eq!(beat.records[0], "classic -");
    assert_eq!(of("member ").len(), 4);
    assert_eq!(of("group "), ["group 10", "group 11"]);
    assert_eq!(of("targets "), ["targets 10", "targets 11"]);
    assert!(of("current ").contains(&&"current a 10<10 stable foo:0@10,1@10".to_string()));
    assert!(of("current ").contains(&&"current late 10<10 stable".to_string()));
    assert_eq!(of("current c"), ["current c 11<0 unreleased"]);
    let session = TimerKey::ConsumerSession("g".into(), "a".into());
    assert!(story.coordinator.timers().is_scheduled(&session), "it has its own session");
    // G12: the log says the same.
    let group = story.group();
    story.reload();
    assert_eq!(story.group(), group, "G9");
}

/// The whole way: a classic group of two, one with the consumer protocol comes, all find their places, it goes again.
/// `testLastConsumerProtocolMemberLeavingConsumerGroup`.
#[test]
fn there_and_back() {
    let mut story = classic(range(), two());
    story.join("c", &["foo"]);
    assert_eq!(heard(&mut story, "a", 10), Ok(ErrorCode::RebalanceInProgress.code()));
    for (id, keeps, all) in [("a", &[0, 1][..], &[0, 1][..]), ("b", &[2], &[2, 3])] {
        let (answer, _) =
            story.send(4, GroupRequest::JoinGroup(join(id, &["foo"], &[("foo", all)])));
        let generation = joined(answer).generation_id;
        let of: Vec<String> = keeps.iter().map(ToString::to_string).collect();
        assert_eq!(synced(&mut story, id, generation), format!("foo:{}", of.join(",")));
    }
    let (answer, _) = story.send(4, GroupRequest::JoinGroup(join("b", &["foo"], &[("foo", &[2])])));
    assert_eq!(joined(answer).generation_id, 11);
    assert_eq!(story.keep("c", 11, None).told(&story), "11 [foo:3]");
    assert_eq!(story.state(), "Stable 11/11");
    let beat = story.beat(&beating("c", -1)).expect("it leaves");
    let of = |prefix: &str| beat.records.iter().filter(|r| r.starts_with(prefix)).count();
    assert_eq!((of("current "), of("target "), of("member "), of("group -")), (3, 3, 3, 1));
    let last = beat.records.last().expect("there are some");
    assert!(last.starts_with("classic 11 [") && last.contains('a') && last.contains('b'), "{last}");
    let group = story.coordinator.classic_group("g").expect("it is a classic group");
    assert_eq!((group.state(), group.generation()), (ClassicState::PreparingRebalance, 11));
    assert_eq!(group.member_count(), 2, "G12");
    assert!(story.coordinator.timers().is_scheduled(&TimerKey::ClassicJoin("g".into())));
    story.reload();
    let group = story.coordinator.classic_group("g").expect("G9");
    assert_eq!((group.state(), group.member_count()), (ClassicState::Stable, 2));
}

/// `testConsumerGroupHeartbeatWithPreparingRebalanceClassicGroup`,
/// `testConsumerGroupHeartbeatWithCompletingRebalanceClassicGroup`.
#[test]
fn who_waits_in_a_classic_group_is_told_to_join_again() {
    let mut story = classic(range(), two());
    // The leader begins a rebalance, in which the other has not joined.
    let (token, _) = story.post(4, GroupRequest::JoinGroup(join("a", &["foo"], &[])));
    assert!(story.take(token).is_none());
    story.join("c", &["foo"]);
    let response = joined(story.take(token).expect("it is answered"));
    assert_eq!(response.error_code, ErrorCode::RebalanceInProgress.code());
    assert_eq!(story.group().members().len(), 3);
}

/// `testConsumerGroupHeartbeatWithNonEmptyClassicGroup`, `testConsumerGroupHeartbeatWithCustomAssignorClassicGroup`,
/// and what `validateOnlineUpgrade` asks beside.
#[test]
fn not_every_classic_group_can_be_upgraded() {
    let why = |settings: GroupSettings, members| {
        let error =
            classic(settings, members).beat(&joining("c", &["foo"])).expect_err("it is not");
        assert_eq!(error.code, ErrorCode::GroupIdNotFound);
        error.message.expect("Kafka says why")
    };
    let refused =
        |why: &str| format!("Cannot upgrade classic group g to consumer group because {why}");
    for policy in [MigrationPolicy::Disabled, MigrationPolicy::Downgrade] {
        let settings = GroupSettings { consumer_migration_policy: policy, ..range() };
        assert_eq!(why(settings, two()), refused("online upgrade is disabled."));
    }
    let small = GroupSettings { consumer_max_size: 1, ..range() };
    let too_large = "the group size exceeds the consumer group maximum size.";
    assert_eq!(why(small, two()), refused(too_large));
    let custom =
        vec![member("a", None, assignment(&[("foo", &[0])], Some(Bytes::from_static(b"x"))))];
    let unsupported = "an unsupported custom assignor is in use. Please refer to the documentation or switch to a \
                       default assignor before re-attempting the upgrade.";
    assert_eq!(why(range(), custom), refused(unsupported));
    let malformed = vec![member("a", None, Bytes::from_static(b"\0\x01x"))];
    assert_eq!(why(range(), malformed), refused("the embedded consumer protocol is malformed."));
}

/// `testConsumerGroupHeartbeatWithEmptyClassicGroup`, `testClassicGroupJoinWithEmptyConsumerGroup`.
#[test]
fn an_empty_group_makes_room() {
    let disabled =
        GroupSettings { consumer_migration_policy: MigrationPolicy::Disabled, ..range() };
    let mut story = classic(disabled, Vec::new());
    let beat = story.join("c", &["foo"]);
    assert_eq!(beat.records[..3], ["classic -", "member c [foo]", "group 2"]);
    story.beat(&beating("c", -1)).expect("it leaves");
    let (_, records) = story.post(4, GroupRequest::JoinGroup(join("", &["foo"], &[])));
    assert_eq!(records, ["targets -", "partitions -", "group -", "classic 0 []"]);
    assert!(story.coordinator.classic_group("g").is_some());
}

/// `testConsumerGroupHeartbeatToClassicGroupFromExistingStaticMember`,
/// `testConsumerGroupHeartbeatFromExistingClassicStaticMember`.
#[test]
fn a_static_member_comes_back_with_the_other_protocol() {
    let mut members = two();
    members[0].group_instance_id = Some("i".into());
    let mut story = classic(range(), members);
    let request =
        ConsumerGroupHeartbeatRequest { instance_id: Some("i".into()), ..joining("c", &["foo"]) };
    let beat = story.beat(&request).expect("it takes its own place");
    // Nothing has changed but the protocol: the group goes on as it was.
    assert_eq!(beat.told(&story), "10 [foo:0,1]");
    assert_eq!(story.state(), "Stable 10/10");
    assert!(story.group().member("a").is_none());
    assert_eq!(story.group().static_member(Some("i")).expect("G10").member_id, "c".into());
}

/// `testLastStaticConsumerProtocolMemberReplacedByClassicProtocolMember`, `...WhenTargetAssignmentIsStale`,
/// `testJoiningConsumerGroupReplacingExistingStaticMember`.
#[test]
fn the_last_consumer_member_is_replaced_by_a_classic_one() {
    let mut members = two();
    members[0].group_instance_id = Some("i".into());
    for (topics, state) in
        [(&["foo"][..], ClassicState::Stable), (&["foo", "bar"], ClassicState::PreparingRebalance)]
    {
        let mut story = classic(range(), members.clone());
        story.topic("bar", 1);
        let request = ConsumerGroupHeartbeatRequest {
            instance_id: Some("i".into()),
            ..joining("c", &["foo"])
        };
        story.beat(&request).expect("it takes its own place");
        let request = JoinGroupRequest {
            group_instance_id: Some("i".into()),
            ..join("", topics, &[("foo", &[0, 1])])
        };
        let (answer, records) = story.send(5, GroupRequest::JoinGroup(request));
        let response = joined(answer);
        assert_eq!(
            (response.error_code, response.generation_id > 0),
            (0, state == ClassicState::Stable)
        );
        assert!(records.last().is_some_and(|record| record.starts_with("classic ")));
        let group = story.coordinator.classic_group("g").expect("it is a classic group");
        assert_eq!((group.state(), group.member_count()), (state, 2));
        let mut reloaded = Story::with(range());
        reloaded.topic("foo", 4).topic("bar", 1);
        reloaded.reload_from(&story.log);
        let group = reloaded.coordinator.classic_group("g").expect("G9");
        assert!(group.static_member("i").is_some_and(|id| **id == response.member_id));
    }
}

/// `testLastConsumerProtocolMemberSessionTimeoutInConsumerGroup`, `...RebalanceTimeoutInConsumerGroup`,
/// `testNoConversionWhenSizeExceedsClassicMaxGroupSize`.
#[test]
fn the_last_consumer_member_is_removed() {
    let mut story = classic(range(), two());
    story.join("c", &["foo"]);
    for _ in 0..9 {
        story.pass(4_999);
        for id in ["a", "b"] {
            let generation = story.group().member(id).expect("it is there").member_epoch;
            story.post(4, GroupRequest::JoinGroup(join(id, &["foo"], &[])));
            let _ = synced(&mut story, id, generation.max(11));
        }
    }
    let fired = story.pass(9);
    assert_eq!(fired.len(), 1, "{fired:?}");
    assert_eq!(fired[0].0, TimerKey::ConsumerSession("g".into(), "c".into()));
    assert!(story.coordinator.classic_group("g").is_some());
    let none = [
        GroupSettings { max_size: 1, ..range() },
        GroupSettings { consumer_migration_policy: MigrationPolicy::Upgrade, ..range() },
    ];
    for settings in none {
        let mut story = classic(settings, two());
        story.join("c", &["foo"]);
        story.beat(&beating("c", -1)).expect("it leaves");
        assert_eq!(story.group().members().len(), 2, "it stays a consumer group");
    }
}
