//! Whether a log is being cleaned, is to be left, or is left alone.
//!
//! In Kafka: `LogCleaningState`. A log without a state is free to be cleaned.

/// What the cleaner may do with a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogCleaningState {
    /// It is being cleaned, or its old segments are being deleted.
    InProgress,
    /// It is being cleaned, and somebody waits for that to end.
    Aborted,
    /// It is not to be cleaned, for so many reasons.
    Paused(u32),
}

/// What became of the wish that a log be not cleaned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pause {
    /// It is not, until it is resumed.
    Paused,
    /// Its cleaning ends with its next step; then it is paused.
    Aborting,
}
