//! Kafka's `ConsumerGroupTest` on what a group counts and computes.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::fixture::Story;
use crate::group::consumer::group::{ConsumerGroup, ConsumerGroupState};
use crate::group::consumer::member::{ConsumerGroupMember, MemberState};
use crate::group::consumer::metadata_hash::metadata_hash;
use crate::group::consumer::subscription::{
    Counts, ResolvedRegex, SubscriptionCount, TopicCounts, is_homogeneous,
};
use crate::ids::{TopicId, Uuid};
use crate::wire::consumer_group_member_metadata_value::{ClassicMemberMetadata, SupportedProtocol};

const FOO: TopicId = Uuid(1);
const BAR: TopicId = Uuid(2);

fn member(id: &str) -> ConsumerGroupMember {
    ConsumerGroupMember::new(id.into())
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(ToString::to_string).collect()
}

fn subscribed(id: &str, topics: &[&str], regex: &str) -> ConsumerGroupMember {
    let mut member = member(id);
    member.subscribed_topic_names = names(topics);
    member.subscribed_topic_regex = Some(regex.into());
    member
}

fn owning(
    id: &str,
    epoch: i32,
    own: &[(TopicId, i32)],
    gives: &[(TopicId, i32)],
) -> ConsumerGroupMember {
    let mut member = member(id);
    member.member_epoch = epoch;
    for (topic, partition) in own {
        member.assigned.entry(*topic).or_default().insert(*partition, epoch);
    }
    for (topic, partition) in gives {
        member.pending_revocation.entry(*topic).or_default().insert(*partition, epoch);
    }
    member
}

fn group(members: impl IntoIterator<Item = ConsumerGroupMember>) -> ConsumerGroup {
    let mut group = ConsumerGroup::new("g".into());
    for member in members {
        group.update_member(member);
    }
    group
}

/// `testUpdateMember`, `testNoStaticMember`, `testGetStaticMemberByInstanceId`, `testRemoveMember`,
/// `testRemoveStaticMember`, `testGetOrCreateMember`.
#[test]
fn members_are_found_by_id_and_by_instance() {
    let mut with_instance = member("a");
    with_instance.instance_id = Some("i".into());
    let mut group = group([with_instance.clone(), member("b")]);
    assert!(group.static_member(None).is_none() && group.static_member(Some("j")).is_none());
    assert_eq!(group.static_member(Some("i")).map(|member| &*member.member_id), Some("a"));
    assert_eq!(group.member("b").map(|found| &**found), Some(&member("b")));
    group.remove_member("a");
    assert!(group.static_member(Some("i")).is_none() && group.member("a").is_none());
}

/// `testUpdatingMemberUpdatesPartitionEpoch`, `...WhenPartitionIsReassignedBeforeBeingRevoked`,
/// `...WhenPartitionIsNotReleased`, `testRemovePartitionEpochs`, `testAddPartitionEpochs`,
/// `testDeletingMemberRemovesPartitionEpoch`.
#[test]
fn partitions_are_held_in_the_epoch_of_their_member() {
    let of = |group: &ConsumerGroup| {
        [(FOO, 1), (FOO, 2), (BAR, 1)].map(|(topic, p)| group.partition_epoch(topic, p))
    };
    let mut group = group([owning("a", 10, &[(FOO, 1)], &[(BAR, 1)])]);
    assert_eq!(of(&group), [10, -1, 10]);
    group.update_member(owning("a", 11, &[(FOO, 2)], &[(FOO, 1)]));
    assert_eq!(of(&group), [11, 11, -1]);
    // b has taken what a had in a log that is half compacted: that stays b's when a gives it back.
    group.update_member(owning("b", 12, &[(FOO, 1)], &[]));
    group.update_member(owning("a", 13, &[], &[]));
    assert_eq!(of(&group), [12, -1, -1]);
    group.remove_member("b");
    assert_eq!(of(&group), [-1, -1, -1]);
}

/// `testWaitingOnUnreleasedPartition`.
#[test]
fn who_waits_waits_for_a_partition_that_somebody_has() {
    let mut waits = owning("a", 10, &[(FOO, 1)], &[]);
    waits.state = MemberState::UnreleasedPartitions;
    let mut group = group([waits.clone()]);
    group.set_target(&"a".into(), Some([(FOO, [1, 2].into())].into()));
    assert!(!group.waits_for_unreleased_partition(&waits));
    group.update_member(owning("b", 10, &[(FOO, 2)], &[]));
    assert!(group.waits_for_unreleased_partition(&waits));
    waits.state = MemberState::Stable;
    assert!(!group.waits_for_unreleased_partition(&waits));
}

