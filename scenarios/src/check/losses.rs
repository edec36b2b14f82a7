//! What was told safe and is gone, judged at the end: lost-write, C2, and what of it is excused.
//!
//! In Kafka:   the promise of `acks`; Jepsen's `lost-write`.
//! Inputs:     the records on the leaders' disks, read again; what producers were told; where last copies vanished.
//! Invariants: lost-write what was told safe is there, or was lost as its settings allow and a fault explains. C2 the
//!             told offset holds that record.

use std::collections::BTreeMap;

use trial_cluster::note::client::{RECORD_ID_HEADER, RecordId};
use trial_sim::{HostId, Time};

use super::clients::{Clients, Fate, Outcome};
use super::promise::{FaultSeen, Weakness, explanation, explanation_of_committed};
use super::verdicts::{Breach, Excuse, Verdicts, replica_hosts};
use super::{compaction, history, words};
use crate::facts::{
    Acked, Disks, Facts, Gone, PartitionFacts, ReplicaLog, Role, Vanished, segment_path,
};
use crate::tap::{batches, records};

/// A record that was told safe and is not where it should be.
pub(super) struct Lost<'a> {
    pub(super) id: RecordId,
    pub(super) sender: HostId,
    pub(super) fate: &'a Fate,
    /// What stands there instead.
    instead: Option<RecordId>,
}

impl Lost<'_> {
    /// What a broker said of it.
    fn told<'a>(&self, partition: &'a PartitionFacts) -> Option<&'a Acked> {
        let covers = |ack: &&Acked| {
            ack.producer == self.sender
                && ack.at <= self.fate.told_at
                && (ack.base..ack.base + i64::from(ack.count)).contains(&self.fate.offset)
        };
        partition.acked.iter().filter(covers).last()
    }
}

/// A producer's setting, by its number.
const fn name_of(acks: i16) -> &'static str {
    match acks {
        -1 => "acks=all",
        0 => "acks=0",
        _ => "acks=1",
    }
}

/// Losses that one fault explains.
struct Group {
    first: i64,
    last: i64,
    count: u64,
    fault: String,
}

/// Where the last copy went, when, and what allows it.
type Key = (Time, HostId, String, &'static str);

/// What became of records that were told safe and are not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ended {
    /// Lost, as settings and faults allow.
    pub excused: u64,
    /// Let go by retention.
    pub let_go: u64,
}

/// The judge of losses.
pub struct Losses<'a> {
    /// When the run ended.
    pub at: Time,
    /// What clients said.
    pub clients: &'a Clients,
    /// What is known.
    pub facts: &'a Facts,
    /// What was done.
    pub faults: &'a [FaultSeen],
    /// What is on disks.
    pub disks: &'a dyn Disks,
}

