//! Where partitions without a position begin: at what the group has committed, or where the policy says.
//!
//! In Kafka:   `ConsumerCoordinator.initWithCommittedOffsetsIfNeeded`, `fetchCommittedOffsets`,
//!             `OffsetsRequestManager.initWithCommittedOffsetsIfNeeded`, `CommitRequestManager.fetchOffsets`; KIP-447
//!             (`require_stable`), `updateFetchPositions`.
//! Holds:      the OffsetFetch that is under way, or, in the classic protocol, its answer until the next poll.
//! Invariants: CF-3 an answer is not kept for a partition that is given later: in the classic protocol it counts only
//!             for the partitions, and the generation, that were asked about; in the consumer protocol it counts when
//!             it comes, for those that wait for a position then, or never.

use std::collections::{BTreeMap, BTreeSet};

use trial_sim::Time;

use super::classic::MemberState;
use super::coordinator::net_error;
use super::event::{Committed, GroupEvent};
use super::group_consumer::{GroupConsumer, Pending};
use crate::client::NamedPartition;
use crate::client::consumer::KafkaConsumer;
use crate::client::consumer::subscription::Position;
use crate::config::GroupProtocol;
use crate::error_code::ErrorCode;
use crate::ids::{LeaderEpoch, Offset, Uuid};
use crate::net::{Completed, ExponentialBackoff, NetError, Wires};
use crate::wire::{OffsetFetchRequest, offset_fetch_request, offset_fetch_response};

/// The first version of OffsetFetch that names topics by their ids.
const BY_TOPIC_IDS: i16 = 10;

/// What was asked: the partitions, and the generation of the member, if it was stable.
type Question = (BTreeSet<NamedPartition>, Option<i32>);
/// What each partition's committed offset is; none if there is none.
type Offsets = BTreeMap<NamedPartition, Option<Committed>>;

/// The search for committed offsets.
#[derive(Debug, Clone, Default)]
pub(super) struct CommittedOffsets {
    asked: Option<Question>,
    answer: Option<(Question, Offsets)>,
    attempts: u32,
    retry_at: Option<Time>,
}

impl GroupConsumer {
    /// In a poll: gives every partition a position, checks those whose leader has changed (`updateFetchPositions`).
    pub(super) fn update_positions(&mut self, wires: &mut dyn Wires) {
        self.fetch.validate_positions(wires);
        if self.fetch.has_all_positions() {
            return;
        }
        let initializing = self.fetch.initializing();
        if !initializing.is_empty() && !self.begin_where_committed(initializing, wires) {
            return;
        }
        self.fetch.reset_initializing(|_| true);
        self.fetch.reset_positions(wires);
    }

    /// False while the committed offsets are not known.
    fn begin_where_committed(
        &mut self,
        partitions: BTreeSet<NamedPartition>,
        wires: &mut dyn Wires,
    ) -> bool {
        let question = (partitions, self.stable_generation());
        if let Some((_, offsets)) = self.committed.answer.take_if(|(asked, _)| *asked == question) {
            self.apply_committed(offsets);
            return true;
        }
        self.committed.answer = None;
        if self.committed.asked.as_ref().is_some_and(|asked| *asked == question) {
            return false;
        }
        if self.committed.retry_at.is_some_and(|at| wires.now() < at) {
            let retry_at = self.committed.retry_at;
            self.check_at(retry_at);
        } else if self.coordinator(wires).is_none() {
            self.find_coordinator(wires);
        } else {
            self.ask_for_committed(question, wires);
        }
        false
    }

    /// The generation that answers must be of. A member of the consumer protocol has epochs, which do not matter here.
    fn stable_generation(&self) -> Option<i32> {
        let is_stable = self.classic.state == MemberState::Stable;
        Some(self.classic.generation.id)
            .filter(|_| is_stable && self.protocol == GroupProtocol::Classic)
    }

    fn ask_for_committed(&mut self, question: Question, wires: &mut dyn Wires) {
        let metadata = &self.fetch.cluster.metadata;
        let is_member = self.protocol == GroupProtocol::Consumer;
        let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
        for at in &question.0 {
            topics.entry(&*at.topic).or_default().push(at.partition);
        }
        let ids: Option<Vec<Uuid>> = topics.keys().map(|name| metadata.topic_id(name)).collect();
        let ids = ids.filter(|_| is_member);
        let names: Vec<(String, Vec<i32>)> =
            topics.into_iter().map(|(name, partitions)| (name.to_owned(), partitions)).collect();
        let newest = if ids.is_some() { BY_TOPIC_IDS } else { BY_TOPIC_IDS - 1 };
        let with_epoch = is_member && self.member.epoch > 0;
        let (group_id, member_id, epoch) =
            (self.group_id.clone(), self.member.id.to_string(), self.member.epoch);
        let request = |version| {
            let topic = |(place, (name, partition_indexes))| match &ids {
                Some(ids) if version >= BY_TOPIC_IDS => offset_fetch_request::GroupTopic {
                    topic_id: ids[place],
                    partition_indexes,
                    ..offset_fetch_request::GroupTopic::default()
                },
                _ => offset_fetch_request::GroupTopic {
                    name,
                    partition_indexes,
                    ..offset_fetch_request::GroupTopic::default()
                },
            };
            let group = offset_fetch_request::Group {
                group_id,
                member_id: with_epoch.then_some(member_id),
                member_epoch: if with_epoch { epoch } else { -1 },
                topics: Some(names.into_iter().enumerate().map(topic).collect()),
            };
            OffsetFetchRequest {
                groups: vec![group],
                require_stable: true,
                ..OffsetFetchRequest::default()
            }
        };
        let (partitions, generation) = question.clone();
        let pending = Pending::Committed { partitions, generation };
        if self.ask_coordinator(9..=newest, request, pending, wires) {
            self.committed.asked = Some(question);
        }
    }