/// `testGroupState`.
#[test]
fn a_group_is_stable_when_all_its_members_are() {
    let mut group = group([]);
    assert_eq!(group.state(), ConsumerGroupState::Empty);
    group.update_member(owning("a", 1, &[], &[]));
    group.group_epoch = 2;
    assert_eq!(group.state(), ConsumerGroupState::Assigning);
    group.assignment_epoch = 2;
    assert_eq!(group.state(), ConsumerGroupState::Reconciling);
    group.update_member(owning("a", 2, &[], &[]));
    assert_eq!(group.state(), ConsumerGroupState::Stable);
    group.remove_member("a");
    assert_eq!(group.state(), ConsumerGroupState::Empty);
}

/// `testPreferredServerAssignor`.
#[test]
fn the_assignor_that_most_prefer_is_taken() {
    let prefers = |id: &str, assignor: &str| {
        let mut member = member(id);
        member.server_assignor = Some(assignor.into());
        member
    };
    let mut group = group([]);
    let with = |group: &ConsumerGroup, old: &ConsumerGroupMember, new: &ConsumerGroupMember| {
        group.preferred_assignor_with(old, new)
    };
    assert_eq!(group.preferred_assignor(), None);
    let a = prefers("a", "range");
    assert_eq!(with(&group, &member("a"), &a).as_deref(), Some("range"));
    group.update_member(a.clone());
    group.update_member(prefers("b", "uniform"));
    group.update_member(prefers("c", "uniform"));
    assert_eq!(group.preferred_assignor(), Some("uniform"));
    let c = prefers("c", "uniform");
    assert_eq!(with(&group, &c, &prefers("c", "range")).as_deref(), Some("range"));
    assert_eq!(with(&group, &a, &prefers("a", "uniform")).as_deref(), Some("uniform"));
}

/// `testUpdateSubscribedTopicNamesAndSubscriptionType`, `testComputeSubscribedTopicNames`,
/// `testComputeSubscribedTopicNamesWithoutDeletedMembers`, `testSubscribedRegularExpressionCount`,
/// `testUpdateAndRemoveRegularExpression`, `testComputeSubscribedRegularExpressions`.
#[test]
fn subscriptions_are_counted() {
    let count = |by_name, by_regex| SubscriptionCount { by_name, by_regex };
    let of = |topics: &TopicCounts| -> Vec<(String, usize, usize)> {
        topics.iter().map(|(name, of)| (name.clone(), of.by_name, of.by_regex)).collect()
    };
    let a = subscribed("a", &["foo", "bar"], "");
    let b = subscribed("b", &["bar"], "z.*");
    let mut group = group([a.clone(), b.clone()]);
    let foo = |n: usize, r: usize| ("foo".to_string(), n, r);
    let bar = |n: usize, r: usize| ("bar".to_string(), n, r);
    assert_eq!(of(&group.subscription().topics), [bar(2, 0), foo(1, 0)]);
    assert!(!group.subscription().is_homogeneous);
    let resolved = ResolvedRegex { topics: names(&["zoo", "bar"]), version: 1, timestamp: 1 };
    group.subscription_mut().set_resolved("z.*", Some(resolved));
    assert_eq!(group.subscription().topics["bar"], count(2, 1));
    assert_eq!(group.subscription().members_of("z.*"), 1);
    let without = group.subscription().topics_without([&b].into_iter(), &["z.*".into()]);
    assert_eq!(of(&without), [bar(1, 0), foo(1, 0)]);
    let other = group.subscription().topics_with(&b, &subscribed("b", &["foo"], ""));
    assert_eq!(of(&other), [bar(1, 0), foo(2, 0)]);
    let same = group.subscription().topics_with(&b, &subscribed("b", &["foo"], "z.*"));
    assert_eq!(same["zoo"], count(0, 1));
    let regexes = group.subscription().regexes_with(&a, &subscribed("a", &[], "z.*"));
    assert_eq!(regexes["z.*"], 2);
    let none = group.subscription().regexes_with(&b, &subscribed("b", &[], ""));
    assert!(none.is_empty());
    group.subscription_mut().set_resolved("z.*", None);
    assert_eq!(group.subscription().topics["bar"], count(2, 0));
}

