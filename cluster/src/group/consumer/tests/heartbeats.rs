//! Kafka's `GroupMetadataManagerTest` on heartbeats of dynamic members, told with the real assignors. Each story has
//! the names of the tests that it tells.

use super::fixture::{Story, beating, joining};
use crate::config::group::{GroupSettings, ServerAssignor, ServerAssignors};
use crate::error_code::ErrorCode;
use crate::group::request::{GroupRequest, GroupResponse};
use crate::group::timer::TimerKey;
use crate::wire::ConsumerGroupHeartbeatRequest;

fn range() -> GroupSettings {
    GroupSettings {
        consumer_assignment_interval_ms: 0,
        consumer_assignors: ServerAssignors(vec![ServerAssignor::Range, ServerAssignor::Uniform]),
        ..GroupSettings::default()
    }
}

#[track_caller]
fn refused(story: &mut Story, request: &ConsumerGroupHeartbeatRequest, code: ErrorCode, why: &str) {
    let error = story.beat(request).expect_err("it is refused");
    assert_eq!((error.code, error.message.as_deref()), (code, Some(why)));
}

/// `testMemberIdGeneration`.
#[test]
fn version_0_makes_up_a_member_id() {
    let mut story = Story::new();
    let request = GroupRequest::ConsumerGroupHeartbeat(joining("", &["foo", "bar"]));
    let (answer, records) = story.send(0, request);
    let Ok(GroupResponse::ConsumerGroupHeartbeat(response)) = answer else { panic!("{answer:?}") };
    let id = response.member_id.expect("an id was made");
    assert!(id.len() == 22 && !id.starts_with('-'), "{id}");
    assert_eq!((response.member_epoch, response.heartbeat_interval_ms), (2, 5_000));
    assert_eq!(response.assignment, Some(Default::default()));
    assert_eq!(records[0], format!("member {id} [bar foo]"));
}

/// `testUnknownGroupId`, `testUnknownMemberIdJoinsConsumerGroup`.
#[test]
fn only_who_joins_may_be_unknown() {
    let mut story = Story::new();
    let (group, member) = (ErrorCode::GroupIdNotFound, ErrorCode::UnknownMemberId);
    refused(&mut story, &beating("a", 100), group, "Consumer group g not found.");
    story.join("b", &["foo"]);
    refused(&mut story, &beating("a", 100), member, "Member a is not a member of group g.");
    refused(&mut story, &beating("a", -1), member, "Member a is not a member of group g.");
    let other = ConsumerGroupHeartbeatRequest { group_id: "h".into(), ..beating("a", -1) };
    refused(&mut story, &other, group, "Group h not found.");
}

/// `testConsumerGroupMemberEpochValidation`.
#[test]
fn an_epoch_is_the_last_one_or_the_one_before_with_nothing_else_owned() {
    let mut story = Story::with(range());
    story.topic("foo", 3);
    story.join("a", &["foo"]);
    story.join("b", &["foo"]);
    story.keep("a", 2, None);
    story.keep("a", 2, Some("foo:0,1"));
    let group = story.group();
    let a = group.member("a").expect("it is a member");
    assert_eq!((a.member_epoch, a.previous_member_epoch), (3, 2));
    let of = |epoch: i32, size: &str| {
        format!(
            "The consumer group member has a {size} member epoch ({epoch}) than the one known by the group \
             coordinator (3). The member must abandon all its partitions and rejoin."
        )
    };
    let fenced = ErrorCode::FencedMemberEpoch;
    refused(&mut story, &beating("a", 4), fenced, &of(4, "greater"));
    refused(&mut story, &beating("a", 1), fenced, &of(1, "smaller"));
    refused(&mut story, &beating("a", 2), fenced, &of(2, "smaller"));
    let owned = |story: &Story, owned: &str| ConsumerGroupHeartbeatRequest {
        topic_partitions: Some(story.owned(owned)),
        ..beating("a", 2)
    };
    let more = owned(&story, "foo:0,1,2");
    refused(&mut story, &more, fenced, &of(2, "smaller"));
    let fits = owned(&story, "foo:0,1");
    assert_eq!(story.beat(&fits).expect("the epoch before").told(&story), "3");
}

