//! A whole record in words, for whoever looks for what decided something: every entry that there are words for.
//!
//! Invariants: SR-1 in the order of time; a fault that lasts is told twice, as it begins and as it ends.

use trial_cluster::note::Note;
use trial_cluster::note::broker::BrokerNote;
use trial_cluster::note::client::ClientNote;
use trial_cluster::note::controller::ControllerNote;
use trial_cluster::note::partition::PartitionEvent as E;
use trial_cluster::note::raft::RaftNote;
use trial_sim::Time;

use super::record::{Record, What};
use super::sentence::Names;
use crate::facts::{Fact, Facts};

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// When.
    pub at: Time,
    /// What, in words.
    pub text: String,
}

/// What happened up to `until`.
pub(crate) fn story(record: &Record, facts: &Facts, until: Time) -> Vec<Told> {
    let names = Names { facts, batches: &[] };
    let mut all = Vec::new();
    for entry in record.entries().iter().filter(|entry| has_words(&entry.what)) {
        let what = names.happened(entry);
        let partition = entry.what.partition().and_then(|partition| facts.partition(partition));
        let text =
            partition.map_or_else(|| what.clone(), |known| format!("{}: {what}", known.name()));
        all.push(Told { at: entry.at, text });
        if let What::Fault { fault, .. } = &entry.what
            && let Some(length) = crate::run::lasting(fault)
            && fault.effect.can_last()
        {
            all.push(Told { at: entry.at + length, text: format!("`{fault}` was over") });
        }
    }
    all.retain(|told| told.at <= until);
    all.sort_by_key(|told| told.at);
    all
}

/// Whether a sentence is more than the names of fields.
fn has_words(what: &What) -> bool {
    match what {
        What::Known(_, Fact::Noted { event, .. }) => matches!(
            event,
            E::BecameLeader { .. }
                | E::BecameFollower { .. }
                | E::LeaderUpdated { .. }
                | E::LeaderHighWatermarkMoved { .. }
                | E::FollowerHighWatermarkMoved { .. }
                | E::IsrExpandAsked { .. }
                | E::IsrShrinkAsked { .. }
                | E::IsrCommitted { .. }
                | E::IsrReverted { .. }
                | E::ProduceCompleted { .. }
                | E::Truncated { .. }
                | E::LogRestarted { .. }
        ),
        What::Noted { note, .. } => match note {
            Note::Controller(note) => matches!(
                note,
                ControllerNote::Activated { .. }
                    | ControllerNote::BrokerFenced { .. }
                    | ControllerNote::BrokerUnfenced { .. }
            ),
            Note::Client(note) => {
                matches!(note, ClientNote::Sent { .. } | ClientNote::Acked { offset: Some(_), .. })
            }
            Note::Broker(note) => matches!(note, BrokerNote::LogsLoaded { clean: false }),
            Note::Raft(note) => matches!(
                note,
                RaftNote::Transition { .. }
                    | RaftNote::VoteGranted { .. }
                    | RaftNote::QuorumLost { .. }
            ),
            Note::Partition(_)
            | Note::Group(_)
            | Note::Log { .. }
            | Note::Reached(_)
            | Note::Image(_) => false,
        },
        _ => true,
    }
}
