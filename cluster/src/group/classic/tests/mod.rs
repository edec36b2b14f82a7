//! Stories of classic groups, after Kafka's own unit tests.
//!
//! In Kafka: `GroupMetadataManagerTest` and `ClassicGroupTest`; each story names the methods that it re-tells.
//! Holds:    a group `g` with its requests, each a line.

mod describe;
mod failures;
mod group;
mod heartbeat;
mod join;
mod leave;
mod load;
mod random;
mod rejoin;
mod size;
mod static_members;
mod static_rejoins;
mod sync;

use bytes::{BufMut, Bytes, BytesMut};

use super::group::ClassicGroup;
use super::state::ClassicState;
use crate::config::group::GroupSettings;
use crate::error_code::ErrorCode;
use crate::group::fixture::Driven;
use crate::group::record::GroupRecord;
use crate::group::request::{GroupRequest, GroupResponse};
use crate::group::step::Token;
use crate::group::timer::TimerKey;
use crate::wire::join_group_request::Protocol;
use crate::wire::{
    HeartbeatRequest, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, SyncGroupRequest,
    SyncGroupResponse, leave_group_request, leave_group_response, sync_group_request,
};

/// `group.initial.rebalance.delay.ms`, Kafka's default.
const INITIAL_DELAY_MS: u64 = 3_000;

/// A subscription of the consumer protocol, version 0.
fn subscription(topics: &[&str]) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_i16(0);
    bytes.put_i32(i32::try_from(topics.len()).expect("few"));
    for topic in topics {
        bytes.put_i16(i16::try_from(topic.len()).expect("short"));
        bytes.put_slice(topic.as_bytes());
    }
    bytes.put_i32(-1);
    bytes.freeze()
}

/// Protocols with a topic each, as `toProtocols` in Kafka's tests makes them.
fn protocols(names: &[&str]) -> Vec<Protocol> {
    let topics = ["foo", "bar", "baz"];
    let said = |(at, name): (usize, &&str)| Protocol {
        name: (*name).to_owned(),
        metadata: subscription(&[topics[at % 3]]),
    };
    names.iter().enumerate().map(said).collect()
}

/// A JoinGroup in the making.
#[derive(Clone)]
struct Join {
    request: JoinGroupRequest,
    version: i16,
}

/// A new member that knows `range`, in version 3: it needs no second round.
fn join() -> Join {
    let request = JoinGroupRequest {
        group_id: "g".to_owned(),
        session_timeout_ms: 5_000,
        rebalance_timeout_ms: 10_000,
        protocol_type: "consumer".to_owned(),
        protocols: protocols(&["range"]),
        ..JoinGroupRequest::default()
    };
    Join { request, version: 3 }
}

impl Join {
    fn by(mut self, member: &str) -> Self {
        member.clone_into(&mut self.request.member_id);
        self
    }

    fn instance(mut self, instance: &str) -> Self {
        self.request.group_instance_id = Some(instance.to_owned());
        self
    }

    fn knows(mut self, names: &[&str]) -> Self {
        self.request.protocols = protocols(names);
        self
    }

    fn of_type(mut self, protocol_type: &str) -> Self {
        protocol_type.clone_into(&mut self.request.protocol_type);
        self
    }

    fn session(mut self, ms: i32) -> Self {
        self.request.session_timeout_ms = ms;
        self
    }

    fn rebalance(mut self, ms: i32) -> Self {
        self.request.rebalance_timeout_ms = ms;
        self
    }

    /// 4 and later ask for a member id first, 9 and later let a leader skip the assignment.
    fn version(mut self, version: i16) -> Self {
        self.version = version;
        self
    }
}

/// The group `g`, and time.
struct Story {
    driven: Driven,
}

/// Kafka's defaults, without bounds for sessions.
fn settings() -> GroupSettings {
    GroupSettings { min_session_timeout_ms: 0, ..GroupSettings::default() }
}

/// Two static members, stable in generation 1.
struct Pair {
    leader: String,
    follower: String,
}

impl Story {
    fn new() -> Self {
        Self::with(settings())
    }

