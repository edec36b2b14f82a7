//! OffsetFetch: the committed offsets of one group.
//!
//! In Kafka:   `OffsetMetadataManager.{fetchOffsets, fetchAllOffsets}`.
//! Invariants: G13 what is told is committed: a question is read from the committed state, and who asks for stable
//!             offsets is answered from the newest one, when that is committed.

use super::super::GroupCoordinator;
use super::super::request::GroupResponse;
use super::super::state::GroupState;
use super::super::step::{Decided, Decision, GroupError, Token};
use super::stored::StoredOffset;
use crate::error_code::ErrorCode;
use crate::ids::{TopicId, Uuid};
use crate::wire::{offset_fetch_request, offset_fetch_response as wire};

impl GroupCoordinator {
    /// Reads offsets as `state` has them: the committed one, or the newest.
    pub(in crate::group) fn fetch_offsets(
        &self,
        state: &GroupState,
        asked: &offset_fetch_request::Group,
    ) -> Result<wire::Group, GroupError> {
        let found = match self.group_in(state, &asked.group_id) {
            Ok(group) => {
                group.validate_offset_fetch(asked.member_id.as_deref(), asked.member_epoch)?;
                true
            }
            // Nothing is committed of a group that is not there.
            Err(_) => false,
        };
        let offsets = state.offsets_of(&asked.group_id).filter(|_| found);
        let topics = match &asked.topics {
            Some(topics) => {
                let of = |topic: &offset_fetch_request::GroupTopic| {
                    let stored = offsets.and_then(|it| it.get(topic.name.as_str()));
                    let told = topic.partition_indexes.iter().map(|index| {
                        let stored = stored.and_then(|partitions| partitions.get(index));
                        told(*index, stored.filter(|it| is_of(it, topic.topic_id)))
                    });
                    let (name, topic_id) = (topic.name.clone(), topic.topic_id);
                    wire::GroupTopic { name, topic_id, partitions: told.collect() }
                };
                topics.iter().map(of).collect()
            }
            None => {
                let all = offsets.into_iter().flatten();
                all.map(|(name, partitions)| wire::GroupTopic {
                    name: name.to_string(),
                    topic_id: Uuid::ZERO,
                    partitions: partitions
                        .iter()
                        .map(|(index, it)| told(*index, Some(it)))
                        .collect(),
                })
                .collect()
            }
        };
        let group_id = asked.group_id.clone();
        Ok(wire::Group { group_id, topics, error_code: ErrorCode::None.code() })
    }

    /// The same from the newest state: the answer waits until that is committed.
    pub(in crate::group) fn fetch_stable_offsets(
        &self,
        token: Token,
        asked: &offset_fetch_request::Group,
    ) -> Decided {
        let answer = self.fetch_offsets(&self.state, asked)?;
        Ok(Decision::reply(Vec::new(), token, GroupResponse::OffsetFetch(answer)))
    }
}

/// Offsets of a topic that was deleted and made again mean nothing.
fn is_of(stored: &StoredOffset, topic: TopicId) -> bool {
    stored.topic_id == Uuid::ZERO || topic == Uuid::ZERO || stored.topic_id == topic
}

fn told(partition_index: i32, stored: Option<&StoredOffset>) -> wire::GroupTopicPartition {
    wire::GroupTopicPartition {
        partition_index,
        committed_offset: stored.map_or(-1, |it| it.committed),
        committed_leader_epoch: stored.map_or(-1, |it| it.leader_epoch.0),
        metadata: Some(stored.map_or_else(String::new, |it| it.metadata.to_string())),
        error_code: ErrorCode::None.code(),
    }
}
