//! What a cleaning may take of a log: S6, S8; and what is committed of a topic that is compacted, record by record.
//!
//! In Kafka:   `LogCleaner`, `Cleaner`; `cleanup.policy=compact`.
//! Inputs:     segments that took the place of others: the fold says which rule that breaks (`facts/compaction.rs`);
//!             audits compare records with the ledger's, and a log that was loaded with its disk.
//! Invariants: S6 records keep their order and their content; one that is gone is superseded by a later one of its key,
//!             or was a tombstone for long enough. S8 a crash leaves the old segments or the new ones.
//! Left out:   whether all but the newest record of a key go in the end: a cleaner that does nothing breaks nothing.

use trial_sim::{HostId, Time};

use super::verdicts::{Breach, Verdicts};
use super::words;
use crate::facts::{
    Committed, Disks, Fact, Facts, Known, PartitionFacts, RecordPrint, ReplicaLog, Stored,
};

/// Something became known.
pub fn on(known: &Known, facts: &Facts, verdicts: &mut Verdicts) {
    let Some(partition) = facts.partition(known.partition) else { return };
    let (at, name) = (known.at, partition.name());
    match &known.fact {
        Fact::Cleaned { host, from, to, high_watermark, refused: Some(rule) } => {
            let (broker, span) = (facts.setup.name(*host), words::offsets(*from, *to));
            let breach = Breach {
                invariant: "S6",
                at,
                message: format!(
                    "{name}: {broker} cleaned the segments of {span}, and may not in this way: {rule}"
                ),
                facts: [
                    format!("{broker} knew a high watermark of {high_watermark}"),
                    format!(
                        "{} put new segments in the place of those of {span}",
                        words::who(facts, at, *host)
                    ),
                ],
            };
            verdicts.always(&format!("{name} {broker}"), breach);
        }
        Fact::Mixed { host, offset, what } => {
            mixed(at, *host, &format!("offset {offset} {what}"), partition, facts, verdicts);
        }
        _ => {}
    }
}

/// A broker has loaded its logs: those that are compacted are what its disk says, and nothing is half done.
pub fn audit_loaded(
    at: Time,
    host: HostId,
    disks: &dyn Disks,
    facts: &Facts,
    verdicts: &mut Verdicts,
) {
    for partition in facts.partitions().filter(|partition| partition.keeps_records) {
        let Some(log) = partition.logs.get(&host) else { continue };
        if log.is_half_swapped() {
            let what = "the load has left files that a cleaning was to replace";
            mixed(at, host, what, partition, facts, verdicts);
            continue;
        }
        let mut on_disk = log.clone();
        on_disk
            .reread(disks.disk(host), &format!("{}-{}", partition.topic, partition.id.partition));
        let differs = on_disk.lacks_of(log).first().or(log.lacks_of(&on_disk).first()).copied();
        if let Some(batch) = differs {
            let what = format!("{} is not as it was before", words::batch(&batch));
            mixed(at, host, &what, partition, facts, verdicts);
        }
    }
}

fn mixed(
    at: Time,
    host: HostId,
    what: &str,
    partition: &PartitionFacts,
    facts: &Facts,
    verdicts: &mut Verdicts,
) {
    let (name, broker) = (partition.name(), facts.setup.name(host));
    let breach = Breach {
        invariant: "S8",
        at,
        message: format!("{name}: of a cleaning that was interrupted {broker} has a mix: {what}"),
        facts: [
            format!("{broker} has the old segments or the new ones, whenever its process ends"),
            format!("{}: {what}", words::who(facts, at, host)),
        ],
    };
    verdicts.always(&format!("{name} {broker}"), breach);
}

/// Whether a record is the one that was committed at its offset; none if nothing is known to be.
fn is_committed(partition: &PartitionFacts, record: &RecordPrint) -> Option<bool> {
    let known = partition.record_at(record.offset);
    known.map(|known| known.record.is_same(record))
}

/// The first of these records that is not what was committed, as its batch in the ledger.
pub(super) fn first_uncommitted<'a>(
    partition: &'a PartitionFacts,
    mut records: impl Iterator<Item = &'a RecordPrint>,
) -> Option<&'a RecordPrint> {
    records.find(|record| {
        let is_there = partition.committed_at(record.offset).is_some();
        is_there && is_committed(partition, record) != Some(true)
    })
}

/// The first committed record from `start` up to `until` that the log has otherwise, or not at all and has to.
pub(super) fn first_difference<'a>(
    partition: &'a PartitionFacts,
    log: &'a ReplicaLog,
    (start, until): (i64, i64),
) -> Option<(&'a Committed, Option<&'a Stored>)> {
    let found = |offset: i64| Some((partition.committed_at(offset)?, log.at(offset)));
    let skipped = partition.records.partition_point(|known| known.record.offset < start);
    let mut own = log.records_from(start).peekable();
    for known in partition.records.iter_from(skipped) {
        let offset = known.record.offset;
        if offset >= until {
            break;
        }
        if let Some(extra) = own.next_if(|record| record.offset < offset) {
            return found(extra.offset);
        }
        match own.next_if(|record| record.offset == offset) {
            Some(record) if record.is_same(&known.record) => {}
            None if partition.may_be_gone(known) => {}
            _ => return found(offset),
        }
    }
    None
}

/// Whether a record that was told safe at `offset` may be missing: it is superseded, say.
pub(super) fn may_be_gone(partition: &PartitionFacts, offset: i64) -> bool {
    partition.record_at(offset).is_some_and(|known| partition.may_be_gone(known))
}

/// Whether something was committed at `from` or behind that may not be gone.
pub(super) fn is_needed_from(partition: &PartitionFacts, from: i64) -> bool {
    let first = partition.records.partition_point(|known| known.record.offset < from);
    partition.records.iter_from(first).any(|known| !partition.may_be_gone(known))
}

/// The first record of a committed batch that is needed, and that no disk holds.
pub(super) fn lost_of<'a>(
    partition: &'a PartitionFacts,
    batch: &Stored,
) -> Option<&'a RecordPrint> {
    let first = partition.records.partition_point(|known| known.record.offset < batch.base);
    let of_this = partition.records.iter_from(first);
    let mut of_this = of_this.take_while(|known| known.record.offset <= batch.last);
    let lost = of_this.find(|known| {
        let holds = |log: &ReplicaLog| {
            log.record(known.record.offset).is_some_and(|here| here.is_same(&known.record))
        };
        !partition.may_be_gone(known) && !partition.logs.values().any(holds)
    });
    lost.map(|known| &known.record)
}

/// The first record from `from` up to `to` that a consumer may not have left out at `at`: it was committed, and could
/// not be gone.
pub(super) fn first_left_out(
    partition: &PartitionFacts,
    (from, to): (i64, i64),
    at: Time,
) -> Option<&Committed> {
    let first = partition.records.partition_point(|known| known.record.offset < from);
    let within = partition.records.iter_from(first).take_while(|it| it.record.offset < to);
    let committed = |offset: i64| partition.committed_at(offset).filter(|entry| entry.at <= at);
    within
        .filter(|known| !partition.might_be_gone(known, at))
        .find_map(|known| committed(known.record.offset))
}
