//! What can happen to a host's disks: slow, failing, full, dead, rotten, wiped.

use super::{DiskFailure, Fault, FaultKind};
use crate::disk::{Disk, DiskTimes, Rot};
use crate::ids::{FaultId, HostId};
use crate::program::Note;
use crate::world::World;

impl<N: Note> World<N> {
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

    /// What all disks of a host worked and waited so far, and how often they failed.
    pub(super) fn disk_times(&mut self, host: HostId) -> (DiskTimes, u64) {
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
    pub(super) fn repair_disks(&mut self, of: HostId) {
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

    pub(super) fn set_disk_slowness(&mut self, host: HostId, factor: u32) {
        let now = self.room.now;
        self.room.host(host).disks.iter_mut().for_each(|disk| disk.set_slow(now, factor));
    }

    /// The slowest that active faults other than `but` ask for.
    pub(super) fn active_disk_slowness(&self, of: HostId, but: FaultId) -> u32 {
        let others = self.room.faults.iter().enumerate();
        let active = others.filter(|(id, fault)| fault.active && *id != but.0 as usize);
        let factors = active.filter_map(|(_, fault)| match fault.kind {
            FaultKind::DiskSlow { host, factor } if host == of => Some(factor),
            _ => None,
        });
        factors.max().unwrap_or(1)
    }
}
