//! The controller took somebody in, and the leader that asked for it does not wait for it: R7.
//!
//! Inputs:     the leader that the first fact names, and the record.
//! Invariants: IS-1 that the leader knew the partition epoch before it applied it over what was pending is looked up.

use trial_cluster::ids::BrokerId;
use trial_cluster::note::controller::ChangeReason;
use trial_cluster::note::partition::PartitionEvent as E;
use trial_cluster::rules::Switch;
use trial_sim::HostId;

use super::chain::{Chain, Weight, say, see};
use super::record::What;
use crate::check::Violation;
use crate::check::words::node;
use crate::facts::Fact;

/// The entries of the story.
struct Found {
    leader: HostId,
    joining: BrokerId,
    asked: usize,
    applied: usize,
    taken: usize,
}

fn find(chain: &Chain<'_>) -> Option<Found> {
    let leader = chain.subject.in_facts[0].first().copied()?;
    let taken = chain.registration(chain.until)?;
    // What it forgot, not what it may have asked again: the last time that it took metadata over a wish.
    let applied = chain.last(taken, |what| {
        chain.noted(what, Some(leader), |it| matches!(it, E::LeaderUpdated { .. }))
    })?;
    let joins = joining(chain, taken);
    let asked = chain.last(applied, |what| {
        chain.noted(
            what,
            Some(leader),
            |it| matches!(it, E::IsrExpandAsked { joining, .. } if joins.contains(joining)),
        )
    })?;
    match chain.fact(&chain.record[asked].what) {
        Some(Fact::Noted { event: E::IsrExpandAsked { joining, .. }, .. }) => {
            Some(Found { leader, joining: *joining, asked, applied, taken })
        }
        _ => None,
    }
}

/// Tells it; `false` if the record lacks what the story needs.
pub(super) fn tell(chain: &mut Chain<'_>, violation: &Violation) -> bool {
    if !violation.message.contains("does not wait for") {
        return false;
    }
    let Some(Found { leader, joining, asked, applied, taken }) = find(chain) else { return false };
    let Some(epoch) = knows(chain, applied) else { return false };
    let (name, who) = (chain.name(leader), node(chain.facts, joining));
    let known = (0..asked).rev().find(|place| {
        chain
            .fact(&chain.record[*place].what)
            .is_some_and(|fact| matches!(fact, Fact::Noted { host, .. } if *host == leader))
            && knows(chain, *place) == Some(epoch)
    });
    let written = chain.last(asked, |what| {
        matches!(what, What::Registered { partition, new, .. }
            if Some(*partition) == chain.partition && new.partition_epoch.0 == epoch)
    });
    let again = chain.last(taken, |what| {
        chain.noted(what, Some(leader), |it| matches!(it, E::IsrReverted { .. }))
    });
    let again = again.filter(|again| *again > applied);
    let by_its_wish = matches!(chain.record[taken].what,
        What::Registered { why: ChangeReason::AlterPartition(by), .. } if Some(by) == chain.node(leader));
    let asked = chain.event(asked, Weight::Core);
    let applied = chain.event(applied, Weight::Core);
    let taken = chain.event(taken, Weight::Core);
    chain.argue(vec![
        say(format!("{name} asked the controller to take {who} in")),
        see(&[asked]),
        say(format!(
            ", and from then on has to wait for {who} before it moves its high watermark, whatever it is answered"
        )),
    ]);
    let mut pieces = vec![
        say(format!("However, before it was answered, {name} applied partition epoch {epoch}")),
        see(&[applied]),
    ];
    if let Some(known) = known {
        let known = chain.event(known, Weight::Core);
        pieces.push(say(", which it knew already"));
        pieces.push(see(&[known]));
        chain.blame(&[Switch::EqualPartitionEpochApplied]);
    }
    let written = chain.maybe(written, Weight::Link);
    if !written.is_empty() {
        pieces.push(say("; the controller's record of it"));
        pieces.push(see(&written));
        pieces.push(say(" reached it only then"));
    }
    pieces.push(say(", and so it forgot that it had asked"));
    chain.argue(pieces);
    let again = chain.maybe(again, Weight::Link);
    if !again.is_empty() {
        chain.argue(vec![
            say(format!("{name} may ask again, but takes that back at once")),
            see(&again),
            say(" while its first request is still on the way"),
        ]);
    }
    chain.argue(vec![
        say(match by_its_wish {
            true => format!("And yet the controller took {who} in, as {name} had asked"),
            false => format!("And yet the controller took {who} in"),
        }),
        see(&[taken]),
        say(format!(
            ": {who} may be elected for what {name} commits without waiting for it: a contradiction!"
        )),
    ]);
    true
}

/// Who is in the in-sync set by this registration, and was not by the one before.
fn joining(chain: &Chain<'_>, taken: usize) -> Vec<BrokerId> {
    let What::Registered { old, new, .. } = &chain.record[taken].what else { return Vec::new() };
    let was = |id: &BrokerId| old.as_ref().is_some_and(|old| old.isr.contains(id));
    new.isr.iter().copied().filter(|id| !was(id)).collect()
}

/// The partition epoch that a leader knows from an entry on.
fn knows(chain: &Chain<'_>, place: usize) -> Option<i32> {
    match chain.fact(&chain.record[place].what) {
        Some(Fact::Noted {
            event:
                E::LeaderUpdated { partition_epoch, .. }
                | E::IsrCommitted { partition_epoch, .. }
                | E::BecameLeader { partition_epoch, .. },
            ..
        }) => Some(partition_epoch.0),
        _ => None,
    }
}
