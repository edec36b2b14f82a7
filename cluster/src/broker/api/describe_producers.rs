//! DescribeProducers: what a replica remembers of the producers of a partition.
//!
//! In Kafka:   `KafkaApis.handleDescribeProducersRequest`, `ReplicaManager.activeProducerState`; KIP-664. Whoever has
//!             the log answers, follower or leader: the request's schema says that the leader does, and nobody looks.
//! Left out:   authorization; log directories that are offline.

use std::sync::Arc;

use super::super::request::{Refused, Request};
use super::super::{Broker, Cx};
use crate::controller::topic_names;
use crate::error_code::ErrorCode;
use crate::ids::TopicPartition;
use crate::wire::{
    DescribeProducersRequest, DescribeProducersResponse, describe_producers_response as wire,
};

/// Kafka's words for UNKNOWN_TOPIC_OR_PARTITION.
const NOT_HOSTED: &str = "This server does not host this topic-partition.";

pub(super) fn handle(
    broker: &mut Broker,
    request: &Arc<Request>,
    cx: &mut Cx<'_>,
) -> Result<(), Refused> {
    let message = request.message::<DescribeProducersRequest>()?;
    let topics = message.topics.iter().map(|topic| {
        let partitions = topic.partition_indexes.iter();
        let partitions = match refused(broker, &topic.name) {
            Some((error, why)) => {
                partitions.map(|index| failed(*index, error, Some(why.clone()))).collect()
            }
            None => partitions.map(|index| described(broker, &topic.name, *index)).collect(),
        };
        wire::Topic { name: topic.name.clone(), partitions }
    });
    let response = DescribeProducersResponse { topics: topics.collect(), ..Default::default() };
    broker.respond::<DescribeProducersRequest>(request, &response, cx);
    Ok(())
}

/// Why a topic as a whole is not described.
fn refused(broker: &Broker, topic: &str) -> Option<(ErrorCode, String)> {
    if let Err(why) = topic_names::validate(topic) {
        return Some((ErrorCode::InvalidTopicException, why));
    }
    let is_known = broker.image().topics().topic_by_name(topic).is_some();
    (!is_known).then(|| (ErrorCode::UnknownTopicOrPartition, NOT_HOSTED.to_owned()))
}

fn failed(index: i32, error: ErrorCode, why: Option<String>) -> wire::Partition {
    wire::Partition {
        partition_index: index,
        error_code: error.code(),
        error_message: why,
        active_producers: Vec::new(),
    }
}

fn described(broker: &Broker, topic: &str, index: i32) -> wire::Partition {
    let Some(topic) = broker.image().topics().topic_by_name(topic) else {
        return failed(index, ErrorCode::UnknownTopicOrPartition, None);
    };
    let id = TopicPartition { topic: topic.id, partition: index };
    let Some(replica) = broker.replicas.slot(id).and_then(|slot| broker.replicas.get(slot)) else {
        let is_known = topic.partitions.contains_key(&index);
        let error = match is_known {
            true => ErrorCode::NotLeaderOrFollower,
            false => ErrorCode::UnknownTopicOrPartition,
        };
        return failed(index, error, None);
    };
    let producers = replica.log.producers().active_producers();
    let active_producers = producers.map(|known| wire::ActiveProducer {
        producer_id: known.producer_id(),
        producer_epoch: i32::from(known.producer_epoch()),
        last_sequence: known.last_sequence(),
        last_timestamp: known.last_timestamp(),
        coordinator_epoch: known.coordinator_epoch(),
        current_txn_start_offset: known.current_txn_first_offset().map_or(-1, |start| start.0),
    });
    wire::Partition {
        active_producers: active_producers.collect(),
        ..failed(index, ErrorCode::None, None)
    }
}
