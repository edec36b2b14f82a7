//! What a fetch is answered: the session decides which partitions are told of, each with its records or its error.
//!
//! In Kafka: `KafkaApis.handleFetchRequest` (its response callback), `FetchSession`; KIP-227, KIP-392, KIP-951.

use bytes::Bytes;
use trial_sim::ConnId;

use super::super::{Broker, Cx};
use super::fetch::{NAMES_TOPICS_BY_ID, Part};
use super::fetch_marks as marks;
use crate::error_code::ErrorCode;
use crate::ids::TopicPartition;
use crate::partition::{ReadView, WallTime};
use crate::wire::{FetchRequest, FetchResponse, fetch_response as wire};

/// From here on an answer says who leads instead (KIP-951).
const NAMES_LEADERS: i16 = 16;

/// The answer.
impl Broker {
    pub(in crate::broker) fn answer_fetch(&mut self, key: u32, cx: &mut Cx<'_>) {
        let mut fetch = self.fetches.take(key);
        let now = WallTime(cx.wall_ms());
        let evicted = self.fetch_sessions.evictions();
        let mut below = |bound: u64| cx.random("fetch.session").below(bound);
        let session = self.fetch_sessions.on_answer(
            now,
            &fetch.context,
            &fetch.named,
            &mut fetch.parts,
            Part::facts,
            &mut below,
        );
        marks::evicted(self.fetch_sessions.evictions() > evicted, cx);
        let version = fetch.request.header.request_api_version;
        let mut response = FetchResponse {
            error_code: session.error.code(),
            session_id: session.session.0,
            ..Default::default()
        };
        // What is not there is told last.
        let unknown = [ErrorCode::UnknownTopicOrPartition, ErrorCode::UnknownTopicId];
        let is_there = |part: &Part| !unknown.contains(&part.error);
        let (there, missing): (Vec<_>, Vec<_>) = fetch.parts.into_iter().partition(is_there);
        for part in there.into_iter().chain(missing) {
            let mut answer = match part.view {
                Some(view) if part.error.is_ok() => answered_partition(&part, &view),
                _ => failed_partition(part.id.partition, part.error),
            };
            // There are none to tell of for who reads what is not committed too, and where nothing was read.
            let was_there = !matches!(
                part.error,
                ErrorCode::UnknownTopicOrPartition | ErrorCode::UnknownTopicId
            );
            let is_read_here = part.error.is_ok() && part.preferred.is_none();
            if was_there && !(is_read_here && fetch.reader.reads_committed()) {
                answer.aborted_transactions = None;
            }
            let names_leader = version >= NAMES_LEADERS
                && matches!(
                    part.error,
                    ErrorCode::NotLeaderOrFollower | ErrorCode::FencedLeaderEpoch
                );
            if names_leader {
                self.name_leader(part.id, fetch.request.conn, &mut answer, &mut response);
            }
            let same = response.responses.last().is_some_and(|last| last.topic_id == part.id.topic);
            if !same {
                let topic = self.image().topics().topic(part.id.topic);
                let topic = topic.filter(|_| version < NAMES_TOPICS_BY_ID);
                response.responses.push(wire::Response {
                    topic: topic.map_or_else(String::new, |topic| topic.name.to_string()),
                    topic_id: part.id.topic,
                    ..Default::default()
                });
            }
            let last = response.responses.last_mut().expect("it was pushed just now");
            last.partitions.push(answer);
        }
        response.responses.extend(fetch.unknown);
        self.respond::<FetchRequest>(&fetch.request, &response, cx);
    }

    fn name_leader(
        &self,
        id: TopicPartition,
        conn: ConnId,
        answer: &mut wire::Partition,
        response: &mut FetchResponse,
    ) {
        let (leader, epoch, endpoint) = self.current_leader(id, conn);
        answer.current_leader.leader_id = leader.0;
        answer.current_leader.leader_epoch = epoch.0;
        let known = response.node_endpoints.iter().any(|node| node.node_id == leader.0);
        if let Some((host, port, rack)) = endpoint.filter(|_| !known) {
            response.node_endpoints.push(wire::NodeEndpoint {
                node_id: leader.0,
                host,
                port: i32::from(port),
                rack,
            });
        }
    }
}

fn answered_partition(part: &Part, view: &ReadView) -> wire::Partition {
    let mut answer = wire::Partition {
        partition_index: part.id.partition,
        error_code: ErrorCode::None.code(),
        high_watermark: view.high_watermark.0,
        last_stable_offset: view.last_stable_offset.0,
        log_start_offset: view.log_start_offset.0,
        records: Some(part.records.clone()),
        ..Default::default()
    };
    if let Some(replica) = part.preferred {
        answer.preferred_read_replica = replica.0;
    }
    if let Some(end) = view.diverging_epoch {
        answer.diverging_epoch.epoch = end.leader_epoch.0;
        answer.diverging_epoch.end_offset = end.end_offset.0;
    }
    answer
}

pub(super) fn failed_partition(index: i32, error: ErrorCode) -> wire::Partition {
    wire::Partition {
        partition_index: index,
        error_code: error.code(),
        high_watermark: -1,
        records: Some(Bytes::new()),
        ..Default::default()
    }
}
