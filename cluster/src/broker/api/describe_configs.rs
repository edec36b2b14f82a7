//! DescribeConfigs: what topics, brokers and others are set to, and who has set it.
//!
//! In Kafka:   `ConfigHelper`; KIP-133, KIP-226, KIP-569 (types).
//! Inputs:     resources, each with the names of settings or all of them. Effects: none.
//! Invariants: DC-1 a broker tells of itself alone, and of what is set for all.
//! Left out:   documentation, which is Kafka's prose: it is null. Loggers: there are none. Authorization.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::request::{Refused, Request};
use super::super::{Broker, Cx};
use crate::config::effective::{ConfigSource, Levels, Synonym, name_on_brokers};
use crate::config::schema::{
    self, ConfigKey, ConfigType, Dynamic, Section, in_hash_order, key, keys,
};
use crate::controller::topic_names;
use crate::error_code::ErrorCode;
use crate::image::resource_type::{BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP, TOPIC};
use crate::image::{ConfigMap, ConfigResource};
use crate::wire::{
    DescribeConfigsRequest, DescribeConfigsResponse, describe_configs_request as asked,
    describe_configs_response as wire,
};

/// Why a resource is not described, and in which words.
type Refusal = (ErrorCode, String);

pub(super) fn handle(
    broker: &mut Broker,
    request: &Arc<Request>,
    cx: &mut Cx<'_>,
) -> Result<(), Refused> {
    let message = request.message::<DescribeConfigsRequest>()?;
    let response = broker.describe_configs(&message);
    broker.respond::<DescribeConfigsRequest>(request, &response, cx);
    Ok(())
}

impl Broker {
    fn describe_configs(&self, message: &DescribeConfigsRequest) -> DescribeConfigsResponse {
        let known = [TOPIC, BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP];
        // One kind that is none, and nothing is told of the others either.
        let unknown = message.resources.iter().find(|it| !known.contains(&it.resource_type));
        let file = self.file();
        let levels = Levels::new(self.image().configs(), self.identity().id, &file);
        let results = message.resources.iter().map(|resource| {
            let told = match unknown {
                Some(unknown) => Err((
                    ErrorCode::InvalidRequest,
                    format!("Unexpected resource type {}", unknown.resource_type),
                )),
                None => self.describe(resource, &levels),
            };
            let mut result = wire::DescribeConfigsResponseResult {
                resource_type: resource.resource_type,
                resource_name: resource.resource_name.clone(),
                ..Default::default()
            };
            match told {
                Ok(configs) => {
                    let told = configs.into_iter().map(|it| it.into_wire(message.include_synonyms));
                    result.configs = told.collect();
                }
                Err((error, message)) => {
                    result.error_code = error.code();
                    result.error_message = Some(message);
                }
            }
            result
        });
        DescribeConfigsResponse { results: results.collect(), ..Default::default() }
    }

    fn describe(&self, asked: &asked::Resource, levels: &Levels<'_>) -> Result<Vec<Told>, Refusal> {
        let name = asked.resource_name.as_str();
        let wanted = asked.configuration_keys.as_deref().unwrap_or_default();
        let told = match asked.resource_type {
            TOPIC => self.describe_topic(name, levels)?,
            BROKER if name.is_empty() => {
                describe_cluster(self.set_for(&ConfigResource::Cluster), levels)
            }
            BROKER => {
                self.check_id(name, " or empty string,")?;
                describe_broker(levels)
            }
            BROKER_LOGGER => {
                given(name, "Broker id")?;
                self.check_id(name, "")?;
                Vec::new()
            }
            CLIENT_METRICS => {
                given(name, "Client metrics subscription name")?;
                describe_by(Section::ClientMetrics, |_| Vec::new())
            }
            _ => {
                given(name, "Group name")?;
                let own = self.set_for(&ConfigResource::Group(name.into()));
                describe_by(Section::Group, |key| group_synonyms(key, own, levels))
            }
        };
        let is_wanted = |told: &Told| wanted.is_empty() || wanted.contains(&told.name);
        Ok(told.into_iter().filter(is_wanted).collect())
    }

