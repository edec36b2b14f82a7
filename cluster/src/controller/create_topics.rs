//! Decides on new topics: names, settings, placement.
//!
//! In Kafka:   `ControllerApis.createTopics`, `ReplicationControlManager.createTopics` and `createTopic`.
//! Inputs:     CreateTopics. Effects: for each topic its record, its settings, its partitions, in this order.
//! Invariants: CT-1 a topic is created whole or not at all, and one that fails does not stop the others; CT-2 the
//!             first in-sync set is who of the replicas is active.
//! Left out:   quotas, policies, authorization. The answer names the settings that were given, not all that hold.

use std::collections::BTreeMap;

use trial_sim::Stream;

use super::decision::{Decision, Draft};
use super::machine::{Circumstances, Controller, validate_topic_configs};
use super::placement::{self, UsableBroker};
use super::request::{ControllerRequest, ControllerResponse};
use super::settings::ControllerSettings;
use super::topic_names::{self, CLUSTER_METADATA_TOPIC};
use crate::config::TopicConfig;
use crate::config::effective::{Levels, effective};
use crate::error_code::ErrorCode;
use crate::ids::{BrokerId, LeaderEpoch, PartitionEpoch, TopicId, TopicPartition, Uuid};
use crate::image::record::broker_ids;
use crate::image::{LeaderRecoveryState, PartitionRegistration, resource_type};
use crate::note::controller::ChangeReason;
use crate::wire::{
    ConfigRecord, CreateTopicsRequest, CreateTopicsResponse, TopicRecord,
    create_topics_request as asked, create_topics_response as answered,
};

/// Why a topic is not created.
type Refusal = (ErrorCode, String);

/// Ids below this mean something else than a topic.
const RESERVED_IDS: u128 = 100;

impl Controller {
    pub(super) fn decide_create_topics(
        &self,
        at: &mut Circumstances<'_>,
        body: &CreateTopicsRequest,
        request: &ControllerRequest,
    ) -> Decision {
        if self.asks_for_too_many_partitions(body) {
            let message = "Excessively large number of partitions per request.";
            return Decision::refused(request, ErrorCode::PolicyViolation, Some(message));
        }
        let mut times = BTreeMap::new();
        for topic in &body.topics {
            *times.entry(topic.name.as_str()).or_insert(0) += 1;
        }
        let mut draft = Draft::default();
        let mut response = CreateTopicsResponse::default();
        for topic in &body.topics {
            if times.get(topic.name.as_str()).is_some_and(|&times| times > 1) {
                continue;
            }
            let mut own = Draft::default();
            response.topics.push(match self.create_topic(topic, at.random, &mut own) {
                Ok(created) => {
                    draft.records.append(&mut own.records);
                    created
                }
                Err(refusal) => refused(&topic.name, refusal),
            });
        }
        for (name, _) in times.into_iter().filter(|&(_, times)| times > 1) {
            let refusal = (ErrorCode::InvalidRequest, "Duplicate topic name.".to_owned());
            response.topics.push(refused(name, refusal));
        }
        if body.validate_only {
            draft = Draft::default();
        }
        let response = ControllerResponse::CreateTopics(response);
        Decision::atomic_of(draft, response, ChangeReason::Topics)
    }

    fn asks_for_too_many_partitions(&self, body: &CreateTopicsRequest) -> bool {
        let partitions = |topic: &asked::Topic| match topic.num_partitions {
            _ if !topic.assignments.is_empty() => topic.assignments.len() as i64,
            -1 => i64::from(self.settings.config.node.num_partitions),
            count => i64::from(count.max(0)),
        };
        let total: i64 = body.topics.iter().map(partitions).sum();
        total > ControllerSettings::PARTITIONS_PER_REQUEST_MAX
    }

