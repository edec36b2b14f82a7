//! Whether a ConsumerGroupHeartbeat makes sense at all, before anybody looks for its group.
//!
//! In Kafka: `GroupCoordinatorService.throwIfConsumerGroupHeartbeatRequestIsInvalid`; KIP-848, and KIP-1082: from
//!           version 1 on members make their ids themselves.

use super::member::{LEAVE_GROUP_EPOCH, LEAVE_GROUP_STATIC_EPOCH};
use crate::config::group::GroupSettings;
use crate::error_code::ErrorCode;
use crate::group::assignor::java_order::hash_map_order;
use crate::group::step::GroupError;
use crate::wire::ConsumerGroupHeartbeatRequest;

fn invalid(why: &str) -> GroupError {
    GroupError::because(ErrorCode::InvalidRequest, why)
}

/// A text may be missing, but not blank.
fn not_blank(text: Option<&str>, why: &str) -> Result<(), GroupError> {
    match text {
        Some(text) if text.trim().is_empty() => Err(invalid(why)),
        _ => Ok(()),
    }
}

/// Asks that of a request.
///
/// # Errors
/// `INVALID_REQUEST`, `UNSUPPORTED_ASSIGNOR`, with Kafka's words.
pub fn check(
    request: &ConsumerGroupHeartbeatRequest,
    version: i16,
    settings: &GroupSettings,
) -> Result<(), GroupError> {
    let epoch = request.member_epoch;
    if version >= 1 || epoch > 0 || epoch == LEAVE_GROUP_EPOCH {
        not_blank(Some(&request.member_id), "MemberId can't be empty.")?;
    }
    not_blank(Some(&request.group_id), "GroupId can't be empty.")?;
    not_blank(request.instance_id.as_deref(), "InstanceId can't be empty.")?;
    not_blank(request.rack_id.as_deref(), "RackId can't be empty.")?;
    if epoch == 0 {
        check_join(request)?;
    } else if epoch == LEAVE_GROUP_STATIC_EPOCH && request.instance_id.is_none() {
        return Err(invalid("InstanceId can't be null."));
    } else if epoch < LEAVE_GROUP_STATIC_EPOCH {
        return Err(invalid("MemberEpoch is invalid."));
    }
    check_assignor(request, settings)
}

fn check_join(request: &ConsumerGroupHeartbeatRequest) -> Result<(), GroupError> {
    if request.rebalance_timeout_ms == -1 {
        return Err(invalid("RebalanceTimeoutMs must be provided in first request."));
    }
    if request.topic_partitions.as_ref().is_none_or(|owned| !owned.is_empty()) {
        return Err(invalid("TopicPartitions must be empty when (re-)joining."));
    }
    if request.subscribed_topic_names.is_none() && request.subscribed_topic_regex.is_none() {
        let why = "Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.";
        return Err(invalid(why));
    }
    Ok(())
}

fn check_assignor(
    request: &ConsumerGroupHeartbeatRequest,
    settings: &GroupSettings,
) -> Result<(), GroupError> {
    let Some(wanted) = &request.server_assignor else { return Ok(()) };
    let known: Vec<&str> = settings.consumer_assignors.0.iter().map(|one| one.name()).collect();
    if known.contains(&wanted.as_str()) {
        return Ok(());
    }
    let known = hash_map_order(known).join(", ");
    let why = format!("ServerAssignor {wanted} is not supported. Supported assignors: {known}.");
    Err(GroupError::because(ErrorCode::UnsupportedAssignor, why))
}