    pub(super) fn on_committed_answered(
        &mut self,
        partitions: &BTreeSet<NamedPartition>,
        generation: Option<i32>,
        completed: &Completed,
        wires: &mut dyn Wires,
    ) {
        let question = (partitions.clone(), generation);
        let is_last = self.committed.asked.as_ref() == Some(&question);
        if !is_last && self.protocol == GroupProtocol::Classic {
            return; // CF-3
        }
        if is_last {
            self.committed.asked = None;
        }
        let group = match completed.response::<OffsetFetchRequest>() {
            Ok(response) => response.groups.into_iter().find(|it| it.group_id == self.group_id),
            Err(error) => {
                if error != NetError::UnsupportedVersion {
                    self.mark_coordinator_unknown(true, wires);
                }
                return self.on_no_committed(net_error(error), wires);
            }
        };
        let Some(group) = group else {
            return self.on_no_committed(ErrorCode::UnknownServerError, wires);
        };
        let error = ErrorCode::from_code(group.error_code);
        if matches!(error, ErrorCode::CoordinatorNotAvailable | ErrorCode::NotCoordinator) {
            self.mark_coordinator_unknown(false, wires);
        }
        if !error.is_ok() {
            return self.on_no_committed(error, wires);
        }
        match self.committed_of(&group) {
            Err(error) => self.on_no_committed(error, wires),
            Ok(offsets) => {
                (self.committed.attempts, self.committed.retry_at) = (0, None);
                if self.protocol == GroupProtocol::Classic {
                    self.committed.answer = Some((question, offsets));
                    return;
                }
                self.apply_committed(offsets);
                self.fetch.reset_initializing(|at| partitions.contains(at));
                self.fetch.reset_positions(wires);
            }
        }
    }

    /// The offsets of an answer, or the error that counts.
    fn committed_of(&self, group: &offset_fetch_response::Group) -> Result<Offsets, ErrorCode> {
        let metadata = &self.fetch.cluster.metadata;
        let (mut offsets, mut denied, mut unstable) = (Offsets::new(), false, false);
        for topic in &group.topics {
            let name = match topic.topic_id == Uuid::ZERO {
                true => Some(topic.name.as_str().into()),
                false => metadata.topic_name(topic.topic_id).cloned(),
            };
            let Some(name) = name else {
                return Err(ErrorCode::UnknownTopicId);
            };
            for partition in &topic.partitions {
                let at =
                    NamedPartition { topic: name.clone(), partition: partition.partition_index };
                match ErrorCode::from_code(partition.error_code) {
                    ErrorCode::None => {
                        let epoch = Some(LeaderEpoch(partition.committed_leader_epoch));
                        let epoch = epoch.filter(|epoch| epoch.0 >= 0);
                        let offset = Offset(partition.committed_offset);
                        offsets.insert(at, (offset.0 >= 0).then_some((offset, epoch)));
                    }
                    ErrorCode::TopicAuthorizationFailed => denied = true,
                    ErrorCode::UnstableOffsetCommit => unstable = true,
                    // A member of the consumer protocol asks again; a classic one gives up.
                    ErrorCode::UnknownTopicOrPartition
                        if self.protocol == GroupProtocol::Classic =>
                    {
                        return Err(ErrorCode::UnknownServerError);
                    }
                    error => return Err(error),
                }
            }
        }
        match (denied, unstable) {
            (true, _) => Err(ErrorCode::TopicAuthorizationFailed),
            (false, true) => Err(ErrorCode::UnstableOffsetCommit),
            (false, false) => Ok(offsets),
        }
    }

    fn on_no_committed(&mut self, error: ErrorCode, wires: &mut dyn Wires) {
        let is_stale = error == ErrorCode::StaleMemberEpoch && self.member.epoch > 0;
        if !error.is_retriable() && !is_stale {
            return self.fail(error);
        }
        let client = &self.fetch.config.client;
        let backoff = ExponentialBackoff::new(client.retry_backoff, client.retry_backoff_max);
        let wait = backoff.wait(self.committed.attempts, KafkaConsumer::STREAM, wires);
        self.committed.attempts = self.committed.attempts.saturating_add(1);
        self.committed.retry_at = Some(wires.now() + wait);
    }

    /// Partitions begin where the group has committed; those of which it has not are left as they are
    /// (`refreshCommittedOffsets`).
    fn apply_committed(&mut self, offsets: Offsets) {
        for (partition, committed) in offsets {
            let Some((offset, epoch)) = committed else {
                continue;
            };
            if let Some(epoch) = epoch {
                self.fetch.cluster.metadata.on_epoch_seen(&partition, epoch);
            }
            let leader = self.fetch.cluster.metadata.leader(&partition);
            let state = self.fetch.assigned.get_mut(&partition);
            let Some(state) = state.filter(|it| it.should_initialize()) else {
                continue;
            };
            state.seek_unvalidated(Position { offset, offset_epoch: epoch, leader });
            self.tell(GroupEvent::PositionCommitted { partition, offset });
        }
    }
}
