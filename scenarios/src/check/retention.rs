//! What leaves the front of a log: S7.
//!
//! In Kafka:   `UnifiedLog.deleteOldSegments`, `maybeIncrementLogStartOffset`; `retention.ms`, `retention.bytes`.
//! Inputs:     segments that were dropped, and logs that start elsewhere: the fold says which rule that breaks
//!             (`facts/front.rs`).
//! Invariants: S7 what is dropped is a row of oldest segments below the high watermark, and was due; a log's start
//!             rises, to where it may.

use trial_log::LogStartReason;

use super::verdicts::{Breach, Verdicts};
use super::words;
use crate::facts::{Fact, Facts, Known};

/// Something became known.
pub fn on(known: &Known, facts: &Facts, verdicts: &mut Verdicts) {
    let Some(partition) = facts.partition(known.partition) else { return };
    let at = known.at;
    let name = partition.name();
    match &known.fact {
        Fact::Dropped { host, segment, from, to, high_watermark, refused: Some(rule) } => {
            let (broker, span) = (facts.setup.name(*host), words::offsets(*from, *to));
            let breach = Breach {
                invariant: "S7",
                at,
                message: format!(
                    "{name}: {broker} dropped the segment at {segment} with {span}, at a high watermark of {high_watermark}, and may not: {rule}"
                ),
                facts: [
                    format!("{broker} knew a high watermark of {high_watermark}"),
                    format!(
                        "{} dropped its segment at {segment}, which held {span}",
                        words::who(facts, at, *host)
                    ),
                ],
            };
            verdicts.always(&format!("{name} {broker}"), breach);
        }
        Fact::LogStartMoved { host, from, to, why, refused: Some(rule) } => {
            let broker = facts.setup.name(*host);
            let breach = Breach {
                invariant: "S7",
                at,
                message: format!(
                    "{name}: {broker} lets its log start at {to} ({}), and may not: {rule}",
                    reason(*why)
                ),
                facts: [
                    format!("the log of {broker} began at {from}"),
                    format!("{} let it start at {to}", words::who(facts, at, *host)),
                ],
            };
            verdicts.always(&format!("{name} {broker} start"), breach);
        }
        _ => {}
    }
}

fn reason(why: Option<LogStartReason>) -> &'static str {
    match why {
        None => "when it was opened",
        Some(LogStartReason::LeaderOffsetIncremented) => "after its leader",
        Some(LogStartReason::SegmentDeletion) => "segments were dropped",
        Some(LogStartReason::ClientRecordDeletion) => "DeleteRecords",
        Some(LogStartReason::SnapshotGenerated) => "a snapshot",
        Some(LogStartReason::Truncation) => "a truncation",
    }
}
