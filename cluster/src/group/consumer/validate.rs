//! What a consumer group allows: commits and fetches of offsets, and its own deletion.
//!
//! In Kafka:   `ConsumerGroup.validateOffsetCommit`, `createAssignmentEpochValidator` (KIP-1251),
//!             `validateOffsetFetch`, `validateDeleteGroup`, `offsetExpirationCondition`.
//! Invariants: G5 a commit is accepted from a member in its epoch, or for a partition that it has had since an epoch
//!             that is not later than the one it names; G8 offsets of such groups expire from their commit on.

use std::sync::Arc;

use super::describe::listed;
use super::group::{ConsumerGroup, ConsumerGroupState};
use super::member::ConsumerGroupMember;
use super::{records, static_members};
use crate::error_code::ErrorCode;
use crate::group::group::{Committer, ExpiryBase, Group, PartitionCheck};
use crate::group::record::GroupRecord;
use crate::group::step::GroupError;
use crate::wire::list_groups_response;

/// From this version of OffsetCommit on members of the consumer protocol may commit.
const FIRST_COMMIT_VERSION: i16 = 9;

/// The code by which a member is told that its epoch, or generation, is not right.
const fn stale(member: &ConsumerGroupMember) -> ErrorCode {
    if member.uses_classic_protocol() {
        ErrorCode::IllegalGeneration
    } else {
        ErrorCode::StaleMemberEpoch
    }
}

impl Group for ConsumerGroup {
    fn validate_offset_commit(
        &self,
        who: &Committer<'_>,
    ) -> Result<PartitionCheck<'_>, GroupError> {
        let epoch = who.generation_or_epoch;
        let anything: PartitionCheck<'_> = Box::new(|_, _, _| Ok(()));
        if epoch < 0 && self.members.is_empty() {
            return Ok(anything);
        }
        let is_anonymous = epoch == -1 && who.member_id.is_empty() && who.instance_id.is_none();
        if who.is_transactional && is_anonymous {
            return Ok(anything);
        }
        let member = static_members::member_of(self, who.member_id)?;
        let is_old = who.version < FIRST_COMMIT_VERSION;
        if !who.is_transactional && !member.uses_classic_protocol() && is_old {
            let why = "OffsetCommit version 9 or above must be used by members using the consumer group \
                       protocol";
            return Err(GroupError::because(ErrorCode::UnsupportedVersion, why));
        }
        if epoch == member.member_epoch {
            return Ok(anything);
        }
        if epoch > member.member_epoch {
            let of = if member.uses_classic_protocol() { "generation id" } else { "member epoch" };
            let known = member.member_epoch;
            let why = format!("Received {of} {epoch} is newer than current member epoch {known}.");
            return Err(GroupError::because(stale(&member), why));
        }
        Ok(since_assignment(member, epoch))
    }

    fn validate_offset_fetch(
        &self,
        member_id: Option<&str>,
        member_epoch: i32,
    ) -> Result<(), GroupError> {
        if member_id.is_none() && member_epoch < 0 {
            return Ok(());
        }
        // Kafka's table of members has no room for a name that is null.
        let member_id = member_id.ok_or(ErrorCode::UnknownServerError)?;
        let member = static_members::member_of(self, member_id)?;
        let known = member.member_epoch;
        if member_epoch == known {
            return Ok(());
        }
        let of = if member.uses_classic_protocol() { "generation id" } else { "member epoch" };
        let why = format!(
            "The received {of} {member_epoch} does not match the expected member epoch {known}."
        );
        Err(GroupError::because(stale(&member), why))
    }

    fn validate_offset_delete(&self) -> Result<(), GroupError> {
        Ok(())
    }

    fn validate_delete(&self) -> Result<(), GroupError> {
        match self.state() {
            ConsumerGroupState::Empty => Ok(()),
            _ => Err(ErrorCode::NonEmptyGroup.into()),
        }
    }

    fn is_subscribed_to(&self, topic: &str) -> bool {
        self.subscription.topics.contains_key(topic)
    }

    fn tombstones(&self, records: &mut Vec<GroupRecord>) {
        records::group_tombstones(self, None, records);
    }

    fn is_empty(&self) -> bool {
        self.state() == ConsumerGroupState::Empty
    }

    fn listed(&self) -> list_groups_response::Group {
        listed(self)
    }

    fn expires_from(&self) -> Option<ExpiryBase> {
        Some(ExpiryBase::Commit)
    }
}

/// An older epoch will do for what has been the member's since then (KIP-1251).
fn since_assignment(member: Arc<ConsumerGroupMember>, epoch: i32) -> PartitionCheck<'static> {
    Box::new(move |_, topic, partition| match member.assignment_epoch(topic, partition) {
        Some(assigned) if epoch >= assigned => Ok(()),
        Some(_) | None => Err(stale(&member)),
    })
}
