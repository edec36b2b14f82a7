//! Creates topics and waits until they can be used; then does what it is asked to (`admin_job.rs`).
//!
//! In Kafka:   `KafkaAdminClient.createTopics`; any broker takes the request and forwards it to the controller.
//! Holds:      which topics are not there yet.
//! Inputs:     network inputs, the timer. Effects: requests, and `AdminEvent`s.
//! Invariants: AD-1 each topic ends in one event. A cluster that is still starting refuses with too few brokers or
//!             times out: that is tried again, as an operator would.

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::sync::Arc;

use trial_sim::{Input, Time};

use super::ClusterClient;
use super::admin_job::{AdminJobs, AdminOrder};
use crate::config::ClientSettings;
use crate::error_code::ErrorCode;
use crate::ids::{BrokerId, TopicId};
use crate::net::{Completed, ExponentialBackoff, Wires};
use crate::wire::{ApiKey, CreateTopicsRequest, create_topics_request};

/// A topic to be created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTopic {
    /// Its name.
    pub name: Arc<str>,
    /// How many partitions; -1 for the broker's default.
    pub partitions: i32,
    /// How many replicas of each; -1 for the broker's default.
    pub replicas: i16,
    /// Its own settings, by Kafka's names.
    pub configs: Vec<(String, String)>,
    /// Which brokers hold each partition, the preferred leader first; none: the controller places them.
    pub assignment: Option<Vec<Vec<i32>>>,
}

/// What became of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdminEvent {
    /// It is there, and every partition has a leader.
    Ready {
        /// The topic.
        topic: TopicId,
        /// How many partitions it has.
        partitions: i32,
    },
    /// It cannot be created.
    Refused {
        /// Which, in the order of the specification.
        index: usize,
        /// Why.
        error: ErrorCode,
    },
    /// An order has ended.
    Told {
        /// Which.
        ticket: u64,
        /// How.
        error: ErrorCode,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Wanted,
    Created,
    Done,
}

/// Creates topics, once.
#[derive(Debug, Clone)]
pub struct Admin {
    cluster: ClusterClient,
    topics: Vec<(NewTopic, Progress)>,
    jobs: AdminJobs,
    backoff: ExponentialBackoff,
    attempts: u32,
    retry_at: Time,
    in_flight: bool,
    events: VecDeque<AdminEvent>,
}

impl Admin {
    /// The stream that its back-off is drawn from.
    pub const STREAM: &'static str = "admin";

    /// An admin that will create `topics`.
    #[must_use]
    pub fn new(
        settings: &ClientSettings,
        client_id: &str,
        bootstrap: &[(String, u16)],
        topics: Vec<NewTopic>,
    ) -> Self {
        Self {
            cluster: ClusterClient::new(settings, client_id, Self::STREAM, 5, bootstrap),
            topics: topics.into_iter().map(|topic| (topic, Progress::Wanted)).collect(),
            jobs: AdminJobs::default(),
            backoff: ExponentialBackoff::new(settings.retry_backoff, settings.retry_backoff_max),
            attempts: 0,
            retry_at: Time::ZERO,
            in_flight: false,
            events: VecDeque::new(),
        }
    }