/// `testMemberJoinsEmptyConsumerGroup`.
#[test]
fn the_first_member_gets_everything() {
    let mut story = Story::new();
    story.topic("foo", 6).topic("bar", 3);
    let beat = story.join("a", &["foo", "bar"]);
    assert_eq!(beat.told(&story), "2 [foo:0,1,2,3,4,5 bar:0,1,2]");
    let want = [
        "member a [bar foo]",
        "group 2",
        "target a foo:0,1,2,3,4,5 bar:0,1,2",
        "targets 2",
        "current a 2<0 stable foo:0@2,1@2,2@2,3@2,4@2,5@2 bar:0@2,1@2,2@2",
    ];
    assert_eq!(beat.records, want);
    assert_eq!(story.state(), "Stable 2/2");
}

/// `testUpdatingSubscriptionTriggersNewTargetAssignment`, `testConsumerGroupHeartbeatFullResponse`.
#[test]
fn another_subscription_makes_another_target() {
    let mut story = Story::new();
    story.topic("foo", 2).topic("bar", 1);
    story.join("a", &["foo"]);
    let request = ConsumerGroupHeartbeatRequest {
        subscribed_topic_names: Some(vec!["foo".into(), "bar".into()]),
        ..beating("a", 2)
    };
    let beat = story.beat(&request).expect("it is a member");
    assert_eq!(beat.told(&story), "3 [foo:0,1 bar:0]");
    let want = [
        "member a [bar foo]",
        "group 3",
        "target a foo:0,1 bar:0",
        "targets 3",
        "current a 3<2 stable foo:0@2,1@2 bar:0@3",
    ];
    assert_eq!(beat.records, want);
    let beat = story.keep("a", 3, None);
    assert_eq!((beat.told(&story), beat.records), ("3".into(), Vec::new()));
    let full = ConsumerGroupHeartbeatRequest {
        member_epoch: 3,
        topic_partitions: Some(story.owned("foo:0,1 bar:0")),
        ..joining("a", &["foo", "bar"])
    };
    let beat = story.beat(&full).expect("it is a member");
    assert_eq!((beat.told(&story), beat.records.len()), ("3 [foo:0,1 bar:0]".into(), 0));
}

/// `testReconciliationProcess`, `testNewJoiningMemberTriggersNewTargetAssignment`.
#[test]
fn who_comes_gets_what_others_give_back() {
    let mut story = Story::with(range());
    story.topic("foo", 6).topic("bar", 3);
    story.join("a", &["foo", "bar"]);
    story.join("b", &["foo", "bar"]);
    story.keep("a", 2, None);
    story.keep("a", 2, Some("foo:0,1,2 bar:0,1"));
    assert_eq!(story.keep("b", 3, None).told(&story), "3 [foo:3,4,5 bar:2]");
    assert_eq!(story.state(), "Stable 3/3");
    let beat = story.join("c", &["foo", "bar"]);
    assert_eq!(beat.told(&story), "4 []");
    let want = [
        "member c [bar foo]",
        "group 4",
        "target a foo:0,1 bar:0",
        "target b foo:2,3 bar:1",
        "target c foo:4,5 bar:2",
        "targets 4",
        "current c 4<0 unreleased",
    ];
    assert_eq!(beat.records, want);
    assert_eq!(story.state(), "Reconciling 4/4");
    let beat = story.keep("a", 3, None);
    assert_eq!(beat.told(&story), "3 [foo:0,1 bar:0]");
    let want = ["current a 3<3 unrevoked foo:0@2,1@2 bar:0@2 revokes foo:2@2 bar:1@2"];
    assert_eq!(beat.records, want);
    let beat = story.keep("b", 3, None);
    let want = ["current b 3<3 unrevoked foo:3@3 revokes foo:4@3,5@3 bar:2@3"];
    assert_eq!(beat.records, want);
    assert_eq!(story.keep("c", 4, None).records, ["current c 4<4 unreleased"]);
    let beat = story.keep("a", 3, Some("foo:0,1 bar:0"));
    assert_eq!(beat.told(&story), "4");
    assert_eq!(beat.records, ["current a 4<3 stable foo:0@2,1@2 bar:0@2"]);
    let beat = story.keep("b", 3, None);
    assert_eq!((beat.told(&story), beat.records.len()), ("3".into(), 0));
    assert_eq!(story.keep("c", 4, None).told(&story), "4");
    let beat = story.keep("b", 3, Some("foo:3"));
    assert_eq!(beat.told(&story), "4 [foo:2,3 bar:1]");
    assert_eq!(beat.records, ["current b 4<3 stable foo:2@4,3@3 bar:1@4"]);
    let beat = story.keep("c", 4, None);
    assert_eq!(beat.told(&story), "4 [foo:4,5 bar:2]");
    assert_eq!(story.state(), "Stable 4/4");
}

