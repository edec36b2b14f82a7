//! The whole trial as a value: hosts with programs, the network, and what happens next.
//!
//! Holds:      the programs, and the `Room` that they work in.
//! Inputs:     `step`, the outside door (`outside.rs`), the primitives of faults (`primitives.rs`).
//! Invariants: W-1 one step handles exactly one event; W-2 a clone continues by itself, to the same
//!             digest; W-3 no real time, thread, socket, file or async.

use std::collections::BTreeMap;

use crate::context::{Context, Ending, Phase};
use crate::digest::Digest;
use crate::disk::Disk;
use crate::event::Event;
use crate::ids::{DiskId, HostId, LaneId};
use crate::place::Place;
use crate::program::{BootInfo, Factory, Input, Note, Program};
use crate::room::{Outcome, Room};
use crate::seen::{CrashKind, CrashReport, Seen};
use crate::settings::{HostSpec, Scheduler, WorldSettings};
use crate::time::Time;

/// The whole trial as a value: a clone continues by itself.
pub struct World<N: Note> {
    pub(crate) room: Room<N>,
    pub(crate) programs: Vec<Option<Box<dyn Program<N>>>>,
}

impl<N: Note> Clone for World<N> {
    fn clone(&self) -> Self {
        let copy = |program: &Option<Box<dyn Program<N>>>| program.as_ref().map(|p| p.clone_box());
        Self { room: self.room.clone(), programs: self.programs.iter().map(copy).collect() }
    }
}

impl<N: Note> std::fmt::Debug for World<N> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World")
            .field("now", &self.room.now)
            .field("events", &self.room.events)
            .field("hosts", &self.room.hosts.len())
            .finish_non_exhaustive()
    }
}

impl<N: Note> World<N> {
    /// An empty World at time zero.
    #[must_use]
    pub fn new(seed: u64, settings: WorldSettings) -> Self {
        Self { room: Room::new(seed, settings), programs: Vec::new() }
    }

    /// Adds a host: powered on, its process not started. Names are unique.
    pub fn add_host(&mut self, name: &str, spec: HostSpec<N>) -> HostId {
        assert!(self.host(name).is_none(), "two hosts are named {name}");
        let id = HostId(u16::try_from(self.room.hosts.len()).expect("at most 65,536 hosts"));
        let host = crate::host::Host::new(name, spec, self.room.plan, &self.room.settings);
        self.room.hosts.push(host);
        self.room.network.add_host();
        self.room.measure(id);
        self.programs.push(None);
        id
    }

    /// The host of this name.
    #[must_use]
    pub fn host(&self, name: &str) -> Option<HostId> {
        self.room.find_host(name)
    }

    /// The name of a host.
    #[must_use]
    pub fn host_name(&self, host: HostId) -> &str {
        &self.room.hosts[usize::from(host.0)].name
    }

    /// How many hosts there are; their ids count from zero.
    #[must_use]
    pub fn host_count(&self) -> usize {
        self.room.hosts.len()
    }

    /// Whether a host's process runs.
    #[must_use]
    pub fn is_up(&self, host: HostId) -> bool {
        self.room.hosts[usize::from(host.0)].up
    }

    /// Starts a host's process (and its power) now, by an event. Nothing if it runs.
    pub fn boot(&mut self, id: HostId) {
        let is_outside = self.room.outside == Some(id);
        let host = self.room.host(id);
        if host.up || host.booting || is_outside {
            return;
        }
        host.booting = true;
        let event = Event::Boot { host: id, life: host.life };
        if !std::mem::replace(&mut host.powered, true) {
            self.room.release_towards(id);
        }
        self.room.push_for_host(self.room.now, id, event);
    }

    /// Where a host stands.
    #[must_use]
    pub fn place(&self, host: HostId) -> &Place {
        &self.room.hosts[usize::from(host.0)].spec.place
    }

    /// From its next boot on the host's program is made by this factory: another version of it, or
    /// the same with other settings.
    pub fn set_factory(&mut self, host: HostId, factory: Factory<N>) {
        self.room.mark(44, u64::from(host.0), 0);
        self.room.host(host).spec.factory = factory;
    }

    /// Handles exactly one event; false when there is none.
    pub fn step(&mut self) -> bool {
        self.step_until(Time::MAX)
    }

