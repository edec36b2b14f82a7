//! The bytes of subscriptions and assignments in JoinGroup and SyncGroup.
//!
//! In Kafka:   `ConsumerProtocol`; KIP-429 (owned partitions), KIP-792 (generation), KIP-881 (rack).
//! Holds:      two bytes of version, then `ConsumerProtocolSubscription` or `ConsumerProtocolAssignment`.
//! Invariants: CP-1 version 3 is written; a newer one is read as version 3, since none may take fields away; what
//!             follows the fields is let be.
//! Left out:   Java reads text that is not UTF-8 with replacement characters, and a length below -1 as null where null
//!             is allowed. Both are errors here, as in every message.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};

use super::group::{Assignment, Subscription};
use super::java_order::compare;
use crate::client::NamedPartition;
use crate::wire::consumer_protocol_assignment::AssignedPartition;
use crate::wire::consumer_protocol_subscription::OwnedPartition;
use crate::wire::{
    ConsumerProtocolAssignment, ConsumerProtocolSubscription, Fault, Message, Reader, WireError,
};

/// The protocol type of consumer groups.
pub const PROTOCOL_TYPE: &str = "consumer";

/// The version that is written.
pub const VERSION: i16 = 3;

/// The bytes of a subscription in the newest version.
#[must_use]
pub fn put_subscription(subscription: &Subscription) -> Bytes {
    put_subscription_as(subscription, VERSION)
}

/// The bytes of a subscription in a version from 0 to 3; what the version lacks is left out.
///
/// # Panics
/// There is no such version, or a text has more than 32,767 bytes.
#[must_use]
pub fn put_subscription_as(subscription: &Subscription, version: i16) -> Bytes {
    let mut topics = subscription.topics.clone();
    topics.sort_by(|one, other| compare(one, other));
    let mut owned: Vec<&NamedPartition> = subscription.owned_partitions.iter().collect();
    owned.sort_by(|one, other| {
        compare(&one.topic, &other.topic).then(one.partition.cmp(&other.partition))
    });
    let mut owned_partitions: Vec<OwnedPartition> = Vec::new();
    for named in owned {
        match owned_partitions.last_mut().filter(|last| *last.topic == *named.topic) {
            Some(last) => last.partitions.push(named.partition),
            None => owned_partitions.push(OwnedPartition {
                topic: named.topic.to_string(),
                partitions: vec![named.partition],
            }),
        }
    }
    let message = ConsumerProtocolSubscription {
        topics: topics.iter().map(ToString::to_string).collect(),
        user_data: subscription.user_data.clone(),
        owned_partitions,
        generation_id: subscription.generation_id.unwrap_or(-1),
        rack_id: subscription.rack_id.as_ref().map(ToString::to_string),
    };
    put(&message, version)
}

/// A subscription. The group instance id is not in the bytes.
///
/// # Errors
/// The bytes are no subscription.
pub fn take_subscription(bytes: &Bytes) -> Result<Subscription, WireError> {
    let message: ConsumerProtocolSubscription = take(bytes)?;
    let owned = message.owned_partitions.into_iter().map(|it| (it.topic, it.partitions));
    Ok(Subscription {
        topics: message.topics.into_iter().map(Arc::from).collect(),
        user_data: message.user_data,
        owned_partitions: named(owned),
        generation_id: Some(message.generation_id).filter(|generation| *generation >= 0),
        rack_id: message.rack_id.filter(|rack| !rack.is_empty()).map(Arc::from),
        group_instance_id: None,
    })
}

/// The bytes of an assignment in the newest version.
#[must_use]
pub fn put_assignment(assignment: &Assignment) -> Bytes {
    put_assignment_as(assignment, VERSION)
}

/// The bytes of an assignment in a version from 0 to 3, which differ by their number only: topics in the order in which
/// they come first, the partitions of each in their order.
///
/// # Panics
/// There is no such version, or a text has more than 32,767 bytes.
#[must_use]
pub fn put_assignment_as(assignment: &Assignment, version: i16) -> Bytes {
    let mut assigned_partitions: Vec<AssignedPartition> = Vec::new();
    for named in &assignment.partitions {
        match assigned_partitions.iter_mut().find(|known| *known.topic == *named.topic) {
            Some(known) => known.partitions.push(named.partition),
            None => assigned_partitions.push(AssignedPartition {
                topic: named.topic.to_string(),
                partitions: vec![named.partition],
            }),
        }
    }
    let user_data = assignment.user_data.clone();
    put(&ConsumerProtocolAssignment { assigned_partitions, user_data }, version)
}

