//! DescribeProducers: who has written to a partition, as its log remembers.
//!
//! In Kafka: `KafkaApis.handleDescribeProducersRequest`, `ReplicaManager.activeProducerState`; KIP-664. A follower
//!           answers as well as a leader: each tells what its own log knows.

use std::sync::Arc;

use trial_log::ProducerStateEntry;

use super::super::request::{Refused, Request};
use super::super::{Broker, Cx};
use crate::controller::topic_names;
use crate::error_code::ErrorCode;
use crate::ids::TopicPartition;
use crate::wire::{
    DescribeProducersRequest, DescribeProducersResponse, describe_producers_response as wire,
};

pub(super) fn handle(
    broker: &mut Broker,
    request: &Arc<Request>,
    cx: &mut Cx<'_>,
) -> Result<(), Refused> {
    let message = request.message::<DescribeProducersRequest>()?;
    let topics = message.topics.into_iter().map(|topic| {
        let asked = topic.partition_indexes.into_iter();
        let partitions = asked.map(|index| described(broker, &topic.name, index)).collect();
        wire::Topic { name: topic.name, partitions }
    });
    let response = DescribeProducersResponse { topics: topics.collect(), ..Default::default() };
    broker.respond::<DescribeProducersRequest>(request, &response, cx);
    Ok(())
}

fn described(broker: &Broker, name: &str, index: i32) -> wire::Partition {
    let failed = |error: ErrorCode, why: Option<String>| wire::Partition {
        partition_index: index,
        error_code: error.code(),
        error_message: why,
        active_producers: Vec::new(),
    };
    if let Err(why) = topic_names::validate(name) {
        return failed(ErrorCode::InvalidTopicException, Some(why));
    }
    let Some(topic) = broker.image().topics().topic_by_name(name) else {
        let why = "This server does not host this topic-partition.".to_owned();
        return failed(ErrorCode::UnknownTopicOrPartition, Some(why));
    };
    let id = TopicPartition { topic: topic.id, partition: index };
    let Some(replica) = broker.replicas.slot(id).and_then(|slot| broker.replicas.get(slot)) else {
        let error = match topic.partitions.contains_key(&index) {
            true => ErrorCode::NotLeaderOrFollower,
            false => ErrorCode::UnknownTopicOrPartition,
        };
        return failed(error, None);
    };
    wire::Partition {
        partition_index: index,
        error_code: ErrorCode::None.code(),
        error_message: None,
        active_producers: replica.log.producers().active_producers().map(told).collect(),
    }
}

fn told(entry: &ProducerStateEntry) -> wire::ActiveProducer {
    wire::ActiveProducer {
        producer_id: entry.producer_id(),
        producer_epoch: i32::from(entry.producer_epoch()),
        last_sequence: entry.last_sequence(),
        last_timestamp: entry.last_timestamp(),
        coordinator_epoch: entry.coordinator_epoch(),
        current_txn_start_offset: entry.current_txn_first_offset().map_or(-1, |offset| offset.0),
    }
}
