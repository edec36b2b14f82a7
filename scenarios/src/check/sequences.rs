//! What idempotent producers may have in a log: X1, X2.
//!
//! In Kafka:   `ProducerAppendInfo`, `ProducerStateManager` (KIP-98, KIP-360).
//! Holds:      for each replica and producer, where its log has another epoch of it, and its last sequence.
//! Inputs:     batches as they are written to disks, by their bytes; what leaves a log at its end.
//! Invariants: X1 what a leader appends goes on where its log has ended for this producer and epoch: no sequence comes
//!             twice, and none is left out. X2 no batch of an older epoch comes behind one of a newer.
//! Left out:   what expired (a day) and what was forgotten: a leader whose log starts behind the last batch of a
//!             producer may know nothing of it, and takes any sequence; and one that has opened its log since that
//!             batch knows what its snapshot says, which after a clean start without one is nothing, as in Kafka
//!             (`duplicate` judges what comes of it). Markers, which have no sequence.

use std::collections::BTreeMap;

use trial_cluster::ids::TopicPartition;
use trial_sim::HostId;

use super::verdicts::{Breach, Verdicts};
use super::words;
use crate::facts::{Fact, Facts, Known, Stored};
use crate::tap::Sequence;

/// Batches of one producer that are remembered of each replica: more than a truncation takes away.
const REMEMBERED: usize = 64;

/// The last batches of a producer in a log: the offset of each, and what it says.
type Last = Vec<(i64, Sequence)>;

/// The checker.
#[derive(Debug, Clone, Default)]
pub struct Sequences {
    logs: BTreeMap<(TopicPartition, HostId), BTreeMap<i64, Last>>,
}

impl Sequences {
    /// Something became known.
    pub fn on(&mut self, known: &Known, facts: &Facts, verdicts: &mut Verdicts) {
        match &known.fact {
            Fact::Written { host, batch, first, .. } => {
                let Some(sequence) = batch.sequence else { return };
                let log = self.logs.entry((known.partition, *host)).or_default();
                let last = log.entry(sequence.producer).or_default();
                // Written again at its place: by a load, or after a cut that nobody has told.
                last.retain(|(base, _)| *base < batch.base);
                if *first {
                    judge(known, *host, batch, &sequence, last, facts, verdicts);
                }
                if last.len() == REMEMBERED {
                    last.remove(0);
                }
                last.push((batch.base, sequence));
            }
            Fact::Removed { host, from, .. } => {
                let Some(log) = self.logs.get_mut(&(known.partition, *host)) else { return };
                for last in log.values_mut() {
                    last.retain(|(base, _)| base < from);
                }
            }
            _ => {}
        }
    }
}

/// A leader has appended `batch`, behind what its log has of the same producer.
fn judge(
    known: &Known,
    host: HostId,
    batch: &Stored,
    sequence: &Sequence,
    last: &Last,
    facts: &Facts,
    verdicts: &mut Verdicts,
) {
    let Some(partition) = facts.partition(known.partition) else { return };
    let begin = partition.logs.get(&host).map_or(0, |log| log.begin());
    let Some((base, before)) = last.last().filter(|(base, _)| *base >= begin) else { return };
    let opened = partition.opened.get(&host);
    if opened.is_some_and(|opened| opened.iter().any(|log| log.end > *base)) {
        return;
    }
    let expected = if before.epoch == sequence.epoch { next(before.last) } else { 0 };
    let invariant = if sequence.epoch < before.epoch {
        "X2"
    } else if sequence.first != expected {
        "X1"
    } else {
        return;
    };
    let (name, broker) = (partition.name(), facts.setup.name(host));
    let of = |sequence: &Sequence| {
        format!(
            "sequences {} to {} of producer {} in its epoch {}",
            sequence.first, sequence.last, sequence.producer, sequence.epoch
        )
    };
    let breach = Breach {
        invariant,
        at: known.at,
        message: match invariant {
            "X2" => format!(
                "{name}: {broker} appended a batch of producer {} in its epoch {} behind one of epoch {}",
                sequence.producer, sequence.epoch, before.epoch
            ),
            _ => format!(
                "{name}: {broker} appended sequence {} of producer {}, whose next one is {expected}",
                sequence.first, sequence.producer
            ),
        },
        facts: [
            format!("the log of {broker} had {} at offset {base}", of(before)),
            format!(
                "{} appended {} as {}",
                words::who(facts, known.at, host),
                of(sequence),
                words::batch(batch)
            ),
        ],
    };
    verdicts.always(&format!("{name} {broker} {}", sequence.producer), breach);
}

/// The sequence after this one.
fn next(sequence: i32) -> i32 {
    if sequence == i32::MAX { 0 } else { sequence + 1 }
}
