//! A deadline that is set again and again, on a clock that may step.
//!
//! In Kafka:   `org.apache.kafka.common.utils.Timer`: the raft client measures with the wall clock.
//! Invariants: TI-1 a clock that steps back stops a timer and never winds it back.

use trial_sim::{Span, Time};

/// A timer; it has expired once its own time reaches the deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timer {
    current: Time,
    deadline: Time,
}

impl Timer {
    /// Expires `length` from `now`.
    #[must_use]
    pub fn new(now: Time, length: Span) -> Self {
        Self { current: now, deadline: Self::after(now, length) }
    }

    /// Never expires.
    #[must_use]
    pub fn never(now: Time) -> Self {
        Self { current: now, deadline: Time::MAX }
    }

    /// How long it still runs.
    pub fn remaining(&mut self, now: Time) -> Span {
        self.update(now);
        if self.deadline == Time::MAX { Span::MAX } else { self.deadline.since(self.current) }
    }

    /// Whether it has run out.
    pub fn is_expired(&mut self, now: Time) -> bool {
        self.remaining(now) == Span::ZERO
    }

    /// Lets it run for `length` from `now`.
    pub fn reset(&mut self, now: Time, length: Span) {
        self.update(now);
        self.deadline = Self::after(self.current, length);
    }

    fn update(&mut self, now: Time) {
        self.current = self.current.max(now);
    }

    fn after(now: Time, length: Span) -> Time {
        Time(now.0.saturating_add(length.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(count: u64) -> Time {
        Time(count * 1_000_000)
    }

    #[test]
    fn a_step_back_stops_a_timer_until_the_clock_catches_up() {
        let mut timer = Timer::new(ms(100), Span::from_millis(50));
        for (now, want) in [(120, 30), (10, 30), (119, 30), (140, 10), (150, 0), (20, 0)] {
            assert_eq!(timer.remaining(ms(now)), Span::from_millis(want), "at {now} ms");
        }
        timer.reset(ms(20), Span::from_millis(5));
        assert_eq!(
            timer.remaining(ms(150)),
            Span::from_millis(5),
            "TI-1: it never went back to 20"
        );
    }

    #[test]
    fn a_timer_that_never_expires_does_not() {
        let mut timer = Timer::never(ms(1));
        assert_eq!(timer.remaining(ms(1_000_000)), Span::MAX);
        assert!(!timer.is_expired(Time(u64::MAX - 1)), "not even late");
    }
}
