//! What the hosts' wall clocks may have shown when they decided what they do now.
//!
//! Holds:      for each host how far its wall clock was ahead of the run's time, at most and at least, lately.
//! Invariants: CK-1 a clock that steps or drifts is believed both readings for a minute or longer: a job reads the
//!             clock when it begins, and is seen when it has done something.

use std::collections::BTreeMap;

use trial_sim::{HostId, Span, Time};

/// How long a reading counts, at least.
const LATELY: Span = Span::from_secs(60);

/// By how many milliseconds a clock is ahead of the run's time.
#[derive(Debug, Clone, Copy)]
struct Ahead {
    least: i64,
    most: i64,
}

impl Ahead {
    fn with(self, other: Self) -> Self {
        Self { least: self.least.min(other.least), most: self.most.max(other.most) }
    }
}

/// One clock: readings since some time, and those of the while before.
#[derive(Debug, Clone, Copy)]
struct Clock {
    since: Time,
    now: Ahead,
    before: Ahead,
}

/// All clocks.
#[derive(Debug, Clone, Default)]
pub(super) struct Clocks {
    clocks: BTreeMap<HostId, Clock>,
}

/// The earliest and the latest that a wall clock may have shown, in milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WallTime {
    /// The earliest.
    pub earliest_ms: i64,
    /// The latest.
    pub latest_ms: i64,
}

impl WallTime {
    /// The earliest that the clock may have shown since `from`, as seen at `at`. Both fall between two milliseconds:
    /// of the time from one to the other a part of a millisecond counts as a whole one.
    pub(super) fn since(self, at: Time, from: Time) -> i64 {
        let passed = at.since(from).0.div_ceil(1_000_000);
        self.earliest_ms.saturating_sub(i64::try_from(passed).unwrap_or(i64::MAX))
    }
}

impl Clocks {
    /// A clock shows `wall_ms`; answers what it may have shown lately, moved on to now.
    pub(super) fn on_reading(&mut self, at: Time, host: HostId, wall_ms: i64) -> WallTime {
        let millis = i64::try_from(at.as_millis()).expect("a run is shorter than time");
        let ahead = Ahead { least: wall_ms - millis, most: wall_ms - millis };
        let fresh = Clock { since: at, now: ahead, before: ahead };
        let clock = self.clocks.entry(host).or_insert(fresh);
        if at.since(clock.since) > LATELY {
            *clock = Clock { since: at, now: ahead, before: clock.now };
        }
        clock.now = clock.now.with(ahead);
        let known = clock.now.with(clock.before);
        WallTime { earliest_ms: millis + known.least, latest_ms: millis + known.most }
    }
}

#[cfg(test)]
mod tests {
    use super::Clocks;
    use trial_sim::{HostId, Time};

    /// Seed 1127 of `old_records_go`: a tombstone was said to go a millisecond too early.
    #[test]
    fn what_began_between_two_milliseconds_began_at_the_earlier_one() {
        let (began, seen) = (Time(1_900_000), Time(5_100_000));
        let mut clocks = Clocks::default();
        clocks.on_reading(began, HostId(1), 1_001);
        let wall = clocks.on_reading(seen, HostId(1), 1_005);
        assert_eq!(wall.since(seen, began), 1_001);
    }

    #[test]
    fn a_clock_that_steps_is_believed_both_readings_for_a_while() {
        let mut clocks = Clocks::default();
        let mut read = |seconds: u64, wall: i64| {
            let at = Time(seconds * 1_000_000_000);
            let told = clocks.on_reading(at, HostId(1), wall * 1_000);
            (told.earliest_ms / 1_000, told.latest_ms / 1_000)
        };
        assert_eq!(read(0, 100), (100, 100));
        assert_eq!(read(10, 110), (110, 110));
        assert_eq!(read(20, 90), (90, 120), "it stepped back by thirty seconds");
        assert_eq!(read(70, 140), (140, 170), "CK-1");
        assert_eq!(read(140, 210), (210, 210), "and that is forgotten");
    }
}
