//! What can happen to a host's disks: slow, throttled, hanging, failing, full, dead, misread, misdirected, rotten,
//! wiped, swapped.
//!
//! Invariants: F-4 a fault stays with its disk, in whichever host this is; F-5 what acts once acts on one disk.

use super::FaultKind;
use crate::disk::{DiskCall, DiskHarm, DiskScope, DiskTrouble};
use crate::effect::FaultEffect;
use crate::ids::{DiskId, FaultId, HostId};
use crate::program::Note;
use crate::room::Room;
use crate::world::World;

impl<N: Note> World<N> {
    /// One disk of the host, or all of them, take `factor` times as long until healed; of several the worst counts.
    pub fn disk_slow(&mut self, host: HostId, disk: Option<DiskId>, factor: u32) -> FaultId {
        assert!(factor > 0, "a disk cannot be made infinitely fast");
        let scope = DiskScope { disk, path: None };
        self.disk_trouble(host, &scope, DiskTrouble::Slow(factor), 24, u64::from(factor))
    }

    /// The device moves at most so many bytes a second until healed; of several the lowest counts.
    pub fn disk_throttle(
        &mut self,
        host: HostId,
        disk: Option<DiskId>,
        bytes_per_s: u64,
    ) -> FaultId {
        assert!(bytes_per_s > 0, "a disk that moves nothing hangs");
        let scope = DiskScope { disk, path: None };
        self.disk_trouble(host, &scope, DiskTrouble::Throttle(bytes_per_s), 31, bytes_per_s)
    }

    /// The device does nothing until healed. Calls that need it do not return: their lanes stay occupied, their locks
    /// held. What the page cache answers goes on.
    pub fn disk_hang(&mut self, host: HostId, disk: Option<DiskId>) -> FaultId {
        self.disk_trouble(host, &DiskScope { disk, path: None }, DiskTrouble::Hang, 32, 0)
    }

    /// Calls that move bytes fail with EIO: the next one, or all until healed. A file's sync that fails forgets what it
    /// should have written: it stays in the cache, and never reaches the device.
    pub fn disk_eio(
        &mut self,
        host: HostId,
        scope: &DiskScope,
        calls: DiskCall,
        once: bool,
    ) -> FaultId {
        let detail = u64::from(!once) | (calls as u64) << 8;
        self.disk_trouble(host, scope, DiskTrouble::Eio { calls, once }, 25, detail)
    }

    /// No file grows until healed.
    pub fn disk_full(&mut self, host: HostId, disk: Option<DiskId>) -> FaultId {
        self.disk_trouble(host, &DiskScope { disk, path: None }, DiskTrouble::Full, 25, 2)
    }

    /// Every call fails, for good: only a wipe helps, or a swap.
    pub fn disk_dies(&mut self, host: HostId, disk: Option<DiskId>) -> FaultId {
        self.disk_trouble(host, &DiskScope { disk, path: None }, DiskTrouble::Dead, 25, 3)
    }

    /// The next read of at least a byte answers one wrong bit; what lies on the disk is whole.
    pub fn disk_misread(&mut self, host: HostId, scope: &DiskScope) -> FaultId {
        self.disk_trouble(host, scope, DiskTrouble::Misread, 33, 0)
    }

    /// The next write reaches the device at another place of the same disk. The cache shows it where it should be.
    pub fn disk_misdirect(&mut self, host: HostId, scope: &DiskScope) -> FaultId {
        self.disk_trouble(host, scope, DiskTrouble::Misdirect, 34, 0)
    }

    /// A bit flips somewhere on each disk in scope, in the cache too.
    pub fn disk_rot(&mut self, host: HostId, scope: &DiskScope) -> FaultId {
        self.room.mark(28, u64::from(host.0), 0);
        self.mark_scope(scope);
        let fault = self.begin(FaultKind::DiskAtOnce, false);
        let owner = self.room.host(host);
        let mut harms = Vec::new();
        for place in places(scope.disk, owner.disks.len()) {
            let flip = owner.disks[place].rot(scope.path.as_deref(), &mut owner.crashes);
            harms.extend(flip.map(DiskHarm::Rotted));
        }
        let record = &mut self.room.faults[fault.0 as usize];
        record.effect.bits_rotted = harms.len() as u64;
        record.harms = harms;
        fault
    }