    /// What is set for a resource while brokers run.
    fn set_for(&self, resource: &ConfigResource) -> Option<&ConfigMap> {
        self.image().configs().resource(resource)
    }

    fn describe_topic(&self, name: &str, levels: &Levels<'_>) -> Result<Vec<Told>, Refusal> {
        topic_names::validate(name).map_err(|why| (ErrorCode::InvalidTopicException, why))?;
        if self.image().topics().topic_by_name(name).is_none() {
            return Err((ErrorCode::UnknownTopicOrPartition, String::new()));
        }
        let own = self.set_for(&ConfigResource::Topic(name.into()));
        let own = |name: &str| own.and_then(|own| own.get(name)).map(|value| value.to_string());
        // What is internal is told first, and only where it is set.
        let internal = keys(Section::Topic).filter(|key| key.internal && own(key.name).is_some());
        let all = internal.chain(hashed(keys(Section::Topic)));
        let told = all.map(|key| {
            let own =
                own(key.name).map(|value| (key.name, key.kind.told(&value), ConfigSource::Topic));
            let below = name_on_brokers(key.name).map(|name| levels.synonyms(name));
            let synonyms: Vec<_> = own.into_iter().chain(below.into_iter().flatten()).collect();
            let value = synonyms.first().map(|(_, value, _)| key.kind.told(value));
            let value = value.or_else(|| key.default.map(str::to_owned));
            Told { value, ..Told::of(&key, synonyms) }
        });
        Ok(told.collect())
    }

    /// DC-1.
    fn check_id(&self, name: &str, or: &str) -> Result<(), Refusal> {
        let own = self.identity().id.0;
        let invalid = |why: String| Err((ErrorCode::InvalidRequest, why));
        match name.parse::<i32>() {
            Ok(id) if id == own => Ok(()),
            Ok(_) => {
                invalid(format!("Unexpected broker id, expected {own}{or} but received {name}"))
            }
            Err(_) => invalid(format!("Broker id must be an integer, but it is: {name}")),
        }
    }

    /// What this broker's `server.properties` would say: what it was told, and who and where it is.
    pub(in crate::broker) fn file(&self) -> BTreeMap<String, String> {
        let identity = self.identity();
        let mut file = self.file_config.file();
        let id = identity.id.0.to_string();
        let joined = |parts: &mut dyn Iterator<Item = String>| parts.collect::<Vec<_>>().join(",");
        let (listeners, controllers) = (&identity.listeners, &identity.controllers);
        let is_controller = controllers.iter().any(|(id, ..)| *id == identity.id);
        let roles = if is_controller { "broker,controller" } else { "broker" };
        let bound = listeners.iter().map(|it| format!("{}://:{}", it.name, it.port));
        let advertised = listeners.iter();
        let advertised = advertised
            .map(|it| format!("{}://{}:{}", it.name, it.advertised_host, it.advertised_port));
        let plain = listeners.iter().map(|it| format!("{}:PLAINTEXT", it.name));
        let mut plain = ["CONTROLLER:PLAINTEXT".to_owned()].into_iter().chain(plain);
        let mut voters = controllers.iter().map(|(_, host, port)| format!("{host}:{port}"));
        let own = [
            ("broker.id", id.clone()),
            ("node.id", id),
            ("process.roles", roles.to_owned()),
            ("controller.listener.names", "CONTROLLER".to_owned()),
            ("controller.quorum.bootstrap.servers", joined(&mut voters)),
            ("listener.security.protocol.map", joined(&mut plain)),
            ("listeners", joined(&mut { bound })),
            ("advertised.listeners", joined(&mut { advertised })),
        ];
        file.extend(own.into_iter().map(|(name, value)| (name.to_owned(), value)));
        file.extend(identity.rack.iter().map(|rack| ("broker.rack".to_owned(), rack.to_string())));
        file
    }
}

