//! What clients are told: R12, R19 and C2, from the bytes on connections and disks.
//!
//! In Kafka:   `DelayedProduce`, `ReplicaManager.appendRecords`, `fetchMessages` up to the high watermark.
//! Inputs:     answers at the moment when they are sent.
//! Invariants: R12 acks=all is told only of what is committed, and lies on min.insync.replicas disks. R19 consumers get
//!             what is committed and nothing else. C2 a told offset holds that batch.

use trial_cluster::error_code::ErrorCode;
use trial_cluster::note::partition::PartitionEvent;
use trial_sim::{HostId, Time};

use super::promise::Weakness;
use super::verdicts::{Breach, Verdicts};
use super::{compaction, words};
use crate::facts::{Acked, Fact, Facts, Known, PartitionFacts, RecordPrint, ReplicaLog, Stored};

/// The checker.
#[derive(Debug, Clone, Copy, Default)]
pub struct Answers;

impl Answers {
    /// Something became known.
    pub fn on(&mut self, known: &Known, facts: &Facts, verdicts: &mut Verdicts) {
        let Some(partition) = facts.partition(known.partition) else { return };
        match &known.fact {
            Fact::Acked { ack, on_disk } => {
                at_offset(ack, on_disk.as_ref(), partition, facts, verdicts);
                if ack.acks == -1 {
                    is_committed(ack, partition, facts, verdicts);
                }
            }
            Fact::Fetched { host, by_consumer: true, high_watermark, batches, records, .. } => {
                for batch in batches {
                    let served = Answered { at: known.at, host: *host, partition, records, facts };
                    served.batch(batch, *high_watermark, verdicts);
                }
            }
            Fact::Noted {
                host,
                event:
                    PartitionEvent::ProduceCompleted {
                        required,
                        high_watermark,
                        maximal_isr,
                        min_isr,
                        error: ErrorCode::None,
                        ..
                    },
            } if required > high_watermark || maximal_isr < min_isr => {
                let name = partition.name();
                let breach = Breach {
                    invariant: "R12",
                    at: known.at,
                    message: format!(
                        "{name}: {} answered acks=all for records up to offset {}, with its high watermark at {high_watermark} and {maximal_isr} in sync",
                        facts.setup.name(*host),
                        required.0 - 1
                    ),
                    facts: [
                        format!(
                            "acks=all asks for {min_isr} in sync (min.insync.replicas) and a high watermark of {required} or more"
                        ),
                        format!(
                            "{} answered with its high watermark at {high_watermark} and {maximal_isr} in sync",
                            words::who(facts, known.at, *host)
                        ),
                    ],
                };
                verdicts.always(&name, breach);
            }
            _ => {}
        }
    }
}

/// The batch is where the producer was told, or was there and got lost between write and answer.
fn at_offset(
    ack: &Acked,
    on_disk: Option<&Stored>,
    partition: &PartitionFacts,
    facts: &Facts,
    verdicts: &mut Verdicts,
) {
    let is_it = |batch: &Stored| batch.base == ack.base && batch.crc == ack.crc;
    if on_disk.is_some_and(is_it) {
        return;
    }
    let elsewhere = partition.logs.values().any(|log| log.at(ack.base).is_some_and(is_it));
    if elsewhere || partition.vanished.iter().any(|lost| is_it(&lost.batch)) {
        return;
    }
    let (name, span) = (partition.name(), span(ack));
    let breach = Breach {
        invariant: "C2",
        at: ack.at,
        message: format!(
            "{name}: {} told {} that its batch is at {span}, where it never was",
            facts.setup.name(ack.by),
            facts.setup.name(ack.producer)
        ),
        facts: [
            match on_disk {
                Some(found) => format!("{} has {}", facts.setup.name(ack.by), words::batch(found)),
                None => format!("{} has nothing at offset {}", facts.setup.name(ack.by), ack.base),
            },
            told(ack, facts),
        ],
    };
    verdicts.always(&name, breach);
}

