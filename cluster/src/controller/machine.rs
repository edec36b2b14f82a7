//! The controller as a replicated machine: `decide` answers, `replay` changes.
//!
//! In Kafka:   `QuorumController` without its threads: the managers behind `ControllerWriteOperation`.
//! Holds:      the hard state, and on the active controller the soft one (heartbeats).
//! Inputs:     a request or a periodic task. Effects: none; a decision is a value, and the shell acts on it.
//! Invariants: R13, asserted of all that a whole operation changed; R14 in the image; G9's like: the state rebuilt
//!             by replay equals the live one.

use trial_sim::{Stream, Time};

use super::decision::{Decision, SoftChange};
use super::heartbeat::BrokerHeartbeatManager;
use super::partition_change::ChangeContext;
use super::periodic::ControllerTask;
use super::request::ControllerRequest;
use super::settings::ControllerSettings;
use super::state::ControllerState;
use crate::config::TopicConfig;
use crate::error_code::ErrorCode;
use crate::ids::{BrokerEpoch, BrokerId, DirectoryId, Offset, TopicPartition};
use crate::image::{MetadataDelta, PartitionRegistration, TopicImage};
use crate::wire::MetadataRecord;

/// A controller: the machine in the middle of the shell.
#[derive(Debug, Clone)]
pub struct Controller {
    pub(super) settings: ControllerSettings,
    pub(super) state: ControllerState,
    heartbeats: Option<BrokerHeartbeatManager>,
}

/// What a decision may look at besides the state.
pub struct Circumstances<'a> {
    /// The time.
    pub now: Time,
    /// Where the first record of the decision will go.
    pub next_offset: Offset,
    /// Draws for topic ids and placement.
    pub random: &'a mut Stream,
}

impl Controller {
    /// A standby that has read nothing.
    #[must_use]
    pub fn new(settings: ControllerSettings) -> Self {
        Self { settings, state: ControllerState::default(), heartbeats: None }
    }

    /// What the log says.
    #[must_use]
    pub fn state(&self) -> &ControllerState {
        &self.state
    }

    /// What it was told when it was made.
    #[must_use]
    pub fn settings(&self) -> &ControllerSettings {
        &self.settings
    }

    /// Sessions and states of brokers; none while it is not active.
    #[must_use]
    pub fn heartbeats(&self) -> Option<&BrokerHeartbeatManager> {
        self.heartbeats.as_ref()
    }

    pub(super) fn active_heartbeats(&self) -> &BrokerHeartbeatManager {
        self.heartbeats.as_ref().expect("only an active controller decides")
    }

    /// A heartbeat has arrived; answers whether this controller is active.
    pub fn track_heartbeat(&mut self, now: Time, id: BrokerId, epoch: BrokerEpoch) -> bool {
        let Some(heartbeats) = &mut self.heartbeats else { return false };
        heartbeats.track(now, id, epoch);
        true
    }

    /// Begins to decide. Nobody knows when a broker was heard of last: the unfenced ones get a fresh session, so that
    /// a change of controller fences nobody (KAFKA-18138).
    pub fn activate(&mut self, now: Time) {
        assert!(self.heartbeats.is_none(), "the controller is active already");
        let mut heartbeats = BrokerHeartbeatManager::new(self.settings.session_timeout());
        for broker in self.state.image().cluster().brokers() {
            heartbeats.register(broker.id, broker.fenced);
            if !broker.fenced && self.settings.rules.begins_sessions_anew() {
                heartbeats.track(now, broker.id, broker.epoch);
            }
        }
        self.heartbeats = Some(heartbeats);
        self.audit();
    }

    /// Stops to decide, and goes back to `state`: what of its own decisions is committed.
    pub fn deactivate(&mut self, state: ControllerState) {
        assert!(self.heartbeats.is_some(), "the controller is not active");
        self.heartbeats = None;
        self.state = state;
    }

    /// What to do about a request.
    #[must_use]
    pub fn decide(&self, at: &mut Circumstances<'_>, request: &ControllerRequest) -> Decision {
        match request {
            ControllerRequest::BrokerRegistration(version, body) => {
                self.decide_registration(at, *version, body, request)
            }
            ControllerRequest::BrokerHeartbeat(body) => self.decide_heartbeat(body, request),
            ControllerRequest::ControllerRegistration(body) => {
                Self::decide_controller_registration(body)
            }
            ControllerRequest::AlterPartition(version, body) => {
                self.decide_alter_partition(*version, body, request)
            }
            ControllerRequest::CreateTopics(body) => self.decide_create_topics(at, body, request),
            ControllerRequest::CreatePartitions(body) => self.decide_create_partitions(at, body),
            ControllerRequest::DeleteTopics(body) => self.decide_delete_topics(body),
            ControllerRequest::ElectLeaders(body) => self.decide_elect_leaders(body, request),
            ControllerRequest::IncrementalAlterConfigs(body) => {
                self.decide_alter_configs(body, request)
            }
            ControllerRequest::AlterConfigs(body) => self.decide_replace_configs(body),
            ControllerRequest::AllocateProducerIds(body) => {
                self.decide_allocate_producer_ids(body, request)
            }
            ControllerRequest::AlterPartitionReassignments(body) => self.decide_reassignments(body),
            ControllerRequest::ListPartitionReassignments(_) => {
                unreachable!("the shell answers it: it knows what is committed")
            }
        }
    }

