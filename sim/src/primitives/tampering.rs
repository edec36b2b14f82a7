//! Tests only: changes a run behind the simulator's back, to show that somebody notices.

use crate::disk::Disk;
use crate::ids::{ConnId, DiskId, HostId};
use crate::program::Note;
use crate::time::Time;
use crate::world::World;

impl<N: Note> World<N> {
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

    /// Tests only, behind the simulator's back: a host's disk, to put files on it or to take them
    /// away while nobody runs there.
    ///
    /// # Panics
    /// If a process runs on the host.
    pub fn tampered_disk(&mut self, host: HostId, disk: DiskId) -> &mut Disk {
        assert!(!self.is_up(host), "a disk is tampered with while its host is down");
        &mut self.room.host(host).disks[usize::from(disk.0)]
    }

    /// For tests only, behind the simulator's back: flips a bit of a page.
    pub fn flip_page(&mut self, host: HostId, path: &str, offset: u64, bit: u8) -> bool {
        self.room.host(host).disks.iter_mut().any(|disk| disk.flip(path, offset, bit))
    }
}
