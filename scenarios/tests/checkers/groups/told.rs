//! A group in a story: what its coordinator writes, and what its members note.
//!
//! Holds: `__consumer_offsets` with one partition on b1; the members m1 and m2 of the group `g`, which read `orders`.

use std::sync::Arc;

use trial_cluster::client::NamedPartition;
use trial_cluster::client::consumer::assignor::{Assignment, Subscription, protocol};
use trial_cluster::client::consumer::{CommitCause, ResetCause};
use trial_cluster::controller::election::ElectedFrom;
use trial_cluster::group::GroupRecord;
use trial_cluster::ids::{BrokerId, LeaderEpoch, Offset, PartitionEpoch, TopicPartition, Uuid};
use trial_cluster::image::PartitionRegistration;
use trial_cluster::note::Note;
use trial_cluster::note::client::{ClientNote, CommittedOffset, PolledRecord};
use trial_cluster::note::controller::{ChangeReason, ControllerNote};
use trial_cluster::note::group::{GroupEvent, GroupNote};
use trial_cluster::note::partition::{PartitionEvent, PartitionNote};
use trial_cluster::wire::consumer_group_current_member_assignment_value::{
    AssignedPartition, PartitionsPendingRevocation,
};
use trial_cluster::wire::consumer_group_member_metadata_value::ClassicMemberMetadata;
use trial_cluster::wire::{
    ConsumerGroupCurrentMemberAssignmentKey, ConsumerGroupCurrentMemberAssignmentValue,
    ConsumerGroupMemberMetadataKey, ConsumerGroupMemberMetadataValue, ConsumerGroupMetadataKey,
    ConsumerGroupMetadataValue, ConsumerGroupTargetAssignmentMemberKey,
    ConsumerGroupTargetAssignmentMemberValue, ConsumerGroupTargetAssignmentMetadataKey,
    ConsumerGroupTargetAssignmentMetadataValue, GroupMetadataKey, GroupMetadataValue,
    OffsetCommitKey, OffsetCommitValue, consumer_group_target_assignment_member_value,
    group_metadata_value,
};
use trial_log::BatchBuilder;
use trial_sim::HostId;

use crate::story::{B1, ORDERS, Story, id};

const OFFSETS: TopicPartition = TopicPartition { topic: Uuid(8), partition: 0 };
const LOG: &str = "__consumer_offsets-0/00000000000000000000.log";

fn group() -> String {
    "g".to_owned()
}

pub fn orders() -> NamedPartition {
    NamedPartition { topic: Arc::from("orders"), partition: 0 }
}

/// A member's `client.id`, with which its id begins.
fn client_of(id: &str) -> String {
    id.split('-').next().unwrap_or_default().to_owned()
}

/// A member in a generation: its id, its instance, whether it is given `orders/0`, whether it said that it had it.
pub struct InGeneration(pub &'static str, pub Option<&'static str>, pub bool, pub bool);

/// A generation of the classic protocol.
pub fn generation(number: i32, assignor: &str, members: &[InGeneration]) -> GroupRecord {
    let member = |InGeneration(id, instance, owns, claims): &InGeneration| {
        let partitions = |has: bool| if has { vec![orders()] } else { Vec::new() };
        let assignment = Assignment { partitions: partitions(*owns), user_data: None };
        let subscription = Subscription {
            topics: vec![Arc::from("orders")],
            owned_partitions: partitions(*claims),
            ..Subscription::default()
        };
        group_metadata_value::Member {
            member_id: (*id).to_owned(),
            client_id: client_of(id),
            group_instance_id: instance.map(str::to_owned),
            assignment: protocol::put_assignment(&assignment),
            subscription: protocol::put_subscription(&subscription),
            ..Default::default()
        }
    };
    let value = GroupMetadataValue {
        protocol_type: "consumer".to_owned(),
        generation: number,
        protocol: Some(assignor.to_owned()),
        members: members.iter().map(member).collect(),
        ..Default::default()
    };
    GroupRecord::GroupMetadata(GroupMetadataKey { group: group() }, Some(value))
}

pub fn no_generation() -> GroupRecord {
    GroupRecord::GroupMetadata(GroupMetadataKey { group: group() }, None)
}

/// A consumer group is at this epoch.
pub fn epoch(epoch: i32) -> GroupRecord {
    let value = ConsumerGroupMetadataValue { epoch, ..Default::default() };
    GroupRecord::ConsumerGroupMetadata(ConsumerGroupMetadataKey { group_id: group() }, Some(value))
}

pub fn member(id: &str, instance: Option<&str>) -> GroupRecord {
    let key = ConsumerGroupMemberMetadataKey { group_id: group(), member_id: id.to_owned() };
    let value = ConsumerGroupMemberMetadataValue {
        instance_id: instance.map(str::to_owned),
        client_id: client_of(id),
        subscribed_topic_names: vec!["orders".to_owned()],
        // Kafka's default is one that says nothing (`"default": null` in the definition is no default).
        classic_member_metadata: None,
        ..Default::default()
    };
    GroupRecord::ConsumerGroupMemberMetadata(key, Some(value))
}

