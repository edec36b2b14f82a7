//! Kafka's `CurrentAssignmentBuilderTest`, all 21: how a member gets from what it has to what it should have.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::fixture::Story;
use crate::error_code::ErrorCode;
use crate::group::assignor::Partitions;
use crate::group::consumer::current_assignment::Reconciliation;
use crate::group::consumer::group::ConsumerGroup;
use crate::group::consumer::member::{Assigned, ConsumerGroupMember, MemberState};
use crate::group::consumer::subscription::ResolvedRegex;

use MemberState::{Stable, UnreleasedPartitions as Unreleased, UnrevokedPartitions as Unrevoked};

/// Of a member: its state, its epoch and the one before, what it has and what it has to give back. Topics are `a` and
/// `b`; `a:1,2@10` are two partitions that were assigned in epoch 10.
type Member<'a> = (MemberState, i32, i32, &'a str, &'a str);

struct Row<'a> {
    kafka: &'a str,
    member: Member<'a>,
    /// What it subscribes to, and a regular expression with what that matches.
    names: &'a [&'a str],
    regex: Option<Option<&'a str>>,
    target: (i32, &'a str),
    /// Which partitions are held, by whom does not matter.
    held: &'a str,
    changed: bool,
    /// What it says it owns.
    owned: Option<&'a str>,
    want: Member<'a>,
}

const ROW: Row<'static> = Row {
    kafka: "",
    member: (Stable, 10, 10, "", ""),
    names: &["a", "b"],
    regex: None,
    target: (11, ""),
    held: "",
    changed: false,
    owned: None,
    want: (Stable, 0, 0, "", ""),
};

fn assigned(story: &Story, text: &str) -> Assigned {
    let mut assigned = Assigned::new();
    for word in text.split_whitespace() {
        let (word, epoch) = word.split_once('@').unwrap_or((word, "0"));
        let (topic, partitions) = word.split_once(':').expect("topic:partitions");
        let of: &mut BTreeMap<i32, i32> = assigned.entry(story.id(topic)).or_default();
        let epoch: i32 = epoch.parse().expect("a number");
        of.extend(partitions.split(',').map(|p| (p.parse::<i32>().expect("a number"), epoch)));
    }
    assigned
}

fn partitions(story: &Story, text: &str) -> Partitions {
    crate::group::consumer::member::without_epochs(&assigned(story, text))
}

fn member(story: &Story, row: &Row<'_>, of: Member<'_>) -> ConsumerGroupMember {
    let mut member = ConsumerGroupMember::new("member".into());
    (member.state, member.member_epoch, member.previous_member_epoch) = (of.0, of.1, of.2);
    member.assigned = assigned(story, of.3);
    member.pending_revocation = assigned(story, of.4);
    member.subscribed_topic_names = row.names.iter().map(ToString::to_string).collect();
    if row.regex.is_some() {
        member.subscribed_topic_regex = Some("b*".into());
    }
    member
}

#[track_caller]
fn check(row: &Row<'_>) {
    let mut story = Story::new();
    story.topic("a", 10).topic("b", 10);
    let mut group = ConsumerGroup::new("g".into());
    Arc::make_mut(&mut group.partition_epochs).add(&assigned(&story, row.held), 10);
    if let Some(Some(topic)) = row.regex {
        let topics = [topic.to_string()].into();
        let resolved = ResolvedRegex { topics, version: 12_345, timestamp: 0 };
        group.subscription_mut().set_resolved("b*", Some(resolved));
    }
    let owned = row.owned.map(|owned| partitions(&story, owned));
    let target = partitions(&story, row.target.1);
    let reconciliation = Reconciliation {
        group: &group,
        image: &story.image,
        target_epoch: row.target.0,
        target: &target,
        has_subscription_changed: row.changed,
        owned: owned.as_ref(),
    };
    let got = reconciliation.reconcile(&member(&story, row, row.member));
    assert_eq!(got, Ok(member(&story, row, row.want)), "{}", row.kafka);
}

const ALL: &str = "a:0,1,2,3,4,5,6,7,8,9 b:0,1,2,3,4,5,6,7,8,9";

