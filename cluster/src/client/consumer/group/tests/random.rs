//! Whatever a coordinator answers, and however late: a member ends up joined, or says why not; it polls only what it
//! has; it commits only what polls before have returned.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::{Fixture, assignment, beat, found};
use crate::client::NamedPartition;
use crate::client::consumer::group::GroupEvent;
use crate::client::consumer::group::classic::MemberState;
use crate::client::test_cluster::Asked;
use crate::error_code::ErrorCode;
use crate::ids::Offset;
use crate::wire::{
    ApiKey, ConsumerGroupHeartbeatResponse, HeartbeatResponse, JoinGroupRequest, JoinGroupResponse,
    LeaveGroupResponse, SyncGroupResponse, join_group_response,
};

const ERRORS: [ErrorCode; 16] = [
    ErrorCode::CoordinatorLoadInProgress,
    ErrorCode::CoordinatorNotAvailable,
    ErrorCode::NotCoordinator,
    ErrorCode::RequestTimedOut,
    ErrorCode::RebalanceInProgress,
    ErrorCode::IllegalGeneration,
    ErrorCode::UnknownMemberId,
    ErrorCode::FencedMemberEpoch,
    ErrorCode::StaleMemberEpoch,
    ErrorCode::UnstableOffsetCommit,
    ErrorCode::UnknownTopicOrPartition,
    ErrorCode::MemberIdRequired,
    ErrorCode::FencedInstanceId,
    ErrorCode::GroupMaxSizeReached,
    ErrorCode::OffsetMetadataTooLarge,
    ErrorCode::UnknownServerError,
];

/// What the application may believe.
#[derive(Default)]
struct Belief {
    owned: BTreeSet<NamedPartition>,
    /// Where polls have come to, and where a position was set to.
    returned: BTreeMap<NamedPartition, Offset>,
    failed: Option<ErrorCode>,
    assigned: usize,
}

impl Belief {
    fn listen(&mut self, it: &mut Fixture) {
        while let Some(event) = it.consumer.next_event() {
            match event {
                GroupEvent::Assigned { added, owned, .. } => {
                    self.assigned += 1;
                    for at in &added {
                        assert!(!self.owned.contains(at), "{at:?} is added twice");
                        self.returned.remove(at);
                    }
                    self.owned = owned;
                }
                GroupEvent::Revoked { partitions, .. } | GroupEvent::Lost { partitions, .. } => {
                    assert!(
                        partitions.is_subset(&self.owned),
                        "{partitions:?} of {:?}",
                        self.owned
                    );
                    self.owned.retain(|at| !partitions.contains(at));
                }
                GroupEvent::Committed { offsets, .. }
                | GroupEvent::CommitFailed { offsets, .. } => {
                    for (at, (offset, _)) in offsets {
                        let most = self.returned.get(&at).copied();
                        // What was committed before a revocation may be told after it.
                        assert!(
                            most.is_none_or(|most| offset <= most),
                            "GC-2: {at:?} is committed at {offset}, returned up to {most:?}"
                        );
                    }
                }
                GroupEvent::PositionCommitted { partition, offset } => {
                    self.returned.insert(partition, offset);
                }
                GroupEvent::PollFailed { error } => self.failed = Some(error),
                GroupEvent::Position(_) | GroupEvent::Closed => {}
            }
        }
    }

    fn poll(&mut self, it: &mut Fixture) -> bool {
        let polled = it.consumer.poll(&mut it.cluster.wires);
        self.listen(it);
        for part in &polled {
            assert!(self.owned.contains(&part.partition), "GC-1: {:?}", part.partition);
            self.returned.insert(part.partition.clone(), part.position);
        }
        it.cluster.settle(&mut it.consumer);
        self.listen(it);
        !polled.is_empty()
    }
}

fn play(protocol: &str, strategy: &str, steps: &[(u8, u8, u16)]) {
    let mut settings = vec![("group.protocol", protocol), ("auto.commit.interval.ms", "700")];
    if protocol == "classic" {
        settings.push(("partition.assignment.strategy", strategy));
    }
    let mut it = Fixture::with_callbacks(3, &settings, 30);
    let (mut belief, mut now, mut generation) = (Belief::default(), 0, 0);
    let mut away_until = 0;
    for (which, what, wait) in steps {
        answer_one(&mut it, *which, *what, &mut generation);
        belief.listen(&mut it);
        now += u64::from(*wait);
        let timers = it.cluster.timers;
        it.run_to(now);
        let fired = it.cluster.timers - timers;
        assert!(fired <= 20 + usize::from(*wait) / 10, "the timer runs hot: {fired} in {wait} ms");
        belief.listen(&mut it);
        if now >= away_until && belief.poll(&mut it) {
            away_until = now + u64::from(*what) * 7;
        }
        if belief.failed.is_some() {
            return; // the application has heard of it
        }
    }
    // Now the coordinator behaves: the member joins, or says why not.
    it.cluster.down.clear();
    for _ in 0..300 {
        while !it.cluster.asked.is_empty() {
            answer_one(&mut it, 0, 0, &mut generation);
            belief.listen(&mut it);
        }
        now += 100;
        it.run_to(now);
        belief.poll(&mut it);
    }
    // A leader may give a member nothing.
    let is_joined = it.consumer.classic.state == MemberState::Stable;
    let is_well = belief.failed.is_some() || !belief.owned.is_empty() || is_joined;
    assert!(is_well, "after {} assignments: {:?}", belief.assigned, it.waiting());
}