/// `testMemberCanRejoinWithEpochZeroInStableState`, `...InUnrevokedPartitionsState`, `...InUnreleasedPartitionsState`,
/// `testDuplicateFullHeartbeat...`.
#[test]
fn a_member_may_join_again_in_every_state() {
    let mut story = Story::with(range());
    story.topic("foo", 4);
    story.join("a", &["foo"]);
    let again = story.join("a", &["foo"]);
    assert_eq!((again.told(&story), again.records.len()), ("2 [foo:0,1,2,3]".into(), 0));
    story.join("b", &["foo"]);
    story.keep("a", 2, None);
    // It has partitions to give back: as one that owns nothing it has done so.
    let again = story.join("a", &["foo"]);
    assert_eq!(again.told(&story), "3 [foo:0,1]");
    let again = story.join("b", &["foo"]);
    assert_eq!(again.told(&story), "3 [foo:2,3]");
    assert_eq!(story.state(), "Stable 3/3");
    story.join("c", &["foo"]);
    let again = story.join("c", &["foo"]);
    assert_eq!(again.told(&story), "4 []");
    assert_eq!(again.records, ["current c 4<4 unreleased"]);
}

/// `testLeavingMemberBumpsGroupEpoch`, `testConsumerGroupRebalanceSensor`.
#[test]
fn who_leaves_takes_its_records_along() {
    let mut story = Story::new();
    story.topic("foo", 2).topic("bar", 1);
    story.join("a", &["foo"]);
    story.join("b", &["foo", "bar"]);
    let beat = story.beat(&beating("b", -1)).expect("it is a member");
    assert_eq!((beat.told(&story), beat.response.heartbeat_interval_ms), ("-1".into(), 0));
    assert_eq!(beat.records, ["current b -", "target b -", "member b -", "group 4"]);
    assert_eq!(story.state(), "Assigning 4/3");
    story.beat(&beating("a", -1)).expect("it is a member");
    assert_eq!(story.state(), "Empty 5/3");
    assert!(
        !story
            .coordinator
            .timers()
            .is_scheduled(&TimerKey::ConsumerSession("g".into(), "a".into()))
    );
}

/// `testNewMemberIsRejectedWithMaximumMembersIsReached`. 4.3.0 also turns a static member away that is about to come
/// back (KAFKA-20601 came later).
#[test]
fn a_full_group_takes_nobody() {
    let mut story = Story::with(GroupSettings { consumer_max_size: 1, ..range() });
    story.join("a", &["foo"]);
    let why = "The consumer group has reached its maximum capacity of 1 members.";
    refused(&mut story, &joining("b", &["foo"]), ErrorCode::GroupMaxSizeReached, why);
    assert_eq!(story.join("a", &["foo"]).told(&story), "2 []");
}

/// `testConsumerGroupStates`.
#[test]
fn a_group_shows_in_which_state_it_is() {
    let mut story =
        Story::with(GroupSettings { consumer_assignment_interval_ms: 1_000, ..range() });
    story.topic("foo", 2);
    story.join("a", &["foo"]);
    assert_eq!(story.state(), "Stable 2/2");
    story.join("b", &["foo"]);
    assert_eq!(story.state(), "Assigning 3/2");
    story.pass(1_000);
    story.keep("b", 2, None);
    assert_eq!(story.state(), "Reconciling 3/3");
    story.keep("a", 2, Some("foo:0"));
    story.keep("b", 3, None);
    assert_eq!(story.state(), "Stable 3/3");
}