/// Members by regular expression, subscribers by topic, how many members there are, and what that makes.
type Row<'a> = (&'a [(&'a str, usize)], &'a [(&'a str, usize, usize)], usize, bool);

/// `testSubscriptionType`.
#[test]
fn all_read_the_same_if_all_counts_say_so() {
    let topics = |of: &[(&str, usize, usize)]| -> TopicCounts {
        of.iter()
            .map(|&(name, by_name, by_regex)| {
                (name.to_string(), SubscriptionCount { by_name, by_regex })
            })
            .collect()
    };
    let regexes = |of: &[(&str, usize)]| -> Counts {
        of.iter().map(|&(regex, count)| (regex.to_string(), count)).collect()
    };
    let rows: &[Row<'_>] = &[
        (&[], &[], 0, true),
        (&[], &[("foo", 5, 0)], 5, true),
        (&[], &[("foo", 5, 0), ("bar", 4, 0)], 5, false),
        (&[("r", 9)], &[("foo", 0, 1)], 9, true),
        (&[("r", 9)], &[("foo", 1, 1)], 9, false),
        (&[("r", 9)], &[("foo", 0, 1)], 10, false),
        (&[("r", 5), ("s", 4)], &[("foo", 0, 2)], 9, false),
    ];
    for (with, of, members, want) in rows {
        assert_eq!(is_homogeneous(&regexes(with), &topics(of), *members), *want, "{with:?} {of:?}");
    }
}

/// `testUpdateInvertedAssignment`.
#[test]
fn the_target_is_known_by_partition_too() {
    let mut group = group([]);
    let (a, b) = ("a".into(), "b".into());
    group.set_target(&a, Some([(FOO, [0].into())].into()));
    group.set_target(&b, Some([(FOO, [0].into())].into()));
    let owner = |group: &ConsumerGroup, partition: i32| {
        group.inverted_target().get(&FOO).and_then(|of| of.get(&partition)).cloned()
    };
    assert_eq!(owner(&group, 0).as_deref(), Some("b"), "b got it before a lost it");
    group.set_target(&a, Some([(FOO, [1].into())].into()));
    assert_eq!([owner(&group, 0).as_deref(), owner(&group, 1).as_deref()], [Some("b"), Some("a")]);
    group.set_target(&a, None);
    group.set_target(&b, Some(Default::default()));
    assert!(group.inverted_target().is_empty() && group.target().len() == 1);
}

/// `testClassicMembersSupportedProtocols`, `testNumClassicProtocolMembers`, `testAllMembersUseClassicProtocolExcept`.
#[test]
fn protocols_of_classic_members_are_counted() {
    let classic = |id: &str, protocols: &[&str]| {
        let mut member = member(id);
        let of = |name: &&str| SupportedProtocol { name: (*name).into(), ..Default::default() };
        member.classic = Some(ClassicMemberMetadata {
            session_timeout_ms: 1,
            supported_protocols: protocols.iter().map(of).collect(),
        });
        member
    };
    let empty = group([]);
    assert!(empty.supports_classic_protocols("consumer", ["any"].into_iter()));
    assert!(!empty.supports_classic_protocols("consumer", [].into_iter()));
    let mut group =
        group([classic("a", &["range", "sticky"]), classic("b", &["range"]), member("c")]);
    assert_eq!((group.classic_member_count(), group.classic_protocols()["range"]), (2, 2));
    let offers = |group: &ConsumerGroup, kind, of: &[&'static str]| {
        group.supports_classic_protocols(kind, of.iter().copied())
    };
    assert!(offers(&group, "consumer", &["sticky", "range"]));
    assert!(!offers(&group, "consumer", &["sticky"]) && !offers(&group, "connect", &["range"]));
    let of =
        |group: &ConsumerGroup, id: &str| group.member(id).cloned().into_iter().collect::<Vec<_>>();
    assert!(group.all_use_classic_protocol_except(&of(&group, "c")));
    assert!(!group.all_use_classic_protocol_except(&of(&group, "a")));
    group.remove_member("b");
    assert!(offers(&group, "consumer", &["sticky"]));
    group.update_member(member("a"));
    assert!(group.classic_protocols().is_empty() && group.classic_member_count() == 0);
}

/// `testComputeMetadataHash`, `testComputeMetadataHashIgnoreTopicHashIfItIsNotInMetadataImage`; there is no cache of
/// hashes (`...UseCacheData`). `testNewRacksDataInMetadataImageTriggersEpochBump` is told in `metadata_hash.rs`.
#[test]
fn topics_that_are_not_there_do_not_count() {
    let mut story = Story::new();
    story.topic("foo", 2).topic("bar", 1);
    let counts = |of: &[&str]| -> TopicCounts {
        of.iter().map(|name| (name.to_string(), SubscriptionCount::default())).collect()
    };
    let hash = |story: &Story, of: &[&str]| metadata_hash(&counts(of), &story.image);
    let foo = hash(&story, &["foo"]);
    assert_eq!(
        [hash(&story, &[]), hash(&story, &["late"]), hash(&story, &["foo", "late"])],
        [0, 0, foo]
    );
    assert_ne!(hash(&story, &["bar", "foo"]), foo);
    story.topic("foo", 3);
    assert_ne!(hash(&story, &["foo"]), foo);
}

/// A clone shares what it does not change: the committed state is kept beside the newest one.
#[test]
fn a_clone_is_cheap() {
    let mut group = group([subscribed("a", &["foo"], "")]);
    let committed = group.clone();
    group.group_epoch += 1;
    assert!(Arc::ptr_eq(&group.members, &committed.members));
    group.update_member(member("b"));
    assert_eq!((committed.members.len(), group.members.len()), (1, 2));
}