/// Answers one request that waits: well, if `what` is small; with an error, or with a lost connection.
fn answer_one(it: &mut Fixture, which: u8, what: u8, generation: &mut i32) {
    if it.cluster.asked.is_empty() {
        return;
    }
    let place = usize::from(which) % it.cluster.asked.len();
    let asked = it.cluster.asked.remove(place);
    if what == 255 {
        return it.cluster.close(asked.conn, &mut it.consumer);
    }
    let error = match what {
        0..150 => ErrorCode::None,
        _ => ERRORS[usize::from(what) % ERRORS.len()],
    };
    answer(it, &asked, error, what, generation);
}

fn answer(it: &mut Fixture, asked: &Asked, error: ErrorCode, what: u8, generation: &mut i32) {
    let some: Vec<i32> = (0..3).filter(|at| what == 0 || what >> at & 1 == 1).collect();
    match asked.api {
        ApiKey::FindCoordinator => it.answer(asked, &found(error)),
        ApiKey::JoinGroup => {
            *generation += 1;
            let response = join_response(asked, error, what, *generation);
            it.answer(asked, &response);
        }
        ApiKey::SyncGroup => {
            let assignment = assignment(&some);
            let response = SyncGroupResponse {
                error_code: error.code(),
                assignment,
                ..SyncGroupResponse::default()
            };
            it.answer(asked, &response);
        }
        ApiKey::Heartbeat => {
            let response =
                HeartbeatResponse { error_code: error.code(), ..HeartbeatResponse::default() };
            it.answer(asked, &response);
        }
        ApiKey::LeaveGroup => it.answer(asked, &LeaveGroupResponse::default()),
        ApiKey::ConsumerGroupHeartbeat => {
            *generation += 1;
            let assigned = (what == 0 || what & 8 == 8).then_some(&some[..]);
            let response = ConsumerGroupHeartbeatResponse {
                error_code: error.code(),
                ..beat(*generation, assigned)
            };
            it.answer(asked, &response);
        }
        ApiKey::OffsetCommit => it.answer_commit(asked, error),
        ApiKey::OffsetFetch => it.answer_committed(asked, error, i64::from(what) - 20),
        ApiKey::ListOffsets => it.answer_offsets(asked, 0),
        ApiKey::Fetch => {
            it.cluster.asked.push(asked.clone());
            it.serve_fetches(&[0, 1, 2]);
        }
        other => panic!("{other:?} is not expected"),
    }
}

fn join_response(asked: &Asked, error: ErrorCode, what: u8, generation: i32) -> JoinGroupResponse {
    let request: JoinGroupRequest = asked.decode();
    let member = if request.member_id.is_empty() { "m".to_owned() } else { request.member_id };
    let leads = what & 1 == 0;
    let own = join_group_response::Member {
        member_id: member.clone(),
        group_instance_id: None,
        metadata: request.protocols[0].metadata.clone(),
    };
    JoinGroupResponse {
        error_code: error.code(),
        generation_id: generation,
        protocol_name: Some(request.protocols[0].name.clone()),
        leader: if leads { member.clone() } else { "other".to_owned() },
        member_id: member,
        members: if leads { vec![own] } else { Vec::new() },
        ..JoinGroupResponse::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn a_classic_member_owns_what_it_polls_and_ends_up_joined(
        cooperates in any::<bool>(),
        steps in prop::collection::vec((any::<u8>(), any::<u8>(), 0..2_000_u16), 1..90),
    ) {
        let strategy = match cooperates {
            true => "org.apache.kafka.clients.consumer.CooperativeStickyAssignor",
            false => "org.apache.kafka.clients.consumer.RangeAssignor",
        };
        play("classic", strategy, &steps);
    }

    #[test]
    fn a_member_of_the_consumer_protocol_does_so_too(
        steps in prop::collection::vec((any::<u8>(), any::<u8>(), 0..2_000_u16), 1..90),
    ) {
        play("consumer", "", &steps);
    }
}
