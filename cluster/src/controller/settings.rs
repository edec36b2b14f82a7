//! What a controller is told when it is made.
//!
//! In Kafka: `QuorumController.Builder`, `ReplicationControlManager`'s constants.
//! Holds:    constants of one run.

use trial_sim::Span;

use crate::config::{BrokerConfig, TopicConfig};
use crate::ids::BrokerId;
use crate::image::feature;
use crate::rules::Rules;
use crate::wire::{FeatureLevelRecord, MetadataRecord};

/// The settings of one controller.
#[derive(Debug, Clone)]
pub struct ControllerSettings {
    /// Its node id.
    pub node_id: BrokerId,
    /// The cluster's id: brokers of another one are refused.
    pub cluster_id: String,
    /// Node settings and topic defaults.
    pub config: BrokerConfig,
    /// Which Kafka this is.
    pub rules: Rules,
    /// The level of `kraft.version`, which the quorum keeps.
    pub kraft_version: i16,
}

impl ControllerSettings {
    /// Records of one append at most; an atomic result may not have more.
    pub const RECORDS_PER_BATCH_MAX: usize = 10_000;
    /// Elections of one run of a periodic task.
    pub const ELECTIONS_PER_IMBALANCE_MAX: usize = 1_000;
    /// Partitions that one CreateTopics may ask for.
    pub const PARTITIONS_PER_REQUEST_MAX: i64 = 10_000;
    /// How soon a periodic task that has more to do runs again.
    pub const IMMEDIATE_PERIOD: Span = Span::from_millis(10);

    /// The defaults of Kafka 4.3 for node `node_id` of `cluster_id`.
    #[must_use]
    pub fn new(node_id: BrokerId, cluster_id: impl Into<String>) -> Self {
        Self {
            node_id,
            cluster_id: cluster_id.into(),
            config: BrokerConfig::default(),
            rules: Rules::default(),
            kraft_version: 1,
        }
    }

    /// The defaults of topics.
    #[must_use]
    pub fn topic(&self) -> &TopicConfig {
        &self.config.topic
    }

    /// How long a broker lives without a heartbeat.
    #[must_use]
    pub fn session_timeout(&self) -> Span {
        self.config.node.broker_session_timeout
    }

    /// How often the sessions are looked at: eight times per timeout.
    #[must_use]
    pub fn fence_stale_broker_interval(&self) -> Span {
        Span((self.session_timeout().0 / 8).max(Span::from_millis(1).0))
    }
}

/// The records that a new cluster of these rules begins with, as `kafka-storage format` would write them: the
/// feature levels of Kafka 4.3.
#[must_use]
pub fn bootstrap_records(rules: &Rules) -> Vec<MetadataRecord> {
    let levels = [
        (feature::METADATA_VERSION, crate::image::METADATA_VERSION_4_3),
        (
            feature::ELIGIBLE_LEADER_REPLICAS_VERSION,
            i16::from(rules.keeps_eligible_leader_replicas()),
        ),
        (feature::GROUP_VERSION, 1),
        (feature::SHARE_VERSION, 1),
        (feature::STREAMS_VERSION, 1),
        (feature::TRANSACTION_VERSION, 2),
    ];
    let record = |(name, level): (&str, i16)| {
        FeatureLevelRecord { name: name.to_owned(), feature_level: level }.into()
    };
    levels.into_iter().filter(|&(_, level)| level != 0).map(record).collect()
}