    /// What to do when a periodic task is due.
    #[must_use]
    pub fn decide_task(&self, now: Time, task: ControllerTask) -> Decision {
        match task {
            ControllerTask::NoOp => Self::decide_no_op(),
            ControllerTask::FenceStaleBroker => self.decide_fence_stale_broker(now),
            ControllerTask::ElectPreferred => self.decide_elect_preferred(),
            ControllerTask::ElectUnclean => self.decide_elect_unclean(),
        }
    }

    /// Applies the record at `offset`: the only way in which the hard state changes.
    pub fn replay(&mut self, offset: Offset, record: &MetadataRecord) -> MetadataDelta {
        let known = match record {
            MetadataRecord::RegisterBroker(record) => {
                self.state.image().cluster().broker(BrokerId(record.broker_id)).is_some()
            }
            _ => false,
        };
        let delta = self.state.replay(offset, record);
        let Some(heartbeats) = &mut self.heartbeats else { return delta };
        for &id in &delta.brokers {
            if known {
                heartbeats.remove(id);
            }
            match self.state.image().cluster().broker(id) {
                Some(broker) => heartbeats.register(id, broker.fenced),
                None => heartbeats.remove(id),
            }
        }
        delta
    }

    /// Applies what a decision changes in memory, before its records are replayed.
    pub fn apply_soft(&mut self, change: SoftChange) {
        let heartbeats = self.heartbeats.as_mut().expect("only an active controller decides");
        match change {
            SoftChange::None => {}
            SoftChange::Touch { id, fenced, metadata_offset, .. } => {
                heartbeats.touch(id, fenced, metadata_offset);
            }
            SoftChange::SessionExpired { id, epoch, fences } => {
                heartbeats.forget_session(id, epoch);
                if fences {
                    heartbeats.fence(id);
                } else if self.state.image().cluster().broker(id).is_none() {
                    heartbeats.remove(id);
                }
            }
        }
    }

    /// Applies what depends on where the decision's records end.
    pub fn finish_soft(&mut self, change: SoftChange, end: Offset) {
        if let SoftChange::Touch { id, in_controlled_shutdown: true, .. } = change {
            let heartbeats = self.heartbeats.as_mut().expect("only an active controller decides");
            heartbeats.begin_controlled_shutdown(id, end);
        }
    }

    /// STALE_BROKER_EPOCH unless `id` is registered with exactly this epoch.
    pub(super) fn check_broker_epoch(&self, id: i32, epoch: i64) -> Result<BrokerId, ErrorCode> {
        let id = BrokerId(id);
        let broker = self.state.image().cluster().broker(id);
        match broker {
            Some(broker) if broker.epoch == BrokerEpoch(epoch) => Ok(id),
            _ => Err(ErrorCode::StaleBrokerEpoch),
        }
    }

    /// What is configured for a topic under `name`: its own value, else this node's, else the cluster's.
    fn configured(&self, topic: &str, name: &str) -> Option<&str> {
        let configs = self.state.image().configs();
        configs.topic_value(topic, self.settings.node_id, name)
    }

    /// `min.insync.replicas` of a topic, capped by its replication factor: that of its first partition.
    #[must_use]
    pub fn effective_min_isr(&self, topic: &TopicImage) -> usize {
        let replicas = topic.partitions.first_key_value();
        let replicas = replicas.map_or(usize::MAX, |(_, partition)| partition.replicas.len());
        self.min_isr(topic).min(replicas)
    }

    fn min_isr(&self, topic: &TopicImage) -> usize {
        let configured = self.configured(&topic.name, MIN_INSYNC_REPLICAS);
        let configured = configured.and_then(|value| value.trim().parse().ok());
        let min_isr: i32 = configured.unwrap_or(self.settings.topic().min_insync_replicas);
        usize::try_from(min_isr).unwrap_or(0)
    }

    /// Whether a topic may get a leader that lacks records.
    pub(super) fn allows_unclean_election(&self, topic: &str) -> bool {
        match self.configured(topic, UNCLEAN_LEADER_ELECTION_ENABLE) {
            Some(value) => value.trim().eq_ignore_ascii_case("true"),
            None => self.settings.topic().unclean_leader_election_enable,
        }
    }

    /// Whether the cluster keeps eligible leader replicas.
    #[must_use]
    pub fn keeps_elr(&self) -> bool {
        self.state.image().features().keeps_eligible_leader_replicas()
    }

