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
        // What is not there is told last, and stands last in a session.
        fetch.parts.sort_by_key(|part| part.is_missing);
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
        for part in fetch.parts {
            let mut answer = match part.view {
                Some(view) if part.error.is_ok() => answered_partition(&part, &view),
                _ => failed_partition(part.id.partition, part.error),
            };
            // There are none to tell of for who reads what is not committed too, and where nothing was read.
            let is_read_here = part.error.is_ok() && part.preferred.is_none();
            let tells_aborted = part.is_missing || is_read_here && fetch.reader.reads_committed();
            if !tells_aborted {
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
            let name = part.asked.name.as_deref().filter(|_| version < NAMES_TOPICS_BY_ID);
            let name = name.unwrap_or_default();
            let is_same = |last: &wire::Response| {
                last.topic_id == part.asked.topic && last.topic.as_str() == name
            };
            if !response.responses.last().is_some_and(is_same) {
                response.responses.push(wire::Response {
                    topic: name.to_owned(),
                    topic_id: part.asked.topic,
                    ..Default::default()
                });
            }
            let last = response.responses.last_mut().expect("it was pushed just now");
            last.partitions.push(answer);
        }
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

fn failed_partition(index: i32, error: ErrorCode) -> wire::Partition {
    wire::Partition {
        partition_index: index,
        error_code: error.code(),
        high_watermark: -1,
        records: Some(Bytes::new()),
        ..Default::default()
    }
}
