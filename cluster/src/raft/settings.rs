//! What a quorum is configured with.
//!
//! In Kafka:   `QuorumConfig`, and the constants of `KafkaRaftClient`.

use std::sync::Arc;

use trial_sim::Span;

use super::voters::{Endpoint, ReplicaKey};
use crate::rules::Rules;

/// The settings of one replica; names and defaults are Kafka's.
#[derive(Debug, Clone)]
pub struct RaftSettings {
    /// This replica.
    pub local: ReplicaKey,
    /// Where this replica listens, if others may reach it.
    pub endpoint: Endpoint,
    /// The cluster's id, checked in every request.
    pub cluster_id: Arc<str>,
    /// Whom a replica asks that knows no leader (`controller.quorum.bootstrap.servers`).
    pub bootstrap_servers: Vec<Endpoint>,
    /// Whether it may vote one day, and therefore syncs what it appends: every controller.
    pub can_become_voter: bool,
    /// `controller.quorum.election.timeout.ms`: an election takes from one to two of it.
    pub election_timeout: Span,
    /// `controller.quorum.election.backoff.max.ms`.
    pub election_backoff_max: Span,
    /// `controller.quorum.fetch.timeout.ms`.
    pub fetch_timeout: Span,
    /// `controller.quorum.request.timeout.ms`.
    pub request_timeout: Span,
    /// `controller.quorum.retry.backoff.ms`.
    pub retry_backoff: Span,
    /// `controller.quorum.append.linger.ms`.
    pub append_linger: Span,
    /// How long a leader may hold a fetch that finds nothing (`MAX_FETCH_WAIT_MS`).
    pub fetch_max_wait: Span,
    /// `controller.quorum.fetch.max.bytes`.
    pub fetch_max_bytes: u32,
    /// The largest batch that a leader writes (`MAX_BATCH_SIZE_BYTES`).
    pub batch_max_bytes: usize,
    /// How long a stopping replica stays to hand its leadership over.
    pub shutdown_timeout: Span,
    /// Which Kafka: guards of the quorum may be removed.
    pub rules: Rules,
}

impl RaftSettings {
    /// Kafka's defaults.
    #[must_use]
    pub fn new(local: ReplicaKey, endpoint: Endpoint, cluster_id: &str) -> Self {
        Self {
            local,
            endpoint,
            cluster_id: Arc::from(cluster_id),
            bootstrap_servers: Vec::new(),
            can_become_voter: true,
            election_timeout: Span::from_millis(1_000),
            election_backoff_max: Span::from_millis(1_000),
            fetch_timeout: Span::from_millis(2_000),
            request_timeout: Span::from_millis(2_000),
            retry_backoff: Span::from_millis(20),
            append_linger: Span::from_millis(25),
            fetch_max_wait: Span::from_millis(500),
            fetch_max_bytes: 1024 * 1024,
            batch_max_bytes: 8 * 1024 * 1024,
            shutdown_timeout: Span::from_millis(5_000),
            rules: Rules::default(),
        }
    }
}
