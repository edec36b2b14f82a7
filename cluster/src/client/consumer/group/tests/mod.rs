//! Tests of members of groups against a coordinator that answers as each test says.

mod classic;
mod commits;
mod membership;
mod random;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use trial_sim::{Input, Span, Time};

use super::{CommitFailure, GroupConsumer, GroupEvent, Subscription};
use crate::client::NamedPartition;
use crate::client::consumer::assignor::{self, protocol};
use crate::client::consumer::tests::batch;
use crate::client::test_cluster::{Asked, Machine, TOPIC, TOPIC_ID, TestCluster};
use crate::config::ConsumerConfig;
use crate::error_code::ErrorCode;
use crate::net::Wires;
use crate::wire::{
    ApiKey, ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, FetchRequest,
    FetchResponse, FindCoordinatorResponse, HeartbeatRequest, HeartbeatResponse, JoinGroupRequest,
    JoinGroupResponse, LeaveGroupRequest, LeaveGroupResponse, ListOffsetsRequest,
    ListOffsetsResponse, Message, OffsetCommitRequest, OffsetCommitResponse, OffsetFetchRequest,
    OffsetFetchResponse, SyncGroupRequest, SyncGroupResponse, consumer_group_heartbeat_response,
    fetch_request, fetch_response, find_coordinator_response, join_group_response,
    list_offsets_response, offset_commit_response, offset_fetch_response,
};

impl Machine for GroupConsumer {
    fn input(&mut self, input: &Input, wires: &mut dyn Wires) {
        self.on_input(input, wires);
    }

    fn timer(&mut self, wires: &mut dyn Wires) {
        self.on_timer(wires);
    }

    /// As the program: what is overdue is looked at in the next millisecond.
    fn deadline(&mut self, now: Time) -> Option<Time> {
        let at = self.next_deadline(now)?;
        Some(if at <= now { now + Span::from_millis(1) } else { at })
    }
}

pub(super) struct Fixture {
    pub(super) cluster: TestCluster,
    pub(super) consumer: GroupConsumer,
}

impl Fixture {
    /// A member of `g` that has subscribed to the topic with so many partitions, and is in its first poll.
    pub(super) fn new(partitions: usize, settings: &[(&str, &str)]) -> Self {
        Self::with_callbacks(partitions, settings, 0)
    }

    /// The same, with callbacks of so many milliseconds.
    pub(super) fn with_callbacks(
        partitions: usize,
        settings: &[(&str, &str)],
        millis: u64,
    ) -> Self {
        let mut config = ConsumerConfig::default();
        for (name, value) in [("auto.offset.reset", "earliest"), ("group.id", "g")] {
            config.set(name, value).expect("a setting of Kafka's");
        }
        for (name, value) in settings {
            config.set(name, value).expect("a setting of Kafka's");
        }
        let topics = Subscription::Topics([Arc::from(TOPIC)].into());
        let bootstrap = TestCluster::bootstrap();
        let consumer = GroupConsumer::new(config, topics, "test", &bootstrap)
            .with_callbacks(Span::from_millis(millis), false);
        let cluster = TestCluster::new(&vec![1; partitions]);
        let mut it = Self { cluster, consumer };
        it.poll();
        it
    }

    /// A classic member that was given these partitions in generation 1, as the only one, and begins at 0.
    pub(super) fn joined(partitions: usize, settings: &[(&str, &str)]) -> Self {
        let mut it = Self::new(partitions, settings);
        it.find();
        it.join_as("m1", 1, &["m1"]);
        it.sync_own();
        it.start_at(0);
        it.events();
        it
    }

    pub(super) fn run_to(&mut self, millis: u64) {
        self.cluster.run_to(millis, &mut self.consumer);
    }

