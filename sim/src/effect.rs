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
    /// Events that waited for a paused host, and pieces of metadata for one that lags.
    pub events_deferred: u64,
    /// CPU time that a slow host added to its lanes.
    pub busy_added: Span,
    /// Time that a slow or throttled disk worked longer than it would have.
    pub disk_busy_added: Span,
    /// Time that callers of a slow or throttled disk waited longer than they would have.
    pub disk_wait_added: Span,
    /// Calls on a disk that failed.
    pub disk_errors: u64,
    /// Pages that a failed sync left in the cache as if they were written.
    pub pages_forgotten: u64,
    /// Reads that answered a wrong bit.
    pub reads_flipped: u64,
    /// Writes that reached a disk at another place than their own.
    pub writes_misdirected: u64,
    /// Calls that a hanging disk did not answer.
    pub calls_hung: u64,
    /// How long it did not, all of these calls together.
    pub hung: Span,
    /// Bits that rotted.
    pub bits_rotted: u64,
    /// Bytes of files that were wiped.
    pub bytes_wiped: u64,
    /// Disks that are in another host now.
    pub disks_swapped: u64,
    /// Reads of a wall clock that this fault had moved.
    pub clock_reads: u64,
    /// The largest skew that this fault gave a wall clock, in nanoseconds.
    pub skew_ns_max: u64,
}

impl FaultEffect {
    /// Adds what the same fault did to another disk.
    pub(crate) fn join(&mut self, disk: &Self) {
        self.disk_busy_added += disk.disk_busy_added;
        self.disk_wait_added += disk.disk_wait_added;
        self.disk_errors += disk.disk_errors;
        self.pages_forgotten += disk.pages_forgotten;
        self.reads_flipped += disk.reads_flipped;
        self.writes_misdirected += disk.writes_misdirected;
        self.calls_hung += disk.calls_hung;
        self.hung += disk.hung;
    }
}
