//! A quorum of one log and many controllers, without a network: what tests of the controller drive.
//!
//! Holds: the committed log, the appends that are not committed, every controller, the clock.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use trial_cluster::config::BrokerConfig;
use trial_cluster::controller::{
    ControllerEffect, ControllerRequest, ControllerResponse, ControllerSettings, ControllerStep,
    QuorumController,
};
use trial_cluster::error_code::ErrorCode;
use trial_cluster::ids::{BrokerId, LeaderEpoch, Offset, TopicId, TopicPartition, Uuid};
use trial_cluster::image::{MetadataImage, PartitionRegistration, SUPPORTED_FEATURES};
use trial_cluster::note::controller::ControllerNote;
use trial_cluster::rules::{Profile, Rules};
use trial_cluster::wire::{
    AlterPartitionReassignmentsRequest, AlterPartitionRequest, BrokerHeartbeatRequest,
    BrokerHeartbeatResponse, BrokerRegistrationRequest, CreateTopicsRequest,
    IncrementalAlterConfigsRequest, MetadataRecord, alter_partition_request,
    broker_registration_request, create_topics_request, create_topics_response,
    incremental_alter_configs_request,
};
use trial_sim::{Plan, Span, Stream, Time};

pub const CLUSTER: &str = "pjvUwj3ZTEeSVQmUiH3IJw";
/// An election timeout of the quorum: time passes between two controllers.
const FAILOVER: Span = Span::from_secs(1);

/// The whole quorum.
pub struct Quorum {
    pub controllers: Vec<QuorumController>,
    pub active: usize,
    pub log: Vec<MetadataRecord>,
    pub pending: VecDeque<Vec<MetadataRecord>>,
    pub replies: BTreeMap<u64, ControllerResponse>,
    pub notes: Vec<ControllerNote>,
    pub now: Time,
    pub commits_by_itself: bool,
    epoch: i32,
    next_token: u64,
    random: Stream,
}

pub fn ids(ids: &[i32]) -> Vec<BrokerId> {
    ids.iter().copied().map(BrokerId).collect()
}

impl Quorum {
    /// Three controllers, of which the first is active.
    pub fn new(profile: Profile, seed: u64) -> Self {
        Self::told(&BrokerConfig::default(), profile, seed)
    }

    /// The same with these settings.
    pub fn told(config: &BrokerConfig, profile: Profile, seed: u64) -> Self {
        Self::of(config, &Rules::new(profile, []), seed)
    }

    /// Three controllers of a Kafka that lacks a guard.
    pub fn with_rules(rules: &Rules, seed: u64) -> Self {
        Self::of(&BrokerConfig::default(), rules, seed)
    }

    fn of(config: &BrokerConfig, rules: &Rules, seed: u64) -> Self {
        let settings = |id: i32| ControllerSettings {
            rules: rules.clone(),
            config: config.clone(),
            ..ControllerSettings::new(BrokerId(id), CLUSTER)
        };
        let mut quorum = Self {
            controllers: (100..103).map(|id| QuorumController::new(settings(id))).collect(),
            active: 0,
            log: Vec::new(),
            pending: VecDeque::new(),
            replies: BTreeMap::new(),
            notes: Vec::new(),
            now: Time::ZERO,
            commits_by_itself: true,
            epoch: 0,
            next_token: 0,
            random: Plan::new(seed).run_stream("test", "controller"),
        };
        quorum.elect(0);
        quorum
    }

