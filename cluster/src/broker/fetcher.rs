//! Copies partitions from a leader: one request at a time, then its answer partition by partition.
//!
//! In Kafka:   `ReplicaFetcherThread`, `AbstractFetcherThread`, `RemoteLeaderEndPoint`, `ReplicaFetcherManager`.
//! Holds:      those partitions that follow this leader and are this fetcher's (`fetcher_id.rs`), the fetch session,
//!             questions that truncation asks, the answers that were not processed yet.
//! Inputs:     partitions that come, go or change; the network. Effects: jobs under the partitions' locks.
//! Invariants: FT-1 the next request leaves after all of the last answer was processed.
//!             FT-2 a round costs what changed, not what is followed: only changed partitions are looked at.
//! Left out:   one that follows nothing any more ends with the answer that it awaits; Kafka's is shut down at once.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use trial_log::EpochEndOffset;
use trial_sim::{Input, Span, Time};

use super::fetcher_id::FetcherId;
use super::leader_questions::Question;
use super::task::{Replicate, Task};
use super::{Broker, Cx, INTER_BROKER_LISTENER, yields};
use crate::error_code::ErrorCode;
use crate::ids::{BrokerId, LeaderEpoch, Offset, TopicPartition};
use crate::net::{Completed, ExponentialBackoff, NetSettings, NetworkClient};
use crate::partition::FetchedPartition;
use crate::partition::fetch_session::{FetchRequestPlan, FetchSessionHandler, SessionId};
use crate::wire::{FetchRequest, fetch_request, fetch_response};

/// The version between brokers of this release.
const FETCH_VERSION: i16 = 18;

/// What the fetcher is at.
#[derive(Debug, Clone)]
pub(super) enum Round {
    Idle,
    Fetching,
    Asking(Question),
    /// Jobs of the last answer are under way.
    Processing,
}

/// One fetcher.
#[derive(Debug, Clone)]
pub struct ReplicaFetcher {
    pub(super) leader: BrokerId,
    pub(super) client: NetworkClient,
    session: FetchSessionHandler,
    plan: FetchRequestPlan,
    partitions: BTreeMap<TopicPartition, u32>,
    pub(super) changed: BTreeSet<TopicPartition>,
    delayed: BTreeSet<(Time, TopicPartition)>,
    questions: VecDeque<Question>,
    answers: VecDeque<Replicate>,
    pub(super) round: Round,
    /// A lost connection is not tried again before this.
    wait_until: Option<Time>,
    /// A connection that is being made is given up at this moment.
    connect_until: Option<Time>,
}

impl ReplicaFetcher {
    fn new(FetcherId { leader, number }: FetcherId, local: BrokerId, timeout: Span) -> Self {
        let name = format!("broker-{local}-fetcher-{number}");
        let mut settings = NetSettings::new(&name, "net.replica-fetcher");
        settings.max_in_flight = 1;
        settings.request_timeout = timeout;
        // The back-off of the partitions is the only wait.
        settings.reconnect_backoff = ExponentialBackoff::new(Span::ZERO, Span::ZERO);
        // Brokers of one release know each other's versions.
        settings.discover_versions = false;
        Self {
            leader,
            client: NetworkClient::new(settings),
            session: FetchSessionHandler::default(),
            plan: FetchRequestPlan::default(),
            partitions: BTreeMap::new(),
            changed: BTreeSet::new(),
            delayed: BTreeSet::new(),
            questions: VecDeque::new(),
            answers: VecDeque::new(),
            round: Round::Idle,
            wait_until: None,
            connect_until: None,
        }
    }

    /// Handles a network input; false if it is about another's connection.
    pub fn on_input(&mut self, input: &Input, cx: &mut Cx<'_>) -> bool {
        self.client.on_input(input, cx)
    }

    /// A partition does not follow this leader any more, or not by this fetcher. Answers what it wanted to know.
    pub(super) fn remove(&mut self, id: TopicPartition) -> VecDeque<Question> {
        self.partitions.remove(&id);
        self.changed.insert(id);
        self.delayed.retain(|(_, delayed)| *delayed != id);
        let is_its = |question: &Question| question.id == id;
        let questions = std::mem::take(&mut self.questions);
        let (its, others) = questions.into_iter().partition(is_its);
        self.questions = others;
        its
    }

