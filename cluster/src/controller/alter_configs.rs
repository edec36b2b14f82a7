//! Decides on settings of topics, brokers and the cluster.
//!
//! In Kafka:   `ConfigurationControlManager.incrementalAlterConfigs`; KIP-226, KIP-339, KIP-966 (ClearElr).
//! Inputs:     IncrementalAlterConfigs. Effects: configuration records, and ClearElr when min.insync.replicas is
//!             among them: who was eligible under the old one may lack what the new one promises.
//! Invariants: AC-1 a resource is altered whole or not at all; AC-2 with eligible leader replicas the cluster has
//!             one min.insync.replicas, which no broker overrides and nobody removes.
//! Left out:   policies, authorization.

use std::collections::BTreeMap;

use super::decision::{Decision, Draft};
use super::machine::{Controller, MIN_INSYNC_REPLICAS, topic_resource, validate_topic_configs};
use super::request::ControllerResponse;
use crate::config::{BrokerConfig, TopicConfig};
use crate::error_code::ErrorCode;
use crate::image::ConfigResource;
use crate::note::controller::ChangeReason;
use crate::wire::{
    ClearElrRecord, ConfigRecord, IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse,
    MetadataRecord, incremental_alter_configs_request as asked,
    incremental_alter_configs_response as answered,
};

type Refusal = (ErrorCode, String);

const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

impl Controller {
    pub(super) fn decide_alter_configs(&self, body: &IncrementalAlterConfigsRequest) -> Decision {
        let mut draft = Draft::default();
        let mut responses = Vec::new();
        for resource in &body.resources {
            let result = self.alter_resource(resource);
            let (error, message) = match result {
                Ok(records) => {
                    draft.records.extend(records.into_iter().map(MetadataRecord::from));
                    (ErrorCode::None, None)
                }
                Err((error, message)) => (error, Some(message)),
            };
            responses.push(answered::Response {
                error_code: error.code(),
                error_message: message,
                resource_type: resource.resource_type,
                resource_name: resource.resource_name.clone(),
            });
        }
        self.draft_clear_elr(&mut draft, 0);
        if body.validate_only {
            draft = Draft::default();
        }
        let response = IncrementalAlterConfigsResponse {
            responses,
            ..IncrementalAlterConfigsResponse::default()
        };
        let response = ControllerResponse::IncrementalAlterConfigs(response);
        Decision::atomic_of(draft, response, ChangeReason::Configuration)
    }

    /// Adds a ClearElr for each min.insync.replicas among the records from `begin` on.
    pub(super) fn draft_clear_elr(&self, draft: &mut Draft, begin: usize) {
        if !self.keeps_elr() {
            return;
        }
        let cleared = draft.records[begin..].iter().filter_map(|record| match record {
            MetadataRecord::Config(config) if config.name == MIN_INSYNC_REPLICAS => {
                let of_topic = config.resource_type == 2;
                let topic_name =
                    if of_topic { config.resource_name.clone() } else { String::new() };
                Some(MetadataRecord::from(ClearElrRecord { topic_name }))
            }
            _ => None,
        });
        let cleared: Vec<_> = cleared.collect();
        draft.records.extend(cleared);
    }

