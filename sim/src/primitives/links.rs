//! What can happen between two hosts: cut, stall, delay, throttle, reset.

use super::FaultKind;
use crate::ids::{FaultId, HostId};
use crate::network::link::Trouble;
use crate::program::Note;
use crate::time::Span;
use crate::world::World;

impl<N: Note> World<N> {
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

    pub(super) fn trouble(
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
}
