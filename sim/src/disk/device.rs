//! The device behind the cache: one queue of work, and how long each caller waits for it.
//!
//! Holds:      the work not done yet (in device time at full speed), the time up to which it is
//!             done, its pace, its clock, and how much of its busy time faults added.
//! Invariants: DV-1 busy time is what the device really worked; DV-2 of it, exactly the part
//!             beyond full speed is called added; DV-3 the device's clock stands still while it
//!             hangs, and every time of a disk is read from this clock.
//! While a slowness lasts, a second queue at full speed is fed with the same calls, so that what
//! callers waited more than they would have is known as well.

use super::queue::{Queue, Work};
use crate::time::{Span, Time};

/// What a disk's time went into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DiskTimes {
    /// How long the device worked.
    pub busy: Span,
    /// How much of that slowness and throttling added: zero at full speed.
    pub busy_added: Span,
    /// What jobs waited for the disk, all calls together.
    pub waited: Span,
    /// How much longer slowness let them wait than the same calls at full speed would have.
    pub wait_added: Span,
    /// How many device operations stalled (`DiskSettings::stall_ppm`).
    pub stalls: u64,
    /// How long these took longer, in device time at full speed.
    pub stalled: Span,
    /// How long the device hung.
    pub hung: Span,
}

/// What one job has paid so far, beside what it would have paid without slowness.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cost {
    pub real: Span,
    plain: Span,
    /// When the last call that needs the device ends, on the device's clock.
    pub until: Time,
}

impl Cost {
    /// Adds processor time, which slowness of the disk does not change.
    pub fn add(&mut self, length: Span) {
        self.real += length;
        self.plain += length;
    }
}

/// How fast a device works: what it takes for what takes 1 at full speed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pace {
    /// For everything.
    pub factor: u64,
    /// For moving bytes, if that is more: bytes per second at full speed, and as throttled.
    pub throttle: Option<(u64, u64)>,
}

/// What slowness or a throttle added.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Added {
    pub busy: Span,
    pub wait: Span,
}

/// The device of one disk.
#[derive(Debug, Clone)]
pub(super) struct Device {
    queue: Queue,
    /// The same calls at full speed, while that makes a difference.
    plain: Option<Queue>,
    times: DiskTimes,
    slowed: Added,
    throttled: Added,
    /// Since when it hangs, in global time.
    hangs_since: Option<Time>,
}

impl Device {
    /// An idle device.
    pub fn new() -> Self {
        Self {
            queue: Queue::new(),
            plain: None,
            times: DiskTimes::default(),
            slowed: Added::default(),
            throttled: Added::default(),
            hangs_since: None,
        }
    }

    /// What the device's clock shows (DV-3).
    pub fn clock(&self, now: Time) -> Time {
        Time(self.hangs_since.unwrap_or(now).0 - self.times.hung.0)
    }

    /// Since when it hangs, in global time.
    pub fn hangs_since(&self) -> Option<Time> {
        self.hangs_since
    }

    /// Whether it hangs or ever has.
    pub fn ever_hung(&self) -> bool {
        self.hangs_since.is_some() || self.times.hung > Span::ZERO
    }

    /// Hangs or goes on, from this global time.
    pub fn set_hangs(&mut self, now: Time, hangs: bool) {
        if let Some(since) = self.hangs_since.take() {
            self.times.hung += now.since(since);
        }
        self.hangs_since = hangs.then_some(now);
    }

    /// From `now` (on its clock) on it has this pace, for what is outstanding too.
    pub fn set_pace(&mut self, now: Time, pace: Pace) {
        self.advance(now);
        if self.plain.is_none() && pace != Pace::FULL {
            self.plain = Some(self.queue);
        }
        self.queue.pace = pace;
    }

    /// Works until `now`, on its clock.
    pub fn advance(&mut self, now: Time) {
        let pace = self.queue.pace;
        let done = self.queue.advance(now);
        let other = Span(done.other * (pace.factor - 1));
        let bytes = Span(pace.transfer(done.transfer) - done.transfer);
        self.times.busy += Span(done.other + done.transfer) + other + bytes;
        self.times.busy_added += other + bytes;
        self.slowed.busy += other;
        self.added_to_bytes().busy += bytes;
        let Some(plain) = &mut self.plain else { return };
        plain.advance(now);
        if pace == Pace::FULL && self.queue.is_idle(now) {
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
        if wait > Span::ZERO {
            cost.until = now + cost.real;
        }
        let added = Span(wait.0.saturating_sub(plain.0));
        self.times.waited += wait;
        self.times.wait_added += added;
        self.added_to_bytes().wait += added;
    }

    /// An operation stalled.
    pub fn stalled(&mut self, length: Span) {
        self.times.stalls += 1;
        self.times.stalled += length;
    }

    /// Whose doing it is that moving bytes takes longer.
    fn added_to_bytes(&mut self) -> &mut Added {
        match self.queue.pace.throttle {
            Some(_) => &mut self.throttled,
            None => &mut self.slowed,
        }
    }

    /// What slowness and what a throttle added since the last time.
    pub fn take_added(&mut self) -> (Added, Added) {
        (std::mem::take(&mut self.slowed), std::mem::take(&mut self.throttled))
    }

    /// Where its time went until `now`, in global time.
    pub fn times(&self, now: Time) -> DiskTimes {
        let mut then = self.clone();
        then.advance(then.clock(now));
        then.set_hangs(now, false);
        then.times
    }

    /// When all that is outstanding is done, on its clock.
    pub fn free_at(&self) -> Time {
        self.queue.down_to(0)
    }

    /// Forgets what is outstanding: the power is gone.
    pub fn power_loss(&mut self, now: Time) {
        self.advance(now);
        for queue in [Some(&mut self.queue), self.plain.as_mut()].into_iter().flatten() {
            queue.forget(now);
        }
    }
}

impl Pace {
    /// Full speed.
    pub const FULL: Self = Self { factor: 1, throttle: None };

    /// Slow by a factor, and throttled from one number of bytes per second to another: the slower counts.
    pub fn new(factor: u64, full: u64, throttle: Option<u64>) -> Self {
        let slower = |to: &u64| u128::from(*to) * u128::from(factor) < u128::from(full);
        Self { factor, throttle: throttle.filter(slower).map(|to| (full, to)) }
    }

    /// How long it takes to move what takes `work` at full speed, rounded up.
    pub fn transfer(self, work: u64) -> u64 {
        let Some((full, to)) = self.throttle else { return work * self.factor };
        let longer = (u128::from(work) * u128::from(full)).div_ceil(u128::from(to));
        u64::try_from(longer).unwrap_or(u64::MAX)
    }

    /// How much of it is done after `length`, rounded down.
    pub fn transferred(self, length: u64) -> u64 {
        let Some((full, to)) = self.throttle else { return length / self.factor };
        let done = u128::from(length) * u128::from(to) / u128::from(full);
        u64::try_from(done).expect("a throttle makes nothing faster")
    }
}
