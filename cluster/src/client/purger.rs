//! Deletes the records that a consumer has read, every so often: what an application does that keeps its own state.
//!
//! In Kafka:   `KafkaAdminClient.deleteRecords`; `TaskManager.maybePurgeCommittedRecords` of Kafka Streams, which does
//!             so with its repartition topics (`repartition.purge.interval.ms`).
//! Holds:      up to where records are to go and have gone, requests that are under way.
//! Inputs:     the positions of the consumer; network inputs, the timer. Effects: requests to leaders, and `Purged`.
//! Invariants: PG-1 nothing is deleted that the consumer has not passed. PG-2 one request a partition at a time.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use trial_sim::{Input, Span, Time};

use super::{ClusterClient, NamedPartition};
use crate::config::ClientSettings;
use crate::error_code::ErrorCode;
use crate::ids::{BrokerId, Offset};
use crate::net::{Completed, ExponentialBackoff, Wires};
use crate::wire::{ApiKey, DeleteRecordsRequest, delete_records_request as wire};

/// Records have gone from all live replicas of a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purged {
    /// The partition.
    pub partition: NamedPartition,
    /// Where the log starts at the replica that has most.
    pub low_watermark: Offset,
}

/// Deletes what was read.
#[derive(Debug, Clone)]
pub struct Purger {
    cluster: ClusterClient,
    topic: Arc<str>,
    timeout: Span,
    every: Span,
    /// When the consumer is asked for its positions again.
    due: Time,
    wanted: BTreeMap<i32, Offset>,
    gone: BTreeMap<i32, Offset>,
    pending: BTreeMap<u64, BTreeSet<i32>>,
    backoff: ExponentialBackoff,
    attempts: u32,
    retry_at: Time,
    events: VecDeque<Purged>,
}

impl Purger {
    /// The stream that its back-off is drawn from.
    pub const STREAM: &'static str = "purger";

    /// One that deletes records of `topic`.
    #[must_use]
    pub fn new(
        settings: &ClientSettings,
        client_id: &str,
        bootstrap: &[(String, u16)],
        topic: Arc<str>,
        every: Span,
    ) -> Self {
        let id = format!("{client_id}-admin");
        Self {
            cluster: ClusterClient::new(settings, &id, Self::STREAM, 5, bootstrap),
            topic,
            timeout: settings.request_timeout,
            every,
            due: Time::ZERO + every,
            wanted: BTreeMap::new(),
            gone: BTreeMap::new(),
            pending: BTreeMap::new(),
            backoff: ExponentialBackoff::new(settings.retry_backoff, settings.retry_backoff_max),
            attempts: 0,
            retry_at: Time::ZERO,
            events: VecDeque::new(),
        }
    }

    /// The process begins.
    pub fn begin(&mut self, wires: &mut dyn Wires) {
        self.due = wires.now() + self.every;
        self.cluster.metadata.want(&self.topic);
        self.cluster.poll(wires);
    }

    /// Handles a network input; false if it is not about its connections.
    pub fn on_input(&mut self, input: &Input, wires: &mut dyn Wires) -> bool {
        let ours = self.cluster.on_input(input, wires);
        self.run(wires);
        ours
    }

    /// To be called at [`Self::next_deadline`] with where the consumer stands; earlier does no harm.
    pub fn on_timer(&mut self, positions: &[(i32, Offset)], wires: &mut dyn Wires) {
        let now = wires.now();
        if self.due <= now {
            self.due = now + self.every;
            for (partition, position) in positions {
                if self.gone.get(partition).is_none_or(|gone| gone < position) {
                    self.wanted.insert(*partition, *position);
                }
            }
        }
        self.run(wires);
    }

    /// When something is due.
    #[must_use]
    pub fn next_deadline(&mut self, now: Time) -> Option<Time> {
        let retry = (self.retry_at > now && !self.wanted.is_empty()).then_some(self.retry_at);
        let network = self.cluster.next_deadline(now);
        network.into_iter().chain(retry).chain(Some(self.due)).min()
    }

