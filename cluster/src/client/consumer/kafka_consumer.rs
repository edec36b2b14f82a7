//! The consumer as a program sees it: assign, poll, and events about positions.
//!
//! In Kafka:   `KafkaConsumer` with `assign` (`ClassicKafkaConsumer`).
//! Holds:      the assigned partitions, the fetcher's sessions and buffer, the requests that are under way.
//! Inputs:     polls, network inputs, the timer. Effects: requests, and `ConsumerEvent`s.
//! Invariants: C3 what polls return of a partition has rising offsets from its position on.
//! Left out:   transactions. A partition whose fetch failed waits `retry.backoff.ms` (Kafka asks again at once, which
//!             differs only in load). Groups and commits are in `group/`, which drives this machine step by step.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use trial_sim::{Input, Time};

use super::completed_fetch::CompletedFetch;
use super::subscription::{PartitionState, Position, ResetCause};
use crate::client::{ClusterClient, Metadata, NamedPartition};
use crate::config::ConsumerConfig;
use crate::error_code::ErrorCode;
use crate::ids::{BrokerId, LeaderEpoch, Offset, TopicPartition};
use crate::net::{Completed, Wires};
use crate::partition::fetch_session::FetchSessionHandler;

/// A record that a poll returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumedRecord {
    /// Its offset.
    pub offset: Offset,
    /// The epoch of the leader that wrote it.
    pub leader_epoch: LeaderEpoch,
    /// Its timestamp.
    pub timestamp: i64,
    /// Its key.
    pub key: Option<Bytes>,
    /// Its value.
    pub value: Option<Bytes>,
    /// Its headers.
    pub headers: Vec<(Bytes, Option<Bytes>)>,
}

/// What one poll returned of one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Polled {
    /// The partition.
    pub partition: NamedPartition,
    /// The records in the order of their offsets; none if only the position moved.
    pub records: Vec<ConsumedRecord>,
    /// The position afterwards.
    pub position: Offset,
}

/// What happened to a position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConsumerEvent {
    /// It was set to where `auto.offset.reset` says.
    PositionReset {
        /// The partition.
        partition: NamedPartition,
        /// Where it stands now.
        offset: Offset,
        /// Why.
        cause: ResetCause,
    },
    /// The leader's log ends before it, or does not know its epoch (KIP-320).
    TruncationDetected {
        /// The partition.
        partition: NamedPartition,
        /// Where it stood.
        position: Offset,
        /// Where the leader's log parted from what was read; none if nobody knows.
        divergent: Option<Offset>,
    },
    /// The application must decide: no policy says where to go on. It is told once, and the partition stands still.
    Stuck {
        /// The partition.
        partition: NamedPartition,
        /// Why.
        cause: ResetCause,
    },
    /// A batch's bytes are not what their checksum says; they are fetched again.
    CorruptBatch {
        /// The partition.
        partition: NamedPartition,
        /// The position.
        position: Offset,
    },
}

/// A request that is under way.
#[derive(Debug, Clone)]
pub(super) enum Pending {
    Fetch { node: BrokerId },
    ListOffsets { partitions: BTreeSet<NamedPartition> },
    Validate { positions: BTreeMap<NamedPartition, super::subscription::Position> },
}

/// The fetch session with one node.
#[derive(Debug, Clone, Default)]
pub(super) struct NodeSession {
    pub(super) handler: FetchSessionHandler,
    /// What the handler was told to fetch.
    pub(super) fetching: BTreeSet<TopicPartition>,
    pub(super) in_flight: bool,
    /// What is to be fetched as soon as the connection is made.
    pub(super) connecting: BTreeSet<NamedPartition>,
    pub(super) retry_at: Option<Time>,
}

/// An assigning consumer.
#[derive(Debug, Clone)]
pub struct KafkaConsumer {
    pub(super) config: ConsumerConfig,
    pub(super) cluster: ClusterClient,
    pub(super) assigned: BTreeMap<NamedPartition, PartitionState>,
    pub(super) sessions: BTreeMap<BrokerId, NodeSession>,
    pub(super) buffer: VecDeque<CompletedFetch>,
    pub(super) pending: BTreeMap<u64, Pending>,
    pub(super) events: VecDeque<ConsumerEvent>,
    /// When a node or a partition may be tried again.
    pub(super) next_check: Option<Time>,
    /// When all was done that could be done; none if something has changed since.
    pub(super) settled_at: Option<Time>,
    /// Topics of which every partition is assigned as soon as it is known.
    topics: BTreeSet<Arc<str>>,
    metadata_version: u64,
}

