//! What is written down about producers agrees with the logs, and with what others have written down: S4, S11.
//!
//! In Kafka:   `ProducerStateManager.takeSnapshot`, the files `*.snapshot` beside a log; KIP-98, KIP-360.
//! Holds:      whose log has forgotten producers that were idle for long.
//! Inputs:     audits when a broker has opened its logs and at the end: the files, by a reader of its own, and the log.
//! Invariants: S4 a snapshot at an offset has of each producer the epoch, the last sequence and the last offset of its
//!             last batch below, and a transaction begins with a batch of its producer. S11 two snapshots at one
//!             offset, of logs that agree below, say the same of each producer that both know.
//! Left out:   files that cannot be read: a load drops them. One beyond the end of its log, which a crash leaves. A
//!             producer that is missing after its log was opened: a clean start without a snapshot knows none. Topics
//!             that are compacted, whose last batch of a producer may go once it is forgotten. Markers, which nobody
//!             writes yet.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use trial_cluster::ids::TopicPartition;
use trial_cluster::note::Note;
use trial_log::LogEvent;
use trial_sim::{HostId, Seen, Time};

use super::verdicts::{Breach, Verdicts};
use super::words;
use crate::facts::{Disks, Facts, PartitionFacts, ReplicaLog, Stored};
use crate::tap::{Cursor, Malformed};

/// What a snapshot says of one producer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    epoch: i16,
    last_sequence: i32,
    last_offset: i64,
    /// -1 for none.
    transaction: i64,
}

/// What a snapshot says, by producer.
type Entries = BTreeMap<i64, Entry>;

/// A snapshot of a replica.
struct Snapshot<'a> {
    host: HostId,
    log: &'a ReplicaLog,
    offset: i64,
    entries: Entries,
}

/// Whose files are read, and when.
#[derive(Clone, Copy)]
struct Audit<'a> {
    at: Time,
    partition: &'a PartitionFacts,
    disks: &'a dyn Disks,
    facts: &'a Facts,
}

/// The checker.
#[derive(Debug, Clone, Default)]
pub struct Snapshots {
    forgetful: BTreeSet<(HostId, TopicPartition)>,
}

impl Snapshots {
    /// Something was seen.
    pub fn on_seen(&mut self, seen: &Seen<Note>) {
        if let Seen::Note { host, note: Note::Log { partition, event }, .. } = seen
            && matches!(event, LogEvent::ProducersExpired { .. })
        {
            self.forgetful.insert((*host, *partition));
        }
    }

    /// Reads the snapshots of one host, or of all that run.
    pub fn audit(
        &self,
        at: Time,
        only: Option<HostId>,
        disks: &dyn Disks,
        facts: &Facts,
        verdicts: &mut Verdicts,
    ) {
        for partition in facts.partitions().filter(|partition| !partition.keeps_records) {
            let audit = Audit { at, partition, disks, facts };
            let mut read = Vec::new();
            for (host, log) in &partition.logs {
                let is_meant = only.is_none_or(|only| only == *host);
                if is_meant && !facts.down.contains(host) {
                    audit.read(*host, log, &mut read);
                }
            }
            for snapshot in &read {
                self.faithful(&audit, snapshot, verdicts);
            }
            for (place, snapshot) in read.iter().enumerate() {
                let others = read[place + 1..].iter();
                for other in others.filter(|other| other.offset == snapshot.offset) {
                    audit.alike(snapshot, other, verdicts);
                }
            }
        }
    }

    /// S4.
    fn faithful(&self, audit: &Audit<'_>, snapshot: &Snapshot<'_>, verdicts: &mut Verdicts) {
        let Snapshot { host, log, offset, entries } = snapshot;
        let begin = log.begin();
        let last = last_batches(log, *offset);
        for (producer, entry) in entries {
            let batch = last.get(producer);
            let agrees = match batch.and_then(|batch| Some((batch, batch.sequence?))) {
                Some((batch, sequence)) => {
                    let of_log = (sequence.epoch, sequence.last, batch.last);
                    of_log == (entry.epoch, entry.last_sequence, entry.last_offset)
                }
                // Its batches are gone with the start of the log.
                None => entry.last_offset < begin,
            };
            let begins = entry.transaction < begin || begins_there(log, *producer, entry);
            if !(agrees && begins) {
                audit.tell(snapshot, *producer, Some(entry), batch, verdicts);
                return;
            }
        }
        let opened = audit.partition.opened.get(host);
        let may_have_forgotten = |batch: &Stored| {
            opened.is_some_and(|opened| opened.iter().any(|log| log.end > batch.base))
                || self.forgetful.contains(&(*host, audit.partition.id))
        };
        let absent = |(producer, batch): &(&i64, &&Stored)| {
            !entries.contains_key(producer) && !may_have_forgotten(batch)
        };
        if let Some((producer, batch)) = last.iter().find(absent) {
            audit.tell(snapshot, *producer, None, Some(batch), verdicts);
        }
    }
}

