//! Where logs end, as consumers are told: nonmonotonic-end.
//!
//! In Kafka:   `Partition.fetchOffsetForTimestamp` (KIP-207).
//! Inputs:     answers to ListOffsets.
//! Invariants: nonmonotonic-end who asks after an end was told is told none that lies before it, unless by a leader of
//!             an earlier epoch, who may not know yet that it leads no more.

use super::verdicts::{Breach, Verdicts};
use super::words;
use crate::facts::{EndTold, Fact, Facts, Known};

/// A broker told where a log ends.
pub(super) fn on(known: &Known, facts: &Facts, verdicts: &mut Verdicts) {
    let Fact::EndTold { told, before: Some(before) } = &known.fact else { return };
    let Some(partition) = facts.partition(known.partition) else { return };
    let name = partition.name();
    let says = |end: &EndTold| {
        let who = words::who(facts, end.at, end.host);
        format!("{who} told that the log ends at {}, in epoch {}", end.offset, end.epoch)
    };
    let breach = Breach {
        invariant: "nonmonotonic-end",
        at: known.at,
        message: format!(
            "{name}: {} told a consumer that the log ends at {}, and {} was told before",
            facts.setup.name(told.host),
            told.offset,
            before.offset
        ),
        facts: [says(before), says(told)],
    };
    verdicts.durable(facts, partition, breach);
}
