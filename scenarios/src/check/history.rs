//! The clients' side: what was sent, told, read (Jepsen's anomalies of a Kafka history; C1, C3).
//!
//! In Jepsen:  `jepsen.tests.kafka`: lost-write, inconsistent-offsets, duplicate, nonmonotonic-poll, poll-skip, unseen.
//! Holds:      for each partition the record that was read at each offset; for each consumer where it stands; counts.

use std::collections::{BTreeMap, BTreeSet};

use trial_cluster::ids::TopicPartition;
use trial_cluster::note::client::{ClientNote, RecordId};
use trial_reports::RecordCounts;
use trial_sim::{HostId, Time};

use super::verdicts::{Excuse, Verdicts, Violation};
use crate::facts::{Acked, Chunked, Facts, PartitionFacts, Role, Vanished};
use crate::probe::Probe;

/// A fault that was carried out.
#[derive(Debug, Clone)]
struct Fault {
    at: Time,
    text: String,
    hosts: Vec<HostId>,
}

/// All clients' histories.
#[derive(Debug, Clone, Default)]
pub(super) struct History {
    counts: RecordCounts,
    read: BTreeMap<TopicPartition, Chunked<Option<RecordId>>>,
    positions: BTreeMap<(HostId, TopicPartition), i64>,
    open: BTreeMap<u16, u64>,
    done: BTreeSet<HostId>,
    faults: Vec<Fault>,
}

impl History {
    pub(super) fn counts(&self) -> RecordCounts {
        self.counts
    }

    pub(super) fn on_fault(&mut self, at: Time, text: &str, hosts: &[HostId]) {
        self.faults.push(Fault { at, text: text.to_owned(), hosts: hosts.to_vec() });
    }

    /// Whether a producer has sent all and heard of all.
    pub(super) fn is_done(&self, host: HostId) -> bool {
        self.done.contains(&host)
    }

    /// Where a consumer stands.
    pub(super) fn position(&self, host: HostId, partition: TopicPartition) -> i64 {
        self.positions.get(&(host, partition)).copied().unwrap_or(0)
    }

    pub(super) fn on_note(
        &mut self,
        at: Time,
        host: HostId,
        note: &ClientNote,
        facts: &Facts,
        verdicts: &mut Verdicts,
    ) {
        match note {
            ClientNote::Sent { id, .. } => {
                self.counts.sent += 1;
                *self.open.entry(id.client()).or_insert(0) += 1;
            }
            ClientNote::Acked { id, .. } => {
                self.counts.acked += 1;
                self.complete(at, host, *id, facts, verdicts);
            }
            ClientNote::Failed { id, partition, .. } => {
                self.counts.failed += 1;
                // One without a partition was never appended: it counts as sent only now.
                if partition.is_some() {
                    self.complete(at, host, *id, facts, verdicts);
                }
            }
            ClientNote::WorkloadDone => {
                self.done.insert(host);
            }
            ClientNote::PositionReset { partition, offset, .. } => {
                self.positions.insert((host, *partition), offset.0);
            }
            ClientNote::Polled { partition, records, position } => {
                for record in records {
                    self.on_read(at, host, *partition, record.offset.0, record.id, facts, verdicts);
                }
                self.positions.insert((host, *partition), position.0);
            }
            ClientNote::TruncationDetected { .. }
            | ClientNote::Stuck { .. }
            | ClientNote::CorruptBatch { .. }
            | ClientNote::TopicReady { .. }
            | ClientNote::TopicRefused { .. } => {}
        }
    }

