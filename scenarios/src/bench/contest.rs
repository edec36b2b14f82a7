//! Sets the same work to Trial's simulator and to its peers, in turns, and counts what each does a second.
//!
//! Holds:      the four tasks, how much of each is one piece of work, and the figures.
//! Inputs:     contenders. Trial comes first; the others only with the feature `peers`.
//! Invariants: CT-1 all contenders do the same work in every round, and their counts of it are checked; CT-2 one core,
//!             one process, one after the other, rounds in turns; the best round of each counts. CT-3 a contender is
//!             timed from outside, so a simulator that replaces the clock for its programs cannot reach the watch.

use std::time::{Duration, Instant};

use serde::ser::{Serialize, SerializeMap, Serializer};

/// What a contender has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// Sleepers that wake up once a period, staggered: wake-ups.
    Timers,
    /// Clients, each on a host of its own, that play ping-pong with one server over byte streams: there and back.
    RoundTrips,
    /// One client that writes large pieces to one reader: bytes.
    Stream,
    /// Simulations of a few hosts that are made, idle for a second and are thrown away: simulations.
    Seeds,
}

/// How much of a task one piece of work is. What does not concern the task is not looked at.
#[derive(Debug, Clone, Copy)]
pub struct Work {
    /// Decides the simulation.
    pub seed: u64,
    /// Sleepers, clients, or hosts.
    pub parties: u64,
    /// Wake-ups of each sleeper, round trips of each client, pieces written, or simulations.
    pub each: u64,
    /// Bytes of a message (and of its echo), or of a piece.
    pub bytes: usize,
}

/// Between two wake-ups of a sleeper, in milliseconds of simulated time.
pub const PERIOD_MS: u64 = 100;
/// How long hosts idle, in milliseconds of simulated time.
pub const IDLE_MS: u64 = 1_000;
/// Where servers listen.
pub const PORT: u16 = 9_000;

/// Somebody who can do the work.
pub trait Contender {
    /// In keys and headings.
    fn name(&self) -> &'static str;

    /// Does it once; answers how much it did by its own count, in units of the task. None: it cannot.
    fn play(&self, task: Task, work: Work) -> Option<u64>;
}

impl Task {
    /// In the order of the table.
    pub const ALL: [Self; 4] = [Self::Timers, Self::RoundTrips, Self::Stream, Self::Seeds];

    /// What is measured: enough for a tenth of a second.
    const fn work(self) -> Work {
        let (parties, each, bytes) = match self {
            Self::Timers => (100, 10_000, 0),
            Self::RoundTrips => (50, 2_000, 64),
            Self::Stream => (1, 2_048, 64 * 1_024),
            Self::Seeds => (5, 1_000, 0),
        };
        Work { seed: 1, parties, each, bytes }
    }

    /// The same, a hundredth of it: for whoever cannot do the whole in reasonable time, and for tests.
    pub const fn little(self) -> Work {
        let work = self.work();
        Work { each: work.each / 100, ..work }
    }

    /// What a contender must have counted.
    pub const fn amount(self, work: Work) -> u64 {
        match self {
            Self::Timers | Self::RoundTrips => work.parties * work.each,
            Self::Stream => work.each * work.bytes as u64,
            Self::Seeds => work.each,
        }
    }

    /// The key of a rate, and what the rate is divided by.
    const fn unit(self) -> (&'static str, f64) {
        match self {
            Self::Timers => ("timers_per_s", 1.0),
            Self::RoundTrips => ("roundtrips_per_s", 1.0),
            Self::Stream => ("stream_mb_per_s", 1e6),
            Self::Seeds => ("seeds_per_s", 1.0),
        }
    }

    /// The key of a ratio.
    const fn ratio(self) -> &'static str {
        match self {
            Self::Timers => "timer_ratio",
            Self::RoundTrips => "roundtrip_ratio",
            Self::Stream => "stream_ratio",
            Self::Seeds => "seed_ratio",
        }
    }

    /// In words.
    #[must_use]
    pub const fn about(self) -> &'static str {
        match self {
            Self::Timers => "timer wake-ups/s (100 sleepers, every 100 ms)",
            Self::RoundTrips => "round trips/s (50 clients, one server, 64 bytes)",
            Self::Stream => "MB/s through one stream (writes of 64 KiB)",
            Self::Seeds => "seeds/s (5 hosts, made, 1 s idle, dropped)",
        }
    }
}

