//! What can be set for one log, by Kafka's names and with its defaults.
//!
//! In Kafka: `LogConfig`, `TopicConfig`.

use crate::batch::Compression;

/// Whose clock a record's timestamp is from (`message.timestamp.type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TimestampType {
    /// The producer's.
    #[default]
    CreateTime,
    /// The leader's, when it appended.
    LogAppendTime,
}

/// The settings of one log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogConfig {
    /// `segment.bytes`: a segment larger than this is followed by another.
    pub segment_bytes: u64,
    /// `segment.ms`: so is one whose first batch is older than this.
    pub segment_ms: i64,
    /// What was drawn below `segment.jitter.ms`: this much earlier.
    pub segment_jitter_ms: i64,
    /// `segment.index.bytes`: and one whose index is full.
    pub segment_index_bytes: u64,
    /// `index.interval.bytes`: an index entry after so many bytes.
    pub index_interval_bytes: u64,
    /// `max.message.bytes`: a larger batch is refused.
    pub max_message_bytes: usize,
    /// `compression.type`, with the level of `compression.gzip.level` and its like; none is `producer`: a batch is
    /// stored with the codec that it came with.
    pub compression: Option<Compression>,
    /// `message.timestamp.type`.
    pub message_timestamp_type: TimestampType,
    /// `message.timestamp.before.max.ms`.
    pub message_timestamp_before_max_ms: i64,
    /// `message.timestamp.after.max.ms`.
    pub message_timestamp_after_max_ms: i64,
    /// `file.delete.delay.ms`: how long a dropped segment stays on the disk.
    pub file_delete_delay_ms: i64,
    /// `flush.messages`: an append says so when so many records are not flushed.
    pub flush_messages: i64,
    /// Whether `cleanup.policy` has `delete`: segments go by time and size.
    pub deletes: bool,
    /// `retention.ms`: a segment goes when its largest timestamp is further back; negative: never.
    pub retention_ms: i64,
    /// `retention.bytes`: segments go as long as the log without them is at least this large; negative: never.
    pub retention_bytes: i64,
    /// Whether `cleanup.policy` has `compact`: records need keys, and only the last one of each is kept.
    pub compacted: bool,
    /// `min.cleanable.dirty.ratio`, in millionths: a log is cleaned when this part of its bytes is dirty.
    pub min_cleanable_dirty_millionths: u32,
    /// `min.compaction.lag.ms`: no record that is younger than this is cleaned.
    pub min_compaction_lag_ms: i64,
    /// `max.compaction.lag.ms`: a log is cleaned, however little is dirty, when a dirty record is older than this.
    pub max_compaction_lag_ms: i64,
    /// `delete.retention.ms`: tombstones and markers stay for so long after the first cleaning that sees them.
    pub delete_retention_ms: i64,
    /// `producer.id.expiration.ms`: a producer that was idle for so long is forgotten.
    pub producer_id_expiration_ms: i64,
    /// `transaction.partition.verification.enable`: no transaction begins of which its coordinator was not asked.
    pub transaction_verification_enabled: bool,
    /// `transaction.max.timeout.ms`: a transaction that is open for longer, and five minutes, counts as late.
    pub max_transaction_timeout_ms: i64,
    /// Whether a recovery ends the log at a hole between two segments that nothing has synced, unless `compacted`. No
    /// setting of Kafka's: there it does not (see `load/recover.rs`). For logs of which every hole is a loss.
    pub holes_refused: bool,
    /// Whether a truncation is synced at once. No setting of Kafka's: there it is not (see `truncate.rs`).
    pub truncation_synced: bool,
    /// Whether a truncation trims the epochs of a log that ends before its target (KAFKA-10706). Kafka's does.
    pub epochs_of_short_logs_trimmed: bool,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            segment_bytes: 1 << 30,
            segment_ms: 7 * 24 * 3_600_000,
            segment_jitter_ms: 0,
            segment_index_bytes: 10 << 20,
            index_interval_bytes: 4096,
            max_message_bytes: 1_048_588,
            compression: None,
            message_timestamp_type: TimestampType::CreateTime,
            message_timestamp_before_max_ms: i64::MAX,
            message_timestamp_after_max_ms: 3_600_000,
            file_delete_delay_ms: 60_000,
            flush_messages: i64::MAX,
            deletes: true,
            retention_ms: 7 * 24 * 3_600_000,
            retention_bytes: -1,
            compacted: false,
            min_cleanable_dirty_millionths: 500_000,
            min_compaction_lag_ms: 0,
            max_compaction_lag_ms: i64::MAX,
            delete_retention_ms: 24 * 3_600_000,
            producer_id_expiration_ms: 24 * 3_600_000,
            transaction_verification_enabled: true,
            max_transaction_timeout_ms: 15 * 60_000,
            holes_refused: false,
            truncation_synced: true,
            epochs_of_short_logs_trimmed: true,
        }
    }
}

impl LogConfig {
    /// After how long a segment is closed: a compacted log has to close it before it can clean it (KIP-354).
    #[must_use]
    pub fn max_segment_ms(&self) -> i64 {
        if self.compacted && self.max_compaction_lag_ms > 0 {
            self.max_compaction_lag_ms.min(self.segment_ms)
        } else {
            self.segment_ms
        }
    }
}
