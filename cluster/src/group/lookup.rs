//! Which groups there are: looking them up, listing them, deleting them.
//!
//! In Kafka:   `GroupMetadataManager.{group, listGroups, createGroupTombstoneRecordsAndCancelTimers,
//!             maybeDeleteGroup}`.
//! Invariants: G13 a list is of what is committed; of a classic group its present state is told, as Kafka does.
//! Left out:   the order of Kafka's lists, which comes from hashes: ours is that of the ids.

use super::record::GroupRecord;
use super::state::{GroupEntry, GroupState};
use super::step::GroupError;
use super::{Group, GroupCoordinator};
use crate::error_code::ErrorCode;
use crate::wire::list_groups_response;

impl GroupCoordinator {
    /// A group as it is now, with what is not committed yet.
    ///
    /// # Errors
    /// `GROUP_ID_NOT_FOUND`.
    pub(super) fn group(&self, id: &str) -> Result<&dyn Group, GroupError> {
        self.group_in(&self.state, id)
    }

    /// A group, if `state` has it.
    ///
    /// # Errors
    /// `GROUP_ID_NOT_FOUND`.
    pub(super) fn group_in<'a>(
        &'a self,
        state: &'a GroupState,
        id: &str,
    ) -> Result<&'a dyn Group, GroupError> {
        let found: Option<&dyn Group> = match state.groups.get(id) {
            Some(GroupEntry::Classic(_)) => {
                self.classic_group_in(state, id).map(|group| group as &dyn Group)
            }
            Some(GroupEntry::Consumer(group)) => Some(group.as_ref()),
            None => None,
        };
        let missing = || format!("Group {id} not found.");
        found.ok_or_else(|| GroupError::because(ErrorCode::GroupIdNotFound, missing()))
    }

    /// The groups that are in one of `states` and of one of `types`; of all, if there are none.
    pub(super) fn list_groups(
        &self,
        committed: &GroupState,
        states: &[String],
        types: &[String],
    ) -> Vec<list_groups_response::Group> {
        let is_one_of = |asked: &[String], name: &str| {
            asked.is_empty() || asked.iter().any(|asked| asked.trim().eq_ignore_ascii_case(name))
        };
        let groups = committed.groups.keys().filter_map(|id| self.group_in(committed, id).ok());
        groups
            .map(Group::listed)
            .filter(|it| is_one_of(states, &it.group_state) && is_one_of(types, &it.group_type))
            .collect()
    }

    /// Deletes a group: the records that do. Its timers find nothing, if any are left, in Kafka too
    /// (`Group.cancelTimers` does something for streams groups alone).
    pub(super) fn tombstones_of_group(&self, id: &str, records: &mut Vec<GroupRecord>) {
        if let Ok(group) = self.group(id) {
            group.tombstones(records);
        }
    }

    /// The same, if it has no members.
    pub(super) fn maybe_delete_group(&self, id: &str, records: &mut Vec<GroupRecord>) {
        if self.group(id).is_ok_and(Group::is_empty) {
            self.tombstones_of_group(id, records);
        }
    }
}
