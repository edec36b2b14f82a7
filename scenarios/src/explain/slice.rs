//! What has no rule of its own: the last events that matter of what the two facts name, and it says so.
//!
//! Inputs:     the partition and the hosts that the violation names.
//! Invariants: SL-1 it claims no causes.

use trial_cluster::note::Note;
use trial_cluster::note::controller::ControllerNote;
use trial_cluster::note::partition::PartitionEvent as E;

use super::chain::{Chain, Weight, say};
use super::explanation::EVENTS_MAX;
use super::record::What;
use crate::check::Violation;
use crate::facts::Fact;

/// Tells it.
pub(super) fn tell(chain: &mut Chain<'_>, violation: &Violation) -> bool {
    choose(chain);
    chain.argue(vec![say(format!(
        "However, {}: a contradiction!",
        violation.message.trim_end_matches('.')
    ))]);
    true
}

/// Chooses the last events about the subject.
pub(super) fn choose(chain: &mut Chain<'_>) {
    let hosts = chain.subject.everybody();
    let named = |host: &trial_sim::HostId| hosts.is_empty() || hosts.contains(host);
    let matters = |place: usize| match &chain.record[place].what {
        What::Registered { partition, .. } => Some(*partition) == chain.partition,
        What::CameBack { partition, host, .. } => {
            Some(*partition) == chain.partition && named(host)
        }
        what @ What::Known(..) => match chain.fact(what) {
            Some(Fact::Noted { host, event }) => named(host) && is_change(event),
            Some(Fact::Removed { host, .. } | Fact::BadBytes { host, .. }) => named(host),
            _ => false,
        },
        What::Crashed { host, .. } | What::Stopped { host, .. } => named(host),
        What::Booted { host, incarnation } => *incarnation > 1 && named(host),
        What::Fault { hosts: hit, .. } => hit.iter().any(named) && chain.did(place, chain.until),
        What::Noted { note, .. } => matches!(
            note,
            Note::Controller(
                ControllerNote::BrokerFenced { .. } | ControllerNote::Activated { .. }
            )
        ),
    };
    let mut chosen = Vec::new();
    for place in (0..chain.until).rev() {
        if chosen.len() == EVENTS_MAX {
            break;
        }
        if matters(place) {
            chosen.push(place);
        }
    }
    for place in chosen {
        chain.event(place, Weight::Link);
    }
    chain.is_generic = true;
}

fn is_change(event: &E) -> bool {
    matches!(
        event,
        E::BecameLeader { .. }
            | E::BecameFollower { .. }
            | E::LeaderUpdated { .. }
            | E::IsrExpandAsked { .. }
            | E::IsrShrinkAsked { .. }
            | E::IsrCommitted { .. }
            | E::IsrReverted { .. }
            | E::Truncated { .. }
            | E::LogRestarted { .. }
    )
}
