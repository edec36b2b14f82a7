//! What every kind of group can be asked.
//!
//! In Kafka: `Group`, `CommitPartitionValidator`, `OffsetExpirationCondition`, `OffsetExpirationConditionImpl`.
//! Holds:    the trait that classic and consumer groups have in common.

use super::record::GroupRecord;
use super::step::GroupError;
use crate::error_code::ErrorCode;
use crate::ids::TopicId;
use crate::wire::list_groups_response;

/// Who commits offsets.
#[derive(Debug, Clone, Copy)]
pub struct Committer<'a> {
    /// Its member id; empty if it has none.
    pub member_id: &'a str,
    /// Its `group.instance.id`.
    pub instance_id: Option<&'a str>,
    /// Its generation, or member epoch.
    pub generation_or_epoch: i32,
    /// Whether it does so in a transaction.
    pub is_transactional: bool,
    /// The version of the request.
    pub version: i16,
}

/// What a commit has to stand for each partition (`CommitPartitionValidator`).
pub type PartitionCheck<'a> = Box<dyn Fn(&str, TopicId, i32) -> Result<(), ErrorCode> + 'a>;

/// From when on the retention of an offset counts (`OffsetExpirationCondition`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpiryBase {
    /// From its commit.
    Commit,
    /// From when the group became empty, in milliseconds of the wall clock; from the commit if that is not known.
    StateSince(Option<i64>),
}

/// A group.
pub trait Group {
    /// Whether these offsets may be committed, and what is asked of each partition then.
    ///
    /// # Errors
    /// As `Group.validateOffsetCommit`.
    fn validate_offset_commit(&self, who: &Committer<'_>)
    -> Result<PartitionCheck<'_>, GroupError>;

    /// Whether the offsets may be read by this member, if one is named.
    ///
    /// # Errors
    /// As `Group.validateOffsetFetch`.
    fn validate_offset_fetch(
        &self,
        member_id: Option<&str>,
        member_epoch: i32,
    ) -> Result<(), GroupError>;

    /// Whether offsets may be deleted.
    ///
    /// # Errors
    /// As `Group.validateOffsetDelete`.
    fn validate_offset_delete(&self) -> Result<(), GroupError>;

    /// Whether the group may be deleted.
    ///
    /// # Errors
    /// As `Group.validateDeleteGroup`.
    fn validate_delete(&self) -> Result<(), GroupError>;

    /// Whether somebody reads this topic as a member, so that its offsets do not go.
    fn is_subscribed_to(&self, topic: &str) -> bool;

    /// The tombstones that delete the group.
    fn tombstones(&self, records: &mut Vec<GroupRecord>);

    /// Whether it has no members.
    fn is_empty(&self) -> bool;

    /// What ListGroups tells of it.
    fn listed(&self) -> list_groups_response::Group;

    /// From when on the retention of its offsets counts; none: they do not expire.
    fn expires_from(&self) -> Option<ExpiryBase>;

    /// The same of a group that rebalances, before KAFKA-13636.
    fn expires_while_rebalancing(&self) -> Option<ExpiryBase> {
        None
    }
}
