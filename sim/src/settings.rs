//! What a World and its hosts are made with.
//!
//! Holds:      defaults of one data centre: a tenth of a millisecond between hosts, 1 GB/s links.

use std::sync::Arc;

use crate::clock::ClockSpec;
use crate::disk::DiskSettings;
use crate::network::Distribution;
use crate::place::{Distances, Place};
use crate::program::{Factory, Note};
use crate::time::Span;

/// What a World is made with, beside its seed.
#[derive(Debug, Clone)]
pub struct WorldSettings {
    /// Connections and links.
    pub network: NetworkSettings,
    /// Threads.
    pub lanes: LaneSettings,
    /// Whether anybody calls `drain_seen`; otherwise nothing is kept for it.
    pub observed: bool,
}

impl Default for WorldSettings {
    fn default() -> Self {
        Self { network: NetworkSettings::default(), lanes: LaneSettings::default(), observed: true }
    }
}

/// Threads.
#[derive(Debug, Clone)]
pub struct LaneSettings {
    /// How long an idle lane takes to run a job that it was given: what makes lanes interleave.
    pub wake: Distribution,
    /// Which of a host's lanes goes on.
    pub scheduler: Scheduler,
    /// Under `Scheduler::Pct`: a lane that has been held up for this long takes one step
    /// nevertheless.
    pub parked_max: Span,
    /// How often a yield point ends its job.
    pub yields: Yields,
}

/// Which of a host's lanes goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scheduler {
    /// All of them, in parallel: drawn wake latencies and keyed tie breakers interleave them.
    #[default]
    Keyed,
    /// Probabilistic concurrency testing: of a host's lanes that have something to do only the one
    /// of highest drawn priority goes on (see `schedule.rs`).
    Pct {
        /// Orderings that a bug needs to show, from 1; `depth - 1` times in a process's life a lane
        /// falls below those that have not fallen.
        depth: u32,
        /// Steps of a process's lanes among which it falls, from 1; a job takes two. What is
        /// counted (`World::schedule_effect`) tells how many a run has.
        steps: u64,
    },
}

/// How often a yield point ends its job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Yields {
    /// The seed gives each point one of 0, 1 %, 10 %, 50 %.
    #[default]
    Drawn,
    /// All points alike, in a million.
    Fixed(u32),
}

impl Default for LaneSettings {
    fn default() -> Self {
        Self {
            wake: Distribution::LongTail {
                min: Span::from_micros(1),
                mean: Span::from_micros(5),
                tail_ppm: 5_000,
                tail_factor: 40,
            },
            scheduler: Scheduler::default(),
            parked_max: Span::from_millis(20),
            yields: Yields::default(),
        }
    }
}

/// How the network cuts a stream into chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chunking {
    /// As the seed decides: some sends are split, some chunks joined, none is above 64 KiB.
    Natural,
    /// Every send arrives as it was sent, up to 64 KiB. For measurements.
    Whole,
    /// One byte at a time. For tests of framing.
    ByteByByte,
}

/// Connections and links.
#[derive(Debug, Clone)]
pub struct NetworkSettings {
    /// One way, between different hosts.
    pub latency: Distribution,
    /// One way, between hosts that stand apart.
    pub distances: Distances,
    /// One way, from a host to itself.
    pub loopback: Distribution,
    /// Bytes a second of each link, one way; a host to itself has no limit.
    pub bandwidth: u64,
    /// Bytes that may be under way to, or unread at, one end of a connection.
    pub receive_window: u32,
    /// Unsent bytes of one end above which `send` says that it is full.
    pub send_buffer: u32,
    /// How streams are cut.
    pub chunking: Chunking,
    /// When the network stack gives a connect up (Linux with six retries: 127 s).
    pub connect_timeout: Span,
    /// First retransmission of a lost SYN; doubles each time.
    pub syn_retry: Span,
    /// Longest back-off before bytes that a cut swallowed are sent again after it healed.
    pub retransmit_max: Span,
}

impl Default for NetworkSettings {
    fn default() -> Self {
        Self {
            latency: Distribution::LongTail {
                min: Span::from_micros(80),
                mean: Span::from_micros(40),
                tail_ppm: 5_000,
                tail_factor: 50,
            },
            distances: Distances::default(),
            loopback: Distribution::Uniform {
                min: Span::from_micros(10),
                max: Span::from_micros(20),
            },
            bandwidth: 1_000_000_000,
            receive_window: 256 * 1024,
            send_buffer: 128 * 1024,
            chunking: Chunking::Natural,
            connect_timeout: Span::from_secs(127),
            syn_retry: Span::from_secs(1),
            retransmit_max: Span::from_secs(2),
        }
    }
}

/// What a host is made with.
pub struct HostSpec<N: Note> {
    /// Makes its program at every boot.
    pub factory: Factory<N>,
    /// How wrong its clock is from the start.
    pub clock: ClockSpec,
    /// Where it stands.
    pub place: Place,
    /// Its disks; a program knows them by their place here.
    pub disks: Vec<DiskSettings>,
}

impl<N: Note> HostSpec<N> {
    /// A host with a perfect clock, no rack, and one disk like any other.
    #[must_use]
    pub fn new(factory: Factory<N>) -> Self {
        Self {
            factory,
            clock: ClockSpec::default(),
            place: Place::default(),
            disks: vec![DiskSettings::default()],
        }
    }

    /// The same with another clock.
    #[must_use]
    pub fn with_clock(mut self, clock: ClockSpec) -> Self {
        self.clock = clock;
        self
    }

    /// The same in a rack.
    #[must_use]
    pub fn with_rack(mut self, rack: &str) -> Self {
        self.place.rack = Some(Arc::from(rack));
        self
    }

    /// The same at this place.
    #[must_use]
    pub fn with_place(mut self, place: Place) -> Self {
        self.place = place;
        self
    }

    /// With these disks instead of one that is like any other.
    #[must_use]
    pub fn with_disks(mut self, disks: Vec<DiskSettings>) -> Self {
        self.disks = disks;
        self
    }
}

impl<N: Note> Clone for HostSpec<N> {
    fn clone(&self) -> Self {
        Self {
            factory: Arc::clone(&self.factory),
            clock: self.clock,
            place: self.place.clone(),
            disks: self.disks.clone(),
        }
    }
}

impl<N: Note> std::fmt::Debug for HostSpec<N> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HostSpec")
            .field("clock", &self.clock)
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}
