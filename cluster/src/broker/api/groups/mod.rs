//! The APIs of groups: what is checked before any shard is asked, which shards are, and one answer made of theirs.
//!
//! In Kafka:   `KafkaApis`, `GroupCoordinatorService`, `CoordinatorOperationExceptionHelper`.
//! Holds:      requests that wait for their shards: one file for each, with what its answer is made of.
//! Invariants: GA-1 a request is answered when the last of its parts is; its connection is muted until then.
//! Left out:   authorizations; share and streams groups.

mod consumer_group_describe;
mod consumer_group_heartbeat;
mod delete_groups;
mod describe_groups;
pub(super) mod find_coordinator;
mod heartbeat;
mod join_group;
mod leave_group;
mod list_groups;
mod offset_commit;
mod offset_delete;
mod offset_fetch;
mod sync_group;

use std::sync::Arc;

use super::super::groups::Token;
use super::super::request::{Refused, Request};
use super::super::{Broker, Cx};
use super::Served;
use crate::error_code::ErrorCode;
use crate::group::partition_for;
use crate::group::shard::ShardEvent;
use crate::group::{Asker, GroupError, GroupQuestion, GroupRequest, GroupResponse};
use crate::image::feature;
use crate::wire::ApiKey;

/// What a shard has answered.
type Answer = Result<GroupResponse, GroupError>;

/// What shards are asked.
enum Part {
    Request(GroupRequest),
    Question(GroupQuestion),
}

/// Makes the answer of a request out of those of its parts, in the order in which they were asked.
#[derive(Debug, Clone)]
enum Rest {
    JoinGroup,
    SyncGroup,
    Heartbeat,
    LeaveGroup(leave_group::Leaving),
    OffsetCommit(Box<offset_commit::Commit>),
    OffsetFetch(Box<offset_fetch::OffsetFetch>),
    OffsetDelete(Box<offset_delete::Deletion>),
    DescribeGroups(describe_groups::Described),
    ListGroups,
    DeleteGroups(delete_groups::Deleted),
    ConsumerGroupHeartbeat,
    ConsumerGroupDescribe(consumer_group_describe::Described),
}

/// A request that waits for its shards.
#[derive(Debug, Clone)]
pub(in crate::broker) struct GroupCall {
    request: Arc<Request>,
    rest: Rest,
    answers: Vec<Option<Answer>>,
    waiting: usize,
}

/// Those that shards answer.
pub(super) const SERVED: &[Served] = &[
    Served { api: ApiKey::OffsetCommit, versions: 2..=10, handler: offset_commit::handle },
    Served { api: ApiKey::OffsetFetch, versions: 1..=10, handler: offset_fetch::handle },
    Served { api: ApiKey::OffsetDelete, versions: 0..=0, handler: offset_delete::handle },
    Served { api: ApiKey::JoinGroup, versions: 0..=9, handler: join_group::handle },
    Served { api: ApiKey::SyncGroup, versions: 0..=5, handler: sync_group::handle },
    Served { api: ApiKey::Heartbeat, versions: 0..=4, handler: heartbeat::handle },
    Served { api: ApiKey::LeaveGroup, versions: 0..=5, handler: leave_group::handle },
    Served { api: ApiKey::DescribeGroups, versions: 0..=6, handler: describe_groups::handle },
    Served { api: ApiKey::ListGroups, versions: 0..=5, handler: list_groups::handle },
    Served { api: ApiKey::DeleteGroups, versions: 0..=2, handler: delete_groups::handle },
    Served {
        api: ApiKey::ConsumerGroupHeartbeat,
        versions: 0..=1,
        handler: consumer_group_heartbeat::handle,
    },
    Served {
        api: ApiKey::ConsumerGroupDescribe,
        versions: 0..=1,
        handler: consumer_group_describe::handle,
    },
];

/// Where connections come from, as Kafka writes it. Hosts of the World have no addresses.
const CLIENT_HOST: &str = "/127.0.0.1";

/// Every operation that a group has: Read, Delete, Describe, `DescribeConfigs`, `AlterConfigs`.
const OPERATIONS_ON_GROUPS: i32 = 1 << 3 | 1 << 6 | 1 << 8 | 1 << 10 | 1 << 11;

impl Broker {
    /// The partition of `__consumer_offsets` that a group belongs to.
    fn partition_of_group(&self, group: &str) -> i32 {
        let partitions = self.groups.partitions.expect("doors open after the coordinators start");
        partition_for(group, partitions)
    }

    /// Asks shards, a part each; without any the rest is done at once.
    fn ask_groups(
        &mut self,
        request: &Arc<Request>,
        rest: Rest,
        parts: Vec<(i32, Part)>,
        cx: &mut Cx<'_>,
    ) {
        let count = parts.len();
        let call = GroupCall {
            request: Arc::clone(request),
            rest,
            answers: vec![None; count],
            waiting: count,
        };
        if parts.is_empty() {
            self.answer_call(call, cx);
            return;
        }
        let asker = Asker {
            client_id: request.header.client_id.as_deref().unwrap_or_default().into(),
            client_host: CLIENT_HOST.into(),
            version: request.header.request_api_version,
        };
        let call = self.groups.calls.insert(call);
        for (part, (partition, what)) in parts.into_iter().enumerate() {
            let token = self.groups.tokens.insert(Token { call, part });
            let asker = asker.clone();
            let event = match what {
                Part::Request(request) => {
                    ShardEvent::Request { token, asker, request: Box::new(request) }
                }
                Part::Question(question) => {
                    ShardEvent::Question { token, asker, question: Box::new(question) }
                }
            };
            self.tell_shard(partition, event, cx);
        }
    }

