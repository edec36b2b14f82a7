//! Holds bytes back where nothing gets through, and lets them go afterwards.
//!
//! Invariants: HO-1 no byte of an open connection is lost to a cut: it is sent again after a drawn
//!             back-off; HO-2 who held it back counts it.

use super::transport::{arm, count_held};
use crate::event::Event;
use crate::ids::{ConnId, HostId};
use crate::program::Note;
use crate::room::Room;
use crate::time::Time;

impl<N: Note> Room<N> {
    pub(crate) fn is_blocked(&self, from: HostId, to: HostId) -> bool {
        self.network.is_blocked(from, to)
    }

    /// What this end has under way stays where it is.
    pub(crate) fn hold(&mut self, sender: ConnId) {
        let (connection, link) = self.network.with_link(sender).expect("the caller has looked");
        let pipe = connection.pipe(sender);
        pipe.held_since = Some(self.now);
        let (chunks, bytes) = pipe.under_way();
        count_held(&mut self.faults, link, chunks, bytes);
    }

    /// Something may get through again from `from` to `to`: bytes after a back-off (HO-1; none
    /// after a stall, which lost nothing), acknowledgements at once.
    pub(crate) fn release(&mut self, from: HostId, to: HostId, lost: bool) {
        if self.is_blocked(from, to) {
            return;
        }
        let powered = self.host(to).powered;
        let longest = self.settings.network.retransmit_max;
        for end in self.network.ends() {
            let now = self.now;
            let Some(connection) = self.network.get(end) else { continue };
            let route = connection.route(end);
            if route == (from, to) && powered {
                let pipe = connection.pipe(end);
                if let Some(since) = pipe.held_since.take() {
                    let most = if lost { now.since(since).min(longest) } else { crate::Span(0) };
                    let wait = crate::Span(pipe.stream.below(most.0 + 1));
                    arm(&mut self.queue, pipe, end, now + wait);
                }
            }
            let acknowledged = self.acknowledge_held(end, (from, to));
            if acknowledged {
                self.open_window(end);
            }
        }
    }

    /// A filter between two hosts has gone: what it held leaves, if no other holds it.
    pub(crate) fn unfilter(&mut self, from: HostId, to: HostId) {
        for end in self.network.ends() {
            let Some(connection) = self.network.get(end) else { continue };
            if connection.route(end) == (from, to) && connection.pipe(end).filtered {
                self.transmit(end);
            }
        }
    }

    /// The acknowledgements for what this end sent travel on `route`: they arrive now.
    fn acknowledge_held(&mut self, end: ConnId, route: (HostId, HostId)) -> bool {
        let Some(connection) = self.network.get(end) else { return false };
        if connection.route(end.peer()) != route || connection.pipe(end).credit_held == 0 {
            return false;
        }
        let pipe = connection.pipe(end);
        let credit = std::mem::take(&mut pipe.credit_held);
        pipe.acknowledge(credit);
        true
    }

    /// The host has power again: what waited for it arrives after a back-off.
    pub(crate) fn release_towards(&mut self, host: HostId) {
        for other in 0..self.hosts.len() {
            let other = HostId(u16::try_from(other).expect("hosts have 16-bit numbers"));
            self.release(other, host, true);
        }
    }

    /// Resets every connection between two hosts, from within the network. Answers how many.
    pub(crate) fn reset_between(&mut self, one: HostId, other: HostId) -> u64 {
        let mut count = 0;
        let now: Time = self.now;
        for end in self.network.ends() {
            let Some(connection) = self.network.get(end) else { continue };
            let (from, to) = connection.route(end);
            let between = (from, to) == (one, other) || (from, to) == (other, one);
            if !between || !connection.end(end).lives() {
                continue;
            }
            count += u64::from(!end.is_listener());
            self.push_for_end(now, end, Event::Rst { end, forced: true });
        }
        count
    }
}
