//! Measures Trial as a whole: requests a second of a fixed mix, the standard run, the cost of a fork.
//!
//! Holds:      the scenarios that are measured, and the figures.
//! Invariants: BE-1 one core, one run at a time. BE-2 seeds and scenarios are fixed: only the machine varies.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use trial_sim::{Span, Time};

use crate::run::Run;
use crate::scenario::{Scenario, ScenarioError};

/// The standard run until idempotent producers and groups exist.
const STANDARD: &str = "standard_0";
/// Standard runs are played at least this often, and at least this long.
const STANDARD_RUNS: u64 = 5;
const STANDARD_TIME: Duration = Duration::from_secs(3);
/// Forks that are timed; their median counts.
const FORKS: usize = 101;
/// Bytes of records that a run holds when it is forked.
const FORK_BYTES: u64 = 100_000_000;
const FORK_RECORD: u64 = 50_000;

/// What the mix is made of, in words.
pub const MIX_ABOUT: &str = "3 brokers, 3 controllers, 6 partitions of 3 replicas, no faults, 20 simulated seconds; \
    producers with acks 0, 1 and all, 400 records/s each of 500 bytes; 3 consumers";

const MIX: &str = r#"
title = "bench: a fixed mix of requests, without faults"
time = "20s"
[cluster]
brokers = 3
controllers = 3
config = { "min.insync.replicas" = 2 }
[topics.mix]
partitions = 6
replicas = 3
[clients.p0]
produce = "mix"
rate = "400/s"
size = 500
config = { acks = "0" }
[clients.p1]
produce = "mix"
rate = "400/s"
size = 500
config = { acks = "1" }
[clients.p2]
produce = "mix"
rate = "400/s"
size = 500
config = { acks = "all" }
[clients.r1]
consume = "mix"
[clients.r2]
consume = "mix"
[clients.r3]
consume = "mix"
"#;

const FORKED: &str = r#"
title = "bench: one broker with large logs"
time = "60s"
[cluster]
brokers = 1
controllers = 1
[topics.large]
partitions = 1
replicas = 1
[clients.p1]
produce = "large"
rate = "500/s"
size = 50000
config = { acks = "1" }
"#;

/// What was measured.
#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    /// Kafka requests answered a second of wall time, of the mix.
    pub requests_per_s: f64,
    /// Requests of the mix.
    pub mix_requests: u64,
    /// Records that the mix's producers sent.
    pub mix_records: u64,
    /// Simulated over wall time of the standard run.
    pub standard_ratio: f64,
    /// Requests that a standard run answers, the mean.
    pub standard_requests: u64,
    /// Standard runs a second on one core.
    pub standard_runs_per_s: f64,
    /// The most memory that the process had while it played them; none where the system does not say.
    pub standard_memory_mib: Option<u64>,
    /// Microseconds to clone a run, the median.
    pub fork_us: f64,
    /// Megabytes of records that the cloned run held.
    pub fork_mb: u64,
}

/// Measures everything; takes some seconds in a release build.
///
/// # Errors
/// If a scenario cannot be played: a fault of this build.
pub fn measure() -> Result<Figures, ScenarioError> {
    let standard = Arc::new(Scenario::open(STANDARD, &[])?);
    let mix = Arc::new(Scenario::from_text("mix", MIX, None, &[])?);
    let forked = Arc::new(Scenario::from_text("forked", FORKED, None, &[])?);

    let start = Instant::now();
    let (mut runs, mut simulated, mut requests) = (0, Span::ZERO, 0);
    while runs < STANDARD_RUNS || start.elapsed() < STANDARD_TIME {
        runs += 1;
        let mut run = Run::new(&standard, runs);
        run.play();
        simulated = Span::from_nanos(simulated.as_nanos() + run.now().since(Time::ZERO).as_nanos());
        requests += run.judge().facts().requests;
    }
    let wall = start.elapsed().as_secs_f64();
    // Before the larger logs of the fork.
    let memory = peak_memory_mib();

    let start = Instant::now();
    let mut run = Run::new(&mix, 1);
    run.play();
    let mix_wall = start.elapsed().as_secs_f64();
    let mix_requests = run.judge().facts().requests;
    let mix_records = run.judge().records().sent;

    let (fork, fork_mb) = fork(&forked);
    Ok(Figures {
        requests_per_s: mix_requests as f64 / mix_wall,
        mix_requests,
        mix_records,
        standard_ratio: simulated.as_nanos() as f64 / 1e9 / wall,
        standard_requests: requests / runs,
        standard_runs_per_s: runs as f64 / wall,
        standard_memory_mib: memory,
        fork_us: fork.as_nanos() as f64 / 1e3,
        fork_mb,
    })
}

/// The median time of a clone, and the megabytes of records that the run held.
fn fork(scenario: &Arc<Scenario>) -> (Duration, u64) {
    let mut run = Run::new(scenario, 1);
    let held = |run: &Run| {
        let ends = run.judge().facts().partitions().map(|partition| partition.high_watermark);
        ends.map(|end| u64::try_from(end).unwrap_or(0) * FORK_RECORD).sum::<u64>()
    };
    let end = Time::ZERO + scenario.time;
    while held(&run) < FORK_BYTES && run.now() < end {
        run.play_until(run.now() + Span::from_millis(500));
    }
    let mut times: Vec<Duration> = (0..FORKS)
        .map(|_| {
            let start = Instant::now();
            let clone = run.clone();
            let time = start.elapsed();
            drop(clone);
            time
        })
        .collect();
    times.sort_unstable();
    (times[FORKS / 2], held(&run) / 1_000_000)
}

/// The most memory that this process ever had, as Linux tells it.
fn peak_memory_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib / 1_024)
}
