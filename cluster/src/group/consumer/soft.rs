//! What a coordinator knows of its consumer groups beside the log.
//!
//! In Kafka:   `ModernGroup.metadataRefreshDeadline`, `GroupMetadataManager.lastMetadataImageWithNewTopics`, the tasks
//!             of `CoordinatorExecutor`.
//! Inputs:     records, newer images.
//! Holds:      soft state: a coordinator that is loaded anew begins without it, and a batch that is not written does
//!             not take it back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::group::ConsumerGroup;
use super::subscription::ResolvedRegex;
use crate::group::classic::ClassicGroup;
use crate::group::machine::GroupCoordinator;
use crate::group::record::GroupRecord;
use crate::group::state::{GroupEntry, GroupId, MemberId};
use crate::group::step::Step;
use crate::group::timer::TimerKey;
use crate::ids::TopicId;
use crate::image::MetadataDelta;

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
    /// With how many of those it is time to forget who is gone.
    pub(crate) forget_at: usize,
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

impl GroupCoordinator {
    /// A record of a consumer group; of others nothing becomes.
    pub(crate) fn replay_consumer(&mut self, record: &GroupRecord) {
        if let Some(id) = super::replay::group_id(record)
            && self.classic_group(id).is_some_and(ClassicGroup::is_simple)
        {
            // A group that only holds offsets has no records of its own: it gives way, to tombstones too.
            let group = Arc::new(ConsumerGroup::new(id.into()));
            self.state.groups.insert(id.into(), GroupEntry::Consumer(group));
        }
        super::replay::replay(&mut self.state, record);
        if let GroupRecord::ConsumerGroupMetadata(key, None) = record {
            // Whoever has this id next is another group.
            self.consumer.refresh.remove(key.group_id.as_str());
        }
    }

    /// The log has been read.
    pub(crate) fn on_consumer_loaded(&mut self, step: &mut Step<'_>) {
        self.on_consumer_metadata_update(step, &MetadataDelta::default());
        let groups: Vec<_> = self
            .state
            .groups
            .values()
            .filter_map(|entry| match entry {
                GroupEntry::Consumer(group) => Some(group.clone()),
                GroupEntry::Classic(_) => None,
            })
            .collect();
        for group in groups {
            self.on_consumer_group_loaded(step, &group);
        }
    }

    /// Topics have come, changed or gone: who reads them looks again, and regular expressions are due when one has
    /// come.
    pub(crate) fn on_consumer_metadata_update(
        &mut self,
        step: &mut Step<'_>,
        changed: &MetadataDelta,
    ) {
        let version = step.image.highest_offset().0;
        if self.consumer.image_with_new_topics.is_none() || !changed.created_topics.is_empty() {
            self.consumer.image_with_new_topics = Some(version);
        }
        let ids: BTreeSet<TopicId> = changed
            .created_topics
            .iter()
            .copied()
            .chain(changed.partitions.iter().map(|partition| partition.topic))
            .collect();
        let there = ids.into_iter().filter_map(|id| step.image.topics().topic(id));
        let names: BTreeSet<&str> =
            there.chain(changed.deleted_topics.values()).map(|topic| &*topic.name).collect();
        if names.is_empty() {
            return;
        }
        for (id, entry) in &self.state.groups {
            let GroupEntry::Consumer(group) = entry else { continue };
            let topics = &group.subscription().topics;
            if names.iter().any(|name| topics.contains_key(*name)) {
                self.consumer.refresh.remove(id);
            }
        }
    }
}