    /// The partitions that it copies.
    pub(super) fn copies(&self) -> Vec<TopicPartition> {
        self.partitions.keys().copied().collect()
    }

    /// What it waits for after an error is over.
    pub(super) fn end_wait(&mut self) {
        self.wait_until = None;
    }

    /// A partition wants to know something before it goes on.
    pub(super) fn ask(&mut self, question: Question) {
        self.questions.push_back(question);
    }

    /// When the fetcher has something to do without an input.
    #[must_use]
    pub fn next_deadline(&mut self) -> Option<Time> {
        let network = self.client.next_deadline();
        if !matches!(self.round, Round::Idle) {
            return network;
        }
        let delayed = self.delayed.first().map(|(at, _)| *at);
        let retry = self.wait_until.filter(|_| self.has_work());
        [network, delayed, retry, self.connect_until].into_iter().flatten().min()
    }

    fn has_work(&self) -> bool {
        !self.questions.is_empty() || !self.changed.is_empty() || self.session.has_request()
    }
}

/// What the broker does with its fetchers.
impl Broker {
    /// A partition follows `leader` from now on.
    pub(super) fn fetch_from(
        &mut self,
        leader: BrokerId,
        id: TopicPartition,
        slot: u32,
        cx: &mut Cx<'_>,
    ) {
        let endpoint = self
            .image
            .cluster()
            .broker(leader)
            .and_then(|broker| broker.endpoint(INTER_BROKER_LISTENER))
            .map(|endpoint| (endpoint.host.clone(), endpoint.port));
        // A leader that is not registered is not fetched from; new metadata will name another.
        let Some((host, port)) = endpoint else { return };
        let timeout = self.config.node.request_timeout;
        let local = self.identity.id;
        let Some(which) = self.fetcher_of(leader, slot) else { return };
        let fetcher = self
            .fetchers
            .entry(which)
            .or_insert_with(|| Box::new(ReplicaFetcher::new(which, local, timeout)));
        fetcher.client.set_node(leader, &host, port);
        fetcher.partitions.insert(id, slot);
        fetcher.changed.insert(id);
        self.poll_fetcher(which, cx);
    }

    /// A follower's log or state was changed outside an answer.
    pub(super) fn changed_follower(&mut self, slot: u32, cx: &mut Cx<'_>) {
        let Some(replica) = self.replicas.get(slot) else { return };
        let (id, which) = (replica.partition.id(), replica.fetched_from);
        if let Some(which) = which
            && let Some(fetcher) = self.fetchers.get_mut(&which)
        {
            fetcher.changed.insert(id);
            self.poll_fetcher(which, cx);
        }
    }

    /// Lets a fetcher go on as far as it can.
    pub(super) fn poll_fetcher(&mut self, which: FetcherId, cx: &mut Cx<'_>) {
        let Some(mut fetcher) = self.fetchers.remove(&which) else { return };
        fetcher.client.on_timer(cx);
        let completed = fetcher.client.next_completed();
        self.fetchers.insert(which, fetcher);
        if let Some(completed) = completed {
            self.on_leader_answer(which, &completed, cx);
        }
        let Some(mut fetcher) = self.fetchers.remove(&which) else { return };
        if matches!(fetcher.round, Round::Idle) {
            self.next_round(&mut fetcher, cx);
        }
        self.fetchers.insert(which, fetcher);
    }

    /// Sends the next question or fetch.
    fn next_round(&mut self, fetcher: &mut ReplicaFetcher, cx: &mut Cx<'_>) {
        let now = cx.now();
        self.refresh(fetcher, now);
        if fetcher.partitions.is_empty() && fetcher.questions.is_empty() {
            // Kafka shuts idle fetchers down; the connection goes with it.
            fetcher.client.disconnect(fetcher.leader, cx);
            fetcher.session = FetchSessionHandler::default();
            (fetcher.wait_until, fetcher.connect_until) = (None, None);
            return;
        }
        if fetcher.questions.is_empty() && !fetcher.session.has_request() {
            return;
        }
        if fetcher.wait_until.is_some_and(|at| at > now) {
            return;
        }
        fetcher.wait_until = None;
        if !fetcher.client.ready(fetcher.leader, cx) {
            let patience = self.config.node.replica_socket_timeout;
            let until = *fetcher.connect_until.get_or_insert(now + patience);
            if fetcher.client.connection_failed(fetcher.leader) || now >= until {
                self.on_leader_unreachable(fetcher, ErrorCode::NetworkException, cx);
            }
            return;
        }
        fetcher.connect_until = None;
        match fetcher.questions.pop_front() {
            Some(question) => self.send_question(fetcher, question, cx),
            None => self.send_fetch(fetcher, cx),
        }
    }

