//! What a coordinator knows of its consumer groups beside the log.
//!
//! In Kafka:   `ModernGroup.metadataRefreshDeadline`, `GroupMetadataManager.lastMetadataImageWithNewTopics`, the tasks of
//!             `CoordinatorExecutor`.
//! Holds:      soft state: a coordinator that is loaded anew begins without it, and a batch that is not written does not
//!             take it back.

use std::collections::BTreeMap;

use super::subscription::ResolvedRegex;
use crate::group::state::{GroupId, MemberId};
use crate::group::timer::TimerKey;

/// When the topics of a group are looked at again (`DeadlineAndEpoch`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct RefreshDeadline {
    /// In milliseconds of the wall clock.
    pub deadline_ms: i64,
    /// The group epoch that was to be written then. A group that is behind it lost a write, and looks again.
    pub epoch: i32,
}

/// What was found for the regular expressions of a group, and waits for its turn in the shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resolution {
    /// On whose behalf.
    pub member_id: MemberId,
    /// What each matches.
    pub found: BTreeMap<String, ResolvedRegex>,
}

/// See the module.
#[derive(Debug, Clone, Default)]
pub struct ConsumerSoft {
    pub(crate) refresh: BTreeMap<GroupId, RefreshDeadline>,
    pub(crate) resolving: BTreeMap<GroupId, Resolution>,
    /// In which epoch a member was when its rebalance timer was set.
    pub(crate) rebalance_epochs: BTreeMap<TimerKey, i32>,
    /// The newest image in which a topic was new; none before the first image.
    pub(crate) image_with_new_topics: Option<i64>,
}

impl ConsumerSoft {
    /// Whether the topics of this group are to be looked at.
    pub(crate) fn has_metadata_expired(&self, group: &str, epoch: i32, wall_ms: i64) -> bool {
        let refresh = self.refresh.get(group).copied().unwrap_or_default();
        wall_ms >= refresh.deadline_ms || epoch < refresh.epoch
    }
}
