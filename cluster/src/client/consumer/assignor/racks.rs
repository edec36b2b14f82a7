//! Whether racks count in an assignment.
//!
//! In Kafka: `AbstractPartitionAssignor.useRackAwareAssignment` (KIP-881).

use std::collections::BTreeSet;
use std::sync::Arc;

/// Whether a member is in a rack that has a replica, and some partition has none in a rack that another has one in.
/// `partitions` are the racks of each.
pub(super) fn are_worth_it(members: &BTreeSet<&str>, partitions: &[&BTreeSet<Arc<str>>]) -> bool {
    let all: BTreeSet<&str> = partitions.iter().copied().flatten().map(|rack| &**rack).collect();
    // Each is a part of all: it is all of them if it has as many.
    !members.is_disjoint(&all) && partitions.iter().any(|racks| racks.len() < all.len())
}