#[test]
fn from_stable() {
    let has = "a:1,2,3@10 b:4,5,6@10";
    let row = || Row { member: (Stable, 10, 10, has, ""), ..ROW };
    check(&Row {
        kafka: "testStableToStable",
        member: (Stable, 10, 10, "a:1,2,3@5 b:4,5,6@5", ""),
        target: (11, "a:1,2,3 b:4,5,6"),
        held: ALL,
        want: (Stable, 11, 10, "a:1,2,3@5 b:4,5,6@5", ""),
        ..ROW
    });
    check(&Row {
        kafka: "testStableToStableWithNewPartitions",
        target: (11, "a:1,2,3,4 b:4,5,6,7"),
        want: (Stable, 11, 10, "a:1,2,3@10 a:4@11 b:4,5,6@10 b:7@11", ""),
        ..row()
    });
    check(&Row {
        kafka: "testStableToUnrevokedPartitions",
        target: (11, "a:2,3,4 b:5,6,7"),
        want: (Unrevoked, 10, 10, "a:2,3@10 b:5,6@10", "a:1@10 b:4@10"),
        ..row()
    });
    check(&Row {
        kafka: "testStableToUnreleasedPartitions",
        target: (11, "a:1,2,3,4 b:4,5,6,7"),
        held: ALL,
        want: (Unreleased, 11, 10, has, ""),
        ..row()
    });
    check(&Row {
        kafka: "testStableToUnreleasedPartitionsWithOwnedPartitionsNotHavingRevokedPartitions",
        target: (11, "a:1,2,3 b:4,5,7"),
        held: "b:0,1,2,3,4,5,6,7,8,9",
        owned: Some(""),
        want: (Unreleased, 11, 10, "a:1,2,3@10 b:4,5@10", ""),
        ..row()
    });
}

#[test]
fn from_unrevoked_partitions() {
    let (has, gives) = ("a:2,3@10 b:5,6@10", "a:1@10 b:4@10");
    let row = || Row { member: (Unrevoked, 10, 10, has, gives), ..ROW };
    check(&Row {
        kafka: "testUnrevokedPartitionsToStable",
        target: (11, "a:2,3 b:5,6"),
        owned: Some("a:2,3 b:5,6"),
        want: (Stable, 11, 10, has, ""),
        ..row()
    });
    for owned in [None, Some("a:1,2,3 b:5,6"), Some("a:2,3 b:4,5,6")] {
        check(&Row {
            kafka: "testRemainsInUnrevokedPartitions",
            target: (12, "a:3 b:6"),
            owned,
            want: (Unrevoked, 10, 10, has, gives),
            ..row()
        });
    }
    check(&Row {
        kafka: "testUnrevokedPartitionsToUnrevokedPartitions",
        target: (12, "a:3 b:6"),
        owned: Some("a:2,3 b:5,6"),
        want: (Unrevoked, 10, 10, "a:3@10 b:6@10", "a:2@10 b:5@10"),
        ..row()
    });
    check(&Row {
        kafka: "testUnrevokedPartitionsToUnreleasedPartitions",
        member: (Unrevoked, 11, 10, "a:2,3@11 b:5,6@11", ""),
        target: (11, "a:2,3,4 b:5,6,7"),
        held: ALL,
        owned: Some("a:2,3 b:5,6"),
        want: (Unreleased, 11, 11, "a:2,3@11 b:5,6@11", ""),
        ..ROW
    });
    check(&Row {
        kafka: "testUnrevokedPartitionsToStableWithReturnedPartitionsPendingRevocation",
        member: (Unrevoked, 10, 10, has, "a:4@10"),
        target: (12, "a:2,3,4 b:5,6,7"),
        held: "a:2,3,4 b:5,6",
        owned: Some("a:2,3 b:5,6"),
        want: (Stable, 12, 10, "a:2,3@10 a:4@12 b:5,6@10 b:7@12", ""),
        ..ROW
    });
}

#[test]
fn from_unreleased_partitions() {
    let has = "a:2,3@11 b:5,6@11";
    let row = || Row { member: (Unreleased, 11, 11, has, ""), ..ROW };
    check(&Row {
        kafka: "testUnreleasedPartitionsToStable",
        target: (12, "a:2,3 b:5,6"),
        held: ALL,
        want: (Stable, 12, 11, has, ""),
        ..row()
    });
    check(&Row {
        kafka: "testUnreleasedPartitionsToStableWithNewPartitions",
        target: (11, "a:2,3,4 b:5,6,7"),
        want: (Stable, 11, 11, "a:2,3,4@11 b:5,6,7@11", ""),
        ..row()
    });
    check(&Row {
        kafka: "testUnreleasedPartitionsToUnreleasedPartitions",
        target: (11, "a:2,3,4 b:5,6,7"),
        held: ALL,
        want: (Unreleased, 11, 11, has, ""),
        ..row()
    });
    check(&Row {
        kafka: "testUnreleasedPartitionsToUnrevokedPartitions",
        target: (12, "a:3 b:6"),
        held: ALL,
        want: (Unrevoked, 11, 11, "a:3@11 b:6@11", "a:2@11 b:5@11"),
        ..row()
    });
}

