//! OffsetDelete, DeleteGroups, and what becomes of the offsets of a topic that is deleted.
//!
//! In Kafka:   `OffsetMetadataManager.{deleteOffsets, deleteAllOffsets, onTopicsDeleted}`,
//!             `GroupCoordinatorShard.deleteGroups`.

use std::sync::Arc;

use super::super::record::GroupRecord;
use super::super::request::GroupResponse;
use super::super::step::{Decided, Decision, Token};
use super::super::{Group, GroupCoordinator};
use super::stored::tombstone;
use crate::error_code::ErrorCode;
use crate::ids::{TopicId, Uuid};
use crate::wire::{
    OffsetDeleteRequest, OffsetDeleteResponse, delete_groups_response,
    offset_delete_response as wire,
};

impl GroupCoordinator {
    /// Deletes offsets of topics that nobody in the group reads.
    pub(in crate::group) fn delete_offsets(
        &self,
        token: Token,
        request: &OffsetDeleteRequest,
    ) -> Decided {
        let group = self.group(&request.group_id)?;
        group.validate_offset_delete()?;
        let stored = self.state.offsets_of(&request.group_id);
        let mut records = Vec::new();
        let mut response = OffsetDeleteResponse::default();
        for topic in &request.topics {
            let is_read = group.is_subscribed_to(&topic.name);
            let error = if is_read { ErrorCode::GroupSubscribedToTopic } else { ErrorCode::None };
            let mut partitions: Vec<wire::Partition> = Vec::new();
            for asked in topic.partitions.iter().map(|partition| partition.partition_index) {
                // What is named twice is told once: Kafka gathers answers in a set.
                if partitions.iter().any(|told| told.partition_index == asked) {
                    continue;
                }
                let has = stored
                    .and_then(|offsets| offsets.get(topic.name.as_str()))
                    .is_some_and(|partitions| partitions.contains_key(&asked));
                if has && !is_read {
                    records.push(tombstone(&request.group_id, &topic.name, asked));
                }
                let error_code = error.code();
                partitions.push(wire::Partition { partition_index: asked, error_code });
            }
            response.topics.push(wire::Topic { name: topic.name.clone(), partitions });
        }
        Ok(Decision::reply(records, token, GroupResponse::OffsetDelete(response)))
    }

    /// Deletes groups with all that they have.
    pub(in crate::group) fn delete_groups(&mut self, token: Token, groups: &[String]) -> Decided {
        let mut records = Vec::new();
        let mut results = Vec::new();
        for id in groups {
            let may = self.group(id).and_then(Group::validate_delete);
            let error = match may {
                Ok(()) => {
                    self.tombstones_of_offsets(id, &mut records);
                    self.tombstones_of_group(id, &mut records);
                    ErrorCode::None
                }
                Err(error) => error.code,
            };
            results.push(delete_groups_response::DeleteGroupsResponseResult {
                group_id: id.clone(),
                error_code: error.code(),
            });
        }
        Ok(Decision::reply(records, token, GroupResponse::DeleteGroups(results)))
    }

    fn tombstones_of_offsets(&self, id: &str, records: &mut Vec<GroupRecord>) {
        for (topic, partitions) in self.state.offsets_of(id).into_iter().flatten() {
            records.extend(partitions.keys().map(|index| tombstone(id, topic, *index)));
        }
    }

    /// Topics are gone: their offsets go too, of groups that have members as well.
    #[must_use]
    pub(in crate::group) fn forget_offsets_of(&self, topics: &[(TopicId, Arc<str>)]) -> Decision {
        let mut records = Vec::new();
        for (id, offsets) in &self.state.offsets {
            for (topic_id, topic) in topics {
                for (index, stored) in offsets.get(topic).into_iter().flatten() {
                    if stored.topic_id == Uuid::ZERO || stored.topic_id == *topic_id {
                        records.push(tombstone(id, topic, *index));
                    }
                }
            }
        }
        Decision { is_atomic: false, ..Decision::records(records) }
    }
}