    /// The records of one resource (AC-1).
    fn alter_resource(&self, asked: &asked::Resource) -> Result<Vec<ConfigRecord>, Refusal> {
        let resource = ConfigResource::from_wire(asked.resource_type, &asked.resource_name);
        let known = self.state.image().configs().resource(&resource);
        let mut all: BTreeMap<String, String> = known
            .into_iter()
            .flatten()
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect();
        let is_broker = matches!(resource, ConfigResource::Broker(_) | ConfigResource::Cluster);
        let mut records = Vec::new();
        for config in &asked.configs {
            let value = match config.config_operation {
                SET => Some(config.value.clone().ok_or_else(|| {
                    invalid(format!("Null value not supported for {}", config.name))
                })?),
                DELETE => None,
                APPEND => Some(altered_list(config, all.get(&config.name), true)?),
                SUBTRACT => Some(altered_list(config, all.get(&config.name), false)?),
                other => {
                    let message = format!("Unknown operation {other} for {}", config.name);
                    return Err((ErrorCode::InvalidRequest, message));
                }
            };
            self.check_min_isr(&resource, &config.name, value.as_deref())?;
            // A broker's record is written although it changes nothing: it makes brokers read again (KAFKA-14136).
            if is_broker || all.get(&config.name) != value.as_ref() {
                records.push(ConfigRecord {
                    resource_type: asked.resource_type,
                    resource_name: asked.resource_name.clone(),
                    name: config.name.clone(),
                    value: value.clone(),
                });
            }
            match value {
                Some(value) => all.insert(config.name.clone(), value),
                None => all.remove(&config.name),
            };
        }
        self.check_values(&resource, &all)?;
        Ok(records)
    }

    /// AC-2.
    fn check_min_isr(
        &self,
        resource: &ConfigResource,
        name: &str,
        value: Option<&str>,
    ) -> Result<(), Refusal> {
        if name != MIN_INSYNC_REPLICAS || !self.keeps_elr() {
            return Ok(());
        }
        match (resource, value) {
            (ConfigResource::Broker(_), _) => {
                Err(invalid(format!("Broker-level {name} cannot be altered while ELR is enabled.")))
            }
            (ConfigResource::Cluster, None) => Err(invalid(format!(
                "Cluster-level {name} cannot be removed while ELR is enabled."
            ))),
            _ => Ok(()),
        }
    }

    fn check_values(
        &self,
        resource: &ConfigResource,
        all: &BTreeMap<String, String>,
    ) -> Result<(), Refusal> {
        let values = all.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        match resource {
            ConfigResource::Topic(name) => {
                validate_topic_configs(self.settings.topic(), values).map_err(invalid)?;
                assert!(*resource == topic_resource(name), "a topic's resource is its name");
                if self.state.image().topics().topic_by_name(name).is_none() {
                    let message = format!("The topic '{name}' does not exist.");
                    return Err((ErrorCode::UnknownTopicOrPartition, message));
                }
                Ok(())
            }
            ConfigResource::Broker(_) | ConfigResource::Cluster => {
                let mut scratch = BrokerConfig::default();
                for (name, value) in values {
                    scratch.set(name, value).map_err(|error| invalid(error.to_string()))?;
                }
                Ok(())
            }
            ConfigResource::Other(kind, name) => Err((
                ErrorCode::InvalidRequest,
                format!("Resource type {kind} of '{name}' is not supported."),
            )),
        }
    }
}

/// A list with what a request adds to it, or without what it takes. What was never set is what a topic has by default.
fn altered_list(
    config: &asked::Config,
    known: Option<&String>,
    appends: bool,
) -> Result<String, Refusal> {
    let name = &config.name;
    if !TopicConfig::LISTS.contains(&name.as_str()) {
        let operation = if appends { "APPEND" } else { "SUBTRACT" };
        let message = format!("Can't {operation} to key {name} because its type is not LIST.");
        return Err(invalid(message));
    }
    let given = config.value.as_deref();
    let given = given.ok_or_else(|| invalid(format!("Null value not supported for {name}")))?;
    let known = known.map_or(TopicConfig::CLEANUP_POLICY_DEFAULT, String::as_str);
    let mut parts: Vec<&str> = known.split(',').filter(|part| !part.is_empty()).collect();
    for part in given.split(',') {
        match (parts.iter().position(|it| *it == part), appends) {
            (None, true) => parts.push(part),
            (Some(place), false) => {
                parts.remove(place);
            }
            (Some(_), true) | (None, false) => {}
        }
    }
    Ok(parts.join(","))
}

fn invalid(message: impl Into<String>) -> Refusal {
    (ErrorCode::InvalidConfig, message.into())
}
