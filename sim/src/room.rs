//! Everything of a World except the programs themselves: what a program's `Context` works on.
//!
//! Holds:      time, the queue, the digest, what was seen, hosts, network, faults.
//! Invariants: RM-1 time never goes back; RM-2 what changes the run goes through the digest.

use bytes::Bytes;

use crate::digest::Hasher;
use crate::effect::FaultEffect;
use crate::event::Event;
use crate::host::Host;
use crate::ids::{ConnId, FaultId, HostId, LaneId, PoolId};
use crate::lane::QueuedJob;
use crate::network::connection::Network;
use crate::outside::OutsideEvent;
use crate::primitives::Fault;
use crate::program::{Input, Note};
use crate::queue::Queue;
use crate::random::Plan;
use crate::recording::Recording;
use crate::seen::Seen;
use crate::settings::WorldSettings;
use crate::time::{Span, Time};

/// What comes of an event.
pub(crate) enum Outcome {
    /// It was out of date: as if it had not been there.
    Stale,
    /// Nobody needs to be told.
    Done,
    /// The program of this host gets this input.
    Tell(HostId, Input),
}

#[derive(Clone)]
pub(crate) struct Room<N: Note> {
    pub(crate) plan: Plan,
    pub(crate) settings: WorldSettings,
    pub(crate) now: Time,
    pub(crate) queue: Queue,
    pub(crate) hasher: Hasher,
    pub(crate) events: u64,
    pub(crate) seen: Vec<Seen<N>>,
    pub(crate) notes: u64,
    pub(crate) hosts: Vec<Host<N>>,
    pub(crate) network: Network,
    pub(crate) faults: Vec<Fault>,
    /// How many hosts are paused; looked at before every event.
    pub(crate) paused_hosts: u32,
    /// The host that stands for everything outside, once it is needed.
    pub(crate) outside: Option<HostId>,
    pub(crate) outputs: Vec<OutsideEvent>,
    /// Kept only when asked for.
    pub(crate) record: Option<Box<Recording>>,
}

impl<N: Note> Room<N> {
    pub(crate) fn new(seed: u64, settings: WorldSettings) -> Self {
        let mut hasher = Hasher::new();
        hasher.u64(seed);
        Self {
            plan: Plan::new(seed),
            settings,
            now: Time::ZERO,
            queue: Queue::default(),
            hasher,
            events: 0,
            seen: Vec::new(),
            notes: 0,
            hosts: Vec::new(),
            network: Network::default(),
            faults: Vec::new(),
            paused_hosts: 0,
            outside: None,
            outputs: Vec::new(),
            record: None,
        }
    }

    #[inline]
    pub(crate) fn host(&mut self, host: HostId) -> &mut Host<N> {
        &mut self.hosts[usize::from(host.0)]
    }

    pub(crate) fn find_host(&self, name: &str) -> Option<HostId> {
        let index = self.hosts.iter().position(|host| &*host.name == name)?;
        u16::try_from(index).ok().map(HostId)
    }

    /// The latencies between a new host and all others.
    pub(crate) fn measure(&mut self, id: HostId) {
        let distances = self.settings.network.distances;
        for other in 0..self.hosts.len() {
            let place = &self.hosts[usize::from(id.0)].spec.place;
            let latency = place.latency(&self.hosts[other].spec.place, &distances);
            let other = HostId(u16::try_from(other).expect("hosts have 16-bit numbers"));
            self.network.link(id, other).latency = latency;
            self.network.link(other, id).latency = latency;
        }
    }

    #[inline]
    pub(crate) fn see(&mut self, seen: Seen<N>) {
        if self.settings.observed {
            self.seen.push(seen);
        }
    }

    pub(crate) fn note(&mut self, host: HostId, lane: Option<LaneId>, note: N) {
        let order = self.notes;
        self.notes += 1;
        self.hasher.u64(order);
        note.digest(&mut self.hasher);
        if let Some(record) = &mut self.record {
            record.note(host, &note);
        }
        self.see(Seen::Note { at: self.now, order, host, lane, note });
    }

    /// RM-2: a call from outside the run, such as a fault.
    pub(crate) fn mark(&mut self, call: u8, one: u64, other: u64) {
        self.hasher.u8(call);
        self.hasher.u64(self.now.0);
        self.hasher.u64(one);
        self.hasher.u64(other);
        if let Some(record) = &mut self.record {
            record.called(call, one, other);
        }
    }

    #[inline]
    pub(crate) fn mark_bytes(&mut self, conn: ConnId, bytes: &Bytes) {
        let mut record = [0; 16];
        record[..8].copy_from_slice(&conn.0.to_le_bytes());
        record[8..].copy_from_slice(&(bytes.len() as u64).to_le_bytes());
        self.hasher.record(&record);
        self.hasher.raw(bytes);
        if let Some(record) = &mut self.record {
            record.received(bytes);
        }
    }

    /// The bytes of an order, where its program takes it.
    pub(crate) fn mark_order(&mut self, host: HostId, bytes: &Bytes) {
        self.hasher.u64(u64::from(host.0));
        self.hasher.u64(bytes.len() as u64);
        self.hasher.raw(bytes);
        if let Some(record) = &mut self.record {
            record.received(bytes);
        }
    }

