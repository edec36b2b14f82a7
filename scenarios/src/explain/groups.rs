//! Groups: who was given what, who gave it up, what was committed, who coordinated. G1 to G13, C3, and the names of
//! KIP-848's specification.
//!
//! Inputs:     the group, the partition and the members that the violation names.
//! Invariants: GP-1 it says that it is a selection: what follows from it is left to the reader.

use std::collections::BTreeSet;

use trial_cluster::client::NamedPartition;
use trial_cluster::note::Note;
use trial_cluster::note::client::ClientNote;
use trial_cluster::note::group::GroupEvent;
use trial_sim::HostId;

use super::chain::Chain;
use super::record::What;
use crate::check::Violation;

/// Tells it; `false` if the record has none of it.
pub(super) fn tell(chain: &mut Chain<'_>, violation: &Violation) -> bool {
    let Some(group) = group_of(violation) else { return false };
    let setup = &chain.facts.setup;
    let named = chain.subject.everybody();
    let is_member = |host: &HostId| setup.group(*host) == Some(group);
    let members: Vec<HostId> = named.iter().copied().filter(is_member).collect();
    let matters_who = |host: &HostId| {
        if members.is_empty() { is_member(host) } else { members.contains(host) }
    };
    let partition = chain.subject.partition.clone();
    let is_it = |it: &NamedPartition| {
        partition.as_ref().is_none_or(|wanted| *wanted == format!("{}/{}", it.topic, it.partition))
    };
    // Of the commits of a member the last one says enough.
    let mut committed = BTreeSet::new();
    let matters = |chain: &Chain<'_>, place: usize| match &chain.record[place].what {
        What::Noted { host, note: Note::Client(note) } => {
            let is_commit = matches!(note, ClientNote::OffsetsCommitted { .. });
            matters_who(host) && concerns(note, &is_it) && (!is_commit || committed.insert(*host))
        }
        What::Noted { note: Note::Group(note), .. } => match &note.event {
            GroupEvent::Prepares { group: whose } => &**whose == group,
            GroupEvent::Loaded { records, .. } => *records > 0,
            GroupEvent::OutOfSync { .. } | GroupEvent::LoadFailed { .. } => true,
            GroupEvent::Elected { .. }
            | GroupEvent::Unloaded { .. }
            | GroupEvent::Released { .. } => false,
        },
        What::Crashed { host, .. } | What::Stopped { host, .. } => matters_who(host),
        What::Booted { host, incarnation } => *incarnation > 1 && matters_who(host),
        What::Fault { hosts: hit, .. } => {
            hit.iter().any(matters_who) && chain.did(place, chain.until)
        }
        _ => false,
    };
    if chain.select(matters).is_empty() {
        return false;
    }
    chain.however(violation);
    chain.is_generic = true;
    true
}

/// `group readers: ...`, as the checkers have it.
fn group_of(violation: &Violation) -> Option<&str> {
    Some(violation.message.strip_prefix("group ")?.split_once(": ")?.0)
}

fn concerns(note: &ClientNote, is_it: &impl Fn(&NamedPartition) -> bool) -> bool {
    match note {
        ClientNote::GroupAssigned { added, owned, .. } => {
            added.iter().any(is_it) || owned.is_empty()
        }
        ClientNote::GroupRevoked { partitions, .. } | ClientNote::GroupLost { partitions, .. } => {
            partitions.iter().any(is_it)
        }
        ClientNote::OffsetsCommitted { offsets, .. } | ClientNote::CommitFailed { offsets, .. } => {
            offsets.iter().any(|it| is_it(&it.partition))
        }
        ClientNote::PositionCommitted { partition, .. } => is_it(partition),
        ClientNote::MemberClosed => true,
        _ => false,
    }
}