    /// Tells the session what changed.
    fn refresh(&mut self, fetcher: &mut ReplicaFetcher, now: Time) {
        while let Some((at, id)) = fetcher.delayed.first().copied() {
            if at > now {
                break;
            }
            fetcher.delayed.pop_first();
            fetcher.changed.insert(id);
        }
        let max_bytes = self.config.node.replica_fetch_max_bytes;
        for id in std::mem::take(&mut fetcher.changed) {
            let slot = fetcher.partitions.get(&id);
            let replica = slot.and_then(|slot| self.replicas.get(*slot));
            let ready = replica.filter(|replica| !replica.awaits_recovery_point());
            match ready.and_then(|replica| replica.partition.to_fetch(now, max_bytes)) {
                Some(fetch) => fetcher.session.set(id, fetch),
                None => {
                    fetcher.session.remove(id);
                    let due = replica.and_then(|replica| replica.partition.next_deadline(now));
                    if let Some(due) = due {
                        fetcher.delayed.insert((due, id));
                    }
                }
            }
        }
    }

    fn send_fetch(&mut self, fetcher: &mut ReplicaFetcher, cx: &mut Cx<'_>) {
        fetcher.session.build(&mut fetcher.plan);
        let node = &self.config.node;
        let plan = &fetcher.plan;
        let mut request = FetchRequest {
            max_wait_ms: millis(node.replica_fetch_wait_max),
            min_bytes: node.replica_fetch_min_bytes,
            max_bytes: node.replica_fetch_response_max_bytes,
            session_id: plan.metadata.session.0,
            session_epoch: plan.metadata.epoch.0,
            ..Default::default()
        };
        request.replica_state.replica_id = self.identity.id.0;
        request.replica_state.replica_epoch = self.lifecycle.epoch().0;
        for (id, fetch) in &plan.to_send {
            if request.topics.last().is_none_or(|topic| topic.topic_id != id.topic) {
                let topic = fetch_request::Topic { topic_id: id.topic, ..Default::default() };
                request.topics.push(topic);
            }
            let epoch = |epoch: Option<LeaderEpoch>| epoch.unwrap_or(LeaderEpoch::NONE).0;
            let topic = request.topics.last_mut().expect("it was pushed just now");
            topic.partitions.push(fetch_request::Partition {
                partition: id.partition,
                current_leader_epoch: epoch(fetch.current_leader_epoch),
                fetch_offset: fetch.fetch_offset.0,
                last_fetched_epoch: epoch(fetch.last_fetched_epoch),
                log_start_offset: fetch.log_start_offset.0,
                partition_max_bytes: fetch.max_bytes,
                ..Default::default()
            });
        }
        for id in &plan.to_forget {
            if request.forgotten_topics_data.last().is_none_or(|topic| topic.topic_id != id.topic) {
                request.forgotten_topics_data.push(fetch_request::ForgottenTopicsData {
                    topic_id: id.topic,
                    ..Default::default()
                });
            }
            let topic = request.forgotten_topics_data.last_mut().expect("it was pushed just now");
            topic.partitions.push(id.partition);
        }
        let request = fetcher.client.request(FETCH_VERSION, 0, &request);
        fetcher.client.send(fetcher.leader, request, cx);
        fetcher.round = Round::Fetching;
    }

    fn on_leader_answer(&mut self, which: FetcherId, completed: &Completed, cx: &mut Cx<'_>) {
        let fetcher = self.fetchers.get_mut(&which).expect("its answer has just come");
        match std::mem::replace(&mut fetcher.round, Round::Idle) {
            Round::Asking(question) => self.on_question_answer(&question, completed, cx),
            Round::Fetching => match completed.response::<FetchRequest>() {
                Ok(response) => {
                    // A partition's error may bring a question: it waits until all of the answer is processed.
                    fetcher.round = Round::Processing;
                    self.on_fetch_answer(which, response, cx);
                }
                Err(_) => {
                    let Some(mut fetcher) = self.fetchers.remove(&which) else { return };
                    fetcher.session.on_failure();
                    self.on_leader_unreachable(&mut fetcher, ErrorCode::NetworkException, cx);
                    self.fetchers.insert(which, fetcher);
                }
            },
            Round::Idle | Round::Processing => {
                unreachable!("FT-1: {which:?} was answered what it had not asked")
            }
        }
    }

