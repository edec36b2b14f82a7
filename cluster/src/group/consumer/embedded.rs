//! What members with the classic protocol say and are told in the bytes that only consumers read otherwise.
//!
//! In Kafka:   `ConsumerProtocol`, `Utils.{toTopicPartitions, toTopicPartitionMap, toConsumerProtocolAssignment}`.
//! Invariants: EM-1 a version that is newer than ours is read as the newest of ours; what follows is not looked at.

use bytes::{BufMut, Bytes, BytesMut};

use crate::group::assignor::Partitions;
use crate::image::MetadataImage;
use crate::wire::consumer_protocol_assignment::AssignedPartition;
use crate::wire::consumer_protocol_subscription::OwnedPartition;
use crate::wire::{ConsumerProtocolAssignment, ConsumerProtocolSubscription, Message, Reader};

/// The bytes are none that consumers write; Kafka's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Malformed(pub String);

/// The version with which they begin.
pub(crate) fn version_of(bytes: &Bytes) -> Result<i16, Malformed> {
    match bytes.get(..2) {
        Some(version) => Ok(i16::from_be_bytes([version[0], version[1]])),
        None => Err(Malformed("Buffer underflow while parsing consumer protocol's header".into())),
    }
}

fn known_version<M: Message>(version: i16, what: &str) -> Result<i16, Malformed> {
    if version < *M::VERSIONS.start() {
        return Err(Malformed(format!("Unsupported {what} version: {version}")));
    }
    Ok(version.min(*M::VERSIONS.end()))
}

fn read<M: Message>(bytes: &Bytes, what: &str) -> Result<M, Malformed> {
    let version = known_version::<M>(version_of(bytes)?, what)?;
    let underflow = format!("Buffer underflow while parsing consumer protocol's {what}");
    M::decode(version, &mut Reader::new(&bytes.slice(2..))).map_err(|_| Malformed(underflow))
}

/// A subscription.
pub(crate) fn read_subscription(bytes: &Bytes) -> Result<ConsumerProtocolSubscription, Malformed> {
    read(bytes, "subscription")
}

/// An assignment.
pub(crate) fn read_assignment(bytes: &Bytes) -> Result<ConsumerProtocolAssignment, Malformed> {
    read(bytes, "assignment")
}

/// An assignment in this version, with the names of those topics that there are.
pub(crate) fn write_assignment(
    partitions: &Partitions,
    version: i16,
    image: &MetadataImage,
) -> Result<Bytes, Malformed> {
    let version = known_version::<ConsumerProtocolAssignment>(version, "assignment")?;
    let named = partitions.iter().filter_map(|(id, partitions)| {
        let topic = image.topics().topic(*id)?.name.to_string();
        Some(AssignedPartition { topic, partitions: partitions.iter().copied().collect() })
    });
    let message =
        ConsumerProtocolAssignment { assigned_partitions: named.collect(), user_data: None };
    let mut bytes = BytesMut::new();
    bytes.put_i16(version);
    message.encode(version, &mut bytes);
    Ok(bytes.freeze())
}

/// Partitions that a subscription names as its own, of topics that there are.
pub(crate) fn owned(owned: &[OwnedPartition], image: &MetadataImage) -> Partitions {
    let mut partitions = Partitions::new();
    for of in owned {
        if let Some(topic) = image.topics().topic_by_name(&of.topic) {
            partitions.entry(topic.id).or_default().extend(&of.partitions);
        }
    }
    partitions
}

/// Partitions of an assignment, of topics that there are.
pub(crate) fn assigned(assigned: &[AssignedPartition], image: &MetadataImage) -> Partitions {
    let topic = |of: &AssignedPartition| {
        let topic = image.topics().topic_by_name(&of.topic)?;
        Some((topic.id, of.partitions.iter().copied().collect()))
    };
    assigned.iter().filter_map(topic).collect()
}