    /// Polls once: `partition:offsets`.
    pub(super) fn poll(&mut self) -> String {
        let polled = self.consumer.poll(&mut self.cluster.wires);
        self.cluster.settle(&mut self.consumer);
        let words = polled.iter().map(|part| {
            let offsets: Vec<String> =
                part.records.iter().map(|record| record.offset.to_string()).collect();
            format!("{}:{}", part.partition.partition, offsets.join(","))
        });
        words.collect::<Vec<String>>().join(" ")
    }

    /// Takes the oldest request that waits and is not a fetch, in words.
    pub(super) fn take(&mut self) -> (Asked, String) {
        let place = self.cluster.asked.iter().position(|asked| asked.api != ApiKey::Fetch);
        let asked = self.cluster.asked.remove(place.expect("no request waits"));
        let words = words_of(&asked);
        (asked, words)
    }

    /// What waits, in words, without fetches.
    pub(super) fn waiting(&self) -> String {
        let waits = self.cluster.asked.iter().filter(|asked| asked.api != ApiKey::Fetch);
        waits.map(words_of).collect::<Vec<_>>().join("; ")
    }

    #[track_caller]
    pub(super) fn expect(&mut self, want: &str) -> Asked {
        let (asked, words) = self.take();
        assert_eq!(words, want, "the request");
        asked
    }

    pub(super) fn answer(&mut self, asked: &Asked, body: &impl Message) {
        self.cluster.answer(asked, body, &mut self.consumer);
    }

    /// Answers FindCoordinator: it is b2.
    #[track_caller]
    pub(super) fn find(&mut self) {
        self.serve_fetches(&[]); // answers come in the order of the requests
        let asked = self.expect("find g");
        self.answer(&asked, &found(ErrorCode::None));
    }

    /// Answers JoinGroup: this member in this generation, the first of `members` leads; the round for a member id comes
    /// first, if this member has none.
    #[track_caller]
    pub(super) fn join_as(&mut self, member: &str, generation: i32, members: &[&str]) {
        let (mut asked, _) = self.take();
        let mut request: JoinGroupRequest = asked.decode();
        if request.member_id.is_empty() && request.group_instance_id.is_none() {
            let response = JoinGroupResponse {
                error_code: ErrorCode::MemberIdRequired.code(),
                member_id: member.to_owned(),
                ..JoinGroupResponse::default()
            };
            self.answer(&asked, &response);
            asked = self.take().0;
            request = asked.decode();
        }
        let of = |id: &&str| join_group_response::Member {
            member_id: (*id).to_owned(),
            group_instance_id: None,
            metadata: request.protocols[0].metadata.clone(),
        };
        let leads = members[0] == member;
        let response = JoinGroupResponse {
            generation_id: generation,
            protocol_type: Some("consumer".to_owned()),
            protocol_name: Some(request.protocols[0].name.clone()),
            leader: members[0].to_owned(),
            member_id: member.to_owned(),
            members: if leads { members.iter().map(of).collect() } else { Vec::new() },
            ..JoinGroupResponse::default()
        };
        self.answer(&asked, &response);
    }

    /// Answers SyncGroup of a leader with its own assignment.
    #[track_caller]
    pub(super) fn sync_own(&mut self) {
        let (asked, _) = self.take();
        let request: SyncGroupRequest = asked.decode();
        let own = request.assignments.iter().find(|it| it.member_id == request.member_id);
        let assignment = own.expect("the leader assigns to itself").assignment.clone();
        let response = SyncGroupResponse { assignment, ..SyncGroupResponse::default() };
        self.answer(&asked, &response);
    }

    /// Answers SyncGroup with these partitions.
    #[track_caller]
    pub(super) fn sync_with(&mut self, partitions: &[i32]) {
        let (asked, _) = self.take();
        let response = SyncGroupResponse {
            assignment: assignment(partitions),
            ..SyncGroupResponse::default()
        };
        self.answer(&asked, &response);
    }

    #[track_caller]
    pub(super) fn answer_sync_error(&mut self, error: ErrorCode) {
        let (asked, _) = self.take();
        let response =
            SyncGroupResponse { error_code: error.code(), ..SyncGroupResponse::default() };
        self.answer(&asked, &response);
    }