    fn with(settings: GroupSettings) -> Self {
        Self { driven: Driven::new(settings) }
    }

    fn join(&mut self, join: &Join) -> Token {
        self.driven.send(join.version, GroupRequest::JoinGroup(join.request.clone()))
    }

    fn sync(&mut self, member: &str, generation: i32, assignments: &[(&str, u8)]) -> Token {
        self.sync_as(None, member, generation, assignments)
    }

    fn sync_as(
        &mut self,
        instance: Option<&str>,
        member: &str,
        generation: i32,
        assignments: &[(&str, u8)],
    ) -> Token {
        let given = |(member, byte): &(&str, u8)| sync_group_request::Assignment {
            member_id: (*member).to_owned(),
            assignment: Bytes::copy_from_slice(&[*byte]),
        };
        let request = SyncGroupRequest {
            group_id: "g".to_owned(),
            generation_id: generation,
            member_id: member.to_owned(),
            group_instance_id: instance.map(str::to_owned),
            assignments: assignments.iter().map(given).collect(),
            ..SyncGroupRequest::default()
        };
        self.driven.send(5, GroupRequest::SyncGroup(request))
    }

    fn heartbeat(&mut self, member: &str, generation: i32) -> ErrorCode {
        self.heartbeat_as(None, member, generation)
    }

    fn heartbeat_as(&mut self, instance: Option<&str>, member: &str, generation: i32) -> ErrorCode {
        let request = HeartbeatRequest {
            group_id: "g".to_owned(),
            generation_id: generation,
            member_id: member.to_owned(),
            group_instance_id: instance.map(str::to_owned),
        };
        let token = self.driven.send(4, GroupRequest::Heartbeat(request));
        self.code(token)
    }

    /// What each is told: member id and instance id.
    fn leave(&mut self, members: &[(&str, Option<&str>)]) -> Vec<ErrorCode> {
        let token = self.send_leave(members);
        let told = |member: &leave_group_response::Member| ErrorCode::from_code(member.error_code);
        match &self.driven.answers[&token] {
            Ok(GroupResponse::LeaveGroup(response)) if response.error_code == 0 => {
                response.members.iter().map(told).collect()
            }
            other => panic!("a list of members, not {other:?}"),
        }
    }

    fn send_leave(&mut self, members: &[(&str, Option<&str>)]) -> Token {
        let who = |(member, instance): &(&str, Option<&str>)| leave_group_request::Member {
            member_id: (*member).to_owned(),
            group_instance_id: instance.map(str::to_owned),
            reason: None,
        };
        let request = LeaveGroupRequest {
            group_id: "g".to_owned(),
            members: members.iter().map(who).collect(),
            ..LeaveGroupRequest::default()
        };
        self.driven.send(5, GroupRequest::LeaveGroup(request))
    }

    fn waits(&self, token: Token) -> bool {
        !self.driven.answers.contains_key(&token) && !self.driven.forgotten.contains(&token)
    }

    #[track_caller]
    fn code(&self, token: Token) -> ErrorCode {
        let answer = self.driven.answers.get(&token).expect("it was answered");
        let number = match answer {
            Ok(GroupResponse::JoinGroup(response)) => response.error_code,
            Ok(GroupResponse::SyncGroup(response)) => response.error_code,
            Ok(GroupResponse::Heartbeat(response)) => response.error_code,
            Ok(GroupResponse::LeaveGroup(response)) => response.error_code,
            Ok(other) => panic!("no answer of a classic member: {other:?}"),
            Err(error) => return error.code,
        };
        ErrorCode::from_code(number)
    }

    #[track_caller]
    fn answer(&self, token: Token) -> JoinGroupResponse {
        match self.driven.answers.get(&token) {
            Some(Ok(GroupResponse::JoinGroup(response))) => response.clone(),
            other => panic!("an answer to JoinGroup, not {other:?}"),
        }
    }

    /// The answer to a JoinGroup that went well.
    #[track_caller]
    fn joined(&self, token: Token) -> JoinGroupResponse {
        let answer = self.answer(token);
        assert_eq!(ErrorCode::from_code(answer.error_code), ErrorCode::None);
        answer
    }