/// `testConsumerGroupAssignmentInterval`, `testCanComputeNextTargetAssignment...` (3): without a timer, the next
/// heartbeat after the interval computes the target.
#[test]
fn targets_keep_their_distance() {
    let mut story =
        Story::with(GroupSettings { consumer_assignment_interval_ms: 1_000, ..range() });
    story.topic("foo", 2);
    story.join("a", &["foo"]);
    story.pass(999);
    let beat = story.join("b", &["foo"]);
    // It joins what there is of a target, and that has nothing for it.
    assert_eq!(beat.told(&story), "2 []");
    assert_eq!(beat.records, ["member b [foo]", "group 3", "current b 2<0 stable"]);
    assert!(story.pass(1).is_empty(), "4.3 has no timer for it");
    let beat = story.keep("a", 2, None);
    assert_eq!(beat.records[..3], ["target a foo:0", "target b foo:1", "targets 3"]);
    let can = crate::group::consumer::target_assignment::can_compute;
    assert!(can(0, 1_000, 5) && can(100, 0, 5) && can(100, 10, 110) && !can(100, 10, 109));
}

/// `testPartitionAssignorExceptionOnRegularHeartbeat` has no counterpart: no assignor of ours fails on topics that are
/// looked up in the same image. `testSessionTimeoutLifecycle`, `testSessionTimeoutExpiration`.
#[test]
fn a_session_that_runs_out_removes_the_member() {
    let mut story = Story::new();
    story.topic("foo", 2);
    story.join("a", &["foo"]);
    assert!(story.pass(44_999).is_empty());
    story.keep("a", 2, None);
    assert!(story.pass(44_999).is_empty(), "TO-1: it was heard of");
    let fired = story.pass(1);
    let session = TimerKey::ConsumerSession("g".into(), "a".into());
    let want = ["current a -", "target a -", "member a -", "group 3"].map(String::from).to_vec();
    assert_eq!(fired, [(session, want)]);
    assert!(story.pass(100_000).is_empty());
}

/// `testRebalanceTimeoutLifecycle`, `testRebalanceTimeoutExpiration`.
#[test]
fn who_does_not_give_back_in_time_is_removed() {
    let mut story = Story::with(range());
    story.topic("foo", 2);
    story.join("a", &["foo"]);
    story.join("b", &["foo"]);
    story.keep("a", 2, None);
    story.pass(4_999);
    story.keep("a", 2, None);
    let rebalance = TimerKey::ConsumerRebalance("g".into(), "a".into());
    let fired = story.pass(1);
    assert_eq!(fired.len(), 1);
    assert_eq!((&fired[0].0, fired[0].1.len()), (&rebalance, 4), "TO-1");
    story.join("a", &["foo"]);
    story.keep("b", 3, None);
    assert!(!story.coordinator.timers().is_scheduled(&rebalance));
}

/// A rebalance timer that finds its member in another epoch does nothing.
#[test]
fn a_rebalance_that_has_ended_has_no_timer() {
    let mut story = Story::with(range());
    story.topic("foo", 2);
    story.join("a", &["foo"]);
    story.join("b", &["foo"]);
    story.keep("a", 2, None);
    story.keep("a", 2, Some("foo:0"));
    assert!(story.pass(10_000).is_empty());
    assert_eq!(story.state(), "Reconciling 3/3");
}

/// `testOnLoaded`, `testOnLoadedSessionTimeoutExpiration`.
#[test]
fn who_is_read_from_the_log_has_a_whole_session() {
    let mut story = Story::with(range());
    story.topic("foo", 2);
    story.join("a", &["foo"]);
    story.join("b", &["foo"]);
    story.keep("a", 2, None);
    let group = story.group();
    story.pass(4_000);
    story.reload();
    assert_eq!(story.group(), group, "G9");
    assert!(story.pass(4_999).is_empty());
    let fired = story.pass(40_001);
    let keys: Vec<&TimerKey> = fired.iter().map(|(key, _)| key).collect();
    let want = [
        TimerKey::ConsumerRebalance("g".into(), "a".into()),
        TimerKey::ConsumerSession("g".into(), "b".into()),
    ];
    assert_eq!(keys, want.iter().collect::<Vec<_>>());
}