    #[track_caller]
    pub(super) fn answer_join_error(&mut self, error: ErrorCode) {
        let (asked, words) = self.take();
        assert!(words.starts_with("join"), "{words}");
        let response =
            JoinGroupResponse { error_code: error.code(), ..JoinGroupResponse::default() };
        self.answer(&asked, &response);
    }

    /// Gives the member its id.
    #[track_caller]
    pub(super) fn answer_join_error_with_id(&mut self, error: ErrorCode) {
        let (asked, _) = self.take();
        let response = JoinGroupResponse {
            error_code: error.code(),
            member_id: "m1".to_owned(),
            ..JoinGroupResponse::default()
        };
        self.answer(&asked, &response);
    }

    /// Answers OffsetFetch: every partition at this offset, or nothing committed if it is below 0; then ListOffsets.
    #[track_caller]
    pub(super) fn start_at(&mut self, offset: i64) {
        let (asked, words) = self.take();
        assert!(words.starts_with("committed"), "{words}");
        self.answer_committed(&asked, ErrorCode::None, offset);
    }

    pub(super) fn answer_committed(&mut self, asked: &Asked, error: ErrorCode, offset: i64) {
        let request: OffsetFetchRequest = asked.decode();
        let asked_group = &request.groups[0];
        let topics = asked_group.topics.iter().flatten().map(|topic| {
            let partitions = topic.partition_indexes.iter().map(|index| {
                offset_fetch_response::GroupTopicPartition {
                    partition_index: *index,
                    committed_offset: offset,
                    committed_leader_epoch: -1,
                    metadata: Some(String::new()),
                    error_code: 0,
                }
            });
            offset_fetch_response::GroupTopic {
                name: topic.name.clone(),
                topic_id: topic.topic_id,
                partitions: partitions.collect(),
            }
        });
        let group = offset_fetch_response::Group {
            group_id: "g".to_owned(),
            topics: if error.is_ok() { topics.collect() } else { Vec::new() },
            error_code: error.code(),
        };
        let response =
            OffsetFetchResponse { groups: vec![group], ..OffsetFetchResponse::default() };
        self.answer(asked, &response);
    }

    pub(super) fn answer_offsets(&mut self, asked: &Asked, offset: i64) {
        let request: ListOffsetsRequest = asked.decode();
        let partitions = request.topics.iter().flat_map(|topic| &topic.partitions).map(|it| {
            list_offsets_response::Partition {
                partition_index: it.partition_index,
                offset,
                ..list_offsets_response::Partition::default()
            }
        });
        let topic = list_offsets_response::Topic {
            name: TOPIC.to_owned(),
            partitions: partitions.collect(),
        };
        let response =
            ListOffsetsResponse { topics: vec![topic], ..ListOffsetsResponse::default() };
        self.answer(asked, &response);
    }

    #[track_caller]
    pub(super) fn answer_heartbeat(&mut self, error: ErrorCode) {
        let (asked, words) = self.take();
        assert!(words.starts_with("heartbeat"), "{words}");
        let response =
            HeartbeatResponse { error_code: error.code(), ..HeartbeatResponse::default() };
        self.answer(&asked, &response);
    }

    pub(super) fn answer_commit(&mut self, asked: &Asked, error: ErrorCode) {
        let request: OffsetCommitRequest = asked.decode();
        let topics = request.topics.iter().map(|topic| offset_commit_response::Topic {
            name: topic.name.clone(),
            topic_id: topic.topic_id,
            partitions: topic
                .partitions
                .iter()
                .map(|it| offset_commit_response::Partition {
                    partition_index: it.partition_index,
                    error_code: error.code(),
                })
                .collect(),
        });
        let response =
            OffsetCommitResponse { topics: topics.collect(), ..OffsetCommitResponse::default() };
        self.answer(asked, &response);
    }

