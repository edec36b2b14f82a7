//! What can be done to a log, with everything decided.

use super::model::Batch;

/// One thing that is done to a log.
#[derive(Debug, Clone)]
pub enum Act {
    /// The leader appends one batch at the end.
    Append { batch: Batch },
    /// A replica appends what a leader sent, in one write.
    Follow { batches: Vec<Batch> },
    /// A follower's truncation; the recovery point is checkpointed after it, as `LogManager` does.
    Truncate { to: i64 },
    /// The log begins anew, with nothing in it.
    StartAnew { at: i64 },
    /// A client deletes records.
    DeleteRecords { to: i64 },
    /// Retention, by the clock.
    Retain { high_watermark: i64, now: i64 },
    /// What the cleaner does: closed segments from the first one given to the last, in whose place come others.
    Replace { old: Vec<i64>, new: Vec<(i64, Vec<Batch>)> },
    /// Everything below becomes durable.
    Flush { to: i64 },
    /// Recovery point and log start are written.
    Checkpoint,
    /// A further segment.
    Roll,
    /// The files of dropped segments are removed.
    RemoveFiles { now: i64 },
    /// A clean shutdown, and a start.
    Restart,
}
