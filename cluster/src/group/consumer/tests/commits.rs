//! Kafka's `ConsumerGroupTest` on what a group allows: commits, fetches, deletion.

use super::fixture::{Story, beating};
use crate::error_code::ErrorCode;
use crate::group::consumer::ConsumerGroup;
use crate::group::consumer::member::ConsumerGroupMember;
use crate::group::group::{Committer, ExpiryBase, Group};
use crate::group::request::{GroupQuestion, GroupResponse};
use crate::ids::Uuid;
use crate::wire::consumer_group_member_metadata_value::ClassicMemberMetadata;

const TOPIC: Uuid = Uuid(7);

fn group(classic: bool) -> ConsumerGroup {
    let mut group = ConsumerGroup::new("g".into());
    let mut member = ConsumerGroupMember::new("a".into());
    member.member_epoch = 10;
    member.subscribed_topic_names = ["foo".to_string()].into();
    member.assigned = [(TOPIC, [(0, 5)].into())].into();
    member.pending_revocation = [(TOPIC, [(1, 7)].into())].into();
    member.classic = classic.then(ClassicMemberMetadata::default);
    group.update_member(member);
    group
}

fn committer(member_id: &str, epoch: i32, version: i16) -> Committer<'_> {
    Committer {
        member_id,
        instance_id: None,
        generation_or_epoch: epoch,
        is_transactional: false,
        version,
    }
}

fn commit(group: &ConsumerGroup, who: Committer<'_>, partition: i32) -> Result<(), ErrorCode> {
    let check = group.validate_offset_commit(&who).map_err(|error| error.code)?;
    check("foo", TOPIC, partition)
}

/// `testValidateOffsetCommit`, `testValidateOffsetCommitWithEpochValidation`,
/// `testValidateOffsetCommitWithClassicProtocolMember`, `testValidateOffsetCommitWithUnassignedTopicOrPartition`.
#[test]
fn a_commit_is_of_this_epoch_or_of_one_since_the_partition_is_its_own() {
    for classic in [false, true] {
        let group = group(classic);
        let stale =
            Err(if classic { ErrorCode::IllegalGeneration } else { ErrorCode::StaleMemberEpoch });
        let of = |epoch: i32, partition: i32| commit(&group, committer("a", epoch, 9), partition);
        assert_eq!([of(10, 0), of(10, 3)], [Ok(()), Ok(())], "its own epoch: no more is asked");
        assert_eq!([of(11, 0), of(-1, 0), of(4, 0)], [stale; 3]);
        assert_eq!([of(5, 0), of(9, 0), of(7, 1)], [Ok(()); 3], "KIP-1251");
        assert_eq!([of(6, 1), of(9, 3)], [stale; 2], "too early, and not its own");
        let unknown = commit(&group, committer("b", 10, 9), 0);
        assert_eq!(unknown, Err(ErrorCode::UnknownMemberId));
        let old = commit(&group, committer("a", 10, 8), 0);
        let want = if classic { Ok(()) } else { Err(ErrorCode::UnsupportedVersion) };
        assert_eq!(old, want);
    }
}

/// `testValidateTransactionalOffsetCommit`.
#[test]
fn who_has_no_name_may_commit_in_a_transaction_or_to_nobody() {
    let transactional =
        |member, epoch| Committer { is_transactional: true, ..committer(member, epoch, 3) };
    let full = group(false);
    assert_eq!(commit(&full, transactional("", -1), 0), Ok(()));
    assert_eq!(commit(&full, transactional("a", 10), 0), Ok(()));
    assert_eq!(commit(&full, transactional("b", 10), 0), Err(ErrorCode::UnknownMemberId));
    let with_instance = Committer { instance_id: Some("i"), ..transactional("", -1) };
    assert_eq!(commit(&full, with_instance, 0), Err(ErrorCode::UnknownMemberId));
    let empty = ConsumerGroup::new("g".into());
    assert_eq!(commit(&empty, committer("", -1, 1), 0), Ok(()));
    assert_eq!(commit(&empty, committer("a", 3, 9), 0), Err(ErrorCode::UnknownMemberId));
    assert_eq!(commit(&full, committer("", -1, 9), 0), Err(ErrorCode::UnknownMemberId));
}

