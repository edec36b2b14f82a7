//! Keeps what each fault did, for the report: a fault without effect is listed as such.
//!
//! Holds:      one record for each fault that was set off, counted up where the effect happens.

use crate::time::Span;

/// What a fault has done so far. Counters that do not apply to its kind stay zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FaultEffect {
    /// Chunks that a cut or a stall held back.
    pub chunks_held: u64,
    /// Their bytes.
    pub bytes_held: u64,
    /// Frames that a filter held back.
    pub frames_held: u64,
    /// Connection requests (SYN) that a cut, or a fault of its own, swallowed.
    pub connects_held: u64,
    /// Connection requests that a fault refused.
    pub connects_refused: u64,
    /// Resets that a cut swallowed, which left the other end half-open.
    pub resets_lost: u64,
    /// Sends that a delay or a throttle made later.
    pub chunks_delayed: u64,
    /// By how much in all.
    pub delayed: Span,
    /// Connections that were reset.
    pub connections_reset: u64,
    /// Events that waited for a paused host.
    pub events_deferred: u64,
    /// CPU time that a slow host added to its lanes.
    pub busy_added: Span,
    /// Time that a slow disk worked longer than it would have.
    pub disk_busy_added: Span,
    /// Time that callers of a slow disk waited longer than they would have.
    pub disk_wait_added: Span,
    /// Calls on a disk that failed.
    pub disk_errors: u64,
    /// Reads of a wall clock that this fault had moved.
    pub clock_reads: u64,
    /// The largest skew that this fault gave a wall clock, in nanoseconds.
    pub skew_ns_max: u64,
}
