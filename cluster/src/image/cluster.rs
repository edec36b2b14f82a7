//! Who is registered: brokers with their epochs, fences and directories, and controllers.
//!
//! In Kafka:   `ClusterImage`, `BrokerRegistration`, `ControllerRegistration`; KIP-631, KIP-841, KIP-858, KIP-919.
//! Holds:      the newest registration per node id.
//! Invariants: K15 the epoch of a broker only grows.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::features::VersionRange;
use crate::ids::{BrokerEpoch, BrokerId, DirectoryId, Uuid};

/// Where a node can be reached under one listener's name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    /// The listener's name.
    pub listener: Arc<str>,
    /// The host.
    pub host: Arc<str>,
    /// The port.
    pub port: u16,
    /// Kafka's number of the security protocol; 0 is PLAINTEXT.
    pub security_protocol: i16,
}

/// One broker.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BrokerRegistration {
    /// Its id.
    pub id: BrokerId,
    /// The epoch of this registration.
    pub epoch: BrokerEpoch,
    /// The id of the process: each start draws another.
    pub incarnation: Uuid,
    /// Where it listens.
    pub endpoints: Vec<Endpoint>,
    /// What it supports.
    pub features: BTreeMap<Arc<str>, VersionRange>,
    /// Its rack.
    pub rack: Option<Arc<str>>,
    /// Whether it may neither lead nor be in sync.
    pub fenced: bool,
    /// Whether it is on its way out.
    pub in_controlled_shutdown: bool,
    /// Its log directories that are online.
    pub directories: Vec<DirectoryId>,
    /// Those of them that take no new replicas; none while it has not said.
    pub cordoned_directories: Option<Vec<DirectoryId>>,
}

impl BrokerRegistration {
    /// Whether it may lead and join in-sync sets: neither fenced nor on its way out.
    #[must_use]
    pub const fn is_active(&self) -> bool {
        !self.fenced && !self.in_controlled_shutdown
    }

    /// Where it listens under the name `listener`.
    #[must_use]
    pub fn endpoint(&self, listener: &str) -> Option<&Endpoint> {
        self.endpoints.iter().find(|endpoint| &*endpoint.listener == listener)
    }

    /// Whether a replica in `directory` can serve. Not assigned yet, and from an older release, count as online.
    #[must_use]
    pub fn has_online_directory(&self, directory: DirectoryId) -> bool {
        match directory {
            DirectoryId::UNASSIGNED_DIRECTORY | DirectoryId::MIGRATING_DIRECTORY => true,
            DirectoryId::LOST_DIRECTORY => false,
            _ => self.directories.is_empty() || self.directories.contains(&directory),
        }
    }

    /// Whether new replicas may be placed on it.
    #[must_use]
    pub fn has_uncordoned_directories(&self) -> bool {
        let Some(cordoned) = &self.cordoned_directories else { return true };
        self.directories.is_empty() || self.directories.iter().any(|id| !cordoned.contains(id))
    }

    /// The directory of a new replica: known at once if there is only one.
    #[must_use]
    pub fn default_directory(&self) -> DirectoryId {
        match self.directories[..] {
            [] => DirectoryId::MIGRATING_DIRECTORY,
            [only] => only,
            _ => DirectoryId::UNASSIGNED_DIRECTORY,
        }
    }
}

/// One controller, as it introduced itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ControllerRegistration {
    /// Its id.
    pub id: BrokerId,
    /// The id of the process.
    pub incarnation: Uuid,
    /// Where it listens.
    pub endpoints: Vec<Endpoint>,
    /// What it supports.
    pub features: BTreeMap<Arc<str>, VersionRange>,
}

/// Everybody who is registered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClusterImage {
    pub(super) brokers: BTreeMap<BrokerId, Arc<BrokerRegistration>>,
    pub(super) controllers: BTreeMap<BrokerId, Arc<ControllerRegistration>>,
}

impl ClusterImage {
    /// The registration of broker `id`.
    #[must_use]
    pub fn broker(&self, id: BrokerId) -> Option<&Arc<BrokerRegistration>> {
        self.brokers.get(&id)
    }

    /// Every broker, by id.
    pub fn brokers(&self) -> impl Iterator<Item = &Arc<BrokerRegistration>> {
        self.brokers.values()
    }

    /// The registration of controller `id`.
    #[must_use]
    pub fn controller(&self, id: BrokerId) -> Option<&Arc<ControllerRegistration>> {
        self.controllers.get(&id)
    }

    /// Every controller that registered, by id.
    pub fn controllers(&self) -> impl Iterator<Item = &Arc<ControllerRegistration>> {
        self.controllers.values()
    }

    /// Whether `id` is registered and may lead.
    #[must_use]
    pub fn is_active(&self, id: BrokerId) -> bool {
        self.brokers.get(&id).is_some_and(|broker| broker.is_active())
    }

    /// Whether `id` is registered and not fenced.
    #[must_use]
    pub fn is_unfenced(&self, id: BrokerId) -> bool {
        self.brokers.get(&id).is_some_and(|broker| !broker.fenced)
    }
}