    /// One disk of a host that is down, or all, are replaced by empty ones; none if it runs.
    pub fn wipe(&mut self, id: HostId, disk: Option<DiskId>) -> Option<FaultId> {
        self.room.mark(29, u64::from(id.0), 0);
        self.mark_scope(&DiskScope { disk, path: None });
        if self.room.is_running(id) {
            return None;
        }
        let fault = self.begin(FaultKind::DiskAtOnce, false);
        let now = self.room.now;
        for place in places(disk, self.room.host(id).disks.len()) {
            let bytes = self.room.host(id).disks[place].wipe(now);
            self.room.effect_of(fault).bytes_wiped += bytes;
            self.room.see_disk(id, place);
        }
        Some(fault)
    }

    /// Two hosts that are down get each other's disks, with all that is wrong with these. None if one of them runs, or
    /// they have different numbers of disks.
    pub fn swap_disks(&mut self, one: HostId, other: HostId) -> Option<FaultId> {
        self.room.mark(35, u64::from(one.0), u64::from(other.0));
        let counts = [one, other].map(|host| self.room.host(host).disks.len());
        let running = self.room.is_running(one) || self.room.is_running(other);
        if running || one == other || counts[0] != counts[1] {
            return None;
        }
        let fault = self.begin(FaultKind::DiskAtOnce, false);
        let disks = std::mem::take(&mut self.room.host(one).disks);
        let disks = std::mem::replace(&mut self.room.host(other).disks, disks);
        self.room.host(one).disks = disks;
        for host in [one, other] {
            for place in 0..counts[0] {
                self.room.host(host).disks[place].show_all();
                self.room.see_disk(host, place);
            }
        }
        self.room.effect_of(fault).disks_swapped = (counts[0] + counts[1]) as u64;
        Some(fault)
    }

    /// Which bytes a fault has harmed, and where.
    #[must_use]
    pub fn disk_harms(&self, fault: FaultId) -> Vec<DiskHarm> {
        let mut harms = self.room.faults[fault.0 as usize].harms.clone();
        let disks = self.room.hosts.iter().flat_map(|host| &host.disks);
        harms.extend(disks.flat_map(|disk| disk.harms(fault)));
        harms
    }

    fn disk_trouble(
        &mut self,
        host: HostId,
        scope: &DiskScope,
        trouble: DiskTrouble,
        call: u8,
        detail: u64,
    ) -> FaultId {
        let fault = self.set_off(FaultKind::Disk, call, host, detail);
        self.mark_scope(scope);
        let now = self.room.now;
        let disks = &mut self.room.host(host).disks;
        for place in places(scope.disk, disks.len()) {
            disks[place].set_off(now, fault, scope.path.clone(), trouble);
        }
        fault
    }

    /// Adds what a fault has done to disks so far.
    pub(super) fn join_disks(&mut self, fault: FaultId, effect: &mut FaultEffect) {
        let now = self.room.now;
        for disk in self.room.hosts.iter_mut().flat_map(|host| &mut host.disks) {
            effect.join(&disk.effect(now, fault));
        }
    }

    /// A fault of disks is over: what it held goes on.
    pub(super) fn heal_disks(&mut self, fault: FaultId) {
        let now = self.room.now;
        let mut harms = Vec::new();
        for disk in self.room.hosts.iter_mut().flat_map(|host| &mut host.disks) {
            harms.extend(disk.heal(now, fault));
        }
        self.room.faults[fault.0 as usize].harms.extend(harms);
        for host in 0..self.room.hosts.len() {
            self.room.go_on(HostId(u16::try_from(host).expect("at most 65,536 hosts")));
        }
    }

    /// RM-2: a part of the disks; all of them need no word.
    fn mark_scope(&mut self, scope: &DiskScope) {
        if let Some(disk) = scope.disk {
            self.room.mark(36, u64::from(disk.0), 0);
        }
        if let Some(path) = &scope.path {
            self.room.mark(37, path.len() as u64, 0);
            self.room.hasher.text(path);
        }
    }
}

impl<N: Note> Room<N> {
    /// F-5: faults that acted once on one disk of a host are over on its others.
    pub(crate) fn spread_spent(&mut self, host: HostId) {
        let disks = &mut self.host(host).disks;
        if disks.len() < 2 {
            return;
        }
        for place in 0..disks.len() {
            for fault in disks[place].take_spent() {
                disks.iter_mut().for_each(|disk| disk.end_once(fault));
            }
        }
    }

    fn is_running(&mut self, host: HostId) -> bool {
        let host = self.host(host);
        host.up || host.booting
    }
}

/// The places of one disk, if there is one, or of all.
fn places(disk: Option<DiskId>, count: usize) -> std::ops::Range<usize> {
    match disk {
        None => 0..count,
        Some(disk) => usize::from(disk.0).min(count)..(usize::from(disk.0) + 1).min(count),
    }
}