/// A setting, as it is told.
struct Told {
    name: String,
    value: Option<String>,
    kind: i8,
    read_only: bool,
    is_sensitive: bool,
    /// All that is set for it, what counts first comes first.
    synonyms: Vec<Synonym>,
}

impl Told {
    /// Of a setting that may be changed, with the value that counts.
    fn of(key: &ConfigKey, synonyms: Vec<Synonym>) -> Self {
        let value = synonyms.first().map(|(_, value, _)| key.kind.told(value));
        Self {
            name: key.name.to_owned(),
            value,
            kind: key.kind.id(),
            read_only: false,
            is_sensitive: key.kind == ConfigType::Password,
            synonyms,
        }
    }

    fn into_wire(self, with_synonyms: bool) -> wire::Config {
        let source = self.synonyms.first().map_or(ConfigSource::Default, |(_, _, source)| *source);
        let hidden = self.is_sensitive;
        let synonyms = self.synonyms.into_iter().filter(|_| with_synonyms);
        let synonyms = synonyms.map(|(name, value, source)| wire::Synonym {
            name: name.to_owned(),
            value: Some(value).filter(|_| !hidden),
            source: source.id(),
        });
        wire::Config {
            name: self.name,
            value: self.value.filter(|_| !hidden),
            read_only: self.read_only,
            config_source: source.id(),
            is_sensitive: hidden,
            synonyms: synonyms.collect(),
            config_type: self.kind,
            documentation: None,
        }
    }
}

fn hashed(keys: impl Iterator<Item = ConfigKey>) -> Vec<ConfigKey> {
    in_hash_order(keys.filter(|key| !key.internal).collect(), |key| key.name)
}

/// All of a broker's settings, with what holds.
fn describe_broker(levels: &Levels<'_>) -> Vec<Told> {
    let told = hashed(keys(Section::Broker)).into_iter().map(|key| {
        let read_only = key.dynamic == Dynamic::ReadOnly;
        Told { read_only, ..Told::of(&key, levels.synonyms(key.name)) }
    });
    told.collect()
}

/// What is set for all brokers, and nothing else.
fn describe_cluster(set: Option<&ConfigMap>, levels: &Levels<'_>) -> Vec<Told> {
    let set = set.into_iter().flatten();
    let set = in_hash_order(set.collect(), |(name, _)| name);
    let told = set.into_iter().filter_map(|(name, value)| {
        let key = schema::key(Section::Broker, name)?;
        let mut synonyms = levels.synonyms(name);
        synonyms.retain(|(_, _, source)| *source == ConfigSource::Cluster);
        let read_only = key.dynamic == Dynamic::ReadOnly;
        Some(Told { value: Some(value.to_string()), read_only, ..Told::of(&key, synonyms) })
    });
    told.collect()
}

/// All of a section, with what holds.
fn describe_by(section: Section, synonyms: impl Fn(&ConfigKey) -> Vec<Synonym>) -> Vec<Told> {
    let told = hashed(keys(section)).into_iter().map(|key| {
        let told = Told::of(&key, synonyms(&key));
        Told { value: told.value.or_else(|| key.default.map(str::to_owned)), ..told }
    });
    told.collect()
}

/// A group has its own value, or its broker's, where brokers have a setting for it.
fn group_synonyms(of: &ConfigKey, own: Option<&ConfigMap>, levels: &Levels<'_>) -> Vec<Synonym> {
    let own = own.and_then(|own| own.get(of.name));
    let mut synonyms =
        Vec::from_iter(own.map(|value| (of.name, of.kind.told(value), ConfigSource::Group)));
    let on_brokers = format!("group.{}", of.name);
    if key(Section::Broker, &on_brokers).is_some() {
        synonyms.extend(levels.synonyms(&on_brokers));
    } else {
        let default = of.default.map(|value| (of.name, value.to_owned(), ConfigSource::Default));
        synonyms.extend(default);
    }
    synonyms
}

fn given(name: &str, what: &str) -> Result<(), Refusal> {
    match name {
        "" => Err((ErrorCode::InvalidRequest, format!("{what} must not be empty"))),
        _ => Ok(()),
    }
}
