//! What was committed stays: R3, R4, R9.
//!
//! In Kafka:   the promise of the high watermark; `LogMatchingProperty`, `CommittedImmutable` of the specifications.
//! Inputs:     what disks gain and lose; audits compare every replica with the ledger.
//! Invariants: R3 below both high watermarks two replicas hold the same. R4 the leader holds what was committed.
//!             R9 some disk holds it.

use std::collections::BTreeMap;

use trial_cluster::ids::TopicPartition;
use trial_sim::{HostId, Time};

use super::verdicts::{Breach, Verdicts};
use super::{compaction, words};
use crate::facts::{
    Committed, Fact, Facts, Gone, Known, PartitionFacts, ReplicaLog, Stored, Vanished,
};

/// The checker.
#[derive(Debug, Clone, Default)]
pub struct CommittedRecords {
    /// How many vanished batches were looked at.
    looked_at: BTreeMap<TopicPartition, usize>,
}

impl CommittedRecords {
    /// Something became known.
    pub fn on(&mut self, known: &Known, facts: &Facts, verdicts: &mut Verdicts) {
        match &known.fact {
            Fact::Written { host, batch, .. } => {
                let Some(partition) = facts.partition(known.partition) else { return };
                if batch.base < partition.committed_end {
                    on_overwritten(known.at, *host, batch, partition, facts, verdicts);
                }
            }
            Fact::Dropped { refused: None, .. } | Fact::Cleaned { .. } | Fact::Deleted { .. } => {
                if let Some(partition) = facts.partition(known.partition) {
                    self.on_vanished(partition, facts, verdicts);
                }
            }
            Fact::Removed { host, from, .. } | Fact::Dropped { host, from, .. } => {
                let Some(partition) = facts.partition(known.partition) else { return };
                self.on_vanished(partition, facts, verdicts);
                if *from < partition.committed_end {
                    on_removed(known.at, *host, *from, partition, facts, verdicts);
                }
            }
            _ => {}
        }
    }

    fn on_vanished(&mut self, partition: &PartitionFacts, facts: &Facts, verdicts: &mut Verdicts) {
        let from = self.looked_at.entry(partition.id).or_insert(0);
        for lost in partition.vanished.iter_from(*from) {
            let Some((entry, first, last)) = loss(partition, lost) else { continue };
            let name = partition.name();
            let span = words::offsets(first, last);
            let how = if lost.how == Gone::Crash { "lost in a crash" } else { "cut away" };
            let host = facts.setup.name(lost.host);
            let breach = Breach {
                invariant: "R9",
                at: lost.at,
                message: format!("{name} {span} was committed and is on no disk any more"),
                facts: [
                    words::committed(facts, entry),
                    format!("{} the last copy was {how} on {host}", words::when(lost.at)),
                ],
            };
            verdicts.durable(facts, partition, breach);
        }
        *from = partition.vanished.len();
    }

    /// Compares every replica of the partition with the ledger, as far as each knows itself to be right.
    pub fn audit(
        &self,
        at: Time,
        partition: &PartitionFacts,
        facts: &Facts,
        verdicts: &mut Verdicts,
    ) {
        for (host, log) in &partition.logs {
            if partition.lossy.contains(host) {
                continue;
            }
            let until = log.high_watermark.min(log.end()).min(partition.committed_end);
            if let Some((entry, found)) = first_difference(partition, log, until) {
                let breach = differs("R3", at, *host, entry, found, partition, facts);
                verdicts.durable(facts, partition, breach);
            }
        }
    }
}

/// What of a batch that has vanished was committed, and had to stay: its entry, and from where to where.
fn loss<'a>(partition: &'a PartitionFacts, lost: &Vanished) -> Option<(&'a Committed, i64, i64)> {
    if lost.how == Gone::LetGo {
        return None;
    }
    if partition.keeps_records {
        let offset = compaction::lost_of(partition, &lost.batch)?.offset;
        return Some((partition.committed_at(offset)?, offset, offset));
    }
    let entry = partition.committed_at(lost.batch.base)?;
    entry.batch.is_same(&lost.batch).then_some((entry, lost.batch.base, lost.batch.last))
}

