//! Decides on settings of topics, brokers and the cluster.
//!
//! In Kafka:   `ConfigurationControlManager`, `ControllerConfigurationValidator`, `ControllerApis`; KIP-133, KIP-226,
//!             KIP-339, KIP-966 (ClearElr).
//! Inputs:     IncrementalAlterConfigs and AlterConfigs, of which brokers have taken out what they refuse. Effects:
//!             configuration records, and ClearElr when min.insync.replicas is among them: who was eligible under the
//!             old one may lack what the new one promises.
//! Invariants: AC-1 a resource is altered whole or not at all; AC-2 with eligible leader replicas the cluster has
//!             one min.insync.replicas, which no broker overrides and nobody removes.
//! Left out:   policies, authorization; settings of clients' metrics, which are refused.

use std::collections::{BTreeMap, BTreeSet};

use super::decision::{Decision, Draft};
use super::machine::{Controller, MIN_INSYNC_REPLICAS, validate_topic_configs};
use super::request::{ControllerRequest, ControllerResponse};
use super::topic_names;
use crate::config::BrokerConfig;
use crate::config::altered::{AlterOp, alter};
use crate::config::of_group;
use crate::config::schema::Section;
use crate::error_code::ErrorCode;
use crate::image::ConfigResource;
use crate::note::controller::ChangeReason;
use crate::wire::{
    AlterConfigsRequest, AlterConfigsResponse, ClearElrRecord, ConfigRecord,
    IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse, MetadataRecord,
    alter_configs_response, incremental_alter_configs_response,
};

type Refusal = (ErrorCode, String);

/// A setting, what is done with it, and with which value.
type Change<'a> = (&'a str, AlterOp, Option<&'a str>);

/// The longest value of a setting, in bytes.
const VALUE_LENGTH_MAX: usize = i16::MAX as usize;

impl Controller {
    pub(super) fn decide_alter_configs(
        &self,
        body: &IncrementalAlterConfigsRequest,
        request: &ControllerRequest,
    ) -> Decision {
        let mut draft = Draft::default();
        let mut responses = Vec::new();
        for resource in &body.resources {
            let changes = resource.configs.iter().map(|it| {
                let operation = AlterOp::of(it.config_operation)?;
                Some((it.name.as_str(), operation, it.value.as_deref()))
            });
            // Kafka's controller stumbles over an operation that is none.
            let Some(changes) = changes.collect::<Option<Vec<_>>>() else {
                return Decision::refused(request, ErrorCode::UnknownServerError, None);
            };
            let of = (resource.resource_type, resource.resource_name.as_str());
            let result = self.alter_resource(of, &changes, &mut draft);
            let (error, message) = told(result);
            responses.push(incremental_alter_configs_response::Response {
                error_code: error.code(),
                error_message: message,
                resource_type: resource.resource_type,
                resource_name: resource.resource_name.clone(),
            });
        }
        let response = IncrementalAlterConfigsResponse { responses, ..Default::default() };
        let response = ControllerResponse::IncrementalAlterConfigs(response);
        self.altered(draft, body.validate_only, response)
    }

    /// What is not named is taken back.
    pub(super) fn decide_replace_configs(&self, body: &AlterConfigsRequest) -> Decision {
        let mut draft = Draft::default();
        let mut responses = Vec::new();
        for resource in &body.resources {
            let set = resource.configs.iter();
            let set = set.map(|it| (it.name.as_str(), AlterOp::Set, it.value.as_deref()));
            let mut changes: Vec<Change<'_>> = set.collect();
            let named: BTreeSet<&str> = changes.iter().map(|(name, ..)| *name).collect();
            let of = ConfigResource::from_wire(resource.resource_type, &resource.resource_name);
            let known = self.state.image().configs().resource(&of).into_iter().flatten();
            let left = known.map(|(name, _)| &**name).filter(|name| !named.contains(name));
            changes.extend(left.map(|name| (name, AlterOp::Delete, None)));
            let of = (resource.resource_type, resource.resource_name.as_str());
            let result = self.alter_resource(of, &changes, &mut draft);
            let (error, message) = told(result);
            responses.push(alter_configs_response::Response {
                error_code: error.code(),
                error_message: message,
                resource_type: resource.resource_type,
                resource_name: resource.resource_name.clone(),
            });
        }
        let response = AlterConfigsResponse { responses, ..Default::default() };
        let response = ControllerResponse::AlterConfigs(response);
        self.altered(draft, body.validate_only, response)
    }

