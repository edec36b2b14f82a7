//! The settings of a topic.
//!
//! In Kafka: `TopicConfig`, `LogConfig`; a broker's own names for their defaults in `ServerTopicConfigSynonyms`.
//! Holds:    what our logs and partitions obey.
//! Left out: `preallocate`, tiered storage, throttled replicas; `flush.ms` is taken and no flusher runs. What is not
//!           here is refused, since a setting that is silently ignored would be a lie.

use trial_log::{Compression, TimestampType};
use trial_sim::Span;

use super::storage::{BrokerCompressionType, CleanupPolicy, GzipLevel, Ratio, with_level};
use super::{ConfigError, settings};

settings! {
    /// What one topic is told.
    pub struct TopicConfig {
        /// Replicas that must be in sync before acks=all is accepted, and before the high watermark moves.
        min_insync_replicas: i32 = "min.insync.replicas", 1, 1..;
        /// Whether a replica that may lack committed records may lead when nobody else can.
        unclean_leader_election_enable: bool = "unclean.leader.election.enable", false, ..;
        /// Size at which a segment is closed. Kafka 4.3 refuses less than a mebibyte.
        segment_bytes: i32 = "segment.bytes", 1_073_741_824, 1_048_576..;
        /// The same without that bound, for tests of Kafka and of its users: it counts instead, where it is set.
        internal_segment_bytes: Option<i32> = "internal.segment.bytes", None, 1..;
        /// Age at which a segment is closed.
        segment_ms: Span = "segment.ms", Span::from_secs(7 * 24 * 3600), 1..;
        /// Up to how much earlier, drawn for each segment, so that not all logs close theirs at once.
        segment_jitter: Span = "segment.jitter.ms", Span::ZERO, 0..;
        /// Size of an offset index at which its segment is closed.
        segment_index_bytes: i32 = "segment.index.bytes", 10_485_760, 4..;
        /// Bytes between two entries of an offset index.
        index_interval_bytes: i32 = "index.interval.bytes", 4_096, 0..;
        /// The largest batch, in bytes.
        max_message_bytes: i32 = "max.message.bytes", 1_048_588, 0..;
        /// Records after which a log is flushed.
        flush_messages: i64 = "flush.messages", i64::MAX, 1..;
        /// Time after which a log is flushed.
        flush_ms: Span = "flush.ms", Span::MAX, 0..;
        /// How far a record's timestamp may lie before the broker's clock.
        message_timestamp_before_max: Span = "message.timestamp.before.max.ms", Span::MAX, 0..;
        /// How far it may lie after it.
        message_timestamp_after_max: Span = "message.timestamp.after.max.ms", Span::from_secs(3_600), 0..;
        /// Whose clock a record's timestamp is from.
        message_timestamp_type: TimestampType = "message.timestamp.type", TimestampType::CreateTime, ..;
        /// The codec that batches are stored with.
        compression_type: BrokerCompressionType = "compression.type", BrokerCompressionType::Producer, ..;
        /// The level of gzip: -1 is what the library takes for the best.
        compression_gzip_level: GzipLevel = "compression.gzip.level", GzipLevel::DEFAULT, 1..=9;
        /// The level of lz4.
        compression_lz4_level: i32 = "compression.lz4.level", 9, 1..=17;
        /// The level of zstd.
        compression_zstd_level: i32 = "compression.zstd.level", 3, -131_072..=22;
        /// What becomes of old records.
        cleanup_policy: CleanupPolicy = "cleanup.policy", CleanupPolicy::DELETE, ..;
        /// Age of its newest record at which a closed segment is dropped, in milliseconds; -1: never.
        retention_ms: i64 = "retention.ms", 7 * 24 * 3_600_000, -1..;
        /// Size of a log above which its oldest segments are dropped; negative: none.
        retention_bytes: i64 = "retention.bytes", -1, ..;
        /// How long the files of a dropped segment stay on the disk.
        file_delete_delay: Span = "file.delete.delay.ms", Span::from_secs(60), 0..;
        /// How long compaction keeps a tombstone after the first time that it saw it.
        delete_retention: Span = "delete.retention.ms", Span::from_secs(24 * 3600), 0..;
        /// The part of a log that is dirty when it is compacted.
        min_cleanable_dirty_ratio: Ratio = "min.cleanable.dirty.ratio", Ratio::HALF, ..;
        /// How young a record is that compaction leaves alone.
        min_compaction_lag: Span = "min.compaction.lag.ms", Span::ZERO, 0..;
        /// How old a record is that compaction does not leave alone, however little is dirty.
        max_compaction_lag: Span = "max.compaction.lag.ms", Span::MAX, 1..;
    }
}

impl TopicConfig {
    /// A broker's name for a default, and the topic's name for it.
    pub const SYNONYMS: &'static [(&'static str, &'static str)] = &[
        ("log.segment.bytes", "segment.bytes"),
        ("log.roll.ms", "segment.ms"),
        ("log.roll.jitter.ms", "segment.jitter.ms"),
        ("log.index.size.max.bytes", "segment.index.bytes"),
        ("log.index.interval.bytes", "index.interval.bytes"),
        ("message.max.bytes", "max.message.bytes"),
        ("log.flush.interval.messages", "flush.messages"),
        ("log.flush.interval.ms", "flush.ms"),
        ("log.message.timestamp.before.max.ms", "message.timestamp.before.max.ms"),
        ("log.message.timestamp.after.max.ms", "message.timestamp.after.max.ms"),
        ("log.message.timestamp.type", "message.timestamp.type"),
        ("log.cleanup.policy", "cleanup.policy"),
        ("log.retention.ms", "retention.ms"),
        ("log.retention.bytes", "retention.bytes"),
        ("log.segment.delete.delay.ms", "file.delete.delay.ms"),
        ("log.cleaner.delete.retention.ms", "delete.retention.ms"),
        ("log.cleaner.min.cleanable.ratio", "min.cleanable.dirty.ratio"),
        ("log.cleaner.min.compaction.lag.ms", "min.compaction.lag.ms"),
        ("log.cleaner.max.compaction.lag.ms", "max.compaction.lag.ms"),
    ];

    /// The settings that are lists, to which a value can be added (`APPEND`) and of which one can be taken.
    pub const LISTS: &'static [&'static str] = &["cleanup.policy"];
    /// What such a list is by default.
    pub const CLEANUP_POLICY_DEFAULT: &'static str = "delete";

    /// The topic's name of a setting that a broker may call otherwise.
    #[must_use]
    pub fn name_of(given: &str) -> &str {
        let known = Self::SYNONYMS.iter().find(|(broker_name, _)| *broker_name == given);
        known.map_or(given, |(_, topic_name)| topic_name)
    }

    /// What batches are stored with; none: as they came.
    #[must_use]
    pub fn compression(&self) -> Option<Compression> {
        let BrokerCompressionType::Always(codec) = self.compression_type else { return None };
        let (gzip, lz4) = (self.compression_gzip_level, self.compression_lz4_level);
        Some(with_level(codec, (gzip, lz4, self.compression_zstd_level)))
    }

    /// What only several settings together can break (`LogConfig.validateValues`).
    ///
    /// # Errors
    /// If a record would have to be compacted before it may be.
    pub fn check(&self) -> Result<(), ConfigError> {
        let (least, most) = (self.min_compaction_lag, self.max_compaction_lag);
        if least > most {
            let allowed = format!("at most max.compaction.lag.ms = {}", most.as_millis());
            let error = ConfigError::bad("min.compaction.lag.ms", allowed);
            return Err(error.beside(&["max.compaction.lag.ms"]));
        }
        Ok(())
    }
}
