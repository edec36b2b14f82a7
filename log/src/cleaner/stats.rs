//! What a cleaning has read and written, and what a look at all logs has found.
//!
//! In Kafka: `CleanerStats`, `PreCleanStats`.
//! Left out: how long it took: whoever runs the steps knows.

/// What one cleaning has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CleanerStats {
    /// Bytes read to learn the keys.
    pub map_bytes_read: u64,
    /// Records seen there.
    pub map_messages_read: u64,
    /// Bytes read to be copied.
    pub bytes_read: u64,
    /// Bytes copied.
    pub bytes_written: u64,
    /// Records read.
    pub messages_read: u64,
    /// Records copied.
    pub messages_written: u64,
    /// Records without a key.
    pub invalid_messages_read: u64,
    /// Keys that were learned.
    pub keys: usize,
    /// For how many there was room.
    pub slots: usize,
}

/// What a look at all logs has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PreCleanStats {
    /// By how much the oldest dirty record is older than `max.compaction.lag.ms` allows.
    pub max_compaction_delay_ms: i64,
    /// How many logs have such a record.
    pub delayed_partitions: usize,
    /// How many logs may be cleaned.
    pub cleanable_partitions: usize,
}

impl PreCleanStats {
    pub(super) fn saw_delay(&mut self, delay_ms: i64) {
        self.max_compaction_delay_ms = self.max_compaction_delay_ms.max(delay_ms);
        self.delayed_partitions += usize::from(delay_ms > 0);
    }
}
