//! What can happen between two hosts: cut, stall, delay, throttle, hold, refuse, hang, reset; a link of its own.

use super::{FaultKind, Lost};
use crate::ids::{FaultId, HostId};
use crate::network::Distribution;
use crate::network::link::{Longer, Trouble};
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
        self.delay_some(from, to, None, by..by)
    }

    /// Frames take longer until healed, by a draw of the range (by its start if it is empty): all
    /// frames, or those with this label. What follows one on its connection stays behind it.
    pub fn delay_some(
        &mut self,
        from: HostId,
        to: HostId,
        label: Option<&str>,
        by: std::ops::Range<Span>,
    ) -> FaultId {
        let detail = by.start.0;
        let longer = if by.end > by.start {
            let (now, kind) = (self.room.now.0, label.unwrap_or("all"));
            let link = format!("{}>{}", self.host_name(from), self.host_name(to));
            let mut name = format!("{link} {kind} {}..{} @{now}ns", by.start, by.end);
            // Of two that are alike in everything the second has another name.
            let known = self.room.network.link(from, to).jitters();
            let alike = known.filter(|(known, _)| known.starts_with(&name)).count();
            if alike > 0 {
                name.push_str(&format!(" #{}", alike + 1));
            }
            let stream = self.room.plan.run_stream("jitter", &name);
            Longer::Drawn(by.start, by.end, Box::new((name, stream)))
        } else {
            Longer::Always(by.start)
        };
        let trouble = Trouble::Delay { label: label.map(Box::from), by: longer };
        self.trouble(from, to, trouble, 17, detail)
    }

    /// Frames with this label do not leave `from` towards `to` until healed, nor does what follows
    /// them on their connection; what has left already goes on.
    pub fn hold(&mut self, from: HostId, to: HostId, label: &str) -> FaultId {
        let detail = label.len() as u64;
        self.trouble(from, to, Trouble::Hold(Box::from(label)), 40, detail)
    }

    /// Connections that `from` opens to `to` are refused until healed; those that exist go on.
    pub fn refuse(&mut self, from: HostId, to: HostId) -> FaultId {
        self.trouble(from, to, Trouble::Refuse, 41, 0)
    }

    /// Connections that `from` opens to `to` get no answer until healed, and come through then if
    /// the network stack has not given up; those that exist go on.
    pub fn hang(&mut self, from: HostId, to: HostId) -> FaultId {
        self.trouble(from, to, Trouble::Hang, 42, 0)
    }

    /// Whether nothing gets through from one host to another now.
    #[must_use]
    pub fn is_cut(&self, from: HostId, to: HostId) -> bool {
        self.room.is_blocked(from, to)
    }

    /// From now on the link from `from` to `to` has a latency and a bandwidth (bytes a second) of
    /// its own; none: those of the network.
    pub fn set_link(
        &mut self,
        from: HostId,
        to: HostId,
        latency: Option<Distribution>,
        bandwidth: Option<u64>,
    ) {
        self.room.mark(43, u64::from(from.0), u64::from(to.0));
        let link = self.room.network.link(from, to);
        (link.latency, link.bandwidth) = (latency, bandwidth);
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
        let kind = FaultKind::Link { from, to, lost: Lost::of(&trouble) };
        let fault = self.set_off(kind, call, from, u64::from(to.0) | detail << 16);
        self.room.network.link(from, to).add(fault, trouble);
        fault
    }
}
