//! The primitives of faults: each does one thing to the World, and counts what that did.
//!
//! Holds:      one record for each fault that was set off.
//! Invariants: F-1 every call goes through the digest; F-2 a lasting fault ends by `heal`, once;
//!             F-3 what acts is derived from the faults that are active, so they may overlap.

use crate::disk::{Disk, DiskTimes, Rot};
use crate::effect::FaultEffect;
use crate::event::Event;
use crate::ids::{ConnId, FaultId, HostId};
use crate::network::link::Trouble;
use crate::program::Note;
use crate::seen::{CrashKind, CrashReport, Seen};
use crate::time::{Span, Time};
use crate::world::World;

/// What a fault acts on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FaultKind {
    Link {
        from: HostId,
        to: HostId,
        trouble: Trouble,
    },
    Reset,
    Pause(HostId),
    Slow(HostId),
    ClockAhead {
        host: HostId,
        by_ns: i64,
    },
    ClockDrift {
        host: HostId,
        ppm: i32,
    },
    ClockStep {
        host: HostId,
        by_ns: i64,
    },
    /// `disk`: its disks take longer.
    DiskSlow {
        host: HostId,
        factor: u32,
    },
    /// Its disks fail, for once or for good, or are full.
    DiskFault {
        host: HostId,
        failure: DiskFailure,
    },
}

/// How disks fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DiskFailure {
    EioOnce,
    Eio,
    Full,
    Dead,
}

impl FaultKind {
    /// The host whose clock it moves.
    const fn clock(self) -> Option<HostId> {
        match self {
            Self::ClockAhead { host, .. }
            | Self::ClockDrift { host, .. }
            | Self::ClockStep { host, .. } => Some(host),
            _ => None,
        }
    }
}

/// A fault that was set off.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    kind: FaultKind,
    began: Time,
    /// Still acts.
    active: bool,
    /// Reads of the wall clock before it began.
    reads_before: u64,
    disk_before: (DiskTimes, u64),
    pub(crate) effect: FaultEffect,
}

impl<N: Note> World<N> {
    /// A host goes down: its process, or its power. Nothing if it is down already (a process that
    /// is down can still lose its power).
    pub fn crash(&mut self, id: HostId, kind: CrashKind) -> CrashReport {
        self.room.mark(10, u64::from(id.0), u64::from(kind == CrashKind::PowerLoss));
        let host = self.room.host(id);
        let had_process = host.up || host.booting;
        let loses_power = kind == CrashKind::PowerLoss && host.powered;
        if !had_process && !loses_power {
            return CrashReport::default();
        }
        if loses_power {
            host.powered = false;
        }
        let report = self.end_process(id, kind);
        let at = self.room.now;
        let shared = std::sync::Arc::new(report.clone());
        self.room.see(Seen::Crashed { at, host: id, kind, report: shared });
        report
    }

    /// A host that is down boots again, through its factory. The same as `boot`.
    pub fn restart(&mut self, host: HostId) {
        self.room.mark(11, u64::from(host.0), 0);
        self.boot(host);
    }

    /// Asks a program to stop in good order: `Input::Stop`. Nothing if it does not run.
    pub fn stop(&mut self, id: HostId) {
        self.room.mark(12, u64::from(id.0), 0);
        let host = self.room.host(id);
        if host.up {
            let event = Event::Stop { host: id, life: host.life };
            self.room.push_for_host(self.room.now, id, event);
        }
    }

    /// A host stands still until healed: its program gets nothing, its network stack goes on.
    pub fn pause(&mut self, host: HostId) -> FaultId {
        let fault = self.set_off(FaultKind::Pause(host), 13, host, 0);
        self.room.host(host).pauses.push(fault);
        self.room.paused_hosts += u32::from(self.room.host(host).pauses.len() == 1);
        fault
    }

    /// A host's lanes take `factor` times as long until healed; of several the worst counts.
    pub fn slow(&mut self, host: HostId, factor: u32) -> FaultId {
        assert!(factor > 0, "a host cannot be made infinitely fast");
        let fault = self.set_off(FaultKind::Slow(host), 14, host, u64::from(factor));
        self.room.host(host).slowed.push((fault, factor));
        fault
    }

    /// Nothing gets from `from` to `to` until healed; what was sent is sent again then.
    pub fn cut(&mut self, from: HostId, to: HostId) -> FaultId {
        self.trouble(from, to, Trouble::Cut, 15, 0)
    }

