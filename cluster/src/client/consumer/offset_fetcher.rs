//! Asks leaders where to begin, and whether a position is still on their log.
//!
//! In Kafka:   `OffsetFetcher`, `OffsetFetcherUtils`, `OffsetsForLeaderEpochUtils`; KIP-320.
//! Invariants: OF-1 an answer counts only if the partition still waits for it, at the same position.

use std::collections::{BTreeMap, BTreeSet};

use super::kafka_consumer::{ConsumerEvent, KafkaConsumer, Pending};
use super::subscription::{FetchState, Position, ResetCause};
use crate::client::NamedPartition;
use crate::config::OffsetReset;
use crate::error_code::ErrorCode;
use crate::ids::{BrokerId, LeaderEpoch, Offset};
use crate::mark;
use crate::net::{Completed, Wires};
use crate::wire::{
    ApiKey, ListOffsetsRequest, OffsetForLeaderEpochRequest, list_offsets_request,
    list_offsets_response, offset_for_leader_epoch_request, offset_for_leader_epoch_response,
};

/// `ListOffsetsRequest.EARLIEST_TIMESTAMP`.
const EARLIEST: i64 = -2;
/// `ListOffsetsRequest.LATEST_TIMESTAMP`.
const LATEST: i64 = -1;
/// A reader that is no broker.
const CONSUMER: i32 = -1;

impl KafkaConsumer {
    /// Partitions without any position yet are set to where the policy says.
    pub(super) fn reset_initializing(&mut self, is_meant: impl Fn(&NamedPartition) -> bool) {
        let initial =
            self.assigned.iter().filter(|(at, it)| it.should_initialize() && is_meant(at));
        let initial: Vec<NamedPartition> = initial.map(|(at, _)| at.clone()).collect();
        for at in initial {
            self.reset_or_stick(&at, ResetCause::Beginning);
        }
    }

    /// Asks for the offsets of all partitions that wait for one.
    pub(super) fn reset_positions(&mut self, wires: &mut dyn Wires) {
        let waiting = self.waiting(wires, |state| matches!(state, FetchState::AwaitReset(_)));
        for (node, partitions) in self.by_leader(waiting) {
            if self.is_ready(node, wires) {
                self.send_list_offsets(node, partitions, wires);
            }
        }
    }

    /// Asks for the end of the position's epoch of all partitions whose leader changed.
    pub(super) fn validate_positions(&mut self, wires: &mut dyn Wires) {
        let waiting = self.waiting(wires, |state| state == FetchState::AwaitValidation);
        for (node, partitions) in self.by_leader(waiting) {
            if self.is_ready(node, wires) {
                self.send_validation(node, &partitions, wires);
            }
        }
    }

    /// The partitions in such a state that wait out no failure; of the others the time is remembered.
    fn waiting(
        &mut self,
        wires: &dyn Wires,
        is_it: impl Fn(FetchState) -> bool,
    ) -> BTreeSet<NamedPartition> {
        let now = wires.now();
        let mut waiting = BTreeSet::new();
        let mut retry_at = None;
        for (at, state) in self.assigned.iter().filter(|(_, it)| is_it(it.state)) {
            if state.is_backing_off(now) {
                retry_at = retry_at.into_iter().chain(state.retry_at).min();
            } else {
                waiting.insert(at.clone());
            }
        }
        self.check_at(retry_at);
        waiting
    }

    /// Groups partitions by their leaders; for those without one, metadata is asked for.
    fn by_leader(
        &mut self,
        partitions: BTreeSet<NamedPartition>,
    ) -> BTreeMap<BrokerId, BTreeSet<NamedPartition>> {
        let mut by_leader: BTreeMap<BrokerId, BTreeSet<NamedPartition>> = BTreeMap::new();
        for at in partitions {
            match self.cluster.metadata.leader(&at).leader {
                Some(leader) => {
                    by_leader.entry(leader).or_default().insert(at);
                }
                None => self.cluster.metadata.request_update(),
            }
        }
        by_leader
    }