    /// What the change builder must know; `may_lead` judges the broker, this adds the directory of its replica.
    pub(super) fn with_change_context<T>(
        &self,
        topic: &TopicImage,
        partition: &PartitionRegistration,
        may_lead: &dyn Fn(BrokerId) -> bool,
        then: impl FnOnce(ChangeContext<'_>) -> T,
    ) -> T {
        let cluster = self.state.image().cluster();
        let is_acceptable_leader = |id: BrokerId| {
            let directory = partition.directory(id);
            may_lead(id)
                && cluster.broker(id).is_some_and(|broker| {
                    directory.is_some_and(|directory| broker.has_online_directory(directory))
                })
        };
        then(ChangeContext {
            is_acceptable_leader: &is_acceptable_leader,
            default_directory: &|id| self.default_directory(id),
            min_isr: self.effective_min_isr(topic),
            waits_for_targets: self.settings.rules.reassignment_waits_for_targets(),
            keeps_eligible_leader_replicas: self.keeps_elr(),
        })
    }

    /// The directory in which a new replica on `id` goes.
    pub(super) fn default_directory(&self, id: BrokerId) -> DirectoryId {
        let broker = self.state.image().cluster().broker(id);
        broker.map_or(DirectoryId::UNASSIGNED_DIRECTORY, |broker| broker.default_directory())
    }

    /// R13 of all that an operation changed: its partitions, and those of every broker that it changed.
    pub fn invariants(&self, delta: &MetadataDelta) {
        if !delta.brokers.is_empty() || !delta.configs.is_empty() {
            self.audit();
            return;
        }
        for &of in &delta.partitions {
            let topics = self.state.image().topics();
            if let (Some(topic), Some(partition)) = (topics.topic(of.topic), topics.partition(of)) {
                self.check_partition(of, topic, partition);
            }
        }
    }

    /// R13 of every partition.
    pub fn audit(&self) {
        for (of, topic, partition) in self.state.image().topics().partitions() {
            self.check_partition(of, topic, partition);
        }
    }

    fn check_partition(
        &self,
        of: TopicPartition,
        topic: &TopicImage,
        partition: &PartitionRegistration,
    ) {
        let PartitionRegistration { isr, eligible_leader_replicas: elr, leader, .. } = partition;
        let assigned = |id: &BrokerId| partition.replicas.contains(id);
        assert!(isr.iter().all(assigned), "R13: ISR of {of:?} not assigned: {partition:?}");
        assert!(
            !isr.iter().any(|id| elr.contains(id)),
            "R13: {of:?} has a replica in ISR and ELR: {partition:?}"
        );
        assert!(
            leader.is_none_or(|leader| isr.contains(&leader)),
            "R13: the leader of {of:?} is not in sync: {partition:?}"
        );
        // A reassignment to fewer replicas than min.insync.replicas is decided with what held before it: who was taken
        // away and was in sync stays eligible, and nobody can elect it.
        let widest = partition.replicas.len() + elr.iter().filter(|id| !assigned(id)).count();
        let min_isr = self.min_isr(topic).min(widest.max(self.effective_min_isr(topic)));
        assert!(
            isr.len() < min_isr || elr.is_empty(),
            "R13: {of:?} keeps an ELR with {} >= {min_isr} in sync: {partition:?}",
            isr.len()
        );
        // Without eligible leader replicas the last member stays in sync although it is fenced. With them a move
        // that is called off may put one there which nobody can elect (`PartitionReassignmentRevert`).
        let last_member = isr.len() == 1 && leader.is_none();
        let unguarded = !self.settings.rules.keeps_fenced_out_of_sync();
        assert!(
            last_member || unguarded || isr.iter().all(|&id| self.may_be_in_sync(id)),
            "R13: {of:?} has a fenced or leaving replica in sync: {partition:?}"
        );
    }

    /// Fenced brokers may not. Those that are leaving may not either, but who was fenced on its way out and then
    /// unfenced by a belated heartbeat still carries the mark in its registration, and Kafka lets it lead.
    fn may_be_in_sync(&self, id: BrokerId) -> bool {
        let leaves = self.heartbeats.as_ref().is_some_and(|heartbeats| heartbeats.is_leaving(id));
        self.state.image().cluster().is_unfenced(id) && !leaves
    }
}

/// Names of settings that the controller lives by.
pub(super) const MIN_INSYNC_REPLICAS: &str = "min.insync.replicas";
const UNCLEAN_LEADER_ELECTION_ENABLE: &str = "unclean.leader.election.enable";

/// Whether every value fits, and all of them together with the defaults: the error that Kafka's validator would give,
/// else nothing.
pub(super) fn validate_topic_configs<'a>(
    defaults: &TopicConfig,
    values: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<(), String> {
    let mut scratch = defaults.clone();
    for (name, value) in values {
        scratch.set(name, value).map_err(|error| error.to_string())?;
    }
    scratch.check().map_err(|error| error.to_string())
}
