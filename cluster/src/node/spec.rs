//! What the nodes of a cluster are made from.
//!
//! In Kafka: `process.roles`, `node.id`, `listeners`, `advertised.listeners`,
//!           `controller.quorum.bootstrap.servers`, `kafka-storage format`.
//! Holds:    one value for the cluster, one for each node. Directory ids follow from the cluster's id and the node, so
//!           that they are the same for a seed.

use std::sync::Arc;

use trial_sim::{BootInfo, Factory};

use super::node::Node;
use crate::broker::{BrokerIdentity, INTER_BROKER_LISTENER, Listener, Pace};
use crate::config::BrokerConfig;
use crate::ids::{BrokerId, DirectoryId, Uuid};
use crate::note::Note;
use crate::raft::bootstrap::Bootstrap;
use crate::raft::settings::RaftSettings;
use crate::raft::voters::{Endpoint, ReplicaKey, VoterNode, VoterSet};
use crate::rules::Rules;

/// Where clients and brokers reach a broker.
pub const BROKER_PORT: u16 = 9092;
/// Where brokers and controllers reach a controller.
pub const CONTROLLER_PORT: u16 = 9093;

/// Where clients from outside the simulated network reach a broker, if it listens for them.
pub const EXTERNAL_PORT: u16 = 9094;
/// The name of that listener.
pub const EXTERNAL_LISTENER: &str = "EXTERNAL";

/// What a node does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Roles {
    /// It keeps partitions.
    Broker,
    /// It votes, and may be the active controller.
    Controller,
    /// Both.
    Combined,
}

impl Roles {
    /// Whether it is a broker.
    #[must_use]
    pub const fn is_broker(self) -> bool {
        matches!(self, Self::Broker | Self::Combined)
    }

    /// Whether it is a controller.
    #[must_use]
    pub const fn is_controller(self) -> bool {
        matches!(self, Self::Controller | Self::Combined)
    }
}

/// One node.
#[derive(Debug, Clone)]
pub struct NodeSpec {
    /// `node.id`.
    pub id: BrokerId,
    /// Its host's name.
    pub host: Arc<str>,
    /// `process.roles`.
    pub roles: Roles,
    /// `broker.rack`.
    pub rack: Option<Arc<str>>,
    /// Where clients from outside are told to connect: host and port. Of a broker, and none if there are no such
    /// clients.
    pub external: Option<(Arc<str>, u16)>,
}

impl NodeSpec {
    /// `listeners` and `advertised.listeners`.
    fn listeners(&self) -> Vec<Listener> {
        let inside = Listener {
            name: Arc::from(INTER_BROKER_LISTENER),
            port: BROKER_PORT,
            advertised_host: Arc::clone(&self.host),
            advertised_port: BROKER_PORT,
        };
        let outside = self.external.as_ref().map(|(host, port)| Listener {
            name: Arc::from(EXTERNAL_LISTENER),
            port: EXTERNAL_PORT,
            advertised_host: Arc::clone(host),
            advertised_port: *port,
        });
        std::iter::once(inside).chain(outside).collect()
    }
}

/// All nodes, and what they are told together.
#[derive(Debug, Clone)]
pub struct ClusterSpec {
    /// The cluster's id.
    pub cluster_id: Arc<str>,
    /// What the directory ids follow from.
    pub salt: u128,
    /// The nodes.
    pub nodes: Vec<NodeSpec>,
    /// What every node is told.
    pub config: Arc<BrokerConfig>,
    /// Which Kafka.
    pub rules: Rules,
    /// How fast its nodes are.
    pub pace: Pace,
}

impl ClusterSpec {
    /// The directory id of a node.
    #[must_use]
    pub fn directory(&self, id: BrokerId) -> DirectoryId {
        let id = u128::from(id.0.cast_unsigned()) + 1;
        // Never one of the reserved ids: those are small.
        Uuid(self.salt.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(id << 64) | 1 << 127)
    }

    fn controllers(&self) -> impl Iterator<Item = &NodeSpec> + '_ {
        self.nodes.iter().filter(|node| node.roles.is_controller())
    }

    /// The voters, as `format` writes them down.
    #[must_use]
    pub fn voters(&self) -> VoterSet {
        VoterSet::new(self.controllers().map(|node| {
            let key = ReplicaKey::new(node.id, self.directory(node.id));
            VoterNode::new(key, Endpoint::controller(&node.host, CONTROLLER_PORT))
        }))
    }

    /// What a node's replica of the quorum is told.
    #[must_use]
    pub fn raft(&self, node: &NodeSpec) -> (Arc<RaftSettings>, Bootstrap) {
        let key = ReplicaKey::new(node.id, self.directory(node.id));
        let endpoint = Endpoint::controller(&node.host, CONTROLLER_PORT);
        let mut settings = RaftSettings::new(key, endpoint, &self.cluster_id);
        let told = &self.config.node;
        settings.can_become_voter = node.roles.is_controller();
        settings.election_timeout = told.quorum_election_timeout;
        settings.election_backoff_max = told.quorum_election_backoff_max;
        settings.fetch_timeout = told.quorum_fetch_timeout;
        settings.request_timeout = told.quorum_request_timeout;
        settings.retry_backoff = told.quorum_retry_backoff;
        settings.append_linger = told.quorum_append_linger;
        settings.bootstrap_servers = self
            .controllers()
            .filter(|other| other.id != node.id)
            .map(|other| Endpoint::controller(&other.host, CONTROLLER_PORT))
            .collect();
        let voters = node.roles.is_controller().then(|| self.voters());
        (Arc::new(settings), Bootstrap { voters, records: Vec::new() })
    }

    /// Who a broker is.
    #[must_use]
    pub fn broker(&self, node: &NodeSpec) -> BrokerIdentity {
        BrokerIdentity {
            id: node.id,
            listeners: node.listeners(),
            rack: node.rack.clone(),
            cluster_id: Arc::clone(&self.cluster_id),
            directory: self.directory(node.id),
            controllers: self
                .controllers()
                .map(|other| (other.id, Arc::clone(&other.host), CONTROLLER_PORT))
                .collect(),
        }
    }

    /// Makes the node's program, at its first boot and at every later one.
    #[must_use]
    pub fn factory(self: &Arc<Self>, index: usize) -> Factory<Note> {
        let cluster = Arc::clone(self);
        Arc::new(move |_: &BootInfo| Box::new(Node::new(&cluster, &cluster.nodes[index])))
    }
}
