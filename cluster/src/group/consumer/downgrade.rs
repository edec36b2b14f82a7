//! A consumer group becomes a classic group: the last of its members with the consumer protocol has gone.
//!
//! In Kafka:   `GroupMetadataManager.{validateOnlineDowngradeWithFencedMembers,
//!             validateOnlineDowngradeWithReplacedMember, convertToClassicGroup}`, `ClassicGroup.fromConsumerGroup`.
//! Effects:    the tombstones of the consumer group and the record of the classic one. They are not replayed: the group
//!             is what it has become already.
//! Invariants: G12 members, their instances and the targets that they had stay; the generation goes on from the epoch.

use std::sync::Arc;

use super::embedded;
use super::group::ConsumerGroup;
use super::member::ConsumerGroupMember;
use super::records;
use crate::error_code::ErrorCode;
use crate::group::classic::{ClassicGroup, ClassicMember};
use crate::group::machine::GroupCoordinator;
use crate::group::record::GroupRecord;
use crate::group::step::{GroupError, Step};
use crate::image::MetadataImage;
use crate::wire::join_group_request::Protocol;

/// How a group comes to be a classic one.
pub(crate) struct Downgrade<'a> {
    /// The group as it was.
    pub group: &'a ConsumerGroup,
    /// Who goes.
    pub leaving: &'a [Arc<ConsumerGroupMember>],
    /// Who takes the place of a static member that was the last with the consumer protocol. The records for that are
    /// written already.
    pub joining: Option<&'a ConsumerGroupMember>,
    /// Whether its members are to join again.
    pub rebalances: bool,
}

impl GroupCoordinator {
    /// Whether the group becomes a classic one when these go.
    pub(crate) fn downgrades_without(
        &self,
        group: &ConsumerGroup,
        leaving: &[Arc<ConsumerGroupMember>],
    ) -> bool {
        let left = group.members.len() - leaving.len();
        group.all_use_classic_protocol_except(leaving)
            && left > 0
            && self.settings.consumer_migration_policy.downgrades()
            && left <= self.settings.max_size
    }

    /// Whether the group becomes a classic one when this static member is replaced by one with the classic protocol.
    pub(crate) fn downgrades_when_replaced(
        &self,
        group: &ConsumerGroup,
        replaced: &ConsumerGroupMember,
    ) -> bool {
        group.classic_member_count + 1 == group.members.len()
            && !replaced.uses_classic_protocol()
            && self.settings.consumer_migration_policy.downgrades()
            && group.members.len() <= self.settings.max_size
    }

    /// Makes it a classic group.
    pub(crate) fn downgrade(
        &mut self,
        step: &mut Step<'_>,
        downgrade: &Downgrade<'_>,
        records: &mut Vec<GroupRecord>,
    ) -> Result<(), GroupError> {
        let group = downgrade.group;
        let replaced = downgrade.joining.map(|joining| {
            let replaced = group.static_member(joining.instance_id.as_deref());
            (replaced.expect("a static member is replaced"), joining)
        });
        let rename = replaced.map(|(old, new)| (&*old.member_id, &*new.member_id));
        records::group_tombstones(group, rename, records);
        let classic = to_classic(downgrade, rename, step.image, step.wall_ms).map_err(|why| {
            let (id, why) = (&group.group_id, why.0);
            let why = format!("Cannot downgrade the classic group {id}: {why}.");
            GroupError::because(ErrorCode::GroupIdNotFound, why)
        })?;
        records.push(classic.record_as_it_is());
        self.consumer.refresh.remove(&group.group_id);
        let name = self.put_classic(classic);
        let mut turn = self.classic_turn(step, name);
        for member in turn.group.member_ids() {
            turn.renew_session(&member);
        }
        if downgrade.rebalances {
            let written = turn.prepare_rebalance();
            assert!(
                matches!(written, Ok(None)),
                "CG-8: members that were taken over have not joined"
            );
        }
        Ok(())
    }
}

fn to_classic(
    downgrade: &Downgrade<'_>,
    rename: Option<(&str, &str)>,
    image: &MetadataImage,
    wall_ms: i64,
) -> Result<ClassicGroup, embedded::Malformed> {
    let group = downgrade.group;
    let leaves = |member: &ConsumerGroupMember| {
        let id = &*member.member_id;
        rename.is_some_and(|(old, _)| old == id)
            || downgrade.leaving.iter().any(|leaving| *leaving.member_id == *id)
    };
    let ids = group.member_ids_in_order();
    let members = ids.iter().map(|id| &*group.members[id]).filter(|member| !leaves(member));
    let members: Vec<ClassicMember> =
        members.chain(downgrade.joining).map(classic_member).collect();
    let mut classic =
        ClassicGroup::converted(group.group_id.clone(), group.group_epoch, members, wall_ms);
    for id in classic.member_ids() {
        let before = match rename {
            Some((old, new)) if new == &*id => old,
            _ => &id,
        };
        let protocol = classic.protocol_name().unwrap_or_default();
        let metadata = classic.member(&id).and_then(|member| member.metadata(protocol)).cloned();
        let version = embedded::version_of(&metadata.unwrap_or_default())?;
        let assignment = embedded::write_assignment(&group.target_of(before), version, image)?;
        classic.assign(&id, assignment);
    }
    Ok(classic)
}

fn classic_member(member: &ConsumerGroupMember) -> ClassicMember {
    let classic = member.classic.as_ref().expect("who stays uses the classic protocol");
    let protocols = classic.supported_protocols.iter();
    ClassicMember {
        id: member.member_id.clone(),
        instance_id: member.instance_id.as_deref().map(Arc::from),
        client_id: member.client_id.as_str().into(),
        client_host: member.client_host.as_str().into(),
        rebalance_timeout_ms: member.rebalance_timeout_ms,
        session_timeout_ms: classic.session_timeout_ms,
        protocol_type: "consumer".into(),
        protocols: protocols
            .map(|of| Protocol { name: of.name.clone(), metadata: of.metadata.clone() })
            .collect(),
        assignment: bytes::Bytes::new(),
        awaiting_join: None,
        awaiting_sync: None,
        is_new: false,
    }
}