/// A member of a consumer group that speaks the classic protocol.
pub fn classic_member(id: &str) -> GroupRecord {
    let mut record = member(id, None);
    if let GroupRecord::ConsumerGroupMemberMetadata(_, Some(value)) = &mut record {
        value.classic_member_metadata = Some(ClassicMemberMetadata {
            session_timeout_ms: 10_000,
            supported_protocols: Vec::new(),
        });
    }
    record
}

pub fn target_epoch(epoch: i32) -> GroupRecord {
    let key = ConsumerGroupTargetAssignmentMetadataKey { group_id: group() };
    let value = ConsumerGroupTargetAssignmentMetadataValue {
        assignment_epoch: epoch,
        ..Default::default()
    };
    GroupRecord::ConsumerGroupTargetAssignmentMetadata(key, Some(value))
}

/// The target gives a member `orders/0`, or nothing.
pub fn target(id: &str, has: bool) -> GroupRecord {
    let key =
        ConsumerGroupTargetAssignmentMemberKey { group_id: group(), member_id: id.to_owned() };
    let of = consumer_group_target_assignment_member_value::TopicPartition {
        topic_id: ORDERS.topic,
        partitions: vec![0],
    };
    let topic_partitions = if has { vec![of] } else { Vec::new() };
    let value = ConsumerGroupTargetAssignmentMemberValue { topic_partitions };
    GroupRecord::ConsumerGroupTargetAssignmentMember(key, Some(value))
}

/// What a member has of `orders/0`: in which epoch it was given it; and whether it has to give it back.
pub fn current(id: &str, epoch: i32, has: Option<i32>, gives_back: bool) -> GroupRecord {
    let key =
        ConsumerGroupCurrentMemberAssignmentKey { group_id: group(), member_id: id.to_owned() };
    let (topic_id, partitions) = (ORDERS.topic, vec![0]);
    let epochs = has.map(|epoch| vec![epoch]);
    let mut value = ConsumerGroupCurrentMemberAssignmentValue {
        member_epoch: epoch,
        state: i8::from(gives_back),
        ..Default::default()
    };
    if gives_back {
        value.partitions_pending_revocation.push(PartitionsPendingRevocation {
            topic_id,
            partitions,
            assignment_epochs: epochs,
        });
    } else if has.is_some() {
        value.assigned_partitions.push(AssignedPartition {
            topic_id,
            partitions,
            assignment_epochs: epochs,
        });
    }
    GroupRecord::ConsumerGroupCurrentMemberAssignment(key, Some(value))
}

/// `orders/0` is committed at this offset; none: it is no more.
pub fn offset(offset: Option<i64>) -> GroupRecord {
    let key = OffsetCommitKey { group: group(), topic: "orders".to_owned(), partition: 0 };
    let value = offset.map(|offset| OffsetCommitValue { offset, ..Default::default() });
    GroupRecord::OffsetCommit(key, value)
}

impl Story {
    pub fn has_offsets_topic(&mut self) {
        self.disk(B1, |disk| disk.create_dir("__consumer_offsets-0").expect("it is new"));
        let (at, name) = (self.next_offset(), Arc::from("__consumer_offsets"));
        self.controller(ControllerNote::TopicCreated { offset: at, id: OFFSETS.topic, name });
        let isr = vec![BrokerId(1)];
        let new = Arc::new(PartitionRegistration {
            replicas: isr.clone(),
            isr: isr.clone(),
            leader: Some(BrokerId(1)),
            ..PartitionRegistration::default()
        });
        let offset = self.next_offset();
        self.controller(ControllerNote::PartitionChanged {
            offset,
            partition: OFFSETS,
            old: None,
            new,
            why: ChangeReason::Other,
            elected: None::<ElectedFrom>,
        });
        self.coordinator_leads(0, 0);
        let path = "__consumer_offsets-0/leader-epoch-checkpoint";
        self.writes_file(B1, path, "0\n1\n0 0\n");
    }

    /// b1 leads the partition of the group, with a log that ends here.
    pub fn coordinator_leads(&mut self, epoch: i32, end: i64) {
        self.of_offsets(PartitionEvent::BecameLeader {
            leader_epoch: LeaderEpoch(epoch),
            partition_epoch: PartitionEpoch(0),
            epoch_start_offset: Offset(end),
            high_watermark: Offset(0),
            isr: vec![BrokerId(1)],
            was_leader: epoch > 0,
        });
    }

    fn of_offsets(&mut self, event: PartitionEvent) {
        self.note(B1, Note::Partition(PartitionNote { partition: OFFSETS, event }));
    }

