//! Classic groups in DescribeGroups and ListGroups.
//!
//! In Kafka: `GroupMetadataManager.describeGroups`, `ClassicGroup.asListedGroup`; KIP-1043 (version 6 says why).

use super::group::ClassicGroup;
use super::state::ClassicState;
use crate::error_code::ErrorCode;
use crate::group::machine::GroupCoordinator;
use crate::group::state::GroupState;
use crate::wire::{describe_groups_response, list_groups_response};

impl ClassicGroup {
    /// The group in DescribeGroups. What members say, and in which protocol, is told of a stable group only.
    #[must_use]
    pub fn describe(&self) -> describe_groups_response::Group {
        let is_stable = self.state == ClassicState::Stable;
        let protocol = self.protocol_name().filter(|_| is_stable);
        describe_groups_response::Group {
            group_id: self.id.to_string(),
            group_state: self.state.name().to_owned(),
            protocol_type: self.protocol_type().unwrap_or_default().to_owned(),
            protocol_data: protocol.unwrap_or_default().to_owned(),
            members: self.members().map(|member| member.describe(protocol)).collect(),
            ..describe_groups_response::Group::default()
        }
    }

    /// The group in ListGroups.
    #[must_use]
    pub fn listed(&self) -> list_groups_response::Group {
        list_groups_response::Group {
            group_id: self.id.to_string(),
            protocol_type: self.protocol_type().unwrap_or_default().to_owned(),
            group_state: self.state.name().to_owned(),
            group_type: "classic".to_owned(),
        }
    }
}

impl GroupCoordinator {
    /// DescribeGroups, from what is committed.
    #[must_use]
    pub(in crate::group) fn describe_groups(
        &self,
        committed: &GroupState,
        ids: &[String],
        version: i16,
    ) -> Vec<describe_groups_response::Group> {
        let described = |id: &String| match self.classic_group_in(committed, id) {
            Some(group) => group.describe(),
            None => not_found(id, committed.groups.contains_key(id.as_str()), version),
        };
        ids.iter().map(described).collect()
    }
}

/// A group that is not there, or is no classic one, in DescribeGroups.
#[must_use]
pub fn not_found(id: &str, is_other_kind: bool, version: i16) -> describe_groups_response::Group {
    let mut group = describe_groups_response::Group {
        group_id: id.to_owned(),
        group_state: ClassicState::Dead.name().to_owned(),
        ..describe_groups_response::Group::default()
    };
    if version >= 6 {
        group.error_code = ErrorCode::GroupIdNotFound.code();
        group.error_message = Some(if is_other_kind {
            format!("Group {id} is not a classic group.")
        } else {
            format!("Group {id} not found.")
        });
    }
    group
}