/// `testValidateOffsetFetch`, `testValidateDeleteGroup`, `testOffsetExpirationCondition`, `testIsSubscribedToTopic`.
#[test]
fn what_else_a_group_allows() {
    let full = group(false);
    let fetch =
        |member, epoch| full.validate_offset_fetch(member, epoch).map_err(|error| error.code);
    assert_eq!([fetch(None, -1), fetch(Some("a"), 10)], [Ok(()); 2]);
    // Kafka stumbles over a name that is null.
    assert_eq!(fetch(None, 0), Err(ErrorCode::UnknownServerError));
    assert_eq!(fetch(Some("b"), -1), Err(ErrorCode::UnknownMemberId));
    assert_eq!(fetch(Some("a"), 9), Err(ErrorCode::StaleMemberEpoch));
    let classic = group(true).validate_offset_fetch(Some("a"), 9);
    assert_eq!(classic.map_err(|error| error.code), Err(ErrorCode::IllegalGeneration));
    let empty = ConsumerGroup::new("g".into());
    assert_eq!(empty.validate_delete(), Ok(()));
    assert_eq!(full.validate_delete(), Err(ErrorCode::NonEmptyGroup.into()));
    assert_eq!((full.validate_offset_delete(), full.is_empty()), (Ok(()), false));
    assert_eq!(full.expires_from(), Some(ExpiryBase::Commit), "G8");
    assert!(full.is_subscribed_to("foo") && !full.is_subscribed_to("bar"));
}

/// `testCreateGroupTombstoneRecords`, `testConsumerGroupDelete`.
#[test]
fn a_group_that_goes_leaves_nothing() {
    let mut story = Story::new();
    story.topic("foo", 1);
    story.join("a", &["foo"]);
    story.beat(&beating("a", -1)).expect("it leaves");
    let mut records = Vec::new();
    story.group().tombstones(&mut records);
    let shown: Vec<String> = records.iter().map(|record| story.show(record)).collect();
    assert_eq!(shown, ["targets -", "partitions -", "group -"]);
    story.log.extend(records);
    story.reload();
    assert!(story.coordinator.state().groups.is_empty());
}

/// `testConsumerGroupDescribeNoErrors`, `testConsumerGroupDescribeWithErrors`, `testAsDescribedGroup`,
/// `testConsumerGroupDescribe...PendingRevocation` (KAFKA-20431).
#[test]
fn a_group_is_described() {
    let mut story = Story::new();
    story.topic("foo", 2);
    story.join("a", &["foo"]);
    story.join("b", &["foo"]);
    story.keep("a", 2, None);
    let question = GroupQuestion::ConsumerGroupDescribe(vec!["g".into(), "h".into()]);
    let Ok(GroupResponse::ConsumerGroupDescribe(groups)) = story.ask(question) else {
        panic!("it is answered")
    };
    let [group, missing] = &groups[..] else { panic!("one answer each: {groups:?}") };
    assert_eq!(missing.error_code, ErrorCode::GroupIdNotFound.code());
    assert_eq!(missing.error_message.as_deref(), Some("Group h not found."));
    let said = (&*group.group_state, group.group_epoch, group.assignment_epoch);
    assert_eq!((said, &*group.assignor_name), (("Reconciling", 3, 3), "uniform"));
    let a = group.members.iter().find(|member| member.member_id == "a").expect("it is told");
    let (own, target) = (&a.assignment.topic_partitions, &a.target_assignment.topic_partitions);
    assert_eq!((&own[0].topic_name, &own[0].partitions), (&"foo".into(), &vec![0, 1]));
    assert_eq!(target[0].partitions.len(), 1);
    assert_eq!((a.member_type, a.member_epoch, &*a.client_host), (1, 2, "/127.0.0.1"));
    assert_eq!(a.subscribed_topic_regex.as_deref(), Some(""));
}
