//! The record of a run: what was seen and what became of it, in order; kept only when somebody asks.
//!
//! Holds:      facts with their times, notes, crashes, faults, and what a crash gave back.
//! Inputs:     the same as the judge's, and the judge's facts.
//! Invariants: RC-1 keeping it changes nothing of the run: its digest is the same.

use std::collections::BTreeMap;
use std::sync::Arc;

use trial_cluster::controller::election::ElectedFrom;
use trial_cluster::ids::TopicPartition;
use trial_cluster::image::PartitionRegistration;
use trial_cluster::note::Note;
use trial_cluster::note::controller::{ChangeReason, ControllerNote};
use trial_sim::fault::Fault;
use trial_sim::{CrashKind, FaultEffect, FaultId, HostId, Seen, Time};

use super::deeds::{Deeds, On};
use crate::facts::{Fact, Facts, Known, ReplicaLog, Stored};

/// One thing that happened.
#[derive(Debug, Clone)]
pub struct Entry {
    /// When.
    pub at: Time,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone)]
pub enum What {
    /// Something became known of a partition.
    Known(TopicPartition, Fact),
    /// The active controller wrote a record that changes a partition.
    Registered {
        /// Which controller.
        host: HostId,
        /// The partition.
        partition: TopicPartition,
        /// Before.
        old: Option<Arc<PartitionRegistration>>,
        /// After.
        new: Arc<PartitionRegistration>,
        /// Why.
        why: ChangeReason,
        /// From where a new leader was taken.
        elected: Option<ElectedFrom>,
    },
    /// A crash gave a replica a batch that its log did not have any more.
    CameBack {
        /// Whose disk.
        host: HostId,
        /// The partition.
        partition: TopicPartition,
        /// The batch.
        batch: Stored,
    },
    /// A host went down.
    Crashed {
        /// Which.
        host: HostId,
        /// How.
        kind: CrashKind,
    },
    /// A host's program was made.
    Booted {
        /// Which.
        host: HostId,
        /// 1 at the first boot.
        incarnation: u32,
    },
    /// A program ended by itself.
    Stopped {
        /// Whose.
        host: HostId,
        /// Why, if it ended in disorder.
        halt: Option<&'static str>,
    },
    /// A fault was carried out.
    Fault {
        /// As it happened.
        fault: Arc<Fault>,
        /// Whom it hit.
        hosts: Vec<HostId>,
    },
    /// Any other note.
    Noted {
        /// Who.
        host: HostId,
        /// What.
        note: Note,
    },
}

impl What {
    /// The host that did it, or to whom it happened; none for a fault, which may hit several.
    #[must_use]
    pub fn host(&self) -> Option<HostId> {
        match self {
            Self::Known(_, fact) => Some(match fact {
                Fact::Written { host, .. }
                | Fact::Removed { host, .. }
                | Fact::Dropped { host, .. }
                | Fact::Deleted { host, .. }
                | Fact::Cleaned { host, .. }
                | Fact::Mixed { host, .. }
                | Fact::LogStartMoved { host, .. }
                | Fact::BadBytes { host, .. }
                | Fact::Noted { host, .. }
                | Fact::Registered { host, .. }
                | Fact::LowWatermarkTold { host, .. }
                | Fact::Fetched { host, .. } => *host,
                Fact::Acked { ack, .. } => ack.by,
                Fact::EndTold { told, .. } => told.host,
            }),
            Self::Registered { host, .. }
            | Self::CameBack { host, .. }
            | Self::Crashed { host, .. }
            | Self::Booted { host, .. }
            | Self::Stopped { host, .. }
            | Self::Noted { host, .. } => Some(*host),
            Self::Fault { .. } => None,
        }
    }

    /// The partition that it is about.
    #[must_use]
    pub fn partition(&self) -> Option<TopicPartition> {
        match self {
            Self::Known(partition, _)
            | Self::Registered { partition, .. }
            | Self::CameBack { partition, .. } => Some(*partition),
            _ => None,
        }
    }
}

/// The record of a run.
#[derive(Debug, Clone, Default)]
pub struct Record {
    entries: Vec<Entry>,
    /// For each violation how many entries there were when it was found.
    found: Vec<usize>,
    /// The logs of the host that is about to go down.
    before: BTreeMap<TopicPartition, ReplicaLog>,
    /// What faults did, and when.
    deeds: Deeds,
}

