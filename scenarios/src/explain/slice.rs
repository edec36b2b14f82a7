//! What has no rule of its own: the last events that matter of what the two facts name, and it says so.
//!
//! Inputs:     the partition and the hosts that the violation names.
//! Invariants: SL-1 it claims no causes.

use trial_cluster::note::Note;
use trial_cluster::note::controller::ControllerNote;
use trial_cluster::note::partition::PartitionEvent as E;

use super::chain::Chain;
use super::record::What;
use crate::check::Violation;
use crate::facts::Fact;

/// Tells it.
pub(super) fn tell(chain: &mut Chain<'_>, violation: &Violation) -> bool {
    choose(chain);
    chain.however(violation);
    true
}

/// Chooses the last events about the subject.
pub(super) fn choose(chain: &mut Chain<'_>) {
    let hosts = chain.subject.everybody();
    let named = |host: &trial_sim::HostId| hosts.is_empty() || hosts.contains(host);
    let matters = |chain: &Chain<'_>, place: usize| match &chain.record[place].what {
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
    chain.select(matters);
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
