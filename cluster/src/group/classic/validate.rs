//! What a classic group allows: by its members, its generation and its state.
//!
//! In Kafka:   `ClassicGroup.{validateMember, validateOffsetCommit, validateOffsetFetch, validateOffsetDelete,
//!             validateDeleteGroup, offsetExpirationCondition, isSubscribedToTopic}`; KIP-211, KAFKA-4682, KAFKA-13636.
//! Invariants: G5 a commit that is taken comes from a member of the generation, or to an empty group from nobody.
//!             G8 offsets do not expire while a group rebalances.

use super::group::ClassicGroup;
use super::groups::ClassicRef;
use super::state::ClassicState;
use crate::error_code::ErrorCode;
use crate::group::group::{Committer, ExpiryBase, Group, PartitionCheck};
use crate::group::machine::GroupCoordinator;
use crate::group::record::GroupRecord;
use crate::group::step::{GroupError, Step};
use crate::wire::list_groups_response;

impl GroupCoordinator {
    /// A commit keeps its member's session alive, in a stable group and in one that prepares
    /// (`OffsetMetadataManager.validateOffsetCommit`).
    pub(in crate::group) fn renew_classic_session(
        &mut self,
        step: &mut Step<'_>,
        name: ClassicRef,
        member_id: &str,
    ) {
        let mut turn = self.classic_turn(step, name);
        if matches!(turn.group.state, ClassicState::Stable | ClassicState::PreparingRebalance) {
            turn.renew_session(member_id);
        }
    }
}

impl ClassicGroup {
    /// Whether this is a member, under this instance id if there is one.
    ///
    /// # Errors
    /// There is no such member (`UNKNOWN_MEMBER_ID`), or another one has the instance id (`FENCED_INSTANCE_ID`).
    pub fn validate_member(&self, id: &str, instance_id: Option<&str>) -> Result<(), ErrorCode> {
        if let Some(instance) = instance_id {
            match self.static_member(instance) {
                None => return Err(ErrorCode::UnknownMemberId),
                Some(holder) if **holder != *id => return Err(ErrorCode::FencedInstanceId),
                Some(_) => {}
            }
        }
        if self.member(id).is_some() { Ok(()) } else { Err(ErrorCode::UnknownMemberId) }
    }

    fn may_commit(&self, who: &Committer<'_>) -> Result<(), ErrorCode> {
        let is_empty = self.state == ClassicState::Empty;
        if self.state == ClassicState::Dead {
            return Err(ErrorCode::CoordinatorNotAvailable);
        }
        // An admin, or a consumer that assigns to itself.
        if who.generation_or_epoch < 0 && is_empty {
            return Ok(());
        }
        let names_itself =
            who.generation_or_epoch >= 0 || !who.member_id.is_empty() || who.instance_id.is_some();
        if names_itself {
            self.validate_member(who.member_id, who.instance_id)?;
            if who.generation_or_epoch != self.generation {
                return Err(ErrorCode::IllegalGeneration);
            }
        } else if !who.is_transactional && !is_empty {
            return Err(ErrorCode::UnknownMemberId);
        }
        if !who.is_transactional && self.state == ClassicState::CompletingRebalance {
            return Err(ErrorCode::RebalanceInProgress);
        }
        Ok(())
    }

    fn is_dead(&self) -> GroupError {
        let message = format!("Group {} is in dead state.", self.id);
        GroupError::because(ErrorCode::GroupIdNotFound, message)
    }
}

impl Group for ClassicGroup {
    fn validate_offset_commit(
        &self,
        who: &Committer<'_>,
    ) -> Result<PartitionCheck<'_>, GroupError> {
        self.may_commit(who)?;
        Ok(Box::new(|_, _, _| Ok(())))
    }

    fn validate_offset_fetch(
        &self,
        _member_id: Option<&str>,
        _member_epoch: i32,
    ) -> Result<(), GroupError> {
        if self.state == ClassicState::Dead { Err(self.is_dead()) } else { Ok(()) }
    }

    fn validate_offset_delete(&self) -> Result<(), GroupError> {
        match self.state {
            ClassicState::Dead => Err(self.is_dead()),
            ClassicState::Empty => Ok(()),
            _ if self.is_of_consumers() => Ok(()),
            _ => Err(ErrorCode::NonEmptyGroup.into()),
        }
    }

    fn validate_delete(&self) -> Result<(), GroupError> {
        match self.state {
            ClassicState::Dead => Err(self.is_dead()),
            ClassicState::Empty => Ok(()),
            _ => Err(ErrorCode::NonEmptyGroup.into()),
        }
    }

    fn is_subscribed_to(&self, topic: &str) -> bool {
        match &self.subscribed_topics {
            Some(topics) => topics.contains(topic),
            None => self.is_of_consumers(),
        }
    }

    fn tombstones(&self, records: &mut Vec<GroupRecord>) {
        records.push(GroupRecord::GroupMetadata(self.key(), None));
    }

    fn is_empty(&self) -> bool {
        self.state == ClassicState::Empty
    }

    fn listed(&self) -> list_groups_response::Group {
        Self::listed(self)
    }

    fn expires_from(&self) -> Option<ExpiryBase> {
        if self.protocol_type.is_none() {
            return Some(ExpiryBase::Commit);
        }
        match self.state {
            ClassicState::Empty => Some(ExpiryBase::StateSince(self.state_since)),
            ClassicState::Stable if self.is_of_consumers() && self.subscribed_topics.is_some() => {
                Some(ExpiryBase::Commit)
            }
            _ => None,
        }
    }

    fn expires_while_rebalancing(&self) -> Option<ExpiryBase> {
        let is_known = self.is_of_consumers() && self.subscribed_topics.is_some();
        is_known.then_some(ExpiryBase::Commit)
    }
}
