//! The three offsets of a partition that others may see, and how they may move.
//!
//! In Kafka:   `UnifiedLog.{logStartOffset, highWatermark, logEndOffset}` and the methods that update them.
//! Holds:      what was *published*: the log on disk may already end later (write, pay, publish).
//! Invariants: R10 log start <= high watermark <= log end.
//! Left out:   transactions: the last stable offset is the high watermark until they exist.

use trial_log::Offset;

/// Published offsets of one log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Offsets {
    log_start_offset: Offset,
    high_watermark: Offset,
    log_end_offset: Offset,
}

impl Offsets {
    /// The offsets after the log was loaded; the checkpointed high watermark (zero if there is none) is
    /// clamped to the log.
    #[must_use]
    pub fn new(log_start_offset: Offset, log_end_offset: Offset, checkpointed: Offset) -> Self {
        assert!(
            log_start_offset <= log_end_offset,
            "R10: log start {log_start_offset} > log end {log_end_offset}"
        );
        let high_watermark = checkpointed.clamp(log_start_offset, log_end_offset);
        Self { log_start_offset, high_watermark, log_end_offset }
    }

    /// The first offset that is there.
    #[must_use]
    pub fn log_start_offset(&self) -> Offset {
        self.log_start_offset
    }

    /// The first offset that is not committed as far as this replica knows.
    #[must_use]
    pub fn high_watermark(&self) -> Offset {
        self.high_watermark
    }

    /// The first offset that a read_committed consumer may not see.
    #[must_use]
    pub fn last_stable_offset(&self) -> Offset {
        self.high_watermark
    }

    /// The offset that comes next, as others see it.
    #[must_use]
    pub fn log_end_offset(&self) -> Offset {
        self.log_end_offset
    }

    /// What an append wrote may be seen from now on.
    pub(super) fn publish(&mut self, end: Offset) {
        assert!(
            end >= self.log_end_offset,
            "R10: published end {end} < {}: only a truncation moves it back",
            self.log_end_offset
        );
        self.log_end_offset = end;
    }

    /// The leader's way to move the high watermark: forward only. Answers where it stood.
    pub(super) fn advance_high_watermark(&mut self, to: Offset) -> Option<Offset> {
        assert!(
            to <= self.log_end_offset,
            "R10: high watermark {to} > log end {}",
            self.log_end_offset
        );
        let from = self.high_watermark;
        if to <= from {
            return None;
        }
        self.high_watermark = to;
        Some(from)
    }

    /// The follower's way: what the leader said, clamped to the own log; it may go back. Answers where it stood.
    pub(super) fn follow_high_watermark(&mut self, leader: Offset) -> Option<Offset> {
        let from = self.high_watermark;
        self.high_watermark = leader.clamp(self.log_start_offset, self.log_end_offset);
        (self.high_watermark != from).then_some(from)
    }

    /// The own log was cut from below: what went was committed, whatever the leader has said since.
    pub(super) fn publish_log_start(&mut self, to: Offset) {
        assert!(to <= self.log_end_offset, "R10: log start {to} > log end {}", self.log_end_offset);
        self.log_start_offset = self.log_start_offset.max(to);
        self.high_watermark = self.high_watermark.max(self.log_start_offset);
    }

    /// The log starts later. Answers whether that is news; beyond the high watermark it may not start.
    pub(super) fn advance_log_start(&mut self, to: Offset) -> bool {
        if to <= self.log_start_offset {
            return false;
        }
        assert!(
            to <= self.high_watermark,
            "R10: log start {to} > high watermark {}",
            self.high_watermark
        );
        self.log_start_offset = to;
        true
    }

    /// The log was cut at `end`.
    pub(super) fn truncate(&mut self, end: Offset) {
        assert!(
            end <= self.log_end_offset,
            "R10: truncated to {end} > log end {}",
            self.log_end_offset
        );
        self.log_end_offset = end;
        self.log_start_offset = self.log_start_offset.min(end);
        self.high_watermark = self.high_watermark.min(end);
    }

    /// The log was dropped and starts again at `at`.
    pub(super) fn restart(&mut self, at: Offset) {
        *self = Self { log_start_offset: at, high_watermark: at, log_end_offset: at };
    }

    /// R10.
    pub(super) fn invariants(&self) {
        assert!(
            self.log_start_offset <= self.high_watermark
                && self.high_watermark <= self.log_end_offset,
            "R10: {self:?}"
        );
    }
}
