//! Lends a program what it may touch: time, lanes, connections, randomness, notes.
//!
//! In Kafka:   `Time`, `Selector`, `KafkaThread`, `Random`, `Exit`: whatever a broker asks of the
//!             operating system.
//! Invariants: CX-1 every time given and taken is the host's own (it drifts); CX-2 a job's effects
//!             on others belong into `finish`.

use bytes::Bytes;

use crate::disk::DiskAccess;
use crate::host::YieldPoint;
use crate::ids::{ConnId, DiskId, HostId, LaneId, LockId, PoolId};
use crate::jobs::job_id;
use crate::lane::QueuedJob;
use crate::program::Note;
use crate::random::Stream;
use crate::room::Room;
use crate::settings::Yields;
use crate::time::{Span, Time};

/// Chances of a yield point, in a million; the seed picks one for each point.
const YIELD_PPM: [u32; 4] = [0, 10_000, 100_000, 500_000];

/// What a program is in the middle of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Input,
    Start,
    Finish,
}

/// How a program ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Exit,
    Halt(&'static str),
}

/// How late a fault lets a host learn of the cluster's metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lag {
    /// So much later than it could.
    By(Span),
    /// Not before the fault ends.
    UntilItEnds,
}

/// What a program may touch while it handles an input or one half of a job.
pub struct Context<'a, N: Note> {
    pub(crate) room: &'a mut Room<N>,
    pub(crate) host: HostId,
    pub(crate) lane: Option<LaneId>,
    pub(crate) phase: Phase,
    pub(crate) ending: Option<Ending>,
}

