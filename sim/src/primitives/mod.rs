//! The primitives of faults: each does one thing to the World, and counts what that did.
//!
//! Holds:      one record for each fault that was set off.
//! Invariants: F-1 every call goes through the digest; F-2 a lasting fault ends by `heal`, once;
//!             F-3 what acts is derived from the faults that are active, so they may overlap.

mod clocks;
mod disks;
mod links;
mod processes;
mod tampering;

use crate::disk::DiskHarm;
use crate::effect::FaultEffect;
use crate::ids::{FaultId, HostId};
use crate::network::link::Trouble;
use crate::program::Note;
use crate::time::Time;
use crate::world::World;

/// What a fault acts on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FaultKind {
    Link {
        from: HostId,
        to: HostId,
        lost: Lost,
    },
    Reset,
    Pause(HostId),
    Slow(HostId),
    Lag(HostId),
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
    /// What is wrong with which disk, these keep themselves.
    Disk,
    /// Happened to disks at once, and for good.
    DiskAtOnce,
}

/// What has to be let go when a fault on a link ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lost {
    /// Nothing.
    Nothing,
    /// Bytes that were lost and are sent again.
    Bytes,
    /// Bytes that were only held back.
    Time,
    /// Frames that a filter held.
    Frames,
}

impl Lost {
    const fn of(trouble: &Trouble) -> Self {
        match trouble {
            Trouble::Cut => Self::Bytes,
            Trouble::Stall => Self::Time,
            Trouble::Hold(_) => Self::Frames,
            Trouble::Delay { .. } | Trouble::Throttle(_) | Trouble::Refuse | Trouble::Hang => {
                Self::Nothing
            }
        }
    }
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
    /// Which bytes of which disks it has harmed, once it is over.
    harms: Vec<DiskHarm>,
    pub(crate) effect: FaultEffect,
}

impl<N: Note> World<N> {
    /// Ends a lasting fault (F-2). Nothing if it has ended, or happened at once.
    pub fn heal(&mut self, fault: FaultId) {
        self.room.mark(23, u64::from(fault.0), 0);
        let effect = self.effect(fault);
        let record = &mut self.room.faults[fault.0 as usize];
        if !record.active {
            return;
        }
        match record.kind {
            FaultKind::Reset | FaultKind::DiskAtOnce | FaultKind::ClockStep { .. } => (),
            kind => {
                record.active = false;
                record.effect = effect;
                self.undo(fault, kind);
            }
        }
    }

    /// What a fault has done so far.
    #[must_use]
    pub fn effect(&mut self, fault: FaultId) -> FaultEffect {
        let record = &self.room.faults[fault.0 as usize];
        let mut effect = record.effect;
        if record.kind == FaultKind::Disk && record.active {
            self.join_disks(fault, &mut effect);
            return effect;
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

    /// From which host to which a fault of a link acts; none for a fault of another kind.
    #[must_use]
    pub fn link_of(&self, fault: FaultId) -> Option<(HostId, HostId)> {
        match self.room.faults[fault.0 as usize].kind {
            FaultKind::Link { from, to, .. } => Some((from, to)),
            _ => None,
        }
    }

    fn set_off(&mut self, kind: FaultKind, call: u8, host: HostId, detail: u64) -> FaultId {
        self.room.mark(call, u64::from(host.0), detail);
        self.begin(kind, true)
    }

    /// Begins a record.
    fn begin(&mut self, kind: FaultKind, active: bool) -> FaultId {
        let id = FaultId(u32::try_from(self.room.faults.len()).expect("fewer than 2^32 faults"));
        let reads_before = kind.clock().map_or(0, |host| self.room.host(host).clock.wall_reads());
        let (began, effect) = (self.room.now, FaultEffect::default());
        let harms = Vec::new();
        self.room.faults.push(Fault { kind, began, active, reads_before, harms, effect });
        id
    }

    fn undo(&mut self, fault: FaultId, kind: FaultKind) {
        match kind {
            FaultKind::Link { from, to, lost } => {
                self.room.network.link(from, to).remove(fault);
                match lost {
                    Lost::Nothing => {}
                    Lost::Bytes => self.room.release(from, to, true),
                    Lost::Time => self.room.release(from, to, false),
                    Lost::Frames => self.room.unfilter(from, to),
                }
            }
            FaultKind::Pause(host) => self.resume(host, fault),
            FaultKind::Slow(host) => self.room.host(host).slowed.retain(|&(id, _)| id != fault),
            FaultKind::Lag(host) => self.room.host(host).lags.retain(|&(id, _)| id != fault),
            FaultKind::ClockAhead { host, by_ns } => self.room.host(host).clock.step(-by_ns),
            FaultKind::ClockDrift { host, ppm } => self.change_drift(host, -ppm),
            FaultKind::Disk => self.heal_disks(fault),
            FaultKind::Reset | FaultKind::DiskAtOnce | FaultKind::ClockStep { .. } => {}
        }
    }
}