    /// Calls `call` on controller `index` and does what it wants done.
    fn step(
        &mut self,
        index: usize,
        call: impl FnOnce(&mut QuorumController, &mut ControllerStep<'_>),
    ) {
        let mut effects = Vec::new();
        let mut step =
            ControllerStep { now: self.now, random: &mut self.random, effects: &mut effects };
        call(&mut self.controllers[index], &mut step);
        for effect in effects {
            match effect {
                ControllerEffect::Append { epoch, base_offset, records } => {
                    assert_eq!(epoch, LeaderEpoch(self.epoch), "appends in its own epoch");
                    assert_eq!(base_offset, self.end(), "appends at the end");
                    self.pending.push_back(records);
                }
                ControllerEffect::Reply { token, response } => {
                    let before = self.replies.insert(token, response);
                    assert!(before.is_none(), "request {token} is answered twice");
                }
                ControllerEffect::Note(note) => self.notes.push(note),
                ControllerEffect::Resign { .. } => panic!("nothing was refused"),
            }
        }
        if self.commits_by_itself {
            self.commit_all();
        }
    }

    /// Where the next record goes.
    pub fn end(&self) -> Offset {
        let pending: usize = self.pending.iter().map(Vec::len).sum();
        Offset(i64::try_from(self.log.len() + pending).expect("short"))
    }

    /// Commits the oldest append, and tells everybody.
    pub fn commit_one(&mut self) {
        let Some(records) = self.pending.pop_front() else { return };
        let base = Offset(i64::try_from(self.log.len()).expect("short"));
        self.log.extend(records.iter().cloned());
        let commits = std::mem::take(&mut self.commits_by_itself);
        for index in 0..self.controllers.len() {
            self.step(index, |it, step| it.on_committed(step, base, &records));
        }
        self.commits_by_itself = commits;
    }

    pub fn commit_all(&mut self) {
        while !self.pending.is_empty() {
            self.commit_one();
        }
    }

    /// Another controller takes over; what was not committed is lost.
    pub fn elect(&mut self, index: usize) {
        let (old, now) = (self.active, self.now + FAILOVER);
        self.step(old, |it, step| it.on_leadership_lost(step));
        self.pending.clear();
        (self.now, self.epoch, self.active) = (now, self.epoch + 1, index);
        let (epoch, end) = (LeaderEpoch(self.epoch), self.end());
        self.step(index, |it, step| it.on_leadership(step, epoch, end));
    }

    /// Time passes, and whatever is due is done.
    pub fn pass(&mut self, span: Span) {
        let until = self.now + span;
        while let Some(due) = self.active().next_deadline().filter(|&due| due <= until) {
            self.now = self.now.max(due);
            self.step(self.active, |it, step| it.on_timer(step));
        }
        self.now = until;
    }

    pub fn active(&self) -> &QuorumController {
        &self.controllers[self.active]
    }

    pub fn image(&self) -> &MetadataImage {
        self.active().image()
    }

    /// Sends a request and answers its token.
    pub fn send(&mut self, request: ControllerRequest) -> u64 {
        self.next_token += 1;
        let token = self.next_token;
        self.step(self.active, |it, step| it.on_request(step, token, request));
        token
    }

    /// Sends a request and waits for the answer.
    pub fn ask(&mut self, request: ControllerRequest) -> ControllerResponse {
        let token = self.send(request);
        self.commit_all();
        self.replies.remove(&token).expect("everything is committed")
    }

    pub fn partition(&self, name: &str, index: i32) -> Arc<PartitionRegistration> {
        let topic = self.image().topics().topic_by_name(name).expect("it was created");
        topic.partitions[&index].clone()
    }

    pub fn topic_id(&self, name: &str) -> TopicId {
        self.image().topics().topic_by_name(name).expect("it was created").id
    }

    pub fn epoch_of(&self, id: i32) -> i64 {
        self.image().cluster().broker(BrokerId(id)).map_or(-1, |broker| broker.epoch.0)
    }

    pub fn register(&mut self, body: BrokerRegistrationRequest) -> ErrorCode {
        match self.ask(ControllerRequest::BrokerRegistration(4, body)) {
            ControllerResponse::BrokerRegistration(body) => ErrorCode::from_code(body.error_code),
            other => panic!("not an answer to a registration: {other:?}"),
        }
    }

    pub fn beat(&mut self, body: BrokerHeartbeatRequest) -> BrokerHeartbeatResponse {
        match self.ask(ControllerRequest::BrokerHeartbeat(body)) {
            ControllerResponse::BrokerHeartbeat(body) => body,
            other => panic!("not an answer to a heartbeat: {other:?}"),
        }
    }

    /// A heartbeat of a broker that has read everything and wants to serve.
    pub fn heartbeat(&self, id: i32) -> BrokerHeartbeatRequest {
        BrokerHeartbeatRequest {
            broker_id: id,
            broker_epoch: self.epoch_of(id),
            current_metadata_offset: self.end().0,
            want_fence: false,
            want_shut_down: false,
            offline_log_dirs: Vec::new(),
            cordoned_log_dirs: None,
        }
    }

    /// Registers brokers for the first time and unfences them.
    pub fn start(&mut self, brokers: &[i32]) {
        for &id in brokers {
            let code = self.register(registration(id, 1, -1));
            assert_eq!(code, ErrorCode::None, "broker {id} may not register");
        }
        self.unfence(brokers);
    }

    pub fn unfence(&mut self, brokers: &[i32]) {
        for &id in brokers {
            let answer = self.beat(self.heartbeat(id));
            assert!(!answer.is_fenced, "broker {id} is unfenced: {answer:?}");
        }
    }

    pub fn fence(&mut self, brokers: &[i32]) {
        for &id in brokers {
            let heartbeat = BrokerHeartbeatRequest { want_fence: true, ..self.heartbeat(id) };
            assert!(self.beat(heartbeat).is_fenced, "broker {id} is fenced");
        }
    }

    pub fn create(&mut self, topic: create_topics_request::Topic) -> create_topics_response::Topic {
        let request = CreateTopicsRequest { topics: vec![topic], ..Default::default() };
        match self.ask(ControllerRequest::CreateTopics(request)) {
            ControllerResponse::CreateTopics(mut body) => body.topics.remove(0),
            other => panic!("not an answer to new topics: {other:?}"),
        }
    }

    /// A topic with these replicas.
    pub fn create_assigned(&mut self, name: &str, assignments: &[&[i32]]) {
        let created = self.create(assigned(name, assignments));
        assert_eq!(ErrorCode::from_code(created.error_code), ErrorCode::None, "{created:?}");
    }

    pub fn configure(&mut self, kind: i8, resource: &str, name: &str, value: &str) -> ErrorCode {
        let config = incremental_alter_configs_request::Config {
            name: name.to_owned(),
            config_operation: 0,
            value: Some(value.to_owned()),
        };
        let resource = incremental_alter_configs_request::Resource {
            resource_type: kind,
            resource_name: resource.to_owned(),
            configs: vec![config],
        };
        let body =
            IncrementalAlterConfigsRequest { resources: vec![resource], validate_only: false };
        match self.ask(ControllerRequest::IncrementalAlterConfigs(body)) {
            ControllerResponse::IncrementalAlterConfigs(body) => {
                ErrorCode::from_code(body.responses[0].error_code)
            }
            other => panic!("not an answer to settings: {other:?}"),
        }
    }

    /// What the leader of `name`-0 asks for when it wants `isr`, as things stand.
    pub fn wish(&self, name: &str, isr: &[i32]) -> AlterPartitionRequest {
        let partition = self.partition(name, 0);
        let leader = partition.leader.unwrap_or(BrokerId::NONE).0;
        let members = isr.iter().map(|&broker_id| alter_partition_request::NewIsrWithEpoch {
            broker_id,
            broker_epoch: self.epoch_of(broker_id),
        });
        let wish = alter_partition_request::Partition {
            partition_index: 0,
            leader_epoch: partition.leader_epoch.0,
            new_isr: Vec::new(),
            new_isr_with_epochs: members.collect(),
            leader_recovery_state: 0,
            partition_epoch: partition.partition_epoch.0,
        };
        let topic = alter_partition_request::Topic {
            topic_id: self.topic_id(name),
            partitions: vec![wish],
        };
        AlterPartitionRequest {
            broker_id: leader,
            broker_epoch: self.epoch_of(leader),
            topics: vec![topic],
        }
    }

    pub fn alter(&mut self, wish: AlterPartitionRequest) -> ErrorCode {
        match self.ask(ControllerRequest::AlterPartition(3, wish)) {
            ControllerResponse::AlterPartition(body) if body.error_code != 0 => {
                ErrorCode::from_code(body.error_code)
            }
            ControllerResponse::AlterPartition(body) => {
                ErrorCode::from_code(body.topics[0].partitions[0].error_code)
            }
            other => panic!("not an answer to a change of the in-sync set: {other:?}"),
        }
    }

    /// Replays the committed log from nothing and compares with every standby and what the active one has committed.
    pub fn compare_with_replay(&self) {
        let mut fresh = trial_cluster::controller::state::ControllerState::default();
        for (offset, record) in (0..).map(Offset).zip(&self.log) {
            fresh.replay(offset, record);
        }
        for controller in &self.controllers {
            assert_eq!(*controller.committed_state(), fresh, "K14: replay gives the same state");
        }
    }
}

/// A registration of incarnation number `incarnation` of broker `id`.
pub fn registration(id: i32, incarnation: u128, previous: i64) -> BrokerRegistrationRequest {
    let number = u128::from(id.unsigned_abs());
    let features =
        SUPPORTED_FEATURES.iter().map(|(name, range)| broker_registration_request::Feature {
            name: (*name).to_owned(),
            min_supported_version: range.lowest,
            max_supported_version: range.highest,
        });
    BrokerRegistrationRequest {
        broker_id: id,
        cluster_id: CLUSTER.to_owned(),
        incarnation_id: Uuid(number << 64 | incarnation),
        listeners: vec![broker_registration_request::Listener {
            name: "PLAINTEXT".to_owned(),
            host: format!("b{id}"),
            port: 9092,
            security_protocol: 0,
        }],
        features: features.collect(),
        rack: None,
        is_migrating_zk_broker: false,
        log_dirs: vec![Uuid(1_000 + number)],
        previous_broker_epoch: previous,
    }
}

/// What asks for a topic with these replicas.
pub fn assigned(name: &str, assignments: &[&[i32]]) -> create_topics_request::Topic {
    let assignment = |(index, replicas): (i32, &&[i32])| create_topics_request::Assignment {
        partition_index: index,
        broker_ids: replicas.to_vec(),
    };
    create_topics_request::Topic {
        name: name.to_owned(),
        num_partitions: -1,
        replication_factor: -1,
        assignments: (0..).zip(assignments).map(assignment).collect(),
        configs: Vec::new(),
    }
}

/// One partition of one topic.
pub fn at(topic: TopicId, partition: i32) -> TopicPartition {
    TopicPartition { topic, partition }
}

/// Asks for other replicas of a partition, or calls its move off.
pub fn reassignment(
    topic: &str,
    partition_index: i32,
    replicas: Option<&[i32]>,
    allow_replication_factor_change: bool,
) -> ControllerRequest {
    use trial_cluster::wire::alter_partition_reassignments_request::{Partition, Topic};
    let replicas = replicas.map(<[i32]>::to_vec);
    let partitions = vec![Partition { partition_index, replicas }];
    let topics = vec![Topic { name: topic.to_owned(), partitions }];
    ControllerRequest::AlterPartitionReassignments(AlterPartitionReassignmentsRequest {
        topics,
        allow_replication_factor_change,
        ..Default::default()
    })
}
