//! The faults that act on a disk: what is wrong with it is derived from those that are active.
//!
//! Holds:      every fault of the disk that was not healed yet, with what it has done here.
//! Invariants: TR-1 who does something counts it, and nobody else: of two faults that refuse a
//!             call the one that began first, of two that slow a disk down the worse one; TR-2 what
//!             acts once is over when it has acted.

use std::sync::Arc;

use super::device::Pace;
use super::error::DiskError;
use super::journal::JobId;
use super::model::{Disk, FileId};
use super::scope::{DiskCall, DiskHarm, is_within};
use crate::effect::FaultEffect;
use crate::ids::FaultId;
use crate::time::{Span, Time};

/// What is wrong with a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiskTrouble {
    /// Everything takes so many times as long.
    Slow(u32),
    /// No more than so many bytes are moved in a second.
    Throttle(u64),
    /// Calls that move bytes fail: the next one, or all of them. A sync of a file that fails
    /// forgets what it should have written.
    Eio {
        /// Which.
        calls: DiskCall,
        /// Only the next one.
        once: bool,
    },
    /// Nothing grows.
    Full,
    /// Every call fails, for good: only another disk in its place helps.
    Dead,
    /// The device does nothing.
    Hang,
    /// The next read of at least a byte answers one wrong bit.
    Misread,
    /// The next write reaches the device at another place.
    Misdirect,
}

impl DiskTrouble {
    /// Whether it is over once it has acted.
    const fn is_once(self) -> bool {
        matches!(self, Self::Eio { once: true, .. } | Self::Misread | Self::Misdirect)
    }

    /// Whether it lies in how fast the device works; the rest goes with what the disk holds.
    const fn is_speed(self) -> bool {
        matches!(self, Self::Slow(_) | Self::Throttle(_) | Self::Hang)
    }
}

/// A fault of this disk.
#[derive(Debug, Clone)]
pub(super) struct Active {
    fault: FaultId,
    path: Option<Arc<str>>,
    trouble: DiskTrouble,
    over: bool,
    effect: FaultEffect,
    harms: Vec<DiskHarm>,
}

/// How a job stands towards a device that hangs or has hung.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owed {
    /// It has all that it needs of the device.
    Nothing,
    /// It has to wait so much longer.
    Wait(Span),
    /// The device still hangs.
    Hangs,
}

impl Disk {
    /// A fault begins; with a path it acts on this file, or on what is below this directory.
    pub fn set_off(
        &mut self,
        now: Time,
        fault: FaultId,
        path: Option<Arc<str>>,
        trouble: DiskTrouble,
    ) {
        self.collect(now);
        let effect = FaultEffect::default();
        let active = Active { fault, path, trouble, over: false, effect, harms: Vec::new() };
        self.troubles.push(active);
        self.derive_speed(now);
    }

    /// A fault is over, and forgotten; answers which bytes it has harmed here. A dead disk stays dead.
    pub fn heal(&mut self, now: Time, fault: FaultId) -> Vec<DiskHarm> {
        let Some(at) = self.troubles.iter().position(|active| active.fault == fault) else {
            return Vec::new();
        };
        if self.troubles[at].trouble == DiskTrouble::Dead && !self.troubles[at].over {
            return Vec::new();
        }
        self.collect(now);
        let healed = self.troubles.remove(at);
        self.derive_speed(now);
        healed.harms
    }

    /// A fault that acts once has acted elsewhere.
    pub(crate) fn end_once(&mut self, fault: FaultId) {
        if let Some(active) = self.troubles.iter_mut().find(|active| active.fault == fault) {
            active.over = true;
        }
    }

    /// The faults that acted, once, since the last time.
    pub(crate) fn take_spent(&mut self) -> Vec<FaultId> {
        std::mem::take(&mut self.spent)
    }

    /// What a fault has done here so far.
    pub fn effect(&mut self, now: Time, fault: FaultId) -> FaultEffect {
        let Some(at) = self.troubles.iter().position(|active| active.fault == fault) else {
            return FaultEffect::default();
        };
        self.collect(now);
        self.troubles[at].effect
    }

    /// Which bytes a fault has harmed here so far.
    #[must_use]
    pub fn harms(&self, fault: FaultId) -> Vec<DiskHarm> {
        let own = self.troubles.iter().find(|active| active.fault == fault);
        own.map_or_else(Vec::new, |active| active.harms.clone())
    }

    /// How a job stands towards the device. See [`Owed`].
    #[must_use]
    pub fn owed(&self, now: Time, job: JobId) -> Owed {
        if !self.device.ever_hung() {
            return Owed::Nothing;
        }
        let Some(running) = self.journal.get(job) else { return Owed::Nothing };
        match running.cost.until.since(self.device.clock(now)) {
            Span::ZERO => Owed::Nothing,
            _ if self.device.hangs_since().is_some() => Owed::Hangs,
            rest => Owed::Wait(rest),
        }
    }

    // ---- for the other files of this folder ----

    /// Whether a fault refuses this call on that file. A sync that is refused forgets the file's dirty pages; `now` is
    /// on the device's clock.
    pub(super) fn refuses(&mut self, now: Time, call: DiskCall, file: FileId) -> Option<DiskError> {
        if self.troubles.is_empty() {
            return None;
        }
        if let Some(refusal) = self.refuses_all() {
            return Some(refusal);
        }
        let path = self.file(file).ok().map(|held| Arc::clone(&held.path));
        let culprit = self.refusing(call, path.as_deref())?;
        if call == DiskCall::Sync {
            let count = self.file_mut(file).map_or(0, |held| held.forget_unsynced(now));
            self.troubles[culprit].effect.pages_forgotten += count;
        }
        Some(DiskError::Io)
    }