    /// The next event, oldest first.
    pub fn next_event(&mut self) -> Option<Purged> {
        self.events.pop_front()
    }

    fn run(&mut self, wires: &mut dyn Wires) {
        self.cluster.poll(wires);
        while let Some(completed) = self.cluster.next_completed() {
            self.on_deleted(&completed, wires);
        }
        if self.retry_at <= wires.now() {
            self.delete(wires);
        }
        self.cluster.poll(wires);
    }

    /// One request to each leader of partitions with records to go.
    fn delete(&mut self, wires: &mut dyn Wires) {
        let mut by_leader: BTreeMap<BrokerId, Vec<(i32, Offset)>> = BTreeMap::new();
        for (partition, offset) in &self.wanted {
            if self.pending.values().any(|asked| asked.contains(partition)) {
                continue;
            }
            let at = NamedPartition { topic: self.topic.clone(), partition: *partition };
            match self.cluster.metadata.leader(&at).leader {
                Some(leader) => by_leader.entry(leader).or_default().push((*partition, *offset)),
                None => self.cluster.metadata.request_update(),
            }
        }
        for (leader, asked) in by_leader {
            let version = if self.cluster.net.ready(leader, wires) {
                self.cluster.net.usable_version(leader, ApiKey::DeleteRecords, 2..=2)
            } else {
                None
            };
            let Some(version) = version else {
                self.back_off(wires);
                continue;
            };
            let partition = |(index, offset): &(i32, Offset)| wire::Partition {
                partition_index: *index,
                offset: offset.0,
            };
            let partitions = asked.iter().map(partition).collect();
            let topic = wire::Topic { name: self.topic.to_string(), partitions };
            let timeout_ms = i32::try_from(self.timeout.as_millis()).unwrap_or(i32::MAX);
            let request = DeleteRecordsRequest { topics: vec![topic], timeout_ms };
            let token = self.cluster.token();
            let request = self.cluster.net.request(version, token, &request);
            self.pending.insert(token, asked.iter().map(|(partition, _)| *partition).collect());
            self.cluster.net.send(leader, request, wires);
        }
    }

    fn on_deleted(&mut self, completed: &Completed, wires: &mut dyn Wires) {
        let asked = self.pending.remove(&completed.token).expect("every request is known");
        let topics = completed.response::<DeleteRecordsRequest>().map(|found| found.topics);
        let answers: BTreeMap<i32, (ErrorCode, Offset)> = topics
            .unwrap_or_default()
            .iter()
            .flat_map(|topic| &topic.partitions)
            .map(|it| {
                (
                    it.partition_index,
                    (ErrorCode::from_code(it.error_code), Offset(it.low_watermark)),
                )
            })
            .collect();
        let mut failed = false;
        for partition in asked {
            match answers.get(&partition) {
                Some((ErrorCode::None, low_watermark)) => {
                    self.gone.insert(partition, *low_watermark);
                    if self.wanted.get(&partition).is_some_and(|to| to <= low_watermark) {
                        self.wanted.remove(&partition);
                    }
                    let partition = NamedPartition { topic: self.topic.clone(), partition };
                    self.events.push_back(Purged { partition, low_watermark: *low_watermark });
                }
                Some((error, _)) if !error.is_retriable() => {
                    // The next round asks for what is read by then.
                    self.wanted.remove(&partition);
                }
                Some(_) | None => failed = true,
            }
        }
        if failed {
            self.cluster.metadata.request_update();
            self.back_off(wires);
        } else {
            self.attempts = 0;
        }
    }

    fn back_off(&mut self, wires: &mut dyn Wires) {
        let wait = self.backoff.wait(self.attempts, Self::STREAM, wires);
        self.attempts = self.attempts.saturating_add(1);
        self.retry_at = wires.now() + wait;
    }
}
