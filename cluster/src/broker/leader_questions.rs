//! What a follower asks its leader beside records: where the log begins and ends, where an epoch does.
//!
//! In Kafka:   `RemoteLeaderEndPoint.fetchEarliestOffset`, `fetchLatestOffset`, `fetchEpochEndOffsets`.
//! Holds:      nothing; a question waits in its fetcher and stands there while it is asked.
//! Inputs:     effects of a partition. Effects: ListOffsets, OffsetForLeaderEpoch; the answer goes to the partition.

use trial_log::EpochEndOffset;

use super::fetcher::{ReplicaFetcher, Round};
use super::{Broker, Cx};
use crate::error_code::ErrorCode;
use crate::ids::{LeaderEpoch, Offset, TopicPartition};
use crate::net::Completed;
use crate::partition::Effect;
use crate::partition::effect::LogEdge;
use crate::wire::{
    ListOffsetsRequest, OffsetForLeaderEpochRequest, list_offsets_request,
    offset_for_leader_epoch_request,
};

/// Versions between brokers of this release.
const LIST_OFFSETS_VERSION: i16 = 11;
const EPOCH_VERSION: i16 = 4;
/// In a request: the leader epoch is not named.
const NO_EPOCH: i32 = -1;

/// A question about one partition.
#[derive(Debug, Clone)]
pub(super) struct Question {
    pub(super) id: TopicPartition,
    pub(super) slot: u32,
    pub(super) ask: Effect,
}

impl Broker {
    /// Asks it.
    pub(super) fn send_question(
        &mut self,
        fetcher: &mut ReplicaFetcher,
        question: Question,
        cx: &mut Cx<'_>,
    ) {
        let Some(replica) = self.replicas.get(question.slot) else { return };
        let (name, partition) = (replica.topic.to_string(), question.id.partition);
        // Before KIP-320 nobody named the epoch in which it believed its leader to be.
        let fences = self.rules.fences_followers();
        let current = |epoch: LeaderEpoch| if fences { epoch.0 } else { NO_EPOCH };
        let request = match &question.ask {
            Effect::AskLeaderEdge { edge, leader_epoch } => {
                let timestamp = match edge {
                    LogEdge::Latest => -1,
                    LogEdge::Earliest => -2,
                };
                let asked = list_offsets_request::Partition {
                    partition_index: partition,
                    current_leader_epoch: current(*leader_epoch),
                    timestamp,
                };
                let topic = list_offsets_request::Topic { name, partitions: vec![asked] };
                let request = ListOffsetsRequest {
                    replica_id: self.identity.id.0,
                    topics: vec![topic],
                    ..Default::default()
                };
                fetcher.client.request(LIST_OFFSETS_VERSION, 0, &request)
            }
            Effect::AskEpochEnd { epoch, leader_epoch } => {
                let asked = offset_for_leader_epoch_request::Partition {
                    partition,
                    current_leader_epoch: current(*leader_epoch),
                    leader_epoch: epoch.0,
                };
                let topic =
                    offset_for_leader_epoch_request::Topic { topic: name, partitions: vec![asked] };
                let request = OffsetForLeaderEpochRequest {
                    replica_id: self.identity.id.0,
                    topics: vec![topic],
                };
                fetcher.client.request(EPOCH_VERSION, 0, &request)
            }
            other => unreachable!("no question: {other:?}"),
        };
        fetcher.client.send(fetcher.leader, request, cx);
        fetcher.round = Round::Asking(question);
    }

    /// Tells the partition what the leader said.
    pub(super) fn on_question_answer(
        &mut self,
        question: &Question,
        completed: &Completed,
        cx: &mut Cx<'_>,
    ) {
        let now = cx.now();
        match question.ask {
            Effect::AskLeaderEdge { edge, leader_epoch } => {
                let answer = completed
                    .response::<ListOffsetsRequest>()
                    .map_err(|_| ErrorCode::NetworkException)
                    .and_then(|found| {
                        let topic = found.topics.into_iter().next();
                        let found = topic.and_then(|topic| topic.partitions.into_iter().next());
                        let found = found.ok_or(ErrorCode::UnknownServerError)?;
                        no_error(found.error_code)?;
                        Ok(Offset(found.offset))
                    });
                self.with_partition(question.slot, cx, |partition, _, _, _, effects| {
                    partition.on_leader_edge(now, edge, leader_epoch, answer, effects);
                });
            }
            Effect::AskEpochEnd { epoch, leader_epoch } => {
                let answer = completed
                    .response::<OffsetForLeaderEpochRequest>()
                    .map_err(|_| ErrorCode::NetworkException)
                    .and_then(|found| {
                        let topic = found.topics.into_iter().next();
                        let found = topic.and_then(|topic| topic.partitions.into_iter().next());
                        let found = found.ok_or(ErrorCode::UnknownServerError)?;
                        no_error(found.error_code)?;
                        Ok((found.end_offset >= 0).then_some(EpochEndOffset {
                            leader_epoch: LeaderEpoch(found.leader_epoch),
                            end_offset: Offset(found.end_offset),
                        }))
                    });
                self.with_partition(question.slot, cx, |partition, _, _, epochs, effects| {
                    partition.on_leader_epoch_end(epoch, leader_epoch, answer, epochs, effects);
                });
            }
            _ => unreachable!("no question: {:?}", question.ask),
        }
        self.changed_follower(question.slot, cx);
    }
}

fn no_error(code: i16) -> Result<(), ErrorCode> {
    match ErrorCode::from_code(code) {
        ErrorCode::None => Ok(()),
        error => Err(error),
    }
}
