//! The settings of a topic.
//!
//! In Kafka: `TopicConfig`, `LogConfig`; a broker's own names for their defaults in `ServerTopicConfigSynonyms`.
//! Holds:    what our logs and partitions obey.
//! Left out: compression, retention and compaction, which the storage engine learns later; asking for them is
//!           refused, since a setting that is silently ignored would be a lie.

use trial_sim::Span;

use super::settings;

settings! {
    /// What one topic is told.
    pub struct TopicConfig {
        /// Replicas that must be in sync before acks=all is accepted, and before the high watermark moves.
        min_insync_replicas: i32 = "min.insync.replicas", 1, 1..;
        /// Whether a replica that may lack committed records may lead when nobody else can.
        unclean_leader_election_enable: bool = "unclean.leader.election.enable", false, ..;
        /// Size at which a segment is closed. Kafka 4.3 refuses less than a mebibyte.
        segment_bytes: i32 = "segment.bytes", 1_073_741_824, 1_048_576..;
        /// Age at which a segment is closed.
        segment_ms: Span = "segment.ms", Span::from_secs(7 * 24 * 3600), 1..;
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
    }
}

impl TopicConfig {
    /// A broker's name for a default, and the topic's name for it.
    pub const SYNONYMS: &'static [(&'static str, &'static str)] = &[
        ("log.segment.bytes", "segment.bytes"),
        ("log.index.size.max.bytes", "segment.index.bytes"),
        ("log.index.interval.bytes", "index.interval.bytes"),
        ("message.max.bytes", "max.message.bytes"),
        ("log.flush.interval.messages", "flush.messages"),
        ("log.flush.interval.ms", "flush.ms"),
        ("log.message.timestamp.before.max.ms", "message.timestamp.before.max.ms"),
        ("log.message.timestamp.after.max.ms", "message.timestamp.after.max.ms"),
    ];
}