    pub(super) fn is_ready(&mut self, node: BrokerId, wires: &mut dyn Wires) -> bool {
        let ready = self.cluster.net.ready(node, wires);
        if !ready {
            let retry_at = self.cluster.net.retry_at(node);
            self.check_at(retry_at);
        }
        ready
    }

    fn send_list_offsets(
        &mut self,
        node: BrokerId,
        partitions: BTreeSet<NamedPartition>,
        wires: &mut dyn Wires,
    ) {
        let Some(version) = self.cluster.net.usable_version(node, ApiKey::ListOffsets, 5..=11)
        else {
            self.back_off(partitions.iter(), wires.now());
            return;
        };
        let timestamp = match self.config.consumer.auto_offset_reset {
            OffsetReset::Earliest => EARLIEST,
            OffsetReset::Latest => LATEST,
            OffsetReset::None => unreachable!("without a policy nothing is reset"),
        };
        let mut topics: BTreeMap<&str, Vec<list_offsets_request::Partition>> = BTreeMap::new();
        for at in &partitions {
            let epoch = self.cluster.metadata.leader(at).epoch.unwrap_or(LeaderEpoch::NONE);
            topics.entry(&*at.topic).or_default().push(list_offsets_request::Partition {
                partition_index: at.partition,
                current_leader_epoch: epoch.0,
                timestamp,
            });
        }
        let topics = topics.into_iter().map(|(name, partitions)| list_offsets_request::Topic {
            name: name.to_owned(),
            partitions,
        });
        let timeout_ms = self.config.client.request_timeout.0 / 1_000_000;
        let request = ListOffsetsRequest {
            replica_id: CONSUMER,
            topics: topics.collect(),
            timeout_ms: i32::try_from(timeout_ms).unwrap_or(i32::MAX),
            ..ListOffsetsRequest::default()
        };
        let token = self.cluster.token();
        let request = self.cluster.net.request(version, token, &request);
        self.await_answer(partitions.iter(), wires);
        self.pending.insert(token, Pending::ListOffsets { partitions });
        self.cluster.net.send(node, request, wires);
    }