    /// C1: a send completes once.
    fn complete(
        &mut self,
        at: Time,
        host: HostId,
        id: RecordId,
        facts: &Facts,
        verdicts: &mut Verdicts,
    ) {
        let open = self.open.entry(id.client()).or_insert(0);
        if *open > 0 {
            *open -= 1;
        } else if verdicts.is_news("C1", facts.setup.name(host)) {
            verdicts.violated(Violation {
                invariant: "C1",
                at,
                message: format!("{} was told twice of a record", facts.setup.name(host)),
                facts: [
                    "every record that it sent was completed".to_owned(),
                    format!("{at} {id:?} was completed"),
                ],
            });
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one record as one consumer saw it")]
    fn on_read(
        &mut self,
        at: Time,
        host: HostId,
        id: TopicPartition,
        offset: i64,
        record: Option<RecordId>,
        facts: &Facts,
        verdicts: &mut Verdicts,
    ) {
        let name = facts.partition(id).map_or_else(String::new, PartitionFacts::name);
        let position = self.position(host, id);
        let told = |invariant, message: String, then: String| Violation {
            invariant,
            at,
            message,
            facts: [
                format!("{} stood at offset {position} of {name}", facts.setup.name(host)),
                then,
            ],
        };
        let reader = facts.setup.name(host);
        let subject = format!("{reader} {name}");
        if offset < position && verdicts.is_news("nonmonotonic-poll", &subject) {
            let message = format!("{reader} was handed an offset of {name} again, or went back");
            verdicts.violated(told(
                "nonmonotonic-poll",
                message,
                format!("{at} it was handed {offset}"),
            ));
        }
        // Nothing deletes or compacts here, so a gap is a record that was skipped.
        if offset > position && verdicts.is_news("poll-skip", &subject) {
            let message = format!("{reader} skipped records of {name}");
            verdicts.violated(told("poll-skip", message, format!("{at} it was handed {offset}")));
        }
        self.positions.insert((host, id), offset + 1);
        let read = self.read.entry(id).or_default();
        let place = usize::try_from(offset).expect("offsets are not negative");
        if place < read.len() {
            let before = read.get(place).copied().flatten();
            if before.is_some()
                && before != record
                && verdicts.is_news("inconsistent-offsets", &name)
            {
                verdicts.violated(told(
                    "inconsistent-offsets",
                    format!("{name} offset {offset} was read as two different records"),
                    format!("{at} {reader} read {record:?}, somebody read {before:?} before"),
                ));
            }
            return;
        }
        while read.len() < place {
            read.push(None);
        }
        read.push(record);
        self.counts.read += 1;
    }

    /// The end: everything that was acknowledged is there, and was read.
    pub(super) fn finish(&self, at: Time, facts: &mut Facts, verdicts: &mut Verdicts) {
        let mut excused = 0;
        for partition in facts.partitions() {
            let leader = partition.leader().and_then(|id| facts.setup.host_of(id));
            let Some(log) = leader.and_then(|host| partition.logs.get(&host)) else { continue };
            for ack in partition.acked.iter() {
                let held = log.at(ack.base).is_some_and(|b| b.base == ack.base && b.crc == ack.crc);
                if !held {
                    excused += u64::from(self.lost(at, ack, partition, facts, verdicts));
                }
            }
            self.unseen(at, partition, facts, verdicts);
            self.duplicates(at, partition, verdicts);
        }
        for _ in 0..excused {
            facts.probes.hit(Probe::ExcusedLoss);
        }
    }

    /// An acknowledged batch is gone: excused if the settings allow it and a fault explains it.
    fn lost(
        &self,
        at: Time,
        ack: &Acked,
        partition: &PartitionFacts,
        facts: &Facts,
        verdicts: &mut Verdicts,
    ) -> bool {
        let name = |host: HostId| facts.setup.name(host);
        let gone = |v: &&Vanished| v.batch.base == ack.base && v.batch.crc == ack.crc;
        let vanished = partition.vanished.iter().filter(gone).last();
        let fault = vanished.and_then(|gone| {
            let hit = |fault: &&Fault| {
                fault.at <= gone.at
                    && (fault.hosts.contains(&gone.host) || fault.hosts.contains(&ack.by))
            };
            self.faults.iter().rev().find(hit)
        });
        let topic = facts.setup.topics.get(&*partition.topic);
        let setting = match ack.acks {
            1 => Some(format!("acks=1 of producer {}", name(ack.producer))),
            _ if facts.setup.exceeds_budget => Some("exceeds_budget of the scenario".to_owned()),
            _ if partition.min_insync < 2 => Some("min.insync.replicas=1".to_owned()),
            _ if topic.is_some_and(|topic| topic.unclean) => {
                Some("unclean.leader.election.enable=true".to_owned())
            }
            _ => None,
        };
        let what = format!(
            "{} records at {} offset {}, acknowledged by {} at {} under acks={}",
            ack.count,
            partition.name(),
            ack.base,
            name(ack.by),
            ack.at,
            if ack.acks == 1 { "1" } else { "all" },
        );
        if let (Some(gone), Some(fault), Some(setting)) = (vanished, fault, setting) {
            let (host, at) = (name(gone.host).to_owned(), gone.at);
            verdicts.excused(Excuse { what, fault: fault.text.clone(), setting, host, at });
            return true;
        }
        if verdicts.is_news("lost-write", &partition.name()) {
            let then = match vanished {
                Some(gone) => format!("{} the last copy vanished on {}", gone.at, name(gone.host)),
                None => format!("{at} the leader's disk does not hold it"),
            };
            verdicts.violated(Violation {
                invariant: "lost-write",
                at,
                message: format!("{what} are gone, and no fault and setting explain it"),
                facts: [
                    format!(
                        "{} {} told {} that they are safe",
                        ack.at,
                        name(ack.by),
                        name(ack.producer)
                    ),
                    then,
                ],
            });
        }
        false
    }

    fn unseen(&self, at: Time, partition: &PartitionFacts, facts: &Facts, verdicts: &mut Verdicts) {
        let hosts = facts.setup.hosts.iter().enumerate();
        for (place, host) in hosts.filter(|(_, host)| host.role == Role::Consumer) {
            let id = HostId(u16::try_from(place).expect("few hosts"));
            let reads = self
                .positions
                .keys()
                .any(|(reader, read)| *reader == id && read.topic == partition.id.topic);
            let position = self.position(id, partition.id);
            if !reads || position >= partition.committed_end {
                continue;
            }
            if verdicts.is_news("unseen", &format!("{} {}", host.name, partition.name())) {
                verdicts.violated(Violation {
                    invariant: "unseen",
                    at,
                    message: format!("{} never read the end of {}", host.name, partition.name()),
                    facts: [
                        format!(
                            "{} is committed up to {}",
                            partition.name(),
                            partition.committed_end
                        ),
                        format!("{at} {} stands at {position}", host.name),
                    ],
                });
            }
        }
    }

    /// Without idempotence a retry may write a record twice: allowed, and said once for each partition.
    fn duplicates(&self, at: Time, partition: &PartitionFacts, verdicts: &mut Verdicts) {
        let Some(read) = self.read.get(&partition.id) else { return };
        let mut seen = BTreeSet::new();
        let twice = read.iter().flatten().filter(|id| !seen.insert(**id)).count();
        if twice > 0 {
            verdicts.excused(Excuse {
                what: format!(
                    "{twice} records of {} were written twice by retries",
                    partition.name()
                ),
                fault: "an answer that came too late, or not at all".to_owned(),
                setting: "enable.idempotence=false".to_owned(),
                host: "none: nothing was lost".to_owned(),
                at,
            });
        }
    }
}
