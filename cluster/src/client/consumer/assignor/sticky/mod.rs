//! As even as possible, and moving as little as possible: what both sticky assignors share.
//!
//! In Kafka:   `AbstractStickyAssignor`; KAFKA-12984, KAFKA-13419 (claims that contradict each other).
//! Holds:      who has had what, after contradictions are decided: of two claims that of the higher generation counts,
//!             of two in one generation none does.
//! Invariants: ST-1 a partition has one former owner or none.
//!
//! Read this file (who has had what), `equal.rs` (all want the same topics), `general.rs` with `balance.rs` (they do
//! not), `movements.rs` and `racks.rs`.
//!
//! A generation is compared with the one that the *subscription* of the other claimant says, and not with the one in
//! its user data, as in Java; for the sticky assignor these may differ.

mod balance;
mod equal;
mod general;
mod movements;
mod racks;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::AssignorError;
use super::frame::{Frame, Partition};
use crate::client::NamedPartition;
use equal::Equal;
use general::General;
use racks::Racks;

/// The generation of who says none.
pub(super) const NO_GENERATION: i32 = -1;

/// What a member says that it has had, and in which generation.
#[derive(Debug, Clone)]
pub(super) struct Claim {
    pub(super) partitions: Vec<NamedPartition>,
    pub(super) generation: Option<i32>,
}

/// An assignment.
#[derive(Debug)]
pub(super) struct Balanced {
    /// The partitions of each member.
    pub(super) lists: Vec<Vec<Partition>>,
    /// What a member has gained that another one still has. None where that has to be found out by comparing.
    pub(super) moving: Option<BTreeMap<Partition, usize>>,
}

/// The partitions of each member. `generation_max` is the highest generation that was ever claimed, and rises.
pub(super) fn assign(
    frame: &Frame<'_>,
    claims: &[Claim],
    generation_max: &mut i32,
) -> Result<Balanced, AssignorError> {
    if frame.members.is_empty() {
        return Err(AssignorError::NoMembers);
    }
    let highest = claims.iter().filter_map(|claim| claim.generation).max();
    *generation_max = highest.map_or(*generation_max, |highest| highest.max(*generation_max));
    let racks = Racks::new(frame);
    let owned = Owned::decided(frame, claims);
    if want_the_same(frame) {
        Equal::new(frame, &racks, owned).build()
    } else {
        let lists = General::new(frame, &racks, owned.lists).build(claims, *generation_max)?;
        Ok(Balanced { lists, moving: None })
    }
}

/// Takes the first of a partition out of a list.
pub(super) fn take_out(list: &mut Vec<Partition>, partition: Partition) {
    if let Some(place) = list.iter().position(|held| *held == partition) {
        list.remove(place);
    }
}

/// Whether all members want the same topics. As in Java, members that want nothing are passed over as long as nobody
/// before them wanted something: they count as wanting what the others want.
fn want_the_same(frame: &Frame<'_>) -> bool {
    let mut first: BTreeSet<&Arc<str>> = BTreeSet::new();
    for member in &frame.members {
        let topics = &member.subscription.topics;
        if first.is_empty() {
            first.extend(topics);
        } else if topics.len() != first.len() || !topics.iter().all(|topic| first.contains(topic)) {
            return false;
        }
    }
    true
}

/// Who has had what.
struct Owned {
    /// The partitions of each member, in the order of its claim.
    lists: Vec<Vec<Partition>>,
    /// What was claimed by two members in one generation.
    contested: BTreeSet<Partition>,
}

impl Owned {
    fn decided(frame: &Frame<'_>, claims: &[Claim]) -> Self {
        let mut owned = Self { lists: vec![Vec::new(); claims.len()], contested: BTreeSet::new() };
        let mut owners = BTreeMap::new();
        for (member, claim) in claims.iter().enumerate() {
            let generation = claim.generation.unwrap_or(NO_GENERATION);
            for partition in claim.partitions.iter().filter_map(|it| frame.partition(it)) {
                let Some(&other) = owners.get(&partition) else {
                    owned.lists[member].push(partition);
                    owners.insert(partition, member);
                    continue;
                };
                let others = frame.members[other].subscription.generation_id;
                let others = others.unwrap_or(NO_GENERATION);
                if generation < others {
                    continue;
                }
                if generation == others {
                    owned.contested.insert(partition);
                } else {
                    owned.lists[member].push(partition);
                }
                take_out(&mut owned.lists[other], partition);
                owners.insert(partition, member);
            }
        }
        owned
    }
}
