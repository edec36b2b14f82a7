//! What can happen to a process or its machine: crash, power loss, restart, stop, pause, slow, lag.

use super::FaultKind;
use crate::event::Event;
use crate::ids::{FaultId, HostId};
use crate::program::Note;
use crate::seen::{CrashKind, CrashReport, Seen};
use crate::time::Span;
use crate::world::World;

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

    /// What a host reads of the cluster's metadata takes effect `by` later, or, without a length, not before this
    /// is healed. Its program asks (`Context::lag`) and is told once it ends; of several the worst counts.
    pub fn lag(&mut self, host: HostId, by: Option<Span>) -> FaultId {
        let detail = by.map_or(u64::MAX, |by| by.0);
        let fault = self.set_off(FaultKind::Lag(host), 46, host, detail);
        self.room.host(host).lags.push((fault, by));
        fault
    }

    /// What was deferred happens now, in its order.
    pub(super) fn resume(&mut self, id: HostId, fault: FaultId) {
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
}