impl<N: Note> Context<'_, N> {
    /// The host's monotonic clock: it drifts, and never jumps.
    #[must_use]
    #[inline]
    pub fn now(&self) -> Time {
        self.room.hosts[usize::from(self.host.0)].clock.monotonic(self.room.now)
    }

    /// The host's wall clock, in milliseconds since 1970; time zero reads 2026-01-01 00:00 UTC.
    #[must_use]
    pub fn wall_ms(&self) -> i64 {
        self.room.hosts[usize::from(self.host.0)].clock.read_wall_ms(self.room.now)
    }

    /// Sets the program's single timer, or takes it back. Cheap when it is unchanged or later.
    #[inline]
    pub fn set_timer(&mut self, at: Option<Time>) {
        self.room.set_timer(self.host, at);
    }

    /// Declares a pool of 1 to 64 lanes; at `Input::Boot`.
    pub fn pool(&mut self, pool: PoolId, name: &'static str, lanes: u16) {
        let plan = self.room.plan;
        let host = self.room.host(self.host);
        host.pools.push((pool, name));
        let full = host.pool_name(pool);
        let wake = plan.run_stream("lane", &full);
        host.lanes.declare(pool, lanes, wake, |lane| plan.salt("lane", &format!("{full}/{lane}")));
        if let Some(schedule) = &mut host.schedule {
            let named = |lane| plan.u64("priority", &format!("{full}/{lane}"), 0);
            schedule.declare((0..lanes).map(named));
        }
    }

    /// A pool has 1 to 64 lanes from now on: more of them, that take what has waited at once, or fewer, of which those
    /// that go end what they are at.
    pub fn resize_pool(&mut self, pool: PoolId, lanes: u16) {
        let plan = self.room.plan;
        let host = self.room.host(self.host);
        let full = host.pool_name(pool);
        let known = host.lanes.lanes_of(pool);
        let salt = |lane| plan.salt("lane", &format!("{full}/{lane}"));
        let waiting = host.lanes.resize(pool, lanes, salt);
        if let Some(schedule) = &mut host.schedule {
            let named = |lane| plan.u64("priority", &format!("{full}/{lane}"), 0);
            schedule.declare((known..lanes).map(named));
        }
        for job in waiting {
            self.room.submit(self.host, pool, job);
        }
    }

    /// Hands a job to a pool: first come first served.
    pub fn submit(&mut self, pool: PoolId, token: u64, lock: Option<LockId>) {
        self.room.submit(self.host, pool, QueuedJob { token, lock });
    }

    /// The same once the host's clock reads `at`.
    pub fn submit_at(&mut self, at: Time, pool: PoolId, token: u64, lock: Option<LockId>) {
        let at = self.global(at);
        self.room.submit_at(at, self.host, pool, QueuedJob { token, lock });
    }

    /// In `finish`: the same lane goes on with this job, before its pool's queue; with several, in
    /// the order of the calls.
    pub fn then(&mut self, token: u64, lock: Option<LockId>) {
        assert!(self.phase == Phase::Finish, "CX-2: `then` is for `finish`, not {:?}", self.phase);
        let lane = self.lane.expect("a job runs on a lane");
        self.room.host(self.host).lanes.chain(lane, QueuedJob { token, lock });
    }

    /// A lane that takes no lock and reads nothing shared needs no events: it is free again at
    /// `max(free_at, now) + cost`, which is answered.
    pub fn pay(&mut self, pool: PoolId, index: u16, cost: Span) -> Time {
        let cost = self.room.slowed(self.host, cost);
        let now = self.room.now;
        let host = self.room.host(self.host);
        let at = host.lanes.pay(pool, index, now, cost);
        host.clock.monotonic(at)
    }

    /// How late what this host reads of the cluster's metadata may take effect: not at all, by so much, or not before
    /// the fault ends. A program that holds something back asks again by and by.
    #[must_use]
    pub fn lag(&self) -> Option<Lag> {
        let (_, by) = self.room.hosts[usize::from(self.host.0)].lag()?;
        Some(by.map_or(Lag::UntilItEnds, Lag::By))
    }

    /// The program has held something back for the lag: its fault has done something.
    pub fn held_back_by_lag(&mut self) {
        if let Some((fault, _)) = self.room.host(self.host).lag() {
            self.room.effect_of(fault).events_deferred += 1;
        }
    }

    /// Where Kafka lets go of a lock half-way: whether to end the job here and schedule the rest.
    /// The seed gives every point a chance of its own, unless the settings say otherwise (`Yields`).
    pub fn yields(&mut self, point: &'static str) -> bool {
        let (plan, chances) = (self.room.plan, self.room.settings.lanes.yields);
        if chances == Yields::Fixed(0) {
            return false;
        }
        let host = self.room.host(self.host);
        let known = host.yields.iter().position(|known| known.name == point);
        let at = known.unwrap_or_else(|| {
            let ppm = match chances {
                Yields::Fixed(ppm) => ppm,
                Yields::Drawn => {
                    let pick = plan.below("yield", point, 0, YIELD_PPM.len() as u64);
                    YIELD_PPM[usize::try_from(pick).expect("there are four")]
                }
            };
            let coin = plan.run_stream("yield", &format!("{}/{point}", host.name));
            host.yields.push(YieldPoint { name: point, ppm, coin });
            host.yields.len() - 1
        });
        let point = &mut host.yields[at];
        point.coin.chance(point.ppm)
    }

    /// Listens on a port from now on.
    pub fn listen(&mut self, port: u16) {
        let host = self.room.host(self.host);
        if !host.listeners.contains(&port) {
            host.listeners.push(port);
        }
    }

    /// Connects; `Connected` or `ConnectFailed` follows. An unknown host name is refused.
    pub fn connect(&mut self, host: &str, port: u16) -> ConnId {
        self.room.connect(self.host, host, port)
    }

    /// Sends. The bytes are taken in any case; false says that the send buffer is full, and
    /// `Writable` will follow. On a connection that is gone nothing happens.
    #[inline]
    pub fn send(&mut self, conn: ConnId, bytes: Bytes) -> bool {
        self.room.send(conn, "", bytes)
    }

    /// Sends a frame of some kind: a filter may hold back or delay frames by their label.
    pub fn send_frame(&mut self, conn: ConnId, label: &'static str, frame: Bytes) -> bool {
        self.room.send(conn, label, frame)
    }

    /// Sends once the host's clock reads `at`; what is sent later on this connection follows it.
    pub fn send_at(&mut self, at: Time, conn: ConnId, bytes: Bytes) {
        let at = self.global(at);
        self.room.send_at(at, conn, "", bytes);
    }

    /// The same for a frame of some kind.
    pub fn send_frame_at(&mut self, at: Time, conn: ConnId, label: &'static str, frame: Bytes) {
        let at = self.global(at);
        self.room.send_at(at, conn, label, frame);
    }

    /// Ends a connection after all that was sent or scheduled (FIN). No input follows.
    pub fn close(&mut self, conn: ConnId) {
        self.room.close(conn);
    }

    /// Ends a connection at once (RST); what is not under way is lost. No input follows.
    pub fn reset(&mut self, conn: ConnId) {
        self.room.reset_end(conn);
    }

    /// Reads no more, not even the end of the connection, until `unmute`.
    pub fn mute(&mut self, conn: ConnId) {
        self.room.set_muted(conn, true);
    }

    /// Reads again, what has come in meanwhile first.
    pub fn unmute(&mut self, conn: ConnId) {
        self.room.set_muted(conn, false);
    }

    /// Whether the send buffer is full: `Writable` will follow.
    #[must_use]
    pub fn is_full(&self, conn: ConnId) -> bool {
        self.room.is_full(conn)
    }

    /// Bytes that were sent and wait for their time, or for room in the peer's window.
    #[must_use]
    pub fn unsent(&self, conn: ConnId) -> usize {
        self.room.unsent(conn)
    }

    /// A disk of this host, in the first half of a job: what its calls cost, the job pays.
    pub fn disk(&mut self, disk: DiskId) -> DiskAccess<'_> {
        assert!(self.phase == Phase::Start, "P-1: a disk is used in `start`, not {:?}", self.phase);
        let job = job_id(self.lane.expect("a job runs on a lane"));
        let now = self.room.now;
        self.room.spread_spent(self.host);
        self.room.host(self.host).disks[usize::from(disk.0)].access(now, job)
    }

    /// Run draws of this host, by name.
    pub fn random(&mut self, stream: &'static str) -> &mut Stream {
        let plan = self.room.plan;
        let host = self.room.host(self.host);
        let known = host.streams.iter().position(|(name, _)| *name == stream);
        let at = known.unwrap_or_else(|| {
            let made = plan.run_stream("host", &format!("{}/{stream}", host.name));
            host.streams.push((stream, made));
            host.streams.len() - 1
        });
        &mut host.streams[at].1
    }

    /// Writes a note.
    pub fn note(&mut self, note: N) {
        self.room.note(self.host, self.lane, note);
    }

    /// The host's name.
    #[must_use]
    pub fn host_name(&self) -> &str {
        &self.room.hosts[usize::from(self.host.0)].name
    }

    /// The host's number.
    #[must_use]
    pub const fn host(&self) -> HostId {
        self.host
    }

    /// The process ends in good order when this call returns: connections are closed after what was
    /// sent, jobs that have started are dropped.
    pub fn exit(&mut self) {
        self.ending.get_or_insert(Ending::Exit);
    }

    /// The process ends in disorder when this call returns, as Kafka's fault handler has it: like
    /// a crash of the process.
    pub fn halt(&mut self, why: &'static str) {
        self.ending.get_or_insert(Ending::Halt(why));
    }

    fn global(&self, local: Time) -> Time {
        self.room.hosts[usize::from(self.host.0)].clock.global(local, self.room.now)
    }
}
