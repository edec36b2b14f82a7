//! Holds what one host has beside its program: lanes, clock, timer, power.
//!
//! Holds:      everything of the process's present life (lanes, timer, listeners, jobs for later)
//!             and what outlives it (clock, streams, power).
//! Invariants: H-1 after the process has ended nothing of its life is left: `life` is counted up and
//!             every event that names the old one is stale.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use crate::clock::HostClock;
use crate::disk::{Disk, DiskSettings};
use crate::event::Event;
use crate::ids::{FaultId, PoolId};
use crate::lane::{Lanes, QueuedJob};
use crate::program::Note;
use crate::random::{Plan, Stream, rekeyed, tie};
use crate::schedule::Pct;
use crate::settings::{HostSpec, WorldSettings};
use crate::time::{Span, Time};

/// A coin that falls with a probability of its own for this seed.
#[derive(Debug, Clone)]
pub(crate) struct YieldPoint {
    pub(crate) name: &'static str,
    pub(crate) ppm: u32,
    pub(crate) coin: Stream,
}

/// Jobs that are submitted for later, named by a slot in their event.
#[derive(Debug, Clone, Default)]
pub(crate) struct Later {
    slots: Vec<Option<(PoolId, QueuedJob)>>,
    free: Vec<u16>,
}

impl Later {
    #[inline]
    pub(crate) fn put(&mut self, pool: PoolId, job: QueuedJob) -> u16 {
        if let Some(slot) = self.free.pop() {
            self.slots[usize::from(slot)] = Some((pool, job));
            return slot;
        }
        self.slots.push(Some((pool, job)));
        u16::try_from(self.slots.len() - 1).expect("at most 65,536 jobs of a host wait for later")
    }

    #[inline]
    pub(crate) fn take(&mut self, slot: u16) -> (PoolId, QueuedJob) {
        self.free.push(slot);
        self.slots[usize::from(slot)].take().expect("a slot is emptied once, by its event")
    }
}