    /// Answers all fetches that wait with the two records behind the position, of these partitions.
    pub(super) fn serve_fetches(&mut self, only: &[i32]) {
        while let Some(place) = self.cluster.asked.iter().position(|it| it.api == ApiKey::Fetch) {
            let asked = self.cluster.asked.remove(place);
            let request: FetchRequest = asked.decode();
            // An answer to a full fetch has all partitions of the request, with records or without.
            let answered = |it: &fetch_request::Partition| fetch_response::Partition {
                partition_index: it.partition,
                high_watermark: 1_000,
                records: only.contains(&it.partition).then(|| batch(it.fetch_offset, 2, 1)),
                ..fetch_response::Partition::default()
            };
            let of_topic = |it: &fetch_request::Topic| fetch_response::Response {
                topic_id: it.topic_id,
                partitions: it.partitions.iter().map(answered).collect(),
                ..fetch_response::Response::default()
            };
            let responses = request.topics.iter().map(of_topic).collect();
            let response = FetchResponse { session_id: 0, responses, ..FetchResponse::default() };
            self.answer(&asked, &response);
            if only.is_empty() {
                return;
            }
        }
    }

    pub(super) fn events(&mut self) -> String {
        let mut words = Vec::new();
        while let Some(event) = self.consumer.next_event() {
            words.push(event_in_words(&event));
        }
        words.join(", ")
    }
}

/// A coordinator at b2.
pub(super) fn found(error: ErrorCode) -> FindCoordinatorResponse {
    let coordinator = find_coordinator_response::Coordinator {
        key: "g".to_owned(),
        node_id: if error.is_ok() { 2 } else { -1 },
        host: if error.is_ok() { "b2".to_owned() } else { String::new() },
        port: if error.is_ok() { 9092 } else { -1 },
        error_code: error.code(),
        error_message: None,
    };
    FindCoordinatorResponse {
        coordinators: vec![coordinator],
        ..FindCoordinatorResponse::default()
    }
}

pub(super) fn assignment(partitions: &[i32]) -> Bytes {
    let named = |partition: &i32| NamedPartition { topic: TOPIC.into(), partition: *partition };
    let partitions = partitions.iter().map(named).collect();
    protocol::put_assignment(&assignor::Assignment { partitions, user_data: None })
}

/// An answer to ConsumerGroupHeartbeat; an assignment, if there is one.
pub(super) fn beat(epoch: i32, partitions: Option<&[i32]>) -> ConsumerGroupHeartbeatResponse {
    let assigned = |partitions: &[i32]| consumer_group_heartbeat_response::Assignment {
        topic_partitions: if partitions.is_empty() {
            Vec::new()
        } else {
            vec![consumer_group_heartbeat_response::TopicPartition {
                topic_id: TOPIC_ID,
                partitions: partitions.to_vec(),
            }]
        },
    };
    ConsumerGroupHeartbeatResponse {
        member_epoch: epoch,
        heartbeat_interval_ms: 5_000,
        assignment: partitions.map(assigned),
        ..ConsumerGroupHeartbeatResponse::default()
    }
}

fn numbers<'a>(partitions: impl IntoIterator<Item = &'a NamedPartition>) -> String {
    let words = partitions.into_iter().map(|at| at.partition.to_string());
    words.collect::<Vec<_>>().join(" ")
}