impl Record {
    /// Everything, oldest first.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// How many entries there were when the violation at this place was found.
    #[must_use]
    pub fn until(&self, violation: usize) -> usize {
        self.found.get(violation).copied().unwrap_or(self.entries.len())
    }

    /// Something was seen and the judge does not know it yet: logs are looked at before a crash.
    pub fn before(&mut self, seen: &Seen<Note>, facts: &Facts) {
        let (Seen::Crashed { host, .. } | Seen::Stopped { host, .. }) = seen else { return };
        let logs = facts.partitions().filter_map(|one| Some((one.id, one.logs.get(host)?.clone())));
        self.before = logs.collect();
    }

    /// Something was seen, and the judge knows it.
    pub fn after(&mut self, seen: &Seen<Note>, known: &[Known], facts: &Facts) {
        for Known { at, partition, fact } in known {
            if !matches!(fact, Fact::Registered { .. }) {
                self.push(*at, What::Known(*partition, fact.clone()));
            }
        }
        match seen {
            Seen::Note { at, host, note, .. } => self.on_note(*at, *host, note, known),
            Seen::Crashed { at, host, kind, .. } => {
                self.push(*at, What::Crashed { host: *host, kind: *kind });
                self.what_came_back(*at, *host, facts);
            }
            Seen::Stopped { at, host, halt } => {
                self.push(*at, What::Stopped { host: *host, halt: *halt });
                self.what_came_back(*at, *host, facts);
            }
            Seen::Booted { at, host, incarnation } => {
                self.push(*at, What::Booted { host: *host, incarnation: *incarnation });
            }
            Seen::Sent { .. }
            | Seen::Connected { .. }
            | Seen::Closed { .. }
            | Seen::Disk { .. } => {}
        }
    }

    fn on_note(&mut self, at: Time, host: HostId, note: &Note, known: &[Known]) {
        match note {
            // It is there already, as a fact.
            Note::Partition(_) => {}
            Note::Controller(ControllerNote::PartitionChanged {
                partition,
                old,
                new,
                why,
                elected,
                ..
            }) => {
                if known.iter().any(|one| matches!(one.fact, Fact::Registered { .. })) {
                    let (old, new) = (old.clone(), Arc::clone(new));
                    let (why, elected) = (*why, *elected);
                    let partition = *partition;
                    self.push(at, What::Registered { host, partition, old, new, why, elected });
                }
            }
            _ => self.push(at, What::Noted { host, note: note.clone() }),
        }
    }

    fn what_came_back(&mut self, at: Time, host: HostId, facts: &Facts) {
        for (partition, before) in std::mem::take(&mut self.before) {
            let now = facts.partition(partition).and_then(|one| one.logs.get(&host));
            let Some(now) = now else { continue };
            let is_new =
                |batch: &&Stored| !before.at(batch.base).is_some_and(|known| known.is_same(batch));
            let back: Vec<Stored> = now.from(now.start()).filter(is_new).copied().collect();
            for batch in back {
                self.push(at, What::CameBack { host, partition, batch });
            }
        }
    }

    /// A fault was carried out; `index` is its place in the plan.
    pub fn on_fault(&mut self, at: Time, index: usize, fault: Fault, hosts: &[HostId]) {
        self.deeds.begin(index, self.entries.len());
        self.push(at, What::Fault { fault: Arc::new(fault), hosts: hosts.to_vec() });
    }

    /// What faults did, and when.
    #[must_use]
    pub fn deeds(&self) -> &Deeds {
        &self.deeds
    }

    /// A part of the fault at `index` of the plan acts on this, and has done so much so far.
    pub(crate) fn on_effect(
        &mut self,
        at: Time,
        index: usize,
        (part, on): (FaultId, On),
        effect: FaultEffect,
    ) {
        self.deeds.look(at, index, (part, on), effect);
    }

    /// So many violations are known by now.
    pub fn violations(&mut self, count: usize) {
        self.found.resize(count.max(self.found.len()), self.entries.len());
    }

    fn push(&mut self, at: Time, what: What) {
        self.entries.push(Entry { at, what });
    }
}