    /// Nothing arrives at `to` from `from` until healed; all of it does then, at once.
    pub fn stall(&mut self, from: HostId, to: HostId) -> FaultId {
        self.trouble(from, to, Trouble::Stall, 16, 0)
    }

    /// Everything takes `by` longer from `from` to `to` until healed.
    pub fn delay(&mut self, from: HostId, to: HostId, by: Span) -> FaultId {
        self.trouble(from, to, Trouble::Delay(by), 17, by.0)
    }

    /// The link carries at most so many bytes a second until healed.
    pub fn throttle(&mut self, from: HostId, to: HostId, bytes_per_s: u64) -> FaultId {
        assert!(bytes_per_s > 0, "a link that carries nothing is a stall");
        self.trouble(from, to, Trouble::Throttle(bytes_per_s), 18, bytes_per_s)
    }

    /// Resets every connection between two hosts, now.
    pub fn reset(&mut self, one: HostId, other: HostId) -> FaultId {
        let fault = self.set_off(FaultKind::Reset, 19, one, u64::from(other.0));
        let count = self.room.reset_between(one, other);
        let record = &mut self.room.faults[fault.0 as usize];
        record.effect.connections_reset = count;
        record.active = false;
        fault
    }

    /// A host's wall clock is ahead (or behind) by so much until healed.
    pub fn clock_ahead(&mut self, host: HostId, by_ns: i64) -> FaultId {
        let kind = FaultKind::ClockAhead { host, by_ns };
        let fault = self.set_off(kind, 20, host, by_ns.cast_unsigned());
        self.room.host(host).clock.step(by_ns);
        fault
    }

    /// A host's clocks run faster (or slower) by so many parts per million until healed.
    pub fn clock_drift(&mut self, host: HostId, ppm: i32) -> FaultId {
        let kind = FaultKind::ClockDrift { host, ppm };
        let fault = self.set_off(kind, 21, host, i64::from(ppm).cast_unsigned());
        self.change_drift(host, ppm);
        fault
    }

    /// A host's wall clock jumps, for good; its monotonic clock and its timers do not.
    pub fn clock_step(&mut self, host: HostId, by_ns: i64) -> FaultId {
        let kind = FaultKind::ClockStep { host, by_ns };
        let fault = self.set_off(kind, 22, host, by_ns.cast_unsigned());
        self.room.host(host).clock.step(by_ns);
        fault
    }

    /// Ends a lasting fault (F-2). Nothing if it has ended, or happened at once.
    pub fn heal(&mut self, fault: FaultId) {
        self.room.mark(23, u64::from(fault.0), 0);
        let effect = self.effect(fault);
        let record = &mut self.room.faults[fault.0 as usize];
        if !record.active {
            return;
        }
        match record.kind {
            FaultKind::Reset | FaultKind::ClockStep { .. } => (),
            kind => {
                record.effect = effect;
                record.active = false;
                self.undo(fault, kind);
            }
        }
    }

    /// What a fault has done so far.
    #[must_use]
    pub fn effect(&mut self, fault: FaultId) -> FaultEffect {
        let record = self.room.faults[fault.0 as usize].clone();
        let mut effect = record.effect;
        if let (true, FaultKind::DiskSlow { host, .. } | FaultKind::DiskFault { host, .. }) =
            (record.active, record.kind)
        {
            let (times, errors) = self.disk_times(host);
            effect.disk_busy_added = times.busy_added - record.disk_before.0.busy_added;
            effect.disk_wait_added = times.wait_added - record.disk_before.0.wait_added;
            effect.disk_errors = errors - record.disk_before.1;
        }
        let (true, Some(host)) = (record.active, record.kind.clock()) else { return effect };
        let clock = &self.room.hosts[usize::from(host.0)].clock;
        effect.clock_reads = clock.wall_reads() - record.reads_before;
        effect.skew_ns_max = match record.kind {
            FaultKind::ClockAhead { by_ns, .. } | FaultKind::ClockStep { by_ns, .. } => {
                by_ns.unsigned_abs()
            }
            FaultKind::ClockDrift { ppm, .. } => {
                let lasted = self.room.now.since(record.began).0;
                lasted / 1_000_000 * u64::from(ppm.unsigned_abs())
            }
            _ => 0,
        };
        effect
    }

    /// Tests only, behind the simulator's back: flips a bit of what this end has under way. False
    /// when that is nothing.
    pub fn flip_in_flight(&mut self, sender: ConnId, bit: u64) -> bool {
        self.room.network.get(sender).is_some_and(|connection| connection.pipe(sender).flip(bit))
    }

