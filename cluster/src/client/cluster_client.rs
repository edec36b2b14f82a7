//! A network client that keeps its own metadata up to date: what producer, consumer and admin stand on.
//!
//! In Kafka:   `NetworkClient.DefaultMetadataUpdater`; the bootstrap addresses of `ClientUtils`, KIP-899.
//! Holds:      the network client, the metadata, the one metadata request that may be in flight.
//! Inputs:     as the network client. Effects: requests, and the completions that are not about metadata.
//! Invariants: CC-1 at most one metadata request is in flight.
//! Left out:   other requests are not held back while an update is due (`NetworkClient.isReady`).

use std::collections::{BTreeMap, VecDeque};

use trial_sim::{Input, Time};

use super::metadata::{Endpoint, Metadata};
use crate::config::ClientSettings;
use crate::error_code::ErrorCode;
use crate::ids::BrokerId;
use crate::net::{Completed, ExponentialBackoff, NetSettings, NetworkClient, Wires};
use crate::wire::{ApiKey, MetadataRequest, MetadataResponse};

const METADATA_TOKEN: u64 = u64::MAX;
/// Bootstrap addresses have no node id yet: they get -2, -3 and so on, since -1 is nobody.
const FIRST_BOOTSTRAP_ID: i32 = -2;

/// Connections and metadata of one client.
#[derive(Debug, Clone)]
pub struct ClusterClient {
    /// The connections.
    pub net: NetworkClient,
    /// What is known of the cluster.
    pub metadata: Metadata,
    bootstrap: BTreeMap<BrokerId, Endpoint>,
    stream: &'static str,
    updating: bool,
    completed: VecDeque<Completed>,
    next_token: u64,
}

impl ClusterClient {
    /// A client that knows only where to ask first. `stream` names the draws of its back-off.
    #[must_use]
    pub fn new(
        settings: &ClientSettings,
        client_id: &str,
        stream: &'static str,
        max_in_flight: usize,
        bootstrap: &[(String, u16)],
    ) -> Self {
        assert!(!bootstrap.is_empty(), "a client needs an address to begin with");
        let retry = ExponentialBackoff::new(settings.retry_backoff, settings.retry_backoff_max);
        let mut net = NetworkClient::new(NetSettings {
            max_in_flight,
            reconnect_backoff: ExponentialBackoff::new(
                settings.reconnect_backoff,
                settings.reconnect_backoff_max,
            ),
            connection_setup_timeout: ExponentialBackoff::new(
                settings.connection_setup_timeout,
                settings.connection_setup_timeout_max,
            ),
            request_timeout: settings.request_timeout,
            ..NetSettings::new(client_id, stream)
        });
        let bootstrap: BTreeMap<BrokerId, Endpoint> = (0..)
            .zip(bootstrap)
            .map(|(i, (host, port))| {
                let id = BrokerId(FIRST_BOOTSTRAP_ID - i);
                (id, Endpoint { host: host.clone(), port: *port })
            })
            .collect();
        for (id, at) in &bootstrap {
            net.set_node(*id, &at.host, at.port);
        }
        Self {
            net,
            metadata: Metadata::new(settings.metadata_max_age, retry),
            bootstrap,
            stream,
            updating: false,
            completed: VecDeque::new(),
            next_token: 0,
        }
    }

    /// A token that no other request of this client has.
    pub const fn token(&mut self) -> u64 {
        self.next_token += 1;
        self.next_token
    }

    /// Handles a network input; false if it is not about this client's connections.
    pub fn on_input(&mut self, input: &Input, wires: &mut dyn Wires) -> bool {
        let ours = self.net.on_input(input, wires);
        self.poll(wires);
        ours
    }

    /// Gives up what has taken too long and asks for metadata when that is due. Harmless at any time.
    pub fn poll(&mut self, wires: &mut dyn Wires) {
        self.net.on_timer(wires);
        let now = wires.now();
        if !self.net.take_lost().is_empty() {
            // An update that was due and has nobody to ask must back off as if it had failed.
            if !self.updating && self.metadata.next_update() <= now {
                self.metadata.on_failure(self.stream, wires);
            }
            self.metadata.request_update();
        }
        while let Some(completed) = self.net.next_completed() {
            if completed.token == METADATA_TOKEN {
                self.on_metadata(&completed, wires);
            } else {
                self.completed.push_back(completed);
            }
        }
        if !self.updating && self.metadata.next_update() <= now {
            self.update(wires);
        }
    }

