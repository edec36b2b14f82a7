//! What faults did, and when: their counters, looked at every so often while a record is kept.
//!
//! Holds:      for each part of each fault the moments by which its counters had grown.
//! Invariants: DE-1 looking changes nothing. DE-2 a part that did nothing has no deed.

use std::collections::BTreeMap;

use trial_sim::{FaultEffect, FaultId, HostId, Span, Time};

/// Between two looks.
pub(crate) const EVERY: Span = Span::from_millis(50);

/// What a part of a fault acts on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum On {
    /// What one host sends to another.
    Link(HostId, HostId),
    /// A host: its process, its clock, its disks.
    Host(HostId),
    /// Several, or something else.
    Other,
}

/// A part of a fault did something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deed {
    /// By then, and after the look before.
    pub at: Time,
    /// The entry of the fault in the record.
    pub fault: usize,
    /// On what.
    pub on: On,
}

impl Deed {
    /// Whether it was done to this host, or to what it sends or is sent.
    #[must_use]
    pub fn touches(&self, host: HostId) -> bool {
        match self.on {
            On::Link(from, to) => from == host || to == host,
            On::Host(on) => on == host,
            On::Other => false,
        }
    }
}

/// What all faults did, in order.
#[derive(Debug, Clone, Default)]
pub struct Deeds {
    /// Entries of the record by the faults' places in the plan.
    entries: BTreeMap<usize, usize>,
    counters: BTreeMap<FaultId, FaultEffect>,
    all: Vec<Deed>,
}

impl Deeds {
    /// The deeds, oldest first.
    #[must_use]
    pub fn all(&self) -> &[Deed] {
        &self.all
    }

    pub(super) fn begin(&mut self, index: usize, entry: usize) {
        self.entries.insert(index, entry);
    }

    pub(super) fn look(
        &mut self,
        at: Time,
        index: usize,
        (part, on): (FaultId, On),
        effect: FaultEffect,
    ) {
        let Some(fault) = self.entries.get(&index).copied() else { return };
        let mut effect = effect;
        // It grows by itself; somebody has to read the clock.
        effect.skew_ns_max = 0;
        let before = self.counters.insert(part, effect).unwrap_or_default();
        if before != effect {
            self.all.push(Deed { at, fault, on });
        }
    }
}
