//! Asks leaders or replicas nearby for records, keeps what comes, and returns it as polls ask for it.
//!
//! In Kafka:   `AbstractFetch`, `FetchBuffer`, `FetchCollector`; KIP-227 (sessions), KIP-392 (reading nearby),
//!             KIP-951 (leader hints).
//! Invariants: FE-1 one fetch per node at a time, and none while records of its partitions wait to be polled;
//!             FE-2 what came is returned only if the position is still where it was asked for.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use trial_sim::Time;

use super::completed_fetch::CompletedFetch;
use super::kafka_consumer::{
    ConsumerEvent, KafkaConsumer, NodeSession, Pending, Polled, is_leader_error,
};
use super::subscription::{PartitionState, Position, ResetCause};
use crate::client::NamedPartition;
use crate::client::metadata::Endpoint;
use crate::error_code::ErrorCode;
use crate::ids::{BrokerId, LeaderEpoch, Offset, TopicPartition};
use crate::mark;
use crate::net::{Completed, Wires};
use crate::partition::fetch_session::{FetchRequestPlan, SessionId};
use crate::partition::read::FetchPartition;
use crate::wire::{ApiKey, FetchRequest, FetchResponse, fetch_request, fetch_response};

impl KafkaConsumer {
    /// Sends a fetch to every node from which a partition is read that has nothing buffered.
    pub(super) fn send_fetches(&mut self, wires: &mut dyn Wires) {
        self.forget_unreachable(wires);
        for (node, partitions) in self.fetchable(wires.now(), wires.wall_ms()) {
            let is_ready = self.is_ready(node, wires);
            if is_ready {
                self.send_fetch(node, &partitions, wires);
            }
            // In a back-off nothing is under way that could fail.
            let awaits = !is_ready && !self.cluster.net.connection_failed(node);
            let named = |id: &TopicPartition| self.named(*id);
            let connecting = awaits.then(|| partitions.keys().filter_map(named).collect());
            let session = self.sessions.entry(node).or_default();
            session.connecting = connecting.unwrap_or_default();
        }
    }

    /// A fetch that waited for a connection has failed with it.
    fn forget_unreachable(&mut self, wires: &mut dyn Wires) {
        let mut failed = BTreeSet::new();
        for (node, session) in &mut self.sessions {
            if !session.connecting.is_empty() && self.cluster.net.connection_failed(*node) {
                failed.append(&mut session.connecting);
            }
        }
        self.read_from_leaders(&failed, wires);
    }

    /// A fetch of these partitions has failed: whoever was named for them is not asked any more (`handleFetchFailure`).
    fn read_from_leaders(&mut self, partitions: &BTreeSet<NamedPartition>, wires: &mut dyn Wires) {
        for at in partitions {
            let state = self.assigned.get_mut(at);
            let was_named = state.and_then(PartitionState::clear_preferred);
            mark::sometimes!(
                wires,
                was_named.is_some(),
                "preferred_replica_unreachable",
                "a consumer could not reach the replica that it was sent to, and goes back to the leader"
            );
        }
    }

    pub(super) fn named(&self, id: TopicPartition) -> Option<NamedPartition> {
        let topic = self.cluster.metadata.topic_name(id.topic)?.clone();
        Some(NamedPartition { topic, partition: id.partition })
    }

    /// What to fetch from whom.
    fn fetchable(
        &mut self,
        now: Time,
        now_ms: i64,
    ) -> BTreeMap<BrokerId, BTreeMap<TopicPartition, FetchPartition>> {
        let buffered: BTreeSet<&NamedPartition> =
            self.buffer.iter().map(|fetch| &fetch.partition).collect();
        let is_fetching = |node| self.sessions.get(&node).is_some_and(|session| session.in_flight);
        let (mut nodes, mut busy) = (BTreeMap::<_, BTreeMap<_, _>>::new(), BTreeSet::new());
        let (mut retry_at, mut is_stale) = (None, false);
        for (at, state) in &mut self.assigned {
            let Some(position) = state.fetchable_position() else {
                continue;
            };
            let Some(leader) = position.leader.leader else {
                is_stale = true;
                continue;
            };
            let node = match state.read_replica(now_ms) {
                None => leader,
                Some(replica) if self.cluster.metadata.is_online(at, replica) => replica,
                Some(_) => {
                    (is_stale, _) = (true, state.clear_preferred());
                    leader
                }
            };
            if buffered.contains(at) {
                busy.insert(node);
            } else if state.is_backing_off(now) {
                retry_at = retry_at.into_iter().chain(state.retry_at).min();
            } else if !is_fetching(node)
                && let Some(topic) = self.cluster.metadata.topic_id(&at.topic)
            {
                let fetch = FetchPartition {
                    fetch_offset: position.offset,
                    log_start_offset: Offset(-1),
                    max_bytes: self.config.consumer.max_partition_fetch_bytes,
                    current_leader_epoch: position.leader.epoch,
                    last_fetched_epoch: None,
                };
                let id = TopicPartition { topic, partition: at.partition };
                nodes.entry(node).or_default().insert(id, fetch);
            }
        }
        for (node, session) in &self.sessions {
            if session.retry_at.is_some_and(|at| now < at) && nodes.contains_key(node) {
                busy.insert(*node);
                retry_at = retry_at.into_iter().chain(session.retry_at).min();
            }
        }
        nodes.retain(|node, _| !busy.contains(node)); // FE-1
        if is_stale {
            self.cluster.metadata.request_update();
        }
        self.check_at(retry_at);
        nodes
    }

