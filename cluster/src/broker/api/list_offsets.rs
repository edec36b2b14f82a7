//! ListOffsets: where a log begins, ends, or passes a timestamp.
//!
//! In Kafka: `KafkaApis.handleListOffsetRequest`, `ReplicaManager.fetchOffset`; KIP-79, KIP-207, KIP-734.
//! Left out: tiered offsets (-5, -6), which read as unknown without remote storage, as in Kafka.

use std::sync::Arc;

use super::super::request::{Refused, Request};
use super::super::{Broker, Cx, DISK, LOG_DIRECTORY_FAILED};
use super::NO_EPOCH;
use crate::error_code::ErrorCode;
use crate::ids::{LeaderEpoch, TopicPartition};
use crate::partition::{Isolation, OffsetQuery};
use crate::storage::SimulatedDisk;
use crate::wire::{
    ListOffsetsRequest, ListOffsetsResponse, list_offsets_request, list_offsets_response as wire,
};

/// "The end of the log".
const LATEST: i64 = -1;
/// "The start of the log".
const EARLIEST: i64 = -2;
/// "The record with the largest timestamp" (version 7).
const MAX_TIMESTAMP: i64 = -3;
/// "The start of what is on local disks" (version 8).
const EARLIEST_LOCAL: i64 = -4;
/// What a negative timestamp stands for, and from which version on it may be asked for.
const STANDS_FOR: [(i64, i16); 6] = [
    (LATEST, 1),
    (EARLIEST, 1),
    (MAX_TIMESTAMP, 7),
    (EARLIEST_LOCAL, 8),
    (TIERED[0], 9),
    (TIERED[1], 11),
];
/// "The end of what is in remote storage", and "the start of what is still to go there".
const TIERED: [i64; 2] = [-5, -6];
/// From here on an answer tells the leader epoch of the offset.
const TELLS_LEADER_EPOCH: i16 = 4;
/// A debugging consumer, which any replica may answer.
const DEBUGGING_REPLICA: i32 = -2;
/// A consumer.
const CONSUMER: i32 = -1;

pub(super) fn handle(
    broker: &mut Broker,
    request: &Arc<Request>,
    cx: &mut Cx<'_>,
) -> Result<(), Refused> {
    let message = request.message::<ListOffsetsRequest>()?;
    broker.then(
        super::super::task::Task::ListOffsets(Box::new(ListOffsets {
            request: Arc::clone(request),
            message,
            response: ListOffsetsResponse::default(),
        })),
        cx,
    );
    Ok(())
}

/// A look-up between its two halves.
#[derive(Debug, Clone)]
pub(in crate::broker) struct ListOffsets {
    request: Arc<Request>,
    message: ListOffsetsRequest,
    response: ListOffsetsResponse,
}

impl Broker {
    pub(in crate::broker) fn start_list_offsets(
        &mut self,
        work: &mut ListOffsets,
        cx: &mut Cx<'_>,
    ) {
        for topic in work.message.topics.iter().filter(|topic| !topic.partitions.is_empty()) {
            let id = self.image().topics().topic_by_name(&topic.name).map(|topic| topic.id);
            let all = work.message.topics.iter().filter(|other| other.name == topic.name);
            let all = all.flat_map(|other| &other.partitions).map(|it| it.partition_index);
            let all: Vec<i32> = all.collect();
            let first = |(place, asked): &(usize, &list_offsets_request::Partition)| {
                let before = &topic.partitions[..*place];
                before.iter().all(|other| other.partition_index != asked.partition_index)
            };
            let once = topic.partitions.iter().enumerate().filter(first);
            let partitions = once
                .map(|(_, asked)| {
                    if all.iter().filter(|index| **index == asked.partition_index).count() > 1 {
                        return unknown(asked, ErrorCode::InvalidRequest);
                    }
                    let slot = id.and_then(|topic| {
                        let partition = asked.partition_index;
                        self.replicas.slot(TopicPartition { topic, partition })
                    });
                    let known = id.is_some_and(|topic| {
                        let partition = asked.partition_index;
                        self.image()
                            .topics()
                            .partition(TopicPartition { topic, partition })
                            .is_some()
                    });
                    self.look_up(
                        asked,
                        slot,
                        known,
                        &work.message,
                        work.request.header.request_api_version,
                        cx,
                    )
                })
                .collect();
            work.response.topics.push(wire::Topic { name: topic.name.clone(), partitions });
        }
    }