#[test]
fn a_state_of_a_later_kafka_is_fenced_until_it_owns_nothing() {
    let row = Row {
        kafka: "testUnknownState",
        member: (MemberState::Unknown, 11, 11, "a:3@11 b:6@11", "a:2@11 b:5@11"),
        target: (12, "a:3 b:6"),
        held: ALL,
        owned: Some(""),
        want: (Stable, 12, 11, "a:3@11 b:6@11", ""),
        ..ROW
    };
    check(&row);
    let mut story = Story::new();
    story.topic("a", 10).topic("b", 10);
    let group = ConsumerGroup::new("g".into());
    let target = partitions(&story, row.target.1);
    let reconciliation = Reconciliation {
        group: &group,
        image: &story.image,
        target_epoch: 12,
        target: &target,
        has_subscription_changed: false,
        owned: None,
    };
    let fenced = reconciliation.reconcile(&member(&story, &row, row.member));
    assert_eq!(fenced.map_err(|error| error.code), Err(ErrorCode::FencedMemberEpoch));
}

#[test]
fn topics_that_are_not_subscribed_to_any_more_are_given_back() {
    let target = "a:1,2,3 b:4,5,6";
    let has = "a:1,2,3@10 b:4,5,6@10";
    let row = || Row { member: (Stable, 10, 9, has, ""), names: &["b"], ..ROW };
    for (epoch, want, changed) in [(11, 11, false), (11, 11, true), (10, 10, true)] {
        check(&Row {
            kafka: "testStableToStableWithAssignmentTopicsNoLongerInSubscription",
            target: (epoch, target),
            changed,
            owned: Some("b:4,5,6"),
            want: (Stable, want, 10, "b:4,5,6@10", ""),
            ..row()
        });
    }
    for (epoch, changed) in [(11, false), (11, true), (10, true)] {
        check(&Row {
            kafka: "testStableToUnrevokedPartitionsWithAssignmentTopicsNoLongerInSubscription",
            target: (epoch, target),
            changed,
            owned: Some(target),
            want: (Unrevoked, 10, 10, "b:4,5,6@10", "a:1,2,3@10"),
            ..row()
        });
    }
    check(&Row {
        kafka: "testRemainsInUnrevokedPartitionsWithAssignmentTopicsNoLongerInSubscription",
        member: (Unrevoked, 10, 10, "a:2,3@10 b:5,6@10", "a:1@10 b:4@10"),
        names: &["b"],
        target: (12, "a:1,3,4 b:6,7"),
        changed: true,
        owned: Some(target),
        want: (Unrevoked, 10, 10, "b:5,6@10", "a:1,2,3@10 b:4@10"),
        ..ROW
    });
}

#[test]
fn regular_expressions_count_as_what_they_are_known_to_match() {
    let has = "a:1,2,3@10 b:4,5,6@10";
    let row = || Row {
        member: (Stable, 10, 10, has, ""),
        names: &["a"],
        regex: Some(None),
        target: (10, "a:1,2,3 b:4,5,6"),
        changed: true,
        owned: Some("a:1,2,3 b:4,5,6"),
        ..ROW
    };
    check(&Row {
        kafka: "testSubscribedTopicNameAndUnresolvedRegularExpression",
        want: (Unrevoked, 10, 10, "a:1,2,3@10", "b:4,5,6@10"),
        ..row()
    });
    check(&Row {
        kafka: "testUnresolvedRegularExpression",
        names: &[],
        want: (Unrevoked, 10, 10, "", has),
        ..row()
    });
    check(&Row {
        kafka: "testSubscribedTopicNameAndResolvedRegularExpression",
        regex: Some(Some("b")),
        want: (Stable, 10, 10, has, ""),
        ..row()
    });
}
