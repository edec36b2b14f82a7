//! FindCoordinator: which broker coordinates a group, by the leader of its partition of `__consumer_offsets`.
//!
//! In Kafka:   `KafkaApis.getCoordinator`, `AutoTopicCreationManager`; KIP-699 (several keys), KIP-932 (share groups).
//! Invariants: FC-1 a topic that is not there is asked for, and the client asks again.
//! Left out:   transactions and share groups: who asks for their coordinators is told that there is none at the moment,
//!             and no topic is made for them.

use std::sync::Arc;

use super::super::super::request::Request;
use super::super::super::{Broker, Cx};
use super::Handled;
use crate::controller::topic_names::GROUP_METADATA_TOPIC;
use crate::error_code::ErrorCode;
use crate::ids::{BrokerId, TopicPartition};
use crate::wire::{
    FindCoordinatorRequest, FindCoordinatorResponse, find_coordinator_response as wire,
};

/// From here on a request has several keys.
const HAS_SEVERAL_KEYS: i16 = 4;
/// From here on share groups may be asked for.
const KNOWS_SHARE_GROUPS: i16 = 6;
const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;
const SHARE: i8 = 2;

/// Where a coordinator is.
struct Node {
    id: BrokerId,
    host: String,
    port: i32,
}

impl Node {
    fn none() -> Self {
        Self { id: BrokerId::NONE, host: String::new(), port: -1 }
    }
}

pub(in crate::broker::api) fn handle(
    broker: &mut Broker,
    request: &Arc<Request>,
    cx: &mut Cx<'_>,
) -> Handled {
    let message = request.message::<FindCoordinatorRequest>()?;
    let has_several = request.header.request_api_version >= HAS_SEVERAL_KEYS;
    let keys = if has_several { message.coordinator_keys } else { vec![message.key] };
    let is_unknown = !matches!(message.key_type, GROUP | TRANSACTION | SHARE);
    let mut response = FindCoordinatorResponse::default();
    for key in keys {
        let found = broker.find_coordinator(request, message.key_type, &key, cx);
        let (error, node) = match found {
            Ok(node) => (ErrorCode::None, node),
            Err(error) => (error, Node::none()),
        };
        // What nobody understands is refused as a whole, and with words.
        let said = Some(error.name().to_owned());
        if has_several {
            response.coordinators.push(wire::Coordinator {
                key,
                node_id: node.id.0,
                host: node.host,
                port: node.port,
                error_code: error.code(),
                error_message: if is_unknown { said } else { Some(String::new()) },
            });
        } else {
            response.error_code = error.code();
            response.error_message = said;
            (response.node_id, response.host, response.port) = (node.id.0, node.host, node.port);
        }
    }
    broker.respond::<FindCoordinatorRequest>(request, &response, cx);
    Ok(())
}

impl Broker {
    fn find_coordinator(
        &mut self,
        request: &Request,
        key_type: i8,
        key: &str,
        cx: &mut Cx<'_>,
    ) -> Result<Node, ErrorCode> {
        match key_type {
            GROUP => {}
            TRANSACTION => return Err(ErrorCode::CoordinatorNotAvailable),
            SHARE if request.header.request_api_version < KNOWS_SHARE_GROUPS => {
                return Err(ErrorCode::InvalidRequest);
            }
            SHARE if !is_share_key(key) => return Err(ErrorCode::InvalidRequest),
            SHARE => return Err(ErrorCode::CoordinatorNotAvailable),
            _ => return Err(ErrorCode::InvalidRequest),
        }
        let unavailable = ErrorCode::CoordinatorNotAvailable;
        let partition = self.partition_of_group(key);
        let Some(topic) = self.group_topic() else {
            self.create_internal_topic(GROUP_METADATA_TOPIC, cx);
            return Err(unavailable);
        };
        let id = TopicPartition { topic, partition };
        let image = self.image();
        let leader = image.topics().partition(id).and_then(|found| found.leader);
        let leader = leader.and_then(|leader| image.cluster().broker(leader)).ok_or(unavailable)?;
        let endpoint = leader.endpoint(self.listener_of(request.conn)).filter(|_| !leader.fenced);
        let endpoint = endpoint.ok_or(unavailable)?;
        let (host, port) = (endpoint.host.to_string(), i32::from(endpoint.port));
        Ok(Node { id: leader.id, host, port })
    }
}

/// `groupId:topicId:partition` (`SharePartitionKey.validate`).
fn is_share_key(key: &str) -> bool {
    let parts: Vec<&str> = key.split(':').collect();
    let [group, topic, partition] = parts[..] else { return false };
    let is_blank = |part: &str| part.trim().is_empty();
    !is_blank(group)
        && topic.parse::<crate::ids::Uuid>().is_ok()
        && partition.parse::<i32>().is_ok()
}
