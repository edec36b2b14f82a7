//! OffsetForLeaderEpoch: where the largest epoch up to a given one ends.
//!
//! In Kafka: `KafkaApis.handleOffsetForLeaderEpochRequest`, `ReplicaManager.lastOffsetForLeaderEpoch`; KIP-101, 320.

use std::sync::Arc;

use super::super::request::{Refused, Request};
use super::super::{Broker, Cx};
use super::NO_EPOCH;
use crate::error_code::ErrorCode;
use crate::ids::{LeaderEpoch, TopicPartition};
use crate::wire::{
    OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, offset_for_leader_epoch_request,
    offset_for_leader_epoch_response as wire,
};

pub(super) fn handle(
    broker: &mut Broker,
    request: &Arc<Request>,
    cx: &mut Cx<'_>,
) -> Result<(), Refused> {
    let message = request.message::<OffsetForLeaderEpochRequest>()?;
    let topics = message
        .topics
        .iter()
        .map(|topic| wire::Topic {
            topic: topic.topic.clone(),
            partitions: topic
                .partitions
                .iter()
                .map(|asked| answer(broker, &topic.topic, asked))
                .collect(),
        })
        .collect();
    let response = OffsetForLeaderEpochResponse { topics, ..Default::default() };
    broker.respond::<OffsetForLeaderEpochRequest>(request, &response, cx);
    Ok(())
}

fn answer(
    broker: &Broker,
    topic: &str,
    asked: &offset_for_leader_epoch_request::Partition,
) -> wire::Partition {
    let failed = |error: ErrorCode| wire::Partition {
        error_code: error.code(),
        partition: asked.partition,
        leader_epoch: -1,
        end_offset: -1,
    };
    let Some(topic) = broker.image().topics().topic_by_name(topic) else {
        return failed(ErrorCode::UnknownTopicOrPartition);
    };
    let id = TopicPartition { topic: topic.id, partition: asked.partition };
    let Some(replica) = broker.replicas.slot(id).and_then(|slot| broker.replicas.get(slot)) else {
        return failed(match topic.partitions.contains_key(&asked.partition) {
            true => ErrorCode::NotLeaderOrFollower,
            false => ErrorCode::UnknownTopicOrPartition,
        });
    };
    let current = asked.current_leader_epoch;
    let current = (current != NO_EPOCH).then_some(LeaderEpoch(current));
    let asked_epoch = LeaderEpoch(asked.leader_epoch);
    match replica.partition.epoch_end(current, asked_epoch, true, replica.log.epochs()) {
        Err(error) => failed(error),
        Ok(None) => failed(ErrorCode::None),
        Ok(Some(end)) => wire::Partition {
            error_code: ErrorCode::None.code(),
            partition: asked.partition,
            leader_epoch: end.leader_epoch.0,
            end_offset: end.end_offset.0,
        },
    }
}