    /// The coordinator writes one decision, and nobody has it yet.
    pub fn coordinator_writes(&mut self, from: i64, records: &[GroupRecord]) -> i64 {
        let mut builder = BatchBuilder::new(Offset(from)).leader_epoch(LeaderEpoch(0));
        for record in records {
            let value = record.value_bytes();
            builder.append(1_000, Some(&record.key_bytes()), value.as_deref(), &[]);
        }
        self.append(B1, LOG, builder.build().into_bytes());
        from + i64::try_from(records.len()).expect("few")
    }

    /// What the coordinator has written is committed up to here.
    pub fn coordinator_commits(&mut self, to: i64) {
        self.of_offsets(PartitionEvent::LeaderHighWatermarkMoved {
            from: Offset(0),
            to: Offset(to),
            leader_epoch: LeaderEpoch(0),
            committed_isr: 1,
            maximal_isr: 1,
            min_isr: 1,
        });
    }

    /// The coordinator's broker has cut its log away, and leads once more.
    pub fn coordinator_cuts(&mut self) {
        self.disk(B1, |disk| {
            let file = disk.open(LOG, false).expect("it was written");
            disk.truncate(file, 0).expect("the disk works");
        });
    }

    /// Decisions, one after another, each of which is committed.
    pub fn decides(&mut self, decisions: &[&[GroupRecord]]) {
        let mut end = self.ends[8];
        for records in decisions {
            end = self.coordinator_writes(end, records);
            self.coordinator_commits(end);
        }
        self.ends[8] = end;
    }

    /// Decisions, all of which are committed together.
    pub fn decides_before_any_is_committed(&mut self, decisions: &[&[GroupRecord]]) {
        let from = self.ends[8];
        let end = decisions.iter().fold(from, |end, it| self.coordinator_writes(end, it));
        self.coordinator_commits(end);
        self.ends[8] = end;
    }

    /// The coordinator lets answers go that rest on what lies below.
    pub fn coordinator_answers(&mut self, rests_below: i64) {
        let event = GroupEvent::Released {
            epoch: LeaderEpoch(0),
            rests_below: Offset(rests_below),
            high_watermark: Offset(rests_below),
            operations: 1,
        };
        self.note(B1, Note::Group(GroupNote { partition: 0, event }));
    }

    /// The coordinator has loaded its log up to here, and come to this state.
    pub fn coordinator_loads(&mut self, end: i64, state: u64) {
        let event = GroupEvent::Loaded {
            epoch: LeaderEpoch(0),
            records: end.unsigned_abs(),
            written: Offset(end),
            committed: Offset(end),
            state,
        };
        self.note(B1, Note::Group(GroupNote { partition: 0, event }));
    }

    /// A broker says that it waits for members of the group to join.
    pub fn coordinator_prepares(&mut self, host: HostId) {
        let event = GroupEvent::Prepares { group: group().into() };
        self.note(host, Note::Group(GroupNote { partition: 0, event }));
    }

    /// A member is told that it has `orders/0`, or nothing.
    pub fn is_given(&mut self, host: HostId, member: &str, generation: i32, has: bool) {
        let owned = if has { vec![orders()] } else { Vec::new() };
        let (member, added) = (member.to_owned(), owned.clone());
        self.client(host, ClientNote::GroupAssigned { generation, member, added, owned });
    }

    pub fn gives_up(&mut self, host: HostId) {
        self.client(host, ClientNote::GroupRevoked { generation: 1, partitions: vec![orders()] });
    }

    pub fn member_polls(&mut self, host: HostId, offset: i64) {
        let number = offset.unsigned_abs();
        let records = vec![PolledRecord {
            offset: Offset(offset),
            leader_epoch: LeaderEpoch(0),
            id: Some(id(number)),
        }];
        let position = Offset(offset + 1);
        self.client(host, ClientNote::Polled { partition: ORDERS, records, position });
    }

    /// A member polls a record, and its application is through with it.
    pub fn member_reads(&mut self, host: HostId, offset: i64) {
        self.member_polls(host, offset);
        self.client(host, ClientNote::Processed);
    }

    /// A member is told that its commit stands.
    pub fn commit_stands(&mut self, host: HostId, generation: i32, offset: i64) {
        let offsets = vec![CommittedOffset {
            partition: orders(),
            offset: Offset(offset),
            leader_epoch: None,
        }];
        let cause = CommitCause::Sync;
        self.client(host, ClientNote::OffsetsCommitted { cause, generation, offsets });
    }

    /// A member is told what is committed; none: nothing, and it begins at the beginning.
    pub fn is_told_committed(&mut self, host: HostId, offset: Option<i64>) {
        let note = match offset {
            Some(offset) => {
                ClientNote::PositionCommitted { partition: orders(), offset: Offset(offset) }
            }
            None => ClientNote::PositionReset {
                partition: ORDERS,
                offset: Offset(0),
                cause: ResetCause::Beginning,
            },
        };
        self.client(host, note);
    }
}