    fn send_fetch(
        &mut self,
        node: BrokerId,
        partitions: &BTreeMap<TopicPartition, FetchPartition>,
        wires: &mut dyn Wires,
    ) {
        let version = self.cluster.net.usable_version(node, ApiKey::Fetch, 13..=18);
        let session = self.sessions.entry(node).or_default();
        let Some(version) = version else {
            let retry_at = wires.now() + self.config.client.retry_backoff;
            session.retry_at = Some(retry_at);
            self.check_at(Some(retry_at));
            return;
        };
        let plan = session.plan(partitions);
        let own = &self.config.consumer;
        let request = FetchRequest {
            rack_id: own.client_rack.clone().unwrap_or_default(),
            max_wait_ms: i32::try_from(own.fetch_max_wait.0 / 1_000_000).unwrap_or(i32::MAX),
            min_bytes: own.fetch_min_bytes,
            max_bytes: own.fetch_max_bytes,
            session_id: plan.metadata.session.0,
            session_epoch: plan.metadata.epoch.0,
            topics: topics_to_send(&plan),
            forgotten_topics_data: topics_to_forget(&plan),
            ..FetchRequest::default()
        };
        session.in_flight = true;
        let token = self.cluster.token();
        let request = self.cluster.net.request(version, token, &request);
        self.pending.insert(token, Pending::Fetch { node });
        self.cluster.net.send(node, request, wires);
    }

    pub(super) fn on_fetch_completed(
        &mut self,
        node: BrokerId,
        completed: &Completed,
        wires: &mut dyn Wires,
    ) {
        let session = self.sessions.get_mut(&node).expect("a fetch belongs to a session");
        session.in_flight = false;
        let retry_at = wires.now() + self.config.client.retry_backoff;
        let Ok(response) = completed.response::<FetchRequest>() else {
            session.handler.on_failure();
            session.retry_at = completed.result.is_ok().then_some(retry_at);
            let told: Vec<TopicPartition> = session.fetching.iter().copied().collect();
            let told = told.into_iter().filter_map(|id| self.named(id)).collect();
            self.read_from_leaders(&told, wires);
            return;
        };
        let error = ErrorCode::from_code(response.error_code);
        let ids = response.responses.iter().flat_map(|topic| {
            let id = |partition| TopicPartition { topic: topic.topic_id, partition };
            topic.partitions.iter().map(move |it| id(it.partition_index))
        });
        let (id, throttled) = (SessionId(response.session_id), response.throttle_time_ms > 0);
        if !session.handler.on_response(error, id, ids, throttled) {
            let lost = matches!(
                error,
                ErrorCode::FetchSessionIdNotFound | ErrorCode::InvalidFetchSessionEpoch
            );
            mark::sometimes!(
                wires,
                lost,
                "consumer_loses_session",
                "a broker did not know a consumer's fetch session (at this epoch), and it opens another"
            );
            // A lost session is opened again at once; whatever else it is, it may take time.
            session.retry_at = (!lost).then_some(retry_at);
            if error == ErrorCode::FetchSessionTopicIdError {
                self.cluster.metadata.request_update();
            }
            return;
        }
        session.retry_at = None;
        self.buffer_response(node, response, retry_at, wires);
    }