    /// Until the answer comes or its request times out, the partitions are not asked about again.
    fn await_answer<'a>(
        &mut self,
        partitions: impl Iterator<Item = &'a NamedPartition>,
        wires: &dyn Wires,
    ) {
        let retry_at = wires.now() + self.config.client.request_timeout;
        for at in partitions {
            let state = self.assigned.get_mut(at).expect("it waits");
            state.retry_at = Some(retry_at);
        }
    }

    pub(super) fn on_list_offsets_completed(
        &mut self,
        partitions: &BTreeSet<NamedPartition>,
        completed: &Completed,
        wires: &dyn Wires,
    ) {
        let Ok(response) = completed.response::<ListOffsetsRequest>() else {
            self.back_off(partitions.iter(), wires.now());
            return;
        };
        for at in partitions {
            let topic = response.topics.iter().find(|topic| topic.name == *at.topic);
            let answer = topic.and_then(|topic| {
                topic.partitions.iter().find(|answer| answer.partition_index == at.partition)
            });
            match answer.filter(|it| ErrorCode::from_code(it.error_code).is_ok() && it.offset >= 0)
            {
                Some(answer) => self.on_offset(at, answer),
                None => self.back_off([at].into_iter(), wires.now()),
            }
        }
    }

    fn on_offset(&mut self, at: &NamedPartition, answer: &list_offsets_response::Partition) {
        let leader = self.cluster.metadata.leader(at);
        let Some(state) = self.assigned.get_mut(at) else {
            return;
        };
        let FetchState::AwaitReset(cause) = state.state else {
            return; // OF-1
        };
        // Without an epoch of its own the position needs no validation.
        let position = Position { offset: Offset(answer.offset), offset_epoch: None, leader };
        state.seek_unvalidated(position);
        if answer.leader_epoch >= 0 {
            self.cluster.metadata.on_epoch_seen(at, LeaderEpoch(answer.leader_epoch));
        }
        let (partition, offset) = (at.clone(), position.offset);
        self.events.push_back(ConsumerEvent::PositionReset { partition, offset, cause });
    }

    fn send_validation(
        &mut self,
        node: BrokerId,
        partitions: &BTreeSet<NamedPartition>,
        wires: &mut dyn Wires,
    ) {
        let api = ApiKey::OffsetForLeaderEpoch;
        let Some(version) = self.cluster.net.usable_version(node, api, 3..=4) else {
            // As in Kafka: who cannot be asked is believed.
            for at in partitions {
                let state = self.assigned.get_mut(at).expect("it waits");
                state.seek_validated(state.position().expect("SU-1"));
            }
            return;
        };
        let positions: BTreeMap<NamedPartition, Position> = partitions
            .iter()
            .map(|at| (at.clone(), self.assigned[at].position().expect("SU-1")))
            .collect();
        let mut topics: BTreeMap<&str, Vec<offset_for_leader_epoch_request::Partition>> =
            BTreeMap::new();
        for (at, position) in &positions {
            let (current, asked) = (position.leader.epoch, position.offset_epoch);
            let partition = offset_for_leader_epoch_request::Partition {
                partition: at.partition,
                current_leader_epoch: current.unwrap_or(LeaderEpoch::NONE).0,
                leader_epoch: asked.unwrap_or(LeaderEpoch::NONE).0,
            };
            topics.entry(&*at.topic).or_default().push(partition);
        }
        let topics = topics.into_iter().map(|(name, partitions)| {
            offset_for_leader_epoch_request::Topic { topic: name.to_owned(), partitions }
        });
        let request =
            OffsetForLeaderEpochRequest { replica_id: CONSUMER, topics: topics.collect() };
        let token = self.cluster.token();
        let request = self.cluster.net.request(version, token, &request);
        self.await_answer(partitions.iter(), wires);
        self.pending.insert(token, Pending::Validate { positions });
        self.cluster.net.send(node, request, wires);
    }

    pub(super) fn on_validation_completed(
        &mut self,
        positions: &BTreeMap<NamedPartition, Position>,
        completed: &Completed,
        wires: &mut dyn Wires,
    ) {
        let Ok(response) = completed.response::<OffsetForLeaderEpochRequest>() else {
            self.back_off(positions.keys(), wires.now());
            return;
        };
        for (at, position) in positions {
            let topic = response.topics.iter().find(|topic| topic.topic == *at.topic);
            let answer = topic.and_then(|topic| {
                topic.partitions.iter().find(|answer| answer.partition == at.partition)
            });
            match answer.filter(|answer| ErrorCode::from_code(answer.error_code).is_ok()) {
                Some(answer) => self.on_epoch_end(at, position, answer, wires),
                None => self.back_off([at].into_iter(), wires.now()),
            }
        }
    }

    /// The leader said where the position's epoch ends on its log: before the position means that what was read there
    /// is gone.
    fn on_epoch_end(
        &mut self,
        at: &NamedPartition,
        asked: &Position,
        answer: &offset_for_leader_epoch_response::Partition,
        wires: &mut dyn Wires,
    ) {
        let has_policy = self.config.consumer.auto_offset_reset != OffsetReset::None;
        let Some(state) = self.assigned.get_mut(at) else {
            return;
        };
        if state.state != FetchState::AwaitValidation || state.position() != Some(*asked) {
            return; // OF-1
        }
        let known = answer.end_offset >= 0 && answer.leader_epoch >= 0;
        let end = Offset(answer.end_offset);
        if known && end >= asked.offset {
            state.seek_validated(*asked);
            return;
        }
        mark::reachable!(
            wires,
            "consumer_detects_truncation",
            "a consumer learned that what it has read is gone from the log (KIP-320)"
        );
        let divergent = Some(end).filter(|_| known);
        self.events.push_back(ConsumerEvent::TruncationDetected {
            partition: at.clone(),
            position: asked.offset,
            divergent,
        });
        match divergent {
            // The first offset that differs, which is better than what any policy could say.
            Some(offset) if has_policy => {
                let offset_epoch = Some(LeaderEpoch(answer.leader_epoch));
                state.seek_validated(Position { offset, offset_epoch, leader: asked.leader });
            }
            Some(_) | None => self.reset_or_stick(at, ResetCause::Truncated),
        }
    }
}
