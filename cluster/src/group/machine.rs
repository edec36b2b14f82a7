//! A group coordinator as a replicated machine: `decide` answers, `replay` changes what is on the timeline.
//!
//! In Kafka:   `GroupCoordinatorShard` with `GroupMetadataManager` and `OffsetMetadataManager`.
//! Holds:      the hard state with what is not committed yet, the timers, and what classic groups are made of.
//! Inputs:     requests, questions, timers, records, another image of the cluster. Effects: answers and marks; records
//!             are part of a decision, and the shard appends them.
//! Invariants: G9 the state that replay rebuilds is the live one.

use std::sync::Arc;

use super::state::GroupState;
use super::timer::Timers;
use crate::config::group::GroupSettings;
use crate::rules::Rules;

/// The coordinator of the groups of one partition of `__consumer_offsets`.
#[derive(Debug, Clone)]
pub struct GroupCoordinator {
    pub(super) settings: Arc<GroupSettings>,
    pub(super) rules: Rules,
    pub(super) state: GroupState,
    pub(super) timers: Timers,
}

impl GroupCoordinator {
    /// One that has read nothing.
    #[must_use]
    pub fn new(settings: Arc<GroupSettings>, rules: Rules) -> Self {
        Self { settings, rules, state: GroupState::default(), timers: Timers::default() }
    }
}
