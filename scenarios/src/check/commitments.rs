//! A controller tells what is committed, and nothing else: K16.
//!
//! In Kafka:   `QuorumController.ControllerWriteEvent`, `DeferredEventQueue`: the purgatory of answers.
//! Holds:      where the record of each topic stands in the metadata log.
//! Inputs:     answers by their bytes; controllers' notes for where a record stands; the quorum's ledger.
//! Invariants: K16 when a registration, an in-sync set or a topic is told, its record is committed.
//! Left out:   answers that tell nothing of a record: settings, elections, deletions; what a heartbeat says of a fence.

use std::collections::BTreeMap;

use trial_cluster::ids::{BrokerId, TopicId};
use trial_cluster::note::Note;
use trial_cluster::note::controller::ControllerNote;
use trial_sim::Seen;

use super::verdicts::{Breach, Verdicts};
use super::words;
use crate::facts::{Answered, Facts};
use crate::tap::Decision;

/// The checker.
#[derive(Debug, Clone, Default)]
pub struct Commitments {
    topics: BTreeMap<TopicId, (i64, String)>,
}

impl Commitments {
    /// Something was seen; the facts and the quorum know it already. Metadata is committed below `committed_end`.
    pub fn on_seen(
        &mut self,
        seen: &Seen<Note>,
        committed_end: i64,
        facts: &Facts,
        verdicts: &mut Verdicts,
    ) {
        if let Seen::Note { host, note: Note::Controller(note), .. } = seen
            && facts.active_controller == Some(*host)
            && let ControllerNote::TopicCreated { offset, id, name } = note
        {
            self.topics.insert(*id, (offset.0, name.to_string()));
        }
        for answered in &facts.answered {
            self.on_answer(answered, committed_end, facts, verdicts);
        }
    }

    fn on_answer(
        &self,
        answered: &Answered,
        committed_end: i64,
        facts: &Facts,
        verdicts: &mut Verdicts,
    ) {
        let Answered { at, by, decided } = answered;
        if decided.error != 0 {
            return;
        }
        let mut told: Vec<(i64, String)> = Vec::new();
        match &decided.what {
            Decision::Registered { broker, epoch } => {
                let broker = words::node(facts, BrokerId(*broker));
                told.push((*epoch, format!("the registration of {broker} under epoch {epoch}")));
            }
            Decision::AlterPartition { partitions, .. } => {
                for (id, epoch) in partitions {
                    let Some(partition) = facts.partition(*id) else { continue };
                    if let Some(found) = partition.registrations.get(epoch) {
                        let what = format!("partition epoch {epoch} of {}", partition.name());
                        told.push((found.offset, what));
                    }
                }
            }
            Decision::TopicsCreated(topics) => {
                for (offset, name) in topics.iter().filter_map(|id| self.topics.get(id)) {
                    told.push((*offset, format!("the topic {name}")));
                }
            }
            Decision::Heartbeat { .. } => {}
        }
        for (offset, what) in told.into_iter().filter(|(offset, _)| *offset >= committed_end) {
            let breach = Breach {
                invariant: "K16",
                at: *at,
                message: format!("{what} was told before it was committed"),
                facts: [
                    format!("metadata was committed below {committed_end}"),
                    format!(
                        "{} told {what}, whose record is at {offset} or later",
                        words::who(facts, *at, *by)
                    ),
                ],
            };
            verdicts.always(&what, breach);
        }
    }
}