    /// Whether an update of the metadata is under way, or was asked for: what is known may be out of date.
    #[must_use]
    pub const fn is_metadata_stale(&self) -> bool {
        self.updating || self.metadata.is_update_requested()
    }

    /// The next of the requests of others that completed.
    pub fn next_completed(&mut self) -> Option<Completed> {
        self.completed.pop_front()
    }

    /// Whether requests have completed that nobody has fetched.
    #[must_use]
    pub fn has_completed(&self) -> bool {
        !self.completed.is_empty()
    }

    /// When [`Self::poll`] has something to do.
    #[must_use]
    pub fn next_deadline(&mut self, now: Time) -> Option<Time> {
        let update = self.metadata.next_update();
        let update = match (self.updating, update > now) {
            (true, _) => None,
            (false, true) => Some(update),
            (false, false) => self.somebody_can_be_asked(),
        };
        self.net.next_deadline().into_iter().chain(update).min()
    }

    /// The nodes that any request may go to: those known, or the bootstrap addresses.
    pub fn candidates(&self) -> impl Iterator<Item = BrokerId> {
        let known = self.metadata.nodes();
        let nodes = if known.is_empty() { &self.bootstrap } else { known };
        nodes.keys().copied()
    }

    /// The best node for a request that any can answer (`leastLoadedNode`).
    pub fn least_loaded(&self, wires: &mut dyn Wires) -> Option<BrokerId> {
        let nodes: Vec<BrokerId> = self.candidates().collect();
        let start = wires.below(self.stream, nodes.len() as u64);
        self.net.least_loaded(&nodes, usize::try_from(start).unwrap_or(0), wires.now())
    }

    /// When the first back-off ends, if all wait one out: else the end of a request or of an attempt comes first.
    fn somebody_can_be_asked(&self) -> Option<Time> {
        let mut first = Time::MAX;
        for node in self.candidates() {
            first = first.min(self.net.retry_at(node)?);
        }
        Some(first)
    }

    fn update(&mut self, wires: &mut dyn Wires) {
        let mut node = self.least_loaded(wires);
        if node.is_none() && !self.metadata.nodes().is_empty() {
            let busy = self.candidates().any(|node| self.net.in_flight(node) > 0);
            if busy {
                return;
            }
            self.metadata.rebootstrap();
            node = self.least_loaded(wires);
        }
        let Some(node) = node else {
            return;
        };
        if !self.net.ready(node, wires) {
            return;
        }
        let Some(version) = self.net.usable_version(node, ApiKey::Metadata, 12..=13) else {
            self.metadata.on_failure(self.stream, wires);
            return;
        };
        let request = MetadataRequest {
            topics: self.metadata.to_ask(),
            allow_auto_topic_creation: false,
            ..MetadataRequest::default()
        };
        let request = self.net.request(version, METADATA_TOKEN, &request);
        assert!(!self.updating, "CC-1: a second metadata request");
        self.updating = true;
        self.metadata.on_request();
        self.net.send(node, request, wires);
    }

    fn on_metadata(&mut self, completed: &Completed, wires: &mut dyn Wires) {
        self.updating = false;
        match completed.response::<MetadataRequest>() {
            // A response without nodes says nothing: as in Kafka it counts as failed.
            Ok(response) if !response.brokers.is_empty() && is_usable(&response) => {
                self.metadata.on_response(&response, self.stream, wires);
                self.learn_nodes();
            }
            Ok(_) | Err(_) => self.metadata.on_failure(self.stream, wires),
        }
    }

    /// Tells the connections where the nodes are; to be called after a leader hint too.
    pub fn learn_nodes(&mut self) {
        for (id, at) in self.metadata.nodes() {
            self.net.set_node(*id, &at.host, at.port);
        }
    }
}

const fn is_usable(response: &MetadataResponse) -> bool {
    ErrorCode::from_code(response.error_code).is_ok()
}
