//! Kafka's `GroupMetadataManagerTest.testReplayConsumerGroup...`: what each record does, and a log that is half
//! compacted.

use super::fixture::{Story, beating};
use crate::group::consumer::member::ConsumerGroupMember;
use crate::group::consumer::records;
use crate::group::consumer::subscription::ResolvedRegex;
use crate::group::record::GroupRecord;
use crate::group::state::GroupEntry;
use crate::wire::{
    ConsumerGroupMetadataKey, ConsumerGroupPartitionMetadataKey,
    ConsumerGroupPartitionMetadataValue, ConsumerGroupTargetAssignmentMetadataKey,
};

fn member(id: &str, epoch: i32) -> ConsumerGroupMember {
    let mut member = ConsumerGroupMember::new(id.into());
    member.member_epoch = epoch;
    member
}

fn target_epoch_tombstone() -> GroupRecord {
    let key = ConsumerGroupTargetAssignmentMetadataKey { group_id: "g".into() };
    GroupRecord::ConsumerGroupTargetAssignmentMetadata(key, None)
}

fn group_tombstone() -> GroupRecord {
    GroupRecord::ConsumerGroupMetadata(ConsumerGroupMetadataKey { group_id: "g".into() }, None)
}

/// `testReplayConsumerGroup{MemberMetadata, Metadata, PartitionMetadata, TargetAssignmentMember,
/// TargetAssignmentMetadata, CurrentMemberAssignment, RegularExpression}`: each makes the group if it is not there.
#[test]
fn every_record_makes_its_group() {
    let partitions = {
        let key = ConsumerGroupPartitionMetadataKey { group_id: "g".into() };
        let value = Some(ConsumerGroupPartitionMetadataValue::default());
        GroupRecord::ConsumerGroupPartitionMetadata(key, value)
    };
    let regex = ResolvedRegex { topics: ["foo".to_string()].into(), version: 1, timestamp: 2 };
    let rows = [
        records::member("g", &member("a", 0)),
        records::group_epoch("g", 10, 5),
        partitions,
        records::target("g", "a", &Default::default()),
        records::target_epoch("g", 10, 3),
        records::current("g", &member("a", 10)),
        records::regex("g", "f.*", Some(&regex)),
    ];
    for record in rows {
        let mut story = Story::new();
        story.reload_from(std::slice::from_ref(&record));
        let group = story.group();
        match record {
            GroupRecord::ConsumerGroupMetadata(..) => {
                assert_eq!((group.group_epoch(), group.metadata_hash()), (10, 5));
            }
            GroupRecord::ConsumerGroupTargetAssignmentMetadata(..) => {
                assert_eq!((group.assignment_epoch(), group.assignment_timestamp()), (10, 3));
            }
            GroupRecord::ConsumerGroupTargetAssignmentMember(..) => {
                assert_eq!(group.target().len(), 1);
            }
            GroupRecord::ConsumerGroupRegularExpression(..) => {
                assert!(group.subscription().topics["foo"].by_regex == 1);
            }
            GroupRecord::ConsumerGroupPartitionMetadata(..) => {}
            _ => assert_eq!(group.members().len(), 1),
        }
    }
}

/// The same tests with `Tombstone` at their end (8): nothing is there, and nothing comes of it.
#[test]
fn a_tombstone_of_nothing_means_nothing() {
    let mut story = Story::new();
    story.reload_from(&[
        records::member_tombstone("g", "a"),
        group_tombstone(),
        records::subscription_metadata_tombstone("g"),
        records::target_tombstone("g", "a"),
        target_epoch_tombstone(),
        records::current_tombstone("g", "a"),
        records::regex("g", "f.*", None),
    ]);
    assert!(story.coordinator.state().groups.is_empty());
    story.reload_from(&[
        records::group_epoch("g", 10, 0),
        records::member_tombstone("g", "a"),
        records::target_tombstone("g", "a"),
        records::current_tombstone("g", "a"),
        records::regex("g", "f.*", None),
        target_epoch_tombstone(),
    ]);
    assert_eq!((story.group().assignment_epoch(), story.group().members().len()), (-1, 0));
}

/// `testReplayConsumerGroupCurrentMemberAssignmentWithCompaction`,
/// `testReplayConsumerGroupCurrentMemberAssignmentUnownedTopicWithCompaction`: the record with which a partition was
/// given back has been compacted away, since its member has a later one.
#[test]
fn a_partition_that_was_taken_before_it_was_given_back_stays_taken() {
    let mut story = Story::new();
    story.topic("foo", 2).topic("bar", 1);
    let (foo, bar) = (story.id("foo"), story.id("bar"));
    let with = |id: &str, epoch: i32, of: &[(crate::ids::TopicId, i32)]| {
        let mut member = member(id, epoch);
        for (topic, partition) in of {
            member.assigned.entry(*topic).or_default().insert(*partition, epoch);
        }
        records::current("g", &member)
    };
    story.reload_from(&[
        with("a", 10, &[(foo, 0)]),
        with("b", 11, &[(foo, 0), (bar, 0)]),
        with("a", 12, &[(foo, 1)]),
    ]);
    let group = story.group();
    let epochs = [(foo, 0), (foo, 1), (bar, 0)].map(|(topic, p)| group.partition_epoch(topic, p));
    assert_eq!(epochs, [11, 12, 11]);
    story.reload_from(&[
        with("a", 10, &[(foo, 0)]),
        with("b", 11, &[(foo, 0)]),
        with("b", 12, &[]),
        with("a", 13, &[]),
    ]);
    assert_eq!(story.group().partition_epoch(foo, 0), -1);
}

#[test]
#[should_panic(expected = "PE-2")]
fn two_members_do_not_take_a_partition_in_one_epoch() {
    let mut story = Story::new();
    story.topic("foo", 1);
    let mut both = [member("a", 10), member("b", 10)];
    for member in &mut both {
        member.assigned = [(story.id("foo"), [(0, 10)].into())].into();
    }
    story.reload_from(&both.map(|member| records::current("g", &member)));
}

#[test]
#[should_panic(expected = "RP-1")]
fn a_group_with_members_does_not_go() {
    let mut story = Story::new();
    story.reload_from(&[records::member("g", &member("a", 0)), group_tombstone()]);
}

/// Records of a consumer group take the place of a group that only held offsets; a log with both protocols in turn ends
/// with what came last.
#[test]
fn a_group_is_what_its_last_records_say() {
    let mut story = Story::new();
    story.topic("foo", 1);
    story.join("a", &["foo"]);
    story.beat(&beating("a", -1)).expect("it leaves");
    let mut tombstones = Vec::new();
    crate::group::group::Group::tombstones(&*story.group(), &mut tombstones);
    let key = crate::wire::GroupMetadataKey { group: "g".into() };
    story.log.extend(tombstones);
    story.log.push(GroupRecord::GroupMetadata(key, Some(Default::default())));
    story.reload();
    assert!(matches!(story.coordinator.state().groups.get("g"), Some(GroupEntry::Classic(_))));
}
