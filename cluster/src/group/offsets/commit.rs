//! OffsetCommit.
//!
//! In Kafka:   `OffsetMetadataManager.{validateOffsetCommit, commitOffset}`.
//! Invariants: G5 only who is a member in the present generation or epoch commits, or anybody in a group that manages
//!             none. OC-1 one partition that is refused by the group refuses the whole request; metadata that is too
//!             long refuses its partition alone.

use super::super::GroupCoordinator;
use super::super::group::Committer;
use super::super::request::{Asker, GroupResponse};
use super::super::step::{Decided, Decision, GroupError, Step, Token};
use super::stored::StoredOffset;
use crate::error_code::ErrorCode;
use crate::ids::Offset;
use crate::wire::{
    LegacyOffsetCommitKey, LegacyOffsetCommitValue, OffsetCommitKey, OffsetCommitRequest,
    OffsetCommitResponse, OffsetCommitValue, offset_commit_request, offset_commit_response,
};

/// From here on it is said that a group does not exist.
const SAYS_GROUP_ID_NOT_FOUND: i16 = 9;

impl GroupCoordinator {
    /// Commits offsets.
    pub(in crate::group) fn commit_offsets(
        &mut self,
        step: &mut Step<'_>,
        token: Token,
        asker: &Asker,
        request: &OffsetCommitRequest,
    ) -> Decided {
        self.may_commit(step, asker, request)?;
        let group = self.group(&request.group_id)?;
        let check = group.validate_offset_commit(&committer(asker, request))?;
        let retention = Some(request.retention_time_ms).filter(|retention| *retention != -1);
        let expires = retention.map(|retention| step.wall_ms.saturating_add(retention));
        let mut records = Vec::new();
        let mut response = OffsetCommitResponse::default();
        for topic in &request.topics {
            let mut partitions = Vec::with_capacity(topic.partitions.len());
            for asked in &topic.partitions {
                let error = if self.is_too_long(asked) {
                    ErrorCode::OffsetMetadataTooLarge
                } else {
                    check(&topic.name, topic.topic_id, asked.partition_index)?;
                    let stored =
                        StoredOffset::of_request(topic.topic_id, asked, step.wall_ms, expires);
                    let group = &request.group_id;
                    records.push(stored.record(group, &topic.name, asked.partition_index));
                    ErrorCode::None
                };
                partitions.push(offset_commit_response::Partition {
                    partition_index: asked.partition_index,
                    error_code: error.code(),
                });
            }
            let (name, topic_id) = (topic.name.clone(), topic.topic_id);
            response.topics.push(offset_commit_response::Topic { name, topic_id, partitions });
        }
        Ok(Decision::reply(records, token, GroupResponse::OffsetCommit(response)))
    }

    /// Whether the group takes them. A group that is not there is made, if nobody says that he is in it; a commit
    /// keeps the session of a classic member alive.
    fn may_commit(
        &mut self,
        step: &mut Step<'_>,
        asker: &Asker,
        request: &OffsetCommitRequest,
    ) -> Result<(), GroupError> {
        match self.group(&request.group_id) {
            Err(_) if request.generation_id_or_member_epoch < 0 => {
                self.classic_group_for_offsets(&request.group_id, step.wall_ms);
            }
            // Of older versions it is kept secret.
            Err(_) if asker.version < SAYS_GROUP_ID_NOT_FOUND => {
                return Err(ErrorCode::IllegalGeneration.into());
            }
            Err(error) => return Err(error),
            Ok(_) => {}
        }
        let group = self.group(&request.group_id)?;
        group.validate_offset_commit(&committer(asker, request)).map(|_| ())?;
        if let Some(name) = self.classic_ref(&request.group_id) {
            self.renew_classic_session(step, name, &request.member_id);
        }
        Ok(())
    }

    /// An offset is in the log. Whoever has offsets is a group: a simple one is made if there is none.
    pub(in crate::group) fn replay_offset_commit(
        &mut self,
        at: Offset,
        key: &OffsetCommitKey,
        value: Option<&OffsetCommitValue>,
    ) {
        if let Some(value) = value {
            self.classic_group_for_offsets(&key.group, value.commit_timestamp);
        }
        self.state.replay_offset(at, key, value);
    }

    /// The same in the form of Kafka before 0.9.
    pub(in crate::group) fn replay_legacy_offset_commit(
        &mut self,
        at: Offset,
        key: &LegacyOffsetCommitKey,
        value: Option<&LegacyOffsetCommitValue>,
    ) {
        let LegacyOffsetCommitKey { group, topic, partition } = key.clone();
        let value = value.map(|value| OffsetCommitValue {
            offset: value.offset,
            metadata: value.metadata.clone(),
            commit_timestamp: value.commit_timestamp,
            ..Default::default()
        });
        let key = OffsetCommitKey { group, topic, partition };
        self.replay_offset_commit(at, &key, value.as_ref());
    }

    /// Kafka counts as Java does: units of UTF-16.
    fn is_too_long(&self, asked: &offset_commit_request::Partition) -> bool {
        let length = asked.committed_metadata.as_deref().map_or(0, |it| it.encode_utf16().count());
        length > self.settings.offset_metadata_max_bytes
    }
}

fn committer<'a>(asker: &Asker, request: &'a OffsetCommitRequest) -> Committer<'a> {
    Committer {
        member_id: &request.member_id,
        instance_id: request.group_instance_id.as_deref(),
        generation_or_epoch: request.generation_id_or_member_epoch,
        is_transactional: false,
        version: asker.version,
    }
}
