//! The device behind the cache: one queue of work, and how long each caller waits for it.
//!
//! Holds:      the work not done yet (in device time at full speed), the time up to which it is
//!             done, the slowness factor, and how much of its busy time slowness added.
//! Invariants: DV-1 busy time is what the device really worked; DV-2 of it, exactly the part
//!             beyond factor 1 is called added.
//! While a slowness lasts, a second queue at full speed is fed with the same calls, so that what
//! callers waited more than they would have is known as well.

use super::settings::DiskSettings;
use crate::time::{Span, Time};

/// What a disk's time went into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DiskTimes {
    /// How long the device worked.
    pub busy: Span,
    /// How much of that slowness added: zero while the factor is one.
    pub busy_added: Span,
    /// What jobs waited for the disk, all calls together.
    pub waited: Span,
    /// How much longer slowness let them wait than the same calls at full speed would have.
    pub wait_added: Span,
}

/// What one job has paid so far, beside what it would have paid without slowness.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cost {
    pub real: Span,
    plain: Span,
}

/// A piece of work for the device, in device time at full speed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Work {
    /// Later, in the background; the caller waits only while more than `limit` is outstanding.
    Behind { work: u64, limit: u64 },
    /// Now: the caller waits for it and for other work of this kind.
    Ahead { work: u64 },
    /// After everything that is outstanding: the caller waits for all of it.
    Drain { work: u64 },
}

/// One queue.
#[derive(Debug, Clone, Copy)]
struct Queue {
    factor: u64,
    /// Work outstanding at `from`.
    backlog: u64,
    from: Time,
    /// When the last work of kind `Ahead` ends.
    ahead_until: Time,
}

impl Queue {
    /// Does the work that fits until `now`; answers how much, at full speed.
    fn advance(&mut self, now: Time) -> u64 {
        let elapsed = now.since(self.from).0;
        let done = (elapsed / self.factor).min(self.backlog);
        self.backlog -= done;
        if self.backlog == 0 {
            self.from = self.from.max(now);
        } else {
            self.from += Span(done * self.factor);
        }
        done
    }

    /// When no more than `rest` is outstanding.
    fn down_to(&self, rest: u64) -> Time {
        self.from + Span(self.backlog.saturating_sub(rest) * self.factor)
    }

    /// Takes work from a caller whose clock shows `at`; answers how long it waits.
    fn take(&mut self, at: Time, work: Work) -> Span {
        match work {
            Work::Behind { work, limit } => {
                self.backlog += work;
                if self.backlog <= limit { Span::ZERO } else { self.down_to(limit).since(at) }
            }
            Work::Ahead { work } => {
                self.backlog += work;
                let start = self.ahead_until.max(at);
                self.ahead_until = start + Span(work * self.factor);
                self.ahead_until.since(at)
            }
            Work::Drain { work } => {
                self.backlog += work;
                self.down_to(0).max(at + Span(work * self.factor)).since(at)
            }
        }
    }
}

/// The device of one disk.
#[derive(Debug, Clone)]
pub(super) struct Device {
    queue: Queue,
    /// The same calls at full speed, while that makes a difference.
    plain: Option<Queue>,
    pub times: DiskTimes,
}

impl Device {
    /// An idle device.
    pub fn new() -> Self {
        let queue = Queue { factor: 1, backlog: 0, from: Time::ZERO, ahead_until: Time::ZERO };
        Self { queue, plain: None, times: DiskTimes::default() }
    }

    /// The slowness factor; 1 is full speed.
    pub fn factor(&self) -> u64 {
        self.queue.factor
    }

    /// From `now` on everything takes `factor` times as long, what is outstanding included.
    pub fn set_factor(&mut self, now: Time, factor: u64) {
        assert!(factor > 0, "a disk cannot be slow by 0");
        self.advance(now);
        if self.plain.is_none() && factor != 1 {
            self.plain = Some(self.queue);
        }
        self.queue.factor = factor;
    }

    /// Works until `now`.
    pub fn advance(&mut self, now: Time) {
        let done = self.queue.advance(now);
        self.times.busy += Span(done * self.queue.factor);
        self.times.busy_added += Span(done * (self.queue.factor - 1));
        let Some(plain) = &mut self.plain else { return };
        plain.advance(now);
        if self.queue.factor == 1 && self.queue.backlog == 0 && self.queue.ahead_until <= now {
            self.plain = None;
        }
    }

    /// Gives the device work and adds to `cost` what the caller waits.
    pub fn charge(&mut self, now: Time, cost: &mut Cost, work: Work) {
        self.advance(now);
        let wait = self.queue.take(now + cost.real, work);
        let plain = self.plain.as_mut().map_or(wait, |queue| queue.take(now + cost.plain, work));
        cost.real += wait;
        cost.plain += plain;
        self.times.waited += wait;
        self.times.wait_added += Span(wait.0.saturating_sub(plain.0));
    }

    /// Does nothing until `until`.
    pub fn stall(&mut self, now: Time, until: Time) {
        self.advance(now);
        self.queue.from = self.queue.from.max(until);
        self.queue.ahead_until = self.queue.ahead_until.max(until);
    }

    /// When all that is outstanding is done.
    pub fn free_at(&self) -> Time {
        self.queue.down_to(0)
    }

    /// Forgets what is outstanding: the power is gone.
    pub fn power_loss(&mut self, now: Time) {
        self.advance(now);
        for queue in [Some(&mut self.queue), self.plain.as_mut()].into_iter().flatten() {
            queue.backlog = 0;
            queue.from = now;
            queue.ahead_until = now;
        }
    }
}

impl Cost {
    /// Adds processor time, which slowness of the disk does not change.
    pub fn add(&mut self, length: Span) {
        self.real += length;
        self.plain += length;
    }
}

/// The work of writing `count` bytes in the background.
pub(super) fn write_behind(settings: &DiskSettings, count: u64) -> Work {
    Work::Behind {
        work: settings.transfer(count),
        limit: settings.transfer(settings.dirty_limit_bytes),
    }
}
