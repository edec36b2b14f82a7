//! The sticky assignor of the cooperative protocol: nobody is given what another one still has to give up.
//!
//! In Kafka:   `CooperativeStickyAssignor` (KIP-429), KAFKA-14639, and KIP-792 for the generation in the subscription.
//! Holds:      the generation of the member's last assignment; the highest one that a leader has heard of.
//! Invariants: CS-1 what a member owns in the newest generation in which it is claimed is given to nobody else in this
//!             round, unless another claims it in the same generation.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::AssignorError;
use super::frame::{Frame, Partition};
use super::group::Subscription;
use super::sticky::{self, Claim, NO_GENERATION};

/// What it remembers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CooperativeStickyAssignor {
    generation: i32,
    generation_max: i32,
}

impl Default for CooperativeStickyAssignor {
    fn default() -> Self {
        Self { generation: NO_GENERATION, generation_max: NO_GENERATION }
    }
}

impl CooperativeStickyAssignor {
    pub(super) const fn on_assignment(&mut self, generation_id: i32) {
        self.generation = generation_id;
    }

    pub(super) fn subscription_user_data(&self) -> Bytes {
        Bytes::copy_from_slice(&self.generation.to_be_bytes())
    }

    pub(super) fn assign(
        &mut self,
        frame: &Frame<'_>,
    ) -> Result<Vec<Vec<Partition>>, AssignorError> {
        let claims: Vec<Claim> =
            frame.members.iter().map(|member| claim(&member.subscription)).collect();
        let balanced = sticky::assign(frame, &claims, &mut self.generation_max)?;
        let mut lists = balanced.lists;
        let moving = balanced.moving.unwrap_or_else(|| moving(frame, &lists));
        for (partition, member) in moving {
            sticky::take_out(&mut lists[member], partition);
        }
        Ok(lists)
    }
}

/// What a member owns: its fields say it, and before version 2 its user data says when.
fn claim(subscription: &Subscription) -> Claim {
    let partitions = subscription.owned_partitions.clone();
    let generation = subscription.generation_id.or_else(|| {
        let data = subscription.user_data.as_ref()?;
        Some(data.first_chunk().map_or(NO_GENERATION, |four| i32::from_be_bytes(*four)))
    });
    Claim { partitions, generation }
}

/// What one member gains and another one loses, and who gains it.
fn moving(frame: &Frame<'_>, lists: &[Vec<Partition>]) -> BTreeMap<Partition, usize> {
    let mut gained = BTreeMap::new();
    let mut lost = BTreeSet::new();
    for (member, assigned) in lists.iter().enumerate() {
        let owned = &frame.members[member].subscription.owned_partitions;
        let owned: BTreeSet<Partition> =
            owned.iter().filter_map(|named| frame.partition(named)).collect();
        let assigned: BTreeSet<Partition> = assigned.iter().copied().collect();
        gained.extend(assigned.difference(&owned).map(|partition| (*partition, member)));
        lost.extend(owned.difference(&assigned).copied());
    }
    gained.retain(|partition, _| lost.contains(partition));
    gained
}