    /// Every partition of the fetcher waits for its back-off, as after any error.
    fn on_leader_unreachable(
        &mut self,
        fetcher: &mut ReplicaFetcher,
        error: ErrorCode,
        cx: &mut Cx<'_>,
    ) {
        let now = cx.now();
        fetcher.client.close(fetcher.leader, cx);
        fetcher.connect_until = None;
        fetcher.wait_until = Some(now + self.config.node.replica_fetch_backoff);
        for (id, slot) in fetcher.partitions.clone() {
            self.with_partition(slot, cx, |partition, _, _, _, effects| {
                partition.on_fetch_failed(now, error, effects);
            });
            fetcher.changed.insert(id);
        }
    }

    fn on_fetch_answer(
        &mut self,
        which: FetcherId,
        response: crate::wire::FetchResponse,
        cx: &mut Cx<'_>,
    ) {
        let fetcher = self.fetchers.get_mut(&which).expect("its answer has just come");
        let ids = response.responses.iter().flat_map(|topic| {
            topic.partitions.iter().map(|found| TopicPartition {
                topic: topic.topic_id,
                partition: found.partition_index,
            })
        });
        let error = ErrorCode::from_code(response.error_code);
        let session = SessionId(response.session_id);
        let throttled = response.throttle_time_ms > 0;
        if !fetcher.session.on_response(error, session, ids, throttled) {
            fetcher.round = Round::Idle;
            return;
        }
        let now = cx.now();
        for topic in response.responses {
            for found in topic.partitions {
                let id = TopicPartition { topic: topic.topic_id, partition: found.partition_index };
                self.take_answer(which, id, found, now, cx);
            }
        }
        self.next_answer(which, cx);
    }

    /// Sorts one partition's answer: what touches the log becomes a job, the rest is done at once.
    fn take_answer(
        &mut self,
        which: FetcherId,
        id: TopicPartition,
        found: fetch_response::Partition,
        now: Time,
        cx: &mut Cx<'_>,
    ) {
        let fetcher = self.fetchers.get_mut(&which).expect("its answer has just come");
        let (Some(&slot), Some(sent)) = (fetcher.partitions.get(&id), fetcher.session.told(id))
        else {
            return;
        };
        fetcher.changed.insert(id);
        let records = found.records.unwrap_or_default();
        let diverging = found.diverging_epoch;
        let answer = FetchedPartition {
            error: ErrorCode::from_code(found.error_code),
            high_watermark: Offset(found.high_watermark),
            log_start_offset: Offset(found.log_start_offset),
            diverging_epoch: (diverging.epoch >= 0).then_some(EpochEndOffset {
                leader_epoch: LeaderEpoch(diverging.epoch),
                end_offset: Offset(diverging.end_offset),
            }),
            has_records: !records.is_empty(),
        };
        if answer.has_records || answer.diverging_epoch.is_some() {
            let effects = Vec::new();
            fetcher.answers.push_back(Replicate { which, slot, sent, answer, records, effects });
            return;
        }
        self.with_partition(slot, cx, |partition, _, _, epochs, effects| {
            partition.on_fetch_response(now, &sent, &answer, epochs, effects);
        });
    }

    /// The next job of the answer, or the next round.
    pub(super) fn next_answer(&mut self, which: FetcherId, cx: &mut Cx<'_>) {
        let Some(fetcher) = self.fetchers.get_mut(&which) else { return };
        match fetcher.answers.pop_front() {
            Some(work) => {
                fetcher.round = Round::Processing;
                let task = Task::Replicate(Box::new(work));
                self.then_or_later(yields::ANSWER_AND_APPEND, task, cx);
            }
            None => {
                fetcher.round = Round::Idle;
                if self.lane.is_some() {
                    self.poll_fetcher(which, cx);
                }
            }
        }
    }
}

fn millis(span: Span) -> i32 {
    i32::try_from(span.as_millis()).unwrap_or(i32::MAX)
}