pub(crate) struct Host<N: Note> {
    pub(crate) name: Arc<str>,
    pub(crate) spec: HostSpec<N>,
    pub(crate) clock: HostClock,
    pub(crate) disks: Vec<Disk>,
    /// What a crash does to the disks is drawn from here.
    pub(crate) crashes: Stream,
    pub(crate) powered: bool,
    /// The process runs.
    pub(crate) up: bool,
    /// The process will run once its boot event is due.
    pub(crate) booting: bool,
    /// How often the process has ended.
    pub(crate) life: u32,
    /// How often it has booted.
    pub(crate) incarnation: u32,
    /// What its program was asked and has not taken yet.
    pub(crate) orders: VecDeque<Bytes>,
    /// In the host's own time.
    pub(crate) timer: Option<Time>,
    /// Global time of the earliest timer event in the queue.
    pub(crate) timer_armed: Time,
    pub(crate) lanes: Lanes,
    /// None: its lanes go on in parallel.
    pub(crate) schedule: Option<Pct>,
    /// What its program calls its pools.
    pub(crate) pools: Vec<(PoolId, &'static str)>,
    pub(crate) later: Later,
    pub(crate) listeners: Vec<u16>,
    pub(crate) streams: Vec<(&'static str, Stream)>,
    pub(crate) yields: Vec<YieldPoint>,
    /// What holds it still.
    pub(crate) pauses: Vec<FaultId>,
    /// What waits until nothing does.
    pub(crate) deferred: Vec<Event>,
    /// Lanes whose job waits for a disk that hangs.
    pub(crate) parked: Vec<u16>,
    /// What slows its lanes down, and by how much.
    pub(crate) slowed: Vec<(FaultId, u32)>,
    /// What lets it learn of the cluster's metadata late, and by how much; none: not before that ends.
    pub(crate) lags: Vec<(FaultId, Option<Span>)>,
    salt: u64,
    count: u64,
}

impl<N: Note> Host<N> {
    pub(crate) fn new(name: &str, spec: HostSpec<N>, plan: Plan, settings: &WorldSettings) -> Self {
        let salt = plan.salt("host", name);
        let disk = |(place, own): (usize, &DiskSettings)| {
            let mut disk = Disk::new(plan.salt("disk", &format!("{name}/{place}")), *own);
            disk.set_observed(settings.observed);
            disk
        };
        Self {
            name: Arc::from(name),
            clock: HostClock::new(spec.clock),
            disks: spec.disks.iter().enumerate().map(disk).collect(),
            crashes: plan.run_stream("crash", name),
            spec,
            powered: true,
            up: false,
            booting: false,
            life: 0,
            incarnation: 0,
            orders: VecDeque::new(),
            timer: None,
            timer_armed: Time::MAX,
            lanes: Lanes::default(),
            schedule: Pct::new(&settings.lanes),
            pools: Vec::new(),
            later: Later::default(),
            listeners: Vec::new(),
            streams: Vec::new(),
            yields: Vec::new(),
            pauses: Vec::new(),
            deferred: Vec::new(),
            parked: Vec::new(),
            slowed: Vec::new(),
            lags: Vec::new(),
            salt,
            count: 0,
        }
    }

    /// The next tie breaker of what is the host's own.
    #[inline]
    pub(crate) fn tie(&mut self) -> u32 {
        self.count += 1;
        tie(self.salt, self.count)
    }

    /// What its tie breakers follow from, and how many it has handed out.
    pub(crate) const fn ties(&self) -> (u64, u64) {
        (self.salt, self.count)
    }

    /// The full name of a pool of the present incarnation.
    pub(crate) fn pool_name(&self, pool: PoolId) -> String {
        let known = self.pools.iter().find(|(id, _)| *id == pool);
        format!("{}/{}@{}", self.name, known.map_or("?", |known| known.1), self.incarnation)
    }

    /// ST-2.
    pub(crate) fn rekey(&mut self, salt: u64) {
        self.salt = rekeyed(self.salt, salt);
        self.crashes.rekey(salt);
        self.disks.iter_mut().for_each(|disk| disk.rekey(salt));
        self.streams.iter_mut().for_each(|(_, stream)| stream.rekey(salt));
        self.yields.iter_mut().for_each(|point| point.coin.rekey(salt));
        self.lanes.rekey(salt);
    }

    #[inline]
    pub(crate) fn is_paused(&self) -> bool {
        !self.pauses.is_empty()
    }

    /// How much longer its lanes take, and whose doing that is; the worst of several counts.
    pub(crate) fn slowness(&self) -> Option<(FaultId, u32)> {
        self.slowed.iter().copied().max_by_key(|&(_, factor)| factor)
    }

    /// How late it learns of the cluster's metadata, and whose doing that is; the worst of several counts.
    pub(crate) fn lag(&self) -> Option<(FaultId, Option<Span>)> {
        self.lags.iter().copied().max_by_key(|&(_, by)| by.map_or(u64::MAX, |by| by.0))
    }

    /// H-1: nothing of the process is left.
    pub(crate) fn forget_process(&mut self) {
        self.up = false;
        self.booting = false;
        self.life += 1;
        self.orders.clear();
        self.timer = None;
        self.timer_armed = Time::MAX;
        self.lanes = Lanes::default();
        if let Some(schedule) = &mut self.schedule {
            schedule.end_life();
        }
        self.pools.clear();
        self.later = Later::default();
        self.listeners.clear();
        self.deferred.clear();
        self.parked.clear();
    }
}

impl<N: Note> Clone for Host<N> {
    fn clone(&self) -> Self {
        Self {
            name: Arc::clone(&self.name),
            spec: self.spec.clone(),
            clock: self.clock.clone(),
            disks: self.disks.clone(),
            crashes: self.crashes.clone(),
            powered: self.powered,
            up: self.up,
            booting: self.booting,
            life: self.life,
            incarnation: self.incarnation,
            orders: self.orders.clone(),
            timer: self.timer,
            timer_armed: self.timer_armed,
            lanes: self.lanes.clone(),
            schedule: self.schedule.clone(),
            pools: self.pools.clone(),
            later: self.later.clone(),
            listeners: self.listeners.clone(),
            streams: self.streams.clone(),
            yields: self.yields.clone(),
            pauses: self.pauses.clone(),
            deferred: self.deferred.clone(),
            parked: self.parked.clone(),
            slowed: self.slowed.clone(),
            lags: self.lags.clone(),
            salt: self.salt,
            count: self.count,
        }
    }
}
