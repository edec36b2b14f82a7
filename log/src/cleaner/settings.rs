//! What can be set for the cleaner of a broker, by Kafka's names and with its defaults.
//!
//! In Kafka: `CleanerConfig`; KAFKA-20452, which is newer than 4.3.0, for which batch is kept.

/// Which batch is kept, if need be without its records, so that it is not forgotten up to where the log went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LastBatchKept {
    /// The last one below what is not cleaned: each cleaning keeps one, as in 4.3.0.
    #[default]
    OfCleaning,
    /// The last one below the high watermark, as in Kafka's trunk (KAFKA-20452).
    BelowHighWatermark,
}

/// The settings of a cleaner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CleanerConfig {
    /// `log.cleaner.dedupe.buffer.size`, of which each of `log.cleaner.threads` has its part: the room for keys.
    pub dedupe_buffer_bytes: usize,
    /// `log.cleaner.io.buffer.load.factor`, in percent: this part of the room is used.
    pub dedupe_buffer_load_percent: u32,
    /// Half of a thread's part of `log.cleaner.io.buffer.size`: one step reads so much, and one batch at least.
    pub read_bytes: usize,
    /// A cleaned segment does not grow beyond this, however much compressing anew makes of its batches.
    pub max_cleaned_segment_bytes: u64,
    /// Which batch is kept whatever is in it.
    pub last_batch_kept: LastBatchKept,
}

impl Default for CleanerConfig {
    fn default() -> Self {
        Self {
            dedupe_buffer_bytes: 128 << 20,
            dedupe_buffer_load_percent: 90,
            read_bytes: 256 << 10,
            max_cleaned_segment_bytes: i32::MAX.unsigned_abs().into(),
            last_batch_kept: LastBatchKept::default(),
        }
    }
}
