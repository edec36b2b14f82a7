//! The assignors of the coordinator: who of a consumer group reads which partitions.
//!
//! In Kafka: the packages `coordinator.group.assignor` and `coordinator.group.api.assignor`.
//! Read:     `spec.rs` (what they are told), `range.rs`, `uniform.rs` (all members read the same topics),
//!           `uniform_heterogeneous.rs` with `balancer.rs` (they do not), `java_order.rs` (whose turn it is).

pub(crate) mod balancer;
pub(crate) mod java_order;
pub(crate) mod range;
pub mod spec;
pub(crate) mod uniform;
pub(crate) mod uniform_heterogeneous;

pub use spec::{AssignmentFailed, GroupSpec, MemberSpec, Partitions};

use std::collections::BTreeMap;

use super::state::MemberId;
use crate::config::group::ServerAssignor;

/// The order in which Kafka walks through members that were put into its map in this one.
#[must_use]
pub fn walk_order(ids: Vec<MemberId>) -> Vec<MemberId> {
    java_order::hash_map_order(ids)
}

/// The assignment of every member; one that is not in it has none.
pub type GroupAssignment = BTreeMap<MemberId, Partitions>;

impl ServerAssignor {
    /// Assigns.
    ///
    /// # Errors
    /// As `PartitionAssignor.assign`.
    pub fn assign(self, group: &GroupSpec<'_>) -> Result<GroupAssignment, AssignmentFailed> {
        if group.members.is_empty() {
            return Ok(GroupAssignment::new());
        }
        match self {
            Self::Range => range::assign(group),
            Self::Uniform if group.is_homogeneous => uniform::assign(group),
            Self::Uniform => uniform_heterogeneous::assign(group),
        }
    }
}

#[cfg(test)]
mod tests;
