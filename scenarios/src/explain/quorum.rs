//! The quorum: who stood for election, who voted for whom, who led, what was cut. K1 to K9.
//!
//! Inputs:     epochs and hosts that the violation names.
//! Invariants: QU-1 it says that it is a selection: what follows from it is left to the reader.

use trial_cluster::note::Note;
use trial_cluster::note::raft::{RaftNote, RaftRole};

use super::chain::{Chain, Weight, say, see};
use super::record::What;
use crate::check::Violation;

/// Tells it; `false` if the record has none of it.
pub(super) fn tell(chain: &mut Chain<'_>, violation: &Violation) -> bool {
    let newest = chain.subject.epochs.iter().copied().max();
    let hosts = chain.subject.everybody();
    let matters = |place: usize| match &chain.record[place].what {
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
    let mut chosen: Vec<usize> = Vec::new();
    for place in (0..chain.until).rev() {
        if chosen.len() == super::explanation::EVENTS_MAX {
            break;
        }
        if matters(place) {
            chosen.push(place);
        }
    }
    if chosen.is_empty() {
        return false;
    }
    let is_vote = |place: &usize| {
        matches!(
            chain.record[*place].what,
            What::Noted { note: Note::Raft(RaftNote::VoteGranted { .. }), .. }
        )
    };
    let votes: Vec<usize> = chosen.iter().copied().filter(is_vote).collect();
    let mut voted = Vec::new();
    for place in &chosen {
        let event = chain.event(*place, Weight::Link);
        if votes.contains(place) {
            voted.push(event);
        }
    }
    if !voted.is_empty() {
        chain.argue(vec![say("Who leads follows from who voted for whom"), see(&voted)]);
    }
    chain.argue(vec![say(format!(
        "However, {}: a contradiction!",
        violation.message.trim_end_matches('.')
    ))]);
    chain.is_generic = true;
    true
}