impl Audit<'_> {
    fn read<'a>(&self, host: HostId, log: &'a ReplicaLog, into: &mut Vec<Snapshot<'a>>) {
        let folder = format!("{}-{}/", self.partition.topic, self.partition.id.partition);
        let disk = self.disks.disk(host);
        for (path, _) in disk.files() {
            let offset =
                path.strip_prefix(&*folder).and_then(|file| file.strip_suffix(".snapshot"));
            let Some(offset) = offset.and_then(|digits| digits.parse::<i64>().ok()) else {
                continue;
            };
            let entries = disk.peek(&path, 0, u64::MAX).and_then(entries);
            if let Some(entries) = entries.filter(|_| offset <= log.end()) {
                into.push(Snapshot { host, log, offset, entries });
            }
        }
    }

    /// S11.
    fn alike(&self, one: &Snapshot<'_>, other: &Snapshot<'_>, verdicts: &mut Verdicts) {
        let below = |it: &Snapshot<'_>| it.log.at(one.offset - 1).copied();
        let same_log = below(one)
            .zip(below(other))
            .is_some_and(|(one_batch, other_batch)| one_batch.is_same(&other_batch));
        if !same_log {
            return;
        }
        let differs = |(producer, entry): &(&i64, &Entry)| {
            other.entries.get(producer).is_some_and(|theirs| theirs != *entry)
        };
        let Some((producer, entry)) = one.entries.iter().find(differs) else { return };
        let theirs = &other.entries[producer];
        let name = self.partition.name();
        let (first, second) = (self.name(one.host), self.name(other.host));
        let says = |host: HostId, entry: &Entry| {
            format!("{} has {}", words::who(self.facts, self.at, host), described(entry))
        };
        let breach = Breach {
            invariant: "S11",
            at: self.at,
            message: format!(
                "{name}: {first} and {second} say different things of producer {producer} below {}",
                one.offset
            ),
            facts: [says(one.host, entry), says(other.host, theirs)],
        };
        verdicts.always(&format!("{name} {first} {second}"), breach);
    }

    fn name(&self, host: HostId) -> &str {
        self.facts.setup.name(host)
    }

    fn tell(
        &self,
        snapshot: &Snapshot<'_>,
        producer: i64,
        entry: Option<&Entry>,
        batch: Option<&&Stored>,
        verdicts: &mut Verdicts,
    ) {
        let (name, broker) = (self.partition.name(), self.name(snapshot.host));
        let offset = snapshot.offset;
        let in_log = batch.map_or_else(
            || format!("its log has no batch of producer {producer} below offset {offset}"),
            |batch| {
                let sequence = batch.sequence.expect("it was found by it");
                format!(
                    "the last batch of producer {producer} in its log below offset {offset} is {} with the sequences \
                     {} to {} of its epoch {}",
                    words::batch(batch),
                    sequence.first,
                    sequence.last,
                    sequence.epoch
                )
            },
        );
        let in_file = entry.map_or_else(|| "nothing of it".to_owned(), described);
        let breach = Breach {
            invariant: "S4",
            at: self.at,
            message: format!(
                "{name}: the snapshot of {broker} at offset {offset} is not what its log says of producer {producer}"
            ),
            facts: [
                in_log,
                format!(
                    "{} has {in_file} in its snapshot at offset {offset}",
                    words::who(self.facts, self.at, snapshot.host)
                ),
            ],
        };
        verdicts.always(&format!("{name} {broker}"), breach);
    }
}

fn described(entry: &Entry) -> String {
    let transaction = match entry.transaction {
        -1 => "no transaction".to_owned(),
        offset => format!("a transaction from offset {offset} on"),
    };
    format!(
        "epoch {}, last sequence {}, last offset {}, {transaction}",
        entry.epoch, entry.last_sequence, entry.last_offset
    )
}

/// The last batch of each producer below an offset.
fn last_batches(log: &ReplicaLog, below: i64) -> BTreeMap<i64, &Stored> {
    let batches = log.from(log.begin()).take_while(|batch| batch.base < below);
    batches.filter_map(|batch| Some((batch.sequence?.producer, batch))).collect()
}

/// Whether the transaction of which a snapshot tells begins with a batch of its producer.
fn begins_there(log: &ReplicaLog, producer: i64, entry: &Entry) -> bool {
    let batch = log.at(entry.transaction).filter(|batch| batch.base == entry.transaction);
    batch.and_then(|batch| batch.sequence).is_some_and(|sequence| sequence.producer == producer)
}

/// The producers of a snapshot of version 1: the checksum covers what follows it; a count, and each producer with its
/// epoch, last sequence, last offset and the offsets of that batch, its time, its coordinator's epoch, its transaction.
fn entries(bytes: Bytes) -> Option<Entries> {
    let covered = bytes.get(6..).map(crc32c::crc32c)?;
    let mut cursor = Cursor::new(bytes);
    let version = cursor.i16().ok()?;
    let checksum = cursor.i32().ok()?.cast_unsigned();
    if version != 1 || checksum != covered {
        return None;
    }
    let count = cursor.i32().ok()?;
    (0..count).map(|_| producer(&mut cursor).ok()).collect()
}

fn producer(cursor: &mut Cursor) -> Result<(i64, Entry), Malformed> {
    let id = cursor.i64()?;
    let (epoch, last_sequence, last_offset) = (cursor.i16()?, cursor.i32()?, cursor.i64()?);
    cursor.skip(4 + 8 + 4)?;
    let transaction = cursor.i64()?;
    Ok((id, Entry { epoch, last_sequence, last_offset, transaction }))
}