impl KafkaConsumer {
    /// The stream that its back-off is drawn from.
    pub const STREAM: &'static str = "consumer";

    /// A consumer that knows only where to ask first.
    #[must_use]
    pub fn new(config: ConsumerConfig, client_id: &str, bootstrap: &[(String, u16)]) -> Self {
        // A consumer does not limit the requests to a node: it has one fetch and few others.
        let cluster = ClusterClient::new(&config.client, client_id, Self::STREAM, 100, bootstrap);
        Self {
            config,
            cluster,
            assigned: BTreeMap::new(),
            sessions: BTreeMap::new(),
            buffer: VecDeque::new(),
            pending: BTreeMap::new(),
            events: VecDeque::new(),
            next_check: None,
            settled_at: None,
            topics: BTreeSet::new(),
            metadata_version: 0,
        }
    }

    /// Assigns all partitions of a topic, now and whenever it gets more.
    pub fn assign_topic(&mut self, topic: &Arc<str>, wires: &mut dyn Wires) {
        self.topics.insert(topic.clone());
        self.cluster.metadata.want(topic);
        self.settled_at = None;
        self.run(wires);
    }

    /// Assigns one partition.
    pub fn assign(&mut self, partition: NamedPartition, wires: &mut dyn Wires) {
        self.cluster.metadata.want(&partition.topic);
        self.assigned.entry(partition).or_insert_with(PartitionState::new);
        self.settled_at = None;
        self.run(wires);
    }

    /// Where a partition is read next; none while that is not known.
    #[must_use]
    pub fn position(&self, partition: &NamedPartition) -> Option<Offset> {
        Some(self.assigned.get(partition)?.position()?.offset)
    }

    /// Goes to an offset; the next poll returns from there. False if the partition is not assigned.
    pub fn seek(&mut self, partition: &NamedPartition, offset: Offset) -> bool {
        let leader = self.cluster.metadata.leader(partition);
        let Some(state) = self.assigned.get_mut(partition) else {
            return false;
        };
        state.seek_unvalidated(Position { offset, offset_epoch: None, leader });
        self.settled_at = None;
        true
    }

    /// Returns nothing of a partition until it is resumed. False if the partition is not assigned.
    pub fn pause(&mut self, partition: &NamedPartition) -> bool {
        self.set_paused(partition, true)
    }

    /// Ends a pause: what has come meanwhile is returned first. False if the partition is not assigned.
    pub fn resume(&mut self, partition: &NamedPartition) -> bool {
        self.set_paused(partition, false)
    }

    fn set_paused(&mut self, partition: &NamedPartition, is_paused: bool) -> bool {
        let Some(state) = self.assigned.get_mut(partition) else {
            return false;
        };
        state.is_paused = is_paused;
        self.settled_at = None;
        true
    }

    /// What it knows of the cluster.
    #[must_use]
    pub const fn metadata(&self) -> &Metadata {
        &self.cluster.metadata
    }

    /// The partitions that are assigned.
    pub fn assignment(&self) -> impl Iterator<Item = &NamedPartition> {
        self.assigned.keys()
    }

    /// Returns what has come, up to `max.poll.records`, moves the positions behind it, and asks for more.
    pub fn poll(&mut self, wires: &mut dyn Wires) -> Vec<Polled> {
        let polled = self.collect(wires.now());
        self.run(wires);
        polled
    }

    /// Handles a network input; false if it is not about this consumer's connections.
    pub fn on_input(&mut self, input: &Input, wires: &mut dyn Wires) -> bool {
        let ours = self.cluster.on_input(input, wires);
        self.settled_at = None;
        self.run(wires);
        ours
    }

    /// To be called at [`Self::next_deadline`]; earlier does no harm.
    pub fn on_timer(&mut self, wires: &mut dyn Wires) {
        self.run(wires);
    }

    /// When something is due.
    #[must_use]
    pub fn next_deadline(&mut self, now: Time) -> Option<Time> {
        self.cluster.next_deadline(now).into_iter().chain(self.next_check).min()
    }

    /// The next event, oldest first.
    pub fn next_event(&mut self) -> Option<ConsumerEvent> {
        self.events.pop_front()
    }

    /// Does all that can be done now.
    pub(super) fn run(&mut self, wires: &mut dyn Wires) {
        self.cluster.poll(wires);
        while let Some(completed) = self.cluster.next_completed() {
            self.on_completed(&completed, wires);
        }
        self.on_metadata();
        if self.settled_at != Some(wires.now()) {
            self.next_check = None;
            self.reset_initializing(|_| true);
            self.reset_positions(wires);
            self.validate_positions(wires);
            self.send_fetches(wires);
            self.settled_at = Some(wires.now());
        }
        self.cluster.poll(wires);
    }

