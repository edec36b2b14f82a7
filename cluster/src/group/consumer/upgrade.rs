//! A classic group becomes a consumer group while it has members: one of them has come with the consumer protocol.
//!
//! In Kafka:   `GroupMetadataManager.{validateOnlineUpgrade, convertToConsumerGroup, maybeDeleteEmptyClassicGroup}`,
//!             `ConsumerGroup.fromClassicGroup`, `createConsumerGroupRecords`; KIP-848, "Migration".
//! Effects:    the tombstone of the classic group and all the records of the new one; who joined or synced is told to
//!             begin anew.
//! Invariants: G12 members, their instances and their assignments stay; epochs go on from the generation.

use std::sync::Arc;

use super::embedded;
use super::group::ConsumerGroup;
use super::member::{Assigned, ConsumerGroupMember, MemberState, without_epochs};
use super::metadata_hash::metadata_hash;
use super::records;
use crate::error_code::ErrorCode;
use crate::group::classic::{ClassicGroup, ClassicMember, ClassicRef};
use crate::group::group::Group;
use crate::group::machine::GroupCoordinator;
use crate::group::record::GroupRecord;
use crate::group::step::{GroupError, Step};
use crate::image::MetadataImage;
use crate::wire::consumer_group_member_metadata_value::{ClassicMemberMetadata, SupportedProtocol};
use crate::wire::join_group_request::Protocol;

fn cannot_upgrade(group: &str, why: &str) -> GroupError {
    let why = format!("Cannot upgrade classic group {group} to consumer group because {why}");
    GroupError::because(ErrorCode::GroupIdNotFound, why)
}

/// Protocols as records of members have them.
pub(crate) fn protocols_of(protocols: &[Protocol]) -> Vec<SupportedProtocol> {
    protocols
        .iter()
        .map(|of| SupportedProtocol { name: of.name.clone(), metadata: of.metadata.clone() })
        .collect()
}

impl GroupCoordinator {
    /// The consumer group that stands where this classic group did.
    pub(crate) fn consumer_group_from_classic(
        &mut self,
        step: &mut Step<'_>,
        name: ClassicRef,
        records: &mut Vec<GroupRecord>,
    ) -> Result<Arc<ConsumerGroup>, GroupError> {
        let turn = self.classic_turn(step, name);
        let id = turn.group.id().clone();
        if turn.group.is_empty() {
            turn.group.tombstones(records);
            return Ok(Arc::new(ConsumerGroup::new(id)));
        }
        if !turn.settings.consumer_migration_policy.upgrades() {
            return Err(cannot_upgrade(&id, "online upgrade is disabled."));
        }
        if !turn.group.is_of_consumers() {
            let why = "the group does not use the consumer embedded protocol.";
            return Err(cannot_upgrade(&id, why));
        }
        if turn.group.member_count() > turn.settings.consumer_max_size {
            let why = "the group size exceeds the consumer group maximum size.";
            return Err(cannot_upgrade(&id, why));
        }
        turn.group.refuse_all_joins(ErrorCode::RebalanceInProgress, turn.step.effects);
        turn.group.refuse_all_syncs(ErrorCode::RebalanceInProgress, turn.step.effects);
        turn.group.tombstones(records);
        let image = turn.step.image;
        let group = from_classic(turn.group, image)?;
        creation_records(&group, records);
        for member in group.members.values() {
            let session_ms =
                member.classic.as_ref().map_or(0, |classic| classic.session_timeout_ms);
            self.schedule_session_of(step, &id, &member.member_id, session_ms);
        }
        Ok(Arc::new(group))
    }
}

fn from_classic(
    classic: &ClassicGroup,
    image: &MetadataImage,
) -> Result<ConsumerGroup, GroupError> {
    let mut group = ConsumerGroup::new(classic.id().clone());
    group.group_epoch = classic.generation();
    group.assignment_epoch = classic.generation();
    group.assignment_timestamp = 0;
    for member in classic.members() {
        let member = upgraded(classic, member, image)?;
        group.set_target(&member.member_id.clone(), Some(without_epochs(&member.assigned)));
        group.update_member(member);
    }
    group.metadata_hash = metadata_hash(&group.subscription.topics, image);
    Ok(group)
}

fn upgraded(
    group: &ClassicGroup,
    member: &ClassicMember,
    image: &MetadataImage,
) -> Result<ConsumerGroupMember, GroupError> {
    let malformed = |_: embedded::Malformed| {
        cannot_upgrade(group.id(), "the embedded consumer protocol is malformed.")
    };
    let mut assigned = Assigned::new();
    if !member.assignment.is_empty() {
        let assignment = embedded::read_assignment(&member.assignment).map_err(malformed)?;
        if assignment.user_data.is_some_and(|data| !data.is_empty()) {
            let why = "an unsupported custom assignor is in use. Please refer to the documentation or switch \
                       to a default assignor before re-attempting the upgrade.";
            return Err(cannot_upgrade(group.id(), why));
        }
        for (topic, partitions) in embedded::assigned(&assignment.assigned_partitions, image) {
            let epochs = partitions.into_iter().map(|partition| (partition, group.generation()));
            assigned.insert(topic, epochs.collect());
        }
    }
    // A group whose first generation has not begun has no protocol: Kafka does not expect that.
    let metadata = group.protocol_name().and_then(|protocol| member.metadata(protocol));
    let metadata = metadata.ok_or(GroupError::from(ErrorCode::UnknownServerError))?;
    let subscription = embedded::read_subscription(metadata).map_err(malformed)?;
    let mut upgraded = ConsumerGroupMember::new(member.id.clone());
    upgraded.member_epoch = group.generation();
    upgraded.previous_member_epoch = group.generation();
    upgraded.state = MemberState::Stable;
    upgraded.instance_id = member.instance_id.as_deref().map(String::from);
    upgraded.rack_id = subscription.rack_id.filter(|rack| !rack.is_empty());
    upgraded.rebalance_timeout_ms = member.rebalance_timeout_ms;
    upgraded.client_id = member.client_id.to_string();
    upgraded.client_host = member.client_host.to_string();
    upgraded.subscribed_topic_names = subscription.topics.into_iter().collect();
    upgraded.assigned = assigned;
    upgraded.classic = Some(ClassicMemberMetadata {
        session_timeout_ms: member.session_timeout_ms,
        supported_protocols: protocols_of(&member.protocols),
    });
    Ok(upgraded)
}

fn creation_records(group: &ConsumerGroup, records: &mut Vec<GroupRecord>) {
    let id = &group.group_id;
    let ids = group.member_ids_in_order();
    let member = |member: &crate::group::state::MemberId| &group.members[member];
    records.extend(ids.iter().map(|of| records::member(id, member(of))));
    records.push(records::group_epoch(id, group.group_epoch, group.metadata_hash));
    records.extend(ids.iter().map(|of| records::target(id, of, &group.target_of(of))));
    records.push(records::target_epoch(id, group.assignment_epoch, group.assignment_timestamp));
    records.extend(ids.iter().map(|of| records::current(id, member(of))));
}
