//! How offsets expire, and groups with them.
//!
//! In Kafka:   `GroupCoordinatorShard.cleanupGroupMetadata`, `OffsetMetadataManager.cleanupExpiredOffsets`,
//!             `GroupMetadataManager.maybeDeleteGroup`.
//! Invariants: G8 nothing expires of a group that rebalances, and nothing of a topic that a member reads.

use super::super::GroupCoordinator;
use super::super::group::ExpiryBase;
use super::super::record::GroupRecord;
use super::super::state::GroupId;
use super::super::step::{Decision, Step};
use super::super::timer::TimerKey;
use super::stored::{StoredOffset, tombstone};
use trial_sim::Span;

const MS_PER_MINUTE: i64 = 60_000;

impl GroupCoordinator {
    /// It is time to look, and to look again later.
    pub(in crate::group) fn clean_up(&mut self, step: &Step<'_>) -> Decision {
        let mut records = Vec::new();
        let groups: Vec<GroupId> = self.state.groups.keys().cloned().collect();
        for id in groups {
            if self.expire_offsets(step.wall_ms, &id, &mut records) {
                self.maybe_delete_group(&id, &mut records);
            }
        }
        self.schedule_clean_up(step);
        Decision { is_atomic: false, ..Decision::records(records) }
    }

    /// When offsets are looked at next.
    pub(in crate::group) fn schedule_clean_up(&mut self, step: &Step<'_>) {
        let interval: Span = self.settings.offsets_retention_check_interval;
        self.timers.schedule(TimerKey::Expiry, step.now + interval);
    }

    /// Forgets what has expired; answers whether the group has no offsets then.
    fn expire_offsets(&self, now_ms: i64, id: &str, records: &mut Vec<GroupRecord>) -> bool {
        let Some(offsets) = self.state.offsets_of(id) else { return true };
        let group = self.group(id).expect("G9: whoever has offsets is a group");
        let early =
            || group.expires_while_rebalancing().filter(|_| !self.rules.rebalances_keep_offsets());
        let Some(base) = group.expires_from().or_else(early) else { return false };
        let mut all = true;
        for (topic, partitions) in offsets {
            let is_read = group.is_subscribed_to(topic);
            for (index, stored) in partitions {
                if !is_read && self.has_expired(now_ms, base, stored) {
                    records.push(tombstone(id, topic, *index));
                } else {
                    all = false;
                }
            }
        }
        all
    }

    fn has_expired(&self, now_ms: i64, base: ExpiryBase, stored: &StoredOffset) -> bool {
        let retention = self.settings.offsets_retention_minutes * MS_PER_MINUTE;
        let since = match (stored.expire_timestamp_ms, base) {
            (Some(at), _) => return now_ms >= at,
            (None, ExpiryBase::StateSince(Some(since))) => since,
            (None, ExpiryBase::StateSince(None) | ExpiryBase::Commit) => stored.commit_timestamp_ms,
        };
        now_ms - since >= retention
    }
}
