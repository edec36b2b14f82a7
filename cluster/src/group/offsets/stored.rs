//! An offset as a coordinator keeps it, and the offsets of one group.
//!
//! In Kafka:   `OffsetAndMetadata`, `OffsetMetadataManager.Offsets`.
//! Holds:      what replay of the records gives, nothing else. Offsets of one group are shared between clones.
//! Invariants: G9; OF-1 neither a group nor a topic without offsets is kept.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::ids::{LeaderEpoch, Offset, TopicId};
use crate::wire::{OffsetCommitKey, OffsetCommitValue, offset_commit_request};

use super::super::record::GroupRecord;
use super::super::state::{GroupId, GroupState};

/// A committed offset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredOffset {
    /// Where its record stands; -1 as long as it has none.
    pub record_offset: Offset,
    /// The offset.
    pub committed: i64,
    /// The leader epoch of the last record that was consumed; -1: not told.
    pub leader_epoch: LeaderEpoch,
    /// What the client says of it.
    pub metadata: Arc<str>,
    /// When it was committed, in milliseconds of the coordinator's wall clock.
    pub commit_timestamp_ms: i64,
    /// When it is to expire, if its client said so (OffsetCommit 2 to 4).
    pub expire_timestamp_ms: Option<i64>,
    /// The topic's id; zero of what was committed before ids were known.
    pub topic_id: TopicId,
}

impl StoredOffset {
    /// What a request commits.
    pub(super) fn of_request(
        topic_id: TopicId,
        asked: &offset_commit_request::Partition,
        commit_timestamp_ms: i64,
        expire_timestamp_ms: Option<i64>,
    ) -> Self {
        Self {
            record_offset: Offset(-1),
            committed: asked.committed_offset,
            leader_epoch: LeaderEpoch(asked.committed_leader_epoch),
            metadata: asked.committed_metadata.as_deref().unwrap_or_default().into(),
            commit_timestamp_ms,
            expire_timestamp_ms,
            topic_id,
        }
    }

    fn of_record(record_offset: Offset, value: &OffsetCommitValue) -> Self {
        Self {
            record_offset,
            committed: value.offset,
            leader_epoch: LeaderEpoch(value.leader_epoch),
            metadata: value.metadata.as_str().into(),
            commit_timestamp_ms: value.commit_timestamp,
            expire_timestamp_ms: Some(value.expire_timestamp).filter(|at| *at != -1),
            topic_id: value.topic_id,
        }
    }

    /// The record that stores it (`newOffsetCommitRecord`).
    pub(super) fn record(&self, group: &str, topic: &str, partition: i32) -> GroupRecord {
        let value = OffsetCommitValue {
            offset: self.committed,
            leader_epoch: self.leader_epoch.0,
            metadata: self.metadata.to_string(),
            commit_timestamp: self.commit_timestamp_ms,
            expire_timestamp: self.expire_timestamp_ms.unwrap_or(-1),
            topic_id: self.topic_id,
        };
        GroupRecord::OffsetCommit(key(group, topic, partition), Some(value))
    }
}

fn key(group: &str, topic: &str, partition: i32) -> OffsetCommitKey {
    OffsetCommitKey { group: group.to_owned(), topic: topic.to_owned(), partition }
}

/// The record that forgets an offset (`newOffsetCommitTombstoneRecord`).
pub(super) fn tombstone(group: &str, topic: &str, partition: i32) -> GroupRecord {
    GroupRecord::OffsetCommit(key(group, topic, partition), None)
}

/// The offsets of one group: by topic, then by partition.
pub type GroupOffsets = BTreeMap<Arc<str>, BTreeMap<i32, StoredOffset>>;

impl GroupState {
    /// The offsets of a group, if it has any.
    #[must_use]
    pub fn offsets_of(&self, group: &str) -> Option<&GroupOffsets> {
        self.offsets.get(group).map(Arc::as_ref)
    }

    /// Replays an `OffsetCommit` record. That the group exists is the machine's business.
    pub(in crate::group) fn replay_offset(
        &mut self,
        at: Offset,
        key: &OffsetCommitKey,
        value: Option<&OffsetCommitValue>,
    ) {
        match value {
            Some(value) => {
                let id: GroupId = key.group.as_str().into();
                let offsets = Arc::make_mut(self.offsets.entry(id).or_default());
                let partitions = match offsets.get_mut(key.topic.as_str()) {
                    Some(partitions) => partitions,
                    None => offsets.entry(key.topic.as_str().into()).or_default(),
                };
                partitions.insert(key.partition, StoredOffset::of_record(at, value));
            }
            None => self.forget_offset(key),
        }
    }

    /// OF-1.
    fn forget_offset(&mut self, key: &OffsetCommitKey) {
        let Some(shared) = self.offsets.get_mut(key.group.as_str()) else { return };
        let offsets = Arc::make_mut(shared);
        if let Some(partitions) = offsets.get_mut(key.topic.as_str()) {
            partitions.remove(&key.partition);
            if partitions.is_empty() {
                offsets.remove(key.topic.as_str());
            }
        }
        if offsets.is_empty() {
            self.offsets.remove(key.group.as_str());
        }
    }
}