impl Losses<'_> {
    /// The run is over. Answers how many losses are excused, and how many records were let go.
    pub fn finish(&self, verdicts: &mut Verdicts) -> Ended {
        let mut by_partition: Vec<Vec<(RecordId, HostId, &Fate)>> =
            vec![Vec::new(); self.clients.partitions.len()];
        for (id, sender, fate) in self.clients.fates() {
            if fate.outcome == Outcome::Acked {
                by_partition[usize::from(fate.partition)].push((id, sender, fate));
            }
        }
        let mut ended = Ended::default();
        for (place, acked) in by_partition.iter().enumerate() {
            let Some(partition) = self.facts.partition(self.clients.partitions[place]) else {
                continue;
            };
            self.partition(partition, acked, &mut ended, verdicts);
        }
        ended
    }

    fn partition(
        &self,
        partition: &PartitionFacts,
        acked: &[(RecordId, HostId, &Fate)],
        ended: &mut Ended,
        verdicts: &mut Verdicts,
    ) {
        let leader = partition.leader().and_then(|id| self.facts.setup.host_of(id));
        let Some(leader) = leader else {
            if !acked.is_empty() {
                verdicts.unknown(format!(
                    "{} has no leader at the end: nobody can say whether {} acknowledged records are safe",
                    partition.name(),
                    acked.len()
                ));
            }
            return;
        };
        // What lies below is not promised any more: the leader's log starts behind it, and may.
        let start =
            partition.logs.get(&leader).map_or(0, ReplicaLog::begin).min(partition.legal_start);
        let on_disk = self.records(leader, partition);
        let mut anywhere: Option<Vec<RecordId>> = None;
        let mut groups: BTreeMap<Key, Group> = BTreeMap::new();
        for (id, sender, fate) in acked {
            if fate.offset.max(fate.seen) >= 0 && fate.offset.max(fate.seen) < start {
                ended.let_go += 1;
                continue;
            }
            // Nobody was told where it is: it may have been anywhere below, or was superseded.
            if fate.offset < 0 && start == 0 && !partition.keeps_records {
                let known = anywhere.get_or_insert_with(|| {
                    let mut known: Vec<RecordId> = on_disk.iter().map(|(_, id)| *id).collect();
                    known.sort_unstable();
                    known
                });
                if known.binary_search(id).is_err() {
                    let lost = Lost { id: *id, sender: *sender, fate, instead: None };
                    self.unasked(partition, &lost, &mut groups, verdicts);
                }
                continue;
            }
            if fate.offset < 0 {
                continue;
            }
            let place = on_disk.binary_search_by_key(&fate.offset, |(offset, _)| *offset);
            let instead = place.ok().map(|place| on_disk[place].1);
            let lost = Lost { id: *id, sender: *sender, fate, instead };
            let is_superseded = compaction::may_be_gone(partition, fate.offset);
            if instead.is_none() && is_superseded {
                ended.let_go += 1;
            } else if instead != Some(*id) {
                self.lost(partition, leader, &lost, &mut groups, verdicts);
            } else if fate.seen >= 0
                || is_superseded
                || !self.clients.went_over(partition.id, fate.offset)
            {
                // It was read, or nobody had to.
            } else if fate.offset < self.clients.polled_end(partition.id) {
                self.never_read(partition, leader, &lost, &mut groups, verdicts);
            } else {
                history::unseen(self.at, &lost, partition, self.clients, self.facts, verdicts);
            }
        }
        ended.excused += groups.values().map(|group| group.count).sum::<u64>();
        for ((at, host, setting, acks), group) in groups {
            verdicts.excused(self.excuse(partition, (at, host, setting, acks), group));
        }
    }

    fn excuse(
        &self,
        partition: &PartitionFacts,
        (at, host, setting, acks): Key,
        group: Group,
    ) -> Excuse {
        let span = match group.first {
            ..0 => String::new(),
            first => format!(" at {}", words::offsets(first, group.last)),
        };
        let noun = if group.count == 1 { "record" } else { "records" };
        Excuse {
            what: format!(
                "{}: {} {noun}{span}, told safe with {acks}",
                partition.name(),
                group.count
            ),
            fault: group.fault,
            setting,
            host: self.facts.setup.name(host).to_owned(),
            at,
        }
    }

    /// The ids of the records on a disk, by their offsets.
    fn records(&self, host: HostId, partition: &PartitionFacts) -> Vec<(i64, RecordId)> {
        let folder = format!("{}-{}", partition.topic, partition.id.partition);
        let disk = self.disks.disk(host);
        let mut found = Vec::new();
        let Some(log) = partition.logs.get(&host) else { return found };
        for base in log.segment_bases() {
            let bytes = disk.peek(&segment_path(&folder, base), 0, u64::MAX).unwrap_or_default();
            for head in batches(&bytes, true).unwrap_or_default() {
                for record in records(&head).unwrap_or_default() {
                    let id = record.headers.iter().find(|(name, _)| &name[..] == RECORD_ID_HEADER);
                    let id = id.and_then(|(_, value)| RecordId::from_header(value.as_deref()?));
                    found.extend(id.map(|id| (record.offset, id)));
                }
            }
        }
        found.sort_unstable_by_key(|(offset, _)| *offset);
        found
    }

    /// With acks=0 nobody says anything: any fault before may have taken it on its way.
    fn unasked(
        &self,
        partition: &PartitionFacts,
        lost: &Lost<'_>,
        groups: &mut BTreeMap<Key, Group>,
        verdicts: &mut Verdicts,
    ) {
        let limit = lost.fate.told_at + trial_sim::Span::from_secs(10);
        let fault = self.faults.iter().rev().find(|fault| fault.at <= limit);
        let asked_nothing =
            matches!(self.facts.setup.role(lost.sender), Some(Role::Producer { acks: 0, .. }));
        let (Some(fault), true) = (fault, asked_nothing) else {
            self.violation("lost-write", partition, lost, "it is nowhere".to_owned(), verdicts);
            return;
        };
        let key = (fault.at, lost.sender, "acks=0".to_owned(), "acks=0");
        join(groups, key, -1, &fault.text);
    }

    fn lost(
        &self,
        partition: &PartitionFacts,
        leader: HostId,
        lost: &Lost<'_>,
        groups: &mut BTreeMap<Key, Group>,
        verdicts: &mut Verdicts,
    ) {
        let offset = lost.fate.offset;
        let now = match lost.instead {
            Some(other) => {
                format!("{} holds record {:x} there", self.facts.setup.name(leader), other.0)
            }
            None => format!("{} holds no record there", self.facts.setup.name(leader)),
        };
        let id = if lost.instead.is_some() { "C2" } else { "lost-write" };
        let Some(ack) = lost.told(partition) else {
            let why = format!("no broker has told {} so", self.facts.setup.name(lost.sender));
            let why = format!("{} {why}", words::when(self.at));
            return self.violation("C2", partition, lost, why, verdicts);
        };
        let gone = partition
            .vanished
            .iter()
            .filter(|gone| gone.batch.base == ack.base && gone.batch.crc == ack.crc)
            .last();
        let Some(gone) = gone else {
            let now = format!("{} {now}", words::when(self.at));
            return self.violation(id, partition, lost, now, verdicts);
        };
        match self.allowed(partition, ack, gone) {
            Some((setting, fault)) => {
                let key = (gone.at, gone.host, setting, name_of(ack.acks));
                join(groups, key, offset, &fault.text);
            }
            None => {
                let how = if gone.how == Gone::Crash { "in a crash of" } else { "by a cut on" };
                let host = self.facts.setup.name(gone.host);
                let now =
                    format!("{} the last copy vanished {how} {host}; {now}", words::when(gone.at));
                self.violation("lost-write", partition, lost, now, verdicts);
            }
        }
    }

    /// The setting that allows the loss, and the fault that explains it.
    fn allowed(
        &self,
        partition: &PartitionFacts,
        ack: &Acked,
        gone: &Vanished,
    ) -> Option<(String, &FaultSeen)> {
        let (facts, faults) = (self.facts, self.faults);
        let committed =
            partition.committed_at(ack.base).is_some_and(|entry| entry.batch.crc == ack.crc);
        if ack.acks == 1 && !committed {
            let fault = explanation(facts, faults, partition, ack, gone)?;
            return Some(("acks=1".to_owned(), fault));
        }
        let weakness = Weakness::of(facts, partition)?;
        let replicas = replica_hosts(facts, partition);
        let fault = explanation_of_committed(facts, faults, &replicas, partition, gone)?;
        Some((weakness.to_string(), fault))
    }

    fn never_read(
        &self,
        partition: &PartitionFacts,
        leader: HostId,
        lost: &Lost<'_>,
        groups: &mut BTreeMap<Key, Group>,
        verdicts: &mut Verdicts,
    ) {
        // For a while a leader stood that lacks it: consumers read its records there, and are not told that those are
        // gone again (seed 14813 of `any_cluster`).
        let (offset, since) = (lost.fate.offset, lost.fate.told_at);
        if let Some(term) = history::elected_without(partition, offset, since..=self.at) {
            let fault = history::election_without("it for a while", term, self.faults);
            let acks = name_of(lost.told(partition).map_or(0, |ack| ack.acks));
            let key = (term.at, term.leader, history::UNCLEAN.to_owned(), acks);
            return join(groups, key, offset, &fault);
        }
        let read_on = self.clients.polled_end(partition.id);
        let leader = self.facts.setup.name(leader);
        let why = format!(
            "it is on the disk of {leader}, consumers read on to {read_on}, and nobody has read it"
        );
        let earliest = self.clients.gaps.iter().any(|gap| {
            gap.partition == partition.id && (gap.from..gap.to).contains(&lost.fate.offset)
        });
        let reads = self.clients.streams.keys().any(|(_, id)| *id == partition.id);
        // Who begins at the end of a log need not read what lies before.
        if earliest || reads && self.clients.polled_at(partition.id, 0).is_some() {
            self.violation("lost-write", partition, lost, why, verdicts);
        }
    }

    fn violation(
        &self,
        invariant: &'static str,
        partition: &PartitionFacts,
        lost: &Lost<'_>,
        now: String,
        verdicts: &mut Verdicts,
    ) {
        let facts = self.facts;
        let (name, sender) = (partition.name(), facts.setup.name(lost.sender));
        let place = match lost.fate.offset {
            ..0 => "a record".to_owned(),
            offset => format!("offset {offset}"),
        };
        let breach = Breach {
            invariant,
            at: self.at,
            message: format!("{name}: {place} was told safe to {sender} and is lost"),
            facts: [
                format!(
                    "{} was told that record {:x} is safe ({place})",
                    words::who(facts, lost.fate.told_at, lost.sender),
                    lost.id.0
                ),
                now,
            ],
        };
        verdicts.always(&name, breach);
    }
}

fn join(groups: &mut BTreeMap<Key, Group>, key: Key, offset: i64, fault: &str) {
    let group = groups.entry(key).or_insert_with(|| Group {
        first: offset,
        last: offset,
        count: 0,
        fault: fault.to_owned(),
    });
    group.first = group.first.min(offset);
    group.last = group.last.max(offset);
    group.count += 1;
}