    fn buffer_response(
        &mut self,
        node: BrokerId,
        response: FetchResponse,
        retry_at: Time,
        wires: &mut dyn Wires,
    ) {
        let mut hints = Vec::new();
        for topic in response.responses {
            let Some(name) = self.cluster.metadata.topic_name(topic.topic_id).cloned() else {
                continue;
            };
            for answer in topic.partitions {
                let partition = answer.partition_index;
                let at = NamedPartition { topic: name.clone(), partition };
                let id = TopicPartition { topic: topic.topic_id, partition };
                let asked = self.sessions[&node].handler.told(id).expect("the handler checked it");
                let error = ErrorCode::from_code(answer.error_code);
                hints.extend(hint_of(&answer, error).map(|hint| (at.clone(), hint)));
                let preferred = Some(answer.preferred_read_replica).filter(|id| *id >= 0);
                if let (Some(replica), true) = (preferred, error.is_ok()) {
                    self.prefer(&at, BrokerId(replica), asked.fetch_offset, wires);
                }
                let records = answer.records.unwrap_or_default();
                if error.is_ok() && records.is_empty() {
                    continue;
                }
                let fetch = CompletedFetch::new(at, error, asked.fetch_offset, records);
                self.buffer.push_back(fetch);
            }
        }
        let endpoints: BTreeMap<BrokerId, Endpoint> = response
            .node_endpoints
            .into_iter()
            .filter_map(|node| {
                let port = u16::try_from(node.port).ok()?;
                Some((BrokerId(node.node_id), Endpoint { host: node.host, port }))
            })
            .collect();
        mark::sometimes!(
            wires,
            !hints.is_empty(),
            "consumer_told_of_leader",
            "a broker that no longer leads told a consumer who does (KIP-951)"
        );
        for (at, (leader, epoch)) in hints {
            self.cluster.metadata.on_leader_hint(&at, leader, epoch, &endpoints);
        }
        self.cluster.learn_nodes();
        self.take_errors(retry_at, wires);
    }

    /// The leader has named the replica to read from (`FetchCollector.updatePartitionState`).
    fn prefer(
        &mut self,
        at: &NamedPartition,
        replica: BrokerId,
        asked: Offset,
        wires: &mut dyn Wires,
    ) {
        let lease = self.config.client.metadata_max_age.as_millis();
        let until_ms = wires.wall_ms().saturating_add(i64::try_from(lease).unwrap_or(i64::MAX));
        let state = self.assigned.get_mut(at);
        let is_there = |position: Position| position.offset == asked;
        if let Some(state) = state.filter(|it| it.valid_position().is_some_and(is_there)) {
            state.prefer(replica, until_ms);
        }
    }

    /// Errors do not wait for a poll: they hold no records, and what they ask for takes time.
    fn take_errors(&mut self, retry_at: Time, wires: &mut dyn Wires) {
        let (errors, records) = self.buffer.drain(..).partition(|it| !it.error.is_ok());
        self.buffer = records;
        let errors: VecDeque<CompletedFetch> = errors;
        for fetch in errors {
            self.on_fetch_error(&fetch, retry_at, wires);
        }
    }

    fn on_fetch_error(&mut self, fetch: &CompletedFetch, retry_at: Time, wires: &mut dyn Wires) {
        let at = &fetch.partition;
        let Some(state) = self.assigned.get_mut(at) else {
            return;
        };
        let Some(position) = state.valid_position() else {
            return; // FE-2
        };
        let is_out_of_range = fetch.error == ErrorCode::OffsetOutOfRange;
        let was_named = match is_out_of_range || is_leader_error(fetch.error) {
            true => state.clear_preferred(),
            false => None,
        };
        if is_out_of_range && was_named.is_some() {
            mark::reachable!(
                wires,
                "preferred_replica_out_of_range",
                "the replica that a consumer was sent to does not have its offset, and it asks the leader"
            );
            return;
        }
        if position.offset != fetch.fetch_offset {
            return; // FE-2
        }
        if is_out_of_range {
            mark::reachable!(
                wires,
                "consumer_out_of_range",
                "a consumer's position lies outside its leader's log, and is set anew or stuck"
            );
            self.reset_or_stick(at, ResetCause::OutOfRange);
            return;
        }
        state.retry_at = Some(retry_at);
        if is_leader_error(fetch.error) {
            self.cluster.metadata.request_update();
        }
    }

