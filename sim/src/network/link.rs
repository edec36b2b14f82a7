//! Carries bytes from one host to another, one way.
//!
//! Holds:      when the link is free, and the faults that act on it, summed up.
//! Invariants: LI-1 what acts on a link is derived from the faults that are active, never counted
//!             up and down.

use super::Distribution;
use crate::ids::FaultId;
use crate::random::Stream;
use crate::time::{Span, Time};

/// What a fault does to a link.
#[derive(Debug, Clone)]
pub(crate) enum Trouble {
    /// Nothing gets through; it is sent again afterwards.
    Cut,
    /// Nothing arrives; all of it does afterwards.
    Stall,
    /// Frames take longer: all, or those with this label.
    Delay { label: Option<Box<str>>, by: Longer },
    /// At most so many bytes a second.
    Throttle(u64),
    /// Frames with this label do not leave, and nothing that follows them on their connection.
    Hold(Box<str>),
    /// Connection requests are refused.
    Refuse,
    /// Connection requests get no answer.
    Hang,
}

/// How much longer something takes.
#[derive(Debug, Clone)]
pub(crate) enum Longer {
    /// Always this much.
    Always(Span),
    /// A draw from the first up to the second, excluded.
    Drawn(Span, Span, Box<(String, Stream)>),
}

impl Longer {
    fn draw(&mut self) -> Span {
        match self {
            Self::Always(by) => *by,
            Self::Drawn(least, most, named) => Span(named.1.range(least.0, most.0)),
        }
    }
}

/// One direction between two hosts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Link {
    /// Its own latency, if not the network's.
    pub(crate) latency: Option<Distribution>,
    /// Its own bytes a second, if not the network's.
    pub(crate) bandwidth: Option<u64>,
    /// How many connections were opened over it: the third part of a stream's name.
    pub(crate) connects: u64,
    free_at: Time,
    troubles: Vec<(FaultId, Trouble)>,
    blocked: bool,
    filtered: bool,
}

impl Link {
    pub(crate) fn add(&mut self, fault: FaultId, trouble: Trouble) {
        self.troubles.push((fault, trouble));
        self.sum_up();
    }

    pub(crate) fn remove(&mut self, fault: FaultId) {
        self.troubles.retain(|&(id, _)| id != fault);
        self.sum_up();
    }

    /// LI-1.
    fn sum_up(&mut self) {
        let blocked = self.blockers().next().is_some();
        self.blocked = blocked;
        self.filtered =
            self.troubles.iter().any(|(_, trouble)| matches!(trouble, Trouble::Hold(_)));
    }

    /// What its jitter is drawn from.
    pub(crate) fn jitters(&self) -> impl Iterator<Item = &(String, Stream)> {
        self.troubles.iter().filter_map(|(_, trouble)| match trouble {
            Trouble::Delay { by: Longer::Drawn(_, _, named), .. } => Some(&**named),
            _ => None,
        })
    }

    pub(crate) fn rekey(&mut self, salt: u64) {
        for (_, trouble) in &mut self.troubles {
            if let Trouble::Delay { by: Longer::Drawn(_, _, named), .. } = trouble {
                named.1.rekey(salt);
            }
        }
    }

    /// Whether nothing gets through.
    #[inline]
    pub(crate) const fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// The cuts and stalls that act on it.
    pub(crate) fn blockers(&self) -> impl Iterator<Item = FaultId> {
        self.that(|trouble| matches!(trouble, Trouble::Cut | Trouble::Stall))
    }

    /// Whether a filter acts on it.
    #[inline]
    pub(crate) const fn is_filtered(&self) -> bool {
        self.filtered
    }

    /// The filters that hold frames with this label.
    pub(crate) fn holders<'a>(&'a self, label: &'a str) -> impl Iterator<Item = FaultId> + 'a {
        self.that(move |trouble| matches!(trouble, Trouble::Hold(held) if &**held == label))
    }

    /// The faults that refuse connection requests.
    pub(crate) fn refusers(&self) -> impl Iterator<Item = FaultId> {
        self.that(|trouble| matches!(trouble, Trouble::Refuse))
    }

    /// The faults that swallow connection requests.
    pub(crate) fn swallowers(&self) -> impl Iterator<Item = FaultId> {
        self.that(|trouble| matches!(trouble, Trouble::Hang))
    }

    fn that(&self, acts: impl Fn(&Trouble) -> bool) -> impl Iterator<Item = FaultId> {
        self.troubles.iter().filter(move |(_, trouble)| acts(trouble)).map(|&(id, _)| id)
    }

