//! What may be written: R1, R2, S1.
//!
//! In Kafka:   `UnifiedLog.append`, the leader epoch in every batch (KIP-101), CRC-32C.
//! Holds:      who wrote first in each epoch. Inputs: batches on disks, bytes that are none.
//! Invariants: R1 at most one broker writes new records in an epoch. R2 along a log offsets rise and epochs never
//!             fall. S1 whatever is stored or served is a whole batch with its checksum.

use std::collections::BTreeMap;

use trial_cluster::ids::TopicPartition;
use trial_cluster::note::partition::PartitionEvent;
use trial_sim::{HostId, Time};

use super::verdicts::{Breach, Verdicts};
use super::words;
use crate::facts::{Fact, Facts, Known, PartitionFacts, Stored};
use crate::tap::BatchFault;

/// The checker.
#[derive(Debug, Clone, Default)]
pub struct Writes {
    /// The newest epoch in which somebody was the first to write, with who and when.
    writers: BTreeMap<TopicPartition, BTreeMap<i32, (HostId, Time)>>,
}

impl Writes {
    /// Something became known.
    pub fn on(&mut self, known: &Known, facts: &Facts, verdicts: &mut Verdicts) {
        let Some(partition) = facts.partition(known.partition) else { return };
        match &known.fact {
            Fact::Written { host, batch, end_before, epoch_before, first } => {
                let (at, host) = (known.at, *host);
                if *first {
                    self.on_first(at, host, batch, partition, facts, verdicts);
                }
                if batch.base < *end_before || batch.epoch < *epoch_before {
                    let name = partition.name();
                    let breach = Breach {
                        invariant: "R2",
                        at,
                        message: format!(
                            "{name}: {} wrote {} behind an end of {end_before} in epoch {epoch_before}",
                            facts.setup.name(host),
                            words::batch(batch),
                        ),
                        facts: [
                            format!(
                                "{} before: its log ended at {end_before}, its last batch is of epoch {epoch_before}",
                                words::when(at)
                            ),
                            format!(
                                "{} appended {}",
                                words::who(facts, at, host),
                                words::batch(batch)
                            ),
                        ],
                    };
                    verdicts.always(&format!("{name} {}", host.0), breach);
                }
            }
            Fact::BadBytes { host, place, fault } => {
                on_bad_bytes(known.at, *host, place, fault, partition, facts, verdicts);
            }
            Fact::Noted { host, event: PartitionEvent::BecameLeader { leader_epoch, .. } } => {
                let term = partition.terms.get(&leader_epoch.0).filter(|term| term.leader != *host);
                if let Some(term) = term {
                    let (first, epoch) = ((term.leader, term.at), leader_epoch.0);
                    let act = "leads";
                    two_writers(epoch, first, (*host, known.at), act, partition, facts, verdicts);
                }
            }
            _ => {}
        }
    }

    fn on_first(
        &mut self,
        at: Time,
        host: HostId,
        batch: &Stored,
        partition: &PartitionFacts,
        facts: &Facts,
        verdicts: &mut Verdicts,
    ) {
        let writers = self.writers.entry(partition.id).or_default();
        let known = writers.get(&batch.epoch).copied();
        let leads = partition.terms.get(&batch.epoch);
        let other = known.filter(|(writer, _)| *writer != host).or_else(|| {
            leads.filter(|term| term.leader != host).map(|term| (term.leader, term.at))
        });
        let Some(other) = other else {
            if known.is_none() {
                writers.insert(batch.epoch, (host, at));
            }
            return;
        };
        two_writers(batch.epoch, other, (host, at), "wrote", partition, facts, verdicts);
    }
}

fn two_writers(
    epoch: i32,
    (one, since): (HostId, Time),
    (other, at): (HostId, Time),
    act: &str,
    partition: &PartitionFacts,
    facts: &Facts,
    verdicts: &mut Verdicts,
) {
    let name = partition.name();
    let (a, b) = (facts.setup.name(one), facts.setup.name(other));
    let breach = Breach {
        invariant: "R1",
        at,
        message: format!("{name} has two writers in epoch {epoch}: {a} and {b}"),
        facts: [
            format!("{} led or wrote in epoch {epoch}", words::who(facts, since, one)),
            format!("{} {act} in epoch {epoch} too", words::who(facts, at, other)),
        ],
    };
    verdicts.always(&name, breach);
}

fn on_bad_bytes(
    at: Time,
    host: HostId,
    place: &str,
    fault: &BatchFault,
    partition: &PartitionFacts,
    facts: &Facts,
    verdicts: &mut Verdicts,
) {
    let what = match fault {
        BatchFault::Short { at } => format!("the batch at byte {at} is cut off"),
        BatchFault::Magic { at, magic } => format!("the batch at byte {at} has magic {magic}"),
        BatchFault::Checksum { base_offset, carried, computed } => format!(
            "the batch at offset {base_offset} carries checksum {carried:08x}, its bytes come to {computed:08x}"
        ),
        BatchFault::Record(malformed) => {
            format!(
                "a record is malformed at byte {}: expected {}",
                malformed.at, malformed.expected
            )
        }
    };
    let name = partition.name();
    let broker = facts.setup.name(host);
    let breach = Breach {
        invariant: "S1",
        at,
        message: format!("{name}: {broker} put a bad batch into {place}: {what}"),
        facts: [
            format!("{} handed out bytes for {place}", words::who(facts, at, host)),
            format!("{} read back: {what}", words::when(at)),
        ],
    };
    verdicts.always(&format!("{name} {broker} {place}"), breach);
}