    /// Whether a fault refuses this call on a directory.
    pub(super) fn refuses_at(&mut self, call: DiskCall, directory: &str) -> Option<DiskError> {
        if let Some(refusal) = self.refuses_all() {
            return Some(refusal);
        }
        self.refusing(call, Some(directory)).map(|_| DiskError::Io)
    }

    fn refusing(&mut self, call: DiskCall, path: Option<&str>) -> Option<usize> {
        let culprit = self.next(path, |trouble| match trouble {
            DiskTrouble::Eio { calls, .. } => calls.covers(call),
            _ => false,
        })?;
        self.troubles[culprit].effect.disk_errors += 1;
        self.errors += 1;
        Some(culprit)
    }

    /// Whether the disk is dead.
    pub(super) fn refuses_all(&mut self) -> Option<DiskError> {
        let culprit = self.next(None, |trouble| trouble == DiskTrouble::Dead)?;
        self.troubles[culprit].effect.disk_errors += 1;
        self.errors += 1;
        Some(DiskError::Dead)
    }

    /// Whether a fault takes all room.
    pub(super) fn refuses_growth(&mut self) -> bool {
        let culprit = self.next(None, |trouble| trouble == DiskTrouble::Full);
        if let Some(culprit) = culprit {
            self.troubles[culprit].effect.disk_errors += 1;
        }
        culprit.is_some()
    }

    /// The fault that acts on a path now (TR-1), if one of this kind does; without a path only those of the whole disk.
    /// If it acts once, that is now (TR-2).
    pub(super) fn next(
        &mut self,
        path: Option<&str>,
        kind: impl Fn(DiskTrouble) -> bool,
    ) -> Option<usize> {
        let acts = |active: &Active| {
            let of = active.path.as_deref();
            let within = of.is_none_or(|of| path.is_some_and(|path| is_within(path, of)));
            within && !active.over && kind(active.trouble)
        };
        let at = self.troubles.iter().position(acts)?;
        let active = &mut self.troubles[at];
        if active.trouble.is_once() {
            active.over = true;
            self.spent.push(active.fault);
        }
        Some(at)
    }

    /// Ends what lies in the medium: another one stands in its place.
    pub(super) fn end_of_medium(&mut self) {
        for active in self.troubles.iter_mut().filter(|active| !active.trouble.is_speed()) {
            active.over = true;
        }
    }

    /// Books what the device's faults have done until `now`, in global time.
    fn collect(&mut self, now: Time) {
        self.book_hang(now);
        self.device.advance(self.device.clock(now));
        let (slowed, throttled) = self.device.take_added();
        for (added, fault) in [(slowed, self.slowest()), (throttled, self.tightest())] {
            if let Some(at) = fault {
                self.troubles[at].effect.disk_busy_added += added.busy;
                self.troubles[at].effect.disk_wait_added += added.wait;
            }
        }
    }

    /// Books how long running jobs have been held by a device that hangs.
    pub(super) fn book_hang(&mut self, now: Time) {
        let Some(since) = self.device.hangs_since() else { return };
        let since = self.hang_booked.max(since);
        let clock = self.device.clock(now);
        let hangs = |active: &&mut Active| active.trouble == DiskTrouble::Hang && !active.over;
        let Some(active) = self.troubles.iter_mut().find(hangs) else { return };
        for running in self.journal.running_mut().filter(|running| running.cost.until > clock) {
            active.effect.hung += now.since(since.max(running.began));
            if running.held_by.replace(active.fault) != Some(active.fault) {
                active.effect.calls_hung += 1;
            }
        }
        self.hang_booked = now;
    }

    /// F-3: how fast the device works follows from the faults that are active.
    fn derive_speed(&mut self, now: Time) {
        let factor = self.slowest().map_or(1, |at| match self.troubles[at].trouble {
            DiskTrouble::Slow(factor) => u64::from(factor),
            _ => 1,
        });
        let throttle = self.tightest().and_then(|at| match self.troubles[at].trouble {
            DiskTrouble::Throttle(rate) => Some(rate),
            _ => None,
        });
        let pace = Pace::new(factor, self.settings.bytes_per_second, throttle);
        self.device.set_pace(self.device.clock(now), pace);
        let hangs = self.troubles.iter().any(|active| active.trouble == DiskTrouble::Hang);
        if hangs != self.device.hangs_since().is_some() {
            self.device.set_hangs(now, hangs);
            self.hang_booked = now;
        }
    }

    fn slowest(&self) -> Option<usize> {
        let factor = |at: &usize| match self.troubles[*at].trouble {
            DiskTrouble::Slow(factor) => Some(factor),
            _ => None,
        };
        let all = (0..self.troubles.len()).rev().filter(|at| factor(at).is_some());
        all.max_by_key(|at| factor(at))
    }

    fn tightest(&self) -> Option<usize> {
        let rate = |at: &usize| match self.troubles[*at].trouble {
            DiskTrouble::Throttle(rate) => Some(rate),
            _ => None,
        };
        (0..self.troubles.len()).filter(|at| rate(at).is_some()).min_by_key(|at| rate(at))
    }
}

impl Active {
    /// Counts an effect, and keeps where it was.
    pub(super) fn count(&mut self, add: impl FnOnce(&mut FaultEffect), harm: DiskHarm) {
        add(&mut self.effect);
        self.harms.push(harm);
    }

    /// What its draws are made with.
    pub(super) fn number(&self) -> u64 {
        u64::from(self.fault.0)
    }
}
