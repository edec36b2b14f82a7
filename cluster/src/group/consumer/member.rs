//! A member of a consumer group.
//!
//! In Kafka:   `ConsumerGroupMember`, `ModernGroupMember`, `MemberState`; KIP-1251 (the epoch of each partition).
//! Holds:      what it subscribes to, which partitions are its own and which it still has to give back.
//! Invariants: ME-1 a partition is not assigned and pending revocation at once.

use std::collections::{BTreeMap, BTreeSet};

use crate::group::state::MemberId;
use crate::ids::TopicId;
use crate::wire::consumer_group_member_metadata_value::{ClassicMemberMetadata, SupportedProtocol};
use crate::wire::{ConsumerGroupCurrentMemberAssignmentValue, ConsumerGroupMemberMetadataValue};

/// The epoch of a member that leaves.
pub const LEAVE_GROUP_EPOCH: i32 = -1;
/// The epoch of a static member that goes and means to come back.
pub const LEAVE_GROUP_STATIC_EPOCH: i32 = -2;

/// Partitions by topic, each with the epoch in which it was assigned (KIP-1251).
pub type Assigned = BTreeMap<TopicId, BTreeMap<i32, i32>>;

/// Where a member stands between its assignment and the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberState {
    /// It has what its epoch gives it.
    Stable,
    /// It has to give partitions back before it goes on to the next epoch.
    UnrevokedPartitions,
    /// It waits for partitions that others have to give back.
    UnreleasedPartitions,
    /// Of a later Kafka.
    Unknown,
}

impl MemberState {
    /// Its number in records.
    #[must_use]
    pub const fn code(self) -> i8 {
        match self {
            Self::Stable => 0,
            Self::UnrevokedPartitions => 1,
            Self::UnreleasedPartitions => 2,
            Self::Unknown => 127,
        }
    }

    const fn from_code(code: i8) -> Self {
        match code {
            0 => Self::Stable,
            1 => Self::UnrevokedPartitions,
            2 => Self::UnreleasedPartitions,
            _ => Self::Unknown,
        }
    }
}

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerGroupMember {
    /// Its id.
    pub member_id: MemberId,
    /// Its epoch; 0 while it joins, -2 while it is a static member that is away.
    pub member_epoch: i32,
    /// The epoch before: an answer with the new one may have been lost.
    pub previous_member_epoch: i32,
    /// Where it stands.
    pub state: MemberState,
    /// `group.instance.id`.
    pub instance_id: Option<String>,
    /// `client.rack`.
    pub rack_id: Option<String>,
    /// How long it may take to give partitions back, in milliseconds; -1: not known yet.
    pub rebalance_timeout_ms: i32,
    /// `client.id`.
    pub client_id: String,
    /// Where it comes from.
    pub client_host: String,
    /// Topics by name.
    pub subscribed_topic_names: BTreeSet<String>,
    /// Topics by a regular expression; empty: none.
    pub subscribed_topic_regex: Option<String>,
    /// The assignor that it prefers.
    pub server_assignor: Option<String>,
    /// Its partitions.
    pub assigned: Assigned,
    /// Partitions that it has to give back.
    pub pending_revocation: Assigned,
    /// What it said in the classic protocol, if it uses that.
    pub classic: Option<ClassicMemberMetadata>,
}

impl ConsumerGroupMember {
    /// One that is new.
    #[must_use]
    pub fn new(member_id: MemberId) -> Self {
        Self {
            member_id,
            member_epoch: 0,
            previous_member_epoch: -1,
            state: MemberState::Stable,
            instance_id: None,
            rack_id: None,
            rebalance_timeout_ms: -1,
            client_id: String::new(),
            client_host: String::new(),
            subscribed_topic_names: BTreeSet::new(),
            subscribed_topic_regex: Some(String::new()),
            server_assignor: None,
            assigned: Assigned::new(),
            pending_revocation: Assigned::new(),
            classic: None,
        }
    }

    /// The regular expression, if it has one.
    #[must_use]
    pub fn regex(&self) -> Option<&str> {
        self.subscribed_topic_regex.as_deref().filter(|regex| !regex.is_empty())
    }