    /// Tests only: the ends that have bytes under way.
    #[must_use]
    pub fn in_flight(&self) -> Vec<ConnId> {
        let mut ends = self.room.network.ends();
        ends.retain(|&end| {
            let connection = self.room.network.peek(end).expect("it was just listed");
            connection.pipes[usize::from(end.is_listener())].under_way().1 > 0
        });
        ends
    }

    /// Tests only: what this end has under way, in the order in which `flip_in_flight` counts, and
    /// from whom to whom. None if the connection is over.
    #[must_use]
    pub fn peek_in_flight(&self, sender: ConnId) -> Option<(HostId, HostId, bytes::Bytes)> {
        let connection = self.room.network.peek(sender)?;
        let (from, to) = connection.route(sender);
        let pipe = &connection.pipes[usize::from(sender.is_listener())];
        Some((from, to, pipe.bytes_under_way()))
    }

    /// Tests only: flips a bit of a host's timer. False when none is set.
    pub fn flip_timer(&mut self, host: HostId, bit: u32) -> bool {
        let Some(timer) = self.room.host(host).timer else { return false };
        self.room.set_timer(host, Some(Time(timer.0 ^ (1 << bit))));
        true
    }

    // ---- disks ----

    /// All disks of the host take `factor` times as long.
    pub fn disk_slow(&mut self, host: HostId, factor: u32) -> FaultId {
        assert!(factor > 0, "a disk cannot be made infinitely fast");
        let kind = FaultKind::DiskSlow { host, factor };
        let fault = self.set_off(kind, 24, host, u64::from(factor));
        let factor = self.active_disk_slowness(host, fault).max(factor);
        self.set_disk_slowness(host, factor);
        fault
    }

    /// The next call that moves bytes fails with EIO, or all of them do.
    pub fn disk_eio(&mut self, host: HostId, once: bool) -> FaultId {
        self.fail_disks(host, if once { DiskFailure::EioOnce } else { DiskFailure::Eio })
    }

    /// No space is left on any disk of the host.
    pub fn disk_full(&mut self, host: HostId) -> FaultId {
        self.fail_disks(host, DiskFailure::Full)
    }

    /// Every call on the host's disks fails for good.
    pub fn disk_dies(&mut self, host: HostId) -> FaultId {
        self.fail_disks(host, DiskFailure::Dead)
    }

    /// A bit flips somewhere on each disk of the host.
    pub fn disk_rot(&mut self, host: HostId) -> Vec<Rot> {
        self.room.mark(28, u64::from(host.0), 0);
        let host = self.room.host(host);
        let draws = &mut host.crashes;
        host.disks.iter_mut().filter_map(|disk| disk.rot(draws)).collect()
    }

    /// The disks of a host that is down are replaced by empty ones; false if it runs.
    pub fn wipe(&mut self, id: HostId) -> bool {
        self.room.mark(29, u64::from(id.0), 0);
        let now = self.room.now;
        let host = self.room.host(id);
        if host.up || host.booting {
            return false;
        }
        host.disks.iter_mut().for_each(|disk| disk.wipe(now));
        for place in 0..self.room.host(id).disks.len() {
            self.room.see_disk(id, place);
        }
        true
    }

    /// For tests only, behind the simulator's back: flips a bit of a page.
    pub fn flip_page(&mut self, host: HostId, path: &str, offset: u64, bit: u8) -> bool {
        self.room.host(host).disks.iter_mut().any(|disk| disk.flip(path, offset, bit))
    }

    /// What all disks of a host worked and waited so far, and how often they failed.
    fn disk_times(&mut self, host: HostId) -> (DiskTimes, u64) {
        let now = self.room.now;
        let mut sum = (DiskTimes::default(), 0);
        for disk in &mut self.room.host(host).disks {
            let times = disk.times(now);
            sum.0.busy += times.busy;
            sum.0.busy_added += times.busy_added;
            sum.0.waited += times.waited;
            sum.0.wait_added += times.wait_added;
            sum.1 += disk.errors();
        }
        sum
    }

    fn fail_disks(&mut self, host: HostId, failure: DiskFailure) -> FaultId {
        let kind = FaultKind::DiskFault { host, failure };
        let fault = self.set_off(kind, 25, host, failure as u64);
        self.apply_failure(host, failure);
        fault
    }

