//! Keeps a host's two clocks, as wrong as the run wants them.
//!
//! Holds:      an anchor (global time and what the monotonic clock read then), drift and offset.
//! Invariants: CL-1 the monotonic clock never goes back and never jumps, whatever is done;
//!             CL-2 a wall clock without offset and drift reads 2026-01-01T00:00Z at time zero.

use std::cell::Cell;

use crate::time::Time;

/// 2026-01-01T00:00Z in milliseconds since 1970: what a wall clock reads at time zero.
pub const EPOCH_MS: i64 = 1_767_225_600_000;
const MILLION: i128 = 1_000_000;
/// Nanoseconds since 1970 end here for an operating system, in the year 2262: a clock stops there.
const LAST_MS: i128 = i64::MAX as i128 / MILLION;

/// How wrong a clock is from the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ClockSpec {
    /// How far the wall clock is ahead, in nanoseconds; behind if negative.
    pub ahead_ns: i64,
    /// How much too fast both clocks run, in parts per million; too slow if negative.
    pub drift_ppm: i32,
}

/// A host's clocks.
#[derive(Debug, Clone)]
pub(crate) struct HostClock {
    anchor: Time,
    anchor_local: Time,
    /// The sum of all drifts; the clock runs forwards whatever it is.
    drift_ppm: i64,
    offset_ns: i128,
    /// How often a program read the wall clock; a fault's effect is told from it.
    wall_reads: Cell<u64>,
}

impl HostClock {
    pub(crate) fn new(spec: ClockSpec) -> Self {
        let mut clock = Self {
            anchor: Time::ZERO,
            anchor_local: Time::ZERO,
            drift_ppm: 0,
            offset_ns: i128::from(spec.ahead_ns),
            wall_reads: Cell::new(0),
        };
        clock.add_drift(Time::ZERO, spec.drift_ppm);
        clock
    }

    /// What the monotonic clock reads at `now`.
    #[inline]
    pub(crate) fn monotonic(&self, now: Time) -> Time {
        if self.drift_ppm == 0 {
            return self.anchor_local + (now - self.anchor);
        }
        let elapsed = i128::from(now.0 - self.anchor.0);
        let local = u64::try_from(elapsed * self.rate() / MILLION).unwrap_or(u64::MAX);
        Time(self.anchor_local.0.saturating_add(local))
    }

    /// The first moment at which the monotonic clock reads `local` or more; `now` if it does.
    #[inline]
    pub(crate) fn global(&self, local: Time, now: Time) -> Time {
        if local <= self.anchor_local {
            return now;
        }
        let ahead = local.0 - self.anchor_local.0;
        if self.drift_ppm == 0 {
            return now.max(Time(self.anchor.0.saturating_add(ahead)));
        }
        let rate = self.rate();
        let elapsed = (i128::from(ahead) * MILLION + rate - 1) / rate;
        let elapsed = u64::try_from(elapsed).unwrap_or(u64::MAX);
        now.max(Time(self.anchor.0.saturating_add(elapsed)))
    }

    /// What the wall clock reads, in milliseconds since 1970; counted as a read.
    #[inline]
    pub(crate) fn read_wall_ms(&self, now: Time) -> i64 {
        self.wall_reads.set(self.wall_reads.get() + 1);
        self.wall_ms(now)
    }

    /// The same, for an onlooker.
    #[inline]
    pub(crate) fn wall_ms(&self, now: Time) -> i64 {
        let since = i128::from(self.monotonic(now).0) + self.offset_ns;
        let ms = i128::from(EPOCH_MS) + since.div_euclid(MILLION);
        i64::try_from(ms.clamp(-LAST_MS, LAST_MS)).expect("its nanoseconds fit 64 bits")
    }

    pub(crate) fn wall_reads(&self) -> u64 {
        self.wall_reads.get()
    }

    /// The wall clock jumps; the monotonic one does not.
    pub(crate) fn step(&mut self, by_ns: i64) {
        self.offset_ns += i128::from(by_ns);
    }

    /// Both clocks run `ppm` faster from `now` on.
    pub(crate) fn add_drift(&mut self, now: Time, ppm: i32) {
        self.anchor_local = self.monotonic(now);
        self.anchor = now;
        self.drift_ppm += i64::from(ppm);
    }

    /// CL-1: what the monotonic clock goes on in a million nanoseconds, at least one.
    #[inline]
    fn rate(&self) -> i128 {
        (MILLION + i128::from(self.drift_ppm)).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drifting_clock_reaches_every_reading_and_no_earlier() {
        for drift_ppm in [0, 1, 200, 333_333, -1, -200, -333_333] {
            let mut clock = HostClock::new(ClockSpec { ahead_ns: 0, drift_ppm });
            clock.add_drift(Time(1_234_567), 17);
            for local in [2_000_000, 2_000_001, 987_654_321, 60_000_000_007] {
                let at = clock.global(Time(local), Time(1_234_567));
                assert!(clock.monotonic(at).0 >= local, "{drift_ppm}: {local} reached at {at:?}");
                assert!(
                    clock.monotonic(Time(at.0 - 1)).0 < local,
                    "{drift_ppm}: {local} not before"
                );
            }
        }
    }

    #[test]
    fn drifts_and_offsets_add_up_without_end_and_the_clock_runs_forwards() {
        let mut clock = HostClock::new(ClockSpec::default());
        clock.add_drift(Time::ZERO, -900_000);
        clock.add_drift(Time::ZERO, -900_000);
        assert_eq!(clock.monotonic(Time(5_000_000)), Time(5), "CL-1: as slow as can be");
        clock.add_drift(Time(5_000_000), 900_000);
        clock.add_drift(Time(5_000_000), 900_000);
        assert_eq!(clock.monotonic(Time(5_000_100)), Time(105), "and as it was once they are over");
        for _ in 0..100 {
            clock.step(i64::MAX);
        }
        let now = Time(6_000_000);
        assert!(clock.wall_ms(now) > EPOCH_MS + 1_000_000_000_000, "far ahead");
        for _ in 0..100 {
            clock.step(-i64::MAX);
        }
        assert_eq!(clock.wall_ms(now), EPOCH_MS + 1, "and back: it has run 1 ms and 5 ns");
    }

    #[test]
    fn time_zero_reads_the_first_of_january_2026() {
        let clock = HostClock::new(ClockSpec::default());
        assert_eq!(clock.wall_ms(Time::ZERO), 1_767_225_600_000, "time zero");
        assert_eq!(clock.wall_ms(Time(2_500_000)), 1_767_225_600_002, "2.5 ms on");
    }

    #[test]
    fn a_step_moves_the_wall_clock_only() {
        let mut clock = HostClock::new(ClockSpec::default());
        let before = clock.monotonic(Time(5_000_000_000));
        clock.step(-2_000_000_000);
        assert_eq!(clock.monotonic(Time(5_000_000_000)), before, "CL-1");
        assert_eq!(clock.wall_ms(Time(5_000_000_000)), EPOCH_MS + 3_000, "two seconds back");
    }
}