    /// The time of the last event, or where `run_until` led.
    #[must_use]
    pub const fn now(&self) -> Time {
        self.room.now
    }

    /// When the next event is due; it may turn out to be stale, and nothing happens then.
    #[must_use]
    pub fn next_time(&self) -> Option<Time> {
        self.room.queue.next_time()
    }

    /// Handles every event up to and including `time`, which is now afterwards.
    pub fn run_until(&mut self, time: Time) {
        while self.step_until(time) {}
        self.room.now = self.room.now.max(time);
    }

    /// Moves what was seen since the last call into `into`, in order.
    pub fn drain_seen(&mut self, into: &mut Vec<Seen<N>>) {
        into.append(&mut self.room.seen);
    }

    /// The sum of all that happened.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.room.hasher.digest()
    }

    /// Events handled so far.
    #[must_use]
    pub const fn events(&self) -> u64 {
        self.room.events
    }

    /// A host's program, while it runs.
    #[must_use]
    pub fn program(&self, host: HostId) -> Option<&dyn Program<N>> {
        self.programs[usize::from(host.0)].as_deref()
    }

    /// A host's disk, to look at without cost.
    #[must_use]
    pub fn disk(&self, host: HostId, disk: DiskId) -> &Disk {
        &self.room.hosts[usize::from(host.0)].disks[usize::from(disk.0)]
    }

    /// What a host's wall clock reads, for whoever looks from outside.
    #[must_use]
    pub fn wall_ms(&self, host: HostId) -> i64 {
        self.room.hosts[usize::from(host.0)].clock.wall_ms(self.room.now)
    }

    /// The yield points that programs have met so far (`Context::yields`), each with its chance in
    /// a million, by name.
    #[must_use]
    pub fn yield_points(&self) -> Vec<(&'static str, u32)> {
        let met = self.room.hosts.iter().flat_map(|host| &host.yields);
        let met: BTreeMap<_, _> = met.map(|point| (point.name, point.ppm)).collect();
        met.into_iter().collect()
    }

    /// Handles the next event that is not stale, if it is due by `limit` (W-1).
    pub fn step_until(&mut self, limit: Time) -> bool {
        while let Some((time, event)) = self.room.queue.pop_until(limit) {
            assert!(time >= self.room.now, "RM-1: {event:?} at {time:?}, now {:?}", self.room.now);
            self.room.now = time;
            if self.room.record.is_some() {
                self.room.learn_names(event);
            }
            if self.handle(event) {
                self.room.events += 1;
                if self.room.record.is_some() {
                    self.room.keep(event);
                }
                return true;
            }
        }
        false
    }

    /// False: the event was stale.
    fn handle(&mut self, event: Event) -> bool {
        if self.room.is_stale(event) {
            return false;
        }
        if self.room.paused_hosts > 0
            && let Some(host) = self.room.pausing_host(event)
        {
            event.digest(self.room.now, &mut self.room.hasher);
            self.room.defer(host, event);
            return true;
        }
        if self.room.settings.lanes.scheduler == Scheduler::Keyed {
            return self.play(event);
        }
        self.play_in_turn(event)
    }

    /// What an event does. False: nothing, it was stale. Always inlined: the call alone would cost
    /// every event a dozen instructions.
    #[inline(always)]
    pub(crate) fn play(&mut self, event: Event) -> bool {
        let outcome = match event {
            Event::Timer { host, .. } if self.room.on_timer(host) => {
                Outcome::Tell(host, Input::Timer)
            }
            Event::Timer { .. } => Outcome::Stale,
            Event::Syn { end } => self.room.on_syn(end),
            Event::Accepted { end } => self.room.on_accepted(end),
            Event::Connected { end } => self.room.on_connected(end),
            Event::Refused { end } => self.room.on_connect_failed(end, true),
            Event::ConnectTimeout { end } => self.room.on_connect_failed(end, false),
            Event::SendDue { end } => self.room.on_send_due(end),
            Event::Arrive { sender } => self.room.on_arrive(sender),
            Event::Readable { end } => self.room.on_readable(end),
            Event::WindowOpen { sender } => self.room.on_window_open(sender),
            Event::Writable { end } => self.room.on_writable(end),
            Event::Rst { end, forced } => self.room.on_rst(end, forced),
            Event::Stop { host, .. } => Outcome::Tell(host, Input::Stop),
            Event::Order { host, .. } => self.room.on_order(host),
            Event::LaneOverdue { host, .. } if self.room.on_lane_overdue(host) => Outcome::Done,
            Event::LaneOverdue { .. } => Outcome::Stale,
            Event::Boot { .. }
            | Event::LaneStart { .. }
            | Event::LaneFinish { .. }
            | Event::SubmitDue { .. } => Outcome::Done,
        };
        if matches!(outcome, Outcome::Stale) {
            return false;
        }
        event.digest(self.room.now, &mut self.room.hasher);
        match event {
            Event::Boot { host, .. } => self.on_boot(host),
            Event::LaneStart { host, lane, .. } => self.on_lane_start(host, lane),
            Event::LaneFinish { host, lane, .. } => self.on_lane_finish(host, lane),
            Event::SubmitDue { host, slot, .. } => {
                let (pool, job) = self.room.host(host).later.take(slot);
                self.room.submit(host, pool, job);
            }
            _ => {}
        }
        if let Outcome::Tell(host, input) = outcome {
            self.tell(host, input);
        }
        true
    }

    fn on_boot(&mut self, id: HostId) {
        let plan = self.room.plan;
        let host = self.room.host(id);
        host.booting = false;
        host.up = true;
        host.incarnation += 1;
        if let Some(schedule) = &mut host.schedule {
            schedule.begin_life(plan, &format!("{}@{}", host.name, host.incarnation));
        }
        let info = BootInfo {
            host: id,
            host_name: host.name.clone(),
            rack: host.spec.place.rack.clone(),
            incarnation: host.incarnation,
        };
        self.programs[usize::from(id.0)] = Some((host.spec.factory)(&info));
        let at = self.room.now;
        self.room.see(Seen::Booted { at, host: id, incarnation: info.incarnation });
        self.tell(id, Input::Boot);
    }

    /// Hands an input to a program, or out of the World. What it carries goes into the digest.
    pub(crate) fn tell(&mut self, host: HostId, input: Input) {
        if let Input::Received { conn, bytes } = &input {
            self.room.mark_bytes(*conn, bytes);
        }
        if let Input::Order { bytes } = &input {
            self.room.mark_order(host, bytes);
        }
        if self.room.outside == Some(host) {
            self.put_out(input);
            return;
        }
        let ((), ending) = self.call(host, None, Phase::Input, |program, cx| program.on(input, cx));
        self.end_if_asked(host, ending);
    }

    /// Lends the room to a program for one call.
    pub(crate) fn call<R>(
        &mut self,
        host: HostId,
        lane: Option<LaneId>,
        phase: Phase,
        of: impl FnOnce(&mut dyn Program<N>, &mut Context<'_, N>) -> R,
    ) -> (R, Option<Ending>) {
        let program = self.programs[usize::from(host.0)].as_deref_mut();
        let program = program.expect("H-1: only a process that runs is called");
        let room = &mut self.room;
        let mut cx = Context { room, host, lane, phase, ending: None };
        let answer = of(program, &mut cx);
        (answer, cx.ending)
    }

    /// The program has asked for its end. True if so.
    #[inline]
    pub(crate) fn end_if_asked(&mut self, host: HostId, ending: Option<Ending>) -> bool {
        if let Some(ending) = ending {
            self.end_as_asked(host, ending);
        }
        ending.is_some()
    }

    fn end_as_asked(&mut self, host: HostId, ending: Ending) {
        let halt = match ending {
            Ending::Exit => {
                self.room.send_scheduled(host);
                None
            }
            Ending::Halt(why) => Some(why),
        };
        self.end_process(host, CrashKind::Process);
        let at = self.room.now;
        self.room.see(Seen::Stopped { at, host, halt });
    }

    /// H-1: the process is gone, with its lanes, timers and connections.
    pub(crate) fn end_process(&mut self, id: HostId, kind: CrashKind) -> CrashReport {
        let (jobs_unfinished, jobs_queued) = self.room.host(id).lanes.unfinished();
        let (connections, bytes_unsent) = self.room.end_connections(id, kind);
        let disks = self.room.crash_disks(id, kind);
        self.room.host(id).forget_process();
        self.programs[usize::from(id.0)] = None;
        CrashReport { jobs_unfinished, jobs_queued, connections, bytes_unsent, disks }
    }
}