/// One task: what each contender does a second.
#[derive(Debug, Clone)]
pub struct Row {
    /// What was done.
    pub task: Task,
    /// By name, in the task's unit a second; Trial comes first.
    pub rates: Vec<(&'static str, Option<f64>)>,
}

/// What was measured. As JSON: `timers_per_s` is Trial's, `timers_per_s_madsim` a peer's, and `timer_ratio_madsim` the
/// first over the second; the same for round trips, streams and seeds. A peer that cannot do it is `null`.
#[derive(Debug, Clone)]
pub struct Figures {
    /// One for each task.
    pub rows: Vec<Row>,
}

impl Row {
    /// How many times as fast as this peer Trial is.
    #[must_use]
    pub fn ratio(&self, rate: Option<f64>) -> Option<f64> {
        Some(self.rates.first()?.1? / rate?)
    }
}

impl Serialize for Figures {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for row in &self.rows {
            let ((rate_key, _), ratio_key) = (row.task.unit(), row.task.ratio());
            for (place, &(name, rate)) in row.rates.iter().enumerate() {
                if place == 0 {
                    map.serialize_entry(rate_key, &rate)?;
                } else {
                    map.serialize_entry(&format!("{rate_key}_{name}"), &rate)?;
                    map.serialize_entry(&format!("{ratio_key}_{name}"), &row.ratio(rate))?;
                }
            }
        }
        map.end()
    }
}

/// Plays every task in so many rounds.
#[must_use]
pub fn measure(contenders: &[&dyn Contender], rounds: u32) -> Figures {
    let row = |task: Task| {
        let mut best: Vec<Option<f64>> = vec![None; contenders.len()];
        for _ in 0..rounds {
            for (contender, best) in contenders.iter().zip(&mut best) {
                let rate = rate(*contender, task);
                *best = best.max_by_rate(rate);
            }
        }
        Row { task, rates: contenders.iter().map(|one| one.name()).zip(best).collect() }
    };
    Figures { rows: Task::ALL.into_iter().map(row).collect() }
}

/// The better of two rates.
trait MaxByRate {
    fn max_by_rate(self, other: Self) -> Self;
}

impl MaxByRate for Option<f64> {
    fn max_by_rate(self, other: Self) -> Self {
        self.into_iter().chain(other).reduce(f64::max)
    }
}

/// How much of the task the contender does a second. Who needs more than two seconds for a hundredth of the work is
/// not set the whole.
fn rate(contender: &dyn Contender, task: Task) -> Option<f64> {
    let (little, took) = timed(contender, task, task.little())?;
    if took > Duration::from_secs(2) / 100 {
        return Some(little);
    }
    timed(contender, task, task.work()).map(|(rate, _)| rate)
}

/// CT-1, CT-3.
fn timed(contender: &dyn Contender, task: Task, work: Work) -> Option<(f64, Duration)> {
    let start = Instant::now();
    let done = contender.play(task, work)?;
    let took = start.elapsed();
    let (name, want) = (contender.name(), task.amount(work));
    assert!(done == want, "CT-1: {name} has done {done} of {task:?}, which are {want}");
    Some((done as f64 / task.unit().1 / took.as_secs_f64(), took))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts what it is asked, and does nothing.
    struct Idler(&'static str, bool);

    impl Contender for Idler {
        fn name(&self) -> &'static str {
            self.0
        }
        fn play(&self, task: Task, work: Work) -> Option<u64> {
            self.1.then(|| task.amount(work))
        }
    }

    #[test]
    fn rates_and_ratios_have_their_keys() {
        let figures =
            measure(&[&Idler("trial", true), &Idler("able", true), &Idler("not", false)], 1);
        let json = serde_json::to_value(&figures).expect("plain JSON");
        let object = json.as_object().expect("an object");
        let keys: Vec<&str> = object.keys().map(String::as_str).collect();
        assert_eq!(
            keys[..5],
            [
                "timers_per_s",
                "timers_per_s_able",
                "timer_ratio_able",
                "timers_per_s_not",
                "timer_ratio_not"
            ],
            "the first task's"
        );
        assert_eq!(keys.len(), 4 * 5, "four tasks, five keys each");
        assert!(object["roundtrips_per_s"].is_number(), "a rate");
        assert!(object["roundtrip_ratio_able"].is_number(), "a ratio");
        assert!(object["seed_ratio_not"].is_null(), "who cannot has no ratio");
    }

    #[test]
    #[should_panic(expected = "CT-1")]
    fn who_does_less_is_found_out() {
        struct Lazy;
        impl Contender for Lazy {
            fn name(&self) -> &'static str {
                "lazy"
            }
            fn play(&self, task: Task, work: Work) -> Option<u64> {
                Some(task.amount(work) - 1)
            }
        }
        let _ = measure(&[&Lazy], 1);
    }
}