    /// Whether it uses the classic protocol.
    #[must_use]
    pub const fn uses_classic_protocol(&self) -> bool {
        self.classic.is_some()
    }

    /// Whether it has what the target of this epoch gives it.
    #[must_use]
    pub fn is_reconciled_to(&self, assignment_epoch: i32) -> bool {
        self.state == MemberState::Stable && self.member_epoch == assignment_epoch
    }

    /// The protocols that it supports, in the order of its preference.
    #[must_use]
    pub fn classic_protocols(&self) -> &[SupportedProtocol] {
        self.classic.as_ref().map_or(&[], |classic| &classic.supported_protocols)
    }

    /// Takes the next epoch, and remembers this one.
    pub(super) fn advance_epoch(&mut self, epoch: i32) {
        self.previous_member_epoch = self.member_epoch;
        self.member_epoch = epoch;
    }

    /// The epoch in which a partition was assigned, be it its own or one that it gives back.
    #[must_use]
    pub fn assignment_epoch(&self, topic: TopicId, partition: i32) -> Option<i32> {
        let of = |map: &Assigned| map.get(&topic).and_then(|of| of.get(&partition)).copied();
        of(&self.assigned).or_else(|| of(&self.pending_revocation))
    }

    /// What a static member that goes keeps: its partitions, as if they were assigned in epoch 0.
    pub(super) fn reset_assignment_epochs(&mut self) {
        for epoch in self.assigned.values_mut().flat_map(BTreeMap::values_mut) {
            *epoch = 0;
        }
    }

    /// What a record says of its subscription.
    pub(super) fn update_metadata(&mut self, record: &ConsumerGroupMemberMetadataValue) {
        self.instance_id.clone_from(&record.instance_id);
        self.rack_id.clone_from(&record.rack_id);
        self.client_id.clone_from(&record.client_id);
        self.client_host.clone_from(&record.client_host);
        self.subscribed_topic_names = record.subscribed_topic_names.iter().cloned().collect();
        self.subscribed_topic_regex.clone_from(&record.subscribed_topic_regex);
        self.rebalance_timeout_ms = record.rebalance_timeout_ms;
        self.server_assignor.clone_from(&record.server_assignor);
        self.classic.clone_from(&record.classic_member_metadata);
    }

    /// What a record says of its assignment.
    pub(super) fn update_assignment(&mut self, record: &ConsumerGroupCurrentMemberAssignmentValue) {
        self.member_epoch = record.member_epoch;
        self.previous_member_epoch = record.previous_member_epoch;
        self.state = MemberState::from_code(record.state);
        // A static member that is away has -2: no partition was assigned in such an epoch.
        let epoch = record.member_epoch.max(0);
        let read = |topic, partitions: &[i32], epochs: &Option<Vec<i32>>| {
            (topic, with_epochs(partitions, epochs.as_deref(), epoch))
        };
        self.assigned = record
            .assigned_partitions
            .iter()
            .map(|of| read(of.topic_id, &of.partitions, &of.assignment_epochs))
            .collect();
        self.pending_revocation = record
            .partitions_pending_revocation
            .iter()
            .map(|of| read(of.topic_id, &of.partitions, &of.assignment_epochs))
            .collect();
    }
}

/// Records from before 4.3 have no epochs of partitions, and those that do not fit are not believed.
fn with_epochs(partitions: &[i32], epochs: Option<&[i32]>, default: i32) -> BTreeMap<i32, i32> {
    let epochs = epochs.filter(|epochs| epochs.len() == partitions.len());
    let epoch_of = |index: usize| epochs.map_or(default, |epochs| epochs[index]);
    partitions.iter().enumerate().map(|(index, &partition)| (partition, epoch_of(index))).collect()
}

/// Partitions without their epochs.
#[must_use]
pub fn without_epochs(assigned: &Assigned) -> crate::group::assignor::Partitions {
    assigned.iter().map(|(&topic, of)| (topic, of.keys().copied().collect())).collect()
}