/// The first committed batch below `until` that the log has otherwise or not at all. What lies below the start of the
/// log is not asked for, as far as logs have come to start there legally.
pub(super) fn first_difference<'a>(
    partition: &'a PartitionFacts,
    log: &'a ReplicaLog,
    until: i64,
) -> Option<(&'a Committed, Option<&'a Stored>)> {
    let start = log.begin().min(partition.legal_start);
    if partition.keeps_records {
        return compaction::first_difference(partition, log, (start, until));
    }
    let skipped = partition.ledger.partition_point(|entry| entry.batch.last < start);
    let mut own = log.from(start);
    for entry in partition.ledger.iter_from(skipped) {
        if entry.batch.last >= until {
            return None;
        }
        let found = own.next();
        if !found.is_some_and(|found| found.is_same(&entry.batch)) {
            return Some((entry, found));
        }
    }
    None
}

/// A breach: `host` has something else than what was committed.
pub(super) fn differs(
    invariant: &'static str,
    at: Time,
    host: HostId,
    entry: &Committed,
    found: Option<&Stored>,
    partition: &PartitionFacts,
    facts: &Facts,
) -> Breach {
    let name = partition.name();
    let leader = facts.setup.name(entry.leader);
    let leads = partition.leader().and_then(|id| facts.setup.host_of(id)) == Some(host);
    let place = if leads { "its leader" } else { "its replica" };
    let behind = found.is_some_and(|found| found.base > entry.batch.last);
    let state = if found.is_none() || behind { "missing" } else { "different" };
    let span = words::offsets(entry.batch.base, entry.batch.last);
    let is = if entry.batch.base == entry.batch.last { "is" } else { "are" };
    let was = if entry.batch.base == entry.batch.last { "was" } else { "were" };
    Breach {
        invariant,
        at,
        message: format!(
            "{name} {span} {was} committed by {leader} in epoch {} and {is} {state} on {place} {}",
            entry.epoch,
            facts.setup.name(host)
        ),
        facts: [
            words::committed(facts, entry),
            match found {
                Some(next) if behind => format!(
                    "{} has nothing there on its disk, and behind it {}",
                    words::who(facts, at, host),
                    words::batch(next)
                ),
                Some(found) => {
                    format!(
                        "{} has {} on its disk",
                        words::who(facts, at, host),
                        words::batch(found)
                    )
                }
                None => format!("{} has nothing there on its disk", words::who(facts, at, host)),
            },
        ],
    }
}

/// A leader of an older epoch than the one in which it was committed (not: written) may write what is not committed
/// where others have committed meanwhile; one of the same or a newer epoch may not.
fn on_overwritten(
    at: Time,
    host: HostId,
    batch: &Stored,
    partition: &PartitionFacts,
    facts: &Facts,
    verdicts: &mut Verdicts,
) {
    let Some(entry) = partition.committed_at(batch.base) else { return };
    let is_other = if partition.keeps_records {
        let log = partition.logs.get(&host);
        let records = log.into_iter().flat_map(|log| log.records_from(batch.base));
        let records = records.take_while(|record| record.offset <= batch.last);
        compaction::first_uncommitted(partition, records).is_some()
    } else {
        !entry.batch.is_same(batch)
    };
    if batch.epoch >= entry.epoch && is_other {
        let breach = differs("R4", at, host, entry, Some(batch), partition, facts);
        verdicts.durable(facts, partition, breach);
    }
}

/// The newest leader lost something by its own doing.
fn on_removed(
    at: Time,
    host: HostId,
    from: i64,
    partition: &PartitionFacts,
    facts: &Facts,
    verdicts: &mut Verdicts,
) {
    let leads = partition.terms.values().next_back().is_some_and(|term| term.leader == host);
    let registered = partition.leader().and_then(|id| facts.setup.host_of(id)) == Some(host);
    if !leads || !registered || partition.lossy.contains(&host) || facts.down.contains(&host) {
        return;
    }
    let is_needed = !partition.keeps_records || compaction::is_needed_from(partition, from);
    if let Some(entry) = partition.committed_at(from).filter(|_| is_needed) {
        let breach = differs("R4", at, host, entry, None, partition, facts);
        verdicts.durable(facts, partition, breach);
    }
}