    /// One of its requests has completed.
    pub(super) fn on_completed(&mut self, completed: &Completed, wires: &mut dyn Wires) {
        self.settled_at = None;
        match self.pending.remove(&completed.token).expect("every request is known") {
            Pending::Fetch { node } => self.on_fetch_completed(node, completed, wires),
            Pending::ListOffsets { partitions } => {
                self.on_list_offsets_completed(&partitions, completed, wires);
            }
            Pending::Validate { positions } => {
                self.on_validation_completed(&positions, completed, wires);
            }
        }
    }

    /// Takes in what metadata says now: new partitions, other leaders.
    pub(super) fn on_metadata(&mut self) {
        let metadata = &self.cluster.metadata;
        if metadata.version() == self.metadata_version {
            return;
        }
        self.metadata_version = metadata.version();
        self.settled_at = None;
        for topic in &self.topics {
            for (partition, _) in metadata.partitions(topic) {
                let at = NamedPartition { topic: topic.clone(), partition };
                self.assigned.entry(at).or_insert_with(PartitionState::new);
            }
        }
        for (at, state) in &mut self.assigned {
            state.on_leader(metadata.leader(at));
        }
    }

    /// Has these partitions from now on and no others; those that stay keep their positions (`assignFromSubscribed`).
    pub(super) fn assign_only(&mut self, partitions: &BTreeSet<NamedPartition>) {
        self.assigned.retain(|at, _| partitions.contains(at));
        for at in partitions {
            self.assigned.entry(at.clone()).or_insert_with(PartitionState::new);
        }
        self.settled_at = None;
    }

    /// Where every partition that can be fetched stands: what a commit is about (`allConsumed`).
    pub(super) fn all_consumed(&self) -> BTreeMap<NamedPartition, (Offset, Option<LeaderEpoch>)> {
        let known = self.assigned.iter().filter_map(|(at, state)| {
            let position = state.valid_position()?;
            Some((at.clone(), (position.offset, position.offset_epoch)))
        });
        known.collect()
    }

    /// Whether every partition can be fetched.
    pub(super) fn has_all_positions(&self) -> bool {
        self.assigned.values().all(|state| state.valid_position().is_some())
    }

    /// The partitions whose first position is still to be found.
    pub(super) fn initializing(&self) -> BTreeSet<NamedPartition> {
        let initial = self.assigned.iter().filter(|(_, state)| state.should_initialize());
        initial.map(|(at, _)| at.clone()).collect()
    }

    /// Remembers to look again at `at`.
    pub(super) fn check_at(&mut self, at: Option<Time>) {
        self.next_check = self.next_check.into_iter().chain(at).min();
    }

    /// A position that can be set anew by policy is; else the application is told.
    pub(super) fn reset_or_stick(&mut self, partition: &NamedPartition, cause: ResetCause) {
        let policy = self.config.consumer.auto_offset_reset;
        let Some(state) = self.assigned.get_mut(partition) else {
            return;
        };
        if policy == crate::config::OffsetReset::None {
            state.stick();
            let partition = partition.clone();
            self.events.push_back(ConsumerEvent::Stuck { partition, cause });
        } else {
            state.reset(cause);
        }
    }

    /// A request about these partitions failed: they wait, and metadata may be out of date.
    pub(super) fn back_off<'a>(
        &mut self,
        partitions: impl Iterator<Item = &'a NamedPartition>,
        now: Time,
    ) {
        let retry_at = now + self.config.client.retry_backoff;
        for partition in partitions {
            if let Some(state) = self.assigned.get_mut(partition) {
                state.retry_at = Some(retry_at);
            }
        }
        self.cluster.metadata.request_update();
    }
}

/// Whether a leader that answered this may answer otherwise soon.
pub(super) const fn is_leader_error(error: ErrorCode) -> bool {
    matches!(
        error,
        ErrorCode::NotLeaderOrFollower
            | ErrorCode::ReplicaNotAvailable
            | ErrorCode::KafkaStorageError
            | ErrorCode::FencedLeaderEpoch
            | ErrorCode::OffsetNotAvailable
            | ErrorCode::UnknownTopicOrPartition
            | ErrorCode::UnknownTopicId
            | ErrorCode::InconsistentTopicId
    )
}