    /// What a poll returns: records of the oldest fetch first.
    pub(super) fn collect(&mut self, now: Time) -> Vec<Polled> {
        let mut left = self.config.consumer.max_poll_records;
        let (mut polled, mut paused) = (Vec::<Polled>::new(), VecDeque::new());
        while left > 0 {
            let Some(mut fetch) = self.buffer.pop_front() else {
                break;
            };
            if self.assigned.get(&fetch.partition).is_some_and(|state| state.is_paused) {
                paused.push_back(fetch); // it is returned when the partition is resumed
                continue;
            }
            self.settled_at = None;
            let Some(part) = self.collect_from(&mut fetch, left, now) else {
                continue;
            };
            left -= part.records.len();
            polled.push(part);
            if !fetch.exhausted {
                self.buffer.push_front(fetch);
            }
        }
        self.buffer.append(&mut paused);
        polled
    }

    /// Takes up to `max` records of one fetch; none, and the fetch is dropped, if they are not wanted any more.
    fn collect_from(
        &mut self,
        fetch: &mut CompletedFetch,
        max: usize,
        now: Time,
    ) -> Option<Polled> {
        let state = self.assigned.get_mut(&fetch.partition)?;
        let position = state.fetchable_position()?; // SU-3
        if position.offset != fetch.next_offset {
            return None; // FE-2
        }
        let Ok(records) = fetch.take(max, self.config.consumer.check_crcs) else {
            state.retry_at = Some(now + self.config.client.retry_backoff);
            self.events.push_back(ConsumerEvent::CorruptBatch {
                partition: fetch.partition.clone(),
                position: position.offset,
            });
            return None;
        };
        if fetch.next_offset > position.offset {
            let (offset, offset_epoch) = (fetch.next_offset, fetch.last_epoch);
            state.advance(Position { offset, offset_epoch, leader: position.leader });
        }
        let (partition, position) = (fetch.partition.clone(), fetch.next_offset);
        Some(Polled { partition, records, position })
    }
}

impl NodeSession {
    /// Tells the session what is wanted now, and what to send for it.
    fn plan(&mut self, partitions: &BTreeMap<TopicPartition, FetchPartition>) -> FetchRequestPlan {
        if !self.fetching.iter().eq(partitions.keys()) {
            for gone in self.fetching.iter().filter(|id| !partitions.contains_key(id)) {
                self.handler.remove(*gone);
            }
            self.fetching = partitions.keys().copied().collect();
        }
        for (id, fetch) in partitions {
            self.handler.set(*id, *fetch);
        }
        let mut plan = FetchRequestPlan::default();
        self.handler.build(&mut plan);
        plan
    }
}

fn hint_of(
    answer: &fetch_response::Partition,
    error: ErrorCode,
) -> Option<(BrokerId, LeaderEpoch)> {
    let stale = matches!(error, ErrorCode::NotLeaderOrFollower | ErrorCode::FencedLeaderEpoch);
    let leader = &answer.current_leader;
    let known = stale && leader.leader_id >= 0 && leader.leader_epoch >= 0;
    known.then_some((BrokerId(leader.leader_id), LeaderEpoch(leader.leader_epoch)))
}

/// The partitions of a request, those of one topic together as long as they come together.
fn topics_to_send(plan: &FetchRequestPlan) -> Vec<fetch_request::Topic> {
    let mut topics: Vec<fetch_request::Topic> = Vec::new();
    for (id, fetch) in &plan.to_send {
        let partition = fetch_request::Partition {
            partition: id.partition,
            current_leader_epoch: fetch.current_leader_epoch.unwrap_or(LeaderEpoch::NONE).0,
            fetch_offset: fetch.fetch_offset.0,
            log_start_offset: fetch.log_start_offset.0,
            partition_max_bytes: fetch.max_bytes,
            ..fetch_request::Partition::default()
        };
        match topics.last_mut().filter(|topic| topic.topic_id == id.topic) {
            Some(topic) => topic.partitions.push(partition),
            None => topics.push(fetch_request::Topic {
                topic_id: id.topic,
                partitions: vec![partition],
                ..fetch_request::Topic::default()
            }),
        }
    }
    topics
}

fn topics_to_forget(plan: &FetchRequestPlan) -> Vec<fetch_request::ForgottenTopicsData> {
    let mut topics: Vec<fetch_request::ForgottenTopicsData> = Vec::new();
    for id in &plan.to_forget {
        match topics.last_mut().filter(|topic| topic.topic_id == id.topic) {
            Some(topic) => topic.partitions.push(id.partition),
            None => topics.push(fetch_request::ForgottenTopicsData {
                topic_id: id.topic,
                partitions: vec![id.partition],
                ..fetch_request::ForgottenTopicsData::default()
            }),
        }
    }
    topics
}