    /// Whether every topic ended in an event.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.topics.iter().all(|(_, progress)| *progress == Progress::Done)
    }

    /// Somebody wants something done.
    pub fn on_order(&mut self, order: AdminOrder, wires: &mut dyn Wires) {
        self.jobs.push(wires.now(), order);
        self.run(wires);
    }

    /// What became of the order with this ticket, if anything has.
    #[must_use]
    pub fn told(&self, ticket: u64) -> Option<ErrorCode> {
        self.jobs.told(ticket)
    }

    fn is_idle(&self) -> bool {
        self.is_done() && self.jobs.is_empty()
    }

    /// Handles a network input; false if it is not about this admin's connections.
    pub fn on_input(&mut self, input: &Input, wires: &mut dyn Wires) -> bool {
        let ours = self.cluster.on_input(input, wires);
        self.run(wires);
        ours
    }

    /// To be called at first, and at [`Self::next_deadline`]; earlier does no harm.
    pub fn on_timer(&mut self, wires: &mut dyn Wires) {
        self.run(wires);
    }

    /// When something is due.
    #[must_use]
    pub fn next_deadline(&mut self, now: Time) -> Option<Time> {
        if self.is_idle() {
            return None;
        }
        let wanted =
            (self.wants() || !self.jobs.is_empty()) && !self.in_flight && self.retry_at > now;
        let retry = wanted.then_some(self.retry_at);
        self.cluster.next_deadline(now).into_iter().chain(retry).min()
    }

    /// The next event, oldest first.
    pub fn next_event(&mut self) -> Option<AdminEvent> {
        self.events.pop_front()
    }

    fn wants(&self) -> bool {
        self.topics.iter().any(|(_, progress)| *progress == Progress::Wanted)
    }

    fn run(&mut self, wires: &mut dyn Wires) {
        if self.is_idle() {
            return;
        }
        self.cluster.poll(wires);
        while let Some(completed) = self.cluster.next_completed() {
            match completed.api {
                ApiKey::CreateTopics => self.on_created(&completed, wires),
                _ => self.on_job_completed(&completed, wires),
            }
        }
        self.look_for_leaders();
        if self.wants() && !self.in_flight && self.retry_at <= wires.now() {
            self.create(wires);
        } else if !self.jobs.is_empty() && !self.in_flight && self.retry_at <= wires.now() {
            self.do_next_job(wires);
        }
        self.cluster.poll(wires);
    }

    /// A broker that can be asked, and in which version; else it is tried again in a while.
    fn somebody(
        &mut self,
        api: ApiKey,
        versions: RangeInclusive<i16>,
        wires: &mut dyn Wires,
    ) -> Option<(BrokerId, i16)> {
        let node = self.cluster.least_loaded(wires);
        // Nobody is there yet: the end of the attempt to connect, or this, comes first.
        let node = node.filter(|node| self.cluster.net.ready(*node, wires));
        let version = node.and_then(|node| self.cluster.net.usable_version(node, api, versions));
        if version.is_none() {
            self.back_off(wires);
        }
        node.zip(version)
    }

    /// One broker, if it can be asked.
    fn this_one(
        &mut self,
        node: BrokerId,
        api: ApiKey,
        versions: RangeInclusive<i16>,
        wires: &mut dyn Wires,
    ) -> Option<(BrokerId, i16)> {
        let ready = self.cluster.net.ready(node, wires).then_some(node);
        let version = ready.and_then(|node| self.cluster.net.usable_version(node, api, versions));
        if version.is_none() {
            self.back_off(wires);
        }
        ready.zip(version)
    }

    fn do_next_job(&mut self, wires: &mut dyn Wires) {
        let Some((api, versions)) = self.jobs.needs() else { return };
        let found = match self.jobs.asks() {
            Some(node) => self.this_one(node, api, versions, wires),
            None => self.somebody(api, versions, wires),
        };
        let Some((node, version)) = found else { return };
        let token = self.cluster.token();
        self.in_flight = true;
        self.jobs.send(&mut self.cluster.net, (node, version, token), wires);
    }

    fn on_job_completed(&mut self, completed: &Completed, wires: &mut dyn Wires) {
        self.in_flight = false;
        match self.jobs.on_completed(wires.now(), completed) {
            Some((ticket, error)) => {
                self.attempts = 0;
                self.events.push_back(AdminEvent::Told { ticket, error });
            }
            None => self.back_off(wires),
        }
    }

    fn create(&mut self, wires: &mut dyn Wires) {
        let Some((node, version)) = self.somebody(ApiKey::CreateTopics, 5..=7, wires) else {
            return;
        };
        let wanted = self.topics.iter().filter(|(_, progress)| *progress == Progress::Wanted);
        let request = CreateTopicsRequest {
            topics: wanted.map(|(topic, _)| in_request(topic)).collect(),
            timeout_ms: 30_000,
            validate_only: false,
        };
        let token = self.cluster.token();
        let request = self.cluster.net.request(version, token, &request);
        self.in_flight = true;
        self.cluster.net.send(node, request, wires);
    }

    fn on_created(&mut self, completed: &Completed, wires: &mut dyn Wires) {
        self.in_flight = false;
        let response = completed.response::<CreateTopicsRequest>();
        let answers = response.map(|response| response.topics).unwrap_or_default();
        for (index, (topic, progress)) in self.topics.iter_mut().enumerate() {
            let answer = answers.iter().find(|answer| answer.name == *topic.name);
            let error = answer.map(|answer| ErrorCode::from_code(answer.error_code));
            if *progress != Progress::Wanted {
                continue;
            }
            match error {
                Some(ErrorCode::None | ErrorCode::TopicAlreadyExists) => {
                    *progress = Progress::Created;
                    self.cluster.metadata.want(&topic.name);
                }
                Some(error) if !may_pass(error) => {
                    *progress = Progress::Done;
                    self.events.push_back(AdminEvent::Refused { index, error });
                }
                Some(_) | None => {}
            }
        }
        if self.wants() {
            self.back_off(wires);
        }
    }

    /// A topic is ready when metadata names a leader for each of its partitions.
    fn look_for_leaders(&mut self) {
        let metadata = &mut self.cluster.metadata;
        for (topic, progress) in &mut self.topics {
            if *progress != Progress::Created {
                continue;
            }
            let leaders = metadata.partitions(&topic.name);
            let with_leader = leaders.filter(|(_, known)| known.leader.is_some()).count();
            let count = metadata.partition_count(&topic.name);
            match (count, metadata.topic_id(&topic.name)) {
                (Some(count), Some(id)) if count == with_leader => {
                    let partitions = i32::try_from(count).expect("fewer than 2^31 partitions");
                    self.events.push_back(AdminEvent::Ready { topic: id, partitions });
                    *progress = Progress::Done;
                }
                _ => metadata.request_update(),
            }
        }
    }

    fn back_off(&mut self, wires: &mut dyn Wires) {
        let wait = self.backoff.wait(self.attempts, Self::STREAM, wires);
        self.attempts = self.attempts.saturating_add(1);
        self.retry_at = wires.now() + wait;
    }
}

/// Errors of a cluster that is still starting, or that lost its controller.
const fn may_pass(error: ErrorCode) -> bool {
    error.is_retriable()
        || matches!(
            error,
            ErrorCode::InvalidReplicationFactor
                | ErrorCode::BrokerNotAvailable
                | ErrorCode::UnknownServerError
        )
}

fn in_request(topic: &NewTopic) -> create_topics_request::Topic {
    let config = |(name, value): &(String, String)| create_topics_request::Config {
        name: name.clone(),
        value: Some(value.clone()),
    };
    let assigned = |(index, brokers): (i32, &Vec<i32>)| create_topics_request::Assignment {
        partition_index: index,
        broker_ids: brokers.clone(),
    };
    let assignments: Vec<_> =
        topic.assignment.iter().flat_map(|lists| (0..).zip(lists).map(assigned)).collect();
    // A manual assignment says both numbers itself.
    let manual = !assignments.is_empty();
    create_topics_request::Topic {
        name: topic.name.to_string(),
        num_partitions: if manual { -1 } else { topic.partitions },
        replication_factor: if manual { -1 } else { topic.replicas },
        assignments,
        configs: topic.configs.iter().map(config).collect(),
    }
}