    fn altered(
        &self,
        mut draft: Draft,
        validate_only: bool,
        response: ControllerResponse,
    ) -> Decision {
        self.draft_clear_elr(&mut draft, 0);
        if validate_only {
            draft = Draft::default();
        }
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

    /// Drafts the records of one resource (AC-1).
    fn alter_resource(
        &self,
        (kind, name): (i8, &str),
        changes: &[Change<'_>],
        draft: &mut Draft,
    ) -> Result<(), Refusal> {
        let resource = ConfigResource::from_wire(kind, name);
        let known = self.state.image().configs().resource(&resource);
        let mut all: BTreeMap<&str, String> =
            known.into_iter().flatten().map(|(name, value)| (&**name, value.to_string())).collect();
        let of_broker = matches!(resource, ConfigResource::Broker(_) | ConfigResource::Cluster);
        let section = match resource {
            ConfigResource::Broker(_) | ConfigResource::Cluster => Section::Broker,
            ConfigResource::Group(_) => Section::Group,
            ConfigResource::Topic(_) | ConfigResource::Other(..) => Section::Topic,
        };
        let mut records = Vec::new();
        for &(key, operation, given) in changes {
            let known = all.get(key).map(String::as_str);
            let value = alter(section, key, operation, known, given).map_err(invalid)?;
            self.check_min_isr(&resource, key, value.as_deref())?;
            if value.as_ref().is_some_and(|value| value.len() > VALUE_LENGTH_MAX) {
                return Err(invalid(format!(
                    "The value of {key} is longer than {VALUE_LENGTH_MAX} bytes."
                )));
            }
            // A broker's record is written although it changes nothing: it makes brokers read again (KAFKA-14136).
            if of_broker || known != value.as_deref() {
                records.push(ConfigRecord {
                    resource_type: kind,
                    resource_name: name.to_owned(),
                    name: key.to_owned(),
                    value: value.clone(),
                });
            }
            match value {
                Some(value) => all.insert(key, value),
                None => all.remove(key),
            };
        }
        self.check_values(&resource, &all)?;
        draft.records.extend(records.into_iter().map(MetadataRecord::from));
        Ok(())
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
        all: &BTreeMap<&str, String>,
    ) -> Result<(), Refusal> {
        let values = all.iter().map(|(name, value)| (*name, value.as_str()));
        match resource {
            ConfigResource::Topic(name) if name.is_empty() => {
                let message = "Default topic resources are not allowed.";
                Err((ErrorCode::InvalidRequest, message.to_owned()))
            }
            ConfigResource::Topic(name) => {
                topic_names::validate(name)
                    .map_err(|why| (ErrorCode::InvalidTopicException, why))?;
                validate_topic_configs(self.settings.topic(), values).map_err(invalid)?;
                if self.state.image().topics().topic_by_name(name).is_none() {
                    let message = format!("The topic '{name}' does not exist.");
                    return Err((ErrorCode::UnknownTopicOrPartition, message));
                }
                Ok(())
            }
            ConfigResource::Broker(id) if id.0 < 0 => {
                let message = "Invalid negative broker ID.";
                Err((ErrorCode::InvalidRequest, message.to_owned()))
            }
            ConfigResource::Broker(_) | ConfigResource::Cluster => {
                let mut scratch = BrokerConfig::default();
                for (name, value) in values {
                    scratch.set(name, value).map_err(|error| invalid(error.to_string()))?;
                }
                Ok(())
            }
            ConfigResource::Group(name) if name.is_empty() => {
                let message = "Default group resources are not allowed.";
                Err((ErrorCode::InvalidRequest, message.to_owned()))
            }
            ConfigResource::Group(_) => {
                of_group::check(all, &self.settings.config.file()).map_err(invalid)
            }
            ConfigResource::Other(kind, name) => Err((
                ErrorCode::InvalidRequest,
                format!("Resource type {kind} of '{name}' is not supported."),
            )),
        }
    }
}

fn told(result: Result<(), Refusal>) -> (ErrorCode, Option<String>) {
    match result {
        Ok(()) => (ErrorCode::None, None),
        Err((error, message)) => (error, Some(message)),
    }
}

fn invalid(message: impl Into<String>) -> Refusal {
    (ErrorCode::InvalidConfig, message.into())
}
