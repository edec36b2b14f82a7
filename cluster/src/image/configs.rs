//! The configuration that the metadata log holds: per topic, per broker, and for the whole cluster.
//!
//! In Kafka:   `ConfigurationsImage`, `ConfigResource`; KIP-226 (dynamic configuration).
//! Holds:      names and values as text. What a value means is decided where it is used (`config::topic`).

use std::collections::BTreeMap;
use std::sync::Arc;

use self::resource_type::{BROKER, GROUP, TOPIC};
use crate::ids::BrokerId;

/// Kafka's numbers of what a configuration can belong to (`ConfigResource.Type`).
pub(crate) mod resource_type {
    /// A topic.
    pub(crate) const TOPIC: i8 = 2;
    /// A broker, or without a name all of them.
    pub(crate) const BROKER: i8 = 4;
    /// The loggers of a broker.
    pub(crate) const BROKER_LOGGER: i8 = 8;
    /// A subscription to clients' metrics.
    pub(crate) const CLIENT_METRICS: i8 = 16;
    /// A group.
    pub(crate) const GROUP: i8 = 32;
}

/// What a configuration belongs to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConfigResource {
    /// One topic, by name.
    Topic(Arc<str>),
    /// One broker.
    Broker(BrokerId),
    /// Every broker: the cluster's default.
    Cluster,
    /// One group, by name.
    Group(Arc<str>),
    /// Something of Kafka's that we carry but do not read.
    Other(i8, Arc<str>),
}

impl ConfigResource {
    /// From Kafka's number and name of the resource.
    #[must_use]
    pub fn from_wire(kind: i8, name: &str) -> Self {
        match (kind, name) {
            (TOPIC, name) => Self::Topic(name.into()),
            (BROKER, "") => Self::Cluster,
            (BROKER, name) => match name.parse() {
                Ok(id) => Self::Broker(BrokerId(id)),
                Err(_) => Self::Other(kind, name.into()),
            },
            (GROUP, name) => Self::Group(name.into()),
            (kind, name) => Self::Other(kind, name.into()),
        }
    }

    /// Kafka's number and name of it.
    #[must_use]
    pub fn to_wire(&self) -> (i8, String) {
        match self {
            Self::Topic(name) => (TOPIC, name.to_string()),
            Self::Broker(id) => (BROKER, id.to_string()),
            Self::Cluster => (BROKER, String::new()),
            Self::Group(name) => (GROUP, name.to_string()),
            Self::Other(kind, name) => (*kind, name.to_string()),
        }
    }
}

/// The configuration of one resource, by name.
pub type ConfigMap = BTreeMap<Arc<str>, Arc<str>>;

/// Every configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConfigsImage {
    resources: BTreeMap<ConfigResource, Arc<ConfigMap>>,
}

impl ConfigsImage {
    /// What is set for `resource`; none if nothing is.
    #[must_use]
    pub fn resource(&self, resource: &ConfigResource) -> Option<&ConfigMap> {
        self.resources.get(resource).map(|map| &**map)
    }

    /// One value.
    #[must_use]
    pub fn value(&self, resource: &ConfigResource, name: &str) -> Option<&str> {
        self.resources.get(resource)?.get(name).map(|value| &**value)
    }

    /// The value that a topic lives by: its own, else the broker's, else the cluster's.
    #[must_use]
    pub fn topic_value(&self, topic: &str, broker: BrokerId, name: &str) -> Option<&str> {
        let own = self.value(&ConfigResource::Topic(topic.into()), name);
        let broker = || self.value(&ConfigResource::Broker(broker), name);
        own.or_else(broker).or_else(|| self.value(&ConfigResource::Cluster, name))
    }

    pub(crate) fn set(&mut self, resource: &ConfigResource, name: &str, value: Option<&str>) {
        let map = self.resources.entry(resource.clone()).or_default();
        match value {
            Some(value) => {
                Arc::make_mut(map).insert(name.into(), value.into());
            }
            None => {
                Arc::make_mut(map).remove(name);
            }
        }
        if map.is_empty() {
            self.resources.remove(resource);
        }
    }

    pub(super) fn remove(&mut self, resource: &ConfigResource) {
        self.resources.remove(resource);
    }
}