    /// The answer to a SyncGroup that went well.
    #[track_caller]
    fn synced(&self, token: Token) -> SyncGroupResponse {
        match self.driven.answers.get(&token) {
            Some(Ok(GroupResponse::SyncGroup(response))) if response.error_code == 0 => {
                response.clone()
            }
            other => panic!("a SyncGroup that went well, not {other:?}"),
        }
    }

    #[track_caller]
    fn group(&self) -> &ClassicGroup {
        self.driven.coordinator.classic_group("g").expect("the group is there")
    }

    #[track_caller]
    fn check(&self, state: ClassicState, generation: i32, members: usize) {
        let group = self.group();
        let is = (group.state(), group.generation(), group.member_count());
        assert_eq!(is, (state, generation, members), "state, generation, members");
    }

    fn pass(&mut self, ms: u64) -> Vec<(TimerKey, Vec<GroupRecord>)> {
        self.driven.pass(ms)
    }

    /// A first member joins, with the round for its id, and the join phase ends.
    fn first_joins(&mut self, join: &Join) -> JoinGroupResponse {
        let round = self.join(&join.clone().version(4));
        assert_eq!(self.code(round), ErrorCode::MemberIdRequired);
        let id = self.answer(round).member_id;
        let token = self.join(&join.clone().by(&id).version(4));
        self.pass(INITIAL_DELAY_MS);
        self.joined(token)
    }

    /// A stable group of one member (`joinClassicGroupAsDynamicMemberAndCompleteRebalance`).
    fn stable_single(&mut self) -> String {
        let id = self.first_joins(&join()).member_id;
        let token = self.sync(&id, 1, &[]);
        self.synced(token);
        self.check(ClassicState::Stable, 1, 1);
        id
    }

    /// Two members that have joined generation 2; the first leads.
    fn two_joined(&mut self) -> (String, String) {
        let leader = self.stable_single();
        let second = self.join(&join());
        assert!(self.waits(second), "for the first one");
        let first = self.join(&join().by(&leader));
        let (first, second) = (self.joined(first), self.joined(second));
        assert_eq!((&first.leader, &second.leader), (&leader, &leader));
        self.check(ClassicState::CompletingRebalance, 2, 2);
        (leader, second.member_id)
    }

    /// Two static members, stable (`staticMembersJoinAndRebalance`).
    fn static_pair(&mut self, rebalance_ms: i32, session_ms: i32) -> Pair {
        let both =
            join().knows(&["range", "roundrobin"]).rebalance(rebalance_ms).session(session_ms);
        let first = self.join(&both.clone().instance("leader"));
        let second = self.join(&both.instance("follower"));
        self.pass(INITIAL_DELAY_MS);
        self.pass(INITIAL_DELAY_MS);
        let (first, second) = (self.joined(first), self.joined(second));
        assert_eq!(first.leader, first.member_id, "the first one leads");
        let (leader, follower) = (first.member_id, second.member_id);
        let assigned = [(leader.as_str(), 1), (follower.as_str(), 2)];
        let token = self.sync_as(Some("leader"), &leader, 1, &assigned);
        assert_eq!(self.synced(token).assignment, &[1][..]);
        let token = self.sync_as(Some("follower"), &follower, 1, &[]);
        assert_eq!(self.synced(token).assignment, &[2][..]);
        self.check(ClassicState::Stable, 1, 2);
        Pair { leader, follower }
    }

    /// Two members wait in a rebalance for one that has its id and has not joined (`setupGroupWithPendingMember`):
    /// leader, follower, and who is pending.
    fn with_pending(&mut self) -> (String, String, String) {
        let (leader, follower) = self.two_joined();
        let token = self.sync(&leader, 2, &[]);
        self.synced(token);
        let first = self.join(&join().by(&leader));
        let pending = self.join(&join().session(2_500).version(4));
        let second = self.join(&join().by(&follower));
        assert!(self.waits(first) && self.waits(second), "for the pending one");
        self.check(ClassicState::PreparingRebalance, 2, 2);
        (leader, follower, self.answer(pending).member_id)
    }
}
