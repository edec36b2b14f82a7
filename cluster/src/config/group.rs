//! The settings of group coordinators.
//!
//! In Kafka: `GroupCoordinatorConfig`.
//! Holds:    what our coordinators obey, and the words that some of it is made of.

use std::ops::RangeBounds;

use trial_log::CompressionType;
use trial_sim::Span;

use super::{ConfigError, Value, settings};

settings! {
    /// What a coordinator is told by its node's `server.properties`.
    pub struct GroupSettings {
        /// The protocols that groups may use.
        rebalance_protocols: GroupProtocols = "group.coordinator.rebalance.protocols", GroupProtocols::ALL, ..;
        /// Threads of coordinators.
        coordinator_threads: usize = "group.coordinator.threads", 4, 1..=64;
        /// How long records are gathered before they are written; -1: as long as there is other work.
        append_linger_ms: i64 = "group.coordinator.append.linger.ms", -1, -1..;
        /// How long a write waits until it is committed.
        offsets_commit_timeout: Span = "offsets.commit.timeout.ms", Span::from_millis(5_000), 1..;
        /// Bytes that are read at once while a shard is loaded.
        offsets_load_buffer_size: usize = "offsets.load.buffer.size", 5_242_880, 1..;
        /// Replicas of `__consumer_offsets`.
        offsets_topic_replication_factor: i32 = "offsets.topic.replication.factor", 3, 1..=32_767;
        /// Partitions of `__consumer_offsets`.
        offsets_topic_num_partitions: i32 = "offsets.topic.num.partitions", 50, 1..;
        /// The size of its segments in bytes.
        offsets_topic_segment_bytes: i64 = "offsets.topic.segment.bytes", 104_857_600, 1..=2_147_483_647;
        /// How records of `__consumer_offsets` are compressed.
        offsets_topic_compression_codec: OffsetsCompression = "offsets.topic.compression.codec", OffsetsCompression(CompressionType::None), ..;
        /// Bytes of what a client may say about an offset that it commits.
        offset_metadata_max_bytes: usize = "offset.metadata.max.bytes", 4_096, 0..;
        /// How long offsets are kept, in minutes.
        offsets_retention_minutes: i64 = "offsets.retention.minutes", 10_080, 1..=2_147_483_647;
        /// How often offsets that have expired are looked for.
        offsets_retention_check_interval: Span = "offsets.retention.check.interval.ms", Span::from_millis(600_000), 1..;
        /// The shortest session of a classic member.
        min_session_timeout_ms: i32 = "group.min.session.timeout.ms", 6_000, 0..;
        /// The longest.
        max_session_timeout_ms: i32 = "group.max.session.timeout.ms", 1_800_000, 0..;
        /// How long the first rebalance of an empty group waits for more members.
        initial_rebalance_delay_ms: i32 = "group.initial.rebalance.delay.ms", 3_000, 0..;
        /// Members of a classic group at most.
        max_size: usize = "group.max.size", 2_147_483_647, 1..;
        /// The session of a member of a consumer group.
        consumer_session_timeout_ms: i32 = "group.consumer.session.timeout.ms", 45_000, 1..;
        /// The shortest that a group may set.
        consumer_min_session_timeout_ms: i32 = "group.consumer.min.session.timeout.ms", 45_000, 1..;
        /// The longest.
        consumer_max_session_timeout_ms: i32 = "group.consumer.max.session.timeout.ms", 60_000, 1..;
        /// How often a member of a consumer group is told to be heard of.
        consumer_heartbeat_interval_ms: i32 = "group.consumer.heartbeat.interval.ms", 5_000, 1..;
        /// The shortest that a group may set.
        consumer_min_heartbeat_interval_ms: i32 = "group.consumer.min.heartbeat.interval.ms", 5_000, 1..;
        /// The longest.
        consumer_max_heartbeat_interval_ms: i32 = "group.consumer.max.heartbeat.interval.ms", 15_000, 1..;
        /// Members of a consumer group at most.
        consumer_max_size: usize = "group.consumer.max.size", 2_147_483_647, 1..;
        /// The assignors that brokers offer; the first is the default.
        consumer_assignors: ServerAssignors = "group.consumer.assignors", ServerAssignors::default(), ..;
        /// Whether groups change between the protocols while they have members.
        consumer_migration_policy: MigrationPolicy = "group.consumer.migration.policy", MigrationPolicy::Bidirectional, ..;
        /// How long there is between two assignments of a group.
        consumer_assignment_interval_ms: i32 = "group.consumer.assignment.interval.ms", 1_000, 0..;
        /// The shortest that a group may set.
        consumer_min_assignment_interval_ms: i32 = "group.consumer.min.assignment.interval.ms", 0, 0..;
        /// The longest.
        consumer_max_assignment_interval_ms: i32 = "group.consumer.max.assignment.interval.ms", 15_000, 0..;
        /// How often regular expressions are looked at again.
        consumer_regex_refresh_interval_ms: i32 = "group.consumer.regex.refresh.interval.ms", 600_000, 10_000..;
    }
}