    fn create_topic(
        &self,
        topic: &asked::Topic,
        random: &mut Stream,
        draft: &mut Draft,
    ) -> Result<answered::Topic, Refusal> {
        self.check_name(&topic.name)?;
        let configs = check_configs(&topic.configs, self.settings.topic())?;
        let partitions = if topic.assignments.is_empty() {
            self.place(topic, random)?
        } else {
            self.take_assignments(topic)?
        };
        let topic_id = self.draw_topic_id(random);
        draft.push(TopicRecord { name: topic.name.clone(), topic_id });
        for (name, value) in &configs {
            draft.push(ConfigRecord {
                resource_type: resource_type::TOPIC,
                resource_name: topic.name.clone(),
                name: (*name).to_owned(),
                value: Some((*value).to_owned()),
            });
        }
        self.draft_clear_elr(draft, 0);
        for (partition, registration) in (0..).zip(&partitions) {
            draft.push(registration.to_record(TopicPartition { topic: topic_id, partition }));
        }
        let settings = &self.settings;
        let own = |name: &str| configs.get(name).map(|value| (*value).to_owned());
        let file = settings.config.file();
        let levels = Levels::new(self.state.image().configs(), settings.node_id, &file);
        let told = effective(own, &levels);
        let told = told.map(|it| answered::Config {
            name: it.name.to_owned(),
            value: Some(it.value),
            read_only: false,
            config_source: it.source.id(),
            is_sensitive: false,
        });
        let replicas = partitions.first().map_or(0, |partition| partition.replicas.len());
        Ok(answered::Topic {
            name: topic.name.clone(),
            topic_id,
            num_partitions: i32::try_from(partitions.len()).expect("counted before"),
            replication_factor: i16::try_from(replicas).expect("as many as a cluster has"),
            configs: Some(told.collect()),
            error_message: None,
            ..answered::Topic::default()
        })
    }

    fn check_name(&self, name: &str) -> Result<(), Refusal> {
        if name == CLUSTER_METADATA_TOPIC {
            let message = format!("Creation of internal topic {name} is prohibited.");
            return Err((ErrorCode::InvalidRequest, message));
        }
        let topics = self.state.image().topics();
        if topics.topic_by_name(name).is_some() {
            let message = format!("Topic '{name}' already exists.");
            return Err((ErrorCode::TopicAlreadyExists, message));
        }
        topic_names::validate(name).map_err(|why| (ErrorCode::InvalidTopicException, why))?;
        match topics.by_name().find(|topic| topic_names::collide(&topic.name, name)) {
            None => Ok(()),
            Some(topic) => {
                let message =
                    format!("Topic '{name}' collides with existing topic: {}", topic.name);
                Err((ErrorCode::InvalidTopicException, message))
            }
        }
    }

    /// The replicas that the request names.
    fn take_assignments(
        &self,
        topic: &asked::Topic,
    ) -> Result<Vec<PartitionRegistration>, Refusal> {
        for (given, what) in [
            (i32::from(topic.replication_factor), "replication factor"),
            (topic.num_partitions, "numPartitions"),
        ] {
            if given != -1 {
                let message = format!(
                    "A manual partition assignment was specified, but {what} was not set to -1."
                );
                return Err((ErrorCode::InvalidRequest, message));
            }
        }
        let invalid = |message: String| Err((ErrorCode::InvalidReplicaAssignment, message));
        let mut partitions = BTreeMap::new();
        let mut replication_factor = None;
        for assignment in &topic.assignments {
            let index = assignment.partition_index;
            if partitions.contains_key(&index) {
                return invalid(format!(
                    "Found multiple manual partition assignments for partition {index}"
                ));
            }
            let replicas = broker_ids(&assignment.broker_ids);
            self.check_assignment(&replicas, replication_factor)?;
            replication_factor = Some(replicas.len());
            let Some(registration) = self.new_partition(replicas) else {
                return invalid(format!(
                    "All brokers specified in the manual partition assignment for partition \
                     {index} are fenced or in controlled shutdown."
                ));
            };
            partitions.insert(index, registration);
        }
        if !partitions.keys().copied().eq((0..).take(partitions.len())) {
            let message = "partitions should be a consecutive 0-based integer sequence";
            return invalid(message.to_owned());
        }
        Ok(partitions.into_values().collect())
    }

    pub(super) fn check_assignment(
        &self,
        replicas: &[BrokerId],
        replication_factor: Option<usize>,
    ) -> Result<(), Refusal> {
        let invalid = |what: String| {
            let message = format!("The manual partition assignment includes {what}");
            Err((ErrorCode::InvalidReplicaAssignment, message))
        };
        if replicas.is_empty() {
            return invalid("an empty replica list.".to_owned());
        }
        let mut sorted = replicas.to_vec();
        sorted.sort_unstable();
        for (place, &id) in sorted.iter().enumerate() {
            let Some(broker) = self.state.image().cluster().broker(id) else {
                return invalid(format!("broker {id}, but no such broker is registered."));
            };
            if !broker.has_uncordoned_directories() {
                return invalid(format!("broker {id}, but all its log directories are cordoned."));
            }
            if sorted[..place].contains(&id) {
                return invalid(format!("the broker {id} more than once."));
            }
        }
        match replication_factor {
            Some(before) if before != replicas.len() => invalid(format!(
                "a partition with {} replica(s), but this is not consistent with previous \
                 partitions, which have {before} replica(s).",
                replicas.len()
            )),
            _ => Ok(()),
        }
    }

