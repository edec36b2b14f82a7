//! The quorum: who stood for election, who voted for whom, who led, what was cut. K1 to K9.
//!
//! Inputs:     epochs and hosts that the violation names.
//! Invariants: QU-1 it says that it is a selection: what follows from it is left to the reader.

use trial_cluster::note::Note;
use trial_cluster::note::raft::{RaftNote, RaftRole};

use super::chain::{Chain, say, see};
use super::record::What;
use crate::check::Violation;

/// Tells it; `false` if the record has none of it.
pub(super) fn tell(chain: &mut Chain<'_>, violation: &Violation) -> bool {
    let newest = chain.subject.epochs.iter().copied().max();
    let hosts = chain.subject.everybody();
    let matters = |chain: &Chain<'_>, place: usize| match &chain.record[place].what {
        What::Noted { host, note: Note::Raft(note) } => match note {
            RaftNote::VoteGranted { epoch, .. } => {
                newest.is_none_or(|newest| epoch.0 == newest) || hosts.contains(host)
            }
            RaftNote::Transition { role: RaftRole::Leader, .. }
            | RaftNote::Truncated { .. }
            | RaftNote::EpochStarted { .. }
            | RaftNote::QuorumLost { .. } => true,
            _ => false,
        },
        What::Crashed { host, .. } | What::Stopped { host, .. } => hosts.contains(host),
        What::Fault { hosts: hit, .. } => {
            hit.iter().any(|host| hosts.contains(host)) && chain.did(place, chain.until)
        }
        _ => false,
    };
    let chosen = chain.select(matters);
    if chosen.is_empty() {
        return false;
    }
    let is_vote = |what: &What| {
        matches!(what, What::Noted { note: Note::Raft(RaftNote::VoteGranted { .. }), .. })
    };
    let voted: Vec<usize> =
        chosen.into_iter().filter(|event| chain.is_of(*event, is_vote)).collect();
    if !voted.is_empty() {
        chain.argue(vec![say("Who leads follows from who voted for whom"), see(&voted)]);
    }
    chain.however(violation);
    chain.is_generic = true;
    true
}