/// A codec, which Kafka names by its number here (`CompressionType.forId`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OffsetsCompression(pub CompressionType);

impl Value for OffsetsCompression {
    fn parse(name: &str, text: &str, _bounds: &impl RangeBounds<i64>) -> Result<Self, ConfigError> {
        let codec = text.trim().parse().ok().and_then(|id| CompressionType::of_id(id).ok());
        codec.map(Self).ok_or_else(|| ConfigError::bad(name, "the number of a codec, 0 to 4"))
    }
}

/// Which protocols groups may use (`group.coordinator.rebalance.protocols`). `streams` is taken since Kafka's default
/// has it, and means nothing here: nobody serves streams groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupProtocols {
    /// The consumer protocol (KIP-848). The classic one is always there.
    pub consumer: bool,
}

impl GroupProtocols {
    /// Both.
    pub const ALL: Self = Self { consumer: true };
}

/// What separates the words of a list.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|word| !word.is_empty())
}

impl Value for GroupProtocols {
    fn parse(name: &str, text: &str, _bounds: &impl RangeBounds<i64>) -> Result<Self, ConfigError> {
        let bad = || ConfigError::bad(name, "classic, and beside it consumer and streams");
        let (mut classic, mut consumer, mut streams) = (false, false, false);
        for word in words(text) {
            let said = match word {
                "classic" => &mut classic,
                "consumer" => &mut consumer,
                "streams" => &mut streams,
                _ => return Err(bad()),
            };
            if std::mem::replace(said, true) {
                return Err(bad());
            }
        }
        if classic { Ok(Self { consumer }) } else { Err(bad()) }
    }
}

/// An assignor of brokers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ServerAssignor {
    /// `uniform`.
    Uniform,
    /// `range`.
    Range,
}

impl ServerAssignor {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Range => "range",
        }
    }
}

/// Those that a broker offers (`group.consumer.assignors`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerAssignors(pub Vec<ServerAssignor>);

impl Default for ServerAssignors {
    fn default() -> Self {
        Self(vec![ServerAssignor::Uniform, ServerAssignor::Range])
    }
}

impl Value for ServerAssignors {
    fn parse(name: &str, text: &str, _bounds: &impl RangeBounds<i64>) -> Result<Self, ConfigError> {
        let bad = || ConfigError::bad(name, "uniform, range or both, once each");
        let mut assignors = Vec::new();
        for word in words(text) {
            let known = [ServerAssignor::Uniform, ServerAssignor::Range];
            let found = known.into_iter().find(|known| known.name() == word).ok_or_else(bad)?;
            if assignors.contains(&found) {
                return Err(bad());
            }
            assignors.push(found);
        }
        if assignors.is_empty() { Err(bad()) } else { Ok(Self(assignors)) }
    }
}

/// Whether a group changes between the protocols while it has members (`ConsumerGroupMigrationPolicy`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MigrationPolicy {
    /// Both ways.
    Bidirectional,
    /// From the classic protocol to the consumer protocol.
    Upgrade,
    /// The other way.
    Downgrade,
    /// Never.
    Disabled,
}

impl MigrationPolicy {
    /// Whether a classic group may become a consumer group.
    #[must_use]
    pub const fn upgrades(self) -> bool {
        matches!(self, Self::Bidirectional | Self::Upgrade)
    }

    /// Whether a consumer group may become a classic group.
    #[must_use]
    pub const fn downgrades(self) -> bool {
        matches!(self, Self::Bidirectional | Self::Downgrade)
    }
}

impl Value for MigrationPolicy {
    fn parse(name: &str, text: &str, _bounds: &impl RangeBounds<i64>) -> Result<Self, ConfigError> {
        match text.trim().to_ascii_lowercase().as_str() {
            "bidirectional" => Ok(Self::Bidirectional),
            "upgrade" => Ok(Self::Upgrade),
            "downgrade" => Ok(Self::Downgrade),
            "disabled" => Ok(Self::Disabled),
            _ => Err(ConfigError::bad(name, "bidirectional, upgrade, downgrade or disabled")),
        }
    }
}