    /// GA-1. A shard has answered a part.
    pub(in crate::broker) fn on_group_answer(
        &mut self,
        call: u32,
        part: usize,
        answer: Answer,
        cx: &mut Cx<'_>,
    ) {
        let waits = self.groups.calls.get_mut(call);
        let before = waits.answers[part].replace(answer);
        assert!(before.is_none(), "GR-3: part {part} was answered before: {before:?}");
        waits.waiting -= 1;
        if waits.waiting == 0 {
            let call = self.groups.calls.take(call);
            self.answer_call(call, cx);
        }
    }

    fn answer_call(&mut self, call: GroupCall, cx: &mut Cx<'_>) {
        let GroupCall { request, rest, answers, .. } = call;
        let answers = answers.into_iter().map(|answer| answer.expect("none is waited for"));
        let answers: Vec<Answer> = answers.collect();
        match rest {
            Rest::JoinGroup => join_group::answer(self, &request, only(answers), cx),
            Rest::SyncGroup => sync_group::answer(self, &request, only(answers), cx),
            Rest::Heartbeat => heartbeat::answer(self, &request, only(answers), cx),
            Rest::LeaveGroup(rest) => rest.answer(self, &request, only(answers), cx),
            Rest::OffsetCommit(rest) => rest.answer(self, &request, answers.into_iter().next(), cx),
            Rest::OffsetFetch(rest) => rest.answer(self, &request, answers, cx),
            Rest::OffsetDelete(rest) => rest.answer(self, &request, only(answers), cx),
            Rest::DescribeGroups(rest) => rest.answer(self, &request, answers, cx),
            Rest::ListGroups => list_groups::answer(self, &request, answers, cx),
            Rest::DeleteGroups(rest) => rest.answer(self, &request, answers, cx),
            Rest::ConsumerGroupHeartbeat => {
                consumer_group_heartbeat::answer(self, &request, only(answers), cx);
            }
            Rest::ConsumerGroupDescribe(rest) => rest.answer(self, &request, answers, cx),
        }
    }

    /// Whether the consumer protocol is served (`KafkaApis.isConsumerGroupProtocolEnabled`).
    fn serves_consumer_groups(&self) -> bool {
        let level = self.image().features().level(feature::GROUP_VERSION);
        self.config.group.rebalance_protocols.consumer && level > 0
    }
}

fn only(answers: Vec<Answer>) -> Answer {
    answers.into_iter().next().expect("one shard was asked")
}

/// A shard answers what it is asked.
fn other(response: &GroupResponse) -> ! {
    unreachable!("a shard answered another question: {response:?}")
}

/// What clients are told of a coordinator's error (`CoordinatorOperationExceptionHelper.handleOperationException`).
fn for_clients(error: GroupError) -> GroupError {
    let code = match error.code {
        ErrorCode::UnknownServerError
        | ErrorCode::MessageTooLarge
        | ErrorCode::RecordListTooLarge
        | ErrorCode::InvalidFetchSize => ErrorCode::UnknownServerError,
        ErrorCode::NetworkException => ErrorCode::CoordinatorLoadInProgress,
        ErrorCode::UnknownTopicOrPartition
        | ErrorCode::NotEnoughReplicas
        | ErrorCode::RequestTimedOut => ErrorCode::CoordinatorNotAvailable,
        ErrorCode::NotLeaderOrFollower | ErrorCode::KafkaStorageError => ErrorCode::NotCoordinator,
        code => return GroupError { code, message: error.message },
    };
    code.into()
}

/// Groups of a request by their partitions, in the order of Kafka's map of those.
fn by_partition(broker: &Broker, groups: Vec<String>) -> Vec<(i32, Vec<String>)> {
    let mut found: std::collections::BTreeMap<i32, Vec<String>> = std::collections::BTreeMap::new();
    for group in groups {
        found.entry(broker.partition_of_group(&group)).or_default().push(group);
    }
    let order =
        super::super::groups::hash_order::in_hash_order(found.keys().copied().collect(), false);
    let taken = |partition| (partition, found.remove(&partition).expect("it is a key"));
    order.into_iter().map(taken).collect()
}

/// Nothing that its client could read is answered to what it could not read.
type Handled = Result<(), Refused>;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(said: ErrorCode, told: ErrorCode) {
        assert_eq!(for_clients(said.into()), GroupError::from(told), "{said}: without words");
    }

    #[test]
    fn errors_of_a_coordinator_are_told_as_in_kafka() {
        use ErrorCode as E;
        check(E::NotEnoughReplicas, E::CoordinatorNotAvailable);
        check(E::RequestTimedOut, E::CoordinatorNotAvailable);
        check(E::NotLeaderOrFollower, E::NotCoordinator);
        check(E::KafkaStorageError, E::NotCoordinator);
        check(E::MessageTooLarge, E::UnknownServerError);
        check(E::NetworkException, E::CoordinatorLoadInProgress);
        check(E::NotCoordinator, E::NotCoordinator);
        check(E::IllegalGeneration, E::IllegalGeneration);
    }
}