    /// Queues an event whose owner is the host.
    #[inline]
    pub(crate) fn push_for_host(&mut self, at: Time, host: HostId, event: Event) {
        let tie = self.host(host).tie();
        self.queue.push(at, tie, event);
    }

    pub(crate) fn effect_of(&mut self, fault: FaultId) -> &mut FaultEffect {
        &mut self.faults[fault.0 as usize].effect
    }

    /// An event waits until its host is no longer paused.
    pub(crate) fn defer(&mut self, host: HostId, event: Event) {
        self.host(host).deferred.push(event);
        if let Some(record) = &mut self.record {
            record.deferred();
        }
        for at in 0..self.host(host).pauses.len() {
            let fault = self.host(host).pauses[at];
            self.effect_of(fault).events_deferred += 1;
        }
    }

    /// Sets the host's timer, in its own time; an event is queued only if it is earlier than the
    /// earliest one there is.
    #[inline]
    pub(crate) fn set_timer(&mut self, id: HostId, timer: Option<Time>) {
        let now = self.now;
        let host = self.host(id);
        host.timer = timer;
        let Some(local) = timer else { return };
        let at = host.clock.global(local, now);
        if at < host.timer_armed {
            host.timer_armed = at;
            let event = Event::Timer { host: id, life: host.life };
            self.push_for_host(at, id, event);
        }
    }

    /// Whether the timer is due; if it is not, its event is queued again.
    #[inline]
    pub(crate) fn on_timer(&mut self, id: HostId) -> bool {
        let now = self.now;
        let host = self.host(id);
        if host.timer_armed <= now {
            host.timer_armed = Time::MAX;
        }
        let Some(local) = host.timer else { return false };
        if local <= host.clock.monotonic(now) {
            host.timer = None;
            return true;
        }
        self.set_timer(id, Some(local));
        false
    }

    pub(crate) fn submit(&mut self, id: HostId, pool: PoolId, job: QueuedJob) {
        if let Some(lane) = self.host(id).lanes.submit(pool, job) {
            self.wake(id, lane);
        }
    }

    pub(crate) fn submit_at(&mut self, at: Time, id: HostId, pool: PoolId, job: QueuedJob) {
        let host = self.host(id);
        let slot = host.later.put(pool, job);
        let event = Event::SubmitDue { host: id, slot, life: host.life };
        self.push_for_host(at, id, event);
    }

    /// The lane was given something to do; it takes a drawn time to run it.
    pub(crate) fn wake(&mut self, id: HostId, lane: u16) {
        let distribution = self.settings.lanes.wake;
        let host = self.host(id);
        let wake = distribution.draw(&mut host.lanes.pool_of(lane).wake);
        let (tie, life) = (host.lanes.tie(lane), host.life);
        let wake = self.slowed(id, wake);
        self.queue.push(self.now + wake, tie, Event::LaneStart { host: id, lane, life });
    }

    /// How long CPU work takes on this host; what a fault adds is counted.
    pub(crate) fn slowed(&mut self, id: HostId, cost: Span) -> Span {
        let Some((fault, factor)) = self.host(id).slowness() else { return cost };
        let longer = cost * u64::from(factor);
        let effect = self.effect_of(fault);
        effect.busy_added += longer - cost;
        longer
    }
}

impl<N: Note> Room<N> {
    /// H-1: whether the event belongs to an earlier life of its host.
    #[inline]
    pub(crate) fn is_stale(&self, event: Event) -> bool {
        let (host, then, needs_process) = match event {
            Event::Boot { host, life } => (host, life, false),
            Event::Stop { host, life }
            | Event::Order { host, life }
            | Event::Timer { host, life }
            | Event::LaneStart { host, life, .. }
            | Event::LaneFinish { host, life, .. }
            | Event::LaneOverdue { host, life }
            | Event::SubmitDue { host, life, .. } => (host, life, true),
            _ => return false,
        };
        let host = &self.hosts[usize::from(host.0)];
        host.life != then || host.up != needs_process
    }

    /// The paused host whose program this event is for.
    pub(crate) fn pausing_host(&self, event: Event) -> Option<HostId> {
        let host = match event {
            Event::Boot { host, .. }
            | Event::Stop { host, .. }
            | Event::Order { host, .. }
            | Event::Timer { host, .. }
            | Event::LaneStart { host, .. }
            | Event::LaneFinish { host, .. }
            | Event::LaneOverdue { host, .. }
            | Event::SubmitDue { host, .. } => host,
            Event::Accepted { end }
            | Event::Connected { end }
            | Event::Refused { end }
            | Event::ConnectTimeout { end }
            | Event::SendDue { end }
            | Event::Readable { end }
            | Event::Writable { end }
            | Event::Rst { end, .. } => {
                self.network.peek(end)?.ends[usize::from(end.is_listener())].host
            }
            Event::Syn { .. } | Event::Arrive { .. } | Event::WindowOpen { .. } => return None,
        };
        self.hosts[usize::from(host.0)].is_paused().then_some(host)
    }
}