    fn apply_failure(&mut self, host: HostId, failure: DiskFailure) {
        self.room.host(host).disks.iter_mut().for_each(match failure {
            DiskFailure::EioOnce => Disk::fail_once,
            DiskFailure::Eio => Disk::fail,
            DiskFailure::Full => Disk::fill,
            DiskFailure::Dead => Disk::die,
        });
    }

    /// F-3: one failure has ended; those that go on are set off again.
    fn repair_disks(&mut self, of: HostId) {
        self.room.host(of).disks.iter_mut().for_each(Disk::repair);
        for at in 0..self.room.faults.len() {
            let Fault { kind, active, .. } = self.room.faults[at];
            match kind {
                FaultKind::DiskFault { failure: DiskFailure::EioOnce, .. } => {}
                FaultKind::DiskFault { host, failure } if active && host == of => {
                    self.apply_failure(host, failure);
                }
                _ => {}
            }
        }
    }

    fn set_disk_slowness(&mut self, host: HostId, factor: u32) {
        let now = self.room.now;
        self.room.host(host).disks.iter_mut().for_each(|disk| disk.set_slow(now, factor));
    }

    /// The slowest that active faults other than `but` ask for.
    fn active_disk_slowness(&self, of: HostId, but: FaultId) -> u32 {
        let others = self.room.faults.iter().enumerate();
        let active = others.filter(|(id, fault)| fault.active && *id != but.0 as usize);
        let factors = active.filter_map(|(_, fault)| match fault.kind {
            FaultKind::DiskSlow { host, factor } if host == of => Some(factor),
            _ => None,
        });
        factors.max().unwrap_or(1)
    }

    fn trouble(
        &mut self,
        from: HostId,
        to: HostId,
        trouble: Trouble,
        call: u8,
        detail: u64,
    ) -> FaultId {
        let kind = FaultKind::Link { from, to, trouble };
        let fault = self.set_off(kind, call, from, u64::from(to.0) | detail << 16);
        self.room.network.link(from, to).add(fault, trouble);
        fault
    }

    fn set_off(&mut self, kind: FaultKind, call: u8, host: HostId, detail: u64) -> FaultId {
        self.room.mark(call, u64::from(host.0), detail);
        let id = FaultId(u32::try_from(self.room.faults.len()).expect("fewer than 2^32 faults"));
        let reads_before = kind.clock().map_or(0, |host| self.room.host(host).clock.wall_reads());
        let (began, effect) = (self.room.now, FaultEffect::default());
        let disk_before = self.disk_times(host);
        let active = true;
        self.room.faults.push(Fault { kind, began, active, reads_before, disk_before, effect });
        id
    }

    fn undo(&mut self, fault: FaultId, kind: FaultKind) {
        match kind {
            FaultKind::Link { from, to, trouble } => {
                self.room.network.link(from, to).remove(fault);
                if matches!(trouble, Trouble::Cut | Trouble::Stall) {
                    self.room.release(from, to, trouble == Trouble::Cut);
                }
            }
            FaultKind::Pause(host) => self.resume(host, fault),
            FaultKind::Slow(host) => self.room.host(host).slowed.retain(|&(id, _)| id != fault),
            FaultKind::ClockAhead { host, by_ns } => self.room.host(host).clock.step(-by_ns),
            FaultKind::ClockDrift { host, ppm } => self.change_drift(host, -ppm),
            FaultKind::DiskSlow { host, .. } => {
                let factor = self.active_disk_slowness(host, fault);
                self.set_disk_slowness(host, factor);
            }
            FaultKind::DiskFault { host, .. } => self.repair_disks(host),
            FaultKind::Reset | FaultKind::ClockStep { .. } => {}
        }
    }

    /// What was deferred happens now, in its order.
    fn resume(&mut self, id: HostId, fault: FaultId) {
        let host = self.room.host(id);
        host.pauses.retain(|&pause| pause != fault);
        if host.is_paused() {
            return;
        }
        let deferred = std::mem::take(&mut host.deferred);
        self.room.paused_hosts -= 1;
        for event in deferred {
            self.room.queue.push(self.room.now, 0, event);
        }
    }

    /// Timers honour drift: the event in the queue may now be too late.
    fn change_drift(&mut self, id: HostId, ppm: i32) {
        let now = self.room.now;
        let host = self.room.host(id);
        host.clock.add_drift(now, ppm);
        let timer = host.timer;
        self.room.set_timer(id, timer);
    }
}