fn is_committed(ack: &Acked, partition: &PartitionFacts, facts: &Facts, verdicts: &mut Verdicts) {
    let end = ack.base + i64::from(ack.count);
    let noted = partition.logs.get(&ack.by).map_or(0, |log| log.high_watermark);
    let is_durable = Weakness::of(facts, partition).is_none();
    // What may be gone, or is in another batch by now, is where the log goes beyond it.
    let holds = |log: &ReplicaLog| {
        log.start() > ack.base
            || log.at(ack.base).is_some_and(|batch| batch.crc == ack.crc)
            || partition.keeps_records && log.end() >= end
    };
    let copies = partition
        .logs
        .iter()
        .filter(|(host, log)| partition.lossy.contains(host) || holds(log))
        .count();
    let in_ledger =
        partition.committed_at(ack.base).is_some_and(|entry| entry.batch.crc == ack.crc);
    let contradiction = if is_durable && partition.committed_end < end {
        format!("no leader's high watermark has passed {}", partition.committed_end)
    } else if is_durable && !in_ledger {
        "something else was committed there".to_owned()
    } else if !is_durable && noted < end && !facts.down.contains(&ack.by) {
        format!("the high watermark of {} is {noted}", facts.setup.name(ack.by))
    } else if is_durable && copies < partition.min_insync {
        format!("{copies} disks have it, and min.insync.replicas asks for {}", partition.min_insync)
    } else {
        return;
    };
    let (name, span) = (partition.name(), span(ack));
    let breach = Breach {
        invariant: "R12",
        at: ack.at,
        message: format!(
            "{name} {span}: {} told {} with acks=all that it is safe, and it was not committed",
            facts.setup.name(ack.by),
            facts.setup.name(ack.producer)
        ),
        facts: [contradiction, told(ack, facts)],
    };
    verdicts.always(&name, breach);
}

fn span(ack: &Acked) -> String {
    words::offsets(ack.base, ack.base + i64::from(ack.count.max(1)) - 1)
}

fn told(ack: &Acked, facts: &Facts) -> String {
    let by = words::who(facts, ack.at, ack.by);
    format!(
        "{by} told {} that {} (checksum {:08x}) is safe",
        facts.setup.name(ack.producer),
        span(ack),
        ack.crc
    )
}

/// A batch that was handed to a consumer.
struct Answered<'a> {
    at: Time,
    host: HostId,
    partition: &'a PartitionFacts,
    /// The records that were handed out, if they are known.
    records: &'a [RecordPrint],
    facts: &'a Facts,
}

impl Answered<'_> {
    fn batch(&self, batch: &Stored, high_watermark: i64, verdicts: &mut Verdicts) {
        let (partition, facts) = (self.partition, self.facts);
        let served = || {
            let who = words::who(facts, self.at, self.host);
            format!("{who} handed {} to a consumer", words::batch(batch))
        };
        let name = || partition.name();
        let broker = || facts.setup.name(self.host);
        if batch.last >= high_watermark {
            let breach = Breach {
                invariant: "R19",
                at: self.at,
                message: format!(
                    "{}: a consumer got {} from {}, whose high watermark is {high_watermark}",
                    name(),
                    words::offsets(batch.base, batch.last),
                    broker()
                ),
                facts: [
                    format!("{} told a high watermark of {high_watermark}", broker()),
                    served(),
                ],
            };
            verdicts.always(&name(), breach);
            return;
        }
        let entry = partition.committed_at(batch.base);
        if partition.keeps_records {
            let of_this =
                |record: &&RecordPrint| (batch.base..=batch.last).contains(&record.offset);
            let records = self.records.iter().filter(of_this);
            if compaction::first_uncommitted(partition, records).is_none() {
                return;
            }
        } else if entry.is_some_and(|entry| entry.batch.is_same(batch)) {
            return;
        }
        let breach = Breach {
            invariant: "R19",
            at: self.at,
            message: format!(
                "{}: a consumer got {} from {}, which is not what was committed",
                name(),
                words::offsets(batch.base, batch.last),
                broker()
            ),
            facts: [
                entry.map_or_else(
                    || format!("{} is committed up to {}", name(), partition.committed_end),
                    |entry| words::committed(facts, entry),
                ),
                served(),
            ],
        };
        verdicts.durable(facts, partition, breach);
    }
}