    pub(in crate::broker) fn finish_list_offsets(&mut self, work: ListOffsets, cx: &mut Cx<'_>) {
        self.respond::<ListOffsetsRequest>(&work.request, &work.response, cx);
    }

    fn look_up(
        &mut self,
        asked: &list_offsets_request::Partition,
        slot: Option<u32>,
        known: bool,
        message: &ListOffsetsRequest,
        version: i16,
        cx: &mut Cx<'_>,
    ) -> wire::Partition {
        let unknown = |error: ErrorCode| unknown(asked, error);
        let may_be_asked =
            |(stands, since): &(i64, i16)| *stands == asked.timestamp && version >= *since;
        if asked.timestamp < 0 && !STANDS_FOR.iter().any(may_be_asked) {
            return unknown(ErrorCode::UnsupportedVersion);
        }
        let Some(replica) = slot.and_then(|slot| self.replicas.get_mut(slot)) else {
            return unknown(match known {
                true => ErrorCode::NotLeaderOrFollower,
                false => ErrorCode::UnknownTopicOrPartition,
            });
        };
        let isolation = match message.replica_id {
            CONSUMER if message.isolation_level == 1 => Some(Isolation::ReadCommitted),
            CONSUMER => Some(Isolation::ReadUncommitted),
            _ => None,
        };
        let epoch = asked.current_leader_epoch;
        let query = OffsetQuery {
            isolation,
            current_leader_epoch: (epoch != NO_EPOCH).then_some(LeaderEpoch(epoch)),
            leader_only: message.replica_id != DEBUGGING_REPLICA,
            version,
        };
        let mut events = Vec::new();
        let found = match asked.timestamp {
            LATEST => replica
                .partition
                .latest_offset(&query)
                .map(|offset| Some((-1, offset, replica.partition.leader_epoch()))),
            EARLIEST | EARLIEST_LOCAL => replica.partition.earliest_offset(&query).map(|offset| {
                let epoch = replica
                    .log
                    .epochs()
                    .earliest_entry()
                    .filter(|entry| entry.start_offset <= offset);
                Some((-1, offset, epoch.map_or(LeaderEpoch::NONE, |entry| entry.leader_epoch)))
            }),
            tiered if TIERED.contains(&tiered) => Ok(None),
            timestamp => {
                let mut disk = SimulatedDisk::new(cx.disk(DISK));
                let record = match timestamp {
                    MAX_TIMESTAMP => replica.log.offset_of_max_timestamp(&mut disk, &mut events),
                    timestamp => {
                        replica.log.offset_for_timestamp(&mut disk, timestamp, &mut events)
                    }
                };
                match record {
                    Err(_) => {
                        if replica.log.offline().is_some() {
                            cx.halt(LOG_DIRECTORY_FAILED);
                        }
                        Err(ErrorCode::KafkaStorageError)
                    }
                    Ok(record) => replica
                        .partition
                        .offset_for_timestamp(&query, record.map(|record| record.offset))
                        .map(|visible| {
                            visible.and(record).map(|record| {
                                let epoch = record.leader_epoch.unwrap_or(LeaderEpoch::NONE);
                                (record.timestamp, record.offset, epoch)
                            })
                        }),
                }
            }
        };
        match found {
            Err(error) => unknown(error),
            Ok(None) => unknown(ErrorCode::None),
            Ok(Some((timestamp, offset, epoch))) => wire::Partition {
                partition_index: asked.partition_index,
                error_code: ErrorCode::None.code(),
                timestamp,
                offset: offset.0,
                leader_epoch: if version >= TELLS_LEADER_EPOCH { epoch.0 } else { -1 },
            },
        }
    }
}

/// No offset, and why.
fn unknown(asked: &list_offsets_request::Partition, error: ErrorCode) -> wire::Partition {
    wire::Partition {
        partition_index: asked.partition_index,
        error_code: error.code(),
        timestamp: -1,
        offset: -1,
        leader_epoch: -1,
    }
}