/// An assignment.
///
/// # Errors
/// The bytes are no assignment. A member that the leader has forgotten gets none at all, and that is an error too.
pub fn take_assignment(bytes: &Bytes) -> Result<Assignment, WireError> {
    let message: ConsumerProtocolAssignment = take(bytes)?;
    let assigned = message.assigned_partitions.into_iter().map(|it| (it.topic, it.partitions));
    Ok(Assignment { partitions: named(assigned), user_data: message.user_data })
}

/// A version and a message.
fn put<M: Message>(message: &M, version: i16) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_i16(version);
    message.encode(version, &mut bytes);
    bytes.freeze()
}

/// The message behind a version, as it stands; a newer version is read as the newest that is known.
///
/// # Errors
/// The bytes are no such message, or their version is negative.
pub fn take<M: Message>(bytes: &Bytes) -> Result<M, WireError> {
    let mut from = Reader::new(bytes);
    let version = from.int16(M::NAME)?;
    if version < *M::VERSIONS.start() {
        return Err(WireError { field: M::NAME, at: 0, fault: Fault::UnsupportedVersion(version) });
    }
    M::decode(version.min(*M::VERSIONS.end()), &mut from)
}

fn named(topics: impl Iterator<Item = (String, Vec<i32>)>) -> Vec<NamedPartition> {
    let mut out = Vec::new();
    for (topic, partitions) in topics {
        let topic: Arc<str> = topic.into();
        let named = |partition| NamedPartition { topic: topic.clone(), partition };
        out.extend(partitions.into_iter().map(named));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subscription() -> Subscription {
        let owned = [("b", 1), ("a", 2), ("b", 0)];
        let named =
            |(topic, partition): (&str, i32)| NamedPartition { topic: topic.into(), partition };
        Subscription {
            topics: vec!["b".into(), "a".into()],
            user_data: Some(Bytes::from_static(&[9])),
            owned_partitions: owned.into_iter().map(named).collect(),
            generation_id: Some(5),
            rack_id: Some("r".into()),
            group_instance_id: None,
        }
    }

    #[test]
    fn every_version_says_as_much_as_it_can() {
        let mut bytes = vec![0, 0, 0, 0, 0, 2, 0, 1, b'a', 0, 1, b'b', 0, 0, 0, 1, 9];
        let owned = [
            &[0, 0, 0, 2][..],
            &[0, 1, b'a', 0, 0, 0, 1, 0, 0, 0, 2],
            &[0, 1, b'b', 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1],
        ];
        let more = [Vec::new(), owned.concat(), vec![0, 0, 0, 5], vec![0, 1, b'r']];
        for (version, more) in more.iter().enumerate() {
            bytes[1] = u8::try_from(version).expect("four versions");
            bytes.extend_from_slice(more);
            let version = i16::from(bytes[1]);
            assert_eq!(put_subscription_as(&subscription(), version), bytes, "version {version}");
        }
        assert_eq!(put_subscription(&subscription()), bytes);
    }

    #[test]
    fn newer_versions_are_read_as_the_newest_and_negative_ones_are_refused() {
        let mut bytes = put_subscription(&subscription()).to_vec();
        let sorted = take_subscription(&Bytes::from(bytes.clone())).expect("it was written");
        assert_eq!(sorted.topics, [Arc::from("a"), Arc::from("b")]);
        bytes.extend_from_slice(b"a field of version 9");
        bytes[1] = 9;
        assert_eq!(take_subscription(&Bytes::from(bytes.clone())), Ok(sorted));
        bytes[0] = 0x80;
        let refused = take_subscription(&Bytes::from(bytes)).expect_err("it is negative");
        assert_eq!(refused.fault, Fault::UnsupportedVersion(-32_759));
    }

    #[test]
    fn bytes_that_end_too_early_are_refused() {
        let whole = put_subscription(&subscription());
        for end in 0..whole.len() {
            assert!(take_subscription(&whole.slice(..end)).is_err(), "{end} bytes");
        }
        let partitions = subscription().owned_partitions;
        let assignment = Assignment { partitions, user_data: None };
        let whole = put_assignment(&assignment);
        for end in 0..whole.len() {
            assert!(take_assignment(&whole.slice(..end)).is_err(), "{end} bytes");
        }
        let again = take_assignment(&whole).expect("it was written");
        let order: Vec<i32> = again.partitions.iter().map(|named| named.partition).collect();
        assert_eq!(
            order,
            [1, 0, 2],
            "a topic's partitions come together, topics as they came first"
        );
    }

    #[test]
    fn an_empty_rack_and_a_negative_generation_are_none() {
        let odd =
            Subscription { rack_id: Some("".into()), generation_id: Some(-7), ..subscription() };
        let read = take_subscription(&put_subscription(&odd)).expect("it was written");
        assert_eq!((read.rack_id, read.generation_id), (None, None));
    }
}
