//! Measures the simulator by itself: its part in the contest, events against the number of hosts, memory of a host.
//!
//! Invariants: BR-1 the network is the default one (streams are cut as the seed decides), the digest is on, and nobody
//!             observes. BR-2 memory is the growth of the process's resident set while Worlds are added, over their
//!             hosts; the first ones are not counted, since they fill what the allocator holds.

use std::time::Instant;

use serde::Serialize;
use trial_sim::{HostSpec, Span, Time, World, WorldSettings};

use super::contest::{Contender, IDLE_MS, PERIOD_MS, Task, Work};
use super::programs::{self, Echo, Member, Pinger, Player, Reader, Sleeper, Writer};

/// Round trips that all hosts of a ring play together.
const RING_TRIPS: u64 = 60_000;
const RING_BYTES: usize = 64;
/// Rounds of a ring, of which the best counts.
const RING_ROUNDS: u32 = 3;
/// Memory is measured with so many Worlds of so many hosts, after so many that are not counted.
const MEMORY_WORLDS: usize = 8;
const MEMORY_WARM: usize = 2;
const MEMORY_HOSTS: u64 = 100;

/// What only Trial is measured by.
#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    /// Events a second in a ring of 3 hosts, each of which plays ping-pong with the next.
    pub events_per_s_3: f64,
    /// The same with 30.
    pub events_per_s_30: f64,
    /// The same with 300.
    pub events_per_s_300: f64,
    /// KiB that a host without disks takes in a World of 100; none where the system does not say.
    pub host_memory_kib: Option<f64>,
}

/// Measures; what memory a host takes was measured before.
#[must_use]
pub fn measure(host_memory_kib: Option<f64>) -> Figures {
    Figures {
        events_per_s_3: ring_rate(3),
        events_per_s_30: ring_rate(30),
        events_per_s_300: ring_rate(300),
        host_memory_kib,
    }
}

/// Trial's simulator.
pub struct Trial;

impl Contender for Trial {
    fn name(&self) -> &'static str {
        "trial"
    }

    fn play(&self, task: Task, work: Work) -> Option<u64> {
        Some(match task {
            Task::Timers => timers(work),
            Task::RoundTrips => round_trips(work),
            Task::Stream => stream(work),
            Task::Seeds => (0..work.each).map(|seed| idle(seed, work.parties)).sum(),
        })
    }
}

/// BR-1.
fn world(seed: u64) -> World<()> {
    World::new(seed, WorldSettings { observed: false, ..WorldSettings::default() })
}

fn boot(world: &mut World<()>, name: &str, spec: HostSpec<()>) {
    let host = world.add_host(name, spec);
    world.boot(host);
}

/// What all players of this kind have counted.
fn total<P: Player>(world: &World<()>) -> u64 {
    let hosts = (0..world.host_count()).filter_map(|host| u16::try_from(host).ok());
    let programs = hosts.filter_map(|host| world.program(trial_sim::HostId(host)));
    programs.map(programs::count::<P>).sum()
}

fn play_out(world: &mut World<()>) {
    while world.step() {}
}

fn timers(work: Work) -> u64 {
    let mut world = world(work.seed);
    for place in 0..work.parties {
        let (first, period) = (Span::from_millis(place + 1), Span::from_millis(PERIOD_MS));
        let sleeper = Sleeper { first, period, times: work.each, woken: 0 };
        boot(&mut world, &format!("s{place}"), programs::host(sleeper));
    }
    play_out(&mut world);
    total::<Sleeper>(&world)
}

fn round_trips(work: Work) -> u64 {
    let mut world = world(work.seed);
    boot(&mut world, "server", programs::host(Echo::new(work.bytes)));
    world.run_until(Time(1));
    for place in 0..work.parties {
        let pinger = Pinger::new("server", work.bytes, work.each);
        boot(&mut world, &format!("p{place}"), programs::host(pinger));
    }
    play_out(&mut world);
    total::<Pinger>(&world)
}

fn stream(work: Work) -> u64 {
    let mut world = world(work.seed);
    boot(&mut world, "reader", programs::host(Reader::default()));
    world.run_until(Time(1));
    let writer = Writer::new("reader", work.bytes, work.each);
    boot(&mut world, "writer", programs::host(writer));
    play_out(&mut world);
    total::<Reader>(&world)
}

/// One simulation: every host sleeps once. Answers 1 if all have woken up.
fn idle(seed: u64, hosts: u64) -> u64 {
    let world = idle_world(seed, hosts);
    u64::from(total::<Sleeper>(&world) == hosts)
}

fn idle_world(seed: u64, hosts: u64) -> World<()> {
    let mut world = world(seed);
    for place in 0..hosts {
        let first = Span::from_millis(IDLE_MS);
        let sleeper = Sleeper { first, period: Span::ZERO, times: 1, woken: 0 };
        boot(&mut world, &format!("h{place}"), programs::host(sleeper));
    }
    world.run_until(Time::ZERO + Span::from_millis(IDLE_MS));
    world
}

/// A ring of hosts that play so many round trips together; ready to be played.
fn ring(hosts: u64, trips: u64) -> World<()> {
    let mut world = world(1);
    for place in 0..hosts {
        let neighbour = format!("m{}", (place + 1) % hosts);
        let pinger = Pinger::new(&neighbour, RING_BYTES, trips / hosts);
        let member = Member { echo: Echo::new(RING_BYTES), pinger, out: None };
        boot(&mut world, &format!("m{place}"), programs::host(member));
    }
    world.run_until(Time::ZERO + Span::from_millis(1));
    world
}

/// Events a second: the best round.
fn ring_rate(hosts: u64) -> f64 {
    let round = |_| {
        let mut world = ring(hosts, RING_TRIPS);
        let (start, before) = (Instant::now(), world.events());
        play_out(&mut world);
        (world.events() - before) as f64 / start.elapsed().as_secs_f64()
    };
    (0..RING_ROUNDS).map(round).fold(0.0, f64::max)
}

/// KiB that a host takes (BR-2). To be asked first of all: later the allocator hands out again what others have freed.
#[must_use]
pub fn host_memory_kib() -> Option<f64> {
    let add = |count: usize, to: &mut Vec<World<()>>| {
        let from = to.len();
        to.extend((from..from + count).map(|seed| idle_world(seed as u64, MEMORY_HOSTS)));
    };
    let mut worlds = Vec::with_capacity(MEMORY_WARM + MEMORY_WORLDS);
    add(MEMORY_WARM, &mut worlds);
    let before = resident_kib()?;
    add(MEMORY_WORLDS, &mut worlds);
    let grown = resident_kib()?.saturating_sub(before);
    Some(grown as f64 / (MEMORY_WORLDS as f64 * MEMORY_HOSTS as f64))
}

/// What of this process is in memory now, as Linux tells it.
fn resident_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trial_does_all_of_every_task() {
        for task in Task::ALL {
            let work = task.little();
            assert_eq!(Trial.play(task, work), Some(task.amount(work)), "{task:?}");
        }
    }

    #[test]
    fn every_host_of_a_ring_plays_its_share() {
        let mut world = ring(6, 120);
        play_out(&mut world);
        assert_eq!(total::<Member>(&world), 120, "round trips");
        // There and back are an arrival each; what is cut in two needs more.
        assert!(world.events() > 240, "{} events", world.events());
    }

    #[test]
    fn the_work_is_decided_by_the_seed() {
        let digest = |trips| {
            let mut world = ring(3, trips);
            play_out(&mut world);
            world.digest()
        };
        assert_eq!(digest(30), digest(30), "the same work");
        assert_ne!(digest(30), digest(33), "other work");
    }
}
