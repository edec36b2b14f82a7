//! The queue of a device: what is outstanding, and how long who comes now has to wait.
//!
//! Invariants: QU-1 work is done in this order: latencies, then bytes; QU-2 of two that wait for
//!             work of the kind `Ahead`, who came first is served first.

use super::device::Pace;
use super::settings::DiskSettings;
use crate::time::{Span, Time};

/// A piece of work, in device time at full speed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Work {
    pub kind: Kind,
    /// Latencies.
    pub other: u64,
    /// Moving bytes.
    pub transfer: u64,
}

/// Who waits for a piece of work.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// Later, in the background; the caller waits only while more than `limit` is outstanding.
    Behind { limit: u64 },
    /// Now: the caller waits for it and for other work of this kind.
    Ahead,
    /// After everything that is outstanding: the caller waits for all of it.
    Drain,
}

impl Work {
    /// The caller waits for a latency.
    pub fn ahead(latency: Span) -> Self {
        Self { kind: Kind::Ahead, other: latency.0, transfer: 0 }
    }

    /// Moves `count` bytes in the background.
    pub fn write_behind(settings: &DiskSettings, count: u64) -> Self {
        let limit = settings.transfer(settings.dirty_limit_bytes);
        Self { kind: Kind::Behind { limit }, other: 0, transfer: settings.transfer(count) }
    }

    /// It takes no less than one operation does.
    pub fn at_least(mut self, operation: u64) -> Self {
        self.other += operation.saturating_sub(self.other + self.transfer);
        self
    }
}

/// How much was done, in device time at full speed.
pub(super) struct Done {
    pub other: u64,
    pub transfer: u64,
}

/// One queue.
#[derive(Debug, Clone, Copy)]
pub(super) struct Queue {
    pub pace: Pace,
    /// Work outstanding at `from`.
    other: u64,
    transfer: u64,
    from: Time,
    /// When the last work of kind `Ahead` ends.
    ahead_until: Time,
}

impl Queue {
    /// Nothing to do, at full speed.
    pub fn new() -> Self {
        Self { pace: Pace::FULL, other: 0, transfer: 0, from: Time::ZERO, ahead_until: Time::ZERO }
    }

    /// Does the work that fits until `now`.
    pub fn advance(&mut self, now: Time) -> Done {
        let mut left = now.since(self.from).0;
        let other = (left / self.pace.factor).min(self.other);
        self.other -= other;
        left -= other * self.pace.factor;
        let mut transfer = 0;
        if self.other == 0 && self.transfer > 0 {
            transfer = self.pace.transferred(left).min(self.transfer);
            self.transfer -= transfer;
        }
        if self.other == 0 && self.transfer == 0 {
            self.from = self.from.max(now);
        } else {
            self.from += Span(other * self.pace.factor + self.pace.transfer(transfer));
        }
        Done { other, transfer }
    }

    /// When no more than `rest` is outstanding.
    pub fn down_to(&self, rest: u64) -> Time {
        let work = (self.other + self.transfer).saturating_sub(rest);
        let other = work.min(self.other);
        self.from + self.time(other, work - other)
    }

    /// Takes work from a caller whose clock shows `at`; answers how long it waits.
    pub fn take(&mut self, at: Time, work: Work) -> Span {
        self.other += work.other;
        self.transfer += work.transfer;
        match work.kind {
            Kind::Behind { limit } if self.other + self.transfer <= limit => Span::ZERO,
            Kind::Behind { limit } => self.down_to(limit).since(at),
            Kind::Ahead => {
                let start = self.ahead_until.max(at);
                self.ahead_until = start + self.time(work.other, work.transfer);
                self.ahead_until.since(at)
            }
            Kind::Drain => {
                let own = self.time(work.other, work.transfer);
                self.down_to(0).max(at + own).since(at)
            }
        }
    }

    /// Whether nothing is outstanding.
    pub fn is_idle(&self, now: Time) -> bool {
        self.other + self.transfer == 0 && self.ahead_until <= now
    }

    /// Forgets what is outstanding.
    pub fn forget(&mut self, now: Time) {
        *self = Self { pace: self.pace, other: 0, transfer: 0, from: now, ahead_until: now };
    }

    fn time(&self, other: u64, transfer: u64) -> Span {
        Span(other * self.pace.factor + self.pace.transfer(transfer))
    }
}