fn event_in_words(event: &GroupEvent) -> String {
    let offsets = |offsets: &BTreeMap<NamedPartition, super::event::Committed>| {
        let words = offsets.iter().map(|(at, (offset, _))| format!("{}@{offset}", at.partition));
        words.collect::<Vec<_>>().join(" ")
    };
    match event {
        GroupEvent::Assigned { generation, added, .. } => {
            format!("assigned [{}] in {generation}", numbers(added))
        }
        GroupEvent::Revoked { generation, partitions } => {
            format!("revoked [{}] in {generation}", numbers(partitions))
        }
        GroupEvent::Lost { generation, partitions } => {
            format!("lost [{}] in {generation}", numbers(partitions))
        }
        GroupEvent::Committed { cause, generation, offsets: what } => {
            format!("{cause:?} committed {} in {generation}", offsets(what))
        }
        GroupEvent::CommitFailed { cause, offsets: what, failure } => {
            let why = match failure {
                CommitFailure::Refused(error) => error.to_string(),
                other => format!("{other:?}"),
            };
            format!("{cause:?} failed {}: {why}", offsets(what))
        }
        GroupEvent::PositionCommitted { partition, offset } => {
            format!("{} begins at {offset}", partition.partition)
        }
        GroupEvent::PollFailed { error } => format!("poll failed: {error}"),
        GroupEvent::Closed => "closed".to_owned(),
        GroupEvent::Position(event) => format!("{event:?}").chars().take(13).collect(),
    }
}

fn words_of(asked: &Asked) -> String {
    match asked.api {
        ApiKey::FindCoordinator => "find g".to_owned(),
        ApiKey::JoinGroup => {
            let request: JoinGroupRequest = asked.decode();
            let bytes = &request.protocols[0].metadata;
            let subscription = protocol::take_subscription(bytes).expect("it can be read");
            let instance = request.group_instance_id.map(|it| format!("/{it}")).unwrap_or_default();
            let owned = numbers(&subscription.owned_partitions);
            format!("join `{}{instance}` owning [{owned}]", request.member_id)
        }
        ApiKey::SyncGroup => {
            let request: SyncGroupRequest = asked.decode();
            let assigned = request.assignments.iter().map(|it| {
                let given = protocol::take_assignment(&it.assignment).expect("it can be read");
                format!("{}: {}", it.member_id, numbers(&given.partitions))
            });
            let assigned = assigned.collect::<Vec<_>>().join(", ");
            format!("sync {} in {} [{assigned}]", request.member_id, request.generation_id)
        }
        ApiKey::Heartbeat => {
            let request: HeartbeatRequest = asked.decode();
            format!("heartbeat {} in {}", request.member_id, request.generation_id)
        }
        ApiKey::LeaveGroup => {
            let request: LeaveGroupRequest = asked.decode();
            format!("leave {}", request.members[0].member_id)
        }
        ApiKey::OffsetCommit => {
            let request: OffsetCommitRequest = asked.decode();
            let offsets = request.topics.iter().flat_map(|topic| &topic.partitions);
            let offsets =
                offsets.map(|it| format!("{}@{}", it.partition_index, it.committed_offset));
            let offsets = offsets.collect::<Vec<_>>().join(" ");
            format!("commit {offsets} in {}", request.generation_id_or_member_epoch)
        }
        ApiKey::OffsetFetch => {
            let request: OffsetFetchRequest = asked.decode();
            assert!(request.require_stable, "KIP-447");
            let topics = request.groups[0].topics.iter().flatten();
            let indexes = topics.flat_map(|topic| &topic.partition_indexes);
            let indexes = indexes.map(ToString::to_string).collect::<Vec<_>>().join(" ");
            format!("committed {indexes}?")
        }
        ApiKey::ListOffsets => "list".to_owned(),
        ApiKey::ConsumerGroupHeartbeat => {
            let request: ConsumerGroupHeartbeatRequest = asked.decode();
            let mut words = format!("beat {}", request.member_epoch);
            if let Some(topics) = request.subscribed_topic_names {
                words += &format!(" topics [{}]", topics.join(" "));
            }
            if let Some(topics) = request.topic_partitions {
                let owned = topics.iter().flat_map(|topic| &topic.partitions);
                let owned = owned.map(ToString::to_string).collect::<Vec<_>>().join(" ");
                words += &format!(" owns [{owned}]");
            }
            words
        }
        other => format!("{other:?}"),
    }
}

#[track_caller]
pub(super) fn leave_answered(it: &mut Fixture) {
    let (asked, words) = it.take();
    assert!(words.starts_with("leave"), "{words}");
    it.answer(&asked, &LeaveGroupResponse::default());
}