/// `testSubscriptionMetadataRefreshedAfterGroupIsLoaded`, `testOnMetadataUpdate`, `testOnMetadataUpdateWithEmptyDelta`,
/// `testGroupIdsByTopics`, `testRemoveTopicCleanupTopicHash`.
#[test]
fn a_topic_that_changes_is_looked_at_by_who_reads_it() {
    let mut story = Story::new();
    story.topic("foo", 1).topic("other", 1);
    story.join("a", &["foo", "late"]);
    story.topic("other", 2);
    assert!(story.keep("a", 2, None).records.is_empty(), "nobody reads it");
    story.topic("foo", 2);
    let beat = story.keep("a", 2, None);
    let want = ["group 3", "target a foo:0,1", "targets 3", "current a 3<2 stable foo:0@2,1@3"];
    assert_eq!(beat.records, want);
    story.topic("late", 1);
    assert_eq!(story.keep("a", 3, None).told(&story), "4 [foo:0,1 late:0]");
    story.delete_topic("foo");
    let beat = story.keep("a", 4, None);
    assert_eq!(beat.told(&story), "4 [late:0]");
    assert_eq!(story.keep("a", 4, Some("late:0")).told(&story), "5");
    let hash = story.group().metadata_hash();
    story.topic("late", 3);
    story.reload();
    assert_eq!(story.keep("a", 5, None).told(&story), "6 [late:0,1,2]");
    assert_ne!(story.group().metadata_hash(), hash);
}

/// `testSubscriptionMetadataRefreshedAgainAfterWriteFailure`.
#[test]
fn a_lost_write_is_made_up_for() {
    let mut story = Story::new();
    story.topic("foo", 1);
    story.join("a", &["foo"]);
    story.topic("foo", 2);
    story.loses_writes = true;
    let lost = story.send(1, GroupRequest::ConsumerGroupHeartbeat(beating("a", 2)));
    assert!(lost.0.is_err() && story.state() == "Stable 2/2");
    story.loses_writes = false;
    assert_eq!(story.keep("a", 2, None).told(&story), "3 [foo:0,1]");
}

/// `testConsumerGroupDynamicConfigs`, `testConsumerGroupEvaluatedConfigs`.
#[test]
fn a_group_may_have_settings_of_its_own() {
    let mut story = Story::new();
    story.topic("foo", 1);
    let heard = |story: &mut Story| story.keep("a", 2, None).response.heartbeat_interval_ms;
    story.join("a", &["foo"]);
    assert_eq!(heard(&mut story), 5_000);
    story.configure("consumer.heartbeat.interval.ms", "10000");
    story.configure("consumer.session.timeout.ms", "50000");
    assert_eq!(heard(&mut story), 10_000);
    story.configure("consumer.heartbeat.interval.ms", "1");
    assert_eq!(heard(&mut story), 5_000, "no less than the broker allows");
    assert!(story.pass(49_999).is_empty());
    assert_eq!(story.pass(1).len(), 1);
    story.configure("consumer.assignment.interval.ms", "2000");
    assert_eq!(story.join("a", &["foo"]).told(&story), "4 [foo:0]");
    story.pass(1_999);
    assert_eq!(story.join("b", &["foo"]).told(&story), "4 []");
    story.pass(1);
    assert_eq!(story.keep("b", 4, None).told(&story), "5");
}

/// `testSubscriptionUpgradeToMetadataHash`.
#[test]
fn what_old_brokers_knew_of_the_topics_goes() {
    let mut story = Story::new();
    story.topic("foo", 1);
    story.join("a", &["foo"]);
    let key = crate::wire::ConsumerGroupPartitionMetadataKey { group_id: "g".into() };
    let value = crate::wire::ConsumerGroupPartitionMetadataValue::default();
    let old = crate::group::record::GroupRecord::ConsumerGroupPartitionMetadata(key, Some(value));
    story.log.push(old);
    story.reload();
    assert_eq!(story.keep("a", 2, None).records, ["partitions -"]);
    assert!(story.keep("a", 2, None).records.is_empty());
}