    /// Puts `count` bytes of a frame with a label on the link at `now`; answers when the last one
    /// leaves, beside the link's latency, and reports to `late` how much each fault added.
    #[inline]
    pub(crate) fn carry(
        &mut self,
        now: Time,
        (label, count): (&str, u64),
        bandwidth: u64,
        late: impl FnMut(FaultId, Span),
    ) -> Time {
        let start = self.free_at.max(now);
        let usual = transmission(count, bandwidth);
        if self.troubles.is_empty() {
            self.free_at = start + usual;
            return self.free_at;
        }
        self.carry_in_trouble(now, (label, count, bandwidth), (start, usual), late)
    }

    fn carry_in_trouble(
        &mut self,
        now: Time,
        (label, count, bandwidth): (&str, u64, u64),
        (start, usual): (Time, Span),
        mut late: impl FnMut(FaultId, Span),
    ) -> Time {
        let (mut longest, mut narrowest) = (usual, None);
        let mut added = Span::ZERO;
        for (fault, trouble) in &mut self.troubles {
            let fault = *fault;
            match trouble {
                Trouble::Throttle(limit) => {
                    // Of several the lowest counts, and is to blame.
                    let took = transmission(count, bandwidth.min(*limit));
                    if narrowest.is_none() || took > longest {
                        (longest, narrowest) = (took.max(usual), Some(fault));
                    }
                }
                Trouble::Delay { label: only, by } => {
                    if only.as_ref().is_none_or(|only| &**only == label) {
                        let by = by.draw();
                        late(fault, by);
                        added += by;
                    }
                }
                Trouble::Cut
                | Trouble::Stall
                | Trouble::Hold(_)
                | Trouble::Refuse
                | Trouble::Hang => {}
            }
        }
        if let Some(fault) = narrowest {
            late(fault, Span(longest.0.saturating_sub(usual.0)) + start.since(now));
        }
        self.free_at = start + longest;
        self.free_at + added
    }
}

#[inline]
fn transmission(count: u64, bandwidth: u64) -> Span {
    if bandwidth == u64::MAX {
        return Span::ZERO;
    }
    Span(count.saturating_mul(1_000_000_000) / bandwidth.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_throttles_the_lowest_counts_and_is_to_blame_for_the_queue_too() {
        let mut link = Link::default();
        link.add(FaultId(1), Trouble::Throttle(1_000_000));
        link.add(FaultId(2), Trouble::Throttle(100_000));
        link.add(FaultId(3), Trouble::Throttle(500_000));
        let mut late = Vec::new();
        let mut carry =
            |at| link.carry(at, ("", 1_000), 1_000_000_000, |id, by| late.push((id, by)));
        assert_eq!(carry(Time(0)), Time(10_000_000), "10 ms at 100 kB/s");
        assert_eq!(carry(Time(0)), Time(20_000_000), "and the next one behind it");
        let want = [(FaultId(2), Span(9_999_000)), (FaultId(2), Span(19_999_000))];
        assert_eq!(late, want, "its own time, and the time in the queue");
    }

    #[test]
    fn delays_add_up_and_a_hold_holds_whatever_else_begins() {
        let mut link = Link::default();
        let always = |by| Trouble::Delay { label: None, by: Longer::Always(Span(by)) };
        link.add(FaultId(1), always(5));
        link.add(FaultId(2), Trouble::Hold(Box::from("Fetch")));
        link.add(FaultId(3), always(7));
        assert!(link.is_filtered() && !link.is_blocked(), "LI-1");
        let left = link.carry(Time(100), ("", 0), u64::MAX, |_, _| {});
        assert_eq!(left, Time(112), "5 and 7");
        link.add(FaultId(4), Trouble::Cut);
        assert!(link.is_filtered() && link.is_blocked(), "LI-1: both act");
        link.remove(FaultId(2));
        assert!(!link.is_filtered() && link.is_blocked(), "LI-1: one has ended");
    }

    #[test]
    fn a_throttle_is_told_apart_from_the_links_own_time() {
        let mut link = Link::default();
        let mut late = Vec::new();
        assert_eq!(
            link.carry(Time(0), ("", 1_000), 1_000_000, |id, by| late.push((id, by))),
            Time(1_000_000),
            "1 ms"
        );
        assert!(late.is_empty(), "no fault");
        link.add(FaultId(4), Trouble::Throttle(100_000));
        link.add(FaultId(5), Trouble::Delay { label: None, by: Longer::Always(Span(7)) });
        let left =
            link.carry(Time(2_000_000), ("", 1_000), 1_000_000, |id, by| late.push((id, by)));
        assert_eq!(left, Time(12_000_007), "10 ms and the delay");
        assert_eq!(late, [(FaultId(5), Span(7)), (FaultId(4), Span(9_000_000))], "who added what");
        link.remove(FaultId(4));
        link.remove(FaultId(5));
        assert_eq!(
            link.carry(Time(0), ("", 1_000), 1_000_000, |id, by| late.push((id, by))),
            Time(13_000_000),
            "queued"
        );
    }
}