    /// Replicas striped over the brokers.
    fn place(
        &self,
        topic: &asked::Topic,
        random: &mut Stream,
    ) -> Result<Vec<PartitionRegistration>, Refusal> {
        let node = &self.settings.config.node;
        let replication_factor = match i32::from(topic.replication_factor) {
            -1 => node.default_replication_factor,
            factor => factor,
        };
        let Ok(replication_factor @ 1..) = usize::try_from(replication_factor) else {
            let message =
                "Replication factor must be larger than 0, or -1 to use the default value.";
            return Err((ErrorCode::InvalidReplicationFactor, message.to_owned()));
        };
        let count = match topic.num_partitions {
            -1 => node.num_partitions,
            count => count,
        };
        let Ok(count @ 1..) = usize::try_from(count) else {
            let message = "Number of partitions was set to an invalid non-positive value.";
            return Err((ErrorCode::InvalidPartitions, message.to_owned()));
        };
        let cannot = |why: String| {
            let message =
                format!("Unable to replicate the partition {replication_factor} time(s): {why}");
            (ErrorCode::InvalidReplicationFactor, message)
        };
        let placed = placement::place(&self.usable_brokers(), count, replication_factor, random)
            .map_err(|error| cannot(error.to_string()))?;
        let made = placed.into_iter().map(|replicas| {
            let made = self.new_partition(replicas);
            made.ok_or_else(|| {
                cannot("All brokers are currently fenced or in controlled shutdown.".to_owned())
            })
        });
        made.collect()
    }

    pub(super) fn usable_brokers(&self) -> Vec<UsableBroker> {
        let cluster = self.state.image().cluster();
        let usable = self.active_heartbeats().usable_brokers();
        let usable = usable.filter_map(|(id, fenced)| {
            let broker = cluster.broker(id).filter(|it| it.has_uncordoned_directories())?;
            Some(UsableBroker { id, rack: broker.rack.clone(), fenced })
        });
        usable.collect()
    }

    /// CT-2; none if nobody of them is active.
    pub(super) fn new_partition(&self, replicas: Vec<BrokerId>) -> Option<PartitionRegistration> {
        let cluster = self.state.image().cluster();
        let isr: Vec<_> = replicas.iter().copied().filter(|&id| cluster.is_active(id)).collect();
        let leader = isr.first().copied()?;
        Some(PartitionRegistration {
            directories: replicas.iter().map(|&id| self.default_directory(id)).collect(),
            replicas,
            isr,
            leader: Some(leader),
            leader_recovery_state: LeaderRecoveryState::Recovered,
            leader_epoch: LeaderEpoch(0),
            partition_epoch: PartitionEpoch(0),
            ..PartitionRegistration::default()
        })
    }

    fn draw_topic_id(&self, random: &mut Stream) -> TopicId {
        loop {
            let id = Uuid((u128::from(random.u64()) << 64) | u128::from(random.u64()));
            if id.0 >= RESERVED_IDS && self.state.image().topics().topic(id).is_none() {
                return id;
            }
        }
    }
}

/// The settings by name; later ones of the same name win.
fn check_configs<'a>(
    configs: &'a [asked::Config],
    defaults: &TopicConfig,
) -> Result<BTreeMap<&'a str, &'a str>, Refusal> {
    let nulls: Vec<_> =
        configs.iter().filter(|it| it.value.is_none()).map(|it| it.name.as_str()).collect();
    if !nulls.is_empty() {
        let message = format!("Null value not supported for topic configs: {}", nulls.join(","));
        return Err((ErrorCode::InvalidConfig, message));
    }
    let configs: BTreeMap<_, _> =
        configs.iter().filter_map(|it| Some((it.name.as_str(), it.value.as_deref()?))).collect();
    validate_topic_configs(defaults, configs.iter().map(|(name, value)| (*name, *value)))
        .map_err(|message| (ErrorCode::InvalidConfig, message))?;
    Ok(configs)
}

fn refused(name: &str, (error, message): Refusal) -> answered::Topic {
    answered::Topic {
        name: name.to_owned(),
        error_code: error.code(),
        error_message: Some(message),
        ..answered::Topic::default()
    }
}
