//! What can happen to a host's clocks: an offset, a drift, a step.

use super::FaultKind;
use crate::ids::{FaultId, HostId};
use crate::program::Note;
use crate::world::World;

impl<N: Note> World<N> {
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

    /// Timers honour drift: the event in the queue may now be too late.
    pub(super) fn change_drift(&mut self, id: HostId, ppm: i32) {
        let now = self.room.now;
        let host = self.room.host(id);
        host.clock.add_drift(now, ppm);
        let timer = host.timer;
        self.room.set_timer(id, timer);
    }
}
