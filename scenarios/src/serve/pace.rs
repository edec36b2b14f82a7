//! Ties virtual time to the wall clock: a second there is a second here, from the moment at which serving began.
//!
//! Holds:      a moment of both.
//! Invariants: PC-1 virtual time is never ahead of the wall clock. PC-2 it falls behind where the machine is too slow,
//!             by `SLIP` at most: what is lost beyond is not made good by a rush.

use std::time::{Duration, Instant};

use trial_sim::{Span, Time};

/// How far behind virtual time may fall before it is let be.
const SLIP: Span = Span::from_secs(1);

/// The pace.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    since: Instant,
    at: Time,
}

impl Pace {
    /// Virtual time is `at` now.
    pub(super) fn from_now(at: Time) -> Self {
        Self { since: Instant::now(), at }
    }

    /// What virtual time should be now.
    pub(super) fn now(&self) -> Time {
        self.at + nanos(self.since.elapsed())
    }

    /// How long it takes until virtual time should be `at`.
    pub(super) fn until(&self, at: Time) -> Duration {
        let now = self.now();
        if at <= now { Duration::ZERO } else { Duration::from_nanos(at.since(now).as_nanos()) }
    }

    /// Virtual time has come to `reached`: PC-2.
    pub(super) fn slip(&mut self, reached: Time) {
        if self.behind(reached) > SLIP {
            *self = Self::from_now(reached);
        }
    }

    /// How far behind virtual time is at `reached`.
    pub(super) fn behind(&self, reached: Time) -> Span {
        let now = self.now();
        if reached >= now { Span::ZERO } else { now.since(reached) }
    }
}

fn nanos(elapsed: Duration) -> Span {
    Span(u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::{Pace, SLIP};
    use trial_sim::{Span, Time};

    #[test]
    fn virtual_time_goes_on_from_where_it_began_and_is_not_rushed() {
        let began = Time::ZERO + Span::from_secs(5);
        let mut pace = Pace::from_now(began);
        assert!(pace.now() >= began, "PC-1");
        assert!(pace.until(began).is_zero(), "it is there");
        let far = began + Span::from_secs(60);
        assert!(pace.until(far) > std::time::Duration::from_secs(50), "a minute is a minute");
        pace.slip(began);
        assert!(pace.now() >= began, "a little behind is made good");
        let old = Pace::from_now(began + SLIP + SLIP);
        let mut pace = old;
        pace.slip(began);
        assert!(pace.now() < old.at, "PC-2: far behind is let be");
    }
}
